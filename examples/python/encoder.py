"""A rowmill encoder in Python: each change as a JSON document, as one would write it by hand.

    key    {"id": 7}
    value  {"table": "shop.orders", "op": "update", "ts": 1614748870000, "before": {...}, "after": {...}}

Columns that the row image lacks are left out. The configuration may have {"before": false}, which leaves `before` out of updates.
"""

import base64
import functools
import json

import wit_world.exports
from componentize_py_types import Err
from wit_world.imports.output import emit
from wit_world.imports.types import Error

from arrow_ipc import Malformed, Schema

OPS = {1: "insert", 2: "update", 3: "delete"}
NO_KEY = 1
DAY = 86_400_000_000

options = {"before": True}
tables = {}


@functools.lru_cache(maxsize=4096)
def date_text(days):
    """A day counted from 1970-01-01, as MySQL prints it. Python's own dates know no year 0."""
    z = days + 719_468
    era, day_of_era = divmod(z, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year_of_era + 400 * era + (1 if month <= 2 else 0)
    return f"{year:04}-{month:02}-{day:02}"


def clock_text(micros, digits):
    """Hours, minutes and seconds, with so many digits behind the point."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, fraction = divmod(micros, 1_000_000)
    text = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}"[: len(text) + 1 + digits] if digits else text


def moment_text(micros, digits):
    days, rest = divmod(micros, DAY)
    return f"{date_text(days)} {clock_text(rest, digits)}"


def decimal_text(value):
    number, scale = value
    sign, digits = ("-" if number < 0 else ""), str(abs(number)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else sign + digits


def form(field):
    """What makes a JSON value of a cell of this column."""
    kind = field.metadata.get("rowmill.kind", "")
    digits = int(field.metadata.get("rowmill.fsp", "0"))
    labels = json.loads(field.metadata.get("rowmill.labels", "[]"))
    forms = {
        "decimal": decimal_text,
        "date": date_text,
        "datetime": lambda micros: moment_text(micros, digits),
        "timestamp": lambda micros: moment_text(micros, digits) + "Z",
        "time": lambda micros: clock_text(micros, digits),
        "enum": lambda index: labels[index - 1] if index else "",
        "set": lambda bits: [label for at, label in enumerate(labels) if bits >> at & 1],
        "json": json.loads,
        "binary": lambda data: base64.b64encode(data).decode(),
    }
    # Integers, floats, texts and single bits are what JSON has already.
    return forms.get(kind)


class Version:
    """What one version of a table fixes."""

    def __init__(self, message):
        self.schema = Schema(message)
        of = self.schema.metadata
        self.name = of["rowmill.database"] + "." + of["rowmill.table"]
        images = [field for field in self.schema.fields if field.name in ("before", "after")]
        columns = images[-1].children
        self.names = [column.name for column in columns]
        self.forms = [form(column) for column in columns]
        self.key = json.loads(of["rowmill.key"])

    def encode(self, message):
        columns, count = self.schema.read(message)
        before = self.image(columns, "before", 0)
        after = self.image(columns, "after", 1)
        bounds, data = [0], bytearray()
        for row in range(count):
            old, new = before(row), after(row)
            document = {"table": self.name, "op": OPS[columns["op"][row]], "ts": columns["ts"][row]}
            if old is not None and (new is None or options["before"]):
                document["before"] = old
            if new is not None:
                document["after"] = new
            if self.key:
                # A partial image of an update may lack columns of the key, which are then as they were before.
                known = {**(old or {}), **(new or {})}
                data += write({self.names[at]: known[self.names[at]] for at in self.key})
            bounds.append(len(data))
            data += write(document)
            bounds.append(len(data))
        flags = b"" if self.key else bytes([NO_KEY]) * count
        emit(list(range(count)), [], [], [], [], flags, bounds, [], [], b"", bytes(data))

    def image(self, columns, name, number):
        """A function from a row to its image as a dictionary, or None where the row has none."""
        if name not in columns:
            return lambda row: None
        cells, there = columns[name]
        cells = [list(cells[column]) for column in self.names]
        for column, make in enumerate(self.forms):
            if make:
                cells[column] = [None if cell is None else make(cell) for cell in cells[column]]
        # Zero dates are null in their column; their text lies beside it.
        for row, odd in enumerate(columns.get("odd_dates") or []):
            for date in odd or []:
                if date["image"] == number:
                    cells[date["column"]][row] = date["text"]
        rows = list(zip(*cells))
        present = columns.get(name + "_present")

        def row_image(row):
            if not there[row]:
                return None
            whole = zip(self.names, rows[row])
            bits = present[row] if present else None
            if bits is None:
                return dict(whole)
            return {column: cell for at, (column, cell) in enumerate(whole) if bits[at >> 3] >> (at & 7) & 1}

        return row_image


# Made once: json.dumps would make one for each document.
encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def write(document):
    return encode_json(document).encode()


def refuse(code, message):
    return Err(Error(code=code, message=message, row=None, retryable=False))


class Lifecycle(wit_world.exports.Lifecycle):
    def describe(self):
        schema = {
            "type": "object",
            "properties": {"before": {"type": "boolean", "default": True, "description": "Whether updates say what the row was before."}},
            "additionalProperties": False,
        }
        return json.dumps({"name": "python-json", "version": "1.0.0", "kind": "encoder", "parallel": True, "config": schema})

    def configure(self, config):
        wanted = json.loads(config)
        if not set(wanted) <= {"before"} or not isinstance(wanted.get("before", True), bool):
            raise refuse("bad-config", "reading the configuration: the only option is before, true or false")
        options.update(wanted)

    def open_schema(self, id, message):
        try:
            tables[id] = Version(message)
        except Malformed as error:
            raise refuse("unreadable-schema", f"reading a schema: {error}")

    def close_schema(self, id):
        tables.pop(id, None)

    def flush(self, reason):
        pass


class Encode(wit_world.exports.Encode):
    def encode(self, schema, batch, transactions):
        tables[schema].encode(batch)

    def control(self, event):
        pass
