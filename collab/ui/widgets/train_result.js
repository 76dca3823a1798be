// The model that came of a training: its checks, before and after, the blind tests of it, and whether it serves.
function resultPane({ ask, say }) {
  const gates = h("ul", { class: "tr-gates" });
  const shares = h("p", { class: "cb-muted tr-small" });
  const left = h("div", {});
  const pairs = samplePairs();
  const pairsBox = h(
    "section",
    { class: "tr-section", "aria-label": T.tr_before_after },
    h("h3", { class: "tr-subtitle", text: T.tr_before_after }),
    h("p", { class: "cb-muted tr-small", text: T.tr_before_after_how }),
    pairs.node,
  );
  const test = textButton(T.tr_test, testNow, {});
  const promote = textButton(T.tr_promote, askToPromote, {});
  const rollback = textButton(T.rf_rollback, askToRollBack, {});
  const download = textButton(T.tr_download, downloadNow, {}, "download");
  const reasons = h("ul", { class: "rf-reasons" });
  const note = failure();
  const tests = h("div", { class: "tr-tests" });
  const decide = h(
    "section",
    { class: "tr-section tr-decide", "aria-label": T.tr_decide },
    h("h3", { class: "tr-subtitle", text: T.tr_decide }),
    h("p", { class: "cb-muted tr-small", text: T.tr_test_how }),
    h("div", { class: "cb-row tr-buttons" }, test, promote, rollback, download),
    note,
    reasons,
    tests,
  );
  const node = h(
    "div",
    { class: "tr-result", hidden: true },
    h("section", { class: "tr-section", "aria-label": T.tr_gates }, h("h3", { class: "tr-subtitle", text: T.tr_gates }), gates, shares, left),
    pairsBox,
    decide,
  );
  const studies = new Map(); // study_id -> {node, figure, share}
  let version = null;
  let jobId = "";

  function update(training) {
    const told = (version = training.version);
    jobId = training.job_id;
    show(node, !!told);
    if (!told) return;
    if (gates.dataset.told !== JSON.stringify(told.gates)) {
      gates.dataset.told = JSON.stringify(told.gates);
      gates.replaceChildren(...told.gates.map(gateRow));
    }
    setText(shares, told.shares ? fill(T.tr_checked_on, { shares: kindWords("tr_shares", sharesKey(told.shares)) }) : "");
    left.replaceChildren(...[leftOutBox(told.left_out)].filter(Boolean));
    pairs.update(told.samples);
    show(pairsBox, told.samples.length > 0);
    const lacks = { test: told.can.trial, promote: told.serves ? T.tr_serves_why : told.can.promote[told.version_id] };
    test.disabled = !!lacks.test;
    promote.disabled = !!lacks.promote;
    for (const [name, button] of [["test", test], ["promote", promote]]) {
      setAttr(button, "aria-describedby", lacks[name] ? "tr-why-" + name : null);
      button.classList.toggle("cb-primary", !lacks[name] && (name === "promote" || !!lacks.promote));
    }
    show(promote, !told.serves);
    show(test, !told.serves);
    show(rollback, told.serves && !told.can.rollback);
    const sentences = [["test", lacks.test], ["promote", lacks.promote]].filter(([, why]) => why);
    const told_ = told.serves ? [["promote", T.tr_serves_why]] : sentences;
    if (reasons.dataset.told !== JSON.stringify(told_)) {
      reasons.dataset.told = JSON.stringify(told_);
      reasons.replaceChildren(
        ...told_.map(([name, why]) =>
          h("li", {
            id: "tr-why-" + name,
            dir: "auto",
            text: told.serves ? why : fill(T.rf_why_not, { act: name === "test" ? T.tr_test : T.tr_promote, reason: why }),
          }),
        ),
      );
    }
    drawTests(told.tests);
  }

  function gateRow(gate) {
    return h(
      "li",
      { "data-passed": String(gate.passed) },
      h("span", { class: "tr-mark", "aria-hidden": "true", text: gate.passed ? "✓" : "✗" }),
      h("span", { class: "cb-offscreen", text: gate.passed ? T.tr_gate_passed : T.tr_gate_failed }),
      h("span", { dir: "auto", text: gate.said }),
    );
  }

  function drawTests(told) {
    const kept = new Set(told.map((study) => study.study_id));
    for (const [id, each] of studies)
      if (!kept.has(id)) {
        each.node.remove();
        studies.delete(id);
      }
    for (const study of told) {
      if (!studies.has(study.study_id)) {
        const made = testBox(say);
        studies.set(study.study_id, made);
        tests.append(made.node); // first on the page, so that its plot knows its width
      }
      studies.get(study.study_id).update(study);
    }
  }

  async function testNow() {
    if (await press(test, note, () => ask({ act: "test", job_id: jobId, version_id: version.version_id }))) say(T.tr_test_began);
  }

  async function downloadNow() {
    const answer = await press(download, note, () => ask({ act: "adapter", version_id: version.version_id }));
    if (answer) followLink(answer.url);
  }

  function evidence() {
    const said = version.tests.find((study) => study.serves)?.evidence.sentence;
    return said ? fill(T.rf_evidence_is, { said }) : T.rf_no_evidence;
  }

  function askToPromote() {
    confirmDialog({
      title: fill(T.rf_promote_title, { version: version.name }),
      text: fill(T.tr_promote_text, { version: version.name, current: version.serving }),
      aside: evidence(),
      yes: T.rf_promote_yes,
      send: () => ask({ act: "promote", job_id: jobId, version_id: version.version_id }),
      done: () => {
        say(fill(T.rf_done_promote, { version: version.name }));
        trigger("served", {});
      },
    });
  }

  function askToRollBack() {
    const done = () => {
      say(T.rf_done_rollback);
      ask({ act: "training", job_id: jobId });
    };
    rollBackDialog({ ask, modality: version.modality, name: version.name, done });
  }

  return { node, update };
}

function rollBackDialog({ ask, modality, name, done }) {
  confirmDialog({
    title: T.rf_rollback_title,
    text: fill(T.rf_rollback_text, { current: name }),
    yes: T.rf_rollback_yes,
    draft: "rollback:" + modality,
    send: (reason) => ask({ act: "rollback", modality, reason }),
    done: (answer) => {
      trigger("served", {});
      done(answer);
    },
  });
}

// One blind study of the model: against whom, how many votes, its link while it is open, and what the votes say.
function testBox(say) {
  const title = h("h4", { dir: "auto" });
  const facts = h("span", { class: "cb-muted" });
  const verdict = h("p", { class: "rf-said", dir: "auto" });
  const share = shareLink(say, "cb-primary");
  const figure = plotFigure({ name: "evidence", part: T.rf_evidence });
  const node = h("article", { class: "tr-test" }, h("div", { class: "cb-row" }, title, facts), verdict, share.node, figure.node);

  function update(study) {
    node.dataset.study = study.study_id;
    node.dataset.verdict = study.evidence.verdict;
    setText(title, fill(study.serves ? T.tr_against_serving : T.tr_against_base, { name: study.against }));
    const votes = known(study.wanted)
      ? fill(T.tr_votes_of, { n: number(study.votes), wanted: number(study.wanted) })
      : plural("rf_votes", study.votes);
    setText(facts, votes + " · " + words("in_status", study.status));
    setText(verdict, study.evidence.sentence);
    share.update(study.status === "open" ? study.link : "");
    figure.update(study.evidence.curve?.length > 1 ? { ...evidencePlot(study.evidence), lead: "", study: study.title } : null);
  }

  return { node, update };
}
