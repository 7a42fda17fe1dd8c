#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The wire in the running daemon: a nameserver and the agent in one network namespace, the load in another, a veth between
them. What was sent, what the wire saw and what dnstap told are equal to the last message; what dnstap loses is named."""

import time

from harness import check, check_equal, main, test
from nameserver import BIND, NSD, Knot
from wire import WHOLE, Bench, attached, check_boundaries, check_equal_witnesses, check_mode, network


# ---- as many as a busy nameserver gets ----


UDP, TCP, RATE, ATTEMPTS = 100000, 2000, 5000, 3


def full(lab, nameserver):
    """Over TCP many to a connection, unanswered ones in flight, segments that end in the midst of prefixes, headers and
    names. What was sent, what was logged and what the agent has of both are equal each time, whatever the machine did. Once,
    in a few attempts, everything shall be logged, in time."""
    for attempt in range(ATTEMPTS):
        reason = attempt_full(lab.part(f"attempt{attempt}"), nameserver)
        if not reason:
            return
        print(f"note {lab.name}: {reason}", flush=True)


def attempt_full(lab, nameserver):
    """Returns why the machine, not the agent, stood in the way."""
    with network() as net:
        bench = Bench(lab, net, "native", nameserver=nameserver).start()
        check_mode(bench, "native")
        check_equal(attached(net), WHOLE["native"], "on the device")
        start = time.monotonic()
        sent = bench.load(count=UDP, rate=RATE)
        took = time.monotonic() - start
        bench.load(count=TCP, rate=RATE, tcp=8, tcp_cut=True, into=sent)
        check_equal(sent.queries, {("udp", "ipv4"): UDP, ("tcp", "ipv4"): TCP}, "sent")
        bench.quiet()
        dropped = check_equal_witnesses(bench, sent)
        check_equal(bench.points().by("wire", "resync"), {}, "TCP streams that could not be followed")
        reason = f"{nameserver.name} dropped {dropped} frames by itself" if dropped else \
            f"the load took {took:.0f} s" if took > 1.1 * UDP / RATE else None
        if not reason:
            check_boundaries(bench)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")
        return reason


@test
def full_knot(lab):
    full(lab, Knot)


@test
def full_nsd(lab):
    full(lab, NSD)


@test
def full_bind(lab):
    full(lab, BIND)


# ---- dnstap that is lost on its way ----


def lossy(lab, drop_every, seconds, verdict):
    """Returns how many queries' frames did not come to the agent, and how many queries there were. A nameserver without a
    processor drops some more by itself."""
    with network() as net:
        bench = Bench(lab, net, "native").start()
        bench.tap.drop_every = drop_every
        sent = bench.load(count=2000 * seconds, rate=2000)
        bench.quiet()
        lost = sent.total() - sum(bench.tap.passed("query").values())
        check(lost >= bench.tap.dropped_of(direction="query"), f"{lost} of {sent.total()}: {bench.tap.dropped}")
        funnels = [f for _, f in bench.funnels()]
        check_equal(sum(f.get("unexplained", 0) for f in funnels), lost, "unexplained")
        check_equal(funnels[-1]["balance"], lost, "balance")
        check_equal(sum(f.get("wire_queries", 0) for f in funnels), sent.total(), "the wire saw all")
        check(verdict in {f["verdict"] for f in funnels}, f"verdict {verdict}: {[f['verdict'] for f in funnels]}")
        bench.stop()
        return lost, sent.total()


@test
def frames_are_lost(lab):
    """Every seventh frame is thrown away: so many queries are unexplained, and it is dnstap's fault."""
    lost, total = lossy(lab, 7, 3, "dnstap-loss")
    check(total // 10 < lost < total // 5, f"about a seventh was lost ({lost} of {total})")


@test
def all_frames_are_lost(lab):
    """The connection stands and nothing comes."""
    lost, total = lossy(lab, 1, 6, "dnstap-blind")
    check_equal(lost, total, "lost")


if __name__ == "__main__":
    main()
