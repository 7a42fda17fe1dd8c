# SPDX-License-Identifier: BSD-2-Clause
"""A capture held against the dnstap of the same traffic, after the fact: a real Knot in a network namespace answers
the load generator while tcpdump and fstrm_capture write down what they see. Nothing leaves the namespaces."""

import contextlib
import json
import os
import signal
import struct
import subprocess
import time

from databases import InfluxDB
from harness import CROSSTAP, Points, Process, Sent, check, check_equal, dnsload, in_namespace, main, test, wait_for, yaml
from kinds import ALL, BIND_UNLOGGED, KNOT_FAULTS, KNOT_ZONES_UNLOGGED, UNREADABLE, count, send
from nameserver import BIND, Knot
from relay import data_frames
from wire import FIRST

SERVER4, SERVER6 = "198.51.100.1", "2001:db8:1::1"
EMPTY = {"wire": 0, "dnstap": 0, "difference": 0, "left_out": 0}


def ip(*args):
    subprocess.run(["ip", *args], check=True)


class Link:
    """A namespace with the nameserver and one with its clients, a veth between them."""

    SERVER, SERVER6 = SERVER4, SERVER6

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
    """Traffic of some thousand queries: captures by interface and by `any`, dnstap, and what traffic() says of it."""

    def __init__(self, lab, link, traffic, nameserver=Knot, **options):
        socket = lab.path("tap.sock")
        self.fstrm = lab.path("tap.fstrm")
        tap = Process(lab, "fstrm_capture", [*FIRST, "fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-u", socket, "-w",
                                             self.fstrm])
        wait_for(lambda: os.path.exists(socket), 10, "fstrm_capture listens")
        server = nameserver(lab, socket, zones=("example.nl",), address=SERVER4, address6=SERVER6, port=53,
                            prefix=(*FIRST, *link.in_server), **options).start()
        wait_for(lambda: server.process.must_live() and dns_listens(link), 20, "the nameserver listens")
        self.pcap, self.cooked = lab.path("veth.pcap"), lab.path("any.pcap")
        dumps = [self.dump(lab, link, "tcpdump", "dns0", self.pcap),
                 self.dump(lab, link, "tcpdump-any", "any", self.cooked)]
        self.sent = traffic(server, link)
        server.stop()  # writes out what it has of dnstap
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


def frames(path):
    """How many there are in a Frame Streams file."""
    with open(path, "rb") as file:
        return sum(1 for _ in data_frames(file.read()))


def record(lab):
    """A nameserver without a processor drops frames by itself; of slower traffic it does not."""
    for rate in (2000, 1000, 500, 250):
        with contextlib.ExitStack() as stack:
            recorded = Recorded(lab.part(str(rate)), Link(stack), lambda server, link: mixed(server, link, rate))
        logged = frames(recorded.fstrm)
        if logged == recorded.sent.total() + recorded.sent.answers():
            break
        print(f"note {lab.name}: {logged} frames of {recorded.sent.queries} at {rate} a second", flush=True)
    return recorded


def mixed(server, link, rate):
    sent = Sent()
    for address, seed in ((SERVER4, 1), (SERVER6, 2)):
        sent.add(dnsload(server, link.in_client, address=address, namespace=True, count=3000, rate=rate, tcp=4,
                         tcp_percent=20, timeout=60, chaos=True, seed=seed))
    return sent


def every_kind(server, link):
    """How many were answered."""
    return in_namespace(link.client, send, link, ALL, count(ALL))


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
    recorded = record(lab)
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
    points_of_windows(lab, recorded)
    cut_short(lab, recorded)
    lossy(lab, recorded)


def to_pcapng(lab, path):
    """The same packets as a section with one interface (draft-ietf-opsawg-pcapng), of which libpcap writes none itself."""
    with open(path, "rb") as file:
        data = file.read()
    link = struct.unpack_from("<I", data, 20)[0]

    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        length = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + length + body + length
    blocks, at = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), block(1, struct.pack("<HHI", link, 0, 0))], 24
    while at + 16 <= len(data):
        seconds, micros, kept, length = struct.unpack_from("<IIII", data, at)
        time_us = seconds * 1000000 + micros
        blocks.append(block(6, struct.pack("<IIIII", 0, time_us >> 32, time_us & 0xffffffff, kept, length) +
                            data[at + 16:at + 16 + kept]))
        at += 16 + kept
    written = lab.path("veth.pcapng")
    with open(written, "wb") as file:
        file.write(b"".join(blocks))
    return written


def check_points(source, sent, what):
    """Wire and cross-check, summed over the windows."""
    for direction, expected in (("query", sent.queries), ("response", sent.responses)):
        def by(measurement, field):
            return source.by(measurement, field, "transport", "family", direction=direction)
        check_equal(by("wire", "messages"), expected, f"{what}: wire {direction}")
        for witness in ("wire", "dnstap"):
            check_equal(by("crosscheck", witness), expected, f"{what}: crosscheck {direction} {witness}")
        check_equal(by("crosscheck", "difference"), {}, f"{what}: differences of {direction}")
    for kind, expected in (("qtype", sent.qtype), ("rcode", sent.rcode), ("opcode", sent.opcode)):
        check_equal(source.by("wire_" + kind, "messages", kind), expected, f"{what}: wire_{kind}")
    check_equal(source.by("funnel", "unexplained"), {}, f"{what}: unexplained")


def points_of_windows(lab, recorded):
    """By line protocol and pushed, from pcap and pcapng, in windows of a second."""
    influx = InfluxDB(lab).start()
    config = lab.write("replay.yaml", yaml({"interval": "1s", "outputs": [influx.output()]}) + "\n")
    ng = to_pcapng(lab, recorded.pcap)
    check_equal(replay("--pcap", ng)[0]["wire"], replay("--pcap", recorded.pcap)[0]["wire"], "pcapng")
    for path in (recorded.pcap, ng):
        written = path + ".lp"
        replay("-c", config, "--points", written, "--pcap", path, recorded.fstrm)
        with open(written) as file:
            points = Points(file.read())
        check_points(points, recorded.sent, os.path.basename(path))
        check_equal(points.duplicates(), [], "points that overwrite others")
        windows = [(fields, stamp) for name, _, fields, stamp in points.points if name == "funnel"]
        check(len(windows) > 2 and len({stamp for _, stamp in windows}) == len(windows), f"windows of a second: {windows}")
        check_equal({fields["verdict"] for fields, _ in windows}, {"ok"}, "verdicts")
        check_equal(max(windows, key=lambda w: w[1])[0]["balance"], 0, "the last balance")
    replay("-c", config, "--push", "--pcap", recorded.pcap, recorded.fstrm)
    check_points(influx, recorded.sent, "InfluxDB")


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


def not_logged(lab, expected, **server):
    """What the nameserver never logs is none of what is missing: nobody but the frames says who wrote them."""
    with contextlib.ExitStack() as stack:
        recorded = Recorded(lab, Link(stack), every_kind, **server)
    crosscheck = replay("--pcap", recorded.pcap, recorded.fstrm)[0]["crosscheck"]
    queries = crosscheck["query"]["udp"]
    check_equal(sum(queries[family]["wire"] for family in queries), count(ALL), "queries on the wire")
    check_equal(sum(queries[family]["difference"] for family in queries), count(expected) + count([UNREADABLE]), "not in dnstap")
    check_equal((crosscheck["unexplained"], crosscheck["verdict"]), (0, "ok"), f"the whole: {crosscheck}")
    written = lab.path("windows.lp")
    config = lab.write("replay.yaml", yaml({"interval": "1s"}) + "\n")
    replay("-c", config, "--points", written, "--pcap", recorded.pcap, recorded.fstrm)
    with open(written) as file:
        funnels = [(stamp, fields) for name, _, fields, stamp in Points(file.read()).points if name == "funnel"]
    sums = {key: sum(fields[key] for _, fields in funnels) for key in ("malformed", "not_logged", "unexplained")}
    unlogged = {"malformed": count([UNREADABLE]), "not_logged": count(expected), "unexplained": 0}
    check_equal(sums, unlogged, f"sums over windows: {funnels}")
    check_equal({key: crosscheck["funnel"][key] for key in unlogged}, unlogged, "the document says the same")
    check_equal(max(funnels, key=lambda pair: pair[0])[1]["balance"], 0, f"the last balance: {funnels}")


@test
def knot_never_logs(lab):
    not_logged(lab, KNOT_FAULTS)


@test
def knot_per_zone_never_logs(lab):
    not_logged(lab, KNOT_ZONES_UNLOGGED, module="module")


@test
def bind_never_logs(lab):
    not_logged(lab, BIND_UNLOGGED, nameserver=BIND)


if __name__ == "__main__":
    main()
