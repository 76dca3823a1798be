// Presets of settings: applied, saved from the form, deleted and brought back.
function presetList({ ask, changed, modality }) {
  const list = h("div", { class: "li-presets" });
  const name = h("input", { type: "text", class: "li-input", placeholder: T.li_preset_short, maxlength: 60 });
  setAttr(name, "aria-label", T.li_preset_name);
  const form = h(
    "form",
    { class: "cb-row li-keep", onsubmit: keep },
    name,
    h("button", { type: "submit", class: "cb-btn" }, h("span", { text: T.li_preset_save })),
  );
  const node = h(
    "section",
    { class: "li-part" },
    h("h3", { text: T.li_presets }),
    h("p", { class: "cb-muted", text: T.li_presets_text }),
    list,
    form,
  );
  let presets = [];
  let ignored = []; // settings that the form's model does not heed

  function update(next) {
    presets = next;
    const says = (preset) => Object.keys(preset.settings).some((key) => !ignored.includes(key));
    const mine = presets.filter((preset) => preset.modality === modality() && says(preset));
    list.replaceChildren(...mine.map(chip));
  }

  function chip(preset) {
    const said = Object.entries(preset.settings)
      .map(([key, value]) => nameOf("setting_names", key) + " " + value)
      .join(", ");
    const label = preset.preset_id ? preset.name : T["li_preset_" + preset.name.toLowerCase().replace(" ", "_")];
    return h(
      "span",
      { class: "li-chip" },
      h("button", {
        type: "button",
        class: "li-chip-use",
        dir: "auto",
        title: said,
        text: label || preset.name,
        onclick: () => trigger("apply", { settings: preset.settings }),
      }),
      preset.preset_id && iconButton("close", fill(T.li_preset_delete, { name: preset.name }), () => remove(preset)),
    );
  }

  function keep(event) {
    event.preventDefault();
    if (!name.value.trim()) return name.focus();
    trigger("keep", { name: name.value });
    name.value = "";
  }

  async function remove(preset) {
    const answer = await ask({ act: "delete_preset", preset_id: preset.preset_id });
    if (!answer) return;
    changed(fill(T.li_preset_deleted, { name: preset.name }), () => ask({ act: "save_preset", ...answer.preset }));
  }

  return { node, update, redraw: () => update(presets), ignore: (settings) => (ignored = settings) };
}
