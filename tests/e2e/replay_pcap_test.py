# SPDX-License-Identifier: BSD-2-Clause
"""A capture held against the dnstap of the same traffic, after the fact: a real Knot in a network namespace answers
the load generator while tcpdump and fstrm_capture write down what they see. Nothing leaves the namespaces."""

import contextlib
import json
import os
import signal
import subprocess
import time

from harness import CROSSTAP, Process, Sent, check, check_equal, dnsload, main, test, wait_for
from nameserver import Knot

SERVER4, SERVER6 = "198.51.100.1", "2001:db8:1::1"
EMPTY = {"wire": 0, "dnstap": 0, "difference": 0, "left_out": 0}


def ip(*args):
    subprocess.run(["ip", *args], check=True)


class Link:
    """A namespace with the nameserver and one with its clients, a veth between them."""

    def __init__(self, stack):
        self.server, self.client = (f"crosstap-pcap-{side}-{os.getpid()}" for side in "sc")
        for namespace in (self.server, self.client):
            ip("netns", "add", namespace)
            stack.callback(subprocess.run, ["ip", "netns", "del", namespace], check=False)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", self.server, "link", "add", "dns0", "type", "veth", "peer", "name", "dns0", "netns", self.client)
        for namespace, side in ((self.server, 1), (self.client, 2)):
            ip("-n", namespace, "addr", "add", f"198.51.100.{side}/24", "dev", "dns0")
            ip("-n", namespace, "addr", "add", f"2001:db8:1::{side}/64", "dev", "dns0", "nodad")
            ip("-n", namespace, "link", "set", "dns0", "up")
        self.in_server = ("ip", "netns", "exec", self.server)
        self.in_client = ("ip", "netns", "exec", self.client)


def dns_listens(link):
    sockets = subprocess.run([*link.in_server, "ss", "-Hltn", "sport", "=", "53"], capture_output=True, text=True)
    return sockets.stdout.count("LISTEN") >= 2


def is_at_rest(path):
    """Longer than libpcap waits for a full block."""
    size = os.path.getsize(path)
    time.sleep(1.5)
    return size and os.path.getsize(path) == size


class Recorded:
    """Traffic of some thousand queries: captures by interface and by `any`, dnstap, and what was sent."""

    def __init__(self, lab, link):
        socket = lab.path("tap.sock")
        self.fstrm = lab.path("tap.fstrm")
        tap = Process(lab, "fstrm_capture", ["fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-u", socket, "-w",
                                             self.fstrm])
        wait_for(lambda: os.path.exists(socket), 10, "fstrm_capture listens")
        knot = Knot(lab, socket, zones=("example.nl",), address=SERVER4, address6=SERVER6, port=53,
                    prefix=link.in_server).start()
        wait_for(lambda: knot.process.must_live() and dns_listens(link), 20, "knot listens")
        self.pcap, self.cooked = lab.path("veth.pcap"), lab.path("any.pcap")
        dumps = [self.dump(lab, link, "tcpdump", "dns0", self.pcap),
                 self.dump(lab, link, "tcpdump-any", "any", self.cooked)]
        self.sent = Sent()
        for address, seed in ((SERVER4, 1), (SERVER6, 2)):
            self.sent.add(dnsload(knot, link.in_client, address=address, namespace=True, count=3000, rate=2000, tcp=4,
                                  tcp_percent=20, chaos=True, seed=seed))
        knot.stop()  # writes out what it has of dnstap
        wait_for(lambda: tap.must_live() and os.path.getsize(self.fstrm) > 0, 10, "frames")
        tap.stop()
        for dump, path in zip(dumps, (self.pcap, self.cooked)):
            wait_for(lambda: is_at_rest(path), 10, "tcpdump has written what it was given")
            dump.stop(signal.SIGINT)
            check("\n0 packets dropped by kernel" in dump.log(), f"{dump.name} saw everything: {dump.log()}")

    @staticmethod
    def dump(lab, link, name, interface, path):
        dump = Process(lab, name, ["tcpdump", "-Z", "root", "-i", interface, "-U", "-B", "16384", "-s", "0", "-w", path,
                                   "port", "53"], link.in_server)
        wait_for(lambda: dump.must_live() and "listening on" in dump.log(), 10, f"{name} listens")
        return dump


def replay(*args, code=0):
    run = subprocess.run([CROSSTAP, "replay", "--json", *args], capture_output=True, text=True, timeout=60)
    check_equal(run.returncode, code, f"exit of replay {args}: {run.stderr}")
    return json.loads(run.stdout), run.stderr


def check_wire(wire, sent, what):
    for direction, expected in (("query", sent.queries), ("response", sent.responses)):
        seen = {(t, f): c["messages"] for t, fs in wire[direction].items() for f, c in fs.items()}
        check_equal(seen, expected, f"{what}: {direction}")
    check_equal({(q,): n for q, n in wire["qtype"].items()}, sent.qtype, f"{what}: qtype")
    check_equal({(q,): n for q, n in wire["rcode"].items()}, sent.rcode, f"{what}: rcode")
    check_equal({(q,): n for q, n in wire["opcode"].items()}, sent.opcode, f"{what}: opcode")


def check_crosscheck(crosscheck, sent, what):
    for direction, expected in (("query", sent.queries), ("response", sent.responses)):
        for (transport, family), n in expected.items():
            row = crosscheck[direction][transport][family]
            check_equal(row, dict(EMPTY, wire=n, dnstap=n), f"{what}: {direction} {transport} {family}")
    check_equal((crosscheck["unexplained"], crosscheck["verdict"]), (0, "ok"), what)


@test
def nothing_is_missing(lab):
    with contextlib.ExitStack() as stack:
        recorded = Recorded(lab, Link(stack))
    for path in (recorded.pcap, recorded.cooked):
        what = os.path.basename(path)
        document, errors = replay("--pcap", path, recorded.fstrm)
        check_equal(errors, "", f"{what}: messages")
        check_wire(document["wire"], recorded.sent, what)
        check_crosscheck(document["crosscheck"], recorded.sent, what)
        alone, _ = replay("--pcap", path)
        check_equal(alone["wire"], document["wire"], f"{what} alone")
        check_equal(alone["crosscheck"]["verdict"], "dnstap-blind", f"{what} alone")
    check("wire" not in replay(recorded.fstrm)[0], "no wire without a capture")
    cut_short(lab, recorded)
    lossy(lab, recorded)


def cut_short(lab, recorded):
    """A capture that ends inside a packet counts what is before, and says where."""
    path = lab.path("short.pcap")
    with open(recorded.pcap, "rb") as source, open(path, "wb") as target:
        target.write(source.read()[:-7])
    document, errors = replay("--pcap", path, recorded.fstrm, code=1)
    check("short.pcap: truncated dump file" in errors and "packet=" in errors and "offset=" in errors, errors)
    lost = sum(recorded.sent.responses.values()) - sum(
        c["messages"] for fs in document["wire"]["response"].values() for c in fs.values())
    check(0 <= lost <= 1, f"the last packet alone is missing: {lost}")


def lossy(lab, recorded):
    """Dnstap of which the second half is gone: so many queries are unexplained."""
    path = lab.path("half.fstrm")
    with open(recorded.fstrm, "rb") as source, open(path, "wb") as target:
        data = source.read()
        at, end = 0, len(data) // 2
        while at < end:  # whole frames: a length, 0 for a control frame with a length of its own
            size = int.from_bytes(data[at:at + 4], "big")
            at += 4 + size if size else 8 + int.from_bytes(data[at + 4:at + 8], "big")
        target.write(data[:at])
    document, _ = replay("--pcap", recorded.pcap, path)
    queries = document["crosscheck"]["query"]["udp"]
    missing = sum(queries[family]["difference"] for family in queries)
    check(missing > 1000, f"queries are missing: {missing}")
    check_equal((document["crosscheck"]["unexplained"], document["crosscheck"]["verdict"]), (missing, "dnstap-loss"),
                "half of the frames")


if __name__ == "__main__":
    main()
