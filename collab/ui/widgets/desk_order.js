// The order strip of a ranking: letters from best to worst, ties inside a group, and what is not placed yet. Drag the
// letters, or tap them, or move a focussed one with the arrow keys. Groups are lists of letters, best first.
function orderStrip(labels, changed) {
  const strip = h("div", {
    class: "dk-strip",
    role: "group",
    "aria-label": T.desk_order_label,
    "data-hint": T.desk_order_hint,
  });
  const rest = h("div", { class: "dk-rest", role: "group", "aria-label": T.desk_order_rest });
  const node = h(
    "div",
    { class: "dk-order" },
    h("span", { class: "cb-caption dk-order-end", text: T.order_best }),
    strip,
    h("span", { class: "cb-caption dk-order-end", text: T.order_worst }),
    rest,
  );
  let groups = [];

  const unplaced = () => labels.filter((label) => !rankOf(groups, label));

  function set(next, focusLabel = null) {
    groups = next.filter((group) => group.length);
    draw(focusLabel);
    changed();
  }

  function toggle(label) {
    set(rankOf(groups, label) ? without(groups, label) : [...groups, [label]]);
  }

  // ties the label (by default the one placed last) with the group before it
  function tie(label = groups.length ? groups[groups.length - 1][0] : null) {
    const at = groups.findIndex((group) => group.includes(label));
    if (at < 1) return false;
    const moved = label === groups[at][0] && at === groups.length - 1 ? groups[at] : [label];
    const others = groups.map((group) => group.filter((other) => !moved.includes(other)));
    others[at - 1] = [...others[at - 1], ...moved];
    set(others);
    return true;
  }

  function draw(focusLabel) {
    strip.replaceChildren(...groups.map((group) => h("div", { class: "dk-group" }, ...group.map(chip))));
    rest.replaceChildren(...unplaced().map(chip));
    if (focusLabel) node.querySelector(`[data-chip="${CSS.escape(focusLabel)}"]`)?.focus({ preventScroll: true });
  }

  function chip(label) {
    const place = rankOf(groups, label);
    const where = place ? fill(T.order_place, place) : T.desk_order_rest;
    const button = h(
      "button",
      {
        type: "button",
        class: "dk-chip",
        "data-chip": label,
        "aria-label": fill(T.desk_order_chip, { label, place: where }),
      },
      label,
    );
    button.addEventListener("keydown", (event) => onKey(event, label));
    button.addEventListener("pointerdown", (event) => drag(event, button, label));
    button.addEventListener("click", (event) => event.detail === 0 && toggle(label)); // Enter, Space, a screen reader
    return button;
  }

  function onKey(event, label) {
    const at = groups.findIndex((group) => group.includes(label));
    const step = { ArrowLeft: -1, ArrowRight: 1, "=": 0 }[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) return tie(label);
    if (at < 0) return set([...groups, [label]], label);
    const alone = groups[at].length === 1;
    const others = groups.map((group) => group.filter((other) => other !== label));
    const to = step < 0 ? (alone ? Math.max(0, at - 1) : at) : at + (alone ? 2 : 1);
    others.splice(to, 0, [label]);
    set(others, label);
  }

  function drag(down, button, label) {
    if (down.button !== 0) return;
    let moved = false;
    let target = null;
    button.setPointerCapture(down.pointerId);
    const onMove = (event) => {
      const [dx, dy] = [event.clientX - down.clientX, event.clientY - down.clientY];
      if (!moved && Math.hypot(dx, dy) < 6) return;
      moved = true;
      button.classList.add("dk-dragging");
      button.style.transform = `translate(${dx}px, ${dy}px)`;
      target = targetAt(event.clientX, event.clientY, label);
      mark(target);
    };
    const onUp = (event) => {
      for (const [name, listener] of listeners) button.removeEventListener(name, listener);
      mark(null);
      button.classList.remove("dk-dragging");
      button.style.transform = "";
      if (event.type === "pointercancel") return;
      if (!moved) toggle(label);
      else if (target) set(drop(target, label));
    };
    const listeners = [
      ["pointermove", onMove],
      ["pointerup", onUp],
      ["pointercancel", onUp],
    ];
    for (const [name, listener] of listeners) button.addEventListener(name, listener);
  }

  // Where a letter let go at (x, y) would land: into a group (a tie), before one, after the last, or out of the order
  function targetAt(x, y, label) {
    const inside = (box) => x >= box.left - 6 && x <= box.right + 6 && y >= box.top - 6 && y <= box.bottom + 6;
    if (rest.childElementCount && inside(rest.getBoundingClientRect())) return { out: true };
    const boxes = [...strip.children].map((box) => box.getBoundingClientRect());
    if (!boxes.length) return { before: 0 };
    const away = boxes.map((box) =>
      Math.hypot(Math.max(box.left - x, 0, x - box.right), 2 * Math.max(box.top - y, 0, y - box.bottom)),
    );
    const at = away.indexOf(Math.min(...away));
    if (away[at] > 140) return null;
    const share = (x - boxes[at].left) / boxes[at].width;
    const own = groups[at].length === 1 && groups[at][0] === label;
    if (!own && share > 0.25 && share < 0.75) return { tie: at, at };
    return { before: share < 0.5 ? at : at + 1, at, side: share < 0.5 ? "start" : "end" };
  }

  function drop(target, label) {
    const others = groups.map((group) => group.filter((other) => other !== label));
    if (target.out) return others;
    if ("tie" in target) others[target.tie].push(label);
    else others.splice(target.before, 0, [label]);
    return others;
  }

  function mark(target) {
    for (const box of strip.children) box.removeAttribute("data-drop");
    strip.classList.toggle("dk-drop", !!target && "before" in target && target.at === undefined);
    rest.classList.toggle("dk-drop", !!target && !!target.out);
    if (target && target.at !== undefined)
      strip.children[target.at].dataset.drop = "tie" in target ? "tie" : target.side;
  }

  draw(null);
  return { node, set, toggle, tie, groups: () => groups, isComplete: () => !unplaced().length, unplaced };
}
