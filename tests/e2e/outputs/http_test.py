#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The page, /metrics, /healthz and the JSON under /api/v1/."""

import gzip
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

from databases import InfluxDB
from frames import send
from harness import CROSSTAP, Crosstap, Sent, check, check_equal, check_metrics, dnsload, http, main, test, wait_for
from nameserver import Knot

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, where another Python comes first
from prometheus_client import parser as prometheus
from prometheus_client.openmetrics import parser as openmetrics


def agent(lab, *outputs, **config):
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], outputs=list(outputs), **config)


@test
def promtool(lab):
    crosstap = agent(lab).start()
    knot = Knot(lab, lab.path("hand.sock")).start()
    crosstap.wait_connections(1)
    sent = Sent(dnsload(knot, count=2000, rate=4000), dnsload(knot, count=300, rate=2000, tcp=4))
    crosstap.wait_sent(sent)
    check_metrics(crosstap, sent, "metrics", zone="hand")
    text = crosstap.get("/metrics")[1]
    run = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    check_equal((run.returncode, run.stdout + run.stderr), (0, ""), "promtool")
    for name in ("crosstap_dns_response_time_seconds_bucket", "crosstap_dns_response_time_seconds_count",
                 "crosstap_build_info", "crosstap_input_frames_total"):
        check(name in text, f"{name} is missing")
    check_equal(crosstap.metric("crosstap_dns_response_time_seconds_count", zone="hand"), sent.total(), "paired")
    crosstap.stop()


OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"


def ask(crosstap, **fields):
    """Status, header fields and body of /metrics, asked for with these header fields."""
    request = urllib.request.Request(f"http://127.0.0.1:{crosstap.port}/metrics",
                                     headers={k.replace("_", "-"): v for k, v in fields.items()})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, answer.headers, answer.read()


def series_of(families):
    return {(s.name, tuple(sorted((k, float(v) if k == "le" else v) for k, v in s.labels.items())))
            for family in families for s in family.samples}


@test
def open_metrics(lab):
    """A strict reader of OpenMetrics takes it; it has the series that the older format has, and gzip the same text."""
    crosstap = agent(lab, wire={"mode": "packet"}).start()
    knot = Knot(lab, lab.path("hand.sock")).start()
    crosstap.wait_connections(1)
    sent = Sent(dnsload(knot, count=500, rate=4000))
    crosstap.wait_sent(sent)
    wait_for(lambda: crosstap.metric("crosstap_verdict", verdict="ok"), 10, "a window was compared")
    _, fields, body = ask(crosstap, Accept=OPEN_METRICS)
    check_equal(fields["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8", "type")
    check_equal(fields["Vary"], "Accept, Accept-Encoding", "Vary")
    check(body.endswith(b"\n# EOF\n"), "the end is marked")
    strict = list(openmetrics.text_string_to_metric_families(body.decode()))
    older = list(prometheus.text_string_to_metric_families(ask(crosstap, Accept="text/plain")[2].decode()))
    check_equal(series_of(strict) ^ series_of(older), set(), "series that only one format has")
    types = {family.name: (family.type, family.unit) for family in strict}
    for name, wanted in (("crosstap_dns_queries", ("counter", "")), ("crosstap_build", ("info", "")),
                         ("crosstap_cpu_seconds", ("counter", "seconds")),
                         ("crosstap_dns_response_time_seconds", ("histogram", "seconds"))):
        check_equal(types.get(name), wanted, name)
    check(ask(crosstap)[1]["Content-Type"].startswith("text/plain; version=0.0.4"), "without a wish")
    run = subprocess.run(["promtool", "check", "metrics"], input=ask(crosstap)[2], capture_output=True)
    check_equal((run.returncode, run.stdout + run.stderr), (0, b""), "promtool with the wire")
    _, fields, packed = ask(crosstap, Accept=OPEN_METRICS, Accept_Encoding="gzip")
    check_equal(fields["Content-Encoding"], "gzip", "coding")
    check_equal(series_of(openmetrics.text_string_to_metric_families(gzip.decompress(packed).decode())),
                series_of(strict), "series in gzip")
    check(len(packed) * 4 < len(body), "gzip makes it smaller")
    check_equal(ask(crosstap, Accept_Encoding="gzip;q=0")[1]["Content-Encoding"], None, "gzip not wanted")
    crosstap.stop()


@test
def names(lab):
    """The names asked for are in the JSON as privacy leaves them."""
    wanted = {"full": [{"name": "www.example.nl", "count": 40}], "suffix": [{"name": "example.nl", "count": 40}], "none": []}
    agents = {}
    for mode in wanted:
        part = lab.part(mode)
        agents[mode] = agent(part, name=mode, server=f"names-{mode}", privacy={"names": mode}, interval="2s").start()
        send(part.path("hand.sock"), 40)
    for mode, crosstap in agents.items():
        def found(crosstap=crosstap):
            status, body = crosstap.get("/api/v1/resolvers")
            zone = json.loads(body)["zones"].get("hand", {}) if status == 200 else {}
            return zone.get("names")
        check_equal(wait_for(found, 10, f"names, privacy {mode}"), {"query": wanted[mode], "nxdomain": []}, mode)
        crosstap.stop()


@test
def slow_scraper(lab):
    """Who asks for /metrics and does not read it holds nobody up."""
    crosstap = agent(lab).start()
    slow = []
    for _ in range(8):
        connection = socket.create_connection(("127.0.0.1", crosstap.port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 8)
        slow.append(connection)
    windows = crosstap.metric("crosstap_windows_total")
    send(lab.path("hand.sock"), 40)
    crosstap.wait_metric("crosstap_dns_queries_total", 40)
    wait_for(lambda: crosstap.metric("crosstap_windows_total") > windows, 10, "windows go on")
    for connection in slow:
        connection.close()
    crosstap.stop()


@test
def counters_never_fall(lab):
    """Over windows and reloads a counter only grows."""
    crosstap = agent(lab).start()
    last, total = {}, 0
    for part in range(5):
        send(lab.path("hand.sock"), 20)
        total += 20
        if part == 2:
            crosstap.process.kill(1)
        time.sleep(0.7)
        now = {k: v for k, v in crosstap.metrics().items() if k[0].endswith("_total")}
        fallen = {k: (v, now.get(k)) for k, v in last.items() if now.get(k, -1) < v}
        check_equal(fallen, {}, "counters that fell or went away")
        last = now
    crosstap.wait_metric("crosstap_dns_queries_total", total)
    crosstap.stop()


@test
def window_json(lab):
    """/api/v1/window shows the newest closed window; over a run, each window is seen once."""
    crosstap = agent(lab, interval="5s", grace="1s").start()
    while time.time() % 5 > 2:
        time.sleep(0.1)
    send(lab.path("hand.sock"), 60)
    check_equal(crosstap.api("status") != {}, True, "status")

    def queries():
        return find(crosstap.api("window"), "queries")
    wait_for(lambda: 60 in queries(), 12, lambda: f"60 queries in {crosstap.get('/api/v1/window')[1][:500]}")
    crosstap.stop()


def find(value, name):
    """All values of that key, at any depth."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    for key, item in items:
        if key == name and not isinstance(item, (dict, list)):
            found.append(item)
        found += find(item, name)
    return found


def ask_health(crosstap):
    return subprocess.run([CROSSTAP, "top", "--health", "--url", f"http://127.0.0.1:{crosstap.port}"],
                          capture_output=True, text=True, timeout=20)


@test
def health(lab):
    """503 with reasons while every sink fails, 200 before and after."""
    influx = InfluxDB(lab).start()
    crosstap = agent(lab, influx.output(timeout="1s")).start()
    send(lab.path("hand.sock"), 5)
    influx.wait_total("dns", "queries", 5)
    check_equal(crosstap.get("/healthz")[0], 200, "with a database")
    influx.process.stop()
    wait_for(lambda: crosstap.get("/healthz")[0] == 503, 20, "503 without a database")
    check(crosstap.get("/healthz")[1].strip().startswith("{"), "the reasons are JSON")
    top = ask_health(crosstap)
    check_equal((top.returncode, top.stdout), (1, crosstap.get("/healthz")[1]), "what a supervisor gets")
    influx.start()
    wait_for(lambda: crosstap.get("/healthz")[0] == 200, 60, "200 when it is back")
    check_equal(ask_health(crosstap).returncode, 0, "what a supervisor gets when it is back")
    crosstap.stop()
    check_equal(ask_health(crosstap).returncode, 1, "what a supervisor gets when nobody is there")


@test
def odd_requests(lab):
    crosstap = agent(lab).start()
    url = f"http://127.0.0.1:{crosstap.port}"
    check_equal(http(url + "/nothing")[0], 404, "unknown path")
    check_equal(http(url + "/metrics", data=b"x")[0], 405, "POST")
    check_equal(http(url + "/../../etc/passwd")[0], 404, "outside")
    check_equal(http(url + "/" + "a" * 5000)[0] in (404, 414), True, "a long path")
    check_equal(http(url + "/")[0], 200, "page")
    crosstap.process.must_live()
    crosstap.stop()


@test
def token(lab):
    path = lab.write("token", "sesame\n")
    os.chmod(path, 0o600)
    crosstap = agent(lab)
    crosstap.config["http"] = dict(crosstap.config["http"], token_file=path)
    crosstap.start(ready=False)
    url = f"http://127.0.0.1:{crosstap.port}/metrics"
    wait_for(lambda: http(url)[0], 10, "the page listens")
    check_equal(http(url)[0], 401, "without a token")
    check_equal(http(url, headers={"Authorization": "Bearer wrong"})[0], 401, "with a wrong token")
    check_equal(http(url, headers={"Authorization": "Bearer sesame"})[0], 200, "with the token")
    crosstap.stop()


@test
def open_to_all(lab):
    """A page that others can reach without a token is said, and one on loopback is not."""
    crosstap = agent(lab).start()
    check("open to all" not in crosstap.process.log(), "nothing is said of loopback")
    crosstap.stop()
    crosstap.config["http"] = {"listen": f"0.0.0.0:{crosstap.port}"}
    crosstap.start()
    wait_for(lambda: "the status page is open to all" in crosstap.process.log(), 10, "it is said")
    crosstap.stop()


@test
def port_in_use(lab):
    """Another one's port stops no start; the page comes by itself once the port is free."""
    crosstap = agent(lab)
    with socket.create_server(("127.0.0.1", crosstap.port)):
        crosstap.start(ready=False)
        wait_for(lambda: "no status page" in crosstap.process.log(), 10, "it says so")
        send(lab.path("hand.sock"), 20)
        crosstap.process.must_live()
    crosstap.wait_ready(seconds=25)
    crosstap.wait_metric("crosstap_dns_queries_total", 20)
    check_equal(crosstap.process.log().count("no status page"), 1, "times that it said so")
    crosstap.stop()


if __name__ == "__main__":
    main()
