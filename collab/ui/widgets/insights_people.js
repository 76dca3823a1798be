// The people of a study: a table one can sort, and the choice of whom to leave out, which is never made silently.
const PEOPLE_SHOWN = 50;
const PEOPLE_SHOWN_NARROW = 6; // as cards, one below the other
const NARROW = 760;
const PEOPLE_COLUMNS = [
  { key: "name", value: (p) => p.name || "", text: true },
  { key: "answers", value: (p) => p.answers },
  {
    key: "gold",
    value: (p) => (p.gold_total ? p.gold_right / p.gold_total : null),
    say: (p) => outOf(p.gold_right, p.gold_total),
  },
  {
    key: "repeats",
    value: (p) => (p.repeats_total ? p.repeats_same / p.repeats_total : null),
    say: (p) => outOf(p.repeats_same, p.repeats_total),
  },
  { key: "agreement", value: (p) => p.agreement, say: (p) => percent(p.agreement) },
  { key: "median_s", value: (p) => p.median_s, say: (p) => seconds(p.median_s) },
  { key: "fast_share", value: (p) => p.fast_share, say: (p) => percent(p.fast_share) },
  { key: "left_share", value: (p) => p.left_share, say: (p) => percent(p.left_share) },
  {
    key: "last_at",
    value: (p) => (p.last_at ? moment(p.last_at).getTime() : null),
    say: (p) => (p.last_at ? dateTime(p.last_at) : NOTHING),
  },
  { key: "consent", value: (p) => p.consent, say: (p) => T.in_consent[p.consent] || p.consent, quiet: true },
];

function outOf(part, total) {
  return total ? fill(T.in_of, { n: number(part), of: number(total) }) : NOTHING;
}

function peopleTable({ ask, busy }) {
  const chosen = new Set(); // annotator_id of those ticked
  let people = [];
  let columns = [];
  let filter = null;
  let sort = { key: "answers", down: true };
  let all = false;

  const body = h("tbody", { role: "rowgroup" });
  const headRow = h("tr", { role: "row" });
  const table = h(
    "table",
    { class: "in-people", role: "table", "aria-label": T.in_people_title },
    h("thead", { role: "rowgroup" }, headRow),
    body,
  );
  const more = textButton("", () => ((all = true), draw()), { class: "in-more", hidden: true });
  const sortBox = h("select", { class: "in-select", "aria-label": T.in_sort, onchange: () => sortBy(sortBox.value) });
  const count = h("span", { class: "in-chosen-count" });
  const reason = h("input", {
    class: "in-field",
    type: "text",
    maxlength: 500,
    placeholder: T.in_reason_placeholder,
    "aria-label": T.in_reason,
    dir: "auto",
  });
  const leave = textButton(T.in_leave_out, () => leaveOut(), { class: "cb-primary" });
  const problem = h("p", { class: "in-note", "data-state": "failed", role: "alert", hidden: true });
  const bar = h(
    "form",
    { class: "in-leave", hidden: true },
    count,
    reason,
    leave,
    textButton(T.cancel, () => (chosen.clear(), draw()), { class: "cb-quiet" }),
    problem,
  );
  bar.addEventListener("submit", (event) => {
    event.preventDefault();
    leaveOut();
  });
  const node = h(
    "section",
    { class: "in-part", "data-part": "people", "aria-label": T.in_people_title, hidden: true },
    h(
      "div",
      { class: "cb-row cb-spread" },
      h(
        "div",
        {},
        h("p", { class: "in-kicker", text: T.in_people_title }),
        h("h3", { class: "in-finding", text: T.in_people_finding }),
      ),
      h("label", { class: "in-sort" }, T.in_sort, sortBox),
    ),
    h("p", { class: "in-how", text: T.in_people_how }),
    bar,
    h("div", { class: "in-table-box", tabindex: "0", role: "region", "aria-label": T.in_people_title }, table),
    more,
  );

  function update(results) {
    const next = results.annotators || [];
    show(node, next.length > 0);
    if (sameJson(next, people) && sameJson(filter, results.filter)) return;
    people = next;
    filter = results.filter || null;
    columns = PEOPLE_COLUMNS.filter((column) => column.text || people.some((person) => known(column.value(person))));
    for (const id of chosen)
      if (!people.some((person) => person.annotator_id === id && !person.excluded)) chosen.delete(id);
    draw();
  }

  function sortBy(key) {
    sort = { key, down: key === sort.key ? !sort.down : key !== "name" };
    draw();
  }

  function sorted() {
    const column = PEOPLE_COLUMNS.find((each) => each.key === sort.key);
    const missing = (value) => value === null || value === undefined;
    return [...people].sort((a, b) => {
      const [x, y] = [column.value(a), column.value(b)];
      if (missing(x) || missing(y)) return missing(x) - missing(y);
      return (typeof x === "string" ? x.localeCompare(y) : x - y) * (sort.down ? -1 : 1);
    });
  }

  function draw() {
    const focused = node.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    headRow.replaceChildren(
      h("th", { role: "columnheader", class: "in-tick" }, h("span", { class: "cb-offscreen", text: T.in_choose })),
      ...columns.map(headCell),
    );
    sortBox.replaceChildren(
      ...columns.map((column) => h("option", { value: column.key, text: T["in_person_" + column.key] })),
    );
    sortBox.value = sort.key;
    const rows = sorted();
    const shown = all
      ? rows.length
      : node.clientWidth && node.clientWidth <= NARROW
        ? PEOPLE_SHOWN_NARROW
        : PEOPLE_SHOWN;
    body.replaceChildren(...rows.slice(0, shown).map(personRow));
    show(more, rows.length > shown);
    setText(more.lastChild, fill(T.in_show_people, { count: number(rows.length) }));
    drawBar();
    if (focused) node.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  function drawBar() {
    if (bar.hidden && filter && !reason.value) reason.value = filter.reason || "";
    show(bar, chosen.size > 0);
    setText(count, plural("in_chosen", chosen.size));
  }

  function headCell(column) {
    const on = sort.key === column.key;
    return h(
      "th",
      {
        role: "columnheader",
        "aria-sort": on ? (sort.down ? "descending" : "ascending") : "none",
        class: column.text ? "in-name" : null,
      },
      h(
        "button",
        {
          type: "button",
          class: "in-sorter",
          "data-focus": "sort:" + column.key,
          title: T["in_person_" + column.key + "_hint"],
          onclick: () => sortBy(column.key),
        },
        h("span", { class: "in-arrow", "aria-hidden": "true", text: on ? (sort.down ? "↓ " : "↑ ") : "" }),
        T["in_person_" + column.key],
      ),
    );
  }

  function personRow(person) {
    const id = person.annotator_id;
    const tick = h("input", {
      type: "checkbox",
      "data-focus": "tick:" + id,
      "aria-label": fill(T.in_choose_person, { name: person.name }),
      disabled: person.excluded,
      onchange: () => {
        if (tick.checked) chosen.add(id);
        else chosen.delete(id);
        drawBar();
      },
    });
    tick.checked = chosen.has(id);
    const again = h("button", {
      type: "button",
      class: "cb-link",
      "data-focus": "again:" + id,
      text: T.in_count_again,
      onclick: () => busy(again, () => countAgain(id)),
    });
    return h(
      "tr",
      { role: "row", "data-excluded": person.excluded || null },
      h("td", { role: "cell", class: "in-tick" }, h("label", {}, tick)),
      ...columns.map((column) =>
        column.text
          ? h(
              "th",
              { role: "rowheader", scope: "row", class: "in-name" },
              h("span", { dir: "auto", text: person.name }),
              person.excluded &&
                h("span", { class: "in-left-out" }, h("span", { class: "in-state", text: T.in_left_out }), again),
              (person.signals || []).map((signal) =>
                h("span", { class: "in-signal", dir: "auto" }, icon("flag"), signal),
              ),
            )
          : h(
              "td",
              {
                role: "cell",
                "data-label": T["in_person_" + column.key],
                class: column.key === "left_share" ? "in-side" : column.quiet ? "cb-muted" : null,
              },
              sideStrip(column, person),
              column.say ? column.say(person) : number(column.value(person)),
            ),
      ),
    );
  }

  const excluded = () => people.filter((person) => person.excluded).map((person) => person.annotator_id);

  async function leaveOut() {
    const why = reason.value.trim();
    show(problem, !why);
    setText(problem, why ? "" : T.in_reason_missing);
    if (!why) return reason.focus();
    const answer = await busy(leave, () =>
      ask({ act: "filter", annotator_ids: [...excluded(), ...chosen], reason: why }),
    );
    if (!answer) return;
    chosen.clear();
    reason.value = "";
    draw();
  }

  function countAgain(id) {
    const rest = excluded().filter((each) => each !== id);
    return ask({ act: "filter", annotator_ids: rest, reason: rest.length ? filter?.reason || "" : "" });
  }

  return { node, update };
}

// where a person's answers fall between left and right: in the middle if they look before they choose
function sideStrip(column, person) {
  if (column.key !== "left_share" || !known(person.left_share)) return null;
  const dot = h("span", { class: "in-strip-dot" });
  dot.style.left = (1 - person.left_share) * 100 + "%";
  return h("span", { class: "in-strip", "aria-hidden": "true" }, dot);
}

// What is left out and what that changes, above everything it changes.
function filterBanner({ ask, busy }) {
  const text = scrolls(h("div", { class: "in-banner-text" }));
  const undo = textButton(T.in_count_everybody, () =>
    busy(undo, () => ask({ act: "filter", annotator_ids: [], reason: "" })),
  );
  const node = h("div", { class: "in-banner in-filter", role: "status", hidden: true }, text, undo);
  function update({ filter }) {
    show(node, !!filter);
    if (!filter) return;
    text.replaceChildren(
      h("p", {}, h("b", { text: plural("in_filter", filter.excluded, { when: dateTime(filter.at) }) })),
      h("p", { dir: "auto", text: fill(T.in_filter_reason, { reason: filter.reason }) }),
      h("p", { dir: "auto", text: filter.effect }),
    );
  }
  return { node, update };
}
