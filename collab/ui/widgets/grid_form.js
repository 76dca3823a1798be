// Which values are put on which axis. A variable's box that holds a list is offered at once.
function gridForm({ make }) {
  const rows = h("div", { class: "gr-axes" });
  const hidden = h("input", { type: "checkbox" });
  const node = h(
    "form",
    { class: "gr-form", onsubmit: send },
    h("p", { class: "cb-muted", text: T.gr_text }),
    rows,
    h("label", { class: "cb-row gr-check" }, hidden, h("span", { text: T.gr_hidden })),
    h("div", { class: "cb-row" }, h("button", { type: "submit", class: "cb-btn cb-primary" }, h("span", { text: T.gr_make }))),
  );
  let axes = []; // {select, values}

  function update({ ask, settings }) {
    const variables = Object.keys(ask.variables);
    const listed = variables.filter((name) => /[|\n]|\.\./.test(ask.variables[name]));
    const options = [
      ["", T.gr_none],
      ...variables.map((name) => ["variable:" + name, "{" + name + "}"]),
      ...settings.map((name) => ["setting:" + name, nameOf("setting_names", name)]),
    ];
    const first = [...listed, ...variables.filter((name) => !listed.includes(name))].map((name) => "variable:" + name);
    axes = [T.gr_across, T.gr_down, T.gr_pages].map((title, i) => {
      const values = h("textarea", { class: "gr-input", rows: 1, dir: "auto", "aria-label": fill(T.gr_values, { axis: title }) });
      const select = h(
        "select",
        { class: "gr-input", "aria-label": title, onchange: () => propose(select, values) },
        options.map(([value, words_]) => h("option", { value, text: words_ })),
      );
      select.value = first[i] || (i === first.length && i < 2 ? "setting:" + settings[0] : "");
      function propose() {
        const [kind, name] = [select.value.split(":")[0], select.value.split(":").slice(1).join(":")];
        if (kind === "variable") values.value = ask.variables[name] || "";
        else if (kind === "setting") values.value = name === "seed" ? "1..3" : String(ask.settings[name] ?? "");
        show(values, !!kind);
      }
      propose();
      return { title, select, values };
    });
    rows.replaceChildren(
      ...axes.map(({ title, select, values }) => h("div", { class: "gr-axis" }, h("span", { text: title }), select, values)),
    );
  }

  function send(event) {
    event.preventDefault();
    const chosen = axes
      .filter(({ select }) => select.value)
      .map(({ select, values }) => {
        const [kind, ...name] = select.value.split(":");
        return { kind, name: name.join(":"), values: values.value };
      });
    make(chosen, hidden.checked);
  }

  return { node, update };
}
