// Windows of music: tokens [steps, voices] as tgan_tf/data/score.py has them, one after another.

const [REST, HOLD] = [0, 128];
const [STEPS_PER_BAR, STEPS_PER_QUARTER] = [16, 4];
const SECONDS_PER_QUARTER = 0.75;
const STEP = SECONDS_PER_QUARTER / STEPS_PER_QUARTER; // in seconds

// As in tgan_tf/modalities/piano_roll.py.
const COLOURS = [[213, 94, 0], [0, 114, 178], [0, 158, 115], [204, 121, 167]];
const [PAPER, BLACK_KEY, BEAT, BAR] = [255, 244, 232, 200].map((grey) => [grey, grey, grey]);
const [WIDE, HIGH] = [5, 3]; // pixels of a step and of a semitone
const BLACK_KEYS = [1, 3, 6, 8, 10];

/** {voice, pitch, start, end} of every note, times in steps; voice by voice. */
export function notes(tokens, [steps, voices]) {
  const found = [];
  for (let voice = 0; voice < voices; voice++) {
    let sounding = null;
    for (let step = 0; step < steps; step++) {
      const token = tokens[step * voices + voice];
      if (token === HOLD) {
        if (sounding) sounding.end = step + 1;
      } else if (token === REST) {
        sounding = null;
      } else {
        sounding = { voice, pitch: token, start: step, end: step + 1 };
        found.push(sounding);
      }
    }
  }
  return found;
}

/** A piano roll of the pitches from `low` to `high`, the highest voice on top. */
export function roll(tokens, shape, low, high) {
  const image = new ImageData(shape[0] * WIDE, (high - low + 1) * HIGH);
  const paint = (x, pitch, colour) => {
    for (let y = (high - pitch) * HIGH; y < (high - pitch + 1) * HIGH; y++) {
      image.data.set([...colour, 255], 4 * (y * image.width + x));
    }
  };
  for (let pitch = low; pitch <= high; pitch++) {
    const key = BLACK_KEYS.includes(pitch % 12) ? BLACK_KEY : PAPER;
    for (let x = 0; x < image.width; x++) {
      const lines = x % (STEPS_PER_BAR * WIDE) === 0 ? BAR : BEAT;
      paint(x, pitch, x % (STEPS_PER_QUARTER * WIDE) === 0 ? lines : key);
    }
  }
  for (const { voice, pitch, start, end } of notes(tokens, shape).reverse()) {
    paint(start * WIDE, pitch, PAPER); // says that it begins
    for (let x = start * WIDE + 1; x < end * WIDE; x++) paint(x, pitch, COLOURS[voice % COLOURS.length]);
  }
  return image;
}

let playing; // what is heard

/** Plays a window, instead of what is playing; an organ of sorts. `ended()` when it is over. */
export function perform(tokens, shape, ended) {
  silence();
  const context = new AudioContext();
  const all = notes(tokens, shape);
  const now = context.currentTime + 0.05;
  for (const { pitch, start, end } of all) {
    const pipe = new OscillatorNode(context, { type: 'triangle', frequency: 440 * 2 ** ((pitch - 69) / 12) });
    const valve = new GainNode(context, { gain: 0 });
    const [from, to] = [now + start * STEP, now + end * STEP];
    valve.gain.setValueAtTime(0, from);
    valve.gain.linearRampToValueAtTime(0.6 / shape[1], from + 0.02);
    valve.gain.setValueAtTime(0.6 / shape[1], to - 0.03);
    valve.gain.linearRampToValueAtTime(0, to);
    pipe.connect(valve).connect(context.destination);
    pipe.start(from);
    pipe.stop(to);
  }
  const timer = setTimeout(silence, 1000 * (shape[0] * STEP + 0.1));
  playing = { context, ended, timer };
}

/** Ends what is playing. */
export function silence() {
  if (!playing) return;
  clearTimeout(playing.timer);
  playing.context.close();
  playing.ended();
  playing = undefined;
}

/** A standard MIDI file (format 1) of a window: a track for each voice after one with the tempo. */
export function midi(tokens, shape) {
  const ticks = 120; // of a step
  const bytes = (value, count) => [...Array(count).keys()].reverse().map((place) => (value >> (8 * place)) & 255);
  const length = (value) => (value < 128 ? [value] : [...length(value >> 7).map((byte) => byte | 128), value & 127]);
  const chunk = (name, content) => [...[...name].map((c) => c.charCodeAt(0)), ...bytes(content.length, 4), ...content];
  const track = (events) => chunk('MTrk', [...events, 0, 0xff, 0x2f, 0]);
  const all = notes(tokens, shape);
  const voices = [...Array(shape[1]).keys()].map((voice) => {
    const channel = voice + (voice >= 9 ? 1 : 0); // the tenth is of drums
    // A note ends before the next one begins.
    const events = all.filter((note) => note.voice === voice).flatMap(({ pitch, start, end }) => [
      [start, 0x90 | channel, pitch, 80],
      [end, 0x80 | channel, pitch, 0],
    ]);
    let now = 0;
    return track(events.flatMap(([step, ...event]) => {
      const wait = length(ticks * (step - now));
      now = step;
      return [...wait, ...event];
    }));
  });
  const tempo = track([0, 0xff, 0x51, 3, ...bytes(SECONDS_PER_QUARTER * 1e6, 3)]);
  const header = chunk('MThd', [...bytes(1, 2), ...bytes(shape[1] + 1, 2), ...bytes(ticks * STEPS_PER_QUARTER, 2)]);
  return Uint8Array.from([...header, ...tempo, ...voices.flat()]);
}
