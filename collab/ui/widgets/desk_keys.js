// The desk's keys: which belong to the item on the screen, which to the desk, and when none of them does.
function listenToKeys(desk) {
  const { drawer, acts } = desk;

  function onKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!desk.isOpen() || document.querySelector("dialog[open]")) return;
    if (!(event.target instanceof Element)) return;
    const inText = !!event.target.closest(".dk-spanable");
    if (isTyping(event.target) && !inText) return;
    const key = pressedKey(event);
    const elsewhere = !element.contains(event.target) && !/^(BODY|HTML)$/.test(event.target.tagName);
    const moves = /^(Arrow|Page|Enter$| $|Escape$)/.test(key);
    if (moves && (elsewhere || (inText && /^(Arrow|Page)/.test(key)))) return;
    const onButton = event.target.closest("button, a, summary");
    if (key === " " && (onButton || (event.target.closest(".dk-scroll") && !inText))) return;
    // as in any form: Enter on a star or an option sends, Space chooses it
    if (key === "Enter" && onButton && !onButton.matches("[role=radio], [role=checkbox]")) return;
    if (event.repeat && !/^(Arrow(Up|Down)|Page| )/.test(key)) return; // a key held down answers once
    if (act(key, event.shiftKey)) event.preventDefault();
  }

  // Whether the key meant something. With Shift a letter never answers, so C and F are free where they name an output.
  function act(key, shift) {
    if (desk.isWelcome()) return key === "Enter" ? (acts.start(), true) : false;
    if (drawer.mode() === "skip" && drawer.key(key)) return true;
    if (drawer.mode() && (key === "Escape" || (key === "s" && drawer.mode() === "skip"))) return drawer.close();
    if (drawer.mode() && drawer.mode() !== "comment") return key.length === 1; // not for what is behind it
    const own = () => !!desk.surface() && desk.surface().key(key);
    return (!shift && own()) || common(key) || (shift && own());
  }

  function common(key) {
    const surface = desk.surface();
    const onItem = {
      s: () => drawer.openSkip(),
      f: () => drawer.openFlag(),
      c: () => drawer.openComment(),
      x: () => surface.zoom && surface.zoom(),
      m: () => surface.mark && surface.mark(),
      Enter: () => (surface.enter ? surface.enter() : acts.commentAfter()),
      ArrowDown: () => surface.scroll(1, false),
      ArrowUp: () => surface.scroll(-1, false),
      PageDown: () => surface.scroll(1, true),
      PageUp: () => surface.scroll(-1, true),
      " ": () => surface.scroll(1, true),
    };
    const always = { z: acts.undo, g: acts.guidelines, "?": acts.showKeys, r: acts.reveal, Enter: acts.commentAfter };
    const chosen =
      (surface && Object.hasOwn(onItem, key) && onItem[key]) || (Object.hasOwn(always, key) && always[key]);
    return chosen ? chosen() !== false : false;
  }

  document.addEventListener("keydown", onKey);
}

// Digits go by their place on the keyboard (a French row types & é " there), letters by what they print where that is
// Latin, and by their place where it is not (Russian, Greek). A tie is whatever key prints “=”.
function pressedKey(event) {
  if (/^[=+?-]$/.test(event.key)) return event.key;
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
  if (digit) return digit[1];
  if (/^[\x21-\x7e]$/.test(event.key)) return event.key.toLowerCase();
  const letter = /^Key([A-Z])$/.exec(event.code);
  return letter ? letter[1].toLowerCase() : event.key;
}
