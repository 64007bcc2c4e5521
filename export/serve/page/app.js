// A served generator: everything is asked for by REST, as any client would.

import { addControls, showValues } from '/page/controls.js';
import { play } from '/page/play.js';
import { draw, fill, makeFigure } from '/page/samples.js';
import { prefix } from '/page/text.js';

const COUNT = 24; // samples in the grid
const FRAMES = 24; // of the film, from seed to seed

const $ = (id) => document.getElementById(id);
let models = [];
let model;

/** Columns of a request -> its outputs, in the form of TensorFlow Serving's REST interface. */
async function predict(signature_name, inputs) {
  const answer = await fetch(`/v1/models/${encodeURIComponent(model.name)}:predict`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ signature_name, inputs }),
  });
  const reply = await answer.json();
  if (!answer.ok) throw new Error(reply.error ?? `status ${answer.status}`);
  return reply.outputs;
}

const takes = (signature, input) => (model.inputs[signature] ?? []).includes(input);
// By modality: what asks for samples. Pictures come as files, texts as words.
const SAMPLING = { image: 'sample_png', video: 'sample_png', text: 'sample_text', music: 'sample', series: 'sample' };
const sampling = () => SAMPLING[model.modality];
const repeat = (value, count) => Array(count).fill(value);
const number = (id) => Number($(id).value);
const seedAt = (offset) => (Math.trunc(number('seed')) + offset) | 0;

/** Truncation and, where the model takes it, guidance. */
const controls = (signature, count) => ({
  truncation: repeat(number('truncation'), count),
  ...(takes(signature, 'guidance') ? { guidance: repeat(number('guidance'), count) } : {}),
});

/** How tokens that are drawn one after another are chosen, and what texts begin with. */
const steering = (signature, count) => ({
  ...(takes(signature, 'temperature') ? {
    temperature: repeat(number('temperature'), count),
    top_k: repeat(0, count),
    top_p: repeat(number('top-p'), count),
  } : {}),
  ...(takes(signature, 'prefix') ? { prefix: repeat(prefix($('prefix').value, model), count) } : {}),
});

/** What to make: a class, attributes, or a caption; `end` is that of an interpolation. */
const condition = async (signature, count, end = '') => ({
  ...(takes(signature, `label${end}`) ? { [`label${end}`]: repeat(number('class'), count) } : {}),
  ...(takes(signature, `attributes${end}`) ? { [`attributes${end}`]: repeat(checked(), count) } : {}),
  ...(takes(signature, `condition${end}`) ? { [`condition${end}`]: repeat(await vector(), count) } : {}),
});

let read = {}; // the caption that was encoded last

/** The caption in the field as the model's encoder understands it. */
async function vector() {
  const text = $('caption').value;
  if (read.text !== text || read.model !== model) {
    const [numbers] = await predict('encode', { text: [text] });
    read = { model, text, numbers };
  }
  return read.numbers;
}

const checked = () => [...$('attributes').querySelectorAll('input')].map((box) => Number(box.checked));
const strengths = () => [...$('sliders').querySelectorAll('input')].map((slider) => Number(slider.value));

/** The picture in a PNG file; of a clip, which has all side by side, its frames. */
async function framesOf({ b64 }) {
  const bytes = Uint8Array.from(atob(b64), (character) => character.charCodeAt(0));
  const strip = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
  const count = model.modality === 'video' ? model.sample_shape[0] : 1;
  const [width, height] = [strip.width / count, strip.height];
  return Promise.all([...Array(count).keys()].map((f) => createImageBitmap(strip, f * width, 0, width, height)));
}

/** Those of a sample, one after another; words are words. */
const values = (sample) => (typeof sample === 'string' ? sample : sample.flat(Infinity));

let asked = 0;
let busy = false;

/** Draws what the controls say; while an answer is awaited, only the newest request waits. */
async function drawGrid() {
  showValues();
  asked++;
  if (busy) return;
  busy = true;
  let done;
  do {
    done = asked;
    try {
      await drawOnce();
    } catch (error) {
      fail(error);
    }
  } while (done !== asked);
  busy = false;
  document.body.dataset.ready = 'true';
}

async function drawOnce() {
  if (!takes(sampling(), 'seed') || (takes(sampling(), 'condition') && !takes('encode', 'text'))) {
    throw new Error('this page shows what this project exports, of classes, attributes and captions: ask by REST for others');
  }
  const moved = strengths();
  const edited = moved.some((value) => value !== 0);
  const signature = edited ? 'edit' : sampling();
  const seeds = [...Array(COUNT).keys()].map(seedAt);
  const started = performance.now();
  const outputs = await predict(signature, {
    seed: seeds,
    ...controls(signature, COUNT),
    ...(await condition(signature, COUNT)),
    ...steering(signature, COUNT),
    ...(edited ? { strengths: repeat(moved, COUNT) } : {}),
  });
  const ms = (performance.now() - started).toFixed(0);
  await Promise.all(outputs.map(async (sample, i) => {
    fill($('grid').children[i], sample.b64 ? await framesOf(sample) : values(sample), model, seeds[i]);
  }));
  $('status').className = '';
  $('status').textContent = `${COUNT} samples in ${ms} ms, version ${model.version}`;
}

let filming = false;

async function film() {
  filming = !filming;
  $('film').setAttribute('aria-pressed', String(filming));
  $('film-figure').hidden = !filming;
  try {
    for (let from = 0; filming; from++) {
      const frames = await predict('interpolate', {
        seed_a: repeat(seedAt(from), FRAMES),
        seed_b: repeat(seedAt(from + 1), FRAMES),
        t: [...Array(FRAMES).keys()].map((frame) => frame / FRAMES),
        ...controls('interpolate', FRAMES),
        ...(await condition('interpolate', FRAMES, '_a')),
        ...(await condition('interpolate', FRAMES, '_b')),
      });
      for (const frame of frames) {
        if (!filming) break;
        draw($('film-canvas'), values(frame), model);
        await new Promise((next) => setTimeout(next, 40));
      }
    }
  } catch (error) {
    filming = false;
    fail(error);
  }
}

function fail(error) {
  $('status').className = 'error';
  $('status').textContent = `${error.message ?? error}`;
}

/** Makes the controls those of a model. */
function choose(index) {
  model = models[index];
  if (filming) film(); // not of another model
  document.title = $('title').textContent = model.name;
  const classes = model.class_names.length ? model.class_names : [...Array(model.num_classes).keys()];
  $('class').replaceChildren(...classes.map((name, i) => new Option(name, i)));
  $('class-row').hidden = !takes(sampling(), 'label');
  $('caption-row').hidden = !takes('encode', 'text');
  $('caption').value = model.captions[0] ?? '';
  $('captions').replaceChildren(...model.captions.map((caption) => new Option(caption)));
  $('attributes').replaceChildren(...model.attribute_names.map((name) => {
    const row = document.createElement('label');
    const box = Object.assign(document.createElement('input'), { type: 'checkbox' });
    box.addEventListener('input', drawGrid);
    row.append(box, ` ${name} `);
    return row;
  }));
  $('guidance-row').hidden = !takes(sampling(), 'guidance');
  for (const id of ['temperature', 'top-p']) $(`${id}-row`).hidden = !takes(sampling(), 'temperature');
  $('prefix-row').hidden = !takes(sampling(), 'prefix');
  $('grid').className = model.modality;
  const isDrawn = model.modality !== 'text';
  $('film').hidden = !isDrawn;
  const directions = isDrawn ? model.directions : [];
  $('directions').hidden = !directions.length;
  $('sliders').replaceChildren(...directions.map((name) => {
    const row = document.createElement('label');
    const slider = Object.assign(document.createElement('input'), { type: 'range', min: -3, max: 3, step: 0.1, value: 0 });
    slider.addEventListener('input', drawGrid);
    row.append(name, slider, document.createElement('output'));
    return row;
  }));
  $('card-link').hidden = !model.has_card;
  $('card-link').firstElementChild.href = `/page/card/${encodeURIComponent(model.name)}/README.md`;
  return drawGrid();
}

try {
  ({ models } = await (await fetch('/page/models.json')).json());
  if (!models.length) throw new Error('no model is loaded');
  models.forEach((entry, i) => $('model').add(new Option(entry.name, i)));
  $('model-row').hidden = models.length < 2;
  addControls($('controls'));
  $('grid').replaceChildren(...repeat(0, COUNT).map(makeFigure));
  const ids = ['class', 'caption', 'seed', 'truncation', 'guidance', 'prefix', 'temperature', 'top-p'];
  for (const id of ids) $(id).addEventListener('input', drawGrid);
  $('model').addEventListener('input', () => choose(number('model')));
  $('controls').addEventListener('submit', (event) => event.preventDefault());
  $('more').addEventListener('click', () => {
    $('seed').value = seedAt(COUNT);
    drawGrid();
  });
  $('reset').addEventListener('click', () => {
    for (const slider of $('sliders').querySelectorAll('input')) slider.value = 0;
    drawGrid();
  });
  $('film').addEventListener('click', film);
  $('main').hidden = false;
  await choose(0);
  play(() => model.frame_rate);
} catch (error) {
  fail(error);
  throw error;
}
