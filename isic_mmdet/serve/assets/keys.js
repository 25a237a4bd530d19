// The keyboard.

import { find, make } from './dom.js';
import { larger as largerBrush, smaller as smallerBrush, take } from './edit.js';
import { accept, goOn, skip } from './review.js';
import { markRuler } from './ruler.js';
import { remove, select, state, step, tell } from './state.js';
import { fit, hideLines, larger, smaller } from './view.js';

function moveThreshold(by) {
  if (state.threshold === null || state.current?.mask) return;
  state.threshold = Math.min(99, Math.max(1, state.threshold + by));
  tell('look');
}

// Keys, whether they are single letters or signs, what they do, in words.
const KEYS = [
  [['ArrowLeft', 'ArrowUp'], false, () => step(-1), '← ↑', 'previous image'],
  [['ArrowRight', 'ArrowDown'], false, () => step(1), '→ ↓', 'next image'],
  [['Home'], false, () => select(state.items[0]), 'Home', 'first image'],
  [['End'], false, () => select(state.items.at(-1)), 'End', 'last image'],
  [['Delete'], false, () => state.current && remove(state.current), 'Delete', 'take the image off the list'],
  [['['], true, () => moveThreshold(-1), '[', 'lower threshold, larger outline'],
  [[']'], true, () => moveThreshold(1), ']', 'higher threshold, smaller outline'],
  [['p'], true, () => take('points'), 'P', 'drag points of the outline'],
  [['b'], true, () => take('brush'), 'B', 'brush; with the image in focus arrows move it, Space begins and ends a stroke'],
  [['e'], true, () => take('eraser'), 'E', 'eraser'],
  [['Escape'], false, () => take(null), 'Esc', 'put the tool back'],
  [[','], true, () => smallerBrush(), ',', 'smaller brush'],
  [['.'], true, () => largerBrush(), '.', 'larger brush'],
  [[], false, null, 'Ctrl Z', 'undo'],
  [[], false, null, 'Ctrl Y', 'redo'],
  [['a'], true, () => accept(), 'A', 'accept the outline, and go to the next image'],
  [['s'], true, () => skip(), 'S', 'skip the image'],
  [['n'], true, () => goOn(), 'N', 'next image to decide on, those to check first'],
  [['h'], true, () => hideLines(true), 'H, held', 'hide all lines'],
  [['r'], true, () => markRuler(), 'R', 'mark a ruler; arrows move its ends, with Shift ten pixels'],
  [['+', '='], true, () => larger(), '+', 'larger'],
  [['-'], true, () => smaller(), '−', 'smaller'],
  [['0'], true, () => fit(), '0', 'fit the image to its frame'],
  [['?'], true, () => find('help').showModal(), '?', 'these keys'],
];

find('keys').append(...KEYS.flatMap(([, , , name, meaning]) => [
  make('dt', {}, make('kbd', { textContent: name })), make('dd', { textContent: meaning })]));

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector('dialog[open]')) return;
  if (event.target.matches('input:not([type=checkbox]), select, textarea')) return; // they have keys of their own
  if (/^Arrow(Up|Down)$/.test(event.key) && !event.target.closest('#list, #view')) return; // they scroll
  const entry = KEYS.find(([keys]) => keys.includes(event.key.length === 1 ? event.key.toLowerCase() : event.key));
  if (!entry || !state.items.length || (entry[1] && !find('single-keys').checked)) return;
  event.preventDefault();
  entry[2]();
});

document.addEventListener('keyup', (event) => { if (event.key.toLowerCase() === 'h') hideLines(false); });
window.addEventListener('blur', () => hideLines(false));

find('show-help').addEventListener('click', () => find('help').showModal());
find('close-help').addEventListener('click', () => find('help').close());
find('help').addEventListener('click', (event) => { if (event.target === find('help')) find('help').close(); });
