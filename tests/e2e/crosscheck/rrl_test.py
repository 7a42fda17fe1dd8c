#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Knot limits its responses. All queries are logged, so nothing is unexplained, and the verdict names what the clients see:
answers that were cut short, or none. Whether Knot logs a response that it then keeps depends on which module comes first."""

import concurrent.futures
import contextlib

from harness import Namespaces, check, check_equal, main, test
from wire import Bench, check_witness

# All queries may stay without an answer. Of one name: a kind of answer has a limit of its own.
LOAD = {"window": 10000, "timeout": 1}
NAMES = "www.example.nl A\n"
MODULES = {"dnstap": "mod-dnstap/tap, mod-rrl/limit", "rrl": "mod-rrl/limit, mod-dnstap/tap"}


class Limited:
    """The agent beside a Knot with both modules, which gets queries below its limit, then above."""

    LIMIT, HORIZON = 20, "2s"  # responses a second to the clients' network
    BELOW, ABOVE = {"count": 60, "rate": 20}, {"count": 4000, "rate": 1000}

    def __init__(self, lab, first, slip):
        self.lab, self.first = lab.part(first), first
        self.namespaces = Namespaces(f"rrl-{first}")
        self.namespaces.device += first[0]
        self.bench = Bench(self.lab, self.namespaces, "native", horizon=self.HORIZON, server={
            "modules": MODULES[first], "rrl": f"mod-rrl:\n  - id: limit\n    rate-limit: {self.LIMIT}\n    slip: {slip}"})
        self.bench.crosstap.config["server"] += "-" + first  # two agents at a time

    def load(self, **options):
        return self.bench.load(names=self.lab.path("names"), **LOAD, **options)

    def run(self, check_answers, verdict):
        self.lab.write("names", NAMES)
        with contextlib.closing(self.namespaces):
            self.namespaces.make()
            self.bench.start()
            sent = self.load(**self.BELOW)
            check_equal(sent.answers(), sent.total(), "answers below the limit")
            before = len(self.verdicts())
            self.load(**self.ABOVE, into=sent)
            self.bench.quiet()
            check_answers(sent.total(), sent.answers(), self.truncated())
            self.check_counts(sent)
            self.check_verdicts(before, verdict)
            self.bench.stop()

    def check_counts(self, sent):
        """Kept responses are in dnstap where it looks before they are kept."""
        check_witness(self.bench, "wire", sent)
        funnels = [fields for _, fields in self.bench.funnels()]
        queries, answers = sent.total(), sent.answers()
        expected = {"wire_queries": queries, "dnstap_queries": queries, "unexplained": 0, "wire_responses": answers,
                    "dnstap_responses": queries if self.first == "dnstap" else answers, "unanswered": queries - answers}
        check_equal({key: sum(f.get(key, 0) for f in funnels) for key in expected}, expected,
                    f"sums with {self.first} first; all: {funnels}")
        check_equal(funnels[-1].get("balance"), 0, f"final balance; all: {funnels}")

    def verdicts(self):
        """Since both witnesses watch."""
        return [fields["verdict"] for _, fields in self.bench.funnels() if "balance" in fields]

    def truncated(self):
        return sum(self.bench.points().by("wire", "tc", direction="response").values())

    def check_verdicts(self, before, expected):
        """As long as it lasts, and not before or after."""
        seen = self.verdicts()
        check_equal(set(seen[:before]) | {seen[-1]}, {"ok"}, f"verdicts below the limit and afterwards: {seen}")
        check(seen.count(expected) >= 2 and set(seen) == {"ok", expected}, f"verdict {expected} above the limit: {seen}")


def both(lab, slip, check_answers, verdict):
    """Both orders beside each other."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(Limited(lab, first, slip).run, check_answers, verdict) for first in MODULES]:
            done.result()


def silent(queries, answers, truncated):
    check(answers < queries / 4, f"few of {queries} get an answer: {answers}")
    check_equal(truncated, 0, "truncated")


def short(queries, answers, truncated):
    check_equal(answers, queries, "answers")
    check(queries * 3 / 4 < truncated < queries, f"most of {queries} are truncated: {truncated}")


def now_and_then(queries, answers, truncated):
    check(queries * 3 / 8 < truncated < answers < queries * 5 / 8, f"about half of {queries}: {answers}, truncated: {truncated}")


class Mixed(Limited):
    """Of the zone's names one in four has an answer that UDP without EDNS does not hold: so much was truncated before the
    limit. All below it first: few, then enough to judge. Then one name far above it."""

    LIMIT, HORIZON = 60, "3s"
    FEW, ENOUGH = {"count": 60, "rate": 15}, {"count": 225, "rate": 45}
    NAMES = "large.example.nl TXT\nwww.example.nl A\nmail.example.nl AAAA\nns1.example.nl A\n"

    def run(self):
        with contextlib.closing(self.namespaces):
            self.namespaces.make()
            self.bench.start()
            self.lab.write("names", self.NAMES)
            sent = self.load(**self.FEW, no_edns=True)
            self.bench.quiet()
            first = self.truncated()
            self.load(**self.ENOUGH, no_edns=True, into=sent)
            self.bench.quiet()
            truncated = self.truncated()
            check_equal(sent.answers(), sent.total(), "answers below the limit")
            check(first >= 5 and truncated - first > 20 and truncated * 10 > sent.total(), f"truncated, of {sent.total()}: "
                  f"{first}, then {truncated}")
            check_equal(set(self.verdicts()), {"ok"}, f"verdicts below the limit, where {truncated} are truncated")
            before = len(self.verdicts())
            self.lab.write("names", NAMES)
            self.load(**self.ABOVE, no_edns=True, into=sent)
            self.bench.quiet()
            self.check_counts(sent)
            self.check_verdicts(before, "rate-limited")
            self.bench.stop()


@test
def truncated_before(lab):
    """What was truncated before a limit began is none: the same, and more of it, goes on as `ok`."""
    Mixed(lab, "dnstap", 1).run()


@test
def slip_0(lab):
    """What is above the limit stays without an answer."""
    both(lab, 0, silent, "server-silent")


@test
def slip_1(lab):
    """Each gets a truncated one."""
    both(lab, 1, short, "rate-limited")


@test
def slip_2(lab):
    """Every other one does, by chance."""
    both(lab, 2, now_and_then, "rate-limited")


if __name__ == "__main__":
    main()
