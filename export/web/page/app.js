// A generator in the browser: model.tflite and model.json beside this file, LiteRT in litert/.
//
// ?check=SEED,CLASS,TRUNCATION makes that one picture and writes its bytes into the page, for tests.

import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';
import { picture, play, show } from './play.js';
import { arc, normal } from './random.js';

const COUNT = 24; // samples in the grid
const FRAMES = 24; // of the film, from seed to seed

const $ = (id) => document.getElementById(id);
let model, info;

/** Runs a signature with inputs of batch 1 -> the values of its output. */
async function run(signature, inputs) {
  const tensors = Object.fromEntries(
    Object.entries(inputs).map(([name, [array, shape]]) => [name, new Tensor(array, shape)]),
  );
  const outputs = await model.run(signature, tensors);
  const values = await outputs[info.modality].data();
  const copy = values.slice();
  for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) tensor.delete();
  return copy;
}

const label = (index) => (info.class_names.length ? { label: [Int32Array.of(index), [1]] } : {});

/** uint8 [H, W, C] of a seed; of video [F, H, W, C]. */
export function sample(seed, index, truncation) {
  return run('sample', {
    seed: [Int32Array.of(seed), [1]],
    truncation: [Float32Array.of(truncation), [1]],
    ...(info.guided ? { guidance: [Float32Array.of(Number($('guidance').value)), [1]] } : {}),
    ...label(index),
  });
}

/** The same of a noise vector. */
async function generate(z, index) {
  const values = await run('generate', { z: [z, [1, z.length]], ...label(index) });
  return Uint8ClampedArray.from(values, (v) => (v + 1) * 127.5);
}

/** Draws a sample. */
function draw(canvas, pixels) {
  const shape = info.sample_shape.slice(-3);
  const size = shape.reduce((a, b) => a * b);
  const frames = [...Array(pixels.length / size).keys()];
  show(canvas, frames.map((f) => picture(pixels.subarray(f * size, (f + 1) * size), shape)));
}

const settings = () => ({
  index: Number($('class').value || 0),
  seed: Math.trunc(Number($('seed').value)) | 0,
  truncation: Number($('truncation').value),
});

let drawing = 0; // a newer request ends an older one

async function drawGrid() {
  const mine = ++drawing;
  const { index, seed, truncation } = settings();
  $('truncation-value').textContent = truncation.toFixed(2);
  $('guidance-value').textContent = Number($('guidance').value).toFixed(2);
  const started = performance.now();
  for (let i = 0; i < COUNT; i++) {
    const pixels = await sample((seed + i) | 0, index, truncation);
    if (mine !== drawing) return;
    draw($('grid').children[i].querySelector('canvas'), pixels);
    $('grid').children[i].querySelector('figcaption').textContent = `seed ${(seed + i) | 0}`;
  }
  const each = ((performance.now() - started) / COUNT).toFixed(1);
  $('status').textContent = `${COUNT} ${info.modality === 'video' ? 'clips' : 'pictures'}, ${each} ms each`;
}

let filming = false;

async function film() {
  filming = !filming;
  $('film').setAttribute('aria-pressed', String(filming));
  $('film-figure').hidden = !filming;
  for (let from = settings().seed; filming; from++) {
    const ends = [normal(from | 0, info.latent_dim), normal((from + 1) | 0, info.latent_dim)];
    for (let frame = 0; frame < FRAMES && filming; frame++) {
      draw($('film-canvas'), await generate(arc(...ends, frame / FRAMES), settings().index));
      await new Promise((done) => setTimeout(done, 40));
    }
  }
}

function build() {
  $('title').textContent = info.title;
  document.title = info.title;
  info.class_names.forEach((name, i) => $('class').add(new Option(name, i)));
  $('guidance-row').hidden = !info.guided;
  $('class-row').hidden = !info.class_names.length;
  for (let i = 0; i < COUNT; i++) {
    const figure = document.createElement('figure');
    figure.append(document.createElement('canvas'), document.createElement('figcaption'));
    $('grid').append(figure);
  }
  for (const id of ['class', 'seed', 'truncation', 'guidance']) $(id).addEventListener('input', drawGrid);
  $('controls').addEventListener('submit', (event) => event.preventDefault());
  $('more').addEventListener('click', () => {
    $('seed').value = (settings().seed + COUNT) | 0;
    drawGrid();
  });
  $('film').addEventListener('click', film);
  $('main').hidden = false;
}

async function check(query) {
  const [seed, index, truncation] = query.split(',').map(Number);
  const pixels = await sample(seed, index, truncation);
  const z = normal(seed, info.latent_dim);
  document.body.dataset.pixels = Array.from(pixels).join(',');
  document.body.dataset.z = Array.from(z).join(',');
}

try {
  info = await (await fetch('model.json')).json();
  await loadLiteRt('litert/core/wasm/', { threads: false });
  model = await loadAndCompile('model.tflite', { accelerator: 'wasm' });
  const query = new URLSearchParams(location.search).get('check');
  build();
  if (info.modality === 'video') play(() => info.frame_rate);
  await (query ? check(query) : drawGrid());
  document.body.dataset.ready = 'true';
} catch (error) {
  $('status').className = 'error';
  $('status').textContent = location.protocol === 'file:'
    ? 'Browsers load no modules from files. Serve this folder: python -m http.server'
    : `The model cannot be run: ${error.message ?? error}`;
  throw error;
}
