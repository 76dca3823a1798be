// One generation in full: its outputs with what was said about each, how it was made, and what can be done with it.
function historyStory(detail, { back, open, remove, again, narrow, say }) {
  const id = detail.generation_id;
  const outputs = [...(detail.outputs || [])].sort((a, b) => a.position - b.position);
  const facts = (detail.provenance || []).map(([label, value]) =>
    h(
      "div",
      { class: "cb-prov" },
      h("dt", { text: label }),
      h("dd", { dir: "auto", text: value === null || value === undefined ? "–" : String(value) }),
    ),
  );
  const replays = detail.replays || [];
  return [
    h(
      "div",
      { class: "cb-row cb-spread" },
      textButton(T.history_back, back, { class: "cb-quiet cb-back" }, "left"),
      h(
        "div",
        { class: "cb-row cb-story-tools" },
        textButton(
          T.history_show,
          () => trigger("show", { generation_id: id }),
          { title: T.history_show_hint },
          "order",
        ),
        detail.prompt_id &&
          textButton(T.history_more_of_prompt, () => narrow(detail.prompt_id, detail.prompt), { class: "cb-quiet" }),
        textButton(
          T.history_delete,
          () => remove({ generation_ids: [id] }, back),
          { class: "cb-danger cb-quiet" },
          "trash",
        ),
        textButton(T.history_reuse, () => trigger("reuse", { generation_id: id }), {}, "pencil"),
        textButton(
          T.history_replay,
          () => trigger("replay", { generation_id: id }),
          { class: "cb-primary", title: T.history_replay_hint },
          "again",
        ),
      ),
    ),
    h(
      "div",
      { class: "cb-story-prompt" },
      scrolls(h("p", { class: "cb-text", dir: "auto", translate: "no", text: askedWords(detail) || T.no_prompt })),
      h(
        "div",
        { class: "cb-item-foot" },
        statusChip(detail),
        originChip(detail),
        when(detail.created_at),
        ...summary(detail),
      ),
    ),
    threadView(detail.messages, detail.asked),
    detail.error &&
      h("div", { class: "cb-banner" }, h("p", { class: "cb-banner-text", dir: "auto", text: detail.error })),
    h(
      "div",
      { class: "cb-story-outputs", "data-count": outputs.length, "data-modality": detail.modality },
      ...outputs.map((output) => storyOutput(output, detail, outputs, { remove, again, back, open, say })),
    ),
    detail.branches && storyTree(detail.branches, open, again),
    facts.length > 0 && h("h3", { class: "cb-story-title", text: T.history_provenance }),
    facts.length > 0 && h("dl", { class: "cb-provenance" }, ...facts),
    replays.length > 0 && h("h3", { class: "cb-story-title", text: T.history_replays }),
    replays.length > 0 &&
      h(
        "ul",
        { class: "cb-replays" },
        ...replays.map((replay) =>
          h(
            "li",
            {},
            h("button", {
              type: "button",
              class: "cb-link",
              onclick: () => open(replay.generation_id),
              text: replay.generation_id.slice(0, 13),
            }),
            h("span", {
              class: "cb-note",
              "data-state": replay.same === true ? "saved" : replay.same === false ? "failed" : null,
              text: replay.same === true ? T.replay_same : replay.same === false ? T.replay_differs : T.replay_unknown,
            }),
          ),
        ),
      ),
  ].filter(Boolean);
}

function storyOutput(output, detail, outputs, { remove, again, back, open, say }) {
  const number = output.position + 1;
  const rating = output.feedback?.rating || NO_RATING;
  const edit = output.feedback?.edit;
  const place = detail.ranking ? rankOf(detail.ranking.groups, output.output_id) : null;
  const bestOf = detail.ranking && isBestOfN(detail.ranking.groups);
  const badge = place && (bestOf ? place.rank === 1 && T.best : fill(place.tied ? T.rank_tied : T.rank, place));
  return h(
    "article",
    { class: "cb-card", "aria-label": fill(T.card_label, { number }) },
    h(
      "div",
      { class: "cb-head" },
      h("span", { class: "cb-number", text: number }),
      badge && h("span", { class: "cb-badge", text: badge }),
      output.seed !== null &&
        output.seed !== undefined &&
        h("span", { class: "cb-muted", text: fill(T.seed, { seed: output.seed }) }),
      h("span", { class: "cb-progress cb-muted", text: storyProgress(output, detail) }),
      ...(output.download_url ? (edit?.image_url ? [edit, null] : [null]) : []).map((which) =>
        pointDownload(h("a", { class: "cb-iconbtn" }, icon("download")), output, which),
      ),
      detail.modality === "image" &&
        output.image_url &&
        iconButton("pencil", T.pe_open, () =>
          editPicture(output.output_id, {
            say,
            saved: () => {
              say(T.pe_saved);
              again();
            },
            show: (generation_id) => trigger("show", { generation_id }),
          }),
        ),
      iconButton("trash", T.history_delete_one, () =>
        remove({ output_ids: [output.output_id] }, outputs.length > 1 ? again : back),
      ),
    ),
    detail.modality === "image"
      ? storyPicture(output, detail, outputs, open)
      : storyText(output, edit, number, detail.prefix || ""),
    spanFacts(output.text || "", rating.spans),
    h("div", { class: "cb-item-foot" }, ...ratingFacts(rating)),
    rating.comment && h("p", { class: "cb-said", dir: "auto", translate: "no", text: rating.comment }),
  );
}

function storyProgress(output, detail) {
  const seconds = output.seconds > 0 && fill(T.seconds, { seconds: output.seconds.toFixed(1) });
  return [progressWords(output, detail.status, true), seconds].filter(Boolean).join(" · ");
}

function storyTree(told, open, again) {
  const say = (act) => server.act({ request_id: newId(), ...act }).then(again);
  const tree = branchTree({
    go: (generationId) => open(generationId),
    best: (groups) => say({ act: "rank", groups }),
    unbest: (id) => say({ act: "undo", feedback_id: id }),
  });
  tree.update(told);
  return tree.node;
}

function storyText(output, edit, number, prefix) {
  const plain = scrolls(h("div", { class: "cb-text", dir: "auto", translate: "no" }));
  const spans = (output.feedback && output.feedback.rating && output.feedback.rating.spans) || [];
  const text = output.text || "";
  const show_ = (view) => {
    if (view === "original" && text) drawMarked(plain, text, text.startsWith(prefix) ? prefix.length : 0, spans);
    else if (view === "diff") renderDiff(plain, diffWords(output.text || "", edit.text));
    else setText(plain, (view === "edited" ? edit.text : output.text) || T.no_text);
    views.update(view);
  };
  const views = viewSwitch(number, show_);
  show(views.node, !!edit);
  show_(edit ? "diff" : "original");
  return h("div", { class: "cb-story-text" }, views.node, plain);
}

function storyPicture(output, detail, outputs, open) {
  if (!output.image_url) return h("p", { class: "cb-muted", text: T.status_cancelled });
  const compared = comparison(output, output.feedback?.edit, detail.parent);
  const plain = storyPlainPicture(output, detail, outputs);
  if (!compared) return plain;
  const slider = compareSlider({ ...compared, label: fill(T.card_label, { number: output.position + 1 }) + ": " + T.pc_label });
  return h("div", {}, slider.node, storyOrigin(detail, output.feedback?.edit, open));
}

// the pictures that it was made from, as far as they are still there
function storyOrigin(detail, edit, open) {
  const shown = [
    [edit?.mask_url, T.pe_the_mask],
    [detail.parent?.image_url, T.pe_made_from],
    [detail.parent?.painted_url, T.pe_the_painting],
    [detail.parent?.mask_url, T.pe_the_mask],
  ].filter(([url]) => url);
  const how =
    edit &&
    (edit.made_in
      ? h("button", { type: "button", class: "cb-link", onclick: () => open(edit.made_in), text: T.pe_how })
      : h("span", { class: "cb-muted", text: T.pe_by_hand }));
  if (!shown.length && !how) return null;
  return h(
    "div",
    { class: "pe-origin" },
    ...shown.map(([src, words]) => {
      const figure = h("figure", {}, h("img", { src, alt: words, loading: "lazy" }), h("figcaption", { text: words }));
      figure.firstChild.addEventListener("error", () => figure.remove()); // it was deleted
      return figure;
    }),
    how,
  );
}

function storyPlainPicture(output, detail, outputs) {
  const pictures = outputs.filter((o) => o.image_url);
  const describe = (o) => ({
    src: o.image_url,
    caption: fill(T.card_label, { number: o.position + 1 }),
    alt: fill(T.picture_alt, { number: o.position + 1, prompt: askedWords(detail) }),
  });
  const img = h("img", { class: "cb-img", src: output.image_url, alt: describe(output).alt, loading: "lazy" });
  img.addEventListener("load", () =>
    img.classList.toggle("cb-pixel", Math.max(img.naturalWidth, img.naturalHeight) <= PIXEL_ART_MAX),
  );
  return h(
    "button",
    {
      type: "button",
      class: "cb-picture",
      "aria-label": fill(T.zoom, { number: output.position + 1 }),
      onclick: () => openLightbox(pictures.map(describe), pictures.indexOf(output)),
    },
    img,
  );
}

function ratingFacts(rating) {
  const facts = [];
  if (rating.score) {
    facts.push(
      h(
        "span",
        { class: "cb-fact cb-stars-shown", role: "img", "aria-label": fill(T.star, { score: rating.score }) },
        ...[1, 2, 3, 4, 5].map((i) => {
          const star = icon("star");
          if (i <= rating.score) star.classList.add("cb-full");
          return star;
        }),
      ),
    );
  }
  if (rating.thumb === 1)
    facts.push(h("span", { class: "cb-fact", role: "img", "aria-label": T.thumb_up }, icon("up")));
  if (rating.thumb === -1)
    facts.push(h("span", { class: "cb-fact", role: "img", "aria-label": T.thumb_down }, icon("down")));
  for (const [aspect, score] of Object.entries(rating.aspects || {})) {
    facts.push(h("span", { class: "cb-fact", dir: "auto", text: fill(T.aspect_value, { aspect: nameOf("aspect_names", aspect), score }) }));
  }
  for (const tag of rating.tags || []) facts.push(h("span", { class: "cb-chip cb-chosen", dir: "auto", text: tag }));
  if (!facts.length && !rating.comment && !(rating.spans || []).length) facts.push(h("span", { class: "cb-muted", text: T.no_feedback }));
  return facts;
}
