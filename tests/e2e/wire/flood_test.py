#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Floods through the running daemon's dnstap socket. A million forged sources: who asks every window is known before, during
and after, an AS gets a series in its third window, and memory is bounded. Everything that a stranger can write at random:
there are no more series than `check` says, and no more memory."""

import ipaddress
import json
import random
import re
import struct
import time

import frames
from harness import CROSSTAP, Crosstap, Points, check, check_equal, main, output, test
from mmdb import asn, write_mmdb

MIB = 1 << 20
RESOLVERS, MEMORY = 20000, 32 * MIB  # limits
REAL = [f"40.1.{i % 4}.{i}" for i in range(1, 101)]
REAL_AS, REAL_QUERIES = 65001, 3
FORGED_AS, FORGED, ROUNDS = 64500, 65536, 8  # two ASes a round, each with so many sources


DATASETS = ["core", "edns", "names", "domains", "clients", "addresses", "attacks"]


def resident(crosstap):
    """The most at any time, in bytes."""
    with open(f"/proc/{crosstap.process.popen.pid}/status") as file:
        return int(re.search(r"^VmHWM:\s+(\d+) kB$", file.read(), re.M)[1]) * 1024


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
    size, count = struct.unpack_from("=II", data, 8)
    entries = [data[24 + size * i:24 + size * (i + 1)] for i in range(count)]
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
    before = resident(flood.crosstap)
    heights = []
    for i in range(ROUNDS):
        flood.round(2 * i, 2 * i + 1)
        heights.append(resident(flood.crosstap))
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


EACH, RANDOM_ROUNDS = 6000, 5
ECS, EDE, OPT = 8, 15, 41


def option(code, data):
    return struct.pack("!HH", code, len(data)) + data


def random_message(chance, response):
    """Every field that whoever asks, or whoever answers, may fill as they like."""
    word = chance.getrandbits
    name = b"".join(bytes([len(label)]) + label for label in (b"%012x" % word(48), b"%06x" % word(24), b"nl")) + b"\0"
    flags = word(16) & 0x7fff if chance.random() < 0.2 else word(4)
    data = option(ECS, struct.pack("!HBB", chance.choice((1, 2, word(16))), word(8), 0) + bytes(4)) + option(word(16), b"1234")
    if response:
        data += option(EDE, struct.pack("!H", word(16))) + option(EDE, struct.pack("!H", word(6)))
    return struct.pack("!6H", word(16), flags | (0x8000 if response else 0), 1, 0, 0, 1) + name + \
        struct.pack("!2H", word(16), chance.choice((1, word(16)))) + b"\0" + struct.pack("!HHBBHH", OPT, word(16), word(8),
                                                                                 word(8), word(16), len(data)) + data


def random_frame(chance, when):
    kind = chance.choice((frames.AUTH_QUERY, frames.AUTH_RESPONSE))
    client, server = (str(ipaddress.IPv4Address(chance.getrandbits(32)) if chance.random() < 0.5 else
                          ipaddress.IPv6Address(chance.getrandbits(128))) for _ in range(2))
    return frames.frame(kind, random_message(chance, kind == frames.AUTH_RESPONSE), when, client, chance.getrandbits(16),
                        chance.randint(1, 7), server if (":" in server) == (":" in client) else None, b"%08x" % chance.getrandbits(32))


@test
def everything_at_random(lab):
    path = lab.path("in.sock")
    crosstap = Crosstap(lab, inputs=[{"unix": path, "zone": "nl"}], grace="600ms", datasets=DATASETS, state=lab.path("state"),
                        limits={"resolvers": RESOLVERS, "memory": f"{MEMORY // MIB}MiB"},
                        outputs=[{"file": {"path": lab.path("points.lp")}}]).start()
    bounds = json.loads(output(CROSSTAP, "check", "-c", crosstap.config_path, "--json"))["series"]
    check_equal(bounds["unbounded"], [], "without a bound")
    chance, producer, heights = random.Random(15), frames.Producer(path), []
    for i in range(RANDOM_ROUNDS):
        when = time.time()
        producer.send([random_frame(chance, when) for _ in range(EACH)])
        crosstap.wait_metric("crosstap_input_frames_total", (i + 1) * EACH)
        heights.append(resident(crosstap))
    producer.stop()
    samples = len(crosstap.metrics())
    check_equal(crosstap.stop(), 0, "exit")
    series = {}
    with open(lab.path("points.lp")) as file:
        for name, tags, _, _ in Points(file.read()).points:
            series.setdefault(name, set()).add(tuple(sorted(tags.items())))
    seen = {name: len(of) for name, of in series.items()}
    text = f"{[round(h / MIB, 1) for h in heights]} MiB; series: {seen}; {samples} samples of /metrics"
    print(f"     {RANDOM_ROUNDS * EACH} random messages: {text}", flush=True)
    over = {name: (n, bounds["measurements"].get(name)) for name, n in seen.items() if n > bounds["measurements"].get(name, 0)}
    check_equal(over, {}, "measurements with more series than `check` says")
    for name, tag, least in (("dns_ede", "code", 20), ("dns_ecs", "prefix", 100), ("dns_qtype", "qtype", 32), ("dns_domain", "rank", 10)):
        have = {dict(tags).get(tag) for tags in series[name]}
        check(len(have) >= least, f"{name}: the flood filled it: {have}")
    check(heights[-1] <= MEMORY + 32 * MIB, f"memory: {text}")
    check(heights[-1] - heights[2] <= 4 * MIB, f"memory grows with the flood: {text}")


if __name__ == "__main__":
    main()
