// Places in a text that a person marks with a label: select, then press the label's digit or its button.
// Offsets count characters (code points), as Python does; JavaScript's own count UTF-16 units.
const SPAN_TONES = 4;

function spanMarks(pane, onselect) {
  const owners = []; // {options, words, spans} of each span question, in the order asked
  let selected = null; // {start, end} in UTF-16 units, the last place selected in the text

  pane.scroll.classList.add("dk-spanable");
  // On a keyboard a caret is needed to select with; nothing can be typed. A touch screen selects without one.
  if (matchMedia("(hover: hover)").matches) {
    for (const [name, value] of Object.entries({ contenteditable: "true", inputmode: "none", spellcheck: "false" }))
      pane.body.setAttribute(name, value);
    setAttr(pane.body, "role", "textbox");
    setAttr(pane.body, "aria-multiline", "true");
    setAttr(pane.body, "aria-readonly", "true");
    setAttr(pane.body, "aria-label", T.desk_span_text);
    for (const name of ["beforeinput", "drop", "paste", "cut"])
      pane.body.addEventListener(name, (event) => event.preventDefault());
  }

  document.addEventListener("selectionchange", function onSelection() {
    if (!pane.body.isConnected) return document.removeEventListener("selectionchange", onSelection);
    const range = document.getSelection().rangeCount && document.getSelection().getRangeAt(0);
    if (!range || !pane.body.contains(range.commonAncestorContainer)) return;
    selected = range.collapsed ? null : { start: offset(range, "start"), end: offset(range, "end") };
    pane.node.classList.toggle("dk-selecting", !!selected);
    if (selected) onselect(); // so that a digit now means a label
  });

  function offset(range, side) {
    const before = document.createRange();
    before.setStart(pane.body, 0);
    if (side === "start") before.setEnd(range.startContainer, range.startOffset);
    else before.setEnd(range.endContainer, range.endOffset);
    return before.toString().length;
  }

  function toPoints(units) {
    return [...pane.text.slice(0, units)].length;
  }

  function toUnits(points) {
    return [...pane.text].slice(0, points).join("").length;
  }

  // The selection without the spaces at its ends, or null
  function taken() {
    if (!selected) return null;
    const text = pane.text.slice(selected.start, selected.end);
    const start = selected.start + (text.length - text.trimStart().length);
    const end = selected.end - (text.length - text.trimEnd().length);
    return start < end ? { start, end } : null;
  }

  function add(owner, label) {
    const place = taken();
    if (!place) return false;
    const span = { start: toPoints(place.start), end: toPoints(place.end), label };
    if (!owner.spans.some((other) => sameJson(other, span)))
      owner.spans = [...owner.spans, span].sort((a, b) => a.start - b.start || a.end - b.end);
    document.getSelection().removeAllRanges();
    selected = null;
    pane.node.classList.remove("dk-selecting");
    draw();
    return true;
  }

  function draw() {
    const all = owners.flatMap((owner) =>
      owner.spans.map((span) => ({
        start: toUnits(span.start),
        end: toUnits(span.end),
        label: owner.words[span.label],
        tone: owner.options.indexOf(span.label) % SPAN_TONES,
      })),
    );
    const cuts = [...new Set([0, pane.text.length, ...all.flatMap((span) => [span.start, span.end])])];
    cuts.sort((a, b) => a - b);
    const parts = cuts.slice(1).map((end, i) => {
      const start = cuts[i];
      const here = all.filter((span) => span.start <= start && span.end >= end);
      const text = pane.text.slice(start, end);
      if (!here.length) return text;
      const ending = here.filter((span) => span.end === end).map((span) => span.label);
      return h("mark", { class: "dk-span", "data-tone": here[0].tone, "data-label": ending.join(", ") || null, text });
    });
    pane.body.replaceChildren(...parts);
  }

  return {
    owner(options, words) {
      const owner = { options, words, spans: [] };
      owners.push(owner);
      return owner;
    },
    add,
    draw,
    quote: (span) => pane.text.slice(toUnits(span.start), toUnits(span.end)),
    isSelected: () => !!taken(),
  };
}

function spanQuestion(question, box, marks) {
  const own = !!question.options && question.options.length > 0;
  const named = own ? question.options.map((label) => [label, label]) : T.desk_spans;
  const options = named.map(([label]) => label);
  const words = Object.fromEntries(named);
  const owner = marks.owner(options, words);
  const buttons = options.map((label, i) => {
    const button = optionButton(null, words[label], i, () => mark(label), own);
    button.dataset.tone = i % SPAN_TONES;
    button.classList.add("dk-span-label");
    button.addEventListener("pointerdown", (event) => event.preventDefault()); // or the selection is lost
    return button;
  });
  const hint = h("span", { class: "cb-muted dk-hint", text: T.desk_span_hint });
  const list = h("ul", { class: "dk-span-list" });

  function mark(label) {
    if (!marks.add(owner, label)) return hint.classList.add("dk-hint-now");
    hint.classList.remove("dk-hint-now");
    draw();
    box.changed();
    list.closest(".dk-question").focus({ preventScroll: true }); // out of the text, so that the keys answer again
  }

  function remove(span) {
    owner.spans = owner.spans.filter((other) => other !== span);
    marks.draw();
    draw();
    box.changed();
    list.closest(".dk-question").focus({ preventScroll: true });
  }

  function draw() {
    list.replaceChildren(
      ...owner.spans.map((span) => {
        const quote = marks.quote(span);
        const short = quote.length > 60 ? quote.slice(0, 58) + "…" : quote;
        return h(
          "li",
          { class: "dk-span-row", "data-tone": options.indexOf(span.label) % SPAN_TONES },
          h("span", { class: "dk-span-name", dir: "auto", translate: own ? "no" : null, text: words[span.label] }),
          h("q", { class: "dk-span-quote", dir: "auto", translate: "no", text: short }),
          iconButton("close", fill(T.desk_span_remove, { label: words[span.label], text: short }), () => remove(span)),
        );
      }),
    );
    show(hint, !owner.spans.length);
  }

  draw();
  return {
    node: h("div", { class: "dk-spans" }, h("div", { class: "dk-choices" }, ...buttons), hint, list),
    isAnswered: () => owner.spans.length > 0,
    value: () => owner.spans,
    set(spans) {
      owner.spans = spans;
      marks.draw();
      draw();
    },
    digit(n) {
      if (n <= options.length) mark(options[n - 1]);
      return n <= options.length;
    },
  };
}
