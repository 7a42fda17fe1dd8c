# SPDX-License-Identifier: BSD-2-Clause
"""DNS Magnitude's datasets of replayed traffic, held against those that ICANN's toolkit made of the same clients and names
(tests/magnitude/)."""

import csv
import ipaddress
import os
import struct
import subprocess
import tempfile

import traffic

DAY = 1795824000  # 2026-11-28


def decode(data, at=0):
    """(value, offset behind it) of the CBOR that such a dataset has."""
    kind, short = data[at] >> 5, data[at] & 31
    at += 1
    value = short
    if short >= 24:
        size = 1 << (short - 24)
        value, at = int.from_bytes(data[at:at + size], "big"), at + size
    if kind in (2, 3):
        text = data[at:at + value]
        return (text if kind == 2 else text.decode()), at + value
    if kind == 5:
        out = {}
        for _ in range(value):
            key, at = decode(data, at)
            out[key], at = decode(data, at)
        return out, at
    if kind == 6:
        text, at = decode(data, at)
        return (value, text), at
    assert kind == 0, kind
    return value, at


def load(path):
    with open(path, "rb") as file:
        dataset, _ = decode(file.read())
    return dataset


def query(client, name, moment):
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\1\0\1"
    message = struct.pack("!6H", moment & 0xffff, 0, 1, 0, 0, 0) + question
    inner = (traffic.number(1, 1) + traffic.number(3, 1) + traffic.text(4, ipaddress.ip_address(client).packed) +
             traffic.number(6, 4000) + traffic.number(8, DAY + moment // 100) + traffic.varint(9 << 3 | 5) +
             struct.pack("<I", moment % 100) + traffic.text(10, message))
    payload = traffic.text(14, inner) + traffic.number(15, 1)
    return struct.pack(">I", len(payload)) + payload


def write(path, source):
    with open(path, "wb") as out, open(source, encoding="ascii", newline="") as rows:
        out.write(traffic.control(2))
        moment = 0
        for client, name, times in csv.reader(rows):
            for _ in range(int(times)):
                moment += 1
                out.write(query(client, name, moment))
        out.write(traffic.control(3))


def check_sites(program, here):
    """The registers, clients and queries of all and of each domain, of each site and of both in one replay."""
    folder = os.path.join(here, "..", "magnitude")
    with tempfile.TemporaryDirectory() as work:
        for site in ("site1", "site2"):
            write(os.path.join(work, site), os.path.join(folder, site + ".csv"))
        for name, inputs in (("site1", ["site1"]), ("site2", ["site2"]), ("both", ["site1", "site2"])):
            config = os.path.join(work, name + ".yaml")
            with open(config, "w", encoding="ascii") as file:
                file.write(f"server: {name}\nmagnitude: {{dir: {work}/out}}\n")
            done = subprocess.run([program, "replay", "--json", "-c", config, *(os.path.join(work, i) for i in inputs)],
                                  capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            got, expected = load(os.path.join(work, "out", name + "-20261128.cbor")), load(os.path.join(folder, name + ".cbor"))
            assert set(got) == set(expected), f"{name}: members {set(got)}"
            for key in ("version", "date", "all_clients_hll", "all_clients_count", "all_queries_count", "domains"):
                assert got[key] == expected[key], f"{name}: {key} is another one"


TESTS = [("magnitude", check_sites)]
