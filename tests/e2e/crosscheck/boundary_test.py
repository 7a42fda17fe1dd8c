#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Traffic in bursts that end, begin or turn over at the edge of a window, where both witnesses need not agree: no complete
window has more unexplained than its boundary, and all of them together nothing."""

import contextlib
import socket
import struct
import time

from frames import message
from harness import check, check_equal, in_namespace, main, test
from nameserver import BIND, NSD, Knot
from priority import hurry
from wire import Bench, check_boundaries, network

# (messages, how many seconds they take, where their middle is, in seconds from the edge of a window)
BURSTS = [(400, 0.08, 0.0), (300, 0.05, 0.5), (400, 0.08, 1.96), (500, 0.1, 3.05), (300, 0.05, 4.01), (500, 0.1, 4.99)]
ATTEMPTS = 4


def send(net, bursts):
    """Over both families. Nobody reads the answers."""
    hurry()
    with contextlib.ExitStack() as stack:
        sockets = []
        for family, address in ((socket.AF_INET, net.SERVER), (socket.AF_INET6, net.SERVER6)):
            sockets.append(stack.enter_context(socket.socket(family, socket.SOCK_DGRAM)))
            sockets[-1].connect((address, 53))
        query = message("www.example.nl", 1, 0)[2:]
        edge = time.time() // 1 + 2
        for count, seconds, middle in bursts:
            start = edge + middle - seconds / 2
            for i in range(count):
                time.sleep(max(0.0, start + seconds * i / count - time.time()))
                sockets[i & 1].send(struct.pack("!H", i) + query)
        time.sleep(1)  # an answer to a closed socket is an error


def attempt(lab, nameserver):
    """Returns how many frames the producer did not send, so that edges could not be judged. Sums hold anyway."""
    with network() as net:
        bench = Bench(lab, net, "native", nameserver=nameserver, horizon="10s").start()
        in_namespace(net.client, send, net, BURSTS)
        bench.quiet()
        sent = sum(count for count, _, _ in BURSTS)
        funnels = [f for _, f in bench.funnels() if "balance" in f]
        check_equal({key: sum(f[key] for f in funnels) for key in ("wire_queries", "wire_responses")},
                    {"wire_queries": sent, "wire_responses": sent}, "the wire saw all")
        logged = {direction: sum(bench.tap.passed(direction).values()) for direction in ("query", "response")}
        check_equal(bench.crosstap.metric("crosstap_input_frames_total"), sum(logged.values()), "frames")
        check(max(logged.values()) <= sent, f"frames: at most {sent} of each direction: {logged}")
        unlogged = sent - logged["query"]
        check_equal((sum(f["unexplained"] for f in funnels), funnels[-1]["balance"]), (unlogged, unlogged),
                    f"unexplained and balance; all: {funnels}")
        dropped = 2 * sent - sum(logged.values())
        if not dropped:
            check_boundaries(bench)
        bench.stop()
        return dropped


def bursts(lab, nameserver):
    for number in range(ATTEMPTS):
        dropped = attempt(lab.part(str(number)), nameserver)
        if not dropped:
            return
        print(f"note {lab.name}: {nameserver.name} dropped {dropped} frames by itself", flush=True)


@test
def knot(lab):
    bursts(lab, Knot)


@test
def nsd(lab):
    bursts(lab, NSD)


@test
def bind(lab):
    bursts(lab, BIND)


if __name__ == "__main__":
    main()
