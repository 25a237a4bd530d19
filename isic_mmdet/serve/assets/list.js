// The images, one below the other, and how far they are.

import { find, make } from './dom.js';
import { verdictOf } from './findings.js';
import { stateOf } from './correction.js';
import { wordsOf } from './review.js';
import { on, remove, select, state } from './state.js';

const list = find('list').querySelector('ol');
const THUMBNAIL = 64; // pixels

/** How far an image is, in words. */
export function progressOf(item) {
  if (item.status === 'queued') return 'to be sent';
  if (item.status === 'failed') return 'failed';
  if (item.status === 'done') return verdictOf(item.result);
  if (item.position === null) return item.note ? `${item.note}…` : 'being sent';
  return item.position === 0 ? 'being outlined' : `position ${item.position + 1} in the queue`;
}

const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    drawThumbnail(target.querySelector('canvas'), target.item);
  }
}, { rootMargin: '300px' });

async function drawThumbnail(canvas, item) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(item.file, { resizeWidth: 2 * THUMBNAIL, resizeQuality: 'medium' });
  } catch {
    return; // no image, or none that this browser knows: the list says in words what it is
  }
  const side = Math.min(bitmap.width, bitmap.height);
  const [x, y] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  canvas.getContext('2d').drawImage(bitmap, x, y, side, side, 0, 0, canvas.width, canvas.height);
  bitmap.close();
}

function rowOf(item) {
  const open = make('button', { type: 'button', className: 'open' },
    make('canvas', { width: THUMBNAIL, height: THUMBNAIL }),
    make('span', { className: 'name', textContent: item.name }),
    make('small'));
  const away = make('button', { type: 'button', className: 'away', textContent: '×', tabIndex: -1 });
  away.setAttribute('aria-label', `Remove ${item.name}`);
  open.addEventListener('click', () => select(item));
  away.addEventListener('click', () => remove(item));
  const row = make('li', {}, open, away);
  row.item = item;
  return row;
}

function update() {
  const rows = new Map([...list.children].map((row) => [row.item, row]));
  const wanted = state.items.map((item) => rows.get(item) ?? rowOf(item));
  list.replaceChildren(...wanted);
  for (const row of wanted) if (!rows.has(row.item)) near.observe(row);
  for (const row of wanted) updateRow(row);
}

function updateRow(row) {
  const { item } = row;
  const open = row.querySelector('.open');
  const isCurrent = item === state.current;
  const outline = item.status === 'done' ? stateOf(item) : '';
  row.querySelector('small').textContent = outline && outline !== 'predicted' ? wordsOf(item) : progressOf(item);
  row.dataset.outline = outline;
  row.dataset.status = item.status;
  open.setAttribute('aria-current', isCurrent);
  open.tabIndex = isCurrent ? 0 : -1; // one stop for Tab; arrows go on
  row.querySelector('.away').tabIndex = isCurrent ? 0 : -1;
}

on('items', update);
on('current', (item) => {
  for (const row of list.children) updateRow(row);
  const row = [...list.children].find((other) => other.item === item);
  row?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  if (list.contains(document.activeElement)) row?.querySelector('.open').focus();
});
on('item', (item) => {
  const row = [...list.children].find((other) => other.item === item);
  if (row) updateRow(row);
});
