// Pictures at full size, all under one glass: the same place at the same size in each. Wheel, drag, pinch, or + − 0 and
// the arrow keys; Esc or X leaves. passKey(key), where there is one, takes a letter to answer with from here.
const ZOOM_MAX = 24;

function openZoom(pictures, passKey = null) {
  const view = { scale: 1, x: 0, y: 0 };
  const fingers = new Map();
  const percent = h("span", { class: "dk-zoom-percent", "aria-live": "polite" });
  const lenses = pictures.map((picture) => {
    const img = h("img", { src: picture.src, alt: fill(T.desk_answer, picture), draggable: "false", class: "dk-img" });
    img.addEventListener("load", () =>
      img.classList.toggle("cb-pixel", Math.max(img.naturalWidth, img.naturalHeight) <= PIXEL_ART_MAX),
    );
    const badge = h("span", { class: "dk-badge", "aria-hidden": "true", text: picture.label });
    const lens = h("div", { class: "dk-lens" }, img, badge);
    lens.addEventListener("wheel", onWheel, { passive: false });
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"])
      lens.addEventListener(name, onPointer);
    lens.addEventListener("dblclick", (event) => (view.scale > 1.01 ? fit() : zoomAt(place(event), 3)));
    return { lens, img };
  });
  const stage = h("div", { class: "dk-lenses", "data-count": pictures.length }, ...lenses.map((each) => each.lens));
  const dialog = modal("dk-zoom", [
    stage,
    h(
      "div",
      { class: "dk-zoom-bar" },
      h("span", { class: "cb-muted cb-desktop", text: T.desk_zoom_help }),
      textButton("−", () => zoomBy(1 / 1.5), { "aria-label": T.desk_zoom_out }),
      percent,
      textButton("+", () => zoomBy(1.5), { "aria-label": T.desk_zoom_in }),
      textButton(T.desk_zoom_fit, fit),
      iconButton("close", T.close, () => dialog.close()),
    ),
  ]);
  dialog.setAttribute("aria-label", T.desk_zoom_label);

  function draw() {
    const { width, height } = lenses[0].lens.getBoundingClientRect();
    const reachX = (width * (view.scale - 1)) / 2;
    const reachY = (height * (view.scale - 1)) / 2;
    view.x = Math.min(reachX, Math.max(-reachX, view.x));
    view.y = Math.min(reachY, Math.max(-reachY, view.y));
    for (const { img } of lenses) img.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    setText(percent, Math.round(view.scale * 100) + " %");
  }

  // where in its lens a pointer is, from the middle
  function place(event) {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
  }

  function zoomAt({ x, y }, factor) {
    const scale = Math.min(ZOOM_MAX, Math.max(1, view.scale * factor));
    const grown = scale / view.scale;
    Object.assign(view, { scale, x: x - (x - view.x) * grown, y: y - (y - view.y) * grown });
    draw();
  }

  function zoomBy(factor) {
    zoomAt({ x: 0, y: 0 }, factor);
  }

  function fit() {
    Object.assign(view, { scale: 1, x: 0, y: 0 });
    draw();
  }

  function onWheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    zoomAt(place(event), Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0022)));
  }

  function onPointer(event) {
    if (event.type === "pointerup" || event.type === "pointercancel") return fingers.delete(event.pointerId);
    if (event.type === "pointerdown") {
      event.currentTarget.setPointerCapture(event.pointerId);
      return fingers.set(event.pointerId, place(event));
    }
    if (!fingers.has(event.pointerId)) return;
    const before = [...fingers.values()];
    fingers.set(event.pointerId, place(event));
    const after = [...fingers.values()];
    const [from, to] = [middle(before), middle(after)];
    view.x += to.x - from.x;
    view.y += to.y - from.y;
    if (after.length === 2) zoomAt(to, apart(after) / Math.max(1, apart(before)));
    else draw();
  }

  function middle(points) {
    return {
      x: points.reduce((sum, point) => sum + point.x, 0) / points.length,
      y: points.reduce((sum, point) => sum + point.y, 0) / points.length,
    };
  }

  function apart([a, b]) {
    return Math.hypot(a.x - b.x, a.y - b.y);
  }

  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pan = (x, y) => {
      view.x += x;
      view.y += y;
      draw();
    };
    const step = 60;
    const keys = {
      "+": () => zoomBy(1.5),
      "=": () => zoomBy(1.5), // where + needs Shift
      "-": () => zoomBy(1 / 1.5),
      0: () => fit(),
      x: () => dialog.close(),
      ArrowLeft: () => pan(step, 0),
      ArrowRight: () => pan(-step, 0),
      ArrowUp: () => pan(0, step),
      ArrowDown: () => pan(0, -step),
    };
    const key = pressedKey(event);
    if (Object.hasOwn(keys, key)) {
      event.preventDefault();
      keys[key]();
    } else if (passKey && /^[ab]$/.test(key) && !event.repeat) {
      event.preventDefault();
      dialog.close();
      passKey(key);
    }
  });
  window.addEventListener("resize", draw);
  dialog.addEventListener("close", () => window.removeEventListener("resize", draw));
  fit();
}
