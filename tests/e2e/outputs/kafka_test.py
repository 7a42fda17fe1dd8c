#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The kafka output against librdkafka's own broker, as a consumer sees its topic."""

import signal

import topic
from frames import send
from harness import Crosstap, check, check_equal, main, test, wait_for

PRODUCE, NOT_ALLOWED = 0, 29  # of the protocol: a request, TOPIC_AUTHORIZATION_FAILED


def agent(lab, broker, **options):
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], tags={"site": "ams"},
                    spool={"path": lab.path("spool")},
                    outputs=[{"kafka": {"brokers": [broker.address], "topic": topic.TOPIC, **options}}])


@test
def once_each(lab):
    """An outage, a kill -9 in it, and rights that come back: each message is there once, by its key and with its id."""
    broker = topic.Broker(lab)
    crosstap = agent(lab, broker, format="json", points=1).start()
    read = lambda: broker.read("json")
    send(lab.path("hand.sock"), 100)
    topic.wait_total(read, 100, 25)
    broker.tell("down")
    send(lab.path("hand.sock"), 20)
    crosstap.wait_metric("crosstap_dns_queries_total", 120)
    wait_for(lambda: "Connection refused" in crosstap.process.log(), 20, "the outage is said")
    wait_for(lambda: crosstap.metric("crosstap_output_spool_points") > 0, 20, "a window is on disk")
    spooled = crosstap.metric("crosstap_output_spool_batches")
    wait_for(lambda: crosstap.metric("crosstap_output_spool_batches") > spooled + 1, 20, "and the next ones")
    crosstap.stop(signal.SIGKILL)
    crosstap.start(ready=False)
    crosstap.wait_page()
    broker.tell("up")
    send(lab.path("hand.sock"), 7)
    topic.wait_total(read, 127, 25)
    broker.tell(f"errors {PRODUCE} {NOT_ALLOWED} 1")
    send(lab.path("hand.sock"), 3)
    seen = topic.wait_total(read, 130, 25)
    check("they need Describe and Write" in crosstap.process.log(), "what is missing is said")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(seen.duplicates, 0, "messages that came twice")
    check_equal(seen.twice(), [], "points that came twice")
    check_equal(seen.keys, {crosstap.config["server"]}, "keys")
    check_equal({tags["site"] for _, tags, _, _ in seen.points}, {"ams"}, "the configuration's tags")


@test
def lines(lab):
    """Line protocol, many points a message; a stop in an outage ends in time and keeps what is left for the next start."""
    broker = topic.Broker(lab)
    crosstap = agent(lab, broker, compression="lz4").start()
    read = lambda: broker.read("line")
    send(lab.path("hand.sock"), 50)
    topic.wait_total(read, 50, 25)
    broker.tell("down")
    send(lab.path("hand.sock"), 5)
    crosstap.wait_metric("crosstap_dns_queries_total", 55)
    check_equal(crosstap.stop(), 0, "exit code")
    broker.tell("up")
    crosstap.start()
    seen = topic.wait_total(read, 55, 25)
    check_equal(crosstap.stop(), 0, "exit code")
    check(len(seen.ids) < len(seen.points) / 3, "a message has many points")
    check_equal(seen.twice(), [], "points that came twice")


if __name__ == "__main__":
    main()
