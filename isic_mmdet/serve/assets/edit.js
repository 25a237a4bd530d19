// Changing the outline with pointer and keyboard: points, brush, eraser.

import { Refusal } from './ask.js';
import { change, fetchMask, isDrawable, maskNow, redo, undo } from './correction.js';
import { find, makeSvg } from './dom.js';
import { painted } from './mask.js';
import { dragged, pointsOn } from './reshape.js';
import { ringsOf } from './rings.js';
import { on, state, tell } from './state.js';
import { drawOutline, imageSize, inImage, isInView, screenScale } from './view.js';

const SPACING = 64; // screen pixels from point to point
const [SMALLEST, LARGEST] = [4, 200]; // screen pixels across the brush
const GROWTH = 1.25; // of the brush at a press of a key
const STEP = 4; // screen pixels that an arrow key moves the brush

const view = find('view');
const points = find('points');
const brush = find('brush');

let stroke = null; // what is being drawn: {item, pointer (null: the keyboard), mask, last, point, from}
let cursor = null; // where the brush is, in pixels of the image

const isBrush = () => state.tool === 'brush' || state.tool === 'eraser';
const radius = () => Math.max(1, state.brush / 2 / screenScale()); // in pixels of the image
const spacing = () => SPACING / screenScale();

/* The tool. */

/** Take a tool; with the one that is taken, or null, put it back. */
export function take(tool) {
  finish();
  state.tool = tool === state.tool ? null : tool;
  tell('tool');
}

export function resize(by) {
  state.brush = Math.round(Math.min(LARGEST, Math.max(SMALLEST, state.brush * by)));
  tell('tool');
}

export const larger = () => resize(GROWTH);
export const smaller = () => resize(1 / GROWTH);

/** Fetch the mask that the tool changes, and show what there is to take hold of. */
async function prepare() {
  const item = state.current;
  view.classList.toggle('drawing', state.tool !== null);
  drawBrush();
  drawPoints();
  say('');
  if (!state.tool || item?.status !== 'done' || maskNow(item)) return;
  if (!isDrawable(item)) {
    say(`An image of more than ${(state.about.maxDrawnPixels / 1e6).toFixed()} megapixels cannot be corrected here.`);
    return;
  }
  try {
    await fetchMask(item);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say(`The outline cannot be corrected: ${error.message}`);
    return;
  }
  if (item === state.current) drawPoints();
}

const say = (text) => { find('tool-note').textContent = text; };

/* What the tool shows. */

function drawPoints() {
  const item = state.current;
  const mask = state.tool === 'points' && item?.status === 'done' ? maskNow(item) : null;
  const focused = points.contains(document.activeElement) ? document.activeElement.point : null;
  const shown = mask ? pointsOn(ringsOf(mask), spacing()).filter(({ x, y }) => isInView(x, y)) : [];
  points.replaceChildren(...shown.map((point, index) => {
    // A line without length and with round ends is a dot, as large at every scale of the image.
    const d = `M${point.x.toFixed(1)} ${point.y.toFixed(1)}h0`;
    const handle = makeSvg('g', {
      tabindex: index ? -1 : 0, role: 'button',
      'aria-label': `Point ${index + 1} of ${shown.length} of the outline; arrow keys move it, Page Up and Page Down change it`,
    }, makeSvg('path', { d, class: 'grip' }), makeSvg('path', { d, class: 'dot' }));
    handle.point = point;
    return handle;
  }));
  if (focused) focusNearest(focused);
}

function focusNearest({ x, y }) {
  const away = ({ point }) => Math.hypot(point.x - x, point.y - y);
  [...points.children].sort((a, b) => away(a) - away(b))[0]?.focus({ preventScroll: true });
}

function drawBrush() {
  brush.classList.toggle('hidden', !isBrush() || !cursor);
  if (!cursor) return;
  brush.setAttribute('d', circle(cursor, radius()));
}

const circle = ([x, y], r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`;

let isPlanned = false;

function drawStroke() {
  if (isPlanned) return;
  isPlanned = true;
  requestAnimationFrame(() => {
    isPlanned = false;
    if (stroke) drawOutline(ringsOf(stroke.mask));
  });
}

/* Strokes. */

function begin(pointer, at, point = null) {
  const item = state.current;
  const mask = item?.status === 'done' ? maskNow(item) : null;
  if (!mask) return false;
  stroke = { item, pointer, mask, start: mask, last: at, from: at, point };
  if (!point) paintTo(at);
  return true;
}

function paintTo(at) {
  stroke.mask = painted(stroke.mask, stroke.last, at, radius(), state.tool === 'brush');
  stroke.last = at;
  drawStroke();
}

function dragTo([x, y]) {
  const { start, point, from } = stroke;
  stroke.mask = dragged(start, point, x - from[0], y - from[1], spacing());
  drawStroke();
}

/** Keep what is being drawn. */
function finish() {
  if (!stroke) return;
  const { item, mask, start } = stroke;
  stroke = null;
  delete view.dataset.drawing;
  if (mask !== start) change(item, mask);
}

/** Drop what is being drawn. */
function drop() {
  if (!stroke) return;
  const { item } = stroke;
  stroke = null;
  delete view.dataset.drawing;
  tell('item', item);
}

/* Pointer. */

view.addEventListener('pointerdown', (event) => {
  if (stroke) {
    drop(); // a second finger: the two move the image
    return;
  }
  if (!state.tool || event.button || !event.isPrimary || view.classList.contains('marking')) return;
  const handle = event.target.closest('#points g');
  if (state.tool === 'points' && !handle) return;
  if (!begin(event.pointerId, inImage(event), handle?.point ?? null)) return;
  view.dataset.drawing = ''; // so that the image stays where it is
  moveBrush(event);
}, { capture: true });

view.addEventListener('pointermove', (event) => {
  if (isBrush()) moveBrush(event);
  if (stroke?.pointer !== event.pointerId) return;
  if (stroke.point) dragTo(inImage(event));
  else for (const part of event.getCoalescedEvents?.() ?? [event]) paintTo(inImage(part));
}, { capture: true });

view.addEventListener('pointerup', (event) => { if (stroke?.pointer === event.pointerId) finish(); });
view.addEventListener('pointercancel', (event) => { if (stroke?.pointer === event.pointerId) drop(); });
view.addEventListener('pointerleave', () => { if (!stroke) hideBrush(); });

function moveBrush(event) {
  if (!isBrush()) return;
  cursor = inImage(event);
  drawBrush();
}

function hideBrush() {
  cursor = null;
  drawBrush();
}

/* Keyboard. */

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

view.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const handle = event.target.closest('#points g');
  const isUsed = handle ? moveByKey(handle, event) : isBrush() && event.target === view && paintByKey(event);
  if (!isUsed) return;
  event.preventDefault();
  event.stopPropagation(); // arrows go through the images elsewhere
});

function paintByKey({ key, shiftKey }) {
  const [width, height] = imageSize();
  if (key === ' ') {
    cursor ??= [width / 2, height / 2];
    if (stroke) finish();
    else begin(null, cursor);
  } else if (key in WAYS) {
    const by = (shiftKey ? 5 : 1) * STEP / screenScale();
    const [x, y] = cursor ?? [width / 2, height / 2];
    const [dx, dy] = WAYS[key];
    cursor = [Math.min(Math.max(x + by * dx, 0), width), Math.min(Math.max(y + by * dy, 0), height)];
    if (stroke) paintTo(cursor);
  } else return false;
  drawBrush();
  return true;
}

function moveByKey(handle, { key, shiftKey }) {
  if (key === 'PageUp' || key === 'PageDown') {
    const all = [...points.children];
    all[(all.indexOf(handle) + (key === 'PageDown' ? 1 : all.length - 1)) % all.length].focus();
    return true;
  }
  if (!(key in WAYS) || !begin(null, [handle.point.x, handle.point.y], handle.point)) return false;
  const by = shiftKey ? 10 : 1; // pixels of the image
  const [x, y] = WAYS[key].map((way, i) => stroke.from[i] + way * by);
  dragTo([x, y]);
  finish();
  focusNearest({ x, y });
  return true;
}

view.addEventListener('blur', () => { if (stroke?.pointer === null) finish(); });

document.addEventListener('keydown', (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.matches('input[type=number]')) return;
  const key = event.key.toLowerCase();
  if (key !== 'z' && key !== 'y') return;
  event.preventDefault();
  finish();
  if (key === 'z' && !event.shiftKey) undo(state.current);
  else redo(state.current);
});

/* Buttons. */

for (const tool of ['points', 'brush', 'eraser']) find(`take-${tool}`).addEventListener('click', () => take(tool));
find('brush-size').addEventListener('input', (event) => {
  state.brush = Number(event.target.value);
  tell('tool');
});
find('undo').addEventListener('click', () => undo(state.current));
find('redo').addEventListener('click', () => redo(state.current));
find('predicted').addEventListener('click', () => change(state.current, null));

function drawButtons() {
  const item = state.current;
  for (const tool of ['points', 'brush', 'eraser']) {
    find(`take-${tool}`).setAttribute('aria-pressed', state.tool === tool);
    find(`take-${tool}`).disabled = item?.status !== 'done';
  }
  find('brush-size').value = state.brush;
  find('size').hidden = !isBrush();
  find('undo').disabled = !item?.undo.length;
  find('redo').disabled = !item?.redo.length;
  find('predicted').disabled = !item?.mask;
}

on('current', () => { drop(); cursor = null; });
for (const kind of ['current', 'tool', 'look']) on(kind, prepare);
on('item', (item) => { if (item === state.current) prepare(); });
on('view', () => { drawPoints(); drawBrush(); });
for (const kind of ['current', 'item', 'tool']) on(kind, drawButtons);
