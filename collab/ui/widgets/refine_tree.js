// The tree of versions: where each comes from, how it did, which one is looked at, which are to be tested.
const DEEPEST = 5; // levels of indentation; what lies deeper stands under the last of them

function versionTree({ choose, mark: markFor }) {
  const list = h("ol", { class: "rf-tree", "aria-label": T.rf_versions });
  const pick = h("select", {
    class: "in-select",
    "aria-label": T.rf_versions,
    onchange: () => choose(pick.value),
  });
  const marked = h("p", { class: "in-how rf-marked" });
  const node = h(
    "section",
    { class: "rf-versions", "aria-label": T.rf_versions },
    h("p", { class: "in-kicker", text: T.rf_versions }),
    h("div", { class: "rf-pick" }, pick),
    list,
    marked,
  );
  const rows = new Map(); // prompt_version_id -> {node, told, button}
  let order = [];
  let chosen = null;

  function update(board, state) {
    const inTest = isRunning(board.trial) ? board.trial.candidate_ids : [];
    const may = !isRunning(board.trial) && !board.can?.trial;
    const open = new Set(may ? testable(board).map((version) => version.prompt_version_id) : []);
    const tree = treeOrder(board.versions);
    order = tree.map((row) => row.version.prompt_version_id);
    chosen = state.chosen;
    for (const [id, row] of rows)
      if (!order.includes(id)) {
        row.node.remove();
        rows.delete(id);
      }
    tree.forEach(({ version, depth }, i) => {
      const id = version.prompt_version_id;
      const told = {
        ...Object.fromEntries(["win_rate", "lower", "upper", "votes", "acts", "rejected"].map((k) => [k, version[k]])),
        depth,
        number: version.number,
        parent: versionOf(board, version.parent_id)?.number ?? null,
        origin: originWords(version, board),
        kind: version.proposer ? "proposer" : "human",
        current: version === currentOf(board),
        inTest: inTest.includes(id),
        fresh: state.fresh.has(id),
        open: open.has(id),
        marked: state.marked.has(id),
        chosen: id === chosen,
      };
      let row = rows.get(id);
      if (!row || !sameJson(row.told, told)) {
        const held = row && row.node.contains(document.activeElement) ? document.activeElement.tagName : null;
        const made = versionRow(id, told);
        if (row) row.node.replaceWith(made.node);
        rows.set(id, (row = { ...made, told }));
        if (held) (held === "INPUT" && made.box ? made.box : made.button).focus({ preventScroll: true });
      }
      if (list.children[i] !== row.node) list.insertBefore(row.node, list.children[i] || null);
    });
    offer(
      pick,
      tree.map(({ version, depth }) => [
        version.prompt_version_id,
        pickWords(rows.get(version.prompt_version_id).told, depth),
      ]),
    );
    pick.value = chosen;
    show(marked, state.marked.size > 0);
    setText(marked, plural("rf_chosen", state.marked.size));
  }

  function versionRow(id, told) {
    const tested = known(told.win_rate);
    const name = fill(T.rf_version, { number: number(told.number) });
    const votes = tested && plural("rf_votes", told.votes || 0);
    const states = stateWords(told);
    const button = h(
      "button",
      {
        type: "button",
        class: "rf-open",
        "aria-current": told.chosen ? "true" : null,
        "aria-label": [
          name,
          told.origin,
          told.parent && fill(T.rf_child_of, { number: number(told.parent) }),
          ...states,
          tested
            ? fill(T.rf_won_long, {
                share: percent(told.win_rate),
                range: range(told.lower, told.upper, percent),
                votes,
              })
            : T.rf_not_tested,
          plural("rf_acts", told.acts || 0),
        ]
          .filter(Boolean)
          .join(", "),
        onclick: () => choose(id),
      },
      h(
        "span",
        { class: "rf-open-head" },
        h("b", { class: "rf-name", text: name }),
        chip(told.origin, told.kind),
        told.current &&
          h("span", { class: "rf-serves" }, h("span", { class: "rf-dot", "aria-hidden": "true" }), T.rf_serves),
        told.rejected && h("span", { class: "cb-muted", text: T.rf_rejected }),
      ),
      tested &&
        h(
          "span",
          { class: "rf-open-score" },
          winBar(told),
          h("span", {
            class: "in-tabular",
            text: fill(T.rf_won, { share: percent(told.win_rate), range: range(told.lower, told.upper, percent) }),
          }),
        ),
      h("span", {
        class: "rf-open-foot cb-muted in-tabular",
        text: footWords(told, votes),
      }),
    );
    const box =
      told.open &&
      h("input", {
        type: "checkbox",
        checked: told.marked,
        "aria-label": fill(T.rf_choose, { version: name }),
        onchange: () => markFor(id, box.checked),
      });
    const node_ = h(
      "li",
      {
        class: "rf-node",
        "data-version": told.number,
        "data-chosen": told.chosen,
        "data-current": told.current,
        "data-rejected": told.rejected,
        "data-fresh": told.fresh,
        "data-nested": told.depth > 0,
      },
      button,
      box ? h("span", { class: "rf-tick" }, box) : null,
    );
    node_.style.setProperty("--rf-depth", Math.min(told.depth, DEEPEST));
    return { node: node_, button, box };
  }

  function footWords(told, votes) {
    const acts = told.acts > 0 && fill(T.rf_feedback, { count: number(told.acts) });
    return (
      [told.fresh && T.rf_new, told.inTest && T.rf_in_trial, votes, acts].filter(Boolean).join(" · ") || T.no_feedback
    );
  }

  function stateWords(told) {
    return [
      told.current && T.rf_serves,
      told.rejected && T.rf_rejected,
      told.inTest && T.rf_in_trial,
      told.fresh && T.rf_new,
    ].filter(Boolean);
  }

  function pickWords(told, depth) {
    const score = known(told.win_rate) && percent(told.win_rate);
    const name = fill(T.rf_version, { number: number(told.number) });
    return (
      "\u2003".repeat(Math.min(depth, DEEPEST)) +
      [name, told.origin, ...stateWords(told), score].filter(Boolean).join(" · ")
    );
  }

  // To the version before or after the one in focus, else the one that is looked at.
  function step(by) {
    const held = order.find((id) => rows.get(id).node.contains(document.activeElement));
    const at = order.indexOf(held || chosen);
    const to = order[Math.min(order.length - 1, Math.max(0, at + by))];
    if (!to) return;
    if (list.getClientRects().length) rows.get(to).button.focus();
    else choose(to); // a narrow page shows one at a time
  }

  return {
    node,
    update,
    step,
    focusOn: (id) => rows.get(id)?.button.focus({ preventScroll: true }),
    holds: () => list.contains(document.activeElement),
  };
}
