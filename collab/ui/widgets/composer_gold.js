// Gold items: outputs whose right answer the owner knows, and the controls that say which it is.
function goldPart(composer) {
  const { form } = composer;
  const list = h("div", { class: "cb-stack" });
  const share = field(
    T.compose_gold_share,
    numberInput(form.gold_share, composer.set("gold_share"), {
      min: 0,
      max: 50,
      step: 1,
      scale: 100,
      usual: DEFAULTS.gold_share,
    }),
    { path: "gold_share", help: T.compose_gold_share_help, unit: "%" },
  );
  composer.part(
    list,
    () => [
      form.task,
      form.modality,
      goldLabels(form),
      form.gold.map((g) => [g.key, g.picked, goldCount(g, form)]),
      askedQuestions(form).map(goldQuestionKey),
    ],
    (watch) => [
      ...form.gold.map((gold, i) => goldCard(composer, gold, i, list, watch)),
      addButton(T.compose_add_gold, () => {
        if (form.reveal) return;
        form.gold.push(blankGold(form.modality));
        composer.changed();
        [...list.querySelectorAll(".cb-panel-card")].at(-1).querySelector("textarea, input").focus();
      }),
    ],
  );
  const help = h("p", { class: "cb-help", text: T.compose_gold_help });
  composer.watch(() => {
    show(share, form.gold.length > 0);
    setText(help, form.reveal ? T.compose_gold_reveal : T.compose_gold_help);
    setBlocked(list.querySelector(".cb-add"), form.reveal ? T.compose_gold_reveal : "");
  });
  return {
    node: h(
      "div",
      { class: "cb-stack", "data-field": "gold" },
      h("h4", { class: "cb-subhead", text: T.compose_gold }),
      help,
      list,
      fieldError(),
    ),
    share,
  };
}

const goldQuestionKey = ({ key, kind, title, options }) => [key, kind, title, kind.includes("choice") && options];

function goldCard(composer, gold, i, list, watch) {
  const { form } = composer;
  const at = "gold." + i;
  if (form.modality === "image") gold.picked = true;
  const count = goldCount(gold, form);
  const typed = () =>
    h(
      "div",
      { class: "cb-stack", "data-field": at + ".outputs" },
      h(
        "div",
        { class: "cb-pair" },
        goldTexts(gold, form).map((text, n) =>
          field(
            count > 1 ? fill(T.compose_output_letter, { letter: letter(n) }) : T.compose_output,
            textArea(text, (said) => {
              for (let m = 0; m <= n; m += 1) gold.outputs[m] ??= "";
              gold.outputs[n] = said;
              composer.changed();
            }),
          ),
        ),
      ),
      form.task === "rank" && composer.outputCountButtons(gold, () => goldCount(gold, form)),
      fieldError(),
    );
  return panelCard(
    fill(T.compose_gold_number, { number: i + 1 }),
    fill(T.compose_remove_gold, { number: i + 1 }),
    () => {
      form.gold.splice(i, 1);
      composer.changed();
      (list.querySelectorAll(".cb-remove")[i] || list.querySelector(".cb-add")).focus();
    },
    [
      ...goldBeside(composer, gold, at),
      form.modality === "text" &&
        segments(
          T.compose_gold_from,
          [
            [false, T.compose_gold_typed],
            [true, T.compose_gold_picked],
          ],
          gold.picked,
          (picked) => {
            gold.picked = picked;
            composer.changed();
          },
          { hideLabel: true },
        ),
      gold.picked
        ? h(
            "div",
            { "data-field": at + ".outputs" },
            outputPicker(composer, gold, T.compose_gold_picked, watch),
            fieldError(),
          )
        : typed(),
      h(
        "div",
        { class: "cb-close", "data-field": at + ".expected" },
        h("p", { class: "cb-label", text: T.compose_right_answer }),
        expectedFields(composer, gold, count),
        fieldError(),
      ),
    ],
    at,
  );
}

// What stands beside the outputs, in a box for each thing that the other items show.
function goldBeside(composer, gold, at) {
  const names = goldLabels(composer.form);
  const box = (value, put) =>
    textArea(
      value,
      (said) => {
        put(said);
        composer.changed();
      },
      { rows: 1 },
    );
  if (names.length > 1)
    return names.map((name) =>
      field(
        "{" + name + "}",
        box(gold.variables[name] || "", (said) => (gold.variables[name] = said)),
        { path: at + ".variables." + name },
      ),
    );
  return names.map(() =>
    field(
      T.compose_prompt_shown,
      box(gold.prompt, (said) => (gold.prompt = said)),
      { path: at + ".prompt" },
    ),
  );
}

// The controls that say which answer is right.
function expectedFields(composer, gold, count) {
  const { form } = composer;
  const put = (name) => (said) => {
    gold[name] = said;
    composer.changed();
  };
  if (form.task === "compare")
    return segments(
      T.compose_right_answer,
      ["a", "b", "tie", "both_bad"].map((w) => [w, T["compose_winner_" + w]]),
      gold.winner,
      put("winner"),
      { hideLabel: true },
    );
  if (form.task === "edit") return field(T.compose_right_text, textArea(gold.text, put("text")), { hideLabel: true });
  if (form.task === "rank")
    return h(
      "div",
      { class: "cb-row cb-places" },
      ...Array.from({ length: count }, (_, n) =>
        field(
          letter(n),
          selectInput(
            [["", "–"], ...Array.from({ length: count }, (__, p) => [String(p + 1), fill(T.rank, { rank: p + 1 })])],
            String(gold.places[n] || ""),
            (said) => {
              gold.places[n] = Number(said) || null;
              composer.changed();
            },
          ),
        ),
      ),
    );
  const asked = askedQuestions(form)
    .map((question) => expectedValue(composer, gold, question))
    .filter(Boolean);
  return asked.length
    ? h("div", { class: "cb-stack" }, asked)
    : h("p", { class: "cb-help", text: T.compose_gold_unasked });
}

// One question of a rating; texts and marked spans have no single right answer and are left out.
function expectedValue(composer, gold, question) {
  const { key, kind, title } = question;
  const put = (said) => {
    gold.values[key] = said;
    composer.changed();
  };
  const label = title || T.compose_question_untitled;
  const said = gold.values[key];
  if (kind === "stars")
    return segments(label, [["", T.compose_any], ...[1, 2, 3, 4, 5].map((n) => [n, String(n)])], said ?? "", put);
  if (kind === "thumb")
    return segments(
      label,
      [
        ["", T.compose_any],
        [1, T.compose_thumb_up],
        [-1, T.compose_thumb_down],
      ],
      said ?? "",
      put,
    );
  const options = linesOf(question.options);
  if (kind === "choice")
    return field(label, selectInput([["", T.compose_any], ...options.map((o) => [o, o])], said ?? "", put));
  if (kind !== "multi_choice") return null;
  const now = Array.isArray(said) ? said : [];
  const boxes = options.map((option) =>
    checkbox(option, now.includes(option), (on) =>
      put(options.filter((o) => (o === option ? on : (gold.values[key] || []).includes(o)))),
    ),
  );
  return h(
    "fieldset",
    { class: "cb-field" },
    h("legend", { class: "cb-label", text: label }),
    h("div", { class: "cb-row" }, boxes),
  );
}
