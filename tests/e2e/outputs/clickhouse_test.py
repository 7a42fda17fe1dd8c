#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The clickhouse output against a server that has the declared tables, and no others."""

import clickhouse
from frames import send
from harness import Crosstap, check, check_equal, main, test, wait_for


def agent(lab, server, **options):
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], tags={"site": "ams"},
                    spool={"path": lab.path("spool")},
                    outputs=[{"clickhouse": {"url": server.url, "username": "u", "password": "$CLICKHOUSE_SECRET", **options}}])


def wait_total(store, expected):
    wait_for(lambda: store.total("dns", "queries") >= expected, 25, lambda: f"{store.total('dns', 'queries')} of {expected}")
    check_equal(store.total("dns", "queries"), expected, "queries")


@test
def once_each(lab):
    """Inserts that fail in the middle of a batch, answers that are lost, an outage and a kill: each point is there once."""
    store = clickhouse.Store(clickhouse.tables())
    server = clickhouse.Server(store).start()
    crosstap = agent(lab, server).start(env={"CLICKHOUSE_SECRET": "hunter2hunter2"})
    send(lab.path("hand.sock"), 100)
    wait_total(store, 100)
    first = server.requests
    server.status = lambda number: 503 if number % 5 == 2 and number < first + 12 else None
    send(lab.path("hand.sock"), 20)
    wait_total(store, 120)
    lost = set()
    server.lose = lambda number: len(lost) < 3 and number % 4 == 1 and not lost.add(number)
    send(lab.path("hand.sock"), 3)
    wait_total(store, 123)
    wait_for(lambda: len(lost) == 3, 20, "three answers were lost")
    server.stop()
    send(lab.path("hand.sock"), 7)
    crosstap.wait_metric("crosstap_dns_queries_total", 130)
    wait_for(lambda: "spool" in crosstap.process.log(), 20, "the outage is said")
    server.start()
    wait_total(store, 130)
    wait_for(lambda: store.total("dns_qtype", "queries") >= 130, 20, "types follow")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(store.total("dns_qtype", "queries"), 130, "by type")
    check_equal({row["tags"]["site"] for rows in store.rows.values() for row in rows}, {"ams"}, "the configuration's tags")
    check_equal(store.twice(), [], "rows that came twice")
    check_equal(server.problems, [], "the server's objections")
    check("hunter2" not in crosstap.process.log(), "the password is in the log")


@test
def no_tables(lab):
    """A database without tables refuses nothing for good; the log says what makes them."""
    store = clickhouse.Store({})
    server = clickhouse.Server(store).start()
    crosstap = agent(lab, server, async_insert=True).start(env={"CLICKHOUSE_SECRET": "hunter2hunter2"})
    send(lab.path("hand.sock"), 40)
    wait_for(lambda: "crosstap schema clickhouse | clickhouse-client --database dns" in crosstap.process.log(), 20, "the remedy")
    store.declared = clickhouse.tables()
    wait_total(store, 40)
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(store.twice(), [], "rows that came twice")
    check_equal(server.queries, {"database=dns&input_format_skip_unknown_fields=1&async_insert=1&wait_for_async_insert=1"},
                "what the server is told")


if __name__ == "__main__":
    main()
