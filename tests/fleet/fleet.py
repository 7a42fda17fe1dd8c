#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Many agents (tests/fleet/agents.c) into one InfluxDB, one VictoriaMetrics and, where chDB is there, one ClickHouse:
no point is refused, writes are spread, series are as many as `crosstap check` says, an outage drains and does not make
another; and figures for sizing.

    AGENTS=20 ZONES=100 NODE=full|lean INTERVAL=10 WINDOWS=3 OUTAGE=60 CLICKHOUSE=0 tests/fleet/fleet.py

A full node sends what the default configuration does, a lean one has `datasets: []` and no lists."""

import json
import os
import subprocess
import sys
import threading
import time

from databases import InfluxDB, VictoriaMetrics
from harness import BUILD, CROSSTAP, ROOT, check, check_equal, http, main, test, wait_for

AGENTS = int(os.environ.get("AGENTS", "20"))
LARGE = AGENTS > 50
NODE = os.environ.get("NODE", "lean" if LARGE else "full")
ZONES = int(os.environ.get("ZONES", "100"))
RESOLVERS = int(os.environ.get("RESOLVERS", "20000"))
INTERVAL = int(os.environ.get("INTERVAL", "60" if LARGE else "10"))
WINDOWS = int(os.environ.get("WINDOWS", "3"))
OUTAGE = int(os.environ.get("OUTAGE", str(600 // INTERVAL)))  # windows: ten minutes
FRAMES = 10 * RESOLVERS
PATIENCE = max(10 * INTERVAL, 300)
SPREAD_FROM = 200  # fewer agents are uneven by chance
PEAK = 1.5
DAY_S, KIB, MIB, GIB = 86400, 1 << 10, 1 << 20, 1 << 30
LEAN = {"datasets": [], "top": {"resolvers": 0, "names": 0, "nxdomain": 0}}
# Its bound of a million series is less than some hundred nodes make.
INFLUX_DATA = "max-series-per-database = 0"


def node_config(lab, node, outputs):
    return {"server": "$NODE", "tags": {"site": "$SITE"}, "interval": f"{INTERVAL}s", "grace": "1s",
            "inputs": [{"unix": lab.path("none.sock"), "zones": [f"zone{i}.example" for i in range(ZONES)]}],
            "wire": {"mode": "off"}, "ping": {"enabled": False}, "http": {"listen": "off"}, "spool": {"path": "$SPOOL"},
            "outputs": outputs, **(LEAN if node == "lean" else {})}


class Agents:
    """The process of all agents, and what it answers."""

    def __init__(self, lab, name, config, n):
        path = lab.write(name + ".yaml", json.dumps(config))
        self.log_path = os.path.join(lab.logs, name + ".log")
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", os.path.join(BUILD, "tests", "fleet", "agents"), path, str(n), str(RESOLVERS),
                 str(FRAMES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env=dict(os.environ, SPOOLS=lab.folder(name + "-spools")))

    def ask(self, command, answers=True):
        self.popen.stdin.write(command + "\n")
        self.popen.stdin.flush()
        return self.answer() if answers else None

    def answer(self):
        line = self.popen.stdout.readline()
        check(line, f"the agents ended: {open(self.log_path, errors='replace').read()[-2000:]}")
        return json.loads(line)

    def stats(self):
        return {name.split(" ")[0] + ("-v2" if "bucket" in name else ""): value
                for name, value in self.ask("stats")["outputs"].items()}

    def stop(self):
        self.popen.stdin.close()
        check_equal(self.popen.wait(60), 0, "exit of the agents")


class ClickHouse:
    """chDB; None in its place where that is not there."""

    def __init__(self, lab):
        sys.path.insert(0, os.path.join(ROOT, "tests", "clickhouse"))
        import clickhouse
        from engine import Engine, Gathering
        self.folder = lab.path("clickhouse")
        self.engine = Engine(self.folder)
        self.gathering = Gathering(self.engine)
        self.server = clickhouse.Server(self.gathering).start()

    def output(self):
        return {"clickhouse": {"url": self.server.url, "async_insert": True, "timeout": "60s"}}

    def count(self, table):
        return self.engine.number(f"SELECT count() FROM {table} FINAL")

    def disk(self):
        return self.engine.number("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'dns'")

    def stop(self):
        self.server.stop()
        self.gathering.stop()

    def settle(self):
        for table in self.engine.query("SHOW TABLES").split():
            table = table.strip('"')
            if not table.endswith("_view"):
                self.engine.query(f"OPTIMIZE TABLE {table}")


def folder_bytes(folder):
    return sum(os.lstat(os.path.join(at, name)).st_size for at, _, names in os.walk(folder) for name in names
               if os.path.exists(os.path.join(at, name)))


class Stores:
    def __init__(self, lab):
        self.lab = lab
        self.influxdb = InfluxDB(lab, data=INFLUX_DATA).start()
        self.metrics = VictoriaMetrics(lab).start()
        self.clickhouse = None
        try:
            self.clickhouse = ClickHouse(lab) if os.environ.get("CLICKHOUSE") != "0" else None
        except ImportError:
            print("     no ClickHouse: its engine, chDB, is not there (make fleet fetches it)", flush=True)

    def outputs(self):
        return [self.influxdb.output(timeout="60s"), self.metrics.output(timeout="60s"),
                *([self.clickhouse.output()] if self.clickhouse else [])]

    def counts(self, table, field):
        """Points of a measurement in each store."""
        found = {"influxdb": sum(s["values"][0][1] for s in self.influxdb.query(f'SELECT count("{field}") FROM "{table}"'))}
        http(self.metrics.url + "/internal/force_flush")
        query = f"query=sum(count_over_time({table}_{field}[30d]))&nocache=1"
        answer = json.loads(http(f"{self.metrics.url}/api/v1/query?{query}", timeout=120)[1])["data"]["result"]
        found["influxdb-v2"] = int(float(answer[0]["value"][1])) if answer else 0
        if self.clickhouse:
            found["clickhouse"] = self.clickhouse.count(table)
        return found

    def series(self):
        return self.influxdb.query("SHOW SERIES EXACT CARDINALITY")

    def disks(self):
        """Bytes, soon after what was written."""
        http(self.metrics.url + "/internal/force_flush")
        if self.clickhouse:
            self.clickhouse.settle()
        return {"influxdb": folder_bytes(self.lab.path("influxdb")),  # its log of the last minutes included
                "influxdb-v2": folder_bytes(self.lab.path("victoria-metrics")),
                **({"clickhouse": self.clickhouse.disk()} if self.clickhouse else {})}


class Pinger(threading.Thread):
    """How long InfluxDB lets somebody else wait."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.worst, self.failed, self.ended = url, 0.0, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.25):
            start = time.monotonic()
            try:
                self.failed += http(self.url + "/ping", timeout=30)[0] != 204
            except OSError:
                self.failed += 1
            self.worst = max(self.worst, time.monotonic() - start)


def brief(stats):
    return {store: {key: value for key, value in s.items() if not isinstance(value, list)} for store, s in stats.items()}


def check_taken(stats):
    for store, s in stats.items():
        check_equal((s["rejected"], s["dropped"]), (0, 0), f"points that {store} refused, or that were dropped ({s['last_error']})")


def bound_of(lab, config):
    path = lab.write("check.yaml", json.dumps(config))
    run = subprocess.run([CROSSTAP, "check", "--json", "-c", path], capture_output=True, text=True, check=False,
                         env=dict(os.environ, NODE="ns0.site0", SITE="site0", SPOOL=lab.path("x")))
    return json.loads(run.stdout)["series"]["total"]


def peak(tenths):
    return max(tenths) * len(tenths) / sum(tenths)


def spread(sent):
    print(f"     writes: the busiest tenth of an interval has {peak(sent):.2f} of the mean", flush=True)
    if AGENTS >= SPREAD_FROM:
        check(peak(sent) <= PEAK, f"writes are spread: {sent}")


def say(name, window):
    print(f"     a {name} node: {window['points']} points a window, {window['bytes'] / KIB:.0f} KiB of line protocol", flush=True)


@test
def fleet(lab):
    stores = Stores(lab)
    try:
        play(lab, stores)
    finally:
        if stores.clickhouse:
            stores.clickhouse.stop()


def play(lab, stores):
    config = node_config(lab, NODE, stores.outputs())
    for kind in ("full", "lean"):
        other = Agents(lab, kind, node_config(lab, kind, [{"file": {"path": lab.path("x.lp")}}]), 1)
        say(kind, other.ask("window"))
        other.stop()
    agents = Agents(lab, "agents", config, AGENTS)
    window = agents.ask("window")
    print(f"     {AGENTS} {NODE} nodes, {ZONES} zones, {RESOLVERS} resolvers, windows of {INTERVAL} s: "
          f"{AGENTS * window['points'] / INTERVAL:.0f} points/s, {AGENTS * window['bytes'] / INTERVAL / MIB:.1f} MiB/s", flush=True)

    agents.ask("forget", answers=False)
    late = agents.ask(f"live {WINDOWS}")["last_push_after_s"]
    check(late < INTERVAL, f"this machine makes {AGENTS} windows in time ({late:.1f} s)")
    done = agents.ask(f"drained {PATIENCE} 9")
    check(done["drained"], f"all is written within {PATIENCE} s: {brief(agents.stats())}")
    stats = agents.stats()
    check_taken(stats)
    if any(s["errors"] for s in stats.values()):
        print("     this machine is too slow for it: attempts that had to be made again: "
              + str({store: s["errors"] for store, s in stats.items()}), flush=True)
    spread(agents.ask("stats")["sent"])
    rows = window["measurements"]["dns"]
    check_equal(set(stores.counts("dns", "queries").values()), {AGENTS * WINDOWS * rows}, "points of dns in each store")
    series = stores.series()
    series = sum(s["values"][0][0] for s in series)
    bound = bound_of(lab, config)
    print(f"     {series} series, {series / AGENTS:.0f} a node; crosstap check says {bound} at most", flush=True)
    check(AGENTS * window["points"] * 0.9 < series <= AGENTS * bound, f"{series} series")
    outage(stores, agents, window)
    agents.stop()


def outage(stores, agents, window):
    """Ten minutes of windows without InfluxDB, in less time; the other stores go on."""
    before, disks = agents.stats(), stores.disks()
    stores.influxdb.process.stop()
    agents.ask(f"behind {OUTAGE} 100")
    wait_for(lambda: agents.stats()["influxdb"]["queued"] == 0 < agents.stats()["influxdb"]["spool_points"], PATIENCE,
             "all that was due is on disk")
    away = agents.stats()["influxdb"]
    check(away["spool_points"] > 0 and away["errors"] > before["influxdb"]["errors"], f"agents see that it is away: {away}")
    start = time.monotonic()
    stores.influxdb.start()
    agents.ask("forget", answers=False)
    errors, pinger = agents.stats()["influxdb"]["errors"], Pinger(stores.influxdb.url)
    agents.ask(f"live {WINDOWS}")
    done = agents.ask(f"drained {4 * PATIENCE} 1")
    took = time.monotonic() - start
    pinger.ended.set()
    stats = agents.stats()
    check(done["drained"], f"the backlog is written: {brief(stats)}")
    check_taken(stats)
    after = stats["influxdb"]["errors"] - errors
    seconds = stats["influxdb"]["seconds"]
    print(f"     {OUTAGE} windows without InfluxDB, {away['spool_points']} points on disk: all written {took:.0f} s after it came "
          f"back, beside {WINDOWS} windows of now; busiest second {max(seconds)} points; {after} attempts failed; somebody else "
          f"waited {pinger.worst:.2f} s at most", flush=True)
    check(after <= AGENTS + before["influxdb"]["errors"] and pinger.failed == 0, "no second outage")
    check(agents.ask(f"drained {4 * PATIENCE} 9")["drained"], f"the other stores have all: {brief(agents.stats())}")
    total = AGENTS * (2 * WINDOWS + OUTAGE) * window["measurements"]["dns"]
    check_equal(set(stores.counts("dns", "queries").values()), {total}, "points of dns in each store, each once")
    sizes(stores, disks, window)


def sizes(stores, before, window):
    points = AGENTS * (WINDOWS + OUTAGE) * window["points"]
    for store, size in stores.disks().items():
        each = max(size - before[store], 0) / points
        print(f"     {store}: {each:.1f} bytes a point on disk, {each * window['points'] * DAY_S / INTERVAL / MIB:.0f} MiB a day and "
              f"{NODE} node at {INTERVAL} s", flush=True)


if __name__ == "__main__":
    main()
