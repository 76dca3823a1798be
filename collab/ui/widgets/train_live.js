// One training as it runs, or as it ended: how far it is, what it costs, its curves and samples; stop and resume.
function livePane({ ask, say }) {
  const title = h("h2", { class: "in-page-title", dir: "auto", tabindex: "-1" });
  const state = h("span", { class: "tr-state" });
  const facts = h("span", { class: "cb-muted" });
  const said = h("p", { class: "tr-said", dir: "auto" });
  const command = h("code", { class: "tr-command", tabindex: "0", dir: "ltr", "aria-label": T.tr_command });
  const bar = h(
    "div",
    { class: "in-bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": T.tr_progress },
    barFill(0),
  );
  const message = h("p", { class: "tr-message", role: "status", dir: "auto" });
  const error = h("p", { class: "in-banner in-refusal", role: "alert", dir: "auto", hidden: true });
  const numbers = h("dl", { class: "in-counts" });
  const note = failure();
  const stop = textButton(T.tr_stop, halt, {});
  const again = textButton(T.tr_resume, resume, { class: "cb-primary" });
  const curves = trainingCurves();
  const samples = sampleSteps();
  const head = h(
    "header",
    { class: "tr-head" },
    title,
    h("p", { class: "cb-row tr-facts" }, state, facts),
    said,
    h("details", { class: "tr-left" }, h("summary", { text: T.tr_command }), h("div", { class: "tr-command-box" }, command)),
  );
  const node = h(
    "section",
    { class: "tr-live", "aria-label": T.tr_live },
    bar,
    message,
    error,
    numbers,
    h("div", { class: "cb-row" }, stop, again),
    note,
  );
  let shown = null;

  function update(training) {
    shown = training;
    const going = isUnderWay(training);
    setText(title, training.name || fill(T.tr_training_of, { kind: kindName(training.training), base: training.base }));
    setText(state, stateWords({ ...training, serves: training.version?.serves, passed: passedOf(training) }));
    setAttr(state, "data-status", training.version?.serves ? "serves" : training.status);
    setText(facts, [kindName(training.training), training.base, dateTime(training.at)].join(" · "));
    setText(said, recipeWords({ ...training, weighed: weighedWords(training.weighing) }));
    setText(command, training.command);
    const done = Math.min(1, Math.max(0, training.progress || 0));
    show(bar, going);
    bar.firstElementChild.style.width = done * 100 + "%";
    setAttr(bar, "aria-valuenow", Math.round(done * 100));
    setAttr(bar, "aria-valuetext", training.message || null);
    setText(message, going ? training.message || words("tr_status", training.status) : training.message || "");
    show(message, going || !!training.message);
    setText(error, training.status === "cancelled" ? T.tr_stopped : training.error);
    show(error, isResumable(training));
    error.dataset.status = training.status;
    drawNumbers(training);
    show(stop, going);
    show(again, isResumable(training));
    curves.update(training);
    samples.update(training.version?.samples?.length ? [] : training.samples);
  }

  function passedOf(training) {
    return training.version ? training.version.gates.every((gate) => gate.passed) : null;
  }

  function drawNumbers({ now, status, metrics }) {
    const rows = [
      now.steps && [T.tr_step, fill(T.in_of, { n: number(now.step), of: number(now.steps) })],
      now.eta_s > 0 && isUnderWay({ status }) && [T.tr_eta, seconds(now.eta_s)],
      known(now.seconds) && [T.tr_took, seconds(now.seconds)],
      known(now.memory_gb) && [T.tr_memory, fill(T.tr_gb, { n: number(metrics?.memory_gb ?? now.memory_gb, 1) })],
      known(now.cpu_s) && [T.tr_cpu, seconds(now.cpu_s)],
      known(now.energy_j) && [T.tr_energy, energyWords(now.energy_j)],
    ].filter(Boolean);
    numbers.replaceChildren(
      ...rows.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: value }))),
    );
  }

  async function halt() {
    if (await press(stop, note, () => ask({ act: "cancel", job_id: shown.job_id }))) say(T.tr_stopped);
  }

  async function resume() {
    if (await press(again, note, () => ask({ act: "resume", job_id: shown.job_id }))) say(T.tr_resumed);
  }

  function reset() {
    samples.reset();
    tell(note, "");
  }

  return { head, node, curves: curves.node, samples: samples.node, update, reset, focus: () => title.focus({ preventScroll: true }) };
}

function energyWords(joules) {
  return joules < 3.6e5
    ? fill(T.tr_wh, { n: number(joules / 3600, joules < 36000 ? 2 : 1) })
    : fill(T.tr_kwh, { n: number(joules / 3.6e6, 2) });
}
