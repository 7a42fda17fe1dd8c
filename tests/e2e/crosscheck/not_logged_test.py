#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What nameservers never log. Each gets every kind of query: those that its dnstap leaves out are `not_logged`, to the last
one, and nothing is unexplained."""

from harness import check, check_equal, in_namespace, main, test
from kinds import ALL, BIND_UNLOGGED, CHAOS, CHAOS_REFUSED, CLASS_ANY, KNOT_FAULTS, KNOT_SILENT, KNOT_ZONES_UNLOGGED, \
    OTHER_CLASS, OUTSIDE, PLAIN, SECONDS, UNREADABLE, count, send
from nameserver import BIND, NSD
from wire import Bench, network

def explained(lab, kinds, not_logged, unanswered=(), mode="native", malformed=0, limited=(), **options):
    """Sends all kinds, and sees that these were not logged and everything is explained. `limited`: not each is answered."""
    with network() as net:
        bench = Bench(lab, net, mode, horizon="10s", **options).start()
        most = count(kinds) - count(unanswered)
        answered = in_namespace(net.client, send, net, kinds, most)
        check(most - count(limited) <= answered <= most, f"answers: at most {most}, saw {answered}")
        bench.quiet()
        funnels = [fields for _, fields in bench.funnels()]
        sums = {key: sum(f.get(key, 0) for f in funnels) for key in ("wire_queries", "dnstap_queries", "not_logged", "malformed",
                                                                     "unexplained", "unanswered")}
        check_equal(sums["wire_queries"], count(kinds), "the wire saw all")
        check_equal((sums["malformed"], sums["not_logged"]), (malformed, count(not_logged)),
                    f"malformed and not logged; sums: {sums}; all: {funnels}")
        logged = sum(bench.tap.passed("query").values())
        dropped = count(kinds) - malformed - count(not_logged) - logged  # by a producer without a processor
        check(dropped >= 0, f"dnstap has the others: {logged} of {count(kinds)}; sums: {sums}")
        check_equal((sums["dnstap_queries"], sums["unexplained"], funnels[-1].get("balance")), (logged, dropped, dropped),
                    f"dnstap's, unexplained and balance; all: {funnels}")
        if dropped:
            print(f"note {lab.name}: {bench.nameserver.name} dropped {dropped} frames by itself", flush=True)
        else:
            check_equal({f["verdict"] for f in funnels if "balance" in f}, {"ok"}, f"verdicts; all: {funnels}")
        busy = [f for f in funnels if f.get("wire_queries")]
        check(len(busy) >= SECONDS, f"spread over windows: {len(busy)}")
        bench.stop()


@test
def knot_module_per_zone(lab):
    """Nothing told the agent where the module sits."""
    explained(lab, ALL, KNOT_ZONES_UNLOGGED, KNOT_SILENT, malformed=count([UNREADABLE]),
              server={"module": "module"})


@test
def knot_module_per_zone_by_packet(lab):
    """AF_PACKET counts the same."""
    explained(lab, ALL, KNOT_ZONES_UNLOGGED, KNOT_SILENT, "packet", count([UNREADABLE]),
              server={"module": "module"})


@test
def knot_global_module(lab):
    """Everything is logged that Knot takes for a query."""
    explained(lab, [PLAIN, OUTSIDE, CHAOS, CHAOS_REFUSED, CLASS_ANY, OTHER_CLASS], [])


@test
def knot_global_module_faults(lab):
    """Of queries that it finds fault with Knot logs the response alone."""
    explained(lab, ALL, KNOT_FAULTS, KNOT_SILENT, malformed=count([UNREADABLE]))


@test
def bind(lab):
    """CHAOS is logged, what BIND finds malformed is not. Its own view of CHAOS has a limit of 3 responses a second."""
    explained(lab, ALL, BIND_UNLOGGED, malformed=count([UNREADABLE]), limited=[CHAOS, CHAOS_REFUSED],
              nameserver=BIND)


@test
def nsd(lab):
    """NSD logs all."""
    explained(lab, ALL, [], nameserver=NSD)


if __name__ == "__main__":
    main()
