// The form's vocabulary: labelled controls, each found again by the part of the spec it writes (data-field), and parts
// of the page that are rebuilt only when what they show has changed, so that a control in use keeps its focus.
const FORM_ID = "cb" + newId().slice(0, 8);
let controlCount = 0;

function controlId() {
  controlCount += 1;
  return FORM_ID + "-" + controlCount;
}

// part(node, keyOf, build) -> refresh(). build(watch) makes the children; what it gives to watch runs on each refresh.
function part(node, keyOf, build) {
  let shown = null;
  let watchers = [];
  return () => {
    const key = JSON.stringify(keyOf());
    if (key !== shown) {
      shown = key;
      watchers = [];
      node.replaceChildren();
      append(node, [build((refresh) => watchers.push(refresh))]);
    }
    for (const refresh of watchers) refresh();
  };
}

// A label, its control and, below, its help and what is wrong with it.
function field(
  label,
  control,
  { path = null, help = "", hideLabel = false, more = "", unit = "", beside = null } = {},
) {
  const id = controlId();
  control.id = id;
  const helpNode = help ? h("p", { class: "cb-help", id: id + "-help", text: help }) : null;
  setAttr(control, "aria-describedby", helpNode && helpNode.id);
  const name = h("label", { for: id, class: hideLabel ? "cb-offscreen" : "cb-label", text: label });
  let body = control.matches("select") ? withChevron(control) : control;
  if (unit) body = h("div", { class: "cb-unit" }, control, h("span", { class: "cb-muted", text: unit }));
  return h(
    "div",
    { class: ("cb-field " + more).trim(), "data-field": path, "data-control": id },
    beside ? h("div", { class: "cb-field-head" }, name, beside) : name,
    body,
    helpNode,
    fieldError(id),
  );
}

function fieldError(id = controlId()) {
  return h("p", { class: "cb-field-error", id: id + "-error", hidden: true });
}

// The control that a field is about; null for a field of several.
function controlOf(node) {
  if (node.dataset.control) return document.getElementById(node.dataset.control);
  const inside = node.querySelectorAll("input, textarea, select");
  return inside.length === 1 ? inside[0] : null;
}

// Says what is wrong at one field, or (null) that nothing is.
function setFieldError(node, sentence) {
  const error = node.querySelector(":scope > .cb-field-error, :scope > td > .cb-field-error"); // a row's: in a cell
  if (!error) return;
  setText(error, sentence || "");
  show(error, !!sentence);
  const control = controlOf(node) || node;
  if (control !== node) setAttr(control, "aria-invalid", sentence ? "true" : null);
  const others = (control.getAttribute("aria-describedby") || "").split(" ").filter((id) => id && id !== error.id);
  setAttr(control, "aria-describedby", (sentence ? [...others, error.id] : others).join(" ") || null);
}

// ---- controls ------------------------------------------------------------------------------------------------------

function textInput(value, oninput, attributes = {}) {
  return h("input", {
    type: "text",
    class: "cb-input",
    dir: "auto",
    autocomplete: "off",
    value: value || "",
    oninput: (event) => oninput(event.target.value),
    ...attributes,
  });
}

function textArea(value, oninput, attributes = {}) {
  return h("textarea", {
    class: "cb-input",
    dir: "auto",
    rows: 2,
    value: value || "",
    oninput: (event) => oninput(event.target.value),
    ...attributes,
  });
}

// An empty box is null, which stands for what is usual; left empty, it says what that is.
function numberInput(value, oninput, { scale = 1, usual = null, ...attributes } = {}) {
  const words = (n) => (n === null || n === undefined ? "" : String(+(n * scale).toPrecision(12)));
  return h("input", {
    type: "number",
    class: "cb-input cb-number-input",
    inputmode: attributes.step === "any" ? "decimal" : "numeric",
    value: words(value ?? usual),
    oninput: (event) => {
      const said = event.target.value.trim();
      oninput(said === "" ? null : +(Number(said) / scale).toPrecision(12));
    },
    onblur: (event) => (event.target.value = event.target.value.trim() || words(usual)),
    ...attributes,
  });
}

function selectInput(options, value, onchange, attributes = {}) {
  const select = h(
    "select",
    { class: "cb-input", onchange: (event) => onchange(event.target.value), ...attributes },
    ...options.map(([option, label]) => h("option", { value: option, text: label })),
  );
  select.value = value;
  return select;
}

function withChevron(select) {
  return h("div", { class: "cb-select" }, select, icon("chevron"));
}

function switchInput(label, help, on, onchange, path = null) {
  const id = controlId();
  return h(
    "div",
    { class: "cb-field cb-switch-row", "data-field": path },
    h("label", { class: "cb-switch-label", for: id, text: label }),
    (() => {
      const box = h("input", {
        type: "checkbox",
        role: "switch",
        class: "cb-switch",
        id,
        "aria-describedby": help ? id + "-help" : null,
      });
      box.checked = !!on;
      box.addEventListener("change", () => onchange(box.checked));
      return box;
    })(),
    help && h("p", { class: "cb-help", id: id + "-help", text: help }),
    fieldError(id),
  );
}

// One of a few: radio buttons that look like segments. choices: [value, label, extra?]
function segments(label, choices, value, onchange, { path = null, help = "", hideLabel = false } = {}) {
  const id = controlId();
  return h(
    "fieldset",
    { class: "cb-field", "data-field": path, "aria-describedby": help ? id + "-help" : null },
    h("legend", { class: hideLabel ? "cb-offscreen" : "cb-label", text: label }),
    h(
      "div",
      { class: "cb-segments" },
      ...choices.map(([choice, words]) =>
        h("label", { class: "cb-segment-choice" }, radio(id, choice, value, onchange), h("span", { text: words })),
      ),
    ),
    help && h("p", { class: "cb-help", id: id + "-help", text: help }),
    fieldError(id),
  );
}

function radio(name, choice, value, onchange) {
  const input = h("input", { type: "radio", name, value: choice });
  input.checked = choice === value;
  input.addEventListener("change", () => input.checked && onchange(choice));
  return input;
}

function checkbox(label, on, onchange) {
  const box = h("input", { type: "checkbox" });
  box.checked = on;
  box.addEventListener("change", () => onchange(box.checked));
  return h("label", { class: "cb-check-label" }, box, h("span", { text: label }));
}

// What most people never need, behind one line. count(): words beside the title, if any.
function fold(title, children, { open = false, more = "" } = {}) {
  const note = h("span", { class: "cb-muted cb-fold-note" });
  const summary = h("summary", {}, icon("chevron"), h("span", { text: title }), note);
  const node = h(
    "details",
    { class: ("cb-fold " + more).trim(), open },
    summary,
    h("div", { class: "cb-fold-body" }, children),
  );
  return { node, note };
}

function addButton(label, onclick, attributes = {}) {
  return textButton(label, onclick, { class: "cb-add", ...attributes }, "plus");
}

// A button that cannot act now says why, to everybody: it stays reachable and keeps its reason.
function setBlocked(button, reason) {
  setAttr(button, "aria-disabled", reason ? "true" : null);
  setAttr(button, "title", reason || null);
}

function shorten(text, length) {
  const line = String(text || "")
    .replace(/\s+/g, " ")
    .trim();
  return line.length > length ? line.slice(0, length - 1).trimEnd() + "…" : line;
}

// ---- drawings ------------------------------------------------------------------------------------------------------

ICONS.plus = ["M12 5v14", "M5 12h14"];
ICONS.arrow_up = ["M12 19V5", "M6 11l6-6 6 6"];
ICONS.arrow_down = ["M12 5v14", "M6 13l6 6 6-6"];
ICONS.file = ["M7 3.5h7l4.5 4.5v12.5H7z", "M14 3.5V8h4.5", "M12.5 17v-5.5", "M10 13.5l2.5-2.5 2.5 2.5"];
ICONS.check = ["M5 12.5l4.5 4.5L19 7.5"];

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.flat(2));
  return node;
}

const sheet = (x, y, width, height, extra = "") =>
  svg("rect", { x, y, width, height, rx: 4, class: ("cb-ink " + extra).trim() });
const stroke = (x1, y, x2, extra = "") =>
  svg("path", { d: "M" + x1 + " " + y + "H" + x2, class: ("cb-ink " + extra).trim() });

// What each task asks for, in a few strokes.
const DRAWINGS = {
  compare: () => [
    sheet(10, 8, 32, 44),
    stroke(17, 19, 35),
    stroke(17, 27, 33),
    stroke(17, 35, 30),
    sheet(54, 8, 32, 44, "cb-hot"),
    stroke(61, 19, 79, "cb-hot"),
    stroke(61, 27, 76, "cb-hot"),
    svg("circle", { cx: 80, cy: 46, r: 9, class: "cb-solid-spot" }),
    svg("path", { d: "M76 46.3l3 3 5-5.6", class: "cb-on-spot" }),
  ],
  rank: () =>
    [0, 1, 2].flatMap((i) => [
      sheet(28, 6 + i * 17, 58 - i * 12, 13, i ? "" : "cb-hot"),
      svg("circle", { cx: 16, cy: 12.5 + i * 17, r: 6.5, class: i ? "cb-ink" : "cb-solid-spot" }),
      stroke(34, 12.5 + i * 17, 70 - i * 12, i ? "" : "cb-hot"),
    ]),
  rate: () => [
    sheet(22, 5, 52, 31),
    stroke(30, 15, 66),
    stroke(30, 24, 56),
    [0, 1, 2, 3, 4].map((i) =>
      svg("path", {
        d: "M0-5.6l1.65 3.4 3.75.5-2.75 2.6.7 3.7L0 2.8l-3.35 1.8.7-3.7L-5.4-1.7l3.75-.5z",
        transform: "translate(" + (20 + i * 14) + " 48.5)",
        class: i < 4 ? "cb-solid-spot" : "cb-ink",
      }),
    ),
  ],
  edit: () => [
    sheet(14, 7, 58, 46),
    stroke(22, 18, 60),
    stroke(22, 29, 40, "cb-struck"),
    stroke(46, 29, 62, "cb-hot"),
    stroke(22, 40, 50),
    svg("path", {
      d: "M64 47l2.2-7.6L82 23.6a3.4 3.4 0 0 1 4.8 0l.6.6a3.4 3.4 0 0 1 0 4.8L71.6 44.8z",
      class: "cb-hot cb-paper",
    }),
  ],
};

function drawing(name) {
  return svg("svg", { viewBox: "0 0 96 60", class: "cb-drawing", "aria-hidden": "true" }, DRAWINGS[name]());
}
