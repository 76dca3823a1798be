// What happened to a prompt, newest first, in sentences.
const LOG_SHOWN = 8;

function logList() {
  const list = h("ol", { class: "rf-log-list" });
  const more = textButton(
    "",
    () => {
      all = true;
      draw();
    },
    { class: "cb-quiet in-more" },
  );
  const empty = h("p", { class: "cb-muted", text: T.rf_log_empty });
  const node = h(
    "section",
    { class: "in-part rf-log", "aria-label": T.rf_log },
    h("h3", { class: "in-finding", text: T.rf_log }),
    empty,
    list,
    more,
  );
  let all = false;
  let entries = [];
  let drawn = null;

  function update(board) {
    entries = board.log || [];
    draw();
  }

  function draw() {
    if (sameJson(drawn, [entries, all])) return;
    drawn = [entries, all];
    const shown = all ? entries : entries.slice(0, LOG_SHOWN);
    list.replaceChildren(
      ...shown.map((entry) =>
        h(
          "li",
          {},
          h("time", { class: "cb-muted in-tabular", datetime: entry.at, text: dateTime(entry.at) }),
          h("span", { class: "rf-kind", "data-kind": entry.kind, text: words("rf_kind", entry.kind) }),
          h("span", { class: "rf-log-said", dir: "auto", text: entry.said }),
        ),
      ),
    );
    show(empty, !entries.length);
    show(list, entries.length > 0);
    show(more, entries.length > shown.length);
    setText(more.lastChild, fill(T.rf_log_all, { count: number(entries.length) }));
  }

  function reset() {
    all = false;
    drawn = null;
  }

  return { node, update, reset };
}
