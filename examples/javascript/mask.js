// A rowmill transform in JavaScript: hides all but the last characters of text columns, in both images of a row.
//
//     config = { columns = ["email", "phone"], keep = 4 }      +49 30 1234567  becomes  **********4567
//
// Values are written over where they lie in the batch, so that no Arrow library is needed and nothing is copied: each byte of a hidden
// character becomes an asterisk, and the text stays as long as it was.

import { readBatch, readSchema } from './arrow.js';

const STAR = 0x2a;
const settings = { columns: [], keep: 0 };
const tables = new Map();

function refuse(code, message) {
  throw { code, message, row: undefined, retryable: false };
}

// Whether a byte of UTF-8 goes on with a character that has begun.
const goesOn = (byte) => (byte & 0xc0) === 0x80;

// Writes over values[start..end] but for the last `keep` characters.
export function mask(values, start, end, keep) {
  let until = end;
  for (let kept = 0; kept < keep && until > start; kept++) {
    do until--;
    while (until > start && goesOn(values[until]));
  }
  values.fill(STAR, start, until);
}

export const lifecycle = {
  describe() {
    const columns = { type: 'array', items: { type: 'string' }, description: 'Names of the text columns to hide, in whatever table.' };
    const keep = { type: 'integer', minimum: 0, default: 0, description: 'Characters at the end that stay.' };
    const config = { type: 'object', properties: { columns, keep }, additionalProperties: false };
    return JSON.stringify({ name: 'javascript-mask', version: '1.0.0', kind: 'transform', parallel: true, config });
  },

  configure(text) {
    const { columns = [], keep = 0, ...others } = JSON.parse(text);
    if (Object.keys(others).length) refuse('bad-config', 'reading the configuration: the options are columns and keep');
    if (!Array.isArray(columns) || !columns.every((name) => typeof name === 'string')) {
      refuse('bad-config', 'reading the configuration: columns is a list of names');
    }
    if (!Number.isInteger(keep) || keep < 0) refuse('bad-config', 'reading the configuration: keep is a number of characters');
    Object.assign(settings, { columns, keep });
  },

  openSchema(id, message) {
    const { metadata, columns } = readSchema(message);
    const key = JSON.parse(metadata['rowmill.key'] ?? '[]');
    const ofTable = columns.filter(({ image }) => image === 'after');
    const wanted = columns.filter(({ name }) => settings.columns.includes(name));
    for (const { name, isText, metadata } of wanted) {
      if (!isText || metadata['rowmill.kind'] !== 'string') refuse('no-text', `hiding column ${name}, which is no text`);
      // Rows would share a key by accident, and replace each other in a compacted topic.
      if (key.some((ordinal) => ofTable[ordinal].name === name)) refuse('key-column', `hiding column ${name}, which is of the key`);
    }
    tables.set(id, wanted);
  },

  closeSchema(id) {
    tables.delete(id);
  },

  flush() {},
};

export const transform = {
  process(schema, batch) {
    const columns = tables.get(schema);
    if (!columns.length) return { tag: 'unchanged' };
    const { rows, text } = readBatch(batch);
    for (const column of columns) {
      const { offset, values } = text(column);
      for (let row = 0; row < rows; row++) mask(values, offset(row), offset(row + 1), settings.keep);
    }
    return { tag: 'changed', val: batch };
  },
};
