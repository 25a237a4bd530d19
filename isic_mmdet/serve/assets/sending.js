// Every image goes to the server and its answer to the image; two at a time, so that others come in between.

import { compare, Refusal, segment } from './ask.js';
import { on, state, tell } from './state.js';

const AT_ONCE = 2;
const PATIENCE = 3; // times that silence is met with another try
const PAUSE = 2000; // milliseconds before it

let sending = 0;

const next = () =>
  (state.current?.status === 'queued' ? state.current : state.items.find((i) => i.status === 'queued'));

function pump() {
  for (let item; sending < AT_ONCE && (item = next());) {
    sending += 1;
    send(item).finally(() => {
      sending -= 1;
      tell('item', item);
      pump();
    });
  }
}

async function send(item) {
  Object.assign(item, { status: 'waiting', position: null, note: '', stop: new AbortController() });
  tell('item', item);
  for (let silences = 0; ;) {
    try {
      const onPosition = (position) => { item.position = position; tell('item', item); };
      item.result = await segment(item.file, state.about.saveTo && item.path, onPosition, item.stop.signal);
      item.status = 'done';
      if (item.result.saved?.mask) {
        item.mask = item.result.saved.mask;
        item.kept = item.result.saved;
      }
      state.threshold ??= item.result.threshold;
      compareTruth(item);
      return;
    } catch (error) {
      if (error.name === 'AbortError') return;
      const again = error.status === 503 || (error.status === 0 && ++silences < PATIENCE);
      item.note = error.message;
      item.position = null;
      if (!again) {
        item.status = 'failed';
        if (!(error instanceof Refusal)) throw error;
        return;
      }
      tell('item', item);
      await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
      if (item.stop.signal.aborted) return;
    }
  }
}

/** Send an image that failed once more. */
export function sendAgain(item) {
  item.status = 'queued';
  tell('item', item);
  pump();
}

/** Ask the server about the truth of an image whose lesion it found. */
export async function compareTruth(item) {
  const { truth } = item;
  if (!truth || truth.result || item.status !== 'done') return;
  try {
    truth.result = await compare(item, truth.file);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    truth.note = error.message;
  }
  if (item.truth === truth) tell('item', item);
}

on('items', pump);
on('current', pump);
