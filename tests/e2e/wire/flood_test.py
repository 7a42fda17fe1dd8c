#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A million forged sources through the running daemon's dnstap socket: who asks every window is known before, during and after,
an AS gets a series in its third window, and memory is bounded."""

import ipaddress
import re
import struct
import time

import frames
from harness import Crosstap, Points, check, check_equal, main, test
from mmdb import asn, write_mmdb

MIB = 1 << 20
RESOLVERS, MEMORY = 20000, 32 * MIB  # limits
REAL = [f"40.1.{i % 4}.{i}" for i in range(1, 101)]
REAL_AS, REAL_QUERIES = 65001, 3
FORGED_AS, FORGED, ROUNDS = 64500, 65536, 8  # two ASes a round, each with so many sources


class Flood:
    def __init__(self, lab):
        self.path, self.points_path = lab.path("in.sock"), lab.path("points.lp")
        systems = {f"{20 + i}.0.0.0/8": asn(FORGED_AS + i, f"Forged {i}") for i in range(2 * ROUNDS)}
        systems["40.1.0.0/16"] = asn(REAL_AS, "Real")
        self.state = lab.path("state")
        self.crosstap = Crosstap(lab, inputs=[{"unix": self.path, "zone": "nl"}], grace="600ms", state=self.state,
                                 geo={"asn": write_mmdb(lab.path("asn.mmdb"), "Test-ASN", systems)},
                                 limits={"resolvers": RESOLVERS, "memory": f"{MEMORY // MIB}MiB"},
                                 outputs=[{"file": {"path": self.points_path}}]).start()
        self.sent = self.rounds = 0

    def round(self, *blocks):
        """What all ask in one window: the real ones, who are answered, then forged ones. Waits until it is closed."""
        when, producer = time.time(), frames.Producer(self.path)
        producer.send([frames.frame(kind, frames.message(id=i, response=kind == frames.AUTH_RESPONSE), when, address)
                       for address in REAL for i in range(REAL_QUERIES) for kind in (frames.AUTH_QUERY, frames.AUTH_RESPONSE)])
        for block in blocks:
            producer.raw(forged(block, time.time()))
        producer.stop()
        self.sent += len(REAL) * REAL_QUERIES + len(blocks) * FORGED
        self.rounds += 1
        self.crosstap.wait_metric("crosstap_dns_queries_total", self.sent)

    def points(self):
        with open(self.points_path) as file:
            return Points(file.read().rpartition("\n")[0])

    def memory(self):
        """The most that was resident at any time, in bytes."""
        with open(f"/proc/{self.crosstap.process.popen.pid}/status") as file:
            return int(re.search(r"^VmHWM:\s+(\d+) kB$", file.read(), re.M)[1]) * 1024


def forged(block, when):
    """One query from each address of a block, all distinct, as bytes of the stream."""
    marker = bytes([203, 0, 113, 77])
    one = frames.frame(frames.AUTH_QUERY, frames.message(id=7), when, str(ipaddress.IPv4Address(marker)))
    before, after = (struct.pack("!I", len(one)) + one).split(marker)
    first = (20 + block) << 24
    return b"".join(before + struct.pack("!I", first + 251 * i) + after for i in range(FORGED))


def systems_by_window(points):
    """[{AS: queries}] of the windows in which somebody asked, oldest first."""
    windows = {}
    for name, tags, fields, stamp in points.points:
        if name == "dns_asn" and fields["queries"]:
            windows.setdefault(stamp, {})[tags["asn"]] = fields["queries"]
    return [windows[stamp] for stamp in sorted(windows)]


def queries_by_window(points, measurement):
    windows = {}
    for name, _, fields, stamp in points.points:
        if name == measurement and fields["queries"]:
            windows[stamp] = windows.get(stamp, 0) + fields["queries"]
    return windows


def credits(path):
    """{IPv4 address: windows that it asked in, less one} of a state file."""
    with open(path, "rb") as file:
        data = file.read()
    count = struct.unpack_from("=II", data, 8)[1]
    entries = [data[24 + 40 * i:64 + 40 * i] for i in range(count)]
    return {str(ipaddress.IPv4Address(e[:4])): e[33] for e in entries if e[32] == 4}


@test
def a_million_forged_sources(lab):
    flood = Flood(lab)
    for _ in range(5):
        flood.round()
    first = systems_by_window(flood.points())
    check(len(first) >= 5, f"windows: {first}")
    for number, systems in enumerate(first, 1):
        check_equal(set(systems), {str(REAL_AS) if number >= 3 else "other"}, f"ASes in window {number} of {first}")
    before = flood.memory()
    heights = []
    for i in range(ROUNDS):
        flood.round(2 * i, 2 * i + 1)
        heights.append(flood.memory())
    flood.round()
    table = flood.crosstap.api("resolvers")["table"]
    check_equal(flood.crosstap.stop(), 0, "exit")

    text = f"{before / MIB:.1f} MiB before, {[round(h / MIB, 1) for h in heights]} in each round"
    print(f"     {ROUNDS * 2 * FORGED} forged sources: {text}; table: {table}", flush=True)
    check(heights[-1] <= before + MEMORY + 16 * MIB, f"memory: {text}")
    check(heights[-1] - heights[2] <= 4 * MIB, f"memory grows with the flood: {text}")
    check(table["known"] <= RESOLVERS, f"table: {table}")

    points = flood.points()
    check_equal(set(points.by("dns_asn", "queries", "asn")), {(str(REAL_AS),), ("other",)}, "ASes with a series")
    queries = queries_by_window(points, "dns")
    check_equal(queries_by_window(points, "dns_asn"), queries, "queries of ASes")
    check_equal(sum(queries.values()), flood.sent, "queries")
    check_equal(systems_by_window(points)[-1], {str(REAL_AS): len(REAL) * REAL_QUERIES}, "the last window's ASes")

    known = credits(flood.state)
    check_equal({a for a in REAL if known.get(a, 0) < 5}, set(), f"real ones that were forgotten; state: {len(known)}")
    crosstap = flood.crosstap.start()
    check("resolvers read" in crosstap.process.log(), "the state is read")
    check_equal(crosstap.stop(), 0, "exit")


if __name__ == "__main__":
    main()
