#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The funnel's stages: queries that end between the wire and dnstap, in a known number each. Each number is in the stage
it belongs to and in no other, the balance is what nobody can explain, and the verdict names the stage."""

import contextlib
import os
import signal
import socket
import struct
import threading
import time

from frames import message
from harness import Failure, Namespaces, Points, check, check_equal, dnsload, in_namespace, main, output, test, \
    wait_for
from relay import Relay
from wire import Bench, network

DNS = 53
NOISE = 5353         # a port that no DNS is on: what is dropped there is none of ours
SPARE = "198.18.0.3"  # an address of the server that the nameserver does not listen on
STRAY = "198.19.7.0/24"  # clients whose way back is another device


# ---- what is sent ----


def query(name="www.example.nl", qtype=1, number=0):
    return message(name, qtype, number & 0xffff)


LONG = ".".join(["a" * 60] * 2) + ".example.nl"  # a datagram of more than 76 bytes: only its reader looks at the checksum


def send(net, count, to=None, port=DNS, source=None, text=query(), rate=5000):
    """Datagrams from the clients' namespace, through the kernel."""
    def run():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((source or net.CLIENT, 0))
            for i in range(count):
                with contextlib.suppress(ConnectionRefusedError):
                    sock.sendto(text, (to or net.SERVER, port))
                if i % 50 == 49:
                    time.sleep(50 / rate)
    in_namespace(net.client, run)


def send_wrong(net, count, text=query(), rate=2000):
    """Datagrams whose checksum is wrong, as a broken sender makes them."""
    def run():
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as sock:
            sock.bind((net.CLIENT, 0))
            for i in range(count):
                sock.sendto(struct.pack("!4H", 40000 + i, DNS, 8 + len(text), 0xbad1) + text, (net.SERVER, 0))
                if i % 50 == 49:
                    time.sleep(50 / rate)
    in_namespace(net.client, run)


# ---- what is seen ----


class Stages(Bench):
    """Remembers what the agent said of each window about its drops. The horizon is most of a test: a nameserver that is
    halted, or whose frames vanish, makes dnstap silent for some windows."""

    def __init__(self, *args, horizon="15s", nft_counters=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.crosstap.config["crosscheck"] = {"horizon": horizon, "nft_counters": list(nft_counters)}
        self.windows = {}  # time: the JSON of /api/v1/crosscheck
        self.stopped = threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def start(self):
        super().start()
        self.watcher.start()
        return self

    def wait_balanced(self):
        try:
            super().wait_balanced()
        except Failure as failure:
            raise Failure(f"windows are not complete: {self.crosstap.api('crosscheck')['incomplete']}; {failure}") from None

    def close(self):
        self.stopped.set()
        self.watcher.join()

    def watch(self):
        while not self.stopped.wait(0.2):
            with contextlib.suppress(Failure):  # none has closed yet, or the machine is busy
                window = self.crosstap.api("crosscheck")
                self.windows[window["time_ms"]] = window

    def points(self):
        """Of the cross-check alone: there are many others."""
        if not os.path.exists(self.path):
            return Points("")
        with open(self.path) as file:
            lines = file.read().rpartition("\n")[0].splitlines()
        return Points("\n".join(line for line in lines if line.startswith(("funnel,", "crosscheck_"))))

    def reasons(self, upper_bound):
        """{reason: messages}; without the windows that nobody looked at in time."""
        found = {}
        for window in list(self.windows.values()):
            for drop in window.get("stack_drops", []):
                if drop["upper_bound"] == upper_bound:
                    found[drop["reason"]] = found.get(drop["reason"], 0) + drop["messages"]
        return found

    def sources(self):
        return {w["stack_drops_source"] for w in list(self.windows.values()) if "stack_drops_source" in w}

    def sums(self):
        """Of the windows of the balance: devices that come up drop what they like."""
        funnels = [f for _, f in self.funnels() if "balance" in f]
        return {key: sum(f.get(key, 0) for f in funnels)
                for key in ("wire_queries", "dnstap_queries", "wire_responses", "stack_drops", "socket_drops", "queued",
                            "malformed", "not_logged", "tx_drops", "nic_drops", "explained", "unexplained")}


def check_stages(bench, sent, verdict, **stages):
    """All of `sent`, but what ended in the stages, has its dnstap frame."""
    expected = {"wire_queries": sent, "stack_drops": 0, "socket_drops": 0, "queued": 0, "malformed": 0, "not_logged": 0,
                "unexplained": 0, "tx_drops": 0, "nic_drops": 0, **stages}
    expected["explained"] = sum(expected[k] for k in ("stack_drops", "socket_drops", "queued", "malformed", "not_logged"))
    expected["dnstap_queries"] = sent - expected["explained"] - expected["unexplained"]
    expected["wire_responses"] = sent - expected["explained"]
    check_equal(bench.sums(), expected, f"sums over all windows; {bench.reasons(False)}, at most {bench.reasons(True)}")
    funnels = [f for _, f in bench.funnels()]
    check_equal(funnels[-1]["balance"], expected["unexplained"], f"final balance; all: {funnels}")
    verdicts = [f["verdict"] for f in funnels if "balance" in f]
    check(verdict in verdicts and set(verdicts) <= {verdict, "ok"}, f"verdict {verdict}: {verdicts}")
    print("    ", {k: v for k, v in expected.items() if v}, bench.reasons(False), flush=True)


def check_reasons(bench, source, *reasons):
    """Where the drops are from and what they are called. How many they are is in the points."""
    check_equal(bench.sources(), {source}, f"source of stack drops ({bench.crosstap.process.log()[-500:]})")
    seen, others = bench.reasons(source == "counters"), bench.reasons(source != "counters")
    check_equal((set(seen), others), (set(reasons), {}), f"reasons ({seen})")


@contextlib.contextmanager
def stages(lab, mode="native", prepare=None, **config):
    with network() as net:
        output("ip", "-n", net.server, "address", "add", SPARE + "/24", "dev", net.device)
        if prepare:
            prepare(net)
        bench = Stages(lab, net, mode, **config).start()
        try:
            yield net, bench
        finally:
            bench.close()
        bench.stop()


def answered(bench, count):
    """Queries that the nameserver gets and answers, around those that are lost: dnstap is not silent. So few a second that
    a nameserver on a busy machine drops no frame by itself."""
    report = dnsload(bench.nameserver, **bench.net.load(), source_net=bench.net.RESOLVERS, count=count, rate=500, timeout=10)
    check_equal((report["timeouts"], report["sent"]), (0, count), "answered queries")
    return count


def apart():
    """Keeps what is answered out of the windows with drops: an upper bound would explain, too, what a busy machine
    answers a window later."""
    time.sleep(2.5)


# ---- the socket ----


def halt(bench):
    """Stops the nameserver, once it has handed over the frames that it keeps for a second."""
    time.sleep(1.5)
    bench.nameserver.process.kill(signal.SIGSTOP)


def go_on(net, bench):
    """The stopped nameserver continues, and has read all that waits for it."""
    bench.nameserver.process.kill(signal.SIGCONT)

    def waiting():
        lines = output("ss", "-N", net.server, "-Hunl", f"sport = :{DNS}").split("\n")
        return sum(int(line.split()[1]) for line in lines if line)
    wait_for(lambda: not waiting(), 10, lambda: f"{waiting()} bytes wait in sockets")


@test
def socket_overflow(lab):
    """The nameserver is stopped until its sockets hold no more. What it answers afterwards had room."""
    with stages(lab) as (net, bench):
        sent = answered(bench, 500)
        halt(bench)
        for i in range(4):  # more than one of its sockets
            send(net, 750, source=f"198.18.1.{10 + i}")
        sent += 3000
        go_on(net, bench)
        sent += answered(bench, 500)
        bench.quiet()
        lost = sent - bench.sums()["wire_responses"]
        check(1000 < lost < 2900, f"{lost} of 3000 had no room")
        check_stages(bench, sent, "socket-loss", socket_drops=lost)
        check_reasons(bench, "packets")


@test
def socket_overflow_of_others(lab):
    """What overflows a socket and is not compared is in no stage: it never was in the wire's figure, or is malformed."""
    with stages(lab) as (net, bench):
        sent = answered(bench, 500)
        halt(bench)
        notify = bytes([0, 1, 0x20]) + query()[3:]
        for i, text in enumerate((query(), notify, b"abc", query(qtype=252))):
            send(net, 600, source=f"198.18.1.{10 + i}", text=text)
        send(net, 600, source="198.18.1.10")
        go_on(net, bench)
        sent += answered(bench, 500)
        bench.quiet()
        sums = bench.sums()
        check_equal(sums["wire_queries"], sent + 1200 + 600, "compared: two times queries and the malformed")
        check_equal(sums["unexplained"], 0, f"unexplained: {sums}")
        check_equal(bench.funnels()[-1][1]["balance"], 0, "final balance")
        check(0 < sums["socket_drops"] < 1200, f"queries that had no room: {sums}")
        check_reasons(bench, "packets")
        print("    ", sums, flush=True)


# ---- the stack ----


def rules(net, drop):
    """Port 53 and another one, from the client's own address. The counter counts both."""
    rule = f"ip saddr {net.CLIENT} udp dport {{ {DNS}, {NOISE} }} counter name blocked {drop}"
    output("ip", "netns", "exec", net.server, "nft",
           f"add table inet filter; add counter inet filter blocked; "
           f"add chain inet filter input {{ type filter hook input priority 0; }}; add rule inet filter input {rule}")


def netfilter(lab, mode, counters, drop="drop"):
    """700 queries that a rule drops among 1000 that are answered, and 500 datagrams that are no queries."""
    def prepare(net):
        rules(net, drop)
    with stages(lab, mode, prepare, nft_counters=counters) as (net, bench):
        sent = answered(bench, 500)
        apart()
        send(net, 700)
        send(net, 500, port=NOISE)
        apart()
        sent += answered(bench, 500)
        bench.quiet()
        yield bench, sent + 700


@test
def netfilter_drop(lab):
    for bench, sent in netfilter(lab, "native", []):
        check_stages(bench, sent, "stack-loss", stack_drops=700)
        check_reasons(bench, "packets", "NETFILTER_DROP")


@test
def netfilter_drop_with_counter(lab):
    """The rule's counter says the same once more."""
    for bench, sent in netfilter(lab, "native", ["filter/blocked"]):
        check_stages(bench, sent, "stack-loss", stack_drops=700)
        check_reasons(bench, "packets", "NETFILTER_DROP")


@test
def netfilter_drop_with_tc(lab):
    """Where the wire is tc's, the same."""
    for bench, sent in netfilter(lab, "tc", ["filter/blocked"]):
        check_stages(bench, sent, "stack-loss", stack_drops=700)
        check_reasons(bench, "packets", "NETFILTER_DROP")


@test
def wrong_checksums(lab):
    """Short ones end at the socket's door, long ones in the hands of its reader, who counts them as the socket's."""
    with stages(lab) as (net, bench):
        sent = answered(bench, 500)
        send_wrong(net, 300)
        send_wrong(net, 200, query(LONG))
        sent += answered(bench, 500)
        bench.quiet()
        check_stages(bench, sent + 500, "stack-loss", stack_drops=500)
        check_reasons(bench, "packets", "UDP_CSUM")


@test
def closed_port(lab):
    """No socket at the address; and at other ports, whose packets move the same counter of the kernel."""
    with stages(lab) as (net, bench):
        sent = answered(bench, 500)
        send(net, 400, to=SPARE)
        send(net, 600, port=NOISE)
        sent += answered(bench, 500)
        bench.quiet()
        check_stages(bench, sent + 400, "stack-loss", stack_drops=400)
        check_reasons(bench, "packets", "NO_SOCKET")


@test
def reverse_path(lab):
    """Clients whose way back is another device, where the kernel is told to be strict."""
    def prepare(net):
        output("ip", "-n", net.client, "route", "add", "local", STRAY, "dev", "lo")
        output("ip", "-n", net.server, "link", "add", "aside", "type", "veth", "peer", "name", "aside-peer")
        for device in ("aside", "aside-peer"):
            output("ip", "-n", net.server, "link", "set", device, "up")
        output("ip", "-n", net.server, "route", "add", STRAY, "dev", "aside")
        output("ip", "netns", "exec", net.server, "sysctl", "-qw", f"net.ipv4.conf.{net.device}.rp_filter=1")
    with stages(lab, prepare=prepare) as (net, bench):
        sent = answered(bench, 500)
        send(net, 350, source="198.19.7.1")
        sent += answered(bench, 500)
        bench.quiet()
        check_stages(bench, sent + 350, "stack-loss", stack_drops=350)
        check_reasons(bench, "packets", "IP_RPFILTER")


@test
def elsewhere(lab):
    """Another namespace with the same addresses, nameserver and drops beside it changes nothing."""
    with stages(lab) as (net, bench), network_beside() as other:
        sent = answered(bench, 500)
        send(other, 400)  # nobody listens there
        send(net, 100, to=SPARE)
        sent += answered(bench, 500)
        bench.quiet()
        check_stages(bench, sent + 100, "stack-loss", stack_drops=100)
        check_reasons(bench, "packets", "NO_SOCKET")


@contextlib.contextmanager
def network_beside():
    namespaces = Namespaces("beside")
    namespaces.device += "b"
    try:
        yield namespaces.make()
    finally:
        namespaces.close()


# ---- dnstap ----


@test
def dnstap_stretch(lab):
    """Frames of a client's 300 queries of one type are thrown away on their way to the agent."""
    with stages(lab, tap=Relay) as (net, bench):
        sent = answered(bench, 500)
        bench.quiet()
        bench.tap.drop_every = 1
        send(net, 300, text=query(qtype=16), rate=1000)
        wait_for(lambda: bench.tap.dropped_of(direction="response") == 300, 10, lambda: f"dropped {bench.tap.dropped}")
        bench.tap.drop_every = 0
        sent += 300 + answered(bench, 500)
        bench.quiet()
        bench.tap.close()
        check_equal(bench.tap.dropped_of(direction="query"), 300, "queries' frames that were thrown away")
        check_stages(bench, sent, "dnstap-loss", unexplained=300)
        funnels, points = [f for _, f in bench.funnels()], bench.points()
        check(sum(f.get("corrected_low", 0) for f in funnels) <= sent <= sum(f.get("corrected_high", 0) for f in funnels),
              f"{sent} are within the interval of the corrected count: {funnels}")
        check_equal(points.by("crosscheck_qtype", "difference", "qtype"), {("TXT",): 300}, "missing types")
        rows = [f for name, _, f, _ in points.points if name == "crosscheck_source"]
        clients = {key: sum(f[key] for f in rows if f["address"] == net.CLIENT)
                   for key in ("wire", "dnstap", "difference")}
        check_equal(clients, {"wire": 300, "dnstap": 0, "difference": 300}, "the client whose queries are missing")


# ---- without the kernel's reasons: where nothing of BPF is loaded, the counters of the namespace are all there is ----


@test
def counters_netfilter(lab):
    """The rule's counter has 1200, of which 700 are missing."""
    for bench, sent in netfilter(lab, "packet", ["filter/blocked"]):
        check_stages(bench, sent, "stack-loss", stack_drops=700)
        check_reasons(bench, "counters", "filter/blocked")


@test
def counters_netfilter_unknown(lab):
    """A rule that nobody told the agent of: the kernel has no counter for it, and dnstap gets the blame."""
    for bench, sent in netfilter(lab, "packet", []):
        sums = bench.sums()
        check_equal((sums["stack_drops"], sums["unexplained"]), (0, 700), f"{sums}")
        check_equal(bench.funnels()[-1][1]["balance"], 700, "final balance")


@test
def counters_closed_port(lab):
    """The kernel counted 1000, of which 400 are missing."""
    with stages(lab, "packet") as (net, bench):
        sent = answered(bench, 500)
        apart()
        send(net, 400, to=SPARE)
        send(net, 600, port=NOISE)
        apart()
        sent += answered(bench, 500)
        bench.quiet()
        check_stages(bench, sent + 400, "stack-loss", stack_drops=400)
        check_reasons(bench, "counters", "UdpNoPorts")


@test
def counters_checksums(lab):
    with stages(lab, "packet") as (net, bench):
        sent = answered(bench, 500)
        apart()
        send_wrong(net, 300)
        send_wrong(net, 200, query(LONG))
        apart()
        sent += answered(bench, 500)
        bench.quiet()
        check_stages(bench, sent + 500, "stack-loss", stack_drops=500)
        check_reasons(bench, "counters", "UdpInCsumErrors")


if __name__ == "__main__":
    main()
