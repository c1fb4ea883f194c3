"""Reads the Arrow IPC messages that rowmill hands to plugins, with nothing but Python's own library: pyarrow does not exist in WebAssembly.

Knows the types of docs/plugin-contract.md and no others. A column becomes a list of Python values, with None for null:

    int, bool, float    int, bool, float
    Utf8, Binary        str, bytes
    Decimal             (unscaled int, scale)
    Date, Timestamp, Duration    int: days, or microseconds
    Struct              {name: list of values}, and a list of bools that says where it is not null
    List                list of lists of {name: value}
"""

import struct
from array import array

INT, FLOAT, BINARY, UTF8, BOOL, DECIMAL, DATE, TIMESTAMP, LIST, STRUCT, FIXED, DURATION = 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 15, 18
SCHEMA, RECORD_BATCH = 1, 3


class Malformed(Exception):
    """The bytes are no message that this module reads."""


class Table:
    """A flatbuffers table: its fields are numbered from 0, in the order of Arrow's Message.fbs and Schema.fbs."""

    def __init__(self, data, at):
        self.data, self.at = data, at
        self.vtable = at - struct.unpack_from("<i", data, at)[0]
        self.slots = struct.unpack_from("<H", data, self.vtable)[0]

    def place(self, field):
        slot = 4 + 2 * field
        if slot >= self.slots:
            return 0
        offset = struct.unpack_from("<H", self.data, self.vtable + slot)[0]
        return self.at + offset if offset else 0

    def number(self, field, form, default=0):
        place = self.place(field)
        return struct.unpack_from("<" + form, self.data, place)[0] if place else default

    def target(self, field):
        place = self.place(field)
        return place + struct.unpack_from("<I", self.data, place)[0] if place else 0

    def table(self, field):
        target = self.target(field)
        return Table(self.data, target) if target else None

    def text(self, field):
        target = self.target(field)
        if not target:
            return ""
        length = struct.unpack_from("<I", self.data, target)[0]
        return bytes(self.data[target + 4 : target + 4 + length]).decode()

    def tables(self, field):
        target = self.target(field)
        count = struct.unpack_from("<I", self.data, target)[0] if target else 0
        for place in range(target + 4, target + 4 + 4 * count, 4):
            yield Table(self.data, place + struct.unpack_from("<I", self.data, place)[0])

    def pairs(self, field):
        """A vector of structs of two 64-bit integers."""
        target = self.target(field)
        count = struct.unpack_from("<I", self.data, target)[0] if target else 0
        numbers = struct.unpack_from(f"<{2 * count}q", self.data, target + 4)
        return list(zip(numbers[::2], numbers[1::2]))


def header(message, wanted):
    """The table of a message's header, and where its body begins."""
    mark, length = struct.unpack_from("<II", message, 0)
    if mark != 0xFFFFFFFF:
        raise Malformed("it is not an encapsulated message")
    root = Table(message, 8 + struct.unpack_from("<I", message, 8)[0])
    if root.number(1, "B") != wanted:
        raise Malformed(f"its header is of kind {root.number(1, 'B')}, not {wanted}")
    return root.table(2), 8 + length


class Field:
    """A column: its name, its type and what rowmill says of it."""

    def __init__(self, table):
        self.name = table.text(0)
        self.type = table.number(2, "B")
        self.metadata = metadata(table, 6)
        self.children = [Field(child) for child in table.tables(5)]
        of = table.table(3)
        self.width, self.scale = 0, 0
        if self.type == INT:
            form = {8: "b", 16: "h", 32: "i", 64: "q"}[of.number(0, "i")]
            self.form = form if of.number(1, "B") else form.upper()
        elif self.type == FLOAT:
            self.form = {1: "f", 2: "d"}[of.number(0, "h")]
        elif self.type == DECIMAL:
            self.scale, self.width = of.number(1, "i"), of.number(2, "i", 128) // 8
        elif self.type == FIXED:
            self.width = of.number(0, "i")
        elif self.type == DATE:
            self.form = "i"
        elif self.type in (TIMESTAMP, DURATION):
            self.form = "q"
        elif self.type not in (BINARY, UTF8, BOOL, LIST, STRUCT):
            raise Malformed(f"column {self.name} has Arrow type {self.type}, which this module does not read")


def metadata(table, field):
    return {entry.text(0): entry.text(1) for entry in table.tables(field)}


class Schema:
    """What `open-schema` is given."""

    def __init__(self, message):
        table, _ = header(message, SCHEMA)
        self.metadata = metadata(table, 2)
        self.fields = [Field(field) for field in table.tables(1)]

    def read(self, message):
        """The columns of a record batch by name, and its number of rows."""
        table, body = header(message, RECORD_BATCH)
        reader = Reader(memoryview(message)[body:], table.pairs(1), table.pairs(2))
        return {field.name: reader.column(field) for field in self.fields}, table.number(0, "q")


class Reader:
    """Takes nodes and buffers one after the other: they lie in the order of the schema's fields, depth first."""

    def __init__(self, body, nodes, buffers):
        self.body, self.nodes, self.buffers = body, iter(nodes), iter(buffers)

    def buffer(self):
        offset, length = next(self.buffers)
        return self.body[offset : offset + length]

    def bits(self, count):
        """The next buffer as bools; None where it is empty, as that of a column without nulls."""
        data = self.buffer()
        if not len(data):
            return None
        return [data[i >> 3] >> (i & 7) & 1 == 1 for i in range(count)]

    def numbers(self, form, count):
        size = struct.calcsize("<" + form)
        # An array's integers have the same sizes as struct's, but for "q" on machines where long is shorter, and 32 bits are "i" to both.
        return array(form, bytes(self.buffer()[: size * count]))

    def column(self, field):
        count, nulls = next(self.nodes)
        valid = self.bits(count)
        values = self.values(field, count)
        if field.type == STRUCT:
            return values, valid or [True] * count
        if valid is None or not nulls:
            return values
        return [value if there else None for value, there in zip(values, valid)]

    def values(self, field, count):
        kind = field.type
        if kind in (INT, FLOAT, DATE, TIMESTAMP, DURATION):
            return list(self.numbers(field.form, count))
        if kind == BOOL:
            return self.bits(count) or [False] * count
        if kind in (BINARY, UTF8):
            ends = self.numbers("i", count + 1)
            data = bytes(self.buffer())
            parts = [data[start:end] for start, end in zip(ends, ends[1:])]
            return [part.decode() for part in parts] if kind == UTF8 else parts
        if kind in (DECIMAL, FIXED):
            data, width = bytes(self.buffer()), field.width
            parts = [data[at : at + width] for at in range(0, count * width, width)]
            if kind == FIXED:
                return parts
            return [(int.from_bytes(part, "little", signed=True), field.scale) for part in parts]
        if kind == STRUCT:
            return {child.name: self.column(child) for child in field.children}
        ends = self.numbers("i", count + 1)
        columns, _ = self.column(field.children[0])
        items = [dict(zip(columns, row)) for row in zip(*columns.values())]
        return [items[start:end] for start, end in zip(ends, ends[1:])]
