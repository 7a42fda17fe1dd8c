#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""scripts/peers with crosstap, and with stand-ins that lose frames: each frame is accounted for, and the report has it.

    peers_test.py BUILD"""

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import report  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
SCRIPT = os.path.join(HERE, "..", "..", "..", "scripts", "peers")
STAND_IN = os.path.join(HERE, "stand_in.py")


def check(condition, what):
    if not condition:
        sys.exit(f"FAIL peers: {what}")
    print(f"ok   peers: {what}")


def play(folder):
    """A build folder of its own, so that real results stay."""
    for name in ("crosstap", "tests"):
        os.symlink(os.path.join(BUILD, name), os.path.join(folder, name))
    os.mkdir(os.path.join(folder, "bin"))
    os.symlink(STAND_IN, os.path.join(folder, "bin", "dnscollector"))
    os.symlink(sys.executable, os.path.join(folder, "bin", "python3"))
    run = subprocess.run(
        [SCRIPT, folder, "--rates", "20000,0", "--sources", "2000,each:3000", "--seconds", "0.5", "--warm", "0.2", "--rounds", "1",
         "--tries", "1", "--receiver", f"slow={sys.executable} {STAND_IN} --slow {{socket}}"],
        env=dict(os.environ, PATH=os.path.join(folder, "bin")), capture_output=True, text=True, timeout=120)
    check(run.returncode == 0, f"ends well {run.stdout[-300:] + run.stderr[-500:] if run.returncode else ''}")
    return run.stdout


def rows_of(results, receiver):
    return [row for row in results["rows"] if row["receiver"] == receiver]


def check_results(results):
    for name in ("crosstap", "DNS-collector", "slow"):
        kinds = {(row["sources"], row["rate"]) for row in rows_of(results, name)}
        check(kinds == {(s, r) for s in ("2000", "each:3000") for r in (20000, 0)}, f"{name}: each rate with each set of resolvers")
    check(all(row["unread"] == 0 and row["cpu_ns"] > 0 and row["peak_mib"] > 1 for row in rows_of(results, "crosstap")),
          "crosstap: no frame unread, CPU and memory")
    check(all(row["lost_percent"] > 20 for row in rows_of(results, "DNS-collector")), "frames that a receiver loses are lost")
    check(all((row["dropped"] > 0) == (row["rate"] > 0) for row in rows_of(results, "slow")),
          "a slow receiver's producer drops, where it does not wait")
    seen = {v["receiver"]: v["seconds"] for v in results["visible"]}
    check(0 < seen["crosstap"] < 14 and 0 < seen["DNS-collector"] < 5 and seen["slow"] is None, "when a query is seen")


def check_report(folder, text):
    for name in ("fstrm_capture", "DSC", "pktvisor", "dnsmonster", "tapdance"):
        check(re.search(rf"^{name}: left out, ", text, re.M), f"{name} is left out with a line that says so")
    picture = xml.etree.ElementTree.parse(os.path.join(folder, "peers", "peers.svg")).getroot()
    lines = picture.findall("{http://www.w3.org/2000/svg}polyline")
    check(len(lines) == 6 and all(len(line.get("points").split()) == 2 for line in lines), "the picture has a line for each")


def check_operator_rows():
    def row(rate, sources, reached, ns):
        return {"rate": rate, "sources": sources, "cores": reached * ns / 1e9, "cpu_ns": ns, "frames_per_second": reached, "peak_mib": 20}
    rows = [row(2000000, "20000", 1000000, 200), row(2000, "20000", 2000, 1000)]
    check(report.operator_rows(rows) == "| 1,000 | 0.0020 | 20 | - |\n| 1,000,000 | 0.40 (at 500,000) | 20 | - |",
          "rows for operators, two frames a query")
    check(report.operator_rows(rows, 450) == "| 1,000 | 0.0020 | 20 | 0.0004 |\n| 1,000,000 | 0.40 (at 500,000) | 20 | 0.45 |",
          "what XDP and tc take")


with tempfile.TemporaryDirectory() as own:
    said = play(own)
    with open(os.path.join(own, "peers", "peers.json"), encoding="utf-8") as file:
        check_results(json.load(file))
    check_report(own, said)
    check_operator_rows()
