# SPDX-License-Identifier: BSD-2-Clause
"""dns_attack and its events, held against an oracle of their own (attack_oracle.py): of made traffic
(attack_traffic.py) the attacks that it was made with are named, and no others, in points and in the report."""

import json
import os
import re
import sys
import tempfile
from collections import Counter

import attack_traffic
import hostile
import oracle
import second_opinion
from attack_oracle import RANDOM, REFLECTION, S, Windows

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e", "lib"))
import mmdb

LOW = {"names": 600, "response_bytes": 120000, "queries": 600}  # a window of 10 s: 100 names, 20,000 bytes, 100 queries
TEXT = re.compile(r"(\S+) (begins|ends): (.*), (?:after (\d+) s|(\d+) (queries|bytes), (\d+\.\d) % of all)")
SAID = re.compile("info report: (attack is over|database in use)|warning report: attack begins")
FIELDS = ("queries", "response_bytes", "share", "since_s")
SYSTEMS = {"11.0.0.0/8": 64511, "12.0.0.0/8": 64512, "100.0.0.0/8": 64513, "8.8.8.0/24": 64514, "2001:db8::/32": 64515}


def told(points):
    """Rows and events as the program tells them; ranks of a kind are 1, 2 and so on."""
    rows, events, ranks = {}, [], {}
    for time, measurement, tags, fields in second_opinion.read_points(points):
        if measurement == "dns_attack":
            key = time, tags["kind"], fields.get("subject")
            assert key not in rows, f"twice: {key}"
            rows[key] = {name: fields.get(name) for name in FIELDS}
            ranks.setdefault((time, tags["kind"]), []).append(int(tags["rank"]))
        elif measurement == "crosstap_event" and tags["kind"] == "attack":
            kind, what, subject, seconds, n, unit, percent = TEXT.fullmatch(fields["text"]).groups()
            events.append((time // S * S, kind, what, subject, int(seconds) if seconds else (int(n), unit, percent)))
    assert all(sorted(r) == list(range(1, len(r) + 1)) for r in ranks.values()), f"ranks: {ranks}"
    return rows, events


def same(got, expected, within):
    """`expected` is told by the rule, not by the points, whether it is cold."""
    return got is not None and all(got[k] == n or got[k] and abs(got[k] - n) <= max(within * n, 1e-9)
                                   for k, n in expected.items() if k != "cold")


def compare(rows, events, truth, what, within):
    extra, missing = (sorted((Counter(a) - Counter(b)).elements(), key=str)
                      for a, b in ((events, truth.events), (truth.events, events)))
    assert not extra and not missing, f"{what}: not in the oracle {extra[:6]}, in it alone {missing[:6]}"
    wrong = [f"{key}: {rows.get(key)}, expected {truth.rows.get(key)}" for key in sorted(set(rows) | set(truth.rows))
             if key not in truth.rows or not same(rows.get(key), truth.rows[key], within)]
    assert not wrong, f"{what}: {len(wrong)} rows: " + "; ".join(wrong[:4])


def as_made(made, truth, what):
    """The oracle, too, has to find what the traffic was made with: named after a window, over after two more."""
    right = Counter((made.start + (window + 1) * made.interval, kind, word, Windows.text(subject)[:100])
                    for kind, subject, first, last in made.expected
                    for window, word in ((first, "begins"), (last + 2, "ends")) if window <= max(made.frames))
    found = Counter(event[:4] for event in truth.events)
    assert found == right, f"{what}: the oracle has {sorted((found - right).elements())}, " \
        f"made was {sorted((right - found).elements())}"


def run(program, made, limits, text, known=None, json_too=False):
    """(rows, events) of the points, and the report's attacks."""
    with tempfile.TemporaryDirectory() as work:
        config, path, points = (os.path.join(work, name) for name in ("c.yaml", "made.fstrm", "points.lp"))
        if known:
            database = mmdb.write_mmdb(work + "/asn.mmdb", "Test-ASN", {n: mmdb.asn(a, "x") for n, a in known.items()})
            text += f"geo: {{asn: {database}}}\n"
        with open(config, "w", encoding="utf-8") as file:
            file.write("datasets: [core, attacks]\n" + f"interval: {made.interval // S}s\n"
                       f"attacks: {{{', '.join(f'{k}: {v}' for k, v in limits.items())}}}\n" + text)
        hostile.write(path, made.payloads())
        second_opinion.replay(program, config, "--points", points, path, said=SAID)
        return *told(points), json.loads(second_opinion.replay(program, config, "--json", path, said=SAID))["attacks"] if json_too else None


def check_made(program, made, limits, what, text="", known=None, within=0, **told_of):
    truth = Windows(made.payloads(), made.interval, limits, known, **told_of)
    as_made(made, truth, what)
    rows, events, report = run(program, made, limits, text, known, within == 0)
    compare(rows, events, truth, what, within)
    if within == 0:
        check_report(report, truth, what)


def check_report(report, truth, what):
    """Each subject once, with what all windows have in which it went on. Addresses have no AS there."""
    right = {}
    for (start, kind, subject), row in sorted(truth.rows.items()):
        if not row["cold"] and not subject.startswith("AS"):
            sums = right.setdefault((kind, subject), {"queries": 0, "response_bytes": 0, "share": 0, "since": start})
            sums["queries"] += row["queries"]
            sums["response_bytes"] += row["response_bytes"] or 0
            sums["share"] = max(sums["share"], row["share"])
            sums["since_s"] = (start + truth.interval - sums["since"]) // S
    got = {(row["kind"], row["subject"]): row for row in report}
    assert len(got) == len(report) and set(got) == set(right), f"{what}: {sorted(got)}, expected {sorted(right)}"
    for key, sums in right.items():
        row = {"response_bytes": 0, **got[key]}
        assert all(abs(row[field] - sums[field]) < 1e-9 for field in FIELDS), f"{what}: {row}, expected {sums}"


def check_thresholds(program, _):
    check_made(program, attack_traffic.thresholds(), LOW, "thresholds", known=SYSTEMS)


def check_lengths(program, _):
    check_made(program, attack_traffic.defaults(), {}, "defaults")
    check_made(program, attack_traffic.seconds(), LOW, "seconds")
    check_made(program, attack_traffic.minutes(), {"names": 3000}, "minutes")
    check_made(program, attack_traffic.long(), LOW, "long")


def check_zones(program, _):
    listed = ["nl", "example.nl", "org"]
    text = f"inputs: [{{unix: /x, zones: [{', '.join(listed)}]}}]\ndomains: {{labels: 2}}\n"
    check_made(program, attack_traffic.zones(), LOW, "zones", text, zones=oracle.Zones(listed=listed), labels=2)
    check_made(program, attack_traffic.silence(), LOW, "silence")


def check_many(program, _):
    """At most eight of a kind; and one among more networks than are kept apart."""
    made = attack_traffic.many()
    truth = Windows(made.payloads(), made.interval, LOW)
    rows, events, _ = run(program, made, LOW, "")
    assert set(rows) < set(truth.rows), f"many: {sorted(set(rows) - set(truth.rows))}"
    assert all(same(row, truth.rows[key], 0) for key, row in rows.items()), f"many: {rows}"
    assert set(events) < set(truth.events), f"many: {sorted(set(events) - set(truth.events))}"
    of_each = Counter((kind, what) for _, kind, what, *_ in events)
    assert of_each == {(kind, what): 8 for kind in (RANDOM, REFLECTION) for what in ("begins", "ends")}, f"{of_each}"
    check_made(program, attack_traffic.networks(), {}, "networks", within=0.02)


def check_private(program, _):
    """Subjects as `privacy` lets them out; figures are the same."""
    subjects = {"{addresses: prefix, names: suffix}": {"t2.nl", "192.0.2.0/24", "203.0.60.0/24"},
                "{addresses: none, names: none}": {None}}
    made = attack_traffic.defaults()
    truth = Windows(made.payloads(), made.interval, {})
    for privacy, right in subjects.items():
        rows, _, _ = run(program, made, {}, f"privacy: {privacy}\n")
        assert {subject for _, _, subject in rows} == right, f"{privacy}: {set(rows)}"
        got, right = (sorted((start, kind, row["queries"]) for (start, kind, _), row in some.items())
                      for some in (rows, truth.rows))
        assert got == right, f"{privacy}: {got}"


def check_anything(program, _, seeds=range(1, 9)):
    systems = {"198.51.0.0/16": 64511, "100.0.0.0/8": 64512}
    for seed in seeds:
        made, limits = attack_traffic.anything(seed)
        truth = Windows(made.payloads(), made.interval, limits, systems)
        rows, events, _ = run(program, made, limits, "", systems)
        compare(rows, events, truth, f"anything, seed {seed}", 0)


def check_calm(program, _):
    check_made(program, attack_traffic.calm(), {"names": 5, "response_bytes": 5000, "queries": 5}, "calm")


TESTS = [("attacks", check_thresholds), ("attacks in windows of other lengths", check_lengths),
         ("attacks on zones", check_zones), ("attacks, many at a time", check_many),
         ("attacks, private", check_private), ("attacks, any", check_anything), ("a day without attacks", check_calm)]

if __name__ == "__main__":  # PROGRAM FIRST LAST: more seeds
    check_anything(sys.argv[1], None, range(int(sys.argv[2]), int(sys.argv[3]) + 1))
