#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Registers of sources (the dataset `sketches`) of several nodes and windows, and their union by scripts/fleet-sources."""

import json
import os
import subprocess

from harness import ROOT, Points, check, check_equal, main, test
from sources import addresses, make_key, points

def union(*arguments):
    return subprocess.run([os.path.join(ROOT, "scripts", "fleet-sources"), *arguments], capture_output=True, text=True,
                          check=False)


def forms(lab, files):
    """The same as two databases answer it, and as the file output's JSON has it."""
    series, rows, objects = [], [], []
    for file in files:
        with open(file, encoding="utf-8") as text:
            found = Points(text.read()).points
        for name, tags, have, stamp in found:
            if name == "dns_sources":
                values = [stamp, have["registers"], have["registers_key"]]
                series.append({"name": name, "tags": tags, "columns": ["time", "registers", "registers_key"], "values": [values]})
                rows.append({"time": "2026-01-01", "tags": {"site": "x"}, **tags, **have})
                objects.append({"measurement": name, "tags": tags, "fields": have, "time": stamp // 10**6})
    answer = {"results": [{"statement_id": 0, "series": series[:3]}, {"statement_id": 1, "series": series[3:5]}]}
    half = len(rows) // 2
    return [lab.write("influxdb.json", json.dumps(answer) + "\n"),
            lab.write("clickhouse.json", "".join(json.dumps(row) + "\n" for row in rows[5:half + 5])),
            lab.write("file.json", "".join(json.dumps(one) + "\n" for one in objects[half:]))]


@test
def nodes_are_united(lab):
    """Three nodes with clients in common, each in windows of their own: the union is within 2 % of the truth."""
    key = make_key(lab, "fleet.key")
    parts = {"ns1": (0, 9000), "ns2": (6000, 30000), "ns3": (29000, 29400)}
    files = [points(lab, server, addresses(*part), key) for server, part in parts.items()]
    run = union(*files)
    check_equal(run.returncode, 0, f"fleet-sources ({run.stderr})")
    check(0.98 < int(run.stdout) / 30000 < 1.02, f"{run.stdout} of 30000")
    run = union("--by", "server", "--by", "family", *files)
    found = {tuple(line.split("\t")[:2]): int(line.split("\t")[2]) for line in run.stdout.splitlines()}
    for server, part in parts.items():
        for family, colon in (("ipv4", False), ("ipv6", True)):
            exact = sum((":" in address) == colon for address in addresses(*part))
            check(0.98 < found.pop((server, family)) / exact < 1.02, f"{server} {family}: {run.stdout}, {exact} in truth")
    check_equal(found, {}, "no other groups")
    check_equal(union(*forms(lab, files)).stdout, union(*files).stdout, "what databases answer says the same")
    lines = [line for file in files for line in open(file, encoding="utf-8") if line.startswith("dns_sources,")]
    check(max(map(len, lines)) < 65536, "a line fits what InfluxDB takes")
    check(len({line.split(" ")[0] for line in lines}) == 6, "a series a node and family, as without registers")


@test
def keys_differ(lab):
    """Registers of two keys are united by nobody; a node without one sends none."""
    files = [points(lab, f"ns{i}", addresses(0, 500), make_key(lab, f"{i}.key")) for i in range(2)]
    run = union(*files)
    check_equal((run.returncode, run.stdout), (1, ""), f"exit status ({run.stderr})")
    check("several keys" in run.stderr and "ns0" in run.stderr and "ns1" in run.stderr, run.stderr)
    with open(points(lab, "ns3", addresses(0, 500), ""), encoding="utf-8") as file:
        text = file.read()
    check("dns_sources," in text and "registers" not in text, "no registers without a key")
    lab.write("bad.lp", 'dns_sources,server=x registers="AAA" 1\n')
    run = union(lab.path("bad.lp"))
    check(run.returncode == 1 and "no agent writes" in run.stderr, run.stderr)


@test
def what_no_agent_writes(lab):
    """Whatever stands in the file, it is said in a line; nothing is counted."""
    for text in (b"garbage\n", b"[1,2\n", b'{"results": 5}\n', b'{"registers": 5}\n', b'{"registers": "AAAAA"}\n', b"\xe8\xff\x00 \n",
                 b'dns_sources,server=x registers="////" 1\n'):
        with open(lab.path("bad"), "wb") as file:
            file.write(text)
        run = union(lab.path("bad"))
        check(run.returncode == 1 and not run.stdout and run.stderr.count("\n") == 1, f"{text}: {run}")


if __name__ == "__main__":
    main()
