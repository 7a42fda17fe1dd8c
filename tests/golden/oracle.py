# SPDX-License-Identifier: BSD-2-Clause
"""What a stream of dnstap frames comes to, by the rules that the manual states and by nothing of the program: which frames
count, in which zone and window, and every figure that is counted of all messages alike. Those of the datasets are counted
by the readers beside this one."""

import struct
from collections import Counter, defaultdict

import addresses
import junk
import publish
import reader

OUTGOING = set(range(1, 15)) - reader.CLIENT_SIDE
TRANSPORTS = {1: "udp", 2: "tcp", 3: "dot", 4: "doh", 5: "dnscrypt-udp", 6: "dnscrypt-tcp", 7: "doq"}
WIRE_TYPES = {1: 0, 2: 0, 3: 0, 4: 2, 5: 2, 6: 0, 7: 0, 8: 0, 9: 5, 10: 2, 11: 2, 12: 0, 13: 5, 14: 2, 15: 2, 16: 0}
OUTER_WIRE_TYPES = {1: 2, 2: 2, 3: 2, 14: 2, 15: 0}
FLAGS = {"aa": 0x0400, "tc": 0x0200, "rd": 0x0100, "ra": 0x0080, "ad": 0x0020, "cd": 0x0010}
OPTIONS = {3: "nsid", 8: "ecs", 10: "cookie"}
SECOND, HOUR, DAY = 10 ** 9, 3600 * 10 ** 9, 86400 * 10 ** 9
DS, NXDOMAIN = 43, 3


class Bad(Exception):
    """No dnstap message."""


def varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Bad
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def protobuf(data, wire_types):
    """[(number, value)] as they stand there; whoever does not know a field leaves it out."""
    at, found = 0, []
    while at < len(data):
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0 or kind not in (0, 1, 2, 5) or wire_types.get(number, kind) != kind:
            raise Bad
        if kind == 0:
            value, at = varint(data, at)
        else:
            width = {1: 8, 5: 4}.get(kind)
            if width is None:
                width, at = varint(data, at)
            if at + width > len(data):
                raise Bad
            value, at = data[at:at + width], at + width
            value = value if kind == 2 else int.from_bytes(value, "little")
        found.append((number, value))
    return found


def read_frame(payload):
    """(outer fields, fields of the message); a message that comes in parts is one."""
    outer = protobuf(payload, OUTER_WIRE_TYPES)
    parts = [protobuf(value, WIRE_TYPES) for number, value in outer if number == 14]
    outer = dict(outer)
    message = dict(pair for part in parts for pair in part)
    if outer.get(15) != 1 or message.get(1) not in range(1, 15):
        raise Bad
    return outer, message


def time_of(message, field):
    return message[field] * SECOND + message.get(field + 1, 0) if field in message else None


class Event:
    """A query or a response, as a frame tells of it."""

    def __init__(self, outer, message):
        message = {**message, 3: message.get(3) or 1}
        self.outer, self.message, self.is_query = outer, message, message[1] % 2 == 1
        self.text = message.get(10 if self.is_query else 14)
        times = [time_of(message, 8), time_of(message, 12)]
        self.query_time, self.response_time = times
        known = [t for t in (times if self.is_query else times[::-1]) if t is not None]
        self.time = known[0] if known else None
        self.address = addresses.address(message.get(4))
        self.port = message.get(6)
        self.transport = TRANSPORTS.get(message[3], "other")
        self.flags, self.dns, self.malformed = 0, None, False
        if self.text is not None:
            try:
                self.dns = reader.Message(self.text)
                self.flags = struct.unpack_from("!H", self.text, 2)[0]
            except reader.Unreadable:
                self.malformed = True

    @property
    def family(self):
        """That of the client's address, else of the server's, else what the producer says."""
        for address in (self.address, addresses.address(self.message.get(5))):
            if address is not None:
                return f"ipv{address.version}"
        return "ipv6" if self.message.get(2) == 2 else "ipv4"

    @property
    def labels(self):
        return self.dns.labels if self.dns else None

    @property
    def pair(self):
        """What a query and its response have in common; of what is shorter than a header nothing is known."""
        if self.text is None or len(self.text) < 12:
            return None
        return self.transport, self.address, self.port or 0, self.text[:2]


def query_within(event):
    """The query that a response's frame carries."""
    keep = {k: v for k, v in event.message.items() if k in (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13)}
    return Event(event.outer, {**keep, 1: event.message[1] - 1})


class Zones:
    """`label` for everything, or the longest of the listed names."""

    def __init__(self, label="default", listed=None):
        self.label = label
        self.listed = None if listed is None else {self.reverse(name): name for name in listed}

    @staticmethod
    def reverse(name):
        return tuple(part.encode() for part in reversed(name.lower().split(".")) if part)

    def of(self, event):
        """None: not to be told by its name."""
        if self.listed is None:
            return self.label
        if event.labels is None:
            return None
        labels = tuple(label.lower() for label in reversed(event.labels))
        found = [self.listed[labels[:n]] for n in range(len(labels), -1, -1) if labels[:n] in self.listed]
        if event.dns.qtype == DS and labels in self.listed and found[1:]:
            return found[1]  # it is the parent that knows
        return found[0] if found else "other"

    def width(self, zone):
        """Its labels."""
        return 0 if zone == "." else zone.count(".") + 1


class Pairs:
    """Queries that wait for their answers."""

    def __init__(self):
        self.waiting = defaultdict(list)

    def put(self, event, zone, at, told):
        if event.pair is not None:
            self.waiting[event.pair].append((at, zone, told))

    def take(self, event, at):
        """(time that orders it, zone, query_time) of the newest."""
        fits = [q for q in self.waiting.get(event.pair, ()) if abs(at - q[0]) <= 10 * SECOND] if event.pair else []
        if not fits:
            return None
        found = max(fits, key=lambda q: q[0])
        self.waiting[event.pair].remove(found)
        return found


class Figures:
    """Of one zone, in one window or in all."""

    def __init__(self, width, tlds, labels, rules):
        self.messages, self.sources = defaultdict(Counter), defaultdict(set)
        self.outgoing, self.opcode, self.rcode, self.malformed = Counter(), Counter(), Counter(), Counter()
        self.flags, self.size, self.times = defaultdict(Counter), defaultdict(Counter), defaultdict(list)
        self.names = {"query": Counter(), "nxdomain": Counter()}
        self.resolvers = defaultdict(Counter)
        self.parts, self.junk, self.servers = reader.Counts(), junk.Expected(b"", tlds), addresses.Counts(b"")
        self.domains = publish.Domains(b"", width, labels, rules)
        self.asked = Counter()

    def total(self, field):
        return sum(cell[field] for cell in self.messages.values())

    def clients(self):
        return set().union(*self.sources.values())

    def out(self, event):
        self.outgoing["queries" if event.is_query else "responses"] += 1

    def add(self, event, latency):
        direction = "query" if event.is_query else "response"
        kind = {"query": "queries", "response": "responses"}[direction]
        cell = self.messages[event.transport, event.family]
        cell[kind] += 1
        self.servers.take(event.outer, event.message)
        if event.address is not None:
            self.sources[event.transport, event.family].add(event.address)
            self.resolvers[event.address][kind] += 1
            self.asked[event.address] += event.is_query
        if latency is not None:
            self.times[event.transport].append(latency)
        self.domains.all_queries += event.is_query
        if event.text is not None:
            cell[direction + "_bytes"] += len(event.text)
            self.size[direction, event.transport][min(len(event.text) // 16 * 16, 4096)] += 1
            cell["malformed"] += event.malformed
            self.malformed[direction] += event.malformed
        if event.dns:
            self.add_message(event, direction)

    def add_message(self, event, direction):
        flags, dns = self.flags[direction], event.dns
        flags.update(flag for flag, bit in FLAGS.items() if event.flags & bit)
        if dns.opt:
            flags.update(["edns"] + ["do"] * dns.do + list({OPTIONS[code] for code, _ in dns.opt[2] if code in OPTIONS}))
        self.junk.add(event.is_query, event.message, dns, event.flags)
        if event.is_query:
            self.opcode[event.flags >> 11 & 15] += 1
            self.parts.query(dns)
        else:
            self.rcode[dns.rcode] += 1
            self.parts.response(dns)
            if event.address is not None:
                self.resolvers[event.address]["nxdomain"] += dns.rcode == NXDOMAIN
        if dns.labels is not None:
            if event.is_query or dns.rcode == NXDOMAIN:
                self.names["query" if event.is_query else "nxdomain"][publish.presentation(dns.labels)] += 1
            self.domains.add(event.is_query, event.address, dns)


class Clock:
    """Windows of the newest timestamp: each closes when that passes its end and grace. What jumps by more than an hour is
    not believed until so many frames running agree, each with the one before it."""

    AGREED = 16

    def __init__(self, interval, grace):
        self.interval, self.grace, self.newest, self.oldest, self.jumps = interval, grace, None, None, []

    def begin(self, at):
        self.newest, self.oldest = at, (at - self.grace) // self.interval

    def see(self, at):
        if abs(at - self.newest) > HOUR:
            agrees = self.jumps and abs(at - self.jumps[-1]) <= HOUR
            self.jumps = self.jumps + [at] if agrees else [at]
            if len(self.jumps) < self.AGREED:
                return
            if at < self.newest:
                self.oldest = at // self.interval
            self.newest = at
        self.jumps = []
        self.newest = max(self.newest, at)
        while self.newest >= (self.oldest + 1) * self.interval + self.grace:
            self.oldest += 1

    def window(self, at):
        """Start of the one that counts it: what is late joins the oldest open one, what is skewed the newest."""
        newest = max(self.newest // self.interval, self.oldest)
        index = newest if at is None else at // self.interval
        return min(max(index, self.oldest), newest) * self.interval


class Day:
    """Of a client. `before`: its traits of the day before."""

    def __init__(self, day, client, before):
        self.day, self.client, self.before = day, client, before


class Oracle:
    def __init__(self, zones=None, from_responses=False, interval=10 * SECOND, grace=2 * SECOND, tlds=(), labels=1, rules=None,
                 thresholds=None):
        self.zones, self.from_responses, self.made_with = zones or Zones(), from_responses, (tlds, labels, rules)
        self.thresholds = thresholds or {}
        self.pairs, self.clock = Pairs(), Clock(interval, grace)
        self.frames = self.bad = self.ignored = 0
        self.whole, self.windows, self.order = {}, defaultdict(dict), defaultdict(list)

    def figures(self, where, zone):
        if zone not in where:
            where[zone] = Figures(self.zones.width(zone), *self.made_with)
        return where[zone]

    def read(self, payloads):
        """A frame that says no time comes with the one before it, the first ones with the first that does."""
        events = [self.decode(payload) for payload in payloads]
        self.clock.begin(next(event.time for event in events if event and event.time is not None))
        for event in events:
            self.frames += 1
            if event:
                self.frame(event)
            else:
                self.bad += 1
        return self

    @staticmethod
    def decode(payload):
        try:
            return Event(*read_frame(payload))
        except Bad:
            return None

    def frame(self, event):
        if event.time is not None:
            self.clock.see(event.time)
        if self.from_responses and event.is_query and event.message[1] in reader.CLIENT_SIDE:
            self.ignored += 1
            return
        carried = None
        if self.from_responses and 10 in event.message and event.message[1] in reader.CLIENT_SIDE:
            carried = self.event(query_within(event), carried=True)
        self.event(event, zone=carried)

    def event(self, event, zone=None, carried=False):
        """Its zone. `zone`: of the query that its frame carries."""
        window = self.clock.window(event.time)
        at = event.time if event.time is not None else self.clock.newest
        zone, latency = self.zones.of(event) or zone, None
        if event.message[1] in OUTGOING:
            for where in (self.whole, self.windows[window]):
                self.figures(where, zone or "other").out(event)
            return zone
        if not event.is_query:
            query = self.pairs.take(event, at)
            zone = zone or (query and query[1])
            began = event.query_time if event.query_time is not None else query and query[2]
            if began is not None and event.response_time is not None:
                latency = max(0, event.response_time - began)
        zone = zone or "other"
        if event.is_query and not carried:
            self.pairs.put(event, zone, at, event.query_time)
        self.order[window].append((event, zone))
        for where in (self.whole, self.windows[window]):
            self.figures(where, zone).add(event, latency)
        return zone

    def traits(self):
        """{(window, zone): {trait: clients and queries of that window}}, of what is known of the client at its end."""
        clients, out = {}, {}
        for window in sorted(self.windows):
            self.learn(clients, window)
            for zone, figures in self.windows[window].items():
                out[window, zone] = self.judge(clients, figures)
        return out

    def learn(self, clients, window):
        """TC and TCP of one window are told in order for each zone by itself."""
        truncated = set()
        for event, zone in self.order[window]:
            if event.address is None:
                continue
            client = self.today(clients, event.address, window // DAY).client
            before, here = set(client.signs), (event.address, zone)
            client.signs |= {"tc"} if here in truncated else set()
            if event.is_query:
                client.query(event.message, event.dns, self.zones.width(zone))
            else:
                client.response(event.message, event.dns, event.flags)
                truncated |= {here} if "tc" in client.signs - before else set()
            client.signs -= {"tc"} - before
        for address, _ in truncated:
            clients[address].client.signs.add("tc")

    def today(self, clients, address, day):
        known = clients.get(address)
        if known is None or known.day != day:
            before = self.traits_of(known) if known and known.day + 1 == day and known.client.n["queries"] else set()
            clients[address] = Day(day, publish.Client(address.packed), before)
        return clients[address]

    def traits_of(self, known):
        """What a day's few queries say nothing of yet is as on the day before."""
        few = known.client.n["queries"] < self.thresholds.get("least", 50)
        return known.client.traits(**self.thresholds) | (known.before if few else set())

    def judge(self, clients, figures):
        out = {trait: Counter() for trait in publish.TRAITS}
        for address, queries in figures.asked.items():
            for trait in self.traits_of(clients[address]):
                out[trait].update(sources=1, queries=queries)
        return out
