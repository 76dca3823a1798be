// Three to six outputs put in order, best first: letters or digits in that order, or drag the letters.
function rankSurface(item, desk) {
  const labels = item.task.options.map((option) => option.label);
  const grid = paneGrid(item);
  const order = orderStrip(labels, () => {
    draw();
    desk.changed();
  });
  const send = actButton(T.desk_send, "", T.desk_enter, submit, { class: "dk-primary" });
  const clear = actButton(T.order_clear, "", "", () => order.set([]), { class: "dk-quiet" });
  const ranks = grid.panes.map((pane, i) => {
    const place = h("span", { class: "dk-place" });
    const button = h(
      "button",
      { type: "button", class: "dk-pick", "aria-label": fill(T.desk_pick, { label: labels[i] }) },
      pane.badge,
      place,
    );
    button.addEventListener("click", () => order.toggle(labels[i]));
    pane.head.append(button, h("kbd", { class: "dk-kbd", "aria-hidden": "true", text: String(i + 1) }));
    return { button, place };
  });

  function draw() {
    const groups = order.groups();
    grid.panes.forEach((pane, i) => {
      const place = rankOf(groups, labels[i]);
      const words = place ? fill(place.tied ? T.rank_tied : T.rank, place) : "";
      setText(ranks[i].place, words);
      setAttr(ranks[i].button, "aria-pressed", String(!!place));
      pane.setChosen(!!place && place.rank === 1);
    });
    setAttr(send, "aria-disabled", String(!order.isComplete()));
    clear.disabled = !groups.length;
  }

  function submit() {
    const left = order.unplaced();
    if (left.length === 1)
      order.set([...order.groups(), left]); // what is left over can only be the last
    else if (left.length) return desk.say(fill(T.desk_order_left, { labels: left.join(", ") }));
    desk.send({ groups: order.groups() });
  }

  const start = item.draft ? item.draft.groups : item.said && item.said.groups;
  if (start) order.set(start.map((group) => group.filter((label) => labels.includes(label))));
  else draw();
  return {
    node: grid.node,
    bar: h("div", { class: "dk-acts dk-acts-rank" }, order.node, clear, send),
    zoom: grid.zoom,
    scroll: grid.scroll,
    enter: submit,
    key(key) {
      const at = /^[1-9]$/.test(key) ? Number(key) - 1 : labels.findIndex((label) => label.toLowerCase() === key);
      if (key === "=") {
        if (!order.tie()) desk.say(T.desk_tie_none);
        return true;
      }
      if (at < 0 || at >= labels.length) return false;
      order.toggle(labels[at]);
      return true;
    },
    glow: () => flash(send),
    isDirty: () => order.groups().length > 0,
    state: () => (order.groups().length ? { groups: order.groups() } : null),
  };
}

function rankingWords(answer) {
  return answer.groups.map((group) => group.join(" = ")).join(" > ");
}
