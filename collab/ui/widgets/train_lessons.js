// What the data could teach: of each kind of training how many rows there are, how many it needs, what it would change.
function lessonCards({ setUp, start }) {
  const cards = new Map(); // kind -> card
  const list = h("div", { class: "tr-lessons" });
  const loading = h("p", { class: "cb-muted", role: "status", text: T.tr_counting });
  const empty = h(
    "div",
    { class: "cb-empty", hidden: true },
    h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon("train")),
    h("h3", { text: T.tr_empty_title }),
    h("p", { text: T.tr_empty_text }),
    h(
      "ol",
      { class: "in-steps" },
      T.tr_empty_steps.map((step) => h("li", { text: step })),
    ),
    textButton(T.tr_empty_button, start, { class: "cb-primary" }),
  );
  const node = h(
    "section",
    { class: "tr-section", "aria-label": T.tr_lessons },
    h("h2", { class: "tr-title", text: T.tr_lessons }),
    h("p", { class: "cb-muted", text: T.tr_lessons_how }),
    loading,
    empty,
    list,
  );

  // lessons: null while they are counted
  function update(lessons, busyNow) {
    show(loading, !lessons);
    if (!lessons) return;
    show(
      empty,
      lessons.every((lesson) => !lesson.rows),
    );
    const first = lessons.find(isReady);
    for (const lesson of lessons) {
      if (!cards.has(lesson.kind)) {
        cards.set(lesson.kind, lessonCard(() => setUp(lesson.kind)));
        list.append(cards.get(lesson.kind).node);
      }
      cards.get(lesson.kind).update(lesson, lesson === first && !busyNow);
    }
  }

  return { node, update, card: (kind) => cards.get(kind)?.node };
}

function isReady(lesson) {
  return !lesson.missing && !!lesson.recipe;
}

function lessonCard(setUp) {
  const name = h("h3", {});
  const code = h("code", { class: "tr-code" });
  const count = h("span", { class: "tr-rows" });
  const about = h("p", {});
  const bar = h("span", { class: "in-bar tr-bar", "aria-hidden": "true" }, barFill(0));
  const who = h("p", { class: "cb-muted tr-small" });
  const missing = h("p", { class: "tr-missing" });
  const held = h("p", { class: "cb-muted tr-small", dir: "auto" });
  const left = h("div", {});
  const go = textButton(T.tr_set_up, setUp, {});
  const node = h(
    "article",
    { class: "tr-card" },
    h("div", { class: "tr-card-head" }, h("div", {}, name, code), count),
    about,
    bar,
    missing,
    who,
    held,
    left,
    h("div", { class: "cb-row" }, go),
  );

  function update(lesson, primary) {
    const ready = isReady(lesson);
    node.dataset.kind = lesson.kind;
    node.dataset.ready = ready;
    setAttr(node, "aria-label", kindName(lesson.kind));
    setText(name, kindName(lesson.kind));
    setText(code, lesson.kind);
    const short = lesson.rows < lesson.needed;
    const rows = { n: number(lesson.rows), needed: number(lesson.needed) };
    setText(count, short ? fill(T.tr_of_rows, rows) : plural("da_rows", lesson.rows));
    setText(about, kindWords("tr_changes", lesson.kind));
    bar.firstElementChild.style.width = Math.min(1, lesson.rows / lesson.needed) * 100 + "%";
    show(bar, !ready);
    setText(missing, ready ? "" : missingWords(lesson));
    show(missing, !ready);
    setText(
      who,
      [
        plural("tr_prompts", lesson.prompts),
        plural("tr_people", lesson.people),
        known(lesson.good) && fill(T.tr_good_bad, { good: number(lesson.good), bad: number(lesson.bad) }),
      ]
        .filter(Boolean)
        .join(" · "),
    );
    show(who, lesson.rows > 0);
    setText(held, heldWords(lesson));
    show(held, ready);
    left.replaceChildren(...[leftOutBox(lesson.left_out)].filter(Boolean));
    show(go, ready);
    go.classList.toggle("cb-primary", primary);
  }

  return { node, update };
}

// How many more of which act: "Rate 12 more texts with thumbs, at least 3 of them down."
function missingWords(lesson) {
  const kind = lesson.kind.replaceAll("-", "_");
  const act = T["tr_more_" + kind + "_one"] ? plural("tr_more_" + kind, lesson.missing) : lesson.how;
  const labels = [
    lesson.missing_good && plural("tr_missing_good", lesson.missing_good),
    lesson.missing_bad && plural("tr_missing_bad", lesson.missing_bad),
  ].filter(Boolean);
  return labels.length ? fill(T.tr_more_with, { act, labels: listed(labels) }) : act;
}

function heldWords(lesson) {
  return lesson.held_out
    ? plural("tr_held", lesson.held_out, { shares: kindWords("tr_shares", sharesKey(lesson.shares)) })
    : T.tr_held_none;
}

// the server's words for what held-out rows share, as keys
function sharesKey(shares) {
  if (shares === "other prompts and other people") return "all";
  return shares === "other prompts of the same people" ? "people" : "prompt";
}
