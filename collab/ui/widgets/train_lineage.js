// Where a model comes from: the line of versions, what each learnt from, and the acts behind it, page by page.
function lineagePane({ ask }) {
  const list = h("ol", { class: "tr-line-list" });
  const node = h(
    "section",
    { class: "tr-section", "aria-label": T.tr_lineage, hidden: true },
    h("h3", { class: "tr-subtitle", text: T.tr_lineage }),
    h("p", { class: "cb-muted tr-small", text: T.tr_lineage_how }),
    list,
  );

  function update(line) {
    show(node, !!line);
    if (!line || list.dataset.told === JSON.stringify(line)) return;
    list.dataset.told = JSON.stringify(line);
    list.replaceChildren(...line.map((version) => lineNode(version, ask)));
  }

  return { node, update };
}

function lineNode(version, ask) {
  const how = version.adapter ? fill(T.tr_line_trained, { kind: kindName(version.kind) }) : T.tr_line_base;
  return h(
    "li",
    { class: "tr-node", "data-adapter": String(version.adapter) },
    h("span", { class: "tr-node-name", dir: "auto", text: version.name }),
    h("span", { class: "cb-muted tr-small", text: [how, dateTime(version.at)].join(" · ") }),
    version.snapshot && snapshotNode(version.snapshot, ask),
  );
}

function snapshotNode(snapshot, ask) {
  const acts = actList(snapshot, ask);
  const open = textButton(T.tr_show_acts, () => acts.toggle(open), { class: "cb-quiet", "aria-expanded": "false" }, "chevron");
  return h(
    "div",
    { class: "tr-snapshot" },
    h("span", { class: "tr-branch", "aria-hidden": "true" }),
    h(
      "div",
      {},
      h("span", { text: plural("tr_snapshot_rows", snapshot.rows, { acts: number(snapshot.acts) }) }),
      " ",
      h("code", { class: "tr-code", title: snapshot.sha256, text: snapshot.sha256.slice(0, 12) }),
      snapshot.deleted > 0 && h("p", { class: "tr-error", text: plural("tr_deleted", snapshot.deleted) }),
      leftOutBox(snapshot.left_out),
      open,
      acts.node,
    ),
  );
}

function actList(snapshot, ask) {
  const list = h("ol", { class: "tr-acts" });
  const where = h("span", { class: "cb-muted in-tabular" });
  const back = iconButton("left", T.tr_acts_back, () => load(start - each));
  const on = iconButton("right", T.tr_acts_on, () => load(start + each));
  const note = failure();
  const node = h(
    "div",
    { class: "tr-act-box", hidden: true },
    note,
    list,
    h("div", { class: "cb-row" }, back, where, on),
  );
  let start = 0;
  let each = 20;
  let loaded = false;

  function toggle(button) {
    show(node, node.hidden);
    setAttr(button, "aria-expanded", String(!node.hidden));
    if (!node.hidden && !loaded) load(0);
  }

  async function load(from) {
    const answer = await ask({ act: "acts", snapshot_id: snapshot.snapshot_id, start: from });
    tell(note, answer.ok ? "" : answer.error || T.refused_unknown);
    if (!answer.ok) return;
    loaded = true;
    ({ start, each } = answer);
    const end = Math.min(answer.total, start + each);
    setText(where, fill(T.tr_acts_of, { from: number(start + 1), to: number(end), total: number(answer.total) }));
    back.disabled = start === 0;
    on.disabled = end >= answer.total;
    list.setAttribute("start", String(start + 1));
    list.replaceChildren(...answer.acts.map(actRow));
  }

  return { node, toggle };
}

function actRow(act) {
  if (act.gone) return h("li", { class: "cb-muted", text: T.tr_act_gone });
  const [first, second, ...others] = act.outputs;
  const chosen = act.act === "preference" && ["tie", "both_bad"].includes(act.winner) ? act.winner : act.act;
  const text = (words_) => h("q", { class: "tr-excerpt", dir: "auto", text: words_ || T.tr_sample_empty });
  return h(
    "li",
    {},
    h(
      "p",
      { class: "tr-act-said" },
      h("b", { text: words("tr_act", chosen) }),
      act.said && h("span", { dir: "auto", text: act.said }),
      act.blind && h("span", { class: "rf-chip", text: T.tr_blind }),
      h("span", { class: "cb-muted tr-small", text: [act.who, dateTime(act.at)].join(" · ") }),
      act.generation_id &&
        h("button", {
          type: "button",
          class: "cb-link tr-small",
          text: T.tr_open_output,
          onclick: () => trigger("show", { generation_id: act.generation_id }),
        }),
    ),
    first !== undefined && text(first),
    second !== undefined && h("p", { class: "cb-muted tr-small", text: chosen === act.act ? T.tr_over : T.tr_and }),
    second !== undefined && text(second),
    others.length > 0 && h("p", { class: "cb-muted tr-small", text: plural("tr_more_outputs", others.length) }),
  );
}
