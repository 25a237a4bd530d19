// The corrected outline of an image: from the prediction on, step by step, back and forth.

import { predictedMask } from './ask.js';
import { state, tell } from './state.js';

const predictions = new WeakMap(); // the predicted masks of items, {threshold, mask}

/** The mask of an item's outline, or null as long as it is to be fetched with `fetchMask`. */
export function maskNow(item) {
  const predicted = predictions.get(item);
  return item.mask ?? (predicted?.threshold === state.threshold ? predicted.mask : null);
}

/** The mask of an item's outline, pixel by pixel. */
export async function fetchMask(item) {
  const { threshold } = state;
  if (!maskNow(item)) predictions.set(item, { threshold, mask: await predictedMask(item, threshold) });
  return item.mask ?? predictions.get(item).mask;
}

/** Whether a browser has the memory for the mask of an item. */
export const isDrawable = ({ result: { lesion } }) => lesion.width * lesion.height <= state.about.maxDrawnPixels;

/** Give an item another mask, or with null its prediction again. */
export function change(item, mask) {
  if (mask === item.mask) return;
  item.undo.push(item.mask);
  item.redo = [];
  show(item, mask);
}

export const undo = (item) => item?.undo.length && go(item, item.undo, item.redo);
export const redo = (item) => item?.redo.length && go(item, item.redo, item.undo);

function go(item, from, to) {
  to.push(item.mask);
  show(item, from.pop());
}

function show(item, mask) {
  Object.assign(item, { mask, isSkipped: false });
  tell('item', item);
}

/** 'predicted', 'changed' (and not decided on), 'accepted', 'corrected', 'saved' (earlier) or 'skipped'. */
export function stateOf({ mask, kept, isSkipped }) {
  if (isSkipped) return 'skipped';
  if (kept && mask === kept.mask) return kept.decision ?? 'saved';
  return mask ? 'changed' : 'predicted';
}
