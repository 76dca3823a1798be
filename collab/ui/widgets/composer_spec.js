// The spec of a study from the form, the form from a spec, and what the form still lacks.
function specOf(form, value) {
  const number = (name) => form[name] ?? DEFAULTS[name];
  const spec = {
    title: form.title.trim(),
    task: form.task,
    modality: form.modality,
    question: form.source === "import" && form.question === null ? "" : keptQuestion(form), // "": the file's
    guidelines: form.guidelines.trim(),
    worked_examples: form.worked_examples
      .map(({ prompt, outputs, output_ids, answer, why }) => ({
        prompt,
        ...(form.modality === "image" ? { output_ids } : { outputs: outputs.filter((o) => o.trim()) }),
        answer,
        why,
      }))
      .filter((e) => [e.prompt, e.answer, e.why].some((s) => s.trim()) || (e.outputs || e.output_ids).length),
    ...sourceSpec(form, value),
    overlap: form.overlap ?? overlapDefault(form),
    target: targetSpec(form),
    quota: number("quota"),
    access: form.access,
    reveal: form.reveal,
    adaptive: form.adaptive && form.task === "compare",
    gold_share: number("gold_share"),
    repeat_share: number("repeat_share"),
    lease_minutes: number("lease_minutes"),
  };
  if (form.seed !== null) spec.seed = form.seed;
  if (form.claim === "me" && form.task === "compare") spec.evidence = { scope: "panel", panel: ["me"] };
  else if (form.evidence) spec.evidence = form.evidence;
  if (askedQuestions(form).length) {
    const names = questionNames(form);
    spec.questions = form.questions.map(({ title, kind, options, required }, i) => ({
      name: names[i],
      title: title.trim(),
      kind,
      options: OPTION_KINDS.includes(kind) ? linesOf(options) : [],
      required,
    }));
  }
  if (form.gold.length)
    spec.gold = form.gold.map((gold) => ({
      ...goldShown(gold, form),
      ...(gold.picked ? { output_ids: gold.output_ids } : { outputs: goldTexts(gold, form) }),
      expected: expectedOf(gold, form),
    }));
  return spec;
}

function sourceSpec(form, value) {
  if (form.source === "outputs") return { outputs: form.groups[form.modality] };
  if (form.source === "import") return { import: { upload_id: form.import ? form.import.upload_id : "" } };
  const names = armNames(form, value);
  const spec = { arms: form.arms.map((arm, i) => armSpec(arm, names[i], form, value)) };
  const variables = variablesOf(form);
  if (variables.length && form.by_lists) {
    spec.variables = Object.fromEntries(variables.map((name) => [name, linesOf(form.lists[name])]));
    spec.draws = form.draws ?? DEFAULTS.draws;
  } else if (variables.length)
    spec.cases = filledCases(form).map((i) => ({
      variables: Object.fromEntries(variables.map((name) => [name, form.cases[i].values[name] || ""])),
      tag: form.cases[i].tag.trim(),
    }));
  spec.samples = form.samples ?? DEFAULTS.samples;
  return spec;
}

function armSpec(arm, name, form, value) {
  const text = form.modality === "text";
  const saved = savedVersion(arm, form, value);
  const settings = Object.fromEntries(Object.entries(arm.settings[form.modality]).filter(([, v]) => v !== null));
  return {
    name,
    ...(saved ? { prompt_version_id: arm.version.id } : { prompt: arm.prompt }),
    ...(!saved && text && arm.system_text.trim() ? { system_text: arm.system_text } : {}),
    ...(!saved && !text && arm.negative_prompt.trim() ? { negative_prompt: arm.negative_prompt } : {}),
    model: modelOf(arm, form, value),
    ...(Object.keys(settings).length ? { settings } : {}),
  };
}

// A chosen prompt goes by its id only while its words stand, and while it is one for this kind of output.
function savedVersion(arm, form, value) {
  if (!arm.version || arm.version.text !== arm.prompt) return null;
  const listed = ((value && value.prompts) || []).find((p) => p.prompt_version_id === arm.version.id);
  return listed && listed.modality !== form.modality ? null : arm.version;
}

function targetSpec(form) {
  if (form.target === "votes") return { votes: form.votes ?? DEFAULTS.votes };
  if (form.target === "interval") return { interval_width: form.interval_width ?? DEFAULTS.interval_width };
  return {};
}

// ---- gold ----------------------------------------------------------------------------------------------------------

function goldCount(gold, form) {
  const [least, most] = GROUP_SIZES[form.task];
  const given = gold.picked ? gold.output_ids.length : gold.outputs.length;
  return Math.min(most, Math.max(least, given));
}

function goldTexts(gold, form) {
  return Array.from({ length: goldCount(gold, form) }, (_, i) => gold.outputs[i] || "");
}

// What stands beside a gold item's outputs: what stands beside those of the other items, or it would be known by it.
function goldShown(gold, form) {
  const names = goldLabels(form);
  if (names.length > 1)
    return { variables: Object.fromEntries(names.map((name) => [name, gold.variables[name] || ""])) };
  return { prompt: names.length ? gold.prompt : "" };
}

// The answer that is right for a gold item, or null while it is not complete. A is the first output.
function expectedOf(gold, form) {
  if (form.task === "compare") return gold.winner ? { winner: gold.winner } : null;
  if (form.task === "edit") return gold.text.trim() ? { text: gold.text } : null;
  if (form.task === "rank") {
    const groups = [];
    for (let i = 0; i < goldCount(gold, form); i += 1) {
      if (!gold.places[i]) return null;
      (groups[gold.places[i]] ||= []).push(letter(i));
    }
    return { groups: groups.filter(Boolean) };
  }
  const names = questionNames(form);
  const said = askedQuestions(form).flatMap((question, i) => {
    const answer = gold.values[question.key];
    const none = answer === undefined || answer === "" || (Array.isArray(answer) && !answer.length);
    return none ? [] : [[names[i], answer]];
  });
  return said.length ? { values: Object.fromEntries(said) } : null;
}

function letter(i) {
  return String.fromCharCode(65 + i);
}

// ---- what is missing -----------------------------------------------------------------------------------------------

// The first thing that is not there yet: {field, error}, or null. What is there but wrong, the server says.
function missingIn(form, value) {
  const lacks = (field, error, values = {}) => ({ field, error: fill(error, values), missing: true });
  if (!form.title.trim()) return lacks("title", T.compose_no_title);
  if (!questionOf(form).trim()) return lacks("question", T.compose_no_question);
  const found = { arms: missingInArms, outputs: missingInOutputs, import: missingInImport }[form.source](
    form,
    value,
    lacks,
  );
  if (found) return found;
  if (form.task === "rate" && !bringsQuestions(form)) {
    if (!form.questions.length) return lacks("questions", T.compose_no_questions);
    for (const [i, { title, kind, options }] of form.questions.entries()) {
      if (kind === "span" && form.modality === "image")
        return lacks("questions." + i + ".kind", T.compose_no_span, { number: i + 1 });
      if (!title.trim()) return lacks("questions." + i + ".title", T.compose_no_question_title, { number: i + 1 });
      if (OPTION_KINDS.includes(kind) && linesOf(options).length < 2)
        return lacks("questions." + i + ".options", T.compose_no_options, { number: i + 1 });
    }
  }
  for (const [i, gold] of form.gold.entries()) {
    const given = gold.picked ? gold.output_ids : goldTexts(gold, form).filter((text) => text.trim());
    if (given.length < GROUP_SIZES[form.task][0])
      return lacks("gold." + i + ".outputs", T.compose_no_gold, { number: i + 1 });
    if (!expectedOf(gold, form)) return lacks("gold." + i + ".expected", T.compose_no_expected, { number: i + 1 });
  }
  return null;
}

function missingInArms(form, value, lacks) {
  const [least] = ARMS[form.task];
  if (form.arms.length < least)
    return lacks("arms", T["compose_few_arms_" + form.task], { least, count: form.arms.length });
  for (const [i, arm] of form.arms.entries()) {
    if (!arm.prompt.trim() && !savedVersion(arm, form, value))
      return lacks("arms." + i + ".prompt", T.compose_no_prompt, { number: i + 1 });
    if (!modelOf(arm, form, value)) return lacks("arms." + i + ".model", T["compose_no_model_" + form.modality]);
  }
  const names = variablesOf(form);
  if (!names.length) return null;
  if (form.by_lists) {
    const empty = names.find((name) => !linesOf(form.lists[name]).length);
    return empty ? lacks("variables." + empty, T.compose_no_list, { name: empty }) : null;
  }
  const filled = filledCases(form);
  if (!filled.length) return lacks("cases", T.compose_no_cases, { name: names[0] });
  for (const [n, i] of filled.entries()) {
    const empty = names.find((name) => !(form.cases[i].values[name] || "").trim());
    if (empty) return lacks("cases." + n + "." + empty, T.compose_no_value, { number: i + 1, name: empty });
  }
  return null;
}

function missingInOutputs(form, value, lacks) {
  if (form.open_group[form.modality].length) return lacks("outputs", T["compose_open_group_" + form.task]);
  return form.groups[form.modality].length ? null : lacks("outputs", T["compose_no_outputs_" + form.task]);
}

function missingInImport(form, value, lacks) {
  return form.import ? null : lacks("import", T.compose_no_file);
}

// ---- from a spec ---------------------------------------------------------------------------------------------------

function formOf(spec, value) {
  const form = blankForm(spec.modality === "image" ? "image" : "text");
  for (const name of [
    "task",
    "title",
    "guidelines",
    "samples",
    "draws",
    "overlap",
    "quota",
    "access",
    "reveal",
    "adaptive",
    "gold_share",
    "repeat_share",
    "lease_minutes",
    "seed",
  ])
    if (spec[name] !== undefined && spec[name] !== null) form[name] = spec[name];
  if (spec.question && questionWords(spec.question) !== usualQuestion(form)) form.question = spec.question;
  form.worked_examples = (spec.worked_examples || []).map((e) => ({
    key: newId(),
    prompt: "",
    outputs: [],
    output_ids: [],
    answer: "",
    why: "",
    ...e,
  }));
  const panel = (spec.evidence && spec.evidence.panel) || [];
  if (panel.length === 1 && panel[0] === "me") form.claim = "me";
  else if (spec.evidence) form.evidence = spec.evidence;
  if (spec.target && spec.target.votes) Object.assign(form, { target: "votes", votes: spec.target.votes });
  if (spec.target && spec.target.interval_width)
    Object.assign(form, { target: "interval", interval_width: spec.target.interval_width });
  if (spec.arms) form.arms = spec.arms.map((arm) => armOf(arm, form.modality, value));
  if (spec.cases && spec.cases.length)
    form.cases = spec.cases.map((row) => ({ values: { ...row.variables }, tag: row.tag || "" }));
  if (spec.variables) {
    form.by_lists = true;
    form.lists = Object.fromEntries(Object.entries(spec.variables).map(([name, list]) => [name, list.join("\n")]));
  }
  if (spec.outputs) {
    form.source = "outputs";
    form.groups[form.modality] = spec.outputs;
  }
  if (spec.import) Object.assign(form, { source: "import", import: { ...spec.import } });
  if (spec.questions)
    form.questions = spec.questions.map((q) => ({
      ...blankQuestion(q.kind),
      ...q,
      key: newId(),
      options: (q.options || []).join("\n"),
    }));
  form.gold = (spec.gold || []).map((gold) => goldOf(gold, form, spec.questions || []));
  if (form.gold.length) form.reveal = false; // it would tell which items are gold
  return form;
}

function armOf(given, modality, value) {
  const arm = { ...blankArm(), name: given.name || "", prompt: given.prompt || "" };
  arm.system_text = given.system_text || "";
  arm.negative_prompt = given.negative_prompt || "";
  arm.model[modality] = given.model || "";
  arm.settings[modality] = { ...given.settings };
  if (given.prompt_version_id) {
    const listed = ((value && value.prompts) || []).find((p) => p.prompt_version_id === given.prompt_version_id);
    if (listed) arm.prompt = listed.text;
    arm.version = { id: given.prompt_version_id, text: arm.prompt };
  }
  return arm;
}

function goldOf(given, form, questions) {
  const gold = { ...blankGold(form.modality), prompt: given.prompt || "", outputs: given.outputs || [] };
  gold.variables = { ...given.variables };
  const expected = given.expected || {};
  gold.picked = !given.outputs;
  gold.output_ids = given.output_ids || [];
  gold.winner = expected.winner || "";
  gold.text = expected.text || "";
  (expected.groups || []).forEach((group, place) => {
    for (const label of group) gold.places[label.charCodeAt(0) - 65] = place + 1;
  });
  questions.forEach((question, i) => {
    const said = (expected.values || {})[question.name];
    if (said !== undefined) gold.values[form.questions[i].key] = said;
  });
  return gold;
}
