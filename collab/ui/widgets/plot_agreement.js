// Krippendorff's alpha per question, on a scale with the marks that are conventional for it.
const ALPHA_TENTATIVE = 0.667; // Krippendorff (2004), Content Analysis: below it draw no conclusion
const ALPHA_RELIABLE = 0.8; // above it rely on the ratings

function agreementPlot(agreement) {
  const rows = (agreement || []).filter((row) => known(row.alpha) || row.sentence);
  if (!rows.length) return null;
  const measured = rows.filter((row) => known(row.alpha));
  const [title, lead] = rows.length === 1 ? firstSentence(rows[0].sentence) : [agreementTitle(measured), ""];
  return {
    title,
    lead,
    how: measured.length ? T.in_agreement_how : "",
    extra:
      rows.length > 1
        ? [
            h(
              "dl",
              { class: "in-terms" },
              rows.flatMap((row) => [
                h("dt", { dir: "auto", text: row.title || row.question }),
                h("dd", { dir: "auto", text: row.sentence }),
              ]),
            ),
          ]
        : [],
    data: rows,
    draw: measured.length ? (width) => drawAgreement(rows, width) : null,
    table: {
      head: [
        T.in_col_question,
        T.in_col_alpha,
        T.in_col_lower,
        T.in_col_upper,
        T.in_col_level,
        T.in_col_units,
        T.in_col_pairs,
      ],
      rows: rows.map((r) => [r.title || r.question, r.alpha, r.lower, r.upper, r.level, r.units, r.pairs]),
    },
  };
}

function agreementTitle(measured) {
  if (!measured.length) return T.in_agreement_none;
  const reliable = measured.filter((row) => row.alpha >= ALPHA_RELIABLE).length;
  const weak = measured.filter((row) => row.alpha < ALPHA_TENTATIVE).length;
  if (reliable === measured.length) return T.in_agreement_all;
  return plural("in_agreement_weak", weak, { all: number(measured.length) });
}

function drawAgreement(rows, width) {
  const lowest = Math.min(0, ...rows.flatMap((row) => [row.alpha, row.lower]).filter(known));
  return intervalRows(
    {
      domain: [Math.max(-1, Math.floor(lowest * 5) / 5), 1],
      ticks: ticksOf(Math.max(-1, Math.floor(lowest * 5) / 5), 1, 5),
      format: (tick) => number(tick, 1),
      axis: T.in_alpha_axis,
      marks: [
        { at: ALPHA_TENTATIVE, label: number(ALPHA_TENTATIVE, 3), anchor: "end" },
        { at: ALPHA_RELIABLE, label: number(ALPHA_RELIABLE, 1), anchor: "start" },
      ],
      columns: [{ title: "", width: 52 }],
      rows: rows.map((row) => ({
        key: "alpha:" + row.question,
        name: row.title || row.question,
        value: row.alpha,
        lower: row.lower,
        upper: row.upper,
        missing: T.in_too_little,
        strong: true,
        right: [known(row.alpha) ? number(row.alpha, 2) : ""],
        lines: [
          row.title || row.question,
          known(row.alpha)
            ? fill(T.in_alpha_is, {
                alpha: number(row.alpha, 2),
                range: range(row.lower, row.upper, (n) => number(n, 2)),
              })
            : T.in_too_little,
          fill(T.in_alpha_units, {
            units: number(row.units),
            pairs: number(row.pairs),
            level: words("in_level", row.level),
          }),
        ],
      })),
    },
    width,
  );
}
