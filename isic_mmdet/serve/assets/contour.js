// Outlines of a map of numbers: marching squares with linear interpolation.

/*
 * The corners of a cell are a, b, c, d from the upper left one clockwise, and bit 1, 2, 4, 8 of its case
 * says which are inside; its edges are top, right, bottom, left. A step goes from edge to edge with
 * the inside on its right. At the two cases of opposite corners the mean of the four decides.
 */
const [TOP, RIGHT, BOTTOM, LEFT] = [0, 1, 2, 3];
const STEPS = {
  1: [[TOP, LEFT]], 2: [[RIGHT, TOP]], 4: [[BOTTOM, RIGHT]], 8: [[LEFT, BOTTOM]],
  3: [[RIGHT, LEFT]], 6: [[BOTTOM, TOP]], 12: [[LEFT, RIGHT]], 9: [[TOP, BOTTOM]],
  14: [[LEFT, TOP]], 13: [[TOP, RIGHT]], 11: [[RIGHT, BOTTOM]], 7: [[BOTTOM, LEFT]],
  5: [[TOP, LEFT], [BOTTOM, RIGHT]], 10: [[RIGHT, TOP], [LEFT, BOTTOM]],
};
const JOINED = { 5: [[TOP, RIGHT], [BOTTOM, LEFT]], 10: [[LEFT, TOP], [RIGHT, BOTTOM]] };

/**
 * Outlines of where the values of a map are above a level.
 *
 * @param {{width: number, height: number, values: ArrayLike<number>}} map row by row; 0 is around it
 * @param {number} level at least 0
 * @returns {number[][]} closed rings x, y, x, y, ... in pixels of the map, 0 at its left and upper border;
 *   outer ones run clockwise as seen on the screen, holes the other way round
 */
export function outlines(map, level) {
  const grid = padded(map, level);
  if (!grid) return [];
  const { columns, rows, values, left, top } = grid;

  // Edge 2 i lies between grid points i and i + 1, edge 2 i + 1 between i and the one below.
  const after = new Int32Array(2 * columns * rows).fill(-1);
  for (let y = 0; y < rows - 1; y += 1) {
    for (let x = 0; x < columns - 1; x += 1) {
      const i = y * columns + x;
      const a = values[i];
      const b = values[i + 1];
      const c = values[i + columns + 1];
      const d = values[i + columns];
      const inside = (a > level) + 2 * (b > level) + 4 * (c > level) + 8 * (d > level);
      if (inside === 0 || inside === 15) continue;
      const joined = JOINED[inside] && (a + b + c + d) / 4 > level;
      const edges = [2 * i, 2 * (i + 1) + 1, 2 * (i + columns), 2 * i + 1];
      for (const [from, to] of joined ? JOINED[inside] : STEPS[inside]) after[edges[from]] = edges[to];
    }
  }

  const rings = [];
  for (let start = 0; start < after.length; start += 1) {
    if (after[start] < 0) continue;
    const ring = [];
    for (let edge = start; after[edge] >= 0;) {
      const i = edge >> 1;
      const [one, other] = [values[i], values[edge & 1 ? i + columns : i + 1]];
      const way = (level - one) / (other - one);
      // Grid points are the middles of pixels; the ring ends where the map does.
      const x = left + 0.5 + (i % columns) + (edge & 1 ? 0 : way);
      const y = top + 0.5 + Math.floor(i / columns) + (edge & 1 ? way : 0);
      ring.push(Math.min(Math.max(x, 0), map.width), Math.min(Math.max(y, 0), map.height));
      const following = after[edge];
      after[edge] = -1;
      edge = following;
    }
    rings.push(ring);
  }
  return rings;
}

/** The part of a map that holds all values above a level, within a frame of points around it. */
function padded({ width, height, values }, level) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (values[y * width + x] > level) {
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        bottom = y;
      }
    }
  }
  if (bottom < 0) return null;
  left -= 1;
  top -= 1;
  const [columns, rows] = [right - left + 2, bottom - top + 2];
  const part = new values.constructor(columns * rows); // 0 beyond the map's own border
  for (let y = Math.max(top, 0); y < Math.min(top + rows, height); y += 1) {
    const [from, to] = [Math.max(left, 0), Math.min(left + columns, width)];
    part.set(values.subarray(y * width + from, y * width + to), (y - top) * columns + from - left);
  }
  return { columns, rows, values: part, left, top };
}

/** Rings of a map in pixels of an image of another size. */
export const scaled = (rings, map, image) => {
  const [sx, sy] = [image.width / map.width, image.height / map.height];
  return rings.map((ring) => ring.map((value, index) => value * (index % 2 ? sy : sx)));
};

/** The course of rings, as SVG and canvas take it. */
export function pathOf(rings) {
  return rings.map((ring) => {
    let path = '';
    for (let i = 0; i < ring.length; i += 2) {
      path += `${path ? 'L' : 'M'}${ring[i].toFixed(2)} ${ring[i + 1].toFixed(2)}`;
    }
    return `${path}Z`;
  }).join('');
}
