// A picture that is drawn on: a mask and a layer of paint above it, as strokes that can be undone. Knows no server.
const PE_WORK_PIXELS = 768; // small pictures are drawn on enlarged, so that strokes are smooth
const PE_MASK_COLOUR = "#e6007e";

function pictureCanvas(picture, { changed }) {
  const enlarged = Math.max(1, Math.ceil(PE_WORK_PIXELS / Math.max(picture.width, picture.height)));
  const width = picture.width * enlarged;
  const height = picture.height * enlarged;
  const layer = (kind) => h("canvas", { class: "pe-layer pe-" + kind, width, height, "aria-hidden": "true" });
  const layers = { paint: layer("paint"), mask: layer("mask") };
  const img = h("img", { class: "pe-layer", src: picture.image_url, alt: "", draggable: "false" });
  img.classList.toggle("cb-pixel", Math.max(picture.width, picture.height) <= PIXEL_ART_MAX);
  const proportions = (to) => {
    to.style.setProperty("--pe-ratio", picture.width + " / " + picture.height);
    to.style.setProperty("--pe-wide", picture.width / picture.height);
  };
  const cursor = h("span", { class: "pe-cursor", "aria-hidden": "true", hidden: true });
  const sheet = h("div", { class: "pe-sheet" }, img, layers.paint, layers.mask, cursor);
  const node = h(
    "div",
    { class: "pe-stage", tabindex: "0", role: "application", "aria-label": T.pe_stage, "aria-roledescription": T.pe_canvas },
    sheet,
  );
  proportions(sheet);
  // measured, not in container units: Chromium stops drawing the sheet when the page crosses the width of a phone
  new ResizeObserver(([{ contentRect: room }]) => {
    const side = Math.min(room.width, (room.height * picture.width) / picture.height);
    sheet.style.setProperty("--pe-side", side + "px");
  }).observe(node);
  const tool = { layer: "mask", erase: false, size: 0.14, colour: "#d62828" }; // size: share of the shorter side
  let done = []; // strokes and whole-layer acts, oldest first
  let undone = [];
  let stroke = null;
  let zoom = 1;
  let key = { x: width / 2, y: height / 2 }; // where the keyboard draws
  const touches = new Map();
  let pinch = null;

  // ---- drawing ------------------------------------------------------------

  const brush = () => Math.max(2, tool.size * Math.min(width, height));

  function trace(act, from = 0) {
    const paper = layers[act.layer].getContext("2d");
    if (act.op === "clear") return paper.clearRect(0, 0, width, height);
    if (act.op === "invert") {
      paper.save();
      paper.globalCompositeOperation = "source-out";
      paper.fillStyle = PE_MASK_COLOUR;
      paper.fillRect(0, 0, width, height);
      return paper.restore();
    }
    paper.save();
    paper.globalCompositeOperation = act.erase ? "destination-out" : "source-over";
    paper.strokeStyle = paper.fillStyle = act.layer === "mask" ? PE_MASK_COLOUR : act.colour;
    paper.lineCap = paper.lineJoin = "round";
    for (let i = Math.max(0, from); i < act.points.length; i++) {
      const [x, y, size] = act.points[i];
      paper.lineWidth = size;
      paper.beginPath();
      if (i === 0) {
        paper.arc(x, y, size / 2, 0, 2 * Math.PI);
        paper.fill();
        continue;
      }
      paper.moveTo(act.points[i - 1][0], act.points[i - 1][1]);
      paper.lineTo(x, y);
      paper.stroke();
    }
    return paper.restore();
  }

  function redraw() {
    for (const one of Object.values(layers)) one.getContext("2d").clearRect(0, 0, width, height);
    for (const act of done) trace(act);
    changed();
  }

  function commit(act) {
    done.push(act);
    undone = [];
    changed();
  }

  const at = (event) => {
    const box = sheet.getBoundingClientRect();
    const size = event.pointerType === "pen" && event.pressure ? brush() * (0.4 + 0.9 * event.pressure) : brush();
    return [((event.clientX - box.left) * width) / box.width, ((event.clientY - box.top) * height) / box.height, size];
  };
  const begin = (point) => ({ layer: tool.layer, erase: tool.erase, colour: tool.colour, points: [point] });

  sheet.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    event.preventDefault();
    node.focus({ preventScroll: true });
    sheet.setPointerCapture(event.pointerId);
    touches.set(event.pointerId, event);
    if (touches.size === 2) return startPinch();
    if (touches.size > 2) return;
    stroke = begin(at(event));
    trace(stroke);
  });
  sheet.addEventListener("pointermove", (event) => {
    showCursor(event);
    if (!touches.has(event.pointerId)) return;
    touches.set(event.pointerId, event);
    if (pinch) return movePinch();
    if (!stroke) return;
    const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    const from = stroke.points.length;
    for (const each of moves.length ? moves : [event]) stroke.points.push(at(each));
    trace(stroke, from);
  });
  const lift = (event) => {
    touches.delete(event.pointerId);
    if (touches.size < 2) pinch = null;
    if (!stroke || touches.size) return;
    const finished = stroke;
    stroke = null;
    if (event.type === "pointercancel") redraw();
    else commit(finished);
  };
  sheet.addEventListener("pointerup", lift);
  sheet.addEventListener("pointercancel", lift);
  sheet.addEventListener("pointerleave", () => show(cursor, false));

  function showCursor({ clientX, clientY, pointerType }) {
    const box = sheet.getBoundingClientRect();
    place(((clientX - box.left) * width) / box.width, ((clientY - box.top) * height) / box.height);
    show(cursor, pointerType !== "touch");
  }
  function place(x, y) {
    cursor.style.left = (100 * x) / width + "%";
    cursor.style.top = (100 * y) / height + "%";
    cursor.style.width = (100 * brush()) / width + "%";
    cursor.style.height = (100 * brush()) / height + "%";
    cursor.style.borderColor = tool.layer === "paint" && !tool.erase ? tool.colour : "";
  }

  // two fingers move and enlarge, and never draw
  function spread() {
    const [a, b] = [...touches.values()];
    return { x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2, wide: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1 };
  }
  function startPinch() {
    if (stroke) {
      stroke = null;
      redraw();
    }
    pinch = { ...spread(), zoom, left: node.scrollLeft, top: node.scrollTop };
  }
  function movePinch() {
    if (touches.size < 2) return;
    const now = spread();
    setZoom((pinch.zoom * now.wide) / pinch.wide);
    node.scrollLeft = pinch.left + pinch.x - now.x;
    node.scrollTop = pinch.top + pinch.y - now.y;
  }

  function setZoom(to) {
    zoom = Math.min(8, Math.max(1, to));
    sheet.style.setProperty("--pe-zoom", zoom);
    node.classList.toggle("pe-zoomed", zoom > 1);
    changed();
  }
  node.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      setZoom(zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15));
    },
    { passive: false },
  );

  // the arrows move a brush that space sets down
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (event.shiftKey ? 0.25 : 1) * Math.max(2, brush() / 2);
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      key = {
        x: Math.min(width, Math.max(0, key.x + way[0] * step)),
        y: Math.min(height, Math.max(0, key.y + way[1] * step)),
      };
    } else if (event.key === " ") {
      const dab = begin([key.x, key.y, brush()]);
      trace(dab);
      commit(dab);
    } else return;
    event.preventDefault();
    place(key.x, key.y);
    show(cursor, true);
  });
  node.addEventListener("blur", () => show(cursor, false));

  // ---- what was drawn ------------------------------------------------------------

  function isEmpty(canvas) {
    const small = h("canvas", { width: 96, height: 96 });
    const paper = small.getContext("2d", { willReadFrequently: true });
    paper.drawImage(canvas, 0, 0, 96, 96);
    const { data } = paper.getImageData(0, 0, 96, 96);
    for (let i = 3; i < data.length; i += 4) if (data[i] > 8) return false;
    return true;
  }
  const drew = (kind) => done.some((act) => act.layer === kind) && !isEmpty(layers[kind]);

  function sized() {
    const canvas = h("canvas", { width: picture.width, height: picture.height });
    return [canvas, canvas.getContext("2d")];
  }

  function mask() {
    const [canvas, paper] = sized();
    paper.drawImage(layers.mask, 0, 0, picture.width, picture.height);
    paper.globalCompositeOperation = "source-in";
    paper.fillStyle = "#fff";
    paper.fillRect(0, 0, picture.width, picture.height);
    paper.globalCompositeOperation = "destination-over";
    paper.fillStyle = "#000";
    paper.fillRect(0, 0, picture.width, picture.height);
    return canvas.toDataURL("image/png");
  }

  async function painted() {
    await img.decode();
    const [canvas, paper] = sized();
    paper.drawImage(img, 0, 0, picture.width, picture.height);
    paper.drawImage(layers.paint, 0, 0, picture.width, picture.height);
    return canvas.toDataURL("image/png");
  }

  return {
    node,
    tool,
    mask,
    painted,
    place: () => place(key.x, key.y),
    hasMask: () => drew("mask"),
    hasPaint: () => drew("paint"),
    isDirty: () => done.length > 0,
    canUndo: () => done.length > 0,
    canRedo: () => undone.length > 0,
    whole: (op) => {
      const act = { layer: op === "invert" ? "mask" : tool.layer, op };
      trace(act);
      commit(act);
    },
    undo: () => {
      if (!done.length) return;
      undone.push(done.pop());
      redraw();
    },
    redo: () => {
      if (!undone.length) return;
      done.push(undone.pop());
      redraw();
    },
    zoom: () => zoom,
    setZoom,
  };
}
