// Refine: the prompts of an owner, one of them open. A job is asked after every second, a test every few, while seen.
const TICK_MS = 1000;
const LOOK_AGAIN_MS = 5000;
const READS = ["prompts", "board", "job"];

function refineBoard() {
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const problem = h("p", { class: "in-banner in-refusal", role: "alert", hidden: true, dir: "auto" });
  const loading = h("p", { class: "cb-muted in-loading", role: "status", hidden: true, text: T.history_loading });
  const empty = noPrompts();
  const list = promptList((id) => open(id));
  const page = refinePage({ back, ask, say });
  const root = h(
    "section",
    { class: "collab-widget cb-insights cb-refine", "aria-label": T.rf_label },
    empty,
    list.node,
    problem,
    loading,
    page.node,
    live,
  );
  let known_ = false; // whether the list has ever come: until then an empty page would say something untrue
  let prompts = [];
  let opened = null; // prompt_id
  let wanted = null; // the prompt that the page's value opened last
  let board = null; // of the open prompt, as last told
  let turn = 0; // what an older question than the newest is told is thrown away
  let underway = 0; // acts that wait for their answer: meanwhile nothing is looked at again
  let lookedAt = 0; // when the board was last asked for, ms
  let scrollBack = 0;
  let seen = false; // whether it was on the screen at the last tick

  function setValue(value) {
    known_ = known_ || !!value;
    prompts = (value && value.prompts) || [];
    list.update(prompts);
    const id = (value && value.open) || null;
    if (id && id !== wanted) open(id, value.board);
    else if (opened) look(true);
    wanted = id;
    draw();
  }

  function draw() {
    show(empty, known_ && !prompts.length && !opened);
    show(list.node, prompts.length > 0 && !opened);
    show(loading, (!known_ && !opened) || (!!opened && !board && problem.hidden));
    show(page.node, !!opened && !!board);
  }

  async function open(id, told = null) {
    scrollBack = window.scrollY;
    opened = id;
    board = null;
    turn += 1;
    page.reset();
    show(problem, false);
    draw();
    if (told) take(told);
    else if (!(await look())) return;
    page.focus();
    if (root.getBoundingClientRect().top < 0) root.scrollIntoView({ block: "start" });
    trigger("opened", { prompt_id: id });
  }

  function take(told) {
    board = told;
    lookedAt = Date.now();
    draw(); // first on the page, so that plots know their width
    page.update(board);
    page.setLive(isMoving() ? "live" : "");
  }

  function isMoving() {
    const making = () => board.versions.some((version) => version.making);
    return !!board && (isRunning(board.trial) || isWorking(board.job) || !!board.watch || making());
  }

  // quiet: a look that fails is said at the head of the page, what stands there stays
  async function look(quiet = false) {
    const answer = await ask({ act: "board", prompt_id: opened });
    if (answer.ok || answer.stale) return answer.ok;
    if (quiet && board) page.setLive("late");
    else refuse(answer.error || T.refused_unknown);
    return false;
  }

  // One act; a board that it answers is shown. → the answer, always with `ok`, and with `error` where it was refused
  async function ask(payload) {
    const id = opened;
    const number_ = payload.act === "job" ? turn : ++turn;
    const writes = !READS.includes(payload.act);
    let answer = null;
    if (writes) page.setSaving(T.saving);
    underway += 1;
    try {
      answer = await server.act(payload);
    } catch {
      answer = null;
    } finally {
      underway -= 1;
    }
    answer = answer || { ok: false, error: T.in_network };
    if (writes) page.setSaving(answer.ok ? fill(T.saved, { time: savedTime(answer.saved_at) }) : "");
    if (opened !== id) return { ...answer, ok: false, stale: true };
    if (!answer.ok) return answer;
    if (payload.act === "board") show(problem, false);
    if (answer.board && number_ === turn) take(answer.board);
    return answer;
  }

  function refuse(error) {
    setText(problem, error);
    show(problem, true);
    draw();
  }

  async function back() {
    const id = opened;
    opened = null;
    board = null;
    turn += 1;
    page.reset();
    show(problem, false);
    draw();
    trigger("opened", { prompt_id: "" });
    list.row(id)?.querySelector("button").focus({ preventScroll: true });
    window.scrollTo({ top: scrollBack });
    const answer = await ask({ act: "prompts" });
    if (!answer.ok || !answer.prompts) return;
    prompts = answer.prompts;
    list.update(prompts);
    draw();
  }

  function say(text) {
    setText(live, "");
    setTimeout(() => setText(live, text || ""), 30);
  }

  async function tick() {
    if (!element.isConnected) return leave();
    const back_ = !seen;
    seen = document.visibilityState === "visible" && isOnScreen();
    if (!seen || underway || !opened || !board) return;
    if (isWorking(board.job)) return askAfterJob();
    if ((isMoving() || back_) && Date.now() - lookedAt >= LOOK_AGAIN_MS) {
      lookedAt = Date.now();
      await look(true);
    }
  }

  async function askAfterJob() {
    const answer = await ask({ act: "job", job_id: board.job.job_id });
    if (answer.stale) return;
    if (!answer.ok || !answer.job) return page.setLive("late");
    if (!board || !board.job || board.job.job_id !== answer.job.job_id) return;
    if (!isWorking(answer.job)) return look(true);
    board = { ...board, job: answer.job };
    page.updateJob(answer.job);
    page.setLive("live");
  }

  function onKey(event) {
    if (!element.isConnected) return leave();
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!opened || !board || !isOnScreen() || document.querySelector("dialog[open]")) return;
    const at = event.target;
    if (!(at instanceof Element) || (!root.contains(at) && !/^(BODY|HTML)$/.test(at.tagName))) return;
    if (page.key(event)) event.preventDefault();
    else if (event.key === "Escape" && !isTyping(at)) {
      event.preventDefault();
      back();
    }
  }

  function leave() {
    clearInterval(timer);
    document.removeEventListener("keydown", onKey);
    document.removeEventListener("visibilitychange", tick);
  }

  const timer = setInterval(tick, TICK_MS);
  document.addEventListener("visibilitychange", tick);
  document.addEventListener("keydown", onKey);
  return { root, setValue };
}
