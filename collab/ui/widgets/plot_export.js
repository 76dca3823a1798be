// A plot as a file of its own: SVG with every colour and font written in, PNG at twice the size, CSV.
const EXPORT_WIDTH = 760;
const EXPORT_PAD = 28;
// What a shape keeps of its style, and what it means to say nothing of it.
const KEPT_STYLES = {
  fill: "#000000",
  stroke: "none",
  "fill-opacity": "1",
  "stroke-opacity": "1",
  opacity: "1",
  "stroke-width": "1px",
  "stroke-dasharray": "none",
  "stroke-linecap": "butt",
  "stroke-linejoin": "miter",
  "paint-order": "normal",
  "font-weight": "400",
  "font-variant-numeric": "normal",
};

// Any CSS colour, color-mix() included, as #rrggbb and how opaque it is.
function plainColour(css) {
  ink.clearRect(0, 0, 1, 1);
  ink.fillStyle = "#000000";
  ink.fillStyle = css;
  ink.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = ink.getImageData(0, 0, 1, 1).data;
  return { hex: "#" + [r, g, b].map((c) => c.toString(16).padStart(2, "0")).join(""), alpha: a / 255 };
}

function writeStyles(node) {
  const style = getComputedStyle(node);
  for (const [name, usual] of Object.entries(KEPT_STYLES)) {
    let value = style.getPropertyValue(name);
    if ((name === "fill" || name === "stroke") && value !== "none") {
      const { hex, alpha } = plainColour(value);
      value = hex;
      if (alpha < 1) node.setAttribute(name + "-opacity", alpha.toFixed(3));
    }
    if (value !== usual) node.setAttribute(name, value.replaceAll("px", ""));
  }
  for (const name of ["class", "style", "tabindex", "data-key", "aria-hidden"]) node.removeAttribute(name);
}

// The figure as one <svg> that needs nothing of this page: its finding above, how to read it below.
function standaloneSvg({ title, how, source, draw, host }) {
  const inner = EXPORT_WIDTH - 2 * EXPORT_PAD;
  const drawn = draw(inner);
  const nodes = [];
  let y = EXPORT_PAD;
  const lines = (text, size, weight, tone, gap) => {
    for (const line of text ? wrapText(text, inner, size, weight) : []) {
      y += size * 1.3;
      nodes.push(label(EXPORT_PAD, y, line, { size, weight, tone }));
    }
    y += gap;
  };
  lines(title, 17, 650, "", 14);
  nodes.push(s("g", { transform: "translate(" + EXPORT_PAD + " " + Math.round(y) + ")" }, drawn.nodes));
  y += drawn.height + 6;
  lines(how, 12, 400, "p-soft", 2);
  lines(source, 12, 400, "p-soft", EXPORT_PAD - 6);
  const height = Math.ceil(y);
  const svg = s("svg", {
    xmlns: SVG,
    width: EXPORT_WIDTH,
    height,
    viewBox: "0 0 " + EXPORT_WIDTH + " " + height,
    class: "in-plot cb-offscreen",
    role: "img",
  });
  svg.append(s("title", {}, title), s("desc", {}, [how, source].filter(Boolean).join(" ")));
  svg.append(s("rect", { x: 0, y: 0, width: EXPORT_WIDTH, height, class: "p-paper" }), ...nodes);
  svg.querySelectorAll(".p-hit, .p-reveal").forEach((node) => node.remove());
  host.append(svg); // computed styles exist only in the page
  const family = fontFamily();
  svg.querySelectorAll("*").forEach((node) => {
    if (!["title", "desc"].includes(node.tagName)) writeStyles(node);
  });
  svg.remove();
  svg.removeAttribute("class");
  svg.setAttribute("font-family", family);
  return {
    text: '<?xml version="1.0" encoding="UTF-8"?>\n' + new XMLSerializer().serializeToString(svg),
    width: EXPORT_WIDTH,
    height,
  };
}

async function pngOf({ text, width, height }, times = 2) {
  const image = new Image(width, height);
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  await image.decode();
  const canvas = h("canvas", { width: width * times, height: height * times });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error(T.in_download_failed))), "image/png"),
  );
}

// A cell that a spreadsheet would run as a formula is told to be text.
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? "'" + value : String(value);
  return /[",\n\r]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

function csvOf({ head, rows }) {
  return [head, ...rows].map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
}

function saveFile(name, content, type) {
  const blob =
    content instanceof Blob
      ? content
      : new Blob([type === "text/csv" ? "\ufeff" + content : content], { type: type + ";charset=utf-8" });
  const url = URL.createObjectURL(blob);
  followLink(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// Downloads what is at a URL; without a name, under the name that the server gives it.
function followLink(url, name = "") {
  const link = h("a", { href: url, download: name, class: "cb-offscreen" });
  element.firstElementChild.append(link);
  link.click();
  link.remove();
}

function fileName(...parts) {
  const words_ = parts
    .join(" ")
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-+|-+$/g, "");
  return Array.from(words_).slice(0, 80).join("") || "plot";
}
