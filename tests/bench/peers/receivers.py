# SPDX-License-Identifier: BSD-2-Clause
"""Receivers of dnstap, each with the configuration in which it counts what an operator would ask of it: how it starts at a
socket, how many frames it says it has read, and when a query shows in a figure of its own."""

import glob
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
import urllib.request

CPU_CLOCK = 2  # CPUCLOCK_SCHED of <linux/posix-timers.h>: all threads of a process, those that ended too


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Receiver:
    """A process that reads dnstap at `socket`, and its own folder."""

    name = ""
    programs = ()  # names that it is found by
    absent = "not on PATH"
    shows = "nothing that can be asked"  # where a query becomes visible

    def __init__(self, folder, program):
        self.folder, self.program = folder, program
        self.socket, self.log = self.path("s"), self.path("log")
        self.port = free_port()
        command = self.command()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not os.path.exists(self.socket):
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self.read(self.log)[-500:]
                self.stop()
                raise RuntimeError(f"{self.name} opened no socket: {text}")
            time.sleep(0.02)

    @classmethod
    def find(cls, build):
        del build
        return next((path for path in map(shutil.which, cls.programs) if path), None)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def get(self, path, port=None):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}{path}", timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def metric(self, path, pattern):
        """The sum of all series of a Prometheus text whose names match."""
        return sum(float(n) for n in re.findall(rf"^(?:{pattern})(?:{{[^}}]*}})? (\S+)", self.get(path), re.M))

    def command(self):
        raise NotImplementedError

    def figure(self):
        """What grows when a query was counted, or None."""
        return None

    def frames(self):
        """All frames that it read, by its own account, once it was stopped; or None."""
        return None

    def cpu_ns(self):
        return time.clock_gettime_ns(~self.process.pid << 3 | CPU_CLOCK)

    def peak_bytes(self):
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", self.read(f"/proc/{self.process.pid}/status")).group(1))

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Crosstap(Receiver):
    """All defaults but for what would leave this machine."""

    name = "crosstap"
    absent = "not built"
    shows = "/metrics"

    @classmethod
    def find(cls, build):
        path = os.path.join(build, "crosstap")
        return path if os.path.exists(path) else None

    def command(self):
        config = self.write("crosstap.yaml", f"""server: peers-{os.getpid()}-{self.port}
inputs: [{{unix: {self.socket}, zone: example}}]
outputs: [{{file: {{path: /dev/null}}}}]
wire: {{mode: 'off'}}
ping: {{enabled: false}}
http: {{listen: '127.0.0.1:{self.port}'}}
spool: {{path: {self.path('spool')}}}
""")
        return [self.program, "run", "-c", config]

    def figure(self):
        return self.metric("/metrics", "crosstap_dns_queries_total")

    def frames(self):
        return sum(map(int, re.findall(r"producer left .* frames=(\d+)", self.read(self.log))))


class Capture(Receiver):
    """Reads frames and writes them on, and decodes nothing."""

    name = "fstrm_capture"
    programs = ("fstrm_capture",)

    def command(self):
        return [self.program, "-d", "-d", "-d", "-t", "protobuf:dnstap.Dnstap", "-u", self.socket, "-w", "/dev/null"]

    def frames(self):
        return sum(map(int, re.findall(r"closing \(read (\d+) frames", self.read(self.log))))


class GoDnstap(Receiver):
    """golang-dnstap's own tool, a line of text a frame: the library that several of the others decode with."""

    name = "dnstap (Go)"
    programs = ("dnstap",)

    def command(self):
        return [self.program, "-u", self.socket, "-q", "-w", "/dev/null"]


class DnsCollector(Receiver):
    name = "DNS-collector"
    programs = ("dnscollector", "go-dnscollector", "dns-collector", "DNS-collector")
    shows = "/metrics"

    def command(self):
        config = self.write("config.yml", f"""global:
  trace:
    verbose: false
  telemetry:
    enabled: false
pipelines:
  - name: tap
    dnstap:
      sock-path: {self.socket}
    routing-policy:
      forward: [prom]
  - name: prom
    prometheus:
      listen-ip: 127.0.0.1
      listen-port: {self.port}
      basic-auth-enable: false
""")
        return [self.program, "-config", config]

    def total(self):
        return self.metric("/metrics", "dnscollector_dnsmessages?_total")

    figure = total

    def stop(self):
        """When its queues have run empty."""
        last, self.read_so_far = -1, None
        for _ in range(50):
            if self.process.poll() is not None or self.read_so_far == last:
                break
            last, self.read_so_far = self.read_so_far, int(self.total())
            time.sleep(0.2)
        super().stop()

    def frames(self):
        return self.read_so_far


class Dsc(Receiver):
    """Writes a file each interval, which is a minute as it comes."""

    name = "DSC"
    programs = ("dsc",)
    shows = "a file of its interval"

    def command(self):
        config = self.write("dsc.conf", f"""local_address 192.0.2.1;
run_dir "{self.folder}";
dnstap_unixsock {self.socket};
statistics_interval 60;
no_wait_interval;
dataset qtype dns All:null Qtype:qtype queries-only;
dataset rcode dns All:null Rcode:rcode replies-only;
dataset client_subnet dns All:null ClientSubnet:client_subnet queries-only max-cells=200;
dataset transport_vs_qtype dns Transport:transport Qtype:qtype queries-only;
output_format XML;
""")
        return [self.program, "-f", config]

    def figure(self):
        return sum(map(os.path.getsize, glob.glob(self.path("*.xml"))))


class Pktvisor(Receiver):
    name = "pktvisor"
    programs = ("pktvisord",)
    shows = "/api/v1/policies/__all/metrics/prometheus"

    def command(self):
        config = self.write("pktvisor.yaml", f"""version: "1.0"
visor:
  taps:
    tap:
      input_type: dnstap
      config:
        socket: "{self.socket}"
  policies:
    default:
      kind: collection
      input:
        tap: tap
        input_type: dnstap
      handlers:
        modules:
          dns:
            type: dns
""")
        return [self.program, "-l", "127.0.0.1", "-p", str(self.port), "--config", config]

    def figure(self):
        return self.metric(self.shows, "dns_wire_packets_queries")


class Dnsmonster(Receiver):
    name = "dnsmonster"
    programs = ("dnsmonster",)
    shows = "lines of its output"

    def command(self):
        return [self.program, f"--dnstapSocket=unix://{self.socket}", "--fileOutputType=1",
                f"--fileOutputPath={self.path('out')}"]

    def figure(self):
        return os.path.getsize(self.path("out")) if os.path.exists(self.path("out")) else 0


class Tapdance(Receiver):
    name = "tapdance"
    absent = "its settings are not public: --receiver tapdance='COMMAND {socket}'"


ALL = (Crosstap, Capture, GoDnstap, DnsCollector, Dsc, Pktvisor, Dnsmonster, Tapdance)


def given(text):
    """A receiver that this file does not know: NAME=COMMAND, in which {socket}, {port} and {folder} are ours."""
    name, _, line = text.partition("=")
    words = shlex.split(line)
    if not name or not words:
        raise ValueError(f"{text}: NAME=COMMAND")

    class Given(Receiver):
        programs = (words[0],)

        def command(self):
            return [self.program] + [w.format(socket=self.socket, port=self.port, folder=self.folder) for w in words[1:]]

    Given.name = name
    return Given


def choose(build, names=(), more=()):
    """([(class, program)], [why another was left out])."""
    found, left_out = [], []
    extra = [given(text) for text in more]
    named = {cls.name for cls in extra}
    for cls in [c for c in ALL if c.name not in named] + extra:
        if names and cls.name not in names and cls not in extra:
            continue
        program = cls.find(build)
        if program:
            found.append((cls, program))
        else:
            left_out.append(f"{cls.name}: left out, {cls.absent}")
    return found, left_out
