# SPDX-License-Identifier: BSD-2-Clause
"""Reads dnstap files without any code of the program, message by message, and counts what the program calls datasets. It
has to read messages that are broken, of which the rules say how much counts; a library for whole ones would give up."""

import struct
from collections import Counter

CLIENT_SIDE = {1, 2, 5, 6, 13, 14}  # AUTH, CLIENT and UPDATE, as dnstap.proto numbers them
CLASSES = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
SIZES = (0, 512, 513, 1220, 1232, 1233, 1400, 1452, 1472, 1500, 2048, 4096, 4097)
OPT, ECS, EDE = 41, 8, 15


def frames(data):
    """Payloads of a Frame Streams file; control frames have a length of 0 before them."""
    at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        at += 4
        if length == 0:
            at += 4 + int.from_bytes(data[at:at + 4], "big")
        else:
            yield data[at:at + length]
            at += length


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """{number: value} of a protobuf message: integers, or bytes."""
    at, found = 0, {}
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            found[tag >> 3], at = varint(data, at)
        elif tag & 7 == 2:
            length, at = varint(data, at)
            found[tag >> 3] = data[at:at + length]
            at += length
        else:
            width = {1: 8, 5: 4}[tag & 7]
            found[tag >> 3] = int.from_bytes(data[at:at + width], "little")
            at += width
    return found


def messages(data):
    """(is it a query, its message) of what clients sent and were sent."""
    for payload in frames(data):
        message = fields(fields(payload).get(14, b""))
        kind = message.get(1)
        text = message.get(10 if kind and kind % 2 else 14)
        if kind in CLIENT_SIDE and text is not None:
            yield kind % 2 == 1, text


class Unreadable(Exception):
    pass


def take(data, at, form):
    size = struct.calcsize(form)
    if at + size > len(data):
        raise Unreadable
    return struct.unpack_from(form, data, at), at + size


def read_name(data, at, pointers):
    """(labels, offset behind the name)"""
    labels, length = [], 1
    while True:
        (n,), at = take(data, at, "!B")
        if n == 0:
            return labels, at
        if n >= 0xc0 and pointers:
            return labels, take(data, at, "!B")[1]
        if n > 63 or at + n > len(data):
            raise Unreadable
        labels.append(data[at:at + n])
        at, length = at + n, length + 1 + n
        if length > 255:
            raise Unreadable


def read_options(data):
    """Those that do not run over the end."""
    at, options = 0, []
    while at + 4 <= len(data):
        code, length = struct.unpack_from("!HH", data, at)
        if at + 4 + length > len(data):
            break
        options.append((code, data[at + 4:at + 4 + length]))
        at += 4 + length
    return options


class Message:
    """What can be read; raises Unreadable where the message is malformed."""

    def __init__(self, data):
        (_, flags, questions, answers, authority, additional), at = take(data, 0, "!6H")
        self.length, self.labels, self.opt, self.rcode, self.do = len(data), None, None, flags & 15, False
        if questions:
            self.labels, at = read_name(data, at, False)
            (self.qtype, self.qclass), at = take(data, at, "!HH")
        try:
            self.read_records(data, at, max(questions - 1, 0), answers + authority, additional)
        except Unreadable:
            pass

    def read_records(self, data, at, questions, before, additional):
        for _ in range(questions):
            _, at = read_name(data, at, True)
            _, at = take(data, at, "!HH")
        for i in range(before + additional):
            start = at
            _, at = read_name(data, at, True)
            (rtype, rclass, ttl, length), at = take(data, at, "!HHIH")
            if at + length > len(data):
                raise Unreadable
            if i >= before and rtype == OPT and data[start] == 0:
                self.opt = (rclass, ttl >> 16 & 255, read_options(data[at:at + length]))
                self.rcode |= ttl >> 24 << 4
                self.do = bool(ttl & 0x8000)
                return
            at += length


def by_step(size):
    return "b%d" % max(low for low in SIZES if low <= size)


def subnet(data):
    if len(data) >= 4:
        family, prefix = struct.unpack_from("!HB", data)
        if family in (1, 2) and prefix <= (32 if family == 1 else 128):
            return ("ipv4" if family == 1 else "ipv6"), str(prefix)
    return "other", "other"


class Counts:
    """By query type numbers, which the program's report has names for."""

    def __init__(self):
        self.count = {name: Counter() for name in (
            "qtype", "qtype_query_bytes", "qtype_responses", "qtype_response_bytes", "qtype_rcode", "class", "edns",
            "edns_size", "ede", "ecs", "length", "labels", "trait", "rcode")}

    def add(self, name, *key, n=1):
        self.count[name][key[0] if len(key) == 1 else key] += n

    def read(self, data):
        for is_query, text in messages(data):
            try:
                message = Message(text)
            except Unreadable:
                continue
            (self.query if is_query else self.response)(message)
        return self

    def query(self, message):
        if message.labels is not None:
            self.add("qtype", message.qtype)
            self.add("qtype_query_bytes", message.qtype, n=message.length)
            self.add("class", CLASSES.get(message.qclass, f"CLASS{message.qclass}"))
            self.name(message.labels)
        if message.opt is None:
            self.add("edns", "none")
            self.add("edns_size", "none")
            return
        size, version, options = message.opt
        self.add("edns", "0" if version == 0 else "other")
        self.add("edns_size", by_step(size))
        for data in [data for code, data in options if code == ECS][:1]:
            self.add("ecs", *subnet(data))

    def name(self, labels):
        text = b".".join(labels)
        self.add("length", "b%d" % (sum(len(label) + 1 for label in labels) + 1 & ~15))
        self.add("labels", str(min(len(labels), 10)))
        if any(label.lower().startswith(b"xn--") for label in labels):
            self.add("trait", "idn")
        if any(97 <= c <= 122 for c in text) and any(65 <= c <= 90 for c in text):
            self.add("trait", "mixed_case")
        if [label.lower() for label in labels[-2:]] in ([b"in-addr", b"arpa"], [b"ip6", b"arpa"]):
            self.add("trait", "reverse")

    def response(self, message):
        self.add("rcode", message.rcode)
        qtype = "other"
        if message.labels is not None:
            qtype = message.qtype
            self.add("qtype_responses", qtype)
            self.add("qtype_response_bytes", qtype, n=message.length)
        self.add("qtype_rcode", qtype, message.rcode)
        codes = [struct.unpack_from("!H", data)[0] for code, data in (message.opt or (0, 0, []))[2] if code == EDE and len(data) >= 2]
        for code in list(dict.fromkeys(codes))[:8]:
            self.add("ede", str(code))
