#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Many agents (tests/fleet/agents.c) into one InfluxDB, one VictoriaMetrics and, where chDB is there, one ClickHouse, or,
where they are so many that the three would share two processors, into one after the other: no point is refused, writes are
spread, series are as many as `crosstap check` says, an outage drains and does not make another; and figures for sizing.

    AGENTS=20 ZONES=100 NODE=full|lean INTERVAL=10 WINDOWS=3 OUTAGE=60 STORES=influxdb,victoriametrics,clickhouse \
        tests/fleet/fleet.py

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
STORES = os.environ.get("STORES", "influxdb,victoriametrics,clickhouse").split(",")
JOIN = 100  # at a time
SPREAD_FROM = 200  # fewer agents are uneven by chance
PEAK = 1.5
DAY_S, KIB, MIB, GIB = 86400, 1 << 10, 1 << 20, 1 << 30
LEAN = {"datasets": [], "top": {"resolvers": 0, "names": 0, "nxdomain": 0}}
# What crosstap-fleet(7) tells those who have as many nodes. Its bound of a million series is less than some hundred make, whose
# index does not fit memory either. Each write of its cache to disk visits every series: fewer, larger ones. Writes beyond some
# would wait in it for each other's locks until they time out, come again, and wait beside their former selves.
INFLUX_DATA = """max-series-per-database = 0
index-version = "tsi1"
cache-max-memory-size = "4g"
cache-snapshot-memory-size = "400m"
wal-fsync-delay = "100ms"
"""
INFLUX_HTTP = """max-concurrent-write-limit = 8
max-enqueued-write-limit = 0
enqueued-write-timeout = 60000000000
[coordinator]
write-timeout = "60s"
"""


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


class Influx:
    key = "influxdb"  # of the agents' statistics

    def __init__(self, lab):
        self.database = InfluxDB(lab, data=INFLUX_DATA, http_more=INFLUX_HTTP, env={"GOGC": "40"}).start()
        self.folder = lab.path("influxdb")

    def output(self):
        return self.database.output(timeout="60s")

    def count(self, table, field):
        return sum(s["values"][0][1] for s in self.database.query(f'SELECT count("{field}") FROM "{table}"'))

    def series(self):
        return sum(s["values"][0][0] for s in self.database.query("SHOW SERIES EXACT CARDINALITY"))

    def disk(self):
        return folder_bytes(self.folder)  # its log of the last minutes included

    def stop(self):
        pass


class Victoria:
    key = "influxdb-v2"

    def __init__(self, lab):
        self.database = VictoriaMetrics(lab, memory="2GiB" if LARGE else "256MiB").start()
        self.folder = lab.path("victoria-metrics")

    def output(self):
        return self.database.output(timeout="60s")

    def count(self, table, field):
        http(self.database.url + "/internal/force_flush")
        query = f"query=sum(count_over_time({table}_{field}[30d]))&nocache=1"
        answer = json.loads(http(f"{self.database.url}/api/v1/query?{query}", timeout=120)[1])["data"]["result"]
        return int(float(answer[0]["value"][1])) if answer else 0

    def disk(self):
        """Soon after what was written."""
        http(self.database.url + "/internal/force_flush")
        return folder_bytes(self.folder)

    def stop(self):
        pass


class ClickHouse:
    """chDB."""
    key = "clickhouse"

    def __init__(self, lab):
        sys.path.insert(0, os.path.join(ROOT, "tests", "clickhouse"))
        import clickhouse
        from engine import Engine, Gathering
        self.engine = Engine(lab.path("clickhouse"))
        self.gathering = Gathering(self.engine)
        self.server = clickhouse.Server(self.gathering).start()

    def output(self):
        return {"clickhouse": {"url": self.server.url, "async_insert": True, "timeout": "60s"}}

    def count(self, table, _field):
        return self.engine.number(f"SELECT count() FROM {table} FINAL")

    def disk(self):
        for table in self.engine.query("SHOW TABLES").split():
            table = table.strip('"')
            if not table.endswith("_view"):
                self.engine.query(f"OPTIMIZE TABLE {table}")
        return self.engine.number("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'dns'")

    def stop(self):
        self.server.stop()
        self.gathering.stop()


def folder_bytes(folder):
    return sum(os.lstat(os.path.join(at, name)).st_size for at, _, names in os.walk(folder) for name in names
               if os.path.exists(os.path.join(at, name)))


KINDS = {"influxdb": Influx, "victoriametrics": Victoria, "clickhouse": ClickHouse}


class Stores:
    """In the order of the agents' outputs."""

    def __init__(self, lab, names):
        self.all = []
        for name in names:
            try:
                self.all.append(KINDS[name](lab))
            except ImportError:
                print("     no ClickHouse: its engine, chDB, is not there (make fleet fetches it)", flush=True)
        self.influxdb = next((store for store in self.all if store.key == "influxdb"), None)

    def outputs(self):
        return [store.output() for store in self.all]

    def check_counts(self, table, field, expected):
        """Points of a measurement in each, each point once."""
        found = {store.key: store.count(table, field) for store in self.all}
        check_equal(found, {store.key: expected for store in self.all}, f"points of {table} in each store")

    def disks(self):
        return {store.key: store.disk() for store in self.all}

    def stop(self):
        for store in self.all:
            store.stop()


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


def sizes(stores, before, windows, window):
    points = AGENTS * windows * window["points"]
    for store, size in stores.disks().items():
        each = max(size - before[store], 0) / points
        print(f"     {store}: {each:.1f} bytes a point on disk, {each * window['points'] * DAY_S / INTERVAL / MIB:.0f} MiB a day and "
              f"{NODE} node at {INTERVAL} s", flush=True)


def begin(lab, config):
    """The agents, after all have joined, and what a window of theirs is."""
    for kind in ("full", "lean"):
        other = Agents(lab, kind, node_config(lab, kind, [{"file": {"path": lab.path("x.lp")}}]), 1)
        say(kind, other.ask("window"))
        other.stop()
    agents = Agents(lab, "agents", config, AGENTS)
    window = agents.ask("window")
    print(f"     {AGENTS} {NODE} nodes, {ZONES} zones, {RESOLVERS} resolvers, windows of {INTERVAL} s: "
          f"{AGENTS * window['points'] / INTERVAL:.0f} points/s, {AGENTS * window['bytes'] / INTERVAL / MIB:.1f} MiB/s", flush=True)
    joined = agents.ask(f"join {JOIN} {PATIENCE}")
    check(joined["drained"], f"nodes join within {PATIENCE} s: {brief(agents.stats())}")
    print(f"     all have joined after {joined['seconds']:.0f} s, {JOIN} at a time", flush=True)
    return agents, window


def live(agents):
    agents.ask("forget", answers=False)
    before = agents.stats()
    late = agents.ask(f"live {WINDOWS}")["last_push_after_s"]
    check(late < INTERVAL, f"this machine makes {AGENTS} windows in time ({late:.1f} s)")
    done = agents.ask(f"drained {PATIENCE} 9")
    check(done["drained"], f"all is written within {PATIENCE} s: {brief(agents.stats())}")
    stats = agents.stats()
    check_taken(stats)
    again = {store: s["errors"] - before[store]["errors"] for store, s in stats.items()}
    if any(again.values()):
        print(f"     this machine is too slow for it: attempts that had to be made again: {again}", flush=True)
    spread(agents.ask("stats")["sent"])


def check_series(lab, stores, config, window):
    series, bound = stores.influxdb.series(), bound_of(lab, config)
    print(f"     {series} series, {series / AGENTS:.0f} a node; crosstap check says {bound} at most", flush=True)
    check(AGENTS * window["points"] * 0.9 < series <= AGENTS * bound, f"{series} series")


def outage(stores, agents):
    """Ten minutes of windows without InfluxDB, in less time; the other stores go on."""
    before, influxdb = agents.stats(), stores.influxdb.database
    influxdb.process.stop()
    agents.ask(f"behind {OUTAGE} 100")
    wait_for(lambda: agents.stats()["influxdb"]["queued"] == 0 < agents.stats()["influxdb"]["spool_points"], PATIENCE,
             "all that was due is on disk")
    away = agents.stats()["influxdb"]
    check(away["spool_points"] > 0 and away["errors"] > before["influxdb"]["errors"], f"agents see that it is away: {away}")
    start = time.monotonic()
    influxdb.start(PATIENCE)  # it reads the index of all series first
    agents.ask("forget", answers=False)
    errors, pinger = agents.stats()["influxdb"]["errors"], Pinger(influxdb.url)
    agents.ask(f"live {WINDOWS}")
    done = agents.ask(f"drained {4 * PATIENCE} 1")
    took = time.monotonic() - start
    pinger.ended.set()
    stats = agents.stats()
    check(done["drained"], f"the backlog is written: {brief(stats)}")
    check_taken(stats)
    after, seconds = stats["influxdb"]["errors"] - errors, stats["influxdb"]["seconds"]
    print(f"     {OUTAGE} windows without InfluxDB, {away['spool_points']} points on disk: all written {took:.0f} s after it came "
          f"back, beside {WINDOWS} windows of now; busiest second {max(seconds)} points; {after} attempts failed; somebody else "
          f"waited {pinger.worst:.2f} s at most", flush=True)
    check(after <= AGENTS and pinger.failed == 0, "no second outage")
    check(agents.ask(f"drained {4 * PATIENCE} 9")["drained"], f"the other stores have all: {brief(agents.stats())}")


def play(lab, stores):
    config = node_config(lab, NODE, stores.outputs())
    agents, window = begin(lab, config)
    disks, windows, rows = stores.disks(), WINDOWS, window["measurements"]["dns"]
    live(agents)
    stores.check_counts("dns", "queries", AGENTS * (1 + windows) * rows)
    if stores.influxdb:
        check_series(lab, stores, config, window)
        outage(stores, agents)
        windows += WINDOWS + OUTAGE
        stores.check_counts("dns", "queries", AGENTS * (1 + windows) * rows)
    sizes(stores, disks, windows, window)
    agents.stop()


def add(names):
    def fleet(lab):
        stores = Stores(lab, names)
        try:
            if stores.all:
                play(lab, stores)
        finally:
            stores.stop()
    fleet.__name__ = "into_" + "_".join(names)
    test(fleet)


for group in [[name] for name in STORES] if LARGE else [STORES]:
    add(group)


if __name__ == "__main__":
    main()
