# SPDX-License-Identifier: BSD-2-Clause
"""crosstap beside a real Knot, NSD and BIND for hours, in a network namespace of its own (scripts/soak), with all that
happens to it in a year: reloads, restarts, kills, stalls, nameservers that stand still, an InfluxDB that is away, memory that
runs out (README.md). Clients are in a second namespace (clients.py): the agent's wire sees them.

Time is cut into rounds: some seconds of load on each nameserver, up to a moment in which nothing is on its way any more
(quiet.py). Every window lies in one round. At the end InfluxDB holds what rounds.py says: of each round in which no connection
of a producer ended, every query and every answer that was logged, to the last; of each other one, at most those."""

import json
import os
import random
import signal
import subprocess
import sys
import time

from account import Account
from clients import DEVICE, RESOLVERS, SERVER, Clients
from databases import InfluxDB
from harness import BUILD, Crosstap, Failure, Lab, check, dnsload_command, wait_for
from nameserver import BIND, NSD, Knot
from quiet import Quiet
from rounds import Books, Round
from slope import slope

SERVERS = (Knot, NSD, BIND)
# One socket that fills while its server stands still.
MORE = {NSD: {"more": "    receive-buffer-size: 16384"}}
FRESH_S = 300        # of a life: tables and caches come to their size
SAMPLE_S = 1
RATE = 300           # queries a second on each nameserver, at most
SCARCE_ONE_IN = 20000
SCARCE_SHARE = 0.1   # of the time, and a minute at most
SCARCE_PAUSE_S = 2
DRAIN_S = 120
# What is remembered for the page grows for an hour by design: here it is full within the first minute of a life.
LIMITS = {"memory": "64MiB", "history": "256KiB"}
# From here on, by time, nothing ends the agent: how fast a life grows is seen in a long one.
LAST_LIFE = 0.4


class Soak:
    def __init__(self, lab, hours, seed):
        self.lab, self.random, self.seed = lab, random.Random(seed), seed
        self.seconds = hours * 3600
        self.fresh = min(FRESH_S, self.seconds / 10)
        self.clients = Clients(lab)
        self.database = InfluxDB(lab).start()
        self.servers = [self.server(kind) for kind in SERVERS]
        self.agent = Crosstap(lab, inputs=[{"zone": s.name, "unix": s.socket, "mode": "0666"} for s in self.servers],
                              outputs=[self.database.output()], limits=dict(LIMITS), log={"level": "info"},
                              wire={"interfaces": [DEVICE], "ports": [s.port for s in self.servers]})
        self.books = Books(self.database, [s.name for s in self.servers])
        self.open = None      # the round that is not at its end
        self.counts = {}
        self.lives = [[]]     # of (hours, RSS in KiB), for each life of the agent
        self.most = {"fds": 0, "threads": 0}
        self.least = {"fds": 1 << 30, "threads": 1 << 30}
        self.begun = time.monotonic()
        self.alive_since = self.sampled = 0.0
        self.scarce_until = 0.0

    def server(self, kind):
        account = Account(self.lab, kind.name)
        server = kind(self.lab, self.lab.path(kind.name + ".sock"), zones=(f"{kind.name}.example",), address=SERVER, address6=None,
                      prefix=account.prefix(), **MORE.get(kind, {}))
        server.account = account
        return server

    # -- the agent's life

    def say(self, text):
        print(f"{time.monotonic() - self.begun:8.1f} s  {text}", flush=True)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def start_agent(self, **kwargs):
        self.agent.start(ready=False, **kwargs)
        wait_for(lambda: self.agent.process.must_live() and self.agent.get("/healthz")[0], 30, "the page answers")
        self.alive_since = time.monotonic()
        self.lives.append([])

    def sample(self):
        """At most every SAMPLE_S."""
        if time.monotonic() - self.sampled < SAMPLE_S:
            return
        self.sampled = time.monotonic()
        process = self.agent.process
        if not process or not process.alive():
            raise Failure(f"crosstap ended with {process.popen.returncode}: {process.log()[-2000:]}")
        with open(f"/proc/{process.popen.pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        now = {"fds": len(os.listdir(f"/proc/{process.popen.pid}/fd")), "threads": int(fields["Threads"])}
        for key, value in now.items():
            self.most[key] = max(self.most[key], value)
            self.least[key] = min(self.least[key], value)
        if time.monotonic() - self.alive_since > self.fresh and not self.scarce_until:
            self.lives[-1].append(((time.monotonic() - self.begun) / 3600, int(fields["VmRSS"].split()[0])))

    def rest(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.watch()
            time.sleep(min(SAMPLE_S, max(0.0, end - time.monotonic())))

    # -- what happens; each says what, and whether a producer's connection ends with it

    def reload(self):
        config = self.agent.config
        what = self.random.choice(("tags", "interval", "top", "memory", "nothing"))
        if what == "tags":
            config["tags"] = {"round": str(self.random.randrange(3))}
        elif what == "interval":
            config["interval"] = self.random.choice(("1s", "2s"))
        elif what == "top":
            config["top"] = {"resolvers": self.random.randrange(1, 20)}
        elif what == "memory":
            config["limits"] = dict(LIMITS, memory=self.random.choice(("32MiB", "64MiB")))
        self.agent.write_config()
        self.agent.process.kill(signal.SIGHUP)
        return f"reload of {what}", False

    def restart(self):
        self.agent.stop()
        self.start_agent()
        return "restart", True

    def kill(self):
        self.agent.process.kill(signal.SIGKILL)
        self.agent.process.wait()
        self.start_agent()
        return "kill", True

    def stall(self):
        seconds = self.random.uniform(0.5, 5)
        self.agent.process.kill(signal.SIGSTOP)
        time.sleep(seconds)
        self.agent.process.kill(signal.SIGCONT)
        return f"stall of {seconds:.1f} s", False

    def hold(self):
        """NSD's workers log to a process of its own, the one with libfstrm's thread: while it stands still, they drop."""
        nsd, = (s for s in self.servers if s.name == "nsd")
        collector, = (pid for pid in family(nsd) if len(os.listdir(f"/proc/{pid}/task")) > 1)
        return f"NSD's collector stands still for {self.stop([collector]):.1f} s", False

    def freeze(self):
        """Longer than a client waits, and than a socket holds."""
        server = self.random.choice(self.servers)
        return f"{server.name} stands still for {self.stop(family(server)):.1f} s", False

    def stop(self, pids):
        seconds = self.random.uniform(0.5, 8)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in pids:
                os.kill(pid, number)
            time.sleep(seconds if number == signal.SIGSTOP else 0)
        return seconds

    def outage(self):
        if self.database.process.alive():
            self.database.process.kill(self.random.choice((signal.SIGKILL, signal.SIGTERM)))
            self.database.process.wait()
            return "database goes", False
        self.database.start()
        return "database comes", False

    def scarce(self):
        """Memory that runs out: whatever comes of it, the agent lives, or ends by itself."""
        self.agent.stop()
        seconds = min(60.0, self.seconds * SCARCE_SHARE)
        self.start_agent(env={"LD_PRELOAD": os.path.join(BUILD, "soak", "scarce_malloc.so"),
                              "SCARCE_ONE_IN": str(SCARCE_ONE_IN), "SCARCE_AFTER_MS": "3000", "SCARCE_SEED": str(self.seed)})
        self.scarce_until = time.monotonic() + seconds
        return f"memory runs out for {seconds:.0f} s", True

    def end_scarce(self):
        process = self.agent.process
        if process.alive():
            process.kill(signal.SIGTERM)
        code = process.wait()
        if code not in (0, 1):
            raise Failure(f"without memory crosstap ended with {code}: {process.log()[-2000:]}")
        self.scarce_until = 0.0
        self.start_agent()
        return "memory is back", True

    def event(self):
        """(what, whether a producer's connection ends)"""
        if self.scarce_until:
            return self.end_scarce() if time.monotonic() > self.scarce_until else (None, True)
        played = (time.monotonic() - self.begun) / self.seconds
        if not self.counts.get("memory") and played > 1 / 3:
            self.count("memory")
            return self.scarce()
        choices = [(None, 6), (self.reload, 5), (self.outage, 4), (self.stall, 2), (self.hold, 2), (self.freeze, 2)]
        if played < LAST_LIFE:
            choices += [(self.kill, 2), (self.restart, 1)]
        chosen = self.random.choices([c for c, _ in choices], [w for _, w in choices])[0]
        if not chosen:
            return None, False
        self.count(chosen.__name__)
        return chosen()

    # -- a round

    def load(self, seconds):
        runs = []
        for server in self.servers:
            rate = self.random.randrange(10, RATE)
            network = RESOLVERS.rpartition(".0.0/")[0]
            command = dnsload_command(server, prefix=self.clients.prefix, namespace=True, count=int(rate * seconds), rate=rate,
                                      zone=server.zones[0], window=self.random.choice((100, 1000)),
                                      tcp=2, tcp_percent=self.random.choice((0, 10)), no_edns=self.random.random() < 0.2 or [],
                                      source=f"{network}.{self.random.randrange(256)}.{1 + self.random.randrange(250)}",
                                      seed=self.random.randrange(1, 1 << 30))
            runs.append((server, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
        return runs

    def finish(self, round, runs):
        for server, run in runs:
            while run.poll() is None:
                self.watch()
                time.sleep(0.1)
            out, errors = run.communicate()
            if run.returncode:
                raise Failure(f"dnsload: {errors.strip()}")
            round.add(server.name, json.loads(out))

    def play_round(self, number, quiet=False):
        """Without memory the agent says nothing that could be waited for: such rounds are one with that in which it is back."""
        round = self.open = self.open or Round(number, self.quiet.end, self.books.servers)
        seconds = self.random.uniform(2, 4 if self.seconds < 600 else 12)
        runs = self.load(seconds)
        self.rest(seconds * self.random.random())
        what, disturbs = (None, False) if quiet else self.event()
        if what:
            self.say(f"round {number}: {what}")
        if disturbs:
            round.disturbed.append(what or "no memory")
        self.finish(round, runs)
        if self.scarce_until:
            self.rest(SCARCE_PAUSE_S)
        else:
            self.end_round()

    def end_round(self):
        if self.open.disturbed:
            self.wait_wire()
        self.quiet.come(self.open)
        self.books.rounds.append(self.open)
        self.open = None

    def watch(self):
        """Without memory the agent may end, and is started again."""
        if self.scarce_until and not self.agent.process.alive():
            code = self.agent.process.popen.returncode
            if code not in (0, 1):
                raise Failure(f"without memory crosstap ended with {code}: {self.agent.process.log()[-2000:]}")
            self.start_agent()
            self.scarce_until = time.monotonic()
        for server in self.servers:
            server.process.must_live()
        self.sample()

    # -- the whole

    def play(self):
        self.start_agent()
        for server in self.servers:
            server.start()
            server.wait_ready()
        self.quiet = Quiet(self.lab, self.clients, self.agent, self.servers, self.watch)
        self.open = Round(0, self.quiet.end, self.books.servers)
        self.open.disturbed.append("start")
        self.end_round()
        number = 0
        while time.monotonic() - self.begun < self.seconds:
            number += 1
            self.play_round(number)
        if self.scarce_until:
            self.end_scarce()
        if not self.database.process.alive():
            self.database.start()
        self.play_round(number + 1, quiet=True)
        self.drain()

    def wait_wire(self):
        def modes():
            return self.agent.metric_by("crosstap_wire_mode", "mode", interface=DEVICE)
        wait_for(lambda: modes() and "off" not in modes(), 30, lambda: f"the wire is watched: {modes()}")

    def drain(self):
        def waiting():
            return self.agent.metric("crosstap_output_spool_batches") + self.agent.metric("crosstap_output_queued_batches")
        wait_for(lambda: not waiting(), DRAIN_S, lambda: f"all is delivered ({waiting()} batches wait)")
        self.agent.stop()

    def growth(self, lives):
        found, samples = slope(lives), [sample for life in lives for sample in life]
        if not found:
            return "too few samples for a slope"
        return (f"{found[0]:+.0f} ± {found[1]:.0f} KiB an hour (95 %, {len(samples)} samples of {sum(bool(life) for life in lives)} lives, "
                f"each without its first {self.fresh:.0f} s; {min(kib for _, kib in samples)} to "
                f"{max(kib for _, kib in samples)} KiB)")

    def report(self):
        self.books.check()
        sums, rounds = self.books.sums, self.books.rounds
        print(f"rounds        {len(rounds)}, in {sum(bool(r.disturbed) for r in rounds)} of them connections ended "
              "(restart, kill, no memory)")
        print(f"queries       sent {sums['sent']}, stored {sums['stored']}, missing in those rounds {sums['missing']}; in others "
              f"nameservers dropped {sums['dropped']} by themselves, their sockets {sums['socket']}, unread {sums['unread']}")
        print("events        " + (", ".join(f"{n} {what}" for what, n in sorted(self.counts.items())) or "none"))
        print(f"RSS           {self.growth(self.lives)}")
        print(f"RSS, at last  {self.growth(self.lives[-1:])}")
        print(f"in tenths     {' '.join(f'{kib:.0f}' for kib in tenths(self.lives[-1]))} KiB")
        print(f"descriptors   {self.least['fds']} to {self.most['fds']}")
        print(f"threads       {self.least['threads']} to {self.most['threads']}")
        print("clock steps   left out: they need a guest (make check-kernels)")
        for failure in self.books.failures:
            print(f"FAIL {failure}")
        return not self.books.failures


def tenths(life):
    """Means of each tenth: whether what grows comes to an end."""
    parts = [life[i * len(life) // 10:(i + 1) * len(life) // 10] for i in range(10)]
    return [sum(kib for _, kib in part) / len(part) for part in parts if part]


def family(server):
    """Its process and their children."""
    pids = [server.process.popen.pid]
    for pid in pids:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            pids += (int(word) for word in file.read().split())
    return pids


def main():
    hours = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "big")
    print(f"soak of {hours} hours, SEED={seed}", flush=True)
    lab = Lab("soak")
    try:
        soak = Soak(lab, hours, seed)
        soak.play()
        good = soak.report()
        check(good, f"SEED={seed} does not balance")
    except Failure as failure:
        print(f"FAIL soak, SEED={seed}: {failure}\n     logs: {lab.keep_logs()}", flush=True)
        return 1
    finally:
        lab.close()
    print("ok   soak")
    return 0


sys.exit(main())
