// The output board: a generation's state, its cards, the keys, and the joins between them.
const OVER = ["done", "failed", "cancelled"];

function outputBoard() {
  const cards = new Map();
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const empty = emptyState();
  const dot = h("span", { class: "cb-status-dot", "aria-hidden": "true" });
  const statusText = h("span", { class: "cb-status-text", dir: "auto" });
  const unsaved = h("button", {
    type: "button",
    class: "cb-link cb-unsaved",
    hidden: true,
    onclick: () => log.retry(),
  });
  const steered = h("span", { class: "cb-steered cb-muted", hidden: true }); // what steered it, or that nothing did
  const hint = h("span", { class: "cb-muted cb-desktop", hidden: true });
  const rankNote = h("span", { class: "cb-note" });
  const orderButton = textButton(
    T.order_open,
    () => order.toggle(),
    { class: "cb-quiet", hidden: true, "aria-expanded": "false" },
    "order",
  );
  const undoButton = textButton(T.undo, () => undo(), { class: "cb-quiet", title: T.undo_label + " (Z)" }, "undo");
  const againButton = textButton(
    T.regenerate,
    () => trigger("regenerate", { generation_id: board.value.generation_id }),
    { class: "cb-quiet", hidden: true },
    "again",
  );
  const keysButton = iconButton("keyboard", T.keys_label, () => openShortcuts(), { class: "cb-desktop" });
  const bar = h(
    "div",
    { class: "cb-toolbar" },
    h("div", { class: "cb-status" }, dot, statusText, steered, unsaved),
    h("div", { class: "cb-row cb-tools" }, hint, rankNote, againButton, orderButton, undoButton, keysButton),
  );
  const bannerText = h("p", { class: "cb-banner-text", dir: "auto" });
  const rerun = textButton(T.rerun, () => trigger("rerun", { generation_id: board.value.generation_id }), {}, "again");
  const banner = h("div", { class: "cb-banner", role: "alert", hidden: true }, bannerText, rerun);
  const grid = h("div", { class: "cb-grid" });
  const main = h("div", { class: "cb-main", hidden: true }, bar, banner);
  const root = h("section", { class: "collab-widget cb-board", "aria-label": T.board_label }, empty, main, live);

  const log = feedbackLog(
    (payload) => server.act(payload),
    (act) => {
      announce(act);
      redraw();
    },
  );
  const board = {
    value: null,
    log,
    sawRunning: false,
    say,
    markBest,
    zoom,
    redraw,
    showRanks,
    saveRanking,
    setCurrent,
    card: (id) => cards.get(id),
    pictureHost: (id) => ({
      say,
      show: (generation_id) => trigger("show", { generation_id }),
      saved: (answer) => {
        log.heard(id, answer);
        say(T.pe_saved);
        redraw();
      },
    }),
    place: (id) => order.place(id),
    ordering: () => order.isOpen(),
    canRank,
    rankableIds: () => finished().map((card) => card.id),
    focusOrderButton: () => orderButton.focus(),
  };
  const order = orderPanel(board);
  const talk = boardTalk(board);
  main.append(order.node, talk.thread, grid, talk.tree);
  let current = null;
  let sayTimer = null;

  function emptyState() {
    return h(
      "div",
      { class: "cb-empty" },
      h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon("spark")),
      h("h3", { text: T.empty_title }),
      h("p", { text: T.empty_text }),
      textButton(T.empty_button, () => trigger("example", {})),
    );
  }

  // ---- the value ------------------------------------------------------------

  function setValue(value) {
    const something = !!(value && value.generation_id);
    show(empty, !something);
    show(main, something);
    if (!something) {
      if (board.value) clearCards();
      board.value = null;
      return;
    }
    const another = !board.value || board.value.generation_id !== value.generation_id;
    if (another || board.value.modality !== value.modality) {
      clearCards();
      board.value = value;
      board.sawRunning = false;
    }
    board.value = value;
    if (!OVER.includes(value.status)) board.sawRunning = true;
    const outputs = [...(value.outputs || [])].sort((a, b) => a.position - b.position);
    log.learn(outputs, value.ranking);
    const kept = new Set(outputs.map((output) => output.output_id));
    for (const [id, card] of cards)
      if (!kept.has(id)) {
        card.node.remove();
        cards.delete(id);
      }
    for (const output of outputs) {
      if (cards.has(output.output_id)) continue;
      const card = outputCard(board, output);
      cards.set(output.output_id, card);
      grid.append(card.node);
    }
    setAttr(grid, "data-count", outputs.length);
    setAttr(grid, "data-modality", value.modality);
    redraw(outputs);
    if (another) follow();
  }

  // What was asked for appears below the form: where most of it would be out of sight, it is brought into view.
  let askedAt = -Infinity;
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("#generate")) askedAt = performance.now();
  });

  function follow() {
    if (performance.now() - askedAt > 15000) return;
    askedAt = -Infinity;
    if (root.getBoundingClientRect().top > 0.5 * window.innerHeight) root.scrollIntoView({ block: "start" });
  }

  function clearCards() {
    for (const card of cards.values()) {
      card.flush(); // a half-typed comment is saved; a half-typed correction is kept as a draft
      card.node.remove();
    }
    cards.clear();
    log.reset();
    talk.reset();
    current = null;
    if (order.isOpen()) order.toggle(false);
  }

  function redraw(outputs = null) {
    if (!board.value) return;
    const all = outputs || board.value.outputs || [];
    for (const output of all) cards.get(output.output_id)?.update(output, log.shown(output.output_id));
    showStatus();
    showRanks();
    talk.update();
  }

  /** " · about 12 s": rounded, so that it does not flicker; nothing for the last moments. */
  function timeLeft(seconds) {
    if (seconds === null || seconds === undefined || seconds < 3) return "";
    if (seconds >= 90) return " · " + fill(T.eta_minutes, { minutes: Math.round(seconds / 60) });
    const rounded = seconds < 10 ? Math.round(seconds) : Math.round(seconds / 5) * 5;
    return " · " + fill(T.eta_seconds, { seconds: rounded });
  }

  function showStatus() {
    const { status, note, error, ahead, outputs = [] } = board.value;
    const left = timeLeft(board.value.eta_s);
    const words =
      {
        queued: note || (ahead > 0 ? fill(T.queued_ahead, { ahead }) : T.queued) + left,
        running: note || T.running + left,
        done: note || (outputs.length === 1 ? T.done_one : fill(T.done_many, { count: outputs.length })),
        failed: T.failed,
        cancelled: note || T.cancelled,
      }[status] ||
      note ||
      "";
    setText(statusText, words);
    setAttr(bar, "data-status", status);
    show(steered, !!board.value.steered);
    setText(steered, board.value.steered || "");
    show(unsaved, log.hasFailed());
    setText(unsaved, T.not_saved + " — " + T.retry);
    show(banner, status === "failed");
    setText(bannerText, error || T.failed);
    show(grid, !(status === "failed" && !outputs.some((o) => o.text || o.image_url)));
    const many = canRank();
    show(againButton, status === "done" || status === "cancelled"); // a failed one has its own button
    show(orderButton, many);
    setAttr(orderButton, "aria-expanded", String(order.isOpen()));
    show(hint, many && !log.shownRanking() && !order.isOpen());
    const keys = [...cards.values()].slice(0, 8).flatMap((card, i) => (card.isRatable() ? [i + 1] : []));
    const unbroken = keys.every((key, i) => i === 0 || key === keys[i - 1] + 1);
    const named = unbroken ? keys[0] + "–" + keys[keys.length - 1] : keys.join(", ");
    setText(hint, fill(T.best_hint_keys, { keys: named }));
    undoButton.disabled = !log.canUndo() && !newestLive();
    const ranked = log.notes.get("ranking");
    setText(rankNote, ranked ? ranked.text : "");
    setAttr(rankNote, "data-state", ranked ? ranked.state : null);
  }

  // ---- best and order ------------------------------------------------------------

  function finished() {
    return [...cards.values()].filter((card) => card.isRatable());
  }

  function canRank() {
    return finished().length >= 2;
  }

  function markBest(id) {
    if (!canRank() || !cards.get(id)?.isRatable()) return;
    const now = log.shownRanking();
    const others = finished()
      .map((card) => card.id)
      .filter((other) => other !== id);
    const again = now && now.groups[0].length === 1 && now.groups[0][0] === id;
    saveRanking(again ? [] : [[id], others]);
  }

  function saveRanking(groups) {
    const now = log.shownRanking();
    if (sameJson(now ? now.groups : [], groups)) return;
    if (groups.length) rankAct(log, groups);
    else log.clear(null);
  }

  function showRanks() {
    const now = log.shownRanking();
    const groups = order.isOpen() ? order.draft() : now ? now.groups : [];
    for (const card of cards.values()) {
      const place = rankOf(groups, card.id);
      const first = !!place && place.rank === 1 && !place.tied;
      const only = !order.isOpen() && isBestOfN(groups);
      let words = "";
      if (place && only) words = first ? T.best : "";
      else if (place) words = fill(place.tied ? T.rank_tied : T.rank, place);
      card.setRank(words, first);
    }
    grid.classList.toggle("cb-ordering", order.isOpen());
  }

  // ---- undo, messages ------------------------------------------------------------

  // ids are UUIDv7: the greatest is the newest act that still counts
  function newestLive() {
    const found = [];
    const ranking = log.shownRanking();
    if (ranking && ranking.feedback_id) found.push({ feedback_id: ranking.feedback_id, outputId: null, before: null });
    for (const id of cards.keys()) {
      const { rating, edit } = log.shown(id);
      if (rating && rating.feedback_id)
        found.push({ feedback_id: rating.feedback_id, outputId: id, before: { rating: null, edit } });
      if (edit && edit.feedback_id)
        found.push({ feedback_id: edit.feedback_id, outputId: id, before: { rating, edit: null } });
    }
    return found.sort((a, b) => (a.feedback_id < b.feedback_id ? 1 : -1))[0] || null;
  }

  function undo() {
    if (order.isOpen()) order.toggle(false);
    if (!log.undo(newestLive())) say(T.nothing_to_undo);
    redraw();
  }

  function say(text) {
    setText(live, text);
    clearTimeout(sayTimer);
    setAttr(root, "data-says", text);
    sayTimer = setTimeout(() => root.removeAttribute("data-says"), 1800);
  }

  function announce(act) {
    const words = log.notes.get(act.outputId || "ranking");
    if (words && words.state !== "saving" && words.state !== "retrying") setText(live, words.text);
  }

  function zoom(id) {
    const pictures = [...cards.values()].filter((card) => card.output().image_url);
    openLightbox(
      pictures.map((card) => ({
        src: card.output().image_url,
        alt: fill(T.picture_alt, { number: card.number, prompt: board.value.prompt || "" }),
        caption: fill(T.card_label, { number: card.number }),
      })),
      pictures.findIndex((card) => card.id === id),
    );
  }

  // ---- keys ------------------------------------------------------------

  function setCurrent(id) {
    current = id;
    for (const card of cards.values()) card.node.classList.toggle("cb-current", card.id === id);
  }

  function currentCard() {
    return cards.get(current) || cards.values().next().value || null;
  }

  // the selection may lie in a card that is not the current one
  function markSelected(label) {
    const card = [...cards.values()].find((each) => each.texts && each.texts.isSelected());
    if (card) card.texts.markSelected(label);
    else if (board.value.modality === "text") say(T.span_select_first);
  }

  function go(step) {
    const all = [...cards.values()];
    if (!all.length) return;
    const at = all.findIndex((card) => card.id === current);
    const to = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))];
    to.node.focus({ preventScroll: true });
    to.node.scrollIntoView({ block: "nearest" });
  }

  // Digits go by their place on the keyboard (a French row types & é " there), letters by what they print where that
  // is Latin, and by their place where it is not (Russian, Greek).
  function keyName(event) {
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    if (digit) return (event.shiftKey ? "shift+" : "") + digit[1];
    if (/^[\x21-\x7e]$/.test(event.key)) return event.key.toLowerCase();
    const letter = /^Key([A-Z])$/.exec(event.code);
    return letter ? letter[1].toLowerCase() : event.key;
  }

  function onKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!board.value || !isOnScreen() || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const inside = element.contains(event.target);
    const nowhere = event.target === document.body || event.target === document.documentElement;
    // the library's and the grid's buttons are not the place to undo or order what is on the board
    if (!inside && !nowhere && !event.target.closest("#generate, #stop, [role=tab]")) return;
    const key = keyName(event);
    const card = currentCard();
    const actions = {
      j: () => go(1),
      k: () => go(-1),
      u: () => card?.thumbs.choose(1),
      d: () => card?.thumbs.choose(-1),
      "+": () => card?.thumbs.choose(1),
      "-": () => card?.thumbs.choose(-1),
      e: () => card?.startEdit(),
      c: () => card?.isRatable() && card.openComment(),
      g: () => markSelected("good"),
      b: () => markSelected("bad"),
      m: () => card?.texts?.mark(),
      r: () => card?.texts?.reply(),
      w: () => card?.texts?.explain(),
      z: () => undo(),
      "?": () => openShortcuts(),
    };
    if (inside || nowhere) {
      Object.assign(actions, { ArrowRight: () => go(1), ArrowLeft: () => go(-1) });
      if (event.target.classList.contains("cb-card"))
        Object.assign(actions, { ArrowDown: () => go(1), ArrowUp: () => go(-1) });
    }
    let act = Object.hasOwn(actions, key) ? actions[key] : null;
    if (/^[1-8]$/.test(key)) {
      const nth = [...cards.values()][Number(key) - 1];
      act = nth && (() => (order.isOpen() ? order.place(nth.id) : markBest(nth.id)));
    }
    if (/^shift\+[1-5]$/.test(key)) act = () => card?.stars.choose(Number(key.slice(6)));
    if (key === "Escape" && order.isOpen()) act = () => order.toggle(false);
    if (!act) return;
    event.preventDefault();
    act();
  }
  document.addEventListener("keydown", onKey);
  // leaving the page saves the comment that is being typed
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && root.contains(document.activeElement)) document.activeElement.blur();
  });

  // A comment is sent on its way out; the acts still waiting and an open correction make the browser ask.
  window.addEventListener("beforeunload", (event) => {
    if (!element.isConnected || ![...cards.values()].some((card) => card.isDirty())) return;
    for (const card of cards.values()) if (!card.isEditing()) card.flush();
    event.preventDefault();
  });

  return { root, setValue };
}
