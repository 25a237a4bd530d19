// From what was dropped, chosen or pasted to images and their truth masks.

import { compareTruth } from './sending.js';
import { select, state, tell } from './state.js';

const IMAGE = /\.(jpe?g|png|tiff?|bmp|webp)$/i;
const TRUTH = /^(.+)_(segmentation|mask)$/i;
const LEFT_OUT = /^\.|_superpixels\./i;

const paths = new WeakMap(); // of dropped files in their folders
const orphans = new Map(); // truth masks by the image's stem, as long as the image is not there

/** All files of a drop, those in folders too; from folders images alone. */
export async function dropped(transfer) {
  const entries = [...transfer.items].filter((i) => i.kind === 'file').map((i) => i.webkitGetAsEntry());
  const files = [];
  for (const entry of entries) {
    if (entry?.isDirectory) files.push(...await inFolder(entry));
    else if (entry) files.push(await new Promise((done, failed) => { entry.file(done, failed); }));
  }
  return files;
}

async function inFolder(folder) {
  const reader = folder.createReader();
  const files = [];
  for (;;) { // a reader gives a hundred at a time
    const entries = await new Promise((done, failed) => { reader.readEntries(done, failed); });
    if (!entries.length) return imagesAmong(files);
    for (const entry of entries) {
      if (entry.isDirectory) files.push(...await inFolder(entry));
      else {
        const file = await new Promise((done, failed) => { entry.file(done, failed); });
        paths.set(file, entry.fullPath.slice(1));
        files.push(file);
      }
    }
  }
}

/** The images among the files of a folder, in the order in which people count. */
export function imagesAmong(files) {
  const order = new Intl.Collator(undefined, { numeric: true });
  return [...files].filter((file) => IMAGE.test(file.name) && !LEFT_OUT.test(file.name))
    .sort((a, b) => order.compare(a.name, b.name));
}

/** Add images, and give masks to the images that they belong to. */
export function add(files) {
  const added = [];
  for (const file of files) {
    const stem = file.name.replace(/\.[^.]*$/, '');
    const owner = stem.match(TRUTH)?.[1].toLowerCase();
    if (owner !== undefined) orphans.set(owner, file);
    else added.push(itemOf(file, stem));
  }
  state.items.push(...added);
  for (const item of state.items) {
    const file = orphans.get(item.stem.toLowerCase());
    if (file) {
      orphans.delete(item.stem.toLowerCase());
      giveTruth(item, file);
    }
  }
  if (!state.current) select(state.items[0]);
  state.orphans = orphans.size;
  tell('items');
}

export function giveTruth(item, file) {
  item.truth = file && { file, note: '', result: null };
  tell('item', item);
  compareTruth(item);
}

/** The path of a file below the folder that was dropped or chosen. */
function pathOf(file) {
  const path = paths.get(file) ?? file.webkitRelativePath;
  return path ? path.slice(path.indexOf('/') + 1) : file.name;
}

function itemOf(file, stem) {
  const { maxBytes } = state.about;
  const tooLarge = file.size > maxBytes
    && `the file has ${(file.size / 2 ** 20).toFixed(1)} MB, more than ${maxBytes / 2 ** 20} MB`;
  return {
    file,
    name: file.name,
    path: pathOf(file),
    stem,
    status: tooLarge ? 'failed' : 'queued',
    position: null,
    note: tooLarge || '',
    result: null,
    url: URL.createObjectURL(file),
    shown: null,
    preview: null,
    unseen: '',
    truth: null,
    mask: null,
    undo: [],
    redo: [],
    kept: null,
    isSkipped: false,
    ruler: null,
    scale: null,
  };
}
