#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The wire over the agent's crashes, stalls and upgrades, and over interfaces that go and come: not a packet uncounted,
none counted twice, nothing left behind."""

import os
import re
import signal
import struct
import threading
import time

from bpf import SCHED_CLS, Foreign
from harness import CROSSTAP, Crosstap, Process, check, check_equal, main, output, test, wait_for
from wire import WHOLE, Bench, attached, check_equal_witnesses, check_mode, check_witness, detach, filters, network, \
    xdp_program


class Traffic:
    """Load in the background, for what happens in its midst."""

    def __init__(self, bench, into=None, **options):
        self.bench, self.into, self.options = bench, into, options
        self.sent = self.error = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            self.sent = self.bench.load(into=self.into, **self.options)
        except Exception as error:  # told in the test's own thread
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.thread.join()
        if self.error and not error[0]:
            raise self.error


class LinkEvents:
    """What the kernel tells of the server's device while it is listened to."""

    def __init__(self, lab, net):
        self.process = Process(lab, "links", ["ip", "-o", "monitor", "link"], ("ip", "netns", "exec", net.server))
        self.device = net.device
        wait_for(lambda: not self.process.must_live() or os.path.exists(f"/proc/{self.process.popen.pid}/ns/net") and
                 b"monitor" in self.command(), 5, "ip monitor runs")

    def command(self):
        with open(f"/proc/{self.process.popen.pid}/cmdline", "rb") as file:
            return file.read()

    def seen(self):
        return [line for line in self.process.log().splitlines() if self.device in line]


def middle_of_window():
    """A moment that is far from a window's end, and from when one is written."""
    time.sleep((0.25 - time.time()) % 1)


def programs(net):
    """Ids of all programs on the device, by hook."""
    found = {hook: re.findall(r" id (\d+)", text) for hook, text in filters(net).items()}
    return {"xdp": xdp_program(net), **found}


def kill_in_traffic(lab, mode, successor=CROSSTAP):
    """Returns the programs before and after, and the device's events meanwhile. Every packet is in the points of one of
    the two agents, and those that came while none ran."""
    with network() as net:
        bench = Bench(lab, net, mode).start()
        before, events = programs(net), LinkEvents(lab, net)
        with Traffic(bench, count=8000, rate=2000, tcp=4, tcp_percent=10, tcp_cut=True) as traffic:
            time.sleep(1)
            middle_of_window()
            bench.kill()
            check_equal(programs(net), before, "programs after kill -9")
            time.sleep(1)
            bench.crosstap.program = successor
            bench.start_agent()
            after = programs(net)
        bench.quiet()
        check_witness(bench, "wire", traffic.sent)
        check_equal(bench.points().by("wire", "resync"), {}, "TCP streams that could not be followed")
        check_equal(attached(net), WHOLE[mode], "on the device after kill -9 and start")
        meanwhile = events.seen()
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")
        if mode == "native":
            wait_for(lambda: len(events.seen()) > len(meanwhile), 5, "an event of the link when XDP is detached")
        return before, after, meanwhile


@test
def killed_in_traffic(lab):
    """The next agent adopts what runs: the same programs, and no event of the interface."""
    before, after, events = kill_in_traffic(lab, "native")
    check_equal(after, before, "programs after kill -9 and start")
    check_equal(events, [], "events of the link between start and end")


@test
def killed_in_traffic_tc(lab):
    before, after, _ = kill_in_traffic(lab, "tc")
    check_equal(after, before, "programs after kill -9 and start")


def another_build(lab):
    """An agent whose BPF programs do the same with other instructions: moves of 64 bits become moves of 32, which clear
    the upper half, where the constant is not negative. So their tags differ, and their maps do not."""
    with open(CROSSTAP, "rb") as file:
        data = bytearray(file.read())
    changed = 0
    for start in (match.start() for match in re.finditer(rb"\x7fELF\x02\x01", data)):
        machine, = struct.unpack_from("<H", data, start + 18)
        if machine == 247:  # EM_BPF
            changed += change_object(data, start)
    check(changed, "no instruction was found to change")
    path = lab.path("crosstap-other")
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o755)
    return path


def change_object(data, start):
    """How many moves were changed, in all sections of code."""
    offset, = struct.unpack_from("<Q", data, start + 40)
    size, count = struct.unpack_from("<HH", data, start + 58)
    changed = 0
    for i in range(count):
        kind, flags, _, at, length = struct.unpack_from("<IQQQQ", data, start + offset + i * size + 4)
        if kind != 1 or not flags & 4:  # SHT_PROGBITS, SHF_EXECINSTR
            continue
        for here in range(start + at, start + at + length, 8):
            if data[here] == 0xb7 and data[here + 7] < 0x80:  # the second half of a long constant begins with 0
                data[here] = 0xb4
                changed += 1
    return changed


@test
def upgraded_in_traffic(lab):
    """A newer agent with the same ABI puts its programs in the place of those that run, on their maps."""
    for mode in ("native", "tc"):
        before, after, _ = kill_in_traffic(lab.part(mode), mode, another_build(lab))
        for hook, program in before.items():
            check(program == after[hook] and not program or program != after[hook],
                  f"{mode}: another program at {hook}: {before} and {after}")


def stall(bench, seconds, into=None, **load):
    with Traffic(bench, into, **load) as traffic:
        time.sleep(1.3)
        bench.crosstap.process.kill(signal.SIGSTOP)
        time.sleep(seconds)
        bench.crosstap.process.kill(signal.SIGCONT)
    bench.quiet()
    return traffic.sent


@test
def stalled(lab):
    """An agent that is stopped for 3 s amid traffic flips late: nothing is lost, nothing counts twice. Where a producer
    has more to tell meanwhile than its socket holds, the balance ends at what it dropped."""
    with network() as net:
        bench = Bench(lab, net, "native", horizon="10s").start()  # longer than the stall
        sent = stall(bench, 3, count=900, rate=150)
        check_equal_witnesses(bench, sent)
        late = [f for _, f in bench.funnels() if f.get("wire_queries") and not f["complete"]]
        check(late, f"windows of the stall are incomplete: {bench.funnels()}")
        stall(bench, 3, into=sent, count=12000, rate=2000)
        check_witness(bench, "wire", sent)
        dropped = sent.total() - sum(f["dnstap_queries"] for _, f in bench.funnels())
        check(dropped > 0, "more than the socket holds")
        check_equal(bench.balance(), dropped, "final balance: what the producer dropped")
        check_equal(bench.points().duplicates(), [], "points written twice")
        bench.stop()


@test
def stalled_packet(lab):
    """The same where packets carry their own time."""
    with network() as net:
        bench = Bench(lab, net, "packet", horizon="10s").start()
        check_equal_witnesses(bench, stall(bench, 2, count=900, rate=150))
        bench.stop()


@test
def vanishes_and_returns(lab):
    """The interface goes in the midst of a run, and comes back with the same name."""
    with network() as net:
        bench = Bench(lab, net, "native").start()
        sent = bench.load(count=1000, rate=2000)
        bench.quiet()
        output("ip", "-n", net.server, "link", "del", net.device)
        wait_for(lambda: f"interface {net.device}: vanished" in bench.crosstap.process.log(), 5, "the log says so")
        net.connect()
        wait_for(lambda: attached(net) == WHOLE["native"], 5, lambda: f"attached again: {attached(net)}")
        bench.load(count=1000, rate=2000, into=sent)
        bench.quiet()
        check_mode(bench, "native")
        check_witness(bench, "wire", sent)
        check_equal(bench.points().duplicates(), [], "points written twice")
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")


@test
def namespace_changes_hands(lab):
    """Its name is another namespace's, as when a container was started again: the agent says what has to be done."""
    with network() as net:
        crosstap = Crosstap(lab, wire={"mode": "native", "interfaces": [net.device], "netns": net.server}).start()
        output("ip", "netns", "del", net.server)
        wait_for(lambda: crosstap.metric("crosstap_windows_total") >= 3, 10, "windows pass")
        check("by now" not in crosstap.process.log(), "nothing has the name")
        output("ip", "netns", "add", net.server)
        said = f"network namespace {net.server} is another one by now"
        wait_for(lambda: said in crosstap.process.log(), 10, "the log says so")
        windows = crosstap.metric("crosstap_windows_total")
        wait_for(lambda: crosstap.metric("crosstap_windows_total") >= windows + 3, 10, "windows pass")
        check_equal(crosstap.process.log().count(said), 1, "said once")
        check_equal(crosstap.stop(), 0, "exit code")


def vanished_count(bench):
    return sum(bench.points().by("wire", "messages", "interface", direction="query").values())


def vanishes_in_a_window(lab, mode):
    """What an interface brought in the window in which it goes is in that window's points."""
    with network() as net:
        bench = Bench(lab, net, mode).start()
        bench.load(count=500, rate=5000)
        output("ip", "-n", net.server, "link", "del", net.device)
        wait_for(lambda: f"interface {net.device}: vanished" in bench.crosstap.process.log(), 5, "the log says so")
        wait_for(lambda: vanished_count(bench) == 500, 10, lambda: f"{vanished_count(bench)} of 500 queries in points")
        bench.stop()


@test
def vanishes_in_a_window_native(lab):
    vanishes_in_a_window(lab, "native")


@test
def vanishes_in_a_window_tc(lab):
    vanishes_in_a_window(lab, "tc")


@test
def vanishes_in_a_window_packet(lab):
    vanishes_in_a_window(lab, "packet")


@test
def clsact(lab):
    """The qdisc that we made goes with us when it is empty, and stays when somebody has put a filter there."""
    with network() as net:
        bench = Bench(lab, net, "native")
        bench.start_agent()
        check_equal(attached(net), WHOLE["native"], "on the device")
        foreign = Foreign(SCHED_CLS)
        with foreign.pinned() as path:
            output("nsenter", f"--net=/run/netns/{net.server}", "tc", "filter", "add", "dev", net.device, "ingress",
                   "prio", "9", "bpf", "direct-action", "object-pinned", path)
        bench.stop()
        check_equal(attached(net), ["clsact", "ingress"], "on the device after SIGTERM: the filter of another stays")
        output("tc", "-n", net.server, "qdisc", "del", "dev", net.device, "clsact")
        bench.start_agent()
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM: nobody's filter, no qdisc")


@test
def killed_and_detached(lab):
    """kill -9 leaves the programs, which `detach` removes."""
    for mode in ("native", "generic", "tc"):
        with network() as net:
            bench = Bench(lab.part(mode), net, mode)
            bench.start_agent()
            check_equal(attached(net), WHOLE[mode], "on the device")
            detach(net)
            check_equal(attached(net), WHOLE[mode], "on the device: what a running agent uses stays")
            bench.kill()
            check_equal(attached(net), WHOLE[mode], "on the device after kill -9")
            detach(net)
            check_equal(attached(net), [], "on the device after detach")


if __name__ == "__main__":
    main()
