#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A real dnsdist in front of a real Knot. dnstap of each has the client that it was told of; the wire has whoever sent the
packet: before dnsdist the clients, behind it dnsdist, with the PROXY protocol or without."""

import ipaddress

from harness import PATIENCE_S, Crosstap, Points, Sent, check, check_equal, dnsload, in_namespace, main, settle, tcp_answers, test, wait_for
from nameserver import Dnsdist, Knot
from priority import FIRST
from relay import Relay
from wire import network

CLIENTS, QUERIES, BEHIND = 40, 900, 5300
VERDICTS = 3  # windows that have the same one


class Pair:
    """dnsdist, Knot behind it, and the agent in the nameserver's namespace. `front`, `back`: where they are; `scopes`: of
    the inputs, by zone."""

    def __init__(self, lab, net, front, back, scopes, proxy=False):
        self.lab, self.net = lab, net
        self.taps = {zone: Relay(lab.path(zone + "-tap.sock"), lab.path(zone + ".sock")) for zone in scopes}
        self.crosstap = Crosstap(lab, grace="1500ms", crosscheck={"horizon": "3s"}, top={"resolvers": 100},
                                 wire={"mode": "packet", "interfaces": [net.device]},
                                 inputs=[{"zone": zone, "unix": lab.path(zone + ".sock"), "scope": scope}
                                         for zone, scope in scopes.items()],
                                 outputs=[{"file": {"path": lab.path("points.lp"), "format": "line"}}])
        self.crosstap.start(namespace=net.server, prefix=FIRST)
        self.knot = Knot(lab, lab.path("knot-tap.sock"), **back,
                         more="    proxy-allowlist: [ 127.0.0.0/8, 198.18.0.0/16 ]" if proxy else "").start()
        self.dnsdist = Dnsdist(lab, lab.path("dnsdist-tap.sock"), backend=self.knot, proxy=str(proxy).lower(), **front).start()
        for server in (self.knot, self.dnsdist):
            wait_for(lambda server=server: server.process.must_live() and
                     in_namespace(server.prefix[-1], tcp_answers, server.address, server.port), PATIENCE_S, f"{server.name} listens")
        self.crosstap.wait_connections(len(scopes))

    def play(self):
        """dnsdist has a cache: Knot gets what its relay says. Returns what dnsdist
        logged."""
        load = self.net.load()
        load["prefix"] = (*FIRST, *load["prefix"])
        report = dnsload(self.dnsdist, **load, count=QUERIES, rate=300, source_net=self.net.RESOLVERS, sources=CLIENTS,
                         timeout=PATIENCE_S)
        check_equal((report["timeouts"], report["lost"]), (0, 0), "answers that went astray")
        sent = Sent(report)
        if "dnsdist" in self.taps:
            sent = settle(self.crosstap, self.taps["dnsdist"], sent, zone="dnsdist")
        wait_for(lambda: self.counted("knot") == self.asked_knot() >= QUERIES / 2, PATIENCE_S,
                 lambda: f"Knot's queries: {self.counted('knot')} of {self.asked_knot()}")
        return sent

    def asked_knot(self):
        return sum(self.taps["knot"].passed("query").values())

    def counted(self, zone):
        return self.crosstap.metric("crosstap_dns_queries_total", zone=zone)

    def points(self):
        with open(self.lab.path("points.lp")) as file:
            return Points(file.read().rpartition("\n")[0])

    def clients(self, zone):
        """Addresses of dnstap."""
        return {fields["address"] for name, tags, fields, _ in self.points().points
                if name == "dns_resolver" and tags["zone"] == zone and "address" in fields and fields["queries"]}

    def wait_verdict(self, expected):
        def last():
            return [fields["verdict"] for name, _, fields, _ in self.points().points if name == "funnel"][-VERDICTS:]
        wait_for(lambda: last() == [expected] * VERDICTS, PATIENCE_S, lambda: f"{VERDICTS} times {expected}: {last()}")

    def stop(self):
        check_equal(self.crosstap.stop(), 0, "exit")
        self.dnsdist.process.must_live()
        self.knot.process.must_live()


def inside(net, port=53):
    return {"address": net.SERVER, "address6": net.SERVER6, "port": port, "prefix": (*FIRST, "ip", "netns", "exec", net.server)}


def outside(net):
    """Where the clients are."""
    return {"address": net.CLIENT, "address6": net.CLIENT6, "port": 53, "prefix": (*FIRST, "ip", "netns", "exec", net.client)}


def are_clients(net, addresses):
    return len(addresses) == CLIENTS and all(ipaddress.ip_address(a) in ipaddress.ip_network(net.RESOLVERS) for a in addresses)


@test
def on_one_host(lab):
    """dnsdist's frames are held against the wire; Knot's are figures of their own, of the clients that dnsdist tells it of."""
    with network() as net:
        pair = Pair(lab, net, inside(net), inside(net, BEHIND), {"dnsdist": "server", "knot": "zone"}, proxy=True)
        sent = pair.play()
        check_equal(pair.counted("dnsdist"), sent.total(), "queries of dnsdist")
        pair.wait_verdict("ok")
        check(are_clients(net, pair.clients("dnsdist")), f"clients of dnsdist: {pair.clients('dnsdist')}")
        check(pair.clients("knot") and pair.clients("knot") <= pair.clients("dnsdist"), f"Knot's: {pair.clients('knot')}")
        pair.stop()


@test
def on_two_hosts(lab):
    """Without the PROXY protocol both witnesses see dnsdist."""
    with network() as net:
        pair = Pair(lab, net, outside(net), inside(net), {"knot": "server"})
        pair.play()
        pair.wait_verdict("ok")
        check_equal(pair.clients("knot"), {net.CLIENT}, "of dnstap")
        pair.stop()


@test
def told_by_proxy(lab):
    """What comes behind a PROXY header is no DNS message to the wire: with `scope: zone` dnstap has the clients, and the
    verdict says that nothing is compared."""
    with network() as net:
        pair = Pair(lab, net, outside(net), inside(net), {"knot": "zone"}, proxy=True)
        pair.play()
        pair.wait_verdict("partial")
        check(len(pair.clients("knot")) > CLIENTS / 2, f"clients: {pair.clients('knot')}")
        check_equal(set(pair.points().by("wire_opcode", "messages", "opcode")), {("IQUERY",)}, "what the wire takes them for")
        pair.stop()


if __name__ == "__main__":
    main()
