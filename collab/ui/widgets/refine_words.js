// Versions and where they come from in words, their order as a tree, and a prompt's variables. Knows no server.
Object.assign(ICONS, {
  branch: [
    "M7 4v16",
    "M7 14c0-4 10-2 10-7",
    "M17 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
    "M7 22a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
    "M7 6a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  ],
});

function versionName(version) {
  return fill(T.rf_version, { number: version ? number(version.number) : NOTHING });
}

function versionOf(board, id) {
  return board.versions.find((version) => version.prompt_version_id === id) || null;
}

// The version that serves; until one was promoted, the first.
function currentOf(board) {
  return (
    board.versions.find((version) => version.is_current) ||
    versionOf(board, board.prompt.current_id) ||
    board.versions[0] ||
    null
  );
}

// "Reflection", "by hand", "first": who or what made it
function originWords(version, board) {
  if (version.proposer) return proposerTitle(version.proposer, board);
  if (!version.parent_id && version.origin === "human") return T.rf_origin_root;
  return words("rf_origin", version.origin);
}

function proposerTitle(name, board) {
  const told = (board.proposers || []).find((proposer) => proposer.name === name);
  return (told && told.title) || name;
}

// Every version after its parent, children by age: [{version, depth}]. One whose parent is missing stands at the left.
function treeOrder(versions) {
  const ids = new Set(versions.map((version) => version.prompt_version_id));
  const children = new Map();
  for (const version of versions) {
    const parent = ids.has(version.parent_id) ? version.parent_id : null;
    children.set(parent, [...(children.get(parent) || []), version]);
  }
  const rows = [];
  const left = new Set(versions);
  const open = [...(children.get(null) || [])].sort(byAge).map((version) => ({ version, depth: 0 }));
  while (open.length || left.size) {
    const row = open.shift() || { version: [...left].sort(byAge)[0], depth: 0 }; // a ring of parents has no first
    if (!left.delete(row.version)) continue;
    rows.push(row);
    const below = [...(children.get(row.version.prompt_version_id) || [])].sort(byAge);
    open.unshift(...below.map((version) => ({ version, depth: row.depth + 1 })));
  }
  return rows;
}

function byAge(a, b) {
  return a.number - b.number;
}

// What a blind test may be about: everything that neither serves nor was rejected.
function testable(board) {
  const current = currentOf(board);
  return board.versions.filter((version) => version !== current && !version.rejected);
}

function isRunning(trial) {
  return !!trial && ["screening", "confirming"].includes(trial.stage);
}

function isWorking(job) {
  return !!job && ["queued", "running"].includes(job.status);
}

// {name}, and {{{name}}} whose value stands in braces; {{name}} stands for itself (as in prompts.py)
const VARIABLE =
  /\{\{\{(?<braced>[\p{L}_][\p{L}\p{N}_]{0,63})\}\}\}|\{\{[\p{L}_][\p{L}\p{N}_]{0,63}\}\}|\{(?<bare>[\p{L}_][\p{L}\p{N}_]{0,63})\}/gu;

function variablesIn(versions) {
  const texts = versions.flatMap((version) => [version.text, version.system_text, version.negative_text]);
  const found = texts.flatMap((text) => [...String(text || "").matchAll(VARIABLE)]);
  return [...new Set(found.map((match) => match.groups.braced || match.groups.bare).filter(Boolean))];
}

// The cases in a box: one a line, or, where a line of --- stands in it, what is between such lines.
function casesIn(text) {
  const parts = /^\s*---+\s*$/m.test(text) ? text.split(/^\s*---+\s*$/m) : text.split("\n");
  return parts.map((part) => part.trim()).filter(Boolean);
}

function signed(value) {
  return (value > 0 ? "+" : "") + number(value, 2);
}

// A win rate as a small bar: ½ in the middle, the interval as a band, the estimate as a dot.
function winBar(row) {
  const share = (value) => Math.min(1, Math.max(0, value)) * 100;
  const band = h("span", { class: "rf-bar-band" });
  band.style.insetInlineStart = share(row.lower) + "%";
  band.style.width = share(row.upper) - share(row.lower) + "%";
  const dot = h("span", { class: "rf-bar-dot" });
  dot.style.insetInlineStart = share(row.win_rate) + "%";
  const side = row.lower >= 0.5 ? "above" : row.upper <= 0.5 ? "below" : "open";
  return h("span", { class: "rf-bar", "data-side": side, "aria-hidden": "true" }, band, dot);
}

function chip(text, kind = "") {
  return h("span", { class: "rf-chip", "data-kind": kind || null, dir: "auto", text });
}

function failure() {
  return h("p", { class: "in-note rf-failure", "data-state": "failed", role: "alert", hidden: true, dir: "auto" });
}

function tell(note, sentence) {
  setText(note, sentence || "");
  show(note, !!sentence);
}

// Sends what a form says while its button waits; a refusal is said next to it. → the answer, or null
async function sendFrom(button, note, ask, payload) {
  tell(note, "");
  const answer = await busy(button, () => ask(payload));
  if (!answer.ok) tell(note, answer.error || T.refused_unknown);
  return answer.ok ? answer : null;
}

// A labelled box: label above, help below.
function fieldOf(label_, control, help = "") {
  const helpId = help ? "rf-" + newId() : null;
  if (helpId) control.setAttribute("aria-describedby", helpId);
  return h(
    "label",
    { class: "rf-field" },
    h("span", { class: "rf-field-name", dir: "auto", text: label_ }),
    control,
    help && h("span", { class: "in-how", id: helpId, text: help }),
  );
}

// Fills a select anew only when what it offers has changed; what was chosen stays chosen.
function offer(box, options) {
  const told = JSON.stringify(options);
  if (box.dataset.told === told) return;
  const chosen = box.value;
  box.dataset.told = told;
  box.replaceChildren(...options.map(([value, text]) => h("option", { value, text })));
  box.value = options.some(([value]) => value === chosen) ? chosen : options.length ? options[0][0] : "";
}
