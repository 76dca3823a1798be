// The frame around every plot: what part it is, its finding, how to read it, what one points at, the numbers as a
// table, and the files. It draws anew only when its data or its width changed, and keeps what was pointed at.
function plotFigure({ name, part, className = "", controls = null }) {
  const kicker = h("p", { class: "in-kicker", text: part });
  const title = h("h3", { class: "in-finding", dir: "auto" });
  const lead = h("p", { class: "in-lead", dir: "auto", hidden: true });
  const how = h("p", { class: "in-how" });
  const extra = h("div", { class: "in-fig-extra" });
  const svg = s("svg", { class: "in-plot", role: "group", tabindex: "-1" });
  const tip = h("div", { class: "in-tip", role: "tooltip", hidden: true });
  const scroller = h("div", { class: "in-plot-scroll" }, svg);
  const table = h("div", { class: "in-numbers cb-offscreen" });
  const box = h("div", { class: "in-plot-box" }, scroller, tip, table);
  const menu = menuButton(iconButton("download", fill(T.in_menu, { part }), null), entries);
  const head = h("div", { class: "in-fig-head" }, h("div", { class: "in-fig-words" }, kicker, title), menu);
  const node = h(
    "figure",
    { class: ("in-fig " + className).trim(), "data-plot": name, "aria-label": part, hidden: true },
    head,
    controls && h("div", { class: "cb-row in-fig-controls" }, controls),
    lead,
    box,
    how,
    extra,
  );
  let shown = null; // what is told now: {title, lead, how, draw, data, table, minWidth}
  let drawnData = null;
  let drawnWidth = 0;
  let current = null; // key of the mark that is the tab stop
  let pointed = null; // key of the mark whose words are shown

  function update(next) {
    show(node, !!next);
    if (!next) return void (shown = null);
    const told = [next.title, next.lead, next.how, next.data, !!next.draw];
    const same = shown && sameJson(told, shown.told);
    shown = { ...next, told };
    if (same) return redraw();
    setText(title, next.title || "");
    setText(lead, next.lead || "");
    show(lead, !!next.lead);
    setText(how, next.how || "");
    show(box, !!next.draw);
    show(how, !!next.draw && !!next.how);
    show(menu, !!next.table);
    extra.replaceChildren(...(next.extra || []));
    redraw();
  }

  function redraw() {
    const width = Math.max(Math.floor(scroller.clientWidth), shown?.minWidth || 0);
    if (!shown?.draw || scroller.clientWidth < 40) return;
    if (width === drawnWidth && sameJson(drawnData, shown.data)) return;
    const focused = svg.contains(document.activeElement) ? current : null;
    const { height, nodes } = shown.draw(width);
    drawnWidth = width;
    drawnData = shown.data;
    for (const [key, value] of [
      ["width", width],
      ["height", height],
      ["viewBox", `0 0 ${width} ${height}`],
    ])
      svg.setAttribute(key, value);
    setAttr(svg, "aria-label", fill(T.in_plot_label, { part, title: shown.title }));
    svg.replaceChildren(...nodes);
    table.replaceChildren(numbersTable(shown.table, part));
    const all = marks();
    const kept = all.find((each) => each.dataset.key === current) || all[0];
    setCurrent(kept, all);
    if (focused && kept) kept.focus({ preventScroll: true });
    const again = pointed && all.find((each) => each.dataset.key === pointed);
    if (again) point(again);
    else if (pointed) unpoint();
  }

  function marks() {
    return [...svg.querySelectorAll(".p-mark")];
  }

  function setCurrent(to, all = marks()) {
    for (const each of all) each.setAttribute("tabindex", each === to ? "0" : "-1");
    current = to ? to.dataset.key : null;
  }

  function point(at) {
    pointed = at.dataset.key;
    for (const each of svg.querySelectorAll(".p-pointed")) each.classList.remove("p-pointed");
    at.classList.add("p-pointed");
    tip.replaceChildren(...SAID.get(at).map((line, i) => h(i ? "span" : "b", { dir: "auto", text: line })));
    show(tip, true);
    const anchor = (at.querySelector(".p-dot, .p-anchor") || at).getBoundingClientRect();
    const frame = box.getBoundingClientRect();
    const middle = anchor.left + Math.min(anchor.width, frame.width) / 2 - frame.left;
    const left = Math.max(0, Math.min(frame.width - tip.offsetWidth, middle - tip.offsetWidth / 2));
    const above = anchor.top - frame.top - tip.offsetHeight - 8;
    tip.style.left = left + "px";
    tip.style.top = (above > -56 ? above : anchor.bottom - frame.top + 8) + "px";
  }

  function unpoint() {
    pointed = null;
    show(tip, false);
    for (const each of svg.querySelectorAll(".p-pointed")) each.classList.remove("p-pointed");
  }

  const markOf = (event) => event.target.closest?.(".p-mark");
  svg.addEventListener("pointerover", (event) => markOf(event) && point(markOf(event)));
  svg.addEventListener("pointerleave", () => {
    const held = document.activeElement;
    if (svg.contains(held) && held.matches(":focus-visible")) point(held);
    else unpoint();
  });
  svg.addEventListener("click", (event) => markOf(event) && point(markOf(event)));
  svg.addEventListener("focusin", (event) => {
    if (!markOf(event)) return;
    setCurrent(markOf(event));
    point(markOf(event));
  });
  svg.addEventListener("focusout", unpoint);
  svg.addEventListener("keydown", (event) => {
    const all = marks();
    const at = all.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const to = { Home: 0, End: all.length - 1 }[event.key] ?? (step && at >= 0 ? at + step : null);
    if (event.key === "Escape" && pointed) unpoint();
    else if (to !== null && all[to]) all[to].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  new ResizeObserver(redraw).observe(scroller);

  function entries() {
    const base = () => fileName(shown.study || "", name);
    const asked = { title: shown.title, how: shown.how, source: shown.source, draw: shown.draw, host: node };
    const words_ = table.classList.contains("cb-offscreen") ? T.in_numbers_show : T.in_numbers_hide;
    return [
      shown.draw && {
        label: T.in_as_svg,
        iconName: "download",
        run: () => saveFile(base() + ".svg", standaloneSvg(asked).text, "image/svg+xml"),
      },
      shown.draw && {
        label: T.in_as_png,
        iconName: "image",
        run: async () => saveFile(base() + ".png", await pngOf(standaloneSvg(asked)), "image/png"),
      },
      { label: T.in_as_csv, iconName: "text", run: () => saveFile(base() + ".csv", csvOf(shown.table), "text/csv") },
      { label: words_, iconName: "table", run: () => table.classList.toggle("cb-offscreen") },
    ].filter(Boolean);
  }

  return { node, update };
}

// The numbers of a plot: what a screen reader reads, and what "show the numbers" shows.
function numbersTable(data, caption) {
  const cell = (value) =>
    typeof value === "number" ? number(value, Number.isInteger(value) ? 0 : 3) : (value ?? NOTHING);
  return h(
    "table",
    {},
    h("caption", { text: caption }),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        data.head.map((words_) => h("th", { scope: "col", text: words_ })),
      ),
    ),
    h(
      "tbody",
      {},
      data.rows.map((row) =>
        h(
          "tr",
          {},
          row.map((value, i) => h(i ? "td" : "th", { scope: i ? null : "row", dir: "auto", text: cell(value) })),
        ),
      ),
    ),
  );
}
