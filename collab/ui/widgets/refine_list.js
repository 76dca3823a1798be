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
  const rows = new Map(); // prompt_id -> {node, told}
  const list = h("ul", { class: "in-list" });
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

  function update(prompts) {
    const kept = new Set(prompts.map((prompt) => prompt.prompt_id));
    for (const [id, row] of rows)
      if (!kept.has(id)) {
        row.node.remove();
        rows.delete(id);
      }
    prompts.forEach((prompt, i) => {
      let row = rows.get(prompt.prompt_id);
      if (!row || !sameJson(row.told, prompt)) {
        const fresh = promptRow(prompt, open);
        const focused = row && row.node.contains(document.activeElement);
        if (row) row.node.replaceWith(fresh);
        rows.set(prompt.prompt_id, (row = { node: fresh, told: prompt }));
        if (focused) fresh.querySelector("button").focus({ preventScroll: true });
      }
      if (list.children[i] !== row.node) list.insertBefore(row.node, list.children[i] || null);
    });
  }

  return { node, update, row: (id) => rows.get(id)?.node };
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
