// Below the form: the live sentence with the button, and what stands there once the study was created.
function composerBar({ create, startOver, showField }) {
  const words = h("span", { class: "cb-bar-words", dir: "auto" });
  const go = h("button", {
    type: "button",
    class: "cb-link cb-bar-go",
    onclick: () => showField(path),
    text: T.compose_show,
  });
  const after = h("span", { class: "cb-muted cb-bar-after" });
  const said = h("p", { class: "cb-bar-said", role: "status" }, words, " ", after);
  const button = textButton(T.compose_create, () => button.getAttribute("aria-disabled") || create(), {
    class: "cb-primary cb-create",
  });
  const node = h(
    "div",
    { class: "cb-composer-bar" },
    h("div", { class: "cb-bar-text" }, said, go),
    h("div", { class: "cb-row" }, textButton(T.compose_start_over, startOver, { class: "cb-quiet" }), button),
  );
  let path = null;

  function say(state, sentence, generations = 0, field = null) {
    path = field;
    const kept = state === "checking" && !sentence && node.dataset.state !== "error" && node.dataset.state !== "todo";
    setAttr(node, "data-state", state);
    if (kept) return; // the last sentence stands, paler, until the next is there
    setText(words, sentence || T.compose_checking);
    setText(
      after,
      generations > 0
        ? fill(generations === 1 ? T.compose_generation : T.compose_generations, {
            count: generations.toLocaleString(document.documentElement.lang || undefined),
          })
        : "",
    );
    show(go, !!field);
  }

  function busy(on) {
    setAttr(button, "aria-disabled", on ? "true" : null);
    setText(button.lastChild, on ? T.compose_creating : T.compose_create);
  }
  return { node, say, busy };
}

// ---- the study is there --------------------------------------------------------------------------------------------

function studyCreated({ study_id, link, status, spec, say, another }) {
  const closed = status === "closed"; // a file that came with its answers
  const url = new URL(link || "", document.baseURI).href;
  const box = h("input", {
    type: "text",
    class: "cb-input",
    readonly: true,
    id: controlId(),
    value: url,
    onfocus: (event) => event.target.select(),
  });
  const copy = textButton(
    T.compose_copy_link,
    async () => {
      const done = await copyText(url);
      setText(copy.lastChild, done ? T.copied : T.compose_copy_link);
      say(done ? T.copied : T.copy_failed);
      if (!done) box.select();
    },
    { class: "cb-primary" },
    "copy",
  );
  return h(
    "div",
    { class: "cb-created" },
    h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon("check")),
    h("h3", { tabindex: "-1", text: T.compose_created }),
    h("p", { class: "cb-created-title", dir: "auto", text: spec.title }),
    h("p", { class: "cb-help", text: closed ? T.compose_created_closed : T["compose_created_" + spec.access] }),
    !closed && h("label", { class: "cb-offscreen", for: box.id, text: T.compose_link }),
    !closed && h("div", { class: "cb-link-row" }, box, copy),
    !closed && reachWords(url) && h("p", { class: "cb-help cb-reach", text: reachWords(url) }),
    h(
      "div",
      { class: "cb-row cb-created-next" },
      !closed && textButton(T.compose_try, () => trigger("rate", { study_id })),
      textButton(T.compose_watch, () => trigger("insights", { study_id })),
    ),
    textButton(T.compose_another, another, { class: "cb-quiet" }, "plus"),
  );
}
