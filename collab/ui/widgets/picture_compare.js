// Before and after of one picture, with a line between them that is dragged, or moved with the arrow keys.
Object.assign(ICONS, {
  compare: ["M4 5h16v14H4z", "M12 3v18", "M15 9h2", "M15 13h2"],
  brush: ["M14.5 4.5l5 5L11 18l-5-5z", "M6 13c-2 .5-2.5 2.5-2.5 6.500 3.500 0 6-.5 7.500-1.500"],
  eraser: ["M13.500 4.500l6 6-8.500 8.500H7l-3-3z", "M9 9l6 6", "M11 19h9"],
  invert: ["M12 4a8 8 0 1 0 0 16z", "M12 4a8 8 0 0 1 0 16"],
  redo: ["M20 9H10a6 6 0 0 0 0 12h5", "M16 4.500L20.500 9 16 13.500"],
  plus: ["M12 5v14", "M5 12h14"],
  minus: ["M5 12h14"],
  fit: ["M4 9V4h5", "M20 9V4h-5", "M4 15v5h5", "M20 15v5h-5"],
});

function compareSlider({ before, after, label, ratio = "1 / 1" }) {
  const old = h("img", { class: "pc-img", src: before, alt: T.pc_before, draggable: "false" });
  const young = h("img", { class: "pc-img pc-after", src: after, alt: T.pc_after, draggable: "false" });
  const handle = h(
    "div",
    { class: "pc-handle", role: "slider", tabindex: "0", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 },
    h("span", { class: "pc-grip", "aria-hidden": "true" }, icon("left"), icon("right")),
  );
  const node = h(
    "div",
    { class: "pc-compare", dir: "ltr" },
    old,
    young,
    h("span", { class: "pc-tag pc-tag-before", "aria-hidden": "true", text: T.pc_before }),
    h("span", { class: "pc-tag pc-tag-after", "aria-hidden": "true", text: T.pc_after }),
    handle,
  );
  node.style.setProperty("--pc-ratio", ratio);
  young.addEventListener("load", () => {
    if (!young.naturalWidth) return;
    node.style.setProperty("--pc-ratio", young.naturalWidth + " / " + young.naturalHeight);
    for (const img of [old, young])
      img.classList.toggle("cb-pixel", Math.max(young.naturalWidth, young.naturalHeight) <= PIXEL_ART_MAX);
  });
  let at = 50; // percent of the width that still shows what was before

  function move(to) {
    at = Math.min(100, Math.max(0, to));
    node.style.setProperty("--pc-at", at + "%");
    setAttr(handle, "aria-valuenow", String(Math.round(at)));
    setAttr(handle, "aria-valuetext", fill(T.pc_value, { percent: Math.round(100 - at) }));
  }
  function follow(event) {
    const box = node.getBoundingClientRect();
    move((100 * (event.clientX - box.left)) / box.width);
  }
  node.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    node.setPointerCapture(event.pointerId);
    follow(event);
    handle.focus({ preventScroll: true });
    event.preventDefault();
  });
  node.addEventListener("pointermove", (event) => {
    if (node.hasPointerCapture(event.pointerId)) follow(event);
  });
  handle.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 2;
    const moves = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -10, PageUp: 10 };
    const to = event.key in moves ? at + moves[event.key] : { Home: 0, End: 100 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    move(to);
  });
  move(50);
  return {
    node,
    update(next) {
      if (old.getAttribute("src") !== next.before) old.src = next.before;
      if (young.getAttribute("src") !== next.after) young.src = next.after;
    },
  };
}

// What there is to compare an output with: its edit, else the picture that it was made from.
function comparison(output, edit, parent) {
  if (edit && edit.image_url && output.image_url) return { before: output.image_url, after: edit.image_url };
  if (parent && parent.image_url && output.image_url) return { before: parent.image_url, after: output.image_url };
  return null;
}

// What a link downloads: the edit where there is one, else the picture as it was made.
function pointDownload(link, output, edit) {
  const edited = !!(edit && edit.image_url);
  const words = edited ? T.download_edit : T.download;
  setAttr(link, "href", edited ? edit.image_url : output.download_url || output.image_url);
  setAttr(link, "download", edited ? output.output_id + "-edit.png" : "");
  setAttr(link, "aria-label", words);
  setAttr(link, "title", words);
  return link;
}

// A card's switch between its picture and the comparison; update() says whether the comparison is what is shown.
function pictureComparison(number) {
  const node = h("div", { class: "pc-card", hidden: true });
  const button = iconButton("compare", T.pc_show, () => toggle(), { hidden: true, "aria-pressed": "false" });
  let slider = null;
  let wanted = null; // by the person; null: as the card thinks best
  let pictures = null;
  let usual = false;
  let after = () => {};

  function toggle() {
    wanted = !(wanted ?? usual);
    after();
  }
  return {
    node,
    button,
    onchange: (act) => (after = act),
    update(found, byDefault) {
      pictures = found;
      usual = byDefault;
      const on = !!pictures && (wanted ?? usual);
      show(button, !!pictures);
      setAttr(button, "aria-pressed", String(on));
      if (on && slider) slider.update(pictures);
      else if (on) {
        slider = compareSlider({ ...pictures, label: fill(T.card_label, { number }) + ": " + T.pc_label });
        node.append(slider.node);
      }
      show(node, on);
      return on;
    },
  };
}
