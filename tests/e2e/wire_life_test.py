#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The wire over the agent's crashes, stalls and upgrades, and over interfaces that go and come: not a packet uncounted,
none counted twice, nothing left behind."""

from bpf import SCHED_CLS, Foreign
from harness import check_equal, main, output, test, wait_for
from wire import WHOLE, Bench, attached, check_equal_witnesses, check_mode, check_witness, detach, network, xdp_program


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
        check_witness(bench, "dnstap", sent)
        check_equal(bench.points().duplicates(), [], "points written twice")
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")


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
def killed_and_adopted(lab):
    """The agent after a kill -9 takes over the program that runs, and is as exact as the one before."""
    with network() as net:
        bench = Bench(lab, net, "native").start()
        sent = bench.load(count=1000, rate=2000)
        bench.quiet()
        whole, program = attached(net), xdp_program(net)
        bench.kill()
        bench.restart()
        check_equal((attached(net), xdp_program(net)), (whole, program), "on the device after kill -9 and start")
        bench.load(count=2000, rate=2000, into=sent)
        bench.quiet()
        check_equal_witnesses(bench, sent)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")


@test
def killed_and_detached(lab):
    """kill -9 leaves the programs, which `detach` removes."""
    for mode in ("native", "generic", "tc"):
        with network() as net:
            bench = Bench(lab, net, mode)
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
