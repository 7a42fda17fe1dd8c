#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""EDNS options and extended errors as real nameservers send them: cookies, client subnets, NSID, codes of RFC 8914. What
crosstap counts is what this reader finds in the messages that it sent and got back."""

import socket
import struct
from collections import Counter

from harness import PATIENCE_S, Crosstap, Failure, Points, check, check_equal, main, test, wait_for
from kinds import OPT, name
from nameserver import BIND, Knot, Unbound

NSID, ECS, COOKIE, EDE = 3, 8, 10, 15  # IANA, DNS EDNS0 Option Codes
NAMES = {NSID: "nsid", ECS: "ecs", COOKIE: "cookie"}
NOT_AUTHORITATIVE, PROHIBITED = 20, 18  # RFC 8914
REFUSED_FROM = "127.9.0.1"  # an access list has it
BADCOOKIE = 23


def option(code, data=b""):
    return struct.pack("!HH", code, len(data)) + data


def subnet(family, prefix, address):
    return option(ECS, struct.pack("!HBB", family, prefix, 0) + address)


CLIENT_COOKIE, V4, V6 = option(COOKIE, b"a client"), subnet(1, 24, bytes([198, 51, 100])), subnet(2, 56, bytes.fromhex("20010db8005300"))
INSIDE, OUTSIDE = "www.example.nl", "www.elsewhere.example"
# (how many, name, address, options); each another number, so that none is taken for another.
ASKED = [(3, INSIDE, None, b""), (5, INSIDE, None, CLIENT_COOKIE), (7, INSIDE, None, option(NSID)), (4, INSIDE, None, V4),
         (6, INSIDE, None, V6), (9, OUTSIDE, None, b""), (2, OUTSIDE, None, CLIENT_COOKIE + option(NSID) + V4),
         (8, INSIDE, REFUSED_FROM, b"")]


def options(message):
    """[(code, data)] of the OPT record."""
    counts, at = struct.unpack_from("!4H", message, 4), 12

    def behind_name(at):
        while message[at]:
            if message[at] >= 0xc0:
                return at + 2
            at += 1 + message[at]
        return at + 1
    for _ in range(counts[0]):
        at = behind_name(at) + 4
    for _ in range(sum(counts[1:])):
        at = behind_name(at)
        kind, _, _, length = struct.unpack_from("!HHIH", message, at)
        at += 10 + length
        if kind == OPT:
            data, found = message[at - length:at], []
            while data:
                code, n = struct.unpack_from("!HH", data)
                found.append((code, data[4:4 + n]))
                data = data[4 + n:]
            return found
    return []


class Seen:
    """Counters of one nameserver, by this reader."""

    def __init__(self):
        self.flags = {"query": Counter(), "response": Counter()}
        self.subnets, self.errors, self.codes = Counter(), Counter(), Counter()

    def take(self, direction, message):
        found = options(message)
        self.flags[direction].update({NAMES[code] for code, _ in found if code in NAMES})
        if direction == "query":
            for code, data in found:
                if code == ECS:
                    family, prefix = struct.unpack_from("!HB", data)
                    self.subnets[("ipv4" if family == 1 else "ipv6", str(prefix))] += 1
        else:
            self.errors.update({(str(struct.unpack_from("!H", data)[0]),) for code, data in found if code == EDE})


def ask(server):
    seen, number = Seen(), 0
    for count, text, source, data in ASKED:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((source or "127.0.0.1", 0))
            sock.connect((server.address, server.port))
            sock.settimeout(PATIENCE_S)
            for _ in range(count):
                number += 1
                query = struct.pack("!6H", number, 0, 1, 0, 0, 1) + name(text) + struct.pack("!2H", 1, 1) + \
                    b"\0" + struct.pack("!HHIH", OPT, 1232, 0, len(data)) + data
                sock.send(query)
                answer = sock.recv(4096)
                if answer[:2] != query[:2]:
                    raise Failure(f"{server.name}: an answer to another query")
                seen.take("query", query)
                seen.take("response", answer)
    return seen, number


def count(lab, server):
    """One nameserver's: (what this reader saw, points)."""
    crosstap = Crosstap(lab, inputs=[{"zone": "example.nl", "unix": lab.path("in.sock"), "mode": "0666"}],
                        outputs=[{"file": {"path": lab.path("points.lp"), "format": "line"}}]).start()
    server.start()
    crosstap.wait_connections(1)
    seen, number = ask(server)
    crosstap.wait_metric("crosstap_dns_queries_total", number, zone="example.nl")
    crosstap.wait_metric("crosstap_dns_responses_total", number, zone="example.nl")
    check_equal(crosstap.stop(), 0, "exit")
    server.process.must_live()
    points = Points(open(lab.path("points.lp")).read())
    for direction, flags in seen.flags.items():
        for flag in NAMES.values():
            check_equal(points.by("dns_flags", flag, direction=direction).get((), 0), flags[flag], f"{flag} of each {direction}")
    check_equal(points.by("dns_ecs", "queries", "family", "prefix"), dict(seen.subnets), "client subnets")
    check_equal(points.by("dns_ede", "responses", "code"), dict(seen.errors), "extended errors")
    return seen, points


def check_answered(seen, **flags):
    """The nameserver did send these: the figures above are not of nothing."""
    for flag, number in flags.items():
        check_equal(seen.flags["response"][flag], number, f"{flag} that came back")


@test
def knot(lab):
    server = Knot(lab, lab.path("in.sock"), modules="mod-dnstap/tap, mod-cookies", more="    nsid: here\n    edns-client-subnet: on")
    seen, points = count(lab, server)
    check_answered(seen, nsid=9, ecs=12, cookie=7)
    check_equal(dict(seen.errors), {(str(NOT_AUTHORITATIVE),): 9}, "codes")
    check_equal(points.by("dns_rcode", "responses", "rcode").get(("BADCOOKIE",)), 7, "without a server's cookie")


@test
def bind(lab):
    server = BIND(lab, lab.path("in.sock"), more='server-id "here";', asking=f"!{REFUSED_FROM}; any;")
    started = server.start

    def start():
        started()
        wait_for(lambda: "all zones loaded" in server.process.log(), PATIENCE_S, "the zone is loaded")
    server.start = start
    seen, _ = count(lab, server)
    check_answered(seen, nsid=9, ecs=12, cookie=7)
    check_equal(dict(seen.errors), {(str(PROHIBITED),): 8}, "codes")


@test
def unbound(lab):
    more = ['ede: yes', 'nsid: "ascii_here"', f'access-control: {REFUSED_FROM}/32 refuse', 'local-zone: "example.nl." static',
            f'local-data: "{INSIDE}. A 192.0.2.1"']
    server = Unbound(lab, lab.path("in.sock"), more="".join(f"    {line}\n" for line in more), backend_address="127.0.0.1",
                     backend_port="1")
    seen, _ = count(lab, server)
    check_answered(seen, nsid=9)
    check(set(seen.errors) == {(str(PROHIBITED),), (str(NOT_AUTHORITATIVE),)}, f"codes: {seen.errors}")


if __name__ == "__main__":
    main()
