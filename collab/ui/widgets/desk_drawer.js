// What opens over the buttons without covering what is judged: a comment, a reason to skip, a note to flag with.
function deskDrawer(desk) {
  const panel = h("div", { class: "dk-drawer-panel" });
  const node = h("div", { class: "dk-drawer", hidden: true }, panel);
  let mode = null; // "comment" | "after" | "skip" | "flag"
  let comment = ""; // to the item on the screen
  let keys = () => false;

  function open(name, label, children, focusOn) {
    mode = name;
    keys = () => false;
    panel.replaceChildren(...children);
    setAttr(panel, "role", "group");
    setAttr(panel, "aria-label", label);
    setAttr(node, "data-mode", name);
    show(node, true);
    focusOn.focus({ preventScroll: true });
    desk.drawn();
  }

  function close(focus = true) {
    if (!mode) return false;
    mode = null;
    keys = () => false;
    show(node, false);
    desk.drawn();
    if (focus) desk.focusStage();
    return true;
  }

  function box(label, hint, value, { rows = 2, oninput = () => {}, done }) {
    const area = h("textarea", { class: "dk-input", rows, dir: "auto", maxlength: 4000, "aria-label": label, value });
    area.addEventListener("input", () => oninput(area.value));
    area.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey))) {
        event.preventDefault();
        event.stopPropagation();
        if (event.key === "Escape") close();
        else done(area.value.trim());
      }
    });
    const head = h(
      "div",
      { class: "dk-drawer-head" },
      h("span", { class: "cb-caption", text: label }),
      h("span", { class: "cb-muted cb-desktop", text: hint }),
      iconButton("close", T.close, () => close()),
    );
    return { area, head };
  }

  function openComment() {
    if (mode === "comment") return close();
    const { area, head } = box(T.comment, T.desk_comment_hint, comment, {
      oninput(text) {
        comment = text;
        desk.changed();
      },
      done: () => close(),
    });
    area.placeholder = T.desk_comment_placeholder;
    open("comment", T.comment, [head, area], area);
  }

  // to the answer that was just given
  function openAfter(answer) {
    const save = (text) => {
      close();
      desk.amend(text);
    };
    const { area, head } = box(T.desk_comment_after, T.desk_save_hint, answer.comment || "", { done: save });
    const button = textButton(T.save, () => save(area.value.trim()), { class: "cb-primary" });
    open("after", T.desk_comment_after, [head, area, h("div", { class: "cb-row" }, button)], area);
  }

  function openSkip() {
    if (mode === "skip") return close();
    const reasons = T.desk_skip_reasons;
    const buttons = reasons.map(([reason, words], i) =>
      choiceButton(null, words, "dk-option", () => choose(reason), keyHint(i + 1), h("span", { text: words })),
    );
    const { area, head } = box(T.desk_skip_label, T.desk_skip_hint, "", {
      rows: 1,
      done: (text) => text && skip(text),
    });
    area.placeholder = T.desk_skip_other;
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing || event.defaultPrevented) return;
      event.preventDefault();
      if (area.value.trim()) skip(area.value.trim());
    });
    const send = textButton(T.desk_skip, () => skip(area.value.trim() || "other"), { class: "cb-primary" });
    const other = h("div", { class: "dk-drawer-other", hidden: true }, area, send);

    function choose(reason) {
      if (reason !== "other") return skip(reason);
      show(other, true);
      area.focus({ preventScroll: true });
    }
    function skip(reason) {
      close();
      desk.skip(reason);
    }
    open("skip", T.desk_skip_label, [head, h("div", { class: "dk-choices" }, ...buttons), other], panelFocus());
    keys = (key) => {
      if (!/^[1-9]$/.test(key) || Number(key) > reasons.length) return false;
      choose(reasons[Number(key) - 1][0]);
      return true;
    };
  }

  function panelFocus() {
    panel.tabIndex = -1;
    return panel;
  }

  function openFlag() {
    if (mode === "flag") return close();
    const flag = (text) => {
      if (!text) return area.focus(); // a flag without a word helps nobody
      close();
      desk.flag(text);
    };
    const { area, head } = box(T.desk_flag_label, T.desk_flag_hint, "", { done: flag });
    area.placeholder = T.desk_flag_placeholder;
    const button = textButton(T.desk_flag, () => flag(area.value.trim()), { class: "cb-primary" });
    open("flag", T.desk_flag_label, [head, area, h("div", { class: "cb-row" }, button)], area);
  }

  return {
    node,
    openComment,
    openAfter,
    openSkip,
    openFlag,
    close,
    // all keys belong to an open list of reasons; elsewhere the box that is open has the focus
    key: (key) => keys(key),
    mode: () => mode,
    comment: () => comment.trim(),
    setComment(text) {
      comment = text || "";
    },
  };
}
