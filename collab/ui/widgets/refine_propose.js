// What the forms share, and the one that has new versions proposed. What was typed stays when the board is told anew.
function panelOf(title, hint, children, close) {
  const heading = h("h3", { class: "rf-panel-title", dir: "auto", text: title });
  const how = h("p", { class: "in-how", dir: "auto", text: hint });
  const node = h(
    "form",
    { class: "rf-panel", hidden: true, "aria-label": title, novalidate: true },
    h("div", { class: "cb-row cb-spread rf-panel-head" }, heading, iconButton("close", T.close, close)),
    how,
    ...children,
  );
  node.addEventListener("submit", (event) => event.preventDefault());
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    node.querySelector(".rf-panel-foot .cb-primary").click();
  });
  return { node, heading, how };
}

function checkRow(label_, said, checked, onchange) {
  const saidId = said ? "rf-" + newId() : null;
  const box = h("input", {
    type: "checkbox",
    checked,
    "aria-label": label_,
    "aria-describedby": saidId,
    onchange: () => onchange(box.checked),
  });
  return h(
    "label",
    { class: "rf-check" },
    box,
    h(
      "span",
      {},
      h("b", { dir: "auto", text: label_ }),
      said && h("span", { class: "in-how", id: saidId, dir: "auto", text: said }),
    ),
  );
}

function proposePanel({ ask, close, started }) {
  const off = new Set(); // proposers that are switched off
  let count = 4;
  let board = null;
  let version = null;
  const counts = segments(
    T.rf_count,
    [1, 2, 3, 4, 5, 6, 7, 8].map((value) => ({ value, label: number(value) })),
    count,
    (value) => (count = value),
  );
  const ways = h("div", { class: "rf-checks", role: "group", "aria-label": T.rf_proposers });
  const model = h("select", { class: "in-select" });
  const modelField = fieldOf(T.rf_reflector, model);
  const note = failure();
  const go = textButton(T.rf_propose_yes, send, { class: "cb-primary" });
  const panel = panelOf(
    T.rf_propose_title,
    "",
    [
      h("div", { class: "rf-field" }, h("span", { class: "rf-field-name", text: T.rf_count }), counts.node),
      h("div", { class: "rf-field" }, h("span", { class: "rf-field-name", text: T.rf_proposers }), ways),
      modelField,
      note,
      h("div", { class: "cb-row rf-panel-foot" }, go),
    ],
    close,
  );

  function update(board_, state) {
    board = board_;
    version = versionOf(board, state.chosen);
    setText(panel.how, fill(T.rf_propose_from, { version: versionName(version) }));
    const proposers = board.proposers || [];
    const told = JSON.stringify(proposers);
    if (ways.dataset.told !== told) {
      ways.dataset.told = told;
      for (const { name, usual } of proposers) if (usual === false) off.add(name);
      ways.replaceChildren(
        ...proposers.map(({ name, title, said }) =>
          checkRow(title || name, said, !off.has(name), (on) => {
            if (on) off.delete(name);
            else off.add(name);
            show(modelField, reflects());
          }),
        ),
      );
    }
    const models = board.reflectors || textModels(board);
    offer(model, [["", T.rf_model_usual], ...models.map((each) => [each.name, each.title || each.name])]);
    show(modelField, reflects());
    go.disabled = isWorking(board.job);
  }

  // not all of the ways ask a model
  function reflects() {
    const names = (board.proposers || []).map((each) => each.name);
    return ["reflect", "search"].some((name) => names.includes(name) && !off.has(name));
  }

  function textModels({ models = [], prompt }) {
    if (models.some((each) => each.modality)) return models.filter((each) => each.modality === "text");
    return prompt.modality === "text" ? models : [];
  }

  async function send() {
    const names = (board.proposers || []).map((proposer) => proposer.name);
    const proposers = names.filter((name) => !off.has(name));
    if (names.length && !proposers.length) return tell(note, T.rf_proposers_none);
    const done = await sendFrom(go, note, ask, {
      act: "propose",
      prompt_version_id: version.prompt_version_id,
      count,
      proposers,
      reflector: reflects() ? model.value : "",
    });
    if (done) started();
  }

  return { ...panel, update, focus: () => counts.node.querySelector("[tabindex='0']").focus({ preventScroll: true }) };
}
