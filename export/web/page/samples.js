// A sample of any kind in a figure: a picture, a clip that moves, a piano roll that can be heard,
// curves, words.

import { curves } from './curves.js';
import { midi, perform, roll, silence } from './music.js';
import { picture, show } from './play.js';
import { words } from './text.js';

/** A figure for samples. */
export function makeFigure() {
  const figure = document.createElement('figure');
  const text = Object.assign(document.createElement('p'), { className: 'words' });
  figure.append(document.createElement('canvas'), text, document.createElement('figcaption'));
  return figure;
}

/** Puts a sample, its values one after another, on a canvas. */
export function draw(canvas, values, info) {
  const shape = info.sample_shape;
  if (info.modality === 'music') {
    const [low, high] = [Number(info.vocabulary[1]), Number(info.vocabulary.at(-2))];
    show(canvas, [roll(values, shape, low, high)]);
  } else if (info.modality === 'series') {
    show(canvas, [curves(values, shape, info.channel_mean, info.channel_std)]);
  } else {
    const size = shape.slice(-3).reduce((a, b) => a * b);
    const frames = [...Array(values.length / size).keys()];
    show(canvas, frames.map((f) => picture(values.slice(f * size, (f + 1) * size), shape.slice(-3))));
  }
}

/** Puts a sample and its seed into a figure: values, frames (ImageBitmap), or of texts the words. */
export function fill(figure, sample, info, seed) {
  const [canvas, text, caption] = figure.children;
  const isText = info.modality === 'text';
  canvas.hidden = isText;
  text.textContent = isText ? (typeof sample === 'string' ? sample : words(sample, info)) : '';
  if (sample[0] instanceof ImageBitmap) show(canvas, sample);
  else if (!isText) draw(canvas, sample, info);
  label(caption, sample, info, seed);
}

/** The line below a sample; of music with what plays it and with its file. */
function label(caption, values, info, seed) {
  if (caption.querySelector('button')?.textContent === 'Stop') silence(); // what is heard goes away
  if (caption.file) URL.revokeObjectURL(caption.file);
  caption.replaceChildren(`seed ${seed}`);
  if (info.modality !== 'music') return;
  const button = Object.assign(document.createElement('button'), { type: 'button', textContent: 'Play' });
  const end = () => { button.textContent = 'Play'; };
  button.addEventListener('click', () => {
    if (button.textContent !== 'Play') return silence();
    perform(values, info.sample_shape, end);
    button.textContent = 'Stop';
    return undefined;
  });
  caption.file = URL.createObjectURL(new Blob([midi(values, info.sample_shape)], { type: 'audio/midi' }));
  const link = Object.assign(document.createElement('a'), { href: caption.file, download: `seed${seed}.mid`, textContent: 'MIDI' });
  caption.append(' ', button, ' ', link);
}
