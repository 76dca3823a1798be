// A file of outputs made elsewhere: sent in pieces, checked by the server, previewed here.
const CHUNK_BYTES = 750_000; // a million characters of base64
const TRIES = 3; // of one piece, before the upload is given up
const FORMATS = {
  table: ".csv,.tsv,.jsonl,.json,.parquet",
  arena: ".json,.jsonl,.parquet",
  "pick-a-pic": ".parquet,.jsonl",
  argilla: ".zip,.parquet,.json,.jsonl",
  "open-webui": ".json,.jsonl",
};

function importPanel(composer) {
  const { form } = composer;
  const input = h("input", {
    type: "file",
    "data-start": true,
    class: "cb-offscreen",
    id: controlId(),
    onchange: () => take(input.files[0]),
  });
  const zone = h(
    "label",
    { class: "cb-zone", for: input.id },
    icon("file"),
    h(
      "span",
      {},
      h("span", { class: "cb-zone-title", text: T.compose_choose_file }),
      h("span", { class: "cb-help cb-desktop", text: T.compose_drop_file }),
    ),
  );
  const help = h("p", { class: "cb-help" });
  const format = selectInput(
    Object.keys(FORMATS).map((name) => [name, T["compose_format_" + name]]),
    form.format,
    (chosen) => {
      form.format = chosen;
      composer.changed();
      if (file) take(file); // the same file, read anew
    },
  );
  const bar = h("progress", { class: "cb-progress-bar", max: 1, "aria-label": T.compose_sending });
  const sent = h("span", { class: "cb-muted", role: "status" });
  const stop = textButton(T.cancel, () => halt(), { class: "cb-quiet" });
  const sending = h("div", { class: "cb-sending", hidden: true }, sent, bar, stop);
  const problem = h("p", { class: "cb-field-error", role: "alert", hidden: true });
  const preview = h("div", {});
  let file = null;
  let running = null; // the upload under way: {stopped}

  for (const kind of ["dragenter", "dragover"])
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("cb-over");
    });
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("cb-over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });

  async function take(given) {
    input.value = ""; // the same file may be chosen again
    if (!given) return;
    halt();
    file = given;
    form.import = null;
    const mine = (running = { stopped: false });
    tell("");
    show(sending, true);
    composer.changed();
    try {
      const answer = await send(given, mine);
      if (mine.stopped) return;
      form.import = { ...answer, name: given.name, format: form.format };
      adopt(answer);
      composer.say(fill(T.compose_imported, { count: answer.items }));
    } catch (error) {
      if (mine.stopped) return;
      file = null;
      tell(error.message);
    }
    show(sending, false);
    composer.changed();
  }

  // what the file holds decides what can be asked about it
  function adopt(answer) {
    if (answer.modality === "text" || answer.modality === "image") form.modality = answer.modality;
    if (TASKS.includes(answer.task)) form.task = answer.task;
    fitArms(form);
    regroup(form);
  }

  async function send(given, mine) {
    const total = Math.max(1, Math.ceil(given.size / CHUNK_BYTES));
    let upload_id = ""; // the server names it with the first piece
    for (let index = 0; index < total; index += 1) {
      if (mine.stopped) return null;
      bar.value = index / total;
      setText(
        sent,
        fill(T.compose_sending_file, { name: shorten(given.name, 40), percent: Math.round((index / total) * 100) }),
      );
      const data = await base64Of(given.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES));
      const answer = await post(
        { act: "upload", upload_id, index, total, name: given.name, format: form.format, data },
        mine,
      );
      if (mine.stopped) return null;
      if (!answer.ok) throw new Error(answer.error || T.refused_unknown);
      upload_id = answer.upload_id || upload_id;
      if (answer.done) return answer.import;
      if (index === total - 2) setText(sent, T.compose_reading_file);
    }
    throw new Error(T.compose_upload_lost);
  }

  async function post(payload, mine) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await askServer(payload);
      } catch {
        if (attempt === TRIES || mine.stopped) throw new Error(T.compose_upload_lost);
        await new Promise((resolve) => setTimeout(resolve, 800 * attempt));
      }
    }
  }

  function halt() {
    if (running) running.stopped = true;
    running = null;
    show(sending, false);
  }

  function tell(sentence) {
    setText(problem, sentence);
    show(problem, !!sentence);
  }

  composer.watch(() => {
    setText(help, T["compose_format_help_" + form.format]);
    setAttr(input, "accept", FORMATS[form.format]);
    show(zone, sending.hidden && !form.import);
  });
  composer.part(
    preview,
    () => form.import,
    () => (form.import ? importPreview(form.import, remove) : []),
  );

  function remove() {
    file = null;
    form.import = null;
    composer.changed();
    input.focus();
  }

  return h(
    "div",
    { class: "cb-stack" },
    field(T.compose_format, format, { path: "format", more: "cb-format" }),
    help,
    input,
    zone,
    sending,
    problem,
    preview,
  );
}

function base64Of(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",")[1] || "");
    reader.onerror = () => reject(new Error(T.compose_unreadable));
    reader.readAsDataURL(blob);
  });
}

function importPreview(found, remove) {
  const sample = (found.sample || []).slice(0, 5);
  const facts = [
    found.items !== undefined &&
      fill(found.items === 1 ? T.compose_item : T.compose_items, { count: Number(found.items).toLocaleString(document.documentElement.lang || undefined) }),
    found.task && T["compose_task_" + found.task],
    found.answers > 0 && fill(T.compose_with_answers, { count: Number(found.answers).toLocaleString(document.documentElement.lang || undefined) }),
    found.columns && found.columns.length && fill(T.compose_columns, { names: found.columns.join(", ") }),
  ].filter(Boolean);
  return [
    h(
      "div",
      { class: "cb-panel-card" },
      h(
        "div",
        { class: "cb-panel-head" },
        h("span", { class: "cb-panel-title", dir: "auto" }, icon("check"), found.name || T.compose_file_there),
        iconButton("close", T.compose_remove_file, remove, { class: "cb-remove" }),
      ),
      facts.length > 0 && h("p", { class: "cb-help", dir: "auto", text: facts.join(" · ") }),
      ...(found.notes || []).map((words) => h("p", { class: "cb-help", dir: "auto", text: words })),
      found.task === "rate" &&
        (found.questions || [true]).length > 0 &&
        h("p", { class: "cb-help", text: T.compose_own_questions }),
      sample.length > 0 && h("p", { class: "cb-caption", text: T.compose_sample }),
      ...sample.map((item) =>
        h(
          "div",
          { class: "cb-sample" },
          h("p", { class: "cb-sample-prompt", dir: "auto", text: item.prompt || T.no_prompt }),
          h("div", { class: "cb-sample-outputs" }, ...(item.outputs || []).slice(0, 6).map(sampleOutput)),
        ),
      ),
    ),
  ];
}

function sampleOutput(output) {
  const { text, image_url } = typeof output === "string" ? { text: output } : output || {};
  if (image_url) return h("img", { class: "cb-sample-image", src: image_url, alt: "", loading: "lazy" });
  return h("p", { class: "cb-sample-text", dir: "auto", text: shorten(text, 400) || T.no_text });
}
