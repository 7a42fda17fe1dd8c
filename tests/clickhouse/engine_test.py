#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ClickHouse's own engine (chDB) behind the interface: it takes what `crosstap schema clickhouse` prints, twice, and what an
agent sends, each point once, and its minutes and hours say the same sums."""

import threading

import clickhouse
from chdb import session
from frames import send
from harness import Crosstap, check, check_equal, main, test, wait_for


class Engine:
    def __init__(self, folder):
        self.lock, self.session = threading.Lock(), session.Session(folder)
        for text in ("CREATE DATABASE dns", "USE dns", "SET input_format_skip_unknown_fields = 1"):
            self.query(text)
        for _ in range(2):
            for statement in clickhouse.statements():
                self.query(statement)

    def query(self, text):
        with self.lock:
            return str(self.session.query(text))

    def number(self, text):
        return int(self.query(text).strip() or 0)


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


if __name__ == "__main__":
    main()
