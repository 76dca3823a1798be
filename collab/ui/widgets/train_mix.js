// How often the rows of each prompt are shown: a weight for each, and the share that comes of it. Knows no server.
const NAMED_AT_MOST = 3; // prompts in a sentence

// "“A” 3 times and “B” not at all", or "" where too many are weighed for one sentence, or one of them has no name
function weighedWords(weighing) {
  const weighty = weighing.filter((prompt) => prompt.weight !== 1);
  if (!weighty.length || weighty.length > NAMED_AT_MOST || !weighty.every((prompt) => prompt.name)) return "";
  return listed(
    weighty.map(({ name, weight }) =>
      fill(weight ? T.tr_mix_times : T.tr_mix_never, { prompt: name, weight: plainNumber(weight) }),
    ),
  );
}

function mixPanel({ changed }) {
  const list = h("ul", { class: "tr-mix-list" });
  const others = h("p", { class: "cb-muted tr-small" });
  const how = h("p", { class: "in-how" });
  const node = h(
    "details",
    { class: "rf-settings tr-mix", hidden: true },
    h("summary", { text: T.tr_mix }),
    h("div", { class: "tr-mix-body" }, how, list, others),
  );
  let mix = null; // {prompts: [{name, prompt_id, rows}], others: {prompts, rows}, most}; null with one prompt
  let lines = []; // one each of its prompts

  function open(next) {
    mix = next;
    node.open = false;
    show(node, !!mix);
    lines = mix ? mix.prompts.map((prompt) => mixLine(prompt, typed)) : [];
    list.replaceChildren(...lines.map((line) => line.node));
    if (!mix) return;
    setText(how, fill(T.tr_mix_how, { most: number(mix.most) }));
    draw();
  }

  function typed() {
    draw();
    changed();
  }

  function isBad(line) {
    const weight = line.weight();
    return typeof weight !== "number" || weight < 0 || weight > mix.most;
  }

  function draw() {
    const bad = lines.filter(isBad);
    const shown = (line) => line.weight() * line.prompt.rows;
    const all = bad.length ? 0 : lines.reduce((sum, line) => sum + shown(line), mix.others.rows);
    for (const line of lines) line.update(all ? shown(line) / all : null, bad.includes(line));
    const share = { share: percent(all ? mix.others.rows / all : null) };
    setText(others, mix.others.prompts ? plural("tr_mix_others", mix.others.prompts, share) : "");
    show(others, mix.others.prompts > 0);
  }

  // What is wrong with the first bad weight, in a sentence that names its prompt, or "".
  function problem() {
    const bad = lines.find(isBad);
    if (!bad) return "";
    node.open = true; // nobody is told of a box that they cannot see
    return fill(T.tr_mix_bad, { prompt: bad.prompt.name, weight: bad.typed(), most: number(mix.most) });
  }

  // as a recipe has it: weights by the id of a prompt, without those that change nothing
  function value() {
    const weighty = lines.filter((line) => line.weight() !== 1);
    return Object.fromEntries(weighty.map((line) => [line.prompt.prompt_id, line.weight()]));
  }

  // what stands in the boxes, by the id of a prompt
  function typedIn() {
    return Object.fromEntries(lines.map((line) => [line.prompt.prompt_id, line.typed()]));
  }

  function type(kept) {
    for (const line of lines) if (line.prompt.prompt_id in kept) line.type(kept[line.prompt.prompt_id]);
    if (!mix) return;
    node.open = lines.some((line) => line.weight() !== 1);
    draw();
  }

  function said() {
    return weighedWords(lines.map((line) => ({ name: line.prompt.name, weight: line.weight() })));
  }

  return { node, open, value, problem, said, typed: typedIn, type };
}

function mixLine(prompt, typed) {
  const id = "tr-mix-" + newId();
  const bar = h("span", { class: "in-bar", "aria-hidden": "true" }, barFill(0));
  const share = h("span", { class: "in-tabular tr-mix-share", "aria-hidden": "true" });
  const told = h("span", { class: "cb-offscreen", id: id + "-share" });
  const input = h("input", {
    class: "in-field",
    id,
    inputmode: "decimal",
    value: "1",
    autocomplete: "off",
    dir: "ltr",
    "aria-label": fill(T.tr_mix_weight, { prompt: prompt.name }),
    "aria-describedby": id + "-share",
    oninput: typed,
  });
  const name = h("span", { class: "tr-mix-name", dir: "auto", translate: "no", text: prompt.name });
  const rows = h("span", { class: "cb-muted tr-small tr-mix-rows", text: plural("da_rows", prompt.rows) });
  const node = h("li", {}, h("label", { for: id }, name, rows), input, bar, share, told);

  // share: of all rows that are shown, or null where a weight is none
  function update(part, bad) {
    bar.firstElementChild.style.width = (part || 0) * 100 + "%";
    setText(share, percent(part));
    setText(told, fill(T.tr_mix_share, { share: percent(part) }));
    setAttr(input, "aria-invalid", bad ? "true" : null);
  }

  return {
    prompt,
    node,
    update,
    typed: () => input.value.trim(),
    type: (text) => (input.value = text),
    weight: () => typedNumber(input),
  };
}
