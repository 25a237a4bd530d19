// Masks, pictures and a table, to keep.

import { mask, Refusal } from './ask.js';
import { pathOf } from './contour.js';
import { find } from './dom.js';
import { findingsOf, verdictOf } from './findings.js';
import { state } from './state.js';
import { pictureOf } from './view.js';
import { zipOf } from './zip.js';

const OVERLAY_SIDE = 2048; // pixels of the longer side, at most
const QUALITY = 0.92;

const done = () => state.items.filter((item) => item.status === 'done');

function save(name, blob) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** Names for files, without what systems forbid in them; a second image of a name gets a number. */
function names(items) {
  const taken = new Set();
  return items.map((item) => {
    const stem = item.stem.replace(/[\\/:*?"<>|\p{Cc}]/gu, '_').replace(/^\.+/, '') || 'image';
    let name = stem;
    for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${stem} (${number})`;
    taken.add(name.toLowerCase());
    return name;
  });
}

async function overlay(item) {
  const picture = new Image();
  picture.src = await pictureOf(item);
  await picture.decode();
  const { width, height } = item.result.lesion;
  const factor = Math.min(1, OVERLAY_SIDE / Math.max(width, height));
  const [shownWidth, shownHeight] = [Math.round(width * factor), Math.round(height * factor)];
  const text = Math.max(14, Math.round(shownHeight / 32));
  const strip = Math.round(1.7 * text);
  const canvas = new OffscreenCanvas(shownWidth, shownHeight + strip);
  const brush = canvas.getContext('2d');
  brush.fillStyle = '#202020';
  brush.fillRect(0, 0, canvas.width, strip);
  brush.font = `${text}px system-ui, sans-serif`;
  brush.fillStyle = '#fff';
  brush.textBaseline = 'middle';

  const findings = await findingsOf(item);
  const scores = findings.iou === null ? '' : `, IoU ${findings.iou.toFixed(3)} with the truth (dashed)`;
  brush.fillText(`${item.name}: ${verdictOf(item.result)}${scores}`, text / 2, strip / 2, canvas.width - text);
  brush.translate(0, strip);
  brush.drawImage(picture, 0, 0, shownWidth, shownHeight);
  brush.scale(factor, factor);
  const thick = Math.max(2, shownHeight / 300) / factor;
  const found = new Path2D(pathOf(findings.rings));
  brush.fillStyle = '#e69f00';
  brush.globalAlpha = state.opacity / 100;
  brush.fill(found, 'evenodd');
  brush.globalAlpha = 1;
  const draw = (path, casing, colour) => {
    for (const [style, line] of [[casing, 2 * thick], [colour, thick]]) {
      brush.strokeStyle = style;
      brush.lineWidth = line;
      brush.setLineDash(style === '#009e73' ? [5 * thick, 4 * thick] : []);
      brush.stroke(path);
    }
  };
  if (findings.truthRings && state.shown.truth) draw(new Path2D(pathOf(findings.truthRings)), '#fff', '#009e73');
  if (state.shown.found) draw(found, '#000', '#e69f00');
  return canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
}

/* The table. Columns that tools/predict.py writes, too, have its names and rules. */

const COLUMNS = ['image', 'label', 'score', 'area_px', 'area_share', 'x', 'y', 'width', 'height', 'image_width',
  'image_height', 'threshold', 'longest_px', 'across_px', 'px_per_mm', 'area_mm2', 'longest_mm', 'across_mm',
  'parts', 'touches_border', 'iou', 'dice', 'note'];

async function rowOf(item) {
  if (item.status !== 'done') return { image: item.stem, note: item.status === 'failed' ? item.note : 'not done' };
  const { label, score, box, lesion } = item.result;
  const { area, share, size, parts, touches, iou, dice } = await findingsOf(item);
  const row = {
    image: item.stem,
    area_px: area,
    area_share: round(share, 6),
    image_width: lesion.width,
    image_height: lesion.height,
    threshold: state.threshold / 100,
    iou: iou === null ? '' : round(iou, 6),
    dice: dice === null ? '' : round(dice, 6),
    note: item.truth?.note ?? '',
  };
  if (label === null) return row;
  const [x, y, boxWidth, boxHeight] = box;
  Object.assign(row, { label, score, x, y, width: boxWidth, height: boxHeight, parts, touches_border: touches });
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

async function table() {
  const rows = [];
  for (const item of state.items) rows.push(await rowOf(item));
  const lines = [COLUMNS, ...rows.map((row) => COLUMNS.map((name) => row[name]))];
  return new Blob([lines.map((line) => `${line.map(quoted).join(',')}\n`).join('')], { type: 'text/csv' });
}

/* What the buttons do. */

async function all(make, ending, name) {
  const items = done();
  const called = names(items);
  const files = [];
  for (const [index, item] of items.entries()) {
    find('download-state').textContent = `${index + 1} of ${items.length}…`;
    files.push({ name: `${called[index]}${ending}`, blob: await make(item) });
  }
  save(name, await zipOf(files));
}

const maskOf = (item) => mask(item, state.threshold);

const BUTTONS = {
  'get-mask': async () => save(`${names([state.current])[0]}_segmentation.png`, await maskOf(state.current)),
  'get-overlay': async () => save(`${names([state.current])[0]}_overlay.jpg`, await overlay(state.current)),
  'get-masks': () => all(maskOf, '_segmentation.png', 'masks.zip'),
  'get-overlays': () => all(overlay, '_overlay.jpg', 'overlays.zip'),
  'get-table': async () => save('lesions.csv', await table()),
};

for (const [id, act] of Object.entries(BUTTONS)) {
  find(id).addEventListener('click', async () => {
    find('download-state').textContent = '';
    try {
      await act();
      find('download-state').textContent = 'Saved.';
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      find('download-state').textContent = `Not saved: ${error.message}`;
    }
  });
}
