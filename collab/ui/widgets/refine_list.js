// The prompts that can be refined, and what is shown where there is none yet.
function noPrompts() {
  return h(
    "div",
    { class: "cb-empty", hidden: true },
    h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon("branch")),
    h("h3", { text: T.rf_empty_title }),
    h("p", { text: T.rf_empty_text }),
    h(
      "ol",
      { class: "in-steps" },
      T.rf_empty_steps.map((step) => h("li", { text: step })),
    ),
    textButton(T.rf_empty_button, () => trigger("start", {}), { class: "cb-primary" }),
  );
}

function promptList(open) {
  const list = h("ul", { class: "in-list" });
  const rows = keyedRows(list, (prompt) => prompt.prompt_id, (prompt) => promptRow(prompt, open));
  const node = h(
    "div",
    { hidden: true },
    h(
      "div",
      { class: "rf-list-head" },
      h("h2", { class: "in-page-title", text: T.rf_prompts }),
      h("p", { class: "cb-muted", text: T.rf_prompts_how }),
    ),
    list,
  );

  return { node, update: rows.update, row: rows.node };
}

function promptRow(prompt, open) {
  const title = prompt.title || T.rf_untitled;
  const stage = prompt.trial_stage;
  return h(
    "li",
    { class: "in-item" },
    h(
      "div",
      { class: "in-item-head" },
      h("button", {
        type: "button",
        class: "in-row-open",
        dir: "auto",
        text: title,
        onclick: () => open(prompt.prompt_id),
      }),
    ),
    h(
      "div",
      { class: "in-item-foot" },
      h(
        "span",
        { class: "rf-modality cb-muted" },
        icon(prompt.modality === "image" ? "image" : "text"),
        words("in_modality", prompt.modality),
      ),
      h("span", { class: "cb-muted in-tabular", text: plural("rf_versions", prompt.versions) }),
      h("span", { class: "cb-muted in-tabular", text: plural("rf_acts", prompt.acts) }),
      stage && h("span", { class: "in-state", "data-status": "open", text: words("rf_stage", stage) }),
    ),
  );
}
