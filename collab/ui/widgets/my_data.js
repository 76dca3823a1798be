// One's own data: what there is of it, all of it in one file, and its deletion.
function myData({ ask, say, gone }) {
  async function open() {
    const answer = await ask({ act: "my_data" });
    if (!answer) return;
    const link = h(
      "a",
      { class: "cb-btn", download: "", hidden: true },
      icon("download"),
      h("span", { text: T.my_data_ready }),
    );
    const note = h("p", { class: "cb-note", role: "status", hidden: true });
    const make = textButton(T.my_data_export, exportAll, { class: "cb-primary" }, "download");
    const dialog = modal("cb-my-data", [
      h(
        "div",
        { class: "cb-row cb-spread" },
        h("h3", { text: T.my_data }),
        iconButton("close", T.close, () => dialog.close()),
      ),
      h("p", { class: "cb-muted", text: T.my_data_text }),
      h(
        "dl",
        { class: "cb-my-counts" },
        ...Object.entries(T.my_counts).map(([name, label]) =>
          h("div", {}, h("dt", { text: label }), h("dd", { text: given(answer.counts, name).toLocaleString(document.documentElement.lang || undefined) })),
        ),
      ),
      h("div", { class: "cb-row cb-my-foot" }, make, link),
      note,
      h("h4", { text: T.my_data_delete }),
      h("p", { class: "cb-muted", text: T.my_data_delete_text }),
      h(
        "div",
        { class: "cb-row" },
        textButton(T.my_data_delete_button, () => remove(dialog, answer), { class: "cb-danger" }, "trash"),
      ),
    ]);
    dialog.setAttribute("aria-label", T.my_data);

    async function exportAll() {
      make.disabled = true;
      show(note, true);
      setText(note, T.my_data_making);
      const made = await ask({ act: "export_my_data" });
      make.disabled = false;
      setText(note, made ? fill(T.my_data_exported, made.counts) : T.my_data_failed);
      if (!made) return;
      link.href = made.url;
      show(link, true);
      link.click();
    }
  }

  // what there is: what would go, and what would stay
  function given(counts, name) {
    return counts[name] + (counts[name + "_that_stay"] || 0);
  }

  // what this browser kept of what was being written
  function forgetDrafts() {
    try {
      for (const kept of [localStorage, sessionStorage])
        for (const key of Object.keys(kept)) if (/^collab[-:]/.test(key)) kept.removeItem(key);
    } catch {
      // a browser that keeps nothing
    }
  }

  function remove(before, answer) {
    before.close();
    confirmDialog(
      T.my_data_delete,
      goesLines(answer.counts),
      T.my_data_delete_now,
      async () => {
        const done = await ask({ act: "delete_my_data", confirm: "delete" });
        if (!done) return false;
        forgetDrafts();
        say(T.my_data_deleted);
        gone();
        return true;
      },
      "delete",
    );
  }

  return { open };
}
