# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of the wire share: two namespaces with a link between them, the agent beside a nameserver, and what
both witnesses are held against."""

import contextlib
import json
import os
import signal
import subprocess

from harness import CROSSTAP, PATIENCE_S, Crosstap, Namespaces, Points, Sent, check, check_equal, dnsload, in_namespace, output, \
    tcp_answers, wait_for
from nameserver import Knot
from priority import FIRST
from relay import Relay

WHOLE = {"native": ["xdp", "clsact", "egress"], "generic": ["xdp", "clsact", "egress"],
         "tc": ["clsact", "ingress", "egress"], "packet": []}


@contextlib.contextmanager
def network(kind=Namespaces):
    namespaces = kind("wire")
    try:
        yield namespaces.make()
    finally:
        namespaces.close()


class Bench:
    """The agent beside a nameserver, and what it wrote. The nameserver's frames come through a relay, which knows them. The
    agent is in the nameserver's namespace unless it is told to be outside of it. `server`: what the nameserver's templates
    are filled with."""

    def __init__(self, lab, net, mode, tap=Relay, nameserver=Knot, inside=True, wire=None, server=None,
                 horizon="3s", **config):
        self.lab, self.net, self.path = lab, net, lab.path("points.lp")
        self.namespace = net.server if inside else None
        self.crosstap = Crosstap(lab, inputs=[{"unix": lab.path("crosstap.sock")}], grace="1500ms",
                                 crosscheck={"horizon": horizon},
                                 wire={"mode": mode, "interfaces": [net.device], **(wire or {})},
                                 outputs=[{"file": {"path": self.path, "format": "line"}}], **config)
        self.tap = tap(lab.path("tap.sock"), lab.path("crosstap.sock"))
        place = net.nameserver()
        place["prefix"] = (*FIRST, *place["prefix"])
        self.nameserver = nameserver(lab, lab.path("tap.sock"), **place, **server or {})

    def start(self):
        self.start_agent()
        self.start_nameserver()
        self.wait_balanced()
        return self

    def start_agent(self, prefix=()):
        self.crosstap.start(namespace=self.namespace, prefix=(*prefix, *FIRST))

    def start_nameserver(self):
        self.nameserver.start()
        wait_for(lambda: self.nameserver.process.must_live() and
                 in_namespace(self.net.server, tcp_answers, self.net.SERVER, 53), PATIENCE_S, "the nameserver listens")

    def wait_balanced(self):
        """Both witnesses watched a whole window, from now on: on a busy machine, not every flip is in time."""
        self.crosstap.wait_connections(1)
        count = len(self.funnels())
        wait_for(lambda: self.crosstap.process.must_live() and self.last_balance_is_known(count), PATIENCE_S,
                 lambda: f"both witnesses watched a whole window: {self.funnels()[count:]}")

    def restart(self):
        """After the agent's end. The nameserver anew as well: it notices a lost connection only by the frame that is
        lost with it."""
        self.nameserver.stop()
        self.start_agent()
        self.start_nameserver()
        self.wait_balanced()

    def kill(self):
        """kill -9."""
        self.crosstap.process.kill(signal.SIGKILL)
        self.crosstap.process.wait()

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

    def last_balance_is_known(self, count=0):
        funnels = self.funnels()[count:]
        return funnels and "balance" in funnels[-1][1] and funnels[-1][1]["complete"]

    def balance(self):
        return self.funnels()[-1][1].get("balance")

    def load(self, into=None, **options):
        """Returns what was sent, with what was sent before."""
        place = self.net.load()
        place["prefix"] = (*FIRST, *place["prefix"])
        options.setdefault("timeout", PATIENCE_S)
        report = dnsload(self.nameserver, **place, source_net=self.net.RESOLVERS, **options)
        return (into or Sent()).add(report)

    def quiet(self):
        """Waits for three windows without a message, counted from now."""
        count = len(self.funnels())

        def passed():
            self.crosstap.process.must_live()
            last = self.funnels()[count:][-3:]
            return len(last) == 3 and not any(f.get("wire_queries") or f["dnstap_queries"] for _, f in last)
        wait_for(passed, PATIENCE_S, lambda: f"three quiet windows: {self.funnels()[-4:]}")

    def mode_line(self, device=None):
        """The last line of the log that says how the device is watched."""
        lines = [line for line in self.crosstap.process.log().splitlines() if f"interface {device or self.net.device}: mode=" in line]
        return lines[-1] if lines else ""

    def stop(self):
        check_equal(self.crosstap.stop(), 0, "exit code")


# ---- what is on a device ----


def link(net, device=None):
    return json.loads(output("ip", "-n", net.server, "-j", "-d", "link", "show", "dev", device or net.device))[0]


def xdp_program(net, device=None):
    """The id of the program on the device, None without one."""
    found = link(net, device)
    return found["xdp"]["prog"]["id"] if found.get("xdp") else None


def filters(net, device=None):
    """{hook: text of tc} of the device's filters."""
    return {hook: output("tc", "-n", net.server, "filter", "show", "dev", device or net.device, hook).strip()
            for hook in ("ingress", "egress")}


def attached(net, device=None):
    """What is on the device: XDP, filters of tc, its clsact qdisc."""
    found = ["xdp"] if xdp_program(net, device) else []
    qdiscs = json.loads(output("tc", "-n", net.server, "-j", "qdisc", "show", "dev", device or net.device))
    if any(q["kind"] == "clsact" for q in qdiscs):
        found.append("clsact")
        found += [hook for hook, text in filters(net, device).items() if text]
    return found


def detach(net, device=None):
    """`crosstap detach` of one device, in its namespace."""
    run = subprocess.run(["nsenter", f"--net=/run/netns/{net.server}", CROSSTAP, "detach", device or net.device],
                         capture_output=True, text=True, timeout=PATIENCE_S)
    check_equal(run.returncode, 0, f"exit code of detach ({run.stderr})")


# ---- what is held against what ----


def check_mode(bench, expected, device=None):
    def modes():
        return bench.crosstap.metric_by("crosstap_wire_mode", "mode", interface=device or bench.net.device)
    wait_for(lambda: modes() == {expected: 1}, PATIENCE_S, lambda: f"wire mode {expected}, not {modes()} ({bench.mode_line(device)})")


def check_witness(bench, witness, sent):
    for direction, counts in (("query", sent.queries), ("response", sent.responses)):
        check_equal(bench.points().by("crosscheck", witness, "transport", "family", direction=direction), counts,
                    f"{direction} messages of {witness}")


def check_dnstap(bench, sent):
    """dnstap is what the nameserver logged, to the frame. Returns how many frames a nameserver without a processor dropped
    by itself: the balance has those of queries over UDP."""
    dropped, balance = 0, -sum(f.get("explained", 0) for _, f in bench.funnels())
    for direction, counts in (("query", sent.queries), ("response", sent.responses)):
        logged = bench.tap.passed(direction)
        check_equal(bench.points().by("crosscheck", "dnstap", "transport", "family", direction=direction), logged,
                    f"{direction} messages of dnstap")
        missing = {kind: n - logged.get(kind, 0) for kind, n in counts.items()}
        check(min(missing.values()) >= 0 and set(logged) <= set(counts), f"{direction} messages logged: {logged} of {counts}")
        dropped += sum(missing.values())
        balance += sum(n for kind, n in missing.items() if kind[0] == "udp") if direction == "query" else 0
    check_equal(bench.balance(), balance, f"final balance; all: {bench.funnels()}")
    if dropped:
        print(f"note {bench.lab.name}: {bench.nameserver.name} dropped {dropped} frames by itself", flush=True)
    return dropped


def check_equal_witnesses(bench, sent):
    """The wire saw all that was sent, dnstap has all that was logged. Returns what check_dnstap() does."""
    check_witness(bench, "wire", sent)
    dropped = check_dnstap(bench, sent)
    if not dropped:
        funnels = bench.funnels()
        check_equal({f["verdict"] for _, f in funnels if "balance" in f}, {"ok"}, f"verdicts; all: {funnels}")
    return dropped


def check_boundaries(bench):
    """No complete window has more unexplained than may belong next door."""
    over = [(stamp, f["unexplained"], f["boundary"]) for stamp, f in bench.funnels()
            if f["complete"] and abs(f["unexplained"]) > f["boundary"]]
    check_equal(over, [], "complete windows (time, unexplained, boundary) with more unexplained than their boundary")
