// History: what was made, newest first or as a gallery, found by words and filters; and the whole story of one of them.
function historyList() {
  const rows = new Map(); // generation_id or output_id -> {node, item, chosen}
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const said = h("p", { class: "cb-note cb-bulk-said", "data-state": "saved", hidden: true });
  const empty = h(
    "div",
    { class: "cb-empty", hidden: true },
    h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon("spark")),
    h("h3", { text: T.history_empty_title }),
    h("p", { text: T.history_empty_text }),
    textButton(T.history_empty_button, () => trigger("start", {}), { class: "cb-primary" }),
  );
  const nothing = h(
    "div",
    { class: "cb-empty", hidden: true },
    h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon("search")),
    h("h3", { text: T.history_none_title }),
    h("p", { text: T.history_none_text }),
    textButton(T.history_clear, () => bar.reset()),
  );
  const list = h("ul", { class: "cb-list" });
  const more = textButton(T.history_more, () => loadMore(), { class: "cb-more-rows", hidden: true });
  const problem = h("p", { class: "cb-note", "data-state": "failed", role: "alert", hidden: true });
  const story = h("div", { class: "cb-story", hidden: true });
  const bulk = historyBulk({ ask, redraw: () => draw(), done: () => (bar.forget(), look()), say });
  const mine = myData({ ask, say, gone: () => (bar.reset(), look()) });
  const bar = historyBar({
    changed: () => look(),
    view: (name) => {
      wantedView = name;
      look();
    },
    select: () => bulk.toggle(),
    more: textButton(T.my_data, () => mine.open(), { class: "cb-quiet" }),
  });
  const page = h(
    "div",
    { class: "cb-list-page" },
    bar.node,
    problem,
    said,
    bulk.node,
    nothing,
    list,
    h("div", { class: "cb-list-end" }, more),
  );
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
  let view = "list"; // how the list is drawn now
  let wantedView = "list"; // and from the next answer on
  let opened = null; // generation_id of the story shown
  let told = null; // the story as last told
  let scrollBack = 0;
  let asked = 0; // which question the list answers: a slow answer to an older one is thrown away

  const narrowed = () => bar.isNarrowed() || wantedView === "gallery";
  const question = () => ({
    query: bar.wanted.query,
    filters: wantedView === "gallery" ? { ...bar.wanted.filters, modality: "image" } : bar.wanted.filters,
  });

  function setValue(value) {
    bar.forget();
    const detail = value && value.open;
    if (narrowed()) {
      look();
    } else {
      const fresh = (value && value.items) || [];
      const older = items
        .slice(fresh.length)
        .filter((item) => !fresh.some((f) => f.generation_id === item.generation_id));
      const grew = fresh.length && items.length > fresh.length && fresh.some((f) => rows.has(f.generation_id));
      items = grew ? [...fresh, ...older] : fresh;
      if (!grew) cursor = (value && value.next_cursor) || null;
      draw();
    }
    if (detail && detail.generation_id) showStory(detail);
    else if (opened) refresh();
  }

  // the first page of what is wanted now
  async function look() {
    const mineNow = ++asked;
    root.setAttribute("aria-busy", "true");
    const answer = await ask({ act: "page", cursor: "", ...question() });
    if (mineNow !== asked) return;
    root.removeAttribute("aria-busy");
    if (!answer) return;
    items = answer.items || [];
    cursor = answer.next_cursor || null;
    view = wantedView;
    draw();
    if (narrowed()) setText(live, foundWords());
  }

  function foundWords() {
    if (!items.length) return T.history_none_title;
    return fill(cursor ? T.history_found_more : T.history_found, { count: items.length });
  }

  // a fresh list came while a story is open: what it tells may have grown too
  async function refresh() {
    const id = opened;
    const answer = await ask({ act: "open", generation_id: id });
    if (answer && answer.detail && opened === id) showStory(answer.detail);
  }

  function draw() {
    show(empty, !items.length && !opened && !narrowed());
    show(nothing, !items.length && narrowed());
    show(page, (items.length > 0 || narrowed()) && !opened);
    show(story, !!opened);
    bar.setChoosing(bulk.isOn());
    root.classList.toggle("cb-choosing", bulk.isOn());
    list.classList.toggle("cb-gallery", view === "gallery");
    const wanted = view === "gallery" ? tilesOf(items) : items.map((item) => [item.generation_id, item, null]);
    const kept = new Set(wanted.map(([id]) => id));
    for (const [id, row] of rows)
      if (!kept.has(id)) {
        row.node.remove();
        rows.delete(id);
      }
    wanted.forEach(([id, item, output], i) => {
      const kind = output ? "output_ids" : "generation_ids";
      const chosen = bulk.isOn() ? bulk.has(kind, id) : null;
      let row = rows.get(id);
      if (!row || row.chosen !== chosen || !sameJson(row.item, output || item)) {
        const label = fill(T.history_choose_one, { prompt: shorten(askedWords(item) || T.no_prompt) });
        const box = chosen === null ? null : choiceBox(label, chosen, (to) => bulk.choose(kind, id, to));
        const node = output ? galleryTile(item, output, open, box) : historyRow(item, open, box);
        const focused = row && row.node.contains(document.activeElement) && document.activeElement.tagName;
        if (row) row.node.replaceWith(node);
        row = { node, item: output || item, chosen };
        rows.set(id, row);
        if (focused) (node.querySelector(focused) || node.querySelector("button")).focus({ preventScroll: true });
      }
      if (list.children[i] !== row.node) list.insertBefore(row.node, list.children[i] || null);
    });
    show(more, !!cursor);
    bulk.draw();
  }

  function tilesOf(found) {
    return found.flatMap((item) =>
      (item.outputs || []).filter((o) => o.image_url).map((output) => [output.output_id, item, output]),
    );
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

  function say(words) {
    setText(said, words);
    show(said, !!words);
    setText(live, words);
  }

  async function loadMore() {
    const at = list.children.length;
    const mineNow = asked;
    more.disabled = true;
    setText(more.lastChild, T.history_loading);
    const answer = await ask({ act: "page", cursor, ...question() });
    more.disabled = false;
    setText(more.lastChild, T.history_more);
    if (!answer || mineNow !== asked) return;
    const known = new Set(items.map((item) => item.generation_id));
    items = [...items, ...(answer.items || []).filter((item) => !known.has(item.generation_id))];
    cursor = answer.next_cursor || null;
    draw();
    focusRow(list.children[at]);
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
    const remove = (what, then) => bulk.remove({ generation_ids: [], output_ids: [], ...what }, then);
    story.replaceChildren(...historyStory(detail, { back, open, remove, again: refresh, narrow, say }));
    if (at >= 0) story.querySelectorAll("button")[at]?.focus({ preventScroll: true });
    draw();
    if (!same) {
      story.querySelector(".cb-back").focus({ preventScroll: true });
      if (root.getBoundingClientRect().top < 0) root.scrollIntoView({ block: "start" });
    }
  }

  function narrow(promptId, prompt) {
    opened = null;
    bar.narrowToPrompt(promptId, prompt);
  }

  function back() {
    const id = opened;
    opened = null;
    draw();
    focusRow(rows.get(id)?.node);
    window.scrollTo({ top: scrollBack });
  }

  function focusRow(node) {
    node?.querySelector("button").focus({ preventScroll: true });
  }

  root.addEventListener("keydown", (event) => {
    if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && !root.querySelector("dialog[open]")) {
      if (!opened && !bulk.isOn()) return;
      event.preventDefault();
      if (opened) back();
      else bulk.toggle(false);
    }
    const row = event.target.closest(".cb-list > li");
    if (row && event.key === "x") {
      event.preventDefault();
      if (!bulk.isOn()) bulk.toggle(true);
      const id = row.dataset.id;
      bulk.choose(view === "gallery" ? "output_ids" : "generation_ids", id);
      draw();
      focusRow(rows.get(id)?.node);
      return;
    }
    const aside = view === "gallery" ? { ArrowRight: 1, ArrowLeft: -1 } : {};
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, ...aside }[event.key];
    if (!row || !step) return;
    const to = step > 0 ? row.nextElementSibling : row.previousElementSibling;
    if (to) {
      event.preventDefault();
      to.querySelector("button").focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!isOnScreen() || opened || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const first = list.querySelector("li button");
    if (event.key === "/") bar.focus();
    else if (event.key === "j" && first && !list.contains(document.activeElement)) first.focus();
    else if (event.key === "?") openKeys(T.history_keys);
    else return;
    event.preventDefault();
  });
  return { root, setValue };
}
