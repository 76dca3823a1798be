// A grid as one picture with its heads, and as rows.
const SHEET_CELL = 220;

async function gridSheet(grid, columns, lines) {
  const head = 34;
  const side = 130;
  const canvas = h("canvas", {
    width: side + columns.length * SHEET_CELL,
    height: head + lines.length * (SHEET_CELL + 8),
  });
  const paper = canvas.getContext("2d");
  paper.fillStyle = "#ffffff";
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.fillStyle = "#22211f";
  paper.font = "600 14px " + fontFamily();
  columns.forEach((words_, i) => paper.fillText(clip(words_, SHEET_CELL - 10, 14, 600), side + i * SHEET_CELL + 4, 22));
  for (const [y, line] of lines.entries()) {
    const top = head + y * (SHEET_CELL + 8);
    paper.font = "600 14px " + fontFamily();
    wrapText(line.head, side - 12, 14, 600).forEach((words_, i) => paper.fillText(words_, 4, top + 18 + i * 18));
    for (const [x, cell] of line.cells.entries()) {
      const left = side + x * SHEET_CELL + 4;
      if (cell?.image_url) {
        const image = new Image();
        image.src = cell.image_url;
        await image.decode();
        paper.imageSmoothingEnabled = image.naturalWidth > PIXEL_ART_MAX;
        const scale = Math.min((SHEET_CELL - 8) / image.naturalWidth, (SHEET_CELL - 8) / image.naturalHeight);
        paper.drawImage(image, left, top, image.naturalWidth * scale, image.naturalHeight * scale);
      } else if (cell?.text) {
        paper.font = "13px " + fontFamily();
        wrapText(cell.text, SHEET_CELL - 16, 13, 400)
          .slice(0, 12)
          .forEach((words_, i) => paper.fillText(words_, left, top + 16 + i * 17));
      }
    }
  }
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function gridRows(grid) {
  return {
    head: [...grid.axes.map((axis) => axis.name), T.gr_col_text, T.gr_col_stars, T.gr_col_thumb],
    rows: grid.cells.map((cell) => [
      ...grid.axes.map((axis, i) => (cell.place ? axis.values[cell.place[i]] : "")),
      cell.text ?? "",
      cell.feedback.rating?.score ?? null,
      cell.feedback.rating?.thumb ?? null,
    ]),
  };
}
