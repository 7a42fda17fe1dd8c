# SPDX-License-Identifier: BSD-2-Clause
"""Made dnstap frames as no nameserver sends them all, but each of them some nameserver or some stranger might: fields that
are missing or impossible, messages broken in each place, clocks that step, answers before their queries. One seed gives
one file."""

import random
import struct

from traffic import SECOND, control, framed, number, text, varint

QUERY_TYPES = (1, 5, 13)  # AUTH, CLIENT, UPDATE; the response is one more
OUTGOING_TYPES = (3, 7, 9, 11)
TYPES = [1, 1, 1, 2, 6, 15, 16, 28, 28, 43, 43, 48, 64, 65, 251, 252, 255, 54, 65280]
SIZES = [0, 511, 512, 513, 1220, 1232, 1233, 1400, 1452, 1472, 1500, 2048, 4096, 4097, 65535]
BELOW = [(), (b"nl",), (b"nl",), (b"example", b"nl"), (b"Example", b"NL"), (b"co", b"uk"), (b"b", b"a", b"kobe", b"nl"),
         (b"city", b"kobe", b"nl"), (b"org",), (b"xnl",), (b"2", b"0", b"192", b"in-addr", b"arpa"), (b"ip6", b"ARPA"),
         (b"n.l",), (b"nl", b"org"), (b"www", b"ck"), (b"x", b"ck")]
LABELS = [b"www", b"WWW", b"wWw", b"a", b"_dmarc", b"xn--p1ai", b"XN--a", b"a.b", b"back\\slash", b"sp ce", b"\0\xff\x7f", b'"@$',
          b"u" * 63, b"host-1", b"MiXeDcAsE"]
COOKIE, ECS, EDE, NSID = 10, 8, 15, 3


def wire(labels):
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def name(r):
    """Labels, of at most 255 bytes on the wire."""
    kind = r.random()
    below = r.choice(BELOW)
    if kind < 0.02:
        return [b"a"] * 127
    if kind < 0.04:
        return [b"x" * 63, b"y" * 63, b"z" * 63, b"q" * 61]
    if kind < 0.06:
        return [b"x"] * r.randrange(100) + list(below)
    return [r.choice(LABELS) for _ in range(r.choice([0, 1, 1, 1, 2, 3, 9]))][:(250 - len(wire(below))) // 64] + list(below)


def subnet(r):
    family, bits = r.choice([(1, 32), (1, 32), (2, 128), (0, 0), (3, 32)])
    prefix = r.choice([0, 1, 20, 24, 32, 33, 48, 56, 128, 129, 255])
    data = struct.pack("!HBB", family, prefix, r.choice([0, 24])) + b"\xaa" * r.choice([(min(prefix, bits) + 7) // 8, 0, 3, 20])
    return data[:r.choice([99, 99, 99, 3, 0])]


def option(r):
    code = r.choice([NSID, ECS, ECS, COOKIE, COOKIE, EDE, EDE, 12, 0, 65001])
    if code == ECS:
        data = subnet(r)
    elif code == EDE:
        data = (struct.pack("!H", r.choice([0, 3, 6, 18, 18, 22, 24, 30, 31, 49152, 65535])) + r.choice([b"", b"why"]))[:r.choice([9, 9, 9, 1, 0])]
    else:
        data = bytes(r.choice([0, 1, 7, 8, 8, 16, 24, 40, 41]))
    return struct.pack("!HH", code, len(data) + r.choice([0] * 30 + [1, 200, 65000])) + data


def opt(r, owner=b"\0"):
    options = b"".join(option(r) for _ in range(r.choice([0, 0, 1, 1, 2, 3, 12]))) + r.choice([b""] * 9 + [b"\0", b"\0\x0a\0"])
    ttl = r.choice([0] * 8 + [1, 2, 255]) << 24 | r.choice([0] * 9 + [1, 255]) << 16 | r.choice([0, 0x8000, 0x8000, 0x4001])
    overrun = r.choice([0] * 12 + [1, 60000])  # the record runs over the message's end
    return owner + struct.pack("!HHIH", 41, r.choice(SIZES), ttl, (len(options) + overrun) & 0xffff) + options


def record(r):
    owner = r.choice([b"\xc0\x0c", b"\0", wire([b"other", b"nl"]), b"\xc0\x0c", b"\xff\xff"])
    data = bytes(r.randrange(30))
    return owner + struct.pack("!HHIH", r.choice([1, 28, 46, 250, 16]), 1, 60, len(data)) + data


def question(r, labels, qtype):
    return wire(labels) + struct.pack("!HH", qtype, r.choice([1] * 20 + [3, 4, 0, 254, 255, r.randrange(65536)]))


def additional(r):
    root, below = opt(r), opt(r, wire([b"nl"]))
    return r.choice([[], [root], [root], [root], [root], [record(r), root], [root, record(r)], [root, opt(r)], [below], [below, root],
                     [opt(r, b"\xc0\x0c")], [record(r)]])


def broken(r, data):
    kind = r.randrange(4)
    if kind == 0:
        return data[:r.randrange(len(data) + 1)]
    if kind == 1:
        at = r.randrange(len(data))
        return data[:at] + bytes([r.randrange(256)]) + data[at + 1:]
    if kind == 2:
        return data[:12] + r.choice([b"\xc0\x0c", b"\x40abc", b"\x80", b"\x3f" + b"a" * 20, b"\1a" * 128 + b"\0"]) + data[12:]
    return data + bytes(r.randrange(600))


def message(r, is_query, ident, labels, qtype):
    """Mostly whole; the counts of its sections are not always right."""
    questions = r.choice([1] * 20 + [0, 2])
    body = b"".join(question(r, labels if i == 0 else [b"second", b"nl"], qtype) for i in range(questions))
    if questions == 2 and r.random() < 0.5:
        body = question(r, labels, qtype) + b"\xc0\x0c\0\1\0\1"
    answers = [] if is_query and r.random() < 0.9 else [record(r) for _ in range(r.randrange(4))]
    answers += [opt(r)] if r.random() < 0.03 else []
    authority = [record(r)] if r.random() < 0.1 else []
    more = additional(r)
    flags = (0 if is_query else 0x8000) ^ r.choice([0] * 40 + [0x8000])
    flags |= r.choice([0] * 12 + list(range(16))) << 11 | r.getrandbits(7) << 4 & r.choice([0x7f0, 0x100, 0])
    flags |= r.choice([0] * 9 + [1]) if is_query else r.choice([0, 0, 0, 3, 3, 3, 2, 5, 1, 11, 15])
    counts = [questions, len(answers), len(authority), len(more)]
    if r.random() < 0.03:
        counts[r.randrange(4)] = r.choice([0, 1, 2, 65535])
    data = struct.pack("!6H", ident, flags, *counts) + body + b"".join(answers + authority + more)
    return broken(r, data) if r.random() < 0.08 else data


def client(r):
    """Some ask often; some are no address."""
    kind = r.random()
    if kind < 0.45:
        return bytes([192, 0, 2, r.randrange(5)])
    if kind < 0.6:
        return bytes([198, 51, r.randrange(100, 104), r.randrange(9)])
    if kind < 0.8:
        return bytes.fromhex("20010db8%04x" % r.randrange(3)) + bytes(9) + bytes([r.randrange(3)])
    if kind < 0.9:
        return bytes(10) + b"\xff\xff" + bytes([192, 0, 2, r.randrange(5)])
    return r.choice([None, None, b"", b"\1", bytes(5), bytes(15), bytes(17), b"\xff" * 4, bytes(15) + b"\1", bytes(10) + b"\xff\xfe" + bytes(4)])


def moment(field, at):
    """at: nanoseconds."""
    return number(field, at // 10 ** 9) + varint(field + 1 << 3 | 5) + struct.pack("<I", at % 10 ** 9)


class Exchange:
    """A query and what may come of it."""

    def __init__(self, r, at):
        self.at, self.type = at, r.choice([1] * 8 + list(QUERY_TYPES) + list(OUTGOING_TYPES))
        self.ident, self.labels, self.qtype = r.choice([r.randrange(9), r.randrange(65536)]), name(r), r.choice(TYPES)
        self.address, self.port = client(r), r.choice([53, 5353, 5353, 0, 65535, r.randrange(65536), None])
        self.protocol = r.choice([1] * 9 + [2, 2, 3, 4, 5, 6, 7, 8, 0, 100, None, None])
        self.family = r.choice([None] * 2 + [2 if self.address and len(self.address) == 16 else 1] * 9 + [1, 2, 3])
        self.server = r.choice([bytes([192, 0, 2, 53]), bytes.fromhex("20010db8") + bytes(11) + b"\x35", None, bytes(3),
                                bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 53])])
        self.identity = r.choice([None, b"ams", b"ams", b"fra", b"", b"i" * 80])

    def frame(self, r, is_query, at):
        query = message(r, True, self.ident, self.labels, self.qtype)
        kind = self.type + (not is_query)
        parts = [number(1, r.choice([kind] * 200 + [0, 15, 99]))]
        for field, value in ((2, self.family), (3, self.protocol), (6, self.port), (7, r.choice([53, 853, None]))):
            parts += [number(field, value)] if value is not None else []
        for field, value in ((4, self.address), (5, self.server)):
            parts += [text(field, value)] if value is not None else []
        if is_query:
            parts += [moment(8, at)] if r.random() < 0.95 else []
            parts += [moment(12, at + 10 ** 6)] if r.random() < 0.03 else []
            parts += [text(10, query)] if r.random() < 0.95 else []
            parts += [text(14, query)] if r.random() < 0.02 else []
        else:
            answer = message(r, False, self.ident, self.labels, self.qtype)
            parts += [moment(12, at)] if r.random() < 0.95 else []
            parts += [moment(8, self.at)] if r.random() < 0.25 else []
            parts += [text(14, answer)] if r.random() < 0.95 else []
            parts += [text(10, query)] if r.random() < 0.3 else []
        return dnstap(r, self.identity, parts)


def dnstap(r, identity, parts):
    """Fields in any order, some twice; the message in two halves, which are merged; and what is no dnstap message."""
    if r.random() < 0.2:
        r.shuffle(parts)
    if r.random() < 0.02:
        parts.insert(0, r.choice(parts))  # of equal fields the last one counts
    if r.random() < 0.03:
        parts.append(r.choice([number(16, 2), text(11, b"\2nl\0"), number(99, 1), text(200, b"new"), varint(30 << 3 | 1) + bytes(8)]))
    at = r.randrange(len(parts) + 1) if r.random() < 0.02 else 0
    kind = next(part for part in parts if part[0] == 8)  # each half says which message it is
    messages = [text(14, kind + b"".join(parts[:at]))] * (at > 0) + [text(14, b"".join(parts[at:]) if at == 0 else kind + b"".join(parts[at:]))]
    outer = ([text(1, identity)] if identity is not None else []) + [text(2, b"made")] + messages + \
        [number(15, r.choice([1] * 300 + [0, 2]))]
    if r.random() < 0.1:
        r.shuffle(outer)
    payload = b"".join(outer)
    if r.random() < 0.01:
        payload = r.choice([payload[:r.randrange(1, len(payload))], b"\xff" * 9, b"junk", number(15, 1), payload + b"\x0f"])
    return payload


def frames(seed, n, pace):
    """Payloads; `pace`: nanoseconds between two, on the average."""
    r = random.Random(seed)
    clock, open_exchanges = SECOND * 10 ** 9 + r.randrange(10 ** 10), []
    for _ in range(n):
        clock += int(r.expovariate(1 / pace)) + r.choice([0] * 400 + [3 * 10 ** 9, 14 * 10 ** 9, -2 * 10 ** 9, -25 * 10 ** 9])
        at = clock + r.choice([0] * 60 + [-10 ** 9, -3 * 10 ** 9, -13 * 10 ** 9, 10 ** 9])
        kind = r.random()
        if kind < 0.5 or not open_exchanges:
            exchange = Exchange(r, at)
            if open_exchanges and r.random() < 0.2:  # the same client, port and id again
                for key in ("address", "port", "protocol", "ident", "type", "family"):
                    setattr(exchange, key, getattr(open_exchanges[-1], key))
            open_exchanges.append(exchange)
            if kind < 0.02:  # the response comes first
                yield exchange.frame(r, False, at)
            yield exchange.frame(r, True, at)
        else:
            exchange = open_exchanges[-1 - min(int(r.expovariate(0.7)), len(open_exchanges) - 1)]
            payload = exchange.frame(r, kind > 0.98, at)
            yield payload
            if r.random() < 0.02:
                yield payload


def write(path, payloads):
    with open(path, "wb") as file:
        file.write(control(2) + b"".join(map(framed, payloads)) + control(3))
