// The bar above the tabs: one's name, the language, every key of the page, and the notice on what is kept.
function pageHeader() {
  const nameButton = textButton(T.head_name_none, askName);
  const keysButton = textButton("?", openAllKeys, { "aria-label": T.head_keys, title: T.head_keys });
  const language = textButton(T.head_language, switchLanguage, { "aria-label": T.head_language_label });
  language.querySelector("span").lang = T.head_language_tag;
  const noticeButton = textButton(T.head_notice, () => openNotice());
  const line = h("div", { class: "hd-notice", role: "region", "aria-label": T.head_notice, hidden: true });
  const said = h("div", { class: "cb-offscreen", role: "status" });
  const bar = h(
    "div",
    { class: "hd-bar" },
    h("span", { class: "hd-brand", text: "Collab", translate: "no" }),
    nameButton,
    noticeButton,
    language,
    keysButton,
  );
  const root = h("header", { class: "collab-widget hd", "aria-label": T.head_label }, bar, line, said);
  let person = null;
  let notice = null;

  function setValue(value) {
    if (!value || !value.person) return;
    ({ person, notice } = value);
    draw();
  }

  function draw() {
    nameButton.querySelector("span").textContent = person.name || T.head_name_none;
    setAttr(nameButton, "aria-label", person.name ? fill(T.head_name_change, { name: person.name }) : null);
    show(nameButton, person.can_be_named || !!person.name);
    nameButton.disabled = !person.can_be_named;
    show(line, !person.agreed);
    if (person.agreed) return;
    line.replaceChildren(
      h("p", { text: person.must_agree ? T.head_notice_must : T.head_notice_local }),
      textButton(T.head_notice_read, () => openNotice()),
      textButton(T.head_notice_agree, () => agree(), { class: "cb-primary" }),
    );
  }

  async function send(payload) {
    let answer;
    try {
      answer = await server.act(payload);
    } catch {
      answer = { ok: false, error: T.head_not_saved };
    }
    if (answer.ok) {
      person = answer.person;
      draw();
    }
    return answer;
  }

  async function agree(dialog) {
    const answer = await send({ act: "agree", version: notice.version });
    setText(said, answer.ok ? T.head_notice_thanks : answer.error);
    if (answer.ok) {
      if (dialog) dialog.close();
      noticeButton.focus();
    } else {
      line.querySelector("p").textContent = answer.error;
    }
  }

  function heading(words, dialog) {
    return h(
      "div",
      { class: "cb-row cb-spread" },
      h("h3", { text: words }),
      iconButton("close", T.close, () => dialog().close()),
    );
  }

  function openNotice() {
    if (!notice) return;
    const own = notice.url && [
      h("p", { text: T.head_notice_own }),
      h("p", {}, h("a", { href: notice.url, target: "_blank", rel: "noopener noreferrer", text: notice.url })),
    ];
    const dialog = modal("hd-wide", [
      heading(T.head_notice_title, () => dialog),
      h("div", { class: "hd-text" }, ...(own || notice.paragraphs.map((text) => h("p", { text })))),
      person.agreed
        ? h("p", { class: "cb-muted", text: T.head_notice_agreed })
        : textButton(T.head_notice_agree, () => agree(dialog), { class: "cb-primary" }),
    ]);
    dialog.setAttribute("aria-label", T.head_notice_title);
  }

  function askName() {
    const box = h("input", { value: person.name, maxlength: "40", autocomplete: "nickname", id: "hd-name" });
    const wrong = h("p", { role: "alert", class: "cb-error" });
    const form = h(
      "form",
      {
        class: "hd-form",
        onsubmit: async (event) => {
          event.preventDefault();
          const answer = await send({ act: "name", name: box.value });
          if (!answer.ok) return setText(wrong, answer.error);
          setText(said, T.head_name_saved);
          dialog.close();
        },
      },
      h("p", { text: T.head_name_text }),
      h("label", { for: "hd-name", text: T.head_name_box }),
      box,
      wrong,
      h("button", { type: "submit", class: "cb-btn cb-primary", text: T.save }),
    );
    const dialog = modal("hd-name", [heading(T.head_name_title, () => dialog), form]);
    dialog.setAttribute("aria-label", T.head_name_title);
    box.focus();
    box.select();
  }

  // What is drafted lives in the browser, and what is being made on the server: a reload loses neither.
  function switchLanguage() {
    const place = location.protocol === "https:" ? "; SameSite=None; Secure; Partitioned" : "; SameSite=Lax";
    document.cookie = "collab_language=" + T.head_language_other + "; path=/; max-age=63072000" + place;
    location.reload();
  }

  function openAllKeys() {
    if (document.querySelector("dialog[open]")) return;
    const groups = [
      [T.keys_create, [...T.shortcuts, ...T.text_shortcuts]],
      [T.pe_title, T.pe_keys],
      ...["compare", "rank", "rate", "edit"].map((task) => [T["keys_rate_" + task], T.desk_keys[task]]),
      [T.keys_rate_all, [...T.desk_keys.all, ...T.desk_keys.texts]],
      [T.keys_refine, T.rf_keys],
      [T.keys_history, T.history_keys],
      [T.keys_page, T.keys_everywhere],
    ];
    const sections = groups.map(([title, keys]) =>
      h(
        "section",
        {},
        h("h4", { text: title }),
        ...keys.map(([key, what]) =>
          h("div", { class: "cb-keyrow" }, h("kbd", { text: key }), h("span", { text: what })),
        ),
      ),
    );
    const dialog = modal("cb-keys hd-wide", [
      heading(T.keys_label, () => dialog),
      h("div", { class: "hd-keys", tabindex: "0", role: "group", "aria-label": T.keys_label }, ...sections),
    ]);
    dialog.setAttribute("aria-label", T.keys_label);
  }

  // before the widgets' own lists: on every tab one list says all
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      if (!root.isConnected || isTyping(event.target) || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      openAllKeys();
    },
    true,
  );

  return { root, setValue };
}
