// Correcting a text in place: the box, and under it the difference from the original as one types.
function textEditor({ number, original, start, onsave, oncontinue, oncancel, ontyping }) {
  const area = h("textarea", {
    class: "cb-edit-area",
    dir: "auto",
    spellcheck: true,
    value: start,
    "aria-label": fill(T.edit_label, { number }),
  });
  const diff = scrolls(h("div", { class: "cb-text cb-diff", dir: "auto", translate: "no" }));
  const counts = h("span", { class: "cb-muted" });
  const save = textButton(T.save, () => commit(), { class: "cb-primary", title: "Ctrl+Enter" });
  const count = oncontinue && countChoice(T.continue_count);
  const goOn = oncontinue && textButton(T.continue_here, () => carryOn(), { title: T.continue_hint }, "spark");
  const cancel = textButton(T.cancel, () => leave(), { title: "Esc" });
  const node = h(
    "div",
    { class: "cb-editor" },
    area,
    h("div", { class: "cb-editor-caption" }, h("span", { class: "cb-caption", text: T.edit_diff }), counts),
    diff,
    h("div", { class: "cb-row" }, save, cancel, goOn && h("span", { class: "cb-row cb-continue" }, goOn, count.node)),
  );
  let timer = null;

  function compare() {
    const runs = diffWords(original, area.value);
    const changes = countChanges(runs);
    renderDiff(diff, runs);
    const same = area.value === original;
    show(diff, !same);
    setText(counts, same ? T.edit_same : fill(T.diff_counts, changes));
    save.disabled = area.value === start;
  }

  function fit() {
    area.style.height = "auto";
    area.style.height = Math.min(area.scrollHeight + 2, window.innerHeight * 0.5) + "px";
  }

  function commit() {
    if (area.value === start) leave();
    else onsave(area.value);
  }

  // from the caret, where there is one within the text; else from the end
  function carryOn() {
    const caret = area.selectionEnd > 0 ? area.selectionEnd : area.value.length;
    const prefix = area.value.slice(0, caret);
    if (prefix.trim()) oncontinue(area.value, prefix, count.value());
    else area.focus();
  }

  function leave() {
    if (area.value !== start && !window.confirm(T.discard)) return area.focus();
    return oncancel();
  }

  area.addEventListener("input", () => {
    fit();
    save.disabled = area.value === start;
    ontyping(area.value);
    clearTimeout(timer);
    timer = setTimeout(compare, original.length > 6000 ? 150 : 30);
  });
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.shiftKey && (event.ctrlKey || event.metaKey) && oncontinue) {
      event.preventDefault();
      event.stopPropagation();
      return carryOn();
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      event.stopPropagation();
      commit();
    }
    if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault();
      event.stopPropagation();
      leave();
    }
  });
  compare();
  return {
    node,
    focus: () => {
      fit();
      area.focus({ preventScroll: true });
    },
    isDirty: () => area.value !== start,
    fill: (text) => {
      area.value = text;
      fit();
      compare();
    },
  };
}
