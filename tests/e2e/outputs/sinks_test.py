#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sinks: InfluxDB's v1 and v2 API, a server that is away for a while, one that refuses, JSON lines, hostile names."""

import glob
import json
import os
import re
import signal
import socket
import time

import frames
from databases import InfluxDB, VictoriaMetrics
from frames import queries, send
from harness import Crosstap, Points, Sent, check, check_equal, check_sums, dnsload, free_port, main, settle, test, wait_for
from nameserver import Knot
from relay import Relay


def agent(lab, *outputs, **config):
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], outputs=list(outputs), **config)


@test
def v2_api(lab):
    """VictoriaMetrics takes InfluxDB's v2 write API; its raw samples are summed."""
    database = VictoriaMetrics(lab).start()
    crosstap = agent(lab, database.output()).start()
    relay = Relay(lab.path("tap.sock"), lab.path("hand.sock"))
    knot = Knot(lab, lab.path("tap.sock")).start()
    crosstap.wait_connections(1)
    asked = Sent(dnsload(knot, count=4000, rate=4000, timeout=60), dnsload(knot, count=500, rate=2000, tcp=4, timeout=60))
    sent = settle(crosstap, relay, asked)
    check_equal(crosstap.stop(), 0, "exit code")
    # Written samples become readable within about a second.
    wait_for(lambda: sum(database.by("dns", "queries").values()) >= sent.total(), 15, "samples are readable")
    check_sums(database, sent, "VictoriaMetrics", zone="hand")


@test
def database_stops_and_starts(lab):
    """Windows that end while InfluxDB is away arrive after it is back."""
    influx = InfluxDB(lab).start()
    crosstap = agent(lab, influx.output()).start()
    send(lab.path("hand.sock"), 100)
    influx.wait_total("dns", "queries", 100)
    influx.process.stop()
    for part in range(4):
        send(lab.path("hand.sock"), 50 + part)
        time.sleep(1)
    crosstap.wait_metric("crosstap_dns_queries_total", 306)
    influx.start()
    influx.wait_total("dns", "queries", 306, seconds=60)
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(influx.total("dns", "queries"), 306, "InfluxDB at the end")


@test
def spool_survives_a_restart(lab):
    """What could not be sent before the agent's end is sent by the next one."""
    influx = InfluxDB(lab).start()
    influx.process.stop()
    crosstap = agent(lab, influx.output(timeout="2s"), spool={"path": lab.path("spool")}).start()
    send(lab.path("hand.sock"), 321)
    time.sleep(4)
    check_equal(crosstap.stop(), 0, "exit code")
    influx.start()
    crosstap.start()
    influx.wait_total("dns", "queries", 321, seconds=30)
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(influx.total("dns", "queries"), 321, "InfluxDB at the end")


@test
def killed_in_an_outage(lab):
    """InfluxDB killed, the agent killed in the outage and again while it delivers: each query is there once in the end."""
    influx = InfluxDB(lab).start()
    crosstap = agent(lab, influx.output(timeout="2s"), spool={"path": lab.path("spool")}).start()
    send(lab.path("hand.sock"), 100)
    influx.wait_total("dns", "queries", 100)
    influx.process.kill(signal.SIGKILL)
    sent = 100
    for part in range(4):
        send(lab.path("hand.sock"), 50 + part)
        sent += 50 + part
        time.sleep(1)
    # No frame in the open window, and none between it and the disk.
    crosstap.wait_metric("crosstap_dns_queries_total", sent)
    # A window is on disk before the next one's turn comes.
    spooled = crosstap.metric("crosstap_output_spool_batches")
    wait_for(lambda: crosstap.metric("crosstap_output_spool_batches") >= spooled + 2, 20, "all windows are on disk")
    crosstap.process.kill(signal.SIGKILL)
    crosstap.process.wait()
    crosstap.start(ready=False)
    crosstap.wait_page()
    wait_for(lambda: "not delivered before windows=" in crosstap.process.log(), 10, "the start says what it finds")
    check(crosstap.metric("crosstap_points_found_total") > 0, "what it finds is counted")
    influx.process.wait()
    influx.start()
    wait_for(lambda: influx.total("dns", "queries") > 100, 20, "the backlog comes")
    crosstap.process.kill(signal.SIGKILL)
    crosstap.process.wait()
    crosstap.start()
    send(lab.path("hand.sock"), 7)
    influx.wait_total("dns", "queries", sent + 7, seconds=30)
    wait_for(lambda: crosstap.metric("crosstap_output_spool_batches") == 0, 20, "the spool is empty")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(influx.total("dns", "queries"), sent + 7, "InfluxDB at the end")


@test
def renamed_output(lab):
    """Points that wait for an output which another configuration does not have are named, not forgotten."""
    port = free_port(("127.0.0.1",))
    output = {"url": f"http://127.0.0.1:{port}", "timeout": "1s", "bucket": "before"}
    file = {"file": {"path": lab.path("points.lp"), "format": "line"}}
    crosstap = agent(lab, {"influxdb": output}, file, spool={"path": lab.path("spool")}).start()
    send(lab.path("hand.sock"), 5)
    crosstap.wait_metric("crosstap_dns_queries_total", 5)
    check_equal(crosstap.stop(), 0, "exit code")
    output["bucket"] = "after"
    crosstap.start()
    named = f"influxdb http://127.0.0.1:{port} bucket=before of server"
    wait_for(lambda: any("no output delivers the spool" in line and named in line for line in crosstap.process.log().splitlines()),
             10, "the spool is named")
    output["bucket"] = "before"
    check_equal(crosstap.stop(), 0, "exit code")
    crosstap.start()
    wait_for(lambda: "bucket=after of server" in crosstap.process.log(), 10, "the other one is named")
    check("bucket=before of server" not in crosstap.process.log().split("bucket=after of server")[-1], "one in use is named")
    check_equal(crosstap.stop(), 0, "exit code")


@test
def one_place_twice(lab):
    """Outputs into one place, by another query or with another token, do not share what waits for them."""
    url = f"http://127.0.0.1:{free_port(('127.0.0.1',))}"
    outputs = [{"influxdb": {"url": url + query, "token": token}}
               for query, token in (("/?rp=a", "one-token"), ("/?rp=b", "one-token"), ("/?rp=a", "another-token"))]
    crosstap = agent(lab, *outputs, spool={"path": lab.path("spool")}).start()
    send(lab.path("hand.sock"), 5)
    crosstap.wait_metric("crosstap_dns_queries_total", 5)
    check_equal(crosstap.stop(), 0, "exit code")
    waiting = {}
    for path in glob.glob(lab.path("spool") + "/*/*.batch"):
        folder, name = os.path.split(path)
        waiting[folder] = waiting.get(folder, 0) + int(name.rsplit("-", 1)[1].split(".")[0])
    check_equal(len(waiting), 3, f"folders with points: {waiting}")
    check_equal(len(set(waiting.values())), 1, f"all points for each: {waiting}")
    crosstap.start()
    found = rf"not delivered before windows=\d+ points={min(waiting.values())} "
    wait_for(lambda: len(re.findall(found, crosstap.process.log())) == 3, 10, lambda: f"each finds its own: {crosstap.process.log()}")
    check_equal(crosstap.stop(), 0, "exit code")


@test
def hanging_database(lab):
    """A server that accepts and never answers delays no window and no frame."""
    influx = InfluxDB(lab).start()
    influx.process.kill(signal.SIGSTOP)
    file = lab.path("points.lp")
    crosstap = agent(lab, influx.output(timeout="2s"), {"file": {"path": file, "format": "line"}}).start()
    for part in range(3):
        send(lab.path("hand.sock"), 10)
        time.sleep(1)
    wait_for(lambda: Points(open(file).read()).by("dns", "queries") == {(): 30}, 8, "windows reach the file")
    influx.process.kill(signal.SIGCONT)
    influx.wait_total("dns", "queries", 30, seconds=30)
    check_equal(crosstap.stop(), 0, "exit code")


@test
def refused(lab):
    """A database that is not there is an outage, said in the server's words: all arrives once it is made; other sinks go on."""
    influx = InfluxDB(lab).start()
    file = lab.path("points.lp")
    crosstap = agent(lab, influx.output(database="nowhere"), {"file": {"path": file, "format": "line"}}).start()
    send(lab.path("hand.sock"), 10)
    wait_for(lambda: "database not found" in crosstap.process.log(), 10, "the server's words are in the log")
    check_equal(crosstap.metric("crosstap_points_rejected_total"), 0, "rejected points")
    influx.query('CREATE DATABASE "nowhere"')
    influx.database = "nowhere"
    influx.wait_total("dns", "queries", 10)
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(Points(open(file).read()).by("dns", "queries"), {(): 10}, "the file")


@test
def rotation(lab):
    """What logrotate does by config/logrotate: rename, then SIGHUP. Later points go to a new file of the same mode and
    owner; together both have every query once."""
    path = lab.path("points.lp")
    crosstap = agent(lab, {"file": {"path": path, "format": "line"}})
    os.umask(0o077)
    crosstap.start()
    os.umask(0o022)
    producer = frames.Producer(lab.path("hand.sock"))
    parts, sent = [], 0
    for part in range(3):
        if part:
            parts.append(f"{path}.{part}")
            os.rename(path, parts[-1])
            crosstap.process.kill(signal.SIGHUP)
        for _ in range(10):
            producer.send(queries(50))
            sent += 50
            time.sleep(0.05)
        crosstap.wait_metric("crosstap_dns_queries_total", sent)
        wait_for(lambda: os.path.exists(path), 5, "the new file is there")
    check_equal(crosstap.stop(), 0, "exit code")
    texts = [open(name).read() for name in parts + [path]]
    check(all(Points(text).by("dns", "queries") for text in texts), "each file has some of them")
    together = Points("".join(texts))
    check_equal(together.by("dns", "queries"), {(): sent}, "queries in all files")
    check_equal(together.duplicates(), [], "points written twice")
    check_equal({oct(os.stat(name).st_mode & 0o7777) for name in parts + [path]}, {"0o600"}, "modes, by the unit's umask")


@test
def reload_beside_dead_outputs(lab):
    """Outputs whose servers are dead, in three ways, leave by a reload: no window is late, nothing that others hold is lost."""
    sockets = [socket.socket() for _ in range(8)]
    silent, refusing, hole = sockets[:3]
    for dead in (silent, refusing, hole):
        dead.bind(("127.0.0.1", 0))
    silent.listen(64)
    hole.listen(0)
    for other in sockets[3:]:
        other.setblocking(False)
        other.connect_ex(hole.getsockname())
    dead = [{"influxdb": {"url": f"http://127.0.0.1:{s.getsockname()[1]}", "timeout": "30s"}} for s in (silent, refusing, hole)]
    file = {"file": {"path": lab.path("points.lp"), "format": "line"}}
    crosstap = agent(lab, file, *dead, spool={"path": lab.path("spool")}).start()
    send(lab.path("hand.sock"), 100)
    time.sleep(3)
    crosstap.config["outputs"] = [file, {"file": {"path": lab.path("more.json"), "format": "json"}}]
    crosstap.write_config()
    crosstap.process.kill(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in crosstap.process.log(), 5, "the reload is said")
    send(lab.path("hand.sock"), 100)
    time.sleep(3)
    check_equal(crosstap.stop(), 0, "exit code")
    points = Points(open(lab.path("points.lp")).read())
    check_equal(sum(points.by("dns", "queries").values()), 200, "queries in the file that stayed")
    check_equal(crosstap_points_dropped(crosstap), 0, "dropped points")
    lags = [fields["window_lag_ms"] for name, _, fields, _ in points.points if "window_lag_ms" in fields]
    check(lags and max(lags) < 400, f"windows were late by {lags} ms")
    check(any(line.startswith(b"crosstap-spool") for line in spooled(lab)), "what they held is in the spool")


def spooled(lab):
    return [open(path, "rb").readline() for path in glob.glob(lab.path("spool") + "/*/*.batch")]


@test
def json_lines(lab):
    file = lab.path("points.json")
    crosstap = agent(lab, {"file": {"path": file, "format": "json"}}).start()
    send(lab.path("hand.sock"), 17)
    check_equal(crosstap.stop(), 0, "exit code")
    lines = [json.loads(line) for line in open(file)]
    check(lines and all(isinstance(line, dict) for line in lines), "a JSON object a line")
    check("17" in open(file).read(), "the figure is there")


@test
def hostile_names(lab):
    """Names with every byte that line protocol gives a meaning reach InfluxDB and come back."""
    influx = InfluxDB(lab).start()
    crosstap = agent(lab, influx.output(), {"file": {"path": lab.path("points.lp"), "format": "line"}}).start()
    producer = frames.Producer(lab.path("hand.sock"))
    labels = [b'a b', b'c,d', b'e=f', b'g"h', b'i\\j', b'k\nl', b'm\x00n', b'\xff\xfe', b'\t', b"o'p", b'#q', b'\\']
    for label in labels:
        wire = frames.message("x.nl").replace(b"\x01x", bytes([len(label)]) + label)
        producer.send([frames.frame(wire=wire) for _ in range(5)])
    producer.send([frames.frame(wire=b"\x00" * n) for n in range(12)])
    producer.stop()
    check_equal(crosstap.stop(), 0, "exit code")
    total = 5 * len(labels) + 12
    check_equal(influx.total("dns", "queries"), total, "queries")
    check_equal(influx.total("dns", "malformed"), 12, "malformed")
    check_equal(influx.total("dns_name", "count", kind="query"), 5 * len(labels), "top names")
    check_equal(crosstap_points_dropped(crosstap), 0, "refused points")
    values = [row for series in influx.query('SELECT "name" FROM "dns_name"') for row in series["values"]]
    check_equal(len({name for _, name in values}), len(labels), "distinct names read back")


def crosstap_points_dropped(crosstap):
    points = Points(open(crosstap.lab.path("points.lp")).read())
    return sum(points.by("crosstap", "points_dropped").values())


@test
def secrets_stay_secret(lab):
    crosstap = agent(lab, {"influxdb": {"url": "http://127.0.0.1:9", "version": 2, "org": "o", "bucket": "b",
                                        "token": "$INFLUX_TOKEN", "timeout": "1s"}}, log={"level": "debug"})
    crosstap.start(env={"INFLUX_TOKEN": "hunter2hunter2"})
    send(lab.path("hand.sock"), 3)
    time.sleep(3)
    status = crosstap.get("/api/v1/status")[1]
    crosstap.stop()
    check("hunter2" not in crosstap.process.log() + status, "the token is in the log or on the page")


if __name__ == "__main__":
    main()
