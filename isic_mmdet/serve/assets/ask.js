// Questions to the server.

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

/** The lesion of an image file; `onPosition` gets the number of requests ahead of it. */
export async function segment(file, onPosition, signal) {
  const answer = await ask('/segment', file, signal);
  try {
    for await (const line of lines(answer.body)) {
      const content = JSON.parse(line);
      if ('position' in content) onPosition(content.position);
      else if ('error' in content) throw new Refusal(422, content.error);
      else return content.result;
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // that is what a broken connection raises
  }
  throw new Refusal(0, SILENCE);
}

export async function mask(item, threshold) {
  return (await ask(`/mask?threshold=${threshold}`, JSON.stringify(item.result.lesion))).blob();
}

export async function compare(item, truth) {
  const lesion = new Blob([JSON.stringify(item.result.lesion)]);
  const content = await (await ask(`/compare?lesion=${lesion.size}`, new Blob([lesion, truth]))).json();
  if ('error' in content) throw new Refusal(422, content.error);
  return { ...content.result, map: packed(content.result.map) };
}

export const preview = async (file) => (await ask('/preview', file)).blob();

/** A map as the server packs it: `open()` gives its bytes, row by row. */
function packed({ width, height, data }) {
  const bytes = new Blob([decoded(data)]);
  const open = async () => {
    const stream = bytes.stream().pipeThrough(new DecompressionStream('deflate'));
    return { width, height, values: new Uint8Array(await new Response(stream).arrayBuffer()) };
  };
  return { open };
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
