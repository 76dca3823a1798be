// The acts of an annotator on their way to the server: sent one at a time, in order, and again with the same request_id
// until they are answered; what is unsent survives a reload of the tab. Knows nothing of studies or of what is drawn.
const ACT_LIMIT_MS = 20000;
const ACT_AGAIN_MS = [600, 2000, 6000];
const STUCK_MS = 15000;
const REMEMBERED = 100; // answers that Z finds again without asking which one it was

// told: accepted(act, reply), refused(act, error), changed(), idle(). An act is {kind, item, body, counts,
// request_id}; counts: by how much it changes the number of answers.
function deskOutbox(send, told) {
  let queue = unsentActs();
  let running = null;
  let stuck = false;

  // One call; null where the network, the server or patience failed.
  async function ask(payload) {
    let timer = null;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, ACT_LIMIT_MS);
    });
    try {
      const reply = await Promise.race([send(payload), late]);
      return reply && typeof reply === "object" ? reply : null;
    } catch (error) {
      console.warn("not sent", error);
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  function add(kind, item, body = {}, counts = 0) {
    queue.push({ kind, item, body, counts, request_id: newId(), attempts: 0, sending: false });
    keep();
    told.changed();
    pump();
  }

  function remove(unwanted) {
    queue = queue.filter((act) => !unwanted(act));
    keep();
  }

  function payload({ kind, item, body, request_id }) {
    const task_id = item.task.task_id;
    if (kind === "answer") return { act: kind, task_id, answer: { ...body, request_id } };
    return { act: kind, task_id, ...body, request_id };
  }

  function pump() {
    running ??= deliver().finally(() => {
      running = null;
      told.idle();
    });
    return running;
  }

  async function deliver() {
    while (queue.length && !stuck) {
      const act = queue[0];
      act.sending = true;
      const reply = await ask(payload(act));
      act.sending = false;
      if (reply) {
        remove((other) => other === act);
        if (reply.ok) told.accepted(act, reply);
        else told.refused(act, reply.error || T.refused_unknown);
      } else if (act.attempts < ACT_AGAIN_MS.length) {
        await new Promise((resolve) => setTimeout(resolve, ACT_AGAIN_MS[act.attempts++]));
      } else {
        stuck = true;
        setTimeout(() => element.isConnected && stuck && retry(), STUCK_MS);
      }
      told.changed();
    }
  }

  function retry() {
    stuck = false;
    told.changed();
    pump();
  }

  // ---- what a reload must not lose ------------------------------------------------------------

  function keep() {
    const kept = queue.filter((act) => act.kind !== "reveal");
    const plain = kept.map(({ item, sending, ...act }) => ({ ...act, task_id: item.task.task_id }));
    if (plain.length) drafts.set("desk", "unsent", JSON.stringify(plain));
    else drafts.drop("desk", "unsent");
  }

  function unsentActs() {
    const items = new Map();
    return JSON.parse(drafts.get("desk", "unsent") || "[]").map(({ task_id, ...act }) => {
      if (!items.has(task_id)) items.set(task_id, { task: { task_id }, restored: true });
      return { ...act, attempts: 0, sending: false, item: items.get(task_id) };
    });
  }

  window.addEventListener("online", () => element.isConnected && stuck && retry());
  window.addEventListener("beforeunload", (event) => {
    if (queue.length && element.isConnected) event.preventDefault();
  });

  return { ask, add, remove, pump, retry, acts: () => queue, isStuck: () => stuck };
}

// Which tasks this tab has answered, so that Z still finds them after a reload
const remembered = {
  list: (studyId) => JSON.parse(drafts.get("desk-answered", studyId) || "[]"),
  keep: (studyId, ids) => drafts.set("desk-answered", studyId, JSON.stringify(ids.slice(-REMEMBERED))),
  drop: (studyId, id) =>
    remembered.keep(
      studyId,
      remembered.list(studyId).filter((other) => other !== id),
    ),
  add(studyId, id) {
    remembered.drop(studyId, id);
    remembered.keep(studyId, [...remembered.list(studyId), id]);
  },
};
