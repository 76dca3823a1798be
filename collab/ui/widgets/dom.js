// Small DOM vocabulary. People's text reaches the page through textContent, value and attributes only, never as markup.
const T = { ...STRINGS, ...(window.COLLAB_STRINGS || {}), ...((props && props.strings) || {}) };

function fill(template, values = {}) {
  return String(template).replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

// h("button", {class: "x", onclick: f, "aria-label": "…", disabled: true}, child, "text", null)
function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  append(node, children);
  return node;
}

function append(node, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttr(node, name, value) {
  const wanted = value === null || value === undefined || value === false ? null : value === true ? "" : String(value);
  if (node.getAttribute(name) === wanted) return;
  if (wanted === null) node.removeAttribute(name);
  else node.setAttribute(name, wanted);
}

// A place that scrolls only while its content is long: a tab stop only then, so that the keyboard can read all of it.
function scrolls(node) {
  const look = () =>
    setAttr(node, "tabindex", node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1 ? "0" : null);
  new ResizeObserver(look).observe(node);
  return node;
}

function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

// 24×24 outlines; "fill" ones are solid when their button is on.
const ICONS = {
  star: ["M12 2.8l2.85 5.95 6.5.86-4.77 4.5 1.2 6.47L12 17.4l-5.78 3.18 1.2-6.47-4.77-4.5 6.5-.86z"],
  up: [
    "M7 10.5v10H4.2A1.2 1.2 0 0 1 3 19.3v-7.6a1.2 1.2 0 0 1 1.2-1.2z",
    "M7 10.5l4-7.7c1.5 0 2.6 1.2 2.6 2.7v3.7h5.1c1.3 0 2.3 1.2 2 2.5l-1.5 7c-.2 1-1.1 1.8-2.2 1.8H7",
  ],
  down: [
    "M17 13.5v-10h2.8A1.2 1.2 0 0 1 21 4.7v7.6a1.2 1.2 0 0 1-1.2 1.2z",
    "M17 13.5l-4 7.7c-1.5 0-2.6-1.2-2.6-2.7v-3.7H5.3c-1.3 0-2.3-1.2-2-2.5l1.5-7c.2-1 1.1-1.8 2.2-1.8H17",
  ],
  pencil: ["M4 20l.9-4.2L16.6 4.1a1.7 1.7 0 0 1 2.4 0l.9.9a1.7 1.7 0 0 1 0 2.4L8.2 19.1z", "M14.5 6.2l3.3 3.3"],
  copy: [
    "M9 9h9.5A1.5 1.5 0 0 1 20 10.5v8.5a1.5 1.5 0 0 1-1.5 1.5H10.5A1.5 1.5 0 0 1 9 19z",
    "M15 9V5.5A1.5 1.5 0 0 0 13.5 4h-8A1.5 1.5 0 0 0 4 5.5v8A1.5 1.5 0 0 0 5.5 15H9",
  ],
  again: ["M20 11a8 8 0 0 0-14.3-4.3L3.5 9", "M3.5 4v5h5", "M4 13a8 8 0 0 0 14.3 4.3l2.2-2.3", "M20.5 20v-5h-5"],
  lock: ["M6 11h12a1 1 0 0 1 1 1v7.5a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1V12a1 1 0 0 1 1-1z", "M8 11V8a4 4 0 0 1 8 0v3"],
  download: ["M12 3.5v11.5", "M7 10.5l5 5 5-5", "M4.5 20h15"],
  reply: ["M9.5 7L4 12l5.5 5", "M4 12h9a7 7 0 0 1 7 7"],
  why: ["M8.8 9a3.2 3.2 0 1 1 4.6 2.9c-.9.5-1.4 1.1-1.4 2.1v.5", "M12 18h.01", "M12 2.8a9.2 9.2 0 1 0 0 18.4 9.2 9.2 0 0 0 0-18.4z"],
  undo: ["M4 9h10a6 6 0 0 1 0 12H9", "M8 4.5L3.5 9 8 13.5"],
  comment: ["M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-9l-5 4v-4H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1z"],
  crown: ["M4 18h16", "M4 18L3 7.5l5.3 4L12 5l3.7 6.5 5.3-4L20 18"],
  order: ["M4 6h9", "M4 12h7", "M4 18h5", "M17.5 4.5v15", "M14 16l3.5 3.5L21 16"],
  keyboard: [
    "M4 6h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1z",
    "M7 10h.01",
    "M11 10h.01",
    "M15 10h.01",
    "M18 10h.01",
    "M8 14h8",
  ],
  chevron: ["M6 9l6 6 6-6"],
  left: ["M15 5l-7 7 7 7"],
  right: ["M9 5l7 7-7 7"],
  close: ["M5 5l14 14", "M19 5L5 19"],
  text: ["M4 6h16", "M4 12h16", "M4 18h10"],
  image: ["M4 5h16v14H4z", "M4 16l4.5-4.5 4 4 3-3L20 17", "M9 9h.01"],
  search: ["M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M15.3 15.3L20 20"],
  trash: ["M4.5 7h15", "M9.5 7V4.5h5V7", "M6.5 7l1 13h9l1-13"],
  spark: ["M12 3.5l1.9 6.6 6.6 1.9-6.6 1.9L12 20.5l-1.9-6.6L3.5 12l6.6-1.9z"],
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "cb-icon");
  for (const d of ICONS[name]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

// A button that shows only an icon always carries its words for a screen reader and as a tooltip.
function iconButton(name, label, onclick, extra = {}) {
  const { class: more = "", ...rest } = extra;
  return h(
    "button",
    { type: "button", class: ("cb-iconbtn " + more).trim(), "aria-label": label, title: label, onclick, ...rest },
    icon(name),
  );
}

function textButton(label, onclick, extra = {}, iconName = null) {
  const { class: more = "", ...rest } = extra;
  return h(
    "button",
    { type: "button", class: ("cb-btn " + more).trim(), onclick, ...rest },
    iconName && icon(iconName),
    h("span", { text: label }),
  );
}

// Arrow keys move through a row of radio-like buttons; only one of them is a tab stop.
function roving(container, buttons, select) {
  container.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const rtl = getComputedStyle(container).direction === "rtl" ? -1 : 1;
    const move = { ArrowRight: rtl, ArrowUp: 1, ArrowLeft: -rtl, ArrowDown: -1 }[event.key];
    let to = null;
    if (move) to = Math.min(buttons.length - 1, Math.max(0, at + move));
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = buttons.length - 1;
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[to].focus();
    if (to !== at) select(to);
  });
}

function setRoving(buttons, index) {
  buttons.forEach((button, i) => {
    button.tabIndex = i === Math.max(0, index) ? 0 : -1;
  });
}

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID(); // absent on plain http to another host
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { value: text, class: "cb-offscreen", "aria-hidden": "true" });
    const back = document.activeElement;
    element.firstElementChild.append(area);
    area.select();
    let done = false;
    try {
      done = document.execCommand("copy");
    } catch {
      done = false;
    }
    area.remove();
    if (back && back.focus) back.focus({ preventScroll: true });
    return done;
  }
}

// The page's word for a name that the product gave; a name that is somebody's own stays as it is.
function nameOf(table, name) {
  return Object.hasOwn(T[table], name) ? T[table][name] : name;
}

// A question that nobody changed is asked in the reader's language, whatever the study keeps.
function questionWords(question) {
  const usual = Object.keys(STRINGS).find((key) => key.startsWith("compose_question_") && STRINGS[key] === question);
  return usual ? T[usual] : question || "";
}

// What the server answers, or null after its refusal was told in `problem`.
async function askServer(payload, problem) {
  let answer = null;
  try {
    answer = await server.act(payload);
  } catch {
    answer = null;
  }
  const refused = !answer || !answer.ok;
  show(problem, refused);
  if (refused) setText(problem, (answer && answer.error) || T.da_no_server);
  return refused ? null : answer;
}

// How far a link to this page reaches, where that is not everywhere: "" for an address on the internet.
function reachWords(address) {
  const host = new URL(address).hostname;
  if (/^(localhost|127\..+|0\.0\.0\.0|\[::1?\])$/.test(host)) return T.link_this_machine;
  const near = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|\[f[cde])|\.(local|lan|internal)$|^[^.[]+$/.test(host);
  return near ? T.link_this_network : "";
}

function isTyping(target) {
  return (
    target instanceof Element &&
    !!target.closest("input:not([type=button]):not([type=submit]), textarea, select, [contenteditable=true]")
  );
}

function isOnScreen() {
  return element.isConnected && element.getClientRects().length > 0;
}

function sameJson(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

// The page's language as the reader's browser speaks it: "en-GB" where the page is in English.
function language() {
  const page = document.documentElement.lang;
  const own = navigator.languages || [];
  return own.find((tag) => tag.split("-")[0] === page.split("-")[0]) || page || undefined;
}

const CLOCK = { hour: "2-digit", minute: "2-digit" };

function clock(date = new Date()) {
  return new Intl.DateTimeFormat(language(), { ...CLOCK, second: "2-digit" }).format(date);
}

// "12:03:41" stays, an ISO moment becomes the person's own wall clock
function savedTime(saved_at) {
  if (!saved_at) return clock();
  const date = new Date(saved_at);
  return Number.isNaN(date.getTime()) ? String(saved_at) : clock(date);
}

function injectStyles(id, css) {
  let style = document.getElementById(id);
  if (!style) {
    style = h("style", { id });
    document.head.append(style);
  }
  setText(style, css);
}

// What is half typed, kept for this tab until it is saved or thrown away. A browser may refuse to keep anything.
const drafts = {
  get(kind, id) {
    try {
      return sessionStorage.getItem("collab:" + kind + ":" + id);
    } catch {
      return null;
    }
  },
  set(kind, id, text) {
    try {
      sessionStorage.setItem("collab:" + kind + ":" + id, text);
    } catch {
      // full or forbidden: the page still asks before it is left
    }
  },
  drop(kind, id) {
    try {
      sessionStorage.removeItem("collab:" + kind + ":" + id);
    } catch {
      // nothing was kept
    }
  },
};

const PIXEL_ART_MAX = 32; // pictures this small are pixel art: enlarged with hard edges; larger ones look better smooth

// One row for each item in a list: drawn anew when what it tells has changed, in the order of the items. The focus stays.
function keyedRows(list, idOf, draw) {
  const rows = new Map(); // id -> {node, told}

  function update(items) {
    const kept = new Set(items.map(idOf));
    for (const [id, row] of rows)
      if (!kept.has(id)) {
        row.node.remove();
        rows.delete(id);
      }
    items.forEach((item, i) => {
      let row = rows.get(idOf(item));
      if (!row || !sameJson(row.told, item)) {
        const fresh = draw(item);
        const focused = row && row.node.contains(document.activeElement);
        if (row) row.node.replaceWith(fresh);
        rows.set(idOf(item), (row = { node: fresh, told: item }));
        if (focused) fresh.querySelector("button").focus({ preventScroll: true });
      }
      if (list.children[i] !== row.node) list.insertBefore(row.node, list.children[i] || null);
    });
  }

  return { update, node: (id) => rows.get(id)?.node };
}
