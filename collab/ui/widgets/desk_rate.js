// Whether a rating's only question says no more than the study's own, so that only the study's is shown.
function isAskedByStudy({ questions = [], question }) {
  const usual = ["Quality", STRINGS.compose_asked_stars, T.compose_asked_stars]; // the first where nobody asked any
  return !!question && questions.length === 1 && usual.includes(questions[0].title);
}

// The study's question above an item: "" where nobody wrote one and the questions of the rating say what is asked.
function questionAbove(task, question) {
  const usual = ["text", "image"].some((modality) => STRINGS["compose_question_rate_" + modality] === question);
  return task.task === "rate" && usual && !isAskedByStudy({ ...task, question }) ? "" : questionWords(question);
}

// One output and the questions about it. The question in focus takes the keys: digits, U and D, ← and →.
function rateSurface(item, desk) {
  const grid = paneGrid(item);
  const pane = grid.panes[0];
  const spanAt = item.task.questions.findIndex((question) => question.kind === "span");
  const spans = spanAt < 0 ? null : spanMarks(pane, () => questions[current].kind !== "span" && setCurrent(spanAt));
  const isSaid = isAskedByStudy(item.task);
  const questions = item.task.questions.map((question, i) =>
    questionBox(question, i, { changed, setCurrent, spans, isSaid }),
  );
  const send = actButton(T.desk_send, "", T.desk_enter, submit, { class: "dk-primary" });
  const missing = h("span", { class: "dk-missing cb-muted", role: "status" });
  const list = h("div", { class: "dk-questions" }, ...questions.map((question) => question.node));
  const node = h("div", { class: "dk-split" }, grid.node, list);
  let current = 0;
  // a box to type in keeps its keys, but for those that lead out of it
  list.addEventListener("keydown", (event) => {
    if (!isTyping(event.target) || event.isComposing) return;
    const sends = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (!sends && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (sends) submit();
    else event.target.closest(".dk-question").focus({ preventScroll: true });
  });

  function changed(question, stay) {
    draw();
    desk.changed();
    if (!stay && question.isSingle && question.isAnswered()) advance(question);
  }

  // to the next question that keys answer; a box to type in would swallow them, a place to mark has to be selected
  function advance(from) {
    const after = [...questions.slice(questions.indexOf(from) + 1), ...questions.slice(0, questions.indexOf(from))];
    const next = after.find((question) => question.hasKeys && !question.isAnswered());
    if (next) focusQuestion(questions.indexOf(next));
  }

  function setCurrent(at) {
    current = at;
    questions.forEach((question, i) => question.node.classList.toggle("dk-current", i === at));
  }

  function focusQuestion(at) {
    setCurrent(at);
    questions[at].focus();
    questions[at].node.scrollIntoView({ block: "nearest" });
  }

  function draw() {
    const left = unanswered();
    setText(missing, left.length ? fill(T.desk_missing, { count: left.length }) : "");
    setAttr(send, "aria-disabled", String(left.length > 0 || !Object.keys(values()).length));
  }

  function unanswered() {
    return questions.filter((question) => question.isRequired && !question.isAnswered());
  }

  function values() {
    const answered = questions.filter((question) => question.isAnswered());
    return Object.fromEntries(answered.map((question) => [question.name, question.value()]));
  }

  function submit() {
    const left = unanswered()[0];
    if (left) {
      focusQuestion(questions.indexOf(left));
      return desk.say(fill(T.desk_question_left, { title: left.title }));
    }
    if (!Object.keys(values()).length) return desk.say(T.desk_questions_none);
    desk.send({ values: values() });
  }

  function thumb(value) {
    const question = [questions[current], ...questions].find((each) => each && each.kind === "thumb");
    if (question) question.choose(value);
    return !!question;
  }

  function key(name) {
    if (name === "ArrowDown" || name === "ArrowUp") {
      const to = current + (name === "ArrowDown" ? 1 : -1);
      if (questions[to]) focusQuestion(to);
      return true;
    }
    if (name === "u" || name === "d") return thumb(name === "u" ? 1 : -1);
    if (name === "ArrowLeft" || name === "ArrowRight") return questions[current].step(name === "ArrowRight" ? 1 : -1);
    return /^[1-9]$/.test(name) && questions[current].digit(Number(name));
  }

  const start = (item.draft || item.said || {}).values || {};
  for (const question of questions) if (question.name in start) question.set(start[question.name]);
  setCurrent(
    Math.max(
      0,
      questions.findIndex((question) => !question.isAnswered()),
    ),
  );
  draw();
  return {
    node,
    bar: h("div", { class: "dk-acts dk-acts-rate" }, missing, send),
    zoom: grid.zoom,
    scroll: grid.scroll,
    enter: submit,
    key,
    glow: () => flash(send),
    isDirty: () => Object.keys(values()).length > 0,
    state: () => (Object.keys(values()).length ? { values: values() } : null),
  };
}

const QUESTION_KINDS = {
  stars: starsQuestion,
  thumb: thumbQuestion,
  choice: choiceQuestion,
  multi_choice: multiChoiceQuestion,
  text: textQuestion,
  span: spanQuestion,
};

// The frame around one question; its kind brings {node, value, set, digit, step, focus} where it has them.
function questionBox(question, at, { changed, setCurrent, spans, isSaid }) {
  const title = question.title || question.name;
  const titleId = "dk-" + newId();
  const box = { changed: (stay = false) => changed(made, stay) };
  const kind = QUESTION_KINDS[question.kind](question, box, spans);
  const node = h(
    "div",
    { class: "dk-question", role: "group", tabindex: "-1", "aria-labelledby": titleId, "data-question": question.name },
    h(
      "div",
      { class: "dk-question-head" + (isSaid ? " cb-offscreen" : "") },
      h("span", { class: "dk-question-title", dir: "auto", translate: "no", id: titleId, text: title }),
      !question.required && h("span", { class: "cb-muted dk-optional", text: T.desk_optional }),
    ),
    kind.node,
  );
  node.addEventListener("focusin", () => setCurrent(at));
  node.addEventListener("pointerdown", () => setCurrent(at));
  const made = {
    node,
    title,
    name: question.name,
    kind: question.kind,
    isRequired: !!question.required,
    isSingle: ["stars", "thumb", "choice"].includes(question.kind), // one key answers it
    hasKeys: !["text", "span"].includes(question.kind),
    isAnswered: kind.isAnswered,
    value: kind.value,
    set: kind.set,
    choose: kind.choose,
    digit: kind.digit || (() => false),
    step: kind.step || (() => false),
    focus: () => (kind.focus ? kind.focus() : node.focus({ preventScroll: true })),
  };
  return made;
}

// A row of buttons of which one is chosen; a second press takes it back. drawn(at): which one it is now, -1 for none.
function oneOf(values, box, buttonFor, drawn = () => {}) {
  let now = null;
  const buttons = values.map((value, i) => buttonFor(value, i, () => choose(value === now ? null : value, true)));
  const node = h("div", { class: "dk-choices", role: "radiogroup" }, ...buttons);

  function draw() {
    const at = values.indexOf(now);
    buttons.forEach((button, i) => setAttr(button, "aria-checked", String(i === at)));
    setRoving(buttons, at);
    drawn(at, buttons);
  }

  // stay: whoever points at what they choose goes on by pointing, so the page does not move under them
  function choose(value, stay = false) {
    now = value;
    draw();
    box.changed(stay);
  }

  draw();
  return {
    node,
    isAnswered: () => now !== null,
    value: () => now,
    set(value) {
      now = value;
      draw();
    },
    choose,
    digit(n) {
      if (n <= values.length) choose(values[n - 1] === now ? null : values[n - 1]);
      return n <= values.length;
    },
    step(by) {
      const at = values.indexOf(now);
      const to = at < 0 ? (by > 0 ? 0 : values.length - 1) : Math.min(values.length - 1, Math.max(0, at + by));
      choose(values[to], true); // and stays: one is still choosing
      if (node.contains(document.activeElement)) buttons[to].focus({ preventScroll: true });
      return true;
    },
  };
}

function choiceButton(role, label, more, onclick, ...children) {
  return h(
    "button",
    {
      type: "button",
      role,
      class: "dk-choice " + more,
      "aria-label": label,
      "aria-checked": role ? "false" : null,
      onclick,
    },
    ...children,
  );
}

function keyHint(text) {
  return h("kbd", { class: "dk-kbd", "aria-hidden": "true", text });
}

function starsQuestion(question, box) {
  const star = (score, i, onclick) =>
    choiceButton("radio", fill(T.star, { score }), "dk-star", onclick, icon("star"), keyHint(score));
  const fillUp = (at, buttons) => buttons.forEach((button, i) => button.classList.toggle("cb-on", i <= at));
  return oneOf([1, 2, 3, 4, 5], box, star, fillUp);
}

function thumbQuestion(question, box) {
  const thumb = (value, i, onclick) => {
    const [label, name, key] = value === 1 ? [T.thumb_up, "up", "U"] : [T.thumb_down, "down", "D"];
    return choiceButton("radio", label, "dk-thumb dk-thumb-" + name, onclick, icon(name), keyHint(key));
  };
  return oneOf([1, -1], box, thumb);
}

function choiceQuestion(question, box) {
  return oneOf(question.options, box, (label, i, onclick) => optionButton("radio", label, i, onclick));
}

// own: the owner's word, which no browser is to translate
function optionButton(role, label, i, onclick, own = true) {
  const children = [i < 9 && keyHint(i + 1), h("span", { dir: "auto", translate: own ? "no" : null, text: label })];
  return choiceButton(role, label, "dk-option", onclick, ...children);
}

function multiChoiceQuestion(question, box) {
  let chosen = [];
  const buttons = question.options.map((label, i) => optionButton("checkbox", label, i, () => flip(label)));

  function draw() {
    buttons.forEach((button, i) => setAttr(button, "aria-checked", String(chosen.includes(question.options[i]))));
  }

  function flip(label) {
    const next = chosen.includes(label) ? chosen.filter((other) => other !== label) : [...chosen, label];
    chosen = question.options.filter((option) => next.includes(option));
    draw();
    box.changed();
  }

  return {
    node: h("div", { class: "dk-choices" }, ...buttons),
    isAnswered: () => chosen.length > 0,
    value: () => chosen,
    set(value) {
      chosen = value;
      draw();
    },
    digit(n) {
      if (n <= question.options.length) flip(question.options[n - 1]);
      return n <= question.options.length;
    },
  };
}

function textQuestion(question, box) {
  const area = h("textarea", {
    class: "dk-input",
    rows: 3,
    dir: "auto",
    maxlength: 4000,
    "aria-label": question.title || question.name,
  });
  area.addEventListener("input", () => box.changed());
  return {
    node: area,
    isAnswered: () => !!area.value.trim(),
    value: () => area.value.trim(),
    set: (value) => (area.value = value),
    focus: () => area.focus({ preventScroll: true }),
  };
}
