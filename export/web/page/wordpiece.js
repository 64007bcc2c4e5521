// Text to the numbers of pieces of words, the same as in Python: the definition is in
// tgan_tf/language/wordpiece.py.

const LONGEST = 100; // characters of a word; longer ones are unknown

const bare = (letter) => (/^[a-z]\p{Mn}$/iu.test(letter.normalize('NFD')) ? letter.normalize('NFD')[0] : letter);

/** Normalized, with spaces around punctuation and ideographs. */
function spaced(text, { lowercase, strip_accents: strip }) {
  let plain = lowercase ? text.toLowerCase() : text;
  if (strip) plain = plain.replace(/[À-Žà-ž]/g, bare).replace(/\p{Mn}/gu, '');
  return plain.replace(/\uFFFD|[\0-\x08\x0E-\x1F\x7F]/g, '')
    .replace(/([!-/:-@[-`{-~\p{P}\p{Script=Han}])/gu, ' $1 ');
}

/** Pieces in order, how many numbers a text becomes, how it is split -> a function from text to Int32Array. */
export function wordPiece(vocabulary, length, how) {
  const numbers = new Map(vocabulary.map((piece, i) => [piece, i]));
  const [unknown, first, last, padding] = how.special.map((piece) => numbers.get(piece));

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
    const words = spaced(text, how).split(/[ \t-\r]+/).filter(Boolean);
    const tokens = [first, ...words.flatMap(pieces).slice(0, length - 2), last];
    return Int32Array.from({ length }, (_, i) => tokens[i] ?? padding);
  };
}
