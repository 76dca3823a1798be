// Where the blind test stands: its stage, the link, the votes, and what they prove.
const STEPS = ["screening", "confirming", "decided"];

function trialPane({ ask, say }) {
  const finding = h("p", { class: "rf-said", dir: "auto" });
  const steps = h("ol", { class: "rf-steps", "aria-label": T.rf_trial });
  const none = h(
    "div",
    { class: "rf-none" },
    h("p", { class: "rf-said", text: T.rf_trial_none }),
    h("p", { class: "in-how", text: T.rf_trial_none_text }),
  );
  const counts = h("dl", { class: "in-counts" });
  const share = shareLink(say, "cb-primary");
  const stop = textButton(T.rf_stop, askToStop, { class: "cb-quiet" });
  const evidence = plotFigure({ name: "evidence", part: T.rf_evidence });
  const screening = plotFigure({ name: "screening", part: T.rf_screening });
  const watchWords = h("p", { dir: "auto" });
  const watchShare = shareLink(say);
  const watchPlot = plotFigure({ name: "watch", part: T.rf_watch });
  const watch = h(
    "section",
    { class: "rf-watch", "aria-label": T.rf_watch },
    h("p", { class: "in-kicker", text: T.rf_watch }),
    watchWords,
    h("p", { class: "in-how", text: T.rf_watch_how }),
    watchShare.node,
    watchPlot.node,
  );
  const state = h(
    "section",
    { class: "rf-trial", "aria-label": T.rf_trial },
    h("p", { class: "in-kicker", text: T.rf_trial }),
    none,
    finding,
    steps,
    counts,
    share.node,
    stop,
  );
  const proof = h("section", { class: "rf-proof", "aria-label": T.rf_evidence }, evidence.node, screening.node, watch);
  let shown = null;

  function update(board) {
    const trial = (shown = board.trial);
    const running = isRunning(trial);
    show(none, !trial);
    show(finding, !!trial);
    show(steps, running);
    show(stop, running);
    setText(finding, trial ? trial.said || words("rf_stage", trial.stage) : "");
    setAttr(finding, "data-verdict", trial?.verdict || null);
    if (running) drawSteps(trial);
    const study = trial && (trial.stage === "screening" ? trial.screening : trial.confirming || trial.screening);
    drawCounts(running ? study : null, trial);
    share.update(running && study ? study.link : "");
    const proved = trial?.confirming?.evidence;
    evidence.update(proofPlot(proved, board, trial?.said));
    screening.update(screeningPlot(board));
    const { watch: watched } = board;
    show(watch, !!watched);
    if (watched) {
      setText(watchWords, watched.evidence?.sentence || T.rf_watch_none);
      watchShare.update(watched.link);
      watchPlot.update(
        watched.evidence?.curve?.length > 1 ? proofPlot(watched.evidence, board, watched.evidence.sentence) : null,
      );
    }
    show(proof, [evidence, screening].some((figure) => !figure.node.hidden) || !!watched);
  }

  function drawSteps(trial) {
    const walked = trial.screening ? STEPS : STEPS.slice(1); // a single candidate needs no first round
    const at = walked.indexOf(trial.stage);
    const told = [walked.length, at].join();
    if (steps.dataset.told === told) return;
    steps.dataset.told = told;
    steps.replaceChildren(
      ...walked.map((step, i) =>
        h("li", {
          "data-state": i < at ? "done" : i === at ? "now" : null,
          "aria-current": i === at ? "step" : null,
          text: T["rf_step_" + step],
        }),
      ),
    );
  }

  function drawCounts(study, trial) {
    show(counts, !!study);
    if (!study) return;
    const parts = [
      study.wanted
        ? [T.rf_trial_votes_most, of(study.votes, study.wanted)]
        : [T.rf_trial_votes, number(study.votes)],
      study.items && [T.rf_trial_ready, of(study.items_ready, study.items)],
    ].filter(Boolean);
    const told = JSON.stringify(parts);
    if (counts.dataset.told === told) return;
    counts.dataset.told = told;
    counts.replaceChildren(
      ...parts.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: value }))),
    );
  }

  function of(n, all) {
    return fill(T.rf_trial_of, { n: number(n), of: number(all) });
  }

  function askToStop() {
    confirmDialog({
      title: T.rf_stop_title,
      text: T.rf_stop_text,
      yes: T.rf_stop,
      send: () => ask({ act: "stop_trial", trial_id: shown.trial_id }),
    });
  }

  return { state, proof, update };
}

// The interval narrowing, with its terms folded away. What is said above it already is not said again: a decided test's
// figures are, an open one's also tell how many votes it may take.
function proofPlot(evidence, board, said = "") {
  if (!evidence) return null;
  const plot = evidencePlot(evidence);
  const terms = h("details", { class: "rf-terms" }, h("summary", { text: T.rf_terms }), plot.extra);
  const lead = evidence.verdict !== "undecided" || said.includes(plot.lead) ? "" : plot.lead;
  return { ...plot, lead, extra: [terms], source: sourceOf(board), study: board.prompt.title };
}

function sourceOf(board) {
  return fill(T.in_quoted, { name: board.prompt.title || T.rf_untitled });
}

// The first round as a small forest: of all votes on each version, the share that it won.
function screeningPlot(board) {
  const trial = board.trial;
  const told = (trial?.screening?.rows || []).filter((row) => known(row.win_rate) && row.votes > 0);
  if (!told.length) return null;
  const rows = told
    .map((row) => ({ ...row, version: versionOf(board, row.prompt_version_id) }))
    .sort((a, b) => (a.version?.number ?? 0) - (b.version?.number ?? 0));
  const champion = (row) => row.prompt_version_id === trial.champion_id;
  const named = (row) => {
    const from = champion(row) ? T.rf_champion : row.version && originWords(row.version, board);
    return [versionName(row.version), from].filter(Boolean).join(" · ");
  };
  return {
    title: T.rf_screening_title,
    how: T.rf_screening_how,
    source: sourceOf(board),
    study: board.prompt.title,
    data: [told, rows.map(named), trial.leader_id],
    draw: (width) =>
      intervalRows(
        {
          rows: rows.map((row) => ({
            key: "version:" + row.prompt_version_id,
            name: named(row),
            value: row.win_rate,
            lower: row.lower,
            upper: row.upper,
            strong: row.prompt_version_id === trial.leader_id,
            right: [number(row.votes || 0)],
            lines: [
              named(row),
              ...(row.prompt_version_id === trial.leader_id ? [T.rf_leader] : []),
              percent(row.win_rate) + ", " + range(row.lower, row.upper, percent),
              plural("rf_votes", row.votes || 0),
            ],
          })),
          columns: [{ title: T.in_col_votes, width: 56 }],
          head: T.in_col_votes,
          domain: [0, 1],
          ticks: [0, 0.25, 0.5, 0.75, 1],
          format: (tick) => percent(tick),
          axis: T.rf_screening_axis,
          marks: [{ at: 0.5, label: T.rf_even }],
        },
        width,
      ),
    table: {
      head: [T.in_col_name, T.in_col_won, T.in_col_lower, T.in_col_upper, T.in_col_votes],
      rows: rows.map((row) => [named(row), row.win_rate, row.lower, row.upper, row.votes]),
    },
  };
}

// The link to send around, and a way to vote oneself.
function shareLink(say, rank = "") {
  const box = h("input", {
    class: "in-link-box",
    readonly: true,
    "aria-label": T.rf_link,
    dir: "ltr",
    spellcheck: "false",
  });
  const copied = h("span", { class: "in-note", "data-state": "saved" });
  const copy = textButton(T.in_copy_link, copyLink, {}, "copy");
  let link = "";
  const rate = textButton(T.rf_answer_it, () => trigger("rate", { study_id: studyIn(link) }), { class: rank });
  const node = h("div", { class: "in-share", hidden: true }, box, copy, rate, copied);

  async function copyLink() {
    const done = await copyText(box.value);
    setText(copied, done ? T.copied : "");
    say(done ? T.copied : T.copy_failed);
    if (!done) box.select();
    setTimeout(() => setText(copied, ""), 3000);
  }

  function update(told) {
    link = told || "";
    show(node, !!link);
    const address = link ? linkAddress(link) : "";
    if (box.value !== address) box.value = address;
  }

  return { node, update };
}

function studyIn(link) {
  return new URL(linkAddress(link)).searchParams.get("study") || link;
}
