#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Other people's programs on the same interface: they are there before us, come while we run, and stay when we go."""

from bpf import SCHED_CLS, XDP, Foreign
from harness import check, check_equal, main, output, test, wait_for
from wire import Bench, attached, check_equal_witnesses, check_mode, check_witness, detach, filters, network, \
    xdp_program


def enter(net, *argv):
    """`ip -n` would hide /sys/fs/bpf."""
    return output("nsenter", f"--net=/run/netns/{net.server}", *argv)


def attach_xdp(net, program):
    with program.pinned() as path:
        enter(net, "ip", "link", "set", "dev", net.device, "xdpdrv", "pinned", path)
    return xdp_program(net)


def attach_filters(net, priority):
    """One at each hook, which end the line for every packet."""
    programs = {}
    output("tc", "-n", net.server, "qdisc", "add", "dev", net.device, "clsact")
    for hook in ("ingress", "egress"):
        programs[hook] = Foreign(SCHED_CLS)
        with programs[hook].pinned() as path:
            enter(net, "tc", "filter", "add", "dev", net.device, hook, "prio", str(priority), "bpf",
                  "direct-action", "object-pinned", path)
    return programs


def everything(net):
    """What is on the device, to be compared with later."""
    return attached(net), xdp_program(net), filters(net)


def check_asked(programs, sent):
    """Each of them saw every message: none was hidden by ours."""
    for name, program, least in programs:
        check(program.count() >= least, f"{name} saw {program.count()} packets of {least} messages ({sent.queries})")


@test
def xdp_was_there(lab):
    """It keeps the interface: we count by tc and say why, and it outlives our end, our crash and `detach`."""
    with network() as net:
        foreign = Foreign(XDP)
        theirs = attach_xdp(net, foreign)
        before = everything(net)
        bench = Bench(lab, net, "auto").start()
        check_mode(bench, "tc")
        line = bench.mode_line()
        check("mode=tc" in line and f"another XDP program holds it (id {theirs})" in line, f"the log says why: {line}")
        sent = bench.load(count=3000, rate=3000)
        bench.quiet()
        check_equal_witnesses(bench, sent)
        check_asked([("XDP", foreign, 3000)], sent)
        check_equal(xdp_program(net), theirs, "XDP program while we run")
        bench.stop()
        check_equal(everything(net), before, "on the device after SIGTERM")
        bench.restart()
        bench.kill()
        check_equal(attached(net), ["xdp", "clsact", "ingress", "egress"], "on the device after kill -9")
        detach(net)
        check_equal(everything(net), before, "on the device after kill -9 and detach")


@test
def xdp_comes_and_goes(lab):
    """It takes our place while we count: we step down, without a message lost, and say so."""
    with network() as net:
        foreign = Foreign(XDP)
        bench = Bench(lab, net, "auto").start()
        check_mode(bench, "native")
        sent = bench.load(count=1000, rate=2000)
        bench.quiet()
        with foreign.pinned() as path:
            enter(net, "ip", "-force", "link", "set", "dev", net.device, "xdpdrv", "pinned", path)
        wait_for(lambda: "mode=tc" in bench.mode_line(), 5, bench.mode_line)
        check("displaced by another XDP program" in bench.mode_line(), f"the log says why: {bench.mode_line()}")
        check_mode(bench, "tc")
        bench.load(count=1000, rate=2000, into=sent)
        bench.quiet()
        check_equal_witnesses(bench, sent)
        theirs = xdp_program(net)
        bench.stop()
        check_equal((attached(net), xdp_program(net)), (["xdp"], theirs), "on the device after SIGTERM")


def filters_were_there(lab, mode, priority):
    with network() as net:
        programs = attach_filters(net, priority)
        before = everything(net)
        bench = Bench(lab, net, mode).start()
        check_mode(bench, mode)
        sent = bench.load(count=3000, rate=3000)
        bench.quiet()
        check_equal_witnesses(bench, sent)
        check_asked([(hook, program, 3000) for hook, program in programs.items()], sent)
        bench.stop()
        check_equal(everything(net), before, "on the device after SIGTERM")
        bench.restart()
        bench.kill()
        detach(net)
        check_equal(everything(net), before, "on the device after kill -9 and detach")


@test
def filters_behind_ours(lab):
    """They end the line for every packet; ours stands before them, and hides none."""
    filters_were_there(lab, "tc", 49152)


@test
def filters_beside_xdp(lab):
    filters_were_there(lab, "native", 7)


# ---- a nameserver with AF_XDP ----


def knot_xdp(net):
    return {"more": f"xdp:\n    listen: {net.device}@53"}


def start_knot(bench):
    """With a program of its own on the device."""
    bench.nameserver.options = knot_xdp(bench.net)
    ours = xdp_program(bench.net)
    bench.start_nameserver()
    wait_for(lambda: xdp_program(bench.net) not in (None, ours), 10, "Knot's XDP program is attached")
    return xdp_program(bench.net)


def check_knot_answers(bench, knots):
    """Its packets are seen by no hook of ours. That is said, and is no loss of anybody's."""
    wait_for(lambda: "mode=tc" in bench.mode_line(), 5, lambda: f"we count by tc: {bench.mode_line()}")
    check_equal(bench.mode_line().count("XDP program"), 1, f"the log says why: {bench.mode_line()}")
    check_mode(bench, "tc")
    bench.crosstap.wait_connections(1)
    sent = bench.load(count=8000, rate=1000)
    check_equal(sent.answers(), sent.total(), "Knot answers every query")
    bench.quiet()
    check_witness(bench, "dnstap", sent)
    funnels = [f for _, f in bench.funnels()]
    check_equal(sum(f.get("wire_queries", 0) for f in funnels), 0, "what the wire sees of it")
    verdicts = {f["verdict"] for f in funnels if "balance" in f}
    check(verdicts <= {"ok", "wire-blind"} and "wire-blind" in verdicts, f"verdicts: {verdicts}")
    bench.stop()
    check_equal((attached(bench.net), xdp_program(bench.net)), (["xdp"], knots), "on the device after SIGTERM")


@test
def knot_xdp_before(lab):
    with network() as net:
        bench = Bench(lab, net, "auto")
        knots = start_knot(bench)
        bench.start_agent()
        check_knot_answers(bench, knots)


@test
def knot_xdp_after(lab):
    with network() as net:
        bench = Bench(lab, net, "auto")
        bench.start_agent()
        check_mode(bench, "native")
        check_knot_answers(bench, start_knot(bench))


if __name__ == "__main__":
    main()
