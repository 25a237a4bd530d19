// Masks, images and a table, to keep.

import { mask, Refusal, stored } from './ask.js';
import { find } from './dom.js';
import { overlay } from './overlay.js';
import { pngOf } from './png.js';
import { state } from './state.js';
import { table } from './table.js';
import { zipOf } from './zip.js';

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

/* What the buttons do. */

/** Say how far it is, and let the page answer its user. */
function shownProgress(done, number) {
  find('download-state').textContent = `${done} of ${number}…`;
  return new Promise((resolve) => { setTimeout(resolve); });
}

async function all(make, ending, name) {
  const items = done();
  const called = names(items);
  const files = [];
  for (const [index, item] of items.entries()) {
    await shownProgress(index, items.length);
    files.push({ name: `${called[index]}${ending}`, blob: await make(item) });
  }
  save(name, await zipOf(files));
}

const maskOf = async (item) => (item.mask
  ? stored(await pngOf(item.mask), item.result.lesion.orientation) : mask(item, state.threshold));

const BUTTONS = {
  'get-mask': async () => save(`${names([state.current])[0]}_segmentation.png`, await maskOf(state.current)),
  'get-overlay': async () => save(`${names([state.current])[0]}_overlay.jpg`, await overlay(state.current)),
  'get-masks': () => all(maskOf, '_segmentation.png', 'masks.zip'),
  'get-overlays': () => all(overlay, '_overlay.jpg', 'overlays.zip'),
  'get-table': async () => save('lesions.csv', await table((number) => shownProgress(number, state.items.length))),
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
