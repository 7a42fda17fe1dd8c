# SPDX-License-Identifier: BSD-2-Clause
"""ClickHouse's HTTP interface, as strict as the server: tables are those that `crosstap schema clickhouse` declares, values
are of their columns' types, a block that comes twice is one."""

import gzip
import hashlib
import json
import re
import subprocess
import threading
import urllib.parse
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import CROSSTAP, free_port

INTEGERS = {"UInt64": (0, 2**64 - 1), "Int64": (-2**63, 2**63 - 1)}


def schema():
    return subprocess.run([CROSSTAP, "schema", "clickhouse"], capture_output=True, text=True, check=True).stdout


def statements():
    text = "\n".join(line for line in schema().splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in text.split(";\n") if statement.strip()]


def tables():
    """Name: {column: type}, of tables that hold what comes."""
    result = {}
    for statement in statements():
        match = re.match(r"CREATE TABLE IF NOT EXISTS (\w+)\n\((.*?)\n\)\nENGINE = ReplacingMergeTree", statement, re.S)
        if match:
            result[match.group(1)] = dict(re.findall(r"\n    `?(\w+)`? (Map\([^)]*\), String\)|[\w]+\([\w]+\)|\w+)", match.group(2)))
    return result


class Wrong(Exception):
    pass


def check_value(column, kind, value):
    nullable = re.fullmatch(r"(?:Nullable|LowCardinality)\((\w+)\)", kind)
    inner = nullable.group(1) if nullable else kind
    if inner in INTEGERS:
        low, high = INTEGERS[inner]
        good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    elif inner == "Float64":
        good = isinstance(value, (int, float))
    elif inner.startswith("DateTime64"):
        good = isinstance(value, (int, float)) and 10**9 < value < 10**10
    elif inner.startswith("Map"):
        good = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    else:
        good = isinstance(value, str)
    if not good:
        raise Wrong(f"column {column} of {kind}: {value!r}")


class Store:
    """What was inserted, in rows."""

    def __init__(self, declared):
        self.declared, self.rows, self.blocks = declared, defaultdict(list), set()

    def query(self, text):
        statement, _, body = text.partition("\n")
        match = re.fullmatch(r"INSERT INTO (\w+) FORMAT JSONEachRow", statement)
        if not match:
            raise Wrong("Code: 62. DB::Exception: Syntax error: " + statement[:80])
        table = match.group(1)
        if table not in self.declared:
            raise LookupError(f"Code: 60. DB::Exception: Table dns.{table} does not exist. (UNKNOWN_TABLE)")
        rows = [json.loads(line) for line in body.splitlines()]
        for row in rows:
            for column, value in row.items():
                if column not in self.declared[table]:
                    raise Wrong(f"Code: 117. DB::Exception: Unknown field {column} of {table}")
                check_value(column, self.declared[table][column], value)
            if not {"time", "server"} <= row.keys():
                raise Wrong("a row without time or server")
        block = hashlib.sha256(text.encode()).digest()
        if block not in self.blocks:
            self.blocks.add(block)
            self.rows[table] += rows

    def total(self, table, column):
        return sum(row.get(column, 0) for row in self.rows[table])

    def twice(self):
        """Series and times that have two rows."""
        result = []
        for table, rows in self.rows.items():
            tags = [column for column, kind in self.declared[table].items() if kind == "LowCardinality(String)"]
            seen = set()
            for row in rows:
                key = (row["time"], *(row.get(tag) for tag in tags))
                if key in seen:
                    result.append((table, key))
                seen.add(key)
        return result


class Server:
    def __init__(self, store):
        self.store, self.problems, self.queries, self.port = store, [], set(), free_port(("127.0.0.1",))
        self.requests = 0
        self.status = None  # of a request by its number: None, or what it is answered instead
        self.lose = None  # by its number: True: it is done, and its answer never comes
        self.http = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, text):
                body = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_HEAD(self):
                self.answer(200, "")

            def do_GET(self):
                self.answer(200 if self.path == "/ping" else 404, "Ok.\n")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                number = server.requests
                server.requests += 1
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                status = server.status(number) if server.status else None
                if status:
                    self.answer(status, "not now")
                    return
                self.insert(number, body.decode())

            def insert(self, number, text):
                server.queries.add(urllib.parse.urlsplit(self.path).query)
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                try:
                    if query.get("database") != "dns":
                        raise Wrong(f"database {query.get('database')}")
                    server.store.query(text)
                except LookupError as error:
                    self.answer(404, str(error))
                    return
                except (Wrong, ValueError) as error:
                    server.problems.append(str(error))
                    self.answer(400, str(error))
                    return
                if server.lose and server.lose(number):
                    self.close_connection = True
                    return
                self.answer(200, "")

            def log_message(self, *_args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
