#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The wire in the running daemon: a nameserver and the agent in one network namespace, the load in another, a veth between
them. What was sent, what the wire saw and what dnstap told are equal to the last message."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading

from harness import CROSSTAP, Crosstap, Namespaces, Points, check, check_equal, dnsload, in_namespace, main, output, \
    Sent, tcp_answers, test, wait_for
from nameserver import BIND, NSD, Knot


@contextlib.contextmanager
def network():
    namespaces = Namespaces("wire")
    try:
        yield namespaces.make()
    finally:
        namespaces.close()


class Bench:
    """The agent beside Knot, and what it wrote. With a tap, Knot's frames come through that."""

    def __init__(self, lab, net, mode, tap=None, nameserver=Knot, **config):
        self.lab, self.net, self.path = lab, net, lab.path("points.lp")
        self.crosstap = Crosstap(lab, inputs=[{"unix": lab.path("crosstap.sock")}], grace="1500ms",
                                 crosscheck={"horizon": "3s"}, wire={"mode": mode, "interfaces": [net.device]},
                                 outputs=[{"file": {"path": self.path, "format": "line"}}], **config)
        self.crosstap.start(namespace=net.server)
        self.tap = tap(lab.path("knot.sock"), lab.path("crosstap.sock")) if tap else None
        self.nameserver = nameserver(lab, lab.path("knot.sock" if tap else "crosstap.sock"), **net.nameserver()).start()
        self.crosstap.wait_connections(1)
        wait_for(lambda: self.nameserver.process.must_live() and in_namespace(net.server, tcp_answers, net.SERVER, 53), 10,
                 "the nameserver listens")
        wait_for(self.last_balance_is_known, 10, "both witnesses watched a whole window")

    def restart(self):
        """Knot anew as well: it notices a lost connection only by the frame that is lost with it."""
        count = len(self.funnels())
        self.nameserver.stop()
        self.crosstap.start(namespace=self.net.server)
        self.nameserver.start()
        self.crosstap.wait_connections(1)
        wait_for(lambda: len(self.funnels()) > count and self.last_balance_is_known(), 10,
                 "both witnesses watched a whole window again")

    def points(self):
        """Without a last line that is still being written."""
        if not os.path.exists(self.path):
            return Points("")
        with open(self.path) as file:
            return Points(file.read().rpartition("\n")[0])

    def funnels(self):
        """[(time, fields)] of all windows so far, oldest first."""
        return sorted(((stamp, fields) for name, _, fields, stamp in self.points().points if name == "funnel"),
                      key=lambda pair: pair[0])

    def last_balance_is_known(self):
        funnels = self.funnels()
        return funnels and "balance" in funnels[-1][1] and funnels[-1][1]["complete"]

    def load(self, into=None, **options):
        """Returns what was sent, with what was sent before."""
        report = dnsload(self.nameserver, **self.net.load(), source_net=self.net.RESOLVERS, **options)
        return (into or Sent()).add(report)

    def quiet(self):
        """Waits for three windows without a message, counted from now."""
        count = len(self.funnels())

        def passed():
            self.crosstap.process.must_live()
            last = self.funnels()[count:][-3:]
            return len(last) == 3 and not any(f.get("wire_queries") or f["dnstap_queries"] for _, f in last)
        wait_for(passed, 12, lambda: f"three quiet windows: {self.funnels()[-4:]}")

    def stop(self):
        check_equal(self.crosstap.stop(), 0, "exit code")


def xdp_program(net):
    """The id of the program on the device, None without one."""
    link = json.loads(output("ip", "-n", net.server, "-j", "-d", "link", "show", "dev", net.device))[0]
    return link["xdp"]["prog"]["id"] if link.get("xdp") else None


def attached(net):
    """What is on the device: XDP, filters of tc, its clsact qdisc."""
    found = ["xdp"] if xdp_program(net) else []
    qdiscs = json.loads(output("tc", "-n", net.server, "-j", "qdisc", "show", "dev", net.device))
    if any(q["kind"] == "clsact" for q in qdiscs):
        found.append("clsact")
        for hook in ("ingress", "egress"):
            if output("tc", "-n", net.server, "filter", "show", "dev", net.device, hook).strip():
                found.append(hook)
    return found


def check_modes(bench, expected):
    modes = bench.crosstap.metric_by("crosstap_wire_mode", "mode", interface=bench.net.device)
    check_equal(modes, {expected: 1}, "wire mode")


def check_equal_witnesses(bench, sent):
    points = bench.points()
    for witness in ("wire", "dnstap"):
        for direction, counts in (("query", sent.queries), ("response", sent.responses)):
            check_equal(points.by("crosscheck", witness, "transport", "family", direction=direction), counts,
                        f"{direction} messages of {witness}")
    funnels = bench.funnels()
    check_equal(funnels[-1][1].get("balance"), 0, f"final balance; all: {funnels}")
    check_equal({f["verdict"] for _, f in funnels if "balance" in f}, {"ok"}, "verdicts")


def check_boundaries(bench):
    """A nameserver that had to wait for a CPU answers for a window next door: most windows hold, not all."""
    busy = [f for _, f in bench.funnels() if f.get("wire_queries") and f["complete"]]
    held = [f for f in busy if abs(f["unexplained"]) <= f["boundary"]]
    check(2 * len(held) > len(busy), f"{len(held)} of {len(busy)} windows have no more unexplained than their boundary")


def exact(lab, mode, metric, udp, tcp, hooks, **options):
    with network() as net:
        bench = Bench(lab, net, mode, **options)
        check_modes(bench, metric)
        check_equal(attached(net), hooks, "on the device")
        sent = bench.load(count=udp, rate=2000)
        bench.load(count=tcp, rate=2000, tcp=4, into=sent)
        check_equal(sent.total(), udp + tcp, "sent")
        bench.quiet()
        check_equal_witnesses(bench, sent)
        check_boundaries(bench)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")


@test
def native(lab):
    """XDP in the driver, and tc for what leaves."""
    exact(lab, "native", "native", 10000, 500, ["xdp", "clsact", "egress"])


@test
def native_nsd(lab):
    exact(lab, "native", "native", 6000, 500, ["xdp", "clsact", "egress"], nameserver=NSD)


@test
def native_bind(lab):
    exact(lab, "native", "native", 6000, 500, ["xdp", "clsact", "egress"], nameserver=BIND)


@test
def tc(lab):
    """tc in both directions."""
    exact(lab, "tc", "tc", 5000, 500, ["clsact", "ingress", "egress"])


@test
def packet(lab):
    """AF_PACKET: nothing is attached."""
    exact(lab, "packet", "packet", 5000, 500, [])


# ---- dnstap that is lost on its way ----


def dnstap_type(frame):
    """Message.type of a frame, None if it has no message. Even types are responses."""
    def number(data, at):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                return value, at

    def fields(data):
        at = 0
        while at < len(data):
            tag, at = number(data, at)
            if tag & 7 == 0:
                value, at = number(data, at)
            else:
                size, at = {5: (4, at), 1: (8, at)}.get(tag & 7) or number(data, at)
                value, at = data[at:at + size], at + size
            yield tag >> 3, value
    message = dict(fields(frame)).get(14)
    return dict(fields(message)).get(1) if message else None


class LossyTap:
    """Between a producer and the agent: passes Frame Streams on, without every `drop_every`th data frame."""

    def __init__(self, listen, connect):
        self.drop_every = 0  # none
        self.frames = self.dropped_queries = 0
        self.connect = connect
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(listen)
        self.listener.listen(4)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            producer, _ = self.listener.accept()
            agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            agent.connect(self.connect)
            threading.Thread(target=self.forward, args=(producer, agent), daemon=True).start()
            threading.Thread(target=self.answer, args=(agent, producer), daemon=True).start()

    @staticmethod
    def answer(agent, producer):
        with contextlib.suppress(OSError):
            while data := agent.recv(4096):
                producer.sendall(data)

    def forward(self, producer, agent):
        with contextlib.suppress(OSError), producer.makefile("rb") as stream:
            while len(head := stream.read(4)) == 4:
                length = struct.unpack("!I", head)[0]
                if length:
                    body = stream.read(length)
                    if self.keeps(body):
                        agent.sendall(head + body)
                else:
                    size = stream.read(4)
                    agent.sendall(head + size + stream.read(struct.unpack("!I", size)[0]))
            agent.shutdown(socket.SHUT_WR)

    def keeps(self, frame):
        self.frames += 1
        if not self.drop_every or self.frames % self.drop_every:
            return True
        self.dropped_queries += dnstap_type(frame) % 2
        return False


def lossy(lab, drop_every, seconds, verdict):
    """Returns what was lost and how many queries there were."""
    with network() as net:
        bench = Bench(lab, net, "native", tap=LossyTap)
        bench.tap.drop_every = drop_every
        sent = bench.load(count=2000 * seconds, rate=2000)
        bench.quiet()
        lost = bench.tap.dropped_queries
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


# ---- what is left behind ----


@test
def killed_and_detached(lab):
    """kill -9 leaves the programs, which `detach` removes."""
    with network() as net:
        bench = Bench(lab, net, "native")
        whole = attached(net)
        bench.crosstap.process.kill(signal.SIGKILL)
        bench.crosstap.process.wait()
        check_equal(attached(net), whole, "on the device after kill -9")
        detach = subprocess.run(["nsenter", f"--net=/run/netns/{net.server}", CROSSTAP, "detach", net.device],
                                capture_output=True, text=True, timeout=20)
        check_equal(detach.returncode, 0, f"exit code of detach ({detach.stderr})")
        check_equal(attached(net), [], f"on the device after detach ({detach.stderr})")


@test
def killed_and_adopted(lab):
    """The agent after a kill -9 takes over the program that runs, and is as exact as the one before."""
    with network() as net:
        bench = Bench(lab, net, "native")
        sent = bench.load(count=1000, rate=2000)
        bench.quiet()
        whole, program = attached(net), xdp_program(net)
        bench.crosstap.process.kill(signal.SIGKILL)
        bench.crosstap.process.wait()
        bench.restart()
        check_equal((attached(net), xdp_program(net)), (whole, program), "on the device after kill -9 and start")
        bench.load(count=2000, rate=2000, into=sent)
        bench.quiet()
        check_equal_witnesses(bench, sent)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")


@test
def foreign_qdisc_stays(lab):
    """A clsact qdisc and a filter that were there before survive start and end."""
    with network() as net:
        output("tc", "-n", net.server, "qdisc", "add", "dev", net.device, "clsact")
        output("tc", "-n", net.server, "filter", "add", "dev", net.device, "egress", "prio", "7", "bpf",
               "bytecode", "1,6 0 0 0")  # matches nothing
        before = attached(net)
        bench = Bench(lab, net, "tc")
        sent = bench.load(count=500, rate=2000)
        bench.quiet()
        check_equal_witnesses(bench, sent)
        bench.stop()
        check_equal(attached(net), before, "on the device after SIGTERM")


if __name__ == "__main__":
    main()
