// The panel in which a picture is changed: drawn on at the left, and at the right what is to be made of it.
const PE_VARIATION = 0.35; // how far variations go from the picture

// picture: as the server tells it (`picture_open`). ask(payload): an answer, or throws. save(payload): keeps an edit.
// host: {saved(answer)?, show(generation_id)?}
function openPictureEditor(picture, host) {
  const back = document.activeElement;
  const canvas = pictureCanvas(picture, { changed: () => redraw() });
  const can = new Set(picture.can || []);
  const tools = pictureTools(canvas, { mask: can.has("inpaint") });
  const problem = h("p", { class: "cb-note pe-problem", "data-state": "failed", role: "alert", hidden: true });
  const results = pictureResults(picture, { ask, chosen: () => redraw() });
  const compareBox = h("div", { class: "pe-compare", hidden: true });
  const prompt = h("textarea", { class: "pe-prompt", rows: 3, dir: "auto", value: picture.prompt || "", "aria-label": T.pe_prompt });
  const strength = h("input", {
    type: "range", class: "pe-range", min: 5, max: 100, step: 5, value: Math.round(100 * (picture.strength || 0.6)),
    "aria-label": T.pe_strength, "aria-describedby": "pe-strength-hint",
  }); // prettier-ignore
  const strengthValue = h("output", { class: "cb-muted" });
  const strengthHint = h("span", { class: "cb-muted pe-hint", id: "pe-strength-hint" });
  const count = h(
    "select",
    { class: "pe-count", "aria-label": T.pe_count },
    ...[1, 2, 4].map((n) => h("option", { value: n, selected: n === 2, text: n })),
  );
  const fillMask = textButton(T.pe_fill, () => make({ masked: true }), { class: "cb-primary" }, "spark");
  const redrawAll = textButton(T.pe_whole, () => make({}), {}, "again");
  const vary = textButton(T.pe_vary, () => make({ strength: PE_VARIATION }), {}, "order");
  const keepPaint = textButton(T.pe_save_paint, () => save(null), {}, "pencil");
  const saveEdit = textButton(T.pe_save, () => save(results.current()), { class: "cb-primary" }, "pencil");
  const keepNew = textButton(T.pe_keep, () => leaveTo(results.generationId()), {}, "image");
  const workOn = textButton(T.pe_work_on, () => workFrom(results.current()), {}, "brush");
  const toDrawing = textButton(T.pe_back, () => results.forget(), { class: "cb-quiet" }, "left");
  const hint = h("p", { class: "cb-muted pe-hint" });
  const live = h("div", { class: "cb-offscreen", role: "status", "aria-live": "polite" });
  const making = h(
    "div",
    { class: "pe-form" },
    h("label", { class: "pe-field" }, h("span", { class: "cb-caption", text: T.pe_prompt }), prompt),
    h(
      "div",
      { class: "pe-field" },
      h("span", { class: "cb-row cb-spread" }, h("span", { class: "cb-caption", text: T.pe_strength }), strengthValue),
      strength,
      strengthHint,
    ),
    h("label", { class: "pe-field pe-line" }, h("span", { class: "cb-caption", text: T.pe_count }), count),
    hint,
    h("div", { class: "pe-actions" }, fillMask, redrawAll, vary, keepPaint),
  );
  const choosing = h(
    "div",
    { class: "pe-form" },
    h("p", { class: "pe-hint", text: T.pe_chosen_hint }),
    h("div", { class: "pe-actions" }, saveEdit, keepNew, workOn, toDrawing),
  );
  const said = (picture.notes || []).join(" ");
  const notes = h("p", { class: "cb-muted pe-hint pe-notes", hidden: !said, text: said });
  const side = h("div", { class: "pe-side" }, problem, notes, results.node, making, choosing);
  const title = h("h3", { id: "pe-title", text: T.pe_title });
  const dialog = h(
    "dialog",
    { class: "cb-dialog pe-dialog", "aria-labelledby": "pe-title" },
    h(
      "div",
      { class: "pe-head" },
      title,
      h("span", { class: "cb-muted pe-about", text: fill(T.pe_about, picture) }),
      iconButton("keyboard", T.keys_label, () => openKeys(T.pe_keys), { class: "cb-desktop" }),
      iconButton("close", T.close, () => close()),
    ),
    h("div", { class: "pe-body" }, h("div", { class: "pe-left" }, tools.node, canvas.node, compareBox), side),
    live,
  );
  let slider = null;
  let sending = false;
  // as large as fits; by hand, because Chromium leaves a child sized by its container's units undrawn after a resize
  new ResizeObserver(([{ contentRect }]) => {
    const wide = Math.min(contentRect.width, (contentRect.height * picture.width) / picture.height);
    if (slider) slider.node.style.width = wide + "px";
  }).observe(compareBox);

  async function ask(payload) {
    show(problem, false);
    try {
      const answer = await server.act(payload);
      if (answer && answer.ok) return answer;
      throw new Error((answer && answer.error) || T.pe_failed);
    } catch (error) {
      setText(problem, error.message || T.pe_failed);
      show(problem, true);
      problem.scrollIntoView({ block: "nearest" });
      return null;
    }
  }

  async function make({ masked = false, strength: given = null }) {
    if (results.isRunning() || sending) return;
    sending = true;
    redraw();
    const payload = {
      prompt: prompt.value,
      model: picture.chosen || "",
      negative_prompt: picture.negative_prompt || "",
      strength: given ?? Number(strength.value) / 100,
      count: Number(count.value),
      painted: canvas.hasPaint() ? await canvas.painted() : null,
      mask: masked ? canvas.mask() : null,
    };
    made.mask = payload.mask;
    sending = false;
    await results.make(payload);
    redraw();
    if (!results.current()) return;
    saveEdit.focus({ preventScroll: true });
    dialog.querySelector(".pe-body").scrollTop = 0; // a narrow panel was scrolled to its button
  }
  const made = { mask: null }; // what the results were made with

  async function save(output) {
    if (sending) return;
    sending = true;
    redraw();
    const answer = await ask({
      act: "picture_save",
      output_id: picture.output_id,
      request_id: newId(),
      ...(output ? { from_output_id: output.output_id, mask: made.mask } : { image: await canvas.painted() }),
    });
    sending = false;
    redraw();
    if (!answer) return;
    if (host.saved) host.saved(answer, picture);
    leave();
  }

  async function workFrom(output) {
    const answer = output && (await ask({ act: "picture_open", output_id: output.output_id }));
    if (!answer) return;
    leave();
    openPictureEditor(answer.picture, host);
  }

  function leaveTo(generationId) {
    leave();
    if (host.show) host.show(generationId);
  }

  function isUnsaved() {
    return (canvas.isDirty() && !results.current()) || results.isRunning();
  }
  function close() {
    if (isUnsaved() && !window.confirm(results.isRunning() ? T.pe_leave_running : T.pe_discard)) return;
    leave();
  }
  function leave() {
    results.leave();
    window.removeEventListener("beforeunload", warn);
    dialog.close();
    dialog.remove();
    if (back && back.isConnected) back.focus({ preventScroll: true });
  }
  const warn = (event) => {
    if (canvas.isDirty() && !results.current()) event.preventDefault();
  };

  function redraw() {
    const output = results.current();
    const busy = results.isRunning() || sending;
    show(making, !output);
    show(choosing, !!output);
    show(compareBox, !!output);
    show(canvas.node, !output);
    show(tools.node, !output);
    if (output) {
      const both = { before: picture.image_url, after: output.image_url };
      if (slider) slider.update(both);
      else {
        slider = compareSlider({ ...both, label: T.pc_label, ratio: picture.width + " / " + picture.height });
        compareBox.append(slider.node);
      }
    }
    tools.draw();
    const masked = canvas.hasMask();
    const painted = canvas.hasPaint();
    show(fillMask, can.has("inpaint"));
    fillMask.disabled = busy || !masked || !can.has("inpaint");
    redrawAll.disabled = vary.disabled = busy || !can.has("image-to-image");
    keepPaint.disabled = busy || !painted;
    for (const button of [saveEdit, keepNew, workOn, toDrawing]) button.disabled = busy;
    const cannot = !can.has("image-to-image") ? T.pe_cannot : !can.has("inpaint") ? T.pe_cannot_fill : "";
    setText(hint, cannot ? fill(cannot, picture) : masked ? T.pe_hint_fill : T.pe_hint_draw);
    setText(strengthValue, strength.value + " %");
    setText(strengthHint, strength.value < 35 ? T.pe_strength_low : strength.value < 75 ? T.pe_strength_mid : T.pe_strength_high);
  }

  strength.addEventListener("input", redraw);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page's own keys act on what lies behind
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === "Escape") {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      (results.current() ? saveEdit : fillMask.disabled ? redrawAll : fillMask).click();
    } else if (!results.current() && tools.onKey(event)) {
      event.preventDefault();
      redraw();
    }
  });
  window.addEventListener("beforeunload", warn);
  element.firstElementChild.append(dialog);
  dialog.showModal();
  canvas.place();
  redraw();
  if (said) setText(live, said);
  canvas.node.focus({ preventScroll: true });
  return dialog;
}

// Opens the panel on one of the person's own pictures; says why it cannot.
async function editPicture(outputId, host) {
  let answer = null;
  try {
    answer = await server.act({ act: "picture_open", output_id: outputId });
  } catch {
    answer = null;
  }
  if (answer && answer.ok) return openPictureEditor(answer.picture, host);
  if (host.say) host.say((answer && answer.error) || T.pe_failed);
  return null;
}
