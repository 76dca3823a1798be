// What is judged: one pane for each output under its letter, and above them what all the outputs were asked for.
const SHORT_TEXT = 360; // characters: texts that short are set larger

function outputPane(option, { picture, onzoom }) {
  const label = option.label;
  const badge = h("span", { class: "dk-badge", "aria-hidden": "true", text: label });
  const head = h("div", { class: "dk-pane-head" }, badge);
  const name = fill(T.desk_answer, { label });
  const body = picture ? pictureBody(label, picture, onzoom) : textBody(option);
  const scroll = h(
    "div",
    { class: "dk-scroll", tabindex: picture ? null : "0", "aria-label": name, role: "group" },
    body,
  );
  const node = h("section", { class: "dk-pane", "aria-label": name, "data-label": label }, head, scroll);
  if (!picture) node.classList.add("dk-pane-text");

  return {
    node,
    head,
    badge,
    body,
    scroll,
    text: option.text || "",
    // A short ring where the choice fell. It says what was chosen, not what is on the screen by then.
    glow(kind) {
      node.dataset.glow = kind;
      node.classList.add("dk-glow");
    },
    setChosen(yes) {
      node.classList.toggle("dk-chosen", yes);
    },
  };
}

function textBody(option) {
  const text = option.text || "";
  return h("div", { class: "cb-text dk-text" + (text ? "" : " cb-muted"), dir: "auto" }, text || T.no_text);
}

function pictureBody(label, img, onzoom) {
  img.alt = fill(T.desk_answer, { label });
  const button = h(
    "button",
    {
      type: "button",
      class: "dk-picture",
      "aria-label": fill(T.desk_zoom, { label }),
      title: T.desk_zoom_hint,
      onclick: onzoom,
    },
    img,
  );
  const give = () => button.replaceWith(h("p", { class: "dk-broken cb-muted", text: T.desk_picture_broken }));
  img.addEventListener("error", give);
  if (img.complete && !img.naturalWidth) setTimeout(give);
  return button;
}

// Pictures are fetched and decoded before their item is shown, and used as they are when it is.
function preloadPictures(task) {
  const pictures = {};
  for (const option of task.options || []) {
    if (!option.image_url) continue;
    const img = h("img", { class: "dk-img", draggable: "false", decoding: "sync" });
    img.addEventListener("load", () =>
      img.classList.toggle("cb-pixel", Math.max(img.naturalWidth, img.naturalHeight) <= PIXEL_ART_MAX),
    );
    img.src = option.image_url;
    if (img.decode) img.decode().catch(() => {}); // its pane tells of a broken one
    pictures[option.label] = img;
  }
  return pictures;
}

// All panes of one item in a grid, scrolled together; the pictures are enlarged together.
function paneGrid({ task, pictures }, passKey = null) {
  const shown = task.options.filter((option) => option.image_url);
  const zoom = () =>
    openZoom(
      shown.map((option) => ({ label: option.label, src: option.image_url })),
      passKey,
    );
  const panes = task.options.map((option) => outputPane(option, { picture: pictures[option.label], onzoom: zoom }));
  const hasPictures = Object.keys(pictures).length > 0;
  const node = h(
    "div",
    {
      class: "dk-panes",
      "data-count": panes.length,
      "data-modality": hasPictures ? "image" : "text",
      "data-length": panes.every((pane) => pane.text.length < SHORT_TEXT) ? "short" : null,
    },
    ...panes.map((pane) => pane.node),
  );
  linkScrolling(panes.map((pane) => pane.scroll));
  return {
    node,
    panes,
    zoom: hasPictures ? zoom : null,
    scroll(direction, pages) {
      const first = panes.map((pane) => pane.scroll).find((box) => box.scrollHeight > box.clientHeight + 1);
      if (!first) return false;
      first.scrollBy({ top: direction * (pages ? first.clientHeight * 0.85 : 80), behavior: "auto" });
      return true;
    },
  };
}

// Panes of different length move by the same share of their way, so that beginnings and ends meet.
function linkScrolling(boxes) {
  const wanted = new Map(); // where this page itself has put a pane: that is not the person's scrolling
  for (const box of boxes)
    box.addEventListener(
      "scroll",
      () => {
        const put = wanted.get(box);
        wanted.delete(box);
        if (put !== undefined && Math.abs(put - box.scrollTop) < 2) return;
        const way = box.scrollHeight - box.clientHeight;
        if (way <= 0) return;
        for (const other of boxes) {
          const top = Math.round((box.scrollTop / way) * (other.scrollHeight - other.clientHeight));
          if (other === box || Math.abs(other.scrollTop - top) < 2) continue;
          wanted.set(other, top);
          other.scrollTop = top;
        }
      },
      { passive: true },
    );
}

// The prompt or the case's variables: three lines, and all of it on demand.
function contextBlock(pairs) {
  const rows = pairs.map(([label, text]) =>
    h(
      "div",
      { class: "dk-context-row" },
      h("span", { class: "cb-caption dk-context-label", dir: "auto", text: nameOf("context_names", label) }),
      h("div", { class: "dk-context-text", dir: "auto", translate: "no", text }),
    ),
  );
  const clip = h("div", { class: "dk-context-clip" }, ...rows);
  const more = h("button", {
    type: "button",
    class: "cb-link dk-more",
    "aria-expanded": "false",
    hidden: true,
    onclick: () => setOpen(!node.classList.contains("dk-open")),
    text: T.show_all,
  });
  const node = h("div", { class: "dk-context", hidden: !pairs.length }, clip, more);

  function setOpen(yes) {
    node.classList.toggle("dk-open", yes);
    setAttr(more, "aria-expanded", String(yes));
    setText(more, yes ? T.show_less : T.show_all);
    setAttr(clip, "tabindex", yes ? "0" : null);
  }
  return {
    node,
    fit() {
      const line = parseFloat(getComputedStyle(clip).lineHeight) || 24;
      const isLong = clip.scrollHeight > 3 * line + 4;
      node.classList.toggle("dk-long", isLong);
      show(more, isLong);
    },
  };
}

// Marks what only one of two texts says. Neither is the original, so nothing is called added or removed.
function markDifferences(a, b) {
  const runs = diffWords(a.text, b.text);
  const shared = runs.filter(([kind]) => kind === "same").reduce((sum, run) => sum + run[1].trim().length, 0);
  if (shared * 6 < Math.max(a.text.length, b.text.length)) return false; // two different texts: all would be marked
  for (const [pane, own] of [
    [a, "del"],
    [b, "ins"],
  ]) {
    const parts = runs.filter(([kind]) => kind === "same" || kind === own);
    pane.body.replaceChildren(
      ...parts.map(([kind, text]) => (kind === "same" ? text : h("mark", { class: "dk-only", text }))),
    );
  }
  return true;
}

function unmarkDifferences(...panes) {
  for (const pane of panes) pane.body.replaceChildren(pane.text || T.no_text);
}
