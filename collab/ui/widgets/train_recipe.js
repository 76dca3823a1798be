// The recipe of one training: the model, a few numbers, the rest folded away; in words, as a command, and started.
const USUAL = ["epochs", "learning_rate", "rank"];
const PLAN_AFTER_MS = 350;

function recipePanel({ ask, started, close }) {
  const title = h("h3", { class: "rf-panel-title" });
  const model = h("select", { class: "in-select", onchange: changed });
  const earlier = h("select", { class: "in-select", onchange: changed });
  const earlierField = fieldOf(T.tr_continue, earlier, T.tr_continue_how);
  const usual = h("div", { class: "tr-fields" });
  const more = h("div", { class: "tr-fields" });
  const advanced = h("details", { class: "rf-settings" }, h("summary", { text: T.tr_advanced }), more);
  const mix = mixPanel({ changed });
  const said = h("p", { class: "tr-said", dir: "auto", "aria-live": "polite" });
  const time = h("p", { class: "cb-muted tr-small" });
  const command = h("code", { class: "tr-command", tabindex: "0", dir: "ltr", "aria-label": T.tr_command });
  const copy = iconButton("copy", T.tr_copy_command, copyCommand);
  const commandBox = h("div", { class: "tr-command-box" }, command, copy);
  const note = failure();
  const go = textButton(T.tr_start, begin, { class: "cb-primary" });
  const node = h(
    "form",
    { class: "rf-panel tr-recipe", "aria-label": T.tr_recipe, hidden: true, novalidate: true },
    h(
      "div",
      { class: "cb-row cb-spread rf-panel-head" },
      title,
      iconButton("close", T.tr_close, () => close()),
    ),
    h("div", { class: "tr-fields" }, fieldOf(T.tr_model, model), earlierField),
    usual,
    mix.node,
    advanced,
    said,
    time,
    commandBox,
    note,
    h("div", { class: "cb-row rf-panel-foot" }, go, textButton(T.cancel, () => close(), {})),
  );
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!go.disabled) begin();
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close();
  });
  let lesson = null;
  let fields = new Map(); // name -> {input, spec}
  let asking = 0;
  let timer = 0;

  // kept: what stood in the form before the page was reloaded
  function open(next, kept = null) {
    lesson = next;
    const { recipe } = lesson;
    node.dataset.kind = lesson.kind;
    setText(title, fill(T.tr_recipe_of, { kind: kindName(lesson.kind) }));
    offer(
      model,
      recipe.models.map((each) => [each.name, each.title]),
    );
    offer(earlier, [["", T.tr_continue_none], ...recipe.earlier.map((each) => [each.version_id, each.name])]);
    show(earlierField, recipe.earlier.length > 0);
    fields = new Map(recipe.settings.map((spec) => [spec.name, recipeField(spec, changed)]));
    const nodes = (names) => names.filter((name) => fields.has(name)).map((name) => fields.get(name).node);
    usual.replaceChildren(...nodes(USUAL));
    more.replaceChildren(...nodes([...fields.keys()].filter((name) => !USUAL.includes(name))));
    mix.open(lesson.mix);
    if (kept) fillIn(kept);
    tell(note, "");
    show(node, true);
    plan();
    if (kept) return;
    keep();
    node.scrollIntoView({ block: "nearest" });
    model.focus({ preventScroll: true });
  }

  function keep() {
    const boxes = Object.fromEntries([...fields].map(([name, field]) => [name, field.typed()]));
    const said = { kind: lesson.kind, model: model.value, earlier: earlier.value, boxes, mix: mix.typed() };
    drafts.set("train", "recipe", JSON.stringify(said));
  }

  function fillIn(kept) {
    choose(model, kept.model);
    choose(earlier, kept.earlier);
    for (const [name, field] of fields) {
      if (!(name in kept.boxes)) continue;
      field.type(kept.boxes[name]);
      if (!USUAL.includes(name) && field.value() !== field.spec.value) advanced.open = true;
    }
    mix.type(kept.mix);
  }

  // What differs from the usual, by name. A box that holds no number goes as it is: the server says what is wrong.
  function settings() {
    const found = {};
    for (const [name, field] of fields) {
      const value = field.value();
      if (value !== field.spec.value) found[name] = value;
    }
    const weights = mix.value();
    if (Object.keys(weights).length) found.mix = weights;
    if (earlier.value) found.continue_from = earlier.value;
    else if (model.value && model.value !== lesson.recipe.models[0]?.name) found.model = model.value;
    return found;
  }

  function changed() {
    keep();
    clearTimeout(timer);
    timer = setTimeout(plan, PLAN_AFTER_MS);
  }

  // A weight that is none never leaves: the server knows prompts by their ids, and the form by their names.
  async function sent(act) {
    const error = mix.problem();
    return error ? { ok: false, error } : ask({ act, kind: lesson.kind, settings: settings() });
  }

  async function plan() {
    const turn = ++asking;
    model.disabled = !!earlier.value;
    const weighed = mix.said();
    const answer = await sent("plan");
    if (turn !== asking) return;
    go.disabled = !answer.ok;
    tell(note, answer.ok ? "" : answer.error || T.refused_unknown);
    for (const each of [said, time, commandBox]) show(each, answer.ok);
    if (!answer.ok) return;
    setText(said, recipeWords({ ...answer.plan, weighed }));
    setText(
      time,
      [
        plural("tr_steps", answer.plan.steps),
        known(answer.plan.seconds) ? fill(T.tr_about, { time: seconds(answer.plan.seconds) }) : T.tr_time_unknown,
      ].join(" · "),
    );
    setText(command, answer.plan.command);
  }

  async function copyCommand() {
    const done = await copyText(command.textContent);
    setAttr(copy, "aria-label", done ? T.copied : T.copy_failed);
    setTimeout(() => setAttr(copy, "aria-label", T.tr_copy_command), 3000);
  }

  async function begin() {
    clearTimeout(timer);
    asking += 1; // a plan that is still being asked for changes nothing any more
    const answer = await press(go, note, () => sent("start"));
    if (answer) started(answer.training);
  }

  return { node, open, kind: () => (node.hidden ? "" : lesson.kind) };
}

// One number (or yes and no) of a recipe, with its range and what it does.
function recipeField(spec, changed) {
  const name = T["tr_set_" + spec.name] || spec.name;
  const how = T["tr_how_" + spec.name] || "";
  if (spec.kind === "bool") {
    const box = h("input", { type: "checkbox", onchange: changed });
    box.checked = !!spec.value;
    const label_ = h("span", {}, h("b", { text: name }), how && h("span", { class: "in-how", text: how }));
    return {
      spec,
      node: h("label", { class: "rf-check" }, box, label_),
      value: () => box.checked,
      typed: () => box.checked,
      type: (checked) => (box.checked = checked),
    };
  }
  const input = h("input", {
    class: "in-field rf-short",
    inputmode: "decimal",
    value: plainNumber(spec.value),
    autocomplete: "off",
    name: spec.name,
    dir: "ltr",
    oninput: changed,
  });
  return {
    spec,
    node: fieldOf(name, input, how),
    value: () => typedNumber(input),
    typed: () => input.value,
    type: (text) => (input.value = text),
  };
}

// Choose what is still offered; else all stays as it is.
function choose(select, value) {
  if ([...select.options].some((option) => option.value === value)) select.value = value;
}

// What stands in a box: a number; what it is where it is none; null for nothing.
function typedNumber(input) {
  const told = input.value.trim().replace(",", ".");
  return told !== "" && Number.isFinite(Number(told)) ? Number(told) : told || null;
}
