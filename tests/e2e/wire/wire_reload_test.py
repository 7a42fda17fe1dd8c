#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A reload of what counts on the wire: the running agent counts what `replay` counts of a capture of the same traffic by the
same configuration, by BPF and by packet sockets. (tests/bpf/wire_same_test.c holds all modes to the same.)"""

import ipaddress
import json
import os
import signal
import subprocess

from harness import CROSSTAP, PATIENCE_S, Process, Sent, check, check_equal, dnsload, main, test, wait_for
from wire import Bench, check_mode, network

EACH = 150  # messages of each transport and family


def part(queries, **wire):
    """What a configuration counts of the queries, by transport and family."""
    return wire, {kind: EACH for kind in queries}


def parts(net):
    udp4, udp6, tcp4, tcp6 = ("udp", "ipv4"), ("udp", "ipv6"), ("tcp", "ipv4"), ("tcp", "ipv6")
    everything = {"addresses": [], "ports": [53], "dot_ports": [853]}
    return (
        part((udp4, udp6, tcp4, tcp6), **everything),
        part((udp4, tcp4), **dict(everything, addresses=[net.SERVER])),
        part((udp6, tcp6), **dict(everything, addresses=[net.SERVER6 + "/128"])),
        part((udp4, tcp4), **dict(everything, addresses=[str(ipaddress.ip_interface(net.SERVER + "/31").network)])),
        part((udp6, tcp6), **dict(everything, addresses=["fd00:c705::/64"])),
        part((udp4, udp6, tcp4, tcp6), **dict(everything, addresses=["198.18.0.0/15", "fd00::/16"])),
        # 0x20010db8 are the first four bytes of an IPv6 address, and the IPv4 address 32.1.13.184.
        part((), **dict(everything, addresses=["32.1.13.184", "2001:db8::/128"])),
        part((), **dict(everything, ports=[5353])),
        part((udp4, udp6, tcp4, tcp6), **everything),
    )


def counted(bench):
    """{direction: {(transport, family): messages}} of all windows so far."""
    points = bench.points()
    return {direction: points.by("wire", "messages", "transport", "family", direction=direction)
            for direction in ("query", "response")}


def since(now, before):
    return {direction: {kind: n - before[direction].get(kind, 0) for kind, n in kinds.items() if n > before[direction].get(kind, 0)}
            for direction, kinds in now.items()}


def reload(bench, wire):
    done = bench.crosstap.process.log().count("configuration reloaded")
    bench.crosstap.config["wire"].update(wire)
    bench.crosstap.write_config()
    bench.crosstap.process.kill(signal.SIGHUP)
    wait_for(lambda: bench.crosstap.process.must_live() and
             bench.crosstap.process.log().count("configuration reloaded") > done, PATIENCE_S, "the agent has reloaded")


def load(bench):
    """The same of each transport and family."""
    sent, place = Sent(), bench.net.load()
    for address in (bench.net.SERVER, bench.net.SERVER6):
        for tcp in ({}, {"tcp": 2}):
            sent.add(dnsload(bench.nameserver, **place, address=address, count=EACH, rate=2000, timeout=PATIENCE_S, **tcp))
    check_equal(sorted(sent.queries.values()), [EACH] * 4, "sent")
    check_equal(sent.answers(), 4 * EACH, "answers")


def captured(lab, bench, name):
    """A capture of the load, on the server's device."""
    path = lab.path(name + ".pcap")
    dump = Process(lab, name, ["tcpdump", "-Z", "root", "-i", bench.net.device, "-U", "-s", "0", "-w", path, "port", "53"],
                   ("ip", "netns", "exec", bench.net.server))
    wait_for(lambda: dump.must_live() and "listening on" in dump.log(), PATIENCE_S, "tcpdump listens")
    load(bench)
    bench.quiet()  # longer than libpcap waits for a full block
    dump.stop(signal.SIGINT)
    return path


def replayed(bench, path):
    run = subprocess.run([CROSSTAP, "replay", "--json", "-c", bench.crosstap.config_path, "--pcap", path], capture_output=True,
                         text=True, timeout=PATIENCE_S)
    check_equal(run.returncode, 0, f"exit of replay: {run.stderr}")
    wire = json.loads(run.stdout)["wire"]
    return {direction: {(transport, family): counts["messages"] for transport, families in wire[direction].items()
                        for family, counts in families.items() if counts["messages"]} for direction in ("query", "response")}


def through_reloads(lab, mode):
    with network() as net:
        first, *later = parts(net)
        bench = Bench(lab, net, mode, wire=first[0]).start()
        check_mode(bench, mode)
        for i, (wire, expected) in enumerate([first, *later]):
            if i:
                reload(bench, wire)
            before = counted(bench)
            path = captured(lab, bench, f"part{i}")
            seen, what = since(counted(bench), before), f"{mode}, {wire}"
            check_equal(seen, {"query": expected, "response": expected}, what)
            check_equal(replayed(bench, path), seen, f"replay of a capture, {what}")
            os.unlink(path)
        check_mode(bench, mode)
        bench.stop()


@test
def native(lab):
    through_reloads(lab, "native")


@test
def packet(lab):
    through_reloads(lab, "packet")


def overflow(bench):
    """Queries while the nameserver does not read. Returns the sockets' drops that the agent saw."""
    before = sum(f.get("socket_drops", 0) for _, f in bench.funnels())
    bench.nameserver.process.kill(signal.SIGSTOP)
    try:
        bench.load(count=6000, rate=0, window=6000, timeout=1)
    finally:
        bench.nameserver.process.kill(signal.SIGCONT)
    bench.quiet()
    return sum(f.get("socket_drops", 0) for _, f in bench.funnels()) - before


@test
def socket_drops(lab):
    """Sockets of the new ports are followed, and what they dropped before a reload is not new."""
    with network() as net:
        bench = Bench(lab, net, "native").start()
        check(overflow(bench) > 0, "drops of the nameserver's sockets are seen")
        reload(bench, {"ports": [5353]})
        check_equal(overflow(bench), 0, "drops of sockets that are on no port of ours")
        dropped = sum(f.get("socket_drops", 0) for _, f in bench.funnels())
        reload(bench, {"ports": [53]})
        bench.quiet()
        check_equal(sum(f.get("socket_drops", 0) for _, f in bench.funnels()), dropped, "drops of before the reload")
        check(overflow(bench) > 0, "drops of the nameserver's sockets are seen again")
        bench.stop()


if __name__ == "__main__":
    main()
