# SPDX-License-Identifier: BSD-2-Clause
"""Made traffic as a dnstap file: every part of a message that is counted takes usual, rare and impossible values, and some
messages are cut short or have a byte changed. One seed gives one file."""

import random
import struct

TYPES = [1, 1, 1, 2, 5, 6, 12, 15, 16, 28, 28, 33, 35, 43, 46, 47, 48, 52, 64, 65, 99, 251, 252, 255, 257]
SIZES = [0, 511, 512, 513, 1219, 1220, 1231, 1232, 1233, 1400, 1451, 1452, 1472, 1500, 2047, 2048, 4095, 4096, 4097, 65535]
FILE = b"protobuf:dnstap.Dnstap"
SECOND = 1700000000
START = SECOND * 10 ** 9


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def text(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def control(kind):
    body = struct.pack(">I", kind) + (struct.pack(">II", 1, len(FILE)) + FILE if kind == 2 else b"")
    return struct.pack(">II", 0, len(body)) + body


def dnstap(is_query, at, client, message, protocol=1, *, kind=None, family=None, server=b"", port=4000, server_port=None):
    """A message of the type Message of dnstap.proto, AUTH_QUERY or AUTH_RESPONSE where `kind` says no other, of `at`
    nanoseconds; what is None, or empty, is not in it."""
    second, nanosecond, data = (8, 9, 10) if is_query else (12, 13, 14)
    inner = [number(1, kind or (1 if is_query else 2)), number(2, family) if family else b"", number(3, protocol),
             text(4, client), text(5, server) if server else b"", number(6, port) if port is not None else b"",
             number(7, server_port) if server_port else b"", number(second, at // 10 ** 9), varint(nanosecond << 3 | 5),
             struct.pack("<I", at % 10 ** 9), text(data, message)]
    return text(14, b"".join(inner)) + number(15, 1)


def framed(payload):
    return struct.pack(">I", len(payload)) + payload


def frame(is_query, message, client, nanosecond):
    return framed(dnstap(is_query, START + nanosecond, struct.pack(">I", 0xc6336400 + client), message, family=1))


def server_frame(r, is_query, message, nanosecond):
    """With the server's address and identity, and clients of many networks, which ask over TCP at times."""
    client = r.choice([bytes([198, 51, r.randrange(100, 120), r.choice([7, r.randrange(256)])]),
                       bytes.fromhex("20010db8%04x" % r.randrange(20)) + bytes(9) + bytes([r.randrange(9)])])
    server = r.choice([bytes([192, 0, 2, 53]), bytes.fromhex("20010db8") + bytes(11) + b"\x35",
                       bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 54]), b""])
    payload = dnstap(is_query, START + nanosecond, client, message, r.choice([1, 1, 1, 2]), server=server)
    identity = r.choice([b"ams", b"ams", b"fra", b"", b"i" * 80])
    return framed((text(1, identity) if identity else b"") + text(2, b"made") + payload)


def label(r):
    n = r.choice([1, 2, 3, 7, 12, r.randrange(1, 64)])
    word = bytes(r.choice(b"abcdefghijklmnopqrstuvwxyz0123456789-") for _ in range(n))
    word = r.choice([word, word, word, word.upper(), word.title(), b"xn--" + word, b"Xn--" + word, b"xn-" + word, b"arpa", b"ip6"])
    return word[:63]


def name(r):
    """At most 255 bytes."""
    labels = [label(r) for _ in range(r.choice([0, 1, 2, 2, 3, 3, 4, 9, 10, 11, 30]))]
    labels += r.choice([[], [], [], [b"in-addr", b"arpa"], [b"IP6", b"ARPA"], [b"xin-addr", b"arpa"], [b"arpa"]])
    while sum(len(l) + 1 for l in labels) > 254:
        del labels[0]
    return b"".join(bytes([len(l)]) + l for l in labels) + b"\0"


def option(r):
    code = r.choice([3, 8, 8, 10, 15, 15, 65001])
    if code == 8:
        data = struct.pack("!HBB", r.choice([0, 1, 1, 2, 2, 3]), r.choice([0, 20, 24, 32, 33, 48, 56, 128, 129, 255]), 0)
        data = r.choice([data + b"\0" * 4, data, data, data[:3]])
    elif code == 15:
        data = struct.pack("!H", r.choice([0, 3, 6, 7, 10, 18, 22, 24, 30, 31, 49152, 65535])) + r.choice([b"", b"why"])
        data = r.choice([data] * 9 + [data[:1]])
    else:
        data = bytes(r.randrange(0, 16))
    return struct.pack("!HH", code, len(data) + r.choice([0] * 40 + [200])) + data


def opt(r):
    options = b"".join(option(r) for _ in range(r.choice([0, 0, 1, 1, 2, 12])))
    ttl = r.choice([0] * 8 + [1]) << 24 | r.choice([0] * 12 + [1, 255]) << 16 | r.choice([0, 0x8000])
    return b"\0" + struct.pack("!HHIH", 41, r.choice(SIZES), ttl, len(options)) + options


def message(r, is_query):
    questions = r.choice([1] * 30 + [0, 2])
    qtype = r.choice([r.choice(TYPES)] * 9 + [r.randrange(65536)])
    qclass = r.choice([1] * 20 + [3, 4, 0, 254, 255, r.randrange(65536)])
    body = b"".join(name(r) + struct.pack("!HH", qtype, qclass) for _ in range(questions))
    answers = 0 if is_query else r.randrange(3)
    body += (r.choice([b"\xc0\x0c", name(r)]) + struct.pack("!HHIH", 1, 1, 60, 4) + b"\xc0\0\2\1") * answers
    records = r.choice([[], [opt(r)], [opt(r)], [b"\0" + struct.pack("!HHIH", 250, 255, 0, 3) + b"mac", opt(r)], [opt(r), opt(r)]])
    flags = 0 if is_query else 0x8000 | r.choice([0, 0, 0, 3, 3, 2, 5, 1, 11])
    data = struct.pack("!6H", r.randrange(65536), flags, questions, answers, 0, len(records)) + body + b"".join(records)
    if r.random() < 0.03:
        return data[:r.randrange(len(data))]
    if r.random() < 0.03:
        at = r.randrange(len(data))
        return data[:at] + bytes([r.randrange(256)]) + data[at + 1:]
    return data


def write(path, seed, n, servers=False):
    r = random.Random(seed)
    with open(path, "wb") as file:
        file.write(control(2))
        for i in range(n):
            is_query = r.random() < 0.6
            if servers:
                file.write(server_frame(r, is_query, message(r, is_query), i))
            else:
                file.write(frame(is_query, message(r, is_query), r.randrange(50), i))
        file.write(control(3))
