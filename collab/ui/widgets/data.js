// The Data tab: counts and plots of what was collected, what can be taken away, and one's own data.
function dataBoard() {
  const live = h("div", { class: "cb-offscreen", "aria-live": "polite", role: "status" });
  const problem = h("p", { class: "in-banner in-refusal", role: "alert", hidden: true });
  const loading = h("p", { class: "cb-muted in-loading", role: "status", text: T.history_loading });
  const whose = h("p", { class: "cb-muted" });
  const mine = myData({ ask: (payload) => ask(payload), say, gone: () => load() });
  const numbers = h("dl", { class: "da-numbers" });
  const empty = h(
    "div",
    { class: "cb-empty", hidden: true },
    h("div", { class: "cb-empty-art", "aria-hidden": "true" }, icon("chart")),
    h("h3", { text: T.da_empty_title }),
    h("p", { text: T.da_empty_text }),
    textButton(T.da_start, start, { class: "cb-primary" }),
  );
  const kinds = plotFigure({ name: "kinds", part: T.da_kinds });
  const days = plotFigure({ name: "days", part: T.da_days });
  const stars = plotFigure({ name: "stars", part: T.da_stars });
  const figures = h("div", { class: "da-figures" }, kinds.node, days.node, stars.node);
  const exports_ = exportCards({ ask, start });
  const page = h(
    "div",
    { class: "da-page", hidden: true },
    h(
      "div",
      { class: "cb-row cb-spread da-head" },
      h("div", {}, h("h2", { class: "in-page-title", text: T.da_title }), whose),
      textButton(T.my_data, () => mine.open(), {}, "download"),
    ),
    numbers,
    empty,
    figures,
    exports_.node,
  );
  const root = h(
    "section",
    { class: "collab-widget cb-insights cb-data", "aria-label": T.da_title },
    problem,
    page,
    loading,
    live,
  );
  let opened = null;

  function setValue(value) {
    if (!value || value.opened === opened) return;
    opened = value.opened;
    load();
  }

  async function load() {
    const at = opened;
    show(loading, true);
    const offers = ask({ act: "offers" }); // takes seconds where much was said: the numbers and plots do not wait
    const found = await ask({ act: "overview" });
    if (at !== opened) return;
    if (!found) return show(loading, false);
    show(page, true);
    const { overview } = found;
    const said = overview.kinds.reduce((sum, row) => sum + row.text + row.image, 0);
    setText(whose, overview.everybody ? plural("da_everybody", overview.people) : T.da_yours);
    drawNumbers(overview, said);
    show(empty, !said);
    show(figures, said > 0);
    const source = fill(T.da_plot_source, { when: dated(new Date(), { dateStyle: "medium" }) });
    for (const [figure, plot] of [
      [kinds, kindsPlot(overview)],
      [days, daysPlot(overview)],
      [stars, starsPlot(overview)],
    ])
      figure.update(plot && { ...plot, source, study: "collab" });
    const offered = await offers;
    if (at !== opened) return;
    show(loading, false);
    if (offered) exports_.update(offered.offers);
  }

  function drawNumbers(overview, said) {
    const rows = [
      [T.da_number_texts, overview.made.text],
      [T.da_number_images, overview.made.image],
      [T.da_number_said, said],
      overview.everybody && [T.da_number_people, overview.people],
    ].filter(Boolean);
    numbers.replaceChildren(
      ...rows.map(([name, n]) => h("div", {}, h("dt", { text: name }), h("dd", { text: number(n) }))),
    );
  }

  // the answer, or null after its refusal was told; raw: the answer whatever it says
  async function ask(payload, raw = false) {
    let answer;
    try {
      answer = await server.act(payload);
    } catch {
      answer = { ok: false, error: T.da_no_server };
    }
    if (raw) return answer || { ok: false, error: T.da_no_server };
    const refused = !answer || !answer.ok;
    show(problem, refused);
    if (refused) setText(problem, (answer && answer.error) || T.refused_unknown);
    return refused ? null : answer;
  }

  function say(text) {
    setText(live, text);
  }

  function start() {
    trigger("start", {});
  }

  return { root, setValue };
}

// A button that waits for its answer is disabled meanwhile, and gets its focus back.
async function busy(button, run) {
  const focused = document.activeElement === button;
  button.disabled = true;
  try {
    return await run();
  } finally {
    button.disabled = false;
    if (focused && document.activeElement === document.body) button.focus({ preventScroll: true });
  }
}
