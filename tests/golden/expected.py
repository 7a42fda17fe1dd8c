# SPDX-License-Identifier: BSD-2-Clause
"""What the report and the points of a replay must say of what the oracle counted (oracle.py)."""

import math
from collections import Counter

import addresses
import datasets
import junk

OPCODES = {0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO"}
NXDOMAIN = 3


def without_zeros(counter):
    return {key: n for key, n in counter.items() if n}


def opcode_name(opcode):
    return OPCODES.get(opcode, f"OPCODE{opcode}")


def messages(figures):
    out = {}
    for (transport, family), cell in figures.messages.items():
        out.setdefault(transport, {})[family] = {"queries": cell["queries"], "responses": cell["responses"]}
    return out


def sizes(figures, direction):
    out = Counter()
    for (of, _), bins in figures.size.items():
        if of == direction:
            out.update({str(size): n for size, n in bins.items()})
    return dict(out)


def zone(figures):
    """Of the report."""
    times = [t for part in figures.times.values() for t in part]
    out = {field: figures.total(field) for field in ("queries", "responses", "query_bytes", "response_bytes")}
    out["sources"] = len(figures.clients())
    out["outgoing"] = {field: figures.outgoing[field] for field in ("queries", "responses")}
    out["malformed"] = {field: figures.malformed[field] for field in ("query", "response")}
    out["messages"] = messages(figures)
    out["opcode"] = {opcode_name(o): n for o, n in figures.opcode.items()}
    out["flags"] = {direction: without_zeros(figures.flags[direction]) for direction in ("query", "response")}
    out["query_size"], out["response_size"] = sizes(figures, "query"), sizes(figures, "response")
    out["response_time_us"] = {"count": len(times), **({"max": max(times) / 1000} if times else {})}
    out.update(datasets.expected_report(figures.parts))
    made = figures.junk
    out.update(junk=dict(made.junk), sport_range=dict(made.ports), priming=junk.present(made.priming),
               rcode_size=junk.named(made.sizes), transport_qtype=datasets.nested(made.types))
    for section, rows in figures.servers.servers.items():
        out[section] = {name: without_zeros(row) for name, row in rows.items()}
    out["subnets"] = addresses.expected_subnets(figures.servers)
    return out


class Points:
    """{(measurement, values of its tags and texts, field): number}, without zeros."""

    def __init__(self, figures):
        self.found, self.figures = Counter(), figures
        self.core()
        self.parts()
        self.names_and_clients()
        for by, values in (("queries", figures.domains.queries), ("nxdomain", figures.domains.nxdomain),
                           ("sources", {name: len(s) for name, s in figures.domains.sources.items()})):
            self.domains(by, without_zeros(values))

    def add(self, measurement, key, field, n):
        if n:
            self.found[measurement, key, field] += n

    def add_all(self, measurement, field, counts, key=lambda value: (value,)):
        for value, n in counts.items():
            self.add(measurement, key(value), field, n)

    def core(self):
        figures = self.figures
        for (transport, family), cell in figures.messages.items():
            for field in ("queries", "responses", "query_bytes", "response_bytes", "malformed"):
                self.add("dns", (transport, family), field, cell[field])
            self.add("dns", (transport, family), "sources", len(figures.sources[transport, family]))
        for client in figures.clients():
            self.add("dns_sources", (f"ipv{client.version}",), "sources", 1)
        for field in ("queries", "responses"):
            self.add("dns_outgoing", (), field, figures.outgoing[field])
        self.add_all("dns_rcode", "responses", figures.rcode, lambda r: (datasets.RCODES.get(r, "other"),))
        self.add_all("dns_opcode", "queries", figures.opcode, lambda o: (opcode_name(o),))
        for direction, flags in figures.flags.items():
            for flag, n in flags.items():
                self.add("dns_flags", (direction,), flag, n)
        for way, bins in figures.size.items():
            for size, n in bins.items():
                self.add("dns_size", way, junk.coarse(size), n)
        for transport, times in figures.times.items():
            self.add("dns_latency", (transport,), "count", len(times))
            self.add("dns_latency", (transport,), "max_us", max(times) / 1000)

    def parts(self):
        """Of the datasets core, edns, names and ports."""
        count = self.figures.parts.count
        for field, part in zip(("queries", "query_bytes", "responses", "response_bytes"), datasets.BY_TYPE):
            self.add_all("dns_qtype", field, count[part], lambda q: (datasets.TYPES.get(q, "other"),))
        for measurement, field in (("class", "queries"), ("edns", "queries"), ("ede", "responses")):
            self.add_all("dns_" + measurement, field, count[measurement])
        self.add_all("dns_ecs", "queries", count["ecs"], lambda subnet: subnet)
        for measurement, part, before in (("edns_size", "edns_size", ""), ("qname", "length", ""), ("qname", "labels", "labels_"),
                                          ("qname", "trait", "")):
            for field, n in count[part].items():
                self.add("dns_" + measurement, (), before + field, n)
        self.add_all("dns_junk", "queries", self.figures.junk.junk)
        self.add_all("dns_sport_range", "queries", self.figures.junk.ports)
        for transport, row in self.figures.junk.priming.items():
            for field, n in row.items():
                self.add("dns_priming", (transport,), field, n)

    def names_and_clients(self):
        figures = self.figures
        for measurement, section in (("dns_address", "addresses"), ("dns_identity", "identities")):
            for name, row in figures.servers.servers[section].items():
                for field, n in row.items():
                    self.add(measurement, (name,), field, n)
        for row in addresses.expected_subnets(figures.servers):
            for field in ("queries", "response_bytes", "nxdomain"):
                self.add("dns_subnet", (row.get("subnet", "other"),), field, row[field])
        for by, clients in figures.servers.talkers.items():
            self.add_all("dns_talker", "count", clients, lambda client, by=by: (by, str(client)))
        for kind, names in figures.names.items():
            self.add_all("dns_name", "count", names, lambda name, kind=kind: (kind, name))
        rest = Counter(queries=figures.total("queries"), nxdomain=figures.rcode[NXDOMAIN])
        for client, row in figures.resolvers.items():
            for field in rest:
                self.add("dns_resolver", (str(client),), field, row[field])
                rest[field] -= row[field]
        for field, n in rest.items():
            self.add("dns_resolver", ("other",), field, n)

    def domains(self, by, values):
        """A list adds up to the zone, by what has no domain."""
        domains, clients = self.figures.domains, len(self.figures.clients())
        rest = Counter(queries=domains.all_queries, nxdomain=self.figures.rcode[NXDOMAIN])
        for name in values:
            row = Counter(queries=domains.queries[name], nxdomain=domains.nxdomain[name])
            sources = len(domains.sources[name])
            rest.subtract(row)
            row.update(sources=sources, names=len(domains.names[name]))
            for field, n in row.items():
                self.add("dns_domain", (by, name), field, n)
            if sources > 1:
                self.add("dns_domain", (by, name), "magnitude", 10 * math.log(sources) / math.log(clients))
        if values or rest["nxdomain" if by == "nxdomain" else "queries"]:
            for field, n in rest.items():
                self.add("dns_domain", (by, "other"), field, n)
