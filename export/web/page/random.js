// Noise vectors from seeds, the same as in Python, TensorFlow Serving and TFLite: the definition is
// in tgan_tf/exporting/portable_random.py.

const UNIT = 2 ** -23;
const ANGLE = Math.fround(2 * Math.PI * UNIT);

function mix(x) {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** Standard normal numbers: an int32 seed -> Float32Array of length `dim`. */
export function normal(seed, dim) {
  const key = mix((seed + 0x9e3779b9) | 0);
  const word = (j) => mix(key ^ mix((j + 0x85ebca6b) | 0)) >>> 9;
  const z = new Float32Array(dim);
  for (let i = 0; i < dim; i++) {
    const u = (word(2 * i) + 0.5) * UNIT;
    const a = Math.fround(Math.fround(word(2 * i + 1) + 0.5 - 2 ** 22) * ANGLE);
    z[i] = Math.sqrt(-2 * Math.log(u)) * Math.cos(a);
  }
  return z;
}

/** A point on the arc between two vectors, t in [0, 1] (spherical interpolation). */
export function arc(a, b, t) {
  const norm = (v) => Math.hypot(...v);
  const cosine = a.reduce((sum, x, i) => sum + x * b[i], 0) / (norm(a) * norm(b));
  const angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
  if (angle < 1e-4) return a;
  const [p, q] = [Math.sin((1 - t) * angle), Math.sin(t * angle)].map((s) => s / Math.sin(angle));
  return a.map((x, i) => p * x + q * b[i]);
}
