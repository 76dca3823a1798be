// What stands where no item does: the studies to choose from, nothing open, waiting, the end, and what went wrong.
function studyList(value, choose) {
  const studies = (value && value.studies) || [];
  const owner = !!(value && value.owner);
  if (!studies.length) return emptyDesk(owner);
  const first = studies.find((study) => stateOf(study) === "open");
  const create = owner && textButton(T.desk_create_another, () => trigger("compose", {}), {}, "pencil");
  return h(
    "div",
    { class: "dk-list" },
    h("div", { class: "cb-row cb-spread" }, h("h3", { class: "dk-list-title", text: T.desk_list_title }), create),
    ...studies.map((study) => studyRow(study, choose, study === first)),
  );
}

// of: null where nobody knows how many there will be; atMost: whether fewer may come
function answeredWords(answered, of, atMost) {
  return fill(!of ? T.desk_answered : atMost ? T.desk_answered_at_most : T.desk_answered_of, { answered, of });
}

function stateOf(study) {
  if (study.status && study.status !== "open") return "closed";
  return study.total && (study.answered || 0) >= study.total ? "full" : "open";
}

function studyRow(study, choose, isFirst) {
  const { answered = 0, total: of, at_most } = study;
  const state = stateOf(study);
  const words = { closed: T.desk_closed, full: T.desk_look }[state] || (answered ? T.desk_continue : T.desk_begin);
  const facts = [
    T.desk_tasks[study.task] || study.task,
    study.modality === "image" ? T.desk_pictures : T.desk_texts,
    of || answered ? answeredWords(answered, of, at_most) : null,
  ];
  return h(
    "section",
    { class: "dk-study", "data-study": study.study_id, "aria-label": study.title },
    h(
      "div",
      { class: "dk-study-words" },
      h("h4", { class: "dk-study-title", dir: "auto", translate: "no", text: study.title }),
      study.question && h("p", { class: "cb-muted", dir: "auto", translate: "no", text: questionWords(study.question) }),
      h("p", { class: "dk-study-facts cb-muted", text: facts.filter(Boolean).join(" · ") }),
      of ? progressBar(answered, of).node : null,
    ),
    textButton(words, () => choose(study.study_id), {
      class: isFirst ? "cb-primary" : "",
      disabled: state === "closed",
      "aria-label": words + ": " + study.title,
    }),
  );
}

function emptyDesk(owner) {
  return h(
    "div",
    { class: "cb-empty dk-late" },
    h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon(owner ? "spark" : "order")),
    h("h3", { text: owner ? T.desk_empty_owner_title : T.desk_empty_title }),
    h("p", { text: owner ? T.desk_empty_owner_text : T.desk_empty_text }),
    owner && textButton(T.desk_create, () => trigger("compose", {}), { class: "cb-primary" }),
  );
}

// of: null where nobody knows how many there will be
function progressBar(answered, of) {
  const bar = h("div", { class: "dk-bar-fill" });
  const node = h(
    "div",
    { class: "dk-bar", role: "progressbar", "aria-label": T.desk_progress, "aria-valuemin": "0" },
    bar,
  );
  function update(done, all) {
    show(node, !!all);
    if (!all) return;
    setAttr(node, "aria-valuemax", all);
    setAttr(node, "aria-valuenow", Math.min(done, all));
    bar.style.transform = `scaleX(${Math.min(1, done / all)})`;
  }
  update(answered, of);
  return { node, update };
}

// A calm page with one sentence: {kind, reason, ready, total, …} is what the session says of why there is no item.
function restingPage(ending, { sitting, pace_s, back, retry, isStuck }) {
  const kind = ending ? ending.kind : "seeking";
  if (kind === "opening" || kind === "seeking") {
    const words = isStuck ? T.desk_unsent : T.desk_seeking;
    return h("div", { class: "dk-rest-page dk-late" }, h("span", { class: "dk-breath" }), h("p", { text: words }));
  }
  const art = { done: "crown", waiting: "again", stopped: "lock", offline: "again" }[kind];
  const title = { done: T.desk_done, waiting: T.desk_waiting, stopped: T.desk_stopped, offline: T.desk_offline }[kind];
  const lines = [ending.reason];
  if (kind === "waiting" && ending.total)
    lines.push(fill(T.desk_ready, { ready: ending.ready || 0, total: ending.total }));
  if (kind === "offline") lines.push(T.desk_offline_text);
  if (kind === "done" && sitting.items)
    lines.push(
      fill(sitting.items === 1 ? T.desk_sitting_one : T.desk_sitting, {
        count: sitting.items,
        minutes:
          sitting.minutes < 1 ? T.desk_under_a_minute : fill(T.desk_minutes, { count: Math.round(sitting.minutes) }),
      }) + (pace_s === null ? "" : " " + fill(T.desk_pace_long, { seconds: paceWords(pace_s) })),
    );
  const buttons = [
    (kind === "offline" || kind === "stopped") && textButton(T.retry, retry, {}, "again"),
    back && (kind === "done" || kind === "stopped") && textButton(T.desk_all_studies, back, { class: "cb-primary" }),
  ];
  return h(
    "div",
    { class: "cb-empty dk-rest-page", "data-kind": kind, role: kind === "stopped" ? "alert" : "status" },
    h(
      "div",
      { class: "cb-empty-art" + (kind === "waiting" ? " dk-breath-art" : ""), "aria-hidden": "true" },
      icon(art),
    ),
    h("h3", { dir: "auto", text: title }),
    ...lines.filter(Boolean).map((text) => h("p", { dir: "auto", text })),
    ...buttons,
  );
}

function paceWords(seconds) {
  return seconds < 10 ? seconds.toFixed(1) : String(Math.round(seconds));
}
