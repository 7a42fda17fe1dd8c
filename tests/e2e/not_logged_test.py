#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What nameservers never log. Each gets every kind of query: those that its dnstap leaves out are `not_logged`, to the last
one, and nothing is unexplained."""

import socket
import struct
import time

from harness import check, check_equal, in_namespace, main, test
from nameserver import BIND, NSD, Knot
from wire import Bench, network

IN, CH, HS, NONE, ANY = 1, 3, 4, 254, 255
A, TXT, OPT, TSIG = 1, 16, 41, 250


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def query(text="www.example.nl", qtype=A, qclass=IN, additional=(), tail=b"", questions=1):
    """A query without its id."""
    question = name(text) + struct.pack("!HH", qtype, qclass)
    return struct.pack("!5H", 0, questions, 0, 0, len(additional)) + question * questions + b"".join(additional) + tail


def opt(version=0, data=b""):
    return b"\0" + struct.pack("!HHBBHH", OPT, 1232, 0, version, 0, len(data)) + data


# (kind, how many, message); who logs them is what the tests say.
PLAIN = ("plain", 400, query())
OUTSIDE = ("outside", 60, query("www.elsewhere.example"))
CHAOS = ("chaos", 40, query("version.bind", TXT, CH))
CHAOS_REFUSED = ("chaos refused", 20, query("elsewhere.example", TXT, CH))
CLASS_ANY = ("class any", 25, query(qclass=ANY))
CLASS_ANY_OUTSIDE = ("class any outside", 15, query("www.elsewhere.example", qclass=ANY))
OTHER_CLASS = ("other class", 12, query(qclass=HS))
UNASSIGNED_CLASS = ("unassigned class", 11, query(qclass=65280))
CLASS_NONE = ("class none", 9, query(qclass=NONE))
NO_QUESTION = ("no question", 8, query(questions=0))
TWO_QUESTIONS = ("two questions", 7, query(questions=2))
BADVERS = ("badvers", 14, query(additional=[opt(1)]))
CHAOS_BADVERS = ("chaos badvers", 6, query("version.bind", TXT, CH, [opt(1)]))
TWO_OPTS = ("two opts", 13, query(additional=[opt(), opt()]))
CHAOS_TWO_OPTS = ("chaos two opts", 5, query("version.bind", TXT, CH, [opt(), opt()]))
BAD_COOKIE = ("bad cookie", 10, query(additional=[opt(data=struct.pack("!HH3s", 10, 3, b"abc"))]))
GARBAGE = ("garbage behind it", 16, query(tail=b"abcde"))
META_TYPE = ("meta type", 17, query(qtype=TSIG))
UNREADABLE = ("unreadable", 19, query().replace(b"\7example", b"\x47example"))
ALL = [PLAIN, OUTSIDE, CHAOS, CHAOS_REFUSED, CLASS_ANY, CLASS_ANY_OUTSIDE, OTHER_CLASS, UNASSIGNED_CLASS, CLASS_NONE, NO_QUESTION,
       TWO_QUESTIONS, BADVERS, CHAOS_BADVERS, TWO_OPTS, CHAOS_TWO_OPTS, BAD_COOKIE, GARBAGE, META_TYPE, UNREADABLE]
SECONDS = 4


def count(kinds):
    return sum(n for _, n, _ in kinds)


def send(net, kinds, expected):
    """All of them, each kind spread over the whole time, over both families. Returns how many were answered, after so many or
    when a second brings no more."""
    due = sorted(((i + 0.5) / n * SECONDS, number, message)
                 for number, (_, n, message) in enumerate(kinds) for i in range(n))
    sockets = []
    for family, address in ((socket.AF_INET, net.SERVER), (socket.AF_INET6, net.SERVER6)):
        sockets.append(socket.socket(family, socket.SOCK_DGRAM))
        sockets[-1].setblocking(False)
        sockets[-1].connect((address, 53))
    start, answered = time.monotonic(), 0

    def take():
        got = 0
        for sock in sockets:
            try:
                while sock.recv(4096):
                    got += 1
            except BlockingIOError:
                pass
        return got
    for number, (at, _, message) in enumerate(due):
        time.sleep(max(0.0, start + at - time.monotonic()))
        sockets[number & 1].send(struct.pack("!H", number + 1) + message)
        answered += take()
    last = time.monotonic()
    while answered < expected and time.monotonic() < last + 1:
        time.sleep(0.01)
        if got := take():
            answered, last = answered + got, time.monotonic()
    for sock in sockets:
        sock.close()
    return answered


def explained(lab, kinds, not_logged, unanswered=(), mode="native", malformed=0, limited=(), **options):
    """Sends all kinds, and sees that these were not logged and everything is explained. `limited`: not each is answered."""
    with network() as net:
        bench = Bench(lab, net, mode, horizon="10s", **options).start()
        most = count(kinds) - count(unanswered)
        answered = in_namespace(net.client, send, net, kinds, most)
        check(most - count(limited) <= answered <= most, f"answers: at most {most}, saw {answered}")
        bench.quiet()
        funnels = [fields for _, fields in bench.funnels()]
        sums = {key: sum(f.get(key, 0) for f in funnels) for key in ("wire_queries", "dnstap_queries", "not_logged", "malformed",
                                                                     "unexplained", "unanswered")}
        check_equal(sums["wire_queries"], count(kinds), "the wire saw all")
        check_equal((sums["malformed"], sums["not_logged"]), (malformed, count(not_logged)),
                    f"malformed and not logged; sums: {sums}; all: {funnels}")
        check_equal(sums["dnstap_queries"], count(kinds) - malformed - count(not_logged), "dnstap has the others")
        check_equal((sums["unexplained"], funnels[-1].get("balance")), (0, 0), f"unexplained and balance; all: {funnels}")
        check_equal({f["verdict"] for f in funnels if "balance" in f}, {"ok"}, f"verdicts; all: {funnels}")
        busy = [f for f in funnels if f.get("wire_queries")]
        check(len(busy) >= SECONDS, f"spread over windows: {len(busy)}")
        bench.stop()


ZONES_LOG = [PLAIN, CLASS_ANY, BAD_COOKIE, META_TYPE, UNREADABLE]
KNOT_SILENT = [TWO_QUESTIONS, UNREADABLE]
KNOT_FAULTS = [NO_QUESTION, TWO_QUESTIONS, BADVERS, CHAOS_BADVERS, TWO_OPTS, CHAOS_TWO_OPTS, GARBAGE]


@test
def knot_module_per_zone(lab):
    """Nothing told the agent where the module sits."""
    explained(lab, ALL, [kind for kind in ALL if kind not in ZONES_LOG], KNOT_SILENT, malformed=count([UNREADABLE]),
              server={"module": "module"})


@test
def knot_module_per_zone_by_packet(lab):
    """AF_PACKET counts the same."""
    explained(lab, ALL, [kind for kind in ALL if kind not in ZONES_LOG], KNOT_SILENT, "packet", count([UNREADABLE]),
              server={"module": "module"})


@test
def knot_global_module(lab):
    """Everything is logged that Knot takes for a query."""
    explained(lab, [PLAIN, OUTSIDE, CHAOS, CHAOS_REFUSED, CLASS_ANY, OTHER_CLASS], [])


@test
def knot_global_module_faults(lab):
    """Of queries that it finds fault with Knot logs the response alone."""
    explained(lab, ALL, KNOT_FAULTS, KNOT_SILENT, malformed=count([UNREADABLE]))


@test
def bind(lab):
    """CHAOS is logged, what BIND finds malformed is not. Its own view of CHAOS has a limit of 3 responses a second."""
    explained(lab, ALL, [CLASS_ANY, CLASS_ANY_OUTSIDE, OTHER_CLASS, UNASSIGNED_CLASS, CLASS_NONE, NO_QUESTION, TWO_QUESTIONS, BADVERS,
                         CHAOS_BADVERS, TWO_OPTS, CHAOS_TWO_OPTS, BAD_COOKIE], malformed=count([UNREADABLE]), limited=[CHAOS, CHAOS_REFUSED],
              nameserver=BIND)


@test
def nsd(lab):
    """NSD logs all."""
    explained(lab, ALL, [], nameserver=NSD)


if __name__ == "__main__":
    main()
