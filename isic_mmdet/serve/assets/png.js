// A mask as PNG. The browser's own encoder is not used: those that prevent fingerprinting change pixels.

import { crc32 } from './crc32.js';
import { bytesOf } from './mask.js';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const ROWS = 64; // that are compressed at a time

/** One channel of 8 bits, 255 in the lesion (PNG specification, third edition). */
export async function pngOf(mask) {
  const { width, height } = mask;
  let y = 0;
  const lines = new ReadableStream({
    pull(controller) {
      const count = Math.min(ROWS, height - y);
      const block = new Uint8Array(count * (width + 1)); // each line begins with its filter, none
      for (let i = 0; i < count; i += 1, y += 1) block.set(bytesOf(mask, y), i * (width + 1) + 1);
      controller.enqueue(block);
      if (y === height) controller.close();
    },
  });
  const data = await new Response(lines.pipeThrough(new CompressionStream('deflate'))).arrayBuffer();
  const header = new Uint8Array([...bytes(width), ...bytes(height), 8, 0, 0, 0, 0]);
  return new Blob([SIGNATURE, ...chunk('IHDR', header), ...chunk('IDAT', new Uint8Array(data)),
    ...chunk('IEND', new Uint8Array())], { type: 'image/png' });
}

const bytes = (value) => [value >>> 24, value >>> 16, value >>> 8, value].map((part) => part & 0xff);

function chunk(name, content) {
  const part = new Uint8Array(4 + content.length);
  part.set(new TextEncoder().encode(name));
  part.set(content, 4);
  return [Uint8Array.from(bytes(content.length)), part, Uint8Array.from(bytes(crc32(part)))];
}
