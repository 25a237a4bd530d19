// Questions to the server.

import { maskOf } from './mask.js';

/** A question that was refused: `message` for people; `status` of HTTP, 0 where nobody answered. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const SILENCE = 'no answer: the server has ended, or the file was moved or changed';

async function ask(path, body, signal) {
  let answer;
  try {
    answer = await fetch(path, body === undefined ? {} : { method: 'POST', body, signal });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refusal(0, SILENCE);
  }
  if (!answer.ok) {
    const content = await answer.json().catch(() => ({}));
    throw new Refusal(answer.status, content.error ?? `the server says ${answer.status}`);
  }
  return answer;
}

export const about = async () => (await ask('/about')).json();

/**
 * The lesion of an image file, with what is saved under its name, unless that is null; `onPosition` gets the
 * number of requests ahead of it.
 */
export async function segment(file, name, onPosition, signal) {
  const answer = await ask(name === null ? '/segment' : `/segment?${new URLSearchParams({ name })}`, file, signal);
  try {
    for await (const line of lines(answer.body)) {
      const content = JSON.parse(line);
      if ('position' in content) onPosition(content.position);
      else if ('error' in content) throw new Refusal(422, content.error);
      else return opened(content.result);
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // that is what a broken connection raises
  }
  throw new Refusal(0, SILENCE);
}

export async function mask(item, threshold) {
  return (await ask(`/mask?threshold=${threshold}`, JSON.stringify(item.result.lesion))).blob();
}

/** The mask of an item at a threshold, pixel by pixel. */
export async function predictedMask(item, threshold) {
  const answer = await ask(`/map?threshold=${threshold}`, JSON.stringify(item.result.lesion));
  return unpacked(await answer.json());
}

/** The mask file of a PNG that was drawn on the upright image. */
export async function stored(png, orientation) {
  return (await ask(`/stored?orientation=${orientation}`, png)).blob();
}

/** Save an image and its mask on the server's computer; refused with 409 if that would replace another. */
export async function save(item, png, decision, replace) {
  const fields = { name: item.path, image: item.file.size, decision, ...(replace ? { replace: 1 } : {}) };
  await ask(`/save?${new URLSearchParams(fields)}`, new Blob([item.file, png]));
}

export async function compare(item, truth) {
  const lesion = new Blob([JSON.stringify(item.result.lesion)]);
  const content = await (await ask(`/compare?lesion=${lesion.size}`, new Blob([lesion, truth]))).json();
  if ('error' in content) throw new Refusal(422, content.error);
  const { map, ...counts } = content.result;
  return { ...counts, mask: await unpacked(map) };
}

export const preview = async (file) => (await ask('/preview', file)).blob();

/** A result whose saved mask, if there is one, is a mask. */
async function opened(result) {
  if (!result.saved?.map) return result;
  const { map, ...saved } = result.saved;
  return { ...result, saved: { ...saved, mask: await unpacked(map) } };
}

/** The mask of a map as the server packs it. */
async function unpacked({ width, height, data }) {
  const stream = new Blob([decoded(data)]).stream().pipeThrough(new DecompressionStream('deflate'));
  return maskOf({ width, height, values: new Uint8Array(await new Response(stream).arrayBuffer()) });
}

const decoded = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let begun = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (begun + value).split('\n');
    begun = parts.pop();
    yield* parts;
  }
}
