// What is done with several at once: choose rows or pictures, then tag, download or delete them.
const CHOSEN_MAX = 200;

function historyBulk({ ask, redraw, done, say }) {
  const chosen = { generation_ids: new Set(), output_ids: new Set() };
  let on = false;
  const words = h("span", { class: "cb-chosen-words", role: "status" });
  const field = h("input", {
    type: "text",
    class: "cb-search cb-tag-field",
    maxlength: 40,
    placeholder: T.history_tag_placeholder,
    "aria-label": T.history_tag_label,
  });
  const tagForm = h(
    "form",
    { class: "cb-tag-form", onsubmit: (event) => (event.preventDefault(), tag()) },
    field,
    h("button", { type: "submit", class: "cb-btn" }, h("span", { text: T.history_tag })),
  );
  const buttons = [
    textButton(T.history_download, () => download(), {}, "download"),
    textButton(T.history_delete, () => remove(), { class: "cb-danger" }, "trash"),
  ];
  const close = textButton(T.history_select_done, () => toggle(false), { class: "cb-quiet" });
  const node = h(
    "div",
    { class: "cb-bulk", hidden: true, role: "group", "aria-label": T.history_bulk },
    words,
    tagForm,
    ...buttons,
    close,
  );

  const number = () => chosen.generation_ids.size + chosen.output_ids.size;
  const payload = () => ({ generation_ids: [...chosen.generation_ids], output_ids: [...chosen.output_ids] });

  function draw() {
    show(node, on);
    setText(words, number() ? fill(T.history_chosen, { count: number() }) : T.history_choose);
    for (const button of [...buttons, tagForm.lastChild, field]) button.disabled = !number();
  }

  function toggle(to = !on) {
    on = to;
    if (!on) clear();
    draw();
    redraw();
  }

  function clear() {
    chosen.generation_ids.clear();
    chosen.output_ids.clear();
  }

  function choose(kind, id, to = !chosen[kind].has(id)) {
    if (to && number() >= CHOSEN_MAX) {
      say(fill(T.history_too_many, { count: CHOSEN_MAX }));
      redraw();
      return;
    }
    if (to) chosen[kind].add(id);
    else chosen[kind].delete(id);
    draw();
  }

  async function tag() {
    const answer = await ask({ act: "tag", ...payload(), tag: field.value.trim() });
    if (!answer) return;
    field.value = "";
    say(fill(answer.tagged === 1 ? T.history_tagged_one : T.history_tagged, { count: answer.tagged }));
    done();
  }

  async function download(what = payload()) {
    const answer = await ask({ act: "download", ...what });
    if (!answer) return;
    const link = h("a", { href: answer.url, download: "" });
    node.append(link);
    link.click();
    link.remove();
  }

  // what: {generation_ids, output_ids}; tells what goes before it goes
  async function remove(what = payload(), then = () => {}) {
    const counted = await ask({ act: "would_delete", ...what });
    if (!counted) return;
    confirmDialog(T.history_delete_title, goesLines(counted.counts), T.history_delete_now, async () => {
      const answer = await ask({ act: "delete", ...what });
      if (!answer) return false;
      clear();
      toggle(false);
      say(fill(T.history_deleted, { count: answer.counts.outputs }));
      then();
      done();
      return true;
    });
  }

  return { node, toggle, choose, remove, download, isOn: () => on, has: (kind, id) => chosen[kind].has(id), draw };
}

// What goes and what stays, a line each.
function goesLines(counts) {
  const lines = Object.keys(T.goes).filter((name) => counts[name]);
  return [...lines.map((name) => fill(T.as_sentence, { words: countWords(name, counts[name]) })), T.goes_for_good];
}

function countWords(name, count) {
  const [one, many] = T.goes[name];
  return count === 1 ? one : fill(many, { count: count.toLocaleString(document.documentElement.lang || undefined) });
}

// Asks before something that cannot be undone; `act` answers whether it was done. word: what must be typed, if any.
function confirmDialog(title, lines, button, act, word = "") {
  const field = word && h("input", { type: "text", class: "cb-search", "aria-label": fill(T.type_word, { word }) });
  const go = textButton(button, run, { class: "cb-danger cb-solid-danger", disabled: !!word });
  const dialog = modal("cb-confirm", [
    h("h3", { text: title }),
    ...lines.map((line) => h("p", { dir: "auto", text: line })),
    word && h("label", { class: "cb-confirm-word" }, h("span", { text: fill(T.type_word, { word }) }), field),
    h("div", { class: "cb-row cb-confirm-foot" }, textButton(T.keep_it, () => dialog.close()), go),
  ]);
  dialog.setAttribute("aria-label", title);
  if (field) field.addEventListener("input", () => (go.disabled = field.value.trim() !== word));
  async function run() {
    go.disabled = true;
    if (await act()) dialog.close();
    else go.disabled = false;
  }
}
