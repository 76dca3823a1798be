// The head of an open study: what it asks, how far it is, its link, and what its owner can do with it as a whole.
const TABLES = {
  leaderboard: "chart",
  matrix: "table",
  agreement: "order",
  annotators: "people",
  answers: "text",
  consensus: "crown",
};

function studyHead({ back, ask, say, busy }) {
  const title = h("h2", { class: "in-page-title", dir: "auto", translate: "no", tabindex: "-1" });
  const question = h("p", { class: "in-question", dir: "auto", translate: "no" });
  const facts = h("p", { class: "in-facts" });
  const live = h("span", { class: "in-live" });
  const link = h("input", {
    class: "in-link-box",
    readonly: true,
    "aria-label": T.in_link,
    dir: "ltr",
    spellcheck: "false",
  });
  const copied = h("span", { class: "in-note", "data-state": "saved" });
  const copy = textButton(T.in_copy_link, () => copyLink(), {}, "copy");
  const reach = h("p", { class: "in-reach cb-muted" });
  const share = h("div", { class: "in-share" }, link, copy, copied, reach);
  const toggle = textButton("", () => flip(), {});
  const retry = textButton(T.in_retry, () => busy(retry, () => ask({ act: "retry" })), {}, "again");
  const tables = menuButton(textButton(T.in_tables, null, {}, "download"), () =>
    Object.entries(TABLES)
      .filter(([table]) => hasTable(table))
      .map(([table, iconName]) => ({ label: T["in_table_" + table], iconName, run: () => csv(table) })),
  );
  const exporting = textButton(T.in_export, null, {}, "download");
  const exports_ = menuButton(exporting, () =>
    shown.exports.map((format) => ({ label: T["in_export_" + format], iconName: "table", run: () => archive(format) })),
  );
  const bar = h(
    "div",
    { class: "in-bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": T.in_target },
    barFill(0),
  );
  const target = h("p", { class: "in-target", dir: "auto" });
  const counts = h("dl", { class: "in-counts" });
  const problems = h("div", { class: "in-banner in-problems", role: "alert", hidden: true });
  const first = h(
    "div",
    { class: "in-first", hidden: true },
    h("h3", { text: T.in_first_title }),
    h("p", { class: "cb-muted", text: T.in_first_text }),
    textButton(T.in_copy_link, () => copyLink(), { class: "cb-primary" }, "copy"),
  );
  const node = h(
    "header",
    { class: "in-study-head" },
    h(
      "div",
      { class: "cb-row cb-spread" },
      textButton(T.in_all_studies, back, { class: "cb-quiet in-back" }, "left"),
      live,
    ),
    h(
      "div",
      { class: "in-study-top" },
      h("div", { class: "in-study-words" }, title, question, facts),
      h("div", { class: "cb-row in-study-tools" }, tables, exports_, toggle),
    ),
    h("div", { class: "in-study-state" }, h("div", { class: "in-progress-box" }, bar, target), share),
    counts,
    problems,
    first,
  );
  let shown = null;

  function update(results) {
    shown = results;
    const { study, counts: n } = results;
    setText(title, study.title || "");
    setText(question, questionWords(study.question));
    show(question, !!study.question && study.question !== study.title);
    facts.replaceChildren(
      statusMark(study.status),
      [
        words("in_task", study.task),
        words("in_modality", study.modality),
        study.arms?.length && plural("in_arms", study.arms.length),
        study.overlap > 1 && fill(T.in_overlap, { n: number(study.overlap) }),
        study.adaptive && T.in_adaptive,
        study.created_at && fill(T.in_since, { when: dateTime(study.created_at) }),
      ]
        .filter(Boolean)
        .join(" · "),
    );
    setText(toggle.lastChild, study.status === "open" ? T.in_close : T.in_reopen);
    setAttr(toggle, "title", study.status === "open" ? T.in_close_hint : T.in_reopen_hint);
    const address = study.link ? linkAddress(study.link) : "";
    if (link.value !== address) link.value = address;
    setText(reach, address ? reachWords(address) : "");
    show(reach, !!reach.textContent);
    show(share, !!address && study.status === "open");
    const done = known(n.target_progress) ? Math.min(1, Math.max(0, n.target_progress)) : null;
    show(bar, done !== null);
    if (done !== null) {
      bar.firstElementChild.style.width = done * 100 + "%";
      setAttr(bar, "aria-valuenow", Math.round(done * 100));
      setAttr(bar, "aria-valuetext", n.target_sentence);
    }
    setText(target, n.target_sentence || "");
    drawCounts(n);
    const said = [
      ...(study.problems || []),
      ...(n.items_failed && !study.problems?.length ? [plural("in_failed_items", n.items_failed)] : []),
    ];
    show(problems, said.length > 0);
    const told = said.join("\n");
    if (problems.dataset.told !== told) {
      problems.dataset.told = told;
      problems.replaceChildren(
        h(
          "div",
          { class: "in-banner-text", tabindex: said.length > 4 ? "0" : null },
          said.map((each) => h("p", { dir: "auto", text: each })),
        ),
        retry,
      );
    }
    show(retry, n.items_failed > 0);
    show(tables, n.answers > 0);
    show(exports_, n.answers > 0 && results.exports.length > 0);
    show(first, !n.answers && !n.answers_left_out && study.status === "open" && !!address);
  }

  function drawCounts(n) {
    const parts = [
      [counted("answers", n.answers), beside(n.answers, n.answers_left_out)],
      [counted("people", n.annotators), beside(n.annotators, n.annotators_left_out)],
      [T.in_count_complete, fill(T.in_of, { n: number(n.items_complete), of: number(n.items) })],
      [T.in_count_ready, n.items_ready < n.items && fill(T.in_of, { n: number(n.items_ready), of: number(n.items) })],
      [T.in_count_failed, n.items_failed && number(n.items_failed)],
      [counted("answering", n.answering), n.answering && number(n.answering)],
      [T.in_count_skipped, n.skipped && number(n.skipped)],
      [T.in_count_flagged, n.flagged && number(n.flagged)],
    ].filter(([, value]) => value);
    counts.replaceChildren(
      ...parts.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: value }))),
    );
  }

  function counted(name, n) {
    return T["in_count_" + name + (n === 1 ? "_one" : "_many")];
  }

  function beside(n, out) {
    return out ? fill(T.in_count_left_out, { n: number(n), out: number(out) }) : number(n);
  }

  function hasTable(table) {
    if (table === "leaderboard") return !!shown.leaderboard?.rows?.length;
    if (table === "matrix") return (shown.matrix?.names || []).length > 1;
    if (table === "agreement") return !!shown.agreement?.length;
    return true;
  }

  async function csv(table) {
    const answer = await ask({ act: "csv", table });
    if (answer) saveFile(answer.name, answer.csv, "text/csv");
  }

  async function archive(format) {
    say(T.in_export_underway);
    setText(exporting.lastChild, T.in_export_underway);
    const answer = await busy(exporting, () => ask({ act: "export", format }));
    setText(exporting.lastChild, T.in_export);
    if (answer) followLink(answer.url);
  }

  async function copyLink() {
    const done = await copyText(link.value);
    setText(copied, done ? T.copied : "");
    say(done ? T.copied : T.copy_failed);
    if (!done) link.select();
    setTimeout(() => setText(copied, ""), 3000);
  }

  function flip() {
    busy(toggle, () => ask({ act: shown.study.status === "open" ? "close" : "reopen" }));
  }

  // state: "live", "late" (the last look failed) or "" (a closed study stands still)
  function setLive(state) {
    setAttr(live, "data-state", state || null);
    setText(live, state === "live" ? fill(T.in_live, { time: clock() }) : state === "late" ? T.in_late : T.in_still);
  }

  return { node, update, setLive, focus: () => title.focus({ preventScroll: true }) };
}

// A study's bare link is what the page's address asks for; anything longer is an address already.
function linkAddress(link) {
  const bare = /^[\w-]+$/.test(link);
  return new URL(bare ? "?study=" + link : link, location.origin + location.pathname).href;
}
