// A zip of files that are compressed already: stored as they are (PKWARE's APPNOTE, 6.3.10).

import { crc32 } from './crc32.js';

/** Numbers of 2 and 4 bytes, the lowest byte first. */
function packed(...fields) {
  const bytes = [];
  for (const [size, value] of fields) for (let i = 0; i < size; i += 1) bytes.push((value >>> (8 * i)) & 0xff);
  return Uint8Array.from(bytes);
}

const UTF8 = 0x0800;
const MIDNIGHT_1980 = [[2, 0], [2, 0x21]]; // no time: the same files make the same zip

/**
 * @param {{name: string, blob: Blob}[]} files fewer than 65536, below 4 GB in all
 * @returns {Promise<Blob>}
 */
export async function zipOf(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const path = new TextEncoder().encode(name);
    const sum = crc32(new Uint8Array(await blob.arrayBuffer()));
    const facts = [[2, 20], [2, UTF8], [2, 0], ...MIDNIGHT_1980,
      [4, sum], [4, blob.size], [4, blob.size], [2, path.length], [2, 0]];
    const head = packed([4, 0x04034b50], ...facts);
    parts.push(head, path, blob);
    directory.push(packed([4, 0x02014b50], [2, 20], ...facts, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), path);
    offset += head.length + path.length + blob.size;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = packed([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length],
    [4, size], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: 'application/zip' });
}
