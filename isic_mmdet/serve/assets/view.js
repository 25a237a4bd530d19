// The image: which one, how large, and the lines on it.

import { preview, Refusal } from './ask.js';
import { pathOf } from './contour.js';
import { course, find } from './dom.js';
import { on, state, tell } from './state.js';

const view = find('view');
const stage = find('stage');
const image = find('image');

const STEP = 1.25; // of a press on a button
const CLOSEST = 8; // screen pixels for one of the image
const LARGEST = 12000; // screen pixels on a side, beyond which browsers slow down

// Size of the image in pixels, screen pixels for one of them (null: fitted), and where its left upper corner is.
const place = { width: 0, height: 0, scale: null, x: 0, y: 0 };

const fitting = () => Math.min(view.clientWidth / place.width, view.clientHeight / place.height);
const scale = () => place.scale ?? fitting();

function lay() {
  if (!place.width) return;
  const [width, height] = [place.width * scale(), place.height * scale()];
  // An image smaller than its frame stands in the middle; a larger one leaves no gap.
  const held = (at, size, room) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, at)));
  place.x = held(place.x, width, view.clientWidth);
  place.y = held(place.y, height, view.clientHeight);
  Object.assign(stage.style, {
    width: `${width}px`, height: `${height}px`, translate: `${place.x}px ${place.y}px`,
  });
  image.classList.toggle('near', scale() > 3);
  view.classList.toggle('zoomed', place.scale !== null);
  find('zoom-fit').disabled = place.scale === null;
  tell('view');
}

/** Make the image `by` times as large, with the point at (x, y) of the frame kept where it is. */
function zoom(by, x = view.clientWidth / 2, y = view.clientHeight / 2) {
  if (!place.width) return;
  const before = scale();
  const most = Math.min(CLOSEST, LARGEST / Math.max(place.width, place.height));
  const after = Math.min(before * by, Math.max(most, fitting()));
  place.x = x - (x - place.x) * after / before;
  place.y = y - (y - place.y) * after / before;
  place.scale = after <= fitting() * 1.001 ? null : after;
  lay();
}

export function fit() {
  place.scale = null;
  lay();
}

export const larger = () => zoom(STEP);
export const smaller = () => zoom(1 / STEP);

/** Where in the image, in its pixels, an event of the pointer is. */
export function inImage(event) {
  const box = stage.getBoundingClientRect();
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  return [
    within((event.clientX - box.left) / scale(), place.width),
    within((event.clientY - box.top) / scale(), place.height),
  ];
}

/** Screen pixels for a pixel of the image. */
export const screenScale = scale;

/** Whether a point of the image is inside the frame. */
export function isInView(x, y) {
  const [left, top] = [place.x + x * scale(), place.y + y * scale()];
  return left >= 0 && top >= 0 && left <= view.clientWidth && top <= view.clientHeight;
}

export const imageSize = () => [place.width, place.height];

function sized(width, height) {
  Object.assign(place, { width, height });
  for (const svg of [find('lines'), find('ruler'), find('editor')]) svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  lay();
}

/* Which image. */

/** The address of an image that this browser shows as the model saw it. */
export async function imageOf(item) {
  const { file, result } = item;
  // Browsers turn JPEG by its EXIF data, and other files some do and some do not.
  const certain = !result || result.lesion.orientation === 1 || file.type === 'image/jpeg';
  if (certain && await isShown(item)) return item.url;
  if (!item.result) return null;
  item.preview ??= preview(file).then((blob) => URL.createObjectURL(blob));
  try {
    return await item.preview;
  } catch (error) {
    item.preview = null; // asked for again when it is wanted again
    throw error;
  }
}

function isShown(item) {
  item.shown ??= new Promise((resolve) => {
    const test = new Image();
    test.onload = () => resolve(true);
    test.onerror = () => resolve(false);
    test.src = item.url;
  });
  return item.shown;
}

async function showImage() {
  const item = state.current;
  let url = null;
  try {
    url = item && await imageOf(item);
    if (url) item.unseen = '';
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    item.unseen = `the image cannot be shown: ${error.message}`;
    tell('look');
  }
  if (item !== state.current) return;
  image.hidden = !url;
  if (url && image.src !== url) image.src = url;
  if (item?.result) sized(item.result.lesion.width, item.result.lesion.height);
}

image.addEventListener('load', () => {
  if (!state.current?.result) sized(image.naturalWidth, image.naturalHeight);
});

on('current', () => {
  place.scale = null;
  image.hidden = true;
  drawFindings(null);
  showImage();
});
on('item', (item) => { if (item === state.current) showImage(); });

/* The lines. */

/** Draw what was found, or with null nothing. */
export function drawFindings(findings) {
  const { shown } = state;
  const lines = findings?.size?.lines ?? [];
  drawOutline(findings?.rings ?? []);
  course(find('truth-lines'), shown.truth ? pathOf(findings?.truthRings ?? []) : '');
  course(find('diameter-lines'), shown.diameters
    ? lines.map(([x1, y1, x2, y2]) => `M${x1} ${y1}L${x2} ${y2}`).join('') : '');
}

/** Draw an outline alone, while it is changed. */
export function drawOutline(rings) {
  const path = pathOf(rings);
  find('fill').setAttribute('d', path);
  find('fill').style.opacity = state.opacity / 100;
  course(find('found-lines'), state.shown.found ? path : '');
}

/** Hide all lines as long as `hidden` is true, to see the skin below. */
export const hideLines = (hidden) => find('lines').classList.toggle('hidden', hidden);

/* Pointer and wheel. */

view.addEventListener('wheel', (event) => {
  event.preventDefault();
  const box = view.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });

const fingers = new Map(); // where each pointer was last

view.addEventListener('pointerdown', (event) => {
  if (event.button > 1) return; // the middle button moves the image, whatever tool is taken
  if (event.button) event.preventDefault();
  fingers.set(event.pointerId, event);
  view.setPointerCapture(event.pointerId);
});

view.addEventListener('pointermove', (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
  fingers.set(event.pointerId, event);
  if (other) {
    const apart = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
    const box = view.getBoundingClientRect();
    moveBy((event.clientX - before.clientX) / 2, (event.clientY - before.clientY) / 2);
    zoom(apart(event) / Math.max(apart(before), 1),
      (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
  } else if (!('drawing' in view.dataset)) moveBy(event.clientX - before.clientX, event.clientY - before.clientY);
});

function moveBy(dx, dy) {
  if (place.scale === null) return;
  place.x += dx;
  place.y += dy;
  lay();
}

for (const kind of ['pointerup', 'pointercancel']) {
  view.addEventListener(kind, (event) => fingers.delete(event.pointerId));
}

view.addEventListener('dblclick', (event) => {
  if (state.tool) return; // two quick strokes
  const box = view.getBoundingClientRect();
  if (place.scale === null) zoom(2.5, event.clientX - box.left, event.clientY - box.top);
  else fit();
});

find('zoom-in').addEventListener('click', larger);
find('zoom-out').addEventListener('click', smaller);
find('zoom-fit').addEventListener('click', fit);
new ResizeObserver(lay).observe(view);
