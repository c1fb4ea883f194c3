#!/usr/bin/env python3
"""Makes seeds for the target `events` from real binlog files: seeds.py BINLOG... writes corpus/events/*.

Each seed is the head of the file and one run of events, small enough to mutate well."""

import hashlib
import pathlib
import struct
import sys

OUT = pathlib.Path(__file__).parent / "corpus" / "events"


def events(data):
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


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for path in sys.argv[1:]:
        head, run = b"", b""
        for code, event in events(pathlib.Path(path).read_bytes()):
            if code in (15, 35):
                head += event
                continue
            run += event
            # XID, ROTATE and what stands alone end a run.
            if code in (16, 4, 40) or len(run) > 8192:
                seed = head + run
                (OUT / hashlib.sha1(seed).hexdigest()[:16]).write_bytes(seed)
                run = b""
        if run:
            (OUT / hashlib.sha1(head + run).hexdigest()[:16]).write_bytes(head + run)


main()
