// One row of History's list, and one tile of its gallery: what was made, and what was said of it in a few words.
function historyRow(item, open, choice) {
  const id = item.generation_id;
  const outputs = item.outputs || [];
  const preview = item.modality === "image" ? thumbnails(outputs) : firstLines(outputs);
  const asked = askedWords(item);
  const prompt = h("button", {
    type: "button",
    class: "cb-row-open",
    dir: "auto",
    translate: asked ? "no" : null,
    onclick: () => open(id),
    text: asked || T.no_prompt,
  });
  return h(
    "li",
    { class: "cb-item", "data-id": id },
    h("div", { class: "cb-item-head" }, choice, prompt, when(item.created_at)),
    preview,
    h(
      "div",
      { class: "cb-item-foot" },
      statusChip(item),
      originChip(item),
      item.model && h("span", { class: "cb-muted", text: item.model }),
      ...summary(item),
    ),
  );
}

// The prompt as it was asked, its variables filled in.
function askedWords(item) {
  return item.asked || item.prompt || "";
}

function statusChip(item) {
  if (item.status === "done") return null;
  return h("span", {
    class: "cb-state",
    "data-status": item.status,
    text: T["status_" + item.status] || item.status,
    title: item.error || null,
  });
}

function originChip(item) {
  if (item.origin !== "replay") return null;
  return h("span", { class: "cb-state", "data-origin": "replay", text: T.origin_replay });
}

function firstLines(outputs) {
  const texts = outputs
    .map((output) => output.feedback?.edit?.text || output.text)
    .filter(Boolean)
    .slice(0, 2);
  if (!texts.length) return null;
  return h(
    "div",
    { class: "cb-lines" },
    ...texts.map((text) => h("p", { class: "cb-line", dir: "auto", translate: "no", text: text.trim().slice(0, 400) })),
  );
}

function thumbnails(outputs) {
  const pictures = outputs.filter((output) => output.image_url);
  if (!pictures.length) return null;
  return h(
    "div",
    { class: "cb-thumbnails" },
    ...pictures
      .slice(0, 8)
      .map((output) =>
        h("img", {
          class: "cb-thumbnail",
          src: output.image_url,
          loading: "lazy",
          alt: fill(T.card_label, { number: output.position + 1 }),
        }),
      ),
  );
}

function when(iso) {
  const date = new Date(iso);
  if (!iso || Number.isNaN(date.getTime())) return null;
  const today = new Date().toDateString() === date.toDateString();
  const day = today ? {} : { day: "numeric", month: "short", year: "numeric" };
  const words = new Intl.DateTimeFormat(language(), { ...day, ...CLOCK }).format(date);
  return h("time", { class: "cb-muted", datetime: iso, title: date.toLocaleString(language()), text: words });
}

// what was said about a generation, in a few words each
function summary(item) {
  const said = (item.outputs || []).map((output) => ({
    number: output.position + 1,
    id: output.output_id,
    rating: output.feedback?.rating || NO_RATING,
    edit: output.feedback?.edit,
  }));
  const scores = said.map((s) => s.rating.score).filter(Boolean);
  const ups = said.filter((s) => s.rating.thumb === 1).length;
  const downs = said.filter((s) => s.rating.thumb === -1).length;
  const edits = said.filter((s) => s.edit).length;
  const parts = [];
  const part = (iconName, words, label = words) =>
    parts.push(
      h(
        "span",
        { class: "cb-fact", title: label },
        iconName && icon(iconName),
        h("span", { "aria-hidden": "true", text: words }),
        h("span", { class: "cb-offscreen", text: label }),
      ),
    );
  if (scores.length) {
    const mean = (scores.reduce((a, b) => a + b, 0) / scores.length).toFixed(scores.length > 1 ? 1 : 0);
    part(
      "star",
      scores.length > 1 ? mean + " (" + scores.length + ")" : mean,
      fill(T.stars_mean, { mean, count: scores.length }),
    );
  }
  if (ups) part("up", String(ups), T.thumb_up + ": " + ups);
  if (downs) part("down", String(downs), T.thumb_down + ": " + downs);
  if (edits) part("pencil", edits > 1 ? fill(T.edited_many, { count: edits }) : T.edited);
  const groups = item.ranking && item.ranking.groups;
  if (groups && groups.length && groups[0].length === 1) {
    const best = said.find((s) => s.id === groups[0][0]);
    if (best) part("crown", fill(T.best_is, { number: best.number }));
  } else if (groups && groups.length) part("order", T.ranked);
  const comments = said.filter((s) => s.rating.comment).length;
  if (comments) part("comment", comments > 1 ? String(comments) : T.commented, T.commented + ": " + comments);
  return parts;
}

// a picture on its own, as the gallery shows it
function galleryTile(item, output, open, choice) {
  const number = output.position + 1;
  const rating = output.feedback?.rating || NO_RATING;
  const img = h("img", {
    class: "cb-tile-img",
    src: output.image_url,
    loading: "lazy",
    alt: fill(T.picture_alt, { number, prompt: askedWords(item) }),
  });
  img.addEventListener("load", () =>
    img.classList.toggle("cb-pixel", Math.max(img.naturalWidth, img.naturalHeight) <= PIXEL_ART_MAX),
  );
  return h(
    "li",
    { class: "cb-tile", "data-id": output.output_id },
    h(
      "button",
      { type: "button", class: "cb-tile-open", onclick: () => open(item.generation_id), title: askedWords(item) },
      img,
      h("span", { class: "cb-tile-words", dir: "auto", translate: "no", text: askedWords(item) || T.no_prompt }),
      rating.score &&
        h(
          "span",
          { class: "cb-tile-stars", role: "img", "aria-label": fill(T.star, { score: rating.score }) },
          icon("star"),
          h("span", { text: rating.score }),
        ),
    ),
    choice,
  );
}

// the box by which a row or a tile is chosen for what is done with several
function choiceBox(label, chosen, toggle) {
  const box = h("input", { type: "checkbox", class: "cb-choice", "aria-label": label });
  box.checked = chosen;
  box.addEventListener("change", () => toggle(box.checked));
  return box;
}
