// Points on an outline, and what dragging one of them does.

import { reshaped } from './mask.js';

const FEWEST = 4; // points of a ring

/**
 * Points at even distances along rings that are long enough.
 *
 * @param {number[][]} rings as `ringsOf` gives them
 * @param {number} spacing pixels from point to point, about
 * @returns {{ring: number[], at: number, x: number, y: number}[]} `at` is the way along the ring
 */
export function pointsOn(rings, spacing) {
  return rings.flatMap((ring) => {
    const ways = waysOf(ring);
    const total = ways.at(-1);
    if (total < spacing) return []; // its points would lie on each other
    const number = Math.max(FEWEST, Math.round(total / spacing));
    return Array.from({ length: number }, (_, i) => {
      const at = i * total / number;
      const [x, y] = pointAt(ring, ways, edgeAt(ways, at), at);
      return { ring, at, x, y };
    });
  });
}

/** The mask after a point moved by (dx, dy); the outline on both sides follows, less and less. */
export function dragged(mask, { ring, at }, dx, dy, spacing) {
  const ways = waysOf(ring);
  const reach = Math.min(ways.at(-1) / 2, 1.5 * Math.max(spacing, Math.hypot(dx, dy)));
  const part = partOf(ring, ways, at - reach, at + reach);
  const moved = part.map(([x, y, way]) => {
    const share = (1 + Math.cos(Math.PI * (way - at) / reach)) / 2;
    return [x + dx * share, y + dy * share];
  });
  return reshaped(mask, [...part, ...moved.reverse()]);
}

/** For each corner the way to it along the ring, and last the way around. */
function waysOf(ring) {
  const ways = [0];
  for (let i = 0; i < ring.length; i += 2) {
    const j = (i + 2) % ring.length;
    ways.push(ways.at(-1) + Math.hypot(ring[j] - ring[i], ring[j + 1] - ring[i + 1]));
  }
  return ways;
}

/** The number of the corner before a way. */
function edgeAt(ways, way) {
  let [low, high] = [0, ways.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (ways[middle] <= way) low = middle;
    else high = middle;
  }
  return low;
}

function pointAt(ring, ways, edge, way) {
  const [i, j] = [2 * edge, (2 * edge + 2) % ring.length];
  const share = (way - ways[edge]) / (ways[edge + 1] - ways[edge]);
  return [ring[i] + (ring[j] - ring[i]) * share, ring[i + 1] + (ring[j + 1] - ring[i + 1]) * share];
}

/** Points x, y, way from one way to another: every corner, and on long edges others in between. */
function partOf(ring, ways, from, to) {
  const total = ways.at(-1);
  const step = (to - from) / 48;
  const points = [];
  for (let way = from; ;) {
    const start = total * Math.floor(way / total);
    const edge = edgeAt(ways, way - start);
    points.push([...pointAt(ring, ways, edge, way - start), way]);
    if (way >= to) return points;
    way = Math.min(to, way + step, start + ways[edge + 1]);
  }
}
