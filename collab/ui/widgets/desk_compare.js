// Two outputs side by side: which is better? One key or one tap answers.
function compareSurface(item, desk) {
  const vote = (winner) => desk.send({ winner });
  const grid = paneGrid(item, (key) => vote(key));
  const [left, right] = grid.panes;
  const names = item.task.options.map((option) => option.label);
  const buttons = {
    a: actButton(names[0], T.desk_better, "A  ←", () => vote("a"), { class: "dk-side", keys: "A ArrowLeft" }),
    tie: actButton(T.desk_tie, "", "=", () => vote("tie"), { keys: "=" }),
    both_bad: actButton(T.desk_both_bad, "", "0", () => vote("both_bad"), { keys: "0" }),
    b: actButton(names[1], T.desk_better, "B  →", () => vote("b"), { class: "dk-side", keys: "B ArrowRight" }),
  };
  let marked = false;

  function mark() {
    if (grid.zoom) return;
    if (marked) unmarkDifferences(left, right);
    else if (!markDifferences(left, right)) return desk.say(T.desk_marks_none);
    marked = !marked;
    desk.changed();
  }

  const said = item.said && item.said.winner;
  if (said) setAttr(buttons[said], "aria-pressed", "true");
  left.setChosen(said === "a");
  right.setChosen(said === "b");

  const keys = { a: "a", ArrowLeft: "a", b: "b", ArrowRight: "b", "=": "tie", 0: "both_bad" };
  return {
    node: grid.node,
    bar: h("div", { class: "dk-acts dk-acts-compare" }, ...Object.values(buttons)),
    zoom: grid.zoom,
    scroll: grid.scroll,
    mark: grid.zoom ? null : mark,
    isMarked: () => marked,
    key(key) {
      if (!Object.hasOwn(keys, key)) return false;
      vote(keys[key]);
      return true;
    },
    // plays on what is on the screen by then: the choice fell on this side
    glow({ winner }) {
      const sides = { a: [left], b: [right], tie: [left, right], both_bad: [left, right] }[winner] || [];
      sides.forEach((pane) => pane.glow(winner === "both_bad" ? "bad" : "good"));
      flash(buttons[winner]);
    },
    isDirty: () => false,
    state: () => null,
  };
}

// A big button: what it says, what that means, and its key
function actButton(label, meaning, key, onclick, extra = {}) {
  const { class: more = "", keys = null, ...rest } = extra;
  const name = meaning ? fill(meaning, { label }) : label;
  return h(
    "button",
    {
      type: "button",
      class: ("dk-act " + more).trim(),
      "aria-label": name,
      "aria-pressed": keys && "false", // Send is no choice
      "aria-keyshortcuts": keys,
      onclick,
      ...rest,
    },
    h("span", { class: "dk-act-label", text: label }),
    meaning && h("span", { class: "dk-act-meaning", text: fill(meaning, { label: "" }).trim() }),
    key && h("kbd", { class: "dk-kbd", "aria-hidden": "true", text: key }),
  );
}

function flash(button) {
  if (button) button.classList.add("dk-flash");
}

function comparisonWords(answer) {
  return {
    a: fill(T.desk_better, { label: "A" }),
    b: fill(T.desk_better, { label: "B" }),
    tie: T.desk_tie,
    both_bad: T.desk_both_bad,
  }[answer.winner];
}
