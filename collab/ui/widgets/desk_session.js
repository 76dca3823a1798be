// One annotator's sitting at one study: the items that the page holds, what was answered, undone and skipped, and the
// time it took. Knows nothing of how it is drawn.
const AHEAD = 2; // the item on the screen and the one after it
const POLL_MS = 2000;
const RENEW_MS = 60000;
const OPEN_AGAIN_MS = 5000;
const DECODED = 3; // answered items that keep their pictures, for an undo that shows at once

function deskSession(send, changed) {
  let study = null;
  let studyId = null;
  let ahead = []; // items: the one on the screen first
  let behind = []; // answered or skipped on this page, oldest first
  let ending = null; // why no item came: {kind: "opening" | "waiting" | "done" | "stopped" | "offline", …}
  let settled = false; // "done" was said when nothing was held and nothing unsent: it is final
  let asking = false;
  let visible = true;
  let epoch = 0; // counts the studies opened: what was asked for an earlier one is not for this one
  let note = null; // {state, text} about the last act
  const timers = {};
  const pace = sittingPace();
  const progress = studyProgress();
  const outbox = deskOutbox(send, { accepted, refused, changed, idle: () => prefetch() });

  function later(name, ms, act) {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(() => element.isConnected && act(), ms);
  }

  // ---- items ------------------------------------------------------------

  async function open(id) {
    const mine = ++epoch;
    [studyId, study, ahead, behind, note] = [id, null, [], [], null];
    [settled, asking, ending] = [false, false, { kind: "opening" }];
    progress.clear();
    pace.clear();
    changed();
    await outbox.pump(); // what an earlier page left unsent comes before what this one asks for
    const reply = await outbox.ask({ act: "open", study_id: id });
    if (mine !== epoch) return;
    if (reply && reply.ok) {
      study = reply.study;
      take(reply.task, true);
      keepLeases();
      return;
    }
    ending = reply ? { kind: "stopped", reason: reply.error || T.refused_unknown } : { kind: "offline" };
    if (!reply) later("poll", OPEN_AGAIN_MS, () => mine === epoch && open(id));
    changed();
  }

  function close() {
    epoch++;
    pause();
    [study, studyId, ahead, behind, ending, note] = [null, null, [], [], null, null];
  }

  function newItem(task) {
    return { task, said: null, answer: null, dwell_ms: 0, since: null, locked: false };
  }

  function held() {
    return [...new Set([...ahead, ...outbox.acts().map((act) => act.item)].map((item) => item.task.task_id))];
  }

  function take(task, exact) {
    progress.learn(task.progress, exact);
    const fresh = !!task.task_id && !held().includes(task.task_id);
    ending = task.done ? { kind: "done", ...task } : task.waiting ? { kind: "waiting", ...task } : null;
    settled = !!task.done && !held().length;
    if (fresh) ahead.push(newItem(task));
    else if (!task.done) later("poll", POLL_MS, prefetch);
    changed();
    if (fresh) prefetch();
  }

  async function prefetch() {
    if (asking || !study || ahead.length >= AHEAD || !visible) return;
    const kind = ending && ending.kind;
    if (kind === "stopped" || (kind === "done" && (settled || held().length))) return;
    const mine = epoch;
    asking = true;
    const reply = await outbox.ask({ act: "next", study_id: studyId, held: held() });
    if (mine !== epoch) return;
    asking = false;
    if (reply && reply.ok) return take(reply.task, false);
    ending = reply ? { kind: "stopped", reason: reply.error || T.refused_unknown } : { kind: "offline" };
    if (!reply) later("poll", POLL_MS, prefetch);
    changed();
  }

  // "item", or why there is none
  function phase() {
    if (ahead.length) return "item";
    if (!ending || (ending.kind === "done" && !settled)) return "seeking";
    return ending.kind;
  }

  function drop(item) {
    ahead = ahead.filter((other) => other !== item);
    changed();
    prefetch();
  }

  // ---- time and leases ------------------------------------------------------------

  function pause() {
    for (const item of ahead) {
      if (item.since !== null) item.dwell_ms += performance.now() - item.since;
      item.since = null;
    }
  }

  function shown() {
    pause();
    if (ahead.length && visible) ahead[0].since = performance.now();
  }

  function setVisible(yes) {
    if (yes === visible) return;
    visible = yes;
    if (!yes) return pause();
    shown();
    renew();
    if (ending && ending.kind === "done") settled = false; // there may be more by now
    prefetch();
  }

  function keepLeases() {
    const mine = epoch;
    const lease_ms = Math.min(...ahead.map((item) => (item.task.lease_seconds || 180) * 1000));
    later("renew", Math.max(5000, Math.min(RENEW_MS, lease_ms / 3)), () => {
      if (mine !== epoch) return;
      if (visible) renew();
      keepLeases();
    });
  }

  async function renew() {
    const busy = new Set(outbox.acts().map((act) => act.item));
    for (const item of ahead.filter((each) => !busy.has(each))) {
      const reply = await outbox.ask({ act: "renew", task_id: item.task.task_id });
      if (!reply || reply.ok || !ahead.includes(item)) continue;
      item.lost = reply.error || T.refused_unknown;
      if (item !== ahead[0]) drop(item);
      changed();
    }
  }

  // ---- acts ------------------------------------------------------------

  // counts: by how much it changes the number of answers
  function add(kind, item, body, counts = 0) {
    settled = false;
    note = { state: "saving", text: T.saving };
    outbox.add(kind, item, body, counts);
  }

  function answer(value, comment) {
    pause();
    const item = ahead.shift();
    item.answer = { ...value, ...(comment ? { comment } : {}), dwell_ms: Math.round(item.dwell_ms) };
    item.refused = null;
    behind = [...behind, item].slice(-REMEMBERED);
    behind.slice(0, -DECODED).forEach((old) => (old.pictures = null));
    pace.add(item.dwell_ms);
    add("answer", item, item.answer, 1);
    prefetch();
  }

  function skip(reason) {
    pause();
    const item = ahead.shift();
    [item.answer, item.skipped, item.refused] = [null, true, null];
    behind = [...behind, item].slice(-REMEMBERED);
    add("skip", item, { reason });
    prefetch();
  }

  // The last answer on this page; what was skipped since has none
  function lastAnswered() {
    return behind.findLast((item) => !item.skipped) || null;
  }

  // Takes an answer or a skip back: out of the queue where it was never tried, else with an undo after it.
  function withdraw(item) {
    const kinds = ["answer", "skip"];
    const waiting = outbox.acts().findLast((act) => act.item === item && kinds.includes(act.kind));
    if (waiting && !waiting.sending && !waiting.attempts) outbox.remove((act) => act === waiting);
    else if (!item.refused) add("undo", item, {}, item.skipped ? 0 : -1);
  }

  // Goes back to what was answered or skipped last, at once where that was on this page: "". Otherwise tells why not:
  // "locked", "none", or "asked", where the server has to say first what it was.
  function undo() {
    const item = behind[behind.length - 1];
    if (item && item.locked) return "locked";
    if (item) {
      pause();
      behind.pop();
      if (!item.skipped) pace.takeBack();
      ahead.unshift(item);
      item.said = item.answer;
      note = null;
      withdraw(item);
      item.skipped = false;
      changed();
      return "";
    }
    const id = answeredBefore();
    if (!id) return "none";
    add("undo", { ...newItem({ task_id: id }), hollow: true }, {}, -1);
    return "asked";
  }

  // The task answered last before this page was opened, as the server tells it or as this tab remembers it
  function answeredBefore() {
    const told = ahead.length ? ahead[0].task.can_undo : ending && ending.can_undo;
    const known = held();
    return [...remembered.list(studyId), told].findLast((id) => id && !known.includes(id)) || null;
  }

  function canUndo() {
    const item = behind[behind.length - 1];
    return item ? !item.locked : !!answeredBefore();
  }

  // what did not work, once more: sending, fetching, or the last answer if the server refused it
  function again() {
    const item = lastAnswered();
    if (ending && ending.kind === "stopped") ending = null;
    if (item && item.refused && !outbox.isStuck()) {
      item.refused = null;
      add("answer", item, item.answer, 1);
    }
    outbox.retry();
  }

  // A comment on the answer before: that answer taken back and given again with it
  function amend(comment) {
    const item = lastAnswered();
    if (!item || item.locked) return;
    const { comment: before = "", ...rest } = item.answer;
    if (before === comment) return;
    withdraw(item);
    item.answer = comment ? { ...rest, comment } : rest;
    add("answer", item, item.answer, 1);
  }

  function reveal() {
    const item = lastAnswered();
    if (!item || item.locked || item.refused) return;
    item.locked = true;
    add("reveal", item);
  }

  function accepted({ kind, item }, reply) {
    const words = { undo: T.undone, skip: T.desk_skipped, flag: T.desk_flagged }[kind] || T.saved;
    note = { state: "saved", text: fill(words, { time: savedTime(reply.saved_at) }) };
    progress.learn(reply.progress || (reply.task && reply.task.progress), true);
    if (kind === "answer" || kind === "skip") remembered.add(studyId, item.task.task_id);
    if (kind === "reveal") item.arms = reply.arms;
    if (kind === "reveal" || kind === "undo") remembered.drop(studyId, item.task.task_id);
    if (kind === "undo" && reply.task) giveBack(item, reply.task);
  }

  // What an undo brings back. If its outputs stand in another order now, what was said since is asked again.
  function giveBack(item, task) {
    const moved = !item.hollow && !item.restored && !sameJson(item.task.options, task.options);
    item.task = task;
    if (item.restored || (!item.hollow && !moved)) return;
    item.said = task.answer || null;
    item.redraw = moved;
    if (moved) item.pictures = null;
    item.hollow = false;
    outbox.remove((act) => act.item === item);
    behind = behind.filter((other) => other !== item);
    if (ahead.includes(item)) return;
    pause();
    ahead.unshift(item);
  }

  function refused(act, error) {
    const { kind, item } = act;
    note = { state: "refused", text: fill(T.refused, { error }) };
    if (kind === "reveal") item.locked = false;
    if (kind === "answer") {
      item.refused = error;
      outbox.remove((other) => other.item === item && ["undo", "reveal"].includes(other.kind));
    }
    if (kind !== "undo") return;
    if (act.attempts) return (note = null); // an earlier try had arrived
    outbox.remove((other) => other.item === item);
    remembered.drop(studyId, item.task.task_id);
    const held = ahead.includes(item);
    ahead = ahead.filter((other) => other !== item);
    if (!item.answer) return; // a skipped item that went to somebody else
    item.locked = true;
    if (held) behind.push(item);
  }

  return {
    open,
    close,
    phase,
    shown,
    setVisible,
    drop,
    answer,
    skip,
    undo,
    amend,
    reveal,
    pace_s: pace.median_s,
    sitting: pace.total,
    canUndo,
    retry: again,
    isStuck: outbox.isStuck,
    flag: (text) => add("flag", ahead[0], { note: text }),
    progress: () => progress.shown(outbox.acts()),
    study: () => study,
    ending: () => ending,
    ahead: () => ahead,
    last: lastAnswered,
    note: () => note,
  };
}
