// One saved prompt: its versions as a tree, compared word by word, opened, and made current again.
function versionTree({ ask, open, changed }) {
  const list = h("ul", { class: "li-versions" });
  const node = h("div", { class: "li-tree", hidden: true }, list);
  let tree = null;
  let compared = null; // id of the version whose difference is shown

  async function show_(promptId) {
    const answer = await ask({ act: "tree", prompt_id: promptId });
    if (!answer) return;
    tree = answer.tree;
    draw();
    show(node, true);
  }

  function draw() {
    const depth = depths(tree.versions);
    list.replaceChildren(...tree.versions.map((version) => row(version, depth.get(version.number))).reverse());
  }

  function row(version, depth) {
    const current = version.prompt_version_id === tree.current_id;
    const name = fill(T.li_version, { number: version.number });
    const from = version.parent && version.parent !== version.number - 1 ? fill(T.li_from, { number: version.parent }) : "";
    const diff = h("div", { class: "cb-text li-diff", dir: "auto", translate: "no", hidden: compared !== version.prompt_version_id });
    if (!diff.hidden) drawDiff(diff, version);
    const line = h(
      "li",
      { class: "li-version" },
      h(
        "div",
        { class: "cb-row cb-spread" },
        h(
          "button",
          {
            type: "button",
            class: "li-open",
            "aria-label": fill(T.li_open_version, { number: version.number }),
            onclick: () => open(version.prompt_version_id),
          },
          h("b", { text: name }),
          current && h("span", { class: "li-current", text: T.li_current }),
          from && h("span", { class: "cb-muted", text: from }),
        ),
        h(
          "div",
          { class: "cb-row" },
          version.number > 1 &&
            iconButton("diff", fill(T.li_compare, { number: version.number }), () => compare(version), {
              "aria-pressed": String(!diff.hidden),
            }),
          !current && iconButton("undo", fill(T.li_restore, { number: version.number }), () => restore(version)),
        ),
      ),
      h("p", { class: "li-words", dir: "auto", translate: "no", text: version.text.slice(0, 140) }),
      diff,
    );
    line.style.marginInlineStart = Math.min(4, depth) * 12 + "px";
    return line;
  }

  function compare(version) {
    compared = compared === version.prompt_version_id ? null : version.prompt_version_id;
    draw();
  }

  // against what it came from, all its words
  function drawDiff(diff, version) {
    const before = tree.versions.find((each) => each.number === version.parent) || tree.versions[0];
    const parts = [
      ["", "text"],
      [T.li_negative, "negative_text"],
      [T.li_system, "system_text"],
    ]
      .filter(([, key]) => before[key] !== version[key] || key === "text")
      .map(([title, key]) => {
        const words_ = h("div", {});
        renderDiff(words_, diffWords(before[key], version[key]));
        return h("div", {}, title && h("p", { class: "cb-caption", text: title }), words_);
      });
    const changedExamples = !sameJson(before.examples, version.examples);
    diff.replaceChildren(...parts, changedExamples ? h("p", { class: "cb-muted", text: T.li_examples }) : "");
  }

  async function restore(version) {
    const answer = await ask({ act: "restore", prompt_version_id: version.prompt_version_id });
    if (!answer) return;
    open(version.prompt_version_id);
    changed(fill(T.li_restored, { number: version.number }), async () => {
      await ask({ act: "restore", prompt_version_id: answer.before.current_id });
      open(answer.before.current_id);
    });
  }

  return { node, show: show_, hide: () => show(node, false) };
}

// How far each version is from the trunk: a version that follows another's second child is a branch.
function depths(versions) {
  const depth = new Map();
  const taken = new Set();
  for (const version of versions) {
    if (!version.parent) depth.set(version.number, 0);
    else {
      depth.set(version.number, depth.get(version.parent) + (taken.has(version.parent) ? 1 : 0));
      taken.add(version.parent);
    }
  }
  return depth;
}
