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
 * The longest diameter of the largest ring, and its width across that.
 *
 * @param {number[][]} rings as `outlines` gives them
 * @returns {null | {longest: number, across: number, lines: number[][]}} in the rings' unit; `lines`
 *   holds x1, y1, x2, y2 of the two. `across` is measured between the two lines along the longest
 *   diameter that hold the ring between them.
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
  const sides = corners.map(([x, y]) => (y - p[1]) * ux - (x - p[0]) * uy);
  const [low, high] = [Math.min(...sides), Math.max(...sides)];
  // Drawn where the two outermost points are on average.
  const along = [low, high].map((side) => {
    const [x, y] = corners[sides.indexOf(side)];
    return (x - p[0]) * ux + (y - p[1]) * uy;
  });
  const middle = (along[0] + along[1]) / 2;
  const at = (side) => [p[0] + ux * middle - uy * side, p[1] + uy * middle + ux * side];
  return { longest, across: high - low, lines: [[...p, ...q], [...at(low), ...at(high)]] };
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
