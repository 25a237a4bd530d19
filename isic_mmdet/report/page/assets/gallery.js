'use strict';

const find = (id) => document.getElementById(id);
const records = JSON.parse(find('records').textContent);
const FIELDS = ['iou', 'score', 'expected_iou', 'share', 'pixels'];
const SVG = 'http://www.w3.org/2000/svg';

/** An element with properties and children; text is never taken for markup. */
function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function makeSvg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A line in its color over a wider one, so that it stands out from the skin. */
function contour(kind, path) {
  return makeSvg('g', { class: kind },
    makeSvg('path', { class: 'casing', d: path }), makeSvg('path', { class: 'contour', d: path }));
}

/** The image of a record with its contours, as nodes for a `.frame`. */
function imageNodes(record) {
  const image = make('img', { alt: '', decoding: 'async' });
  image.src = 'data:image/jpeg;base64,' + find(`jpeg-${record.index}`).textContent;
  const lines = makeSvg('svg', { viewBox: `0 0 ${record.frame.join(' ')}`, 'aria-hidden': 'true' },
    contour('truth', record.truth));
  if (record.prediction !== null) lines.append(contour('prediction', record.prediction));
  return [image, lines];
}

const digits = (value, places = 3) => (value === null ? '–' : value.toFixed(places));
// Short enough for one line of a card; the enlarged image has the third digit.
const resultText = (record) =>
  `IoU ${digits(record.iou, 2)}, ` + (record.score === null ? 'no detection' : `score ${digits(record.score, 2)}`);

/* Cards: all of them are in the page, but only those near the screen hold an image. */

const list = find('cards');
const near = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const frame = target.querySelector('.frame');
    if (!isIntersecting) frame.replaceChildren();
    else if (!frame.firstChild) frame.replaceChildren(...imageNodes(records[target.dataset.index]));
  }
}, { rootMargin: '600px' });

records.forEach((record, index) => {
  record.index = index;
  const button = make('button', { type: 'button', tabIndex: -1 },
    make('span', { className: 'frame' }),
    make('small', { textContent: record.id }),
    make('small', { textContent: resultText(record) }),
    make('small', { textContent: record.diagnosis ?? '–' }));
  button.setAttribute('aria-label',
    `${record.id}: ${resultText(record)}, ${record.diagnosis ?? 'diagnosis unknown'}. Enlarge.`);
  record.card = make('li', {}, button);
  record.card.dataset.index = index;
  record.button = button;
  button.addEventListener('click', () => enlarge(record));
  button.addEventListener('focus', () => { setTabStop(record); });
});

let shown = [];
let current = null; // the record whose card the Tab key reaches

function setTabStop(record) {
  if (current) current.button.tabIndex = -1;
  current = record;
  if (current) current.button.tabIndex = 0;
}

function bound(id) {
  const text = find(id).value;
  return text === '' ? undefined : Number(text);
}

function update() {
  const ranges = Object.fromEntries(
    FIELDS.map((field) => [field, [bound(`${field}-min`), bound(`${field}-max`)]]));
  const filter = { name: find('name').value, diagnosis: find('diagnosis').value, ranges };
  const key = find('sort').value;
  shown = records.filter((record) => passes(record, filter)).sort((a, b) => compare(a, b, key));
  near.disconnect();
  list.replaceChildren(...shown.map((record) => record.card));
  for (const record of shown) near.observe(record.card);
  setTabStop(shown[0] ?? null);
  find('count').textContent = `${shown.length} of ${records.length} images`
    + (shown.length ? '' : ': no image passes the filters');
}

find('controls').addEventListener('input', update);
find('controls').addEventListener('submit', (event) => event.preventDefault());
// The fields are empty only after the event.
find('controls').addEventListener('reset', () => setTimeout(update));

list.addEventListener('keydown', (event) => {
  const columns = getComputedStyle(list).gridTemplateColumns.split(' ').length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  const place = shown.indexOf(current);
  let next;
  if (event.key === 'Home') next = 0;
  else if (event.key === 'End') next = shown.length - 1;
  else if (event.key in steps) next = place + steps[event.key];
  else return;
  event.preventDefault();
  shown[next]?.button.focus();
});

/* The enlarged image. */

const large = find('large');
let enlarged = null; // the record that it shows

function enlarge(record) {
  enlarged = record;
  find('large-name').textContent = record.id;
  find('large-image').style.setProperty('--ratio', record.frame[0] / record.frame[1]);
  find('large-image').replaceChildren(...imageNodes(record));
  const facts = {
    IoU: digits(record.iou),
    'IoU, best detection': digits(record.iou_max),
    score: record.score === null ? 'no detection' : digits(record.score),
    'expected IoU': record.expected_iou === null ? null
      : digits(record.expected_iou) + (record.check ? ', to check' : ''),
    'predicted class': record.predicted_label,
    diagnosis: record.diagnosis,
    age: record.age,
    sex: record.sex,
    lesion: `${record.share} % of the image`,
    image: `${record.size} pixels`,
  };
  find('large-facts').replaceChildren(...Object.entries(facts)
    .filter(([, value]) => value !== null)
    .flatMap(([name, value]) => [
      make('dt', { textContent: name }), make('dd', { textContent: value })]));
  const place = shown.indexOf(record);
  find('previous').disabled = place <= 0;
  find('next').disabled = place >= shown.length - 1;
  if (!large.open) large.showModal();
}

function step(by) {
  const next = shown[shown.indexOf(enlarged) + by];
  if (next) enlarge(next);
}

find('previous').addEventListener('click', () => step(-1));
find('next').addEventListener('click', () => step(1));
find('close').addEventListener('click', () => large.close());
large.addEventListener('click', (event) => { if (event.target === large) large.close(); });
large.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowLeft') step(-1);
  if (event.key === 'ArrowRight') step(1);
});
large.addEventListener('close', () => {
  find('large-image').replaceChildren();
  enlarged.button.focus(); // the browser itself goes back to the card it came from
});

/* The check boxes of the gallery and of the enlarged image are kept equal. */

for (const kind of ['truth', 'prediction']) {
  const boxes = [find(`show-${kind}`), find(`large-show-${kind}`)];
  for (const box of boxes) {
    box.addEventListener('change', () => {
      for (const other of boxes) other.checked = box.checked;
      document.body.classList.toggle(`without-${kind}`, !box.checked);
    });
  }
}

update();
