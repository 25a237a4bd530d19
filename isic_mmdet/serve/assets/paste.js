// From the cells that a model predicts in a box to probabilities; isic_mmdet/masks/paste.py tells more.

/**
 * The mean probability of a lesion's views, at the size of its image or shrunk.
 *
 * @param {{views: {box: number[], cells: number[][]}[], number: number, width: number, height: number}} lesion
 * @param {number} side longest side of the map, at most
 * @returns {{width: number, height: number, values: Float32Array}} row by row
 */
export function probabilities({ views, number, width, height }, side) {
  const factor = Math.min(1, side / Math.max(width, height));
  const columns = Math.max(1, Math.round(width * factor));
  const rows = Math.max(1, Math.round(height * factor));
  const values = new Float32Array(columns * rows);
  for (const { box: [x1, y1, x2, y2], cells } of views) {
    if (!(x1 < x2 && y1 < y2)) continue;
    const down = placed(rows, height, y1, y2, cells.length);
    const across = placed(columns, width, x1, x2, cells[0].length);
    const line = new Float64Array(cells[0].length + 2); // a row of cells, with nothing on either side
    for (const [i, y] of down.pixels.entries()) {
      const [above, below, way] = [cells[down.before[i]], cells[down.before[i] + 1], down.way[i]];
      for (let x = 0; x < line.length - 2; x += 1) {
        line[x + 1] = ((above?.[x] ?? 0) * (1 - way) + (below?.[x] ?? 0) * way) / number;
      }
      for (let j = 0; j < across.pixels.length; j += 1) {
        const left = across.before[j] + 1;
        const step = across.way[j];
        values[y * columns + across.pixels[j]] += line[left] * (1 - step) + line[left + 1] * step;
      }
    }
  }
  return { width: columns, height: rows, values };
}

/**
 * Where the middles of a map's pixels lie between the middles of cells.
 *
 * @returns {{pixels: number[], before: number[], way: number[]}} those pixels that the cells reach, the
 *   cell before each (-1 for none), and how far it is on the way to the next cell
 */
function placed(number, length, low, high, cells) {
  const found = { pixels: [], before: [], way: [] };
  for (let pixel = 0; pixel < number; pixel += 1) {
    const position = ((pixel + 0.5) * length / number - low) / (high - low) * cells - 0.5;
    const before = Math.floor(position);
    if (before < -1 || before >= cells) continue;
    found.pixels.push(pixel);
    found.before.push(before);
    found.way.push(position - before);
  }
  return found;
}
