# SPDX-License-Identifier: BSD-2-Clause
"""The day's files of RSSAC002 version 5, held against a count of frames and of packets that knows nothing of the
program: over midnights, restarts within a day and from day to day, at each edge of a size, and of hostile traffic. They
come from build/tools/rssac002_replay, which lets days pass in a moment."""

import datetime
import glob
import ipaddress
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

import hostile
import junk
import oracle
import second_opinion
import traffic
import wire_agrees
import wire_oracle
import wire_traffic

S, HOUR, DAY = oracle.SECOND, oracle.HOUR, oracle.DAY
METRICS = ("traffic-volume", "traffic-sizes", "rcode-volume", "unique-sources")
SETS = ("ipv4", "ipv6", "ipv6-aggregate")
CUSTOM = {"dot": "tls", "doh": "https", "doq": "quic"}
WAYS = {"queries": ("queries-received", "query", "request"), "responses": ("responses-sent", "response", "response")}
KINDS = {direction: kind for kind, (_, direction, _) in WAYS.items()}
HOURLY = "server: b1-ams.example\ninterval: 1h\nrssac002: {dir: %s, source: dnstap, prefix: b}\n"
EXACT = 1024  # so many sources at least


# --- the files


def read_file(path, day, metric):
    """{(section, key): number} after a head of five lines."""
    with open(path, encoding="ascii") as file:
        lines = file.read().split("\n")
    date = datetime.datetime.fromtimestamp(day * 86400, datetime.timezone.utc).strftime("%Y-%m-%dT00:00:00Z")
    head = ["---", "version: rssac002v5", "service: b1-ams.example", f"start-period: {date}", f"metric: {metric}"]
    assert lines[:5] == head and lines[-1] == "", f"{path}: {lines[:6]}"
    counts, section = {}, ""
    for line in lines[5:-1]:
        indent, key, value = re.fullmatch(r"(  )?([a-z0-9-]+):(?: (\d+|\{\}))?", line).groups()
        if value is None or value == "{}":
            section = key
            assert not indent and (section, "") not in counts, f"{path}: {line}"
            counts[section, ""] = 0
        else:
            assert (section if indent else "", key) not in counts, f"{path}: {line} twice"
            counts[section if indent else "", key] = int(value)
    return counts


def read_all(folder):
    """{day: {metric: {(section, key): number}}}; of each day everything is there, and nothing else."""
    found = defaultdict(dict)
    for path in glob.glob(folder + "/*/*/*/*"):
        year, month, metric, date, what, kind = re.search(
            r"/(\d{4})/(\d\d)/([a-z-]+)/b1-ams\.example-(\d{8})-([a-z0-9-]+)\.(yaml|hll)$", path).groups()
        assert date.startswith(year + month), path
        day = int(datetime.datetime.strptime(date + "+0000", "%Y%m%d%z").timestamp()) // 86400
        if kind == "yaml":
            assert what == metric, path
            found[day][metric] = read_file(path, day, metric)
        else:
            assert metric == "unique-sources" and what in SETS and os.path.getsize(path) == 32768 + 16, path
            found[day][what] = None
    assert all(set(day) == {*METRICS, *SETS} for day in found.values()), f"{ {d: set(m) for d, m in found.items()} }"
    return found


# --- the count


class Day:
    def __init__(self):
        self.volume, self.sizes, self.rcodes, self.sources = Counter(), Counter(), Counter(), set()

    def add_figures(self, figures):
        """Of a zone and window, as the oracle of the second opinion has them."""
        for (transport, family), cell in figures.messages.items():
            for kind in WAYS:
                self.volume[kind, transport, family] += cell[kind]
        for kind, (_, direction, _) in WAYS.items():
            for transport in ("udp", "tcp"):
                self.sizes.update({(kind, transport, low): n for low, n in figures.size[direction, transport].items()})
        self.rcodes += figures.rcode
        self.sources |= {address for address, n in figures.asked.items() if n}

    def files(self, prefix="b"):
        """As read_file() has them."""
        volume = {("", f"dns-{t}-{way}-{f}"): self.volume[kind, t, f]
                  for kind, (way, _, _) in WAYS.items() for t in ("udp", "tcp") for f in ("ipv4", "ipv6")}
        volume.update({("", f"{prefix}-dns-{name}-{way}-{f}"): self.volume[kind, t, f] for t, name in CUSTOM.items()
                       for kind, (way, _, _) in WAYS.items() for f in ("ipv4", "ipv6") if prefix})
        sizes = Counter({(f"{t}-{word}-sizes", ""): 0 for _, _, word in WAYS.values() for t in ("udp", "tcp")})
        for (kind, transport, low), n in self.sizes.items():
            last = 288 if kind == "queries" else 4096
            name = f"{last}-" if low >= last else f"{low}-{low + 15}"
            sizes[f"{transport}-{WAYS[kind][2]}-sizes", name] += n
        v6 = [int(a) for a in self.sources if a.version == 6]
        numbers = len(self.sources) - len(v6), len(v6), len({a >> 64 for a in v6})
        return {"traffic-volume": volume, "traffic-sizes": dict(sizes),
                "rcode-volume": {("", str(rcode)): n for rcode, n in self.rcodes.items()},
                "unique-sources": {("", "num-sources-" + name): n for name, n in zip(SETS, numbers)}}


def days_of(windows):
    """{day: what it has} of {window: {zone: figures}}; a day without a message is one, too."""
    days = {day: Day() for day in range(min(windows) // DAY, max(windows) // DAY + 1)}
    for window, zones in windows.items():
        for figures in zones.values():
            days[window // DAY].add_figures(figures)
    return {day: found.files() for day, found in days.items()}


# --- both


def replay(program, work, text, frames, *args, second=0, name="made"):
    tool = os.path.join(os.path.dirname(program), "tools", "rssac002_replay")
    assert os.path.exists(tool), f"make {tool}"
    config, path, points = (os.path.join(work, file) for file in ("c.yaml", name + ".fstrm", "points.lp"))
    with open(config, "w", encoding="utf-8") as file:
        file.write("datasets: [core]\n" + (text % work if "%s" in text else text))
    files = []
    if frames is not None:
        hostile.write(path, frames)
        files = [path]
    done = subprocess.run([tool, str(second), "-c", config, "--points", points, *args, *files], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stderr


def compare(found, expected, what, united=False):
    """`united`: sources are those of registers, which two may share."""
    assert set(found) == set(expected), f"{what}: days {sorted(found)}, expected {sorted(expected)}"
    for day, metrics in expected.items():
        for metric, right in metrics.items():
            got = found[day][metric]
            many = metric == "unique-sources" and (united or max(right.values()) > EXACT)
            wrong = [f"{key}: {got.get(key)}, expected {right.get(key)}" for key in sorted(set(got) | set(right))
                     if key not in got or key not in right or
                     abs(got[key] - right[key]) > (max(united, 0.02 * right[key]) if many else 0)]
            assert not wrong, f"{what}, day {day}, {metric}: {wrong[:5]}"


def truth_of(frames, zones=None, interval=HOUR):
    return oracle.Oracle(tlds=junk.built_in(), interval=interval, zones=zones).read(frames)


def check_hostile(program, _):
    """Some days of it in an hour a window, in one zone and in several."""
    for name, zones in (("one zone", None), ("listed zones", second_opinion.LISTED)):
        for seed in range(1, 5):
            frames = list(hostile.frames(seed, 600, 500 * S))
            truth = truth_of(frames, zones and oracle.Zones(listed=zones))
            with tempfile.TemporaryDirectory() as work:
                text = HOURLY + (f"inputs: [{{unix: /x, zones: [{', '.join(zones)}]}}]\n" if zones else "")
                replay(program, work, text, frames, second=min(truth.windows) // S)
                compare(read_all(work), days_of(truth.windows), f"{name}, seed {seed}")


EDGES = sorted({n + d for n in (0, 16, 32, 272, 288, 304, 512, 4080, 4096, 4112) for d in (-1, 0, 1)} | {65535} - {-1})


def message(r, size, is_query):
    """Of that size; with a question where it has room for one."""
    flags = (0 if is_query else 0x8000 | r.choice([0, 0, 3, 5]))
    head = struct.pack("!6H", r.randrange(65536), flags, 1 if size > 20 else 0, 0, 0, 0) + b"\2nl\0\0\1\0\1"
    return (head + bytes(max(0, size - len(head))))[:size]


def client(r):
    kind = r.randrange(4)
    if kind == 0:  # the same as by itself, but mapped
        return bytes(10) + b"\xff\xff" + bytes([198, 51, 100, r.randrange(9)])
    if kind == 1:
        return bytes([198, 51, 100, r.randrange(9)])
    return bytes.fromhex("20010db8000%x000%x" % (r.randrange(3), r.randrange(4))) + bytes(7) + bytes([r.randrange(5)])


def made():
    """(time, frame): over two midnights each size by each transport, and one just before and just after each."""
    r, start, out = random.Random(1), (traffic.START // DAY + 1) * DAY - 3 * HOUR, []
    for i, size in enumerate(EDGES * 12):
        at, protocol = start + i * 30 * HOUR // (12 * len(EDGES)), r.choice([1, 1, 2, 2, 3, 4, 5, 6, 7])
        for is_query in (True, False)[:r.choice([2, 2, 2, 1])]:
            out.append((at, traffic.dnstap(is_query, at, client(r), message(r, size, is_query), protocol)))
    for midnight in (start + 3 * HOUR, start + 27 * HOUR):
        for at in (midnight - 1, midnight):
            out.append((at, traffic.dnstap(True, at, client(r), message(r, 40, True))))
    return sorted(out)


def check_days(program, _):
    """At once, and by an agent that is started again and again, in the middle of windows and over a midnight."""
    frames = made()
    right = days_of(truth_of([frame for _, frame in frames]).windows)
    networks = [day["unique-sources"]["", "num-sources-ipv6-aggregate"] for day in right.values()]
    assert len(networks) == 3 and min(networks) > 5, networks
    for starts in (1, 2, 9):
        with tempfile.TemporaryDirectory() as work:
            for i in range(starts):
                part = frames[len(frames) * i // starts:len(frames) * (i + 1) // starts]
                said = replay(program, work, HOURLY, [frame for _, frame in part], second=part[0][0] // S)
                assert "anew" not in said, said
            compare(read_all(work), right, f"{starts} starts")
    with tempfile.TemporaryDirectory() as work:  # windows over midnight are of the day in which they begin
        replay(program, work, HOURLY.replace("1h", "47m"), [frame for _, frame in frames], second=frames[0][0] // S)
        odd = days_of(truth_of([frame for _, frame in frames], interval=47 * 60 * S).windows)
        assert odd != right
        compare(read_all(work), odd, "47 minutes")


def check_away(program, _):
    """A day is written when the next agent starts, days later; a clock that is set back goes on with the newer day."""
    r, first = random.Random(2), (traffic.START // DAY) * DAY

    def some(day, n):
        ats = [first + day * DAY + 23 * HOUR + i * S for i in range(n)]
        return [traffic.dnstap(True, at, bytes([192, 0, 2, i]), message(r, 40, True)) for i, at in enumerate(ats)]

    def count(days):
        return {first // DAY + day: days[day] for day in days}

    parts = {0: some(0, 30), 3: some(3, 40), 2: some(2, 50)}
    with tempfile.TemporaryDirectory() as work:
        for day, frames in parts.items():
            replay(program, work, HOURLY, frames, second=first // S + day * 86400 + 82800)
        found = read_all(work).items()
    volume = {day: metrics["traffic-volume"]["", "dns-udp-queries-received-ipv4"] for day, metrics in found}
    sources = {day: metrics["unique-sources"]["", "num-sources-ipv4"] for day, metrics in found}
    assert volume == count({0: 30, 3: 90}) and sources == count({0: 30, 3: 50}), f"{volume}, {sources}"


def with_key(work):
    """All runs have the same, so that what registers come to is always the same."""
    with open(work + "/key", "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(bytes(range(32)))
    return HOURLY.replace("prefix: b", f"prefix: b, key_file: {work}/key")


def check_sources(program, _):
    """More than are counted one by one, in two halves that have some in common."""
    r, at = random.Random(3), traffic.START // DAY * DAY
    clients = [bytes([r.randrange(20, 60), r.randrange(256), r.randrange(256), 1]) for _ in range(16000)] + \
        [bytes.fromhex("20010db8%08x" % r.randrange(3000)) + r.randbytes(8) for _ in range(12000)]
    r.shuffle(clients)
    frames = [traffic.dnstap(True, at + i * 2 * S, c, message(r, 40, True)) for i, c in enumerate(clients)]
    with tempfile.TemporaryDirectory() as work:
        for part in (frames[:18000], frames[10000:]):
            replay(program, work, with_key(work), part, second=at // S)
        found = read_all(work)
    right = Day()
    right.sources = {ipaddress.ip_address(c) for c in clients}
    compare(found, {at // DAY: {"unique-sources": right.files()["unique-sources"]}}, "many sources")


def day_of_packets(counted):
    """Sizes are also those of what goes the other way than it says; sources are those of compared queries."""
    day = Day()
    for (direction, transport, family), cell in counted.cells.items():
        day.volume[KINDS[direction], transport, family] += cell["messages"] - cell["not_query"]
    for (direction, transport, low), n in counted.sizes.items():
        day.sizes[KINDS[direction], transport, low] += n
    day.rcodes = counted.rcode
    day.sources = {ipaddress.ip_address(a) for a, n in counted.clients.items() if n}
    return day


def check_capture(program, link, days, what):
    """`days`: packets of each."""
    right = {day: day_of_packets(wire_oracle.count(link, of, wire_traffic.SERVERS)).files("")
             for day, of in days.items()}
    packets = [packet for of in days.values() for packet in of]
    with tempfile.TemporaryDirectory() as work:
        capture = os.path.join(work, "made.pcap")
        with open(capture, "wb") as file:
            file.write(wire_traffic.pcap(link, packets))
        text = f"server: b1-ams.example\ninterval: 1s\nrssac002: {{dir: {work}, source: wire}}\n" + wire_agrees.NAMED
        replay(program, work, text, None, "--pcap", capture, second=packets[0][0] // 10 ** 6)
        compare(read_all(work), right, what)


def check_wire(program, _):
    """Of few packets as well, of which some clients send nothing that the cross-check compares; and over a midnight, of
    datagrams, which are of one time."""
    day = wire_traffic.START_US // 10 ** 6 // 86400
    for n, seeds in ((12, range(1, 16)), (250, range(1, 6))):
        for seed in seeds:
            link, packets = wire_traffic.frames(seed, n)
            check_capture(program, link, {day: packets}, f"seed {seed}, {n} packets")
    for seed in range(7, 12):
        link, packets = wire_traffic.frames(seed, 250)
        middle, midnight, days = packets[125][0], (day + 1) * 86400 * 10 ** 6, defaultdict(list)
        for at, frame, captured in packets:
            if wire_agrees.is_udp(link, frame):
                days[day + (at >= middle)].append((at - middle + midnight, frame, captured))
        check_capture(program, link, days, f"seed {seed}, midnight")


def check_merged(program, here):
    """Two sites of one key are one service: their volumes summed, their sources united."""
    frames = made()
    sites = frames[:len(frames) * 3 // 4], frames[len(frames) // 2:]
    days = defaultdict(Day)
    for site in sites:
        for window, zones in truth_of([frame for _, frame in site]).windows.items():
            days[window // DAY].add_figures(zones["default"])
    with tempfile.TemporaryDirectory() as work:
        out, folders, text = os.path.join(work, "out"), os.path.join(work, "site"), with_key(work)
        for i, site in enumerate(sites):
            os.mkdir(folders + str(i))
            replay(program, folders + str(i), text, [frame for _, frame in site], second=site[0][0] // S)
        merge = os.path.join(here, "..", "..", "scripts", "rssac002-merge")
        done = subprocess.run([merge, "b1-ams.example", out, folders + "0", folders + "1"], capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        compare(read_all(out), {day: found.files() for day, found in days.items()}, "merged", True)


TESTS = [("RSSAC002 of hostile traffic", check_hostile), ("RSSAC002 over midnights and restarts", check_days),
         ("RSSAC002 over days", check_away), ("RSSAC002 of many sources", check_sources),
         ("RSSAC002 of the wire", check_wire), ("RSSAC002 of two sites", check_merged)]

if __name__ == "__main__":  # PROGRAM
    for _, test in TESTS:
        test(sys.argv[1], os.path.dirname(os.path.abspath(__file__)))
