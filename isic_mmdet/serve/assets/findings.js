// What is known of an image's lesion: of its corrected outline, or at the threshold that is set.

import { outlines, scaled } from './contour.js';
import { areaOf, atBorder, common } from './mask.js';
import { diameters, overlap, parts, touchesBorder } from './measure.js';
import { probabilities } from './paste.js';
import { ringsOf } from './rings.js';
import { state } from './state.js';

const MAP_SIDE = 1024; // pixels of the longer side of a map, at most

let last = { lesion: null, map: null }; // the image in view asks for its map again and again

function mapOf(lesion) {
  if (last.lesion !== lesion) last = { lesion, map: probabilities(lesion, MAP_SIDE) };
  return last.map;
}

/** `rings` (in pixels of the image), `area` (pixels), and whether the outline `touches` the image's border. */
function outlineOf({ mask, result: { lesion, areas } }) {
  if (mask) return { rings: ringsOf(mask), area: areaOf(mask), touches: atBorder(mask) };
  const map = mapOf(lesion);
  const level = state.threshold / 100;
  return {
    rings: scaled(outlines(map, level), map, lesion),
    area: areas[state.threshold],
    touches: touchesBorder(map, level),
  };
}

/**
 * @param item that is done
 * @returns {object} what `outlineOf` does, `share` (of the image), `size` (null, or `diameters` in pixels),
 *   `parts`, and of a truth that fits: `truthRings`, `iou`, `dice` (else null)
 */
export function findingsOf(item) {
  const { result: { lesion }, truth } = item;
  const outline = outlineOf(item);
  const found = {
    ...outline,
    share: outline.area / (lesion.width * lesion.height),
    size: diameters(outline.rings),
    parts: parts(outline.rings),
    truthRings: null,
    iou: null,
    dice: null,
  };
  if (!truth?.result) return found;
  truth.rings ??= ringsOf(truth.result.mask);
  return { ...found, ...scoresOf(item), truthRings: truth.rings };
}

/** `iou` and `dice` of an image whose truth fits. */
export const scoresOf = ({ mask, result, truth }) => (mask
  ? overlap(areaOf(mask), truth.result.area, common(mask, truth.result.mask))
  : overlap(result.areas[state.threshold], truth.result.area, truth.result.common[state.threshold]));

/** A count with its thousands apart, or a number with so many digits behind the point. */
export const written = (value, digits = 0) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Class and score, or that there is nothing; and first whether a person should check it. */
export const verdictOf = ({ label, score, check }) =>
  (check ? 'check: ' : '') + (label === null ? 'no lesion found' : `${label}, score ${written(score, 2)}`);
