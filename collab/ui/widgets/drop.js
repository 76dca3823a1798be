// A picture dropped anywhere on Create, or chosen. One that says how it was made goes out with the event `picture`; any
// other is the person's own, to be worked on.
const DROP_MAX = 16 * 1024 * 1024;

function pictureDrop() {
  const input = h("input", {
    type: "file",
    accept: "image/png",
    class: "cb-offscreen",
    tabindex: "-1",
    "aria-hidden": "true",
  });
  const any = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp", class: "cb-offscreen pe-file", tabindex: "-1", "aria-hidden": "true" });
  const button = textButton(T.drop_button, () => input.click(), { title: T.drop_hint }, "image");
  const start = textButton(T.pe_start, () => any.click(), { title: T.pe_start_hint }, "brush");
  const note = h("span", { class: "cb-note", role: "status" });
  const veil = h("div", { class: "cb-veil", hidden: true, "aria-hidden": "true" }, h("p", { text: T.drop_here }));
  const instead = h("button", { type: "button", class: "cb-link", hidden: true, text: T.drop_start_from_it });
  const root = h("div", { class: "collab-widget cb-drop" }, button, start, note, instead, input, any, veil);
  let turn = null; // of the value that is open, or was
  let notes = []; // on what was changed of the file
  let depth = 0; // how many elements deep what is dragged is: leaving one is not leaving the page

  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0], restoreOrOffer);
    input.value = "";
  });

  any.addEventListener("change", () => {
    if (any.files[0]) take(any.files[0], workOn);
    any.value = "";
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
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0], restoreOrWorkOn);
  });

  async function take(file, use) {
    show(instead, false);
    if (file.size > DROP_MAX) {
      setText(note, T.drop_too_large);
      return;
    }
    setText(note, "");
    const bytes = new Uint8Array(await file.arrayBuffer());
    let binary = "";
    for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    await use(btoa(binary), binary);
  }

  const restore = (data) => trigger("picture", { data });

  // a PNG's text chunk of ours or of A1111's begins with its name and a zero byte
  const tells = (binary) => /(?:tEXt|zTXt|iTXt)(?:collab|parameters)\0/.test(binary);
  const restoreOrWorkOn = (data, binary) => (tells(binary) ? restore(data) : workOn(data));

  // a photo chosen where only what a picture says is asked for: the picture itself can be worked on
  function restoreOrOffer(data, binary) {
    if (tells(binary)) return restore(data);
    setText(note, T.drop_tells_nothing);
    instead.onclick = () => {
      show(instead, false);
      workOn(data);
    };
    return show(instead, true);
  }

  async function workOn(data) {
    setText(note, T.pe_reading);
    let answer = null;
    try {
      answer = await server.act({ act: "picture_upload", data });
    } catch {
      answer = null;
    }
    if (!answer || !answer.ok) return setText(note, (answer && answer.error) || T.pe_failed);
    setText(note, "");
    notes = answer.picture.notes || [];
    return trigger("start", { output_id: answer.picture.output_id });
  }

  // with the model and words of the form, which the server read
  function setValue(value) {
    if (!value || !value.picture || value.opened === turn) return;
    turn = value.opened;
    const picture = { ...value.picture, notes: [...notes, ...value.picture.notes] };
    openPictureEditor(picture, {
      show: (generation_id) => trigger("show", { generation_id }),
      saved: (_answer, picture) => {
        setText(note, T.pe_saved);
        trigger("show", { generation_id: picture.generation_id }); // else it would be nowhere on this screen
      },
    });
  }
  return { root, setValue };
}
