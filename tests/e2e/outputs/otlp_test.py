#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""OTLP/HTTP against a receiver that reads by the proto files and holds the data model against what arrives."""

import random
import re
import signal
import struct
import subprocess

import frames
from frames import queries, send
from harness import CROSSTAP, Crosstap, Points, check, check_equal, main, test, wait_for, yaml
from otlp import CUMULATIVE, DELTA, Receiver, Refused, from_json, from_protobuf

QUERIES = "crosstap.dns.queries"


def agent(lab, receiver, config=None, **options):
    outputs = [{"otlp": {"url": receiver.url, **options}}, {"file": {"path": lab.path("points.lp"), "format": "line"}}]
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], outputs=outputs,
                    **{"tags": {"site": "ams"}, "spool": {"path": lab.path("spool")}, **(config or {})})


def wait_total(receiver, expected, name=QUERIES, seconds=25):
    wait_for(lambda: receiver.total(name) >= expected, seconds,
             lambda: f"{name} is {receiver.total(name)}, expected {expected}; {receiver.problems[:3]}")
    check_equal(receiver.total(name), expected, name)


@test
def sums_arrive(lab):
    """Over an outage of the receiver, a reload and restarts of the agent the sums that arrive are what was sent."""
    receiver = Receiver().start()
    crosstap = agent(lab, receiver, token="$OTLP_SECRET", headers={"X-Scope-OrgID": "dns"})
    crosstap.start(env={"OTLP_SECRET": "hunter2hunter2"})
    send(lab.path("hand.sock"), 100)
    wait_total(receiver, 100)
    receiver.stop()
    send(lab.path("hand.sock"), 20)
    crosstap.wait_metric("crosstap_dns_queries_total", 120)
    receiver.status, receiver.headers = 503, {"Retry-After": "1"}
    receiver.start()
    send(lab.path("hand.sock"), 3)
    before = receiver.requests
    wait_for(lambda: receiver.requests > before, 20, "the receiver is asked")
    receiver.status, receiver.headers = 0, {}
    wait_total(receiver, 123)
    # Another configuration: sums go on from the same start.
    crosstap.config["outputs"].append({"file": {"path": lab.path("more.json"), "format": "json"}})
    crosstap.config["outputs"][0]["otlp"]["timeout"] = "9s"
    crosstap.write_config()
    crosstap.process.kill(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in crosstap.process.log(), 5, "the reload is said")
    send(lab.path("hand.sock"), 10)
    wait_total(receiver, 133)
    check_equal(len(receiver.model.starts(QUERIES)), 1, "one start")
    # A restart is another start, whatever waits in the spool.
    receiver.stop()
    send(lab.path("hand.sock"), 5)
    check_equal(crosstap.stop(), 0, "exit code")
    receiver.start()
    crosstap.start(env={"OTLP_SECRET": "hunter2hunter2"})
    send(lab.path("hand.sock"), 2)
    wait_total(receiver, 140)
    check_equal(len(receiver.model.starts(QUERIES)), 2, "two starts")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(receiver.problems, [], "the receiver's objections")
    check_equal(receiver.authorizations, {"Bearer hunter2hunter2"}, "the token")
    check("hunter2" not in crosstap.process.log(), "the token is in the log")
    points = Points(open(lab.path("points.lp")).read())
    check_equal(receiver.total("crosstap.dns.query_bytes"), sum(points.by("dns", "query_bytes").values()), "bytes, as in the file")
    check_model(receiver.model)


def check_model(model):
    check_equal(model.metrics[QUERIES], ("sum", "{query}", "DNS queries received.", CUMULATIVE), "a count")
    check_equal(model.metrics["crosstap.dns.sources"][:2], ("gauge", "{source}"), "a gauge")
    check_equal(model.metrics["crosstap.dns.query_bytes"][1], "By", "a unit")
    check_equal(model.metrics["crosstap.dns_size.bytes"][:2], ("histogram", "By"), "sizes")
    resource = dict(next(iter(model.resources)))
    check_equal(len(model.resources), 1, "resources")
    check_equal((resource["service.name"], resource["site"]), ("crosstap", "ams"), "the resource")
    check_equal({name for name, _ in model.scopes}, {"crosstap"}, "scopes")


def responses(n):
    """Pairs whose response took 3 ms."""
    result = []
    for i in range(n):
        query = frames.frame(port=2000 + i)
        result += [query, frames.frame(frames.AUTH_RESPONSE, port=2000 + i, when=frames.time.time() + 0.003)]
    return result


@test
def deltas_in_json(lab):
    """The other temporality in the other encoding, with a histogram of response times."""
    receiver = Receiver().start()
    crosstap = agent(lab, receiver, encoding="json", temporality="delta").start()
    producer = frames.Producer(lab.path("hand.sock"))
    producer.send(responses(40))
    wait_total(receiver, 40)
    producer.send(responses(2))
    producer.stop()
    wait_total(receiver, 42)
    wait_total(receiver, 42, "crosstap.dns_latency.seconds")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(receiver.problems, [], "the receiver's objections")
    check_equal(receiver.model.metrics["crosstap.dns_latency.seconds"][:2], ("histogram", "s"), "response times")
    check_equal(receiver.model.metrics[QUERIES][3], DELTA, "temporality")
    check(len(receiver.model.starts(QUERIES)) > 1, "each window has its start")


@test
def no_name_makes_a_series(lab):
    """A flood of random names, types and clients: attribute sets are bounded, also where ranks are to be values."""
    receiver = Receiver().start()
    crosstap = agent(lab, receiver, {"top": {"key": "value", "resolvers": 20, "names": 20, "nxdomain": 20}}).start()
    rng, sets = random.Random(1), []
    for part in range(4):
        producer = frames.Producer(lab.path("hand.sock"))
        producer.send([frames.frame(
            wire=frames.message(f"{rng.getrandbits(64):x}.example.nl", qtype=rng.randrange(1, 65000)),
            address=f"198.51.{rng.randrange(256)}.{rng.randrange(256)}") for _ in range(3000)])
        producer.stop()
        wait_total(receiver, 3000 * (part + 1))
        sets.append(len(receiver.model.streams))
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(receiver.problems, [], "the receiver's objections")
    check_equal(receiver.total("crosstap.dns_qtype.queries"), 12000, "queries by type")
    texts = {str(value) for _, _, attributes in receiver.model.streams for _, value in attributes}
    check(not [t for t in texts if "example" in t or re.match(r"\d+\.\d+\.", t)], "a name or an address is an attribute")
    check({"1", "20"} <= {dict(a).get("rank") for a in receiver.model.series("crosstap.dns_name.count")}, "ranks are attributes")
    check(max(sets) < 1000 and sets[3] - sets[1] < 100, f"attribute sets after each part: {sets}")


def backfill(lab, url, **options):
    stream = lab.path("queries.fstrm")
    start = struct.pack("!III", frames.START, 1, len(frames.CONTENT_TYPE)) + frames.CONTENT_TYPE
    with open(stream, "wb") as file:
        file.write(struct.pack("!II", 0, len(start)) + start)
        file.writelines(struct.pack("!I", len(frame)) + frame for frame in queries(7))
        file.write(struct.pack("!III", 0, 4, frames.STOP))
    config = lab.write("push.yaml", yaml({"server": "t", "wire": {"mode": "off"}, "ping": {"enabled": False},
                                          "outputs": [{"otlp": {"url": url, **options}}]}) + "\n")
    return subprocess.run([CROSSTAP, "replay", "-c", config, "--push", stream], capture_output=True, text=True, timeout=120,
                          check=False)


@test
def backfill_refused(lab):
    """`replay --push` says by its exit status whether every point arrived."""
    receiver = Receiver().start()
    run = backfill(lab, receiver.url)
    check_equal(run.returncode, 0, f"all taken ({run.stderr})")
    check_equal(receiver.total(QUERIES), 7, "queries at the receiver")
    check_equal(receiver.problems, [], "the receiver's objections")
    for refusing, words in ((Receiver(422), "HTTP 422"),
                            (Receiver(answer={"partialSuccess": {"rejectedDataPoints": "1", "errorMessage": "too old"}}),
                             "too old")):
        run = backfill(lab, refusing.start().url, encoding="json")
        check_equal(run.returncode, 1, f"some refused ({run.stderr})")
        check("not every point arrived: refused=" in run.stderr and words in run.stderr, run.stderr)
        refusing.stop()
    receiver.stop()


@test
def receiver_is_strict(_):
    """What the receiver is worth: each fault is refused."""
    attribute = {"key": "zone", "value": {"stringValue": "z"}}
    resource = {"attributes": [{"key": key, "value": {"stringValue": "x"}} for key in
                               ("service.name", "service.instance.id", "service.version", "host.name")]}

    def request(start="1", time="2", value="5", temporality=2, attributes=(attribute,), **more):
        point = {"startTimeUnixNano": start, "timeUnixNano": time, "asInt": value, "attributes": list(attributes), **more}
        point = {key: item for key, item in point.items() if item is not None}
        metric = {"name": "crosstap.dns.queries", "description": "d", "unit": "1",
                  "sum": {"dataPoints": [point], "aggregationTemporality": temporality, "isMonotonic": True}}
        return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [
            {"scope": {"name": "crosstap", "version": "1"}, "metrics": [metric]}]}]}

    def refused(*requests):
        model = Receiver().model
        try:
            for one in requests:
                model.take(from_json(one))
        except Refused:
            return True
        return False

    check(not refused(request(), request(time="3", value="6"), request(time="3", value="6"), request("3", "4", "0")), "good ones")
    for number, bad in enumerate((
            [request(start=None)], [request(start="2")], [request(temporality=0)], [request(value=5)], [request(flags=1)],
            [request(attributes=(attribute, attribute))], [request(), request(time="3", value="4")],
            [request(), request(value="6")], [request(), request(time="3", temporality=1)],
            [request(time="5"), request("3", "6", "1")], [request(temporality=1), request(temporality=1, time="3")],
            [{"resourceMetrics": []}])):
        check(refused(*bad), f"case {number} was taken")
    for data in (b"\x12\x00", b"\x08\x01", b"\x0a\x05\x0a", b"\x0a\x02\x22\x00"):
        try:
            from_protobuf(data)
            check(False, f"{data} was taken")
        except Refused:
            pass


if __name__ == "__main__":
    main()
