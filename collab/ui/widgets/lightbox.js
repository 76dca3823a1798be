// Modal layers: a picture at full size, and the list of keys. <dialog> gives Esc, focus return and the top layer.
function openLightbox(pictures, at) {
  const img = h("img", { class: "cb-lightbox-img" });
  const caption = h("span", {});
  const show_ = (to) => {
    at = (to + pictures.length) % pictures.length;
    img.alt = pictures[at].alt;
    img.src = pictures[at].src;
    setText(caption, pictures[at].caption);
  };
  img.addEventListener("load", () =>
    img.classList.toggle("cb-pixel", Math.max(img.naturalWidth, img.naturalHeight) <= PIXEL_ART_MAX),
  );
  const many = pictures.length > 1;
  const dialog = modal("cb-lightbox", [
    img,
    h(
      "div",
      { class: "cb-lightbox-bar" },
      many && iconButton("left", T.previous, () => show_(at - 1)),
      caption,
      many && iconButton("right", T.next, () => show_(at + 1)),
      iconButton("close", T.close, () => dialog.close()),
    ),
  ]);
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "ArrowLeft" && many) show_(at - 1);
    if (event.key === "ArrowRight" && many) show_(at + 1);
  });
  show_(at);
}

function openShortcuts() {
  openKeys([...T.shortcuts, ...T.text_shortcuts]);
}

// The keys, each with what it does, in a window of their own.
function openKeys(keys_) {
  const rows = keys_.map(([keys, what]) =>
    h("div", { class: "cb-keyrow" }, h("kbd", { text: keys }), h("span", { text: what })),
  );
  const dialog = modal("cb-keys", [
    h(
      "div",
      { class: "cb-row cb-spread" },
      h("h3", { text: T.keys_label }),
      iconButton("close", T.close, () => dialog.close()),
    ),
    ...rows,
  ]);
  dialog.setAttribute("aria-label", T.keys_label);
}

function modal(kind, children) {
  const dialog = h("dialog", { class: "cb-dialog " + kind }, h("div", { class: "cb-dialog-inner" }, ...children));
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  element.firstElementChild.append(dialog);
  dialog.showModal();
  return dialog;
}
