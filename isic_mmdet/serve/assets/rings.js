// The outline of a mask along the borders of its pixels.

/**
 * @param {import('./mask.js').Mask} mask
 * @returns {number[][]} closed rings x, y, x, y, ... of corners; outer ones run clockwise as seen on the
 *   screen, holes the other way round; parts that share only a corner have rings of their own
 */
export function ringsOf({ height, rows }) {
  // Every begin and end of a run is an upright edge, numbered row by row: up where lesion begins, down
  // where it ends. So the lesion is on the right of the way.
  const first = new Int32Array(height + 1);
  for (let y = 0; y < height; y += 1) first[y + 1] = first[y] + rows[y].length;
  const total = first[height];
  const columns = new Int32Array(total);
  const lines = new Int32Array(total);
  const following = new Int32Array(total);
  for (let y = 0; y <= height; y += 1) {
    const [above, below] = [rows[y - 1] ?? [], rows[y] ?? []];
    below.forEach((x, i) => {
      columns[first[y] + i] = x;
      lines[first[y] + i] = y;
    });
    // From left to right the edges above and below this level belong together in pairs.
    let waiting = -1;
    for (let i = 0, j = 0; i < above.length || j < below.length;) {
      // At a corner that two parts share, the one that ends comes first, so that they stay apart.
      const isAbove = j >= below.length
        || (i < above.length && (above[i] < below[j] || (above[i] === below[j] && i % 2 === 1)));
      const edge = isAbove ? first[y - 1] + i : first[y] + j;
      const arrives = isAbove ? i % 2 === 1 : j % 2 === 0;
      if (isAbove) i += 1;
      else j += 1;
      if (waiting < 0) waiting = edge;
      else {
        if (arrives) following[edge] = waiting;
        else following[waiting] = edge;
        waiting = -1;
      }
    }
  }
  const isDown = (edge) => (edge - first[lines[edge]]) % 2 === 1;
  const rings = [];
  const seen = new Uint8Array(total);
  for (let start = 0; start < total; start += 1) {
    if (seen[start]) continue;
    const ring = [];
    for (let edge = start; !seen[edge]; edge = following[edge]) {
      seen[edge] = 1;
      const next = following[edge];
      const y = lines[edge] + (isDown(edge) ? 1 : 0);
      if (columns[next] !== columns[edge]) ring.push(columns[edge], y, columns[next], y);
    }
    rings.push(ring);
  }
  return rings;
}
