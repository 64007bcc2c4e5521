// Samples on canvases: a picture stands still, the frames of a clip take turns.

const shown = new Map(); // canvas -> its frames
let moment = 0;

function paint(canvas) {
  const frames = shown.get(canvas);
  const frame = frames[moment % frames.length];
  [canvas.width, canvas.height] = [frame.width, frame.height];
  const context = canvas.getContext('2d');
  if (frame instanceof ImageData) context.putImageData(frame, 0, 0);
  else context.drawImage(frame, 0, 0);
}

/** Puts frames (ImageData or ImageBitmap) of one size on a canvas; one frame is a picture. */
export function show(canvas, frames) {
  shown.set(canvas, frames);
  paint(canvas);
}

/** Lets clips go on for ever, `rate()` frames a second. */
export function play(rate) {
  moment++;
  for (const [canvas, frames] of shown) if (frames.length > 1) paint(canvas);
  setTimeout(play, 1000 / rate(), rate);
}

/** Values 0..255 of [H, W, C], C of 1, 3 or 4, one after another -> what a canvas takes. */
export function picture(values, [height, width, channels]) {
  const image = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = values[i * channels + (channels < 3 ? 0 : c)];
    image.data[4 * i + 3] = channels === 4 ? values[4 * i + 3] : 255;
  }
  return image;
}
