// From a ruler in the image to millimeters.

import { find } from './dom.js';
import { on, state, tell } from './state.js';
import { imageSize, inImage } from './view.js';

const view = find('view');
const ruler = find('ruler');
const [casing, line, ...handles] = ruler.querySelectorAll('path');
const millimeters = find('millimeters');
const scale = find('scale');

let marking = false; // the next drag draws a ruler
let held = null; // the end that follows the pointer, 0 or 1

function setMarking(value) {
  marking = value;
  find('mark-ruler').setAttribute('aria-pressed', value);
  find('ruler-hint').hidden = !value;
  view.classList.toggle('marking', value);
}

/** Begin to mark a ruler: with a drag, or by the arrow keys on a line that lies there. */
export function markRuler() {
  const item = state.current;
  const [width, height] = imageSize();
  if (!item || !width) return;
  setMarking(!marking);
  if (!marking) {
    if (item.scale === null) item.ruler = null; // it was never used
    tell('item', item);
    return;
  }
  item.ruler ??= { x1: width * 0.3, y1: height * 0.5, x2: width * 0.7, y2: height * 0.5 };
  tell('item', item);
  handles[0].focus({ preventScroll: true });
}

const length = ({ x1, y1, x2, y2 }) => Math.hypot(x2 - x1, y2 - y1);

/** Take the scale of the image from its ruler, if both that and its length are known. */
function measure(item) {
  const known = Number(millimeters.value);
  if (item.ruler && known > 0 && length(item.ruler) > 0) item.scale = length(item.ruler) / known;
  tell('item', item);
}

function moveEnd(end, [x, y]) {
  const item = state.current;
  item.ruler = end === 0 ? { ...item.ruler, x1: x, y1: y } : { ...item.ruler, x2: x, y2: y };
  measure(item);
}

view.addEventListener('pointerdown', (event) => {
  if (event.button || !state.current) return;
  const end = handles.indexOf(event.target);
  if (end < 0 && !marking) return;
  event.stopImmediatePropagation(); // the image stays where it is
  if (end < 0) {
    const [x, y] = inImage(event);
    state.current.ruler = { x1: x, y1: y, x2: x, y2: y };
  }
  held = end < 0 ? 1 : end;
  view.setPointerCapture(event.pointerId);
}, { capture: true });

view.addEventListener('pointermove', (event) => {
  if (held === null) return;
  event.stopImmediatePropagation();
  moveEnd(held, inImage(event));
}, { capture: true });

view.addEventListener('pointerup', () => {
  if (held === null) return;
  held = null;
  if (!marking) return;
  setMarking(false);
  millimeters.focus();
  millimeters.select();
});

for (const [end, handle] of handles.entries()) {
  handle.addEventListener('keydown', (event) => {
    const by = event.shiftKey ? 10 : 1;
    const ways = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] };
    if (event.key === 'Enter') {
      setMarking(false);
      millimeters.focus();
    }
    if (!(event.key in ways)) return;
    event.preventDefault();
    event.stopPropagation(); // arrows go through the images elsewhere
    const { x1, y1, x2, y2 } = state.current.ruler;
    const [x, y] = end === 0 ? [x1, y1] : [x2, y2];
    const [width, height] = imageSize();
    const [dx, dy] = ways[event.key];
    moveEnd(end, [Math.min(Math.max(x + dx, 0), width), Math.min(Math.max(y + dy, 0), height)]);
  });
}

find('mark-ruler').addEventListener('click', markRuler);

millimeters.addEventListener('input', () => measure(state.current));

scale.addEventListener('input', () => {
  const item = state.current;
  const value = Number(scale.value);
  item.scale = value > 0 ? value : null;
  item.ruler = null;
  tell('item', item);
});

find('clear-scale').addEventListener('click', () => {
  Object.assign(state.current, { scale: null, ruler: null });
  millimeters.value = '';
  setMarking(false);
  tell('item', state.current);
});

find('scale-all').addEventListener('click', () => {
  for (const item of state.items) item.scale = state.current.scale;
  tell('item', state.current);
});

function show(item) {
  if (item !== state.current) return;
  const at = item?.ruler;
  ruler.classList.toggle('hidden', !at);
  const between = at ? `M${at.x1} ${at.y1}L${at.x2} ${at.y2}` : '';
  for (const path of [casing, line]) path.setAttribute('d', between);
  // A line without length and with round ends is a dot, as large at every scale of the image.
  handles[0].setAttribute('d', at ? `M${at.x1} ${at.y1}h0` : '');
  handles[1].setAttribute('d', at ? `M${at.x2} ${at.y2}h0` : '');
  find('ruler-length').hidden = !at;
  find('clear-scale').hidden = !at && !item?.scale;
  find('scale-all').hidden = !item?.scale || state.items.length < 2;
  if (document.activeElement !== scale) scale.value = item?.scale ? Number(item.scale.toPrecision(5)) : '';
}

on('current', (item) => {
  setMarking(false);
  show(item);
});
on('item', show);
