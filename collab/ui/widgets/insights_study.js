// One study in full: joins its head, its plots, its people and its queue.
function studyPage({ back, ask, say, choose }) {
  const head = studyHead({ back, ask, say, busy });
  const banner = filterBanner({ ask, busy });
  const plots = studyPlots({ choose });
  const people = peopleTable({ ask, busy });
  const queue = adjudicationQueue({ ask, busy });
  const parts = [head, banner, plots, people, queue];
  const node = h(
    "div",
    { class: "in-study", hidden: true },
    parts.map((part) => part.node),
  );

  function update(results) {
    for (const part of parts) part.update(results);
  }

  return { node, update, reset: plots.reset, setLive: head.setLive, focus: head.focus };
}

// A button that waits for its answer is disabled meanwhile, and gets its focus back.
async function busy(button, run) {
  const focused = document.activeElement === button;
  button.disabled = true;
  try {
    return await run();
  } finally {
    button.disabled = false;
    if (focused && button.isConnected && document.activeElement === document.body)
      button.focus({ preventScroll: true });
  }
}
