// What a version changes: its words beside those of another, the difference marked, and why it was made.
const FIELDS = ["text", "system_text", "negative_text", "examples", "settings"];

function comparePane({ chooseAgainst }) {
  const title = h("h3", { class: "in-finding", dir: "auto" });
  const facts = h("p", { class: "in-facts" });
  const against = h("div", { class: "rf-against" });
  const fields = h("div", { class: "rf-fields" });
  const why = h("div", { class: "rf-why" });
  const samples = h("div", { class: "rf-samples" });
  const node = h(
    "section",
    { class: "rf-compare", "aria-label": T.rf_compare },
    h("div", { class: "rf-compare-head" }, h("div", {}, title, facts), against),
    fields,
    why,
    samples,
  );
  let drawn = null;

  function update(board, state) {
    const version = versionOf(board, state.chosen);
    const current = currentOf(board);
    show(node, !!version && state.form !== "revise");
    if (!version) return void (drawn = null);
    const parent = versionOf(board, version.parent_id);
    const canSwitch = !!parent && parent !== current && version !== current;
    const alone = version === current && !(parent && state.against === "parent");
    const base = alone ? null : state.against === "parent" && parent ? parent : current;
    const told = [
      version,
      base,
      board.prompt,
      base === current,
      originWords(version, board),
      current?.prompt_version_id,
    ];
    if (sameJson(drawn, told)) return;
    drawn = told;
    setText(title, versionName(version));
    facts.replaceChildren(
      ...[
        chip(originWords(version, board), version.proposer ? "proposer" : "human"),
        version === current &&
          h("span", { class: "rf-serves" }, h("span", { class: "rf-dot", "aria-hidden": "true" }), T.rf_serves),
        version.rejected && h("span", { text: T.rf_rejected }),
        h("span", {
          class: "in-tabular",
          text: [
            plural("rf_outputs", version.outputs || 0),
            plural("rf_acts", version.acts || 0),
            known(version.liking) && fill(T.rf_liking, { value: signed(version.liking) }),
            version.created_at && dateTime(version.created_at),
          ]
            .filter(Boolean)
            .join(" · "),
        }),
      ].filter(Boolean),
    );
    drawAgainst(canSwitch, state.against);
    fields.replaceChildren(...drawFields(version, base, current, board.prompt.modality));
    why.replaceChildren(...reasonOf(version));
    samples.replaceChildren(...samplesOf(base ? [base, version] : [version]));
  }

  function drawAgainst(canSwitch, chosen) {
    show(against, canSwitch);
    if (!canSwitch) return void against.replaceChildren();
    if (against.dataset.chosen === chosen && against.firstChild) return;
    against.dataset.chosen = chosen;
    const options = ["current", "parent"].map((value) => ({ value, label: T["rf_against_" + value] }));
    against.replaceChildren(
      h("span", { class: "cb-caption", text: T.rf_against }),
      segments(T.rf_against, options, chosen, chooseAgainst).node,
    );
  }

  return { node, update, reset: () => (drawn = null) };
}

// One string for each field, so that every difference is one of words.
function wordsOf(version, field) {
  if (field === "examples")
    return (version.examples || [])
      .map((example, i) =>
        [
          fill(T.rf_example, { number: number(i + 1) }),
          fill(T.rf_example_user, { text: example.user }),
          fill(T.rf_example_assistant, { text: example.assistant }),
        ].join("\n"),
      )
      .join("\n\n");
  if (field === "settings")
    return Object.entries(version.settings || {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => settingName(name) + ": " + (typeof value === "string" ? value : JSON.stringify(value)))
      .join("\n");
  return version[field] || "";
}

function settingName(name) {
  return T["compose_" + name] || name;
}

function drawFields(version, base, current, modality) {
  const usual = modality === "image" ? ["text", "negative_text"] : ["text", "system_text"];
  const shown = FIELDS.filter(
    (field) => field === "text" || wordsOf(version, field) || (base && wordsOf(base, field)),
  ).sort((a, b) => usual.includes(b) - usual.includes(a));
  if (!base)
    return [
      h("p", { class: "in-how", text: T.rf_only }),
      ...shown.map((field) =>
        h(
          "section",
          { class: "rf-field-block", "data-field": field },
          h("h4", { class: "cb-caption", text: T["rf_field_" + field] }),
          scrolls(h("div", { class: "cb-text rf-words", dir: "auto", text: wordsOf(version, field) || T.rf_nothing })),
        ),
      ),
    ];
  const named = (one) => (one === current ? fill(T.rf_serves_long, { version: versionName(one) }) : versionName(one));
  return [
    h(
      "div",
      { class: "rf-sides", "aria-hidden": "true" },
      h("span", { class: "cb-caption", text: named(base) }),
      h("span", { class: "cb-caption", text: named(version) }),
    ),
    h("p", {
      class: "cb-caption rf-merged",
      text: fill(T.rf_from_to, { from: named(base), to: versionName(version) }),
    }),
    ...shown.map((field) => comparedField(field, base, version, named)),
  ];
}

// Side by side where there is room, else both in one text: the same difference, drawn twice, one of them hidden.
function comparedField(field, base, version, named) {
  const [before, after] = [wordsOf(base, field), wordsOf(version, field)];
  const head = h("h4", { class: "cb-caption", text: T["rf_field_" + field] });
  const block = (...children) => h("section", { class: "rf-field-block", "data-field": field }, ...children);
  if (before === after)
    return block(
      h("div", { class: "rf-field-head" }, head, h("span", { class: "rf-same cb-muted", text: T.rf_unchanged })),
      scrolls(h("div", { class: "cb-text rf-words rf-quiet", dir: "auto", text: after || T.rf_nothing })),
    );
  const runs = diffWords(before, after);
  const side = (kept, words_, name) => {
    const box = scrolls(h("div", { class: "cb-text rf-words", dir: "auto", role: "group", "aria-label": name }));
    if (words_)
      renderDiff(
        box,
        runs.filter(([kind]) => kind === "same" || kind === kept),
      );
    else box.append(h("span", { class: "cb-muted", text: T.rf_nothing }));
    return box;
  };
  const both = scrolls(h("div", { class: "cb-text rf-words rf-merged", dir: "auto" }));
  renderDiff(both, runs);
  const { added, removed } = countChanges(runs);
  return block(
    h(
      "div",
      { class: "rf-field-head" },
      head,
      h("span", { class: "rf-same cb-muted in-tabular", text: fill(T.diff_counts, { added, removed }) }),
    ),
    h("div", { class: "rf-pair" }, side("del", before, named(base)), side("ins", after, named(version))),
    both,
  );
}

// Why it was made, and the feedback that it cites.
function reasonOf(version) {
  const cited = version.evidence || [];
  const total = Math.max(version.evidence_total || 0, cited.length);
  if (!version.rationale && !total && version.origin !== "refiner") return [];
  return [
    h("h4", { class: "cb-caption", text: T.rf_why }),
    h("p", { class: "in-aside rf-rationale", dir: "auto", text: version.rationale || T.rf_no_rationale }),
    (total > 0 || version.origin === "refiner") &&
      h("p", { class: "rf-cites", text: total ? plural("rf_cites", total) : T.rf_cites_none }),
    cited.length > 0 &&
      h(
        "ul",
        { class: "rf-cited" },
        cited.map((act) => h("li", { dir: "auto", text: act.said })),
        total > cited.length &&
          h("li", { class: "cb-muted", text: fill(T.rf_cites_more, { count: number(total - cited.length) }) }),
      ),
  ].filter(Boolean);
}

// What the versions have made, in columns.
function samplesOf(versions) {
  if (versions.every((version) => !(version.samples || []).length && !version.making) && versions.length > 1)
    return [h("h4", { class: "cb-caption", text: T.rf_samples }), h("p", { class: "in-how", text: T.rf_no_samples })];
  return [
    h(
      "div",
      { class: "rf-sample-columns", "data-count": versions.length },
      versions.map((version) => {
        const samples = version.samples || [];
        const pictures = samples.filter((sample) => sample.image_url);
        const title = fill(T.rf_samples_of, { version: versionName(version) });
        return h(
          "section",
          { class: "rf-sample-column", "aria-label": title },
          h("h4", { class: "cb-caption", text: title }),
          version.making > 0 && h("p", { class: "in-how", role: "status", text: plural("rf_making", version.making) }),
          !samples.length && !version.making && h("p", { class: "in-how", text: T.rf_no_samples }),
          pictures.length > 0 &&
            h(
              "div",
              { class: "rf-pictures" },
              pictures.map((_, i) => samplePicture(version, pictures, i)),
            ),
          samples.filter((sample) => !sample.image_url).map(sampleText),
        );
      }),
    ),
  ];
}

function sampleText(sample) {
  const body = h("div", {
    class: "cb-text rf-sample-text",
    dir: "auto",
    tabindex: "0",
    text: sample.text || T.no_text,
  });
  return h(
    "article",
    { class: "rf-sample" },
    sample.asked && h("p", { class: "rf-asked cb-muted", dir: "auto", text: fill(T.rf_asked, { text: sample.asked }) }),
    body,
  );
}

function samplePicture(version, pictures, at) {
  const describe = (sample, i) => {
    const caption = fill(T.rf_sample_alt, { number: number(i + 1), version: versionName(version) });
    return { src: sample.image_url, caption: sample.asked ? caption + " · " + sample.asked : caption, alt: caption };
  };
  const one = describe(pictures[at], at);
  const img = h("img", {
    class: "in-img",
    src: one.src,
    alt: one.alt,
    loading: "lazy",
    title: pictures[at].asked || null,
  });
  img.addEventListener("load", () =>
    img.classList.toggle("cb-pixel", Math.max(img.naturalWidth, img.naturalHeight) <= PIXEL_ART_MAX),
  );
  return h(
    "button",
    {
      type: "button",
      class: "in-picture",
      "aria-label": fill(T.rf_sample_zoom, { number: number(at + 1), version: versionName(version) }),
      onclick: () => openLightbox(pictures.map(describe), at),
    },
    img,
  );
}
