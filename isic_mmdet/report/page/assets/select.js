'use strict';

/** Which images the gallery shows, and in which order; independent of the page. */

/**
 * Whether a record passes all filters; an unknown value passes no bound.
 * @param {object} record one of the records in the page
 * @param {{name: string, diagnosis: string, ranges: Object<string, [number?, number?]>}} filter
 *     diagnosis '' means all; an undefined bound is not applied
 */
function passes(record, filter) {
  if (filter.diagnosis && (record.diagnosis ?? 'unknown') !== filter.diagnosis) return false;
  if (!record.id.toLowerCase().includes(filter.name.toLowerCase())) return false;
  return Object.entries(filter.ranges).every(([field, [low, high]]) => {
    if (low === undefined && high === undefined) return true;
    const value = record[field];
    return value !== null && !(value < low) && !(value > high);
  });
}

/**
 * The order of two records; unknown values come last, and equal ones are in the order of their names.
 * @param {string} key name of a field, after '-' for the largest first
 */
function compare(a, b, key) {
  const field = key.replace('-', '');
  const sign = key.startsWith('-') ? -1 : 1;
  const [x, y] = [a[field], b[field]];
  if ((x === null) !== (y === null)) return x === null ? 1 : -1;
  if (x !== y) return sign * (x < y ? -1 : 1);
  return a.id < b.id ? -1 : Number(a.id > b.id);
}
