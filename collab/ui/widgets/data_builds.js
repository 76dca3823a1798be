// An export that is being made: how far it is, a button that stops it, and what it came to.
const BUILD_LOOK_MS = 400;

function buildLine({ ask, finished }) {
  const words_ = h("span", { class: "da-phase" });
  const bar = h("span", { class: "da-progress", "aria-hidden": "true" }, h("span", { class: "da-progress-fill" }));
  const stop = textButton(T.da_stop, halt, { class: "cb-quiet" }, "close");
  const link = h("a", { class: "da-link", target: "_blank", rel: "noopener", hidden: true });
  const node = h("div", { class: "da-build", role: "status", hidden: true }, bar, words_, link, stop);
  let current = null;

  async function start(payload, said) {
    show(node, true);
    show(link, false);
    node.dataset.state = "going";
    tell({ phase: "waiting" });
    const answer = await ask(payload, true);
    if (!answer.ok) return end({ phase: "failed", error: answer.error || T.refused_unknown });
    current = answer.build_id;
    let state = answer;
    while (current === answer.build_id && !["done", "failed", "stopped"].includes(state.phase)) {
      tell(state);
      await new Promise((resolve) => setTimeout(resolve, BUILD_LOOK_MS));
      const next = await ask({ act: "build_state", build_id: answer.build_id }, true);
      if (next.ok) state = next;
      else if (next.error) state = { phase: "failed", error: next.error };
    }
    end(state, said);
  }

  function tell(state) {
    node.dataset.phase = state.phase;
    setText(words_, T["da_phase_" + state.phase] || state.phase);
    show(stop, true);
    show(bar, true);
  }

  function end(state, said) {
    current = null;
    node.dataset.state = state.phase;
    show(stop, false);
    show(bar, false);
    setText(words_, state.phase === "failed" ? state.error : state.phase === "stopped" ? T.da_stopped : said(state));
    finished(state, link);
  }

  async function halt() {
    if (current) await ask({ act: "build_stop", build_id: current }, true);
  }

  return { node, start };
}

function sizeWords(bytes) {
  if (bytes < 1000) return fill(T.da_bytes, { n: number(bytes) });
  return bytes < 1e6 ? fill(T.da_kb, { n: number(bytes / 1e3, 1) }) : fill(T.da_mb, { n: number(bytes / 1e6, 1) });
}
