// One prompt in full: joins its tree, its difference, its test, its forms and its log. Knows what is looked at.
function refinePage({ back, ask, say }) {
  const title = h("h2", { class: "in-page-title", dir: "auto", tabindex: "-1" });
  const facts = h("p", { class: "in-facts" });
  const live = h("span", { class: "in-live" });
  const saving = h("span", { class: "rf-saving", role: "status" });
  const keys = iconButton("keyboard", T.keys_label, () => openKeys(T.rf_keys), { class: "cb-desktop" });
  const job = jobBar({ ask });
  const tree = versionTree({ choose, mark: markFor });
  const compare = comparePane({ chooseAgainst });
  const decide = decidePane({ ask, openForm, testNow, say });
  const trial = trialPane({ ask, say });
  const propose = proposePanel({ ask, close: closeForm, started: () => closeForm() });
  const test = testPanel({ ask, close: closeForm, started, mark: markFor });
  const revise = reviseForm({ ask, close: closeForm, revised });
  const log = logList();
  const forms = { propose, test, revise };
  const node = h(
    "div",
    { class: "rf-page", hidden: true },
    h(
      "header",
      { class: "rf-head" },
      h(
        "div",
        { class: "cb-row cb-spread" },
        textButton(T.rf_all_prompts, back, { class: "cb-quiet in-back" }, "left"),
        h("div", { class: "cb-row rf-head-state" }, saving, live, keys),
      ),
      title,
      facts,
    ),
    job.node,
    h(
      "div",
      { class: "rf-columns" },
      tree.node,
      h("div", { class: "rf-middle" }, revise.node, compare.node),
      h("div", { class: "rf-side" }, trial.state, decide.node, propose.node, test.node, trial.proof),
    ),
    log.node,
  );
  let board = null;
  let came = null; // how many versions the job brought that was watched, else null
  // form: the name of the one that is open, or ""
  const state = { chosen: "", against: "current", marked: new Set(), fresh: new Set(), form: "" };

  function update(told) {
    const before = board;
    const ids = new Set(told.versions.map((version) => version.prompt_version_id));
    const added = before ? told.versions.filter((version) => !versionOf(before, version.prompt_version_id)) : [];
    board = told;
    if (before && isWorking(before.job) && board.job && !isWorking(board.job)) arrived(added);
    else if (isWorking(board.job)) came = null;
    if (isRunning(before?.trial) && board.trial?.verdict === "better") wonNow();
    const open = new Set(testable(board).map((version) => version.prompt_version_id));
    for (const id of state.marked) if (!open.has(id)) state.marked.delete(id);
    if (!ids.has(state.chosen)) state.chosen = firstLook();
    draw();
  }

  function arrived(added) {
    came = added.length;
    for (const version of added) state.fresh.add(version.prompt_version_id);
    if (added.length) say(plural("rf_arrived", added.length));
  }

  // The test that was watched is over: what won is what to decide about, unless something is being written.
  function wonNow() {
    if (!state.form) state.chosen = board.trial.leader_id;
    say(board.trial.said);
  }

  // What deserves a look first: the one in front of the test, else the newest, else what serves.
  function firstLook() {
    const open = testable(board);
    const leader = board.trial?.leader_id && versionOf(board, board.trial.leader_id);
    const newest = [...open].sort((a, b) => b.number - a.number)[0];
    return (leader || newest || currentOf(board))?.prompt_version_id || "";
  }

  function draw() {
    if (!board) return;
    setText(title, board.prompt.title || T.rf_untitled);
    setText(
      facts,
      [
        words("in_modality", board.prompt.modality),
        plural("rf_versions", board.versions.length),
        plural("rf_acts", board.acts || 0),
      ].join(" · "),
    );
    tree.update(board, state);
    compare.update(board, state);
    decide.update(board, state);
    trial.update(board);
    job.update(board.job, came, board);
    log.update(board);
    if (state.form === "propose" || state.form === "test") forms[state.form].update(board, state);
    if (state.form && state.form !== "revise" && decide.why(state.form)) closeForm();
  }

  // The job alone was asked after: the rest of the board stands.
  function updateJob(told) {
    if (!board) return;
    board = { ...board, job: told };
    job.update(told, came, board);
    decide.update(board, state);
  }

  function choose(id) {
    if (!versionOf(board, id)) return;
    const moved = id !== state.chosen;
    state.chosen = id;
    state.fresh.delete(id);
    if (moved && state.form === "revise") closeForm();
    draw();
    if (moved) say(versionName(versionOf(board, id)));
  }

  function chooseAgainst(value) {
    state.against = value;
    draw();
  }

  function markFor(id, on) {
    if (on) state.marked.add(id);
    else state.marked.delete(id);
    draw();
  }

  function openForm(name) {
    if (!board || (name !== "revise" && !decide.can(name))) {
      if (board) say(decide.why(name));
      return;
    }
    if (state.form === name) return forms[name].focus();
    closeForm();
    state.form = name;
    if (name === "test" && !state.marked.size) markUsual();
    if (name === "revise") revise.open(versionOf(board, state.chosen), board);
    show(forms[name].node, true);
    draw();
    forms[name].node.scrollIntoView({ block: "nearest" });
    forms[name].focus();
  }

  // The one that is looked at, else all that were in no test yet.
  function markUsual() {
    const open = testable(board).map((version) => version.prompt_version_id);
    const untested = open.filter((id) => !known(versionOf(board, id).win_rate));
    const usual = open.includes(state.chosen) ? [state.chosen] : untested.length ? untested : open;
    for (const id of usual) state.marked.add(id);
  }

  // A blind test as it is usually planned; what else can be said about one stands in its form.
  async function testNow(button, note) {
    if (!state.marked.size) markUsual();
    draw();
    const chosen = [...state.marked];
    const done = await sendFrom(button, note, ask, {
      act: "trial",
      prompt_id: board.prompt.prompt_id,
      prompt_version_ids: chosen,
      scope: board.usual_scope || "population",
    });
    if (!done) return;
    say(plural("rf_test_began", chosen.length));
    started();
  }

  function closeForm() {
    if (!state.form) return false;
    const form = forms[state.form].node;
    const held = form.contains(document.activeElement);
    state.form = "";
    show(form, false);
    draw();
    if (held) decide.node.querySelector("button:not(:disabled)")?.focus({ preventScroll: true });
    return true;
  }

  function started() {
    state.marked.clear();
    came = null; // what arrived has been dealt with
    if (!closeForm()) draw(); // it closes by itself where the board says that a test runs
  }

  function revised() {
    const newest = [...board.versions].sort((a, b) => b.number - a.number)[0];
    closeForm();
    choose(newest.prompt_version_id);
    tree.focusOn(newest.prompt_version_id);
    say(fill(T.rf_revised, { version: versionName(newest) }));
  }

  function reset() {
    closeForm();
    board = null;
    came = null;
    Object.assign(state, { chosen: "", against: "current", marked: new Set(), fresh: new Set() });
    compare.reset();
    log.reset();
    revise.reset();
    setSaving("");
  }

  // "saving", or the moment it was saved, or "" after a refusal
  function setSaving(words_) {
    setAttr(saving, "data-state", words_ === T.saving ? "saving" : words_ ? "saved" : null);
    setText(saving, words_);
  }

  // state: "live", "late" (the last look failed) or "" (nothing is running)
  function setLive(how) {
    setAttr(live, "data-state", how || null);
    setText(live, how === "live" ? fill(T.in_live, { time: clock() }) : how === "late" ? T.in_late : "");
  }

  const acts = {
    j: () => tree.step(1),
    k: () => tree.step(-1),
    p: () => openForm("propose"),
    t: () => openForm("test"),
    r: () => openForm("revise"),
    "?": () => openKeys(T.rf_keys),
  };

  // → whether the key meant something
  function key(event) {
    if (event.key === "Escape") return closeForm();
    if (isTyping(event.target)) return false;
    const arrow = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (arrow) return tree.holds() && (tree.step(arrow), true);
    const name = event.key.length === 1 ? event.key.toLowerCase() : "";
    if (!Object.hasOwn(acts, name)) return false;
    acts[name]();
    return true;
  }

  return {
    node,
    update,
    updateJob,
    reset,
    setLive,
    setSaving,
    key,
    focus: () => title.focus({ preventScroll: true }),
  };
}
