# SPDX-License-Identifier: BSD-2-Clause
"""The load generator, and the measures that figures are held against."""

import copy
import json
import subprocess
import time

from checks import DNSLOAD, Failure, check, check_equal


def dnsload_command(nameserver, prefix=(), address=None, **options):
    argv = list(prefix) + [DNSLOAD, "--json", "--server", address or nameserver.address, "--port", str(nameserver.port)]
    for key, value in options.items():
        flag = "--" + key.replace("_", "-")
        for item in value if isinstance(value, (list, tuple)) else [value]:
            argv += [flag] if item is True else [flag, str(item)]
    return argv


def dnsload(nameserver, *args, **options):
    """Runs the load generator against a nameserver, returns its report."""
    run = subprocess.run(dnsload_command(nameserver, *args, **options), capture_output=True, text=True, timeout=300)
    if run.returncode:
        raise Failure(f"dnsload: {run.stderr.strip()}")
    return json.loads(run.stdout)


class Sent:
    """What several runs of the load generator sent and got back, summed."""

    def __init__(self, *reports):
        self.queries, self.responses, self.qtype, self.rcode, self.opcode = {}, {}, {}, {}, {}
        self.dropped = 0
        for report in reports:
            self.add(report)

    def add(self, report):
        for transport, counts in report["transport"].items():
            key = (transport, report["family"])
            self._count(self.queries, key, counts["sent"])
            self._count(self.responses, key, counts["received"])
        for name in ("qtype", "rcode", "opcode"):
            for key, n in report[name].items():
                self._count(getattr(self, name), (key,), n)
        return self

    @staticmethod
    def _count(into, key, n):
        if n:
            into[key] = into.get(key, 0) + n

    def logged(self, relay):
        """What of it a nameserver logged: one without a processor drops frames by itself. Which kinds those were is not
        known, so that these are what they are at most."""
        logged = copy.copy(self)
        logged.queries, logged.responses = relay.passed("query"), relay.passed("response")
        for name, all_of_them in (("queries", self.queries), ("responses", self.responses)):
            for key, n in getattr(logged, name).items():
                check(n <= all_of_them.get(key, 0), f"{name} that were logged: {n} of {all_of_them}, {key}")
        logged.dropped = self.total() + self.answers() - logged.total() - logged.answers()
        if logged.dropped:
            print(f"note: the nameserver dropped {logged.dropped} frames by itself", flush=True)
        return logged

    def check_kinds(self, name, seen, what):
        """Of queries or, with rcode, of responses."""
        expected, total = getattr(self, name), self.answers() if name == "rcode" else self.total()
        if not self.dropped:
            check_equal(seen, expected, what)
        check_equal(sum(seen.values()), total, f"{what}: all together")
        check(all(n <= expected.get(key, 0) for key, n in seen.items()), f"{what}: {seen}, at most {expected}")

    def total(self):
        return sum(self.queries.values())

    def answers(self):
        return sum(self.responses.values())


def settle(crosstap, relay, sent, wait=True, **labels):
    """Waits until what the nameserver logged is counted; producers buffer for a second or two. Returns what that was."""
    last, still = None, 0
    while still < 6 and not last == sent.total() + sent.answers():
        time.sleep(0.5)
        now = sum(relay.passed("query").values()) + sum(relay.passed("response").values())
        last, still = now, still + 1 if now == last else 0
    logged = sent.logged(relay)
    if wait:
        crosstap.wait_sent(logged, **labels)
    return logged


def check_sums(source, sent, what, **tags):
    """Figures in a store (InfluxDB or Points) equal what was sent and received, to the last one."""
    by = source.by
    check_equal(by("dns", "queries", "transport", "family", **tags), sent.queries, f"{what}: queries")
    check_equal(by("dns", "responses", "transport", "family", **tags), sent.responses, f"{what}: responses")
    sent.check_kinds("qtype", by("dns_qtype", "queries", "qtype", **tags), f"{what}: qtype")
    sent.check_kinds("rcode", by("dns_rcode", "responses", "rcode", **tags), f"{what}: rcode")
    sent.check_kinds("opcode", by("dns_opcode", "queries", "opcode", **tags), f"{what}: opcode")


def check_metrics(crosstap, sent, what, **labels):
    check_equal(crosstap.metric("crosstap_dns_queries_total", **labels), sent.total(), f"{what}: queries")
    for (transport, family), n in sent.queries.items():
        check_equal(crosstap.metric("crosstap_dns_queries_total", transport=transport, family=family, **labels), n,
                    f"{what}: {transport} {family}")
    for name, metric in (("qtype", "crosstap_dns_queries_by_qtype_total"), ("rcode", "crosstap_dns_responses_by_rcode_total")):
        sent.check_kinds(name, {(k,): n for k, n in crosstap.metric_by(metric, name, **labels).items()}, f"{what}: {name}")
