#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The OpenTelemetry Collector takes what an agent sends, in both encodings, and says the same sums again."""

import json
import os
import signal

from harness import Crosstap, Process, check, check_equal, free_port, main, test, wait_for
from frames import send
from otlp import Model, from_json

COLLECTOR = os.environ["COLLECTOR"]
QUERIES = "crosstap.dns.queries"
CONFIG = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters: {{print: {{}}}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}
  pipelines: {{metrics: {{receivers: [otlp], exporters: [print]}}}}
"""


class Collector:
    def __init__(self, lab):
        self.lab, self.port, self.runs = lab, free_port(("127.0.0.1",)), []
        self.config = lab.write("collector.yaml", CONFIG.format(port=self.port))
        self.process = None

    def start(self):
        self.process = Process(self.lab, f"collector{len(self.runs)}", [COLLECTOR, "--config", "file:" + self.config])
        self.runs.append(self.process)
        return self

    def model(self):
        """What it printed, held against the data model."""
        model = Model()
        for run in self.runs:
            for line in run.log().splitlines(True):
                if line.startswith('{"resourceMetrics"') and line.endswith("\n"):
                    model.take(from_json(json.loads(line)))
        return model

    def wait_total(self, expected, name=QUERIES):
        wait_for(lambda: self.model().total(name) >= expected, 30, lambda: f"{name} is {self.model().total(name)}")
        check_equal(self.model().total(name), expected, name)


def agent(lab, collector, **options):
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], tags={"site": "ams"},
                    spool={"path": lab.path("spool")},
                    outputs=[{"otlp": {"url": f"http://127.0.0.1:{collector.port}/v1/metrics", **options}}])


@test
def sums(lab):
    """Over restarts of the Collector and of the agent, and a reload."""
    collector = Collector(lab).start()
    crosstap = agent(lab, collector).start()
    send(lab.path("hand.sock"), 100)
    collector.wait_total(100)
    collector.process.stop()
    send(lab.path("hand.sock"), 20)
    crosstap.wait_metric("crosstap_dns_queries_total", 120)
    collector.start()
    collector.wait_total(120)
    crosstap.config["outputs"][0]["otlp"]["encoding"] = "json"
    crosstap.write_config()
    crosstap.process.kill(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in crosstap.process.log(), 5, "the reload is said")
    send(lab.path("hand.sock"), 3)
    collector.wait_total(123)
    check_equal(len(collector.model().starts(QUERIES)), 1, "starts before the restart")
    check_equal(crosstap.stop(), 0, "exit code")
    crosstap.start()
    send(lab.path("hand.sock"), 4)
    collector.wait_total(127)
    check_equal(crosstap.metric("crosstap_points_rejected_total"), 0, "rejected points")
    check_equal(crosstap.stop(), 0, "exit code")
    collector.process.stop()
    model = collector.model()
    check_equal(model.metrics[QUERIES][:3], ("sum", "{query}", "DNS queries received."), "a metric")
    check_equal(len(model.resources), 1, "resources")
    check(("site", "ams") in next(iter(model.resources)), "the tag is the resource's")


@test
def deltas(lab):
    collector = Collector(lab).start()
    crosstap = agent(lab, collector, encoding="json", temporality="delta").start()
    for n in (10, 5):
        send(lab.path("hand.sock"), n)
        crosstap.wait_metric("crosstap_dns_queries_total", n if n == 10 else 15)
    collector.wait_total(15)
    check_equal(crosstap.stop(), 0, "exit code")
    collector.process.stop()


if __name__ == "__main__":
    main()
