# SPDX-License-Identifier: BSD-2-Clause
"""Counts a capture's packets as the documents and the RFCs say, slowly and with all of it in memory: a second opinion on what
`crosstap replay --pcap` counts. Of TCP it joins whole streams, and only then looks for messages."""

import ipaddress
import struct
from collections import Counter

UDP, TCP = 17, 6
FIN, SYN, RST, ACK = 1, 2, 4, 16
ETHERNET, NULL, RAW, SLL, SLL2, LOOP = 1, 0, 101, 113, 276, 108
TAGS, MPLS = (0x8100, 0x88a8, 0x9100), (0x8847, 0x8848)
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, OPTIONS, MOBILITY = 0, 43, 44, 51, 60, 135
EXTENSIONS_MAX = 192
OPT, AXFR, IXFR = 41, 252, 251


def u16(data, at):
    return struct.unpack_from("!H", data, at)[0]


def u32(data, at):
    return struct.unpack_from("!I", data, at)[0]


# --- messages


class Message:
    """RFC 1035 section 4.1. `length` may be more than is there: of a fragment, of a snapped packet."""

    def __init__(self, data, length):
        self.length, self.there, self.whole = length, data[:length], len(data) >= length
        self.short = length < 12
        self.word = self.number = self.questions = self.rcode = 0
        self.qtype = self.malformed = self.name = self.qclass = None
        if self.short:
            self.malformed = "short_header"
            return
        if len(self.there) < 12:
            self.begun()
            return
        self.number, self.word, self.questions = (u16(self.there, at) for at in (0, 2, 4))
        self.rcode = self.word & 15
        end = self.question(12) if self.questions else 12
        if not self.malformed and end and self.questions <= 1 and self.word >> 15:
            self.take_opt(end)

    def begun(self):
        """What is seen of a header that the first fragment's end cuts."""
        self.questions = 1
        if len(self.there) >= 4:
            self.number, self.word = u16(self.there, 0), u16(self.there, 2)
            self.rcode = self.word & 15

    def missing(self, reason):
        """Behind what is there may be more of the message."""
        if self.whole:
            self.malformed = reason
        return 0

    def question(self, begin):
        at = begin
        while True:
            if at >= self.length:
                self.malformed = "qname_overrun"
                return 0
            if at >= len(self.there):
                return self.missing("qname_overrun")
            label = self.there[at]
            if label > 63:
                self.malformed = "qname_pointer" if label >= 192 else "label_type"
                return 0
            at += 1 + label
            if at - begin > 255 or (label and at - begin > 254):
                self.malformed = "qname_length"
                return 0
            if not label:
                break
        if at + 4 > self.length:
            self.malformed = "question_overrun"
            return 0
        if at + 2 > len(self.there):
            return 0
        self.name, self.qtype = self.there[begin:at], u16(self.there, at)
        self.qclass = u16(self.there, at + 2) if at + 4 <= len(self.there) else 1
        return at + 4

    def take_opt(self, at):
        """RFC 6891 section 6.1.3. Where there are answers, or another record before it, nobody looks for it."""
        if u16(self.there, 6) or u16(self.there, 8) or not u16(self.there, 10) or at + 11 > len(self.there):
            return
        if self.there[at] == 0 and u16(self.there, at + 1) == OPT and at + 11 + u16(self.there, at + 9) <= self.length:
            self.rcode |= self.there[at + 5] << 4

    @property
    def is_transfer(self):
        return self.qtype in (AXFR, IXFR)


# --- from the frame to the IP packet


def unlink(link, frame, captured):
    """(bytes from the IP header on, how many there were, is outgoing)"""
    data, length = frame[:captured], len(frame)

    def behind(n, outgoing=False):
        return data[n:], length - n, outgoing

    if link in (NULL, LOOP):
        return behind(4)
    if link == RAW:
        return behind(0)
    if link == SLL:
        return behind(16, u16(data, 0) == 4)
    if link == SLL2:
        return behind(20, data[10] == 4)
    at = 14
    while u16(data, at - 2) in TAGS:
        at += 4
    if u16(data, at - 2) in MPLS:
        while not data[at + 2] & 1:
            at += 4
        return behind(at + 4)
    if u16(data, at - 2) not in (0x0800, 0x86dd) or data[at] >> 4 != (4 if u16(data, at - 2) == 0x0800 else 6):
        return behind(length)
    return behind(at)


class Packet:
    """UDP or TCP over IP; `protocol` is None where it is none."""

    def __init__(self, data, on_wire):
        self.protocol, self.fragment, self.first, self.data = None, False, True, data
        if not data:
            return
        version = data[0] >> 4
        if version == 4 and len(data) >= 20:
            self.ipv4(data, on_wire)
        elif version == 6 and len(data) >= 40:
            self.ipv6(data, on_wire)
        if self.protocol not in (UDP, TCP):
            self.protocol = None
        elif self.first:
            self.transport()

    def ipv4(self, data, on_wire):
        header, total, word = (data[0] & 15) * 4, u16(data, 2) or on_wire, u16(data, 6)
        if header < 20 or total < header:
            return
        self.family, self.bytes, self.protocol, self.at = "ipv4", total, data[9], header
        self.source, self.target = (str(ipaddress.ip_address(data[a:a + 4])) for a in (12, 16))
        self.fragment, self.first = bool(word & 0x3fff), not word & 0x1fff

    def ipv6(self, data, on_wire):
        # Of a jumbogram, or what Linux takes for one, the frame tells (RFC 2675).
        self.family, self.bytes = "ipv6", 40 + u16(data, 4) if u16(data, 4) or data[6] != HOP_BY_HOP else on_wire
        self.source, self.target = (str(ipaddress.ip_address(data[a:a + 16])) for a in (8, 24))
        kind, at, n = data[6], 40, 0
        while kind in (HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, OPTIONS, MOBILITY) and self.first:
            if at + 8 > len(data) or n == EXTENSIONS_MAX:
                return
            following, length = data[at], data[at + 1]
            if kind == FRAGMENT:
                word, length = u16(data, at + 2), 8
                self.fragment = self.fragment or bool(word & 0xfff9)
                self.first = not word & 0xfff8
            else:
                length = 4 * length + 8 if kind == AUTHENTICATION else 8 * length + 8
            kind, at, n = following, at + length, n + 1
        self.protocol, self.at = kind, at

    def transport(self):
        data, room = self.data[self.at:], self.bytes - self.at
        least = 8 if self.protocol == UDP else 20
        if len(data) < least or room < least:
            self.protocol = None
            return
        self.ports = u16(data, 0), u16(data, 2)
        if self.protocol == UDP:
            length = u16(data, 4)
            if not length and self.family == "ipv6":
                length = 65535
            if not self.fragment:
                length = min(length, room)
            self.length, self.payload, self.room = max(0, length - 8), data[8:room], room - 8
            return
        header = (data[12] >> 4) * 4
        if header < 20 or room < header:
            self.protocol = None
            return
        self.sequence, self.acknowledged, self.flags = u32(data, 4), u32(data, 8), data[13]
        self.length, self.payload = room - header, data[header:room]


# --- streams


class Stream:
    """One direction from its SYN on: bytes by their place, the first copy of each."""

    def __init__(self, first):
        self.first, self.bytes, self.end = first, {}, None

    def add(self, sequence, data):
        at = (sequence - self.first + (1 << 31)) % (1 << 32) - (1 << 31)
        for i, byte in enumerate(data, at):
            if i >= 0:
                self.bytes.setdefault(i, byte)

    def messages(self):
        data = bytearray()
        while len(data) in self.bytes:
            data.append(self.bytes[len(data)])
        at, found = 0, []
        while at + 2 <= len(data) and at + 2 + u16(data, at) <= len(data):
            found.append(Message(bytes(data[at + 2:at + 2 + u16(data, at)]), u16(data, at)))
            at += 2 + u16(data, at)
        return found


# --- counting


def answers(packet):
    if not packet.first:
        return False
    if packet.protocol == TCP:
        return packet.flags & (SYN | ACK) == SYN | ACK
    return packet.length >= 12 and len(packet.payload) >= 3 and bool(packet.payload[2] & 0x80)


class Counted:
    def __init__(self, servers):
        self.servers = servers
        self.cells = {}
        self.qtype, self.rcode, self.opcode, self.clients, self.reasons, self.sizes, self.qtype_compared = (
            Counter() for _ in range(7))
        self.streams, self.done, self.seen, self.handshakes = {}, [], {}, Counter()
        self.datagrams = []  # (time, direction, packet, message)

    def cell(self, direction, transport, family):
        return self.cells.setdefault((direction, transport, family), Counter())

    def frame(self, time_us, link, frame, captured):
        data, on_wire, outgoing = unlink(link, frame, captured)
        packet = Packet(data, on_wire)
        if packet.protocol is None:
            return
        into, out_of = packet.target in self.servers, packet.source in self.servers
        if packet.first:
            into, out_of = into and packet.ports[1] == 53, out_of and packet.ports[0] == 53
        if not into and not out_of:
            return
        if into and out_of:
            into = not outgoing and not answers(packet)
        self.packet(time_us, "query" if into else "response", packet)

    def learn(self, link, frame, captured):
        """Who answers is a server: a datagram with QR, a SYN-ACK, a segment that is one response."""
        packet = Packet(*unlink(link, frame, captured)[:2])
        if packet.protocol is None or not packet.first or packet.ports[0] != 53:
            return
        data = packet.payload
        streamed = packet.protocol == TCP and packet.length >= 14 and len(data) >= 5 and u16(data, 0) + 2 == packet.length and \
            data[4] & 0x80
        if streamed or answers(packet):
            self.servers.add(packet.source)

    def packet(self, time_us, direction, packet):
        cell = self.cell(direction, "udp" if packet.protocol == UDP else "tcp", packet.family)
        cell["fragments"] += packet.fragment
        if not packet.first:
            return
        cell["packets"] += 1
        cell["bytes"] += packet.bytes
        if packet.protocol == TCP:
            self.segment(time_us, direction, packet, cell)
            return
        message = Message(packet.payload, packet.length)
        if not message.short and len(message.there) < 12 and (direction == "response" or packet.room >= 12):
            return  # nobody sees its header
        self.datagrams.append((time_us, direction, packet, message))
        self.message(direction, "udp", packet.family, message, packet.source if direction == "query" else packet.target)

    def message(self, direction, transport, family, message, client, continues=False):
        cell, query = self.cell(direction, transport, family), direction == "query"
        cell["messages"] += 1
        self.sizes[direction, transport, min(message.length // 16 * 16, 4096)] += 1
        expected = bool(message.word >> 15) != query
        left_out = continues or bool(message.word >> 11 & 15) or message.is_transfer
        if not expected:
            cell["not_query"] += 1
            cell["not_query_aa"] += message.word >> 10 & 1
        elif left_out:
            cell["left_out"] += 1
        else:
            cell["compared"] += 1
            cell["malformed_compared"] += message.malformed is not None
            self.clients[client] += query
        if message.malformed:
            cell["malformed"] += 1
            self.reasons[direction, message.malformed] += 1
            return
        cell["tc"] += message.word >> 9 & 1
        if not expected:
            return
        if not query:
            self.rcode[message.rcode] += 1
            return
        self.opcode[message.word >> 11 & 15] += 1
        if message.qtype is not None:
            self.qtype[message.qtype] += 1
            self.qtype_compared[message.qtype] += not left_out

    # --- TCP

    def segment(self, time_us, direction, packet, cell):
        flags, query = packet.flags, direction == "query"
        cell["resets"] += bool(flags & RST)
        cell["connections"] += flags & (SYN | ACK) == (SYN if query else SYN | ACK)
        self.handshake(query, packet)
        if packet.fragment:
            cell["resync"] += 1
            return
        client = (packet.source, packet.ports[0]) if query else (packet.target, packet.ports[1])
        key = direction, packet.family, client, packet.target if query else packet.source
        if flags & SYN:
            stream = self.streams.get(key)
            if stream is None or stream.first != (packet.sequence + 1) & 0xffffffff:
                self.finish(key)
                self.streams[key] = Stream((packet.sequence + 1) & 0xffffffff)
        # An RST holds a text at best (RFC 9293 section 3.5.3), and may be anybody's (RFC 5961).
        if key in self.streams and not flags & RST and flags & (SYN | ACK):
            self.streams[key].add(packet.sequence + bool(flags & SYN), packet.payload)

    def handshake(self, query, packet):
        """From the SYN-ACK that leaves to the ACK that answers it; one that left twice times nothing."""
        flags = packet.flags & (SYN | ACK | RST)
        if not query and flags == SYN | ACK:
            key = packet.target, packet.ports[1], packet.source, packet.acknowledged, (packet.sequence + 1) & 0xffffffff
            self.seen[key] = self.seen.get(key, 0) + 1
        elif query and flags == ACK:
            key = packet.source, packet.ports[0], packet.target, packet.sequence, packet.acknowledged
            if key in self.seen:
                self.handshakes["retransmitted" if self.seen.pop(key) > 1 else "handshakes", packet.family] += 1

    def finish(self, key):
        stream = self.streams.pop(key, None)
        if stream:
            self.done.append((key, stream))

    def end(self):
        for key in list(self.streams):
            self.finish(key)
        for (direction, family, client, _), stream in self.done:
            running = None
            for message in stream.messages():
                continues = False
                if message.qtype is not None:
                    running = message.number if message.is_transfer else None
                elif direction == "response" and not message.malformed:
                    continues = running == message.number
                self.message(direction, "tcp", family, message, client[0], continues)


def count(link, made, servers=None):
    """`servers`: their addresses; None: those that answer."""
    counted = Counted(set(servers or ()))
    for _, frame, captured in made if servers is None else ():
        counted.learn(link, frame, captured)
    for time_us, frame, captured in made:
        counted.frame(time_us, link, frame, captured)
    counted.end()
    return counted
