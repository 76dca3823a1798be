// A picture that says how it was made, dropped anywhere on Create or chosen: its bytes go out with the event `picture`.
const DROP_MAX = 16 * 1024 * 1024;

function pictureDrop() {
  const input = h("input", {
    type: "file",
    accept: "image/png",
    class: "cb-offscreen",
    tabindex: "-1",
    "aria-hidden": "true",
  });
  const button = textButton(T.drop_button, () => input.click(), { title: T.drop_hint }, "image");
  const note = h("span", { class: "cb-note", role: "status" });
  const veil = h("div", { class: "cb-veil", hidden: true, "aria-hidden": "true" }, h("p", { text: T.drop_here }));
  const root = h("div", { class: "collab-widget cb-drop" }, button, note, input, veil);
  let depth = 0; // how many elements deep what is dragged is: leaving one is not leaving the page

  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0]);
    input.value = "";
  });

  const holdsFile = (event) => isOnScreen() && [...(event.dataTransfer?.types || [])].includes("Files");
  const on = (name, act) =>
    document.addEventListener(name, (event) => {
      if (!holdsFile(event) || event.defaultPrevented) return;
      event.preventDefault();
      act(event);
    });
  on("dragenter", () => {
    depth += 1;
    show(veil, true);
  });
  on("dragover", (event) => {
    event.dataTransfer.dropEffect = "copy";
  });
  on("dragleave", () => {
    depth = Math.max(0, depth - 1);
    show(veil, depth > 0);
  });
  on("drop", (event) => {
    depth = 0;
    show(veil, false);
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });

  async function take(file) {
    if (file.size > DROP_MAX) {
      setText(note, T.drop_too_large);
      return;
    }
    setText(note, "");
    const bytes = new Uint8Array(await file.arrayBuffer());
    let binary = "";
    for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    trigger("picture", { data: btoa(binary) });
  }
  return { root };
}
