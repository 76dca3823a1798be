// What can be done with a text beside judging it: mark places in it, look into it, go on from it, reply to it; and on
// the board the conversation before it and the tree of what came of it.
function textTools({ board, number, id, body, now, feedback, rate, card, isOpen, isFree, redraw }) {
  const text = () => now().text || "";
  const rating = () => feedback().rating || NO_RATING;
  const marker = spanMarker({
    number,
    body,
    text,
    isOpen,
    spans: () => rating().spans || [],
    save: (spans) => rate("spans", spans.length ? spans : null),
    say: (words) => board.say(words),
  });
  const why = iconButton("why", fill(T.explain_label, { number }), () => explain(), { "aria-expanded": "false" });
  const answer = iconButton("reply", fill(T.reply_label, { number }), () => reply(), { "aria-expanded": "false" });
  const list = h("div", { class: "cb-span-box" }, marker.list);
  let panel = null; // explain
  let form = null; // reply

  function explain() {
    if (panel) return close();
    if (!isFree()) return;
    close();
    panel = explainPanel({
      number,
      ask: () => server.act({ act: "explain", output_id: id, edited: !!feedback().edit }).catch(() => null),
      branch: (prefix) => carryOn(null, prefix, 1),
      close: () => {
        close();
        why.focus({ preventScroll: true });
      },
    });
    body.node.after(panel.node);
    setAttr(why, "aria-expanded", "true");
    redraw();
  }

  function reply() {
    if (form) return close();
    if (!isFree()) return;
    close();
    form = replyForm({
      number,
      start: drafts.get("reply", id) || "",
      ontyping: (words) => drafts.set("reply", id, words),
      onsend: (words, count) => {
        drafts.drop("reply", id);
        close();
        trigger("reply", { output_id: id, text: words, count });
      },
      oncancel: () => {
        close();
        answer.focus({ preventScroll: true });
      },
    });
    list.after(form.node);
    setAttr(answer, "aria-expanded", "true");
    form.focus();
  }

  function close() {
    const explained = panel;
    if (panel) panel.node.remove();
    if (form) form.node.remove();
    panel = form = null;
    setAttr(why, "aria-expanded", "false");
    setAttr(answer, "aria-expanded", "false");
    if (explained) redraw();
  }

  // edited: the whole text as its person left it, or null. It is a correction where it still ends as the text did; what
  // has lost its ending is the beginning of another text, which the continuation keeps, and a draft keeps the rest.
  function carryOn(edited, prefix, count) {
    const saved = feedback().edit ? feedback().edit.text : text();
    if (edited !== null && edited !== saved) {
      const words = diffWords(saved, edited).filter(([, run]) => run.trim());
      if (words.length && words[words.length - 1][0] === "same") editAct(board.log, id, edited);
      else if (prefix !== edited) drafts.set("edit", id, edited);
    }
    close();
    trigger("branch", { output_id: id, prefix, count });
    board.say(T.continuing);
  }

  return {
    buttons: [why, answer],
    list,
    explain,
    reply,
    close,
    carryOn,
    mark: () => marker.enter(),
    markSelected: (label) => marker.mark(label),
    isSelected: () => marker.isSelected(),
    isExplaining: () => !!panel,
    update(ratable) {
      for (const button of [why, answer]) button.disabled = !ratable;
      marker.update(ratable);
    },
  };
}

// The turns before what is on the board, and the tree of branches it belongs to.
function boardTalk(board) {
  const thread = h("div", { class: "cb-thread-place", hidden: true });
  const tree = branchTree({
    go: (generationId) => {
      if (board.value && generationId !== board.value.generation_id) trigger("show", { generation_id: generationId });
    },
    best: (groups) => act({ act: "rank", groups }),
    unbest: (id) => act({ act: "undo", feedback_id: id }),
  });
  let shown = null; // the generation whose turns are shown
  let asked = ""; // what the tree was last asked for

  async function act(payload) {
    const answer = await server.act({ request_id: newId(), ...payload }).catch(() => null);
    board.say(answer && answer.ok ? fill(payload.act === "undo" ? T.undone : T.saved, { time: savedTime(answer.saved_at) }) :
      (answer && answer.error) || T.not_saved); // prettier-ignore
    asked = "";
    update();
  }

  async function ask(generationId) {
    const answer = await server.act({ act: "branches", generation_id: generationId }).catch(() => null);
    if (board.value && board.value.generation_id === generationId && answer && answer.ok) tree.update(answer);
  }

  function update() {
    const value = board.value;
    if (!value || value.modality !== "text") return reset();
    if (shown !== value.generation_id) {
      shown = value.generation_id;
      const view = threadView(value.messages, value.asked);
      thread.replaceChildren(...(view ? [view] : []));
      show(thread, !!view);
    }
    // again when it has ended, and after each act that the tree tells of
    const said = [...(value.outputs || []).map((output) => output.output_id), "ranking"].map((id) => board.log.notes.get(id));
    if (said.some((note) => note && ["saving", "retrying"].includes(note.state))) return;
    const key = JSON.stringify([value.generation_id, value.status, said]);
    if (key === asked || !OVER.concat("queued").includes(value.status)) return;
    asked = key;
    ask(value.generation_id);
  }

  function reset() {
    shown = null;
    asked = "";
    thread.replaceChildren();
    show(thread, false);
    tree.update(null);
  }

  return { thread, tree: tree.node, update, reset };
}
