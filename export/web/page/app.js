// A generator in the browser: model.tflite and model.json beside this file, LiteRT in litert/; of
// captions encoder.tflite and vocab.txt too.
//
// ?check=SEED,CLASS,TRUNCATION makes that one picture and writes its bytes into the page, for tests.

import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';
import { addControls, showValues } from './controls.js';
import { play } from './play.js';
import { arc, normal } from './random.js';
import { draw, fill, makeFigure } from './samples.js';
import { prefix } from './text.js';
import { wordPiece } from './wordpiece.js';

const COUNT = 24; // samples in the grid
const FRAMES = 24; // of the film, from seed to seed

const $ = (id) => document.getElementById(id);
let model, info, encoder, tokens;

/** Runs a signature with inputs of batch 1 -> the values of its only output. */
async function run(signature, inputs, network = model) {
  const tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, [array, shape]]) => [name, new Tensor(array, shape)]),
  );
  const outputs = await network.run(signature, tensors);
  const values = await Object.values(outputs)[0].data();
  const copy = values.slice();
  for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) tensor.delete();
  return copy;
}

const floats = (values) => [Float32Array.from(values), [1, values.length]];
const number = (value) => [Float32Array.of(value), [1]];
const boxes = (id) => [...$(id).querySelectorAll('input')];

let read = {}; // the caption that was encoded last

/** The vector of the caption in the field. */
async function encoded() {
  const text = $('caption').value;
  if (read.text !== text) {
    const given = { tokens: [tokens(text), [1, info.caption_length]] };
    read = { text, vector: await run('encode', given, encoder) };
  }
  return read.vector;
}

/** What to make, as inputs: a class, attributes, or a vector, which may be that of a caption. */
async function condition() {
  if (info.class_names.length) return { label: [Int32Array.of(Number($('class').value)), [1]] };
  if (info.attribute_names.length) return { attributes: floats(boxes('attributes').map((box) => Number(box.checked))) };
  if (info.captions) return { condition: floats(await encoded()) };
  if (info.vector_width) return { condition: floats(boxes('vector').map((slider) => Number(slider.value))) };
  return {};
}

/** How tokens that are drawn one after another are chosen, and what texts begin with. */
function steering() {
  return {
    ...(info.steered ? {
      temperature: number($('temperature').value),
      top_k: [Int32Array.of(0), [1]],
      top_p: number($('top-p').value),
    } : {}),
    ...(info.begun ? { prefix: [Int32Array.from(prefix($('prefix').value, info)), [1, info.sample_shape[0]]] } : {}),
  };
}

/** The values of a seed's sample, of info.sample_shape. */
function sample(seed, given, truncation) {
  return run('sample', {
    seed: [Int32Array.of(seed), [1]],
    truncation: number(truncation),
    ...(info.guided ? { guidance: number($('guidance').value) } : {}),
    ...steering(),
    ...given,
  });
}

/** The same of a noise vector; of pictures and clips. */
async function generate(z, given) {
  const values = await run('generate', { z: [z, [1, z.length]], ...given });
  return Uint8ClampedArray.from(values, (v) => (v + 1) * 127.5);
}

const settings = () => ({
  seed: Math.trunc(Number($('seed').value)) | 0,
  truncation: Number($('truncation').value),
});

let drawing = 0; // a newer request ends an older one

async function drawGrid() {
  const mine = ++drawing;
  const { seed, truncation } = settings();
  showValues();
  const given = await condition();
  const started = performance.now();
  for (let i = 0; i < COUNT; i++) {
    const values = await sample((seed + i) | 0, given, truncation);
    if (mine !== drawing) return;
    fill($('grid').children[i], values, info, (seed + i) | 0);
  }
  $('status').className = '';
  const each = ((performance.now() - started) / COUNT).toFixed(1);
  $('status').textContent = `${COUNT} ${info.plural}, ${each} ms each`;
  document.body.dataset.ready = 'true';
}

let filming = false;

async function film() {
  filming = !filming;
  $('film').setAttribute('aria-pressed', String(filming));
  $('film-figure').hidden = !filming;
  for (let from = settings().seed; filming; from++) {
    const ends = [normal(from | 0, info.latent_dim), normal((from + 1) | 0, info.latent_dim)];
    for (let frame = 0; frame < FRAMES && filming; frame++) {
      draw($('film-canvas'), await generate(arc(...ends, frame / FRAMES), await condition()), info);
      await new Promise((done) => setTimeout(done, 40));
    }
  }
}

function fail(error) {
  $('status').className = 'error';
  $('status').textContent = `${error.message ?? error}`;
}

/** As the controls say now. */
const redraw = () => drawGrid().catch(fail);

/** A box or a slider with its name. */
function control(name, options) {
  const row = document.createElement('label');
  const input = Object.assign(document.createElement('input'), options);
  input.addEventListener('input', redraw);
  row.append(`${name} `, input);
  return row;
}

function build() {
  $('title').textContent = info.title;
  document.title = info.title;
  addControls($('controls'));
  info.class_names.forEach((name, i) => $('class').add(new Option(name, i)));
  $('guidance-row').hidden = !info.guided;
  $('class-row').hidden = !info.class_names.length;
  $('caption-row').hidden = !info.captions;
  $('attributes').replaceChildren(...info.attribute_names.map((name) => control(name, { type: 'checkbox' })));
  if (info.vector_width && !info.captions) {
    const start = (1 / Math.sqrt(info.vector_width)).toFixed(2); // of length 1, as vectors mostly are
    const slider = { type: 'range', min: -1.5, max: 1.5, step: 0.01, value: start };
    $('vector').replaceChildren(...Array.from({ length: info.vector_width }, (_, i) => control(i, slider)));
  }
  $('temperature-row').hidden = $('top-p-row').hidden = !info.steered;
  $('prefix-row').hidden = !info.begun;
  $('grid').className = info.modality;
  $('grid').replaceChildren(...[...Array(COUNT)].map(makeFigure));
  $('film').hidden = !['image', 'video'].includes(info.modality);
  const ids = ['class', 'caption', 'seed', 'truncation', 'guidance', 'prefix', 'temperature', 'top-p'];
  for (const id of ids) $(id).addEventListener('input', redraw);
  $('controls').addEventListener('submit', (event) => event.preventDefault());
  $('more').addEventListener('click', () => {
    $('seed').value = (settings().seed + COUNT) | 0;
    redraw();
  });
  $('film').addEventListener('click', film);
  $('main').hidden = false;
}

async function check(query) {
  const [seed, index, truncation] = query.split(',').map(Number);
  $('class').value = index;
  const pixels = await sample(seed, await condition(), truncation);
  const z = normal(seed, info.latent_dim);
  document.body.dataset.pixels = Array.from(pixels).join(',');
  document.body.dataset.z = Array.from(z).join(',');
  document.body.dataset.ready = 'true';
}

try {
  info = await (await fetch('model.json')).json();
  await loadLiteRt('litert/core/wasm/', { threads: false });
  model = await loadAndCompile('model.tflite', { accelerator: 'wasm' });
  if (info.captions) {
    encoder = await loadAndCompile('encoder.tflite', { accelerator: 'wasm' });
    const vocabulary = (await (await fetch('vocab.txt')).text()).split('\n').filter(Boolean);
    tokens = wordPiece(vocabulary, info.caption_length, info.caption_words);
  }
  const query = new URLSearchParams(location.search).get('check');
  build();
  if (info.modality === 'video') play(() => info.frame_rate);
  await (query ? check(query) : drawGrid());
} catch (error) {
  fail(location.protocol === 'file:'
    ? 'Browsers load no modules from files. Serve this folder: python -m http.server'
    : `The model cannot be run: ${error.message ?? error}`);
  throw error;
}
