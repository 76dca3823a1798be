// What an output shows: growing text, or a forming picture.
function textBody(number) {
  const begun = h("span", { class: "cb-begun", title: T.begun, hidden: true }); // what a person began it with
  const letters = document.createTextNode("");
  const caret = h("span", { class: "cb-caret", "aria-hidden": "true", hidden: true });
  const plain = h("div", { class: "cb-text", dir: "auto", translate: "no" }, begun, letters, caret);
  const marked = h("div", { class: "cb-text", dir: "auto", translate: "no", hidden: true });
  const diff = h("div", { class: "cb-text cb-diff", dir: "auto", translate: "no", hidden: true });
  const scroll = h("div", { class: "cb-scroll", tabindex: "-1" }, plain, marked, diff);
  const more = h("button", { type: "button", class: "cb-more", hidden: true, onclick: () => expand() });
  const node = h("div", { class: "cb-body cb-body-text" }, scroll, more);
  let expanded = false;
  let compared = null;
  let wasRunning = false;
  let drawn = null; // what `marked` shows

  function expand() {
    expanded = !expanded;
    node.classList.toggle("cb-expanded", expanded);
    measure();
  }
  function measure() {
    const overflows = scroll.scrollHeight > scroll.clientHeight + 4;
    setAttr(scroll, "tabindex", overflows ? "0" : "-1"); // a box that scrolls must be reachable by keyboard
    show(more, expanded || overflows);
    fade();
    setText(more, expanded ? T.show_less : T.show_all);
  }
  function fade() {
    const below = scroll.scrollHeight - scroll.clientHeight - scroll.scrollTop > 4;
    node.classList.toggle("cb-overflows", below && !expanded);
  }
  function isWatched() {
    const selection = document.getSelection();
    return node.matches(":hover, :focus-within") || (!selection.isCollapsed && node.contains(selection.anchorNode));
  }
  // Appending keeps a person's selection in the text alive; replacing would drop it.
  function write(text) {
    if (letters.data === text) return;
    if (letters.data && text.startsWith(letters.data)) letters.appendData(text.slice(letters.data.length));
    else letters.data = text;
  }
  new ResizeObserver(measure).observe(scroll);
  scroll.addEventListener("scroll", fade, { passive: true });

  return {
    node,
    surface: () => (marked.hidden ? plain : marked),
    update(original, edited, view, { running, over, prefix = "", spans = [] }) {
      const atEnd = scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - 24;
      const text = view === "original" || edited === null ? original : edited;
      const empty = over && !text && view !== "diff";
      plain.classList.toggle("cb-muted", empty);
      const own = prefix && text.startsWith(prefix) ? prefix : "";
      setText(begun, own);
      show(begun, !!own);
      write(empty ? T.no_text : text.slice(own.length));
      show(caret, running);
      const hasMarks = spans.length > 0 && text === original && view !== "diff";
      show(plain, view !== "diff" && !hasMarks);
      show(marked, hasMarks);
      const wanted = hasMarks && JSON.stringify([text, own.length, spans]);
      if (wanted && wanted !== drawn) drawMarked(marked, text, own.length, spans);
      drawn = wanted || drawn;
      show(diff, view === "diff");
      if (view === "diff" && compared !== original + "\u0000" + edited) {
        compared = original + "\u0000" + edited;
        renderDiff(diff, diffWords(original, edited));
      }
      if ((running || wasRunning) && atEnd && !expanded) scroll.scrollTop = scroll.scrollHeight;
      if (wasRunning && over && !isWatched()) scroll.scrollTop = 0; // an answer is judged from its beginning
      wasRunning = running;
      measure();
    },
  };
}

function imageBody(board, number, zoom) {
  const img = h("img", { class: "cb-img", decoding: "async", draggable: "false", hidden: true });
  const button = h(
    "button",
    { type: "button", class: "cb-picture", "aria-label": fill(T.zoom, { number }), onclick: zoom },
    img,
  );
  const note = h("p", { class: "cb-picture-note", hidden: true });
  const node = h("div", { class: "cb-body cb-body-image" }, button, note);
  let wanted = "";
  let isFinal = false; // whether the final picture is what is shown
  // the box is reserved by the size asked for, so that nothing moves when the picture comes
  const hasSize = () => board.value.width > 0 && board.value.height > 0;
  if (hasSize()) node.style.setProperty("--cb-ratio", board.value.width + " / " + board.value.height);
  img.addEventListener("load", () => {
    if (img.naturalWidth && !img.src.startsWith("data:image/svg")) {
      if (isFinal || !hasSize()) {
        node.style.setProperty("--cb-ratio", img.naturalWidth + " / " + img.naturalHeight);
      }
      img.classList.toggle("cb-pixel", isFinal && Math.max(img.naturalWidth, img.naturalHeight) <= PIXEL_ART_MAX);
    }
  });
  return {
    node,
    update(output, running, words) {
      show(note, !!words);
      setText(note, words);
      const src = output.image_url || output.preview || "";
      if (src !== wanted) {
        wanted = src;
        if (!src) show(img, false);
        else if (src.startsWith("data:")) {
          img.src = src;
          show(img, true);
        } else {
          // swap only when the final picture is decoded, so that nothing flashes
          const loader = new Image();
          const place = () => {
            if (wanted === src) {
              img.src = src;
              show(img, true);
            }
          };
          loader.onload = place;
          loader.onerror = place;
          loader.src = src;
        }
      }
      const final = !!output.image_url;
      isFinal = final;
      img.classList.toggle("cb-forming", !final && running);
      button.disabled = !final;
      img.alt = final
        ? fill(T.picture_alt, { number, prompt: board.value.prompt || "" })
        : fill(T.preview_alt, { number, step: output.step || 0, steps: output.steps || 0 });
    },
  };
}
