// One output: what was made, its feedback controls and its buttons. update() patches in place, so that focus,
// selection, an open editor and a half-typed comment survive the ten updates a second of a running generation.
function outputCard(board, output) {
  const id = output.output_id;
  const number = output.position + 1;
  const isImage = board.value.modality === "image";
  let now = output;
  let feedback = NO_FEEDBACK;
  let editor = null;
  let view = null; // "original" | "edited" | "diff"; null: edited where there is one
  let ratable = false;

  const rate = (field, value) => {
    if (ratable) rateAct(board.log, id, field, value);
  };
  const badge = h("span", { class: "cb-badge", hidden: true });
  const progressText = h("span", {});
  const progressSeconds = h("span", { class: "cb-seconds" }); // the first to go where a card is narrow
  const progress = h("span", { class: "cb-progress cb-muted" }, progressText, progressSeconds);
  const seed = h("button", {
    type: "button",
    class: "cb-seed cb-muted",
    hidden: true,
    onclick: () => copied(String(now.seed)),
  });
  const head = h(
    "div",
    { class: "cb-head" },
    h("span", { class: "cb-number", "aria-hidden": "true", text: number }),
    badge,
    seed,
    progress,
  );
  const bar = h("div", { class: "cb-bar", "aria-hidden": "true" }, h("div", { class: "cb-bar-fill" }));
  const body = isImage ? imageBody(board, number, () => zoom()) : textBody(number);
  const views = viewSwitch(number, (choice) => {
    view = choice;
    redraw();
  });

  const stars = starsControl(number, rate);
  const thumbs = thumbsControl(rate);
  const tags = tagsControl(rate);
  const comment = commentControl(number, rate, id);
  const aspects = (board.value.aspects || []).map((name) => [
    name,
    aspectControl(name, (score) => {
      const all = { ...(feedback.rating || NO_RATING).aspects, [name]: score };
      if (score === null) delete all[name];
      rate("aspects", all);
    }),
  ]);
  const panel = h(
    "div",
    {
      class: "cb-panel",
      hidden: true,
      id: "cb-panel-" + id,
      role: "group",
      "aria-label": fill(T.details_label, { number }),
    },
    aspects.length > 0 && h("div", { class: "cb-aspects" }, ...aspects.map(([, control]) => control.node)),
    comment.node,
  );
  const details = h(
    "button",
    {
      type: "button",
      class: "cb-btn cb-quiet cb-details",
      "aria-expanded": "false",
      "aria-controls": panel.id,
      onclick: () => openDetails(panel.hidden),
    },
    h("span", { text: T.details }),
    icon("chevron"),
  );
  const said = h("button", {
    type: "button",
    class: "cb-said",
    dir: "auto",
    hidden: true,
    title: T.comment_edit,
    onclick: () => openDetails(true, true),
  });

  const best = iconButton("crown", fill(T.best_label, { number }), () => board.markBest(id), { class: "cb-best" });
  const edit = iconButton("pencil", isImage ? T.pe_open : T.edit, () => startEdit());
  const texts = isImage ? null : textTools({ board, number, id, body, now: () => now, feedback: () => feedback, rate,
    card: () => node, isOpen: () => ratable && !editor && !(feedback.edit && view !== "original"), redraw: () => redraw(),
    isFree: () => ratable && !editor }); // prettier-ignore
  const before = isImage && pictureComparison(number);
  const copy = !isImage && iconButton("copy", T.copy_text, () => copied(shownText()));
  const download = isImage && h("a", { class: "cb-iconbtn" }, icon("download"));
  const lock = iconButton("lock", T.lock_seed, () => {
    trigger("lockseed", { seed: now.seed, output_id: id });
    board.say(fill(T.seed_kept, { seed: now.seed }));
  });
  // what an earlier visit of this tab left half typed
  const draftText = h("span", {});
  const draft = h(
    "div",
    { class: "cb-draft", hidden: true },
    draftText,
    h("button", { type: "button", class: "cb-link", onclick: () => continueDraft(), text: T.draft_continue }),
    h("button", { type: "button", class: "cb-link", onclick: () => discardDraft(), text: T.draft_discard }),
  );
  const noteText = h("span", {});
  const retry = h("button", {
    type: "button",
    class: "cb-link",
    hidden: true,
    onclick: () => board.log.retry(),
    text: T.retry,
  });
  const note = h("span", { class: "cb-note" }, noteText, retry);
  const foot = h(
    "div",
    { class: "cb-foot" },
    h("div", { class: "cb-row cb-rate" }, stars.node, thumbs.node),
    h(
      "div",
      { class: "cb-row cb-tools" },
      best,
      before && before.button,
      edit,
      ...(texts ? texts.buttons : []),
      copy,
      download,
      lock,
    ),
    texts && texts.list,
    tags.node,
    said,
    details,
    note,
    panel,
  );
  const node = h(
    "article",
    { class: "cb-card", tabindex: "0", role: "group", "aria-label": fill(T.card_label, { number }), "data-output": id },
    head,
    bar,
    views.node,
    body.node,
    before && before.node,
    draft,
    foot,
  );

  node.addEventListener("focusin", () => board.setCurrent(id));
  node.addEventListener("pointerdown", () => board.setCurrent(id));
  node.addEventListener("click", (event) => {
    if (!board.ordering() || event.target.closest("button, a, input, textarea, .cb-foot")) return;
    board.place(id);
  });

  if (before) before.onchange(() => redraw());

  function shownText() {
    return feedback.edit && view !== "original" ? feedback.edit.text : now.text || "";
  }

  async function copied(text) {
    board.say((await copyText(text)) ? T.copied : T.copy_failed, id);
  }

  function openDetails(yes, toComment = false) {
    show(panel, yes);
    setAttr(details, "aria-expanded", String(yes));
    if (yes && toComment) comment.area.focus();
  }

  function zoom() {
    if (board.ordering()) return board.place(id);
    return board.zoom(id);
  }

  // the draft that differs from what is saved, as [kind, text]
  function findDraft() {
    const edited = isImage ? null : drafts.get("edit", id);
    if (edited !== null && edited !== (feedback.edit ? feedback.edit.text : now.text || "")) return ["edit", edited];
    const said = drafts.get("comment", id);
    if (said !== null && said.trim() !== ((feedback.rating || NO_RATING).comment || "")) return ["comment", said];
    return null;
  }

  function continueDraft() {
    const found = findDraft();
    if (found && found[0] === "edit") return startEdit();
    if (found) {
      openDetails(true, true);
      comment.area.value = found[1];
    }
    return redraw();
  }

  function discardDraft() {
    const found = findDraft();
    if (found) drafts.drop(found[0], id);
    redraw();
    node.focus({ preventScroll: true });
  }

  function startEdit() {
    if (isImage && ratable) editPicture(id, board.pictureHost(id));
    if (isImage || editor || !ratable) return;
    texts.close();
    const kept = findDraft();
    editor = textEditor({
      number,
      original: now.text || "",
      start: feedback.edit ? feedback.edit.text : now.text || "",
      oncancel: endEdit,
      ontyping: (text) => drafts.set("edit", id, text),
      oncontinue: (text, prefix, count) => {
        endEdit();
        texts.carryOn(text, prefix, count);
      },
      onsave: (text) => {
        endEdit();
        view = null;
        if (text === (now.text || "")) return board.log.clear(id);
        const act = editAct(board.log, id, text);
        act.onrefused = () => {
          drafts.set("edit", id, text);
          startEdit();
        };
      },
    });
    if (kept && kept[0] === "edit") editor.fill(kept[1]);
    editor.node.style.minHeight = body.node.offsetHeight + "px";
    node.classList.add("cb-editing");
    body.node.after(editor.node);
    editor.focus();
    redraw();
  }

  function endEdit() {
    drafts.drop("edit", id);
    editor.node.remove();
    editor = null;
    node.classList.remove("cb-editing");
    redraw();
    edit.focus({ preventScroll: true });
  }

  function redraw() {
    const status = board.value.status;
    const over = ["done", "failed", "cancelled"].includes(status);
    const hasContent = isImage ? !!now.image_url : now.text !== null && now.text !== undefined && now.text !== "";
    const emptyAnswer = !isImage && now.text !== null && ["stop", "length"].includes(now.finish_reason);
    ratable = (!!now.finished || over) && (hasContent || emptyAnswer);
    const ended = over || !!now.finished;
    const running = !ended && status === "running";
    node.classList.toggle("cb-running", running);
    node.classList.toggle("cb-waiting", !ended && !hasContent && !now.preview);
    node.classList.toggle("cb-dead", ended && !ratable);
    node.classList.toggle("cb-live", board.sawRunning && !over);
    node.classList.toggle("cb-settled", over);
    node.classList.toggle("cb-watched", board.sawRunning);

    const hasSeed = now.seed !== null && now.seed !== undefined;
    show(seed, hasSeed);
    if (hasSeed) {
      setText(seed, fill(T.seed, { seed: now.seed }));
      setAttr(seed, "aria-label", fill(T.copy_seed, { seed: now.seed }));
      setAttr(seed, "title", fill(T.copy_seed, { seed: now.seed }));
    }
    const words = progressWords(now, status, ratable);
    const seconds = ratable && now.seconds > 0 ? fill(T.seconds, { seconds: now.seconds.toFixed(1) }) : "";
    setText(progressText, words);
    setText(progressSeconds, seconds && words ? " · " + seconds : seconds);
    setAttr(progress, "title", [words, seconds].filter(Boolean).join(" · "));
    const share = now.steps > 0 ? Math.min(1, (now.step || 0) / now.steps) : 0;
    bar.firstChild.style.transform = "scaleX(" + (running ? share : 0) + ")";

    const edited = feedback.edit && !isImage;
    show(views.node, !!edited && !editor);
    views.update(view || "edited");
    show(body.node, !editor && !(texts && texts.isExplaining()));
    const compared = before && before.update(comparison(now, feedback.edit, board.value.parent), !!feedback.edit);
    if (before) show(body.node, !compared);
    const lost = ended && !ratable && (status === "failed" ? T.picture_failed : T.picture_stopped);
    if (isImage) body.update(now, running, lost || "");
    else
      body.update(now.text || "", edited ? feedback.edit.text : null, edited ? view || "edited" : "original", {
        running,
        over: ended,
        prefix: board.value.prefix || "",
        spans: (feedback.rating && feedback.rating.spans) || [],
      });
    if (texts) texts.update(ratable);
    if (download) {
      show(download, !!now.image_url);
      if (now.image_url) pointDownload(download, now, compared ? feedback.edit : null);
    }

    const rating = feedback.rating || NO_RATING;
    stars.update(rating.score, ratable);
    thumbs.update(rating.thumb, ratable);
    tags.update(rating.tags, board.value.tags, ratable);
    aspects.forEach(([name, control]) => control.update((rating.aspects || {})[name], ratable));
    comment.update(rating.comment, ratable);
    const found = ratable && !editor && !comment.isDirty() && findDraft();
    show(draft, !!found);
    if (found) setText(draftText, found[0] === "edit" ? T.draft_edit : T.draft_comment);
    show(said, !!rating.comment && panel.hidden);
    setText(said, rating.comment || "");
    for (const button of [edit, copy, lock, details]) if (button) button.disabled = !ratable;

    const said_ = board.log.notes.get(id);
    setText(noteText, said_ ? said_.text : "");
    setAttr(note, "data-state", said_ ? said_.state : null);
    show(retry, !!said_ && said_.state === "failed");
  }

  function setRank(text, first) {
    show(best, (board.value.outputs || []).length > 1);
    best.disabled = !ratable || !board.canRank();
    show(badge, !!text);
    setText(badge, text || "");
    node.classList.toggle("cb-first", first);
    setAttr(best, "aria-pressed", String(first));
    setAttr(node, "aria-label", fill(T.card_label, { number }) + (text ? ", " + text : ""));
  }

  return {
    id,
    node,
    number,
    setRank,
    stars,
    thumbs,
    startEdit,
    openComment: () => openDetails(true, true),
    isRatable: () => ratable,
    isEditing: () => !!editor,
    texts,
    isDirty: () => (!!editor && editor.isDirty()) || comment.isDirty(),
    flush: () => comment.commit(),
    output: () => now,
    closeDetails: () => openDetails(false),
    update(next, nextFeedback) {
      now = next;
      feedback = nextFeedback;
      redraw();
    },
  };
}

function progressWords(output, status, ratable) {
  if (!ratable) {
    if (status === "failed" || output.finish_reason === "error") return T.failed_card;
    if (status === "cancelled" || status === "done" || output.finished) return T.stopped;
    if (output.steps > 0 && output.step > 0) return fill(T.step, output);
    if (output.tokens > 0 && output.seconds > 0) {
      return fill(T.tokens_per_s, { rate: Math.round(output.tokens / output.seconds) });
    }
    return status === "queued" || !output.tokens ? T.waiting_card : "";
  }
  const words = [];
  if (["cancelled", "stopped"].includes(output.finish_reason) || (status === "cancelled" && !output.finish_reason)) {
    words.push(T.stopped);
  }
  if (output.finish_reason === "length") words.push(T.cut_at_limit);
  if (output.tokens > 0) words.push(fill(T.tokens, { count: output.tokens }));
  return words.join(" · ");
}

function viewSwitch(number, choose) {
  const names = ["original", "edited", "diff"];
  const labels = { original: T.view_original, edited: T.view_edited, diff: T.view_diff };
  const buttons = names.map((name) =>
    h("button", {
      type: "button",
      role: "radio",
      class: "cb-segment",
      onclick: () => choose(name),
      text: labels[name],
    }),
  );
  const node = h(
    "div",
    { class: "cb-segments", role: "radiogroup", hidden: true, "aria-label": fill(T.view_label, { number }) },
    ...buttons,
  );
  roving(node, buttons, (i) => choose(names[i]));
  return {
    node,
    update(view) {
      buttons.forEach((button, i) => setAttr(button, "aria-checked", String(names[i] === view)));
      setRoving(buttons, names.indexOf(view));
    },
  };
}
