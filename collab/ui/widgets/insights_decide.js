// What people said about an item, in words, and the same as a form for the owner who decides. Knows no server.

// "A is better", "A > B = C", "How well is it drawn? 4 · Why? too dark": labels are the screen's, as everywhere here
function saidWords(said, questions = []) {
  if (!said || typeof said !== "object") return String(said ?? NOTHING);
  if (said.winner)
    return { a: better("A"), b: better("B"), tie: T.in_tie_answer, both_bad: T.in_both_bad }[said.winner];
  if (said.groups) return said.groups.map((group) => group.join(" = ")).join(" > ");
  if (said.values) {
    const told = (name) => questions.find((question) => question.name === name) || { name };
    return Object.entries(said.values)
      .map(([name, value]) =>
        fill(T.in_said_value, { title: told(name).title || name, value: valueWords(told(name), value) }),
      )
      .join(" · ");
  }
  return said.text ?? NOTHING;
}

function better(label) {
  return fill(T.in_better, { label });
}

function valueWords(question, value) {
  if (question.kind === "thumb") return value > 0 ? T.in_thumb_up : T.in_thumb_down;
  if (question.kind === "span") return value.map((span) => span.label).join(", ") || NOTHING;
  return Array.isArray(value) ? value.join(", ") || NOTHING : String(value);
}

// What the owner may decide in each task: the same answers that an annotator gives. → (decide) => node
function decisionForm(task, one) {
  if (task === "rank") return (decide) => placesForm(one.options, decide);
  if (task === "rate") return (decide) => ratingForm(one, decide);
  if (task === "edit") return (decide) => correctionForm(one, decide);
  return (decide) => {
    const button = (words_, winner) => {
      const made = textButton(words_, () => decide({ winner }, made), { "data-winner": winner });
      return made;
    };
    const [first, second] = one.options.map((option) => better(option.label));
    return h(
      "div",
      { class: "cb-row in-decide-row" },
      button(first, "a"),
      button(T.in_tie_answer, "tie"),
      button(T.in_both_bad, "both_bad"),
      button(second, "b"),
    );
  };
}

function decideButton(decide, answer) {
  const button = textButton(T.in_decide, () => decide(answer(), button), { class: "cb-primary" });
  return button;
}

// One place each, the same place for a tie.
function placesForm(options, decide) {
  const boxes = options.map((option) =>
    h(
      "select",
      { class: "in-select", "aria-label": fill(T.in_place_of, { label: option.label }) },
      h("option", { value: "", text: NOTHING }),
      options.map((_, i) => h("option", { value: i + 1, text: number(i + 1) })),
    ),
  );
  const answer = () => {
    if (boxes.some((box) => !box.value)) return null;
    const places = [...new Set(boxes.map((box) => Number(box.value)))].sort((a, b) => a - b);
    return {
      groups: places.map((place) =>
        options.filter((_, i) => Number(boxes[i].value) === place).map((option) => option.label),
      ),
    };
  };
  return h(
    "div",
    { class: "cb-row in-decide-row" },
    boxes.map((box, i) => h("label", { class: "in-place" }, options[i].label, box)),
    decideButton(decide, answer),
    h("span", { class: "cb-muted", text: T.in_places_hint }),
  );
}

function ratingForm(one, decide) {
  const values = {};
  const rows = (one.questions || []).map((question) => {
    const choose = (value) => (values[question.name] = value);
    return h(
      "div",
      { class: "in-decide-question" },
      h("span", { class: "cb-caption", dir: "auto", translate: "no", text: question.title || question.name }),
      question.kind === "span" ? marksField(question, one, choose) : valueField(question, choose),
    );
  });
  const answer = () => (Object.keys(values).length ? { values: { ...values } } : null);
  return h("div", { class: "in-decide-form" }, rows, decideButton(decide, answer));
}

function valueField(question, choose) {
  const named = question.title || question.name;
  const options = question.options || [];
  if (question.kind === "stars")
    return segments(
      named,
      [1, 2, 3, 4, 5].map((value) => ({ value, label: number(value) })),
      null,
      choose,
    ).node;
  if (question.kind === "thumb")
    return segments(
      named,
      [
        { value: 1, label: T.in_thumb_up },
        { value: -1, label: T.in_thumb_down },
      ],
      null,
      choose,
    ).node;
  if (question.kind === "choice")
    return segments(
      named,
      options.map((value) => ({ value, label: value, own: true })),
      null,
      choose,
    ).node;
  if (question.kind === "multi_choice") {
    const picked = new Set();
    const tick = (option) => {
      const box = h("input", {
        type: "checkbox",
        onchange: () => (box.checked ? picked.add(option) : picked.delete(option), choose([...picked])),
      });
      return h("label", { class: "in-check", dir: "auto", translate: "no" }, box, option);
    };
    return h("div", { class: "cb-row in-checks", role: "group", "aria-label": named }, options.map(tick));
  }
  const field = h("textarea", {
    class: "in-field",
    rows: 2,
    "aria-label": named,
    dir: "auto",
    oninput: () => choose(field.value),
  });
  return field;
}

// Whose marks stand: those that somebody made, or none.
function marksField(question, one, choose) {
  const text = [...(one.options[0].text || "")]; // places are counted in characters, see desk_spans.js
  const all = one.answers.map((answer) => answer.said?.values?.[question.name] || []).filter((spans) => spans.length);
  const made = all.filter((spans, i) => all.findIndex((other) => sameJson(other, spans)) === i);
  const usual = Object.fromEntries(T.desk_spans);
  const words = (spans) =>
    spans
      .map((span) =>
        fill(T.in_marked, { quote: text.slice(span.start, span.end).join(""), label: usual[span.label] || span.label }),
      )
      .join(" · ");
  const choices = made.map((spans, at) => ({ value: at, label: words(spans) }));
  if (!question.required) choices.push({ value: -1, label: T.in_marked_nothing });
  return segments(question.title || question.name, choices, null, (at) => choose(at < 0 ? [] : made[at]), {
    class: "cb-segments in-marks",
  }).node;
}

// Any of the texts that people wrote, to be taken as it is or changed; the first is the one nearest to all others.
function correctionForm(one, decide) {
  const writers = new Map(); // text -> who wrote it
  for (const { annotator, said } of one.answers) {
    const text = said.text.trim();
    writers.set(text, [...(writers.get(text) || []), annotator]);
  }
  const texts = [...writers.keys(), one.options[0].text || ""];
  const labels = [...[...writers.values()].map((names) => listed(names)), T.in_original];
  const field = h("textarea", {
    class: "in-field",
    rows: 5,
    "aria-label": T.in_correction,
    dir: "auto",
    value: texts[0],
  });
  const start = segments(
    T.in_start_from,
    labels.map((label, at) => ({ value: at, label })),
    0,
    (at) => (field.value = texts[at]),
    { class: "cb-segments in-marks" },
  );
  return h(
    "div",
    { class: "in-decide-form" },
    h("div", { class: "in-decide-question" }, h("span", { class: "cb-caption", text: T.in_start_from }), start.node),
    field,
    decideButton(decide, () => (field.value.trim() ? { text: field.value } : null)),
  );
}
