// Numbers of an outline, from counts of the image's own pixels and from the rings that are drawn.

/**
 * Jaccard index and Dice coefficient, as the ISIC challenge defines them: 1 where both masks are empty.
 *
 * @param {number} found pixels of the one mask
 * @param {number} truth pixels of the other
 * @param {number} both pixels that they share
 */
export function overlap(found, truth, both) {
  const ratio = (part, whole) => (whole ? part / whole : 1);
  return { iou: ratio(both, found + truth - both), dice: ratio(2 * both, found + truth) };
}

/**
 * The longest diameter of the largest ring, and the longest one at a right angle to it.
 *
 * Both go from outline to outline; where the ring bends inwards they may leave it in between.
 *
 * @param {number[][]} rings as `outlines` gives them
 * @returns {null | {longest: number, across: number, lines: number[][]}} in the rings' unit; `lines`
 *   holds x1, y1, x2, y2 of the two
 */
export function diameters(rings) {
  if (!rings.length) return null;
  const ring = rings.reduce((best, other) => (area(other) > area(best) ? other : best));
  const corners = hull(ring);
  let [longest, p, q] = [-1, null, null];
  for (const [i, one] of corners.entries()) {
    for (const other of corners.slice(i + 1)) {
      const length = Math.hypot(one[0] - other[0], one[1] - other[1]);
      if (length > longest) [longest, p, q] = [length, one, other];
    }
  }
  if (longest <= 0) return null;
  const [ux, uy] = [(q[0] - p[0]) / longest, (q[1] - p[1]) / longest];
  const { at, low, high } = widest(ring, p, ux, uy);
  const point = (side) => [p[0] + ux * at - uy * side, p[1] + uy * at + ux * side];
  return { longest, across: high - low, lines: [[...p, ...q], [...point(low), ...point(high)]] };
}

/**
 * Where a ring is widest across a direction: how far from `p` along (ux, uy), and from where to where.
 *
 * Between two corners the width changes evenly, so it is largest at one of them.
 */
function widest(ring, p, ux, uy) {
  const number = ring.length / 2;
  const along = new Float64Array(number);
  const aside = new Float64Array(number);
  for (let i = 0; i < number; i += 1) {
    const [x, y] = [ring[2 * i] - p[0], ring[2 * i + 1] - p[1]];
    along[i] = x * ux + y * uy;
    aside[i] = y * ux - x * uy;
  }
  const places = Float64Array.from(along).sort();
  const low = new Float64Array(number).fill(Infinity);
  const high = new Float64Array(number).fill(-Infinity);
  for (let i = 0, j = number - 1; i < number; j = i, i += 1) {
    const [from, to] = along[i] < along[j] ? [i, j] : [j, i];
    const length = along[to] - along[from];
    for (let k = firstFrom(places, along[from]); k < number && places[k] <= along[to]; k += 1) {
      const ends = length > 0
        ? [aside[from] + (aside[to] - aside[from]) * (places[k] - along[from]) / length]
        : [aside[from], aside[to]];
      low[k] = Math.min(low[k], ...ends);
      high[k] = Math.max(high[k], ...ends);
    }
  }
  let best = 0;
  for (let k = 1; k < number; k += 1) if (high[k] - low[k] > high[best] - low[best]) best = k;
  return { at: places[best], low: low[best], high: high[best] };
}

/** Index of the first of the sorted `values` that is not below `value`. */
function firstFrom(values, value) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Twice the area of a ring; below 0 where it runs the other way round. */
function area(ring) {
  let sum = 0;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    sum += ring[j] * ring[i + 1] - ring[i] * ring[j + 1];
  }
  return sum;
}

/** Number of outer rings. */
export const parts = (rings) => rings.filter((ring) => area(ring) > 0).length;

/** Corners of the convex hull of a ring, by Andrew's monotone chain. */
function hull(ring) {
  const points = [];
  for (let i = 0; i < ring.length; i += 2) points.push([ring[i], ring[i + 1]]);
  points.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (ordered) => {
    const chain = [];
    for (const point of ordered) {
      while (chain.length > 1 && turn(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  const corners = [...half(points), ...half(points.reverse())];
  return corners.length ? corners : points.slice(0, 1);
}

const turn = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

/** Whether any value above a level lies on the border of a map. */
export function touchesBorder({ width, height, values }, level) {
  const last = width * (height - 1);
  for (let x = 0; x < width; x += 1) if (values[x] > level || values[last + x] > level) return true;
  for (let i = 0; i <= last; i += width) if (values[i] > level || values[i + width - 1] > level) return true;
  return false;
}
