// Places in a text that its reader marks as good or bad, with a note. Offsets count characters (code points), as Python
// does; JavaScript's own count UTF-16 units.
const SPANS_MOST = 200;

const toPoints = (text, units) => [...text.slice(0, units)].length;
const toUnits = (text, points) => [...text].slice(0, points).join("").length;
const spanQuote = (text, span) => [...text].slice(span.start, span.end).join("");
const shortQuote = (quote) => (quote.length > 60 ? quote.slice(0, 58) + "…" : quote);

// The text in pieces: what a person began it with, and what is marked. begun: UTF-16 units.
function drawMarked(node, text, begun, spans) {
  const all = spans.map((span) => ({ ...span, from: toUnits(text, span.start), to: toUnits(text, span.end) }));
  const cuts = [...new Set([0, begun, text.length, ...all.flatMap((span) => [span.from, span.to])])];
  cuts.sort((a, b) => a - b);
  const parts = cuts.slice(1).map((end, i) => {
    const start = cuts[i];
    const here = all.filter((span) => span.from <= start && span.to >= end);
    const words = text.slice(start, end);
    const last = here[here.length - 1];
    const inner = last
      ? h("mark", {
          class: "cb-span",
          "data-label": last.label,
          title: [T.span_labels[last.label], last.note].filter(Boolean).join(": "),
          text: words,
        })
      : words;
    return end <= begun ? h("span", { class: "cb-begun", title: T.begun }, inner) : inner;
  });
  node.replaceChildren(...parts);
}

// The selection within a node as characters, without the spaces at its ends; null where nothing is selected there.
function selectedSpan(node, text) {
  const selection = document.getSelection();
  const range = selection.rangeCount && selection.getRangeAt(0);
  if (!range || range.collapsed || !node.contains(range.startContainer) || !node.contains(range.endContainer)) {
    return null;
  }
  const before = document.createRange();
  before.setStart(node, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const words = range.toString();
  const from = before.toString().length + (words.length - words.trimStart().length);
  const to = before.toString().length + words.trimEnd().length;
  return from < to ? { start: toPoints(text, from), end: toPoints(text, to), rect: range.getBoundingClientRect() } : null;
}

// The bar that appears at a selection, the keys, and the list under the text.
// host: {number, body, text(), spans(), isOpen(), save(spans), say(words)}; body has `surface()`: the node with the text.
function spanMarker(host) {
  const buttons = ["good", "bad"].map((label) =>
    h(
      "button",
      { type: "button", class: "cb-span-pick", "data-label": label, onclick: () => mark(label) },
      h("span", { text: T.span_labels[label] }),
      h("kbd", { class: "cb-desktop", "aria-hidden": "true", text: T.span_keys[label] }),
    ),
  );
  const bar = h("div", { class: "cb-span-bar", role: "toolbar", "aria-label": T.span_bar, hidden: true }, ...buttons);
  bar.addEventListener("pointerdown", (event) => event.preventDefault()); // or the selection is lost
  const list = h("ul", { class: "cb-span-list", "aria-label": T.span_list });
  let drawn = null;
  let noting = null; // the span whose note is open, as JSON

  document.addEventListener("selectionchange", function onSelection() {
    if (!host.body.node.isConnected) return document.removeEventListener("selectionchange", onSelection);
    const span = taken();
    show(bar, !!span);
    if (!span) return;
    const box = host.body.node.getBoundingClientRect();
    const width = bar.offsetWidth || 150;
    const left = Math.min(Math.max(0, span.rect.left - box.left), Math.max(0, box.width - width));
    bar.style.left = left + "px";
    bar.style.top = Math.min(span.rect.bottom - box.top + 6, box.height - 8) + "px";
  });

  function taken() {
    return host.isOpen() ? selectedSpan(host.body.surface(), host.text()) : null;
  }

  function mark(label) {
    const place = taken();
    if (!place) return false;
    const { start, end } = place;
    const kept = host.spans().filter((other) => other.start !== start || other.end !== end);
    if (kept.length >= SPANS_MOST) {
      host.say(T.span_most);
      return true;
    }
    const before = host.spans().find((other) => other.start === start && other.end === end);
    const span = { start, end, label, ...(before && before.note ? { note: before.note } : {}) };
    document.getSelection().removeAllRanges();
    show(bar, false);
    host.save([...kept, span].sort((a, b) => a.start - b.start || a.end - b.end));
    host.say(fill(T.span_marked, { label: T.span_labels[label] }));
    leave();
    return true;
  }

  // By keyboard: a caret to select with; nothing can be typed.
  function enter() {
    const surface = host.body.surface();
    if (!host.isOpen() || surface.isContentEditable) return;
    const attributes = {
      contenteditable: "true", inputmode: "none", spellcheck: "false", role: "textbox", "aria-multiline": "true",
      "aria-readonly": "true", "aria-label": fill(T.span_text, { number: host.number }),
    }; // prettier-ignore
    for (const [name, value] of Object.entries(attributes)) surface.setAttribute(name, value);
    for (const name of ["beforeinput", "drop", "paste", "cut"]) surface.addEventListener(name, prevent);
    surface.addEventListener("keydown", onKey);
    surface.addEventListener("blur", leave, { once: true });
    surface.focus();
    host.say(T.span_hint_keys);
  }

  function leave() {
    const surface = host.body.surface();
    if (!surface.isContentEditable) return;
    surface.removeEventListener("blur", leave);
    surface.removeEventListener("keydown", onKey);
    for (const name of ["beforeinput", "drop", "paste", "cut"]) surface.removeEventListener(name, prevent);
    for (const name of ["contenteditable", "inputmode", "spellcheck", "role", "aria-multiline", "aria-readonly", "aria-label"])
      surface.removeAttribute(name);
    surface.closest(".cb-card")?.focus({ preventScroll: true });
  }

  const prevent = (event) => event.preventDefault();

  function onKey(event) {
    const label = { g: "good", b: "bad" }[event.key.toLowerCase()];
    if (event.ctrlKey || event.metaKey || event.altKey || (!label && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") leave();
    else if (!mark(label)) host.say(T.span_select_first);
  }

  function update(enabled) {
    const spans = host.spans();
    const key = JSON.stringify([host.text(), spans, noting, enabled]);
    if (key === drawn) return;
    if (list.contains(document.activeElement) && document.activeElement.matches("input")) return; // a note is being typed
    drawn = key;
    show(list, spans.length > 0);
    list.replaceChildren(...spans.map((span) => row(span, enabled)));
  }

  function row(span, enabled) {
    const quote = shortQuote(spanQuote(host.text(), span));
    const id = JSON.stringify([span.start, span.end]);
    const change = (note) => {
      noting = null;
      drawn = null;
      const changed = { start: span.start, end: span.end, label: span.label, ...(note ? { note } : {}) };
      if ((span.note || "") === note) return update(enabled);
      host.save(host.spans().map((other) => (JSON.stringify([other.start, other.end]) === id ? changed : other)));
    };
    const input =
      noting === id &&
      h("input", {
        class: "cb-comment-area cb-span-note-input",
        value: span.note || "",
        maxlength: "5000",
        "aria-label": fill(T.span_note_for, { text: quote }),
        placeholder: T.span_note_placeholder,
        onkeydown: (event) => {
          if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
          event.preventDefault();
          event.stopPropagation();
          input.done = true;
          input.closest(".cb-card").focus({ preventScroll: true }); // else the list would wait for the typing to end
          change(event.key === "Enter" ? input.value.trim() : span.note || "");
        },
        onblur: () => input.done || change(input.value.trim()),
      });
    if (input) requestAnimationFrame(() => input.focus());
    return h(
      "li",
      { class: "cb-span-row", "data-label": span.label },
      h("span", { class: "cb-span-name", text: T.span_labels[span.label] }),
      h("q", { class: "cb-span-quote", dir: "auto", translate: "no", text: quote }),
      span.note && !input && h("span", { class: "cb-span-note", dir: "auto", text: span.note }),
      input,
      enabled &&
        !input &&
        h(
          "span",
          { class: "cb-span-tools" },
          iconButton("comment", fill(T.span_note_for, { text: quote }), () => {
            noting = id;
            update(enabled);
          }),
          iconButton("close", fill(T.span_remove, { label: T.span_labels[span.label], text: quote }), () =>
            host.save(host.spans().filter((other) => JSON.stringify([other.start, other.end]) !== id)),
          ),
        ),
    );
  }

  host.body.node.append(bar);
  return { list, mark, enter, update, isSelected: () => !!taken() };
}

// The marks of a text as a list that only tells (History).
function spanFacts(text, spans) {
  if (!spans || !spans.length) return null;
  return h(
    "ul",
    { class: "cb-span-list", "aria-label": T.span_list },
    ...spans.map((span) =>
      h(
        "li",
        { class: "cb-span-row", "data-label": span.label },
        h("span", { class: "cb-span-name", text: T.span_labels[span.label] }),
        h("q", { class: "cb-span-quote", dir: "auto", text: shortQuote(spanQuote(text, span)) }),
        span.note && h("span", { class: "cb-span-note", dir: "auto", text: span.note }),
      ),
    ),
  );
}
