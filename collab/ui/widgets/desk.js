// The rating desk: which of its pages is shown, the item on the screen, its keys, and the joins between the parts.
const SURFACES = { compare: compareSurface, rank: rankSurface, rate: rateSurface, edit: editSurface };

function ratingDesk() {
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const shelf = h("div", { class: "dk-shelf" });
  const question = h("h3", { class: "dk-question-line", dir: "auto", translate: "no" });
  const banner = h("div", { class: "dk-banner", role: "alert", hidden: true });
  const stage = h("div", { class: "dk-stage", tabindex: "-1" });
  const bar = h("div", { class: "dk-bar-slot" });
  const session = deskSession((payload) => server.act(payload), draw);
  const desk = { send, say, changed, drawn: drawFoot, focusStage, skip, flag: session.flag, amend: session.amend };
  const drawer = deskDrawer(desk);
  const head = deskHead({ back, guidelines, keys: showKeys });
  const foot = deskFoot({
    comment: drawer.openComment,
    skip: drawer.openSkip,
    flag: drawer.openFlag,
    undo,
    marks: () => surface.mark(),
    reveal,
    retry: session.retry,
    after: commentAfter,
  });
  const dock = h("div", { class: "dk-dock" }, drawer.node, bar, foot.node);
  const main = h("div", { class: "dk-main", hidden: true }, head.node, question, banner, stage, dock);
  const root = h("section", { class: "collab-widget cb-desk", "aria-label": T.desk_label }, shelf, main, live);
  let list = null; // the last value with studies to choose from
  let openId = null;
  let page = null; // what the stage shows: an item, "welcome", or the key of a resting page
  let surface = null;
  let context = null;
  let sayTimer = null;

  // ---- which page ------------------------------------------------------------

  function setValue(value) {
    if (value && value.studies) list = value;
    if (value && value.open && value.study_id) {
      if (openId !== value.study_id) openStudy(value.study_id);
    } else draw();
  }

  function openStudy(id) {
    openId = id;
    page = null;
    session.open(id);
    lookAround();
  }

  function back() {
    const mine = list && list.studies.find((study) => study.study_id === openId);
    if (mine && session.study()) mine.answered = session.progress().answered;
    session.close();
    openId = page = surface = null;
    drawer.close(false);
    draw();
    trigger("refresh", {});
  }

  function draw() {
    show(shelf, !openId);
    show(main, !!openId);
    if (!openId) return drawList();
    for (const item of session.ahead()) item.pictures ??= preloadPictures(item.task);
    const item = session.phase() === "item" ? session.ahead()[0] : null;
    const study = session.study();
    if (item && hasGuidelines(study) && !readGuidelines.has(openId, study)) showWelcome(study);
    else if (item) showItem(item);
    else showRest();
    drawHead();
    drawFoot();
  }

  function drawList() {
    const key = JSON.stringify(list);
    if (page !== key) shelf.replaceChildren(studyList(list, openStudy));
    page = key;
  }

  function put(nodes, barNode = null) {
    stage.replaceChildren(...nodes);
    bar.replaceChildren(...(barNode ? [barNode] : []));
    show(bar, !!barNode);
    show(banner, false);
  }

  function showWelcome(study) {
    if (page === "welcome") return;
    page = "welcome";
    surface = null;
    put([welcome(study, start)]);
  }

  function start() {
    readGuidelines.add(openId, session.study());
    draw();
    focusStage();
  }

  function showRest() {
    const ending = session.ending();
    const isStuck = session.isStuck();
    const key = JSON.stringify([session.phase(), ending && [ending.reason, ending.ready], isStuck]);
    if (page === key) return;
    page = key;
    surface = null;
    if (drawer.mode() !== "after") drawer.close(false);
    const kind = session.phase();
    const told = { sitting: session.sitting(), pace_s: session.pace_s(), isStuck };
    const again = () => (session.study() ? session.retry() : session.open(openId));
    put([restingPage({ ...ending, kind }, { ...told, back: list && back, retry: again })]);
    if (ending && ["waiting", "done", "stopped"].includes(kind)) setText(live, ending.reason || "");
  }

  function showItem(item) {
    if (item.lost) return giveUp(item);
    if (page === item && !item.redraw) return;
    const wasIn = root.contains(document.activeElement);
    const isFree = !isTyping(document.activeElement) || stage.contains(document.activeElement);
    page = item;
    item.redraw = false;
    item.draft = JSON.parse(drafts.get("desk", item.task.task_id) || "null");
    surface = null; // what a new surface says while it is made is not about the old one
    const made = SURFACES[item.task.task](item, desk);
    context = contextBlock(item.task.context || []);
    drawer.setComment((item.draft || item.said || {}).comment);
    if (drawer.mode() !== "after") drawer.close(false);
    put([context.node, made.node], made.bar);
    surface = made;
    session.shown();
    const { answered, of, atMost } = session.progress();
    setText(live, fill(of && !atMost ? T.desk_item_of : T.desk_item, { number: answered + 1, of }));
    if (isFree && surface.focus) surface.focus();
    else if (isFree && wasIn) focusStage();
    requestAnimationFrame(settle); // before it is painted, but after this key's work: measuring is dear
  }

  function settle() {
    if (!isOnScreen()) return;
    context.fit();
    if (root.getBoundingClientRect().top < 0) root.scrollIntoView({ block: "start" });
    clearDock();
  }

  // The question in focus, where the dock hides a part of it, comes out from under it: as far as the item's head allows
  function clearDock() {
    const current = stage.querySelector(".dk-current");
    const box = current && current.getBoundingClientRect();
    if (!box || box.top > window.innerHeight) return;
    const hidden = box.bottom + 8 - dock.getBoundingClientRect().top;
    const by = Math.min(hidden, root.getBoundingClientRect().top);
    if (by > 0) window.scrollBy({ top: by, behavior: "instant" });
  }

  // The lease of the item on the screen is lost: what was begun stays to be read, and copied
  function giveUp(item) {
    const begun = page === item && surface && (surface.isDirty() || drawer.comment());
    if (!begun) {
      say(item.lost);
      return session.drop(item);
    }
    banner.replaceChildren(
      h("span", { text: item.lost }),
      textButton(T.desk_next, () => session.drop(item)),
    );
    return show(banner, true);
  }

  function drawHead() {
    const study = session.study();
    const item = page && page.task ? page : null;
    head.update({ study, progress: session.progress(), pace_s: session.pace_s(), hasList: !!list });
    setText(question, item ? questionAbove(item.task, item.task.question || (study && study.question)) : "");
    show(question, !!question.textContent);
  }

  function drawFoot() {
    const item = page && page.task ? page : null;
    const last = session.last();
    const told = item && item.said ? fill(T.desk_had_said, { said: saidWords(item, item.said) }) : "";
    show(foot.node, page !== "welcome");
    foot.update({
      last: told ? null : last,
      words: told || (last ? fill(T.desk_you_said, { said: saidWords(last, last.answer) }) : ""),
      noteNow: session.note(),
      isStuck: session.isStuck(),
      reveals: reveals(),
      canUndo: session.canUndo(),
      hasItem: !!item,
      commented: !!drawer.comment(),
      drawer: drawer.mode(),
      marked: surface && surface.mark ? surface.isMarked() : null,
    });
  }

  // ---- acts ------------------------------------------------------------

  function send(value) {
    const item = page;
    if (!item || !item.task || session.ahead()[0] !== item) return;
    drafts.drop("desk", item.task.task_id);
    session.answer(value, drawer.comment());
    if (surface && page !== item) surface.glow(value);
  }

  function skip(reason) {
    drafts.drop("desk", page.task.task_id);
    session.skip(reason);
  }

  function undo() {
    drawer.close(false);
    const problem = session.undo();
    const words = { locked: T.desk_undo_locked, none: T.nothing_to_undo, asked: T.desk_undo_asked };
    if (problem) say(words[problem]);
  }

  function reveals() {
    const study = session.study();
    return !!study && !!(study.reveal || (page && page.task && page.task.reveal));
  }

  function reveal() {
    const last = session.last();
    if (!reveals() || !last) say(T.desk_reveal_none);
    else session.reveal();
  }

  function commentAfter() {
    const last = session.last();
    if (last && !last.locked) drawer.openAfter(last.answer);
    else if (page && page.task) drawer.openComment();
  }

  function changed() {
    if (!surface) return;
    const id = page.task.task_id;
    const draft = { ...surface.state(), ...(drawer.comment() ? { comment: drawer.comment() } : {}) };
    if (Object.keys(draft).length) drafts.set("desk", id, JSON.stringify(draft));
    else drafts.drop("desk", id);
    drawFoot();
  }

  function say(text) {
    setText(live, text);
    clearTimeout(sayTimer);
    setAttr(dock, "data-says", text);
    sayTimer = setTimeout(() => dock.removeAttribute("data-says"), 2400);
  }

  function guidelines() {
    if (session.study()) openGuidelines(session.study());
  }

  function showKeys() {
    openDeskKeys(page && page.task ? page.task : session.study() || {}, reveals());
  }

  function focusStage() {
    if (document.activeElement !== stage) stage.focus({ preventScroll: true });
  }

  // ---- the window around it ------------------------------------------------------------

  function lookAround() {
    session.setVisible(!document.hidden && isOnScreen());
    if (!isOnScreen()) return;
    const top = Math.round(root.getBoundingClientRect().top + window.scrollY) + "px";
    const moved = root.style.getPropertyValue("--dk-top") !== top;
    root.style.setProperty("--dk-top", top);
    if (context) context.fit();
    if (moved) clearDock();
  }
  listenToKeys({
    drawer,
    isOpen: () => !!openId && isOnScreen(),
    isWelcome: () => page === "welcome",
    surface: () => surface,
    acts: { start, undo, guidelines, showKeys, reveal, commentAfter },
  });
  document.addEventListener("visibilitychange", lookAround);
  window.addEventListener("resize", lookAround);
  const resized = new ResizeObserver(lookAround);
  resized.observe(root);
  resized.observe(document.body); // what stands above, such as the notice, comes and goes

  return { root, setValue };
}
