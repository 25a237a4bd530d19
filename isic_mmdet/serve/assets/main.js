// The page as a whole: what comes in, what is set, and drawing it anew.

import { about } from './ask.js';
import './download.js';
import { find } from './dom.js';
import { add, dropped, giveTruth, imagesAmong } from './files.js';
import { findingsOf } from './findings.js';
import './edit.js';
import './keys.js';
import './list.js';
import { drawPanel } from './panel.js';
import './ruler.js';
import { sendAgain } from './sending.js';
import { on, state, step, tell } from './state.js';
import { drawFindings } from './view.js';

/* Drawing, at most once for each frame of the screen. */

let isPlanned = false;

function plan() {
  if (isPlanned) return;
  isPlanned = true;
  requestAnimationFrame(() => {
    isPlanned = false;
    const item = state.current;
    const findings = item?.status === 'done' ? findingsOf(item) : null;
    drawProgress();
    drawLook();
    drawFindings(findings);
    drawPanel(item, findings);
  });
}

function drawProgress() {
  const { items, orphans } = state;
  const done = items.filter((item) => item.status === 'done').length;
  const failed = items.filter((item) => item.status === 'failed').length;
  const parts = [];
  if (items.length > 1) parts.push(`${done} of ${items.length} outlined`);
  if (items.length > 1 && failed) parts.push(`${failed} failed`);
  if (orphans) parts.push(orphans > 1 ? `${orphans} masks without their images` : 'a mask without its image');
  const text = parts.join(', ');
  if (find('progress').textContent !== text) find('progress').textContent = text;
}

function drawLook() {
  for (const name of ['threshold', 'opacity']) {
    find(name).disabled = state[name] === null || (name === 'threshold' && Boolean(state.current?.mask));
    find(name).value = state[name] ?? 50;
    find(`${name}-value`).textContent = state[name] === null ? '' : `${state[name]} %`;
  }
}

on('items', () => {
  find('welcome').hidden = state.items.length > 0;
  find('work').hidden = !state.items.length;
});
for (const kind of ['items', 'current', 'item', 'look']) on(kind, plan);

/* What is set. */

for (const name of ['threshold', 'opacity']) {
  find(name).addEventListener('input', () => {
    state[name] = Number(find(name).value);
    tell('look');
  });
}

for (const name of ['found', 'truth', 'diameters']) {
  find(`show-${name}`).addEventListener('change', (event) => {
    state.shown[name] = event.target.checked;
    tell('look');
  });
}

find('previous').addEventListener('click', () => step(-1));
find('next').addEventListener('click', () => step(1));
find('again').addEventListener('click', () => sendAgain(state.current));
find('remove-truth').addEventListener('click', () => giveTruth(state.current, null));

/* What comes in. */

const ready = about().then((facts) => {
  const { model, classes, maxBytes, maxPixels, version } = facts;
  state.about = facts;
  find('takes').textContent = 'JPEG, PNG, TIFF, BMP or WebP, '
    + `up to ${maxBytes / 2 ** 20} MB and ${maxPixels / 1e6} megapixels`;
  find('keeping').textContent = facts.saveTo
    ? `Accepted and corrected outlines are saved with their images in ${facts.saveTo}; nothing else is kept.`
    : 'It keeps nothing and writes nothing to disk.';
  find('model').textContent = `${model} (${classes.join(', ')}), isic_mmdet ${version}`;
});

async function take(files) {
  await ready;
  add(files);
  if (files.length) find('view').focus({ preventScroll: true });
}

function chooser(button, input, use) {
  find(button).addEventListener('click', () => find(input).click());
  find(input).addEventListener('change', () => {
    use([...find(input).files]);
    find(input).value = ''; // the same file can be chosen again
  });
}

chooser('add-files', 'files', take);
find('choose-files').addEventListener('click', () => find('files').click());
chooser('add-folder', 'folder', (files) => take(imagesAmong(files)));
chooser('add-truth', 'truth-file', ([file]) => giveTruth(state.current, file));

const carriesFiles = (event) => event.dataTransfer?.types.includes('Files');

document.addEventListener('dragover', (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  find('drop-hint').hidden = false;
});
document.addEventListener('dragleave', (event) => {
  if (!event.relatedTarget) find('drop-hint').hidden = true;
});
document.addEventListener('drop', async (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  find('drop-hint').hidden = true;
  take(await dropped(event.dataTransfer));
});
document.addEventListener('paste', (event) => {
  if (event.clipboardData.files.length) take([...event.clipboardData.files]);
});
