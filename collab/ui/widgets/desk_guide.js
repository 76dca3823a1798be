// The guidelines with their worked examples, before the first item and behind G; and the list of keys of a task.
function guidelinesBody(study) {
  const examples = study.worked_examples || [];
  return [
    study.guidelines && h("div", { class: "cb-text dk-guidelines", dir: "auto", translate: "no", text: study.guidelines }),
    examples.length > 0 && h("h4", { class: "dk-guide-heading", text: T.desk_examples }),
    ...examples.map(workedExample),
  ];
}

function workedExample({ prompt, outputs = [], image_urls = [], answer, why }) {
  const letters = (i) => String.fromCharCode(65 + i);
  const shown = [
    ...outputs.map((text) => h("div", { class: "cb-text", dir: "auto", translate: "no", text })),
    ...image_urls.map((src, i) =>
      h("img", { class: "dk-example-picture", src, alt: fill(T.desk_example_picture, { letter: letters(i) }) }),
    ),
  ].map((node, i, all) =>
    h(
      "div",
      { class: "dk-example-output" },
      all.length > 1 && h("span", { class: "dk-badge", text: letters(i) }),
      node,
    ),
  );
  return h(
    "div",
    { class: "dk-example" },
    prompt && h("p", { class: "cb-muted dk-example-prompt", dir: "auto", translate: "no", text: prompt }),
    h("div", { class: "dk-example-outputs" }, ...shown),
    answer && h("p", { dir: "auto" }, h("strong", { text: T.desk_example_answer + " " }), h("span", { translate: "no", text: answer })),
    why && h("p", { class: "cb-muted", dir: "auto", translate: "no" }, why),
  );
}

function hasGuidelines(study) {
  return !!(study && (study.guidelines || (study.worked_examples || []).length));
}

// Shown in place of the first item, once per browser for each wording of the guidelines
function welcome(study, start) {
  return h(
    "div",
    { class: "dk-welcome" },
    h("h3", { dir: "auto", translate: "no", text: study.title }),
    study.question && h("p", { class: "dk-welcome-question", dir: "auto", translate: "no", text: questionWords(study.question) }),
    ...guidelinesBody(study),
    h(
      "div",
      { class: "dk-welcome-end" },
      textButton(T.desk_start, start, { class: "cb-primary dk-start" }),
      h("span", { class: "cb-muted cb-desktop", text: T.desk_start_hint }),
    ),
  );
}

function openGuidelines(study) {
  const head = h(
    "div",
    { class: "cb-row cb-spread" },
    h("h3", { text: T.desk_guidelines }),
    iconButton("close", T.close, () => dialog.close()),
  );
  const body = hasGuidelines(study) ? guidelinesBody(study) : [h("p", { class: "cb-muted", text: T.desk_guide_none })];
  const dialog = modal("dk-guide", [head, ...body.filter(Boolean)]);
  setAttr(dialog, "aria-label", T.desk_guidelines);
  dialog.addEventListener("keydown", (event) => {
    if (pressedKey(event) === "g" && !event.ctrlKey && !event.metaKey) dialog.close();
    event.stopPropagation();
  });
}

function openDeskKeys(task, reveals) {
  const own = T.desk_keys[task.task] || [];
  const pictures = (task.options || []).some((option) => option.image_url);
  const wanted = T.desk_keys.all.filter(([, , when]) => !when || { pictures, reveals }[when]);
  openKeys([...own, ...(task.task === "compare" && !pictures ? T.desk_keys.texts : []), ...wanted]);
}

// What this browser has read. A browser may refuse to remember: then it is shown again.
const readGuidelines = {
  // the address of a picture changes by the hour
  mark: (study) =>
    study.guidelines +
    JSON.stringify((study.worked_examples || []).map((e) => ({ ...e, image_urls: (e.image_urls || []).length }))),
  has(id, study) {
    try {
      return localStorage.getItem("collab:guidelines:" + id) === this.mark(study);
    } catch {
      return false;
    }
  },
  add(id, study) {
    try {
      localStorage.setItem("collab:guidelines:" + id, this.mark(study));
    } catch {
      // forbidden or full
    }
  },
};
