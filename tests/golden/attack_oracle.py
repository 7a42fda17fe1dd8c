# SPDX-License-Identifier: BSD-2-Clause
"""Which attacks a stream of frames has, by the words of crosstap.yaml(5) and crosstap-metrics(7) and by nothing of the
program: thresholds on what each domain, client, network and AS has in a window."""

from collections import Counter, defaultdict, deque

import addresses
import oracle
import publish

S, MINUTE = oracle.SECOND, 60 * oracle.SECOND
KINDS = RANDOM, REFLECTION, FLOOD = "random-subdomain", "reflection", "flood"
DEFAULTS = {"names": 5000, "nxdomain_share": 0.9, "response_bytes": 1000000, "amplification": 10, "question_share": 0.8,
            "query_share": 0.2, "times": 10, "queries": 6000}


class Seen:
    """What one window has. `system`: AS number of the client, or None."""

    def __init__(self):
        self.queries, self.sent = 0, 0
        self.domains, self.names = defaultdict(Counter), defaultdict(set)
        self.clients, self.answers = defaultdict(Counter), defaultdict(Counter)
        self.networks, self.systems, self.systems_of = Counter(), Counter(), {}

    def add(self, event, domain, system):
        udp, size = event.transport == "udp", len(event.text or b"")
        self.queries += event.is_query
        self.sent += size if udp and not event.is_query and event.address is not None else 0
        if domain is not None:
            self.domains[domain]["queries"] += event.is_query
            self.domains[domain]["nxdomain"] += not event.is_query and event.dns.rcode == oracle.NXDOMAIN
            if event.is_query:
                self.names[domain].add(publish.presentation(event.dns.labels))
        if event.address is not None:
            self.client(event, size, udp, system)

    def client(self, event, size, udp, system):
        row, network = self.clients[event.address], addresses.network(event.address)
        row["queries"] += event.is_query
        if event.is_query:
            row["asked"] += size
            self.networks[network] += 1
            if system is not None:
                self.systems[system] += 1
                self.systems_of[network] = system
        elif udp:
            row["sent"] += size
            row["answers"] += 1
            if event.labels is not None:
                self.answers[event.address][publish.presentation(event.labels), event.dns.qtype] += 1


class Hour:
    """What each subject has in a window, on the average of the last hour."""

    def __init__(self, windows, least):
        self.least, self.past = least, deque(maxlen=windows)

    def known(self):
        return len(self.past) >= self.least

    def mean(self, key):
        return sum(window.get(key, 0) for window in self.past) / len(self.past) if self.past else 0

    def learn(self, counts):
        self.past.append(counts)


class Attacks:
    """Windows are told in their order, each of them."""

    def __init__(self, interval, thresholds):
        self.t, self.interval = {**DEFAULTS, **thresholds}, interval
        self.scale = max(interval, 5 * S) / MINUTE
        length = 60 * MINUTE // interval
        self.names, self.asked = (Hour(length, -(-10 * MINUTE // interval)) for _ in range(2))
        self.open = {}  # (kind, subject): [start of its first window, windows below half, what its hour was]

    def tell(self, start, seen):
        """({(kind, subject): row}, what begins, what ends) of a window."""
        over = {kind: getattr(self, kind.replace("-", "_"))(seen, 1.0) for kind in KINDS}
        half = {kind: getattr(self, kind.replace("-", "_"))(seen, 0.5) for kind in KINDS}
        begins, ends = [], []
        for kind in KINDS:
            for subject in over[kind]:
                if (kind, subject) not in self.open:
                    self.open[kind, subject] = [start, 0, self.hour_of(kind, subject)]
                    begins.append((kind, subject))
        for (kind, subject), state in list(self.open.items()):
            state[1] = 0 if subject in half[kind] else state[1] + 1
            if state[1] == 2:
                ends.append((kind, subject, state[0]))
                del self.open[kind, subject]
        self.names.learn({d: len(n) for d, n in seen.names.items()})
        self.asked.learn({**seen.networks, **seen.systems})
        return begins, ends

    def hour_of(self, kind, subject):
        return (self.names if kind == RANDOM else self.asked).mean(subject)

    def usual(self, kind, subject):
        """What an attack is held against: its hour, or where it lasts that before it began."""
        state = self.open.get((kind, subject))
        return state[2] if state else self.hour_of(kind, subject)

    def random_subdomain(self, seen, part):
        found = []
        for domain, names in seen.names.items():
            row, many = seen.domains[domain], len(names) >= part * self.t["names"] * self.scale
            missing = row["nxdomain"] >= part * self.t["nxdomain_share"] * row["queries"]
            more = self.names.known() and len(names) > part * self.t["times"] * self.usual(RANDOM, domain)
            if many and (missing or more):
                found.append(domain)
        return found

    def reflection(self, seen, part):
        found = []
        for client, row in seen.clients.items():
            most = max(seen.answers[client].values(), default=0)
            if row["sent"] >= part * self.t["response_bytes"] * self.scale and row["answers"] and \
                    row["sent"] >= part * self.t["amplification"] * row["asked"] and \
                    most >= part * self.t["question_share"] * row["answers"]:
                found.append(client)
        return found

    def flooded(self, seen, subject, queries, part):
        return self.asked.known() and queries >= part * self.t["queries"] * self.scale and \
            queries > part * self.t["query_share"] * seen.queries and \
            queries > part * self.t["times"] * self.usual(FLOOD, subject)

    def flood(self, seen, part):
        """Networks; and ASes by what none of their networks that are named explains."""
        found = [network for network, n in seen.networks.items() if self.flooded(seen, network, n, part)]
        left = Counter(seen.systems)
        for network in found:
            if network in seen.systems_of:
                left[seen.systems_of[network]] -= seen.networks[network]
        return found + [system for system, n in left.items() if self.flooded(seen, system, n, part)]

    def row(self, kind, subject, seen):
        """queries, response_bytes and share, as a window has them."""
        if kind == RANDOM:
            queries, sent = seen.domains[subject]["queries"], None
        elif kind == REFLECTION:
            queries, sent = seen.clients[subject]["queries"], seen.clients[subject]["sent"]
        else:
            queries, sent = (seen.systems if isinstance(subject, int) else seen.networks)[subject], None
        whole, n = (seen.sent, sent) if kind == REFLECTION else (seen.queries, queries)
        return {"queries": queries, "response_bytes": sent, "share": n / whole if whole else 0}


def number(address, known):
    """AS of the longest network that has the address."""
    found = [(network.prefixlen, asn) for network, asn in known if address in network]
    return max(found)[1] if found else None


class Windows:
    """What a stream has, window by window, and what attacks that is."""

    def __init__(self, payloads, interval, limits, known=(), zones=None, labels=1):
        self.zones, self.labels, self.seen, clock = zones or oracle.Zones(), labels, {}, oracle.Clock(interval, 2 * S)
        numbers = {}
        for event in map(oracle.Oracle.decode, payloads):
            if clock.newest is None:
                clock.begin(event.time)
            clock.see(event.time)
            if event.address not in numbers:
                numbers[event.address] = number(event.address, known)
            seen = self.seen.setdefault(clock.window(event.time), Seen())
            seen.add(event, self.domain(event), numbers[event.address])
        self.interval = interval
        self.tell(interval, limits)

    def domain(self, event):
        zone = self.zones.of(event)
        if event.labels is None:
            return None
        return publish.presentation(event.labels[-(self.zones.width(zone) + self.labels):])

    def tell(self, interval, limits):
        """rows: {(start, kind, subject): figures}; events: (end of the window, kind, begins or ends, subject, size or
        seconds)"""
        attacks, self.rows, self.events = Attacks(interval, limits), {}, []
        for start in range(min(self.seen), max(self.seen) + 1, interval):
            seen = self.seen.get(start) or Seen()
            begins, ends = attacks.tell(start, seen)
            for kind, subject in begins:
                self.event(start + interval, kind, "begins", subject, self.size(attacks.row(kind, subject, seen)))
            for kind, subject, since in ends:
                self.event(start + interval, kind, "ends", subject, (start - interval - since) // S)
            for (kind, subject), (since, cold, _) in attacks.open.items():
                self.rows[start, kind, self.text(subject)] = {
                    **attacks.row(kind, subject, seen), "since_s": (start + interval - since) // S, "cold": cold}

    def event(self, time, kind, what, subject, size):
        self.events.append((time, kind, what, self.text(subject)[:100], size))

    @staticmethod
    def size(row):
        sent = row["response_bytes"]
        return (*((row["queries"], "queries") if sent is None else (sent, "bytes")), f"{row['share'] * 100:.1f}")

    @staticmethod
    def text(subject):
        return f"AS{subject}" if isinstance(subject, int) else str(subject)
