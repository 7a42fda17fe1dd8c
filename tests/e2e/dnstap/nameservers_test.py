#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each real nameserver: what was sent, what crosstap counted, and what InfluxDB and a file hold agree to the
last query."""

import json
import subprocess
import time

from databases import InfluxDB
from harness import (Crosstap, Points, Process, Sent, check, check_equal, check_metrics, check_sums, dnsload,
                     dnsload_command, main, settle, test, wait_for)
from nameserver import ALL, Knot
from relay import Relay

ATTEMPTS = 3


def load(server, seed=1):
    """UDP and TCP, both families, many sources; at most 5,000 queries a second. NSD writes its frames to a pipe and
    drops what that does not hold, so on a busy machine it can log all only of fewer."""
    rate = 1500 if server.name == "nsd" else 5000
    patient = {"timeout": 60}
    reports = [dnsload(server, count=5000, rate=rate, seed=seed, source_net="127.1.0.0/16", sources=500, **patient),
               dnsload(server, count=1000, rate=rate // 2, seed=seed + 1, tcp=8, **patient),
               dnsload(server, address=server.address6, count=1500, rate=rate // 2, seed=seed + 2, tcp=4, tcp_percent=40,
                       **patient)]
    for report in reports:
        check_equal((report["timeouts"], report["lost"], report["unmatched"]), (0, 0, 0), "answers that went astray")
    return Sent(*reports)


def crosstap_for(lab, *names, influx=None):
    inputs = [{"zone": n, "unix": lab.path(n + ".sock"), "mode": "0666"} for n in names]
    outputs = [{"file": {"path": lab.path("points.lp"), "format": "line"}}]
    if influx:
        outputs.append(influx.output())
    return Crosstap(lab, inputs=inputs, outputs=outputs).start()


def check_everywhere(lab, crosstap, influx, sent, zone):
    check_metrics(crosstap, sent, "metrics", zone=zone)
    check_equal(crosstap.stop(), 0, "exit code")
    points = Points(open(lab.path("points.lp")).read())
    check_sums(points, sent, "file", zone=zone)
    check_equal(points.duplicates(), [], "points written twice")
    check_sums(influx, sent, "InfluxDB", zone=zone)
    return points


def exact(lab, name, backend=None):
    influx = InfluxDB(lab).start()
    crosstap = crosstap_for(lab, name, influx=influx)
    relay = Relay(lab.path(name + "-tap.sock"), lab.path(name + ".sock"))
    server = ALL[name](lab, lab.path(name + "-tap.sock"), backend=backend).start()
    crosstap.wait_connections(1)
    sent = settle(crosstap, relay, load(server), zone=name)
    points = check_everywhere(lab, crosstap, influx, sent, name)
    server.process.must_live()
    return points, sent


def plain_knot(lab):
    """An authoritative server behind a resolver or proxy. Its own dnstap goes nowhere."""
    return Knot(lab, lab.path("nowhere.sock"), name="backend").start()


@test
def knot(lab):
    points, sent = exact(lab, "knot")
    latency = points.by("dns_latency", "count", "transport", zone="knot")
    check(7500 - sent.dropped <= sum(latency.values()) <= 7500, f"paired responses: {latency}, {sent.dropped} frames dropped")
    check(points.by("dns", "sources", "transport", "family")[("udp", "ipv4")] >= 500, "distinct sources")


@test
def nsd(lab):
    exact(lab, "nsd")


@test
def bind(lab):
    exact(lab, "bind")


@test
def unbound(lab):
    exact(lab, "unbound", plain_knot(lab))


@test
def dnsdist(lab):
    exact(lab, "dnsdist", plain_knot(lab))


@test
def recursor(lab):
    """The Recursor logs what it asks others for its clients: its outgoing queries are those that Knot got. It does not
    log its own housekeeping, which asks for the root's NS: that is in Knot's `other`."""
    crosstap = Crosstap(lab, outputs=[], inputs=[{"zones": ["example.nl"], "unix": lab.path("knot.sock")},
                                                 {"zone": "recursor", "unix": lab.path("recursor.sock")}]).start()
    relays = [Relay(lab.path(name + "-tap.sock"), lab.path(name + ".sock")) for name in ("knot", "recursor")]
    knot = Knot(lab, lab.path("knot-tap.sock")).start()
    server = ALL["recursor"](lab, lab.path("recursor-tap.sock"), backend=knot).start()
    crosstap.wait_connections(2)

    def figures():
        return (crosstap.metric("crosstap_dns_queries_total", zone="example.nl"),
                crosstap.metric("crosstap_dns_outgoing_queries_total", zone="recursor"))

    for seed in range(ATTEMPTS):
        before = settled(figures)
        report = dnsload(server, count=3000, rate=2000, timeout=60, seed=seed + 1)
        check_equal(report["timeouts"], 0, "timeouts")
        after = settled(figures)
        asked, outgoing = after[0] - before[0], after[1] - before[1]
        logged = tuple(sum(relay.passed(of).values()) for relay, of in zip(relays, ("query", "outgoing query")))
        check_equal((crosstap.metric("crosstap_dns_queries_total"), after[1]), logged, "what Knot and the Recursor logged")
        if outgoing == asked:
            break
        print(f"note: outgoing queries: {outgoing}, asked: {asked}; one of both dropped frames by itself", flush=True)
        server.stop()  # its cache goes
        server.start()
        crosstap.wait_connections(2)
    check(asked > 300, f"the Recursor asked Knot {asked} times")
    check_equal(crosstap.metric("crosstap_dns_queries_total", zone="recursor"), 0, "outgoing queries are no clients'")
    check_equal(crosstap.stop(), 0, "exit code")


def settled(figures):
    """The figures once they stand still for longer than producers buffer."""
    last, since = figures(), time.monotonic()
    end = since + 60
    while time.monotonic() - since < 3 and time.monotonic() < end:
        time.sleep(0.2)
        now = figures()
        if now != last:
            last, since = now, time.monotonic()
    return last


@test
def golang(lab):
    """The Go library that CoreDNS uses, by the dnstap command, which sends Knot's frames on."""
    file, tap = lab.path("knot.fstrm"), lab.path("capture.sock")
    capture = Process(lab, "fstrm_capture", ["fstrm_capture", "-t", "protobuf:dnstap.Dnstap", "-u", tap, "-w", file])
    wait_for(lambda: "opened output file" in capture.log(), 5, "fstrm_capture listens")
    relay = Relay(lab.path("tap.sock"), tap)
    knot = Knot(lab, lab.path("tap.sock")).start()
    time.sleep(1)
    sent = settle(None, relay, load(knot, seed=10), wait=False)
    knot.stop()
    capture.stop()
    influx = InfluxDB(lab).start()
    crosstap = crosstap_for(lab, "golang", influx=influx)
    run = subprocess.run(["dnstap", "-r", file, "-U", lab.path("golang.sock")], capture_output=True, text=True,
                         timeout=120)
    check_equal(run.returncode, 0, f"dnstap ({run.stderr})")
    crosstap.wait_sent(sent, zone="golang")
    check_everywhere(lab, crosstap, influx, sent, "golang")


@test
def together(lab):
    """Several producers at once, one with a stream for many zones, labelled by the longest suffix."""
    influx = InfluxDB(lab).start()
    zones = ("example.nl", "example.org", "sub.example.org", "elsewhere.test")
    listed = list(zones[:3])
    crosstap = Crosstap(lab, outputs=[influx.output(), {"file": {"path": lab.path("points.lp"), "format": "line"}}],
                        inputs=[{"zone": "knot", "unix": lab.path("knot.sock")},
                                {"zones": listed, "unix": lab.path("nsd.sock")},
                                {"zones": ["example.test"], "unix": lab.path("bind.sock")}]).start()
    relays = [Relay(lab.path(name + "-tap.sock"), lab.path(name + ".sock")) for name in ("knot", "nsd", "bind")]
    servers = [ALL["knot"](lab, lab.path("knot-tap.sock")).start(),
               ALL["nsd"](lab, lab.path("nsd-tap.sock"), zones=zones).start(),
               ALL["bind"](lab, lab.path("bind-tap.sock")).start()]
    crosstap.wait_connections(3)
    loads = [dnsload_command(s, seed=i, count=3000, rate=1000, tcp=4, tcp_percent=10,
                             zone=zones if s.name == "nsd" else zones[0]) for i, s in enumerate(servers)]
    loads = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in loads]
    reports = read_reports(loads)
    expected = {"knot": reports[0]["sent"], "other": reports[2]["sent"] + reports[1]["zones"]["elsewhere.test"]}
    expected.update({z: reports[1]["zones"][z] for z in listed})
    # DS at a zone's own name is the parent's business (RFC 4035, 3.1.4.1), where that is listed.
    moved = reports[1]["apex_ds"].get("sub.example.org", 0)
    expected["sub.example.org"] -= moved
    expected["example.org"] += moved
    logged = [settle(crosstap, relay, Sent(report), wait=False) for relay, report in zip(relays, reports)]
    answers, dropped = sum(one.answers() for one in logged), any(one.dropped for one in logged)
    crosstap.wait_metric("crosstap_dns_queries_total", sum(one.total() for one in logged))
    crosstap.wait_metric("crosstap_dns_responses_total", answers)
    seen = crosstap.metric_by("crosstap_dns_queries_total", "zone")
    check(seen == expected or dropped and all(seen[z] <= n for z, n in expected.items()), f"queries by zone: {expected}, saw {seen}")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(influx.by("dns", "queries", "zone"), {(z,): n for z, n in seen.items()}, "InfluxDB by zone")
    check_equal(influx.total("dns", "responses"), answers, "InfluxDB responses")
    check_equal(Points(open(lab.path("points.lp")).read()).duplicates(), [], "points written twice")


def read_reports(loads):
    reports = []
    for run in loads:
        output, _ = run.communicate(timeout=300)
        check_equal(run.returncode, 0, "dnsload")
        reports.append(json.loads(output))
        check_equal((reports[-1]["timeouts"], reports[-1]["lost"]), (0, 0), "answers that went astray")
    return reports


if __name__ == "__main__":
    main()
