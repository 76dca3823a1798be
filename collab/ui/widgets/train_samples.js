// What the model answers to a few fixed prompts: before, and after so many steps, side by side with the difference
// marked. A sample is a text, or a picture by its `image_url` (of a pair: `before_url` and `after_url`).
function sampleSteps() {
  const box = h("select", { class: "in-select", "aria-label": T.tr_samples_at, onchange: () => draw() });
  const pairs = samplePairs();
  const node = h(
    "section",
    { class: "tr-section", "aria-label": T.tr_samples, hidden: true },
    h("div", { class: "cb-row cb-spread" }, h("h3", { class: "tr-subtitle", text: T.tr_samples }), box),
    pairs.node,
  );
  let sets = [];
  let follow = true; // the newest is shown until another one is chosen

  function update(samples) {
    sets = samples;
    show(node, sets.length > 0);
    if (!sets.length) return;
    const newest = String(sets.at(-1).step);
    offer(
      box,
      sets.map((set) => [String(set.step), set.step ? plural("tr_after_steps", set.step) : T.tr_before_training]),
    );
    if (follow) box.value = newest;
    show(box, sets.length > 1);
    drawChosen();
  }

  function draw() {
    follow = box.value === String(sets.at(-1).step);
    drawChosen();
  }

  function drawChosen() {
    const now = sets.find((set) => String(set.step) === box.value) || sets.at(-1);
    const before = sets[0];
    pairs.update(
      now.samples.map((sample, i) => ({
        prompt: sample.prompt,
        before: before.samples[i]?.text,
        before_url: before.samples[i]?.image_url,
        ...(now === before ? {} : { after: sample.text, after_url: sample.image_url }),
      })),
      plural("tr_after_steps", now.step),
    );
  }

  function reset() {
    sets = [];
    follow = true;
    show(node, false);
  }

  return { node, update, reset };
}

function samplePairs() {
  const node = h("div", { class: "tr-pairs" });

  function update(pairs, after = T.tr_after) {
    const told = JSON.stringify([pairs, after]);
    if (node.dataset.told === told) return;
    node.dataset.told = told;
    node.replaceChildren(...pairs.map((pair) => samplePair(pair, after)));
  }

  return { node, update };
}

function samplePair(pair, after) {
  const body = (side) => {
    if (pair[side + "_url"]) return h("img", { class: "tr-picture", src: pair[side + "_url"], alt: pair.prompt });
    return h("div", { class: "cb-text tr-text", dir: "auto" });
  };
  const changed = "after" in pair || "after_url" in pair;
  const [left, right] = [body("before"), changed && body("after")];
  if (left.tagName === "DIV") left.textContent = pair.before || T.tr_sample_empty;
  if (changed && right.tagName === "DIV") {
    if (pair.after && pair.before && pair.after !== pair.before) renderDiff(right, diffWords(pair.before, pair.after));
    else right.textContent = pair.after || T.tr_sample_empty;
  }
  return h(
    "article",
    { class: "tr-pair" },
    h("p", { class: "tr-asked", dir: "auto", text: askedIn(pair.prompt) }),
    h(
      "div",
      { class: "tr-sides" },
      h("div", {}, h("h4", { class: "cb-caption", text: T.tr_before }), scrolls(h("div", { class: "tr-side" }, left))),
      changed &&
        h("div", {}, h("h4", { class: "cb-caption", text: after }), scrolls(h("div", { class: "tr-side" }, right))),
    ),
  );
}

// What a person asked, of a prompt as a chat model reads it; of any other the whole.
function askedIn(prompt) {
  const turns = /(?:^|\n)user\n([^]*?)\n?assistant\s*$/.exec(prompt);
  return turns ? turns[1] : prompt;
}
