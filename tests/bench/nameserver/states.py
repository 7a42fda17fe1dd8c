# SPDX-License-Identifier: BSD-2-Clause
"""What may become of crosstap while a nameserver works: each state is entered before a run, may go on during it, and is left
after it."""

import os
import re
import shutil
import signal
import subprocess

from harness import BUILD, Crosstap, Process, free_port, wait_for
from nameserver import BIND, NSD, Knot


def without_dnstap(kind, pattern, instead):
    """The same nameserver, whose configuration says nothing of dnstap."""
    class Plain(kind):
        name = kind.name + "-plain"

        def fill(self, template):
            return re.sub(pattern, instead, super().fill(template), flags=re.M)
    return Plain


PLAIN = {Knot: without_dnstap(Knot, r"^ *global-module: .*\n", ""),
         NSD: without_dnstap(NSD, r"dnstap-enable: yes", "dnstap-enable: no"),
         BIND: without_dnstap(BIND, r"^ *(dnstap|fstrm)[- ].*\n", "")}


class State:
    """With a healthy crosstap, which is everybody's beginning."""

    name = "healthy"
    stopped = False  # the run takes as long as the stop is to be
    beside_both = False  # what costs CPU of its own is there when the nameserver without dnstap is measured

    def __init__(self, bench):
        self.bench, self.crosstap = bench, None

    @staticmethod
    def possible():
        return True

    def outputs(self):
        return [{"file": {"path": self.bench.lab.path("points.lp")}}]

    def more(self):
        return {}

    def enter(self):
        bench = self.bench
        config = {"server": f"bench-nameserver-{os.getpid()}", "inputs": [{"unix": bench.socket}, {"unix": bench.second}],
                  "outputs": self.outputs(), "spool": {"path": bench.lab.path(f"spool-{id(self)}")},
                  "wire": {"mode": "native", "interfaces": [bench.net.device], "netns": bench.net.server}}
        self.crosstap = Crosstap(bench.lab, **{**config, **self.more()})
        self.start()

    def start(self):
        self.crosstap.start()
        self.bench.wait_connected(self.crosstap)

    def during(self, over, seconds):
        """What happens in a run of so many seconds, until `over` is set."""

    def leave(self):
        if self.crosstap and self.crosstap.process.alive():
            self.crosstap.stop()


class Nobody(State):
    """The nameserver's own price of dnstap, though nobody listens."""

    name = "nobody listens"

    def enter(self):
        pass


class Capture(State):
    """A program that reads dnstap and does nothing with it, and nobody watches the wire."""

    name = "fstrm_capture"

    @staticmethod
    def possible():
        return shutil.which("fstrm_capture") is not None

    def enter(self):
        bench = self.bench
        self.reader = Process(bench.lab, "fstrm_capture", ["fstrm_capture", "-d", "-d", "-d", "-t", "protobuf:dnstap.Dnstap", "-u",
                                                           bench.socket, "-w", "/dev/null"])
        bench.wait_until(lambda: "accepted new connection" in self.reader.log())

    def leave(self):
        self.reader.stop()
        os.unlink(self.bench.socket)


class Saturated(State):
    """Another producer sends as much as is read. That costs CPU: it does beside the nameserver without dnstap as well."""

    name = "saturated"
    beside_both = True

    def enter(self):
        super().enter()
        producer = os.path.join(BUILD, "tests", "bench", "dnstap_produce")
        self.flood = subprocess.Popen([producer, self.bench.second, "3600", "20000", "0"], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        wait_for(lambda: self.crosstap.metric("crosstap_frames_total") > 200000, 60, "crosstap is flooded")

    def leave(self):
        self.flood.kill()
        self.flood.wait()
        super().leave()


class Stopped(State):
    name = "stopped (SIGSTOP)"
    stopped = True

    def during(self, over, seconds):
        self.crosstap.process.kill(signal.SIGSTOP)
        over.wait()
        self.crosstap.process.kill(signal.SIGCONT)


class Killed(State):
    """In the midst of a run; nobody comes after it."""

    name = "killed (SIGKILL)"

    def during(self, over, seconds):
        over.wait(seconds / 3)
        self.crosstap.process.stop(signal.SIGKILL)


class Restarted(State):
    name = "restarted each second"

    def during(self, over, seconds):
        while not over.wait(min(1, seconds / 3)):
            self.crosstap.stop()
            self.crosstap.start(ready=False)
        self.crosstap.wait_ready()


class Reloaded(State):
    name = "reloaded ten times a second"

    def during(self, over, seconds):
        while not over.wait(0.1):
            self.crosstap.process.kill(signal.SIGHUP)


class DiskFull(State):
    """Points and spool on a file system without a free byte."""

    name = "disk full"

    def outputs(self):
        return [{"file": {"path": os.path.join(self.full, "points.lp")}}, down()]

    def more(self):
        return {"spool": {"path": os.path.join(self.full, "spool")}}

    def enter(self):
        self.full = self.bench.lab.folder("full")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "tmpfs", self.full], check=True)
        with open(os.path.join(self.full, "ballast"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
        super().enter()

    def leave(self):
        super().leave()
        subprocess.run(["umount", self.full], check=True)


class DatabaseDown(State):
    name = "database down"

    def outputs(self):
        return [down()]


def down():
    return {"influxdb": {"url": f"http://127.0.0.1:{free_port()}", "version": "1", "database": "dns"}}


ALL = (Nobody, Capture, State, Saturated, Stopped, Killed, Restarted, Reloaded, DiskFull, DatabaseDown)
