// What has been collected, as plots: acts of each kind, acts of each day, stars.
const KINDS = ["rating", "ranking", "preference", "edit"];

function kindsPlot(overview) {
  const rows = overview.kinds
    .map((row) => ({ ...row, n: row.text + row.image }))
    .filter((row) => row.n)
    .sort((a, b) => b.n - a.n);
  if (!rows.length) return null;
  const total = rows.reduce((sum, row) => sum + row.n, 0);
  return {
    title: plural("da_kinds_title", total),
    how: T.da_kinds_how,
    data: rows,
    draw: (width) => drawKinds(rows, width),
    table: {
      head: [T.da_col_kind, T.da_text, T.da_image],
      rows: rows.map((row) => [words("da_kind", row.kind), row.text, row.image]),
    },
  };
}

function drawKinds(rows, width) {
  const names = rows.map((row) => words("da_kind", row.kind));
  const x0 = Math.min(widest(names, 13.5, 550) + 16, width * 0.4);
  const x1 = width - 56;
  const scale = linear(0, Math.max(...rows.map((row) => row.n)), x0, x1);
  const rowHeight = 40;
  const nodes = [];
  rows.forEach((row, i) => {
    const y = i * rowHeight + 6;
    const split = scale(row.text);
    nodes.push(
      mark(
        "kind:" + row.kind,
        [names[i], plural("da_texts", row.text), plural("da_images", row.image)],
        s("rect", { x: 0, y: i * rowHeight, width, height: rowHeight, class: "p-hit" }),
        ...nameLabel(0, y + 19, names[i], { weight: 550, width: x0 - 12 }),
        s("rect", { x: x0, y, width: Math.max(0, split - x0), height: 28, class: "p-bar p-anchor" }),
        s("rect", { x: split, y, width: Math.max(0, scale(row.n) - split), height: 28, class: "p-bar da-image" }),
        label(scale(row.n) + 8, y + 19, number(row.n), { tone: "p-number", weight: 550 }),
      ),
    );
  });
  const base = rows.length * rowHeight + 14;
  nodes.push(
    s("rect", { x: x0, y: base, width: 11, height: 11, class: "p-bar" }),
    label(x0 + 17, base + 10, T.da_text, { size: 12, tone: "p-soft" }),
    s("rect", { x: x0 + 34 + textWidth(T.da_text, 12), y: base, width: 11, height: 11, class: "p-bar da-image" }),
    label(x0 + 51 + textWidth(T.da_text, 12), base + 10, T.da_image, { size: 12, tone: "p-soft" }),
  );
  return { height: base + 20, nodes };
}

const DAY_MS = 86_400_000;

function daysPlot(overview) {
  const days = overview.days.map((day) => ({
    at: Date.parse(day.at + "T00:00:00Z"),
    n: KINDS.reduce((sum, kind) => sum + (day[kind] || 0), 0),
    day,
  }));
  if (!days.length) return null;
  const most = days.reduce((a, b) => (b.n > a.n ? b : a));
  return {
    title: plural("da_days_title", most.n, { when: dayWords(most.at) }),
    how: T.da_days_how,
    data: days,
    draw: (width) => drawDays(days, width),
    table: {
      head: [T.in_col_day, ...KINDS.map((kind) => words("da_kind", kind))],
      rows: days.map(({ day }) => [day.at, ...KINDS.map((kind) => day[kind] || 0)]),
    },
  };
}

function dayWords(at) {
  return dated(new Date(at), { ...DAY, weekday: "short", timeZone: "UTC" });
}

function drawDays(days, width) {
  const [x0, y0, y1] = [38, 150, 12];
  const format = (at) => dated(new Date(at), { ...DAY, timeZone: "UTC" });
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS; // in UTC, as the days are counted
  const to = Math.max(days.at(-1).at, today) + DAY_MS;
  const from = Math.min(days[0].at, to - 7 * DAY_MS); // a first day is no wall, and nothing lies in the future
  const halfDay = ((width - 6 - x0) * DAY_MS) / (to - from) / 2;
  const x1 = width - 6 - Math.max(0, textWidth(format(today), 12) / 2 - halfDay); // the last day's label has room
  const x = linear(from, to, x0, x1);
  const most = Math.max(...days.map((each) => each.n));
  const y = linear(0, most, y0, y1);
  const bar = Math.max(1, Math.min(40, x(from + DAY_MS) - x(from) - 2));
  const step = Math.max(1, Math.ceil((to - from) / DAY_MS / Math.max(2, (x1 - x0) / 80)));
  const ticks = [];
  for (let at = from; at < to; at += step * DAY_MS) ticks.push(at);
  const nodes = [
    leftAxis({ scale: y, ticks: ticksOf(0, most, 3).filter(Number.isInteger), format: (n) => number(n), x0, x1 }),
    bottomAxis({
      scale: (at) => x(at) + bar / 2,
      ticks,
      format,
      top: y0,
      bottom: y0 + 2,
      title: T.in_time_axis_day,
      x0,
      x1,
    }),
    s("line", { x1: x0, x2: x1, y1: y0, y2: y0, class: "p-base" }),
    ...days.map((each) =>
      mark(
        "day:" + each.at,
        [
          dayWords(each.at),
          ...KINDS.filter((kind) => each.day[kind]).map((kind) =>
            fill(T.da_kind_count, { kind: words("da_kind", kind), n: number(each.day[kind]) }),
          ),
        ],
        s("rect", { x: x(each.at), y: y1, width: Math.max(bar, 6), height: y0 - y1, class: "p-hit" }),
        s("rect", { x: x(each.at), y: y(each.n), width: bar, height: y0 - y(each.n), rx: 2, class: "p-bar p-anchor" }),
      ),
    ),
  ];
  return { height: y0 + 44, nodes };
}

function starsPlot(overview) {
  const scores = [1, 2, 3, 4, 5];
  const counts = scores.map((score) => overview.stars[score] || 0);
  const total = counts.reduce((a, b) => a + b, 0);
  const thumbs = overview.thumbs.up + overview.thumbs.down;
  if (!total && !thumbs) return null;
  const mean = scores.reduce((sum, score, i) => sum + score * counts[i], 0) / (total || 1);
  const lead = thumbs ? fill(T.da_thumbs, { up: number(overview.thumbs.up), down: number(overview.thumbs.down) }) : "";
  return {
    title: total ? plural("da_stars_title", total, { mean: number(mean, 1) }) : T.da_no_stars,
    lead,
    how: total ? T.da_stars_how : "",
    data: [counts, overview.thumbs],
    draw: total ? (width) => drawStars(scores, counts, width) : null,
    table: {
      head: [T.da_col_stars, T.da_col_ratings],
      rows: [...scores.map((score, i) => [score, counts[i]]), ["👍", overview.thumbs.up], ["👎", overview.thumbs.down]],
    },
  };
}

function drawStars(scores, counts, width) {
  const [x0, x1, y0, y1] = [38, width - 6, 140, 22];
  const most = Math.max(...counts);
  const y = linear(0, most, y0, y1);
  const slot = (x1 - x0) / 5;
  const bar = Math.min(90, slot - 10);
  const middle = (score) => x0 + (score - 0.5) * slot;
  const nodes = [
    leftAxis({ scale: y, ticks: ticksOf(0, most, 3).filter(Number.isInteger), format: (n) => number(n), x0, x1 }),
    bottomAxis({
      scale: middle,
      ticks: scores,
      format: (score) => number(score),
      top: y0,
      bottom: y0 + 2,
      title: T.in_stars_axis,
      x0,
      x1,
    }),
    s("line", { x1: x0, x2: x1, y1: y0, y2: y0, class: "p-base" }),
    ...scores.map((score, i) =>
      mark(
        "stars:" + score,
        [fill(T.star, { score }), plural("da_ratings", counts[i])],
        s("rect", { x: middle(score) - slot / 2, y: y1, width: slot, height: y0 - y1, class: "p-hit" }),
        s("rect", {
          x: middle(score) - bar / 2,
          y: y(counts[i]),
          width: bar,
          height: y0 - y(counts[i]),
          rx: 2,
          class: "p-bar p-anchor",
        }),
        counts[i] &&
          label(middle(score), y(counts[i]) - 5, number(counts[i]), { anchor: "middle", size: 12, tone: "p-soft" }),
      ),
    ),
  ];
  return { height: y0 + 44, nodes };
}
