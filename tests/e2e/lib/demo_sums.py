# SPDX-License-Identifier: BSD-2-Clause
"""The demo's (scripts/demo) sums: what was sent beside what crosstap counted and what InfluxDB gives back."""

from harness import check


class Table:
    """What was sent, what each witness counted, and what the database has. Sent and wire are equal, dnstap and database
    are, and dnstap has less by what crosstap said that it lacks."""

    def __init__(self):
        self.good = True
        print(f"\n  {'':<24}{'sent':>11}{'wire':>11}{'dnstap':>11}{'InfluxDB':>11}")

    def row(self, name, sent, wire, dnstap, database, missing):
        """None: it cannot tell."""
        less = sent - dnstap
        good = dnstap == database and less >= 0 and wire in (None, sent) and missing in (None, less)
        cells = "".join(f"{'' if cell is None else format(cell, ','):>11}" for cell in (sent, wire, dnstap, database))
        print(f"  {name:<24}{cells}   " + ("DIFFERENT" if not good else f"{less:,} missing" if less else "equal"))
        self.good &= good

    def split(self, columns, label="", total=None):
        """Columns are {key: count}, or None; `total` names a row of their sums that comes first."""
        if total:
            self.row(total, *(column if column is None else sum(column.values()) for column in columns))
        sent, database = columns[0], columns[3]
        for key in sorted(set(sent) | set(database), key=lambda k: (-sent.get(k, 0), k)):
            self.row("  " + " ".join((label, *key)).strip(), *(column if column is None else column.get(key, 0) for
                                                               column in columns))


class Sums:
    """The columns beside what was sent. Where the wire is not watched it has no column and nothing may be missing."""

    def __init__(self, bench, wire):
        self.influx, self.crosstap, self.is_wired = bench.influx, bench.crosstap, wire

    def columns(self, sent, wire, dnstap, database, missing):
        """`wire` and `missing`: (measurement, tags) by which they are split; None: there is no such split."""
        def of_wire(field, split):
            return self.influx.by(split[0], field, *split[1], **split[2])
        seen = of_wire("messages", wire) if wire and self.is_wired else None
        lacking = {} if not self.is_wired else of_wire("difference", missing) if missing else None
        return sent, seen, self.metric(*dnstap), self.influx.by(*database), lacking

    def metric(self, name, *labels):
        """{values of the labels: sum} of a counter."""
        sums = {}
        for (found, have), value in self.crosstap.metrics().items():
            if found == f"crosstap_dns_{name}_total" and value:
                key = tuple(dict(have)[label] for label in labels)
                sums[key] = sums.get(key, 0) + int(value)
        return sums


def summary(bench, sent, zones, wire):
    table, sums, by_path = Table(), Sums(bench, wire), ("transport", "family")
    for name, direction, mine in (("queries", "query", sent.queries), ("responses", "response", sent.responses)):
        tags = {"direction": direction}
        table.split(sums.columns(mine, ("wire", by_path, tags), (name, *by_path), ("dns", name, *by_path),
                                 ("crosscheck", by_path, tags)), total=name)
    table.split(sums.columns({(zone,): n for zone, n in zones.items()}, None, ("queries", "zone"),
                             ("dns", "queries", "zone"), None), "zone")
    table.split(sums.columns(sent.qtype, ("wire_qtype", ("qtype",), {}), ("queries_by_qtype", "qtype"),
                             ("dns_qtype", "queries", "qtype"), ("crosscheck_qtype", ("qtype",), {})), "qtype")
    table.split(sums.columns(sent.rcode, ("wire_rcode", ("rcode",), {}), ("responses_by_rcode", "rcode"),
                             ("dns_rcode", "responses", "rcode"), None), "rcode")
    return table.good


def check_losses(bench):
    """All that is missing is accounted for, to the query."""
    windows, relay, influx = bench.windows, bench.relay, bench.influx
    drops, thrown = influx.total("funnel", "socket_drops"), relay.dropped_of(direction="query")
    missing = influx.total("crosscheck", "difference", direction="query")
    udp = influx.total("crosscheck", "difference", direction="query", transport="udp")
    itself = missing - drops - thrown
    print(f"\nMissing in dnstap: {missing:,} queries = {drops:,} that overflowed Knot's sockets + {thrown:,} whose "
          f"frames were thrown away\n+ {itself:,} that Knot itself did not log. The balance, of UDP, is {windows.balance:,}.")
    check(0 <= itself <= missing // 10, "that is about all that is missing")
    check(windows.balance == udp - drops, f"the balance is what the sockets did not drop: {udp - drops:,}")
    check(windows.verdict == "ok", f"the last verdict is ok, not {windows.verdict}")
