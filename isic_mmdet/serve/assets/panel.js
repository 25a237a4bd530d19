// What was found, in numbers and words.

import { stateOf } from './correction.js';
import { find, make } from './dom.js';
import { scoresOf, verdictOf, written } from './findings.js';
import { progressOf } from './list.js';
import { state } from './state.js';

export function drawPanel(item, findings) {
  find('name').textContent = item?.name ?? '';
  find('verdict').textContent = item && item.status !== 'failed' && !item.result?.label ? progressOf(item) : '';
  find('trouble').hidden = item?.status !== 'failed';
  find('trouble').querySelector('p').textContent = item?.status === 'failed' ? item.note : '';
  const facts = findings ? factsOf(item, findings) : [];
  find('numbers').replaceChildren(...facts.flatMap(([name, value, also]) => [
    make('dt', { textContent: name }),
    make('dd', {}, make('strong', { textContent: value }), ...(also ? [make('span', { textContent: also })] : []))]));
  const caveat = findings ? caveatOf(item, findings) : '';
  find('caveat').textContent = caveat;
  find('caveat').hidden = !caveat;
  const over = !item ? '' : { done: item.unseen, failed: item.note }[item.status] ?? progressOf(item);
  find('over').textContent = over;
  find('over').hidden = !over;
  drawTruth(item);
  drawSpoken(item, findings);

  const place = state.items.indexOf(item);
  find('position').textContent = `${place + 1} of ${state.items.length}`;
  find('previous').disabled = place <= 0;
  find('next').disabled = place >= state.items.length - 1;
  const isDone = item?.status === 'done';
  for (const id of ['get-mask', 'get-overlay']) find(id).disabled = !isDone;
  for (const id of ['get-masks', 'get-overlays', 'get-table']) {
    find(id).disabled = !state.items.some((other) => other.status === 'done');
  }
}

/** Name, value, and the same in another unit. */
function factsOf(item, { area, share, size, iou, dice }) {
  const { label, score, expected_iou: expected } = item.result;
  if (label === null && !item.mask) return iou === null ? [] : [['IoU', written(iou, 3)], ['Dice', written(dice, 3)]];
  const { scale } = item;
  const lengths = (pixels) => (scale
    ? [`${written(pixels / scale, 1)} mm`, `${written(pixels, 1)} px`] : [`${written(pixels, 1)} px`, '']);
  const facts = [
    ...(label === null ? [] : [['Class', label], ['Score', written(score, 3)]]),
    ...(expected === null ? [] : [['Expected IoU', written(expected, 2), 'at the threshold of the model']]),
    ['Area', ...(scale ? [`${written(area / scale ** 2, 1)} mm²`, `${written(area)} px`] : [`${written(area)} px`, ''])],
    ['Share of the image', `${written(100 * share, 1)} %`],
  ];
  if (size) facts.push(['Longest diameter', ...lengths(size.longest)], ['Across it', ...lengths(size.across)]);
  if (iou !== null) facts.push(['IoU with the truth', written(iou, 3)], ['Dice', written(dice, 3)]);
  return facts;
}

function caveatOf(item, { touches, parts }) {
  const { result } = item;
  const notes = [];
  if (result.check && stateOf(item) === 'predicted') notes.push('The model is not certain of this outline: check it.');
  if (touches) notes.push('The outline meets the border of the image: the lesion may be larger.');
  if (parts > 1) notes.push(`The outline has ${parts} parts; the diameters are those of the largest.`);
  return notes.join(' ');
}

function drawTruth(item) {
  const truth = item?.truth;
  find('truth-name').textContent = !truth ? 'None for this image.'
    : truth.note ? `${truth.file.name}: ${truth.note}` : truth.file.name;
  find('remove-truth').hidden = !truth;
  const scored = state.items.filter((other) => other.truth?.result).map(scoresOf);
  const mean = (name) => written(scored.reduce((sum, s) => sum + s[name], 0) / scored.length, 3);
  find('means').hidden = scored.length < 2;
  find('means').textContent = scored.length < 2 ? ''
    : `Mean over ${scored.length} images: IoU ${mean('iou')}, Dice ${mean('dice')}`;
}

/** For who does not see the image; said when it changes. */
function drawSpoken(item, findings) {
  let text = item ? `${item.name}: ${progressOf(item)}.` : '';
  if (findings?.size) {
    const { width, height } = item.result.lesion;
    const [x, y] = middle(findings.rings);
    const rows = ['upper', 'middle', 'lower'][Math.min(2, Math.floor(3 * y / height))];
    const columns = ['left', 'center', 'right'][Math.min(2, Math.floor(3 * x / width))];
    text = `${item.name}: ${verdictOf(item.result)}. Its outline takes ${written(100 * findings.share)} % `
      + `of the image, around the ${rows} ${columns}.`;
  }
  // Only new words are said again.
  if (find('spoken').textContent !== text) find('spoken').textContent = text;
}

function middle(rings) {
  const values = rings.flat();
  const mean = (odd) => values.reduce((sum, v, i) => (i % 2 === odd ? sum + v : sum), 0) / (values.length / 2);
  return [mean(0), mean(1)];
}
