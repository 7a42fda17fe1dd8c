#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each option of the table, changed by SIGHUP in a running agent, gives what a start with it gives, or the words "need a
restart". What there is to change comes from the program, so that an option that is added is tested with the rest."""

import concurrent.futures
import contextlib

import options
from harness import Failure, check, check_equal, main, test
from twin import Twin, differences

PAIRS = 3
BASE = {
    "server": "twin", "interval": "1s", "grace": "0ms",
    "inputs": [{"zone": "one", "unix": "@/one.sock"},
               {"tcp": "127.0.0.1:6000", "zones": ["other.test"]},
               {"zone": "fd", "listen_fd": "one"}],
    "wire": {"mode": "native"}, "ping": {"enabled": False}, "spool": {"path": "@/spool"},
    "http": {"listen": "127.0.0.1:9053"},
    "outputs": [{"file": {"path": "@/points.lp"}},
                {"influxdb": {"url": "http://127.0.0.1:8086", "token": "$TOKEN"}},
                {"influxdb": {"url": "http://127.0.0.1:8086", "version": 1, "username": "u", "password": "pass-word"}},
                {"influxdb": {"url": "http://127.0.0.1:8087"}},
                {"otlp": {"url": "http://127.0.0.1:8086/v1/metrics"}},
                {"clickhouse": {"url": "http://127.0.0.1:8086", "username": "u", "password": "pass-word"}},
                {"kafka": {"brokers": ["127.0.0.1:8086"], "tls": {"enabled": True, "cert": "@/cert.pem", "key": "@/key.pem"},
                           "sasl": {"mechanism": "scram-sha-256", "username": "u", "password": "pass-word"}}},
                {"kafka": {"brokers": ["127.0.0.1:8088"]}}],
}


def interval_of(config):
    return int(config["interval"][:-1])


class Pair:
    """The agent that is changed, and one that is started anew with what it was changed to."""

    def __init__(self, running, fresh, mode):
        self.running, self.fresh, self.tested = running.make_certificates(), fresh, 0
        self.fresh.share_certificates(self.running)
        self.base = dict(BASE, wire={"mode": mode, "interfaces": [self.running.net.device]})
        self.running.write(self.base)
        self.running.start()

    def observe_both(self, config, rules):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            both = [pool.submit(twin.observe, interval_of(config), rules) for twin in (self.running, self.fresh)]
            return [seen.result() for seen in both]

    def change(self, option):
        name, root = options.name_of(option), options.root_of(option)
        before, after = options.changed(self.base, option, self.running.is_valid)
        if before != self.base:
            self.running.reload(before)
        said = self.running.reload(after)
        self.tested += 1
        if option["takers"] == ["restart"]:
            check(f"changes of {root} need a restart" in said, f"{name}: {said}")
            check("changed=none" in said, f"{name}: {said}")
            after = before
        else:
            check(f"changed={root}\n" in said, f"{name}: {said}")
            check("need a restart" not in said, f"{name}: {said}")
        self.fresh.write(after)
        self.fresh.start()
        try:
            self.compare(option, after)
        finally:
            self.fresh.stop()
            self.running.reload(self.base)

    def compare(self, option, config):
        """Once more where they differ: who counts in another window than the other shows it but once."""
        for _ in range(3):
            running, fresh = self.observe_both(config, "inputs" in option["takers"])
            lines = differences(running, fresh)
            if not lines:
                break
        check_equal(lines, [], f"{options.name_of(option)}: changed / started")


@contextlib.contextmanager
def pair(lab, mode, number):
    with contextlib.closing(Twin(lab, f"running{number}")) as running, \
            contextlib.closing(Twin(lab, f"fresh{number}")) as fresh:
        yield Pair(running.make(), fresh.make(), mode)


def change_some(lab, mode, number, wanted):
    """(how many options, what failed)"""
    failed = []
    with pair(lab, mode, number) as twins:
        for option in wanted:
            try:
                twins.change(option)
            except Failure as error:
                failed.append(str(error))
                print(f"note: {error}", flush=True)
        check_equal(twins.running.stop(), 0, "exit code")
        return twins.tested, failed


def change_all(lab, mode, wanted):
    """Agents wait for their windows most of the time: several pairs share the options."""
    table = [option for option in options.table() if wanted(option)]
    with concurrent.futures.ThreadPoolExecutor(PAIRS) as pool:
        parts = list(pool.map(lambda i: change_some(lab, mode, i, table[i::PAIRS]), range(PAIRS)))
    check_equal([error for _, failed in parts for error in failed], [], "options that a reload does not take as a start does")
    check_equal(sum(tested for tested, _ in parts), len(table), "options")


@test
def every_option(lab):
    change_all(lab, "native", lambda option: True)


@test
def the_wire_by_packets(lab):
    """The same in mode `packet`, for what the wire takes over."""
    change_all(lab, "packet", lambda option: "wire" in option["takers"])


if __name__ == "__main__":
    main()
