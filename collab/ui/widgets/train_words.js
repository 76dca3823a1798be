// Trainings in words: kinds, states, numbers of a recipe. Knows no server.
Object.assign(ICONS, {
  train: ["M3 8.5l9-4.5 9 4.5-9 4.5z", "M7 11v5c1.4 1.3 3 2 5 2s3.6-.7 5-2v-5", "M21 8.5v6"],
  upload: ["M12 16V4", "M7 8.5l5-5 5 5", "M4.5 20h15"],
});

// "image-dpo" has the words of `tr_kind_image_dpo`
function kindWords(table, kind) {
  return T[table + "_" + String(kind).replaceAll("-", "_")] || "";
}

function kindName(kind) {
  return kindWords("tr_kind", kind) || String(kind);
}

function isUnderWay(training) {
  return !!training && ["queued", "running"].includes(training.status);
}

// What one may go on with from where it stopped.
function isResumable(training) {
  return !!training && ["failed", "cancelled"].includes(training.status);
}

function stateWords(training) {
  if (training.status !== "done") return words("tr_status", training.status);
  if (training.serves) return T.tr_serves;
  return training.passed === false ? T.tr_not_passed : T.tr_status_done;
}

function stateChip(training) {
  const kind = training.status === "done" && training.passed === false ? "not_passed" : training.status;
  return h("span", { class: "tr-state", "data-status": training.serves ? "serves" : kind, text: stateWords(training) });
}

// A number of a recipe as one writes it: 0.0001, not 1.0000e-4.
function plainNumber(value) {
  const told = String(value);
  return /e/.test(told) ? value.toFixed(12).replace(/0+$/, "") : told;
}

// "What was left out, and why": reasons with their numbers
function leftOutBox(counts) {
  const lines = Object.entries(counts || {}).filter(([, n]) => n > 0);
  if (!lines.length) return null;
  return h(
    "details",
    { class: "tr-left" },
    h("summary", { text: T.tr_left_out }),
    h(
      "ul",
      {},
      lines.map(([why, n]) => h("li", { dir: "auto", text: fill(T.da_left_line, { why, n: number(n) }) })),
    ),
  );
}

// Enough of a button that waits: a refusal is said beside it. → the answer, or null
async function press(button, note, run) {
  tell(note, "");
  const answer = await busy(button, run);
  if (!answer.ok) tell(note, answer.error || T.refused_unknown);
  return answer.ok ? answer : null;
}

// What a training does, sentence by sentence; `said`, the server's own words, where its numbers are not known. weighed:
// the weights of prompts in words, where their names are known.
function recipeWords({ recipe, base, learn, held_out, said, weighed }) {
  const does = kindWords("tr_said", recipe.kind);
  if (!does || !known(learn)) return said;
  const numbers = {
    base,
    rows: number(learn),
    epochs: plainNumber(recipe.epochs),
    batch: number(recipe.batch_size),
    rate: plainNumber(recipe.learning_rate),
    steps: number(recipe.max_steps),
    weight: plainNumber(recipe.sft_weight),
    rank: number(recipe.rank),
    layers: number(recipe.freeze_layers),
    held: number(held_out),
    patience: number(recipe.patience),
    weighed,
  };
  const mixed = Object.keys(recipe.mix || {}).length;
  return [
    does,
    recipe.max_steps ? T.tr_said_passes_most : T.tr_said_passes,
    recipe.kind === "dpo" && recipe.sft_weight && T.tr_said_imitates,
    mixed && (weighed ? T.tr_said_weighed : plural("tr_said_mix", mixed)),
    recipe.continue_from ? T.tr_said_further : T.tr_said_adapter,
    recipe.freeze_layers && T.tr_said_frozen,
    !held_out ? T.tr_said_unchecked : recipe.patience ? T.tr_said_checked_stop : T.tr_said_checked,
  ]
    .filter(Boolean)
    .map((sentence) => fill(sentence, numbers))
    .reduce((before, next) => before + (/[\u3002\uff1b]$/.test(before) ? "" : " ") + next); // after “。” no space
}
