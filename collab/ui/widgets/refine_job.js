// How far the proposing has come, what came of it, and which ways had nothing to say.
function jobBar({ ask }) {
  const title = h("b", {});
  const message = h("span", { class: "cb-muted", dir: "auto" });
  const bar = h(
    "div",
    { class: "in-bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": T.rf_job_label },
    barFill(0),
  );
  const notes = h("div", { class: "rf-notes" });
  const cancel = textButton(T.rf_job_cancel, stop, {});
  const dismiss = iconButton("close", T.rf_job_dismiss, () => {
    drafts.set("job", shown.job_id, "seen");
    show(node, false);
  });
  const note = failure();
  const node = h(
    "section",
    { class: "rf-job", "aria-label": T.rf_job_label, hidden: true },
    h(
      "div",
      { class: "rf-job-head" },
      h("p", { class: "rf-job-words", role: "status" }, title, " ", message),
      cancel,
      dismiss,
    ),
    bar,
    notes,
    note,
  );
  let shown = null;

  // came: how many versions a job brought that ended while it was watched, or null
  function update(job, came, board) {
    shown = job;
    const working = isWorking(job);
    const said = job ? job.notes || [] : [];
    const worthIt = job && (working || came !== null || job.status === "failed" || said.length > 0);
    show(node, !!worthIt && (working || drafts.get("job", job.job_id) !== "seen"));
    if (!job) return;
    setAttr(node, "data-status", job.status);
    setText(title, titleOf(job, came));
    setText(message, working ? job.message || "" : "");
    show(bar, working);
    show(cancel, working);
    show(dismiss, !working);
    const done = Math.min(1, Math.max(0, job.progress || 0));
    bar.firstElementChild.style.width = done * 100 + "%";
    setAttr(bar, "aria-valuenow", Math.round(done * 100));
    setAttr(bar, "aria-valuetext", job.message || null);
    const told = JSON.stringify(said);
    if (notes.dataset.told !== told) {
      notes.dataset.told = told;
      notes.replaceChildren(
        ...(said.length ? [h("p", { class: "cb-caption", text: T.rf_job_notes })] : []),
        h(
          "ul",
          { class: "rf-note-list" },
          said.map((each) =>
            h(
              "li",
              { dir: "auto" },
              h("b", { text: proposerTitle(each.proposer, board) }),
              " ",
              h("span", { text: each.said }),
            ),
          ),
        ),
      );
    }
    show(notes, said.length > 0);
    if (!working) tell(note, "");
  }

  function titleOf(job, came) {
    if (job.status === "queued") return T.rf_job_queued;
    if (job.status === "running") return T.rf_job_runs;
    if (job.status === "failed") return fill(T.rf_job_failed, { error: job.error || T.refused_unknown });
    if (job.status === "cancelled") return T.rf_job_cancelled;
    return came ? plural("rf_arrived", came) : came === 0 ? T.rf_job_none : T.rf_job_done;
  }

  function stop() {
    return sendFrom(cancel, note, ask, { act: "cancel_job", job_id: shown.job_id });
  }

  return { node, update };
}
