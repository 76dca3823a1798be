// What is being made from a picture: previews while it forms, a stop, and the choice of one when it is there.
const PE_LOOK_MS = 350; // between two looks at how far it is

function pictureResults(picture, { ask, chosen }) {
  const words = h("span", { class: "pe-making", role: "status" });
  const stop = textButton(T.pe_stop, () => halt(), { hidden: true });
  const tiles = h("div", { class: "pe-tiles", role: "radiogroup", "aria-label": T.pe_results });
  const node = h("div", { class: "pe-results", hidden: true }, h("div", { class: "cb-row cb-spread" }, words, stop), tiles);
  let generationId = null;
  let outputs = [];
  let current = null;
  let running = false;
  let left = false;

  async function make(payload) {
    setRunning(true);
    show(node, true);
    tiles.replaceChildren();
    current = null;
    setText(words, T.pe_sending);
    const answer = await ask({ act: "picture_make", output_id: picture.output_id, request_id: newId(), ...payload });
    if (!answer) {
      setRunning(false);
      show(node, false);
      return;
    }
    generationId = answer.generation_id;
    await watch_(generationId);
  }

  async function watch_(id) {
    while (!left && generationId === id) {
      const answer = await ask({ act: "picture_state", generation_id: id });
      if (!answer) break;
      const { state } = answer;
      draw(state);
      if (["done", "failed", "cancelled"].includes(state.status)) {
        setRunning(false);
        outputs = state.outputs.filter((output) => output.image_url);
        setText(words, state.status === "failed" ? state.error || T.failed : outputs.length ? T.pe_choose : T.stopped);
        if (outputs.length) choose(outputs[0]);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, PE_LOOK_MS));
    }
    setRunning(false);
  }

  function setRunning(yes) {
    running = yes;
    show(stop, yes);
    stop.disabled = false;
    chosen(current);
  }

  function draw(state) {
    if (state.outputs.length !== tiles.children.length)
      tiles.replaceChildren(
        ...state.outputs.map((output) =>
          h(
            "button",
            {
              type: "button",
              role: "radio",
              class: "pe-tile",
              "aria-checked": "false",
              "aria-label": fill(T.pe_result, { number: output.position + 1 }),
              onclick: () => choose(outputs.find((o) => o.output_id === output.output_id)),
            },
            h("img", { alt: "", draggable: "false" }),
          ),
        ),
      );
    let at = 0;
    state.outputs.forEach((output, i) => {
      const tile = tiles.children[i];
      const src = output.image_url || output.preview;
      tile.disabled = !output.image_url;
      if (src && tile.firstChild.getAttribute("src") !== src) tile.firstChild.src = src;
      at += output.finished ? 1 : output.steps ? (output.step || 0) / output.steps : 0;
    });
    if (state.status === "queued") setText(words, state.ahead > 0 ? fill(T.queued_ahead, { ahead: state.ahead }) : T.queued);
    if (state.status === "running")
      setText(words, fill(T.pe_progress, { percent: Math.round((100 * at) / state.outputs.length) }));
  }
  tiles.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !outputs.length) return;
    event.preventDefault();
    const to = outputs[(outputs.indexOf(current) + step + outputs.length) % outputs.length];
    choose(to);
    [...tiles.children].find((tile) => tile.getAttribute("aria-checked") === "true")?.focus();
  });

  function choose(output) {
    if (!output) return;
    current = output;
    [...tiles.children].forEach((tile, i) => {
      const mine = tile.getAttribute("aria-label") === fill(T.pe_result, { number: output.position + 1 });
      setAttr(tile, "aria-checked", String(mine));
      tile.tabIndex = mine ? 0 : -1;
    });
    chosen(output);
  }

  async function halt() {
    stop.disabled = true;
    setText(words, T.pe_stopping);
    if (generationId) await ask({ act: "picture_stop", generation_id: generationId });
  }

  return {
    node,
    make,
    leave: () => (left = true),
    forget: () => {
      current = null;
      show(node, false);
      chosen(null);
    },
    current: () => current,
    generationId: () => generationId,
    isRunning: () => running,
  };
}
