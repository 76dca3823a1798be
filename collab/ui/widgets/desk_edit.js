// One output to be put right: a big box with the text, and beside it the difference from what it was, as one types.
function editSurface(item, desk) {
  const option = item.task.options[0];
  const original = option.text || "";
  const area = h("textarea", {
    class: "dk-input dk-edit-area",
    dir: "auto",
    spellcheck: "true",
    "aria-label": T.desk_edit_label,
  });
  const diff = h("div", { class: "cb-text dk-text", dir: "auto" });
  const counts = h("span", { class: "cb-muted dk-counts", role: "status" });
  const revert = textButton(T.desk_edit_revert, () => write(original), { class: "cb-quiet dk-revert" }, "undo");
  const send = actButton(T.desk_send, "", T.desk_ctrl_enter, submit, { class: "dk-primary" });
  const fine = actButton(T.desk_fine, "", "", () => desk.send({ text: original }));
  const paneOf = (name, title, extra, body) =>
    h(
      "section",
      { class: "dk-pane " + name, "aria-label": title },
      h("div", { class: "dk-pane-head" }, h("span", { class: "cb-caption", text: title }), ...extra),
      body,
    );
  const node = h(
    "div",
    { class: "dk-panes dk-edit", "data-count": 2, "data-modality": "text" },
    paneOf("dk-pane-write", T.desk_edit_label, [revert], area),
    paneOf("dk-pane-diff", T.desk_edit_diff, [counts], h("div", { class: "dk-scroll", tabindex: "0" }, diff)),
  );
  let timer = null;
  let asked = false; // whether an unchanged text has been asked about

  function compare() {
    clearTimeout(timer);
    const runs = diffWords(original, area.value);
    renderDiff(diff, runs);
    setText(counts, area.value === original ? T.edit_same : fill(T.diff_counts, countChanges(runs)));
    show(revert, area.value !== original);
    setAttr(send, "aria-disabled", String(area.value === original || !area.value.trim()));
  }

  function write(text) {
    area.value = text;
    asked = false;
    compare();
    desk.changed();
  }

  function submit() {
    if (!area.value.trim()) return desk.say(T.desk_edit_empty);
    if (area.value === original && !asked) {
      asked = true;
      return desk.say(T.desk_edit_unchanged);
    }
    desk.send({ text: area.value });
  }

  area.addEventListener("input", () => {
    asked = false;
    clearTimeout(timer);
    timer = setTimeout(compare, original.length > 6000 ? 150 : 20);
    desk.changed();
  });
  area.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      submit();
    }
    if (event.key === "Escape") {
      event.stopPropagation();
      desk.focusStage(); // out of the box, so that the keys work
    }
  });

  write((item.draft || item.said || { text: original }).text);
  return {
    node,
    bar: h("div", { class: "dk-acts dk-acts-edit" }, fine, send),
    zoom: null,
    scroll: () => false,
    enter: () => area.focus(),
    key: () => false,
    glow: () => flash(send),
    focus: matchMedia("(hover: hover)").matches ? () => area.focus({ preventScroll: true }) : null,
    isDirty: () => area.value !== original,
    state: () => (area.value !== original ? { text: area.value } : null),
    isUnchanged: (answer) => answer.text === original,
  };
}
