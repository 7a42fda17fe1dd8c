# SPDX-License-Identifier: BSD-2-Clause
"""Made captures that are hard to count: fragments, extension headers, lengths that disagree, padding, snapped packets, broken
messages, TCP streams cut and sent again in every way. One seed gives one capture."""

import ipaddress
import random
import struct

from traffic import name

SERVERS = ["192.0.2.53", "192.0.2.54", "2001:db8:53::53"]
CLIENTS = {4: [f"198.51.100.{i}" for i in range(1, 13)], 6: [f"2001:db8:c::{i:x}" for i in range(1, 13)]}
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETHERNET, NULL, RAW, SLL, SLL2, LOOP = 1, 0, 101, 113, 276, 108
TYPES = [1, 1, 28, 6, 15, 16, 0, 41, 251, 252, 255, 257, 511, 512, 65280, 65535]
START_US = 1700000000 * 1000000


def packed(address):
    return ipaddress.ip_address(address).packed


# --- messages


def opt(r, extended=None):
    """An OPT; at times it claims more data than there is."""
    extended = r.choice([0, 0, 1, 1, 0xab]) if extended is None else extended
    data = bytes(r.randrange(0, 12))
    claimed = len(data) + r.choice([0, 0, 0, 1, 200])
    return b"\0" + struct.pack("!HHBBHH", 41, 1232, extended, 0, r.choice([0, 0x8000]), claimed) + data


def question(r):
    kind = r.randrange(14)
    tail = struct.pack("!HH", r.choice(TYPES), r.choice([1, 1, 1, 3, 4, 255]))
    if kind == 0:
        return bytes([r.randrange(64, 192)]) + bytes(6) + tail
    if kind == 1:
        return b"\3www" + bytes([r.randrange(192, 256), 12]) + tail
    if kind == 2:  # the longest, and a byte or two more
        length, labels = r.choice([255, 256, 257]), b""
        while length - len(labels) > 1:
            label = min(r.choice([1, 63, 63]), length - len(labels) - 2)
            if label < 1:
                break
            labels += bytes([label]) + b"x" * label
        return labels + b"\0" + tail
    if kind == 3:
        return b"\1x" * r.choice([126, 127, 128, 140]) + b"\0" + tail
    return name(r) + tail


def message(r, response, extended=None):
    """Of every kind; nobody knows beforehand whether it can be read."""
    word = (0x8000 if response else 0) ^ r.choice([0] * 9 + [0x8000])
    word |= r.choice([0] * 8 + [1, 2, 4, 5, 3, 15]) << 11 | r.choice([0, 0x0100, 0x0400, 0x0200, 0x0590])
    word |= r.choice([0, 0, 3, 5, 1, r.randrange(16)]) if response else 0
    questions = r.choice([1] * 9 + [0, 2])
    extended = 0 if questions == 2 else extended  # nobody looks for the OPT behind two
    records = r.choice([[], [opt(r, extended)], [opt(r, extended)], [b"\0" + struct.pack("!HHIH", 250, 255, 0, 3) + b"mac", opt(r, 0)]])
    body = b"".join(question(r) for _ in range(questions)) + b"".join(records)
    data = struct.pack("!6H", r.randrange(65536), word, questions, 0, 0, len(records)) + body
    if r.random() < 0.12:
        data = data[:r.choice([0, 1, 2, 4, 11, 12, 13, r.randrange(len(data) + 1), len(data) - 1, len(data) - 3])]
    return data


# --- IP


def ipv4(r, source, target, protocol, payload, fragment=0, number=0, options=None):
    options = bytes(4 * r.choice([0] * 6 + [1, 3, 10])) if options is None else options
    options = b"\1" * len(options)
    total = 20 + len(options) + len(payload)
    return struct.pack("!BBHHHBBH", 0x40 | 5 + len(options) // 4, 0, total, number, fragment, 64, protocol, 0) + \
        packed(source) + packed(target) + options + payload


def extension(r, kind, following):
    """One extension header; a Fragment header is atomic (RFC 6946)."""
    if kind == 44:
        return struct.pack("!BBHI", following, 0, 0, r.randrange(1 << 32))
    if kind == 51:
        words = r.choice([1, 4, 6])
        return struct.pack("!BBH", following, words, 0) + bytes(4 * words + 4)
    units = r.choice([0, 0, 1, 3])
    body = bytes([r.choice([0, 4]), 0]) + bytes(8 * units + 4) if kind == 43 else bytes([1, 8 * units + 4]) + bytes(8 * units + 4)
    return struct.pack("!BB", following, units) + body[:8 * units + 6]


def extensions(r, last, most=8):
    """(first next header, bytes): none, some, or as many as are followed."""
    kinds = [r.choice([60, 60, 43, 51, 44]) for _ in range(r.choice([0, 0, 0, 1, 1, 2, 3, most]))]
    if kinds and r.random() < 0.3:
        kinds[0] = 0
    data, following = b"", last
    for kind in reversed(kinds):
        data, following = extension(r, kind, following) + data, kind
    return following, data


def ipv6(r, source, target, protocol, payload, chain=None):
    first, data = extensions(r, protocol) if chain is None else chain
    return struct.pack("!IHBB", 6 << 28, len(data) + len(payload), first, 64) + packed(source) + packed(target) + data + payload


def ip(r, source, target, protocol, payload):
    return (ipv6 if ":" in source else ipv4)(r, source, target, protocol, payload)


def fragments(r, source, target, datagram):
    """The datagram in pieces, in any order, at times one of them twice, or overlapping the one before."""
    size = 8 * r.choice([1, 2, 3, 8, 40])
    number = r.randrange(1 << 16)
    pieces = []
    for at in range(0, len(datagram), size):
        begin = max(0, at - 8) if at and r.random() < 0.1 else at
        data, more = datagram[begin:at + size], at + size < len(datagram)
        if ":" in source:
            # The headers before the Fragment header are in each of them (RFC 8200 section 4.5).
            header = struct.pack("!BBHI", 17, 0, begin | more, number)
            chain = r.choice([(44, header), (60, extension(random.Random(number), 60, 44) + header)])
            pieces.append(ipv6(r, source, target, 17, data, chain))
        else:
            pieces.append(ipv4(r, source, target, 17, data, begin // 8 | more << 13, number))
    if r.random() < 0.2:
        pieces.append(r.choice(pieces))
    if r.random() < 0.4:
        r.shuffle(pieces)
    return pieces


# --- datagrams


def sides(r, family=None):
    family = family or r.choice([4, 6])
    return r.choice(CLIENTS[family]), r.choice([s for s in SERVERS if (":" in s) == (family == 6)])


def udp(source_port, target_port, data, length=None):
    return struct.pack("!HHHH", source_port, target_port, 8 + len(data) if length is None else length, 0) + data


def odd_length(r, data):
    return r.choice([None] * 12 + [0, 3, 7, 8, 9, 8 + len(data) // 2, 9 + len(data), 4000, 65535])


def datagrams(r):
    """One message, whole or in pieces: [(packet, is outgoing)]."""
    client, server = sides(r)
    response = r.random() < 0.45
    port = r.choice([53, 53, 53, 53, 53, 53, 5353, 0])
    data = message(r, response)
    client_port = r.choice([1024, 40000, 65535, 0])
    ends = (server, client, port, client_port) if response else (client, server, client_port, port)
    datagram = udp(*ends[2:], data, odd_length(r, data))
    if r.random() < 0.15:
        return [(packet, response) for packet in fragments(r, *ends[:2], udp(*ends[2:], data + bytes(r.choice([0, 90]))))]
    return [(ip(r, *ends[:2], 17, datagram), response)]


def somebody_elses(r):
    """To nobody here: other addresses, groups, broadcasts, other protocols, mapped addresses."""
    data = message(r, False)
    kind = r.randrange(6)
    if kind == 0:
        return [(ipv4(r, "198.51.100.1", r.choice(["224.0.0.251", "255.255.255.255", "192.0.2.255"]), 17, udp(4000, 53, data)), False)]
    if kind == 1:
        return [(ipv6(r, "2001:db8:c::1", "ff02::fb", 17, udp(4000, 53, data)), False)]
    if kind == 2:
        return [(ipv4(r, "198.51.100.1", SERVERS[0], r.choice([1, 50, 132]), udp(4000, 53, data)), False)]
    if kind == 3:
        return [(ipv6(r, "2001:db8:c::1", SERVERS[2], 17, udp(4000, 53, data), (r.choice([59, 50, 58]), b"")), False)]
    if kind == 4:
        return [(ipv4(r, "198.51.100.1", "203.0.113.1", 17, udp(53, 53, data)), False)]
    return [(ipv6(r, "::ffff:198.51.100.1", "::ffff:203.0.113.7", 17, udp(4000, 53, data)), False)]


def broken(r):
    """Headers that say what cannot be."""
    client, server = sides(r)
    packet = bytearray(ip(r, client, server, 17, udp(4000, 53, message(r, False))))
    kind = r.randrange(4)
    if ":" in client:
        struct.pack_into("!H", packet, 4, r.choice([0, 1, 7, 8, 20]))
    elif kind == 0:
        packet[0] = 0x40 | r.randrange(5)
    elif kind == 1:
        struct.pack_into("!H", packet, 2, r.choice([1, 19, 20, 27, 28, 33]))
    elif kind == 2:
        packet[0] = r.choice([0x55, 0x65])
    else:
        packet = packet[:r.randrange(1, len(packet))]
    return [(bytes(packet), False)]


# --- streams


class Connection:
    """Both directions of one; time goes on with each segment."""

    def __init__(self, r, now_us):
        self.r, self.now_us = r, now_us
        self.client, self.server = sides(r)
        self.port = r.randrange(1024, 65536)
        self.next = {out: r.choice([r.randrange(1 << 32), (1 << 32) - r.randrange(1, 200)]) for out in (False, True)}
        self.last = {False: b"", True: b""}  # data with the FIN
        self.sent = []

    def segment(self, out, flags, data=b"", sequence=None, acknowledged=None, step_us=None):
        self.now_us += self.r.randrange(1, 3000) if step_us is None else step_us
        ends = (self.server, self.client, 53, self.port) if out else (self.client, self.server, self.port, 53)
        options = b"\1" * (4 * self.r.choice([0, 0, 3, 10]))
        sequence = self.next[out] if sequence is None else sequence
        acknowledged = self.next[not out] if acknowledged is None else acknowledged
        header = struct.pack("!HHIIBBHHH", *ends[2:], sequence & 0xffffffff, acknowledged & 0xffffffff if flags & ACK else 0,
                             (5 + len(options) // 4) << 4, flags, self.r.choice([0, 65535]), 0, 0) + options
        self.sent.append((self.now_us, ip(self.r, *ends[:2], 6, header + data), out))

    def handshake(self, first=b""):
        """`first`: data with the SYN (RFC 7413)."""
        r = self.r
        for _ in range(r.choice([1, 1, 1, 2])):
            self.segment(False, SYN, first)
        self.next[False] += 1
        for _ in range(r.choice([1, 1, 1, 1, 2])):
            self.segment(True, SYN | ACK, acknowledged=self.next[False] + len(first))
        self.next[True] += 1
        self.next[False] += len(first)
        self.segment(False, ACK)

    def cut(self, data):
        """Into segments of any size."""
        while data:
            size = self.r.choice([1, 2, 3, self.r.randrange(1, 60), 100, 536, 1400])
            yield data[:size]
            data = data[size:]

    def stream(self, out, segments):
        """All of it; some again, some late."""
        r, pieces = self.r, []
        for data in segments:
            pieces.append((self.next[out], data))
            self.next[out] += len(data)
        for i, piece in enumerate(list(pieces)):
            if r.random() < 0.1:
                pieces.insert(r.randrange(i, len(pieces) + 1), piece)
        for i in range(len(pieces) - 1):
            kind = r.random()
            if kind < 0.15:
                pieces[i], pieces[i + 1] = pieces[i + 1], pieces[i]
            elif kind < 0.2:  # a probe of a window that is closed: one byte of what follows
                pieces.insert(i, (pieces[i][0], pieces[i][1][:1]))
        pieces += self.again(pieces)
        for sequence, piece in pieces:
            self.segment(out, ACK | r.choice([0, PSH]), piece, sequence)
            if r.random() < 0.05:  # a keep-alive
                self.segment(out, ACK, r.choice([b"", b"\x99"]), self.least(pieces) - 1)

    def again(self, pieces):
        """Some of it once more, cut otherwise."""
        if not pieces or self.r.random() < 0.7:
            return []
        begin = min(s for s, _ in pieces)
        data = bytearray(max(s + len(d) for s, d in pieces) - begin)
        for sequence, piece in pieces:
            data[sequence - begin:sequence - begin + len(piece)] = piece
        at = self.r.randrange(len(data))
        return [(begin + at, bytes(data[at:at + self.r.choice([1, 40, 1000])]))]

    @staticmethod
    def least(pieces):
        """What was acknowledged already is what a keep-alive repeats: here, before the stream's beginning."""
        return min(s for s, _ in pieces)

    def end(self):
        kind = self.r.randrange(4)
        if kind == 0:
            self.segment(False, RST | self.r.choice([0, ACK]), self.r.choice([b"", b"", b"\0\x0c" + bytes(12)]))
        elif kind == 1:
            for out in (False, True):
                self.segment(out, FIN | ACK, self.last[out])
                self.next[out] += 1 + len(self.last[out])
            self.segment(False, ACK)
        elif kind == 2:
            self.segment(True, RST)

    def disturb(self):
        """By somebody else: an RST whose number is none of the window, and data without ACK."""
        for _ in range(self.r.choice([0, 0, 0, 1])):
            self.segment(False, RST, sequence=self.next[False] + self.r.randrange(1 << 25, 1 << 32))
        for _ in range(self.r.choice([0, 0, 0, 1])):
            self.segment(False, self.r.choice([0, PSH, FIN | PSH]), b"\0\x0c" + bytes(12))


def with_length(data):
    return struct.pack("!H", len(data)) + data


def transfer(r):
    """(query, messages of the answer), of which the later ones have no question."""
    number, asked = r.randrange(65536), b"\2nl\0" + struct.pack("!HH", r.choice([251, 252]), 1)
    first = struct.pack("!6H", number, 0x8400, 1, 0, 0, 0) + asked
    more = [struct.pack("!6H", number, 0x8400, 0, 0, 0, 0) + bytes(r.choice([0, 500, 3000])) for _ in range(r.randrange(4))]
    return struct.pack("!6H", number, 0, 1, 0, 0, 0) + asked, [first] + more


def exchange(r, one):
    """A connection's life. The same ports may be another's before or after it."""
    # Nobody looks for the upper bits of an rcode in an OPT that a segment's end cuts.
    whole = r.random() < 0.4
    queries = [message(r, False) for _ in range(r.choice([0, 1, 1, 2, 8]))]
    answers = [message(r, True, None if whole else 0) for _ in range(r.choice([0, 1, 2, 8]))]
    if r.random() < 0.2:
        query, messages = transfer(r)
        queries.append(query)
        answers += messages
    data, back = b"".join(map(with_length, queries)), list(map(with_length, answers))
    first = data[:r.randrange(len(data) + 1)] if r.random() < 0.15 else b""
    one.last = {False: with_length(message(r, False)) if r.random() < 0.2 else b"", True: b""}
    one.handshake(first)
    one.stream(False, one.cut(data[len(first):]))
    one.disturb()
    one.stream(True, back if whole else one.cut(b"".join(back)))
    one.stream(False, one.cut(b"".join(with_length(message(r, False)) for _ in range(r.choice([0, 0, 1])))))
    one.end()


def connection(r, now_us):
    one = Connection(r, now_us)
    for _ in range(r.choice([1, 1, 1, 2])):
        exchange(r, one)
        one.next = {out: (n + r.choice([1, 5000, 1 << 30])) & 0xffffffff for out, n in one.next.items()}
    return one.sent


# --- captures


def packets(seed, n):
    """[(time in microseconds, IP packet, is outgoing)] in the order of time."""
    r = random.Random(seed)
    made, now_us = [], START_US
    for _ in range(n):
        now_us += r.randrange(20000)
        kind = r.random()
        if kind < 0.15:
            made += connection(r, now_us)
        else:
            group = datagrams(r) if kind < 0.85 else somebody_elses(r) if kind < 0.95 else broken(r)
            made += [(now_us + i, *packet) for i, packet in enumerate(group)]
    return sorted(made, key=lambda p: p[0])


def mpls(packet):
    return b"\0\1\0\x40" + b"\0\2\1\x40" + packet


def link_header(r, link, packet, out):
    family = packet[0] >> 4
    kind = struct.pack("!H", 0x0800 if family != 6 else 0x86dd)
    if link == ETHERNET:
        tags = r.choice([b""] * 5 + [b"\x81\0\0\5", b"\x88\xa8\0\7\x81\0\0\5", b"\x91\0\0\1\x88\xa8\0\7\x81\0\0\5"])
        head = b"\2\0\0\0\0\1\2\0\0\0\0\2" + tags
        if r.random() < 0.05 and family in (4, 6):
            return head + b"\x88\x47" + mpls(packet)
        return head + kind + packet + bytes(r.choice([0, 0, 4, 18]))
    if link == SLL:
        return struct.pack("!HHH8s", 4 if out else 0, 1, 6, b"") + kind + packet
    if link == SLL2:
        return kind + struct.pack("!HIHBB8s", 0, 3, 1, 4 if out else 0, 6, b"") + packet
    if link in (NULL, LOOP):
        return struct.pack("<I" if link == NULL else ">I", 2 if family == 4 else 30) + packet
    return packet


def frames(seed, n):
    """(link type, [(time in microseconds, the frame, bytes of it that were captured)])"""
    r = random.Random(~seed)
    link = [ETHERNET, ETHERNET, SLL, SLL2, RAW, NULL, LOOP][seed % 7]
    made = [(t, link_header(r, link, packet, out)) for t, packet, out in packets(seed, n)]
    return link, [(t, frame, len(frame)) for t, frame in made]


def snapped(seed, made):
    """As a capture has them that cuts packets."""
    most = random.Random(seed).choice([60, 68, 96, 120])
    return [(t, frame, min(most, captured)) for t, frame, captured in made]


def pcap(link, made, order="<", nanoseconds=False):
    out = struct.pack(order + "IHHiIII", 0xa1b23c4d if nanoseconds else 0xa1b2c3d4, 2, 4, 0, 0, 262144, link)
    for time_us, frame, captured in made:
        fraction = time_us % 1000000 * (1000 if nanoseconds else 1)
        out += struct.pack(order + "IIII", time_us // 1000000, fraction, captured, len(frame)) + frame[:captured]
    return out


def pcapng(link, made, order="<"):
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        length = struct.pack(order + "I", 12 + len(body))
        return struct.pack(order + "I", kind) + length + body + length

    out = [block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
           block(1, struct.pack(order + "HHI", link, 0, 0) + struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0))]
    for time_us, frame, captured in made:
        time_ns = time_us * 1000
        out.append(block(6, struct.pack(order + "IIIII", 0, time_ns >> 32, time_ns & 0xffffffff, captured, len(frame)) +
                         frame[:captured]))
    return b"".join(out)
