// One cell: the output, stars, thumbs, best. The same acts as on the board, and z of the board's own.
function gridCell(cell, { act, best, isBest }) {
  const number_ = cell.position + 1;
  const rating = cell.feedback.rating || {};
  const content = cell.image_url
    ? h("img", { src: cell.image_url, alt: fill(T.gr_cell, { number: number_ }), class: "gr-picture", loading: "lazy" })
    : scrolls(h("div", { class: "gr-words", dir: "auto", translate: "no", text: cell.text ?? (cell.status === "failed" ? cell.error || T.gr_failed : T.gr_waiting) }));
  const done = cell.image_url || (cell.text !== null && cell.status === "done");
  const rate = (field, value) =>
    act(
      value === null
        ? { act: "clear", output_id: cell.output_id, fields: [field] }
        : { act: "rate", output_id: cell.output_id, [field]: value },
    );
  const stars = [1, 2, 3, 4, 5].map((score) =>
    h(
      "button",
      {
        type: "button",
        class: "gr-star" + (rating.score >= score ? " gr-on" : ""),
        "aria-label": fill(T.gr_stars, { score, number: number_ }),
        "aria-pressed": String(rating.score === score),
        disabled: cell.locked,
        onclick: () => rate("score", rating.score === score ? null : score),
      },
      icon("star"),
    ),
  );
  const thumb = (value, name, words_) =>
    iconButton(name, fill(words_, { number: number_ }), () => rate("thumb", rating.thumb === value ? null : value), {
      "aria-pressed": String(rating.thumb === value),
      disabled: cell.locked,
      class: rating.thumb === value ? "gr-on" : "",
    });
  return h(
    "div",
    { class: "gr-cell" + (isBest ? " gr-best" : ""), "data-cell": cell.position },
    content,
    done &&
      h(
        "div",
        { class: "cb-row gr-rate" },
        h("span", { class: "gr-group" }, stars),
        h(
          "span",
          { class: "gr-group" },
          thumb(1, "up", T.gr_thumb_up),
          thumb(-1, "down", T.gr_thumb_down),
          iconButton("crown", fill(T.gr_best, { number: number_ }), () => best(cell), {
            "aria-pressed": String(isBest),
            disabled: cell.locked,
          }),
        ),
        cell.locked && h("span", { class: "cb-muted gr-locked", text: T.gr_locked }),
      ),
  );
}
