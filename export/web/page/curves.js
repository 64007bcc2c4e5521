// Time series as curves, a colour for each channel, as in tgan_tf/modalities/plots.py.

const [WIDTH, HEIGHT] = [288, 192];
const REACH = 3; // standard deviations from the middle to the edge
const COLOURS = [
  '#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#e377c2', '#7f7f7f', '#bcbd22', '#17becf',
];

/** Values of [steps, channels], one after another, in units of `means` and `deviations` of channels. */
export function curves(values, [steps, channels], means, deviations) {
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext('2d');
  context.fillStyle = 'white';
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const line = (points, colour, width) => {
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x, y);
    Object.assign(context, { strokeStyle: colour, lineWidth: width, lineJoin: 'round' });
    context.stroke();
  };
  line([[0, HEIGHT / 2], [WIDTH, HEIGHT / 2]], '#dcdcdc', 2);
  for (let channel = 0; channel < channels; channel++) {
    line([...Array(steps).keys()].map((step) => {
      const deviation = (values[step * channels + channel] - means[channel]) / deviations[channel];
      const reached = Math.max(-1, Math.min(1, deviation / REACH));
      return [(step / Math.max(steps - 1, 1)) * WIDTH, ((1 - reached) / 2) * HEIGHT];
    }), COLOURS[channel % COLOURS.length], 3);
  }
  return canvas.transferToImageBitmap();
}
