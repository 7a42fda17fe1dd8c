# SPDX-License-Identifier: BSD-2-Clause
"""Made traffic with attacks of known size in a mix without any: just below and just above each threshold, of which each
stream says which it has."""

import ipaddress
import random
import struct

import publish
import traffic
from attack_oracle import FLOOD, MINUTE, RANDOM, REFLECTION, S
from wire_traffic import packed

NXDOMAIN, ANY, A, TXT, TCP = 3, 255, 1, 16, 2


class Made:
    """Frames by the window that they are in, of `interval` nanoseconds."""

    def __init__(self, seed, interval=10 * S):
        self.r, self.interval, self.frames = random.Random(seed), interval, {}
        self.start = traffic.START - traffic.START % interval
        self.expected = []  # (kind, subject, first window, last window)

    def put(self, window, is_query, client, message, protocol=1):
        at = self.start + window * self.interval + self.r.randrange(self.interval - 10 ** 6)
        self.frames.setdefault(window, []).append((at, traffic.dnstap(is_query, at, client, message, protocol)))

    def ask(self, window, client, labels, qtype=A, rcode=0, size=0, answered=True, protocol=1):
        question = publish.name(*labels) + struct.pack(">HH", qtype, 1)
        ident = self.r.randrange(65536)
        self.put(window, True, client, struct.pack(">6H", ident, 0, 1, 0, 0, 0) + question, protocol)
        if answered:
            answer = struct.pack(">6H", ident, 0x8000 | rcode, 1, 0, 0, 0) + question
            self.put(window, False, client, answer + bytes(max(0, size - len(answer))), protocol)

    def payloads(self):
        return [payload for window in sorted(self.frames) for _, payload in sorted(self.frames[window])]

    def resolver(self):
        """By Zipf's law, some in IPv6; one network has a third of all."""
        i = min(int(self.r.paretovariate(0.9)), 400)
        if self.r.random() < 0.33:
            return bytes([8, 8, 8, self.r.randrange(256)])
        if i % 4:
            return bytes([100, i % 60, i % 251, i % 199])
        return packed("2001:db8::")[:4] + bytes([i % 50, i % 40]) + bytes(9) + bytes([i % 256])

    def mix(self, window, n):
        """Domains and names by Zipf's law, too, a tenth of NXDOMAIN."""
        for _ in range(n):
            domain, missing = b"d%d" % min(int(self.r.paretovariate(1)), 300), self.r.random() < 0.1
            host = b"x%d" % self.r.randrange(10 ** 9) if missing else self.r.choice([b"www", b"wWw", b"mail", b"_spf"])
            qtype, size = self.r.choice([A, A, 28, TXT, 43]), self.r.choice([0, 120, 300, 512, 1200])
            self.ask(window, self.resolver(), (host, domain, b"nl"), qtype, NXDOMAIN * missing, size,
                     protocol=self.r.choice([1] * 9 + [TCP]))

    def names(self, windows, domain, n, missing=1.0, spread=1):
        """A query each of n names in a window, of clients everywhere."""
        for window in windows:
            for i in range(n * spread):
                name = b"%x-%d" % (window * 7919 + 4001 * (i % n), i % n)
                client = bytes([self.r.randrange(101, 180), *(self.r.randrange(256) for _ in range(3))])
                self.ask(window, client, (name, *domain), A, NXDOMAIN * (i < missing * n * spread))

    def reflect(self, windows, client, answers, size, share=1.0, labels=(b"nl",)):
        """So many answers of `size` bytes, of which `share` are to one question."""
        for window in windows:
            for i in range(answers):
                self.ask(window, packed(client), labels if i < share * answers else (b"o%d" % i, b"nl"), ANY, 0, size)

    def flood(self, windows, network, n, answered=False):
        network = ipaddress.ip_network(network)
        for window in windows:
            for i in range(n):
                address = network.network_address + self.r.randrange(1, min(network.num_addresses, 2 ** 40))
                self.ask(window, address.packed, (b"www", b"d%d" % (i % 9), b"nl"), answered=answered)

    def dictionary(self, windows, n, domains):
        """A run through names that nobody has, over many domains."""
        for window in windows:
            for i in range(n):
                labels = (b"w%d" % i, b"e%d" % (i % domains), b"nl")
                self.ask(window, bytes([104, i % 40, 1, i % 9]), labels, A, NXDOMAIN)

    def attack(self, kind, subject, first, last):
        self.expected.append((kind, subject, first, last))


def thresholds():
    """Each threshold from both sides, before ten minutes are known and after."""
    made = Made(1)
    for window in range(128):
        made.mix(window, made.r.randrange(50, 160) if window < 70 else 200)
        made.flood([window], "198.51.100.0/24", 13)
        made.flood([window], "198.51.101.0/24", 13)
    made.names(range(5, 8), (b"victim", b"nl"), 100)
    made.attack(RANDOM, "victim.nl", 5, 7)
    made.names(range(5, 8), (b"below", b"nl"), 99)
    made.names(range(10, 13), (b"found", b"nl"), 150, 0.89)
    made.names(range(10, 13), (b"Lost.dot", b"nl"), 150, 0.9)
    made.attack(RANDOM, "lost\\.dot.nl", 10, 12)
    made.names(range(11, 15), (b" \0\\", b"nl"), 130)  # two at once
    made.attack(RANDOM, "\\032\\000\\\\.nl", 11, 14)
    made.names(range(12, 16), (b"repeated", b"nl"), 60, spread=3)  # few names, often
    for window in range(16, 20):  # one name in all its spellings
        for i in range(300):
            spelling = bytes(c ^ 32 * made.r.getrandbits(1) for c in b"abcdefghijklmnop")
            made.ask(window, bytes([101, 1, 1, 1]), (spelling, b"spelt", b"nl"), rcode=NXDOMAIN)
    made.reflect(range(18, 21), "192.0.2.1", 50, 400)
    made.attack(REFLECTION, "192.0.2.1", 18, 20)
    made.reflect(range(18, 21), "192.0.2.2", 49, 400)
    made.reflect(range(18, 21), "192.0.2.3", 100, 200)
    made.attack(REFLECTION, "192.0.2.3", 18, 20)
    made.reflect(range(18, 21), "192.0.2.4", 110, 199)
    made.reflect(range(22, 25), "192.0.2.5", 50, 800, 0.8)
    made.attack(REFLECTION, "192.0.2.5", 22, 24)
    made.reflect(range(22, 25), "192.0.2.6", 50, 800, 0.78)
    made.reflect(range(23, 26), "2001:db8:53::1", 80, 800)
    made.attack(REFLECTION, "2001:db8:53::1", 23, 25)
    made.reflect(range(23, 26), "::ffff:192.0.2.7", 80, 800)
    made.attack(REFLECTION, "192.0.2.7", 23, 25)
    for window in range(27, 30):  # over TCP nobody is reflected
        for _ in range(80):
            made.ask(window, packed("192.0.2.8"), (b"nl",), ANY, 0, 4000, protocol=TCP)
    floods(made)
    return made


def floods(made):
    """From window 30 on: what the hour has to be known for, how attacks go on and end."""
    made.flood(range(31, 35), "203.0.113.0/24", 900)  # ten minutes are not known yet
    made.names(range(31, 35), (b"wild", b"nl"), 400, 0)
    made.names((40, 41, 43, 44), (b"pause", b"nl"), 200)
    made.attack(RANDOM, "pause.nl", 40, 44)
    for first in (40, 44):
        made.names((first, first + 1), (b"again", b"nl"), 200)
        made.attack(RANDOM, "again.nl", first, first + 1)
    made.reflect((46,), "192.0.2.9", 100, 400)
    made.reflect(range(47, 51), "192.0.2.9", 30, 400)  # over half
    made.reflect(range(51, 53), "192.0.2.9", 20, 400)  # under
    made.attack(REFLECTION, "192.0.2.9", 46, 50)
    made.flood(range(72, 75), "203.0.114.0/24", 99)  # over a fifth, but few
    made.flood(range(72, 75), "203.0.115.0/24", 100)
    made.attack(FLOOD, "203.0.115.0/24", 72, 74)
    made.mix(77, 174)
    made.flood((77,), "203.0.116.0/24", 100)  # a fifth of 500
    made.mix(80, 174)
    made.flood((80,), "203.0.117.0/24", 101)
    made.attack(FLOOD, "203.0.117.0/24", 80, 80)
    made.flood(range(82, 85), "198.51.100.0/24", 118)  # 131, 13 in its hour
    made.attack(FLOOD, "198.51.100.0/24", 82, 84)
    made.flood(range(82, 85), "198.51.101.0/24", 117)
    made.names(range(87, 90), (b"wild", b"nl"), 300, 0)
    made.attack(RANDOM, "wild.nl", 87, 89)
    made.flood(range(92, 95), "2001:db8:53::/48", 500)
    made.attack(FLOOD, "2001:db8:53::/48", 92, 94)
    for i in range(30):  # an AS by many networks, none of which is much
        made.flood(range(97, 101), f"11.{i}.0.0/24", 20)
    made.attack(FLOOD, 64511, 97, 100)
    made.flood(range(103, 106), "11.9.9.0/24", 400)  # and by one, which explains it
    made.attack(FLOOD, "11.9.9.0/24", 103, 105)
    made.flood(range(103, 106), "12.9.9.0/24", 450)
    made.attack(FLOOD, "12.9.9.0/24", 103, 105)


def defaults():
    """A minute of 5,000 names, 1,000,000 bytes and 6,000 queries, from both sides, in windows of ten seconds."""
    made = Made(2)
    for window in range(66):
        made.mix(window, 20)
    for first, names, answers, queries in ((2, 834, 139, 0), (6, 833, 138, 0), (60, 0, 0, 1000), (63, 0, 0, 999)):
        made.names((first, first + 1), (b"t%d" % first, b"nl"), names)
        made.reflect((first, first + 1), f"192.0.2.{first}", answers, 1200)
        made.flood((first, first + 1), f"203.0.{first}.0/24", queries)
    made.attack(RANDOM, "t2.nl", 2, 3)
    made.attack(REFLECTION, "192.0.2.2", 2, 3)
    made.attack(FLOOD, "203.0.60.0/24", 60, 61)
    return made


def seconds():
    """A window of a second has to have what five may have."""
    made = Made(3, S)
    for window in range(40):
        made.mix(window, 20)
    for first, names, answers in ((3, 50, 25), (10, 49, 24)):
        made.names(range(first, first + 4), (b"t%d" % first, b"nl"), names)
        made.reflect(range(first, first + 4), f"192.0.2.{first}", answers, 400)
    made.attack(RANDOM, "t3.nl", 3, 6)
    made.attack(REFLECTION, "192.0.2.3", 3, 6)
    return made


def minutes():
    """More names than are counted one by one."""
    made = Made(4, MINUTE)
    for window in range(12):
        made.mix(window, 40)
    for first, names in ((2, 3250), (5, 2750)):
        made.names((first, first + 1), (b"t%d" % first, b"nl"), names)
    made.attack(RANDOM, "t2.nl", 2, 3)
    return made


def zones():
    """Domains are two labels below the zone; a client is the same in all zones; odd names and long ones."""
    made, long = Made(5), (b"\xff" * 60, b"u" * 63)
    for window in range(20):
        made.mix(window, 40)
    made.names(range(3, 6), (b"b", b"a", b"example", b"nl"), 120)
    made.attack(RANDOM, "b.a.example.nl", 3, 5)
    made.names(range(3, 6), (b"a", b"nl"), 120)  # a domain for each name
    made.names(range(4, 7), (b"x", b"a", b"ORG"), 120)
    made.attack(RANDOM, "x.a.org", 4, 6)
    made.names(range(8, 11), (*long, b"nl"), 120)
    made.attack(RANDOM, publish.presentation((*long, b"nl")), 8, 10)
    made.reflect(range(9, 12), "192.0.2.1", 100, 400, 0.9, (b"example", b"nl"))
    made.reflect(range(9, 12), "192.0.2.1", 5, 400, 1, (b"org",))
    made.attack(REFLECTION, "192.0.2.1", 9, 11)
    return made


def many():
    """Of ten at a time eight are named."""
    made = Made(6)
    for window in range(12):
        made.mix(window, 40)
    for i in range(10):
        made.names(range(3, 6), (b"t%d" % i, b"nl"), 100 + i)
        made.reflect(range(3, 6), f"192.0.2.{i}", 50 + i, 400)
    return made


def silence():
    """Attacks before windows without a frame: two of them end it, one does not."""
    made = Made(7)
    for window in (*range(5), *range(7, 12), *range(13, 20)):
        made.mix(window, 40)
    made.names((3, 4, 7, 8), (b"ends", b"nl"), 200)
    made.attack(RANDOM, "ends.nl", 3, 4)
    made.attack(RANDOM, "ends.nl", 7, 8)
    made.reflect((10, 11, 13, 14), "192.0.2.1", 100, 400)
    made.attack(REFLECTION, "192.0.2.1", 10, 14)
    return made


def long():
    """A flood of twenty minutes, which is what the hour knows by then; one that lasts when the traffic ends."""
    made = Made(10)
    for window in range(190):
        made.mix(window, 10)
    made.flood(range(62, 182), "203.0.113.0/24", 101)
    made.attack(FLOOD, "203.0.113.0/24", 62, 181)
    made.flood(range(187, 190), "203.0.114.0/24", 101)
    made.attack(FLOOD, "203.0.114.0/24", 187, 189)
    return made


def anything(seed):
    """Attacks around limits that are drawn as well, at any time and upon each other; what comes of it nobody says."""
    made = Made(seed)
    r, limits = made.r, {"names": 120, "response_bytes": 24000, "queries": 120}
    for name, values in (("nxdomain_share", (0.3, 0.6, 0.9)), ("amplification", (2, 5, 10)), ("times", (2, 5, 10)),
                         ("query_share", (0.1, 0.2, 0.4))):
        limits[name] = r.choice(values)
    for window in range(100):
        made.mix(window, r.randrange(5, 30))
    for i in range(14):
        first = r.randrange(92)
        for window in range(first, first + r.randrange(1, 8)):
            kind = r.randrange(3)
            if kind == 0:
                n = r.choice([6, 9, 10, 11, 18, 20, 22, 40])
                made.names([window], (b"t%d" % (i % 4), b"nl"), n, r.choice([0, 0.2, 0.5, 0.8, 1]))
            elif kind == 1:
                n, size, share = r.choice([4, 5, 9, 10, 11, 20]), r.choice([100, 200, 400]), r.choice([0.2, 1, 1, 1])
                made.reflect([window], "192.0.2.%d" % (i % 4), n, size, share)
            else:
                made.flood([window], "198.51.%d.0/24" % r.randrange(5), r.choice([6, 10, 12, 20, 22, 60]))
    return made, limits


def calm():
    """A day by quarters of an hour: bursts, flash crowds, a run through a dictionary, a large validating resolver."""
    made = Made(8, 15 * MINUTE)
    for window in range(96):
        made.mix(window, int(made.r.uniform(0.4, 1) * made.r.choice([200, 300, 300, 400, 800])))
        for i in range(60):  # many questions with large answers
            made.ask(window, packed("192.0.2.200"), (b"d%d" % i, b"nl"), 48, 0, 1800)
    for window in (30, 31, 60):  # everybody wants one name
        for i in range(600):
            made.ask(window, bytes([130 + i % 90, i % 7, i % 250, i % 200]), (b"www", b"news", b"nl"))
    made.dictionary((45, 46, 80), 800, 200)
    made.flood((50, 51), "198.51.100.0/24", 70)
    return made


def networks():
    """More of them than are kept apart; and one that has a third of all."""
    made = Made(9)
    for window in range(66):
        made.mix(window, 2)
    for window in (60, 61, 62):
        for i in range(3000):
            made.ask(window, bytes([60 + i // 250, i % 250, window, 1]), (b"www", b"d1", b"nl"), answered=False)
        made.flood((window,), "203.0.113.0/24", 1500)
    made.attack(FLOOD, "203.0.113.0/24", 60, 62)
    return made
