# SPDX-License-Identifier: BSD-2-Clause
"""A window in which every table is full comes to what short ones do in sum: many zones, types and clients, once in windows
of a second and once in one of an hour."""

import json
import os
import random
import struct
import tempfile

import publish
import traffic

ZONES, CLIENTS, EXCHANGES = 300, 30000, 60000
# Without domains, whose lists are as exact as their tables are large.
LISTED = ", ".join(f"z{i}.example" for i in range(ZONES))
CONFIG = f"datasets: [core, edns, names, clients, addresses]\ninputs: [{{unix: /x, zones: [{LISTED}]}}]\n"


def exchanges(r):
    for i in range(EXCHANGES):
        client, wire = r.randrange(CLIENTS), publish.name(b"h" * r.randrange(1, 40), b"z%d" % r.randrange(ZONES), b"example")
        question = wire + struct.pack(">HH", r.randrange(1, 260), 1)
        query = struct.pack(">6H", i & 0xffff, r.choice((0, 0x0100)), 1, 0, 0, 0) + question
        answer = struct.pack(">6H", i & 0xffff, 0x8000 | r.choice((0, 0x0400)) | r.randrange(6), 1, 0, 0, 0) + question
        at = i * 10 ** 7
        yield publish.frame(True, query, 0x0a000000 + client, at)
        yield publish.frame(False, answer + bytes(r.randrange(300)), 0x0a000000 + client, at + r.randrange(10 ** 6))


def report(program, path, interval):
    return json.loads(publish.with_config(program, CONFIG + f"interval: {interval}\n", "--json", path))


def check_crowded(program, _):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "crowded.fstrm")
        publish.write(path, exchanges(random.Random(5)))
        short, long = (report(program, path, interval)["zones"] for interval in ("1s", "1h"))
    assert sum(zone["queries"] for zone in long.values()) == EXCHANGES, "crowded"
    for label, zone in short.items():
        different = [key for key in zone if zone[key] != long[label][key]]
        assert not different, f"crowded, {label}: {different}"
    assert set(short) == set(long), "crowded"


TESTS = [("a crowded window", check_crowded)]
