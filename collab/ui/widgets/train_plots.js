// Curves over the steps of a training: loss, held-out loss and accuracy, rewards.
const FEW_POINTS = 40; // of a curve whose points are drawn and can be gone to one by one
const SHARES = ["accuracy", "tokens"]; // figures from 0 to 100 %
const TONES = ["tr-line-a", "tr-line-b", "tr-line-c"];
// what is drawn where: figure -> [{name in the records, words, whether it is told at evaluations}]
const CURVES = {
  loss: [
    { field: "loss", words: "tr_line_loss" },
    { field: "eval_loss", words: "tr_line_eval_loss", held: true },
  ],
  accuracy: [
    { field: "eval_rewards/accuracies", words: "tr_line_accuracy", held: true },
    { field: "eval_accuracy", words: "tr_line_accuracy", held: true },
  ],
  tokens: [{ field: "eval_mean_token_accuracy", words: "tr_line_tokens", held: true }],
  rewards: [
    { field: "rewards/chosen", words: "tr_line_chosen" },
    { field: "rewards/rejected", words: "tr_line_rejected" },
    { field: "rewards/margins", words: "tr_line_margin" },
  ],
};

function trainingCurves() {
  const figures = Object.keys(CURVES).map((name) => [name, plotFigure({ name, part: T["tr_plot_" + name] })]);
  const node = h(
    "div",
    { class: "tr-figures" },
    figures.map(([, figure]) => figure.node),
  );

  function update(training) {
    for (const [name, figure] of figures) figure.update(curvesPlot(name, training));
    show(
      node,
      figures.some(([, figure]) => !figure.node.hidden),
    );
  }

  return { node, update };
}

function curvesPlot(name, training) {
  const lines = CURVES[name]
    .map((curve, i) => ({
      ...curve,
      tone: TONES[i % TONES.length],
      name: T[curve.words],
      points: (curve.held ? training.evaluations : training.steps)
        .filter((record) => known(record[curve.field]))
        .map((record) => [record.step, record[curve.field]]),
    }))
    .filter((line) => line.points.length);
  if (!lines.length) return null;
  const lead = lines.find((line) => line.held) || lines[0];
  const share = SHARES.includes(name);
  const say = (value) => (share ? percent(value, 1) : number(value, 3));
  const [first, last] = [lead.points[0], lead.points.at(-1)];
  return {
    title:
      first === last
        ? fill(T.tr_plot_now, { name: lead.name, value: say(last[1]) })
        : fill(T.tr_plot_title, { name: lead.name, from: say(first[1]), to: say(last[1]) }),
    how: T["tr_plot_how_" + name],
    source: training.name || kindName(training.training),
    study: "collab-" + name,
    data: lines.map((line) => line.points),
    draw: (width) => drawCurves(lines, say, width, { share, half: name === "accuracy" }),
    table: {
      head: [T.tr_step, ...lines.map((line) => line.name)],
      rows: curveRows(lines),
    },
  };
}

function curveRows(lines) {
  const steps = [...new Set(lines.flatMap((line) => line.points.map(([step]) => step)))].sort((a, b) => a - b);
  const told = lines.map((line) => new Map(line.points));
  return steps.map((step) => [String(step), ...told.map((line) => line.get(step) ?? null)]);
}

function drawCurves(lines, say, width, { share, half }) {
  const [x0, x1, y0, y1] = [52, width - 12, 196, 12];
  const all = lines.flatMap((line) => line.points);
  const values = all.map(([, value]) => value);
  const [low, high] = share ? [0, 1] : [Math.min(...values), Math.max(...values)];
  const pad = share ? 0 : (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  const x = linear(Math.min(...all.map(([step]) => step)), Math.max(...all.map(([step]) => step)) || 1, x0 + 6, x1 - 6);
  const y = linear(low - pad, high + pad, y0, y1);
  const wanted = Math.max(2, Math.min(6, (x1 - x0) / 70));
  const stepTicks = ticksOf(Math.min(...all.map(([step]) => step)), Math.max(...all.map(([step]) => step)), wanted);
  const nodes = [
    leftAxis({
      scale: y,
      ticks: share ? [0, 0.25, 0.5, 0.75, 1] : ticksOf(low - pad, high + pad, 4),
      format: (tick) => (share ? percent(tick) : String(Number(tick.toPrecision(3)))),
      x0,
      x1,
    }),
    bottomAxis({
      scale: x,
      ticks: stepTicks.filter(Number.isInteger),
      format: (tick) => number(tick),
      top: y0,
      bottom: y0 + 2,
      title: T.tr_step_axis,
      x0,
      x1,
    }),
    half && s("line", { x1: x0, x2: x1, y1: y(0.5), y2: y(0.5), class: "p-half" }),
    ...lines.map((line) =>
      path(
        line.points.map(([step, value]) => [x(step), y(value)]),
        "tr-line " + line.tone,
      ),
    ),
    ...lines.flatMap((line) => curveMarks(line, { x, y, say })),
    ...legend(lines, y0 + 58, width),
  ].filter(Boolean);
  return { height: y0 + 58 + 20 * legendRows(lines, width), nodes };
}

// Points that the arrow keys visit: all of a short curve, some of a long one, always the last.
function curveMarks(line, { x, y, say }) {
  const every = Math.max(1, Math.ceil(line.points.length / FEW_POINTS));
  return line.points
    .filter((_, i) => i % every === 0 || i === line.points.length - 1)
    .map(([step, value], i, chosen) =>
      mark(
        line.field + ":" + step,
        [line.name, fill(T.tr_at_step, { step: number(step), value: say(value) })],
        s("circle", { cx: x(step), cy: y(value), r: 9, class: "p-hit" }),
        s("circle", {
          cx: x(step),
          cy: y(value),
          r: line.held || i === chosen.length - 1 ? 4 : 2,
          class: "p-anchor tr-point " + line.tone,
        }),
      ),
    );
}

function legend(lines, top, width) {
  const nodes = [];
  let [at, row] = [0, 0];
  for (const line of lines) {
    const wide = 26 + textWidth(line.name, 12.5) + 20;
    if (at && at + wide > width) [at, row] = [0, row + 1];
    const y = top + row * 20;
    nodes.push(
      s("line", { x1: at, x2: at + 18, y1: y - 4, y2: y - 4, class: "tr-line " + line.tone }),
      label(at + 26, y, line.name, { tone: "p-soft", width: width - at - 26 }),
    );
    at += wide;
  }
  return nodes;
}

function legendRows(lines, width) {
  let [at, rows] = [0, 1];
  for (const line of lines) {
    const wide = 26 + textWidth(line.name, 12.5) + 20;
    if (at && at + wide > width) [at, rows] = [0, rows + 1];
    at += wide;
  }
  return rows;
}
