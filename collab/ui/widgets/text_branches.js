// Going on from a text: how many at once, a reply, the turns so far, and the tree of what came of it.
const AT_ONCE = [1, 2, 4];

function countChoice(label) {
  const select = h(
    "select",
    { class: "cb-count", "aria-label": label, title: label },
    ...AT_ONCE.map((n) => h("option", { value: String(n), text: fill(T.at_once, { count: n }) })),
  );
  return { node: select, value: () => Number(select.value) || 1 };
}

function replyForm({ number, start, onsend, oncancel, ontyping }) {
  const area = h("textarea", {
    class: "cb-comment-area cb-reply-area",
    rows: "2",
    dir: "auto",
    maxlength: "20000",
    value: start,
    placeholder: T.reply_placeholder,
    "aria-label": fill(T.reply_label, { number }),
  });
  const count = countChoice(T.reply_count);
  const send = textButton(T.reply_send, () => commit(), { class: "cb-primary", title: "Ctrl+Enter" });
  const node = h(
    "div",
    { class: "cb-reply" },
    area,
    h("div", { class: "cb-row" }, send, count.node, textButton(T.cancel, oncancel, { title: "Esc" })),
  );
  const look = () => (send.disabled = !area.value.trim());
  function commit() {
    if (area.value.trim()) onsend(area.value.trim(), count.value());
  }
  area.addEventListener("input", () => {
    look();
    ontyping(area.value);
  });
  node.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const sends = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (!sends && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (sends) commit();
    else oncancel();
  });
  look();
  return { node, focus: () => area.focus({ preventScroll: true }) };
}

// What was said before, oldest first; the older turns fold away.
function threadView(messages, asked) {
  const turns = [...(messages || []), ...(asked ? [{ role: "user", content: asked }] : [])];
  if (!messages || !messages.length) return null;
  const items = turns.map((turn, i) => {
    const words = scrolls(h("div", { class: "cb-text cb-turn-text", dir: "auto", translate: "no", text: turn.content }));
    return h(
      "li",
      { class: "cb-turn", "data-role": turn.role, "data-last": i === turns.length - 1 || null },
      h("span", { class: "cb-caption", text: turn.role === "user" ? T.turn_you : T.turn_model }),
      words,
    );
  });
  const node = h("section", { class: "cb-thread", "aria-label": T.thread_label });
  const older = items.slice(0, -3);
  if (older.length) {
    const label = fill(older.length === 1 ? T.thread_older_one : T.thread_older, { count: older.length });
    node.append(h("details", {}, h("summary", { text: label }), h("ol", {}, ...older)));
  }
  node.append(h("ol", {}, ...items.slice(-3)));
  return node;
}

// The tree of branches: an item is an output, under it what went on from it. go(generation_id, output_id); best(ids): keep which of several is best.
function branchTree({ go, best, unbest }) {
  const list = h("ul", { role: "tree", class: "cb-tree", "aria-label": T.tree_label });
  const count = h("span", { class: "cb-muted" });
  const left = h("p", { class: "cb-muted cb-tree-left", hidden: true });
  const node = h(
    "section",
    { class: "cb-branches", hidden: true, "aria-label": T.tree_label },
    h("div", { class: "cb-row cb-spread" }, h("h3", { class: "cb-caption", text: T.tree_label }), count),
    list,
    left,
  );
  let told = null;
  let shut = new Set(); // output ids whose children are folded away

  function draw() {
    const focused = list.contains(document.activeElement) && document.activeElement.closest("[role=treeitem]");
    const at = focused && focused.dataset.output;
    const children = new Map();
    for (const made of told.nodes) {
      const key = made.parent_output_id || "";
      children.set(key, [...(children.get(key) || []), made]);
    }
    list.replaceChildren(...level(children, "", 1));
    const items = [...list.querySelectorAll("[role=treeitem]")];
    const entry = items.find((item) => item.dataset.output === at) || items.find((item) => item.getAttribute("aria-current"));
    (entry || items[0])?.setAttribute("tabindex", "0");
    if (at) (entry || items[0])?.focus({ preventScroll: true });
    const outputs = told.nodes.reduce((sum, made) => sum + made.outputs.length, 0);
    setText(count, fill(T.tree_count, { count: outputs }));
    show(left, told.left_out > 0);
    setText(left, fill(T.tree_left_out, { count: told.left_out || 0 }));
    show(node, told.nodes.length > 1);
  }

  function level(children, parent, depth) {
    const made = children.get(parent) || [];
    const siblings = made.filter((m) => m.kind !== "reply").flatMap((m) => m.outputs.filter((o) => o.finished));
    return made.flatMap((m) => m.outputs.map((output) => item(children, m, output, depth, parent, siblings)));
  }

  function item(children, made, output, depth, parent, siblings) {
    const below = children.has(output.output_id);
    const open = below && !shut.has(output.output_id);
    const here = made.generation_id === told.here;
    const kind = { root: T.tree_root, branch: T.tree_branch, reply: T.tree_reply }[made.kind];
    const facts = [
      output.best && T.best,
      output.edited && T.tree_edited,
      output.score && fill(T.star, { score: output.score }),
      output.thumb === 1 && T.thumb_up,
      output.thumb === -1 && T.thumb_down,
      output.marked > 0 && fill(T.tree_marked, { count: output.marked }),
      below && T.tree_chosen,
    ].filter(Boolean);
    const words = output.text || (made.status === "queued" || made.status === "running" ? T.waiting_card : T.no_text);
    const others = siblings.filter((other) => other !== output).map((other) => other.output_id);
    const canBest = parent && made.kind === "branch" && output.finished && others.length > 0;
    const row = h(
      "div",
      { class: "cb-tree-row", onclick: () => go(made.generation_id, output.output_id) },
      below
        ? h("span", { class: "cb-tree-fold", "aria-hidden": "true", onclick: (event) => fold(event, output) }, icon("chevron"))
        : h("span", { class: "cb-tree-fold" }),
      h("span", { class: "cb-tree-kind", "data-kind": made.kind, text: kind }),
      h(
        "span",
        { class: "cb-tree-words", dir: "auto", translate: output.text ? "no" : null },
        made.said && h("q", { class: "cb-tree-said", text: made.said }),
        h("span", { text: words }),
      ),
      h("span", { class: "cb-tree-facts" }, ...facts.map((fact) => h("span", { class: "cb-tree-fact", text: fact }))),
      canBest &&
        iconButton(
          "crown",
          T.tree_best,
          (event) => {
            event.stopPropagation();
            if (output.best && output.ranking_id) unbest(output.ranking_id);
            else best([[output.output_id], others]);
          },
          { class: "cb-best", "aria-pressed": String(!!output.best), tabindex: "-1" },
        ),
    );
    return h(
      "li",
      {
        role: "treeitem",
        tabindex: "-1",
        "aria-level": depth,
        "aria-expanded": below ? String(open) : null,
        "aria-current": here ? "true" : null,
        "aria-label": [kind, made.said, words.slice(0, 80), ...facts].filter(Boolean).join(", "),
        "data-output": output.output_id,
        "data-generation": made.generation_id,
        style: "--depth: " + Math.min(depth - 1, 8),
      },
      row,
      below && h("ul", { role: "group", hidden: !open }, ...level(children, output.output_id, depth + 1)),
    );
  }

  function fold(event, output) {
    event.stopPropagation();
    turn(output.output_id, shut.has(output.output_id));
  }

  function turn(id, open) {
    if (open) shut.delete(id);
    else shut.add(id);
    draw();
  }

  list.addEventListener("keydown", (event) => {
    const here = event.target.closest("[role=treeitem]");
    if (!here || event.ctrlKey || event.metaKey || event.altKey) return;
    const seen = [...list.querySelectorAll("[role=treeitem]")].filter((item) => !item.closest("ul[hidden]"));
    const at = seen.indexOf(here);
    const expanded = here.getAttribute("aria-expanded");
    const parent = here.parentElement.closest("[role=treeitem]");
    const moves = {
      ArrowDown: () => focus(seen[at + 1]),
      ArrowUp: () => focus(seen[at - 1]),
      Home: () => focus(seen[0]),
      End: () => focus(seen[seen.length - 1]),
      ArrowRight: () => (expanded === "false" ? turn(here.dataset.output, true) : expanded && focus(seen[at + 1])),
      ArrowLeft: () => (expanded === "true" ? turn(here.dataset.output, false) : focus(parent)),
      Enter: () => go(here.dataset.generation, here.dataset.output),
      " ": () => go(here.dataset.generation, here.dataset.output),
      1: () => here.querySelector(":scope > .cb-tree-row .cb-best")?.click(),
    };
    if (!Object.hasOwn(moves, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    moves[event.key]();
  });

  function focus(item) {
    if (!item) return;
    for (const other of list.querySelectorAll("[role=treeitem]")) other.tabIndex = other === item ? 0 : -1;
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest" });
  }

  return {
    node,
    update(tree) {
      if (tree && told && sameJson(tree, told)) return;
      told = tree;
      if (told) draw();
      else show(node, false);
    },
  };
}
