// Numbers, moments and names in words, as Insights says them. Knows no plot.
Object.assign(ICONS, {
  chart: ["M4 4v16h16", "M8 10h6", "M8 14.5h10", "M8 5.5h3"],
  more: ["M5 12h.01", "M12 12h.01", "M19 12h.01"],
  table: ["M4 5h16v14H4z", "M4 10h16", "M4 14.5h16", "M10 10v9"],
  people: [
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
    "M2.5 20a6.5 6.5 0 0 1 13 0",
    "M16 4.5a3.5 3.5 0 0 1 0 6.5",
    "M18 14a6.5 6.5 0 0 1 3.5 6",
  ],
  sort: ["M8 5v14", "M4.5 15.5L8 19l3.5-3.5", "M16 19V5", "M12.5 8.5L16 5l3.5 3.5"],
  flag: ["M6 21V4", "M6 4.5h11l-2 3.75 2 3.75H6"],
});

const NOTHING = "–";

function known(n) {
  return typeof n === "number" && Number.isFinite(n);
}

function number(n, digits = 0) {
  if (!known(n)) return NOTHING;
  const words = new Intl.NumberFormat(language(), {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(n);
  return words.replace("-", "\u2212");
}

// enough digits to tell an e-value of 0.03 from one of 8,000
function roughly(n) {
  if (!known(n)) return NOTHING;
  return n >= 100
    ? number(n)
    : n >= 10
      ? number(n, 1)
      : n >= 0.1 || n === 0
        ? number(n, 2)
        : String(Number(n.toPrecision(1)));
}

function percent(share, digits = 0) {
  return known(share) ? fill(T.in_percent, { n: number(share * 100, digits) }) : NOTHING;
}

// "51–64 %", "3.9–4.3"
function range(lower, upper, say = number) {
  if (!known(lower) || !known(upper)) return NOTHING;
  if (say === percent) return fill(T.in_percent, { n: number(lower * 100) + "–" + number(upper * 100) });
  return fill(lower < 0 ? T.in_range_words : T.in_range, { lower: say(lower), upper: say(upper) });
}

function plural(key, count, values = {}) {
  return fill(T[key + (count === 1 ? "_one" : "_many")], { count: number(count), ...values });
}

function quoted(name) {
  return fill(T.in_quoted, { name });
}

function listed(names) {
  return new Intl.ListFormat(language(), { type: "conjunction" }).format(names);
}

function seconds(s) {
  if (!known(s)) return NOTHING;
  if (s < 90) return fill(T.seconds, { seconds: number(s, s < 10 && s % 1 ? 1 : 0) });
  return s < 5400
    ? fill(T.in_minutes, { n: number(s / 60, s < 600 ? 1 : 0) })
    : fill(T.in_hours, { n: number(s / 3600, 1) });
}

// "2026-05-03" is a day, "2026-05-03T14" an hour: JavaScript reads only the first of them
function moment(iso) {
  const words = String(iso || "");
  return new Date(/T\d\d$/.test(words) ? words + ":00Z" : words);
}

const DAY = { day: "numeric", month: "short" };
const HOUR = CLOCK;

function dated(date, parts) {
  return Number.isNaN(date.getTime()) ? "" : new Intl.DateTimeFormat(language(), parts).format(date);
}

function dateTime(iso) {
  const date = moment(iso);
  const today = date.toDateString() === new Date().toDateString();
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  return dated(date, today ? HOUR : { ...DAY, ...year, ...HOUR });
}

// The finding, and what has to be said along with it.
function firstSentence(text) {
  const parts = /^(.+?[.!?])\s+(?=[\p{Lu}“])([^]+)$/u.exec(text);
  return parts ? [parts[1], parts[2]] : [text, ""];
}

function words(table, key) {
  return T[table + "_" + key] || String(key || "");
}

// A row of which one is chosen; the arrow keys move through it.
function segments(label, options, chosen, choose, extra = {}) {
  let at = options.findIndex((option) => option.value === chosen);
  const buttons = options.map((option, i) =>
    h("button", {
      type: "button",
      class: "cb-segment",
      role: "radio",
      text: option.label,
      dir: "auto",
      translate: option.own ? "no" : null,
      onclick: () => select(i),
    }),
  );
  const node = h("div", { class: "cb-segments", role: "radiogroup", "aria-label": label, ...extra }, ...buttons);
  function mark_(to) {
    at = to;
    buttons.forEach((button, i) => button.setAttribute("aria-checked", String(i === at)));
    setRoving(buttons, at);
  }
  function select(to) {
    mark_(to);
    choose(options[to].value);
  }
  mark_(at);
  roving(node, buttons, select);
  return { node, update: (value) => mark_(options.findIndex((option) => option.value === value)) };
}

// A button that opens a small list of further buttons; Esc, a click elsewhere or a choice closes it.
function menuButton(button, entries) {
  const list = h("div", { class: "in-menu", hidden: true });
  const node = h("div", { class: "in-menu-box" }, button, list);
  const close = (back) => {
    if (list.hidden) return;
    show(list, false);
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    if (back) button.focus({ preventScroll: true });
  };
  const outside = (event) => {
    if (!node.contains(event.target)) close(false);
  };
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    if (!list.hidden) return close(true);
    list.replaceChildren(
      ...entries().map(({ label, iconName, run }) =>
        textButton(
          label,
          () => {
            close(true);
            run();
          },
          { class: "in-menu-item" },
          iconName,
        ),
      ),
    );
    list.style.removeProperty("inset-inline-end");
    show(list, true);
    // as wide as it is, it stays within the row that its button stands in
    const beyond = node.parentElement.getBoundingClientRect().left - list.getBoundingClientRect().left;
    if (beyond > 0) list.style.setProperty("inset-inline-end", -beyond + "px");
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside, true);
    list.querySelector("button").focus({ preventScroll: true });
  });
  node.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const items = [...list.querySelectorAll("button")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") close(true);
    else if (step) items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  node.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !node.contains(event.relatedTarget)) close(false);
  });
  return node;
}
