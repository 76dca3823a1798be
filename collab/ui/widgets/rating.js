// Stars, thumbs, tags, aspects and comment of one output. Each control says what it wants through `rate(field, value)`.
function starsControl(number, rate) {
  const buttons = [1, 2, 3, 4, 5].map((score) =>
    h(
      "button",
      {
        type: "button",
        class: "cb-star",
        role: "radio",
        "aria-label": fill(T.star, { score }),
        onclick: () => choose(score),
      },
      icon("star"),
    ),
  );
  const node = h(
    "div",
    { class: "cb-stars", role: "radiogroup", "aria-label": fill(T.stars_label, { number }) },
    ...buttons,
  );
  let now = null;
  const choose = (score) => rate("score", score === now ? null : score);
  roving(node, buttons, (i) => rate("score", i + 1));
  buttons.forEach((button, i) => {
    button.addEventListener("pointerenter", () => mark(i + 1, true));
    button.addEventListener("pointerleave", () => mark(now || 0, false));
  });
  function mark(score, hover) {
    node.classList.toggle("cb-hover", hover);
    buttons.forEach((button, i) => button.classList.toggle("cb-on", i < score));
  }
  return {
    node,
    choose,
    update(score, enabled) {
      if (now !== score) node.classList.remove("cb-hover");
      now = score;
      if (!node.classList.contains("cb-hover")) mark(score || 0, false);
      buttons.forEach((button, i) => {
        setAttr(button, "aria-checked", String(i + 1 === score));
        button.disabled = !enabled;
      });
      setRoving(buttons, (score || 1) - 1);
    },
  };
}

function thumbsControl(rate) {
  let now = null;
  const choose = (thumb) => rate("thumb", thumb === now ? null : thumb);
  const up = iconButton("up", T.thumb_up, () => choose(1), { class: "cb-thumb cb-up" });
  const down = iconButton("down", T.thumb_down, () => choose(-1), { class: "cb-thumb cb-down" });
  return {
    node: h("div", { class: "cb-thumbs" }, up, down),
    choose,
    update(thumb, enabled) {
      now = thumb || null;
      for (const [button, value] of [
        [up, 1],
        [down, -1],
      ]) {
        setAttr(button, "aria-pressed", String(now === value));
        button.disabled = !enabled;
      }
    },
  };
}

function tagsControl(rate) {
  const chips = h("div", { class: "cb-chips" });
  const input = h("input", {
    class: "cb-tag-input",
    type: "text",
    maxlength: 60,
    placeholder: T.tag_placeholder,
    "aria-label": T.tag_add_label,
    dir: "auto",
  });
  const toggle = h(
    "button",
    {
      type: "button",
      class: "cb-chip cb-chip-add",
      "aria-expanded": "false",
      "aria-label": T.tag_add_label,
      onclick: () => open(!node.classList.contains("cb-open"), true),
    },
    "+ " + T.tag_add,
  );
  const node = h("div", { class: "cb-tags", role: "group", "aria-label": T.tags_label }, chips, toggle, input);
  let chosen = [];
  let suggested = [];
  let enabled = false;
  let drawn = "";

  function open(yes, focus) {
    node.classList.toggle("cb-open", yes);
    setAttr(toggle, "aria-expanded", String(yes));
    if (yes && focus) input.focus({ preventScroll: true });
  }
  function flip(tag) {
    rate("tags", chosen.includes(tag) ? chosen.filter((t) => t !== tag) : [...chosen, tag]);
  }
  function takeInput() {
    const tag = input.value.trim();
    input.value = "";
    if (tag && !chosen.includes(tag)) flip(tag);
  }
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault();
      takeInput();
    }
    if (event.key === "Escape") {
      input.value = "";
      open(false);
      toggle.focus();
    }
    if (event.key === "Backspace" && !input.value && chosen.length) flip(chosen[chosen.length - 1]);
  });
  input.addEventListener("blur", takeInput);

  function draw() {
    const key = JSON.stringify([chosen, suggested, enabled]);
    if (key === drawn) return;
    drawn = key;
    const focused = chips.contains(document.activeElement) ? document.activeElement.dataset.tag : null;
    const all = [...chosen, ...suggested.filter((tag) => !chosen.includes(tag))];
    chips.replaceChildren(
      ...all.map((tag) =>
        h("button", {
          type: "button",
          "data-tag": tag,
          dir: "auto",
          class: "cb-chip" + (chosen.includes(tag) ? " cb-chosen" : " cb-suggested"),
          disabled: !enabled,
          "aria-pressed": String(chosen.includes(tag)),
          onclick: () => flip(tag),
          text: tag,
        }),
      ),
    );
    if (focused !== null)
      [...chips.children].find((chip) => chip.dataset.tag === focused)?.focus({ preventScroll: true });
    toggle.disabled = !enabled;
  }
  return {
    node,
    update(tags, suggestions, isEnabled) {
      chosen = tags || [];
      suggested = suggestions || [];
      enabled = isEnabled;
      draw();
    },
  };
}

function aspectControl(name, rate) {
  const aspect = nameOf("aspect_names", name);
  const buttons = [1, 2, 3, 4, 5].map((score) =>
    h(
      "button",
      {
        type: "button",
        class: "cb-dot",
        role: "radio",
        "aria-label": fill(T.aspect_value, { aspect, score }),
        onclick: () => rate(score === now ? null : score),
      },
      String(score),
    ),
  );
  const scale = h(
    "div",
    { class: "cb-scale", role: "radiogroup", "aria-label": fill(T.aspect_label, { aspect }) },
    ...buttons,
  );
  let now = null;
  roving(scale, buttons, (i) => rate(i + 1));
  return {
    node: h("div", { class: "cb-aspect" }, h("span", { class: "cb-aspect-name", dir: "auto", text: aspect }), scale),
    update(score, enabled) {
      now = score || null;
      buttons.forEach((button, i) => {
        setAttr(button, "aria-checked", String(i + 1 === now));
        button.disabled = !enabled;
      });
      setRoving(buttons, (now || 1) - 1);
    },
  };
}

// Saves on leaving the box or Ctrl+Enter; what is half typed is never overwritten by an update.
function commentControl(number, rate, id) {
  const area = h("textarea", {
    class: "cb-comment-area",
    rows: 2,
    dir: "auto",
    maxlength: 4000,
    placeholder: T.comment_placeholder,
    "aria-label": T.comment + " " + number,
  });
  let now = "";
  const commit = () => {
    drafts.drop("comment", id);
    if (area.value.trim() !== now) {
      now = area.value.trim();
      rate("comment", now);
    }
  };
  area.addEventListener("blur", commit);
  area.addEventListener("input", () => drafts.set("comment", id, area.value));
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      commit();
    }
    if (event.key === "Escape" && !event.isComposing) {
      event.stopPropagation();
      area.closest(".cb-card").focus({ preventScroll: true }); // which leaves the box, and so saves
    }
  });
  return {
    node: h(
      "label",
      { class: "cb-comment" },
      h("span", { class: "cb-caption", text: T.comment }),
      area,
      h("span", { class: "cb-muted", text: T.comment_hint }),
    ),
    area,
    commit,
    isDirty: () => area.value.trim() !== now,
    update(comment, enabled) {
      const typing = document.activeElement === area || area.value.trim() !== now;
      now = comment || "";
      if (!typing && area.value !== now) area.value = now;
      area.disabled = !enabled;
    },
  };
}
