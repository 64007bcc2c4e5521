// Controls that this page and that of a served model have.

// Id, what is said, least, most; at 1 each changes nothing.
const SLIDERS = [
  ['truncation', 'Truncation', 0, 1.2, 0.05],
  ['guidance', 'Guidance', 0, 4, 0.1],
  ['temperature', 'Temperature', 0, 2, 0.05],
  ['top-p', 'Top-p', 0.05, 1, 0.05],
];

function makeRow(id, name, ...controls) {
  const row = Object.assign(document.createElement('label'), { id: `${id}-row` });
  row.append(`${name} `, ...controls);
  return row;
}

/** Puts sliders, and the field for what texts begin with, before the first button of a form. */
export function addControls(form) {
  const rows = SLIDERS.map(([id, name, min, max, step]) => {
    // The value last: it is kept within the bounds.
    const slider = Object.assign(document.createElement('input'), { id, type: 'range', min, max, step, value: 1 });
    return makeRow(id, name, slider, document.createElement('output'));
  });
  const field = Object.assign(document.createElement('input'), { id: 'prefix', autocomplete: 'off' });
  form.querySelector('button').before(...rows, makeRow('prefix', 'Begins with', field));
}

/** Says beside each slider where it stands. */
export function showValues() {
  for (const output of document.querySelectorAll('output')) {
    output.textContent = Number(output.previousElementSibling.value).toFixed(2);
  }
}
