// Section 3, for rating only: what is asked about each output.
const KINDS = ["stars", "thumb", "choice", "multi_choice", "text", "span"];

function questionsSection(composer) {
  const { form } = composer;
  const list = h("div", { class: "cb-stack" });
  const node = section("questions", 3, T.compose_section_questions, T.compose_section_questions_help, [
    h(
      "div",
      { class: "cb-stack", "data-field": "questions" },
      list,
      fieldError(),
      h(
        "div",
        { class: "cb-row cb-adders", role: "group", "aria-label": T.compose_add_question },
        h("span", { class: "cb-caption", "aria-hidden": "true", text: T.compose_add_question }),
        ...KINDS.map((kind) =>
          addButton(T["compose_kind_" + kind], () => add(kind), {
            "data-kind": kind,
            "data-start": kind === "stars",
            "aria-label": fill(T.compose_add_kind, { kind: T["compose_kind_" + kind] }),
          }),
        ),
      ),
    ),
  ]);

  function add(kind) {
    form.questions.push(blankQuestion(kind));
    composer.changed();
    const title = [...list.querySelectorAll(".cb-question-title")].at(-1);
    title.focus();
    title.select();
  }

  function move(from, to, name) {
    if (to < 0 || to >= form.questions.length) return;
    const [question] = form.questions.splice(from, 1);
    form.questions.splice(to, 0, question);
    composer.changed();
    const row = list.children[to];
    const button = row.querySelector(name);
    (button.disabled ? row.querySelector(".cb-move:not(:disabled)") : button).focus();
    composer.say(
      fill(T.compose_moved, {
        title: question.title || T.compose_question_untitled,
        place: to + 1,
        count: form.questions.length,
      }),
    );
  }

  function questionCard(question, i, watch) {
    const number = i + 1;
    const at = "questions." + i;
    const put = (name) => (said) => {
      question[name] = said;
      composer.changed();
    };
    const hasOptions = OPTION_KINDS.includes(question.kind);
    const count = h("span", { class: "cb-muted" });
    watch(() =>
      setText(count, hasOptions && linesOf(question.options).length ? String(linesOf(question.options).length) : ""),
    );
    const title = textInput(question.title, put("title"), {
      class: "cb-input cb-question-title",
      placeholder: T.compose_question_example,
    });
    return panelCard(
      fill(T.compose_question_number, { number }),
      fill(T.compose_remove_question, { number }),
      () => {
        form.questions.splice(i, 1);
        composer.changed();
        (
          list.querySelectorAll(".cb-remove")[Math.min(i, form.questions.length - 1)] || node.querySelector(".cb-add")
        ).focus();
      },
      [
        h(
          "div",
          { class: "cb-pair cb-uneven" },
          field(T.compose_asked, title, { path: at + ".title" }),
          field(
            T.compose_kind,
            selectInput(
              KINDS.map((kind) => [kind, T["compose_kind_" + kind]]),
              question.kind,
              (kind) => {
                if (question.title === (T["compose_asked_" + question.kind] || ""))
                  question.title = T["compose_asked_" + kind] || "";
                question.kind = kind;
                composer.changed();
                list.children[i].querySelector("select").focus();
              },
            ),
            { path: at + ".kind" },
          ),
        ),
        h("p", { class: "cb-help", text: T["compose_kind_help_" + question.kind] }),
        hasOptions &&
          field(
            T.compose_options,
            textArea(question.options, put("options"), { rows: 3, placeholder: T.compose_one_per_line }),
            { path: at + ".options", beside: count },
          ),
        checkbox(T.compose_required, question.required, put("required")),
      ],
      at,
      [
        iconButton("arrow_up", fill(T.compose_move_up, { number }), () => move(i, i - 1, ".cb-up-one"), {
          class: "cb-move cb-up-one",
          disabled: i === 0,
        }),
        iconButton("arrow_down", fill(T.compose_move_down, { number }), () => move(i, i + 1, ".cb-down-one"), {
          class: "cb-move cb-down-one",
          disabled: i === form.questions.length - 1,
        }),
      ],
    );
  }

  composer.part(
    list,
    () => form.questions.map((question) => [question.key, question.kind]),
    (watch) => form.questions.map((question, i) => questionCard(question, i, watch)),
  );
  composer.watch(() => {
    show(node, form.task === "rate" && !bringsQuestions(form));
    node.querySelectorAll("[data-kind=span]").forEach((button) => show(button, form.modality === "text"));
  });
  return node;
}
