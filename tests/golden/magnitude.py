# SPDX-License-Identifier: BSD-2-Clause
"""DNS Magnitude's datasets of replayed traffic, held against those that ICANN's toolkit made of the same clients and
names (tests/magnitude/), and other traffic against a count of the test's own (magnitude_oracle.py)."""

import csv
import datetime
import ipaddress
import os
import random
import struct
import subprocess
import sys
import tempfile

import hostile
import magnitude_oracle
import oracle
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
    at = DAY * 10 ** 9 + moment // 100 * 10 ** 9 + moment % 100
    return traffic.framed(traffic.dnstap(True, at, ipaddress.ip_address(client).packed, message))


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


def days_of(frames, labels):
    """{day: dataset}, in an hour a window."""
    events = [event for event in map(oracle.Oracle.decode, frames) if event]
    clock, days = oracle.Clock(oracle.HOUR, 2 * oracle.SECOND), {}
    clock.begin(next(event.time for event in events if event.time is not None))
    for event in events:
        if event.time is not None:
            clock.see(event.time)
        days.setdefault(clock.window(event.time) // oracle.DAY, magnitude_oracle.Dataset(labels)).add(event)
    return days


def date(day):
    return datetime.datetime.fromtimestamp(day * 86400, datetime.timezone.utc).strftime("%Y-%m-%d")


def read(dataset):
    """As magnitude_oracle has it."""
    def row(of, prefix):
        found = magnitude_oracle.stored(of[prefix + "clients_hll"])
        return found, of[prefix + "clients_count"], of[prefix + "queries_count"]

    return row(dataset, "all_"), {domain: row(of, "") for domain, of in dataset["domains"].items()}


def check_dataset(program, frames, labels, most, what):
    days = days_of(frames, labels)
    right = {f"m-{date(day).replace('-', '')}.cbor": (date(day), of.file(most)) for day, of in days.items()}
    with tempfile.TemporaryDirectory() as work:
        config, path, folder = (os.path.join(work, name) for name in ("c.yaml", "made.fstrm", "out"))
        with open(config, "w", encoding="ascii") as file:
            file.write(f"server: m\ninterval: 1h\nmagnitude: {{dir: {folder}, labels: {labels}, domains: {most}}}\n")
        hostile.write(path, frames)
        done = subprocess.run([program, "replay", "--json", "-c", config, path], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        got = {name: load(os.path.join(folder, name)) for name in os.listdir(folder)}
    assert set(got) == set(right), f"{what}: {sorted(got)}, expected {sorted(right)}"
    for name, (day, (whole, domains)) in right.items():
        assert got[name]["date"] == (1004, day), f"{what}: {got[name]['date']}, expected {day}"
        found, rows = read(got[name])
        assert found == whole, f"{what} {name}: {found[1:]} clients and queries, expected {whole[1:]}"
        for domain in {*rows, *domains}:
            both = rows.get(domain), domains.get(domain)
            assert both[0] == both[1], f"{what} {name} {domain}: (got, expected) {[of and of[1:] for of in both]}"


def many_clients():
    """So many that registers are stored in full; each domain has another number of them."""
    r, at = random.Random(1), traffic.START
    for i in range(12000):
        tld = r.choice([b"Nl", b"co", b"co", b"org-1", b"1st", b"-x", b"x-", b"a_b", b"x"])
        labels = (b"www", b"B%d" % min(int(r.paretovariate(1)), 9), tld)
        client = r.choice([r.randbytes(4), r.randbytes(4), r.randbytes(16), bytes(10) + b"\xff\xff" + r.randbytes(4)])
        name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        message = struct.pack("!6H", i, 0, 1, 0, 0, 0) + name + b"\0\1\0\1"
        yield traffic.dnstap(True, at + i * oracle.SECOND, client, message)


def check_counts(program, _):
    for labels in (1, 2, 3):
        for seed in range(1, 4):
            frames = list(hostile.frames(seed, 400, 300 * oracle.SECOND))
            check_dataset(program, frames, labels, 2500, f"hostile, seed {seed}, {labels} labels")
        frames = list(many_clients())
        for most in (2500, 3):
            check_dataset(program, frames, labels, most, f"many clients, {labels} labels, {most} domains")


TESTS = [("magnitude", check_sites), ("magnitude of other traffic", check_counts)]

if __name__ == "__main__":  # PROGRAM
    for _, test in TESTS:
        test(sys.argv[1], os.path.dirname(os.path.abspath(__file__)))
