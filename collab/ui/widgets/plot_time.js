// When answers came in, and how long one takes.
const HOUR_MS = 3_600_000;

const MOST_HOURS = 14 * 24; // a longer story is told by days

function votesPlot(time) {
  const { points, daily } = perUnit((time && time.votes) || [], time && time.every);
  if (!points.length) return null;
  const most = points.reduce((a, b) => (b.n > a.n ? b : a));
  return {
    title: plural(daily ? "in_busiest_day" : "in_busiest_hour", most.n, { when: unitWords(most.at, daily) }),
    how: daily ? T.in_votes_how_day : T.in_votes_how_hour,
    data: points,
    draw: (width) => drawVotes(points, daily, width),
    table: {
      head: [daily ? T.in_col_day : T.in_col_hour, T.in_col_answers],
      rows: points.map((p) => [unitWords(p.at, daily), p.n]),
    },
  };
}

// The answers of each hour, or of each day where the server or the length of the story says so, in order.
function perUnit(votes, every) {
  const told = votes.map(({ at, n }) => ({ at: moment(at).getTime(), n })).filter((p) => !Number.isNaN(p.at));
  told.sort((a, b) => a.at - b.at);
  if (!told.length) return { points: [], daily: false };
  const midnights = told.every((p) => p.at % (24 * HOUR_MS) === 0);
  const long = told.at(-1).at - told[0].at > MOST_HOURS * HOUR_MS;
  const daily = long || (every ? every === "day" : midnights && told.length > 1);
  if (!daily || midnights) return { points: told, daily };
  const days = new Map();
  for (const { at, n } of told) days.set(at - (at % (24 * HOUR_MS)), (days.get(at - (at % (24 * HOUR_MS))) || 0) + n);
  return { points: [...days].map(([at, n]) => ({ at, n })), daily };
}

// A day is counted in UTC, an hour is shown on the reader's clock.
function unitWords(at, daily) {
  return dated(new Date(at), daily ? { ...DAY, weekday: "short", timeZone: "UTC" } : { ...DAY, ...HOUR });
}

function drawVotes(points, daily, width) {
  const unit = daily ? 24 * HOUR_MS : HOUR_MS;
  const [x0, x1, y0, y1] = [38, width - 6, 150, 12];
  const [from, to] = [points[0].at, points.at(-1).at + unit];
  const spread = to - from;
  const few = spread / unit <= (x1 - x0) / 80; // then each hour or day stands under its own bar
  const x = linear(from, from + spread, x0, x1);
  const most = Math.max(...points.map((p) => p.n));
  const y = linear(0, most, y0, y1);
  const stretch = x(from + unit) - x(from);
  const bar = Math.max(1, Math.min(36, stretch - 1.5));
  const days = daily || spread > 48 * HOUR_MS;
  const rounds = days ? 24 * HOUR_MS : HOUR_MS;
  const format = (at) => dated(new Date(at), days ? { ...DAY, ...(daily ? { timeZone: "UTC" } : {}) } : HOUR);
  const nodes = [
    leftAxis({ scale: y, ticks: ticksOf(0, most, 3).filter(Number.isInteger), format: (n) => number(n), x0, x1 }),
    bottomAxis({
      scale: few ? (at) => x(at + unit / 2) : x,
      ticks: few ? eachUnit(from, to, unit) : timeTicks(from, to, (x1 - x0) / 80, rounds, daily),
      format,
      top: y0,
      bottom: y0 + 2,
      title: daily ? T.in_time_axis_day : T.in_time_axis_hour,
      x0,
      x1,
    }),
    s("line", { x1: x0, x2: x1, y1: y0, y2: y0, class: "p-base" }),
    ...points.map((p) =>
      mark(
        "at:" + p.at,
        [unitWords(p.at, daily), plural("in_answers", p.n)],
        s("rect", {
          x: x(p.at),
          y: y1,
          width: stretch,
          height: y0 - y1,
          class: "p-hit",
        }),
        s("rect", {
          x: x(p.at) + (stretch - bar) / 2,
          y: y(p.n),
          width: bar,
          height: y0 - y(p.n),
          rx: Math.min(2, bar / 3),
          class: "p-bar p-anchor",
        }),
      ),
    ),
  ];
  return { height: y0 + 44, nodes };
}

function eachUnit(from, to, unit) {
  return Array.from({ length: (to - from) / unit }, (_, i) => from + i * unit);
}

// Round moments: whole days at the reader's midnight (at UTC's if `utc`), or every few hours.
function timeTicks(from, to, wanted, least, utc) {
  const steps = [1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 1440, 2880, 8760].map((hours) => hours * HOUR_MS);
  const step = steps.find((each) => each >= least && (to - from) / each <= Math.max(2, wanted)) || steps.at(-1);
  const zone = utc ? 0 : new Date(from).getTimezoneOffset() * 60_000;
  const ticks = [];
  for (let at = Math.ceil((from - zone) / step) * step + zone; at < to; at += step) ticks.push(at);
  return ticks;
}

// ---- seconds per answer ---------------------------------------------------------------------------------------------

function secondsPlot(time) {
  const taken = time && time.per_item_s;
  const bins = ((taken && taken.histogram) || []).filter((bin) => known(bin.from_s));
  if (!bins.some((bin) => bin.n)) return null;
  return {
    title: fill(T.in_seconds_title, { median: seconds(taken.median) }),
    how: fill(T.in_seconds_how, { p10: seconds(taken.p10), p90: seconds(taken.p90) }),
    data: taken,
    draw: (width) => drawSeconds(taken, bins, width),
    table: {
      head: [T.in_col_from_s, T.in_col_to_s, T.in_col_answers],
      rows: bins.map((bin) => [bin.from_s, bin.to_s, bin.n]),
    },
  };
}

function drawSeconds(taken, bins, width) {
  const [x0, x1, y0, y1] = [38, width - 18, 150, 24];
  const step = (x1 - x0) / bins.length;
  const most = Math.max(...bins.map((bin) => bin.n));
  const y = linear(0, most, y0, y1);
  const x = (s_) => {
    // bins are equally wide on the page, however many seconds each spans
    const i = bins.findIndex((bin) => !known(bin.to_s) || s_ < bin.to_s);
    const bin = bins[i < 0 ? bins.length - 1 : i];
    const within = known(bin.to_s) ? (s_ - bin.from_s) / (bin.to_s - bin.from_s) : 0.5;
    return x0 + ((i < 0 ? bins.length - 1 : i) + Math.min(1, Math.max(0, within))) * step;
  };
  const edges = [...bins.map((bin) => bin.from_s), ...(known(bins.at(-1).to_s) ? [bins.at(-1).to_s] : [])];
  const middle = x(taken.median);
  const words_ = fill(T.in_median_is, { median: seconds(taken.median) });
  const anchor = middle > (x0 + x1) / 2 ? "end" : "start";
  const nodes = [
    leftAxis({ scale: y, ticks: ticksOf(0, most, 3).filter(Number.isInteger), format: (n) => number(n), x0, x1 }),
    bottomAxis({
      scale: (edge) => x0 + edges.indexOf(edge) * step,
      ticks: edges,
      format: (n) => number(n, n % 1 ? 1 : 0),
      top: y0,
      bottom: y0 + 2,
      title: T.in_seconds_axis,
      x0,
      x1,
    }),
    s("line", { x1: x0, x2: x1, y1: y0, y2: y0, class: "p-base" }),
    ...bins.map((bin, i) => {
      const span = known(bin.to_s)
        ? fill(T.in_range, { lower: number(bin.from_s, bin.from_s % 1 ? 1 : 0), upper: seconds(bin.to_s) })
        : fill(T.in_or_more, { s: seconds(bin.from_s) });
      return mark(
        "from:" + bin.from_s,
        [span, plural("in_answers", bin.n)],
        s("rect", { x: x0 + i * step, y: y1, width: step, height: y0 - y1, class: "p-hit" }),
        s("rect", {
          x: x0 + i * step + 0.75,
          y: y(bin.n),
          width: step - 1.5,
          height: y0 - y(bin.n),
          rx: 2,
          class: "p-bar p-anchor",
        }),
      );
    }),
    known(taken.p10) &&
      known(taken.p90) &&
      s("line", { x1: x(taken.p10), x2: x(taken.p90), y1: y1 - 6, y2: y1 - 6, class: "p-interval p-plain" }),
    known(taken.median) && s("line", { x1: middle, x2: middle, y1: y1 - 12, y2: y0, class: "p-half" }),
    known(taken.median) &&
      label(middle + (anchor === "end" ? -6 : 6), y1 + 10, words_, { anchor, size: 12, weight: 600, tone: "p-halo" }),
  ].filter(Boolean);
  return { height: y0 + 44, nodes };
}
