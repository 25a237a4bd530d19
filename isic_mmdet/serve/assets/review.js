// Deciding on one image after the other: accept its outline, or skip it.

import { Refusal, save } from './ask.js';
import { change, fetchMask, isDrawable, stateOf } from './correction.js';
import { find } from './dom.js';
import { pngOf } from './png.js';
import { on, select, state, tell } from './state.js';

const WORDS = {
  predicted: 'predicted',
  changed: 'changed, not accepted',
  accepted: 'accepted',
  corrected: 'corrected',
  saved: 'saved earlier',
  skipped: 'skipped',
};

/** The state of an outline, in words. */
export const wordsOf = (item) => WORDS[stateOf(item)];

const isOpen = (item) => ['predicted', 'changed'].includes(stateOf(item)) && item.status !== 'failed';

/** The next image to decide on: those to check first, each kind in the order of the list, from `item` on. */
function nextAfter(item) {
  const place = state.items.indexOf(item);
  const others = [...state.items.slice(place + 1), ...state.items.slice(0, place)].filter(isOpen);
  return others.find(({ result }) => result?.check) ?? others.find(({ result }) => result) ?? others[0];
}

/** Go to the next image, and then say `words`. */
export function goOn(words = '') {
  const next = nextAfter(state.current);
  select(next);
  say(next ? words : `${words} No other image is left to decide on.`.trim());
}

export function skip() {
  const item = state.current;
  if (item?.status !== 'done') return;
  item.isSkipped = true;
  tell('item', item);
  goOn();
}

let isSaving = false; // one after the other, however fast the keys are

function setSaving(value) {
  isSaving = value;
  find('accept').setAttribute('aria-busy', value);
}

export async function accept() {
  const item = state.current;
  if (item?.status !== 'done' || isSaving) return;
  if (!isDrawable(item)) {
    say('Not accepted: the image is too large to be corrected here. Download its mask.', true);
    return;
  }
  setSaving(true);
  say(state.about.saveTo ? 'Saving…' : '');
  try {
    const { mask: corrected, kept } = item;
    const mask = await fetchMask(item);
    const decision = !corrected ? 'accepted' : corrected === kept?.mask ? kept.decision ?? 'accepted' : 'corrected';
    if (state.about.saveTo && !await isSaved(item, mask, decision)) {
      say('Not saved: the earlier outline is kept.');
      return;
    }
    item.kept = { mask, decision };
    item.isSkipped = false;
    if (!item.mask) change(item, mask); // from now on the threshold does not move it
    tell('item', item);
    const words = state.about.saveTo ? `${item.name} is saved.` : '';
    if (item === state.current) goOn(words);
    else say(words);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    say(`Not saved: ${error.message}`, true);
  } finally {
    setSaving(false);
  }
}

/** Save a mask; false if another one is saved and the user keeps that. */
async function isSaved(item, mask, decision) {
  const png = await pngOf(mask);
  try {
    await save(item, png, decision, false);
  } catch (error) {
    if (error.status !== 409) throw error;
    if (!await isReplaced(error.message)) return false;
    await save(item, png, decision, true);
  }
  return true;
}

function isReplaced(message) {
  const dialog = find('replace');
  find('replace-text').textContent = `${message[0].toUpperCase()}${message.slice(1)}.`;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'replace'), { once: true });
  });
}

for (const answer of ['replace', 'keep']) {
  find(`${answer}-saved`).addEventListener('click', () => find('replace').close(answer));
}

/* What the page shows of it. */

function say(text, isError = false) {
  find('decision-note').textContent = text;
  find('decision-note').classList.toggle('alarm', isError);
}

function drawDecision() {
  const item = state.current;
  if (!item) return;
  const isDone = item.status === 'done';
  find('outline-state').textContent = isDone ? wordsOf(item) : '';
  find('outline-state').dataset.outline = isDone ? stateOf(item) : '';
  const problem = item?.result?.saved?.error;
  const { saveTo } = state.about;
  find('save-hint').textContent = problem ? `This image cannot be saved: ${problem}.` : saveTo ? `Accepted outlines go to ${saveTo}.`
    : 'Decisions stay in this page only: download the masks, or start the server with --save DIR.';
  find('save-hint').classList.toggle('alarm', Boolean(problem));
  find('accept').disabled = !isDone;
  find('skip').disabled = !isDone;
  const done = state.items.filter((other) => other.status === 'done');
  const open = done.filter(isOpen);
  const flagged = open.filter(({ result }) => result.check).length;
  find('decided').textContent = done.length > 1
    ? `${done.length - open.length} of ${done.length} decided${flagged ? `, ${flagged} to check` : ''}` : '';
}

find('accept').addEventListener('click', accept);
find('skip').addEventListener('click', skip);
find('review').addEventListener('click', () => goOn());
for (const kind of ['items', 'current', 'item']) on(kind, drawDecision);
on('current', () => say(''));

window.addEventListener('beforeunload', (event) => {
  if (state.items.some((item) => stateOf(item) === 'changed')) event.preventDefault();
});
