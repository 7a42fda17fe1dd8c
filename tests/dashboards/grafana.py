# SPDX-License-Identifier: BSD-2-Clause
"""Asks what a panel asks, as Grafana would: variables and macros of a query are filled in, and the answer of the data
source is read into series. Apart from scripts/dashboards, which writes the queries."""

import csv
import datetime
import io
import json
import re
import urllib.parse

from harness import Failure, http, in_namespace

ALL = ".*"


class Range:
    """Seconds of Unix time; `step`: what Grafana made of the panel's width and its least interval."""

    def __init__(self, start, stop, step):
        self.start, self.stop, self.step = start, stop, step


class Series:
    def __init__(self, labels, values, columns=None):
        self.labels, self.values = labels, values  # values: [(seconds, value)], of a table [{column: value}]
        self.columns = columns


class Source:
    def __init__(self, namespace, url, **variables):
        self.namespace, self.url, self.variables = namespace, url, variables

    def ask(self, path, data=None, headers=None):
        status, body = in_namespace(self.namespace, http, self.url + path, data, 30, headers)
        return status, body

    def filled(self, text, more):
        """`${name:format}`, `${name}`, `$name`: what is left over is a variable that the board does not define."""
        values = {**self.variables, **more}
        text = re.sub(r"\$\{(\w+)(?::\w+)?\}", lambda m: str(values[m[1]]), text)
        return re.sub(r"\$([a-zA-Z_]\w*)", lambda m: str(values[m[1]]), text)


class InfluxQL(Source):
    def raw(self, text, over, **more):
        time = f"time >= {over.start}s and time <= {over.stop}s"
        macros = {"timeFilter": time, "__interval": f"{over.step}s", "__interval_ms": over.step * 1000}
        query = self.filled(text, {**macros, **more})
        data = urllib.parse.urlencode({"q": query, "db": "dns", "epoch": "ms"}).encode()
        status, body = self.ask("/query", data)
        answer = json.loads(body)["results"][0] if status == 200 else {"error": body}
        if "error" in answer:
            raise Failure(f"InfluxQL: {query}: {answer['error']}")
        return answer.get("series", [])

    def query(self, target, over, **more):
        """Each column of a series is one for Grafana; of a table a row."""
        result = []
        for series in self.raw(target["query"], over, **more):
            labels, columns = series.get("tags", {}), series["columns"]
            if target["resultFormat"] == "table":
                result += [Series(labels, [], dict(zip(columns, row))) for row in series["values"]]
                continue
            for i, column in enumerate(columns[1:], 1):
                values = [(row[0] / 1000, row[i]) for row in series["values"] if row[i] is not None]
                result.append(Series(dict(labels, column=column), values))
        return result

    def values_of(self, text, over):
        """Of a variable."""
        return {row[1] for series in self.raw(text, over) for row in series["values"]}


class Flux(Source):
    def rows(self, text, over, **more):
        def when(seconds):
            return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = text.replace("v.timeRangeStart", when(over.start)).replace("v.timeRangeStop", when(over.stop))
        query = self.filled(query.replace("v.windowPeriod", f"{over.step}s"), more)
        status, body = self.ask("/api/v2/query", query.encode(), {"Content-Type": "application/vnd.flux",
                                                                  "Accept": "application/csv"})
        if status != 200 or re.search(r"(^|\n)(error|#datatype,string,string\r?\n)", body):
            raise Failure(f"Flux: {query}: {body[:500]}")
        return list(self.read(body))

    @staticmethod
    def read(body):
        """Annotated CSV: rows with what is theirs, by the types and the group key of their table."""
        kinds = group = header = None
        for row in csv.reader(io.StringIO(body)):
            if not row or row == [""]:
                header = None
            elif row[0] == "#datatype":
                kinds, header = row, None
            elif row[0] == "#group":
                group = row
            elif row[0] == "#default":
                pass
            elif header is None:
                header = row
            else:
                cells = {}
                for name, kind, key, cell in list(zip(header, kinds, group, row))[2:]:
                    if cell == "" and kind != "string":
                        continue
                    number = kind in ("double", "long", "unsignedLong")
                    cells[name] = (float(cell) if number else cell, key == "true")
                yield cells

    @staticmethod
    def seconds(text):
        return datetime.datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text).replace("Z", "+00:00")).timestamp()

    def query(self, target, over, **more):
        found = {}
        for cells in self.rows(target["query"], over, **more):
            labels = {k: v for k, (v, key) in cells.items() if key and k not in ("_start", "_stop", "table", "_time")}
            key = tuple(sorted(labels.items()))
            time = self.seconds(cells["_time"][0]) if "_time" in cells else 0
            one = found.setdefault(key, Series(labels, [], []))
            one.columns.append({k: v for k, (v, _) in cells.items()})
            if "_value" in cells:
                one.values.append((time, cells["_value"][0]))
        return list(found.values())

    def values_of(self, text, over):
        return {cells["_value"][0] for cells in self.rows(text, over)}


class PromQL(Source):
    def raw(self, text, over, rate_s, once):
        query = self.filled(text, {"__rate_interval": f"{rate_s}s", "__range": f"{over.stop - over.start}s",
                                   "__interval": f"{over.step}s"})
        ask = {"query": query, "time": over.stop} if once else {"query": query, "start": over.start, "end": over.stop,
                                                                "step": over.step}
        status, body = self.ask(f"/api/v1/query{'' if once else '_range'}?{urllib.parse.urlencode(ask)}")
        answer = json.loads(body) if status else {"status": body}
        if answer["status"] != "success":
            raise Failure(f"PromQL: {query}: {body[:500]}")
        return answer["data"]["result"]

    def query(self, target, over, rate_s=None, once=None):
        result = []
        for one in self.raw(target["expr"], over, rate_s or over.step + 1, target["instant"] if once is None else once):
            pairs = one["values"] if "values" in one else [one["value"]]
            values = [(float(t), float(v)) for t, v in pairs]
            result.append(Series(one["metric"], [(t, v) for t, v in values if v == v]))
        return result

    def values_of(self, text, over):
        """`label_values(series, label)` and `query_result(expression)`."""
        found = re.fullmatch(r"label_values\((.*), (\w+)\)", text)
        if found:
            return {one["metric"][found[2]] for one in self.raw(found[1], over, over.step, True) if found[2] in one["metric"]}
        found = re.fullmatch(r"query_result\((.*)\)", text)
        return {float(one["value"][1]) for one in self.raw(found[1], over, over.step, True)}
