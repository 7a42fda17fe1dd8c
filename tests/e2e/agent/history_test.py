#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What an agent remembers: sums of what was sent, also after a restart, and nothing for the time in which it was not there."""

import json
import os
import time

from frames import Producer, queries
from harness import Crosstap, check, check_equal, main, test, wait_for

BURST, BURSTS = 1000, 10


def series(answer, measurement, field, **tags):
    found = [one for one in answer["series"]
             if one["measurement"] == measurement and one["field"] == field and one["tags"] == tags]
    check(len(found) <= 1, f"each series once: {found}")
    return found[0]["values"] if found else []


def total(crosstap, step, measurement="dns", field="queries", **tags):
    answer = crosstap.api(f"history?from=-600&step={step}&names={measurement}")
    return sum(value or 0 for value in series(answer, measurement, field, **tags))


def load(crosstap, path):
    producer = Producer(path)
    for _ in range(BURSTS):
        producer.send(queries(BURST))
        time.sleep(0.2)  # windows of a second: the load goes over some of them
    producer.stop()


def wait_total(crosstap, expected):
    for step in (1, 60):
        wait_for(lambda: total(crosstap, step, zone="nl") >= expected, 30,
                 lambda: f"{total(crosstap, step, zone='nl')} of {expected} in steps of {step} s")
        check_equal(total(crosstap, step, zone="nl"), expected, f"queries in steps of {step} s")
        check_equal(total(crosstap, step, transport="udp"), expected, f"over UDP in steps of {step} s")
        check_equal(total(crosstap, step, "dns_qtype", qtype="A"), expected, f"of type A in steps of {step} s")


@test
def remembers_over_a_restart(lab):
    path = lab.path("nl.sock")
    crosstap = Crosstap(lab, inputs=[{"unix": path, "zone": "nl"}], state=lab.path("state")).start()
    load(crosstap, path)
    wait_total(crosstap, BURST * BURSTS)
    answer = crosstap.api("history?from=-60&names=dns.queries")
    values = series(answer, "dns", "queries", zone="nl")
    check(len([value for value in values if value]) >= 2, f"several windows: {values}")
    check_equal(answer["step"], 1, "as short as windows")
    check("start" in [event["kind"] for event in answer["events"]], f"events: {answer['events']}")
    check_equal(crosstap.stop(), 0, "exit code")
    stopped = time.time()
    check_equal(os.stat(lab.path("state.history")).st_mode & 0o777, 0o600, "mode of the file")
    wait_for(lambda: time.time() > stopped + 3, 10, "some windows without an agent")
    crosstap.start()
    check("history read" in crosstap.process.log(), crosstap.process.log())
    load(crosstap, path)
    wait_total(crosstap, 2 * BURST * BURSTS)
    answer = crosstap.api("history?from=-120&step=1&names=dns.queries,crosstap.frames")
    at = int(stopped + 2) - answer["from"]
    check_equal(series(answer, "dns", "queries", zone="nl")[at], None, "while there was no agent")
    check_equal(answer["watched"][at], None, "while there was no agent")
    check_equal(crosstap.stop(), 0, "exit code")
    # What is damaged is put aside, and said once.
    with open(lab.path("state.history"), "r+b") as file:
        file.seek(2000)
        file.write(b"damage")
    crosstap.start()
    check_equal(crosstap.process.log().count("history not read"), 1, crosstap.process.log())
    check(os.path.exists(lab.path("state.history.aside")), "it is there")
    crosstap.stop()


@test
def refuses_what_it_does_not_know(lab):
    crosstap = Crosstap(lab, inputs=[{"unix": lab.path("nl.sock"), "zone": "nl"}])
    crosstap.start()
    for query in ("from=yesterday", "to=", "step=0", "step=1&step=2", "names=dns.nothing", "names=", "form=-60",
                  "from=-10&to=-20", "from=%22"):
        status, body = crosstap.get(f"/api/v1/history?{query}")
        check_equal(status, 400, query)
        check(len(json.loads(body)["error"]) > 10, f"words: {body}")
    crosstap.config["limits"] = {"history": 0}
    crosstap.write_config()
    crosstap.process.kill(1)
    wait_for(lambda: crosstap.get("/api/v1/history")[0] == 404, 10, "it is off")
    check("limits.history" in crosstap.get("/api/v1/history")[1], "words")
    crosstap.stop()


if __name__ == "__main__":
    main()
