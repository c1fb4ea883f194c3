#!/usr/bin/env python3
"""Makes seeds for every target from real binlog files: seeds.py BINLOG... writes corpus/TARGET/*.

tests/servers/capture-binlogs makes files that have something for each of them."""

import hashlib
import pathlib
import struct
import sys

CORPUS = pathlib.Path(__file__).parent / "corpus"
TABLE_MAP, GTID, PREVIOUS_GTIDS, PARTIAL, PAYLOAD, TAGGED, DOMAIN_GTID, GTID_LIST = 19, 33, 35, 39, 40, 42, 162, 163
# In the order of the target's own list.
ROW_EVENTS = [30, 31, 32, 39, 23, 24, 25, 166, 167, 168]
# MariaDB's, in the form of version 1: without extra data.
COMPRESSED_ROWS = [166, 167, 168]


def keep(target, seed):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(seed).hexdigest()[:16]).write_bytes(seed)


def events(data):
    """Code and whole event of each, without its checksum."""
    at, checksums = 4, False
    while at + 19 <= len(data):
        size = struct.unpack_from("<I", data, at + 9)[0]
        event = data[at : at + size]
        at += size
        if event[4] == 15:
            checksums = event[-5] == 1
            event = event[:-4]
        elif checksums:
            event = event[:-4]
        yield event[4], event[:9] + struct.pack("<I", len(event)) + event[13:]


def runs(events):
    """The head of the file with each transaction, small enough to mutate well."""
    head, run = b"", b""
    for code, event in events:
        if code in (15, PREVIOUS_GTIDS, GTID_LIST):
            head += event
            continue
        run += event
        # XID, ROTATE and what stands alone end a run.
        if code in (16, 4, PAYLOAD) or len(run) > 8192:
            keep("events", head + run)
            run = b""
    if run:
        keep("events", head + run)


def lenenc(data, at):
    """A length-encoded integer and where the next thing begins."""
    first = data[at]
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first, 0)
    if not size:
        return first, at + 1
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size


def document(data, at):
    """A JSON value after its length of four bytes."""
    size = struct.unpack_from("<I", data, at)[0]
    return data[at + 4 : at + 4 + size], at + 4 + size


def documents(code, rows):
    """Rows of the table `documents (id INT PRIMARY KEY, j JSON)` with whole images."""
    at = 8 + struct.unpack_from("<H", rows, 8)[0]
    width, at = lenenc(rows, at)
    at += (width + 7) // 8 * (2 if code in (31, PARTIAL) else 1)
    before = None
    while at < len(rows):
        partial = False
        if code == PARTIAL and before is not None:
            options, at = lenenc(rows, at)
            if options:
                partial, at = rows[at] & 1, at + 1
        null, at = rows[at] & 2, at + 5
        value = None
        if not null:
            value, at = document(rows, at)
            if partial:
                keep("partial_json", struct.pack("<H", len(before)) + before + value)
            else:
                keep("json", value)
        before = value if before is None and code in (31, PARTIAL) else None


def pieces(events):
    """What the other targets take: single events' bodies."""
    maps = {}
    for code, event in events:
        body = event[19:]
        if code == TABLE_MAP:
            maps[body[:6]] = body
            keep("table_map", body)
        elif code in ROW_EVENTS and body[:6] in maps:
            table = maps[body[:6]]
            keep("row_image", struct.pack("<H", len(table)) + table + bytes([ROW_EVENTS.index(code)]) + body)
            if b"\tdocuments\0" in table:
                documents(code, body)
        if code == PAYLOAD:
            keep("compressed", b"\0" + body)
        if code in COMPRESSED_ROWS:
            width, at = lenenc(body, 8)
            keep("compressed", b"\2" + body[at + (width + 7) // 8 * (2 if code == 167 else 1) :])
        for number, kind in enumerate([None, PREVIOUS_GTIDS, GTID_LIST, GTID, TAGGED, DOMAIN_GTID]):
            if code == kind:
                keep("gtid_sets", bytes([number]) + body)


def texts():
    a, b = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "00000000-0000-0000-0000-000000000001"
    for text in [
        f"{a}:1-5:7:9-12|{a}:6",
        f"{a}:1-3:tag:4-9:other:1,\n{b}:1|{b}:2-7:tag:3",
        f"{a.upper().replace('-', '')}:9223372036854775806|",
        "0-1-7,1-2-9|0-3-8",
        "|",
    ]:
        keep("gtid_sets", b"\0" + text.encode())


def main():
    texts()
    for path in sys.argv[1:]:
        all_events = list(events(pathlib.Path(path).read_bytes()))
        runs(all_events)
        pieces(all_events)
        # The same events as what is packed: by zstd, by nothing, by zlib.
        inner = b"".join(event for code, event in all_events if code not in (4, 15, GTID, PREVIOUS_GTIDS, PAYLOAD))
        for how in (1, 5, 3):
            keep("compressed", bytes([how]) + inner[:2048])
    for folder in sorted(CORPUS.iterdir()):
        print(f"{folder.name}: {len(list(folder.iterdir()))} seeds")


main()
