Object.assign(ICONS, { upload: ["M12 16V4", "M7 8.5l5-5 5 5", "M4.5 20h15"] });

// Each format that can be taken away: what it is for, how many rows now, a look at them, files, and the Hub.
function exportCards({ ask, start }) {
  const list = h("div", { class: "da-exports" });
  const node = h("section", { class: "da-section" }, h("h2", { class: "da-title", text: T.da_exports }), list);
  const cards = new Map(); // format -> card

  function update(offers) {
    for (const offer of offers) {
      if (!cards.has(offer.format)) {
        const made = exportCard({ ask, start, format: offer.format });
        cards.set(offer.format, made);
        list.append(made.node);
      }
      cards.get(offer.format).update(offer);
    }
  }

  return { node, update };
}

function exportCard({ ask, start, format }) {
  const title = words("da_format", format.replaceAll("-", "_"));
  const count = h("span", { class: "da-rows" });
  const reason = h("p", { class: "da-reason", hidden: true });
  const source = h("select", { class: "in-select", "aria-label": T.da_source, hidden: true, onchange: () => choose() });
  const left = h("ul", { class: "da-left" });
  const leftBox = h("details", { class: "da-left-box", hidden: true }, h("summary", { text: T.da_left_out }), left);
  const table = h("div", { class: "da-preview", hidden: true, tabindex: "0", role: "region" });
  setAttr(table, "aria-label", fill(T.da_preview_of, { title }));
  const look = textButton(T.da_preview, preview, { "aria-expanded": "false" }, "table");
  const files = menuButton(textButton(T.da_download, null, { class: "cb-primary" }, "download"), () =>
    ["all", "parquet", "jsonl"].map((part) => ({
      label: T["da_part_" + part],
      iconName: "download",
      run: () => download(part),
    })),
  );
  const push = textButton(T.da_push, () => pushDialog({ title, run: sendTo }), {}, "upload");
  const begin = textButton(T.da_start, start, { hidden: true });
  const foot = h("div", { class: "cb-row da-foot" }, look, files, push, begin);
  const build = buildLine({ ask, finished });
  const node = h(
    "article",
    { class: "da-card", "data-format": format, "aria-label": title },
    h(
      "div",
      { class: "da-card-head" },
      h("div", {}, h("h3", { text: title }), h("code", { class: "da-code", text: format })),
      count,
    ),
    h("p", { class: "cb-muted", text: T["da_about_" + format.replaceAll("-", "_")] }),
    reason,
    source,
    foot,
    build.node,
    leftBox,
    table,
  );
  let offer = null;

  function update(next) {
    offer = next;
    const many = next.sources.length > 1;
    source.replaceChildren(
      ...next.sources.map((each) =>
        h("option", { value: each.source, text: fill(T.da_source_rows, { name: sourceName(each), n: number(each.rows) }) }),
      ),
    );
    show(source, many);
    const lines = Object.entries(next.left_out || {});
    left.replaceChildren(
      ...lines.map(([why, n]) => h("li", { dir: "auto", text: fill(T.da_left_line, { why, n: number(n) }) })),
    );
    show(leftBox, lines.length > 0);
    choose();
  }

  function choose() {
    const chosen = offer.sources.find((each) => each.source === source.value) || offer.sources[0];
    const none = !chosen.rows;
    setText(count, plural("da_rows", chosen.rows));
    node.classList.toggle("da-none", none);
    for (const each of [look, files, push]) show(each, !none);
    show(begin, none);
    show(reason, none);
    const how = T["da_how_" + format.replaceAll("-", "_")] || offer.how;
    setText(reason, none ? fill(T.da_none, { how }) : "");
    show(table, false);
    setAttr(look, "aria-expanded", "false");
  }

  const asked = () => ({ format, source: source.value || offer.sources[0].source });

  async function preview() {
    if (!table.hidden) {
      show(table, false);
      return setAttr(look, "aria-expanded", "false");
    }
    const answer = await busy(look, () => ask({ act: "preview", ...asked() }, true));
    table.replaceChildren(answer.ok ? previewTable(answer, title) : h("p", { class: "da-reason", text: answer.error }));
    show(table, true);
    setAttr(look, "aria-expanded", "true");
  }

  function download(part) {
    build.start({ act: "build", part, ...asked() }, (state) =>
      fill(T.da_built, { files: number(state.files.length), size: sizeWords(state.bytes) }),
    );
  }

  function sendTo(said) {
    build.start({ act: "push", ...asked(), ...said }, (state) => (state.private ? T.da_pushed : T.da_pushed_public));
  }

  function finished(state, link) {
    if (state.phase !== "done") return;
    const onHub = state.private !== undefined;
    link.href = state.url;
    setText(link, onHub ? T.da_open : T.da_again);
    show(link, true);
    if (!onHub) followLink(state.url);
  }

  return { node, update };
}

function sourceName(source) {
  if (source.title) return fill(T.da_study, { title: source.title });
  return T["da_source_" + source.source.replace(":", "_")] || T.da_source_all;
}

function previewTable({ columns, rows }, title) {
  return h(
    "table",
    {},
    h("caption", { class: "cb-offscreen", text: fill(T.da_preview_of, { title }) }),
    h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col", text: name })))),
    h(
      "tbody",
      {},
      rows.map((row) => h("tr", {}, row.map((cell) => h("td", { dir: "auto", translate: "no" }, h("div", { text: cell }))))),
    ),
  );
}

// Where to, and who may see it. The token goes with this one request and is kept nowhere, in the page neither.
function pushDialog({ title, run }) {
  const name = h("input", { type: "text", class: "cb-search", placeholder: T.da_push_placeholder, autocomplete: "off" });
  const token = h("input", { type: "password", class: "cb-search", autocomplete: "off", placeholder: "hf_…" });
  const open = h("input", { type: "checkbox" });
  const go = textButton(T.da_push_go, send, { class: "cb-primary" }, "upload");
  const dialog = modal("da-push", [
    h("h3", { text: fill(T.da_push_title, { title }) }),
    h("p", { class: "cb-muted", text: T.da_push_text }),
    h("label", { class: "da-field" }, h("span", { text: T.da_push_name }), name),
    h("label", { class: "da-field" }, h("span", { text: T.da_push_token }), token),
    h("p", { class: "cb-muted da-small", text: T.da_push_token_text }),
    h("label", { class: "cb-row da-check" }, open, h("span", { text: T.da_push_public })),
    h("div", { class: "cb-row da-foot" }, textButton(T.cancel, () => dialog.close()), go),
  ]);
  dialog.setAttribute("aria-label", fill(T.da_push_title, { title }));
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter" || event.isComposing || !event.target.matches("input:not([type=checkbox])")) return;
    event.preventDefault();
    send();
  });
  name.focus();

  function send() {
    const said = { name: name.value.trim(), token: token.value.trim(), public: open.checked };
    token.value = "";
    dialog.close();
    run(said);
  }
}
