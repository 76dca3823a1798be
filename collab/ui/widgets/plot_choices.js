// Thumbs, choices and edits, per arm: how many, how often, how much.
// ---- thumbs: the share of thumbs up ---------------------------------------------------------------------------------

function thumbPlot(question, rows) {
  const shares = rows.map((row) => ({ ...row, value: row.mean }));
  const [up, down] = ["up", "down"].map((way) => (row) => row.counts?.[way] || 0);
  const counts = (row) => fill(T.in_thumbs, { up: number(up(row)), down: number(down(row)) });
  return {
    title: leadWords(shares, "value", 1, "in_thumb", percent),
    how: T.in_thumb_how,
    data: rows,
    draw: (width) =>
      drawArms(shares, width, {
        axis: T.in_thumb_axis,
        say: percent,
        domain: [0, 1],
        marks: [{ at: 0.5, label: "" }],
        right: (row) => [percent(row.value), counts(row)],
        widths: [52, 120],
        best: 1,
      }),
    table: {
      head: [T.in_col_arm, T.in_col_up_share, T.in_col_lower, T.in_col_upper, T.in_col_up, T.in_col_down],
      rows: shares.map((r) => [armName(r), r.value, r.lower, r.upper, up(r), down(r)]),
    },
  };
}

// ---- edits: how much had to be changed ------------------------------------------------------------------------------

function editPlot(edits) {
  const rows = (edits || []).filter((row) => row.n).map((row) => ({ ...row, value: row.mean_distance }));
  if (!rows.length) return null;
  const most = Math.max(0.1, ...rows.flatMap((row) => [row.upper, row.value]).filter(known));
  return {
    title: leadWords(rows, "value", -1, "in_edit", percent),
    how: T.in_edit_how,
    data: rows,
    draw: (width) =>
      drawArms(rows, width, {
        axis: T.in_edit_axis,
        say: percent,
        domain: [0, most * 1.06],
        right: (row) => [
          percent(row.value),
          fill(T.in_unchanged, { share: percent(row.unchanged / row.n) }),
          fill(T.in_of_n, { n: number(row.n) }),
        ],
        widths: [52, 132, 64],
        best: -1,
      }),
    table: {
      head: [T.in_col_arm, T.in_col_distance, T.in_col_lower, T.in_col_upper, T.in_col_unchanged, T.in_col_n],
      rows: rows.map((r) => [armName(r), r.mean_distance, r.lower, r.upper, r.unchanged, r.n]),
    },
  };
}

function drawArms(rows, width, { axis, say, domain, marks = [], right, widths, best }) {
  const first = rows.reduce((a, b) => (best * (b.value - a.value) > 0 ? b : a));
  return intervalRows(
    {
      domain,
      marks,
      format: say,
      axis,
      columns: widths.map((each) => ({ title: "", width: each })),
      rows: rows.map((row) => ({
        key: "arm:" + armName(row),
        name: armName(row),
        value: row.value,
        lower: row.lower,
        upper: row.upper,
        strong: row === first || (best > 0 ? row.upper >= first.lower : row.lower <= first.upper),
        right: right(row),
        lines: [
          armName(row),
          fill(T.in_interval_is, { range: range(row.lower, row.upper, say) }),
          ...right(row).slice(1),
        ],
      })),
    },
    width,
  );
}

// ---- choices and marked passages: how often each option was taken, arm by arm ---------------------------------------

function choicePlot(question, rows) {
  const options = [...new Set([...(question.options || []), ...rows.flatMap((row) => Object.keys(row.counts || {}))])];
  if (!options.length) return null;
  const cells = options.map((option) => ({
    option,
    bars: rows.map((row) => ({ arm: armName(row), n: row.counts?.[option] || 0, of: row.n })),
  }));
  const all = (cell) => cell.bars.reduce((sum, bar) => sum + bar.n, 0);
  if (!question.options?.length) cells.sort((a, b) => all(b) - all(a)); // nobody gave them an order
  const total = rows.reduce((sum, row) => sum + row.n, 0);
  const top = cells.reduce((a, b) => (all(b) > all(a) ? b : a));
  return {
    title: fill(T.in_choice_title, { option: quoted(top.option), share: percent(all(top) / total) }),
    how: question.kind === "choice" ? T.in_choice_how : question.kind === "span" ? T.in_span_how : T.in_multi_how,
    data: rows,
    draw: (width) => drawChoices(cells, width),
    table: {
      head: [T.in_col_option, T.in_col_arm, T.in_col_chosen, T.in_col_n],
      rows: cells.flatMap((cell) => cell.bars.map((bar) => [cell.option, bar.arm, bar.n, bar.of])),
    },
  };
}

function drawChoices(cells, width) {
  const arms = cells[0].bars.map((bar) => bar.arm);
  const left = Math.min(widest(arms, TEXT_SIZE) + 18, width * 0.34);
  const right = 88;
  const most = Math.max(...cells.flatMap((cell) => cell.bars.map((bar) => bar.n / bar.of)), 0.01);
  const scale = linear(0, most, left, width - right);
  const nodes = [];
  let y = 0;
  for (const cell of cells) {
    nodes.push(label(0, y + 16, cell.option, { size: 13.5, weight: 550, width }));
    y += 24;
    for (const bar of cell.bars) {
      const share = bar.n / bar.of;
      nodes.push(
        mark(
          cell.option + "/" + bar.arm,
          [cell.option, bar.arm, fill(T.in_chosen_by, { n: number(bar.n), of: number(bar.of), share: percent(share) })],
          s("rect", { x: 0, y, width, height: 22, class: "p-hit" }),
          label(0, y + 15, bar.arm, { tone: "p-soft", width: left - 12 }),
          s("rect", {
            x: left,
            y: y + 4,
            width: Math.max(1.5, scale(share) - left),
            height: 14,
            rx: 2,
            class: "p-bar p-anchor",
          }),
          label(scale(share) + 8, y + 15.5, fill(T.in_share_and_n, { share: percent(share), n: number(bar.n) }), {
            tone: "p-number",
          }),
        ),
      );
      y += 22;
    }
    y += 12;
  }
  return { height: y, nodes };
}
