// Section 1: what the owner wants to know, and what annotators are told.
function taskSection(composer) {
  const { form } = composer;
  const cards = h("div", { class: "cb-tasks" });
  const examples = h("div", { class: "cb-stack" });
  const folded = fold(T.compose_examples, [h("p", { class: "cb-help", text: T.compose_examples_help }), examples], {
    open: form.worked_examples.length > 0,
  });
  const question = textInput(
    questionOf(form),
    (said) => {
      form.question = said === usualQuestion(form) ? null : said;
      composer.changed();
    },
    { maxlength: 500 },
  );
  const modality = segments(
    T.compose_modality,
    [
      ["text", T.compose_text],
      ["image", T.compose_image],
    ],
    form.modality,
    (chosen) => {
      form.modality = chosen;
      if (chosen === "image" && form.task === "edit") setTask("compare");
      composer.changed();
    },
    { path: "modality" },
  );
  const body = [
    modality,
    h(
      "fieldset",
      { class: "cb-field", "data-field": "task" },
      h("legend", { class: "cb-label", text: T.compose_task }),
      cards,
      fieldError(),
    ),
    field(
      T.compose_title,
      textInput(form.title, composer.set("title"), { placeholder: T.compose_title_example, maxlength: 200 }),
      {
        path: "title",
        help: T.compose_title_help,
      },
    ),
    field(T.compose_question, question, { path: "question" }),
    field(
      T.compose_guidelines,
      textArea(form.guidelines, composer.set("guidelines"), { rows: 3, placeholder: T.compose_guidelines_example }),
      {
        path: "guidelines",
        help: T.compose_guidelines_help,
      },
    ),
    folded.node,
  ];

  function setTask(task) {
    form.task = task;
    fitArms(form);
    regroup(form);
    composer.changed();
  }

  composer.part(
    cards,
    () => [form.modality],
    (watch) => {
      const name = controlId();
      return TASKS.map((task) => {
        const blocked = task === "edit" && form.modality === "image";
        const input = radio(name, task, form.task, setTask);
        input.disabled = blocked;
        input.setAttribute("aria-describedby", name + task);
        watch(() => (input.checked = form.task === task));
        return h(
          "label",
          { class: "cb-task" },
          input,
          drawing(task),
          h("span", { class: "cb-task-name", text: T["compose_task_" + task] }),
          h("span", {
            class: "cb-help",
            id: name + task,
            text: blocked ? T.compose_edit_text_only : T["compose_task_" + task + "_help"],
          }),
        );
      });
    },
  );
  composer.watch(() => {
    if (document.activeElement !== question) question.value = questionOf(form);
    for (const input of modality.querySelectorAll("input")) input.checked = input.value === form.modality;
    setAttr(question, "placeholder", usualQuestion(form));
    const count = form.worked_examples.length;
    setText(folded.note, count ? String(count) : "");
  });

  // ---- worked examples ---------------------------------------------------------------------------------------------

  composer.part(
    examples,
    () => [form.task, form.modality, form.worked_examples.map((e) => [e.key, exampleCount(e)])],
    (watch) => [
      ...form.worked_examples.map((example, i) => workedExample(example, i, watch)),
      addButton(T.compose_add_example, () => {
        form.worked_examples.push({ key: newId(), prompt: "", outputs: [], output_ids: [], answer: "", why: "" });
        composer.changed();
        [...examples.querySelectorAll(".cb-panel-card")].at(-1).querySelector("textarea").focus();
      }),
    ],
  );

  function exampleCount(example) {
    if (form.modality === "image") return 0; // pictures are chosen, not written
    const [least, most] = GROUP_SIZES[form.task];
    return Math.min(most, Math.max(least, example.outputs.length));
  }

  function workedExample(example, i, watch) {
    const put = (name) => (said) => {
      example[name] = said;
      composer.changed();
    };
    const outputs = Array.from({ length: exampleCount(example) }, (_, n) =>
      field(
        exampleCount(example) > 1 ? fill(T.compose_output_letter, { letter: letter(n) }) : T.compose_output,
        textArea(example.outputs[n], (said) => {
          for (let m = 0; m <= n; m += 1) example.outputs[m] ??= "";
          example.outputs[n] = said;
          composer.changed();
        }),
      ),
    );
    const answers = T.compose_compare_answers;
    const answer =
      form.task === "compare"
        ? selectInput(
            [["", T.compose_choose], ...answers.map((words) => [words, words])],
            example.answer,
            put("answer"),
          )
        : form.task === "edit"
          ? textArea(example.answer, put("answer"))
          : textInput(example.answer, put("answer"), { placeholder: T["compose_answer_example_" + form.task] });
    return panelCard(
      fill(T.compose_example_number, { number: i + 1 }),
      fill(T.compose_remove_example, { number: i + 1 }),
      () => {
        form.worked_examples.splice(i, 1);
        composer.changed();
        (examples.querySelectorAll(".cb-panel-card .cb-remove")[i] || examples.querySelector(".cb-add")).focus();
      },
      [
        field(T.compose_prompt_shown, textArea(example.prompt, put("prompt"), { rows: 1 })),
        outputs.length > 0 && h("div", { class: "cb-pair" }, outputs),
        form.modality === "image" && outputPicker(composer, example, T.compose_example_pictures, watch),
        form.task === "rank" && outputs.length > 0 && outputCountButtons(example, () => exampleCount(example)),
        h(
          "div",
          { class: "cb-pair" },
          field(T.compose_right_answer, answer),
          field(T.compose_why, textInput(example.why, put("why"))),
        ),
      ],
      "worked_examples." + i,
    );
  }

  function outputCountButtons(item, count) {
    const [least, most] = GROUP_SIZES[form.task];
    const set = (n) => () => {
      item.outputs = Array.from({ length: n }, (_, m) => item.outputs[m] || "");
      composer.changed();
    };
    return h(
      "div",
      { class: "cb-row" },
      addButton(T.compose_add_output, set(count() + 1), { disabled: count() >= most }),
      count() > least && textButton(T.compose_drop_output, set(count() - 1), { class: "cb-quiet" }),
    );
  }
  composer.outputCountButtons = outputCountButtons;

  return section("task", 1, T.compose_section_task, T.compose_section_task_help, body);
}

function section(name, number, title, help, children) {
  const id = controlId();
  return h(
    "section",
    { class: "cb-section", "data-section": name, "aria-labelledby": id },
    h(
      "header",
      { class: "cb-section-head" },
      h("h3", { id }, h("span", { class: "cb-section-number", "aria-hidden": "true", text: String(number) }), title),
      h("p", { class: "cb-help", text: help }),
    ),
    h("div", { class: "cb-section-body" }, children),
  );
}

// One of several things of a list, with its name and a button that takes it away.
function panelCard(title, removeLabel, remove, children, path, extra = []) {
  return h(
    "div",
    { class: "cb-panel-card", role: "group", "aria-label": title, "data-field": path },
    h(
      "div",
      { class: "cb-panel-head" },
      h("span", { class: "cb-panel-title", text: title }),
      h("span", { class: "cb-row" }, extra, iconButton("close", removeLabel, remove, { class: "cb-remove" })),
    ),
    children,
    fieldError(),
  );
}
