// A table of all images. Columns that tools/predict.py writes, too, have its names and rules.

import { stateOf } from './correction.js';
import { findingsOf } from './findings.js';
import { state } from './state.js';

const COLUMNS = ['image', 'label', 'score', 'area_px', 'area_share', 'x', 'y', 'width', 'height', 'expected_iou',
  'check', 'image_width', 'image_height', 'threshold', 'longest_px', 'across_px', 'px_per_mm', 'area_mm2', 'longest_mm', 'across_mm',
  'parts', 'touches_border', 'iou', 'dice', 'outline', 'note'];

async function rowOf(item) {
  if (item.status !== 'done') return { image: item.stem, note: item.status === 'failed' ? item.note : 'not done' };
  const { label, score, expected_iou, check, box, lesion } = item.result;
  const { area, share, size, parts, touches, iou, dice } = findingsOf(item);
  const row = {
    image: item.stem,
    area_px: area,
    area_share: round(share, 6),
    expected_iou,
    check: check === null ? '' : check ? 'True' : 'False',
    image_width: lesion.width,
    image_height: lesion.height,
    threshold: item.mask ? '' : state.threshold / 100,
    iou: iou === null ? '' : round(iou, 6),
    dice: dice === null ? '' : round(dice, 6),
    outline: stateOf(item),
    note: item.truth?.note ?? '',
  };
  if (label !== null) Object.assign(row, { label, score });
  if (!area) return row;
  Object.assign(row, { parts, touches_border: touches });
  if (!item.mask) { // the box is that of the prediction
    const [x, y, boxWidth, boxHeight] = box;
    Object.assign(row, { x, y, width: boxWidth, height: boxHeight });
  }
  if (size) Object.assign(row, { longest_px: round(size.longest, 2), across_px: round(size.across, 2) });
  if (!item.scale) return row;
  Object.assign(row, { px_per_mm: round(item.scale, 4), area_mm2: round(area / item.scale ** 2, 3) });
  if (size) {
    Object.assign(row, {
      longest_mm: round(size.longest / item.scale, 3), across_mm: round(size.across / item.scale, 3),
    });
  }
  return row;
}

const round = (value, digits) => Number(value.toFixed(digits));

function quoted(value) {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * @param {(done: number) => Promise} progress takes the number of images that are done; its promise is awaited
 * @returns {Promise<Blob>} CSV
 */
export async function table(progress) {
  const rows = [];
  for (const [index, item] of state.items.entries()) {
    if (index % 20 === 0) await progress(index);
    rows.push(await rowOf(item));
  }
  const lines = [COLUMNS, ...rows.map((row) => COLUMNS.map((name) => row[name]))];
  return new Blob([lines.map((line) => `${line.map(quoted).join(',')}\n`).join('')], { type: 'text/csv' });
}
