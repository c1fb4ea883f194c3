// Finds the buffers of text columns in Arrow IPC messages. Nothing is copied: a transform may write over the values where they lie.

const NULL = 1, BINARY = 4, UTF8 = 5, LIST = 12, STRUCT = 13;
const texts = new TextDecoder();

// A flatbuffers table: fields are numbered from 0, in the order of Arrow's Message.fbs and Schema.fbs.
class Table {
  constructor(view, at) {
    this.view = view;
    this.at = at;
    this.vtable = at - view.getInt32(at, true);
    this.slots = view.getUint16(this.vtable, true);
  }

  place(field) {
    const slot = 4 + 2 * field;
    const offset = slot < this.slots ? this.view.getUint16(this.vtable + slot, true) : 0;
    return offset && this.at + offset;
  }

  byte(field) {
    const place = this.place(field);
    return place ? this.view.getUint8(place) : 0;
  }

  target(field) {
    const place = this.place(field);
    return place && place + this.view.getUint32(place, true);
  }

  table(field) {
    return new Table(this.view, this.target(field));
  }

  text(field) {
    const target = this.target(field);
    if (!target) return '';
    const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset + target + 4, this.view.getUint32(target, true));
    return texts.decode(bytes);
  }

  tables(field) {
    const target = this.target(field);
    const count = target ? this.view.getUint32(target, true) : 0;
    return Array.from({ length: count }, (_, i) => {
      const place = target + 4 + 4 * i;
      return new Table(this.view, place + this.view.getUint32(place, true));
    });
  }

  metadata(field) {
    return Object.fromEntries(this.tables(field).map((entry) => [entry.text(0), entry.text(1)]));
  }
}

// The table of an encapsulated message's header, and where its body begins.
function header(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== 0xffffffff) throw new Error('it is not an encapsulated message');
  return { table: new Table(view, 8 + view.getUint32(8, true)).table(2), body: 8 + view.getUint32(4, true) };
}

// How many buffers a column has itself; its children's follow.
function buffers(type) {
  if (type === NULL) return 0;
  if (type === STRUCT) return 1;
  return type === BINARY || type === UTF8 ? 3 : 2;
}

// What `open-schema` is given: the table's columns, each with the number of its first buffer within a batch.
export function readSchema(bytes) {
  const { table } = header(bytes);
  const columns = [];
  let next = 0;
  const walk = (field, image) => {
    const first = next;
    next += buffers(field.byte(2));
    if (image) columns.push({ image, name: field.text(0), metadata: field.metadata(6), isText: field.byte(2) === UTF8, buffer: first });
    const name = field.text(0);
    const within = !image && (name === 'before' || name === 'after') ? name : undefined;
    for (const child of field.tables(5)) walk(child, within);
  };
  for (const field of table.tables(1)) walk(field);
  return { metadata: table.metadata(2), columns };
}

// A batch's number of rows, and a function that gives a text column's offsets and bytes.
export function readBatch(bytes) {
  const { table, body } = header(bytes);
  const { view } = table;
  const length = table.place(0);
  const rows = length ? Number(view.getBigInt64(length, true)) : 0;
  const first = table.target(2) + 4;
  const slice = (number) => {
    const at = first + 16 * number;
    const start = bytes.byteOffset + body + Number(view.getBigInt64(at, true));
    return [bytes.buffer, start, Number(view.getBigInt64(at + 8, true))];
  };
  const text = (column) => {
    const [buffer, start, size] = slice(column.buffer + 1);
    const offsets = new DataView(buffer, start, size);
    return { offset: (i) => (size ? offsets.getInt32(4 * i, true) : 0), values: new Uint8Array(...slice(column.buffer + 2)) };
  };
  return { rows, text };
}
