// The library beside the prompt: saved prompts, the one that is open with its versions, presets. A drawer on a phone.
Object.assign(ICONS, {
  library: ["M5 4h4v16H5z", "M9 4h4v16H9z", "M14.5 4.8l3.8-.9 3.4 15-3.9.9z"],
  diff: ["M8 4v10", "M4.5 10.5L8 14l3.5-3.5", "M16 20V10", "M12.5 13.5L16 10l3.5 3.5"],
  archive: ["M4 5h16v4H4z", "M5.5 9v10h13V9", "M10 13h4"],
});

function libraryPanel() {
  const status = h("span", { class: "li-status" });
  const toggle = h(
    "button",
    { type: "button", class: "cb-btn li-toggle", "aria-expanded": "false", onclick: () => drawer(!isOpen) },
    icon("library"),
    h("span", { text: T.li_title }),
  );
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const problem = h("p", { class: "li-problem", role: "alert", hidden: true });
  const ask = (payload) => askServer(payload, problem);
  const undo = h("div", { class: "cb-row li-undo", hidden: true });
  const search = h("input", { type: "search", class: "li-input", placeholder: T.li_search, oninput: () => draw() });
  setAttr(search, "aria-label", T.li_search);
  const archived = h("button", {
    type: "button",
    class: "cb-link li-archived",
    "aria-pressed": "false",
    hidden: true,
    onclick: () => {
      withArchived = !withArchived;
      draw();
    },
  });
  const list = h("ul", { class: "li-list" });
  const empty = h("div", { class: "li-empty" }, h("b", { text: T.li_empty_title }), h("p", { text: T.li_empty_text }));
  const tree = versionTree({ ask, open, changed });
  const presets_ = presetList({ ask, changed, modality });
  const next = textButton(T.li_save_next, () => saveNext(), { class: "cb-primary", hidden: true });
  const save = textButton(T.li_save, () => saveDialog(), {});
  const close = iconButton("close", T.close, () => drawer(false), { class: "li-close" });
  const body = h(
    "div",
    { class: "cb-sheet li-body" },
    h("div", { class: "cb-row cb-spread li-head" }, h("h3", { text: T.li_title }), status, close),
    h("div", { class: "cb-row li-save" }, next, save),
    problem,
    undo,
    search,
    empty,
    list,
    archived,
    presets_.node,
  );
  const root = h("section", { class: "collab-widget cb-library", "aria-label": T.li_title }, toggle, body, live);
  let isOpen = false;
  let withArchived = false;
  let prompts = [];
  let loaded = null; // the saved version that the form says: {prompt_id, prompt_version_id, number, text}
  let unfolded = null; // id of the prompt whose versions are shown
  let turn = null;
  let seen = null; // what the form said when it was last looked at

  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    drawer(false);
    toggle.focus();
  });
  // the form is Gradio's: what is written there is read where it stands
  document.addEventListener("input", (event) => {
    if (element.isConnected && event.target.closest?.("#prompt")) tell();
  });
  setInterval(() => {
    if (element.isConnected && written() !== seen) tell(); // Gradio fills the form without an event
  }, 500);
  document.addEventListener("change", (event) => {
    if (element.isConnected && event.target.closest?.("#modality")) {
      presets_.redraw();
      tell();
    }
  });

  function drawer(to) {
    isOpen = to;
    root.classList.toggle("li-shown", to);
    toggle.setAttribute("aria-expanded", String(to));
    if (to) search.focus({ preventScroll: true });
  }

  function modality() {
    return document.querySelector("#modality input:checked")?.value || "text";
  }

  function written() {
    return document.querySelector("#prompt textarea")?.value ?? "";
  }

  function setValue(value) {
    if (!value || value.opened === turn) return;
    turn = value.opened;
    if (value.loaded) {
      loaded = value.loaded;
      unfolded = loaded.prompt_id;
      if (value.said) say(fill(T.li_saved, { number: loaded.number }));
    }
    if (value.ignored) presets_.ignore(value.ignored);
    if (value.preset) say(fill(T.li_preset_saved, { name: value.preset.name }));
    refresh();
  }

  async function refresh() {
    const answer = await ask({ act: "list" });
    if (!answer) return;
    prompts = answer.prompts;
    presets_.update(answer.presets);
    draw();
    tell();
  }

  // after a reload the form's words tell which saved prompt it was
  function recognise() {
    const text = written().slice(0, 300);
    const same = prompts.find((p) => text && p.text === text && p.modality === modality() && !p.archived);
    if (same)
      loaded = { prompt_id: same.prompt_id, prompt_version_id: same.current_id, number: same.current, text: written() };
  }

  function tell() {
    seen = written();
    if (!loaded) recognise();
    const now = prompts.find((each) => loaded && each.prompt_id === loaded.prompt_id);
    const same = loaded && written() === loaded.text;
    const current = now && now.current_id === loaded.prompt_version_id;
    setText(
      status,
      !loaded ? "" : fill(same ? (current ? T.li_is_current : T.li_is_saved) : T.li_changed, { number: loaded.number }),
    );
    show(next, !!loaded && !same && (!now || now.modality === modality())); // a picture's words follow no text's
    setText(next.querySelector("span"), fill(T.li_save_next, { name: now ? now.name : "" }));
  }

  function draw() {
    const asked = search.value.trim().toLowerCase();
    const hits = prompts.filter(
      (each) =>
        (withArchived || !each.archived) &&
        [each.name, each.text, ...each.tags].some((words_) => words_.toLowerCase().includes(asked)),
    );
    show(empty, !prompts.length);
    show(search, prompts.length > 3 || !!asked);
    const hidden = prompts.filter((each) => each.archived).length;
    show(archived, hidden > 0);
    setText(archived, withArchived ? T.li_archived_hide : fill(T.li_archived_show, { count: hidden }));
    setAttr(archived, "aria-pressed", String(withArchived));
    list.replaceChildren(...hits.map(row), ...(asked && !hits.length ? [h("li", { text: T.li_no_hits })] : []));
    if (unfolded && hits.some((each) => each.prompt_id === unfolded)) tree.show(unfolded);
    else tree.hide();
    tell();
  }

  function row(each) {
    const here = unfolded === each.prompt_id;
    const line = h(
      "li",
      { class: "li-item" + (each.archived ? " li-old" : "") },
      h(
        "div",
        { class: "cb-row cb-spread" },
        h(
          "button",
          {
            type: "button",
            class: "li-name",
            "aria-expanded": String(here),
            onclick: () => {
              unfolded = here ? null : each.prompt_id;
              if (!here) open(each.current_id);
              draw();
            },
          },
          icon(each.modality),
          h("span", { dir: "auto", translate: "no", text: each.name }),
          h("span", { class: "cb-muted", text: fill(T.li_version, { number: each.current }) }),
        ),
        h(
          "div",
          { class: "cb-row" },
          iconButton("pencil", fill(T.li_rename, { name: each.name }), () => renameDialog(each)),
          iconButton("archive", fill(each.archived ? T.li_unarchive : T.li_archive, { name: each.name }), () =>
            setArchived(each),
          ),
        ),
      ),
      each.tags.length > 0 && h("p", { class: "li-tags", dir: "auto", translate: "no", text: each.tags.map((tag) => "#" + tag).join("  ") }),
    );
    if (here) line.append(tree.node);
    return line;
  }

  function open(versionId) {
    trigger("load_version", { prompt_version_id: versionId });
  }

  function saveNext() {
    trigger("save", { parent_id: loaded.prompt_version_id, ticket: newId() });
  }

  function saveDialog() {
    nameDialog(T.li_save_title, "", [], T.li_save, (name, tags) => trigger("save", { name, tags, ticket: newId() }));
  }

  function renameDialog(each) {
    nameDialog(T.li_rename_title, each.name, each.tags, T.li_rename_go, (name, tags) =>
      alter(each, { name, tags }, fill(T.li_renamed, { name })),
    );
  }

  function setArchived(each) {
    const words_ = fill(each.archived ? T.li_is_unarchived : T.li_is_archived, { name: each.name });
    alter(each, { archived: !each.archived }, words_);
  }

  async function alter(each, changes, words_) {
    const answer = await ask({ act: "change", prompt_id: each.prompt_id, changes });
    if (!answer) return;
    changed(words_, () => ask({ act: "change", prompt_id: each.prompt_id, changes: answer.before }));
  }

  // An act that is done, and how it is taken back.
  function changed(words_, back) {
    say(words_);
    undo.replaceChildren(
      h("span", { dir: "auto", text: words_ }),
      textButton(
        T.li_undo,
        async () => {
          show(undo, false);
          await back();
          refresh();
        },
        { class: "cb-quiet" },
        "undo",
      ),
    );
    show(undo, true);
    refresh();
  }

  function say(text) {
    setText(live, text);
  }

  return { root, setValue };
}

function nameDialog(title, name, tags, yes, done) {
  const nameBox = h("input", { type: "text", class: "li-input", value: name, maxlength: 120, dir: "auto" });
  const tagBox = h("input", { type: "text", class: "li-input", value: tags.join(", "), dir: "auto" });
  const dialog = modal("li-dialog", [
    h("h3", { text: title }),
    h("label", { class: "li-field" }, h("span", { text: T.li_name }), nameBox),
    h("label", { class: "li-field" }, h("span", { text: T.li_tags }), tagBox),
    h(
      "div",
      { class: "cb-row" },
      textButton(T.cancel, () => dialog.close()),
      textButton(yes, go, { class: "cb-primary" }),
    ),
  ]);
  dialog.setAttribute("aria-label", title);
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter" || event.isComposing || !event.target.matches("input")) return;
    event.preventDefault(); // closing gives the focus back to the button that opened this: Enter would press it again
    go();
  });
  nameBox.focus();

  function go() {
    if (!nameBox.value.trim()) return nameBox.focus();
    const said = tagBox.value.split(/[,，、]/).map((tag) => tag.trim());
    dialog.close();
    done(nameBox.value.trim(), [...new Set(said.filter(Boolean))]);
  }
}
