// Putting outputs in order: tap them from best to worst, drag the chips, or move a chip with the arrow keys.
// Groups are lists of output ids, best first; ids in one group are tied.
function without(groups, id) {
  return groups.map((group) => group.filter((other) => other !== id)).filter((group) => group.length);
}

function rankOf(groups, id) {
  let rank = 1;
  for (const group of groups) {
    if (group.includes(id)) return { rank, tied: group.length > 1 };
    rank += group.length;
  }
  return null;
}

function isBestOfN(groups) {
  return groups.length === 2 && groups[0].length === 1;
}

function orderPanel(board) {
  const strip = h("div", { class: "cb-strip" });
  const rest = h("div", { class: "cb-rest" });
  const clear = textButton(
    T.order_clear,
    () => {
      change([]);
      board.saveRanking([]);
    },
    { class: "cb-quiet" },
  );
  const node = h(
    "div",
    { class: "cb-order", role: "group", "aria-label": T.order_open, hidden: true },
    h(
      "p",
      { class: "cb-muted cb-order-help" },
      T.order_help,
      h("span", { class: "cb-desktop", text: " " + T.order_help_keys }),
    ),
    h(
      "div",
      { class: "cb-order-row" },
      h("span", { class: "cb-caption", text: T.order_best }),
      strip,
      h("span", { class: "cb-caption cb-worst", text: T.order_worst }),
    ),
    h("div", { class: "cb-order-row cb-rest-row" }, h("span", { class: "cb-caption", text: T.order_rest }), rest),
    h(
      "div",
      { class: "cb-row" },
      textButton(T.order_done, () => finish(), { class: "cb-primary" }),
      clear,
    ),
  );
  let draft = [];
  let open = false;

  const ids = () => board.rankableIds();
  const unplaced = () => ids().filter((id) => !rankOf(draft, id));

  function change(groups, focusId = null) {
    draft = groups;
    draw(focusId);
    board.showRanks();
    if (draft.length > 1 && !unplaced().length) board.saveRanking(draft);
  }

  function toggle(yes = !open) {
    open = yes;
    const now = board.log.shownRanking();
    draft = open && now && !isBestOfN(now.groups) ? now.groups.map((g) => [...g]) : [];
    show(node, open);
    draw();
    board.redraw();
  }

  function finish() {
    const left = unplaced();
    if (draft.length && left.length) board.saveRanking([...draft, left]);
    toggle(false);
    board.focusOrderButton();
  }

  function place(id) {
    change(rankOf(draft, id) ? without(draft, id) : [...draft, [id]]);
  }

  function draw(focusId = null) {
    if (!open) return;
    strip.replaceChildren(...draft.map((group) => h("div", { class: "cb-group" }, ...group.map((id) => chip(id)))));
    rest.replaceChildren(...unplaced().map((id) => chip(id)));
    show(rest.parentElement, unplaced().length > 0);
    clear.disabled = !draft.length;
    if (focusId) node.querySelector('[data-chip="' + CSS.escape(focusId) + '"]')?.focus({ preventScroll: true });
  }

  function chip(id) {
    const card = board.card(id);
    const place_ = rankOf(draft, id);
    const label = fill(T.order_chip, {
      number: card.number,
      place: place_ ? fill(T.order_place, { rank: place_.rank }) : T.order_rest,
    });
    const picture = card.output().image_url;
    const button = h(
      "button",
      { type: "button", class: "cb-order-chip", "data-chip": id, "aria-label": label },
      picture && h("img", { src: picture, alt: "", draggable: "false", class: "cb-pixel" }),
      h("span", { text: card.number }),
    );
    button.addEventListener("keydown", (event) => onKey(event, id));
    button.addEventListener("pointerdown", (event) => drag(event, button, id));
    button.addEventListener("click", (event) => {
      if (event.detail === 0 && !place_) change([...draft, [id]], id);
    });
    return button;
  }

  function onKey(event, id) {
    const at = draft.findIndex((group) => group.includes(id));
    const alone = at >= 0 && draft[at].length === 1;
    const others = without(draft, id);
    const key = event.key;
    let next = null;
    if (key === "ArrowLeft" && at >= 0) next = insert(others, id, alone ? Math.max(0, at - 1) : at);
    else if (key === "ArrowRight" && at >= 0) next = insert(others, id, at + 1);
    else if ((key === "=" || key === "+") && at > 0) next = others.map((g, i) => (i === at - 1 ? [...g, id] : g));
    else if (key === "Delete" || key === "Backspace") next = others;
    if (!next && !["ArrowLeft", "ArrowRight"].includes(key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (next) change(next, id);
  }

  function insert(groups, id, at) {
    return [...groups.slice(0, at), [id], ...groups.slice(at)];
  }

  function drag(down, button, id) {
    if (down.button !== 0) return;
    let moved = false;
    let target = null;
    const from = { x: down.clientX, y: down.clientY };
    button.setPointerCapture(down.pointerId);
    const onMove = (event) => {
      const dx = event.clientX - from.x;
      const dy = event.clientY - from.y;
      if (!moved && Math.hypot(dx, dy) < 5) return;
      moved = true;
      button.classList.add("cb-dragging");
      button.style.transform = `translate(${dx}px, ${dy}px)`;
      target = targetAt(event.clientX, event.clientY, id);
      mark(target);
    };
    const onUp = (event) => {
      button.removeEventListener("pointermove", onMove);
      button.removeEventListener("pointerup", onUp);
      button.removeEventListener("pointercancel", onUp);
      mark(null);
      button.classList.remove("cb-dragging");
      button.style.transform = "";
      if (event.type === "pointercancel") return;
      if (!moved) {
        if (!rankOf(draft, id)) change([...draft, [id]], id);
        return;
      }
      if (target) change(drop(target, id), id);
    };
    button.addEventListener("pointermove", onMove);
    button.addEventListener("pointerup", onUp);
    button.addEventListener("pointercancel", onUp);
  }

  // where a chip let go at (x, y) would land: into a group (a tie), before one, after the last, or out of the order
  function targetAt(x, y, id) {
    const inside = (r, pad) => x >= r.left - pad && x <= r.right + pad && y >= r.top - pad && y <= r.bottom + pad;
    if (!rest.parentElement.hidden && inside(rest.getBoundingClientRect(), 4)) return { out: true };
    const boxes = [...strip.children];
    if (!boxes.length) return { before: 0 };
    let best = null;
    boxes.forEach((box, i) => {
      const r = box.getBoundingClientRect();
      const dx = Math.max(r.left - x, 0, x - r.right);
      const dy = Math.max(r.top - y, 0, y - r.bottom);
      const distance = Math.hypot(dx, dy * 2);
      if (!best || distance < best.distance) best = { distance, r, i, box };
    });
    if (best.distance > 120) return null;
    const share = (x - best.r.left) / best.r.width;
    const own = draft[best.i].length === 1 && draft[best.i][0] === id;
    if (!own && share > 0.25 && share < 0.75) return { tie: best.i, box: best.box };
    return { before: share < 0.5 ? best.i : best.i + 1, box: best.box, side: share < 0.5 ? "start" : "end" };
  }

  function drop(target, id) {
    if (target.out) return without(draft, id);
    const marked = draft.map((group) => group.filter((other) => other !== id));
    if ("tie" in target) marked[target.tie].push(id);
    else marked.splice(target.before, 0, [id]);
    return marked.filter((group) => group.length);
  }

  function mark(target) {
    for (const box of strip.children) box.removeAttribute("data-drop");
    strip.classList.toggle("cb-drop-empty", !!target && !target.box && !target.out);
    if (target && target.box) target.box.dataset.drop = "tie" in target ? "tie" : target.side;
  }

  return { node, toggle, place, isOpen: () => open, draft: () => draft };
}
