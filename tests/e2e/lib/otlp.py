# SPDX-License-Identifier: BSD-2-Clause
"""A receiver of OTLP/HTTP that takes nothing but what the specification says: requests are read by the proto files, field by
field, and what they say over time is held against the data model of OpenTelemetry's metrics."""

import glob
import gzip
import http.server
import json
import os
import re
import struct
import threading

PROTO = os.path.join(os.path.dirname(__file__), "../../../proto")
REQUEST = "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest"
SCALARS = {"string", "bool", "int64", "double", "fixed64", "sfixed64"}
DELTA, CUMULATIVE = 1, 2


class Refused(Exception):
    """What makes the answer a 400."""


def need(condition, what):
    if not condition:
        raise Refused(what)


# --- The proto files ---


def _schema():
    """{message: {number: (name, type, repeated)}}, and the names of enums."""
    messages, enums = {}, set()
    for path in glob.glob(os.path.join(PROTO, "opentelemetry/**/*.proto"), recursive=True):
        text = re.sub(r"//.*", "", open(path).read())
        package = re.search(r"package\s+([\w.]+)\s*;", text)[1]
        enums |= {f"{package}.{name}" for name in re.findall(r"\benum\s+(\w+)", text)}
        for name, body in re.findall(r"\bmessage\s+(\w+)\s*\{((?:[^{}]|\{[^{}]*\})*)\}", text):
            fields = re.findall(r"(repeated\s+)?([\w.]+)\s+(\w+)\s*=\s*(\d+)\s*;", body)
            messages[f"{package}.{name}"] = {
                int(number): (field, kind if kind in SCALARS or "." in kind else f"{package}.{kind}", bool(repeated))
                for repeated, kind, field, number in fields}
    return messages, enums


MESSAGES, ENUMS = _schema()


# --- Protocol Buffers ---


def _varint(data, at):
    value = shift = 0
    while True:
        need(at < len(data) and shift < 70, "a varint runs past the end")
        value |= (data[at] & 127) << shift
        at += 1
        if not data[at - 1] & 128:
            return value, at
        shift += 7


def _scalar(kind, data, at):
    if kind in ("bool", "int64") or kind in ENUMS:
        value, at = _varint(data, at)
        return bool(value) if kind == "bool" else value - (1 << 64) * (value >> 63), at
    need(at + 8 <= len(data), "a number runs past the end")
    return struct.unpack({"double": "<d", "fixed64": "<Q", "sfixed64": "<q"}[kind], data[at:at + 8])[0], at + 8


def _wire_type(kind):
    return {"double": 1, "fixed64": 1, "sfixed64": 1}.get(kind, 0 if kind in ("bool", "int64") or kind in ENUMS else 2)


def from_protobuf(data, message=REQUEST):
    """A message as a dict by field names; fields and wire types that the proto files do not have are refused."""
    result, at = {}, 0
    while at < len(data):
        key, at = _varint(data, at)
        need(key >> 3 in MESSAGES[message], f"{message} has no field {key >> 3}")
        name, kind, repeated = MESSAGES[message][key >> 3]
        wire = _wire_type(kind)
        packed = repeated and wire != 2 and key & 7 == 2
        need(key & 7 == wire or packed, f"{message}.{name} comes as wire type {key & 7}")
        if wire != 2 and not packed:
            value, at = _scalar(kind, data, at)
        else:
            length, at = _varint(data, at)
            need(at + length <= len(data), f"{message}.{name} runs past the end")
            part, at = data[at:at + length], at + length
            if packed:
                numbers, place = [], 0
                while place < len(part):
                    number, place = _scalar(kind, part, place)
                    numbers.append(number)
                result.setdefault(name, []).extend(numbers)
                continue
            try:
                value = part.decode() if kind == "string" else from_protobuf(part, kind)
            except UnicodeDecodeError:
                raise Refused(f"{message}.{name} is not UTF-8") from None
        need(repeated or name not in result, f"{message}.{name} is there twice")
        if repeated:
            result.setdefault(name, []).append(value)
        else:
            result[name] = value
    return result


# --- JSON ---


def _camel(name):
    return re.sub(r"_(\w)", lambda m: m[1].upper(), name)


def _from_json_value(kind, value, where):
    if kind in MESSAGES:
        return from_json(value, kind)
    if kind in ("int64", "fixed64", "sfixed64"):
        need(isinstance(value, str) and re.fullmatch(r"-?\d+" if kind != "fixed64" else r"\d+", value),
             f"{where} is not a string of digits")
        return int(value)
    if kind in ENUMS:
        need(isinstance(value, int) and not isinstance(value, bool), f"{where} is not the number of an enum")
        return value
    types = {"string": str, "bool": bool, "double": (int, float)}[kind]
    need(isinstance(value, types) and (kind == "bool" or not isinstance(value, bool)), f"{where} is not a {kind}")
    return value


def from_json(value, message=REQUEST):
    need(isinstance(value, dict), f"{message} is no object")
    fields = {_camel(name): (name, kind, repeated) for name, kind, repeated in MESSAGES[message].values()}
    result = {}
    for key, item in value.items():
        need(key in fields, f"{message} has no member {key}")
        name, kind, repeated = fields[key]
        need(isinstance(item, list) == repeated, f"{message}.{name} is {'no' if repeated else 'a'} list")
        result[name] = [_from_json_value(kind, x, name) for x in item] if repeated else _from_json_value(kind, item, name)
    return result


# --- What requests say over time ---


class Model:
    """Streams of metrics, by resource, name and attributes."""

    def __init__(self):
        self.metrics = {}    # name: (kind, unit, description, temporality)
        self.streams = {}    # (resource, name, attributes): {start: {time: value}}
        self.resources = set()
        self.scopes = set()

    @staticmethod
    def attributes(pairs):
        keys = [pair.get("key", "") for pair in pairs]
        need(len(set(keys)) == len(keys) and all(keys), f"attributes are not unique: {keys}")
        need(all(len(pair.get("value", {})) == 1 for pair in pairs), "an attribute without one value")
        return tuple(sorted((pair["key"], list(pair["value"].values())[0]) for pair in pairs))

    def take(self, request):
        seen = set()
        need(request.get("resource_metrics"), "a request without metrics")
        for of in request["resource_metrics"]:
            resource = self.attributes(of["resource"]["attributes"])
            need({"service.name", "service.instance.id", "service.version", "host.name"} <= {k for k, _ in resource},
                 f"the resource is {resource}")
            self.resources.add(resource)
            for scope in of["scope_metrics"]:
                need(scope["scope"].get("name") and scope["scope"].get("version"), "a scope without name and version")
                self.scopes.add((scope["scope"]["name"], scope["scope"]["version"]))
                for metric in scope["metrics"]:
                    self._metric(resource, metric, seen)

    def _metric(self, resource, metric, seen):
        name = metric.get("name", "")
        kinds = [kind for kind in ("gauge", "sum", "histogram") if kind in metric]
        need(re.fullmatch(r"crosstap\.[a-z_0-9]+\.[a-z_0-9]+", name), f"a metric is named {name!r}")
        need(len(kinds) == 1 and metric.get("description"), f"{name} has kinds {kinds}, or no description")
        data = metric[kinds[0]]
        shape = (kinds[0], metric.get("unit", ""), metric["description"], data.get("aggregation_temporality"))
        need(self.metrics.setdefault(name, shape) == shape, f"{name} was {self.metrics[name]} and is {shape}")
        need(kinds[0] == "gauge" or shape[3] in (DELTA, CUMULATIVE), f"{name} has no temporality")
        need(kinds[0] != "sum" or data.get("is_monotonic") is True, f"{name} is not monotonic")
        need(data.get("data_points"), f"{name} has no points")
        for point in data["data_points"]:
            attributes = self.attributes(point.get("attributes", []))
            identity = (resource, name, attributes, point.get("time_unix_nano"))
            need(identity not in seen, f"{name}{attributes} is there twice")
            seen.add(identity)
            need(point.get("time_unix_nano", 0) > 0, f"{name} has no time")
            if kinds[0] == "gauge":
                need("start_time_unix_nano" not in point, f"{name} is a gauge with a start")
                need(len({"as_int", "as_double"} & set(point)) == 1, f"{name} has no value")
                self.streams.setdefault((resource, name, attributes), {})[point["time_unix_nano"]] = self._value(point)
                continue
            need(0 < point.get("start_time_unix_nano", 0) < point["time_unix_nano"], f"{name} has no start, or one too late")
            value = self._histogram(name, point) if kinds[0] == "histogram" else (self._value(point),)
            need(min(value) >= 0, f"{name} is negative")
            stream = self.streams.setdefault((resource, name, attributes), {})
            self._counted(name, attributes, stream, point, value, shape[3])

    @staticmethod
    def _value(point):
        return point.get("as_int", point.get("as_double"))

    @staticmethod
    def _histogram(name, point):
        counts, bounds = point.get("bucket_counts", []), point.get("explicit_bounds", [])
        need(len(counts) == len(bounds) + 1, f"{name}: {len(counts)} buckets for {len(bounds)} bounds")
        need(bounds == sorted(set(bounds)), f"{name}: bounds do not grow")
        need(sum(counts) == point.get("count", 0), f"{name}: buckets do not add up to the count")
        return (point.get("count", 0), *counts)

    @staticmethod
    def _counted(name, attributes, stream, point, value, temporality):
        where = f"{name}{attributes}"
        start, time = point["start_time_unix_nano"], point["time_unix_nano"]
        points = stream.setdefault(start, {})
        need(points.setdefault(time, value) == value, f"{where}: another value at the same time")
        for other, more in stream.items():
            need(other == start or max(more) <= start or other >= max(points), f"{where}: two runs at one time")
        if temporality == CUMULATIVE:
            row = [points[t] for t in sorted(points)]
            need(all(a <= b for x, y in zip(row, row[1:]) for a, b in zip(x, y)), f"{where}: a sum falls: {row}")
        else:
            need(len(points) == 1, f"{where}: deltas from one start")

    # What arrived.

    def total(self, name, **attributes):
        """Of a sum or of a histogram's count, over all runs and series with these attributes."""
        result = 0
        for (_, metric, own), stream in self.streams.items():
            if metric == name and set(attributes.items()) <= set(own):
                result += sum(points[max(points)][0] for points in stream.values())
        return result

    def series(self, name):
        return {attributes for _, metric, attributes in self.streams if metric == name}

    def starts(self, name):
        return {start for (_, metric, _), stream in self.streams.items() if metric == name for start in stream}


# --- HTTP ---


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        media = self.headers.get("Content-Type", "").split(";")[0].strip()
        read = {"application/x-protobuf": from_protobuf, "application/json": lambda text: from_json(json.loads(text))}.get(media)
        with receiver.lock:
            receiver.requests += 1
            status = receiver.status
            if not status:
                status = self.take(receiver, read, body) if read and self.path == "/v1/metrics" else 415
        answer = b"" if media == "application/x-protobuf" else json.dumps(receiver.answer).encode()
        self.send_response(status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", media or "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def take(self, receiver, read, body):
        try:
            need(self.headers.get("Content-Encoding") == "gzip", "it is not compressed")
            receiver.model.take(read(gzip.decompress(body)))
        except (Refused, KeyError, ValueError, OSError) as error:
            receiver.problems.append(repr(error))
            return 400
        receiver.authorizations.add(self.headers.get("Authorization"))
        return 200

    def log_message(self, *_):
        pass


class Receiver:
    """`status` and `headers` are said instead of looking at a request; `answer` is what a 2xx in JSON says."""

    def __init__(self, status=0, answer=None, headers=None):
        self.status, self.answer, self.headers = status, answer or {}, headers or {}
        self.model, self.problems, self.requests, self.authorizations = Model(), [], 0, set()
        self.lock = threading.Lock()
        self.server, self.port = None, 0

    def start(self):
        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.receiver, self.port = self, self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1/metrics"

    def total(self, name, **attributes):
        with self.lock:
            return self.model.total(name, **attributes)
