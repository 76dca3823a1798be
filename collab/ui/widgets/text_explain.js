// Why the model wrote what it wrote: the text tinted by how likely each piece was; at each, what else could have stood
// there. Choosing one of those lets the model go on from there.
const TINTS = [0.5, 0.25, 0.1, 0.02]; // a piece less likely than this is tinted one step more

const percent = (p) => (p >= 0.995 ? "100 %" : p < 0.001 ? "< 0.1 %" : (100 * p).toFixed(p < 0.1 ? 1 : 0) + " %");
const visible = (words) => words.replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/^ +| +$/g, (s) => "·".repeat(s.length));

function explainPanel({ number, ask, branch, close }) {
  const text = h("div", { class: "cb-text cb-explain-text", role: "group", dir: "auto", translate: "no", "aria-label": T.explain_pieces });
  const say = h("p", { class: "cb-explain-how", text: T.explain_loading });
  const drawn = h("p", { class: "cb-explain-how", hidden: true });
  const pop = h("div", { class: "cb-explain-pop", role: "group", hidden: true });
  const legend = h("span", { class: "cb-explain-legend", "aria-hidden": "true", hidden: true });
  const stage = h("div", { class: "cb-explain-stage" }, text, pop);
  const node = h(
    "div",
    { class: "cb-explain", role: "region", "aria-label": fill(T.explain_label, { number }) },
    h("div", { class: "cb-row cb-spread" }, h("span", { class: "cb-caption", text: T.explain_title }), legend),
    stage,
    say,
    drawn,
    h("div", { class: "cb-row" }, textButton(T.close, close, {}, "close")),
  );
  let spots = []; // the piece of each button
  let told = null;
  let current = -1;
  let timer = null;
  let pinned = false;

  for (const [i, words] of T.explain_steps.entries())
    legend.append(h("span", { class: "cb-tint", "data-tint": i, text: words }));

  async function load() {
    const answer = await ask();
    if (!node.isConnected) return;
    if (!answer || !answer.ok) {
      setText(say, (answer && answer.error) || T.explain_failed);
      setAttr(say, "role", "alert");
      return;
    }
    told = answer;
    draw();
  }

  function draw() {
    setText(say, T.explain_how);
    const { temperature, top_p, top_k, repetition_penalty } = told.settings;
    setText(drawn, told.read ? fill(T.explain_read, { model: told.model }) :
      fill(T.explain_drawn, { temperature, top_p, top_k, repetition_penalty })); // prettier-ignore
    show(drawn, true);
    show(legend, true);
    spots = told.pieces.map((piece, i) =>
      h("span", {
        class: "cb-tint cb-piece",
        role: "button",
        tabindex: i ? "-1" : "0",
        "data-tint": TINTS.filter((limit) => piece.probability < limit).length,
        "data-end": piece.end || null,
        "aria-label": fill(T.explain_piece, {
          text: piece.end ? T.explain_end : visible(piece.text),
          percent: percent(piece.probability),
        }),
        text: piece.end ? "⏹" : piece.text,
      }),
    );
    const prefix = told.prefix ? h("span", { class: "cb-begun", title: T.begun, text: told.prefix }) : "";
    text.replaceChildren(prefix, ...spots);
    spots[0]?.focus({ preventScroll: true });
  }

  function open(i, pin) {
    clearTimeout(timer);
    if (i < 0 || i >= spots.length) return;
    if (current !== i) {
      spots[current]?.classList.remove("cb-now");
      current = i;
      spots[i].classList.add("cb-now");
      spots.forEach((spot, at) => (spot.tabIndex = at === i ? 0 : -1));
      fillPop(told.pieces[i], i);
    }
    pinned = pin || pinned;
    show(pop, true);
    place();
  }

  function place() {
    const box = stage.getBoundingClientRect();
    const rects = spots[current].getClientRects();
    const at = rects[rects.length - 1] || spots[current].getBoundingClientRect();
    pop.style.left = Math.min(Math.max(0, at.left - box.left), Math.max(0, box.width - pop.offsetWidth)) + "px";
    pop.style.top = at.bottom - box.top + 4 + "px";
  }

  function fillPop(piece, i) {
    setAttr(pop, "aria-label", fill(T.explain_alternatives, { text: piece.end ? T.explain_end : visible(piece.text) }));
    const before = told.prefix + told.pieces.slice(0, i).map((p) => p.text).join("");
    const listed = piece.alternatives.some((a) => a.chosen);
    const rows = piece.alternatives.map((a) =>
      alternative(a, !a.chosen && !a.end && (before + a.text).trim() ? () => branch(before + a.text) : null),
    );
    const own = { text: piece.text, end: piece.end, chosen: true, probability: piece.probability };
    pop.replaceChildren(
      ...(listed ? rows : [...rows, alternative(own, null)]),
      !piece.alternatives.length ? h("p", { class: "cb-explain-how", text: T.explain_joined }) : "",
    );
  }

  function alternative(a, choose) {
    const words = a.end ? T.explain_end : visible(a.text);
    const inner = [
      h("span", { class: "cb-alt-bar", style: "transform: scaleX(" + a.probability.toFixed(4) + ")", "aria-hidden": "true" }),
      h("span", { class: "cb-alt-text" + (a.end ? " cb-muted" : ""), dir: "auto", translate: a.end ? null : "no", text: words }),
      a.chosen && h("span", { class: "cb-alt-chosen", text: T.explain_chosen }),
      h("span", { class: "cb-alt-p", text: percent(a.probability) }),
    ];
    if (!choose) return h("div", { class: "cb-alt" }, ...inner);
    const label = fill(T.explain_choose, { text: words, percent: percent(a.probability) });
    return h("button", { type: "button", class: "cb-alt", "aria-label": label, title: label, onclick: choose }, ...inner);
  }

  function shut() {
    clearTimeout(timer);
    pinned = false;
    spots[current]?.classList.remove("cb-now");
    current = -1;
    show(pop, false);
  }

  const spotAt = (target) => spots.indexOf(target.closest?.(".cb-piece"));
  text.addEventListener("pointerover", (event) => {
    const i = spotAt(event.target);
    if (event.pointerType !== "mouse" || pinned || i < 0) return;
    clearTimeout(timer);
    timer = setTimeout(() => open(i, false), pop.hidden ? 60 : 140); // so that the way to the alternatives is free
  });
  pop.addEventListener("pointerenter", () => clearTimeout(timer));
  stage.addEventListener("pointerleave", () => {
    clearTimeout(timer);
    if (!pinned && !stage.contains(document.activeElement)) timer = setTimeout(shut, 250);
  });
  text.addEventListener("click", (event) => {
    const i = spotAt(event.target);
    if (i >= 0) open(i, true);
    else shut();
  });
  text.addEventListener("focusin", (event) => {
    const i = spotAt(event.target);
    if (i >= 0 && event.target.matches(":focus-visible")) open(i, true);
  });
  node.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (pop.contains(document.activeElement)) spots[current].focus();
      else close();
      return;
    }
    const choices = [...pop.querySelectorAll("button")];
    const at = choices.indexOf(document.activeElement);
    const spot = spots.indexOf(document.activeElement);
    let to = null;
    if (at >= 0) to = { ArrowDown: choices[at + 1], ArrowUp: choices[at - 1] || spots[current] }[event.key];
    else if (spot >= 0) {
      to = {
        ArrowRight: spots[spot + 1], ArrowLeft: spots[spot - 1], Home: spots[0], End: spots[spots.length - 1],
        ArrowDown: choices[0], Enter: choices[0], " ": choices[0],
      }[event.key]; // prettier-ignore
    } else return;
    if (event.key.startsWith("Arrow") || to) {
      if (at >= 0 && ["Enter", " "].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    }
    to?.focus();
  });
  load();
  return { node, focus: () => (spots[0] || node.querySelector("button")).focus({ preventScroll: true }) };
}
