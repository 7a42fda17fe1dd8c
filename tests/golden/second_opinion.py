# SPDX-License-Identifier: BSD-2-Clause
"""Report and points of hostile traffic (hostile.py), held against what the oracle makes of it (oracle.py), by zone, window
and field, under configurations that change what counts where."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

import datasets
import expected
import hostile
import junk
import oracle
import publish

S = 10 ** 9
LISTED = ["nl", "example.nl", "uk", "kobe.nl", "a.kobe.nl", "in-addr.arpa", "org"]
ALL = "top: {subnets: 10000, talkers: 10000, names: 10000, nxdomain: 10000, resolvers: 10000}\n"
PACE = 3 * S // 10
# What the configuration says; what it says to the oracle; nanoseconds from frame to frame.
CONFIGURATIONS = {
    "one zone": ("", lambda: {}),
    "short windows": ("interval: 1s\ngrace: 0s\n", lambda: {"interval": S, "grace": 0}),
    "long windows": ("interval: 60s\ngrace: 100s\n", lambda: {"interval": 60 * S, "grace": 100 * S}),
    "the root": ("inputs: [{unix: /x, zone: .}]\n", lambda: {"zones": oracle.Zones(".")}),
    "listed zones": (f"inputs: [{{unix: /x, zones: [{', '.join(LISTED)}]}}]\ndomains: {{suffixes: %s, labels: 2}}\n",
                     lambda: {"zones": oracle.Zones(listed=LISTED), "labels": 2, "rules": publish.RULES}),
    "all zones": ("inputs: [{unix: /x, zones: [., nl, example.nl]}]\ndomains: {suffixes: %s}\n",
                  lambda: {"zones": oracle.Zones(listed=[".", "nl", "example.nl"]), "rules": publish.RULES}),
    "queries of responses": ("inputs: [{unix: /x, queries: responses, zones: [nl, org]}]\n",
                             lambda: {"zones": oracle.Zones(listed=["nl", "org"]), "from_responses": True}),
    "many days": ("interval: 1h\nclients: {least_queries: 6, validating_queries: 2}\n",
                  lambda: {"interval": 3600 * S, "thresholds": {"least": 6, "validating": 2}}, 1000 * S),
}
SEEDS = range(1, 6)
FRAMES = 250  # so few that the table of queries, which is bounded, forgets none that is answered
TAGS = {"dns": ("transport", "family"), "dns_sources": ("family",), "dns_outgoing": (), "dns_rcode": ("rcode",),
        "dns_opcode": ("opcode",), "dns_flags": ("direction",), "dns_size": ("direction", "transport"), "dns_qtype": ("qtype",),
        "dns_class": ("class",), "dns_edns": ("version",), "dns_edns_size": (), "dns_ede": ("code",), "dns_ecs": ("family", "prefix"),
        "dns_qname": (), "dns_junk": ("kind",), "dns_sport_range": ("range",), "dns_priming": ("transport",),
        "dns_latency": ("transport",), "dns_address": ("address",), "dns_identity": ("identity",), "dns_subnet": ("subnet",),
        "dns_talker": ("by", "address"), "dns_name": ("kind", "name"), "dns_resolver": ("address",), "dns_domain": ("by", "domain"),
        "dns_clients": ("trait",)}
QUANTILES = ("p50_us", "p90_us", "p99_us")
POINT = re.compile(r"((?:\\.|[^ \\])+) (.*) (\d+)")
PAIR = re.compile(r'((?:\\.|[^,=\\])+)=("(?:\\.|[^"\\])*"|(?:\\.|[^,\\])*)')


def value_of(text):
    if text[0] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return int(text[:-1]) if text[-1] == "i" else float(text)


def read_points(path):
    """(time, measurement, {tag: value}, {field: value})"""
    with open(path, encoding="utf-8") as file:
        for line in file:
            head, fields, time = POINT.fullmatch(line.rstrip("\n")).groups()
            measurement, _, tags = head.partition(",")
            yield (int(time), measurement, {k: re.sub(r"\\(.)", r"\1", v) for k, v in PAIR.findall(tags)},
                   {k: value_of(v) for k, v in PAIR.findall(fields)})


def unnamed(measurement, key):
    """Those that datasets.py has no names for are one."""
    known = {"dns_qtype": datasets.TYPES, "dns_rcode": datasets.RCODES}.get(measurement)
    return key if known is None or key[0] in known.values() else ("other",)


def points_of(path):
    """{(time, zone): {(measurement, key, field): number}}"""
    found, series = defaultdict(Counter), Counter()
    for time, measurement, tags, fields in read_points(path):
        series[time, measurement, tuple(tags.items())] += 1
        if measurement not in TAGS:
            continue
        said = {**tags, **{k: v for k, v in fields.items() if isinstance(v, str)}}
        key = unnamed(measurement, tuple(said.get(tag, "other") for tag in TAGS[measurement]))
        for field, value in fields.items():
            if value and field not in QUANTILES and not isinstance(value, str):
                found[time, tags["zone"]][measurement, key, field] += value
    assert max(series.values()) == 1, f"one series and time twice: {series.most_common(3)}"
    return found


def tidy(zone):
    """Without zeros, and what the oracle does not tell."""
    out = {**zone, "flags": {d: expected.without_zeros(f) for d, f in zone["flags"].items()},
           "priming": junk.present(zone["priming"]),
           "response_time_us": {k: n for k, n in zone["response_time_us"].items() if k in ("count", "max")}}
    for section in ("addresses", "identities"):
        out[section] = {name: expected.without_zeros(row) for name, row in zone[section].items()}
    return out


def same(name, got, right):
    if name == "transport_qtype":
        return all(datasets.same_types(got.get(t, {}), types) for t, types in right.items())
    return datasets.same_types(got, right) if name.startswith("qtype") else got == right


def check_report(document, truth, what):
    assert (document["frames"], document["frames_bad"]) == (truth.frames, truth.bad), f"{what}: {truth.frames} frames, {truth.bad} bad"
    assert set(document["zones"]) == set(truth.whole), f"{what}: {set(document['zones'])}, expected {set(truth.whole)}"
    for label, figures in truth.whole.items():
        got = tidy(document["zones"][label])
        for name, right in expected.zone(figures).items():
            assert same(name, got[name], right), f"{what} {label} {name}: {got[name]}, expected {right}"


def check_points(found, truth, what):
    right = {(window, label): expected.Points(figures).found for window, zones in truth.windows.items()
             for label, figures in zones.items()}
    for place, traits in truth.traits().items():
        for trait, row in traits.items():
            right[place].update({("dns_clients", (trait,), field): n for field, n in row.items()})
    for place in sorted(set(found) | set(right)):
        got, wanted = found.get(place, {}), right.get(place, {})
        wrong = [f"{key}: {got.get(key, 0)}, expected {wanted.get(key, 0)}" for key in sorted(set(got) | set(wanted))
                 if abs(got.get(key, 0) - wanted.get(key, 0)) > (1e-6 if key[2] in ("magnitude", "max_us") else 0)]
        assert not wrong, f"{what} {place}: {wrong[:5]}"


def replay(program, config, *args, said=None):
    """`said`: lines that it may write to its standard error, which it has no others in."""
    done = subprocess.run([program, "replay", "-c", config, *args], capture_output=True, text=True, timeout=120)
    others = [line for line in done.stderr.splitlines() if not said or not said.match(line)]
    assert (done.returncode, others) == (0, []), f"exit {done.returncode}: {others}"
    return done.stdout


def with_rules(text, work):
    """A configuration whose list of public suffixes is in that folder."""
    rules = os.path.join(work, "rules")
    with open(rules, "w", encoding="utf-8") as file:
        file.write("\n".join(publish.RULES) + "\n")
    return text % rules if "%s" in text else text


def check(program, name, seed, frames=FRAMES):
    text, told, pace = (*CONFIGURATIONS[name], PACE)[:3]
    what, payloads = f"{name}, seed {seed}", list(hostile.frames(seed, frames, pace))
    truth = oracle.Oracle(tlds=junk.built_in(), **told()).read(payloads)
    with tempfile.TemporaryDirectory() as work:
        config, path, points = (os.path.join(work, file) for file in ("c.yaml", "hostile.fstrm", "points.lp"))
        with open(config, "w", encoding="utf-8") as file:
            file.write(datasets.EVERY_DATASET + ALL + with_rules(text, work))
        hostile.write(path, payloads)
        check_report(json.loads(replay(program, config, "--json", path)), truth, what)
        replay(program, config, "--points", points, path)
        check_points(points_of(points), truth, what)


def check_all(program, _):
    for name in CONFIGURATIONS:
        for seed in SEEDS:
            check(program, name, seed)


TESTS = [("a second opinion", check_all)]

if __name__ == "__main__":  # PROGRAM FIRST LAST [FRAMES]: more seeds
    for more in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
        for configuration in CONFIGURATIONS:
            check(sys.argv[1], configuration, more, *map(int, sys.argv[4:]))
