// The image of an image with its lines, as it is seen, to keep.

import { pathOf } from './contour.js';
import { findingsOf, verdictOf } from './findings.js';
import { state } from './state.js';
import { imageOf } from './view.js';

const SIDE = 2048; // pixels of the longer side, at most
const QUALITY = 0.92;
const STRIP = '#202020';

// Colors of a line and of what sets it off from the skin, its width and dashes in widths of the outline.
const STYLES = {
  found: { color: '#e69f00', casing: '#000', width: 1, dashes: [] },
  truth: { color: '#009e73', casing: '#fff', width: 1, dashes: [5, 4] },
  diameters: { color: '#fff', casing: '#000', width: 0.5, dashes: [] },
};

/** A JPEG of an image that is done, under a line of text. */
export async function overlay(item) {
  const { width, height } = item.result.lesion;
  const factor = Math.min(1, SIDE / Math.max(width, height));
  const [shownWidth, shownHeight] = [Math.round(width * factor), Math.round(height * factor)];
  const text = Math.max(14, Math.round(shownHeight / 32));
  const strip = Math.round(1.7 * text);
  const findings = findingsOf(item);
  const canvas = new OffscreenCanvas(shownWidth, shownHeight + strip);
  const brush = canvas.getContext('2d');
  caption(brush, item, findings, canvas.width, strip, text);
  brush.translate(0, strip);
  brush.drawImage(await decoded(await imageOf(item)), 0, 0, shownWidth, shownHeight);
  brush.scale(factor, factor);
  lines(brush, findings, Math.max(2, shownHeight / 300) / factor);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
}

async function decoded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

function caption(brush, item, { iou }, width, strip, text) {
  brush.fillStyle = STRIP;
  brush.fillRect(0, 0, width, strip);
  brush.font = `${text}px system-ui, sans-serif`;
  brush.fillStyle = '#fff';
  brush.textBaseline = 'middle';
  const truth = iou === null ? '' : `, IoU ${iou.toFixed(3)} with the truth (dashed)`;
  brush.fillText(`${item.name}: ${verdictOf(item.result)}${truth}`, text / 2, strip / 2, width - text);
}

function lines(brush, { rings, truthRings, size }, thick) {
  const { shown, opacity } = state;
  const found = new Path2D(pathOf(rings));
  brush.fillStyle = STYLES.found.color;
  brush.globalAlpha = opacity / 100;
  brush.fill(found, 'evenodd');
  brush.globalAlpha = 1;
  if (truthRings && shown.truth) stroke(brush, new Path2D(pathOf(truthRings)), STYLES.truth, thick);
  if (shown.found) stroke(brush, found, STYLES.found, thick);
  if (size && shown.diameters) stroke(brush, new Path2D(pathOf(size.lines)), STYLES.diameters, thick);
}

function stroke(brush, path, { color, casing, width, dashes }, thick) {
  for (const [style, line, gaps] of [[casing, 2, []], [color, 1, dashes]]) {
    brush.strokeStyle = style;
    brush.lineWidth = line * width * thick;
    brush.setLineDash(gaps.map((length) => length * thick));
    brush.stroke(path);
  }
}
