# SPDX-License-Identifier: BSD-2-Clause
"""The load generator, and the measures that figures are held against."""

import json
import subprocess

from checks import DNSLOAD, Failure, check_equal


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

    def total(self):
        return sum(self.queries.values())

    def answers(self):
        return sum(self.responses.values())


def check_sums(source, sent, what, **tags):
    """Figures in a store (InfluxDB or Points) equal what was sent and received, to the last one."""
    by = source.by
    check_equal(by("dns", "queries", "transport", "family", **tags), sent.queries, f"{what}: queries")
    check_equal(by("dns", "responses", "transport", "family", **tags), sent.responses, f"{what}: responses")
    check_equal(by("dns_qtype", "queries", "qtype", **tags), sent.qtype, f"{what}: qtype")
    check_equal(by("dns_rcode", "responses", "rcode", **tags), sent.rcode, f"{what}: rcode")
    check_equal(by("dns_opcode", "queries", "opcode", **tags), sent.opcode, f"{what}: opcode")


def check_metrics(crosstap, sent, what, **labels):
    check_equal(crosstap.metric("crosstap_dns_queries_total", **labels), sent.total(), f"{what}: queries")
    for (transport, family), n in sent.queries.items():
        check_equal(crosstap.metric("crosstap_dns_queries_total", transport=transport, family=family, **labels), n,
                    f"{what}: {transport} {family}")
    check_equal(crosstap.metric_by("crosstap_dns_queries_by_qtype_total", "qtype", **labels),
                {k: n for (k,), n in sent.qtype.items()}, f"{what}: qtype")
    check_equal(crosstap.metric_by("crosstap_dns_responses_by_rcode_total", "rcode", **labels),
                {k: n for (k,), n in sent.rcode.items()}, f"{what}: rcode")
