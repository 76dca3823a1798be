// What serves now, and the trainings that there were; each opens.
function trainingList({ open, rollBack }) {
  const serving = h("dl", { class: "tr-serving" });
  const list = h("ul", { class: "in-list" });
  const trainings_ = h(
    "section",
    { class: "tr-section", "aria-label": T.tr_trainings },
    h("h2", { class: "tr-title", text: T.tr_trainings }),
    list,
  );
  const rows = keyedRows(list, (training) => training.job_id, (training) => trainingRow(training, open));

  function update({ trainings, serving: served }) {
    drawServing(served);
    show(trainings_, trainings.length > 0);
    rows.update(trainings);
  }

  function drawServing(served) {
    const told = JSON.stringify(served);
    if (serving.dataset.told === told) return;
    serving.dataset.told = told;
    serving.replaceChildren(
      ...served.map((each) =>
        h(
          "div",
          { "data-modality": each.modality },
          h("dt", { text: fill(T.tr_serving, { modality: words("in_modality", each.modality) }) }),
          h(
            "dd",
            {},
            h("span", { dir: "auto", text: each.title }),
            each.promoted && h("span", { class: "cb-muted tr-small", text: dateTime(each.promoted) }),
            each.may_roll_back && textButton(T.rf_rollback, () => rollBack(each.modality, each.title), {}),
          ),
        ),
      ),
    );
  }

  return { serving, node: trainings_, update, row: rows.node };
}

function trainingRow(training, open) {
  const title = training.name || fill(T.tr_training_of, { kind: kindName(training.kind), base: training.base });
  return h(
    "li",
    { class: "in-item", "data-job": training.job_id },
    h(
      "div",
      { class: "in-item-head" },
      h("button", {
        type: "button",
        class: "in-row-open",
        dir: "auto",
        text: title,
        onclick: () => open(training.job_id),
      }),
      stateChip(training),
    ),
    h(
      "div",
      { class: "in-item-foot" },
      h("span", { class: "cb-muted", text: kindName(training.kind) }),
      h("span", { class: "cb-muted in-tabular", text: dateTime(training.at) }),
      known(training.accuracy) &&
        h("span", {
          class: "cb-muted in-tabular",
          text: fill(T.tr_accuracy_is, { share: percent(training.accuracy), n: number(training.held_out) }),
        }),
      isUnderWay(training) && h("span", { class: "cb-muted", dir: "auto", text: training.message }),
      training.error && h("span", { class: "tr-error", dir: "auto", text: training.error }),
    ),
  );
}
