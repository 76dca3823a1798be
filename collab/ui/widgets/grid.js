// The grid: its form, then a table that fills as the cells are made, and is found again after a reload.
const GRID_LOOK_MS = 900;

function gridPanel() {
  const problem = h("p", { class: "gr-problem", role: "alert", hidden: true });
  const ask = (payload) => askServer(payload, problem);
  const form = gridForm({ make });
  const earlier = h("select", { class: "gr-input", "aria-label": T.gr_earlier, onchange: () => earlier.value && open(earlier.value) });
  const words_ = h("span", { class: "cb-muted", role: "status" });
  const stop = textButton(T.gr_stop, () => tellAct({ act: "grid_stop", grid_id: grid.grid_id }), {}, "close");
  const goOn = textButton(T.gr_go_on, () => tellAct({ act: "grid_go_on", grid_id: grid.grid_id }), {}, "again");
  const reveal = textButton(T.gr_reveal, askReveal, { class: "cb-primary" });
  const png = textButton(T.gr_png, savePng, {}, "image");
  const csv = textButton(T.gr_csv, () => saveFile("grid.csv", csvOf(gridRows(grid)), "text/csv"), {}, "download");
  const back = textButton(T.undo, () => undo(), { class: "cb-quiet", title: T.undo_label + " (Z)" }, "undo");
  const bar = h("div", { class: "cb-row gr-bar", hidden: true }, words_, stop, goOn, reveal, png, csv, back);
  const pages = h("div", { class: "gr-pages" });
  const close = iconButton("close", T.close, () => show(root, false));
  const root = h(
    "section",
    { class: "collab-widget cb-sheet gr-panel", "aria-label": T.gr_title, hidden: true },
    h("div", { class: "cb-row cb-spread" }, h("h3", { text: T.gr_title }), h("div", { class: "cb-row" }, earlier, close)),
    form.node,
    problem,
    bar,
    pages,
  );
  let opened = null;
  let ask_ = null;
  let grid = null;
  let done = []; // ids of the acts that Z takes back, oldest first

  root.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "z" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target) || event.target.closest("dialog")) return;
    event.preventDefault();
    undo();
  });

  function setValue(value) {
    if (!value || value.opened === opened) return;
    opened = value.opened;
    ask_ = value.ask;
    form.update(value);
    earlier.replaceChildren(
      h("option", { value: "", text: T.gr_choose }),
      ...value.grids.map((each) => h("option", { value: each.grid_id, text: each.title.slice(0, 60) })),
    );
    show(earlier, value.grids.length > 0);
    show(root, true);
    root.scrollIntoView({ block: "nearest" });
  }

  async function make(axes, hidden) {
    await tellAct({ act: "grid_make", ask: ask_, axes, hidden });
  }

  async function open(gridId) {
    await tellAct({ act: "grid", grid_id: gridId });
  }

  async function tellAct(payload) {
    const answer = await ask(payload);
    if (!answer) return;
    if (!grid || grid.grid_id !== answer.grid.grid_id || grid.masked !== answer.grid.masked) done = [];
    grid = answer.grid;
    draw();
    const id = grid.grid_id;
    while (grid.grid_id === id && grid.left && element.isConnected) {
      await new Promise((resolve) => setTimeout(resolve, GRID_LOOK_MS));
      if (grid.grid_id !== id) return;
      const again = await ask({ act: "grid", grid_id: id });
      if (!again || grid.grid_id !== id) return;
      grid = again.grid;
      draw();
    }
  }

  function draw() {
    const count = grid.cells.length;
    const lost = grid.lost && !grid.left ? plural("gr_lost", grid.lost) : "";
    const state = grid.left ? fill(T.gr_left, { left: grid.left, count }) : grid.masked ? T.gr_masked : "";
    setText(words_, [lost, state].filter(Boolean).join(" "));
    show(bar, true);
    show(stop, grid.left > 0);
    show(goOn, !!lost);
    show(reveal, grid.masked && !grid.left);
    show(png, !grid.left);
    show(csv, !grid.left);
    show(back, done.length > 0);
    const focused = document.activeElement?.getAttribute?.("aria-label");
    const inside = pages.contains(document.activeElement);
    pages.replaceChildren(...tables().map(drawTable));
    if (inside) [...pages.querySelectorAll("button")].find((b) => b.getAttribute("aria-label") === focused)?.focus();
  }

  // [{title, columns, lines: [{head, cells}]}], one for each value of the third axis
  function tables() {
    const [x, y, z] = grid.axes;
    if (grid.masked) {
      const width = x.count;
      const lines = [];
      for (let i = 0; i < grid.cells.length; i += width) lines.push({ head: "", cells: grid.cells.slice(i, i + width) });
      return [{ title: "", columns: [], lines }];
    }
    const at = (...place) => grid.cells.find((cell) => place.every((n, i) => cell.place[i] === n));
    const named = (axis, i) =>
      fill(T.gr_page, { name: axis.kind === "setting" ? nameOf("setting_names", axis.name) : axis.name, value: axis.values[i] });
    return (z ? z.values : [null]).map((_, page) => ({
      title: z ? named(z, page) : "",
      columns: x.values.map((_, i) => named(x, i)),
      lines: (y ? y.values : [null]).map((_, j) => ({
        head: y ? named(y, j) : "",
        cells: x.values.map((_, i) => at(...[i, j, page].slice(0, grid.axes.length))),
      })),
    }));
  }

  function drawTable({ title, columns, lines }) {
    const hasHeads = lines.some((line) => line.head);
    return h(
      "div",
      { class: "gr-scroll", tabindex: "0", role: "region", "aria-label": title || T.gr_title },
      h(
        "table",
        { class: "gr-table" },
        title && h("caption", { dir: "auto", text: title }),
        columns.length > 0 &&
          h("thead", {}, h("tr", {}, hasHeads && h("td", {}), columns.map((each) => h("th", { scope: "col", dir: "auto", text: each })))),
        h(
          "tbody",
          {},
          lines.map((line) =>
            h(
              "tr",
              {},
              hasHeads && h("th", { scope: "row", dir: "auto", text: line.head }),
              line.cells.map((cell) =>
                h("td", {}, cell && gridCell(cell, { act: judge, best, isBest: cell.output_id === grid.best_id })),
              ),
            ),
          ),
        ),
      ),
    );
  }

  async function judge(payload) {
    const answer = await ask({ ...payload, request_id: newId() });
    if (answer && answer.feedback) {
      const cell = grid.cells.find((each) => each.output_id === payload.output_id);
      cell.feedback = answer.feedback;
    }
    if (answer && answer.feedback_id) done = [...done.filter((id) => id !== answer.feedback_id), answer.feedback_id];
    if (answer) draw();
    return answer;
  }

  // takes back the last thing said about a cell here, or this act; what holds then is what the server says
  async function undo(which = done[done.length - 1]) {
    if (!which) return setText(words_, T.nothing_to_undo);
    done = done.filter((id) => id !== which);
    const undone = await ask({ act: "undo", feedback_id: which, request_id: newId() });
    const now = undone && (await ask({ act: "grid", grid_id: grid.grid_id }));
    if (now) grid = now.grid;
    draw();
    if (now) setText(words_, fill(T.undone, { time: savedTime(undone.saved_at) }));
  }

  async function best(cell) {
    if (cell.output_id === grid.best_id) return undo(grid.best_act_id);
    const others = grid.cells.filter((each) => each !== cell && (each.text || each.image_url)).map((each) => each.output_id);
    const answer = await judge({ act: "rank", groups: [[cell.output_id], others] });
    if (!answer) return;
    grid.best_id = cell.output_id;
    grid.best_act_id = answer.feedback_id;
    draw();
  }

  function askReveal() {
    const dialog = modal("gr-dialog", [
      h("h3", { text: T.gr_reveal_title }),
      h("p", { text: T.gr_reveal_text }),
      h(
        "div",
        { class: "cb-row" },
        textButton(T.cancel, () => dialog.close()),
        textButton(
          T.gr_reveal,
          () => {
            dialog.close();
            tellAct({ act: "grid_reveal", grid_id: grid.grid_id });
          },
          { class: "cb-primary" },
        ),
      ),
    ]);
    dialog.setAttribute("aria-label", T.gr_reveal_title);
  }

  async function savePng() {
    const parts = tables();
    const lines = parts.flatMap((part) =>
      part.lines.map((line) => ({ ...line, head: [part.title, line.head].filter(Boolean).join(" · ") })),
    );
    saveFile("grid.png", await gridSheet(grid, parts[0].columns, lines.length ? lines : []), "image/png");
  }

  return { root, setValue };
}
