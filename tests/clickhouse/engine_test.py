#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ClickHouse's own engine (chDB) behind the interface: it takes what `crosstap schema clickhouse` prints, twice, and what an
agent sends, each point once, and its minutes and hours say the same sums."""

import json
import os
import re
import subprocess
import time

import clickhouse
from engine import Engine
from frames import send
from harness import ROOT, Crosstap, check, check_equal, main, test, wait_for
from sources import addresses, make_key, points


@test
def engine(lab):
    store = Engine(lab.path("engine"))
    server = clickhouse.Server(store).start()
    crosstap = Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], tags={"site": "ams"},
                        spool={"path": lab.path("spool")}, outputs=[{"clickhouse": {"url": server.url}}]).start()
    total = lambda table: store.number(f"SELECT sum(queries) FROM {table}")
    send(lab.path("hand.sock"), 100)
    wait_for(lambda: total("dns") == 100, 30, lambda: f"{total('dns')} of 100")
    lost = set()
    server.lose = lambda number: len(lost) < 3 and number % 4 == 1 and not lost.add(number)
    send(lab.path("hand.sock"), 23)
    wait_for(lambda: total("dns") >= 123 and len(lost) == 3, 30, lambda: f"{total('dns')} of 123")
    send(lab.path("hand.sock"), 7)
    wait_for(lambda: total("dns") >= 130, 30, lambda: f"{total('dns')} of 130")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(server.problems, [], "the engine's objections")
    for table in ("dns", "dns_minute", "dns_hour", "dns_qtype", "dns_qtype_minute", "dns_qtype_hour"):
        check_equal(total(table), 130, table)
    check_equal(store.number("SELECT uniqExact(tags['site']) FROM dns"), 1, "one site")
    check_equal(store.number("SELECT sum(queries) FROM dns FINAL"), 130, "one row for a series and time")
    check(store.number("SELECT count() FROM crosstap WHERE isNull(rss_bytes)") == 0, "the agent's own figures")


def asked():
    """{name: query} of config/clickhouse/fleet.sql."""
    with open(os.path.join(ROOT, "config", "clickhouse", "fleet.sql"), encoding="utf-8") as file:
        parts = re.split(r"^-- (\w+): ", file.read(), flags=re.M)[1:]
    return {name: "".join(line + "\n" for line in text.splitlines()[1:] if not line.startswith("--")).strip().rstrip(";")
            for name, text in zip(parts[::2], parts[1::2])}


def insert(store, table, rows):
    store.query(f"INSERT INTO {table} FORMAT JSONEachRow\n" + "\n".join(json.dumps(row) for row in rows))


def made_up(store, now):
    """Four nodes: one whose verdict is another one, one that ended; ASes that are nearer elsewhere, or nowhere else."""
    rtts = {"ns1.ams": {"64496": 20.0, "64497": 90.0}, "ns1.fra": {"64496": 35.0, "64497": 12.5},
            "ns1.lon": {"64498": 5.0, "64499": None}, "ns1.nyc": {"64497": 150.0}}
    for n, (server, asns) in enumerate(rtts.items()):
        times = [now - 900 + 10 * i for i in range(30 if server == "ns1.lon" else 90)]
        insert(store, "crosstap", [{"time": t, "server": server, "interval_s": 10.0} for t in times])
        insert(store, "funnel", [{"time": t, "server": server, "verdict": "stack-loss" if server == "ns1.fra" else "ok"}
                                 for t in times])
        insert(store, "crosstap_event", [{"time": now - 300, "server": server, "kind": "sink", "text": "it fails"}])
        insert(store, "dns_asn", [{"time": t, "server": server, "zone": "nl", "asn": asn, "queries": 100 if n else 1000,
                                   "queries_icmp": 50 if rtt else 0, **({"icmp_rtt_ms_p50": rtt} if rtt else {})}
                                  for t in times for asn, rtt in asns.items()])


@test
def fleet(lab):
    """The questions of config/clickhouse/fleet.sql have the answers that they should."""
    store, queries, now = Engine(lab.path("engine")), asked(), int(time.time())
    made_up(store, now)
    def answer(name):
        return [tuple(json.loads(line)) for line in str(store.session.query(queries[name], "JSONCompactEachRow")).splitlines()]

    rows = {name: answer(name) for name in queries if name != "sources"}
    check_equal(rows["verdicts"], [("ns1.fra", "stack-loss")], "verdicts")
    check_equal([row[0] for row in rows["silent"]], ["ns1.lon"], "silent nodes")
    check_equal([(row[0], row[2], row[4], row[5]) for row in rows["nearer"]], [("64497", "ns1.ams", "ns1.fra", 12.5)], "nearer at")
    check_equal({row[:2]: row[3] for row in rows["catchment"]}["64496", "ns1.fra"], 35.0, "catchment")
    check_equal([row[1:] for row in rows["events"]], [("sink", 4)], "events")
    key = make_key(lab, "fleet.key")
    parts = {"ns1": (0, 9000), "ns2": (6000, 30000), "ns3": (29000, 29400)}
    files = [points(lab, server, addresses(*part), key) for server, part in parts.items()]
    run = subprocess.run([os.path.join(ROOT, "scripts", "fleet-sources"), *files], capture_output=True, text=True, check=True)
    for server, path in zip(parts, files):
        with open(path, encoding="utf-8") as file:
            found = re.findall(r'^dns_sources,family=(\w+).*registers="([^"]*)",registers_key="(\w+)"', file.read(), re.M)
        check(len(found) == 4, f"{len(found)} rows of two windows and families")
        insert(store, "dns_sources", [{"time": now - 60 + i, "server": server, "zone": "nl", "family": family, "sources": 1,
                                       "registers": registers, "registers_key": id_}
                                      for i, (family, registers, id_) in enumerate(found)])
    (_, sources), = answer("sources")
    check(0.98 < int(sources) / 30000 < 1.02, f"{sources} of 30000")
    check_equal(int(sources), int(run.stdout), "as scripts/fleet-sources counts")


if __name__ == "__main__":
    main()
