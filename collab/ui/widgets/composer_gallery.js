// Outputs that are already there: a gallery to choose from, and the groups that become the study's items.
const TILES_SHOWN = 12; // before “show all”

function outputsOf(composer) {
  const all = (composer.value && composer.value.outputs) || [];
  return all.filter((output) => !output.modality || output.modality === composer.form.modality);
}

// Groups that fit the task stay; those of another size are taken apart, and a task about single outputs keeps them all.
function regroup(form) {
  const [least, most] = GROUP_SIZES[form.task];
  for (const modality of ["text", "image"]) {
    const groups = form.groups[modality];
    const open = form.open_group[modality];
    if (most === 1) form.groups[modality] = [...new Set([...groups.flat(), ...open])].map((id) => [id]);
    else form.groups[modality] = groups.filter((group) => group.length >= least && group.length <= most);
    if (most === 1 || open.length >= most) form.open_group[modality] = [];
  }
}

function outputsPanel(composer) {
  const { form } = composer;
  const groups = () => form.groups[form.modality];
  const opened = () => form.open_group[form.modality];
  const hint = h("p", { class: "cb-help" });
  const chosen = h("ul", { class: "cb-groups", "aria-label": T.compose_chosen });
  const close = textButton(T.compose_close_group, () => closeGroup(), { class: "cb-primary" });
  const byPrompt = textButton(T.compose_by_prompt, groupByPrompt, {}, "spark");
  const clear = textButton(T.compose_clear_outputs, () => setGroups([], []), { class: "cb-quiet" });
  const status = h("p", { class: "cb-caption", role: "status" });
  const gallery = outputGallery(composer, {
    isChosen: (id) => opened().includes(id) || groups().some((group) => group.includes(id)),
    badge: (id) => {
      if (opened().includes(id)) return "+";
      return groups()
        .flatMap((group, i) => (group.includes(id) ? [i + 1] : []))
        .join(", ");
    },
    toggle,
  });

  function setGroups(now, open = opened()) {
    form.groups[form.modality] = now;
    form.open_group[form.modality] = open;
    composer.changed();
  }

  function toggle(id) {
    const [, most] = GROUP_SIZES[form.task];
    if (opened().includes(id))
      setGroups(
        groups(),
        opened().filter((other) => other !== id),
      );
    else if (most === 1 && groups().some(([other]) => other === id))
      setGroups(groups().filter(([other]) => other !== id));
    else {
      const now = [...opened(), id];
      if (now.length < most) setGroups(groups(), now);
      else setGroups([...groups(), now], []);
    }
  }

  function closeGroup() {
    setGroups([...groups(), opened()], []);
    gallery.node.querySelector(".cb-tile")?.focus({ preventScroll: true });
  }

  function groupByPrompt() {
    const [least, most] = GROUP_SIZES[form.task];
    const byText = Map.groupBy ? Map.groupBy(free(), (o) => o.prompt) : new Map();
    if (!Map.groupBy) for (const o of free()) byText.set(o.prompt, [...(byText.get(o.prompt) || []), o]);
    const made = [];
    for (const same of byText.values())
      for (let i = 0; i + least <= same.length; i += most) made.push(same.slice(i, i + most).map((o) => o.output_id));
    setGroups([...groups(), ...made.filter((group) => group.length >= least)], []);
    composer.say(fill(T.compose_grouped, { count: made.length }));
  }

  function free() {
    return outputsOf(composer).filter((o) => !groups().some((group) => group.includes(o.output_id)));
  }

  composer.watch(() => {
    const [least, most] = GROUP_SIZES[form.task];
    const some = outputsOf(composer).length > 0;
    setText(hint, some ? T["compose_outputs_help_" + form.task] : T["compose_outputs_empty_" + form.modality]);
    show(close, least !== most && opened().length >= least);
    show(byPrompt, most > 1 && some);
    show(clear, groups().length + opened().length > 0);
    const items = groups().length === 1 ? T.compose_item : T.compose_items;
    const waiting = opened().length ? " " + fill(T.compose_group_open, { count: opened().length, least }) : "";
    setText(status, fill(items, { count: groups().length }) + waiting);
  });
  composer.part(
    chosen,
    () => [groups(), form.modality, GROUP_SIZES[form.task][1] > 1],
    () => (GROUP_SIZES[form.task][1] > 1 ? groups().map(groupChip) : []),
  );

  function groupChip(group, i) {
    const first = outputsOf(composer).find((o) => o.output_id === group[0]);
    return h(
      "li",
      { class: "cb-group-chip" },
      h("span", { class: "cb-number", text: String(i + 1) }),
      h("span", {
        class: "cb-group-words",
        dir: "auto",
        text: (first && shorten(first.prompt, 48)) || fill(T.compose_group_of, { count: group.length }),
      }),
      iconButton("close", fill(T.compose_remove_group, { number: i + 1 }), () => {
        setGroups(groups().filter((_, n) => n !== i));
        (chosen.querySelectorAll("button")[i] || clear).focus();
      }),
    );
  }

  return h(
    "div",
    { class: "cb-stack" },
    hint,
    gallery.node,
    h("div", { class: "cb-row cb-spread" }, status, h("div", { class: "cb-row" }, close, byPrompt, clear)),
    chosen,
  );
}

// Tiles of recent outputs that can be switched on and off. badge(id): the words in a chosen tile's corner.
function outputGallery(composer, { isChosen, badge, toggle, label = T.compose_gallery }) {
  const grid = h("div", { class: "cb-tiles", role: "group", "aria-label": label });
  const more = textButton(
    "",
    () => {
      all = true;
      composer.refresh();
    },
    { class: "cb-quiet" },
  );
  const filter = textInput("", () => composer.refresh(), {
    type: "search",
    "aria-label": T.compose_filter,
    placeholder: T.compose_filter,
  });
  const nothing = h("p", { class: "cb-help", role: "status", text: T.compose_filter_none });
  let all = false;
  let tiles = [];

  composer.part(
    grid,
    () => [composer.form.modality, outputsOf(composer).map((o) => o.output_id)],
    () => {
      tiles = outputsOf(composer).map(tile);
      return tiles.map((t) => t.node);
    },
  );
  composer.watch(() => {
    const words = filter.value.trim().toLowerCase();
    const found = tiles.filter((t) => !words || t.words.includes(words));
    const shown = new Set(all || words ? found : found.slice(0, TILES_SHOWN));
    for (const t of tiles) {
      show(t.node, shown.has(t));
      setAttr(t.node, "aria-pressed", String(isChosen(t.id)));
      setText(t.badge, String(badge(t.id) || ""));
    }
    show(filter, tiles.length > 6);
    show(nothing, tiles.length > 0 && !found.length);
    show(more, shown.size < found.length);
    setText(more.lastChild, fill(T.compose_show_outputs, { count: found.length }));
  });

  function tile(output) {
    const corner = h("span", { class: "cb-tile-badge" });
    const words = output.image_url
      ? h("img", { class: "cb-tile-image", src: output.image_url, alt: "", loading: "lazy" })
      : h("span", { class: "cb-tile-text", dir: "auto", text: shorten(output.text, 280) });
    const node = h(
      "button",
      { type: "button", class: "cb-tile", onclick: () => toggle(output.output_id), "aria-pressed": "false" },
      words,
      h("span", {
        class: "cb-tile-prompt",
        dir: "auto",
        title: output.prompt || null,
        text: output.prompt || T.no_prompt,
      }),
      corner,
    );
    return {
      id: output.output_id,
      node,
      badge: corner,
      words: ((output.prompt || "") + " " + (output.text || "")).toLowerCase(),
    };
  }

  return { node: h("div", { class: "cb-stack" }, filter, grid, nothing, h("div", { class: "cb-row" }, more)) };
}

// A gallery in a card of a list: what is chosen stands in `item.output_ids`, in order. watch: of the part it is in.
function outputPicker(composer, item, label, watch) {
  const most = GROUP_SIZES[composer.form.task][1];
  const gallery = outputGallery(
    { ...composer, watch, part: (...of) => watch(part(...of)) },
    {
      isChosen: (id) => item.output_ids.includes(id),
      badge: (id) => (item.output_ids.includes(id) ? letter(item.output_ids.indexOf(id)) : ""),
      toggle: (id) => {
        const others = item.output_ids.filter((other) => other !== id);
        if (others.length < item.output_ids.length) item.output_ids = others;
        else item.output_ids = [...(others.length < most ? others : others.slice(0, most - 1)), id];
        composer.changed();
      },
      label,
    },
  );
  return h("div", { class: "cb-stack" }, h("p", { class: "cb-label", "aria-hidden": "true", text: label }), gallery.node);
}
