// Train: what the data could teach, and the trainings of the studio, one of them open. A training that runs is looked at
// every second or two while it is seen, by its id: a reload of the page, or another server, finds it again.
const TICK_MS = 1000;
const LOOK_RUNNING_MS = 1500;
const LOOK_TESTED_MS = 5000;

function trainBoard() {
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const problem = h("p", { class: "in-banner in-refusal", role: "alert", hidden: true, dir: "auto" });
  const loading = h("p", { class: "cb-muted in-loading", role: "status", text: T.history_loading });
  const list = trainingList({ open, rollBack });
  const lessons = lessonCards({ setUp, start: () => trigger("start", {}) });
  const recipe = recipePanel({ ask, started, close: closeRecipe });
  const home = h(
    "div",
    { class: "tr-home", hidden: true },
    h("div", { class: "tr-home-head" }, h("h2", { class: "in-page-title", text: T.tr_label }), list.serving),
    lessons.node,
    recipe.node,
    list.node,
  );
  const pane = livePane({ ask, say });
  const result = resultPane({ ask, say });
  const lineage = lineagePane({ ask });
  const late = h("span", { class: "in-live" });
  const page = h(
    "div",
    { class: "tr-page", hidden: true },
    h(
      "div",
      { class: "cb-row cb-spread" },
      textButton(T.tr_all, back, { class: "cb-quiet in-back" }, "left"),
      late,
    ),
    pane.head,
    pane.node,
    result.node,
    pane.curves,
    pane.samples,
    lineage.node,
  );
  const root = h(
    "section",
    { class: "collab-widget cb-insights cb-refine cb-train", "aria-label": T.tr_label },
    problem,
    loading,
    home,
    page,
    live,
  );
  let wanted = null; // the `opened` that was asked for last
  let overview = null;
  let counted = null; // lessons
  let opened = null; // job_id
  let training = null; // as last told
  let turn = 0;
  let underway = 0;
  let lookedAt = 0;

  function setValue(value) {
    if (!value || value.opened === wanted) return;
    wanted = value.opened;
    const kept = opened || drafts.get("train", "open");
    if (kept) open(kept, true);
    load();
  }

  async function load() {
    count();
    const answer = await ask({ act: "overview" });
    if (answer.ok) takeOverview(answer);
    else refuse(answer.error);
  }

  async function count() {
    lessons.update(counted, busyNow());
    const answer = await ask({ act: "lessons" });
    if (!answer.ok) return refuse(answer.error);
    counted = answer.lessons;
    lessons.update(counted, busyNow());
    if (!opened && !recipe.kind()) setUpAgain();
  }

  // The recipe that was being written when the page was reloaded.
  function setUpAgain() {
    const kept = JSON.parse(drafts.get("train", "recipe") || "null");
    const lesson = kept && counted.find((each) => each.kind === kept.kind);
    if (lesson && isReady(lesson)) recipe.open(lesson, kept);
  }

  function takeOverview(answer) {
    overview = { trainings: answer.trainings, serving: answer.serving };
    lookedAt = Date.now();
    list.update(overview);
    if (counted) lessons.update(counted, busyNow());
    draw();
  }

  function busyNow() {
    return !!overview?.trainings.some(isUnderWay);
  }

  function draw() {
    show(home, !opened && !!overview);
    show(page, !!opened && !!training);
    show(loading, opened ? !training && problem.hidden : !overview && problem.hidden);
  }

  // The answer, always with `ok`, and with `error` where it was refused; a training that it tells is shown.
  async function ask(payload) {
    let answer = null;
    const at = turn;
    underway += 1;
    try {
      answer = await server.act(payload);
    } catch {
      answer = null;
    } finally {
      underway -= 1;
    }
    answer = answer || { ok: false, error: T.in_network, lost: true };
    if (!answer.ok) return answer;
    show(problem, false);
    if (answer.trainings) takeOverview(answer);
    if (at !== turn) return answer;
    if (answer.training && answer.training.job_id === opened) take(answer.training);
    return answer;
  }

  function take(told) {
    const ended = isUnderWay(training) && !isUnderWay(told);
    training = told;
    lookedAt = Date.now();
    draw(); // first on the page, so that plots know their width
    pane.update(told);
    result.update(told);
    lineage.update(told.version?.line);
    setLate(isUnderWay(told) ? "live" : "");
    if (ended) say(told.status === "done" ? told.message : told.error || words("tr_status", told.status));
  }

  async function open(id, quiet = false) {
    turn += 1;
    closeRecipe();
    opened = id;
    training = null;
    pane.reset();
    drafts.set("train", "open", id);
    show(problem, false);
    draw();
    const answer = await ask({ act: "training", job_id: id });
    if (opened !== id) return;
    if (!answer.ok) {
      if (quiet && !answer.lost) return back(); // it is no more: what this tab remembered is forgotten
      return refuse(answer.error);
    }
    if (quiet) return;
    pane.focus();
    if (root.getBoundingClientRect().top < 0) root.scrollIntoView({ block: "start" });
  }

  function back() {
    const id = opened;
    turn += 1;
    opened = null;
    training = null;
    drafts.drop("train", "open");
    show(problem, false);
    draw();
    list.row(id)?.querySelector("button").focus({ preventScroll: true });
    load();
  }

  function setUp(kind) {
    const lesson = counted.find((each) => each.kind === kind);
    recipe.open(lesson);
  }

  function closeRecipe() {
    const kind = recipe.kind();
    if (!kind) return;
    const held = recipe.node.contains(document.activeElement);
    drafts.drop("train", "recipe");
    show(recipe.node, false);
    if (held) lessons.card(kind)?.querySelector("button")?.focus();
  }

  function started(told) {
    closeRecipe();
    open(told.job_id);
  }

  function rollBack(modality, name) {
    rollBackDialog({ ask, modality, name, done: () => say(T.rf_done_rollback) });
  }

  function refuse(error) {
    setText(problem, error || T.refused_unknown);
    show(problem, true);
    draw();
  }

  function setLate(how) {
    setAttr(late, "data-state", how || null);
    setText(late, how === "live" ? fill(T.in_live, { time: clock() }) : how === "late" ? T.in_late : "");
  }

  function say(text) {
    setText(live, "");
    setTimeout(() => setText(live, text || ""), 30);
  }

  async function tick() {
    if (!element.isConnected) return clearInterval(timer);
    if (document.visibilityState !== "visible" || !isOnScreen() || underway || !wanted) return;
    const since = Date.now() - lookedAt;
    if (opened && training) {
      const tested = training.version?.tests.some((study) => study.status === "open");
      if (isUnderWay(training) ? since < LOOK_RUNNING_MS : !tested || since < LOOK_TESTED_MS) return;
      lookedAt = Date.now();
      const answer = await ask({ act: "training", job_id: opened });
      if (!answer.ok && opened) setLate("late");
    } else if (!opened && busyNow() && since >= LOOK_RUNNING_MS) {
      lookedAt = Date.now();
      await ask({ act: "overview" });
    }
  }

  const timer = setInterval(tick, TICK_MS);
  return { root, setValue };
}
