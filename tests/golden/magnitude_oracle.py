# SPDX-License-Identifier: BSD-2-Clause
"""DNS Magnitude counted by itself: XXH3-64 of clients' networks as its specification has it, HyperLogLogs in the
storage format of Aggregate Knowledge, and which queries count for which domain."""

import math
import re
from collections import Counter, defaultdict

import oracle
import publish

SECRET = bytes.fromhex("b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
                       "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c")
WORD = (1 << 64) - 1
LOG2, WIDTH = 14, 5
REGISTERS, MOST = 1 << LOG2, (1 << WIDTH) - 1
DOMAIN = re.compile(r"([a-z0-9_-]+\.)*[a-z][a-z0-9-]*[a-z0-9]")


def xxh3(data):
    """Of 16 bytes, without a seed."""
    def word(of, at):
        return int.from_bytes(of[at:at + 8], "little")

    low, high = word(data, 0) ^ word(SECRET, 24) ^ word(SECRET, 32), word(data, 8) ^ word(SECRET, 40) ^ word(SECRET, 48)
    product, swapped = low * high, int.from_bytes(low.to_bytes(8, "little"), "big")
    h = 16 + swapped + high + (product & WORD ^ product >> 64) & WORD
    h = (h ^ h >> 37) * 0x165667919E3779F9 & WORD
    return h ^ h >> 32


def client_hash(address):
    """Of its /24 or /48, IPv4 mapped."""
    bits = int(address)
    return xxh3((0xffff << 32 | bits & ~0xff if address.version == 4 else bits >> 80 << 80).to_bytes(16, "big"))


def registers(clients):
    """{register: value}, without zeros."""
    found = {}
    for h in map(client_hash, clients):
        rest = h >> LOG2
        if rest:
            at, value = h & (REGISTERS - 1), min((rest & -rest).bit_length(), MOST)
            found[at] = max(found.get(at, 0), value)
    return found


def stored(data):
    """The same of what a dataset has; version 1, these parameters, empty, sparse or full."""
    kind = data[0] & 15
    assert data[0] >> 4 == 1 and data[1] == WIDTH - 1 << 5 | LOG2, data[:3]
    bits = int.from_bytes(data[3:], "big")
    if kind == 1:
        assert len(data) == 3, data
        return {}
    width, length = (LOG2 + WIDTH if kind == 3 else WIDTH), 8 * (len(data) - 3)
    assert kind in (3, 4), kind
    words = [bits >> length - width * (i + 1) & (1 << width) - 1 for i in range(length // width)]
    if kind == 4:
        return {at: value for at, value in enumerate(words) if value}
    return {word >> WIDTH: word & MOST for word in words if word & MOST}


def estimate(found):
    """P. Flajolet et al., 2007, with linear counting of few; rounded up."""
    empty = REGISTERS - len(found)
    raw = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS ** 2 / (empty + sum(2.0 ** -value for value in found.values()))
    return math.ceil(REGISTERS * math.log(REGISTERS / empty) if empty and raw < 2.5 * REGISTERS else raw)


class Dataset:
    """Of a day. `labels`: those of a domain."""

    def __init__(self, labels=1):
        self.labels, self.clients, self.queries = labels, set(), 0
        self.asked, self.domains = Counter(), defaultdict(set)

    def add(self, event):
        """Queries of clients, of opcode 0."""
        if not event.is_query or event.message[1] in oracle.OUTGOING or event.address is None or event.flags >> 11 & 15:
            return
        domain = self.domain(event.labels)
        if domain:
            self.queries += 1
            self.clients.add(event.address)
            self.asked[domain] += 1
            self.domains[domain].add(event.address)

    def domain(self, labels):
        """As text; None: the query counts nowhere."""
        if labels is None or len(labels) < self.labels:
            return None
        name = publish.presentation(labels[-self.labels:])
        return name if DOMAIN.fullmatch(name) else None

    def file(self, most=2500):
        """What is written of it: registers, estimate and queries of all, and of each of those with the most clients."""
        def row(clients, queries):
            return registers(clients), estimate(registers(clients)), queries

        rows = {domain: row(clients, self.asked[domain]) for domain, clients in self.domains.items()}
        kept = sorted(rows, key=lambda domain: -rows[domain][1])[:most]
        return row(self.clients, self.queries), {domain: rows[domain] for domain in kept}
