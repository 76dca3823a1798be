// The win matrix: how often the row beat the column. Every cell says its share and its votes; colour only helps.
function matrixPlot(matrix, order = []) {
  const place = new Map(order.map((name, i) => [name, i]));
  const at = ((matrix && matrix.names) || []).map((_, i) => i);
  at.sort((a, b) => (place.get(matrix.names[a]) ?? a) - (place.get(matrix.names[b]) ?? b));
  if (at.length < 3) return null; // two arms have one number, and the evidence shows it
  const pairs = at
    .flatMap((i) =>
      at.map((j) => ({
        row: matrix.names[i],
        column: matrix.names[j],
        share: i === j ? null : matrix.wins[i]?.[j],
        votes: matrix.votes[i]?.[j] || 0,
      })),
    )
    .filter((pair) => known(pair.share) && pair.votes);
  if (!pairs.length) return null;
  const clearest = pairs.reduce((a, b) => (clearness(b) > clearness(a) ? b : a));
  return {
    title: fill(T.in_matrix_title, {
      row: quoted(clearest.row),
      column: quoted(clearest.column),
      share: percent(clearest.share),
      votes: number(clearest.votes),
    }),
    how: T.in_matrix_how,
    data: [matrix, order],
    minWidth: 66 + at.length * 35,
    draw: (width) => drawMatrix(matrix, at, width),
    table: {
      head: [T.in_col_row, T.in_col_column, T.in_col_won, T.in_col_votes],
      rows: pairs.map((pair) => [pair.row, pair.column, pair.share, pair.votes]),
    },
  };
}

function clearness({ share, votes }) {
  return (share - 0.5) * Math.sqrt(votes);
}

function drawMatrix({ names, wins, votes }, at, width) {
  const named =
    widest(
      at.map((i) => names[i]),
      13,
      450,
    ) + 28;
  const left = Math.max(64, Math.min(named, width * 0.3));
  const cell = Math.min(84, Math.floor((width - left) / at.length));
  const tall = Math.min(cell, 46);
  const columnsNamed = cell >= 76;
  const top = 26;
  const nodes = [];
  at.forEach((j, column) => {
    const words_ = columnsNamed ? names[j] : String(column + 1);
    nodes.push(
      label(left + (column + 0.5) * cell, top - 9, words_, {
        anchor: "middle",
        size: 12,
        tone: "p-soft",
        width: cell - 6,
      }),
    );
  });
  at.forEach((i, row) => {
    const y = top + row * tall;
    nodes.push(label(0, y + tall / 2 + 4.5, String(row + 1), { size: 12, tone: "p-soft p-number" }));
    nodes.push(...nameLabel(20, y + tall / 2 + 4.5, names[i], { size: 13, width: left - 28 }));
    at.forEach((j, column) =>
      nodes.push(matrixCell({ names, wins, votes }, i, j, left + column * cell, y, cell, tall)),
    );
  });
  const end = top + at.length * tall;
  const wide = Math.min(cell * at.length, 260);
  nodes.push(...matrixLegend(left, end + 18, wide));
  return { height: end + 50, nodes };
}

function matrixCell({ names, wins, votes }, i, j, x, y, width, height) {
  const share = i === j ? null : wins[i]?.[j];
  const n = votes[i]?.[j] || 0;
  const frame = { x: x + 1, y: y + 1, width: width - 2, height: height - 2, rx: 3 };
  if (i === j)
    return s("line", {
      x1: x + width / 2 - 5,
      x2: x + width / 2 + 5,
      y1: y + height / 2,
      y2: y + height / 2,
      class: "p-grid",
    });
  if (!known(share) || !n)
    return mark(
      "cell:" + names[i] + "/" + names[j],
      [fill(T.in_against, { row: quoted(names[i]), column: quoted(names[j]) }), T.in_no_votes],
      s("rect", { ...frame, class: "p-cell-empty p-anchor" }),
    );
  return mark(
    "cell:" + names[i] + "/" + names[j],
    [
      fill(T.in_against, { row: quoted(names[i]), column: quoted(names[j]) }),
      fill(T.in_won_of, { share: percent(share), votes: number(n) }),
      T.in_ties_half,
    ],
    s("rect", { ...frame, class: "p-anchor", style: `fill: ${shade(share)}` }),
    label(x + width / 2, y + height / 2 - 1, number(share * 100), {
      anchor: "middle",
      size: 13.5,
      weight: 600,
      tone: "p-number",
    }),
    label(x + width / 2, y + height / 2 + 13, width < 50 ? number(n) : fill(T.in_of_n, { n: number(n) }), {
      anchor: "middle",
      size: 11,
      tone: "p-ink p-number",
    }),
  );
}

// From ochre (lost) over paper (even) to the accent (won): told apart by people who see no red or no green.
function shade(share) {
  const far = Math.min(1, Math.abs(share - 0.5) / 0.4);
  return `color-mix(in srgb, var(${share >= 0.5 ? "--cb-won" : "--cb-lost"}) ${Math.round(far * 100)}%, var(--cb-even))`;
}

function matrixLegend(x, y, width) {
  const steps = 9;
  const each = width / steps;
  return [
    ...Array.from({ length: steps }, (_, i) =>
      s("rect", {
        x: x + i * each,
        y,
        width: each + 0.4,
        height: 8,
        style: `fill: ${shade(0.1 + (0.8 * i) / (steps - 1))}`,
      }),
    ),
    label(x, y + 22, T.in_row_loses, { size: 12, tone: "p-soft" }),
    label(x + width / 2, y + 22, T.in_even, { anchor: "middle", size: 12, tone: "p-soft" }),
    label(x + width, y + 22, T.in_row_wins, { anchor: "end", size: 12, tone: "p-soft" }),
  ];
}
