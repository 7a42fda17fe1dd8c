# SPDX-License-Identifier: BSD-2-Clause
"""`top.key: value`: what privacy leaves the same text is one point, not several of one series and time, of which a database
keeps the last. With the rank as tag nothing is united, and both say the same sums."""

import json
import os
import re
import subprocess
import tempfile
from collections import Counter

import datasets
import traffic

COUNTS = {"dns_name": ("count",), "dns_domain": ("queries", "nxdomain"), "dns_resolver": ("queries", "nxdomain"),
          "dns_talker": ("count",), "dns_subnet": ("queries", "response_bytes", "nxdomain"),
          "crosscheck_source": ("wire", "dnstap", "difference")}
TOPS = "{resolvers: 10000, names: %d, nxdomain: 1000, subnets: 1000, talkers: 1000, key: %s}"
LINE = re.compile(r"((?:\\.|[^ \\])+) (.*) (\d+)")


def points(program, folder, key, privacy, *args, names=1000):
    """[(measurement, series and time, fields)]; domains of three labels have suffixes in common."""
    config, out = os.path.join(folder, "top.yaml"), os.path.join(folder, "points.lp")
    with open(config, "w", encoding="utf-8") as file:
        file.write(datasets.EVERY_DATASET + f"inputs: [{{unix: /x, zone: .}}]\nprivacy: {privacy}\ndomains: {{labels: 3}}\n"
                   f"top: {TOPS % (names, key)}\n")
    done = subprocess.run([program, "replay", "-c", config, "--points", out, *args], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), f"{done.returncode} {done.stderr}"
    with open(out, encoding="utf-8") as file:
        lines = [LINE.fullmatch(line.rstrip("\n")).groups() for line in file]
    return [(head.split(",", 1)[0], (head, time), fields) for head, fields, time in lines]


def sums(found):
    total = Counter()
    for measurement, _, fields in found:
        for field in COUNTS.get(measurement, ()):
            total[measurement, field] += sum(int(n) for n in re.findall(rf"(?:^|,){field}=(-?\d+)i", fields))
    return total


def check_values(program, folder):
    with tempfile.TemporaryDirectory() as work:
        made = os.path.join(work, "made.fstrm")
        traffic.write(made, 4, 800, servers=True)  # all of it has a place in the lists
        for privacy in ("{addresses: full}", "{addresses: prefix, names: suffix}"):
            for args in ((made,), ("--pcap", os.path.join(folder, "hundred_queries.pcap"))):
                ranks, values = (points(program, work, key, privacy, *args) for key in ("rank", "value"))
                series = Counter(key for _, key, _ in values)
                assert max(series.values()) == 1, f"{privacy} {args}: {series.most_common(3)}"
                assert sums(values) == sums(ranks), f"{privacy} {args}: {sums(values)}, by rank {sums(ranks)}"
                united = Counter(m for m, _, _ in ranks) - Counter(m for m, _, _ in values)
                expected = {"dns_name", "dns_domain", "dns_resolver", "dns_talker"} if args == (made,) else {"crosscheck_source"}
                assert set(united) >= expected if "prefix" in privacy else not united, f"{privacy} {args}: {united}"


def queries_of(found, measurement, tags=""):
    return sum(int(n) for name, (head, _), fields in found if name == measurement and tags in head
               for n in re.findall(r"(?:^|,)queries=(\d+)i", fields))


def check_untold(program, folder):
    """Where no address and no name may be told, the rest is all of the queries."""
    path = os.path.join(folder, "knot.fstrm")
    with tempfile.TemporaryDirectory() as work:
        found = points(program, work, "rank", "{addresses: none, names: none}", path)
        report = json.loads(datasets.replay(program, "--json", "-c", os.path.join(work, "top.yaml"), path))["zones"]["."]
    queries = queries_of(found, "dns")
    got = (queries_of(found, "dns_resolver"), queries_of(found, "dns_domain", ",by=queries,"),
           queries_of(found, "dns_domain", ",by=sources,"), report["domains"]["other"]["queries"]["queries"])
    assert got == (queries,) * 4 and queries > 0, f"{got}, all are {queries}"


def check_unlisted(program, _):
    """In more zones than the table of domains has places, each has its rest."""
    with tempfile.TemporaryDirectory() as work:
        path, config, out = (os.path.join(work, name) for name in ("zones.fstrm", "zones.yaml", "points.lp"))
        zones = ["z%d" % i for i in range(3000)]
        with open(path, "wb") as file:
            file.write(traffic.control(2))
            for i, zone in enumerate(zones):
                name = b"\3www" + bytes([len(zone)]) + zone.encode() + b"\0"
                file.write(traffic.frame(True, b"\0\1\0\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1", i % 9, i))
            file.write(traffic.control(3))
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"{datasets.EVERY_DATASET}inputs: [{{unix: /x, zones: [{', '.join(zones)}]}}]\n")
        subprocess.run([program, "replay", "-c", config, "--points", out, path], check=True, capture_output=True, timeout=120)
        with open(out, encoding="utf-8") as file:
            found = [line.rsplit(" ", 1)[0].split(" ", 1) for line in file if line.startswith("dns_domain,by=queries,")]
        total = sum(int(re.search(r"queries=(\d+)i", fields)[1]) for _, fields in found)
        assert total == len(zones), f"{total} of {len(zones)} queries"


def check_domain_of_that_name(program, _):
    """A TLD `other` does not take the place of all the rest."""
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "other.fstrm")
        with open(path, "wb") as file:
            file.write(traffic.control(2))
            for i in range(300):
                name = b"\5other\0" if i % 3 else b"\2" + bytes([97 + i // 26 % 26, 97 + i % 26]) + b"\0"
                file.write(traffic.frame(True, b"\0\1\0\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1", i % 9, i))
            file.write(traffic.control(3))
        for key in ("rank", "value"):
            found = [(key, fields) for m, key, fields in points(program, work, key, "{addresses: full}", path, names=5)
                     if m == "dns_domain" and "by=queries" in key[0]]
            assert len(set(key for key, _ in found)) == len(found), found
            total = sum(int(n) for _, fields in found for n in re.findall(r"(?:^|,)queries=(\d+)i", fields))
            assert total == 300, f"{key}: {total} of 300"


TESTS = [("top lists by value", check_values), ("what may not be told", check_untold),
         ("domains of many zones", check_unlisted), ("a domain called other", check_domain_of_that_name)]
