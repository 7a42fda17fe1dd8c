# SPDX-License-Identifier: BSD-2-Clause
"""What `datasets` counts, held against an independent reader (reader.py): for the captures of this folder and for made
traffic (traffic.py), in the report, in points, and by the switch of each."""

import json
import os
import subprocess
import tempfile
from collections import Counter

import reader
import traffic

CAPTURES = ("knot", "nsd", "unbound", "recursor", "crosscheck", "mapped_clients", "without_messages", "two_streams")
BY_TYPE = ("qtype", "qtype_query_bytes", "qtype_responses", "qtype_response_bytes")
SECTIONS = {"core": BY_TYPE[1:] + ("qtype_rcode", "class", "transport_qtype", "rcode_size"),
            "edns": ("edns", "edns_size", "ede", "ecs"), "names": ("qname", "junk", "priming"), "ports": ("sport_range",),
            "domains": ("domains",), "clients": ("clients",),
            "addresses": ("addresses", "identities", "subnets", "talkers")}
MEASUREMENTS = {"core": {"dns_qtype_rcode", "dns_class", "dns_transport_qtype", "dns_rcode_size"}, "edns": {"dns_edns", "dns_edns_size", "dns_ede", "dns_ecs"},
                "names": {"dns_qname", "dns_junk", "dns_priming"}, "ports": {"dns_sport_range"}, "domains": {"dns_domain"}, "clients": {"dns_clients"},
                "addresses": {"dns_address", "dns_identity", "dns_subnet", "dns_talker"}}
BUSIEST = 20
# Those that are no default, too.
EVERY_DATASET = "datasets: [core, edns, names, domains, clients, addresses, attacks, ports]\n"


def replay(program, *args):
    if "-c" not in args:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write(EVERY_DATASET)
            config.flush()
            return replay(program, "-c", config.name, *args)
    done = subprocess.run([program, "replay", *args], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
    return done.stdout


def mnemonics():
    """Names of types and rcodes that traffic and captures have, from IANA's registry, as the contract writes them."""
    types = {1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT",
             28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 39: "DNAME", 41: "OPT", 43: "DS", 44: "SSHFP", 46: "RRSIG",
             47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 59: "CDS", 60: "CDNSKEY", 63: "ZONEMD",
             64: "SVCB", 65: "HTTPS", 99: "SPF", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 253: "MAILB",
             255: "ANY", 256: "URI", 257: "CAA", 32769: "DLV"}
    rcodes = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN",
              7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI", 16: "BADVERS", 17: "BADKEY",
              18: "BADTIME", 19: "BADMODE", 20: "BADNAME", 21: "BADALG", 22: "BADTRUNC", 23: "BADCOOKIE"}
    return types, rcodes


TYPES, RCODES = mnemonics()


def type_name(qtype):
    return qtype if isinstance(qtype, str) else TYPES.get(qtype, f"TYPE{qtype}")


def rcode_name(rcode):
    return RCODES.get(rcode, f"RCODE{rcode}")


def nested(pairs):
    out = {}
    for (outer, inner), n in pairs.items():
        out.setdefault(outer, {})[inner] = n
    return out


def expected_report(counts):
    c = counts.count
    out = {name: {type_name(t): n for t, n in c[name].items()} for name in BY_TYPE}
    out.update({name: dict(c[name]) for name in ("class", "edns", "edns_size", "ede")})
    out["ecs"] = nested(c["ecs"])
    out["rcode"] = {rcode_name(r): n for r, n in c["rcode"].items()}
    out["qtype_rcode"] = nested({(type_name(t), rcode_name(r)): n for (t, r), n in c["qtype_rcode"].items()})
    out["qname"] = {"length": dict(c["length"]), "labels": dict(c["labels"]), **c["trait"]}
    return out


def same_types(got, expected):
    """Where this table has no name for an assigned type, the program has."""
    unnamed = {name for name in expected if isinstance(name, str) and name.startswith("TYPE") and name not in got}
    extra = [name for name in got if name not in expected]
    return len(unnamed) == len(extra) and all(got.get(k) == v for k, v in expected.items() if k not in unnamed) and \
        Counter(json.dumps(expected[k], sort_keys=True) for k in unnamed) == Counter(json.dumps(got[k], sort_keys=True) for k in extra)


def check_report(zone, expected, what):
    for name, value in expected.items():
        if name.startswith("qtype"):
            assert same_types(zone[name], value), f"{what} {name}: {zone[name]}, expected {value}"
        else:
            assert zone[name] == value, f"{what} {name}: {zone[name]}, expected {value}"


def check_sums(zone, what):
    """Parts are the whole; a query without a question has no type, class or name."""
    by_rcode = Counter()
    for rcodes in zone["qtype_rcode"].values():
        by_rcode.update(rcodes)
    assert by_rcode == zone["rcode"], f"{what}: types over rcodes {by_rcode}, rcodes {zone['rcode']}"
    for qtype, n in zone["qtype_responses"].items():
        assert qtype == "other" or sum(zone["qtype_rcode"][qtype].values()) == n, f"{what}: {qtype}"
    questions = sum(zone["qtype"].values())
    for name, part in (("class", zone["class"]), ("length", zone["qname"]["length"]), ("labels", zone["qname"]["labels"])):
        assert sum(part.values()) == questions, f"{what}: {name} {part}, {questions} questions"
    assert sum(zone["edns"].values()) == sum(zone["edns_size"].values()) >= questions, f"{what}: {zone['edns']}"
    assert sum(n for d in zone["ecs"].values() for n in d.values()) == zone["flags"]["query"].get("ecs", 0), f"{what}: ecs"
    assert zone["edns"].get("0", 0) + zone["edns"].get("other", 0) == zone["flags"]["query"].get("edns", 0), f"{what}: edns"


def parse(line):
    head, rest = line.rstrip("\n").split(" ", 1)
    name, *tags = head.split(",")
    values = (f.split("=", 1) for f in rest.rsplit(" ", 1)[0].split(",")) if name.startswith("dns_") else ()
    return name, dict(t.split("=", 1) for t in tags), {k: int(v[:-1]) for k, v in values if v.endswith("i")}


def read_points(program, *args):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "points.lp")
        replay(program, "--points", path, *args)
        with open(path, encoding="utf-8") as file:
            return [parse(line) for line in file]


def summed(points, measurement, field, *tags):
    sums = Counter()
    for name, of, values in points:
        if name == measurement:
            key = tuple(of[t] for t in tags)
            sums[key[0] if len(key) == 1 else key] += values.get(field, 0)
    return {key: n for key, n in sums.items() if n}


def bins(points, measurement):
    sums = Counter()
    for name, _, values in points:
        if name == measurement:
            sums.update(values)
    return {key: n for key, n in sums.items() if n}


def check_points(points, zone, what):
    """Over all windows they are the report."""
    def equal(got, expected, name):
        assert got == expected, f"{what} points {name}: {got}, expected {expected}"

    for field, section in zip(("queries", "query_bytes", "responses", "response_bytes"), BY_TYPE):
        equal(summed(points, "dns_qtype", field, "qtype"), zone[section], section)
    for measurement, field, tag in (("class", "queries", "class"), ("edns", "queries", "version"), ("ede", "responses", "code")):
        equal(summed(points, "dns_" + measurement, field, tag), zone[measurement], measurement)
    equal(nested(summed(points, "dns_ecs", "queries", "family", "prefix")), zone["ecs"], "ecs")
    equal(summed(points, "dns_qtype_rcode", "responses", "rcode"), summed(points, "dns_rcode", "responses", "rcode"), "rcodes")
    equal(bins(points, "dns_edns_size"), zone["edns_size"], "edns_size")
    qname = dict(zone["qname"])
    expected = {**qname.pop("length"), **{"labels_" + k: n for k, n in qname.pop("labels").items()}, **qname}
    equal(bins(points, "dns_qname"), expected, "qname")


def busiest(counts):
    """Responses by type and rcode of one window, as points have them; of equal types the lower number."""
    responses = counts.count["qtype_responses"]
    order = sorted(responses, key=lambda t: (-responses[t], t))[:BUSIEST]
    sums = Counter()
    for (qtype, rcode), n in counts.count["qtype_rcode"].items():
        sums[type_name(qtype) if qtype in order else "other", rcode_name(rcode)] += n
    return dict(sums)


def read_zone(program, *args):
    return json.loads(replay(program, "--json", *args))["zones"].get("default")


def check_captures(program, folder):
    for name in CAPTURES:
        path = os.path.join(folder, name + ".fstrm")
        with open(path, "rb") as file:
            expected = expected_report(reader.Counts().read(file.read()))
        zone = read_zone(program, path)
        if zone is None:
            assert not any(expected.values()), f"{name}: no zone, expected {expected}"
            continue
        check_report(zone, expected, name)
        check_sums(zone, name)
        check_points(read_points(program, path), zone, name)


def check_made(program, _):
    """All in one window, so that the busiest types are known."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "made.fstrm")
        traffic.write(path, 1, 20000)
        with open(path, "rb") as file:
            counts = reader.Counts().read(file.read())
        expected, zone = expected_report(counts), read_zone(program, path)
        check_report(zone, expected, "made")
        check_sums(zone, "made")
        points = read_points(program, path)
        check_points(points, zone, "made")
        got = summed(points, "dns_qtype_rcode", "responses", "qtype", "rcode")
        assert got == busiest(counts), f"busiest: {got}, expected {busiest(counts)}"
        assert len(zone["qtype_responses"]) > BUSIEST < len({t for t, _ in got}) == BUSIEST + 1, got
        assert min(len(expected[k]) for k in ("class", "edns_size", "ede")) > 5 and set(expected["ecs"]) == {"ipv4", "ipv6", "other"}


def check_switch(program, folder):
    """Of a dataset that is left out nothing is there, and the others are as they were."""
    path = os.path.join(folder, "unbound.fstrm")
    whole = read_zone(program, path)
    for wanted in ([], *([name] for name in SECTIONS), list(SECTIONS)):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write(f"datasets: [{', '.join(wanted)}]\n")
            config.flush()
            zone = read_zone(program, "-c", config.name, path)
            points = read_points(program, "-c", config.name, path)
        left_out = {s for dataset in SECTIONS if dataset not in wanted for s in SECTIONS[dataset]}
        assert zone == {k: v for k, v in whole.items() if k not in left_out}, f"{wanted}: {set(zone)}"
        there = {name for name, _, _ in points}
        for dataset, names in MEASUREMENTS.items():
            assert names & there == (names - {"dns_ede", "dns_priming"} if dataset in wanted else set()), f"{wanted}: {there}"
        fields = {f for name, _, values in points if name == "dns_qtype" for f in values}
        assert ("responses" in fields) == ("core" in wanted) and {"queries", "query_bytes"} <= fields, f"{wanted}: {fields}"


TESTS = [("datasets of captures", check_captures), ("datasets of made traffic", check_made), ("datasets left out", check_switch)]
