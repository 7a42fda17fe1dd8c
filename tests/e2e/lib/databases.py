# SPDX-License-Identifier: BSD-2-Clause
"""Real time series databases from Debian, on loopback ports of their own, and sums read back from them."""

import json
import time
import urllib.parse

from harness import Failure, Process, check_equal, free_port, http, wait_for

INFLUXD_CONF = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{dir}/meta"
[data]
dir = "{dir}/data"
wal-dir = "{dir}/wal"
query-log-enabled = false
{data}
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
{http}
"""


class InfluxDB:
    """InfluxDB 1.x (package influxdb); `data` and `http_more`: more lines of those sections of its configuration."""

    def __init__(self, lab, database="dns", name="influxdb", data="", http_more="", env=None):
        self.lab, self.name, self.database, self.env = lab, name, database, env or {}
        self.port = free_port(("127.0.0.1",))
        folder = lab.folder(name)
        self.config = lab.write(f"{name}/influxdb.conf",
                                INFLUXD_CONF.format(dir=folder, port=self.port, rpc=free_port(("127.0.0.1",)), data=data,
                                                    http=http_more))
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self, seconds=30):
        self.process = Process(self.lab, self.name, ["influxd", "-config", self.config],
                               env={"GOMAXPROCS": "2", **self.env})
        wait_for(lambda: self.process.must_live() and http(self.url + "/ping")[0] == 204, seconds, "InfluxDB answers")
        self.query(f'CREATE DATABASE "{self.database}"')
        return self

    def output(self, **more):
        return {"influxdb": dict({"url": self.url, "version": 1, "database": self.database}, **more)}

    def query(self, text):
        data = urllib.parse.urlencode({"q": text, "db": self.database, "epoch": "ns"}).encode()
        status, body = http(self.url + "/query", data, timeout=120)
        check_equal(status, 200, f"InfluxDB: {text} ({body[:300]})")
        result = json.loads(body)["results"][0]
        if "error" in result:
            raise Failure(f"InfluxDB: {text}: {result['error']}")
        return result.get("series", [])

    def by(self, measurement, field, *group, **tags):
        """{values of the tags in group: sum of the field over all points}, without what is 0."""
        where = " AND ".join(f"\"{k}\" = '{v}'" for k, v in tags.items())
        text = f'SELECT sum("{field}") FROM "{measurement}"'
        text += f" WHERE {where}" if where else ""
        text += " GROUP BY " + ", ".join(f'"{g}"' for g in group) if group else ""
        result = {}
        for series in self.query(text):
            value = series["values"][0][1]
            if value:
                result[tuple(series.get("tags", {}).get(g, "") for g in group)] = value
        return result

    def total(self, measurement, field, **tags):
        return sum(self.by(measurement, field, **tags).values())

    def wait_total(self, measurement, field, expected, seconds=60, **tags):
        """Waits for a sum to arrive; a larger one never goes away."""
        wait_for(lambda: self.total(measurement, field, **tags) >= expected, seconds,
                 lambda: f"sum of {measurement}.{field}{tags} is {self.total(measurement, field, **tags)}, "
                         f"expected {expected}")
        check_equal(self.total(measurement, field, **tags), expected, f"sum of {measurement}.{field}{tags}")


class VictoriaMetrics:
    """VictoriaMetrics (package victoria-metrics), which takes InfluxDB's v2 API."""

    def __init__(self, lab, name="victoria-metrics", memory="256MiB"):
        self.lab, self.name, self.memory = lab, name, memory
        self.port = free_port(("127.0.0.1",))
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.process = Process(self.lab, self.name, [
            "victoria-metrics", "-storageDataPath=" + self.lab.folder(self.name), "-httpListenAddr=127.0.0.1:" +
            str(self.port), "-retentionPeriod=100y", "-memory.allowedBytes=" + self.memory,
            "-loggerLevel=WARN"])
        wait_for(lambda: self.process.must_live() and http(self.url + "/health")[0] == 200, 30,
                 "VictoriaMetrics answers")
        return self

    def output(self, **more):
        options = {"url": self.url, "version": 2, "org": "dns", "bucket": "dns", "token": "e2e-token"}
        return {"influxdb": dict(options, **more)}

    def by(self, measurement, field, *group, **tags):
        """As InfluxDB.by: every raw sample of MEASUREMENT_FIELD is read and summed."""
        http(self.url + "/internal/force_flush")
        matchers = ",".join([f'__name__="{measurement}_{field}"'] + [f'{k}="{v}"' for k, v in tags.items()])
        query = urllib.parse.urlencode({"match[]": "{" + matchers + "}", "start": "0",
                                        "end": str(int(time.time()) + 3600)})
        status, body = http(f"{self.url}/api/v1/export?{query}", timeout=30)
        check_equal(status, 200, f"VictoriaMetrics export ({body[:300]})")
        result = {}
        for line in body.splitlines():
            series = json.loads(line)
            key = tuple(series["metric"].get(g, "") for g in group)
            result[key] = result.get(key, 0) + int(sum(series["values"]))
        return {k: v for k, v in result.items() if v}
