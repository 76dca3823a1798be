// A small drawing vocabulary for SVG: shapes, scales, axes, text that fits. Knows nothing of studies.
const SVG = "http://www.w3.org/2000/svg";
const TEXT_SIZE = 12.5;

// s("rect", {x: 1, y: 2, class: "p-bar"}, child) as h() of dom.js, in SVG
function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, typeof value === "number" ? String(Math.round(value * 100) / 100) : String(value));
  }
  append(node, children);
  return node;
}

const ink = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

function fontFamily() {
  return getComputedStyle(element.firstElementChild || element).fontFamily || "sans-serif";
}

function textWidth(text, size = TEXT_SIZE, weight = 400) {
  ink.font = weight + " " + size + "px " + fontFamily();
  return ink.measureText(text).width;
}

function widest(texts, size = TEXT_SIZE, weight = 400) {
  return Math.max(0, ...texts.map((text) => textWidth(text, size, weight)));
}

// What fits of a text, its start or (`end`) its end.
function clip(text, width, size = TEXT_SIZE, weight = 400, end = false) {
  if (textWidth(text, size, weight) <= width) return text;
  const letters = Array.from(text);
  const cut = (count) =>
    end ? "…" + letters.slice(-count).join("").trimStart() : letters.slice(0, count).join("").trimEnd() + "…";
  let [low, high] = [0, letters.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (textWidth(cut(middle), size, weight) <= width) low = middle;
    else high = middle - 1;
  }
  return low ? cut(low) : "…";
}

function wrapText(text, width, size, weight) {
  const lines = [];
  let line = "";
  for (const word of String(text).split(/\s+/)) {
    const longer = line ? line + " " + word : word;
    if (line && textWidth(longer, size, weight) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  if (line) lines.push(line);
  return lines.map((each) => clip(each, width, size, weight));
}

// One line of text standing on `y`. width: the room it has; what does not fit ends in "…".
function label(x, y, text, { anchor = "start", size = TEXT_SIZE, weight = 400, tone = "", width = Infinity } = {}) {
  const fits = width === Infinity ? text : clip(text, width, size, weight);
  const node = s(
    "text",
    { x, y, "text-anchor": anchor, "font-size": size, "font-weight": weight, class: tone || null },
    fits,
  );
  if (fits !== text) node.append(s("title", {}, text));
  return node;
}

// A name in one line or, where it does not fit, in two around the same height: names often differ at their ends only.
function nameLabel(x, y, text, { size = 13.5, weight = 450, width }) {
  if (textWidth(text, size, weight) <= width) return [label(x, y, text, { size, weight })];
  const small = size - 1;
  const [first, ...others] = wrapText(text, width, small, weight);
  if (!others.length) return [label(x, y, text, { size: small, weight, width })];
  const rest = first.endsWith("…") ? others : String(text).split(/\s+/).slice(first.split(" ").length);
  return [
    label(x, y - 7.5, first, { size: small, weight }),
    label(x, y + 7, clip(rest.join(" "), width, small, weight, true), { size: small, weight }),
  ];
}

function linear(d0, d1, r0, r1) {
  const span = d1 - d0 || 1;
  return (value) => r0 + ((value - d0) / span) * (r1 - r0);
}

// Round values between lo and hi, about `wanted` of them.
function ticksOf(lo, hi, wanted = 5) {
  const rough = (hi - lo) / Math.max(1, wanted) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((each) => each >= rough * 0.75);
  const ticks = [];
  for (let i = Math.ceil(lo / step - 1e-9); i * step <= hi + step * 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

// Faint lines at the ticks, their numbers below, and what they measure.
function bottomAxis({ scale, ticks, format, top, bottom, title, x0, x1 }) {
  const said = [];
  let end = -Infinity;
  for (const tick of ticks) {
    const words_ = format(tick);
    const half = textWidth(words_, 12) / 2;
    const x = scale(tick);
    if (top < bottom) said.push(s("line", { x1: x, x2: x, y1: top, y2: bottom, class: "p-grid" }));
    if (x - half < end + 8) continue;
    said.push(label(x, bottom + 16, words_, { anchor: "middle", size: 12, tone: "p-soft" }));
    end = x + half;
  }
  said.push(
    label((x0 + x1) / 2, bottom + 34, title, { anchor: "middle", size: 12, tone: "p-soft", width: x1 - x0 + 36 }),
  );
  return s("g", { "aria-hidden": "true" }, said);
}

function leftAxis({ scale, ticks, format, x0, x1 }) {
  return s(
    "g",
    { "aria-hidden": "true" },
    ticks
      .map((tick) => [
        s("line", { x1: x0, x2: x1, y1: scale(tick), y2: scale(tick), class: "p-grid" }),
        label(x0 - 8, scale(tick) + 4, format(tick), { anchor: "end", size: 12, tone: "p-soft" }),
      ])
      .flat(),
  );
}

// A thing one can point at, or go to with the arrow keys; `lines` is what it then says, the first in bold.
const SAID = new WeakMap();

function mark(key, lines, ...shapes) {
  const node = s("g", { class: "p-mark", "data-key": key, role: "img", "aria-label": lines.join(". ") }, ...shapes);
  SAID.set(node, lines);
  return node;
}

function path(points, tone) {
  return s("path", {
    class: tone,
    d: points.map(([x, y], i) => (i ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1)).join(""),
  });
}

// Estimates with their intervals, one row each, names at the left where there is room and above where there is not.
// rows: {key, name, lead, value, lower, upper, right: [text], strong, lines}; columns: {title, width} of `right`;
// marks: {at, label}; gutter: room kept free at the left for the caller, who gets each row's y back; head: what
// stands over the right end on a narrow page.
function intervalRows(spec, width) {
  const { rows, columns = [], domain, format, axis, marks = [], gutter = 0, lead = null, head = "" } = spec;
  const rightWidth = columns.reduce((sum, column) => sum + column.width, 0);
  const leadWidth = lead ? Math.max(widest(rows.map((r) => r.lead)), textWidth(lead, 12)) + 16 : 0;
  const nameWidth = Math.min(
    widest(
      rows.map((r) => r.name),
      13.5,
      600,
    ) + 20,
    width * 0.3,
  );
  const wide = width - gutter - leadWidth - nameWidth - rightWidth >= 240;
  const rowHeight = wide ? 36 : 58;
  const headed = marks.some((each) => each.label) || (wide ? columns.some((column) => column.title) : head || lead);
  const top = headed ? 30 : 6;
  const bottom = top + rows.length * rowHeight + 2;
  const x0 = wide ? gutter + leadWidth + nameWidth + 8 : gutter + 16;
  const x1 = wide ? width - rightWidth - 12 : width - 20;
  const scale = linear(domain[0], domain[1], x0, x1);
  const ticks = spec.ticks || ticksOf(domain[0], domain[1], Math.min(6, (x1 - x0) / 56));
  const nodes = [bottomAxis({ scale, ticks, format, top: top - 4, bottom, title: axis, x0, x1 })];
  for (const each of marks) {
    const x = scale(each.at);
    nodes.push(s("line", { x1: x, x2: x, y1: top - 6, y2: bottom, class: "p-reference" }));
    if (each.label)
      nodes.push(label(x, top - 11, each.label, { anchor: each.anchor || "middle", size: 12, tone: "p-soft" }));
  }
  const heads = [
    [gutter, lead, "start"],
    ...(wide ? columnEnds(columns, width).map((x, i) => [x, columns[i].title, "end"]) : [[width, head, "end"]]),
  ];
  for (const [x, text, anchor] of heads)
    if (text) nodes.push(label(x, top - 11, text, { anchor, size: 12, tone: "p-soft" }));
  const rowY = rows.map((row, i) => {
    const middle = top + i * rowHeight + (wide ? rowHeight / 2 : 40);
    const base = wide ? middle + 4.5 : top + i * rowHeight + 20;
    const rightText = wide ? [] : [row.right.filter(Boolean).join(" · ")];
    const rightRoom = wide ? 0 : textWidth(rightText[0]) + 12;
    const leadX = gutter;
    const nameX = gutter + leadWidth;
    const shapes = [
      s("rect", { x: gutter, y: top + i * rowHeight, width: width - gutter, height: rowHeight, class: "p-hit" }),
      row.lead && label(leadX, base, row.lead, { tone: "p-soft p-number" }),
      ...nameLabel(nameX, base, row.name, {
        weight: row.strong ? 600 : 450,
        width: (wide ? x0 - 14 : width - rightRoom) - nameX,
      }),
      ...(wide
        ? columnEnds(columns, width).map((x, c) =>
            label(x, base, row.right[c] || "", { anchor: "end", tone: "p-number" }),
          )
        : rightText.map((text) => label(width, base, text, { anchor: "end", tone: "p-soft p-number p-halo" }))),
      ...estimate(row, scale, middle, [x0, x1]),
    ];
    nodes.push(mark(row.key, row.lines, ...shapes));
    return middle;
  });
  return { height: bottom + 42, nodes, rowY };
}

function columnEnds(columns, width) {
  let left = width;
  return columns
    .map((column) => column.width)
    .reverse()
    .map((each) => {
      const x = left;
      left -= each;
      return x;
    })
    .reverse();
}

// A dot with its interval; an end beyond the axis becomes an arrow.
function estimate(row, scale, y, [x0, x1]) {
  if (!known(row.value)) return [label(x0, y + 4, row.missing || NOTHING, { tone: "p-soft", width: x1 - x0 })];
  const tone = row.strong ? "p-strong" : "p-plain";
  const shapes = [];
  if (known(row.lower) && known(row.upper)) {
    const [from, to] = [Math.max(x0, scale(row.lower)), Math.min(x1, scale(row.upper))];
    shapes.push(s("line", { x1: from, x2: to, y1: y, y2: y, class: "p-interval " + tone }));
    if (scale(row.lower) < x0 - 1)
      shapes.push(
        path(
          [
            [x0 + 5, y - 4],
            [x0, y],
            [x0 + 5, y + 4],
          ],
          "p-arrow " + tone,
        ),
      );
    if (scale(row.upper) > x1 + 1)
      shapes.push(
        path(
          [
            [x1 - 5, y - 4],
            [x1, y],
            [x1 - 5, y + 4],
          ],
          "p-arrow " + tone,
        ),
      );
  }
  const x = Math.min(x1, Math.max(x0, scale(row.value)));
  shapes.push(s("circle", { cx: x, cy: y, r: 5.5, class: "p-dot " + tone }));
  return shapes;
}
