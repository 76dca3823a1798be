// The history list: what was made, newest first, and the whole story of one of them.
function historyList() {
  const rows = new Map(); // generation_id -> row
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const empty = h(
    "div",
    { class: "cb-empty", hidden: true },
    h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon("spark")),
    h("h3", { text: T.history_empty_title }),
    h("p", { text: T.history_empty_text }),
    textButton(T.history_empty_button, () => trigger("start", {}), { class: "cb-primary" }),
  );
  const list = h("ul", { class: "cb-list" });
  const more = textButton(T.history_more, () => loadMore(), { class: "cb-more-rows", hidden: true });
  const problem = h("p", { class: "cb-note", "data-state": "failed", role: "alert", hidden: true });
  const page = h("div", { class: "cb-list-page" }, list, h("div", { class: "cb-list-end" }, problem, more));
  const story = h("div", { class: "cb-story", hidden: true });
  const root = h(
    "section",
    { class: "collab-widget cb-history", "aria-label": T.history_label },
    empty,
    page,
    story,
    live,
  );
  let items = [];
  let cursor = null;
  let opened = null; // generation_id of the story shown
  let told = null; // the story as last told
  let scrollBack = 0;

  function setValue(value) {
    const fresh = (value && value.items) || [];
    const older = items
      .slice(fresh.length)
      .filter((item) => !fresh.some((f) => f.generation_id === item.generation_id));
    const grew = fresh.length && items.length > fresh.length && fresh.some((f) => rows.has(f.generation_id));
    items = grew ? [...fresh, ...older] : fresh;
    if (!grew) cursor = (value && value.next_cursor) || null;
    draw();
    const detail = value && value.open;
    if (detail && detail.generation_id) showStory(detail);
    else if (opened) refresh();
  }

  // a fresh list came while a story is open: what it tells may have grown too
  async function refresh() {
    const id = opened;
    const answer = await ask({ act: "open", generation_id: id });
    if (answer && answer.detail && opened === id) showStory(answer.detail);
  }

  function draw() {
    show(empty, !items.length && !opened);
    show(page, items.length > 0 && !opened);
    show(story, !!opened);
    const kept = new Set(items.map((item) => item.generation_id));
    for (const [id, row] of rows)
      if (!kept.has(id)) {
        row.node.remove();
        rows.delete(id);
      }
    items.forEach((item, i) => {
      let row = rows.get(item.generation_id);
      if (!row || !sameJson(row.item, item)) {
        const node = historyRow(item, open);
        const focused = row && row.node.contains(document.activeElement);
        if (row) row.node.replaceWith(node);
        row = { node, item };
        rows.set(item.generation_id, row);
        if (focused) node.querySelector("button").focus({ preventScroll: true });
      }
      if (list.children[i] !== row.node) list.insertBefore(row.node, list.children[i] || null);
    });
    show(more, !!cursor);
  }

  async function ask(payload) {
    try {
      const answer = await server.act(payload);
      if (answer && answer.ok) {
        show(problem, false);
        return answer;
      }
      throw new Error((answer && answer.error) || T.history_failed);
    } catch (error) {
      setText(problem, error.message);
      show(problem, true);
      return null;
    }
  }

  async function loadMore() {
    const at = items.length;
    more.disabled = true;
    setText(more.lastChild, T.history_loading);
    const answer = await ask({ act: "page", cursor });
    more.disabled = false;
    setText(more.lastChild, T.history_more);
    if (!answer) return;
    const known = new Set(items.map((item) => item.generation_id));
    items = [...items, ...(answer.items || []).filter((item) => !known.has(item.generation_id))];
    cursor = answer.next_cursor || null;
    draw();
    list.children[at]?.querySelector("button").focus({ preventScroll: true });
  }

  async function open(generationId) {
    rows.get(generationId)?.node.setAttribute("aria-busy", "true");
    const answer = await ask({ act: "open", generation_id: generationId });
    rows.get(generationId)?.node.removeAttribute("aria-busy");
    if (answer && answer.detail) showStory(answer.detail);
  }

  function showStory(detail) {
    if (!opened) scrollBack = window.scrollY;
    const same = opened === detail.generation_id;
    if (same && sameJson(told, detail)) return;
    opened = detail.generation_id;
    told = detail;
    const at = same ? [...story.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    story.replaceChildren(...historyStory(detail, { back, open }));
    if (at >= 0) story.querySelectorAll("button")[at]?.focus({ preventScroll: true });
    draw();
    if (!same) {
      story.querySelector(".cb-back").focus({ preventScroll: true });
      if (root.getBoundingClientRect().top < 0) root.scrollIntoView({ block: "start" });
    }
  }

  function back() {
    const id = opened;
    opened = null;
    draw();
    rows.get(id)?.node.querySelector("button").focus({ preventScroll: true });
    window.scrollTo({ top: scrollBack });
  }

  root.addEventListener("keydown", (event) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && opened && !root.querySelector("dialog[open]")) {
      event.preventDefault();
      back();
    }
    const row = event.target.closest(".cb-list > li");
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
    if (!row || !step) return;
    const to = step > 0 ? row.nextElementSibling : row.previousElementSibling;
    if (to) {
      event.preventDefault();
      to.querySelector("button").focus();
    }
  });
  return { root, setValue };
}

// ---- one row -------------------------------------------------------------------------------------------------------

function historyRow(item, open) {
  const id = item.generation_id;
  const outputs = item.outputs || [];
  const preview = item.modality === "image" ? thumbnails(outputs) : firstLines(outputs);
  const prompt = h("button", {
    type: "button",
    class: "cb-row-open",
    dir: "auto",
    onclick: () => open(id),
    text: item.prompt || T.no_prompt,
  });
  return h(
    "li",
    { class: "cb-item" },
    h("div", { class: "cb-item-head" }, prompt, when(item.created_at)),
    preview,
    h(
      "div",
      { class: "cb-item-foot" },
      statusChip(item),
      originChip(item),
      item.model && h("span", { class: "cb-muted", text: item.model }),
      ...summary(item),
    ),
  );
}

function statusChip(item) {
  if (item.status === "done") return null;
  return h("span", {
    class: "cb-state",
    "data-status": item.status,
    text: T["status_" + item.status] || item.status,
    title: item.error || null,
  });
}

function originChip(item) {
  if (item.origin !== "replay") return null;
  return h("span", { class: "cb-state", "data-origin": "replay", text: T.origin_replay });
}

function firstLines(outputs) {
  const texts = outputs
    .map((output) => output.feedback?.edit?.text || output.text)
    .filter(Boolean)
    .slice(0, 2);
  if (!texts.length) return null;
  return h(
    "div",
    { class: "cb-lines" },
    ...texts.map((text) => h("p", { class: "cb-line", dir: "auto", text: text.trim().slice(0, 400) })),
  );
}

function thumbnails(outputs) {
  const pictures = outputs.filter((output) => output.image_url);
  if (!pictures.length) return null;
  return h(
    "div",
    { class: "cb-thumbnails" },
    ...pictures
      .slice(0, 8)
      .map((output) =>
        h("img", {
          class: "cb-thumbnail",
          src: output.image_url,
          loading: "lazy",
          alt: fill(T.card_label, { number: output.position + 1 }),
        }),
      ),
  );
}

function when(iso) {
  const date = new Date(iso);
  if (!iso || Number.isNaN(date.getTime())) return null;
  const today = new Date().toDateString() === date.toDateString();
  const language = document.documentElement.lang || undefined;
  const words = new Intl.DateTimeFormat(
    language,
    today
      ? { hour: "2-digit", minute: "2-digit" }
      : { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" },
  ).format(date);
  return h("time", { class: "cb-muted", datetime: iso, title: date.toLocaleString(language), text: words });
}

// what was said about a generation, in a few words each
function summary(item) {
  const said = (item.outputs || []).map((output) => ({
    number: output.position + 1,
    id: output.output_id,
    rating: output.feedback?.rating || NO_RATING,
    edit: output.feedback?.edit,
  }));
  const scores = said.map((s) => s.rating.score).filter(Boolean);
  const ups = said.filter((s) => s.rating.thumb === 1).length;
  const downs = said.filter((s) => s.rating.thumb === -1).length;
  const edits = said.filter((s) => s.edit).length;
  const parts = [];
  const part = (iconName, words, label = words) =>
    parts.push(
      h(
        "span",
        { class: "cb-fact", title: label },
        iconName && icon(iconName),
        h("span", { "aria-hidden": "true", text: words }),
        h("span", { class: "cb-offscreen", text: label }),
      ),
    );
  if (scores.length) {
    const mean = (scores.reduce((a, b) => a + b, 0) / scores.length).toFixed(scores.length > 1 ? 1 : 0);
    part(
      "star",
      scores.length > 1 ? mean + " (" + scores.length + ")" : mean,
      fill(T.stars_mean, { mean, count: scores.length }),
    );
  }
  if (ups) part("up", String(ups), T.thumb_up + ": " + ups);
  if (downs) part("down", String(downs), T.thumb_down + ": " + downs);
  if (edits) part("pencil", edits > 1 ? fill(T.edited_many, { count: edits }) : T.edited);
  const groups = item.ranking && item.ranking.groups;
  if (groups && groups.length && groups[0].length === 1) {
    const best = said.find((s) => s.id === groups[0][0]);
    if (best) part("crown", fill(T.best_is, { number: best.number }));
  } else if (groups && groups.length) part("order", T.ranked);
  const comments = said.filter((s) => s.rating.comment).length;
  if (comments) part("comment", comments > 1 ? String(comments) : T.commented, T.commented + ": " + comments);
  return parts;
}
