// What the owner has typed for a new study (`form`), and the study's spec made of it. Knows nothing of the page.
const TASKS = ["compare", "rank", "rate", "edit"];
const GROUP_SIZES = { compare: [2, 2], rank: [3, 6], rate: [1, 1], edit: [1, 1] }; // outputs of one item: from, to
const ARMS = { compare: [2, 8], rank: [3, 6], rate: [1, 8], edit: [1, 8] };
const OPTION_KINDS = ["choice", "multi_choice"];
const DEFAULTS = {
  samples: 1,
  draws: 0,
  overlap: 3,
  votes: 200,
  interval_width: 0.2,
  quota: 0,
  gold_share: 0.1,
  repeat_share: 0,
  lease_minutes: 15,
};

function blankArm() {
  return {
    key: newId(),
    name: "",
    prompt: "",
    version: null, // {id, text}: the saved prompt that was chosen, as long as its words stand unchanged
    system_text: "",
    negative_prompt: "",
    model: { text: "", image: "" }, // empty: the first model of the list
    settings: { text: {}, image: {} },
  };
}

function blankQuestion(kind = "stars") {
  return { key: newId(), title: T["compose_asked_" + kind] || "", kind, options: "", required: true };
}

function blankGold(modality) {
  const picked = modality === "image";
  return {
    key: newId(),
    prompt: "",
    variables: {},
    picked,
    outputs: [],
    output_ids: [],
    winner: "",
    places: {},
    values: {},
    text: "",
  };
}

function blankForm(modality = "text") {
  return {
    modality,
    task: "compare",
    title: "",
    question: null, // null: the task's own question
    guidelines: "",
    worked_examples: [],
    source: "arms",
    arms: [blankArm(), blankArm()],
    by_lists: false,
    cases: [{ values: {}, tag: "" }],
    lists: {}, // variable -> its values, one a line
    draws: null,
    samples: null,
    groups: { text: [], image: [] },
    open_group: { text: [], image: [] },
    format: "table",
    import: null, // what the server said of the file
    questions: [blankQuestion()],
    overlap: null,
    target: "none",
    votes: null,
    interval_width: null,
    quota: null,
    access: "link",
    reveal: false,
    adaptive: false,
    claim: "people", // whom the evidence is to speak for: "people" like them, or "me" alone
    gold: [],
    gold_share: null,
    repeat_share: null,
    lease_minutes: null,
    seed: null,
  };
}

// After a change of task: as many arms as it takes, and no empty ones beyond that.
function fitArms(form) {
  const [least] = ARMS[form.task];
  const isBlank = (arm) => !arm.name && !arm.prompt && !arm.system_text && !arm.negative_prompt;
  while (form.arms.length > least && isBlank(form.arms.at(-1))) form.arms.pop();
  while (form.arms.length < least) form.arms.push(blankArm());
}

// ---- variables -----------------------------------------------------------------------------------------------------

// {{name}} stands for {name} itself and {{{name}}} for the value in braces, as on Create
const VARIABLE_NAME = "[\\p{L}\\p{Nl}\\p{No}_][\\p{L}\\p{N}_]{0,63}";
const PLACEHOLDER = new RegExp(
  "\\{\\{\\{(?<braced>N)\\}\\}\\}|\\{\\{(?<literal>N)\\}\\}|\\{(?<bare>N)\\}".replaceAll("N", VARIABLE_NAME),
  "gu",
);

function placeholders(text) {
  return [...String(text || "").matchAll(PLACEHOLDER)].map((m) => m.groups.braced || m.groups.bare).filter(Boolean);
}

function variablesOf(form) {
  const aside = form.modality === "text" ? "system_text" : "negative_prompt";
  return [...new Set(form.arms.flatMap((arm) => [...placeholders(arm.prompt), ...placeholders(arm[aside])]))];
}

// What the items show beside their outputs: the prompt where all arms share it, or what they are filled with.
function goldLabels(form) {
  const shared = form.source !== "arms" || new Set(form.arms.map((arm) => arm.prompt)).size === 1;
  return shared ? ["prompt"] : variablesOf(form);
}

// The rows in which something was typed, by their place in the form.
function filledCases(form) {
  const names = variablesOf(form);
  const filled = (row) => row.tag.trim() || names.some((name) => (row.values[name] || "").trim());
  return form.cases.flatMap((row, i) => (filled(row) ? [i] : []));
}

function linesOf(text) {
  return String(text || "")
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

function combinationsOf(form) {
  return variablesOf(form).reduce((product, name) => product * linesOf(form.lists[name]).length, 1);
}

// Rows of a pasted table: tabs if there are any, else commas with quotes. One column of lines stays whole.
function readTable(text, columns) {
  const separator = text.includes("\t")
    ? "\t"
    : columns > 1 || /^[^\n]*(^|,)\s*"?tag"?\s*(,|\r?\n)/.test(text)
      ? ","
      : null;
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    const row = rows[rows.length - 1];
    const cell = row[row.length - 1];
    if (quoted && c === '"' && text[i + 1] === '"') {
      row[row.length - 1] += '"';
      i += 1;
    } else if (c === '"' && separator && (quoted || cell.trim() === "")) {
      if (!quoted) row[row.length - 1] = "";
      quoted = !quoted;
    } else if (!quoted && c === separator) row.push("");
    else if (!quoted && c === "\n") rows.push([""]);
    else if (c !== "\r" || quoted) row[row.length - 1] += c;
  }
  return rows.map((row) => row.map((cell) => cell.trim())).filter((row) => row.some(Boolean));
}

// Cases of a pasted table. A first row of the variables' names (and “tag”) is a header; else columns go in their order.
function readCases(text, names) {
  const rows = readTable(text, names.length);
  const known = [...names, "tag"];
  const heads = (rows[0] || []).map((cell) => known.find((name) => name.toLowerCase() === cell.toLowerCase()));
  const hasHeader = heads.length > 0 && heads.every(Boolean);
  const columns = hasHeader ? heads : known;
  return (hasHeader ? rows.slice(1) : rows).map((cells) => {
    const row = { values: {}, tag: "" };
    cells.forEach((cell, i) => {
      if (columns[i] === "tag" && !names.includes("tag")) row.tag = cell;
      else if (columns[i]) row.values[columns[i]] = cell;
    });
    return row;
  });
}

// ---- names ---------------------------------------------------------------------------------------------------------

function modelsOf(form, value) {
  return ((value && value.models) || []).filter((model) => model.modality === form.modality);
}

function modelOf(arm, form, value) {
  return arm.model[form.modality] || (modelsOf(form, value)[0] || {}).name || "";
}

function modelTitle(name, value) {
  const model = ((value && value.models) || []).find((m) => m.name === name);
  return (model && model.title) || name;
}

// Names for arms that were given none: what sets them apart.
function armNames(form, value) {
  const told = (arm) => arm.prompt + "\n" + arm.system_text + "\n" + arm.negative_prompt;
  const prompts = [...new Set(form.arms.map(told))];
  const models = new Set(form.arms.map((arm) => modelOf(arm, form, value)));
  const taken = new Set(form.arms.map((arm) => arm.name.trim()).filter(Boolean));
  return form.arms.map((arm, i) => {
    if (arm.name.trim()) return arm.name.trim();
    const parts = [];
    if (prompts.length > 1) parts.push(fill(T.compose_prompt_number, { number: prompts.indexOf(told(arm)) + 1 }));
    if (models.size > 1) parts.push(modelTitle(modelOf(arm, form, value), value));
    let name = parts.join(" · ") || fill(T.compose_arm, { number: i + 1 });
    if (taken.has(name)) name += " (" + (i + 1) + ")";
    taken.add(name);
    return name;
  });
}

function questionNames(form) {
  const taken = new Set();
  return form.questions.map((question, i) => {
    const words = question.title
      .normalize("NFKD")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "_")
      .replace(/^_+|_+$/g, "");
    let name = /^[a-z]/.test(words) ? words.slice(0, 36) : "question_" + (i + 1); // also for a title in another script
    if (taken.has(name)) name += "_" + (i + 1);
    taken.add(name);
    return name;
  });
}

function usualQuestion(form) {
  return T["compose_question_" + form.task + "_" + form.modality] || "";
}

// as the study keeps it, whoever made it: one that nobody changed is said to each reader in their language
function keptQuestion(form) {
  return form.question === null ? STRINGS["compose_question_" + form.task + "_" + form.modality] || "" : form.question.trim();
}

function questionOf(form) {
  return form.question === null ? usualQuestion(form) : form.question;
}

// The questions of a rating that are asked here; a file brings its own, unless the server says that it has none.
function askedQuestions(form) {
  if (form.task !== "rate") return [];
  const own = form.source === "import" && form.import && (form.import.questions || [true]).length > 0;
  return own ? [] : form.questions;
}

function bringsQuestions(form) {
  return form.task === "rate" && !askedQuestions(form).length && form.questions.length > 0;
}

function overlapDefault(form) {
  return form.task === "edit" ? 1 : DEFAULTS.overlap;
}
