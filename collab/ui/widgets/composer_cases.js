// What the arms' {variables} are filled with: cases one by one, or lists whose combinations are drawn.
const CASES_SHOWN = 30; // rows of the table before “show all”

function casesPanel(composer) {
  const { form } = composer;
  const table = h("div", { class: "cb-cases" });
  const lists = h("div", { class: "cb-grid-fields cb-lists" });
  const none = h("p", { class: "cb-help", text: T.compose_no_variables });
  const found = h("p", { class: "cb-help" });
  const how = segments(
    T.compose_cases_how,
    [
      [false, T.compose_by_rows],
      [true, T.compose_by_lists],
    ],
    form.by_lists,
    (chosen) => {
      form.by_lists = chosen;
      composer.changed();
    },
    { hideLabel: true },
  );
  const combinations = h("p", { class: "cb-help", role: "status" });
  const draws = numberInput(form.draws, composer.set("draws"), { min: 0, step: 1, placeholder: T.compose_all });
  const listsBox = h(
    "div",
    { class: "cb-stack" },
    lists,
    combinations,
    h("div", { class: "cb-grid-fields" }, field(T.compose_draws, draws, { path: "draws", help: T.compose_draws_help })),
  );
  const samples = numberInput(form.samples, composer.set("samples"), {
    min: 1,
    max: 8,
    step: 1,
    usual: DEFAULTS.samples,
  });
  const tableBox = h("div", { class: "cb-stack", "data-field": "cases" }, table, fieldError());
  let all = false;
  let edition = 0; // of the table's rows

  composer.watch(() => {
    const names = variablesOf(form);
    for (const node of [how, found]) show(node, names.length > 0);
    show(none, !names.length);
    show(tableBox, names.length > 0 && !form.by_lists);
    show(listsBox, names.length > 0 && form.by_lists);
    setText(
      found,
      fill(names.length === 1 ? T.compose_variable_found : T.compose_variables_found, {
        names: names.map((n) => "{" + n + "}").join(", "),
      }),
    );
    setText(combinations, fill(T.compose_combinations, { count: combinationsOf(form).toLocaleString(document.documentElement.lang || undefined) }));
  });
  composer.part(
    lists,
    () => variablesOf(form),
    (watch) =>
      variablesOf(form).map((name) => {
        const count = h("span", { class: "cb-muted" });
        watch(() => setText(count, String(linesOf(form.lists[name]).length)));
        const put = (said) => {
          form.lists[name] = said;
          composer.changed();
        };
        return field(
          "{" + name + "}",
          textArea(form.lists[name], put, { rows: 5, placeholder: T.compose_one_per_line }),
          {
            path: "variables." + name,
            beside: count,
          },
        );
      }),
  );

  // ---- the table ---------------------------------------------------------------------------------------------------

  const pasted = textArea("", () => {}, { rows: 6 });
  const pasteHelp = h("p", { class: "cb-help" });
  const paste = h(
    "div",
    { class: "cb-panel-card", hidden: true },
    field(T.compose_paste, pasted),
    pasteHelp,
    h(
      "div",
      { class: "cb-row" },
      textButton(T.compose_paste_add, addPasted, { class: "cb-primary" }),
      textButton(T.cancel, () => openPaste(false), { class: "cb-quiet" }),
    ),
  );
  const pasteButton = textButton(
    T.compose_paste,
    () => openPaste(paste.hidden),
    { class: "cb-quiet", "aria-expanded": "false" },
    "copy",
  );

  function openPaste(open) {
    show(paste, open);
    setAttr(pasteButton, "aria-expanded", String(open));
    (open ? pasted : pasteButton).focus();
  }

  function addPasted() {
    const rows = readCases(pasted.value, variablesOf(form));
    form.cases = [...filledCases(form).map((i) => form.cases[i]), ...rows];
    if (!form.cases.length) form.cases.push({ values: {}, tag: "" });
    edition += 1;
    pasted.value = "";
    composer.changed();
    openPaste(false);
    composer.say(fill(T.compose_pasted, { count: rows.length }));
  }

  composer.watch(() => {
    const names = variablesOf(form);
    setText(
      pasteHelp,
      names.length > 1 ? fill(T.compose_paste_help, { names: [...names, "tag"].join(", ") }) : T.compose_paste_help_one,
    );
  });
  composer.part(
    table,
    () => [variablesOf(form), edition, all],
    (watch) => {
      const names = variablesOf(form);
      const shown = all ? form.cases : form.cases.slice(0, CASES_SHOWN);
      const rows = shown.map((row, i) => caseRow(row, i, names));
      // a refusal names the cases that are sent: rows in which nothing was typed are not among them
      watch(() => {
        const filled = filledCases(form);
        rows.forEach((tr, i) => {
          const sent = filled.indexOf(i);
          setAttr(tr, "data-field", sent < 0 ? null : "cases." + sent);
          tr.querySelectorAll("[data-name]").forEach((cell) =>
            setAttr(cell, "data-field", sent < 0 ? null : "cases." + sent + "." + cell.dataset.name),
          );
        });
      });
      const head = [...names.map((name) => "{" + name + "}"), T.compose_tag];
      return [
        h(
          "table",
          { class: "cb-case-table", style: "--cb-columns: " + names.length },
          h("caption", { class: "cb-offscreen", text: T.compose_cases }),
          h("thead", {}, h("tr", {}, ...head.map((words) => h("th", { scope: "col", text: words })), h("td"))),
          h("tbody", {}, rows),
        ),
        shown.length < form.cases.length &&
          textButton(
            fill(T.compose_show_cases, { count: form.cases.length }),
            () => {
              all = true;
              composer.changed();
            },
            { class: "cb-quiet" },
          ),
        h("div", { class: "cb-row" }, addButton(T.compose_add_case, addCase), pasteButton),
        paste,
      ];
    },
  );

  function addCase() {
    form.cases.push({ values: {}, tag: "" });
    edition += 1;
    all = true;
    composer.changed();
    [...table.querySelectorAll("tbody tr")].at(-1).querySelector("textarea").focus();
  }

  function caseRow(row, i, names) {
    const cell = (label, control, name) =>
      h("td", { "data-name": name, "data-label": label }, control, name && fieldError());
    const number = i + 1;
    return h(
      "tr",
      {},
      ...names.map((name) =>
        cell(
          "{" + name + "}",
          textArea(
            row.values[name],
            (said) => {
              row.values[name] = said;
              composer.changed();
            },
            { rows: 1, "aria-label": fill(T.compose_case_value, { name, number }) },
          ),
          name,
        ),
      ),
      cell(
        T.compose_tag,
        textInput(
          row.tag,
          (said) => {
            row.tag = said;
            composer.changed();
          },
          { "aria-label": fill(T.compose_case_tag, { number }), placeholder: T.compose_optional },
        ),
      ),
      h(
        "td",
        { class: "cb-case-end" },
        iconButton(
          "close",
          fill(T.compose_remove_case, { number }),
          () => {
            form.cases.splice(i, 1);
            if (!form.cases.length) form.cases.push({ values: {}, tag: "" });
            edition += 1;
            composer.changed();
            table.querySelectorAll(".cb-remove")[Math.min(i, form.cases.length - 1)]?.focus();
          },
          { class: "cb-remove" },
        ),
      ),
    );
  }

  return h(
    "div",
    { class: "cb-stack cb-cases-box" },
    h("h4", { class: "cb-subhead", text: T.compose_cases }),
    none,
    found,
    how,
    tableBox,
    listsBox,
    h(
      "div",
      { class: "cb-grid-fields" },
      field(T.compose_samples, samples, { path: "samples", help: T.compose_samples_help }),
    ),
  );
}
