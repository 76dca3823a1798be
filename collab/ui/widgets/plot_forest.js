// The leaderboard: strengths with their intervals, and bars that join what the votes cannot tell apart.
const LANE = 12;

const MOST_TIED = 24; // rows; beyond it the bars would be a thicket, and the ranks say the same in words

// Whether nothing puts the row `a` above the row `b` below it: their intervals overlap, or their ranks are not ordered.
function isTied(a, b) {
  if (!known(a.lower) || !known(b.lower)) return false;
  if (a.lower <= b.upper && b.lower <= a.upper) return true;
  return b.rank_low <= a.rank_low || a.rank_high >= b.rank_high;
}

// Every largest set of rows that are all tied with one another, as indices; sets of one are left out
// (Bron & Kerbosch 1973, with a pivot).
function tieGroups(rows) {
  if (rows.length > MOST_TIED) return [];
  const tied = rows.map(
    (a, i) =>
      new Set(rows.map((_, j) => j).filter((j) => j !== i && isTied(rows[Math.min(i, j)], rows[Math.max(i, j)]))),
  );
  const sets = [];
  const grow = (set, open, done) => {
    if (!open.length && !done.length && set.length > 1) sets.push([...set].sort((a, b) => a - b));
    const pivot = [...open, ...done].sort((a, b) => tied[b].size - tied[a].size)[0];
    for (const i of open.filter((each) => !tied[pivot].has(each))) {
      grow(
        [...set, i],
        open.filter((each) => tied[i].has(each)),
        done.filter((each) => tied[i].has(each)),
      );
      open = open.filter((each) => each !== i);
      done = [...done, i];
    }
  };
  grow(
    [],
    rows.map((_, i) => i),
    [],
  );
  return sets.sort((a, b) => a[0] - b[0] || a.at(-1) - b.at(-1));
}

// The column of each set's bar: as few columns as do not let two bars cross.
function tieLanes(ties) {
  const ends = []; // the last row that each column covers
  return ties.map((set) => {
    const free = ends.findIndex((end) => end < set[0]);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = set.at(-1);
    return lane;
  });
}

function rankWords(row) {
  if (!known(row.rank_low)) return NOTHING;
  return row.rank_low === row.rank_high ? number(row.rank_low) : number(row.rank_low) + "–" + number(row.rank_high);
}

function forestPlot(board) {
  const rows = [...((board && board.rows) || [])].sort((a, b) => (b.strength ?? -Infinity) - (a.strength ?? -Infinity));
  if (!rows.some((row) => known(row.strength))) return null;
  const flips = board.flips;
  const flipWords =
    flips && known(flips.votes)
      ? plural("in_flips", flips.votes, { leader: quoted(flips.leader), runner_up: quoted(flips.runner_up) })
      : null;
  const beside = flipWords || board.flips_missing;
  const [title, lead] = firstSentence(board.sentence || T.in_leaderboard_title);
  return {
    title,
    lead,
    how: T.in_leaderboard_how + (tieGroups(rows).length ? " " + T.in_leaderboard_ties : ""),
    extra: beside ? [h("p", { class: "in-aside", dir: "auto", text: beside })] : [],
    data: board,
    draw: (width) => drawForest(rows, width),
    table: {
      head: [
        T.in_col_name,
        T.in_col_rank_low,
        T.in_col_rank_high,
        T.in_col_strength,
        T.in_col_lower,
        T.in_col_upper,
        T.in_col_won,
        T.in_col_votes,
      ],
      rows: rows.map((r) => [r.name, r.rank_low, r.rank_high, r.strength, r.lower, r.upper, r.win_rate, r.votes]),
    },
  };
}

function drawForest(rows, width) {
  const ties = tieGroups(rows);
  const lanes = tieLanes(ties);
  const ends = rows.flatMap((row) => [row.lower, row.upper, row.strength]).filter(known);
  const [low, high] = [Math.min(1000, ...ends), Math.max(1000, ...ends)];
  const pad = (high - low) * 0.05 || 50;
  const narrow = width < 480;
  const { height, nodes, rowY } = intervalRows(
    {
      gutter: ties.length ? (Math.max(...lanes) + 1) * LANE + 10 : 0,
      lead: T.in_col_rank,
      columns: [
        { title: T.in_col_won, width: 64 },
        { title: T.in_col_votes, width: 64 },
      ],
      head: T.in_col_won + " · " + T.in_col_votes,
      domain: [low - pad, high + pad],
      format: (tick) => number(tick),
      axis: T.in_strength_axis,
      marks: [{ at: 1000, label: narrow ? "" : T.in_mean }],
      rows: rows.map((row, i) => ({
        key: "row:" + row.name,
        name: row.name,
        lead: rankWords(row),
        value: row.strength,
        lower: row.lower,
        upper: row.upper,
        missing: T.in_no_votes,
        strong: row.rank_low === 1,
        right: [percent(row.win_rate), number(row.votes)],
        lines: [
          row.name,
          fill(T.in_rank_is, { rank: rankWords(row) }),
          fill(T.in_strength_is, { strength: number(row.strength), range: range(row.lower, row.upper) }),
          fill(T.in_won_of, { share: percent(row.win_rate), votes: number(row.votes) }),
          ties.some((set) => set.includes(i)) && fill(T.in_tied_with, { names: tiedWith(rows, ties, i) }),
        ].filter(Boolean),
      })),
    },
    width,
  );
  ties.forEach((set, at) => {
    const x = 6 + lanes[at] * LANE;
    nodes.push(
      mark(
        "tie:" + set.join(),
        [T.in_tie, fill(T.in_tie_of, { names: listed(set.map((i) => quoted(rows[i].name))) })],
        s("rect", {
          x: x - 6,
          y: rowY[set[0]] - 12,
          width: LANE,
          height: rowY[set.at(-1)] - rowY[set[0]] + 24,
          class: "p-hit",
        }),
        s("line", { x1: x, x2: x, y1: rowY[set[0]], y2: rowY[set.at(-1)], class: "p-tie" }),
        ...set.map((i) => s("circle", { cx: x, cy: rowY[i], r: 3.5, class: "p-tie-dot" })),
      ),
    );
  });
  return { height, nodes };
}

function tiedWith(rows, ties, i) {
  const others = [...new Set(ties.filter((set) => set.includes(i)).flat())]
    .filter((j) => j !== i)
    .sort((a, b) => a - b);
  return listed(others.map((j) => quoted(rows[j].name)));
}
