#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Countries, ASes and resolvers of a zone add up to its queries, to the last one; in replay and in the daemon.
The databases are made here, after the MaxMind DB file format 2.0, and one is real where npm has it. Pings stay in namespaces."""

import contextlib
import ipaddress
import os
import random
import subprocess
import time

import frames
import line
import npm
from harness import CROSSTAP, ROOT, Crosstap, Points, check, check_equal, main, test, wait_for, yaml
from mmdb import asn, country, write_mmdb
from sums import by_window, check_adds_up


# ---- databases ----


def databases(lab):
    countries = {f"{a}.0.0.0/8": country(code) for a, code in
                 zip(range(20, 36), ["NL", "DE", "FR", "US", "BR", "JP", "ZA", "AU"] * 2)}
    countries["2a00::/12"] = country("SE")
    systems = {f"{a}.{b * 32}.0.0/11": asn(64496 + a * 8 + b, f"Holder {a}/{b}") for a in range(20, 35) for b in range(8)}
    systems["2a00::/12"] = asn(65550, "Sechs")
    return (write_mmdb(lab.path("country.mmdb"), "Test-Country", countries),
            write_mmdb(lab.path("asn.mmdb"), "Test-ASN", systems))


# ---- traffic ----


def traffic(n, start, seconds, seed=1):
    """Frames of n queries, most answered, of some hundreds of resolvers, busy and rare ones, over so many seconds."""
    chance = random.Random(seed)
    resolvers = [f"{chance.randint(18, 37)}.{chance.randint(0, 255)}.{chance.randint(0, 255)}.{chance.randint(1, 254)}"
                 for _ in range(700)] + [f"2a00:{i:x}::53" for i in range(50)] + ["2001:db8::1"]
    result = []
    for i in range(n):
        address = resolvers[int(len(resolvers) * chance.random() ** 3)]
        name = chance.choice(["www.example.nl", "nothere.example.org", "mail.example.nl"])
        when, port = start + seconds * i / n, 1024 + i % 60000
        rcode = 3 if "nothere" in name else 0
        result.append(frames.frame(frames.AUTH_QUERY, frames.message(name, id=i % 65536), when, address, port))
        if chance.random() < 0.9:
            result.append(frames.frame(frames.AUTH_RESPONSE, frames.message(name, id=i % 65536, response=True, rcode=rcode),
                                       when + 0.001, address, port))
    return result


def replay(lab, stream, **config):
    path = lab.write("replay.yaml", yaml(dict({"server": "ns1", "ping": {"enabled": False}, "wire": {"mode": "off"}},
                                              **config)) + "\n")
    run = subprocess.run([CROSSTAP, "replay", "-c", path, "--points", "-", stream], capture_output=True, text=True,
                         timeout=120)
    check_equal(run.returncode, 0, f"replay ({run.stderr[-1000:]})")
    return Points(run.stdout)


CAPTURE = os.path.join(ROOT, "tests/golden/captures/hundred-queries.pcap")
ZONES = {"inputs": [{"unix": "/nowhere", "zones": ["example.nl", "example.org"]}]}


@test
def sums_in_replay(lab):
    stream = frames.write_stream(lab, "in.fstrm", traffic(20000, 1700000000, 50))
    country_file, asn_file = databases(lab)
    points = replay(lab, stream, geo={"country": country_file, "asn": asn_file}, top={"resolvers": 20, "asns": 15}, **ZONES)
    check_adds_up(points)
    countries = {k for (k,) in points.by("dns_country", "queries", "country")}
    check(countries >= {"NL", "DE", "FR", "US", "BR", "JP", "ZA", "AU", "SE", "unknown"}, f"countries: {countries}")
    asns = points.by("dns_asn", "queries", "asn")
    check(("unknown",) in asns and len(asns) > 15, f"ASes: {asns}")
    for name, tags, fields, stamp in points.points:
        if name == "dns_asn" and tags["asn"] == "65550":
            check_equal(fields["as_org"], "Sechs", "as_org")
        if name == "dns_asn":
            check_equal("as_org" in fields, tags["asn"] not in ("other", "unknown"), f"as_org of {tags['asn']}")
        if name == "dns_resolver" and tags["rank"] != "other":
            first = int(fields["address"].split(".")[0]) if "." in fields["address"] else 0
            check_equal("country" in fields, 20 <= first < 36 or fields["address"].startswith("2a00"),
                        f"country of {fields['address']}")
            check("icmp_rtt_ms" not in fields and "tcp_rtt_ms" not in fields, "nothing was measured")
    ranked = {(tags["zone"], stamp) for name, tags, _, stamp in points.points if name == "dns_asn"}
    for zone, stamp in ranked:
        n = sum(1 for name, tags, _, when in points.points
                if name == "dns_asn" and (tags["zone"], when) == (zone, stamp) and tags["asn"] not in ("other", "unknown"))
        check(0 < n <= 15, f"{n} ASes in a window")


@test
def asns_of_a_day_are_bounded(lab):
    stream = frames.write_stream(lab, "in.fstrm", traffic(20000, 1700000000, 50))
    country_file, asn_file = databases(lab)
    points = replay(lab, stream, geo={"country": country_file, "asn": asn_file}, limits={"asns": 7}, **ZONES)
    check_adds_up(points)
    for zone in ("example.nl", "example.org"):
        seen = set(points.by("dns_asn", "queries", "asn", zone=zone)) - {("other",), ("unknown",)}
        check_equal(len(seen), 7, f"ASes of {zone}")


@test
def sums_with_full_tables(lab):
    """A flood of sources that find no place: estimates in the top, everything else exact."""
    chance = random.Random(2)
    flood = [frames.frame(frames.AUTH_QUERY, frames.message("www.example.nl"), 1700000000 + i / 20000,
                          str(ipaddress.IPv4Address(chance.getrandbits(32))), 53) for i in range(150000)]
    stream = frames.write_stream(lab, "in.fstrm", flood + traffic(20000, 1700000000, 9))
    country_file, asn_file = databases(lab)
    points = replay(lab, stream, geo={"country": country_file, "asn": asn_file}, limits={"memory": "8MiB"}, **ZONES)
    check(sum(points.by("dns_country", "queries", country="other").values()) > 1000, "the tables were not full")
    queries = by_window(points, "dns", "queries")
    for measurement in ("dns_country", "dns_asn", "dns_resolver"):
        check_equal(by_window(points, measurement, "queries"), queries, f"{measurement}: queries")
    check_equal(sum(queries.values()), 170000, "queries")


@test
def without_databases(lab):
    stream = frames.write_stream(lab, "in.fstrm", traffic(3000, 1700000000, 20))
    points = replay(lab, stream, **ZONES)
    check_adds_up(points, ("dns_resolver",))
    names = {name for name, _, _, _ in points.points}
    check(not names & {"dns_country", "dns_asn"}, f"measurements: {names}")
    country_file, _ = databases(lab)
    points = replay(lab, stream, geo={"country": country_file, "asn": lab.path("missing.mmdb")}, **ZONES)
    check_adds_up(points, ("dns_country", "dns_resolver"))
    check(not points.by("dns_asn", "queries"), "ASes without a database")


@test
def addresses_stay_private(lab):
    what = traffic(3000, 1700000000, 20)
    stream = frames.write_stream(lab, "in.fstrm", what)
    country_file, asn_file = databases(lab)
    geo = {"country": country_file, "asn": asn_file}
    points = replay(lab, stream, geo=geo, privacy={"addresses": "prefix"}, **ZONES)
    check_adds_up(points)
    for name, tags, fields, _ in points.points:
        if name == "dns_resolver" and tags["rank"] != "other":
            check(fields["address"].endswith((".0/24", "::/48")), f"address {fields['address']}")
    points = replay(lab, stream, geo=geo, privacy={"addresses": "none"}, **ZONES)
    check(not any("address" in fields for _, _, fields, _ in points.points), "an address")
    check_adds_up(points)


@test
def what_privacy_makes_one_is_one_point(lab):
    """Where the value is the tag, clients of one prefix and names of one suffix would overwrite each other in a database."""
    clients, stream = [f"20.1.{n % 3}.{n}" for n in range(1, 31)], []
    for n in range(3000):
        labels, address = ("a.b.example.nl", "c.example.nl", "x.other.")[n % 3], clients[n % 30]
        answer = frames.message(labels, response=True, rcode=3)
        stream.append(frames.frame(frames.AUTH_QUERY, frames.message(labels), 1700000000 + n / 300, address, 1024 + n))
        stream.append(frames.frame(frames.AUTH_RESPONSE, answer, 1700000000 + n / 300, address, 1024 + n))
        if n % 10 == 0:
            stream.append(frames.frame(frames.AUTH_QUERY, frames.message(f"u{n}.other"), 1700000000 + n / 300, "2a00:1::1"))
    path = frames.write_stream(lab, "in.fstrm", stream)
    config = {"inputs": [{"unix": "/nowhere", "zones": ["."]}], "domains": {"labels": 2},
              "datasets": ["core", "names", "domains", "addresses"], "privacy": {"addresses": "prefix", "names": "suffix"}}
    ranked = replay(lab, path, **config, top={"key": "rank", "names": 5})
    points = replay(lab, path, **config, top={"key": "value", "names": 5})
    check_equal(points.duplicates(), [], "points written twice")
    for measurement, field, *tags in (("dns_resolver", "queries"), ("dns_resolver", "nxdomain"), ("dns_name", "count", "kind"),
                                      ("dns_talker", "count", "by"), ("dns_domain", "queries", "by"),
                                      ("dns_domain", "nxdomain", "by"), ("dns_subnet", "queries")):
        check_equal(points.by(measurement, field, *tags), ranked.by(measurement, field, *tags), f"{measurement}: {field}")
    check_adds_up(points, ("dns_resolver",))
    check_equal({rank for (rank,) in points.by("dns_resolver", "queries", "rank")},
                {"20.1.0.0/24", "20.1.1.0/24", "20.1.2.0/24", "2a00:1::/48"}, "resolvers")
    check_equal({rank for (rank,) in points.by("dns_name", "count", "rank", kind="nxdomain")}, {"nl", "other"}, "names")
    for name, tags, fields, _ in points.points:
        if name == "dns_domain":  # all below nl is one, below `other` there are many, and there is what no row has
            check_equal(fields.keys() & {"sources", "names", "magnitude"},
                        {"sources", "names", "magnitude"} if tags["rank"] == "nl" else set(), f"what is known of {tags}")


@test
def zones_that_are_not_read_are_silent(lab):
    """A backfill of one input's file writes no zeros over what the agent counted of the others, nor a capture alone."""
    stream = frames.write_stream(lab, "in.fstrm", traffic(300, 1700000000, 30))
    config = {"inputs": [{"unix": "/nowhere", "zone": "nl"}, {"unix": "/elsewhere", "zone": "org"}]}
    for number, words, zones in ((1, (stream,), {"nl"}), (2, (stream,), {"org"}), (2, ("--pcap", CAPTURE), set())):
        path = lab.write("replay.yaml", yaml({"server": "ns1", **config}) + "\n")
        run = subprocess.run([CROSSTAP, "replay", "-c", path, "--input", str(number), "--points", "-", *words],
                             capture_output=True, text=True, timeout=120)
        check_equal(run.returncode, 0, f"replay ({run.stderr[-1000:]})")
        points = Points(run.stdout)
        check(points.points, "points")
        check_equal({tags["zone"] for _, tags, _, _ in points.points if "zone" in tags}, zones, f"zones of {words}")


@test
def a_real_database(lab):
    database = npm.unpack(lab, npm.fetch(npm.IPTOASN + "-mmdb"), "iptoasn-country.mmdb")
    stream = frames.write_stream(lab, "in.fstrm", traffic(20000, 1700000000, 50))
    points = replay(lab, stream, geo={"country": database}, **ZONES)
    check_adds_up(points, ("dns_country", "dns_resolver"))
    check(len(points.by("dns_country", "queries", "country")) > 5, "countries")


def send(crosstap, path, n, seed):
    producer = frames.Producer(path)
    producer.send(traffic(n, time.time(), 0.2, seed))
    producer.stop()


@test
def the_daemon(lab):
    """Windows, a database that is replaced meanwhile, the document, RSSAC002 over a restart."""
    country_file, asn_file = databases(lab)
    path = lab.path("in.sock")
    config = dict(inputs=[{"unix": path, "zones": ["example.nl", "example.org"]}],
                  geo={"country": country_file, "asn": asn_file},
                  outputs=[{"file": {"path": lab.path("points.lp")}}],
                  rssac002={"dir": lab.path("rssac002"), "source": "dnstap"}, state=lab.path("state"))
    crosstap = Crosstap(lab, **config).start()
    for seed in range(5):
        send(crosstap, path, 1000, seed)
        time.sleep(1)
    document = wait_for(lambda: crosstap.get("/api/v1/resolvers")[0] == 200 and crosstap.api("resolvers"), 5, "a document")
    check_equal(document["ping"], {"enabled": False}, "ping")
    check_equal(document["databases"]["asn"]["type"], "Test-ASN", "the database's type")
    check(document["table"]["known"] > 100, f"table: {document['table']}")
    write_mmdb(asn_file, "Other-ASN", {"0.0.0.0/1": asn(64500, "All")})
    wait_for(lambda: crosstap.api("resolvers")["databases"]["asn"]["type"] == "Other-ASN", 5, "the new database is in use")
    for seed in range(5, 8):
        send(crosstap, path, 1000, seed)
        time.sleep(1)
    check_equal(crosstap.stop(), 0, "exit")
    check(os.stat(lab.path("state")).st_size > 1000, "the state")
    crosstap.start()
    check("resolvers read" in crosstap.process.log(), "the state is read")
    send(crosstap, path, 1000, 9)
    check_equal(crosstap.stop(), 0, "exit")

    with open(lab.path("points.lp")) as file:
        points = Points(file.read())
    check_adds_up(points)
    check_equal(sum(by_window(points, "dns", "queries").values()), 9000, "queries")
    check(points.by("dns_asn", "queries", "asn").get(("64500",), 0) > 0, "the new database's AS")
    texts = [fields["text"] for name, tags, fields, _ in points.points
             if name == "crosstap_event" and tags["kind"] == "database"]
    check(any("Other-ASN" in text for text in texts), f"events: {texts}")
    ages = [fields["mmdb_age_s"] for name, _, fields, _ in points.points if name == "crosstap"]
    check(ages and all(90 < age < 300 for age in ages), f"mmdb_age_s: {ages}")
    check_rssac002(lab, crosstap, points)


@test
def pings_resolvers(lab):
    """In namespaces of its own, 10 ms apart each way: who asks in three windows is measured, this host is not."""
    with contextlib.ExitStack() as stack:
        link = line.SlowLink(stack, lab)
        stamps = line.Stamps(stack, link.a, "slow")
        country_file = write_mmdb(lab.path("country.mmdb"), "Test-Country", {"198.51.100.0/24": country("NL")})
        path = lab.path("in.sock")
        crosstap = Crosstap(lab, inputs=[{"unix": path, "zone": "nl"}], geo={"country": country_file},
                            outputs=[{"file": {"path": lab.path("points.lp")}}],
                            ping={"enabled": True, "rate": "50/s", "every": "1m"})
        crosstap.start(prefix=["ip", "netns", "exec", link.a], ready=False)
        wait_for(lambda: crosstap.process.must_live() and "listening input=" in crosstap.process.log(), 10,
                 "the input listens")
        def measured():
            with open(lab.path("points.lp")) as file:
                points = Points(file.read().rpartition("\n")[0])
            return len(points.by("dns_country", "queries_icmp", "country")) > 0
        for _ in range(20):
            if os.path.exists(lab.path("points.lp")) and measured():
                break
            producer = frames.Producer(path)
            for address in ("198.51.100.2", "198.51.100.1", "203.0.113.9"):
                producer.send([f for i in range(8) for f in (
                    frames.frame(frames.AUTH_QUERY, address=address, port=1024 + i),
                    frames.frame(frames.AUTH_RESPONSE, address=address, port=1024 + i))])
            producer.stop()
            time.sleep(1)
        check_equal(crosstap.stop(), 0, "exit")
        stamped = stamps.read()  # before the device goes
        took = [t for t in line.echo_times(link.forwarder.read(), stamped) if t.address == "198.51.100.2"]
    with open(lab.path("points.lp")) as file:
        points = Points(file.read())
    check_adds_up(points, ("dns_country", "dns_resolver"))
    times = {}
    for name, _, fields, _ in points.points:
        if name == "dns_resolver" and "icmp_rtt_ms" in fields:
            times.setdefault(fields["address"], []).append(fields["icmp_rtt_ms"])
    check_equal(set(times), {"198.51.100.2"}, f"who was measured ({crosstap.process.log()[-800:]})")
    for value in times["198.51.100.2"]:
        line.check_between(value, took, "what was measured")
    rows = [fields for name, tags, fields, _ in points.points if name == "dns_country" and tags["country"] == "NL"]
    rows = [row for row in rows if row["queries_icmp"] == row["queries"] // 2 > 0]
    check(rows, f"half of the queries of NL are measured: {points.by('dns_country', 'queries_icmp', 'country')}")
    for row in rows:
        check(0.99 <= row["icmp_rtt_ms_p50"] / times["198.51.100.2"][-1] <= 1.01, f"quantiles within 1 %: {row}, {times}")


def read_counts(folder):
    """{(metric, line's key): number} of all files below."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".yaml"):
                with open(os.path.join(at, name)) as file:
                    metric, section = name.rsplit("-", 3)[-2:], ""
                    for entry in file.read().split("metric: ")[1].splitlines()[1:]:
                        key, _, value = entry.partition(":")
                        section = key if not entry.startswith(" ") and not value.strip().isdigit() else section
                        if value.strip().isdigit():
                            found[tuple(metric), section, key] = found.get((tuple(metric), section, key), 0) + int(value)
    return found


def run_sites(lab, key_files):
    """Two sites with other traffic, some resolvers in common: (folders, addresses)."""
    sites, addresses = [], set()
    for n, key_file in enumerate(key_files, 1):
        path = lab.path(f"{n}.sock")
        crosstap = Crosstap(lab, f"site{n}", server=f"e2e-{os.getpid()}-{n}", inputs=[{"unix": path}],
                            rssac002={"dir": lab.path(f"site{n}"), "source": "dnstap", "key_file": key_file})
        sites.append(lab.path(f"site{n}"))
        crosstap.start()
        producer = frames.Producer(path)
        mine = [f"10.{n * 20 + i // 250 % 40}.{i // 6250}.{i % 250}" for i in range(6000)]
        addresses |= set(mine)
        producer.send([frames.frame(frames.AUTH_QUERY, address=address) for address in mine])
        producer.stop()
        check_equal(crosstap.stop(), 0, "exit")
    return sites, addresses


def merge_sites(out, sites):
    return subprocess.run([os.path.join(ROOT, "scripts", "rssac002-merge"), "all", out, *sites], capture_output=True, text=True,
                          check=False)


@test
def rssac002_of_sites_is_merged(lab):
    """Counts add up, sources are a union."""
    key, out = lab.path("fleet.key"), lab.path("merged")
    with open(key, "wb") as file:
        file.write(os.urandom(32))
    os.chmod(key, 0o600)
    sites, expected = run_sites(lab, [key, key])
    run = merge_sites(out, sites)
    check_equal(run.returncode, 0, f"rssac002-merge ({run.stderr})")
    merged, parts = read_counts(out), [read_counts(site) for site in sites]
    for key in set(parts[0]) | set(parts[1]):
        total = sum(part.get(key, 0) for part in parts)
        if key[2] == "num-sources-ipv4":
            check(total > len(expected), f"{total} sources in all, {len(expected)} different ones")
            check(0.98 < merged[key] / len(expected) < 1.02, f"{merged[key]} of {len(expected)} sources")
        else:
            check_equal(merged[key], total, f"{key}")
    check(any(key[2].strip() == "dns-udp-queries-received-ipv4" and n == 12000 for key, n in merged.items()), f"{merged}")


@test
def rssac002_without_a_common_key(lab):
    """Counts add up still; sources of sites whose keys differ are no union, and that is said."""
    out = lab.path("merged")
    sites, _ = run_sites(lab, ["", ""])
    run = merge_sites(out, sites)
    check_equal(run.returncode, 1, f"rssac002-merge ({run.stderr})")
    check("rssac002.key_file" in run.stderr and "not merged" in run.stderr, run.stderr)
    merged = read_counts(out)
    check(any(key[2].strip() == "dns-udp-queries-received-ipv4" and n == 12000 for key, n in merged.items()), f"{merged}")
    check(not any("num-sources" in key[2] for key in merged), f"{merged}")


@test
def rssac002_that_cannot_be_merged(lab):
    """It is said in a line, and no sum is written that looks like one of all sites."""
    def site(name, text):
        path = lab.path(f"{name}/2026/11/rcode-volume/{name}-20261101-rcode-volume.yaml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(text)
        return lab.path(name)

    good = b"---\nversion: rssac002v5\nservice: a\nstart-period: 2026-11-01T00:00:00Z\nmetric: rcode-volume\n0: 5\n"
    a, out = site("a", good), lab.path("out")
    for text in (b"", b"\xff\xfe", good.replace(b"metric", b"metrik"), good.replace(b"5\n", b"many\n"), good[:20], good.replace(b"v5", b"v4")):
        run = merge_sites(out, [a, site("b", text)])
        check(run.returncode == 1 and run.stderr.count("\n") == 1 and "-20261101-" in run.stderr, f"{text}: {run}")
        check(not os.path.exists(out), "nothing is written")
    run = merge_sites(out, [lab.path("none")])
    check(run.returncode == 1 and "no file below" in run.stderr, f"{run}")
    os.makedirs(lab.path("c"))
    run = merge_sites(out, [a, site("b", good), lab.path("c")])
    check(run.returncode == 0 and f"rcode-volume of 20261101: nothing in {lab.path('c')}" in run.stderr, f"{run}")
    check_equal([n for key, n in read_counts(out).items()], [10], "the sum")


def check_rssac002(lab, crosstap, points):
    found = {}
    for folder, _, names in os.walk(lab.path("rssac002")):
        for name in names:
            if name.endswith(".yaml"):
                with open(os.path.join(folder, name)) as file:
                    text = file.read()
                metric = text.split("metric: ")[1].split("\n")[0]
                check(name.startswith(f"{crosstap.config['server']}-") and name.endswith(f"-{metric}.yaml"), name)
                for entry in text.splitlines():
                    key, _, value = entry.strip().partition(": ")
                    if value.isdigit():
                        found[metric, key] = found.get((metric, key), 0) + int(value)
    udp = points.by("dns", "queries", "family", transport="udp")
    check_equal(found["traffic-volume", "dns-udp-queries-received-ipv4"], udp["ipv4",], "RSSAC002: queries")
    check_equal(found["traffic-volume", "dns-udp-queries-received-ipv6"], udp["ipv6",], "RSSAC002: queries")
    rcodes = points.by("dns_rcode", "responses", "rcode")
    check_equal((found["rcode-volume", "0"], found["rcode-volume", "3"]), (rcodes["NOERROR",], rcodes["NXDOMAIN",]),
                "RSSAC002: rcodes")
    sizes = sum(n for (metric, key), n in found.items() if metric == "traffic-sizes")
    check_equal(sizes, sum(by_window(points, "dns", "queries").values())
                + sum(by_window(points, "dns", "responses").values()), "RSSAC002: sizes")
    check(found["unique-sources", "num-sources-ipv6"] >= 50, "RSSAC002: sources")


if __name__ == "__main__":
    main()
