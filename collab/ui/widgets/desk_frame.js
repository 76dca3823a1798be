// What stands around the item: above, how far one is; below, the tools and what was last said. Draws, decides nothing.
Object.assign(ICONS, {
  flag: ["M6 21V4", "M6 4.5h11.5l-2.5 4 2.5 4H6"],
  skip: ["M5 5l8 7-8 7z", "M18.5 5v14"],
  eye: [
    "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z",
    "M12 9.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6z",
  ],
  book: ["M12 6.5C10 5 7 4.5 3.5 4.5v14c3.5 0 6.5.5 8.5 2 2-1.5 5-2 8.5-2v-14c-3.5 0-6.5.5-8.5 2z", "M12 6.5v14"],
});

function deskHead({ back, guidelines, keys }) {
  const backButton = iconButton("left", T.desk_all_studies, back, { class: "dk-back" });
  const title = h("span", { class: "dk-title cb-muted", dir: "auto", translate: "no" });
  const count = h("span", { class: "dk-count" });
  const bar = progressBar(0, null);
  const pace = h("span", { class: "dk-pace cb-muted" });
  const tools = h(
    "div",
    { class: "cb-row dk-head-tools" },
    iconButton("book", T.desk_guidelines, guidelines, { title: T.desk_guidelines + " (G)" }),
    iconButton("keyboard", T.keys_label, keys, { class: "cb-desktop", title: T.keys_label + " (?)" }),
  );
  const node = h(
    "header",
    { class: "dk-head" },
    h("div", { class: "dk-head-name" }, backButton, title),
    h("div", { class: "dk-head-progress" }, pace, count, bar.node),
    tools,
  );
  return {
    node,
    update({ study, progress, pace_s, hasList }) {
      show(backButton, hasList);
      setText(title, (study && study.title) || "");
      const { answered, of, atMost } = progress;
      setText(count, of && !atMost ? `${answered} / ${of}` : answeredWords(answered, of, atMost));
      show(count, !!study);
      show(tools, !!study);
      bar.update(answered, study ? of : null);
      setText(pace, pace_s === null ? "" : fill(T.desk_pace, { seconds: paceWords(pace_s) }));
      setAttr(pace, "title", pace_s === null ? null : T.desk_pace_hint);
    },
  };
}

function toolButton(name, label, key, onclick) {
  return h(
    "button",
    {
      type: "button",
      class: "cb-btn cb-quiet dk-tool",
      title: `${label} (${key})`,
      "aria-label": label,
      "aria-keyshortcuts": key,
      onclick,
    },
    icon(name),
    h("span", { class: "dk-tool-label", text: label }),
    h("kbd", { class: "dk-kbd", "aria-hidden": "true", text: key }),
  );
}

function deskFoot({ comment, skip, flag, undo, marks, reveal, retry, after }) {
  const tools = {
    comment: toolButton("comment", T.comment, "C", comment),
    skip: toolButton("skip", T.desk_skip, "S", skip),
    flag: toolButton("flag", T.desk_flag, "F", flag),
    undo: toolButton("undo", T.undo, "Z", undo),
    marks: toolButton("text", T.desk_marks, "M", marks),
  };
  const said = h("span", { class: "dk-said", dir: "auto" });
  const arms = h("span", { class: "dk-arms", dir: "auto" });
  const note = h("span", { class: "dk-note" });
  const heard = h("span", { class: "cb-offscreen", role: "status" }); // the note, without every “saving …”
  const again = h("button", { type: "button", class: "cb-link dk-retry", onclick: retry, text: T.retry });
  const revealButton = h(
    "button",
    { type: "button", class: "cb-btn cb-quiet dk-tool dk-reveal", title: T.desk_reveal_hint, onclick: reveal },
    icon("eye"),
    h("span", { text: T.desk_reveal }),
    keyHint("R"),
  );
  const afterButton = iconButton("comment", T.desk_comment_after, after, { class: "dk-after" });
  const strip = h(
    "div",
    { class: "dk-last" },
    h("span", { class: "dk-last-words" }, said, arms, note),
    heard,
    again,
    afterButton,
    revealButton,
  );
  const toolRow = h("div", { class: "dk-tools" }, ...Object.values(tools));
  return {
    node: h("div", { class: "dk-foot" }, toolRow, strip),
    update({ last, words, noteNow, isStuck, reveals, canUndo, hasItem, commented, drawer, marked }) {
      const locked = !!last && last.locked;
      for (const name of ["comment", "skip", "flag"]) show(tools[name], hasItem);
      tools.undo.disabled = !canUndo;
      show(tools.undo, hasItem || canUndo);
      show(tools.marks, marked !== null);
      setAttr(tools.marks, "aria-pressed", marked === null ? null : String(marked));
      tools.comment.classList.toggle("dk-has", commented);
      for (const name of ["comment", "skip", "flag"]) setAttr(tools[name], "aria-expanded", String(drawer === name));
      setText(said, words);
      const named = last && last.arms ? Object.entries(last.arms) : [];
      setText(arms, named.map(([label, name]) => fill(T.desk_was, { label, name })).join(" · "));
      const state = isStuck ? "failed" : noteNow ? noteNow.state : "";
      setText(note, locked && named.length ? T.desk_locked : isStuck ? T.not_saved : noteNow ? noteNow.text : "");
      setAttr(note, "data-state", state || null);
      if (state !== "saving") setText(heard, note.textContent);
      show(again, isStuck || (!!last && !!last.refused));
      show(afterButton, !!last && !locked && !isStuck);
      afterButton.classList.toggle("dk-has", !!last && !!(last.answer && last.answer.comment));
      show(revealButton, reveals && !!last && !locked && !last.refused && !isStuck);
    },
  };
}

// What was said, in a few words
function saidWords(item, answer) {
  const { task } = item.task;
  if (task === "compare") return comparisonWords(answer);
  if (task === "rank") return rankingWords(answer);
  if (task === "edit") return answer.text === (item.task.options[0].text || "") ? T.desk_said_fine : T.desk_said_edit;
  return T.desk_said_rate;
}
