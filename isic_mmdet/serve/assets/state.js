// What the page knows, and the functions that are called when it changes.

/**
 * An image that was added:
 * file, name (of the file), stem (name without its ending), path (name with the folders below the added one),
 * shown (null, or a promise of whether the browser can show the file), preview (null, or a promise of the
 * address of the server's image, where it cannot), unseen (why there is no image, or ''),
 * status ('queued', 'waiting', 'done', 'failed'), position (in the server's queue, null before it is known),
 * note (why it waits or failed), result (what the server found), url (of the file, for the browser),
 * truth (null, or {file, note, result}), mask (null while the outline is the predicted one, or a `Mask`),
 * undo and redo (what `mask` was), kept (null, or {mask, decision} that a person decided on), isSkipped,
 * ruler (null, or {x1, y1, x2, y2}, in pixels of the image),
 * scale (null, or pixels a millimeter).
 */
export const state = {
  about: null,
  items: [],
  current: null,
  orphans: 0, // truth masks of images that are not there
  threshold: null, // percent; until it is set, that of the model
  opacity: 10, // percent
  tool: null, // or 'points', 'brush', 'eraser'
  brush: 32, // screen pixels across
  shown: { found: true, truth: true, diameters: true },
};

const listeners = {};

/** Call `listener` whenever `tell(kind)` is. Kinds: 'items', 'current', 'item', 'look', 'tool', 'view'. */
export function on(kind, listener) {
  (listeners[kind] ??= []).push(listener);
}

export function tell(kind, item) {
  for (const listener of listeners[kind] ?? []) listener(item);
}

export function select(item) {
  if (!item || item === state.current) return;
  state.current = item;
  tell('current', item);
}

/** Go `by` images on; past an end, stay there. */
export function step(by) {
  const place = state.items.indexOf(state.current) + by;
  select(state.items[Math.min(Math.max(place, 0), state.items.length - 1)]);
}

export function remove(item) {
  const place = state.items.indexOf(item);
  state.items.splice(place, 1);
  item.stop?.abort();
  URL.revokeObjectURL(item.url);
  item.preview?.then((url) => URL.revokeObjectURL(url), () => {});
  if (item === state.current) {
    state.current = null;
    select(state.items[Math.min(place, state.items.length - 1)]);
  }
  tell('items');
}
