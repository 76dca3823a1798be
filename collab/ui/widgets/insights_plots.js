// The plots of one study in two columns, and the switches of its leaderboard. A plot without meaning here is hidden.
function studyPlots({ choose }) {
  let asked = { by: "arm", tag: "" };
  let offered = null; // what the switches offer now
  let arranged = null; // the plots that were shown when the columns were filled last
  const bySwitch = h("div", {});
  const tagBox = h("select", {
    class: "in-select",
    "aria-label": T.in_tag,
    onchange: () => set({ tag: tagBox.value }),
  });
  const tagLabel = h("label", { class: "in-sort" }, T.in_tag, tagBox);
  const leaderboard = plotFigure({ name: "leaderboard", part: T.in_leaderboard, controls: [bySwitch, tagLabel] });
  const evidence = plotFigure({ name: "evidence", part: T.in_evidence });
  const matrix = plotFigure({ name: "matrix", part: T.in_matrix });
  const edits = plotFigure({ name: "edits", part: T.in_edits });
  const agreement = plotFigure({ name: "agreement", part: T.in_agreement });
  const pace = plotFigure({ name: "seconds", part: T.in_seconds });
  const votes = plotFigure({ name: "votes", part: T.in_votes_over_time });
  const small = [agreement, pace, votes].map((figure) => figure.node);
  const questions = new Map(); // question name -> figure
  const questionBox = h("div", { class: "in-stack" });
  const tagFigures = new Map(); // tag -> figure
  const tagNote = h("p", { class: "in-aside", dir: "auto", hidden: true });
  const tagBoards = h("div", { class: "in-stack" });
  const tagStack = h("div", { class: "in-stack", "data-part": "tags" }, tagNote, tagBoards);
  const main = h("div", { class: "in-stack" }, leaderboard.node, tagStack, questionBox, edits.node, matrix.node);
  const side = h("div", { class: "in-stack" }, evidence.node, ...small);
  const node = h("div", { class: "in-columns" }, main, side);
  new ResizeObserver(() => requestAnimationFrame(arrange)).observe(node);

  function update(results) {
    const { study, counts } = results;
    const from = (answers, people) =>
      fill(T.in_source, {
        title: study.title,
        answers: plural("in_answers", answers),
        people: plural("in_people", people),
        when: dated(new Date(), { dateStyle: "medium" }),
      });
    const source = from(counts.answers, counts.annotators);
    // how the work went is told of everybody, also of those who are left out of what it came to
    const everybody = from(counts.answers + counts.answers_left_out, counts.annotators + counts.annotators_left_out);
    const tell = (figure, plot, whose = source) =>
      figure.update(plot && { ...plot, source: whose, study: study.title });
    const board = results.leaderboard;
    drawSwitches(study);
    tell(leaderboard, forestPlot(board) || (asked.tag && { title: T.in_no_votes_tag, data: asked }) || null);
    tell(evidence, evidencePlot(results.evidence));
    const byArm = ["arm", "tag"].includes(board?.by);
    tell(matrix, matrixPlot(results.matrix, byArm ? board.rows.map((row) => row.name) : []));
    tell(edits, editPlot(results.edits));
    tell(agreement, counts.answers ? agreementPlot(results.agreement) : null);
    tell(votes, votesPlot(results.time), everybody);
    tell(pace, secondsPlot(results.time), everybody);
    drawFigures(questions, questionBox, results.questions || [], (question) => ({
      key: question.name,
      name: "question-" + question.name,
      part: question.title || question.name,
      tell: (figure) => tell(figure, questionPlot(question)),
    }));
    drawFigures(tagFigures, tagBoards, results.tags?.boards || [], (each) => ({
      key: each.tag,
      name: "tag-" + each.tag,
      part: fill(T.in_tag_of, { tag: each.tag }),
      tell: (figure) => tell(figure, forestPlot(each) || { title: each.sentence, data: each }),
    }));
    setText(tagNote, results.tags?.sentence || "");
    show(tagNote, !!results.tags?.sentence);
    arrange();
    showColumns();
  }

  // one figure for each of `all`, kept as long as it is among them. describe(one) → {key, name, part, tell}
  function drawFigures(figures, stack, all, describe) {
    const described = all.map(describe);
    const kept = new Set(described.map((each) => each.key));
    for (const [key, figure] of figures)
      if (!kept.has(key)) {
        figure.node.remove();
        figures.delete(key);
      }
    for (const { key, name, part, tell } of described) {
      if (!figures.has(key)) {
        figures.set(key, plotFigure({ name, part }));
        stack.append(figures.get(key).node);
      }
      tell(figures.get(key));
    }
  }

  const holdsSomething = (stack) => [...stack.querySelectorAll("figure")].some((figure) => !figure.hidden);

  function showColumns() {
    for (const stack of [tagStack, questionBox, main, side]) show(stack, holdsSomething(stack));
    show(node, !main.hidden || !side.hidden);
    setAttr(node, "data-single", main.hidden || side.hidden);
  }

  // The small plots fill the shorter column. Only when another plot appears or goes does one of them move.
  function arrange() {
    const shown = [...node.querySelectorAll("figure")].filter((figure) => !figure.hidden).map((f) => f.dataset.plot);
    if (sameJson(shown.sort(), arranged) || !node.clientWidth || getComputedStyle(node).display !== "grid") return;
    arranged = shown;
    for (const stack of [main, side]) show(stack, true);
    side.append(...small);
    const heights = (stack) =>
      [...stack.querySelectorAll("figure")]
        .filter((figure) => !small.includes(figure))
        .reduce((sum, figure) => sum + figure.offsetHeight, 0);
    const depth = new Map([main, side].map((stack) => [stack, heights(stack)]));
    for (const figure of small.filter((each) => !each.hidden)) {
      const stack = depth.get(main) < depth.get(side) ? main : side;
      stack.append(figure);
      depth.set(stack, depth.get(stack) + figure.offsetHeight);
    }
    showColumns();
  }

  // arms can be put together by model or by prompt where these differ
  function drawSwitches(study) {
    const distinct = (key) => new Set((study.arms || []).map((arm) => arm[key]).filter(Boolean)).size;
    const tags = study.tags || [];
    const by = ["arm", ...["model", "prompt"].filter((each) => distinct(each) > 1), ...(tags.length > 1 ? ["tag"] : [])];
    if (sameJson([by, tags], offered)) return;
    offered = [by, tags];
    const options = by.map((value) => ({ value, label: T["in_by_" + value] }));
    bySwitch.replaceChildren(segments(T.in_by, options, asked.by, (value) => set({ by: value })).node);
    tagBox.replaceChildren(
      h("option", { value: "", text: T.in_tag_all }),
      ...tags.map((tag) => h("option", { value: tag, text: tag })),
    );
    tagBox.value = asked.tag;
    show(bySwitch, by.length > 1);
    show(tagLabel, tags.length > 0);
    show(bySwitch.parentNode, by.length > 1 || tags.length > 0);
  }

  function set(change) {
    asked = { ...asked, ...change };
    choose(asked);
  }

  function reset() {
    asked = { by: "arm", tag: "" };
    offered = null;
    arranged = null;
  }

  return { node, update, reset };
}
