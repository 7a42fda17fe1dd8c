#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""RSSAC002's daily files from the wire and from dnstap, of a real Knot over a veth: what they say is what was sent, whole over
restarts and a kill within the day."""

import contextlib
import glob
import ipaddress
import json
import signal
import socket
import subprocess
import sys
import time

import frames
from harness import Crosstap, Namespaces, Points, check, check_equal, dnsload, dnsload_command, \
    in_namespace, main, Sent, tcp_answers, test, wait_for
from nameserver import Knot

METRICS = ("traffic-volume", "traffic-sizes", "rcode-volume", "unique-sources")
RESOLVERS6 = "fd00:c705:1::/64"


class Bench:
    """The agent beside Knot, in whatever source; both go on in the same network after a restart."""

    def __init__(self, stack, lab, source):
        self.lab, self.dir, self.source = lab, lab.path("rssac002"), source
        self.net = Namespaces("rssac")
        stack.callback(self.net.close)
        self.net.make()
        for namespace, route in ((self.net.client, ("local", RESOLVERS6, "dev", "lo")),
                                 (self.net.server, (RESOLVERS6, "via", self.net.CLIENT6))):
            self.net.ip("-n", namespace, "-6", "route", "add", *route)
        self.crosstap = Crosstap(lab, inputs=[{"unix": lab.path("in.sock")}], grace="1500ms",
                                 wire={"mode": "native", "interfaces": [self.net.device]},
                                 rssac002={"dir": self.dir, "source": source},
                                 outputs=[{"file": {"path": lab.path("points.lp")}}])
        self.knot = Knot(lab, lab.path("in.sock"), **self.net.nameserver())
        self.sent, self.sources = Sent(), set()
        self.sizes = {(t, way): {} for t in ("udp", "tcp") for way in ("request", "response")}

    def start(self):
        self.crosstap.start(namespace=self.net.server)
        self.knot.start()
        self.crosstap.wait_connections(1)
        wait_for(lambda: self.knot.process.must_live() and in_namespace(self.net.server, tcp_answers, self.net.SERVER, 53), 10,
                 "Knot listens")

    def load(self, count):
        self.sent.add(dnsload(self.knot, **self.net.load(), count=count, rate=1000, tcp=4, tcp_percent=20,
                              source_net=self.net.RESOLVERS, sources=200))

    def ask6(self, n):
        """n sources of IPv6, four in each /64 but those of `RESOLVERS6` in one; sizes are counted here."""
        run = subprocess.run(["ip", "netns", "exec", self.net.client, sys.executable, "-B", __file__, "--ask6", self.net.SERVER6,
                              str(n)], capture_output=True, text=True, timeout=60, check=False)
        check_equal(run.returncode, 0, run.stderr)
        for source, asked, answered, rcode in json.loads(run.stdout):
            self.sources.add(source)
            for way, size in (("request", asked), ("response", answered)):
                bins = self.sizes["udp", way]
                bins[size // 16] = bins.get(size // 16, 0) + 1
            self.sent.add({"family": "ipv6", "transport": {"udp": {"sent": 1, "received": 1}}, "qtype": {}, "opcode": {},
                           "rcode": {rcode: 1}})

    def settled(self):
        """Three windows without a message: everything is counted."""
        def quiet():
            window = self.crosstap.api("window")
            return not any(z.get("queries") for z in window["zones"].values())
        time.sleep(3)
        wait_for(quiet, 10, "a quiet window")
        time.sleep(1)

    def points(self):
        with open(self.lab.path("points.lp")) as file:
            return Points(file.read())

    def files(self):
        """{metric: {(section, key): number}} of today's files."""
        found = {}
        for metric in METRICS:
            paths = glob.glob(f"{self.dir}/*/*/{metric}/{self.crosstap.config['server']}-*-{metric}.yaml")
            check_equal(len(paths), 1, f"files of {metric}")
            found[metric] = read_yaml(paths[0], metric)
        return found


def read_yaml(path, metric):
    with open(path) as file:
        lines = file.read().splitlines()
    check_equal(lines[:2] + [lines[4]], ["---", "version: rssac002v5", f"metric: {metric}"], "head")
    counts, section = {}, ""
    for line in lines[5:]:
        key, _, value = line.strip().partition(": ")
        if value.isdigit():
            counts[section if line.startswith(" ") else "", key] = int(value)
        else:
            section = key.rstrip(":")
    return counts


def check_files(bench, sources=True):
    files, (queries, responses, rcodes) = bench.files(), expected(bench)
    volume = {f"dns-{t}-{way}-{f}": counts.get((t, f), 0) for way, counts in
              (("queries-received", queries), ("responses-sent", responses)) for t in ("udp", "tcp") for f in ("ipv4", "ipv6")}
    check_equal({key: n for (_, key), n in files["traffic-volume"].items()}, volume, "traffic-volume")
    numbers = {"NOERROR": "0", "FORMERR": "1", "NXDOMAIN": "3", "NOTIMP": "4", "REFUSED": "5"}
    check_equal({key: n for (_, key), n in files["rcode-volume"].items()}, {numbers[r]: n for (r,), n in rcodes.items()},
                "rcode-volume")
    for t in ("udp", "tcp"):
        for way, counts in (("request", queries), ("response", responses)):
            bins = {key: n for (section, key), n in files["traffic-sizes"].items() if section == f"{t}-{way}-sizes"}
            check_equal(sum(bins.values()), sum(n for (x, _), n in counts.items() if x == t), f"traffic-sizes, {t} {way}")
            for number, n in bench.sizes[t, way].items():
                check(bins.get(f"{16 * number}-{16 * number + 15}", 0) >= n, f"{n} {t} {way} messages in bin {number}: {bins}")
    v6 = {ipaddress.ip_address(a) for a in bench.sources}
    if sources:
        check_equal({key: n for (_, key), n in files["unique-sources"].items()},
                    {"num-sources-ipv4": 200, "num-sources-ipv6": len(v6), "num-sources-ipv6-aggregate":
                     len({int(a) >> 64 for a in v6})}, "unique-sources")


def expected(bench):
    """(queries, responses, rcodes). Of the wire: what was sent. Of dnstap: what came in as frames; Knot drops some of them by
    itself when its writer has to wait for a CPU."""
    sent = bench.sent
    if bench.source == "wire":
        return sent.queries, sent.responses, sent.rcode
    points = bench.points()
    came = [points.by("dns", field, "transport", "family") for field in ("queries", "responses")]
    for counts, all_of_them in zip(came, (sent.queries, sent.responses)):
        check(0.98 * sum(all_of_them.values()) <= sum(counts.values()) <= sum(all_of_them.values()), f"{counts} of {all_of_them}")
    return *came, points.by("dns_rcode", "responses", "rcode")


def check_sizes(bench):
    """Bin by bin as the points of the same witness."""
    points, files = bench.points(), bench.files()["traffic-sizes"]
    for t in ("udp", "tcp"):
        for way, direction in (("request", "query"), ("response", "response")):
            pointed, seen = {}, {}
            for name, tags, fields, _ in points.points:
                if name == ("wire_size" if bench.source == "wire" else "dns_size") and (
                        tags["transport"], tags["direction"]) == (t, direction):
                    for key, n in fields.items():
                        pointed[int(key[1:])] = pointed.get(int(key[1:]), 0) + n
            for (section, key), n in files.items():
                if section == f"{t}-{way}-sizes":
                    low = int(key.split("-")[0])
                    low = low if low < 512 else min(low - low % 128, 4096)
                    seen[low] = seen.get(low, 0) + n
            check_equal(seen, {k: n for k, n in pointed.items() if n}, f"{t} {way} sizes of the file and of the points")


def over_restarts(lab, source, kill):
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, lab, source)
        bench.start()
        bench.load(3000)
        bench.ask6(40)
        bench.settled()
        if kill:
            bench.crosstap.process.kill(signal.SIGKILL)
            bench.crosstap.process.wait()
        else:
            check_equal(bench.crosstap.stop(), 0, "exit code")
            check_files(bench)
        bench.knot.stop()
        bench.start()
        bench.load(2000)
        bench.ask6(60)
        bench.settled()
        check_equal(bench.crosstap.stop(), 0, "exit code")
        check_files(bench)
        check_sizes(bench)


@test
def wire_over_a_restart(lab):
    over_restarts(lab, "wire", False)


@test
def wire_over_a_kill(lab):
    over_restarts(lab, "wire", True)


@test
def dnstap_over_a_restart(lab):
    over_restarts(lab, "dnstap", False)


@test
def dnstap_over_a_kill(lab):
    over_restarts(lab, "dnstap", True)


@test
def wire_without_a_pause(lab):
    """Killed in the middle of traffic, which the kernel's side goes on to count: volumes, sizes and rcodes miss nothing."""
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, lab, "wire")
        bench.start()
        with subprocess.Popen(dnsload_command(bench.knot, **bench.net.load(), count=8000, rate=1000, tcp=4, tcp_percent=20),
                              stdout=subprocess.PIPE, text=True) as load:
            for pause in (1.37, 1.9, 0.6):  # wherever in its windows
                time.sleep(pause)
                bench.crosstap.process.kill(signal.SIGKILL)
                bench.crosstap.process.wait()
                time.sleep(0.3)
                bench.crosstap.start(namespace=bench.net.server)
            bench.sent.add(json.loads(load.communicate(timeout=60)[0]))
        bench.settled()
        check_equal(bench.crosstap.stop(), 0, "exit code")
        check_files(bench, sources=False)


@test
def wire_killed_in_a_window(lab):
    """Who asked in the open window alone, and while nobody counted, is in unique-sources as well as in the volumes."""
    with contextlib.ExitStack() as stack:
        bench = Bench(stack, lab, "wire")
        bench.start()
        bench.load(300)
        bench.ask6(40)

        bench.settled()
        bench.crosstap.process.kill(signal.SIGSTOP)  # its window stays open
        bench.ask6(50)  # ten of them for the first time
        bench.crosstap.process.kill(signal.SIGKILL)
        bench.crosstap.process.wait()
        bench.ask6(60)  # and ten more
        bench.crosstap.start(namespace=bench.net.server)
        bench.knot.stop()
        check_equal(bench.crosstap.stop(), 0, "exit code")
        check_files(bench)


# ---- the resolvers ----


def ask6(server, n):
    """One query of each of n addresses; prints [source, bytes asked, bytes answered, rcode]."""
    seen = []
    for i in range(n):
        source = str(ipaddress.ip_address("fd00:c705:1::") + i + 1)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
            sock.settimeout(5)
            sock.bind((source, 0))
            asked = frames.message("www.example.nl" if i % 3 else f"nothing-{i}.example.nl", id=i)
            sock.sendto(asked, (server, 53))
            answer = sock.recv(4096)
            seen.append((source, len(asked), len(answer), {0: "NOERROR", 3: "NXDOMAIN"}[answer[3] & 15]))
    print(json.dumps(seen))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask6"]:
        ask6(sys.argv[2], int(sys.argv[3]))
    else:
        main()
