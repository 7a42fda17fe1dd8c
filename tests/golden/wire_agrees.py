# SPDX-License-Identifier: BSD-2-Clause
"""Hostile captures (wire_traffic.py) held against a count by the documents alone (wire_oracle.py): the report's wire and
cross-check, the points of windows, and the same messages as dnstap. The captures leave out what is not exact by design: upper
bits of an rcode in an OPT that a segment's end cuts, or that is not the first record behind at most one question; streams
whose beginning is in no capture.

    O=build python3 tests/golden/wire_agrees.py [FIRST END]    by itself, with seeds of your choice"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter

sys.dont_write_bytecode = True
import traffic
import wire_oracle
import wire_traffic
from datasets import RCODES, type_name

SEEDS, PACKETS = range(7, 17), 250
OPCODES = {0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO"}
FIELDS = ("packets", "bytes", "fragments", "messages", "malformed", "not_query", "not_query_aa", "tc", "connections", "resets", "resync")
NAMED = "wire: {addresses: [%s]}\n" % ", ".join(f'"{a}"' for a in wire_traffic.SERVERS)
CONFIG = "interval: 1s\nserver: golden\ntop: {resolvers: 1000}\n"


def writers(seed):
    return [lambda *a: wire_traffic.pcap(*a), lambda *a: wire_traffic.pcap(*a, ">"), lambda *a: wire_traffic.pcap(*a, "<", True),
            lambda *a: wire_traffic.pcapng(*a), lambda *a: wire_traffic.pcapng(*a, ">")][seed % 5]


class Replayed:
    """The report, the points, and what was said."""

    def __init__(self, program, folder, config, pcap, fstrm=None):
        paths = {name: os.path.join(folder, name) for name in ("config", "pcap", "fstrm", "points")}
        for name, data in (("config", config.encode()), ("pcap", pcap), ("fstrm", fstrm or b"")):
            with open(paths[name], "wb") as file:
                file.write(data)
        done = subprocess.run([program, "replay", "-c", paths["config"], "--json", "--points", paths["points"], "--pcap",
                               paths["pcap"]] + ([paths["fstrm"]] if fstrm else []), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
        self.document, self.said = json.loads(done.stdout), done.stderr
        with open(paths["points"], encoding="utf-8") as file:
            self.points = [self.point(line) for line in file]

    @staticmethod
    def point(line):
        head, fields, time_ns = line.rstrip("\n").rsplit(" ", 2)
        name, *tags = head.split(",")
        values = (f.split("=", 1) for f in fields.split(","))
        return name, dict(t.split("=", 1) for t in tags), {k: int(v[:-1]) for k, v in values if v.endswith("i")}, int(time_ns)

    def cells(self, section="wire"):
        return {(d, t, f): cell for d in ("query", "response") for t, families in self.document[section].get(d, {}).items()
                for f, cell in families.items()}

    def sums(self, measurement, *group):
        """{tags of the group and field: sum over windows}"""
        sums = Counter()
        for name, tags, fields, _ in self.points:
            if name == measurement:
                for field, n in fields.items():
                    sums[(*(tags[g] for g in group), field)] += n
        return present(sums)


def present(counts):
    return {k: n for k, n in counts.items() if n}


def equal(got, expected, what):
    got, expected = present(got), present(expected)
    apart = {k: (got.get(k, 0), expected.get(k, 0)) for k in set(got) | set(expected) if got.get(k, 0) != expected.get(k, 0)}
    assert not apart, f"{what}: (counted, expected) {dict(list(apart.items())[:5])}"


def named(counts, names, other):
    return {names.get(code, f"{other}{code}"): n for code, n in counts.items()}


def check_report(replayed, expected, what):
    cells, rows = replayed.cells(), replayed.cells("crosscheck")
    for field in FIELDS:
        equal({k: c.get(field, 0) for k, c in cells.items()}, {k: c[field] for k, c in expected.cells.items()}, f"{what}: {field}")
    for field, right in (("wire", "compared"), ("left_out", "left_out")):
        equal({k: r[field] for k, r in rows.items()}, {k: c[right] for k, c in expected.cells.items()}, f"{what}: crosscheck {field}")
    wire, crosscheck = replayed.document["wire"], replayed.document["crosscheck"]
    equal(wire["qtype"], {type_name(q): n for q, n in expected.qtype.items()}, f"{what}: qtype")
    equal(wire["rcode"], named(expected.rcode, RCODES, "RCODE"), f"{what}: rcode")
    equal(wire["opcode"], named(expected.opcode, OPCODES, "OPCODE"), f"{what}: opcode")
    equal({row["address"]: row["wire"] for row in crosscheck["sources"]}, expected.clients, f"{what}: clients")
    equal({q: row["wire"] for q, row in crosscheck["qtype"].items()},
          {type_name(q): n for q, n in expected.qtype_compared.items()}, f"{what}: types that are compared")


def check_points(replayed, expected, what):
    path = ("direction", "transport", "family")
    equal(replayed.sums("wire", *path), {(*k, f): c[f] for k, c in expected.cells.items() for f in FIELDS}, f"{what}: points")
    equal(replayed.sums("wire_size", "direction", "transport"),
          {(d, t, f"b{size_bin(n)}"): 0 for d, t, n in expected.sizes} | sizes(expected), f"{what}: wire_size")
    equal(replayed.sums("wire_malformed", "direction", "reason"),
          {(d, r, "messages"): n for (d, r), n in expected.reasons.items()}, f"{what}: reasons")
    handshakes = {(f, kind): n for (kind, f), n in expected.handshakes.items()}
    equal(replayed.sums("wire_tcp_rtt", "family"), handshakes, f"{what}: handshakes")
    funnel = replayed.sums("funnel")
    udp = [c for (d, t, _), c in expected.cells.items() if (d, t) == ("query", "udp")]
    equal({k: funnel.get((k,), 0) for k in ("wire_queries", "malformed")},
          {"wire_queries": sum(c["compared"] for c in udp), "malformed": sum(c["malformed_compared"] for c in udp)}, f"{what}: funnel")
    windows, right = Counter(), Counter()
    for name, tags, fields, time_ns in replayed.points:
        if name == "wire" and tags["transport"] == "udp":
            windows[tags["direction"], time_ns // 10**9] += fields["messages"]
    right.update((direction, time_us // 10**6) for time_us, direction, _, _ in expected.datagrams)
    equal(windows, right, f"{what}: windows")


def size_bin(size):
    return size if size < 512 or size == 4096 else size // 128 * 128


def sizes(expected):
    bins = Counter()
    for (direction, transport, size), n in expected.sizes.items():
        bins[direction, transport, f"b{size_bin(size)}"] += n
    return bins


def replay(program, config, seed, link, made, fstrm=None):
    with tempfile.TemporaryDirectory() as folder:
        return Replayed(program, folder, CONFIG + config, writers(seed)(link, made), fstrm)


def whole(program, seed):
    """Servers by name, and those that answer."""
    link, made = wire_traffic.frames(seed, PACKETS)
    for config, servers in ((NAMED, wire_traffic.SERVERS), ("", None)):
        replayed, expected = replay(program, config, seed, link, made), wire_oracle.count(link, made, servers)
        what = f"seed {seed}, {'named' if servers else 'learned'}"
        assert replayed.said == "", f"{what}: {replayed.said}"
        check_report(replayed, expected, what)
        check_points(replayed, expected, what)


def headers(link, frame):
    return wire_oracle.Packet(*wire_oracle.unlink(link, frame, len(frame))[:2])


def is_udp(link, frame):
    return headers(link, frame).protocol == wire_oracle.UDP


def is_data(link, frame):
    packet = headers(link, frame)
    return packet.protocol == wire_oracle.TCP and not packet.flags & wire_oracle.SYN


def snapped(program, seed):
    """Datagrams of which the capture cut the end: what is there counts, and it is said."""
    link, made = wire_traffic.frames(seed, PACKETS)
    made = wire_traffic.snapped(seed, [packet for packet in made if is_udp(link, packet[1])])
    replayed, expected = replay(program, NAMED, seed, link, made), wire_oracle.count(link, made, wire_traffic.SERVERS)
    check_report(replayed, expected, f"seed {seed}, snapped")
    assert "without all of their message" in replayed.said, replayed.said


def dnstap(datagrams):
    """What a nameserver logs that takes all of these."""
    out = traffic.control(2)
    for time_us, direction, packet, message in datagrams:
        query = direction == "query"
        ends = (packet.source, packet.ports[0]) if query else (packet.target, packet.ports[1])
        out += traffic.framed(traffic.dnstap(query, time_us * 1000, wire_traffic.packed(ends[0]), message.there,
                                             family=1 if packet.family == "ipv4" else 2, port=ends[1], server_port=53))
    return out + traffic.control(3)


def is_logged(direction, packet, message):
    """Whole, and with the QR bit of its direction."""
    return message.whole and not packet.fragment and bool(message.word >> 15) == (direction == "response")


def two_witnesses(program, seed):
    """The same messages in dnstap: nothing is missing, and each code is the other's."""
    link, made = wire_traffic.frames(seed, PACKETS)
    kept = [(one, wire_oracle.count(link, [one], wire_traffic.SERVERS).datagrams) for one in made]
    kept = [(one, found[0]) for one, found in kept if found and is_logged(*found[0][1:])]
    replayed = replay(program, NAMED, seed, link, [one for one, _ in kept], dnstap([found for _, found in kept]))
    crosscheck, zone = replayed.document["crosscheck"], replayed.document["zones"]["default"]
    apart = {k: row for k, row in replayed.cells("crosscheck").items() if row["difference"]}
    apart |= {q: row for q, row in crosscheck["qtype"].items() if row["difference"]}
    apart |= {row["address"]: row for row in crosscheck["sources"] if row["difference"]}
    assert not apart and crosscheck["unexplained"] == 0, f"seed {seed}: {apart}, unexplained {crosscheck['unexplained']}"
    assert sum(row["wire"] for row in replayed.cells("crosscheck").values()) > 20, f"seed {seed}: too few"
    for field in ("qtype", "rcode", "opcode"):
        equal(replayed.document["wire"][field], zone[field], f"seed {seed}: {field} of the witnesses")
    balance = max((time_ns, fields["balance"]) for name, _, fields, time_ns in replayed.points if name == "funnel")[1]
    assert balance == 0, f"seed {seed}: balance {balance}"


def lost(program, seed):
    """Segments that are in no capture: where messages may be missing, `resync` says so. A hole in a body hides nothing."""
    link, made = wire_traffic.frames(seed, PACKETS)
    r = random.Random(seed)
    less = [packet for packet in made if not is_data(link, packet[1]) or r.random() > 0.01]
    cells = replay(program, NAMED, seed, link, less).cells()
    least, most = (wire_oracle.count(link, packets, wire_traffic.SERVERS).cells for packets in (less, made))
    for key, cell in cells.items():
        if not cell.get("resync"):
            bounds = least[key]["messages"], cell["messages"], most[key]["messages"]
            assert sorted(bounds) == list(bounds), f"seed {seed}, {key}: (joined, counted, sent) {bounds}"


def each(check):
    def run(program, _):
        for seed in SEEDS:
            check(program, seed)
    return run


TESTS = [("wire " + check.__name__, each(check)) for check in (whole, snapped, two_witnesses, lost)]

if __name__ == "__main__":
    if len(sys.argv) > 2:
        SEEDS = range(int(sys.argv[1]), int(sys.argv[2]))
    for label, test in TESTS:
        test(os.path.join(os.environ.get("O", "build"), "crosstap"), None)
        print(f"ok   golden {label}")
