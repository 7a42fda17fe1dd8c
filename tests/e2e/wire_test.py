#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The wire in the running daemon: a nameserver and the agent in one network namespace, the load in another, a veth between
them. What was sent, what the wire saw and what dnstap told are equal to the last message; what dnstap loses is named."""

import time

from harness import check, check_equal, main, test
from nameserver import BIND, NSD, Knot
from relay import Relay
from wire import WHOLE, Bench, attached, check_boundaries, check_equal_witnesses, check_mode, check_witness, \
    network


# ---- as many as a busy nameserver gets ----


UDP, TCP, RATE, ATTEMPTS = 100000, 2000, 5000, 3
DROPPED = UDP // 200  # what a producer may drop by itself, if the balance says so to the query


def full(lab, nameserver):
    """Over TCP many to a connection, unanswered ones in flight, segments that end in the midst of prefixes, headers and
    names. Of a machine that had no time for it only the sums are judged, and it is done again; a producer that drops a few
    twice is one that the balance found out twice."""
    found_out = 0
    for attempt in range(ATTEMPTS):
        reason, dropped = attempt_full(lab.part(f"attempt{attempt}"), nameserver)
        found_out += 0 < dropped <= DROPPED
        if not reason or found_out == 2:
            return
        print(f"note {lab.name}: done again: {reason}", flush=True)
    check(False, f"{ATTEMPTS} times: {reason}")


def attempt_full(lab, nameserver):
    """Returns why the machine, not the agent, stood in the way, and how many queries' frames the producer dropped."""
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
        check_witness(bench, "wire", sent)
        check_equal(bench.points().by("wire", "resync"), {}, "TCP streams that could not be followed")
        logged = bench.points().by("crosscheck", "dnstap", "transport", direction="query")
        check_equal(bench.balance(), UDP - logged[("udp",)], "final balance: what the producer did not log over UDP")
        dropped = sent.total() - sum(logged.values())
        reason = f"{nameserver.name} dropped {dropped} frames of queries by itself" if dropped else \
            f"the load took {took:.0f} s" if took > 1.1 * UDP / RATE else None
        if not reason:
            check_equal_witnesses(bench, sent)
            check_boundaries(bench)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")
        return reason, dropped


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
    """Returns what was lost and how many queries there were."""
    with network() as net:
        bench = Bench(lab, net, "native", tap=Relay).start()
        bench.tap.drop_every = drop_every
        sent = bench.load(count=2000 * seconds, rate=2000)
        bench.quiet()
        lost = bench.tap.dropped_of(direction="query")
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
