# SPDX-License-Identifier: BSD-2-Clause
"""Rows by country and by AS, held against a look-up and a count of its own: hostile traffic (hostile.py) by the oracle
of the second opinion, and made traffic of more ASes than there is room for."""

import os
import random
import sys
import tempfile
from collections import Counter, defaultdict

import attack_traffic
import attacks
import datasets
import hostile
import junk
import oracle
import publish
import second_opinion
from lookup import Lookup, by_length

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e", "lib"))
import mmdb

HOUR = oracle.HOUR
COUNTRIES = {"192.0.0.0/8": "NL", "192.0.2.0/24": "DE", "192.0.2.3/32": "FR", "198.51.0.0/16": "US",
             "198.51.102.0/23": "BR", "198.51.101.4/30": "ZA", "2001:db8::/32": "SE", "2001:db8:2::/48": "JP",
             "2001:db8:2::2/127": "AU", "255.0.0.0/8": "KE"}
SYSTEMS = {"192.0.2.0/25": 64496, "192.0.2.2/31": 4200000000, "198.51.100.0/22": 64497, "198.51.103.0/24": 23456,
           "2001:db8::/47": 64498, "2001:db8:1::/48": 64499, "2001:db8:2::/47": 64500}
TRAITS = [trait for trait in publish.TRAITS if trait not in ("all", "tcp")]  # `queries_tcp` has a known round-trip time


def disjoint(networks):
    """The same answers without one network within another."""
    found = {}
    for network, value in by_length(networks):
        for wide in [w for w in found if w.version == network.version and network.subnet_of(w)]:
            of = found.pop(wide)
            found.update({part: of for part in wide.address_exclude(network)})
        found[network] = value
    return found


class Oracle(oracle.Oracle):
    def judge(self, clients, figures):
        """Each client of a window with its traits."""
        return {address: self.traits_of(clients[address]) for address in figures.asked}

    def rows(self, lookup):
        """{(window, zone): {country or AS: {field: number}}}; who told no address is `other`."""
        found = defaultdict(lambda: defaultdict(Counter))
        for place, clients in self.traits().items():
            figures = self.windows[place[0]][place[1]]
            for address, traits in clients.items():
                counts, row = figures.resolvers[address], found[place][lookup(address)]
                row.update({"queries": counts["queries"], "responses": counts["responses"], "sources": 1})
                for trait in set(TRAITS) & traits:
                    row.update({"sources_" + trait: 1, "queries_" + trait: counts["queries"]})
            for field in ("queries", "responses"):
                found[place]["other"][field] = figures.total(field) - sum(row[field] for row in found[place].values())
            for row in found[place].values():
                row["queries_unmeasured"] = row["queries"]
        return found


def databases(work, countries, systems):
    country, asn = (os.path.join(work, kind + ".mmdb") for kind in ("country", "asn"))
    mmdb.write_mmdb(country, "Test-Country", {n: mmdb.country(code) for n, code in disjoint(countries).items()})
    mmdb.write_mmdb(asn, "Test-ASN", {n: mmdb.asn(value, f"Holder {value}") for n, value in disjoint(systems).items()})
    return f"geo: {{country: {country}, asn: {asn}}}\n"


def told(path):
    """{measurement: {(window, zone): {tag: fields}}}"""
    found = {"dns_country": defaultdict(dict), "dns_asn": defaultdict(dict)}
    for time, measurement, tags, fields in second_opinion.read_points(path):
        if measurement in found:
            key = tags["country"] if measurement == "dns_country" else tags["asn"]
            rows = found[measurement][time, tags["zone"]]
            assert key not in rows, f"twice: {measurement} {key}"
            rows[key] = fields
    return found


def run(program, work, text, payloads, countries, systems):
    config, path, points = (os.path.join(work, name) for name in ("c.yaml", "made.fstrm", "points.lp"))
    with open(config, "w", encoding="utf-8") as file:
        file.write(datasets.EVERY_DATASET + databases(work, countries, systems) + text)
    hostile.write(path, payloads)
    second_opinion.replay(program, config, "--points", points, path, said=attacks.SAID)
    return told(points)


def positive(row):
    return {field: n for field, n in row.items() if n and not isinstance(n, str)}


def check_rows(got, truth, what):
    for place in sorted(set(got) | set(truth)):
        right = {country: positive(row) for country, row in truth[place].items() if positive(row)}
        rows = {country: positive(row) for country, row in got[place].items() if positive(row)}
        wrong = [f"{key}: {rows.get(key)}, expected {right.get(key)}" for key in sorted(set(rows) | set(right))
                 if rows.get(key) != right.get(key)]
        assert not wrong, f"{what} {place}: {wrong[:4]}"


def admitted(truth, top, limit):
    """The same rows, of which an AS has its own where it is in the top, of as many as `limit` a zone and day: `replay`
    waits for no third window."""
    places, out = defaultdict(set), {}
    for window, zone in sorted(truth):
        rows, here = truth[window, zone], places[zone, window // oracle.DAY]
        ranked = sorted((-row["queries"], asn) for asn, row in rows.items() if isinstance(asn, int))[:top]
        ranked = [asn for _, asn in ranked]
        for asn in ranked:
            if len(here) < limit:
                here.add(asn)
        own = {"unknown", *(asn for asn in ranked if asn in here)}
        out[window, zone] = {str(asn): row for asn, row in rows.items() if asn in own}
        out[window, zone]["other"] = sum((row for asn, row in rows.items() if asn not in own), Counter())
    return out


def check_hostile(program, _):
    for name in second_opinion.CONFIGURATIONS:
        text, options, pace = (*second_opinion.CONFIGURATIONS[name], second_opinion.PACE)[:3]
        for seed in range(1, 4):
            payloads, what = list(hostile.frames(seed, second_opinion.FRAMES, pace)), f"{name}, seed {seed}"
            truth = Oracle(tlds=junk.built_in(), **options()).read(payloads)
            with tempfile.TemporaryDirectory() as work:
                got = run(program, work, second_opinion.with_rules(text, work), payloads, COUNTRIES, SYSTEMS)
            check_rows(got["dns_country"], truth.rows(Lookup(COUNTRIES, "unknown")), f"{what}: countries")
            check_rows(got["dns_asn"], admitted(truth.rows(Lookup(SYSTEMS, "unknown")), 50, 500), f"{what}: ASes")


def crowd():
    """An hour a window, two days and a bit: clients of 200 ASes, by Zipf's law, which come and go, in two zones."""
    made, r = attack_traffic.Made(1, HOUR), random.Random(1)
    for window in range(52):
        for _ in range(150):
            asn = min(int(r.paretovariate(0.4)) + window % 7, 220)
            client = bytes([20 + asn // 100, asn % 100, r.randrange(3), 1]) if asn % 5 else \
                bytes.fromhex("20010db8%04x" % asn) + bytes(10)
            made.ask(window, client, (b"www", r.choice([b"nl", b"nl", b"org"])), answered=r.random() < 0.9)
    return made


def check_crowd(program, _):
    """More ASes than may have rows in a window, and more than may have some in a day; the next day has places again."""
    systems = {f"{20 + n // 100}.{n % 100}.0.0/16": 4200000000 + n * 7919 % 211 for n in range(200)}
    systems.update({f"2001:db8:{n:x}::/48": 64496 + n for n in range(0, 200, 5)})
    countries = {network: ("NL", "DE", "BE", "FR")[asn % 4] for network, asn in systems.items() if asn % 9}
    payloads, zones = crowd().payloads(), ["nl", "org"]
    truth = Oracle(tlds=junk.built_in(), zones=oracle.Zones(listed=zones), interval=HOUR).read(payloads)
    by_country, by_system = truth.rows(Lookup(countries, "unknown")), truth.rows(Lookup(systems, "unknown"))
    for top, limit in ((50, 500), (50, 30), (12, 40), (3, 0)):
        what = f"crowd, top {top}, limit {limit}"
        text = f"interval: 1h\ninputs: [{{unix: /x, zones: [nl, org]}}]\n" + \
            f"top: {{asns: {top}}}\nlimits: {{asns: {limit}}}\n"
        with tempfile.TemporaryDirectory() as work:
            got = run(program, work, text, payloads, countries, systems)
        check_rows(got["dns_country"], by_country, f"{what}: countries")
        check_rows(got["dns_asn"], admitted(by_system, top, limit), f"{what}: ASes")
        named = defaultdict(set)
        for (window, zone), rows in got["dns_asn"].items():
            named[zone, window // oracle.DAY] |= set(rows) - {"unknown", "other"}
            for asn, fields in rows.items():
                assert fields.get("as_org") == (f"Holder {asn}" if asn.isdigit() else None), f"{what}: {asn} {fields}"
        most = max(map(len, named.values()))
        assert most == limit or limit == 500 and most > 60, f"{what}: {most} ASes of a zone and day"


TESTS = [("countries and ASes", check_hostile), ("more ASes than there is room for", check_crowd)]

if __name__ == "__main__":  # PROGRAM
    for _, test in TESTS:
        test(sys.argv[1], None)
