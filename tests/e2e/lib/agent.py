# SPDX-License-Identifier: BSD-2-Clause
"""crosstap itself: the daemon under test with its configuration, page and metrics."""

import json
import os
import signal

from checks import CROSSTAP, PATIENCE_S, check_equal, wait_for
from lab import Process
from network import free_port, http, in_namespace


def yaml(value, indent=0):
    """Block YAML of dicts, lists and scalars. Strings are plain, as operators write them, where they may be."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        lines = []
        for key, item in value.items():
            if isinstance(item, (dict, list)) and item:
                lines.append(f"{pad}{key}:\n{yaml(item, indent + 1)}")
            else:
                lines.append(f"{pad}{key}: {yaml(item)}")
        return "\n".join(lines)
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            text = yaml(item, indent + 1)
            lines.append(f"{pad}- {text.lstrip() if isinstance(item, (dict, list)) else text}")
        return "\n".join(lines)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and (not value or any(c in value for c in "#{}[],&*!|>'\"%@` ") or value in "-~"):
        return json.dumps(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value)


def parse_metrics(text):
    """Prometheus text → {(name, frozenset of labels): value}."""
    samples = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        series, value = line.rsplit(" ", 1)
        name, _, labels = series.partition("{")
        pairs = frozenset(_metric_labels(labels.rstrip("}")))
        samples[(name, pairs)] = float(value)
    return samples


def _metric_labels(text):
    while text:
        key, _, rest = text.partition('="')
        value, i = "", 0
        while rest[i] != '"':
            if rest[i] == "\\":
                i += 1
            value += rest[i]
            i += 1
        yield key, value
        text = rest[i + 1:].lstrip(",")


class Crosstap:
    """The daemon under test, with its configuration, page and metrics."""

    # Tests that run beside each other on a machine are different servers.
    BASE = {"server": f"e2e-{os.getpid()}", "interval": "1s", "grace": "1s",
            "wire": {"mode": "off"}, "ping": {"enabled": False}, "spool": {"path": ""}}

    def __init__(self, lab, name="crosstap", **config):
        self.lab = lab
        self.name = name
        self.port = free_port()
        self.config = dict(self.BASE, http={"listen": f"127.0.0.1:{self.port}"})
        self.config.update(config)
        if self.config["spool"] == {"path": ""}:
            self.config["spool"] = {"path": lab.path(name + "-spool")}
        self.config_path = lab.path(name + ".yaml")
        self.process = None
        self.program = CROSSTAP
        self.namespace = None  # of start()
        self.spawn = Process

    def write_config(self):
        """In place of the old one at once: a signal may still be on its way."""
        os.replace(self.lab.write(self.name + ".yaml.new", yaml(self.config) + "\n"), self.config_path)

    def start(self, prefix=(), ready=True, namespace=None, **kwargs):
        """In a network namespace the file systems stay: `ip netns exec` would hide /sys/fs/bpf."""
        self.write_config()
        self.namespace = namespace
        if namespace:
            prefix = ("nsenter", f"--net=/run/netns/{namespace}", *prefix)
        self.process = self.spawn(self.lab, self.name, [self.program, "run", "-c", self.config_path], prefix, **kwargs)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=PATIENCE_S):
        def healthy():
            self.process.must_live()
            return self.get("/healthz")[0] == 200
        wait_for(healthy, seconds, lambda: f"crosstap is ready: {self.get('/healthz')}")

    def wait_page(self):
        """Its page answers, whatever it says: that of one that begins in an outage says that it fails."""
        def answers():
            self.process.must_live()
            return self.get("/healthz")[0]
        wait_for(answers, PATIENCE_S, "the page answers")

    def stop(self, number=signal.SIGTERM):
        return self.process.stop(number)

    def get(self, path):
        url = f"http://127.0.0.1:{self.port}{path}"
        if self.namespace:
            return in_namespace(self.namespace, http, url, None, PATIENCE_S)
        return http(url, timeout=PATIENCE_S)

    def api(self, name):
        status, body = self.get("/api/v1/" + name)
        check_equal(status, 200, f"/api/v1/{name} ({body[:200]})")
        return json.loads(body)

    def metrics(self):
        status, body = self.get("/metrics")
        check_equal(status, 200, "/metrics")
        return parse_metrics(body)

    def metric(self, name, **labels):
        """The sum over all series of that name that have these labels."""
        wanted = set(labels.items())
        return int(sum(v for (n, have), v in self.metrics().items() if n == name and wanted <= have))

    def metric_by(self, name, label, **labels):
        wanted = set(labels.items())
        result = {}
        for (n, have), value in self.metrics().items():
            if n == name and wanted <= have and value:
                key = dict(have)[label]
                result[key] = result.get(key, 0) + int(value)
        return result

    def wait_metric(self, name, expected, seconds=PATIENCE_S, **labels):
        """Waits until a counter reaches what is expected. More than that is never right."""
        wait_for(lambda: self.process.must_live() and self.metric(name, **labels) >= expected, seconds,
                 lambda: f"{name}{labels} is {self.metric(name, **labels)}, expected {expected}")
        check_equal(self.metric(name, **labels), expected, f"{name}{labels}")

    def wait_sent(self, sent, **labels):
        """Waits until all queries and responses are counted: those of a message may be in two windows."""
        self.wait_metric("crosstap_dns_queries_total", sent.total(), **labels)
        self.wait_metric("crosstap_dns_responses_total", sent.answers(), **labels)

    def wait_connections(self, n):
        def connections():
            return self.metric("crosstap_input_connections")
        wait_for(lambda: self.process.must_live() and connections() >= n, 15,
                 lambda: f"{n} producers are connected ({connections()})")
