// Insights: the list of an owner's studies, one of them open, looked at again every few seconds while it is seen.
const LOOK_AGAIN_MS = 5000;

function insightsBoard() {
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const problem = h("p", { class: "in-banner in-refusal", role: "alert", hidden: true });
  const loading = h("p", { class: "cb-muted in-loading", role: "status", hidden: true, text: T.history_loading });
  const empty = noStudies();
  const list = studyList((id) => open(id));
  const page = studyPage({ back, ask: askOpen, say, choose });
  const root = h(
    "section",
    { class: "collab-widget cb-insights", "aria-label": T.in_label },
    empty,
    list.node,
    problem,
    loading,
    page.node,
    live,
  );
  let known = false; // whether the list has ever come: until then an empty page would say something untrue
  let studies = [];
  let opened = null; // study_id
  let wanted = null; // the study that the page's value opened last
  let results = null; // of the open study, as last told
  let asked = { by: "arm", tag: "" };
  let turn = 0; // an answer to an older question than the newest is thrown away
  let underway = 0; // acts that wait for their answer: meanwhile nothing is looked at again
  let scrollBack = 0;

  function setValue(value) {
    known = known || !!value;
    studies = (value && value.studies) || [];
    list.update(studies);
    const id = (value && value.open) || null;
    if (id && (id !== wanted || value.results)) {
      if (value.results) show_(id, value.results);
      else open(id);
    } else draw();
    wanted = id;
  }

  function draw() {
    show(empty, known && !studies.length && !opened);
    show(list.node, studies.length > 0 && !opened);
    show(loading, (!known && !opened) || (!!opened && !results && problem.hidden));
    show(page.node, !!opened && !!results);
  }

  async function open(id) {
    scrollBack = window.scrollY;
    opened = id;
    results = null;
    asked = { by: "arm", tag: "" };
    page.reset();
    show(problem, false);
    draw();
    if (!(await look())) return draw();
    page.focus();
    if (root.getBoundingClientRect().top < 0) root.scrollIntoView({ block: "start" });
    trigger("opened", { study_id: id });
  }

  function show_(id, told) {
    if (id !== opened) {
      asked = { by: "arm", tag: "" };
      page.reset();
    }
    opened = id;
    turn += 1;
    take(told);
  }

  function take(told) {
    results = told;
    draw(); // first on the page, so that plots know their width
    page.update(results);
    page.setLive(results.study.status === "open" ? "live" : "");
  }

  function look() {
    return askOpen({ act: "results" });
  }

  // One act on the open study; what it answers is shown. → the answer, or null after a refusal, which is shown too
  async function askOpen(payload, quiet = false) {
    const id = opened;
    const asks = !["csv", "export"].includes(payload.act); // for results, which a newer question overtakes
    const number_ = asks ? ++turn : turn;
    let answer = null;
    underway += 1;
    try {
      answer = await server.act({ ...payload, ...(asks ? asked : {}), study_id: id });
    } catch {
      answer = { ok: false, error: T.in_network };
    } finally {
      underway -= 1;
    }
    if (opened !== id) return null;
    if (!answer || !answer.ok) {
      if (quiet) page.setLive("late");
      else refuse((answer && answer.error) || T.refused_unknown);
      return null;
    }
    if (!quiet) show(problem, false);
    if (answer.results && number_ === turn) take(answer.results);
    return answer;
  }

  function refuse(error) {
    setText(problem, error);
    show(problem, true);
    if (problem.getBoundingClientRect().top < 0) problem.scrollIntoView({ block: "nearest" });
    draw();
  }

  function choose(next) {
    asked = next;
    look();
  }

  function back() {
    const id = opened;
    opened = null;
    results = null;
    turn += 1;
    show(problem, false);
    draw();
    trigger("opened", { study_id: "" });
    list.row(id)?.querySelector("button").focus({ preventScroll: true });
    window.scrollTo({ top: scrollBack });
  }

  function say(text) {
    setText(live, "");
    setTimeout(() => setText(live, text), 30);
  }

  async function lookAgain() {
    if (!element.isConnected) return clearInterval(timer);
    const seen = document.visibilityState === "visible" && isOnScreen();
    if (underway || !seen || !opened || (results && results.study.status !== "open")) return;
    await askOpen({ act: "results" }, !!results);
  }

  const timer = setInterval(lookAgain, LOOK_AGAIN_MS);
  document.addEventListener("visibilitychange", lookAgain);
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !opened || isTyping(event.target) || root.querySelector("dialog[open]")) return;
    event.preventDefault();
    back();
  });
  return { root, setValue };
}
