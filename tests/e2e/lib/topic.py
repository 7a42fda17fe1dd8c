# SPDX-License-Identifier: BSD-2-Clause
"""A topic as a consumer sees it, who drops messages whose id it has had; and librdkafka's own broker."""

import json
import os
import re
import subprocess
from collections import Counter

from checks import BUILD, check_equal, wait_for

TOPIC = "dns"


def points_of(value, form):
    """(measurement, tags, fields, time) of each line of a message."""
    for line in value.splitlines():
        if form == "json":
            point = json.loads(line)
            yield point["measurement"], point["tags"], point["fields"], point["time"]
        else:
            head, rest = re.split(r"(?<!\\) ", line, maxsplit=1)
            fields, _, time = rest.rpartition(" ")
            name, *tags = re.split(r"(?<!\\),", head)
            yield name, dict(tag.split("=", 1) for tag in tags), _fields(fields), int(time) // 10**6


def _fields(text):
    """Counts; what else there is nobody sums."""
    return {key: int(value[:-1]) for key, _, value in (field.partition("=") for field in text.split(","))
            if value.endswith("i") and value[:-1].lstrip("-").isdigit()}


class Consumed:
    """What is left of (key, id, value) once each id was taken once."""

    def __init__(self, messages, form):
        self.ids = Counter(message["id"] for message in messages)
        self.duplicates = len(messages) - len(self.ids)
        self.keys = {message["key"] for message in messages}
        self.points, taken = [], set()
        for message in messages:
            if message["id"] not in taken:
                taken.add(message["id"])
                self.points += points_of(message["value"], form)

    def total(self, measurement, field):
        return sum(fields.get(field, 0) for name, _, fields, _ in self.points if name == measurement)

    def twice(self):
        """Series and times that are there twice in spite of it."""
        seen = Counter((name, json.dumps(tags, sort_keys=True), time) for name, tags, _, time in self.points
                       if name != "crosstap_event")
        return [series for series, n in seen.items() if n > 1]


class Broker:
    def __init__(self, lab):
        self.popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", os.path.join(BUILD, "tools/kafka_broker")], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        lab.processes.append(self)
        self.address = self.popen.stdout.readline().strip()

    def ask(self, line):
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()
        return self.popen.stdout.readline()

    def tell(self, line):
        check_equal(self.ask(line).strip(), "ok", f"the broker's answer to {line}")

    def read(self, form):
        return Consumed(json.loads(self.ask("read")), form)

    def alive(self):
        return self.popen.poll() is None

    def kill(self, number):
        self.popen.send_signal(number)


def wait_total(read, expected, seconds, measurement="dns", field="queries"):
    """Until the consumer has so many; more than that is never right. Returns what it has."""
    seen = []

    def enough():
        seen[:] = [read()]
        return seen[0].total(measurement, field) >= expected
    wait_for(enough, seconds, lambda: f"{seen[0].total(measurement, field)} of {expected} {measurement}.{field}")
    check_equal(seen[0].total(measurement, field), expected, f"{measurement}.{field}")
    return seen[0]
