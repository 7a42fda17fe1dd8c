# SPDX-License-Identifier: BSD-2-Clause
"""Every kind of query, and which of them a nameserver keeps from dnstap."""

import socket
import struct
import time

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


# ---- who logs what ----

ZONES_LOG = [PLAIN, CLASS_ANY, BAD_COOKIE, META_TYPE, UNREADABLE]
KNOT_SILENT = [TWO_QUESTIONS, UNREADABLE]
KNOT_FAULTS = [NO_QUESTION, TWO_QUESTIONS, BADVERS, CHAOS_BADVERS, TWO_OPTS, CHAOS_TWO_OPTS, GARBAGE]
KNOT_ZONES_UNLOGGED = [kind for kind in ALL if kind not in ZONES_LOG]
BIND_UNLOGGED = [CLASS_ANY, CLASS_ANY_OUTSIDE, OTHER_CLASS, UNASSIGNED_CLASS, CLASS_NONE, NO_QUESTION, TWO_QUESTIONS, BADVERS,
                 CHAOS_BADVERS, TWO_OPTS, CHAOS_TWO_OPTS, BAD_COOKIE]
