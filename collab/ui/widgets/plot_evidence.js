// The evidence of one comparison: its interval narrowing around one half as votes come in, and the verdict in words.
const MOST_STOPS = 60; // points of the curve that the arrow keys visit

function evidencePlot(evidence) {
  if (!evidence) return null;
  const { challenger, champion, verdict } = evidence;
  const curve = (evidence.curve || []).filter((point) => known(point.win_rate));
  const names = { challenger: quoted(challenger), champion: quoted(champion) };
  const found = fill(T["in_verdict_" + verdict] || T.in_verdict_undecided, names);
  return {
    title: evidence.everybody ? plural("in_verdict_without", evidence.left_out, { found }) : found,
    lead: evidence.sentence,
    how: fill(T.in_evidence_how, names),
    extra: [evidenceWords(evidence)],
    data: evidence,
    draw: curve.length > 1 ? (width) => drawEvidence(evidence, curve, width) : null,
    table: {
      head: [T.in_col_votes, T.in_col_won, T.in_col_lower, T.in_col_upper],
      rows: curve.map((point) => [point.votes, point.win_rate, point.lower, point.upper]),
    },
  };
}

function drawEvidence(evidence, curve, width) {
  const height = Math.round(Math.min(300, Math.max(210, width * 0.56)));
  const [x0, x1, y0, y1] = [46, width - 56, height, 12];
  const x = linear(0, curve.at(-1).votes, x0, x1);
  const y = linear(0, 1, y0, y1);
  const at = (key) => curve.map((point) => [x(point.votes), y(Math.min(1, Math.max(0, point[key])))]);
  const [above, below] = [at("upper"), at("lower").reverse()];
  const last = curve.at(-1);
  const side = x1 - x0 - 12;
  const nodes = [
    leftAxis({ scale: y, ticks: [0, 0.25, 0.5, 0.75, 1], format: (tick) => percent(tick), x0, x1 }),
    path([...above, ...below], "p-band"),
    s("line", { x1: x0, x2: x1, y1: y(0.5), y2: y(0.5), class: "p-half" }),
    path(at("upper"), "p-edge"),
    path(at("lower"), "p-edge"),
    path(at("win_rate"), "p-curve"),
    label(x1 - 6, y1 + 14, fill(T.in_above_half, { name: evidence.challenger }), {
      anchor: "end",
      size: 12,
      tone: "p-soft",
      width: side,
    }),
    label(x1 - 6, y0 - 8, fill(T.in_below_half, { name: evidence.champion }), {
      anchor: "end",
      size: 12,
      tone: "p-soft",
      width: side,
    }),
    ...endLabels(last, x1, y),
    bottomAxis({
      scale: x,
      ticks: ticksOf(0, last.votes, Math.min(6, (x1 - x0) / 60)),
      format: (tick) => number(tick),
      top: y0,
      bottom: y0 + 2,
      title: T.in_votes_axis,
      x0,
      x1,
    }),
    ...stops(curve).map(([point, from, to]) =>
      mark(
        "votes:" + point.votes,
        [
          plural("in_after_votes", point.votes),
          fill(T.in_won_by, { share: percent(point.win_rate), name: quoted(evidence.challenger) }),
          fill(T.in_interval_is, { range: range(point.lower, point.upper, percent) }),
        ],
        s("rect", { x: x(from), y: y1, width: Math.max(1, x(to) - x(from)), height: y0 - y1, class: "p-hit" }),
        s("line", { x1: x(point.votes), x2: x(point.votes), y1, y2: y0, class: "p-cross p-reveal" }),
        s("line", {
          x1: x(point.votes),
          x2: x(point.votes),
          y1: y(Math.min(1, point.upper)),
          y2: y(Math.max(0, point.lower)),
          class: "p-interval p-strong p-reveal",
        }),
        s("circle", { cx: x(point.votes), cy: y(point.win_rate), r: 4.5, class: "p-dot p-strong p-reveal" }),
      ),
    ),
  ];
  return { height: height + 44, nodes };
}

// Where the curve has come to, said at its end; the three numbers keep out of each other's way. A bound that reads like
// the share itself is not said again: beside 100 % of the votes there is no room for another 100 %.
function endLabels(last, x1, y) {
  const middle = y(last.win_rate) + 4.5;
  const top = Math.min(middle - 15, y(Math.min(1, last.upper)) + 4);
  const low = Math.max(middle + 15, y(Math.max(0, last.lower)) + 4);
  const share = percent(last.win_rate);
  const bound = (at, value) =>
    percent(value) === share ? [] : [label(x1 + 7, at, percent(value), { size: 12, tone: "p-soft" })];
  return [
    ...bound(top, last.upper),
    label(x1 + 7, middle, share, { size: 13.5, weight: 650, tone: "p-accent" }),
    ...bound(low, last.lower),
  ];
}

// At most MOST_STOPS points of the curve, each with the votes from and to which it answers a pointer.
function stops(curve) {
  const step = Math.max(1, Math.ceil(curve.length / MOST_STOPS));
  const chosen = curve.filter((_, i) => i % step === 0 || i === curve.length - 1);
  return chosen.map((point, i) => [
    point,
    i ? (chosen[i - 1].votes + point.votes) / 2 : point.votes,
    i + 1 < chosen.length ? (point.votes + chosen[i + 1].votes) / 2 : point.votes,
  ]);
}

// The verdict, whom it is about, and what the e-value means, in plain words.
function evidenceWords(evidence) {
  const scope = plural("in_scope_" + evidence.scope, evidence.n_annotators);
  const e = evidence.e_value;
  const all = evidence.everybody;
  const luck = () => fill(T.in_e_luck, { share: percent(1 / e, e < 20 ? 0 : e < 1000 ? 1 : 3) });
  const strong = all ? T.in_e_unbounded : e > 1 ? luck() : T.in_e_none;
  return h(
    "dl",
    { class: "in-terms" },
    h("dt", { text: T.in_verdict }),
    h(
      "dd",
      {},
      h("span", {
        class: "in-verdict",
        "data-verdict": evidence.verdict,
        text: words("in_verdict_word", evidence.verdict),
      }),
      ": ",
      words("in_verdict_means", evidence.verdict),
    ),
    all && h("dt", { text: T.in_everybody }),
    all &&
      h(
        "dd",
        { "data-part": "everybody" },
        h("span", {
          class: "in-verdict",
          "data-verdict": all.verdict,
          text: words("in_verdict_word", all.verdict),
        }),
        ": ",
        fill(T.in_everybody_figures, {
          share: percent(all.win_rate),
          name: quoted(evidence.challenger),
          range: range(all.lower, all.upper, percent),
          votes: number(all.n_votes),
        }),
      ),
    h("dt", { text: T.in_scope }),
    h("dd", { text: scope }),
    known(e) && h("dt", { text: T.in_e_value }),
    known(e) &&
      h(
        "dd",
        {},
        h("b", { class: "in-tabular", text: roughly(e) }),
        " · ",
        fill(T.in_e_bet, { e: roughly(e) }),
        " ",
        strong,
      ),
  );
}
