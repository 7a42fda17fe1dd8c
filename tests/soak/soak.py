# SPDX-License-Identifier: BSD-2-Clause
"""crosstap beside a real Knot, NSD and BIND for hours, in a network namespace of its own (scripts/soak), with all that
happens to it in a year: reloads, restarts, kills, stalls, an InfluxDB that is away, memory that runs out.

Time is cut into rounds: some seconds of load on each nameserver, and a pause in which all of it comes to the agent. Every
window lies in one round. At the end InfluxDB holds, for each round in which nothing came between the nameservers and the
agent, every query that was answered, to the last, and none that was not sent: what a nameserver drops with a connection
that it resets, it logs or not. For each other round it holds at most that, and what is missing there is said."""

import json
import os
import random
import signal
import subprocess
import sys
import time

from databases import InfluxDB
from harness import BUILD, Crosstap, Failure, Lab, check, dnsload_command, wait_for
from nameserver import BIND, NSD, Knot
from slope import slope

SERVERS = (Knot, NSD, BIND)
PAUSE_S = 4          # producers flush about once a second, a window waits for one more
FRESH_S = 60         # of a life: tables and caches come to their size
SAMPLE_S = 1
RATE = 300           # queries a second on each nameserver, at most
RECONNECT_S = 30     # producers try again on a grid of seconds
SCARCE_ONE_IN = 20000
SCARCE_SHARE = 0.1   # of the time, and a minute at most
DRAIN_S = 120
# What is remembered for the page grows for an hour by design: here it is full within the first minute of a life.
LIMITS = {"memory": "64MiB", "history": "256KiB"}


class Round:
    def __init__(self, number):
        self.number = number
        self.begin = self.end = 0.0
        self.sent, self.answered = {}, {}  # by the zone's label
        self.disturbed = []   # what came between producers and agent


class Soak:
    def __init__(self, lab, hours, seed):
        self.lab, self.random, self.seed = lab, random.Random(seed), seed
        self.seconds = hours * 3600
        self.database = InfluxDB(lab).start()
        self.servers = []
        inputs = []
        for kind in SERVERS:
            socket = lab.path(kind.name + ".sock")
            inputs.append({"zone": kind.name, "unix": socket, "mode": "0666"})
            self.servers.append((kind, socket))
        self.agent = Crosstap(lab, inputs=inputs, outputs=[self.database.output()],
                              wire={"mode": "packet", "interfaces": ["soak0"]}, limits=dict(LIMITS), log={"level": "info"})
        self.rounds, self.counts = [], {}
        self.lives = [[]]     # of (hours, RSS in KiB), for each life of the agent
        self.most = {"fds": 0, "threads": 0}
        self.least = {"fds": 1 << 30, "threads": 1 << 30}
        self.begun = time.monotonic()
        self.alive_since = 0.0
        self.failures = []
        self.scarce_until = 0.0

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

    def wait_producers(self):
        wait_for(lambda: self.agent.process.must_live() and self.connections() >= len(self.servers), RECONNECT_S,
                 lambda: f"all producers are connected ({self.connections()})")

    def connections(self):
        return sum(i["connections"] for i in self.status().get("inputs", []))

    def status(self):
        code, body = self.agent.get("/api/v1/status")
        return json.loads(body) if code == 200 else {}

    def sample(self):
        process = self.agent.process
        if not process or not process.alive():
            raise Failure(f"crosstap ended with {process.popen.returncode}: {process.log()[-2000:]}")
        with open(f"/proc/{process.popen.pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        now = {"fds": len(os.listdir(f"/proc/{process.popen.pid}/fd")), "threads": int(fields["Threads"])}
        for key, value in now.items():
            self.most[key] = max(self.most[key], value)
            self.least[key] = min(self.least[key], value)
        fresh = min(FRESH_S, self.seconds / 10)
        if time.monotonic() - self.alive_since > fresh and not self.scarce_until:
            self.lives[-1].append(((time.monotonic() - self.begun) / 3600, int(fields["VmRSS"].split()[0])))

    def rest(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.sample()
            time.sleep(min(SAMPLE_S, max(0.0, end - time.monotonic())))

    # -- what happens; each says whether something came between producers and agent

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
        seconds = self.random.uniform(0.5, 3)
        self.agent.process.kill(signal.SIGSTOP)
        time.sleep(seconds)
        self.agent.process.kill(signal.SIGCONT)
        return f"stall of {seconds:.1f} s", True

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
        """(what, whether it disturbs)"""
        if self.scarce_until:
            return self.end_scarce() if time.monotonic() > self.scarce_until else (None, True)
        if not self.counts.get("memory") and time.monotonic() - self.begun > self.seconds / 2:
            self.count("memory")
            return self.scarce()
        choices = [(None, 6), (self.reload, 5), (self.outage, 4), (self.kill, 2), (self.restart, 1), (self.stall, 2)]
        chosen = self.random.choices([c for c, _ in choices], [w for _, w in choices])[0]
        if not chosen:
            return None, False
        self.count(chosen.__name__)
        return chosen()

    # -- a round

    def load(self, round, seconds):
        runs = []
        for server in self.running:
            rate = self.random.randrange(10, RATE)
            command = dnsload_command(server, count=int(rate * seconds), rate=rate, zone=server.zones[0],
                                      tcp=2, tcp_percent=self.random.choice((0, 10)), no_edns=self.random.random() < 0.2 or [],
                                      source=f"127.0.{self.random.randrange(256)}.{1 + self.random.randrange(250)}",
                                      seed=self.random.randrange(1, 1 << 30))
            runs.append((server, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
        return runs

    def finish(self, round, runs):
        for server, run in runs:
            out, errors = run.communicate(timeout=120)
            if run.returncode:
                raise Failure(f"dnsload: {errors.strip()}")
            transports = json.loads(out)["transport"].values()
            round.sent[server.name] = sum(t["sent"] for t in transports)
            round.answered[server.name] = sum(t["received"] for t in transports)

    def play_round(self, number, quiet=False):
        round = Round(number)
        round.begin = time.time()
        seconds = self.random.uniform(2, 4 if self.seconds < 600 else 12)
        runs = self.load(round, seconds)
        self.rest(seconds * self.random.random())
        what, disturbs = (None, False) if quiet else self.event()
        if what:
            self.say(f"round {number}: {what}")
        if disturbs:
            round.disturbed.append(what or "no memory")
        for _, run in runs:
            while run.poll() is None:
                self.watch()
                time.sleep(0.1)
        self.finish(round, runs)
        if disturbs and not self.scarce_until:
            self.wait_producers()
        self.rest(PAUSE_S)
        round.end = time.time()
        self.rounds.append(round)

    def watch(self):
        """Without memory the agent may end, and is started again."""
        if self.scarce_until and not self.agent.process.alive():
            code = self.agent.process.popen.returncode
            if code not in (0, 1):
                raise Failure(f"without memory crosstap ended with {code}: {self.agent.process.log()[-2000:]}")
            self.start_agent()
            self.scarce_until = time.monotonic()
        self.sample()

    # -- the whole

    def play(self):
        self.start_agent()
        self.running = [kind(self.lab, socket, zones=(f"{kind.name}.example",), address6=None).start()
                        for kind, socket in self.servers]
        self.agent.config["wire"]["ports"] = [server.port for server in self.running]
        self.agent.write_config()
        self.agent.process.kill(signal.SIGHUP)
        # NSD connects when it has something to say.
        for server in self.running:
            subprocess.run(dnsload_command(server, count=20, zone=server.zones[0]), check=True, stdout=subprocess.DEVNULL)
        self.wait_producers()
        self.rest(PAUSE_S)
        number = 0
        while time.monotonic() - self.begun < self.seconds:
            number += 1
            self.play_round(number)
        if self.scarce_until:
            self.end_scarce()
            self.wait_producers()
        if not self.database.process.alive():
            self.database.start()
        self.play_round(number + 1, quiet=True)
        self.drain()

    def drain(self):
        def waiting():
            return self.agent.metric("crosstap_output_spool_batches") + self.agent.metric("crosstap_output_queued_batches")
        wait_for(lambda: not waiting(), DRAIN_S, lambda: f"all is delivered ({waiting()} batches wait)")
        self.agent.stop()

    def stored(self, round):
        """{zone: queries} of the windows of a round."""
        begin, end = int((round.begin - PAUSE_S / 2) * 1e9), int((round.end - PAUSE_S / 2) * 1e9)
        series = self.database.query(
            f'SELECT sum("queries") FROM "dns" WHERE time >= {begin} AND time < {end} GROUP BY "zone"')
        return {s["tags"]["zone"]: int(s["values"][0][1] or 0) for s in series}

    def check_rounds(self):
        sent = stored = missing = elsewhere = 0
        for round in self.rounds:
            have = self.stored(round)
            for zone, n in round.sent.items():
                seen = have.get(zone, 0)
                sent, stored = sent + n, stored + seen
                if not round.disturbed and not round.answered[zone] <= seen <= n:
                    self.failures.append(f"round {round.number}, {zone}: sent {n}, answered {round.answered[zone]}, stored {seen}")
                elif seen > n:
                    self.failures.append(f"round {round.number} ({', '.join(round.disturbed)}), {zone}: sent {n}, stored {seen}")
                if round.disturbed:
                    missing += n - seen
                else:
                    elsewhere += n - seen
        disturbed = sum(bool(round.disturbed) for round in self.rounds)
        print(f"rounds        {len(self.rounds)}, {disturbed} of them with a kill, restart, stall or without memory")
        print(f"queries       sent {sent}, stored {stored}, missing in those rounds {missing}, in others {elsewhere}")

    def report(self):
        self.check_rounds()
        growth = slope(self.lives)
        print("events        " + (", ".join(f"{n} {what}" for what, n in sorted(self.counts.items())) or "none"))
        samples = sum(len(life) for life in self.lives)
        if growth:
            print(f"RSS           {growth[0]:+.0f} ± {growth[1]:.0f} KiB an hour (95 %, {samples} samples of "
                  f"{sum(bool(life) for life in self.lives)} lives, each without its first {min(FRESH_S, self.seconds / 10):.0f} s)")
        else:
            print("RSS           too few samples for a slope")
        print(f"descriptors   {self.least['fds']} to {self.most['fds']}")
        print(f"threads       {self.least['threads']} to {self.most['threads']}")
        print("clock steps   left out: they need a guest (make check-kernels)")
        for failure in self.failures:
            print(f"FAIL {failure}")
        return not self.failures


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
