// The form of a blind test: which versions, on what, for whom. What was typed stays when the board is told anew.
function testPanel({ ask, close, started, mark: markFor }) {
  const texts = {}; // variable -> what was typed
  let scope = ""; // until it is chosen, what is usual here
  let own = false;
  let board = null;
  let state = null;
  let variables = [];
  let promptId = null;
  const picks = h("div", { class: "rf-checks", role: "group" });
  const pickName = h("span", { class: "rf-field-name", dir: "auto" });
  const model = h("select", { class: "in-select" });
  const scopeHow = h("span", { class: "in-how" });
  const scopes = segments(
    T.rf_scope,
    ["population", "panel"].map((value) => ({ value, label: T["rf_scope_" + value] })),
    scope,
    choose,
  );
  const caseSwitch = segments(
    T.rf_cases,
    [
      { value: false, label: T.rf_cases_used },
      { value: true, label: T.rf_cases_own },
    ],
    own,
    (value) => {
      own = value;
      show(boxes, own);
    },
  );
  const boxes = h("div", { class: "rf-cases", hidden: true });
  const caseField = h(
    "div",
    { class: "rf-field" },
    h("span", { class: "rf-field-name", text: T.rf_cases }),
    caseSwitch.node,
    boxes,
  );
  const votes = h("input", {
    class: "in-field rf-short",
    type: "number",
    min: 1,
    max: 10000,
    step: 1,
    placeholder: T.rf_votes_usual,
    inputmode: "numeric",
    oninput: tellMost,
  });
  const voteField = fieldOf(T.rf_screening_votes, votes);
  const fresh = h("input", {
    class: "in-field rf-short",
    type: "number",
    min: 1,
    max: 5000,
    step: 1,
    placeholder: T.rf_votes_usual,
    inputmode: "numeric",
    oninput: tellMost,
  });
  const most = h("p", { class: "in-how", dir: "auto" });
  const note = failure();
  const go = textButton(T.rf_test_yes, send, { class: "cb-primary" });
  const panel = panelOf(
    T.rf_test_title,
    T.rf_test_how,
    [
      h("div", { class: "rf-field" }, pickName, picks),
      fieldOf(T.rf_model, model),
      h("div", { class: "rf-field" }, h("span", { class: "rf-field-name", text: T.rf_scope }), scopes.node, scopeHow),
      caseField,
      voteField,
      fieldOf(T.rf_confirming_votes, fresh),
      most,
      note,
      h("div", { class: "cb-row rf-panel-foot" }, go),
    ],
    close,
  );

  function choose(value) {
    scope = value;
    setText(scopeHow, T["rf_scope_" + value + "_how"]);
    tellMost();
  }

  function update(board_, state_) {
    board = board_;
    state = state_;
    if (!scope) {
      choose(board.usual_scope || "population");
      scopes.update(scope);
    }
    if (promptId !== board.prompt.prompt_id) recall();
    setText(pickName, fill(T.rf_candidates, { version: versionName(currentOf(board)) }));
    setAttr(picks, "aria-label", pickName.textContent);
    const open = testable(board);
    const told = JSON.stringify([
      open.map((v) => [v.prompt_version_id, v.number, originWords(v, board)]),
      [...state.marked],
    ]);
    if (picks.dataset.told !== told) {
      const at = [...picks.querySelectorAll("input")].indexOf(document.activeElement);
      picks.dataset.told = told;
      picks.replaceChildren(
        ...open.map((version) =>
          checkRow(
            versionName(version),
            originWords(version, board),
            state.marked.has(version.prompt_version_id),
            (on) => markFor(version.prompt_version_id, on),
          ),
        ),
      );
      if (at >= 0) picks.querySelectorAll("input")[at]?.focus({ preventScroll: true });
    }
    offer(model, [
      ["", T.rf_model_serving],
      ...(board.models || []).map((each) => [each.name, each.title || each.name]),
    ]);
    const chosen = open.filter((version) => state.marked.has(version.prompt_version_id));
    drawCases(variablesIn([currentOf(board), ...chosen].filter(Boolean)));
    show(voteField, chosen.length > 1);
    tellMost();
  }

  // How many votes it may come to.
  function tellMost() {
    const usual = board && board.usual_votes;
    const marked = usual ? testable(board).filter((version) => state.marked.has(version.prompt_version_id)).length : 0;
    show(most, marked > 0);
    if (!marked) return;
    const first = number(Number(votes.value) || usual.screening_each * (marked + 1));
    const then = number(Number(fresh.value) || usual.confirming[scope]);
    setText(most, fill(marked > 1 ? T.rf_most_two : T.rf_most_one, { first, fresh: then }));
  }

  function recall() {
    promptId = board.prompt.prompt_id;
    for (const name of Object.keys(texts)) delete texts[name];
    try {
      Object.assign(texts, JSON.parse(drafts.get("cases", promptId) || "{}"));
    } catch {
      // what was kept is not readable: begin anew
    }
    variables = [];
    boxes.replaceChildren();
  }

  function drawCases(names) {
    show(caseField, names.length > 0);
    if (sameJson(names, variables) && boxes.childElementCount) return;
    variables = names;
    boxes.replaceChildren(
      ...names.map((name) => {
        const box = h("textarea", {
          class: "in-field",
          rows: 3,
          dir: "auto",
          value: texts[name] || "",
          oninput: () => {
            texts[name] = box.value;
            drafts.set("cases", promptId, JSON.stringify(texts));
          },
        });
        return fieldOf("{" + name + "}", box);
      }),
      h("p", { class: "in-how", text: names.length > 1 ? T.rf_cases_how_many : T.rf_cases_how }),
    );
  }

  // → the cases, or null after saying what is wrong with them
  function casesNow() {
    if (!own || !variables.length) return [];
    const columns = variables.map((name) => casesIn(texts[name] || ""));
    const sizes = [...new Set(columns.map((column) => column.length))];
    if (sizes.length > 1) {
      const each = variables.map((name, i) => "{" + name + "} " + number(columns[i].length));
      tell(note, fill(T.rf_cases_uneven, { counts: each.join(", ") }));
    } else if (!sizes[0]) tell(note, T.rf_cases_empty);
    else
      return columns[0].map((_, row) => ({
        variables: Object.fromEntries(variables.map((name, i) => [name, columns[i][row]])),
      }));
    return null;
  }

  async function send() {
    tell(note, "");
    const ids = testable(board).map((version) => version.prompt_version_id);
    const chosen = ids.filter((id) => state.marked.has(id));
    if (!chosen.length) return tell(note, T.rf_candidates_none);
    const cases = casesNow();
    if (!cases) return;
    const done = await sendFrom(go, note, ask, {
      act: "trial",
      prompt_id: board.prompt.prompt_id,
      prompt_version_ids: chosen,
      model: model.value,
      cases,
      scope,
      votes: votes.value === "" ? null : Number(votes.value),
      confirming_votes: fresh.value === "" ? null : Number(fresh.value),
    });
    if (done) started();
  }

  return { ...panel, update, focus: () => panel.node.querySelector("input, select").focus({ preventScroll: true }) };
}
