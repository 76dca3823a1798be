// Above History: the search, what it is narrowed by, and how it is shown. Says what is wanted through `changed`.
const SEARCH_AFTER_MS = 250; // a pause in typing that is a question

function historyBar({ changed, view, select, more }) {
  const wanted = { query: "", filters: {} };
  let timer = 0;
  let known = false; // whether the choices were asked for
  const field = h("input", {
    type: "search",
    class: "cb-search",
    placeholder: T.history_search,
    "aria-label": T.history_search_label,
    maxlength: 200,
    enterkeyhint: "search",
    autocomplete: "off",
  });
  const hint = h("kbd", { class: "cb-search-key", "aria-hidden": "true", text: "/" });
  const count = h("span", { class: "cb-filter-count", hidden: true });
  const panel = h("div", { class: "cb-filters", role: "group", "aria-label": T.history_filters });
  const toggle = h(
    "button",
    { type: "button", class: "cb-btn cb-filter-toggle", "aria-expanded": "false", onclick: () => openFilters() },
    h("span", { text: T.history_filters }),
    count,
    icon("chevron"),
  );
  const selects = {};
  const choose = (name, label, options) => {
    const made = h("select", { class: "cb-filter", "aria-label": label });
    made.addEventListener("change", () => set(name, made.value));
    selects[name] = made;
    offer(name, [["", label], ...options]);
    return made;
  };
  const edited = h(
    "button",
    { type: "button", class: "cb-btn cb-filter-edited", "aria-pressed": "false", onclick: () => toggleEdited() },
    icon("pencil"),
    h("span", { text: T.history_edited }),
  );
  const clear = textButton(T.history_clear, () => reset(), { class: "cb-quiet", hidden: true });
  append(panel, [
    choose("modality", T.history_any_kind, [
      ["text", T.history_texts],
      ["image", T.history_pictures],
    ]),
    choose("model", T.history_any_model, []),
    choose("prompt_id", T.history_any_prompt, []),
    choose(
      "stars",
      T.history_any_stars,
      [1, 2, 3, 4, 5].map((n) => [
        String(n),
        n === 5 ? "★".repeat(n) : fill(T.history_stars, { stars: "★".repeat(n) }),
      ]),
    ),
    choose("tag", T.history_any_tag, []),
    edited,
    clear,
  ]);
  const views = [
    ["list", "text", T.history_list],
    ["gallery", "image", T.history_gallery],
  ].map(([name, iconName, label]) =>
    iconButton(iconName, label, () => showView(name), { "aria-pressed": String(name === "list"), "data-view": name }),
  );
  const choosing = textButton(T.history_select, () => select(), {
    "aria-pressed": "false",
    title: T.history_select_hint,
  });
  const node = h(
    "div",
    { class: "cb-history-bar", role: "search" },
    h(
      "div",
      { class: "cb-bar-line" },
      h("label", { class: "cb-search-box" }, icon("search"), field, hint),
      toggle,
      h("div", { class: "cb-bar-tools" }, ...views, choosing, more),
    ),
    panel,
  );

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, SEARCH_AFTER_MS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      ask();
    } else if (event.key === "Escape" && field.value) {
      event.preventDefault();
      event.stopPropagation();
      field.value = "";
      ask();
    }
  });
  // what one can narrow by is asked for when one first reaches for it
  panel.addEventListener("pointerenter", () => learn());
  panel.addEventListener("focusin", () => learn());

  function ask() {
    clearTimeout(timer);
    if (wanted.query === field.value.trim()) return;
    wanted.query = field.value.trim();
    told();
  }

  function set(name, value) {
    if (value) wanted.filters[name] = name === "stars" ? Number(value) : value;
    else delete wanted.filters[name];
    told();
  }

  function toggleEdited() {
    if (wanted.filters.edited) delete wanted.filters.edited;
    else wanted.filters.edited = true;
    told();
  }

  function told() {
    const used = Object.keys(wanted.filters).length;
    setText(count, String(used));
    show(count, used > 0);
    show(clear, used > 0);
    setAttr(edited, "aria-pressed", String(!!wanted.filters.edited));
    for (const [name, made] of Object.entries(selects)) {
      made.value = String(wanted.filters[name] || "");
      made.classList.toggle("cb-set", !!made.value);
    }
    changed();
  }

  function reset() {
    field.value = "";
    wanted.query = "";
    wanted.filters = {};
    told();
  }

  function offer(name, options) {
    const now = selects[name].value;
    selects[name].replaceChildren(...options.map(([value, label]) => h("option", { value, text: label })));
    selects[name].value = now;
  }

  async function learn() {
    if (known) return;
    known = true;
    try {
      const answer = await server.act({ act: "choices" });
      if (!answer || !answer.ok) throw new Error();
      offer("model", [["", T.history_any_model], ...answer.models.map(([name]) => [name, name])]);
      offer("prompt_id", [["", T.history_any_prompt], ...answer.prompts.map(([id, title]) => [id, shorten(title)])]);
      offer("tag", [["", T.history_any_tag], ...answer.tags.map((tag) => [tag, tag])]);
      for (const [name, made] of Object.entries(selects)) made.value = String(wanted.filters[name] || "");
    } catch {
      known = false; // asked again at the next reach
    }
  }

  function openFilters(open = toggle.getAttribute("aria-expanded") !== "true") {
    setAttr(toggle, "aria-expanded", String(open));
    panel.classList.toggle("cb-open", open);
    if (open) learn();
  }

  function showView(name) {
    for (const button of views) setAttr(button, "aria-pressed", String(button.dataset.view === name));
    view(name);
  }

  // everything made from one prompt, whose name may not be among the choices
  function narrowToPrompt(id, title) {
    if (![...selects.prompt_id.options].some((option) => option.value === id))
      selects.prompt_id.append(h("option", { value: id, text: shorten(title) }));
    openFilters(true);
    wanted.filters = { prompt_id: id };
    field.value = wanted.query = "";
    told();
  }

  return {
    node,
    wanted,
    reset,
    narrowToPrompt,
    forget: () => (known = false),
    focus: () => field.focus(),
    isNarrowed: () => !!wanted.query || Object.keys(wanted.filters).length > 0,
    setChoosing: (on) => setAttr(choosing, "aria-pressed", String(on)),
  };
}

function shorten(words, most = 48) {
  const line = (words || "").replace(/\s+/g, " ");
  return line.length > most ? line.slice(0, most - 1) + "…" : line;
}
