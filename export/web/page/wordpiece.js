// Text to the numbers of pieces of words, the same as in Python: the definition is in
// tgan_tf/language/wordpiece.py.

const LONGEST = 100; // characters of a word; longer ones are unknown

/** Lower case, without marks on letters, with spaces around punctuation and ideographs. */
function spaced(text) {
  return text.toLowerCase()
    .replace(/[à-ž]/g, (letter) => (/^[a-z]\p{Mn}$/u.test(letter.normalize('NFD')) ? letter.normalize('NFD')[0] : letter))
    .replace(/\p{Mn}|\uFFFD|[\0-\x08\x0E-\x1F\x7F]/gu, '')
    .replace(/([!-/:-@[-`{-~\p{P}\p{Script=Han}])/gu, ' $1 ');
}

/** Pieces in order, and how many numbers a text becomes -> a function from text to Int32Array. */
export function wordPiece(vocabulary, length) {
  const numbers = new Map(vocabulary.map((piece, i) => [piece, i]));
  const [first, last, padding, unknown] = ['[CLS]', '[SEP]', '[PAD]', '[UNK]'].map((piece) => numbers.get(piece));

  /** The longest known piece first, again and again. */
  function pieces(word) {
    const letters = [...word];
    if (letters.length > LONGEST) return [unknown];
    const found = [];
    for (let start = 0, end; start < letters.length; start = end) {
      const piece = () => (start ? '##' : '') + letters.slice(start, end).join('');
      for (end = letters.length; end > start && !numbers.has(piece());) end--;
      if (end === start) return [unknown];
      found.push(numbers.get(piece()));
    }
    return found;
  }

  return (text) => {
    const words = spaced(text).split(/[ \t-\r]+/).filter(Boolean);
    const tokens = [first, ...words.flatMap(pieces).slice(0, length - 2), last];
    return Int32Array.from({ length }, (_, i) => tokens[i] ?? padding);
  };
}
