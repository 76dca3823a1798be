// Gradio's own components say their labels in English: this puts in the page's language, wherever they appear. Widgets
// bring their own words, and what people write is left alone. Runs before Gradio does.
const EXACT = new Map(Object.entries(LABELS.exact));
const PATTERNS = LABELS.patterns.map(([pattern, words]) => [new RegExp("^" + pattern + "$", "s"), words]);
const ATTRIBUTES = ["placeholder", "aria-label", "title", "alt"];
const LEFT_ALONE = "script, style, textarea, .collab-block, [translate=no]";

window.COLLAB_STRINGS = STRINGS_ZH;
// Gradio asks these for the language of what it brings itself: "Upload", "Clear", "Error"
for (const [name, value] of [
  ["language", LANGUAGE],
  ["languages", [LANGUAGE]],
]) {
  Object.defineProperty(navigator, name, { get: () => value, configurable: true });
}

function translated(words) {
  const bare = words.trim();
  if (!bare || bare.length > 600) return null;
  let said = EXACT.get(bare);
  for (const [pattern, template] of said === undefined ? PATTERNS : []) {
    const found = bare.match(pattern);
    if (!found) continue;
    said = template.replace(/\{(\d)\}/g, (_, n) => EXACT.get(found[n]) ?? found[n] ?? "");
    break;
  }
  return said === undefined ? null : words.replace(bare, () => said);
}

function speakNode(node) {
  if (!node.parentElement || node.parentElement.closest(LEFT_ALONE)) return;
  const said = translated(node.data);
  if (said !== null && said !== node.data) node.data = said;
}

function speakAttributes(element, names = ATTRIBUTES) {
  if (element.parentElement && element.parentElement.closest(".collab-block, [translate=no]")) return;
  for (const name of names) {
    const words = element.getAttribute(name);
    const said = words && translated(words);
    if (said && said !== words) element.setAttribute(name, said);
  }
}

function speak(root) {
  if (root.nodeType === Node.TEXT_NODE) return speakNode(root);
  if (root.nodeType !== Node.ELEMENT_NODE) return;
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) speakNode(texts.currentNode);
  speakAttributes(root);
  for (const element of root.querySelectorAll("[placeholder], [aria-label], [title], [alt]")) speakAttributes(element);
}

new MutationObserver((changes) => {
  for (const change of changes) {
    if (change.type === "characterData") speakNode(change.target);
    else if (change.type === "attributes") speakAttributes(change.target, [change.attributeName]);
    else change.addedNodes.forEach(speak);
  }
}).observe(document.documentElement, {
  subtree: true,
  childList: true,
  characterData: true,
  attributes: true,
  attributeFilter: ATTRIBUTES,
});
