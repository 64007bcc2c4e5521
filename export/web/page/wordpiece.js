// Text to the numbers of pieces of words, the same as in Python: the definition is in
// tgan_tf/language/wordpiece.py.

const LONGEST = 100; // characters of a word; longer ones are unknown

// BERT's blocks of them.
const IDEOGRAPHS =
  /[\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\u{20000}-\u{2A6DF}\u{2A700}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

/** Normalized, with spaces around punctuation and ideographs. */
function spaced(text, { lowercase, strip_accents: strip }) {
  let plain = text.replace(/[\t\n\r\p{Z}]/gu, ' ').replace(/[\uFFFD\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, '');
  if (strip) plain = plain.normalize('NFD').replace(/\p{Mn}/gu, '');
  // Letter by letter: a sigma is the same wherever it stands.
  if (lowercase) plain = Array.from(plain, (letter) => letter.toLowerCase()).join('');
  return plain.replace(/[!-/:-@[-`{-~\p{P}]/gu, ' $& ').replace(IDEOGRAPHS, ' $& ');
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
    const words = spaced(text, how).split(' ').filter(Boolean);
    const tokens = [first, ...words.flatMap(pieces).slice(0, length - 2), last];
    return Int32Array.from({ length }, (_, i) => tokens[i] ?? padding);
  };
}
