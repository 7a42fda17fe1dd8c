#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Clients' addresses in everything that leaves the daemon: points (both formats), JSON, page, metrics, log. Each mode with the
wire, dnstap, missing queries by source, resolvers that are pinged and databases."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time

import frames
from harness import CROSSTAP, Crosstap, Namespaces, Points, check, check_equal, dnsload, in_namespace, main, tcp_answers, test, \
    wait_for
from mmdb import country, write_mmdb
from nameserver import Knot

CLIENT = re.compile(r"198\.18\.1\.\d+(?:/\d+)?")
PATHS = ("/", "/metrics", "/healthz", "/api/v1/window", "/api/v1/crosscheck", "/api/v1/resolvers", "/api/v1/status")


def everything(lab, privacy):
    """(all that left the daemon, its points)"""
    country_file = write_mmdb(lab.path("country.mmdb"), "Test-Country", {"198.18.0.0/15": country("NL")})
    with contextlib.ExitStack() as stack:
        net = Namespaces("privacy")
        stack.callback(net.close)
        net.make()
        crosstap = Crosstap(lab, inputs=[{"unix": lab.path("in.sock"), "zone": "nl"}], privacy=privacy, log={"level": "info"},
                            wire={"mode": "native", "interfaces": [net.device]}, geo={"country": country_file},
                            crosscheck={"horizon": "3s"}, ping={"enabled": True, "rate": "50/s"}, top={"resolvers": 100},
                            outputs=[{"file": {"path": lab.path("points.lp"), "format": "line"}},
                                     {"file": {"path": lab.path("points.json"), "format": "json"}}])
        crosstap.start(namespace=net.server)
        knot = Knot(lab, lab.path("in.sock"), **net.nameserver()).start()
        crosstap.wait_connections(1)
        wait_for(lambda: knot.process.must_live() and in_namespace(net.server, tcp_answers, net.SERVER, 53), 10, "Knot listens")
        texts = dict.fromkeys(PATHS, "")
        for _ in range(5):  # windows
            dnsload(knot, **net.load(), count=600, rate=2000, tcp=4, tcp_percent=20, source_net=net.RESOLVERS, sources=30)
            time.sleep(0.6)
            for path in PATHS:
                texts[path] += crosstap.get(path)[1]
        knot.process.kill(signal.SIGSTOP)
        subprocess.run(["ip", "netns", "exec", net.client, sys.executable, "-B", __file__, "--ask", net.SERVER], check=True)
        for _ in range(10):  # each of them shows the last window alone
            time.sleep(0.4)
            for path in PATHS:
                texts[path] += crosstap.get(path)[1]
        knot.process.kill(signal.SIGCONT)
        check_equal(crosstap.stop(), 0, "exit code")
        texts["log"] = crosstap.process.log()
    for name in ("points.lp", "points.json"):
        with open(lab.path(name)) as file:
            texts[name] = file.read()
    points = Points(texts["points.lp"])
    if privacy["addresses"] == "none":
        return texts, points
    for name, least in (("dns_resolver", 100), ("crosscheck_source", 10)):
        rows = [tags for n, tags, _, _ in points.points if n == name and tags["rank"] != "other"]
        check(len(rows) >= least, f"{len(rows)} rows of {name}")
    return texts, points


def addresses(points):
    return {fields["address"] for _, _, fields, _ in points.points if "address" in fields}


def seen(texts):
    return {name: sorted(set(CLIENT.findall(text))) for name, text in texts.items() if CLIENT.search(text)}


@test
def full(lab):
    """What the others are held against: here they are, in points, JSON and the busiest of /metrics, and nowhere else."""
    texts, points = everything(lab, {"addresses": "full"})
    found = seen(texts)
    check(set(found) >= {"points.lp", "points.json", "/api/v1/resolvers", "/api/v1/crosscheck", "/metrics"},
          f"addresses in {set(found)}")
    check(not set(found) & {"log", "/healthz"}, f"addresses in {set(found)}")
    check_equal(len(addresses(points)), 30, "clients in points")


@test
def prefix(lab):
    texts, points = everything(lab, {"addresses": "prefix"})
    for name, found in seen(texts).items():
        check(set(found) <= {"198.18.1.0/24"}, f"{name}: {found}")
    check_equal(addresses(points), {"198.18.1.0/24"}, "clients in points")


@test
def cryptopan(lab):
    key = lab.path("key")
    with open(key, "wb") as file:
        file.write(bytes(range(32)))
    os.chmod(key, 0o600)
    texts, points = everything(lab, {"addresses": "cryptopan", "cryptopan_key_file": key})
    check_equal(seen(texts), {}, "addresses")
    check_equal(len(addresses(points)), 30, "clients in points")
    check(all(re.fullmatch(r"\d+\.\d+\.\d+\.\d+", a) for a in addresses(points)), f"{addresses(points)}")
    check_equal(len({a.rsplit(".", 1)[0] for a in addresses(points)}), 1, "their common prefix is kept")


@test
def none(lab):
    texts, points = everything(lab, {"addresses": "none"})
    check_equal(seen(texts), {}, "addresses")
    check_equal(addresses(points), set(), "clients in points")


@test
def no_start_without_a_sound_key(lab):
    """Missing, readable by others, too short: exit, and nothing weaker. On SIGHUP: the old settings stay."""
    key = lab.path("key")
    for what, mode, size in (("missing", None, 0), ("mode", 0o640, 32), ("mode", 0o604, 32), ("short", 0o600, 31)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(key)
        if mode is not None:
            with open(key, "wb") as file:
                file.write(bytes(size))
            os.chmod(key, mode)
        crosstap = Crosstap(lab, f"{what}-{mode}", inputs=[{"unix": lab.path("in.sock")}],
                            privacy={"addresses": "cryptopan", "cryptopan_key_file": key})
        crosstap.start(ready=False)
        check_equal(crosstap.process.wait(), 2, f"exit with a key that is {what}: {crosstap.process.log()}")
        check(key in crosstap.process.log(), crosstap.process.log())
        check(not os.path.exists(lab.path("in.sock")), "an input was opened")
        replay = subprocess.run([CROSSTAP, "replay", "-c", crosstap.config_path, "--points", "-", "/dev/null"],
                                capture_output=True, text=True, timeout=60, check=False)
        check_equal((replay.returncode, replay.stdout), (2, ""), f"replay with a key that is {what}: {replay.stderr}")
    with open(key, "wb") as file:
        file.write(bytes(range(32)))
    os.chmod(key, 0o600)
    crosstap = Crosstap(lab, inputs=[{"unix": lab.path("in.sock")}], outputs=[{"file": {"path": lab.path("points.lp")}}],
                        privacy={"addresses": "cryptopan", "cryptopan_key_file": key}).start()
    os.chmod(key, 0o644)
    crosstap.process.kill(signal.SIGHUP)
    wait_for(lambda: crosstap.process.must_live() and key in crosstap.process.log(), 10, "the reload is refused")
    producer = frames.Producer(lab.path("in.sock"))
    producer.send([frames.frame(frames.AUTH_QUERY, address="198.18.1.1")])
    producer.stop()
    check_equal(crosstap.stop(), 0, "exit code")
    with open(lab.path("points.lp")) as file:
        check(not CLIENT.search(file.read()), "an address in the clear")


def ask(server):
    """Queries that nobody reads."""
    for n in range(1, 31):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((f"198.18.1.{n}", 0))
            for i in range(5):
                sock.sendto(frames.message(id=i), (server, 53))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        ask(sys.argv[2])
    else:
        main()
