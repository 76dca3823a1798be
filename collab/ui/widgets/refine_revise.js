// A version revised by hand: its words in boxes, what changed marked below. Kept for this tab until saved or given up.
const REVISED_SETTINGS = {
  text: ["max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty"],
  image: ["num_inference_steps", "guidance_scale", "width", "height"],
};

function reviseForm({ ask, close, revised }) {
  let version = null;
  let modality = "text";
  let boxes = {}; // field -> box
  let settings = {}; // name -> box
  let timer = 0;
  const why = h("input", { class: "in-field", type: "text", dir: "auto", oninput: keep });
  const body = h("div", { class: "rf-revise-fields" });
  const difference = scrolls(h("div", { class: "cb-text rf-words rf-revise-diff", dir: "auto", "aria-live": "off" }));
  const counts = h("span", { class: "cb-muted in-tabular" });
  const kept = h("span", { class: "cb-muted" });
  const note = failure();
  const save = textButton(T.rf_revise_yes, send, { class: "cb-primary" });
  const over = textButton(T.rf_revise_over, startOver, { class: "cb-quiet" }, "undo");
  const panel = panelOf(
    "",
    "",
    [
      body,
      h(
        "div",
        { class: "rf-field" },
        h("div", { class: "rf-field-head" }, h("span", { class: "rf-field-name", text: T.edit_diff }), counts),
        difference,
      ),
      fieldOf(T.rf_revise_why, why),
      note,
      h("div", { class: "cb-row rf-panel-foot" }, save, over, kept),
    ],
    close,
  );

  // Opens on a version; what had been typed about it comes back.
  function open(version_, board) {
    const again = version && version.prompt_version_id === version_.prompt_version_id;
    version = version_;
    modality = board.prompt.modality;
    const name = versionName(version);
    setText(panel.heading, fill(T.rf_revise_title, { version: name }));
    setAttr(panel.node, "aria-label", panel.heading.textContent);
    setText(
      panel.how,
      fill(T.rf_revise_how, { version: name }) + (version.examples?.length ? " " + T.rf_revise_examples : ""),
    );
    if (!again) fillIn(draft());
  }

  function draft() {
    try {
      return JSON.parse(drafts.get("revise", version.prompt_version_id) || "null");
    } catch {
      return null;
    }
  }

  function fillIn(from) {
    const told = from || { ...version, why: "" };
    const area = (field, rows) => {
      const box = h("textarea", { class: "in-field", rows, dir: "auto", value: told[field] || "", oninput: typed });
      boxes[field] = box;
      return fieldOf(T["rf_field_" + field], box);
    };
    boxes = {};
    const second = modality === "image" ? "negative_text" : "system_text";
    const names = [...new Set([...REVISED_SETTINGS[modality], ...Object.keys(version.settings || {})])];
    settings = {};
    const inputs = names.map((name) => {
      const value = (told.settings || {})[name];
      const box = h("input", {
        class: "in-field rf-short",
        type: "text",
        dir: "auto",
        placeholder: T.compose_models_own,
        value: value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value),
        oninput: typed,
      });
      settings[name] = box;
      return fieldOf(settingName(name), box);
    });
    body.replaceChildren(
      area("text", 7),
      area(second, 3),
      h(
        "details",
        { class: "rf-settings", open: Object.keys(told.settings || {}).length > 0 },
        h("summary", { text: T.rf_revise_settings }),
        h("div", { class: "rf-settings-grid" }, inputs),
      ),
    );
    why.value = told.why || "";
    setText(kept, from ? T.rf_revise_kept : "");
    tell(note, "");
    drawDifference();
  }

  function now() {
    const read = (name) => {
      const words_ = settings[name].value.trim();
      return words_ !== "" && Number.isFinite(Number(words_)) ? Number(words_) : parsed(words_);
    };
    const chosen = Object.keys(settings).filter((name) => settings[name].value.trim() !== "");
    return {
      text: boxes.text.value,
      system_text: boxes.system_text ? boxes.system_text.value : version.system_text || "",
      negative_text: boxes.negative_text ? boxes.negative_text.value : version.negative_text || "",
      settings: Object.fromEntries(chosen.map((name) => [name, read(name)])),
      why: why.value,
    };
  }

  // a list or true stays one; anything else is what was typed
  function parsed(words_) {
    try {
      return JSON.parse(words_);
    } catch {
      return words_;
    }
  }

  function isChanged(told) {
    return FIELDS.some((field) => field in told && wordsOf(told, field) !== wordsOf(version, field));
  }

  function typed() {
    keep();
    clearTimeout(timer);
    timer = setTimeout(drawDifference, 150);
  }

  function keep() {
    const told = now();
    if (isChanged(told) || told.why) drafts.set("revise", version.prompt_version_id, JSON.stringify(told));
    else drafts.drop("revise", version.prompt_version_id);
  }

  function drawDifference() {
    const told = now();
    const runs = ["text", "system_text", "negative_text", "settings"]
      .map((field) => [wordsOf(version, field), wordsOf(told, field)])
      .filter(([before, after]) => before !== after)
      .flatMap(([before, after], i) => [...(i ? [["same", "\n\n"]] : []), ...diffWords(before, after)]);
    const { added, removed } = countChanges(runs);
    setText(counts, runs.length ? fill(T.diff_counts, { added, removed }) : "");
    if (runs.length) renderDiff(difference, runs);
    else difference.replaceChildren(h("span", { class: "cb-muted", text: T.rf_revise_same }));
    show(over, runs.length > 0 || !!told.why);
  }

  function startOver() {
    drafts.drop("revise", version.prompt_version_id);
    fillIn(null);
    boxes.text.focus({ preventScroll: true });
  }

  async function send() {
    const told = now();
    if (!isChanged(told)) return tell(note, T.rf_revise_same);
    const from = version;
    const done = await sendFrom(save, note, ask, { act: "revise", prompt_version_id: from.prompt_version_id, ...told });
    if (!done) return;
    drafts.drop("revise", from.prompt_version_id);
    version = null; // opened again, it begins with what is stored
    revised();
  }

  return { ...panel, open, reset: () => (version = null), focus: () => boxes.text.focus({ preventScroll: true }) };
}
