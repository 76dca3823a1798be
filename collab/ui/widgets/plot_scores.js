// What raters and editors said, per arm: means with intervals, distributions, choices, distances of edits.
function questionPlot(question) {
  const rows = (question.rows || []).filter((row) => row.n);
  if (!rows.length) return null;
  if (question.kind === "stars") return scorePlot(question, rows);
  if (question.kind === "thumb") return thumbPlot(question, rows);
  if (["choice", "multi_choice", "span"].includes(question.kind)) return choicePlot(question, rows);
  const written = rows.reduce((sum, row) => sum + row.n, 0);
  return { title: plural("in_written", written), lead: T.in_written_where, data: rows, draw: null, table: null };
}

function armName(row) {
  return row.arm === null || row.arm === undefined || row.arm === "" ? T.in_all_outputs : String(row.arm);
}

// "“A” has the highest mean, 4.1 of 5", or that the first two cannot be told apart. best: +1 if more is better, −1 if less
function leadWords(rows, value, best, key, say) {
  const told = rows.filter((row) => known(row[value])).sort((a, b) => best * (b[value] - a[value]));
  if (told.length < 2)
    return told.length ? fill(T[key + "_one"], { name: quoted(armName(told[0])), value: say(told[0][value]) }) : "";
  const [first, second] = told;
  const apart = best > 0 ? first.lower > second.upper : first.upper < second.lower;
  return fill(T[key + (apart ? "_lead" : "_tied")], {
    name: quoted(armName(first)),
    value: say(first[value]),
    other: quoted(armName(second)),
    other_value: say(second[value]),
  });
}

// ---- stars: the distribution stands on the row's line, the mean with its interval lies under it ---------------------

function scorePlot(question, rows) {
  const one = (n) => number(n, 1);
  return {
    title: leadWords(rows, "mean", 1, "in_stars", one),
    how: T.in_stars_how,
    data: rows,
    draw: (width) => drawScores(rows, width),
    table: {
      head: [
        T.in_col_arm,
        T.in_col_mean,
        T.in_col_lower,
        T.in_col_upper,
        T.in_col_n,
        ...[1, 2, 3, 4, 5].map((i) => fill(T.star, { score: i })),
      ],
      rows: rows.map((r) => [
        armName(r),
        r.mean,
        r.lower,
        r.upper,
        r.n,
        ...[1, 2, 3, 4, 5].map((i) => r.counts?.[i] || 0),
      ]),
    },
  };
}

function drawScores(rows, width) {
  const wide = width >= 560;
  const nameWidth = wide ? Math.min(widest(rows.map(armName), 13.5, 550) + 20, width * 0.3) : 0;
  const rightWidth = wide ? 130 : 0;
  const [x0, x1] = [nameWidth, width - rightWidth];
  const scale = linear(0.5, 5.5, x0, x1);
  const barRoom = 34;
  const rowHeight = wide ? 74 : 96;
  const most = Math.max(...rows.flatMap((row) => [1, 2, 3, 4, 5].map((i) => (row.counts?.[i] || 0) / row.n)));
  const best = Math.max(...rows.map((row) => row.mean));
  const nodes = [
    bottomAxis({
      scale,
      ticks: [1, 2, 3, 4, 5],
      format: (i) => number(i),
      top: rows.length * rowHeight,
      bottom: rows.length * rowHeight + 2,
      title: T.in_stars_axis,
      x0,
      x1,
    }),
  ];
  rows.forEach((row, i) => {
    const base = i * rowHeight + rowHeight - 24;
    const means = fill(T.in_mean_of, {
      mean: number(row.mean, 1),
      range: range(row.lower, row.upper, (n) => number(n, 1)),
    });
    const counted = fill(T.in_of_n, { n: number(row.n) });
    const bar = (x1 - x0) / 5 - 6;
    const shapes = [s("rect", { x: 0, y: i * rowHeight, width, height: rowHeight, class: "p-hit" })];
    for (const score of [1, 2, 3, 4, 5]) {
      const share = (row.counts?.[score] || 0) / row.n;
      const tall = (share / most) * barRoom;
      shapes.push(
        s("rect", {
          x: scale(score) - bar / 2,
          y: base - tall,
          width: bar,
          height: Math.max(0, tall),
          rx: 2,
          class: "p-bar",
        }),
      );
      if (share && bar > 32)
        shapes.push(
          label(scale(score), base - tall - 4, percent(share), { anchor: "middle", size: 11, tone: "p-soft" }),
        );
    }
    shapes.push(s("line", { x1: x0, x2: x1, y1: base, y2: base, class: "p-base" }));
    shapes.push(
      ...estimate(
        {
          ...row,
          value: row.mean,
          strong:
            row.mean === best || row.upper >= Math.max(...rows.filter((r) => r.mean === best).map((r) => r.lower)),
        },
        scale,
        base + 11,
        [x0, x1],
      ),
    );
    if (wide) {
      shapes.push(...nameLabel(0, base, armName(row), { weight: 550, width: nameWidth - 16 }));
      shapes.push(label(width, base - 9, means, { anchor: "end", tone: "p-number", weight: 550 }));
      shapes.push(label(width, base + 9, counted, { anchor: "end", tone: "p-soft p-number", size: 12 }));
    } else {
      const right = means + " · " + counted;
      shapes.push(
        label(0, i * rowHeight + 16, armName(row), { size: 13.5, weight: 550, width: width - textWidth(right) - 12 }),
      );
      shapes.push(label(width, i * rowHeight + 16, right, { anchor: "end", tone: "p-soft p-number" }));
    }
    nodes.push(
      mark(
        "arm:" + armName(row),
        [
          armName(row),
          means,
          counted,
          ...[5, 4, 3, 2, 1].map((score) => fill(T.in_star_count, { score, n: number(row.counts?.[score] || 0) })),
        ],
        ...shapes,
      ),
    );
  });
  return { height: rows.length * rowHeight + 46, nodes };
}
