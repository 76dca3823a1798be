// Keys that belong to the whole page: ⌘⏎ or Ctrl+⏎ generates, Esc leaves the field one types in, else stops. A widget
// that used the key has prevented it.
(() => {
  if (/Mac|iPhone|iPad/.test(navigator.platform)) {
    document.documentElement.style.setProperty("--collab-enter", '"⌘⏎"');
  }
  const press = (id) => {
    const button = document.querySelector(`#${id}`);
    const target = button && (button.matches("button") ? button : button.querySelector("button"));
    if (target && !target.disabled && target.offsetParent) target.click();
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    const inWidget = event.target instanceof Element && event.target.closest("#board, #history");
    const isTyping =
      event.target instanceof Element &&
      event.target.matches("textarea, select, [contenteditable=true], input:not([type=radio], [type=checkbox], [type=range])");
    const inDialog = document.querySelector("dialog[open]");
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && !inWidget && !inDialog) {
      event.preventDefault();
      // a text box tells Gradio its words on the next tick: let them arrive before the click
      setTimeout(() => press("generate"), 60);
    } else if (event.key === "Escape" && !inDialog) {
      if (isTyping) event.target.blur();
      else press("stop");
    }
  });
})();
