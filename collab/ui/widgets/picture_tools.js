// The tools beside a picture that is drawn on: which layer, brush or eraser, how thick, what colour, back and forth.
const PE_SWATCHES = [
  ["#111111", "pe_black"], ["#ffffff", "pe_white"], ["#8a8f98", "pe_grey"], ["#d62828", "pe_red"],
  ["#f77f00", "pe_orange"], ["#fcbf49", "pe_yellow"], ["#2a9d4a", "pe_green"], ["#1d6fd1", "pe_blue"],
  ["#7b3fb5", "pe_purple"], ["#8b5a2b", "pe_brown"],
]; // prettier-ignore

// mask: whether a mask can be drawn, for a model that fills one in; without it there is only paint
function pictureTools(canvas, { mask }) {
  const { tool } = canvas;
  if (!mask) tool.layer = "paint";
  const choice = (label, names, current, choose) => {
    const buttons = names.map(([name, words, iconName]) =>
      h(
        "button",
        { type: "button", role: "radio", class: "cb-segment pe-segment", "data-name": name, onclick: () => pick(name) },
        icon(iconName),
        h("span", { text: words }),
      ),
    );
    const node = h("div", { class: "cb-segments", role: "radiogroup", "aria-label": label }, ...buttons);
    const pick = (name) => {
      choose(name);
      draw();
    };
    roving(node, buttons, (i) => pick(names[i][0]));
    const draw_ = () => {
      buttons.forEach((button, i) => setAttr(button, "aria-checked", String(names[i][0] === current())));
      setRoving(buttons, names.findIndex(([name]) => name === current()));
    };
    return { node, draw: draw_ };
  };
  const layers = choice(
    T.pe_layer,
    [
      ["mask", T.pe_mask, "invert"],
      ["paint", T.pe_paint, "brush"],
    ],
    () => tool.layer,
    (name) => (tool.layer = name),
  );
  const tips = choice(
    T.pe_tip,
    [
      ["brush", T.pe_brush, "brush"],
      ["eraser", T.pe_eraser, "eraser"],
    ],
    () => (tool.erase ? "eraser" : "brush"),
    (name) => (tool.erase = name === "eraser"),
  );
  const size = h("input", { type: "range", min: 1, max: 60, step: 1, class: "pe-range", "aria-label": T.pe_size });
  size.addEventListener("input", () => (tool.size = Number(size.value) / 100));
  const own = h("input", { type: "color", class: "pe-own", "aria-label": T.pe_own_colour, title: T.pe_own_colour });
  own.addEventListener("input", () => {
    tool.colour = own.value;
    tool.erase = false;
    draw();
  });
  const swatches = PE_SWATCHES.map(([colour, name]) => {
    const button = h("button", {
      type: "button",
      class: "pe-swatch",
      "aria-label": T[name],
      title: T[name],
      onclick: () => {
        tool.colour = colour;
        tool.erase = false;
        draw();
      },
    });
    button.style.background = colour;
    return button;
  });
  const colours = h("div", { class: "pe-swatches", role: "group", "aria-label": T.pe_colours }, ...swatches, own);
  const invert = textButton(T.pe_invert, () => canvas.whole("invert"), { class: "cb-quiet" }, "invert");
  const clear = textButton(T.pe_clear, () => canvas.whole("clear"), { class: "cb-quiet" }, "trash");
  const undo = iconButton("undo", T.pe_undo, () => canvas.undo());
  const redo = iconButton("redo", T.pe_redo, () => canvas.redo());
  const less = iconButton("minus", T.pe_zoom_out, () => canvas.setZoom(canvas.zoom() / 1.5));
  const more = iconButton("plus", T.pe_zoom_in, () => canvas.setZoom(canvas.zoom() * 1.5));
  const fit = iconButton("fit", T.pe_zoom_fit, () => canvas.setZoom(1));
  const percent = h("span", { class: "pe-percent cb-muted", "aria-live": "polite" });

  const node = h(
    "div",
    { class: "pe-tools", role: "toolbar", "aria-label": T.pe_tools },
    h("div", { class: "cb-row pe-group" }, layers.node, tips.node),
    h("label", { class: "pe-size" }, h("span", { class: "cb-caption", text: T.pe_size }), size),
    colours,
    h("div", { class: "cb-row pe-group" }, invert, clear),
    h("div", { class: "cb-row pe-group pe-view" }, undo, redo, less, percent, more, fit),
  );

  function draw() {
    layers.draw();
    show(layers.node, mask);
    tips.draw();
    show(colours, tool.layer === "paint");
    show(invert, tool.layer === "mask");
    swatches.forEach((button, i) => setAttr(button, "aria-pressed", String(PE_SWATCHES[i][0] === tool.colour)));
    if (own.value !== tool.colour) own.value = tool.colour;
    size.value = Math.round(tool.size * 100);
    undo.disabled = !canvas.canUndo();
    redo.disabled = !canvas.canRedo();
    less.disabled = fit.disabled = canvas.zoom() <= 1;
    setText(percent, Math.round(canvas.zoom() * 100) + " %");
  }

  function onKey(event) {
    const letter = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey && (letter === "z" || letter === "y")) {
      if (isTyping(event.target) && event.target.type !== "range" && event.target.type !== "color") return false;
      if (letter === "y" || event.shiftKey) canvas.redo();
      else canvas.undo();
      return true;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return false;
    const acts = {
      b: () => (tool.erase = false),
      e: () => (tool.erase = true),
      m: () => (tool.layer = "mask"),
      p: () => (tool.layer = "paint"),
      i: () => canvas.whole("invert"),
      "[": () => (tool.size = Math.max(0.01, tool.size - 0.03)),
      "]": () => (tool.size = Math.min(0.6, tool.size + 0.03)),
      "+": () => canvas.setZoom(canvas.zoom() * 1.5),
      "-": () => canvas.setZoom(canvas.zoom() / 1.5),
      0: () => canvas.setZoom(1),
    };
    if (!Object.hasOwn(acts, letter) || (!mask && "mi".includes(letter))) return false;
    acts[letter]();
    draw();
    return true;
  }
  return { node, draw, onKey };
}
