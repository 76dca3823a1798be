// The owner's form for a new study: its state, its draft, the live sentence below it, and the study once it is there.
const CHECK_AFTER_MS = 500; // of quiet
const SAVE_AFTER_MS = 250;
const DRAFT = ["study", "new"];

// The server's answer. Where there is none, Gradio gives null or throws: this always throws.
async function askServer(payload) {
  const answer = await server.act(payload);
  if (!answer) throw new Error(T.compose_offline);
  return answer;
}

function studyComposer() {
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const waiting = h("p", { class: "cb-muted cb-opening", text: T.compose_opening });
  const noteText = h("span", {});
  const note = h(
    "div",
    { class: "cb-composer-note", role: "status", hidden: true },
    noteText,
    textButton(T.compose_bring_back, bringBack, { class: "cb-quiet" }, "undo"),
    iconButton("close", T.close, () => show(note, false)),
  );
  const sections = h("div", { class: "cb-sections" });
  const bar = composerBar({ create, startOver, showField });
  const page = h("div", { hidden: true }, note, sections, bar.node);
  const done = h("div", { hidden: true });
  const root = h(
    "section",
    { class: "collab-widget cb-composer", "aria-label": T.compose_label },
    waiting,
    page,
    done,
    live,
  );
  let value = null;
  let seed = null; // the draft spec that this form was filled from
  let replaced = null; // the form that stood here before
  let composer = null;
  let timer = null;
  let saving = null; // the timer of the draft
  let asked = 0; // number of the latest check: an older one's answer is no longer true
  let attempt = { spec: "", request_id: "" };
  let tried = false; // to create: from then on what is missing is an error
  let problem = null; // {field, error, missing}

  // ---- the form ----------------------------------------------------------------------------------------------------

  function open(form) {
    let refreshers = [];
    composer = {
      form,
      get value() {
        return value;
      },
      changed,
      refresh: () => refreshers.forEach((refresh) => refresh()),
      watch: (refresh) => refreshers.push(refresh),
      part: (...of) => refreshers.push(part(...of)),
      set: (name) => (said) => {
        form[name] = said;
        changed();
      },
      say,
    };
    tried = false;
    problem = null;
    sections.replaceChildren(
      ...[taskSection, sourceSection, questionsSection, peopleSection].map((make) => make(composer)),
    );
    composer.refresh();
    check();
  }

  function changed() {
    composer.refresh();
    clearTimeout(saving);
    saving = setTimeout(save, SAVE_AFTER_MS);
    check();
  }

  function save() {
    clearTimeout(saving);
    saving = null;
    drafts.set(...DRAFT, JSON.stringify({ form: composer.form, seed }));
  }

  function dropDraft() {
    clearTimeout(saving);
    saving = null;
    drafts.drop(...DRAFT);
  }
  window.addEventListener("pagehide", () => saving && save());

  function setValue(given) {
    const first = !value;
    if (given) value = given;
    show(waiting, !value);
    if (!value) return;
    const spec = value.draft ? JSON.stringify(value.draft) : null;
    if (first) {
      show(page, true);
      const kept = keptDraft();
      if (kept && (!spec || kept.seed === spec)) seed = kept.seed;
      else seed = spec;
      if (kept && seed === kept.seed) open({ ...blankForm(), ...kept.form });
      else
        replaceForm(spec ? formOf(value.draft, value) : blankForm(value.modality), kept && kept.form, T.compose_filled);
    } else if (spec && spec !== seed) {
      seed = spec;
      show(done, false);
      show(page, true);
      replaceForm(formOf(value.draft, value), composer.form, T.compose_filled);
    } else if (!done.hidden) another();
    else composer.refresh();
  }

  function keptDraft() {
    try {
      const kept = JSON.parse(drafts.get(...DRAFT));
      return kept && kept.form && TASKS.includes(kept.form.task) ? kept : null;
    } catch {
      return null;
    }
  }

  // Another form takes the place of this one, which can be brought back.
  function replaceForm(form, old, words) {
    replaced = old || null;
    open(form);
    show(note, !!replaced);
    setText(noteText, words);
    if (replaced) save();
  }

  function bringBack() {
    const form = replaced;
    replaced = null;
    show(note, false);
    open(form);
    changed();
    sections.querySelector("input").focus();
  }

  function startOver() {
    replaceForm(blankForm(value.modality), composer.form, T.compose_started_over);
    dropDraft();
    root.scrollIntoView({ block: "start" });
    sections.querySelector("input:checked").focus({ preventScroll: true });
  }

  function say(words) {
    setText(live, words);
  }

  // ---- checking ----------------------------------------------------------------------------------------------------

  function check() {
    clearTimeout(timer);
    asked += 1;
    setProblem(missingIn(composer.form, value));
    if (problem) return;
    bar.say("checking");
    timer = setTimeout(ask, CHECK_AFTER_MS, asked);
  }

  async function ask(number) {
    let answer;
    try {
      answer = await askServer({ act: "check", spec: specOf(composer.form, value) });
    } catch {
      if (number === asked) bar.say("offline", T.compose_offline);
      timer = setTimeout(() => number === asked && ask(number), 5000);
      return;
    }
    if (number !== asked) return;
    if (answer.ok) bar.say("ready", answer.sentence, answer.generations);
    else setProblem({ field: answer.field, error: answer.error || T.refused_unknown });
  }

  function setProblem(found) {
    for (const node of sections.querySelectorAll("[data-wrong]")) {
      node.removeAttribute("data-wrong");
      setFieldError(node, null);
    }
    problem = found;
    if (!found) return;
    const quiet = found.missing && !tried;
    bar.say(quiet ? "todo" : "error", found.error, 0, found.field);
    const node = quiet ? null : fieldNode(found.field);
    if (!node) return;
    node.setAttribute("data-wrong", "");
    setFieldError(node, found.error);
  }

  // The nearest place for a path of the spec: gold.2.expected.winner may stand at gold.2.expected.
  function fieldNode(path) {
    const parts = String(path || "")
      .replace(/\[(\w+)\]/g, ".$1")
      .split(".");
    for (; parts.length; parts.pop()) {
      const name = parts.join(".");
      const node = [...sections.querySelectorAll("[data-field]")].find(
        (n) => n.dataset.field === name && !n.closest("[hidden]"),
      );
      if (node) return node;
    }
    return null;
  }

  function showField(path) {
    const node = fieldNode(path);
    if (!node) return;
    for (let at = node.parentElement; at && at !== root; at = at.parentElement)
      if (at.matches("details")) at.open = true;
    const inner = node.matches("details") ? node : node.closest("details");
    if (inner) inner.open = true;
    const start = node.querySelector(":scope > [data-start], :scope > * > [data-start]");
    const usable = [...node.querySelectorAll("input, textarea, select, button")].filter(
      (c) => c.getClientRects().length,
    );
    const control = start || controlOf(node) || usable.find((c) => !c.disabled);
    (control || node).focus({ preventScroll: true });
    node.scrollIntoView({ block: "center" });
  }

  // ---- creating ----------------------------------------------------------------------------------------------------

  async function create() {
    tried = true;
    const missing = missingIn(composer.form, value);
    if (missing) {
      setProblem(missing);
      showField(missing.field);
      return;
    }
    clearTimeout(timer);
    asked += 1;
    const spec = specOf(composer.form, value);
    const words = JSON.stringify(spec);
    if (attempt.spec !== words) attempt = { spec: words, request_id: newId() }; // pressing again is the same study
    bar.busy(true);
    bar.say("checking", T.compose_creating);
    let answer = null;
    try {
      answer = await askServer({ act: "create", spec, request_id: attempt.request_id });
    } catch {
      bar.say("offline", T.compose_not_created);
    }
    bar.busy(false);
    if (answer && answer.ok) created(answer, spec);
    else if (answer) {
      setProblem({ field: answer.field, error: answer.error || T.refused_unknown });
      showField(answer.field);
    }
  }

  function created(answer, spec) {
    dropDraft();
    seed = value.draft ? JSON.stringify(value.draft) : null;
    attempt = { spec: "", request_id: "" };
    const again = () => {
      another();
      sections.querySelector("input:checked").focus();
    };
    done.replaceChildren(studyCreated({ ...answer, spec, say, another: again }));
    show(note, false);
    show(page, false);
    show(done, true);
    done.querySelector("h3").focus({ preventScroll: true });
    root.scrollIntoView({ block: "start" });
  }

  function another() {
    show(done, false);
    show(page, true);
    open(blankForm(value.modality));
  }

  return { root, setValue };
}
