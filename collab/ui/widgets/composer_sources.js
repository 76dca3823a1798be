// Section 2: what is judged. One of three sources is used: the one whose tab is open.
const SOURCES = ["arms", "outputs", "import"];

function sourceSection(composer) {
  const { form } = composer;
  const bodies = { arms: armsPanel, outputs: outputsPanel, import: importPanel };
  const panels = {};
  const tabs = SOURCES.map((source) => {
    const id = controlId();
    panels[source] = h(
      "div",
      {
        class: "cb-tabpanel",
        role: "tabpanel",
        id: id + "-panel",
        "aria-labelledby": id,
        "data-field": source === "arms" ? null : source,
      },
      bodies[source](composer),
      source === "arms" ? null : fieldError(),
    );
    return h("button", {
      type: "button",
      role: "tab",
      class: "cb-tab",
      id,
      "aria-controls": id + "-panel",
      onclick: () => open(source),
      text: T["compose_source_" + source],
    });
  });
  const bar = h("div", { class: "cb-tabs", role: "tablist", "aria-label": T.compose_section_source }, tabs);
  roving(bar, tabs, (i) => open(SOURCES[i]));

  function open(source) {
    form.source = source;
    composer.changed();
  }

  composer.watch(() => {
    const at = SOURCES.indexOf(form.source);
    tabs.forEach((tab, i) => setAttr(tab, "aria-selected", String(i === at)));
    setRoving(tabs, at);
    for (const source of SOURCES) show(panels[source], source === form.source);
  });
  return section("source", 2, T.compose_section_source, T.compose_section_source_help, [bar, ...Object.values(panels)]);
}

// ---- prompts and models --------------------------------------------------------------------------------------------

const ARM_SETTINGS = {
  text: [
    ["max_new_tokens", { min: 1, max: 2048, step: 1 }],
    ["temperature", { min: 0, max: 2, step: "any" }],
    ["top_p", { min: 0.05, max: 1, step: "any" }],
    ["top_k", { min: 0, max: 200, step: 1 }],
    ["repetition_penalty", { min: 0.8, max: 2, step: "any" }],
  ],
  image: [
    ["num_inference_steps", { min: 1, max: 100, step: 1 }],
    ["guidance_scale", { min: 0, max: 20, step: "any" }],
    ["width", { min: 32, max: 1536, step: 8 }],
    ["height", { min: 32, max: 1536, step: 8 }],
  ],
};
const TYPED_MODEL = "\u0000typed"; // the choice “another, by name”: no model is called that

function armsPanel(composer) {
  const { form } = composer;
  const list = h("div", { class: "cb-arms" });
  const sameModel = addButton(T.compose_add_prompt, () => addArm(false), { "data-start": true });
  const samePrompt = addButton(T.compose_add_model, () => addArm(true));
  const note = h("p", { class: "cb-help", text: T.compose_arms_help });

  function addArm(keepPrompt) {
    if (form.arms.length >= ARMS[form.task][1]) return;
    const from = form.arms.at(-1) || blankArm();
    const arm = { ...structuredClone(from), key: newId(), name: "" };
    if (keepPrompt) arm.model[form.modality] = unusedModel();
    else Object.assign(arm, { prompt: "", version: null });
    form.arms.push(arm);
    composer.changed();
    const row = list.lastElementChild;
    row.querySelector(keepPrompt ? ".cb-model" : ".cb-prompt").focus();
  }

  function unusedModel() {
    const used = form.arms.map((arm) => modelOf(arm, form, composer.value));
    const models = modelsOf(form, composer.value).map((model) => model.name);
    return models.find((name) => !used.includes(name)) || used.at(-1);
  }

  composer.watch(() => {
    const most = ARMS[form.task][1];
    const full = form.arms.length >= most ? fill(T.compose_arms_full, { most }) : null;
    setBlocked(sameModel, full);
    setBlocked(samePrompt, full);
  });
  composer.part(
    list,
    () => [form.arms.map((arm) => arm.key), form.modality, modelsOf(form, composer.value)],
    (watch) => form.arms.map((arm, i) => armRow(composer, arm, i, list, watch)),
  );
  return h(
    "div",
    { class: "cb-stack", "data-field": "arms" },
    list,
    h("div", { class: "cb-row cb-adders" }, sameModel, samePrompt),
    note,
    fieldError(),
    casesPanel(composer),
  );
}

function armRow(composer, arm, i, list, watch) {
  const { form } = composer;
  const number = i + 1;
  const at = "arms." + i + ".";
  const put = (name) => (said) => {
    arm[name] = said;
    composer.changed();
  };
  const name = textInput(arm.name, put("name"), {
    class: "cb-input cb-arm-name",
    "aria-label": fill(T.compose_arm_name, { number }),
  });
  const prompt = textArea(arm.prompt, put("prompt"), {
    class: "cb-input cb-prompt",
    rows: 3,
    placeholder: T["compose_prompt_example_" + form.modality],
  });
  const saved = h("p", { class: "cb-help" });
  const folded = fold(T["compose_arm_more_" + form.modality], armMore(composer, arm, at, watch));
  const row = h(
    "div",
    {
      class: "cb-panel-card cb-arm",
      role: "group",
      "aria-label": fill(T.compose_arm, { number }),
      "data-field": "arms." + i,
    },
    h(
      "div",
      { class: "cb-panel-head" },
      h("span", { class: "cb-number", "aria-hidden": "true", text: String(number) }),
      name,
      iconButton(
        "close",
        fill(T.compose_remove_arm, { number }),
        () => {
          form.arms.splice(i, 1);
          composer.changed();
          const next = list.querySelectorAll(".cb-remove")[Math.min(i, form.arms.length - 1)];
          (next || list.parentNode.querySelector(".cb-add")).focus();
        },
        { class: "cb-remove" },
      ),
    ),
    field(T.compose_prompt, prompt, { path: at + "prompt", beside: recentPrompts(composer, arm, prompt, number) }),
    saved,
    modelField(composer, arm, at),
    folded.node,
    fieldError(),
  );
  watch(() => {
    setAttr(
      name,
      "placeholder",
      armNames({ ...form, arms: form.arms.map((a) => (a === arm ? { ...a, name: "" } : a)) }, composer.value)[i],
    );
    const version = savedVersion(arm, form, composer.value);
    setText(saved, version ? T.compose_saved_prompt : "");
    show(saved, !!version);
    const used = Object.values(arm.settings[form.modality]).filter((v) => v !== null).length;
    const told = form.modality === "text" ? arm.system_text : arm.negative_prompt;
    setText(folded.note, used || told.trim() ? T.compose_arm_more_used : "");
  });
  return row;
}

function recentPrompts(composer, arm, prompt, number) {
  const { form } = composer;
  const recent = ((composer.value && composer.value.prompts) || []).filter((p) => p.modality === form.modality);
  if (!recent.length) return null;
  const options = recent.map((p, n) => [
    String(n),
    p.title ? shorten(p.title, 30) + " · " + shorten(p.text, 40) : shorten(p.text, 60),
  ]);
  const select = selectInput([["", T.compose_recent], ...options], "", choose, {
    class: "cb-input cb-recent",
    "aria-label": fill(T.compose_recent_label, { number }),
  });
  function choose(chosen) {
    const found = recent[Number(chosen)];
    select.value = "";
    if (chosen === "" || !found) return;
    arm.prompt = prompt.value = found.text;
    arm.version = { id: found.prompt_version_id, text: found.text };
    composer.changed();
  }
  return withChevron(select);
}

function modelField(composer, arm, at) {
  const { form } = composer;
  const models = modelsOf(form, composer.value);
  const now = modelOf(arm, form, composer.value);
  const listed = models.some((model) => model.name === now);
  const options = models.map((model) => [model.name, model.title || model.name]);
  const typed = textInput(listed ? "" : now, put, { placeholder: T.compose_model_example });
  const typedField = field(T.compose_model_name, typed, { hideLabel: true });
  const select = selectInput(
    [...options, [TYPED_MODEL, T.compose_model_other]],
    listed ? now : TYPED_MODEL,
    (chosen) => {
      const other = chosen === TYPED_MODEL;
      show(typedField, other);
      put(other ? typed.value : chosen);
      if (other) typed.focus();
    },
    { class: "cb-input cb-model" },
  );
  function put(name) {
    arm.model[form.modality] = name.trim();
    composer.changed();
  }
  show(typedField, !listed);
  const node = field(T.compose_model, select, { path: at + "model" });
  node.insertBefore(typedField, node.lastElementChild);
  return node;
}

function armMore(composer, arm, at, watch) {
  const { form } = composer;
  const text = form.modality === "text";
  const aside = text ? "system_text" : "negative_prompt";
  const area = textArea(arm[aside], (said) => {
    arm[aside] = said;
    composer.changed();
  });
  const note = h("p", { class: "cb-help", text: T.compose_saved_aside });
  const settings = arm.settings[form.modality];
  watch(() => {
    const saved = !!savedVersion(arm, form, composer.value);
    area.disabled = saved;
    show(note, saved);
  });
  return [
    field(T["compose_" + aside], area, { path: at + aside }),
    note,
    h(
      "div",
      { class: "cb-grid-fields", "data-field": at + "settings" },
      ...ARM_SETTINGS[form.modality].map(([name, range]) =>
        field(
          T["compose_" + name],
          numberInput(
            settings[name],
            (said) => {
              settings[name] = said;
              composer.changed();
            },
            { ...range, placeholder: T.compose_models_own },
          ),
          { path: at + "settings." + name },
        ),
      ),
      fieldError(),
    ),
  ];
}
