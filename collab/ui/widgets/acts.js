// What the person did, in order: shown at once, sent one at a time, retried with the same request_id, undone.
// Knows nothing of how it is drawn.
const NO_FEEDBACK = { rating: null, edit: null };
const NO_RATING = { feedback_id: null, score: null, thumb: null, aspects: {}, tags: [], comment: "" };
const RETRY_AFTER_MS = [800, 3000];
const TIMEOUT_MS = 20000;

function feedbackLog(send, changed) {
  const saved = new Map(); // output_id -> feedback as the server last told it
  const told = new Map(); // output_id -> feedback in the last value of the page, which may lag behind
  const stale = new Set(); // feedback ids that this page has replaced or undone
  const notes = new Map(); // output_id or "ranking" -> {state, text}
  let ranking = null;
  let rankingTold = null;
  let queue = [];
  let done = []; // acts that Z can undo, oldest first
  let busy = false;
  let failed = false;
  let board = 0; // counts the generations shown: the ranking of an earlier one is not this one's

  const idOf = (thing) => (thing && thing.feedback_id) || null;
  const savedFor = (id) => saved.get(id) || NO_FEEDBACK;

  function shown(outputId) {
    return queue.reduce((f, act) => (act.outputId === outputId ? act.apply(f) : f), savedFor(outputId));
  }

  function shownRanking() {
    return queue.reduce((r, act) => (act.outputId === null && act.board === board ? act.apply(r) : r), ranking);
  }

  // A value that streams in may be older than what was just saved here: what this page replaced never comes back.
  function newest(mine, before, incoming) {
    if (sameJson(before, incoming) && before !== undefined) return mine;
    if (incoming && stale.has(incoming.feedback_id)) return mine;
    if (!incoming && idOf(mine) !== idOf(before)) return mine;
    return incoming || null;
  }

  function learn(outputs, incomingRanking) {
    for (const output of outputs) {
      const id = output.output_id;
      const incoming = output.feedback || NO_FEEDBACK;
      const before = told.get(id) || {};
      const mine = savedFor(id);
      saved.set(id, {
        rating: newest(mine.rating, before.rating, incoming.rating || null),
        edit: newest(mine.edit, before.edit, incoming.edit || null),
      });
      told.set(id, { rating: incoming.rating || null, edit: incoming.edit || null });
    }
    ranking = newest(ranking, rankingTold === null ? undefined : rankingTold.value, incomingRanking || null);
    rankingTold = { value: incomingRanking || null };
  }

  function reset() {
    saved.clear();
    told.clear();
    notes.clear();
    ranking = null;
    rankingTold = null;
    done = [];
    board++;
  }

  function note(act, state, text) {
    notes.set(act.outputId || "ranking", { state, text });
  }

  // apply: what the act makes of the feedback (or of the ranking, where outputId is null) until the server answers
  function add(outputId, payload, apply, kind) {
    const before = outputId === null ? shownRanking() : shown(outputId);
    const last = queue[queue.length - 1];
    const act = { outputId, payload, apply, kind, before, board, request_id: newId(), sending: false, attempts: 0 };
    const same = last && last.outputId === outputId && last.kind === kind && last.board === board;
    if (same && !last.sending && !last.attempts) {
      act.before = last.before;
      queue.pop();
    }
    queue.push(act);
    note(act, "saving", T.saving);
    changed(act);
    pump();
    return act;
  }

  function undo(live) {
    const waiting = queue.filter((act) => !["undo", "clear"].includes(act.kind)).pop();
    if (waiting && !waiting.sending && !waiting.attempts) {
      queue = queue.filter((act) => act !== waiting);
      notes.delete(waiting.outputId || "ranking");
      changed(waiting);
      return true;
    }
    const target = waiting && !waiting.undone ? waiting : newestDone(live);
    if (!target) return false;
    target.undone = true;
    const before = target.before;
    add(target.outputId, { act: "undo", target }, (now) => (before === undefined ? now : before), "undo");
    return true;
  }

  // ids are UUIDv7: a live act that is newer than all done here was done on another page
  function newestDone(live) {
    const last = done[done.length - 1];
    return live && (!last || live.feedback_id > last.feedback_id) ? live : done.pop();
  }

  // Takes back the live ranking or edit, and what it had replaced, until none is left.
  function clear(outputId) {
    const live = () => (outputId === null ? ranking : savedFor(outputId).edit);
    const target = {
      get feedback_id() {
        return idOf(live());
      },
      outputId,
    };
    done = done.filter((act) => !(act.outputId === outputId && ["rank", "edit"].includes(act.kind)));
    const apply = outputId === null ? () => null : (f) => ({ ...f, edit: null });
    const act = add(outputId, { act: "undo", target }, apply, "clear");
    act.onaccepted = () => {
      if (live()) clear(outputId);
    };
  }

  async function call(act) {
    const { target, ...payload } = act.payload;
    if (target) payload.feedback_id = target.feedback_id;
    const late = new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS));
    try {
      return await Promise.race([send({ ...payload, request_id: act.request_id }), late]);
    } catch (error) {
      console.warn("feedback not sent", error);
      return undefined;
    }
  }

  async function pump() {
    if (busy || failed) return;
    busy = true;
    while (queue.length && !failed) {
      const act = queue[0];
      if (act.payload.target && !act.payload.target.feedback_id) {
        // what it would undo was refused
        queue.shift();
        changed(act);
        continue;
      }
      act.sending = true;
      const answer = await call(act);
      act.sending = false;
      if (answer && answer.ok) accept(act, answer);
      else if (answer && typeof answer === "object") refuse(act, answer);
      else if (act.attempts < RETRY_AFTER_MS.length) {
        note(act, "retrying", T.saving);
        changed(act);
        await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER_MS[act.attempts++]));
      } else {
        failed = true;
        act.attempts++;
        queue.forEach((waiting) => note(waiting, "failed", T.not_saved));
        changed(act);
      }
    }
    busy = false;
  }

  function accept(act, answer) {
    queue.shift();
    const time = savedTime(answer.saved_at);
    const undone = ["undo", "clear"].includes(act.kind);
    if (act.outputId === null && act.board !== board) {
      // its generation is no longer shown
    } else if (act.outputId === null) {
      const now = "ranking" in answer && (answer.ranking || undone) ? answer.ranking : act.apply(ranking);
      forget(ranking, now);
      ranking = now;
    } else {
      const mine = savedFor(act.outputId);
      const now = answer.feedback || act.apply(mine);
      forget(mine.rating, now.rating);
      forget(mine.edit, now.edit);
      saved.set(act.outputId, { rating: now.rating || null, edit: now.edit || null });
    }
    act.feedback_id = answer.feedback_id || null;
    // repeating what already holds returns the same id: one undo is enough for both
    const known = done.some((other) => other.feedback_id === act.feedback_id);
    if (!undone && act.feedback_id && !act.undone && !known && act.board === board) done.push(act);
    note(act, "saved", fill(undone ? T.undone : T.saved, { time }));
    if (act.onaccepted) act.onaccepted();
    changed(act);
  }

  function forget(before, now) {
    if (idOf(now)) stale.delete(idOf(now));
    if (idOf(before) && idOf(before) !== idOf(now)) stale.add(idOf(before));
  }

  function refuse(act, answer) {
    queue.shift();
    correct(act, answer);
    note(act, "refused", fill(T.refused, { error: answer.error || T.refused_unknown }));
    changed(act);
    if (act.onrefused) act.onrefused();
  }

  // A refusal may tell what holds now, where another page has acted meanwhile: what no longer holds cannot be undone.
  function correct(act, answer) {
    if (act.board !== board) return;
    const id = answer.output_id || act.outputId;
    if (id && answer.feedback) {
      const mine = savedFor(id);
      const now = { rating: answer.feedback.rating || null, edit: answer.feedback.edit || null };
      forget(mine.rating, now.rating);
      forget(mine.edit, now.edit);
      saved.set(id, now);
      done = done.filter((old) => old.outputId !== id || [idOf(now.rating), idOf(now.edit)].includes(old.feedback_id));
    }
    if ("ranking" in answer) {
      forget(ranking, answer.ranking);
      ranking = answer.ranking || null;
      done = done.filter((old) => old.outputId !== null || old.feedback_id === idOf(ranking));
    }
  }

  function retry() {
    failed = false;
    queue.forEach((act) => {
      act.attempts = 0;
      note(act, "saving", T.saving);
      changed(act);
    });
    pump();
  }

  window.addEventListener("online", () => {
    if (failed && element.isConnected) retry();
  });
  window.addEventListener("beforeunload", (event) => {
    if (queue.length && element.isConnected) event.preventDefault();
  });

  return {
    shown,
    shownRanking,
    learn,
    reset,
    add,
    undo,
    clear,
    retry,
    notes,
    hasFailed: () => failed,
    canUndo: () => done.length > 0 || queue.length > 0,
  };
}

// ---- the acts themselves -------------------------------------------------------------------------------------------

function rateAct(log, outputId, field, value) {
  const apply = (f) => ({ ...f, rating: { ...NO_RATING, ...f.rating, [field]: value } });
  const empty = value === null || value === "";
  const payload = empty
    ? { act: "clear", output_id: outputId, fields: [field] }
    : { act: "rate", output_id: outputId, [field]: value };
  // each mark is an act of its own, that one Z takes back; half-typed stars and words are one
  return log.add(outputId, payload, apply, "rate:" + field + (field === "spans" ? newId() : ""));
}

function editAct(log, outputId, text) {
  return log.add(
    outputId,
    { act: "edit", output_id: outputId, text },
    (f) => ({ ...f, edit: { feedback_id: null, ...f.edit, text } }),
    "edit",
  );
}

function rankAct(log, groups) {
  return log.add(null, { act: "rank", groups }, () => ({ feedback_id: null, groups }), "rank");
}
