#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What scripts/bench-nameserver says of runs whose truth is known."""

import sys

sys.dont_write_bytecode = True
from summary import summary, table  # noqa: E402


def check(condition, what):
    if not condition:
        sys.exit(f"FAIL bench-nameserver: {what}")
    print(f"ok   bench-nameserver: {what}")


def run(state, load, rate, p99_us):
    """Without dnstap: 1,000 and 1,100 answers a second, 100 and 120 us."""
    return {"nameserver": "knot", "state": state, "load": load, "with": {"rate": rate, "p99_us": p99_us},
            "plain": [{"rate": 1000, "p99_us": 100}, {"rate": 1100, "p99_us": 120}]}


def outside(rows):
    return {(row["state"], row["figure"]) for row in rows if row["outside"]}


ROWS = summary([run("healthy", "best", rate, 105) for rate in (400, 1040, 1050)] + [run("healthy", "half", 1200, 20)] +
               [run("killed", "best", 900, 133), run("killed", "half", 1000, 133)])
check(outside(ROWS) == {("killed", "best rate"), ("killed", "p99 at the best rate"), ("killed", "p99 at half")},
      "what is worse than A/A is outside, what is better is not, one run in three is not")
check(next(row for row in ROWS if row["state"] == "healthy")["ratio"] == 1040 / 1050, "the ratio is to the mean of both, the median's")
check(all(row["same"] == (1000 / 1100, 1.1) for row in ROWS if "rate" in row["figure"] and "p99" not in row["figure"]), "A/A")
check("0.857 *" in table(ROWS) and "0.909 to 1.100" in table(ROWS), "the table marks it")
check(not summary([{**run("healthy", "best", 1, 1), "plain": [{"rate": 0, "p99_us": 0}] * 2}]), "a nameserver that did not answer has no ratio")
