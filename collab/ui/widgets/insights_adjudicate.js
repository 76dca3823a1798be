// The queue of items on which people disagree: what was shown, what each said, and the owner's decision, one at a time.
function adjudicationQueue({ ask, busy }) {
  const title = h("h3", { class: "in-finding" });
  const place = h("span", { class: "cb-muted in-tabular" });
  const previous = iconButton("left", T.previous, () => go(-1));
  const next = iconButton("right", T.next, () => go(1));
  const item = h("div", { class: "in-dispute" });
  const node = h(
    "section",
    { class: "in-part", "data-part": "adjudication", "aria-label": T.in_adjudication, hidden: true },
    h(
      "div",
      { class: "cb-row cb-spread" },
      h("div", {}, h("p", { class: "in-kicker", text: T.in_adjudication }), title),
      h("div", { class: "cb-row" }, previous, place, next),
    ),
    h("p", { class: "in-how", text: T.in_adjudication_how }),
    item,
  );
  let queue = [];
  let at = 0;
  let task = "compare";
  let drawn = null;

  function update(results) {
    const open = queue[at]?.item_id;
    queue = results.adjudication || [];
    task = results.study.task;
    const kept = queue.findIndex((each) => each.item_id === open);
    at = kept >= 0 ? kept : Math.min(at, Math.max(0, queue.length - 1));
    draw();
  }

  function go(step) {
    at = (at + step + queue.length) % queue.length;
    draw();
  }

  function draw() {
    show(node, queue.length > 0);
    if (!queue.length) return void (drawn = null);
    setText(title, plural("in_disputes", queue.length));
    setText(place, fill(T.in_of, { n: number(at + 1), of: number(queue.length) }));
    show(previous, queue.length > 1);
    show(next, queue.length > 1);
    show(place, queue.length > 1);
    const told = [task, queue[at].item_id, queue[at].answers];
    if (sameJson(drawn, told)) return; // a half-made decision stays
    drawn = told;
    item.replaceChildren(...dispute(queue[at]).filter(Boolean)); // an item without context has none
  }

  function dispute(one) {
    const form = decisionForm(task, one);
    const problem = h("p", { class: "in-note", "data-state": "failed", role: "alert", hidden: true });
    const decide = async (answer, button) => {
      const missing = answer === null;
      show(problem, missing);
      setText(problem, missing ? T.in_decide_missing : "");
      if (missing) return;
      const done = await busy(button, () => ask({ act: "adjudicate", item_id: one.item_id, answer }));
      if (done && queue.length) item.querySelector("button, select, textarea")?.focus({ preventScroll: true });
    };
    return [
      contextOf(one.context),
      h(
        "div",
        { class: "in-dispute-outputs", "data-count": one.options.length },
        one.options.map((option) => disputedOutput(option, one.options)),
      ),
      h(
        "div",
        { class: "in-dispute-said" },
        h("p", { class: "cb-caption", text: T.in_said }),
        h(
          "ul",
          { class: "in-said-list" },
          one.answers.map((answer) =>
            h(
              "li",
              {},
              h("b", { dir: "auto", text: answer.annotator }),
              h("span", { dir: "auto", text: saidWords(answer.said, one.questions) }),
            ),
          ),
        ),
      ),
      h("div", { class: "in-decide", role: "group", "aria-label": T.in_decide_label }, form(decide), problem),
    ];
  }

  return { node, update };
}

function contextOf(context) {
  const pairs = Array.isArray(context) ? context : context ? [["", context]] : [];
  if (!pairs.length) return null;
  return h(
    "dl",
    { class: "in-context" },
    pairs.map(([name, text]) =>
      h("div", {}, name && h("dt", { dir: "auto", text: name }), scrolls(h("dd", { dir: "auto", text }))),
    ),
  );
}

function disputedOutput(option, options) {
  const caption = fill(T.in_output, { label: option.label });
  const pictures = options.filter((each) => each.image_url);
  const describe = (each) => ({
    src: each.image_url,
    caption: fill(T.in_output, { label: each.label }),
    alt: fill(T.in_output, { label: each.label }),
  });
  const body = option.image_url
    ? h(
        "button",
        {
          type: "button",
          class: "in-picture",
          "aria-label": fill(T.in_zoom, { label: option.label }),
          onclick: () => openLightbox(pictures.map(describe), pictures.indexOf(option)),
        },
        h("img", { class: "in-img", src: option.image_url, alt: caption, loading: "lazy" }),
      )
    : scrolls(h("div", { class: "cb-text", dir: "auto", text: option.text || T.no_text }));
  return h(
    "article",
    { class: "in-output", "aria-label": caption },
    h("p", { class: "cb-caption", text: caption }),
    body,
  );
}
