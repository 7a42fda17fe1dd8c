#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The alerts of config/: what they ask is there, in a live /metrics and in a real InfluxDB, and says what is so."""

import json
import os
import re
import ssl
import subprocess
import urllib.request

from checks import ROOT
from databases import InfluxDB
from frames import send
from harness import Crosstap, check, check_equal, main, test, wait_for
from lab import Process
from mmdb import country, write_mmdb
from network import free_port, http, output

QUIET = {"CrosstapNodeSilent", "CrosstapSpoolHalfFull", "CrosstapDatabaseOld", "CrosstapSocketDrops",
         "CrosstapListenOverflows", "CrosstapPointsLost", "CrosstapClockSkew"}
# No nameserver is connected, as the verdict says too; an ifb device takes no native XDP; the certificate is one of two
# days.
FIRING = {"CrosstapInputWithoutProducer", "CrosstapVerdict", "CrosstapWireSteppedDown", "CrosstapCertificateEnds"}


def read(*path):
    with open(os.path.join(ROOT, "config", *path), encoding="utf-8") as file:
        return file.read()


def start(lab, influx, namespace):
    """An agent that has everything that an alert asks for."""
    certificate, key = lab.path("cert.pem"), lab.path("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"],
                   check=True, capture_output=True)
    os.chmod(key, 0o600)
    write_mmdb(lab.path("country.mmdb"), "Country", {"192.0.2.0/24": country("NL")})
    crosstap = Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], outputs=[influx.output()],
                        wire={"mode": "native", "interfaces": ["dns0"], "netns": namespace},
                        geo={"country": lab.path("country.mmdb")})
    crosstap.config["http"] = dict(crosstap.config["http"], tls={"cert": certificate, "key": key})
    crosstap.start(ready=False)
    return crosstap


def metrics(crosstap):
    url = f"https://127.0.0.1:{crosstap.port}/metrics"
    with urllib.request.urlopen(url, timeout=10, context=ssl._create_unverified_context()) as answer:
        return answer.read().decode()


def grafana_rules():
    """{title: (query, lt or gt, limit)}"""
    rules = {}
    for rule in read("grafana", "alerts-influxdb.yaml").split("- uid: ")[1:]:
        query = json.loads(re.search(r'^ *query: (".*")$', rule, re.M)[1])
        evaluator = json.loads(re.search(r"model: (.*threshold.*)", rule)[1])["conditions"][0]["evaluator"]
        rules[re.search(r"title: (\w+)", rule)[1]] = (query, evaluator["type"], evaluator["params"][0])
    return rules


def fires(influx, query, kind, limit):
    """As Grafana: the last value of each series against the threshold; None: there is no series."""
    last = [[v for _, v in series["values"] if v is not None][-1:] for series in influx.query(query)]
    values = [v[0] for v in last if v]
    if not values:
        return None
    return any(v < limit if kind == "lt" else v > limit for v in values)


@test
def alerts(lab):
    namespace = f"crosstap-alerts-{os.getpid()}"
    output("ip", "netns", "add", namespace)
    try:
        output("ip", "-n", namespace, "link", "add", "dns0", "type", "ifb")
        output("ip", "-n", namespace, "link", "set", "dns0", "up")
        play(lab, namespace)
    finally:
        output("ip", "netns", "del", namespace)


def play(lab, namespace):
    influx = InfluxDB(lab).start()
    crosstap = start(lab, influx, namespace)
    wait_for(lambda: os.path.exists(lab.path("hand.sock")), 10, "the input listens")
    send(lab.path("hand.sock"), 20)
    influx.wait_total("dns", "queries", 20)
    wait_for(lambda: influx.query('SELECT "complete" FROM "funnel"'), 10, "a window was compared")
    rules = read("prometheus", "crosstap.rules.yml")
    named = set(re.findall(r"crosstap_\w+", "".join(re.findall(r"expr: \|\n(.*?)for:", rules, re.S))))
    check(len(named) > 12, f"only {named} in the rules")

    def missing():
        """What is not known of the window in which the wire began is there with a later one."""
        lines = metrics(crosstap).splitlines()
        return named - {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    wait_for(lambda: not missing(), 10, lambda: f"metrics of rules that no live /metrics has: {missing()}")

    def seen():
        return {title: fires(influx, *rule) for title, rule in grafana_rules().items()}

    # Verdicts take two windows; a node is silent for as long as a new group of five minutes is empty.
    wait_for(lambda: {t for t, fire in seen().items() if fire} & (FIRING | QUIET) == FIRING, 20,
             lambda: f"{FIRING} should fire, {QUIET} should not: {seen()}")
    missing = {t for t, fire in seen().items() if fire is None and t != "CrosstapUnanswered"}
    check_equal(missing, set(), "alerts whose query finds no series")
    judged_by_prometheus(lab, crosstap)
    crosstap.stop()


def judged_by_prometheus(lab, crosstap):
    """A real server scrapes the page and evaluates the rules without an error."""
    port = free_port()
    config = lab.write("prometheus.yml", "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                       f"rule_files: [{ROOT}/config/prometheus/crosstap.rules.yml]\n"
                       "scrape_configs:\n  - job_name: crosstap\n    scheme: https\n"
                       "    tls_config: {insecure_skip_verify: true}\n"
                       f"    static_configs: [{{targets: [\"127.0.0.1:{crosstap.port}\"]}}]\n")
    server = Process(lab, "prometheus", ["prometheus", "--config.file=" + config,
                                         "--storage.tsdb.path=" + lab.path("tsdb"),
                                         f"--web.listen-address=127.0.0.1:{port}"], env={"GOMAXPROCS": "1"})

    def rules():
        server.must_live()
        status, body = http(f"http://127.0.0.1:{port}/api/v1/rules")
        groups = json.loads(body)["data"]["groups"] if status == 200 else []
        return {r["name"]: (r["health"], r["state"]) for g in groups for r in g["rules"]}

    wait_for(lambda: {n for n, (_, state) in rules().items() if state == "pending"} >= FIRING, 30,
             lambda: f"{FIRING} are pending in {rules()}")
    check_equal({n for n, (health, _) in rules().items() if health != "ok"}, set(), "rules with an error")
    server.stop()


if __name__ == "__main__":
    main()
