// What is known of an image's lesion at the threshold that is set.

import { outlines, scaled } from './contour.js';
import { diameters, overlap, parts, touchesBorder } from './measure.js';
import { probabilities } from './paste.js';
import { state } from './state.js';

const MAP_SIDE = 1024; // pixels of the longer side of a map, at most

let last = { lesion: null, map: null }; // the image in view asks for its map again and again

function mapOf(lesion) {
  if (last.lesion !== lesion) last = { lesion, map: probabilities(lesion, MAP_SIDE) };
  return last.map;
}

/**
 * @param item that is done
 * @returns {Promise<object>} `rings` (in pixels of the image), `area` (pixels), `share` (of the image),
 *   `size` (null, or `diameters` in pixels), `parts`, `touches` (the border of the image), and of a truth
 *   that fits: `truthRings`, `iou`, `dice` (else null)
 */
export async function findingsOf(item) {
  const { result, truth } = item;
  const { lesion } = result;
  const map = mapOf(lesion);
  const level = state.threshold / 100;
  const rings = scaled(outlines(map, level), map, lesion);
  const area = result.areas[state.threshold];
  const found = {
    rings,
    area,
    share: area / (lesion.width * lesion.height),
    size: diameters(rings),
    parts: parts(rings),
    touches: touchesBorder(map, level),
    truthRings: null,
    iou: null,
    dice: null,
  };
  if (!truth?.result) return found;
  return { ...found, ...scoresOf(item), truthRings: await truthRings(item) };
}

/** `iou` and `dice` of an image whose truth fits. */
export const scoresOf = ({ result, truth }) =>
  overlap(result.areas[state.threshold], truth.result.area, truth.result.common[state.threshold]);

async function truthRings({ result, truth }) {
  if (!truth.rings) {
    const map = await truth.result.map.open();
    truth.rings = scaled(outlines(map, 127.5), map, result.lesion);
  }
  return truth.rings;
}

/** A count with its thousands apart, or a number with so many digits behind the point. */
export const written = (value, digits = 0) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Class and score, or that there is nothing; and whether a person should check it. */
export const verdictOf = ({ label, score, check }) =>
  (label === null ? 'no lesion found' : `${label}, score ${written(score, 2)}`) + (check ? ', check it' : '');
