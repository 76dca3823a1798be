// What can be done with a prompt and the version that is looked at; where it cannot be, why not, in words.
function decidePane({ ask, openForm, testNow, say }) {
  const propose = textButton(T.rf_propose, () => openForm("propose"));
  const revise = textButton(T.rf_revise, () => openForm("revise"));
  const test = textButton(T.rf_test, () => testNow(test, note));
  const plan = textButton(T.rf_plan, () => openForm("test"));
  const promote = textButton("", askToPromote);
  const reject = textButton("", askToReject);
  const rollback = textButton(T.rf_rollback, askToRollBack);
  const reasons = h("ul", { class: "rf-reasons" });
  const note = failure();
  const node = h(
    "section",
    { class: "rf-decide", "aria-label": T.rf_actions },
    h("div", { class: "rf-buttons" }, propose, revise, test, plan, promote, reject, rollback),
    note,
    reasons,
  );
  let board = null;
  let version = null;
  let lacks = {};

  function update(board_, state) {
    board = board_;
    version = versionOf(board, state.chosen);
    const name = versionName(version);
    const current = currentOf(board);
    const can = board.can || {};
    lacks = {
      propose: isWorking(board.job) ? T.rf_job_running : can.propose || "",
      test: can.trial || (isRunning(board.trial) ? T.rf_test_running : testable(board).length ? "" : T.rf_test_nobody),
      promote: version === current ? T.rf_serving_why : ((can.promote || {})[state.chosen] ?? T.rf_promote_untested),
      reject: version === current ? T.rf_serving_why : version?.rejected ? T.rf_reject_done : "",
      rollback: can.rollback || "",
    };
    setText(promote.lastChild, fill(T.rf_promote, { version: name }));
    setText(reject.lastChild, fill(T.rf_reject, { version: name }));
    const buttons = { propose, test, promote, reject, rollback };
    const told = Object.entries(buttons).filter(([act]) => lacks[act]);
    for (const [act, button] of Object.entries(buttons)) {
      button.disabled = !!lacks[act];
      setAttr(button, "aria-describedby", lacks[act] ? "rf-why-" + act : null);
    }
    plan.disabled = !!lacks.test;
    setAttr(plan, "aria-describedby", lacks.test ? "rf-why-test" : null);
    if (lacks.test) tell(note, "");
    const serving = version === current;
    show(promote, !serving);
    show(reject, !serving);
    const sentences = told
      .filter(([, button]) => !button.hidden)
      .map(([act, button]) => [act, button.lastChild.textContent.replace(/…$/, ""), lacks[act]]);
    if (serving && version) sentences.push(["serving", name, T.rf_serving_why]);
    if (reasons.dataset.told !== JSON.stringify(sentences)) {
      reasons.dataset.told = JSON.stringify(sentences);
      reasons.replaceChildren(
        ...sentences.map(([act, words_, reason]) =>
          h("li", { id: "rf-why-" + act, dir: "auto", text: fill(T.rf_why_not, { act: words_, reason }) }),
        ),
      );
    }
    show(reasons, sentences.length > 0);
    const first = state.form ? null : primary(); // an open form has its own
    for (const button of [propose, revise, test, promote]) button.classList.toggle("cb-primary", button === first);
  }

  // one primary action: what brings the loop on from here
  function primary() {
    if (!lacks.promote) return promote;
    if (isRunning(board.trial)) return null;
    const tested = new Set(board.trial?.stage === "decided" ? board.trial.candidate_ids : []);
    if (!lacks.test && testable(board).some((each) => !tested.has(each.prompt_version_id))) return test;
    return lacks.propose ? null : propose;
  }

  function evidenceWords_() {
    const said = board.trial?.confirming?.evidence?.sentence || board.trial?.said;
    return said ? fill(T.rf_evidence_is, { said }) : T.rf_no_evidence;
  }

  function askToPromote() {
    const name = versionName(version);
    const id = version.prompt_version_id;
    confirmDialog({
      title: fill(T.rf_promote_title, { version: name }),
      text: fill(T.rf_promote_text, { version: name, current: versionName(currentOf(board)) }),
      aside: evidenceWords_(),
      yes: T.rf_promote_yes,
      send: () => ask({ act: "promote", prompt_id: board.prompt.prompt_id, prompt_version_id: id }),
      done: () => say(fill(T.rf_done_promote, { version: name })),
    });
  }

  function askToReject() {
    const name = versionName(version);
    const id = version.prompt_version_id;
    confirmDialog({
      title: fill(T.rf_reject_title, { version: name }),
      text: T.rf_reject_text,
      yes: T.rf_reject_yes,
      draft: "reject:" + id,
      send: (reason) => ask({ act: "reject", prompt_version_id: id, reason }),
      done: () => say(fill(T.rf_done_reject, { version: name })),
    });
  }

  function askToRollBack() {
    const evidence = board.watch?.evidence?.sentence;
    confirmDialog({
      title: T.rf_rollback_title,
      text: fill(T.rf_rollback_text, { current: versionName(currentOf(board)) }),
      aside: evidence ? fill(T.rf_evidence_is, { said: evidence }) : evidenceWords_(),
      yes: T.rf_rollback_yes,
      draft: "rollback:" + board.prompt.prompt_id,
      send: (reason) => ask({ act: "rollback", prompt_id: board.prompt.prompt_id, reason }),
      done: () => say(T.rf_done_rollback),
    });
  }

  return { node, update, can: (act) => !lacks[act], why: (act) => lacks[act] };
}

// Asks before something is done; a refusal is said inside. draft: a reason is asked for, and kept until it is sent.
function confirmDialog({ title, text, aside = "", yes, send, done = () => {}, draft = "" }) {
  const reason =
    draft &&
    h("textarea", {
      class: "in-field",
      rows: 2,
      dir: "auto",
      value: drafts.get("reason", draft) || "",
      placeholder: T.rf_reason_hint,
      oninput: () => drafts.set("reason", draft, reason.value),
    });
  const note = failure();
  const go = textButton(yes, act, { class: "cb-primary" });
  const dialog = modal("rf-confirm", [
    h("h3", { dir: "auto", text: title }),
    h("p", { dir: "auto", text }),
    aside && h("p", { class: "in-aside", dir: "auto", text: aside }),
    reason && fieldOf(T.rf_reason, reason),
    note,
    h(
      "div",
      { class: "cb-row rf-confirm-foot" },
      textButton(T.cancel, () => dialog.close(), {}),
      go,
    ),
  ]);
  setAttr(dialog, "aria-label", title);
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  (reason || go).focus();

  async function act() {
    const answer = await busy(go, () => send(reason ? reason.value.trim() : ""));
    if (!answer.ok) return tell(note, answer.error || T.refused_unknown);
    if (draft) drafts.drop("reason", draft);
    dialog.close();
    done(answer);
  }
}
