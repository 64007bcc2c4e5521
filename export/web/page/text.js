// Texts from the numbers of their tokens, and the other way, as tgan_tf/modalities/text.py does it.

const MARKS = ['，', '。\n', '，', '。']; // after each line of a poem

/** What a sample, tokens [T], says. */
export function words(tokens, { vocabulary, text_ends, text_lines }) {
  const found = [...tokens];
  const end = text_ends ? found.indexOf(0) : -1;
  const kept = end < 0 ? found : found.slice(0, end);
  const line = Math.max(Math.trunc(kept.length / text_lines), 1);
  return kept.map((token, i) => {
    const ends = text_lines && (i + 1) % line === 0;
    return vocabulary[token] + (ends ? MARKS[Math.min((i + 1) / line, MARKS.length) - 1] : '');
  }).join('');
}

/** Text -> the numbers of its tokens, the longest that fit first; -1 where none is given. */
export function prefix(text, { vocabulary, sample_shape: [most] }) {
  const numbers = new Map(vocabulary.map((token, i) => [token, i]));
  const longest = vocabulary.reduce((so_far, token) => Math.max(so_far, [...token].length), 0);
  const rest = [...text];
  const found = [];
  while (rest.length) {
    let size = Math.min(longest, rest.length);
    while (size && !numbers.has(rest.slice(0, size).join(''))) size--;
    if (!size) throw new Error(`“${rest[0]}” is not in the vocabulary of the model`);
    found.push(numbers.get(rest.splice(0, size).join('')));
  }
  if (found.length > most) throw new Error(`texts have at most ${most} tokens`);
  return [...found, ...Array(most - found.length).fill(-1)];
}
