#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Round-trip times from end to end: resolvers 20 ms away from a nameserver whose veth the daemon watches. TCP handshakes are
held against what was made, against echo requests, and against the kernel's own measurement (a sockops program)."""

import contextlib
import json
import math
import os
import random
import socket
import struct
import subprocess
import sys
import time

import frames
from harness import CROSSTAP, Crosstap, Points, Sent, check, check_equal, dnsload_command, in_namespace, main, output, test, \
    tcp_answers, wait_for, yaml
from line import ACK, CLIENTS_AT_ONCE, PUSH, SYN, Line, Oracle, Stamps, attempts, check_between, echo_times, handshake_times, \
    handshakes, lateness, query
from mmdb import asn, country, write_mmdb
from nameserver import Knot
from sums import check_adds_up


class Bench:
    """The daemon beside Knot, and what it wrote."""

    def __init__(self, lab, line, mode="native", knot_prefix=(), **config):
        self.line, self.path, self.sock = line, lab.path("points.lp"), lab.path("in.sock")
        self.crosstap = Crosstap(lab, inputs=[{"unix": self.sock, "zone": "nl"}], grace="1500ms",
                                 wire={"mode": mode, "interfaces": [line.device]},
                                 outputs=[{"file": {"path": self.path}}], **config)
        self.crosstap.start(namespace=line.server)
        self.knot = Knot(lab, self.sock, address=line.SERVER, address6=line.SERVER6, port=53,
                         prefix=(*knot_prefix, *line.nameserver()["prefix"])).start()
        self.crosstap.wait_connections(1)
        wait_for(lambda: self.knot.process.must_live() and in_namespace(line.server, tcp_answers, line.SERVER, 53), 10,
                 "Knot listens")
        wait_for(lambda: [f for f in self.funnels() if f.get("balance") == 0 and f["complete"]], 20,
                 "both witnesses watched a whole window")

    def points(self):
        if not os.path.exists(self.path):
            return Points("")
        with open(self.path) as file:
            return Points(file.read().rpartition("\n")[0])

    def stamped(self, measurement, **tags):
        """[(window's time in ns, fields)], oldest first."""
        return sorted(((stamp, fields) for name, have, fields, stamp in self.points().points if name == measurement and
                       all(have.get(k) == v for k, v in tags.items())), key=lambda row: row[0])

    def rows(self, measurement, **tags):
        return [fields for _, fields in self.stamped(measurement, **tags)]

    def funnels(self):
        return self.rows("funnel")

    def quiet(self, windows=3):
        """Waits for so many windows without a message, counted from now."""
        count = len(self.funnels())

        def passed():
            self.crosstap.process.must_live()
            last = self.funnels()[count:][-windows:]
            return len(last) == windows and not any(f.get("wire_queries") or f["dnstap_queries"] for f in last)
        wait_for(passed, 60, lambda: f"{windows} quiet windows: {self.funnels()[-4:]}")

    def handshakes(self, family):
        return sum(row["handshakes"] for row in self.rows("wire_tcp_rtt", family=family))

    def resolvers(self, field):
        """[(window's time in ns, address, value)]"""
        return [(stamp, fields["address"], fields[field]) for name, _, fields, stamp in self.points().points
                if name == "dns_resolver" and field in fields and "address" in fields]

    def incomplete(self):
        """The windows whose edges were late."""
        return {stamp for name, _, fields, stamp in self.points().points if name == "funnel" and not fields["complete"]}

    def not_logged(self, sent_udp):
        """What a producer without a processor did not log by itself: the balance, which is of UDP."""
        logged = self.points().by("crosscheck", "dnstap", "transport", direction="query").get(("udp",), 0)
        check_equal(self.funnels()[-1]["balance"], sent_udp - logged, "balance: what Knot did not log over UDP")

    def stop(self):
        check_equal(self.crosstap.stop(), 0, "exit code")


# ---- what is held against what the line did ----


def check_coverage(seen, packets, what, colon):
    """Those of one family whose time means something are counted, nearly all: hints are overwritten by newer ones."""
    made = [one for (address, _), many in handshakes(packets).items() if (":" in address) == colon for one in many]
    timed = sum(one.counts() for one in made)
    check(timed * 0.99 <= seen <= timed, f"{what}: {seen} of {timed} handshakes counted, of {len(made)}")
    return timed


def check_resolvers(bench, field, times, interval=1):
    """Each value is the mean of a window's, this one's or the last one's, where edges were in time."""
    by_address, rows, late = {}, bench.resolvers(field), bench.incomplete()
    span = interval * 10**9 + 20 * 10**6
    for t in times:
        by_address.setdefault(t.address, []).append(t)
    check_equal({address for _, address, _ in rows}, set(by_address), f"who has {field}")
    for stamp, address, value in rows:
        near = [t for t in by_address[address] if stamp - span <= t.end_ns and t.end_ns - (t.most - t.least) * 1e6 <= stamp + span]
        certain = near and not late & {stamp, stamp - interval * 10**9}
        check_between(value, near if certain else by_address[address], f"{field} of {address}")


# ---- tests ----


GROUPS = {"NL": ("tcp", "198.18.1.", 1), "DE": ("udp", "198.18.1.", 33), "FR": ("tcp", "198.18.1.", 129),
          "US": ("udp", "198.18.1.", 161), "SE": ("tcp", "fd00:c705:1::", 1), "AT": ("udp", "fd00:c705:1::", 33)}
MEMBERS = {c: [f"{a}{n + i if '.' in a else format(n + i, 'x')}" for i in range(5)] for c, (_, a, n) in GROUPS.items()}
SYSTEMS = {c: 64500 + i for i, c in enumerate(GROUPS)}
UNPINGED = ("FR", "US")
EACH = 10  # queries


def write_databases(lab):
    networks = {c: f"{a}{n - 1 if '.' in a else format(n - 1, 'x')}/{27 if '.' in a else 123}" for c, (_, a, n) in GROUPS.items()}
    return {"country": write_mmdb(lab.path("country.mmdb"), "Test-Country", {
                n: country(c) for c, n in networks.items()}),
            "asn": write_mmdb(lab.path("asn.mmdb"), "Test-ASN", {
                n: asn(SYSTEMS[c], f"Holder {c}") for c, n in networks.items()})}


def ask_rounds(line, bench, pinged):
    """All of them in turn, until all that may be pinged were, and once more. Returns how many times."""
    rounds = after = 0
    while rounds < 9 or after < 3:
        line.ask(*((GROUPS[c][0], address, EACH) for c, addresses in MEMBERS.items() for address in addresses))
        rounds += 1
        after += {address for _, address, _ in bench.resolvers("icmp_rtt_ms")} >= pinged
        check(rounds < 60, f"pinged after {rounds} rounds: {bench.resolvers('icmp_rtt_ms')[-50:]}")
        time.sleep(0.5)
    return rounds


@test
def echo_and_handshake(lab):
    """Of resolvers that use TCP or not, and may be pinged or not: both times read 20 ms, agree, and cover what they should."""
    attempts(lab, attempt_echo_and_handshake)


def attempt_echo_and_handshake(lab):
    pinged = {a for c, addresses in MEMBERS.items() for a in addresses if c not in UNPINGED}
    with contextlib.ExitStack() as stack:
        line = Line(stack, lab)
        oracle, stamps = Oracle(stack, lab), Stamps(stack, line.server, line.device)
        bench = Bench(lab, line, knot_prefix=oracle.prefix(), geo=write_databases(lab), top={"resolvers": 100},
                      ping={"enabled": True, "rate": "100/s", "every": "1m", "exclude": ["198.18.1.128/25"]})
        stack.callback(bench.knot.stop)
        rounds = ask_rounds(line, bench, pinged)
        bench.quiet()
        bench.not_logged(rounds * EACH * sum(len(MEMBERS[c]) for c in GROUPS if GROUPS[c][0] == "udp"))
        packets = line.forwarder.read()
        handshake, echo = handshake_times(packets, oracle.read()), echo_times(packets, stamps.read())
        check_equal({t.address for t in handshake}, {a for c, addresses in MEMBERS.items() for a in addresses
                                                     if GROUPS[c][0] == "tcp"}, "who came by TCP")
        check_equal({t.address for t in echo}, pinged, "who answered a ping")
        check_resolvers(bench, "tcp_rtt_ms", handshake)
        check_resolvers(bench, "icmp_rtt_ms", echo, interval=60)
        for name, tag, names in (("dns_country", "country", {c: c for c in GROUPS}),
                                 ("dns_asn", "asn", {c: str(number) for c, number in SYSTEMS.items()})):
            for c, key in names.items():
                check_shares(bench, name, {tag: key}, c)
        bench.stop()
        check_adds_up(bench.points())
        return lateness(handshake, packets) or lateness(echo, packets)


def check_shares(bench, name, tags, group):
    """Handshakes count from the first query on, echo requests once the resolver came in three windows."""
    tcp, echo, what = GROUPS[group][0] == "tcp", group not in UNPINGED, f"{name} {tags}"
    busy = [(stamp, row) for stamp, row in bench.stamped(name, **tags) if row["queries"]]
    check(len(busy) >= 5, f"{what}: {busy}")
    for _, row in busy:
        check_equal(row["queries_tcp"], row["queries"] if tcp else 0, f"{what}: queries_tcp of {row}")
        check_equal("tcp_rtt_ms_p50" in row, tcp, f"{what}: {row}")
        check(echo or row["queries_icmp"] == 0, f"{what}: nobody may ask it: {row}")
        check_equal(row["queries_both"], row["queries_icmp"] if tcp else 0, f"{what}: queries_both of {row}")
        check_equal(row["queries_unmeasured"], 0 if tcp else row["queries"] - row["queries_icmp"], f"{what}: unmeasured of {row}")
    last = busy[-1][1]
    check(not echo or last["queries_icmp"] == last["queries"], f"{what} by echo: {last}")
    for field, measured in (("icmp_rtt_ms", echo), ("tcp_rtt_ms", tcp)):
        if measured:
            check_medians(bench, busy, field, group, what)


def check_medians(bench, rows, field, group, what):
    """A group's median lies among its members' values, to a bin of 1/64."""
    values = {}
    for stamp, address, value in bench.resolvers(field):
        if address in MEMBERS[group]:
            values.setdefault(stamp, []).append(value)
    for stamp, row in rows:
        if f"{field}_p50" in row:
            check(min(values[stamp]) * 63 / 64 <= row[f"{field}_p50"] <= max(values[stamp]) * 65 / 64,
                  f"{what}: {field}_p50 of {row} among {values[stamp]}")


@test
def retransmissions_do_not_count(lab):
    """A handshake of which a SYN-ACK was lost has no unambiguous time (Karn). Of a lost SYN, the server knows nothing. Few at
    a time: Knot's queue holds ten, and a SYN cookie's numbers tell one SYN-ACK from the next."""
    with contextlib.ExitStack() as stack:
        line = Line(stack, lab)
        oracle = Oracle(stack, lab)
        bench = Bench(lab, line, knot_prefix=oracle.prefix(), top={"resolvers": 100})
        stack.callback(bench.knot.stop)
        plain, answer_lost, lost = (f"198.18.1.{n}" for n in (1, 2, 3))
        line.ip("-n", line.client, "rule", "add", "from", lost, "blackhole")
        line.ip("-n", line.client, "route", "add", "blackhole", answer_lost)
        with line.asking(("tcp", plain, 3), ("tcp", answer_lost, 3), ("tcp", lost, 3)):
            time.sleep(0.3)  # they try again after 1 s
            line.ip("-n", line.client, "rule", "del", "from", lost, "blackhole")
            line.ip("-n", line.client, "route", "del", "blackhole", answer_lost)
        bench.quiet()
        check_equal(bench.handshakes("ipv4"), 6, "handshakes timed")
        times = [t for t in handshake_times(line.forwarder.read(), oracle.read()) if t.address != answer_lost]
        check_equal(len(times), 6, "handshakes that crossed the line once")
        check_resolvers(bench, "tcp_rtt_ms", times)
        bench.stop()


def switches(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as file:
            total += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return total


@test
def idle_beside_qdiscs(lab):
    """What the daemon asks the kernel about qdiscs is no news that wakes it again: a few dozen wakeups a window."""
    with contextlib.ExitStack() as stack:
        line = Line(stack, lab)
        crosstap = Crosstap(lab, inputs=[], wire={"mode": "native", "interfaces": [line.device]}).start(namespace=line.server)
        time.sleep(2)
        before = switches(crosstap.process.popen.pid)
        time.sleep(3)
        after = switches(crosstap.process.popen.pid)
        check(after - before < 300, f"{after - before} context switches in 3 s without traffic")
        check_equal(crosstap.stop(), 0, "exit code")


# ---- after the fact ----

START = 1_700_000_000


def segment(source, destination, flags, sequence, acknowledged, payload=b""):
    """An IP packet, as LINKTYPE_RAW has it; checksums are not looked at."""
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    addresses = socket.inet_pton(family, source[0]) + socket.inet_pton(family, destination[0])
    tcp = struct.pack("!HHIIBBHHH", source[1], destination[1], sequence, acknowledged, 0x50, flags, 65535, 0, 0) + payload
    if family == socket.AF_INET6:
        return struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + addresses + tcp
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses + tcp


def handshake(client, server, start, rtt, repeated=False, query_after=0.0):
    """[(time, packet)] of a connection with one query; `repeated`: its SYN-ACK left twice."""
    asked = struct.pack("!H", len(query(1))) + query(1)
    packets = [(start, segment(client, server, SYN, 1000, 0)), (start, segment(server, client, SYN | ACK, 5000, 1001))]
    if repeated:
        packets.append((start + rtt / 2, packets[1][1]))
    return packets + [(start + rtt, segment(client, server, ACK, 1001, 5001)),
                      (start + rtt + query_after, segment(client, server, ACK | PUSH, 1001, 5001, asked))]


def write_capture(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("!IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for when, packet in sorted(packets):
            file.write(struct.pack("!IIII", int(when), round(when % 1 * 1e6), len(packet), len(packet)) + packet)
    return path


@test
def of_a_capture(lab):
    """`replay --pcap` gives resolvers the handshake times of the capture, in the window of their queries."""
    server, server6 = ("192.0.2.1", 53), ("2001:db8::53", 53)
    plain, repeated, before, v6 = ("198.51.100.1", 1001), ("198.51.100.2", 1002), ("203.0.113.3", 1003), ("2001:db8:1::1", 1004)
    packets = handshake(plain, server, START + 1, 0.02) + handshake(repeated, server, START + 2, 0.03, repeated=True)
    packets += handshake(before, server, START + 9.9, 0.04, query_after=0.2) + handshake(v6, server6, START + 3, 0.05)
    asked = [(plain, START + 1.02), (repeated, START + 2.03), (before, START + 10.14), (v6, START + 3.05), (plain, START + 12)]
    stream = frames.write_stream(lab, "in.fstrm", [
        frames.frame(frames.AUTH_QUERY, query(1), when, address, port) for (address, port), when in asked])
    country_file = write_mmdb(lab.path("country.mmdb"), "Test-Country", {
        "198.51.100.0/24": country("NL"), "203.0.113.0/24": country("DE")})
    config = lab.write("replay.yaml", yaml({"server": "ns1", "geo": {"country": country_file}, "ping": {"enabled": False},
                                            "wire": {"addresses": [server[0], server6[0]]}}) + "\n")
    capture = write_capture(lab.path("in.pcap"), packets)
    points = Points(output(CROSSTAP, "replay", "-c", config, "--points", "-", "--pcap", capture, stream))
    # The wire's clock ticks in 256 ns.
    times = {(f["address"], (stamp - START * 10**9) // 10**10): "tcp_rtt_ms" in f and round(f["tcp_rtt_ms"], 2)
             for name, tags, f, stamp in points.points if name == "dns_resolver" and tags["rank"] != "other"}
    check_equal(times, {(plain[0], 0): 20.0, (repeated[0], 0): False, (v6[0], 0): 50.0, (before[0], 1): 40.0, (plain[0], 1): 20.0},
                "tcp_rtt_ms by resolver and window")
    shares = {(tags["country"], (stamp - START * 10**9) // 10**10): (f["queries_tcp"], f["queries_unmeasured"])
              for name, tags, f, stamp in points.points if name == "dns_country"}
    check_equal(shares, {("NL", 0): (1, 1), ("unknown", 0): (1, 0), ("NL", 1): (1, 0), ("DE", 1): (1, 0)},
                "queries_tcp, queries_unmeasured")
    check_equal(points.by("wire_tcp_rtt", "retransmitted", "family"), {("ipv4",): 1}, "the repeated one is said to be left out")


# ---- many CPUs, many forged sources ----


RESOLVERS = [f"198.18.1.{n}" for n in range(1, 251)] + [f"fd00:c705:1::{n:x}" for n in range(1, 251)]


def against_the_kernel(lab, **kinds):
    """2,000 handshakes of 500 resolvers: nearly all are counted, quantiles and each resolver's mean are those that TCP
    measured itself, as far as it did, and never less than the line took."""
    attempts(lab, lambda part: attempt_against_the_kernel(part, **kinds))


def attempt_against_the_kernel(lab, spread=False, egress=True):
    with contextlib.ExitStack() as stack:
        line = Line(stack, lab, spread)
        if not egress:
            output("tc", "-n", line.server, "qdisc", "add", "dev", line.device, "ingress")
        oracle = Oracle(stack, lab)
        bench = Bench(lab, line, knot_prefix=oracle.prefix(), interval="4s", top={"resolvers": 600})
        stack.callback(bench.knot.stop)
        said = "mode=native egress=" + ("yes" if egress else "no because: egress: ")
        check(said in bench.crosstap.process.log(), f"{said} in {bench.crosstap.process.log()[-1000:]}")
        time.sleep(4.05 - time.time() % 4)
        line.ask(*(("tcp", source, 4) for source in RESOLVERS))
        bench.quiet(windows=1)
        bench.stop()
        packets = line.forwarder.read()
        # Timed from the SYN on, TCP's own measurement is a part of it.
        times = handshake_times(packets, oracle.read(), as_tcp=egress)
        for family, colon in (("ipv4", False), ("ipv6", True)):
            rows = bench.rows("wire_tcp_rtt", family=family)
            timed = check_coverage(sum(row["handshakes"] for row in rows), packets, family, colon)
            check(timed >= 900, f"{family}: handshakes whose time means something: {timed} of 1000")
            check_distribution(rows, sorted((t for t in times if (":" in t.address) == colon), key=lambda t: t.end_ns), family)
        check_resolvers(bench, "tcp_rtt_ms", times, interval=4)
        return lateness(times, packets)


def check_distribution(rows, times, family):
    """The handshakes of a window are the next so many that ended: give or take those that ended at once or were not
    counted. A quantile lies between those of what was seen inside and outside, to a bin of 1/64."""
    apart, first = CLIENTS_AT_ONCE + len(times) - sum(row["handshakes"] for row in rows), 0
    for row in rows:
        n = row["handshakes"]
        part = times[max(0, first - apart):first + n + apart]
        first += n
        if n < 5 * apart:
            continue
        least, most = sorted(t.least for t in part), sorted(t.most for t in part)
        seen = {q: row[f"p{q}_us"] / 1000 for q in (50, 90, 99)}
        for q, value in seen.items():
            rank = math.ceil(n * q / 100) - 1
            low, high = least[rank], most[min(rank + len(part) - n, len(part) - 1)]
            check(low * 63 / 64 <= value <= high * 65 / 64, f"{family}: p{q} of {n} is {value}, took {low} to {high}; {seen}")
        print(f"     {family}: {n} handshakes, wire {seen}, inside {least[n // 2]:.3f}, outside {most[n // 2]:.3f}", flush=True)


@test
def as_the_kernel_measures(lab):
    against_the_kernel(lab, spread=False)


@test
def as_the_kernel_measures_on_another_cpu(lab):
    """RPS at both ends of the veth: the SYN-ACK leaves from one CPU, the ACK comes in on the other."""
    against_the_kernel(lab, spread=True)


@test
def as_the_kernel_measures_without_egress(lab):
    """Somebody else's `ingress` qdisc has the place of clsact: timed from the SYN to the ACK, both in."""
    against_the_kernel(lab, egress=False)


@test
def flood_of_syns(lab):
    """200,000 SYNs of forged sources, each answered: messages are counted on exactly, and handshakes afterwards again."""
    attempts(lab, attempt_flood)


def attempt_flood(lab):
    with contextlib.ExitStack() as stack:
        line = Line(stack, lab)
        bench = Bench(lab, line)
        flood = subprocess.Popen(["ip", "netns", "exec", line.client, sys.executable, "-B", __file__, "--flood", line.SERVER,
                                  "200000"], stdout=subprocess.PIPE, text=True)
        stack.callback(flood.wait)
        stack.callback(flood.kill)
        run = subprocess.run(dnsload_command(bench.knot, ("ip", "netns", "exec", line.far), namespace=True, count=6000, rate=1000,
                                             tcp=4, tcp_percent=30, source_net=line.RESOLVERS), capture_output=True, text=True,
                             timeout=300, check=False)
        check_equal(run.returncode, 0, run.stderr)
        sent = Sent(json.loads(run.stdout))
        flood.wait(300)
        seconds = float(flood.stdout.read())
        bench.quiet()
        points, dropped = bench.points(), line.dropped()
        packets = sum(points.by("wire", "packets", "transport", direction="query", transport="tcp").values())
        check(packets > 200000 - dropped, f"{packets} TCP packets were counted, {dropped} dropped before")
        bench.not_logged(points.by("crosscheck", "wire", "transport", direction="query")[("udp",)])
        if not dropped:
            check_counts(points, sent)
        before, start_ns = bench.handshakes("ipv4"), time.monotonic_ns()
        line.ask(*(("tcp", f"198.18.1.{n}", 20) for n in range(1, 51)))
        bench.quiet()
        timed = check_coverage(bench.handshakes("ipv4") - before, [p for p in line.forwarder.read() if p.in_ns >= start_ns],
                               f"after a flood of {seconds:.1f} s", False)
        check(timed >= 900, f"handshakes whose time means something: {timed} of 1000")
        bench.stop()
        return dropped and f"the link dropped {dropped} packets of the flood"


def check_counts(points, sent):
    for direction, counts in (("query", sent.queries), ("response", sent.responses)):
        check_equal(points.by("crosscheck", "wire", "transport", "family", direction=direction), counts,
                    f"{direction} messages of the wire")
    check_equal(sum(points.by("wire", "resync", "transport").values()), 0, "TCP streams that were lost")


# ---- forged sources ----


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def flood(server, n):
    """SYNs as fast as they can be made; the kernel fills in IP's checksum and length. Prints how many seconds they took."""
    chance, server, start = random.Random(7), socket.inet_aton(server), time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for _ in range(n):
            source = struct.pack("!I", chance.randrange(0x01000000, 0xdf000000))
            head = struct.pack("!HHIIHHHH", chance.randrange(1024, 65536), 53, chance.getrandbits(32), 0, 0x5002, 65535, 0, 0)
            check_sum = checksum(source + server + struct.pack("!HH", 6, len(head)) + head)
            raw.sendto(struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, 6, 0) + source + server + head[:16] +
                       struct.pack("!HH", check_sum, 0), (socket.inet_ntoa(server), 0))
    print(time.monotonic() - start)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--flood"]:
        flood(sys.argv[2], int(sys.argv[3]))
    else:
        main()
