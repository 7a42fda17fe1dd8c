# SPDX-License-Identifier: BSD-2-Clause
"""Which attacks a stream of frames has, by the words of crosstap.yaml(5) and crosstap-metrics(7) and by nothing of the
program: thresholds on what each domain, client, network and AS has in a window."""

import math
from collections import Counter, defaultdict

import addresses
import oracle
import publish
from lookup import Lookup

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
        self.networks, self.systems, self.unexplained, self.systems_of = Counter(), Counter(), Counter(), {}

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
                self.unexplained[system] += 1
                self.systems_of[network] = system
        elif udp:
            row["sent"] += size
            row["answers"] += 1
            if event.labels is not None:
                self.answers[event.address][publish.presentation(event.labels), event.dns.qtype] += 1


class Hour:
    """What each subject has in a window: a running mean with a time constant of an hour, known from ten minutes on. A
    window in which a subject is attacked leaves it as it was."""

    def __init__(self, interval):
        self.rate, self.interval, self.seen, self.sums = math.exp(-interval / oracle.HOUR), interval, 0, {}

    def known(self):
        return self.seen * self.interval >= 10 * MINUTE

    def mean(self, key):
        """Of sums with weights that fall with their age, by the sum of all weights."""
        return self.sums.get(key, 0) * (1 - self.rate) / (1 - self.rate ** self.seen) if self.seen else 0

    def learn(self, counts, attacked):
        counts = {**counts, **{key: self.mean(key) for key in attacked}}
        self.sums = {key: self.sums.get(key, 0) * self.rate + counts.get(key, 0) for key in {*self.sums, *counts}}
        self.seen += 1


class Attacks:
    """Windows are told in their order, each of them."""

    def __init__(self, interval, thresholds):
        self.t, self.interval = {**DEFAULTS, **thresholds}, interval
        self.scale = max(interval, 5 * S) / MINUTE
        self.names, self.asked = Hour(interval), Hour(interval)
        self.open = {}  # (kind, subject): [start of its first window, windows below half]

    def tell(self, start, seen):
        """What begins and what ends with a window."""
        held = {(kind, subject) for kind in KINDS for subject in getattr(self, kind.replace("-", "_"))(seen)}
        begins, ends = held - set(self.open), []
        self.open.update({key: [start, 0] for key in begins})
        for key, state in list(self.open.items()):
            state[1] = 0 if key in held else state[1] + 1
            if state[1] == 2:
                ends.append((*key, state[0]))
                del self.open[key]
        attacked = {kind: [subject for of, subject, *_ in [*self.open, *ends] if of == kind] for kind in KINDS}
        self.names.learn({d: len(n) for d, n in seen.names.items()}, attacked[RANDOM])
        self.asked.learn({**seen.networks, **seen.systems}, attacked[FLOOD])
        return begins, ends

    def part(self, kind, subject):
        """Of the limits: half of them while it goes on."""
        return 0.5 if (kind, subject) in self.open else 1.0

    def random_subdomain(self, seen):
        found = []
        for domain, names in seen.names.items():
            row, part = seen.domains[domain], self.part(RANDOM, domain)
            missing = row["nxdomain"] >= part * self.t["nxdomain_share"] * row["queries"]
            more = self.names.known() and len(names) > part * self.t["times"] * self.names.mean(domain)
            if len(names) >= part * self.t["names"] * self.scale and (missing or more):
                found.append(domain)
        return found

    def reflection(self, seen):
        """While one goes on nobody asks what the answers are to."""
        found = []
        for client, row in seen.clients.items():
            part, most = self.part(REFLECTION, client), max(seen.answers[client].values(), default=0)
            if row["answers"] and row["sent"] >= part * self.t["response_bytes"] * self.scale and \
                    row["sent"] >= part * self.t["amplification"] * row["asked"] and \
                    (part < 1 or most >= self.t["question_share"] * row["answers"]):
                found.append(client)
        return found

    def flooded(self, seen, subject, queries):
        part = self.part(FLOOD, subject)
        return self.asked.known() and queries >= part * self.t["queries"] * self.scale and \
            queries > part * self.t["query_share"] * seen.queries and \
            queries > part * self.t["times"] * self.asked.mean(subject)

    def flood(self, seen):
        """Networks; and ASes by what none of their networks that are named explains."""
        found = [network for network, n in seen.networks.items() if self.flooded(seen, network, n)]
        for network in found:
            if network in seen.systems_of:
                seen.unexplained[seen.systems_of[network]] -= seen.networks[network]
        return found + [system for system, n in seen.unexplained.items() if self.flooded(seen, system, n)]

    @staticmethod
    def row(kind, subject, seen):
        """queries, response_bytes and share, as a window has them."""
        if kind == RANDOM:
            queries, sent = seen.domains[subject]["queries"], None
        elif kind == REFLECTION:
            queries, sent = seen.clients[subject]["queries"], seen.clients[subject]["sent"]
        else:
            queries, sent = (seen.unexplained if isinstance(subject, int) else seen.networks)[subject], None
        whole, n = (seen.sent, sent) if kind == REFLECTION else (seen.queries, queries)
        return {"queries": queries, "response_bytes": sent, "share": n / whole if whole else 0}


class Windows:
    """What a stream has, window by window, and what attacks that is."""

    def __init__(self, payloads, interval, limits, known=None, zones=None, labels=1):
        self.zones, self.labels, self.seen, clock = zones or oracle.Zones(), labels, {}, oracle.Clock(interval, 2 * S)
        systems = Lookup(known or {})
        for event in map(oracle.Oracle.decode, payloads):
            if clock.newest is None:
                clock.begin(event.time)
            clock.see(event.time)
            seen = self.seen.setdefault(clock.window(event.time), Seen())
            seen.add(event, self.domain(event), systems(event.address) if event.address else None)
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
            for (kind, subject), (since, cold) in attacks.open.items():
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
