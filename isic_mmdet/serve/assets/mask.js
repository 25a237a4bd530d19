// Masks as runs. A change makes a new mask, which shares the rows that are as before, so that the steps of
// an undo take little memory for an image of any size.

/**
 * @typedef {{width: number, height: number, rows: number[][]}} Mask for each row the columns at which
 *   lesion begins and ends, in turns and rising; lesion ends before the second column
 */

const EMPTY = [];

/** The mask of a map of bytes, 0 outside the lesion. */
export function maskOf({ width, height, values }) {
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    const line = values.subarray(y * width, (y + 1) * width);
    const inside = line.find((value) => value > 0);
    const row = inside === undefined ? EMPTY : [];
    for (let x = inside === undefined ? -1 : line.indexOf(inside); x >= 0;) {
      const end = line.indexOf(0, x);
      row.push(x, end < 0 ? width : end);
      x = end < 0 ? -1 : line.indexOf(inside, end);
    }
    rows.push(row);
  }
  return { width, height, rows };
}

/** The bytes of a row, 255 in the lesion and 0 elsewhere. */
export function bytesOf({ width, rows }, y) {
  const bytes = new Uint8Array(width);
  for (let i = 0; i < rows[y].length; i += 2) bytes.fill(255, rows[y][i], rows[y][i + 1]);
  return bytes;
}

export const areaOf = ({ rows }) => rows.reduce((sum, row) => {
  let area = sum;
  for (let i = 0; i < row.length; i += 2) area += row[i + 1] - row[i];
  return area;
}, 0);

/** The number of pixels that two masks of an image share. */
export function common(one, other) {
  let sum = 0;
  for (let y = 0; y < one.height; y += 1) {
    const [a, b] = [one.rows[y], other.rows[y]];
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      sum += Math.max(0, Math.min(a[i + 1], b[j + 1]) - Math.max(a[i], b[j]));
      if (a[i + 1] < b[j + 1]) i += 2;
      else j += 2;
    }
  }
  return sum;
}

/** Whether lesion lies on the border of the image. */
export const atBorder = ({ width, height, rows }) => rows[0].length > 0 || rows[height - 1].length > 0
  || rows.some((row) => row.length > 0 && (row[0] === 0 || row.at(-1) === width));

/** A row in which all columns from one to before another are lesion, or none of them is. */
function withRun(row, from, to, isLesion) {
  const made = [];
  let [low, high] = [from, to];
  const after = [];
  for (let i = 0; i < row.length; i += 2) {
    const [begin, end] = [row[i], row[i + 1]];
    if (end < from) made.push(begin, end);
    else if (begin > to) after.push(begin, end);
    else if (isLesion) [low, high] = [Math.min(low, begin), Math.max(high, end)];
    else {
      if (begin < from) made.push(begin, from);
      if (end > to) after.push(to, end);
    }
  }
  return isLesion ? [...made, low, high, ...after] : [...made, ...after];
}

/** A mask with new rows that `change` makes, which is called with a function `run(y, from, to, isLesion)`. */
function changed(mask, change) {
  const rows = [...mask.rows];
  change((y, from, to, isLesion) => {
    const [begin, end] = [Math.max(0, from), Math.min(mask.width, to)];
    if (begin < end) rows[y] = withRun(rows[y], begin, end, isLesion);
  });
  return { ...mask, rows };
}

/** The first column whose middle is not left of x. */
const column = (x) => Math.ceil(x - 0.5);

/**
 * A mask after a stroke of a round brush from (x1, y1) to (x2, y2): pixels whose middles are within `radius`
 * of the line are lesion, or with an eraser are not.
 */
export function painted(mask, [x1, y1], [x2, y2], radius, isLesion) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [ux, uy] = length ? [(x2 - x1) / length, (y2 - y1) / length] : [1, 0];
  const first = Math.max(0, column(Math.min(y1, y2) - radius));
  const last = Math.min(mask.height, column(Math.max(y1, y2) + radius));
  return changed(mask, (run) => {
    for (let y = first; y < last; y += 1) {
      // The brush at both ends, and the band between them, where that meets the middle of the row.
      const spans = [];
      for (const [x, cy] of [[x1, y1], [x2, y2]]) {
        const half = radius ** 2 - (y + 0.5 - cy) ** 2;
        if (half >= 0) spans.push([x - Math.sqrt(half), x + Math.sqrt(half)]);
      }
      // Along the line 0 to `length`, across it -radius to radius: two pairs of borders for x.
      const dy = y + 0.5 - y1;
      const along = between(ux, uy * dy, 0, length);
      const across = between(-uy, ux * dy, -radius, radius);
      const band = [Math.max(along[0], across[0]) + x1, Math.min(along[1], across[1]) + x1];
      if (length && band[0] <= band[1]) spans.push(band);
      if (!spans.length) continue;
      const ends = [Math.min(...spans.map(([low]) => low)), Math.max(...spans.map(([, high]) => high))];
      run(y, column(ends[0]), Math.floor(ends[1] + 0.5), isLesion);
    }
  });
}

/** Where low <= factor * x + offset <= high. */
function between(factor, offset, low, high) {
  if (Math.abs(factor) < 1e-12) return offset >= low && offset <= high ? [-Infinity, Infinity] : [Infinity, -Infinity];
  const ends = [(low - offset) / factor, (high - offset) / factor];
  return factor > 0 ? ends : ends.reverse();
}

/**
 * A mask after a part of its outline moved. Pixels that the part leaves behind are no lesion any more, and
 * those that it takes in are.
 *
 * @param {Mask} mask
 * @param {number[][]} polygon the part as it was, and then back along the part as it is; points x, y
 */
export function reshaped(mask, polygon) {
  const crossings = new Map(); // of the middles of rows: columns, and 1 upwards or -1 downwards
  for (const [i, [x1, y1]] of polygon.entries()) {
    const [x2, y2] = polygon[(i + 1) % polygon.length];
    const first = Math.max(0, column(Math.min(y1, y2)));
    const last = Math.min(mask.height, column(Math.max(y1, y2)));
    for (let y = first; y < last; y += 1) {
      if (!crossings.has(y)) crossings.set(y, []);
      crossings.get(y).push([x1 + (x2 - x1) * (y + 0.5 - y1) / (y2 - y1), y2 < y1 ? 1 : -1]);
    }
  }
  return changed(mask, (run) => {
    for (const [y, found] of crossings) {
      found.sort(([a], [b]) => a - b);
      // How often the old outline runs around a pixel more often than the new one.
      let excess = 0;
      for (let i = 0; i + 1 < found.length; i += 1) {
        excess += found[i][1];
        if (excess) run(y, column(found[i][0]), column(found[i + 1][0]), excess < 0);
      }
    }
  });
}
