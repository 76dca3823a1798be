// Section 4: who answers, how many of them, and how one knows that the answers can be trusted.
function peopleSection(composer) {
  const { form } = composer;
  const number = (name, label, help, range, unit = "") =>
    field(label, numberInput(form[name], composer.set(name), range), { path: name, help, unit });
  const overlap = numberInput(form.overlap, composer.set("overlap"), { min: 1, max: 1000, step: 1 });
  const votes = number("votes", T.compose_votes, "", { min: 1, step: 1, usual: DEFAULTS.votes });
  const width = number(
    "interval_width",
    T.compose_interval_width,
    T.compose_interval_width_help,
    { min: 0.1, max: 100, step: "any", scale: 100, usual: DEFAULTS.interval_width },
    "%",
  );
  const target = segments(
    T.compose_target,
    ["none", "votes", "interval"].map((kind) => [kind, T["compose_target_" + kind]]),
    form.target,
    composer.set("target"),
    { path: "target" },
  );
  const targetHelp = h("p", { class: "cb-help" });
  const access = segments(
    T.compose_access,
    ["link", "open"].map((kind) => [kind, T["compose_access_" + kind]]),
    form.access,
    composer.set("access"),
    { path: "access" },
  );
  const accessHelp = h("p", { class: "cb-help" });
  const claim = segments(
    T.compose_claim,
    ["people", "me"].map((who) => [who, T["compose_claim_" + who]]),
    form.claim,
    composer.set("claim"),
    { path: "evidence" },
  );
  const claimHelp = h("p", { class: "cb-help" });
  const claimPart = h("div", { class: "cb-close" }, claim, claimHelp);
  const adaptive = switchInput(
    T.compose_adaptive,
    T.compose_adaptive_help,
    form.adaptive,
    composer.set("adaptive"),
    "adaptive",
  );
  const reveal = switchInput(T.compose_reveal, T.compose_reveal_help, form.reveal, composer.set("reveal"), "reveal");
  const gold = goldPart(composer);
  const advanced = fold(
    T.compose_quality,
    [
      gold.node,
      h(
        "div",
        { class: "cb-grid-fields" },
        gold.share,
        number(
          "repeat_share",
          T.compose_repeats,
          T.compose_repeats_help,
          { min: 0, max: 30, step: 1, scale: 100, usual: DEFAULTS.repeat_share },
          "%",
        ),
        number(
          "lease_minutes",
          T.compose_lease,
          T.compose_lease_help,
          { min: 1, max: 240, step: 1, usual: DEFAULTS.lease_minutes },
          T.compose_minutes,
        ),
        number("seed", T.compose_seed, T.compose_seed_help, { min: 0, step: 1, placeholder: T.compose_any }),
      ),
    ],
    { open: form.gold.length > 0 },
  );
  const node = section("people", 4, T.compose_section_people, T.compose_section_people_help, [
    h(
      "div",
      { class: "cb-grid-fields" },
      field(T.compose_overlap, overlap, { path: "overlap", help: T.compose_overlap_help }),
      number("quota", T.compose_quota, T.compose_quota_help, { min: 0, step: 1, placeholder: T.compose_no_limit }),
    ),
    h("div", { class: "cb-close" }, target, targetHelp, h("div", { class: "cb-grid-fields" }, votes, width)),
    h("div", { class: "cb-close" }, access, accessHelp),
    reveal,
    claimPart,
    adaptive,
    advanced.node,
  ]);

  composer.watch(() => {
    if (form.overlap === null && document.activeElement !== overlap) overlap.value = String(overlapDefault(form));
    reveal.querySelector(".cb-switch").disabled = form.gold.length > 0 && !form.reveal;
    setText(reveal.querySelector(".cb-help"), form.gold.length ? T.compose_reveal_gold : T.compose_reveal_help);
    show(votes, form.target === "votes");
    show(width, form.target === "interval");
    show(adaptive, form.task === "compare");
    show(claimPart, form.task === "compare");
    setText(claimHelp, T["compose_claim_help_" + form.claim]);
    setText(targetHelp, T["compose_target_help_" + form.target]);
    setText(accessHelp, T["compose_access_help_" + form.access]);
    setText(advanced.note, form.gold.length ? fill(T.compose_gold_count, { count: form.gold.length }) : "");
    setText(node.querySelector(".cb-section-number"), form.task === "rate" && !bringsQuestions(form) ? "4" : "3");
  });
  return node;
}
