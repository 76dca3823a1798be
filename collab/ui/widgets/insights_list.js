// The list of studies, and what is shown where there is none yet.
function noStudies() {
  return h(
    "div",
    { class: "cb-empty", hidden: true },
    h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon("chart")),
    h("h3", { text: T.in_empty_title }),
    h("p", { text: T.in_empty_text }),
    h(
      "ol",
      { class: "in-steps" },
      T.in_empty_steps.map((step) => h("li", { text: step })),
    ),
    textButton(T.in_compose, () => trigger("compose", {}), { class: "cb-primary" }),
  );
}

function studyList(open) {
  const list = h("ul", { class: "in-list" });
  const rows = keyedRows(list, (study) => study.study_id, (study) => studyRow(study, open));
  const node = h(
    "div",
    { class: "in-studies", hidden: true },
    h(
      "div",
      { class: "cb-row cb-spread in-studies-head" },
      h("h2", { class: "in-page-title", text: T.in_studies }),
      textButton(T.in_compose, () => trigger("compose", {}), { class: "cb-primary" }),
    ),
    list,
  );

  return { node, update: rows.update, row: rows.node };
}

function studyRow(study, open) {
  const { study_id: id, items, items_complete: complete } = study;
  const done = items && known(complete) ? Math.min(1, complete / items) : null;
  return h(
    "li",
    { class: "in-item" },
    h(
      "div",
      { class: "in-item-head" },
      h("button", {
        type: "button", class: "in-row-open", dir: "auto", translate: "no", text: study.title, onclick: () => open(id),
      }),
      h("time", { class: "cb-muted", datetime: study.created_at, text: dateTime(study.created_at) }),
    ),
    h(
      "div",
      { class: "in-item-foot" },
      statusMark(study.status),
      h("span", {
        class: "cb-muted",
        text: words("in_task", study.task) + " · " + words("in_modality", study.modality),
      }),
      h("span", {
        class: "cb-muted in-tabular",
        text: [plural("in_answers", study.answers), known(study.annotators) && plural("in_people", study.annotators)]
          .filter(Boolean)
          .join(" · "),
      }),
      h(
        "span",
        { class: "cb-muted in-tabular in-study-items" },
        done !== null && h("span", { class: "in-bar in-bar-small", "aria-hidden": "true" }, barFill(done)),
        done === null
          ? plural("in_items", items)
          : fill(T.in_items_complete, { complete: number(complete), items: number(items) }),
      ),
    ),
  );
}

function statusMark(status) {
  return h("span", { class: "in-state", "data-status": status, text: words("in_status", status) });
}

function barFill(share) {
  const node = h("span", { class: "in-bar-fill" });
  node.style.width = Math.round(share * 1000) / 10 + "%";
  return node;
}
