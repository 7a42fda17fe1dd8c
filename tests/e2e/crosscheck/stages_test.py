#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The funnel's stages: queries that end between the wire and dnstap, in a known number each. Each number is in the stage
it belongs to and in no other, the balance is what nobody can explain, and the verdict names the stage."""

import contextlib
import signal
import socket
import struct

import stages
from harness import PATIENCE_S, Namespaces, check, check_equal, output, wait_for
from stages import CUT, DNS, FRAGMENT, LONG, NOISE, OTHERS, SPARE, STRAY, Group, datagram, fragment6, halt, go_on, packet6, \
    proc_counter, query, send, send_fragments, send_frames, send_wrong, wait_frames, waiting

FRAGMENTS_WAIT = 3  # seconds for the others of a datagram, longer than a verdict remembers
MOBILITY = 135  # RFC 6275
TXT = query(qtype=16)
BLOCKED, UNTOLD = "198.18.2.1", "198.18.2.2"  # clients whose queries a rule drops, with a counter and without


def addresses(net):
    """More clients, and an address of the server that nobody listens on."""
    output("ip", "-n", net.server, "address", "add", SPARE + "/24", "dev", net.device)
    output("ip", "-n", net.client, "route", "add", "local", OTHERS, "dev", "lo")
    output("ip", "-n", net.server, "route", "add", OTHERS, "via", net.CLIENT)


def in_server(net, *words):
    return output("ip", "netns", "exec", net.server, *words)


def filtered(net):
    addresses(net)
    in_server(net, "nft", "add table inet filter; add counter inet filter blocked; "
              "add chain inet filter input { type filter hook input priority 0; }; "
              f"add rule inet filter input ip saddr {BLOCKED} udp dport {{ {DNS}, {NOISE} }} counter name blocked drop; "
              f"add rule inet filter input ip saddr {UNTOLD} udp dport {{ {DNS}, {NOISE} }} drop")
    in_server(net, "sysctl", "-qw", f"net.ipv4.ipfrag_time={FRAGMENTS_WAIT}", f"net.ipv6.ip6frag_time={FRAGMENTS_WAIT}")


def aside(net):
    """Where the way back to some clients is another device, the kernel is told to be strict."""
    filtered(net)
    output("ip", "-n", net.client, "route", "add", "local", STRAY, "dev", "lo")
    output("ip", "-n", net.server, "link", "add", "aside", "type", "veth", "peer", "name", "aside-peer")
    for device in ("aside", "aside-peer"):
        output("ip", "-n", net.server, "link", "set", device, "up")
    output("ip", "-n", net.server, "route", "add", STRAY, "dev", "aside")
    in_server(net, "sysctl", "-qw", f"net.ipv4.conf.{net.device}.rp_filter=1")


native = Group("native", "native", aside, nft_counters=["filter/blocked"])
tc = Group("tc", "tc", filtered, nft_counters=["filter/blocked"])
# Where nothing of BPF is loaded, the counters of the namespace are all there is.
counters = Group("counters", "packet", filtered, nft_counters=["filter/blocked"])


def lost(sent, verdict, source, *reasons, **stages_of):
    """The scene's own queries, and where they ended."""
    def judge(seen, total):
        seen.check_stages(total, [verdict] if stages_of else [], bound=source == "counters", **stages_of)
        seen.check_reasons(source, *reasons)
    return sent, judge


# ---- the stack ----


def netfilter(bench, source, count=700):
    """Queries that a rule drops, and 500 datagrams that are none."""
    send(bench.net, count, source=source)
    send(bench.net, 500, source=source, port=NOISE)
    return count


@native.scene
def netfilter_drop(bench):
    """A rule with a counter, that says the same once more, and one without."""
    return lost(netfilter(bench, BLOCKED) + netfilter(bench, UNTOLD), "stack-loss", "packets", "NETFILTER_DROP",
                stack_drops=1400)


@tc.scene
def netfilter_drop_with_tc(bench):
    """Where the wire is tc's, the same."""
    return lost(netfilter(bench, BLOCKED), "stack-loss", "packets", "NETFILTER_DROP", stack_drops=700)


@native.scene
def wrong_checksums(bench):
    """Short ones end at the socket's door, long ones in the hands of its reader, who counts them as the socket's."""
    send_wrong(bench.net, 300)
    send_wrong(bench.net, 200, query(LONG))
    return lost(500, "stack-loss", "packets", "UDP_CSUM", stack_drops=500)


@native.scene
def closed_port(bench):
    """No socket at the address; and at other ports, whose packets move the same counter of the kernel."""
    send(bench.net, 400, to=SPARE)
    send(bench.net, 600, port=NOISE)
    return lost(400, "stack-loss", "packets", "NO_SOCKET", stack_drops=400)


@native.scene
def reverse_path(bench):
    """Clients whose way back is another device, where the kernel is told to be strict."""
    send(bench.net, 350, source="198.19.7.1")
    return lost(350, "stack-loss", "packets", "IP_RPFILTER", stack_drops=350)


@native.scene
def elsewhere(bench):
    """Another namespace with the same addresses, nameserver and drops beside it changes nothing."""
    with network_beside() as other:
        send(other, 400)  # nobody listens there
        send(bench.net, 100, to=SPARE)
    return lost(100, "stack-loss", "packets", "NO_SOCKET", stack_drops=100)


@contextlib.contextmanager
def network_beside():
    namespaces = Namespaces("beside")
    namespaces.device += "b"
    try:
        yield namespaces.make()
    finally:
        namespaces.close()


def timed_out(net):
    return proc_counter(net, "snmp", "Ip", "ReasmTimeout") + proc_counter(net, "snmp6", "", "Ip6ReasmTimeout")


@native.scene
def fragments_missing(bench):
    """Of some queries in two fragments the second never comes, of some the first, which alone says what it is. Until the kernel
    gives them up they wait, and nobody is to blame."""
    before = timed_out(bench.net)
    send_fragments(bench.net, 200, (0, 1), first_number=1)
    send_fragments(bench.net, 150, (0,), first_number=1001)
    send_fragments(bench.net, 80, (1,), first_number=2001)
    send_fragments(bench.net, 100, (0, 1), socket.AF_INET6, first_number=1)
    send_fragments(bench.net, 120, (0,), socket.AF_INET6, first_number=1001)
    wait_for(lambda: timed_out(bench.net) == before + 150 + 80 + 120, PATIENCE_S,
             lambda: f"{timed_out(bench.net) - before} reassemblies timed out")
    return lost(200 + 150 + 100 + 120, "stack-loss", "packets", "FRAG_REASM_TIMEOUT", stack_drops=150 + 120)


@native.scene
def fragments_twice(bench):
    """A first fragment that comes twice is two queries to the wire, and one is dropped."""
    send_fragments(bench.net, 50, (0, 0, 1), first_number=3001)
    send_fragments(bench.net, 40, (0, 0, 1), socket.AF_INET6, first_number=3001)
    return lost(2 * (50 + 40), "stack-loss", "packets", "DUP_FRAG", stack_drops=50 + 40)


@native.scene
def fragments_short(bench):
    """The first fragment of a query may be UDP's header alone, or end in that of DNS."""
    before = timed_out(bench.net)
    send_fragments(bench.net, 70, (0, 1), first_number=9001, cut=8)
    send_fragments(bench.net, 60, (0, 1), first_number=9501, cut=16)
    send_fragments(bench.net, 50, (0, 1), socket.AF_INET6, first_number=9001, cut=8)
    send_fragments(bench.net, 40, (0,), first_number=9801, cut=8)
    wait_for(lambda: timed_out(bench.net) == before + 40, PATIENCE_S, lambda: f"{timed_out(bench.net) - before} timed out")
    return lost(70 + 60 + 50 + 40, "stack-loss", "packets", "FRAG_REASM_TIMEOUT", stack_drops=40)


@native.scene
def fragments_overlap(bench):
    """Of fragments that overlap the kernel drops all, the first one without a reason."""
    send_fragments(bench.net, 150, (0, 2), first_number=8001)
    send_fragments(bench.net, 130, (0, 2), socket.AF_INET6, first_number=8001)

    def judge(seen, sent):
        seen.check_stages(sent, ["stack-loss"], bound=True, stack_drops=280)
        check_equal((seen.reasons(False), seen.reasons(True)), ({}, {"ReasmOverlaps": 280}), "reasons")
    return 280, judge


@native.scene
def fragments_refused(bench):
    """No memory for fragments: the kernel names no reason for these drops, so they are a bound, and as many as are missing."""
    thresholds = ("net.ipv4.ipfrag_low_thresh", "net.ipv4.ipfrag_high_thresh")
    before = {name: in_server(bench.net, "sysctl", "-n", name).strip() for name in thresholds}
    in_server(bench.net, "sysctl", "-qw", *(f"{name}=0" for name in thresholds))
    send_fragments(bench.net, 400, (0, 1), first_number=4001)
    in_server(bench.net, "sysctl", "-qw", *(f"{name}={before[name]}" for name in reversed(thresholds)))

    def judge(seen, sent):
        seen.check_stages(sent, ["stack-loss"], bound=True, stack_drops=400)
        check_equal((seen.reasons(False), seen.reasons(True)), ({}, {"NOT_SPECIFIED": 400}), "reasons")
    return 400, judge


@native.scene
def conntrack(bench):
    """A rule on what is no part of a connection, as a wrong checksum is. The kernel reassembles before it asks, and gives up in
    the same way; of IPv6 it does not say how many it waits for, so they are fewer than may count next door."""
    before = timed_out(bench.net)
    in_server(bench.net, "sysctl", "-qw", "net.netfilter.nf_conntrack_frag6_timeout=1")
    in_server(bench.net, "nft", "add table inet states; "
              "add chain inet states input { type filter hook input priority -1; }; "
              "add rule inet states input ct state invalid drop")
    send_wrong(bench.net, 200)
    send_wrong(bench.net, 100, query(LONG))
    send_fragments(bench.net, 60, (0, 1), first_number=5001)
    send_fragments(bench.net, 50, (0,), first_number=6001)
    send_fragments(bench.net, 8, (0,), socket.AF_INET6, first_number=6001)
    wait_for(lambda: timed_out(bench.net) == before + 50 + 8, PATIENCE_S,
             lambda: f"{timed_out(bench.net) - before} reassemblies timed out")
    in_server(bench.net, "nft", "delete table inet states")
    return lost(300 + 60 + 50 + 8, "stack-loss", "packets", "NETFILTER_DROP", "FRAG_REASM_TIMEOUT", stack_drops=300 + 50 + 8)


def as_jumbogram(net, port):
    return datagram(net, socket.AF_INET6, port, told=0)


def half_jumbogram(net, i):
    """Two fragments are one."""
    number, data = i // 2, as_jumbogram(net, 21000 + i // 2)
    return packet6(net, fragment6(7001 + number, CUT, False, data[CUT:]) if i % 2 else fragment6(7001 + number, 0, True, data[:CUT]),
                   header=FRAGMENT)


@native.scene
def no_length(bench):
    """Linux takes a datagram over IPv6 that says no length for as long as its packet, also one in fragments, and of a packet
    that says none it drops all, unless hop-by-hop options are in it."""
    options = struct.pack("!BBBB4x", socket.IPPROTO_UDP, 0, 1, 4)  # one of padding
    send_frames(bench.net, 90, lambda i: packet6(bench.net, as_jumbogram(bench.net, 20000 + i)))
    send_frames(bench.net, 2 * 40, lambda i: half_jumbogram(bench.net, i))
    send_frames(bench.net, 70, lambda i: packet6(bench.net, datagram(bench.net, socket.AF_INET6, 22000 + i), told=0))
    send_frames(bench.net, 60, lambda i: packet6(
        bench.net, options + datagram(bench.net, socket.AF_INET6, 23000 + i), told=0, header=socket.IPPROTO_HOPOPTS))
    return lost(90 + 40 + 60, None, "packets")


@native.scene
def tags(bench):
    """VLANs in VLANs that are not here: a device counts what nobody takes among its drops. The inner tag is in the packet."""
    def tagged(*tags):
        return lambda i: struct.pack(f"!{2 * len(tags)}H", *(n for tag in tags for n in (tag, 5))) + packet6(
            bench.net, datagram(bench.net, socket.AF_INET6, 20000 + i))
    send_frames(bench.net, 110, tagged(0x88a8, 0x8100))
    send_frames(bench.net, 50, tagged(0x9100))
    send_frames(bench.net, 40, tagged(0x9100, 0x8100))

    def judge(seen, sent):
        seen.check_stages(sent, ["stack-loss"], bound=True, stack_drops=200, nic_drops=200)
        check_equal((seen.reasons(False), seen.reasons(True)), ({}, {"UNHANDLED_PROTO": 200}), "reasons")
    return 200, judge


# ---- the socket ----


@native.long_scene
def socket_overflow(bench):
    """The nameserver is stopped until its sockets hold no more. What it answers afterwards had room."""
    halt(bench)
    for i in range(4):  # more than one of its sockets
        send(bench.net, 750, source=f"198.18.1.{10 + i}")
    go_on(bench.net, bench)

    def judge(seen, sent):
        full = sent - seen.sums["wire_responses"]
        check(1000 < full < 2900, f"{full} of 3000 had no room")
        seen.check_stages(sent, ["socket-loss"], socket_drops=full)
        seen.check_reasons("packets")
    return 3000, judge


@native.long_scene
def socket_overflow_of_others(bench):
    """What overflows a socket and is not compared is in no stage: it never was in the wire's figure, or is malformed."""
    halt(bench)
    notify = bytes([0, 1, 0x20]) + query()[3:]
    for i, text in enumerate((query(), notify, b"abc", query(qtype=252))):
        send(bench.net, 600, source=f"198.18.1.{10 + i}", text=text)
    send(bench.net, 600, source="198.18.1.10")
    go_on(bench.net, bench)

    def judge(seen, sent):
        sums = seen.sums
        check_equal(sums["wire_queries"], sent, "compared: two times queries and the malformed")
        check(0 <= sums["unexplained"] <= stages.FEW, f"unexplained: {sums}")
        check_equal(sums["wire_queries"] - sums["socket_drops"] - sums["malformed"], sums["wire_responses"], f"answered: {sums}")
        check(0 < sums["socket_drops"] < 1200, f"queries that had no room: {sums}")
        seen.check_counted()
        seen.check_reasons("packets")
        print("    ", sums, flush=True)
    return 1200 + 600, judge


@native.long_scene
def socket_closed(bench):
    """The nameserver is killed while queries wait for it, and others with them that are none or not compared; then another
    one comes. What it never read went with the socket."""
    halt(bench)
    send(bench.net, 120, source="198.18.1.10")
    send(bench.net, 40, source="198.18.1.10", text=b"abc")
    send(bench.net, 30, source="198.18.1.10", text=query(qtype=252))
    send(bench.net, 60, source="198.18.1.11")
    replace_nameserver(bench)

    def judge(seen, sent):
        seen.check_stages(sent, ["socket-loss"], socket_drops=180, malformed=40)
        seen.check_reasons("packets")
    return 180 + 40, judge


@native.long_scene
def socket_closed_full(bench):
    """The same with more than fits in: what had no room is lost, too, though the socket is gone that counted it."""
    halt(bench)
    for i in range(4):
        send(bench.net, 750, source=f"198.18.1.{10 + i}")
    send(bench.net, 500, text=query(qtype=252))
    replace_nameserver(bench)

    def judge(seen, sent):
        seen.check_stages(sent, ["socket-loss"], socket_drops=3000)
        seen.check_reasons("packets")
    return 3000, judge


def replace_nameserver(bench):
    check(waiting(bench.net), "queries wait in sockets")
    bench.nameserver.process.kill(signal.SIGKILL)
    bench.nameserver.process.wait()
    wait_for(lambda: bench.crosstap.metric("crosstap_input_connections") == 0, PATIENCE_S, "the agent has seen it go")
    bench.start_nameserver()
    bench.crosstap.wait_connections(1)


# ---- dnstap ----


@native.long_scene
def dnstap_stretch(bench):
    """Frames of a client's 300 queries of one type are thrown away on their way to the agent."""
    bench.tap.drop_holding = TXT[12:]
    send(bench.net, 300, text=TXT, rate=1000)
    wait_frames(lambda: bench.tap.dropped_of(direction="query"), 300)

    def judge(seen, sent):
        seen.check_stages(sent, ["dnstap-loss"], unexplained=300)
        check(sum(f["corrected_low"] for f in seen.funnels) <= sent <= sum(f["corrected_high"] for f in seen.funnels),
              f"{sent} are within the interval of the corrected count: {seen.funnels}")
        missing = sum(f["difference"] for name, tags, f, _ in seen.points
                      if name == "crosscheck_qtype" and tags["qtype"] == "TXT")
        check_equal(missing, 300, "missing of the type")
        rows = [f for name, _, f, _ in seen.points if name == "crosscheck_source" and f["address"] == bench.net.CLIENT]
        check_equal({key: sum(f[key] for f in rows) for key in ("wire", "dnstap", "difference")},
                    {"wire": 300, "dnstap": 0, "difference": 300}, "the client whose queries are missing")
    return 300, judge


@native.long_scene
def dnstap_stretch_and_reload(bench):
    """The balance goes on over reloads that change nothing of what is compared."""
    bench.tap.drop_holding = TXT[12:]
    before = bench.tap.dropped_of(direction="query")
    for _ in range(3):
        send(bench.net, 100, text=TXT, rate=100)
        bench.reload()
    wait_frames(lambda: bench.tap.dropped_of(direction="query"), before + 300)

    def judge(seen, sent):
        check("reload" in {reason for w in seen.windows for reason in w["incomplete"]}, "one of the windows had a reload")
        seen.check_stages(sent, ["dnstap-loss"], unexplained=300)
    return 300, judge


# ---- without the kernel's reasons ----


@counters.scene
def counters_netfilter(bench):
    """The rule's counter has 1200, of which 700 are missing."""
    return lost(netfilter(bench, BLOCKED), "stack-loss", "counters", "filter/blocked", stack_drops=700)


@counters.scene
def counters_closed_port(bench):
    """The kernel counted 1000, of which 400 are missing."""
    send(bench.net, 400, to=SPARE)
    send(bench.net, 600, port=NOISE)
    return lost(400, "stack-loss", "counters", "UdpNoPorts", stack_drops=400)


@counters.scene
def counters_checksums(bench):
    send_wrong(bench.net, 300)
    send_wrong(bench.net, 200, query(LONG))
    return lost(500, "stack-loss", "counters", "UdpInCsumErrors", stack_drops=500)


@counters.scene
def counters_lengths(bench):
    """Datagrams that say more than the packet holds are in no counter of their own."""
    send_frames(bench.net, 200, lambda i: packet6(bench.net, datagram(bench.net, socket.AF_INET6, 20000 + i, told=900)))
    send_wrong(bench.net, 250, told=900)
    return lost(450, "stack-loss", "counters", "UdpInErrors", "Udp6InErrors", stack_drops=450)


@counters.scene
def counters_headers(bench):
    """An extension header that the kernel does not know what to do with: of mobility."""
    header = struct.pack("!BB6x", socket.IPPROTO_UDP, 0)
    send_frames(bench.net, 300, lambda i: packet6(
        bench.net, header + datagram(bench.net, socket.AF_INET6, 20000 + i), header=MOBILITY))
    return lost(300, "stack-loss", "counters", "Ip6InUnknownProtos", stack_drops=300)


@counters.scene
def counters_fragments(bench):
    """The kernel counts what it gave up, whatever it was."""
    before = timed_out(bench.net)
    send_fragments(bench.net, 400, (0, 1), first_number=1)
    send_fragments(bench.net, 150, (0,), first_number=1001)
    send_fragments(bench.net, 80, (1,), first_number=2001)
    send_fragments(bench.net, 90, (0,), socket.AF_INET6, first_number=1001)
    wait_for(lambda: timed_out(bench.net) == before + 150 + 80 + 90, PATIENCE_S,
             lambda: f"{timed_out(bench.net) - before} reassemblies timed out")
    return lost(400 + 150 + 90, "stack-loss", "counters", "IpReasmFails", "Ip6ReasmFails", stack_drops=150 + 90)


@counters.long_scene
def counters_netfilter_unknown(bench):
    """A rule that nobody told the agent of: the kernel has no counter for it, and dnstap gets the blame."""
    sent = netfilter(bench, UNTOLD, 150)

    def judge(seen, total):
        seen.check_stages(total, ["dnstap-loss"], unanswered=sent, unexplained=sent)
    return sent, judge


@counters.long_scene
def counters_socket_closed(bench):
    """What a socket had in it that is closed no counter says."""
    halt(bench)
    send(bench.net, 120)
    replace_nameserver(bench)

    def judge(seen, sent):
        seen.check_stages(sent, ["dnstap-loss"], unanswered=120, unexplained=120)
    return 120, judge


if __name__ == "__main__":
    stages.main(native, tc, counters)
