#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sinks: InfluxDB's v1 and v2 API, a server that is away for a while, one that refuses, JSON lines, hostile names."""

import glob
import gzip
import http.server
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import frames
from databases import InfluxDB, VictoriaMetrics
from frames import queries, send
from harness import CROSSTAP, Crosstap, Points, Sent, check, check_equal, check_sums, dnsload, main, settle, test, wait_for, yaml
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
    """A 4xx is said in the server's words, counted, and not repeated for ever; other sinks go on."""
    influx = InfluxDB(lab).start()
    file = lab.path("points.lp")
    crosstap = agent(lab, influx.output(database="nowhere"), {"file": {"path": file, "format": "line"}}).start()
    send(lab.path("hand.sock"), 10)
    wait_for(lambda: "database not found" in crosstap.process.log(), 10, "the server's words are in the log")
    wait_for(lambda: crosstap.metric("crosstap_points_rejected_total") > 0, 5, "rejected points are counted")
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


class OtlpReceiver(http.server.BaseHTTPRequestHandler):
    """As strict as OTLP/HTTP says: another media type is 415, a body that is no ExportMetricsServiceRequest in JSON 400."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        kind = self.headers.get("Content-Type", "").split(";")[0].strip()
        status = 415 if kind != "application/json" else self.server.status or self.take(json.loads(body))
        answer = json.dumps(self.server.answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def take(self, request):
        """Every data point in its place and with the JSON types of its fields, or 400."""
        sums = {}
        try:
            for resource in request.pop("resourceMetrics"):
                attributes = {a["key"]: a["value"]["stringValue"] for a in resource["resource"]["attributes"]}
                assert attributes["service.name"] == "crosstap"
                for metric in [m for scope in resource["scopeMetrics"] for m in scope["metrics"]]:
                    assert set(metric) == {"name", "gauge"} and metric["gauge"]["dataPoints"]
                    for point in metric["gauge"]["dataPoints"]:
                        assert set(point) - {"asInt", "asDouble"} == {"attributes", "timeUnixNano"} and len(point) == 3
                        assert isinstance(point["timeUnixNano"], str) and int(point["timeUnixNano"]) > 0
                        assert isinstance(point.get("asInt", ""), str) and isinstance(point.get("asDouble", 0.0), float)
                        sums[metric["name"]] = sums.get(metric["name"], 0) + float(point.get("asInt", point.get("asDouble")))
            assert not request
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            self.server.problems.append(repr(error))
            return 400
        for name, value in sums.items():
            self.server.sums[name] = self.server.sums.get(name, 0) + value
        return 200

    def log_message(self, *_):
        pass


def receiver(status=0, answer=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtlpReceiver)
    server.status, server.answer, server.sums, server.problems = status, answer or {}, {}, []
    server.url = f"http://127.0.0.1:{server.server_address[1]}/v1/metrics"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@test
def otlp_receiver(lab):
    """Every point that an agent sends reaches a strict receiver."""
    server = receiver()
    crosstap = agent(lab, {"otlp": {"url": server.url}}, {"file": {"path": lab.path("points.lp"), "format": "line"}}).start()
    send(lab.path("hand.sock"), 123)
    wait_for(lambda: server.sums.get("dns.queries") == 123, 20, "the receiver has all queries")
    check_equal(crosstap.metric("crosstap_points_rejected_total"), 0, "rejected points")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(server.problems, [], "the receiver's objections")
    points = Points(open(lab.path("points.lp")).read())
    check_equal(server.sums["dns.query_bytes"], sum(points.by("dns", "query_bytes").values()), "bytes, beside the file")
    server.shutdown()


def backfill(lab, url):
    stream = lab.path("queries.fstrm")
    start = struct.pack("!III", frames.START, 1, len(frames.CONTENT_TYPE)) + frames.CONTENT_TYPE
    with open(stream, "wb") as file:
        file.write(struct.pack("!II", 0, len(start)) + start)
        file.writelines(struct.pack("!I", len(frame)) + frame for frame in queries(7))
        file.write(struct.pack("!III", 0, 4, frames.STOP))
    config = lab.write("push.yaml", yaml({"server": "t", "wire": {"mode": "off"}, "ping": {"enabled": False},
                                          "outputs": [{"otlp": {"url": url}}]}) + "\n")
    return subprocess.run([CROSSTAP, "replay", "-c", config, "--push", stream], capture_output=True, text=True, timeout=120,
                          check=False)


@test
def backfill_refused(lab):
    """`replay --push` says by its exit status whether every point arrived."""
    server = receiver()
    run = backfill(lab, server.url)
    check_equal(run.returncode, 0, f"all taken ({run.stderr})")
    check_equal(server.sums["dns.queries"], 7, "queries at the receiver")
    for refusing, words in ((receiver(415), "HTTP 415"),
                            (receiver(answer={"partialSuccess": {"rejectedDataPoints": "1", "errorMessage": "too old"}}),
                             "too old")):
        run = backfill(lab, refusing.url)
        check_equal(run.returncode, 1, f"some refused ({run.stderr})")
        check("not every point arrived: refused=" in run.stderr and words in run.stderr, run.stderr)
        refusing.shutdown()
    server.shutdown()


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
    lags = [fields["window_lag_ms"] for name, _, fields, _ in points.points if name == "crosstap"]
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
