# SPDX-License-Identifier: BSD-2-Clause
"""ClickHouse's own engine (chDB) with the tables of `crosstap schema clickhouse`, as clickhouse.Server wants its store."""

import threading

import clickhouse
from chdb import session


class Engine:
    def __init__(self, folder):
        self.lock, self.session = threading.Lock(), session.Session(folder)
        for text in ("CREATE DATABASE dns", "USE dns", "SET input_format_skip_unknown_fields = 1"):
            self.query(text)
        for _ in range(2):
            for statement in clickhouse.statements():
                self.query(statement)

    def query(self, text):
        with self.lock:
            return str(self.session.query(text))

    def number(self, text):
        return int(self.query(text).strip() or 0)


class Gathering:
    """What a server does with async_insert and wait_for_async_insert: INSERTs of one table become one, some times a
    second, and are answered when it is done."""

    def __init__(self, engine, every_s=0.2):
        self.engine, self.every_s = engine, every_s
        self.lock, self.waiting = threading.Lock(), {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def query(self, text):
        statement, _, body = text.partition("\n")
        done = {"event": threading.Event(), "error": None}
        with self.lock:
            self.waiting.setdefault(statement, []).append((body, done))
        done["event"].wait()
        if done["error"]:
            raise done["error"]

    def run(self):
        while not self.ended.wait(self.every_s):
            with self.lock:
                taken, self.waiting = self.waiting, {}
            for statement, parts in taken.items():
                error = None
                try:
                    self.engine.query(statement + "\n" + "".join(body if body.endswith("\n") else body + "\n"
                                                                 for body, _ in parts))
                except Exception as reason:  # whatever the engine says is the agents' answer
                    error = ValueError(str(reason))
                for _, done in parts:
                    done["error"] = error
                    done["event"].set()

    def stop(self):
        self.ended.set()
        self.thread.join()
