# SPDX-License-Identifier: BSD-2-Clause
"""The quiet moment between two rounds: everything that was sent has come to its end, and nothing is on its way. To wait for
some seconds would not do: on a busy machine queries wait in a socket, and frames in a nameserver, for longer than any."""

import json
import subprocess
import time

from checks import PATIENCE_S, Failure
from clients import socket_drops
from load import dnsload_command

POLL_S = 0.2
ATTEMPTS = 5
# A query that each nameserver refuses. The load has none.
MARKER = "marker.invalid"


class Quiet:
    """Of `servers` (with .account) and `agent`. `watch` is called while it waits."""

    def __init__(self, lab, clients, agent, servers, watch):
        self.clients, self.agent, self.servers, self.watch = clients, agent, servers, watch
        self.marker = lab.write("marker", MARKER + "\n")
        self.mark()

    def mark(self):
        """What the next round is counted from."""
        self.end = time.time()
        self.accounts = {s.name: s.account.read() for s in self.servers}
        self.drops = {s.name: socket_drops(s.port) for s in self.servers}
        self.frames = {s.name: self.input(s)["frames"] for s in self.servers}

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            self.watch()
            if time.monotonic() > end:
                raise Failure(f"not within {PATIENCE_S} s: {what()}")
            time.sleep(POLL_S)

    # -- what each of them says

    def input(self, server):
        """The agent's, as of its last window; before its first one it says nothing."""
        found = [i for i in self.agent.api("status")["inputs"] if i["address"].endswith(server.socket)]
        return found[0] if found else {"frames": 0, "connections": 0}

    def refused(self, server):
        return self.agent.metric("crosstap_dns_responses_by_rcode_total", zone=server.name, rcode="REFUSED")

    def account(self, server):
        return server.account.read() - self.accounts[server.name]

    def ask(self, round, server):
        """A marker, which counts in the round."""
        command = dnsload_command(server, prefix=self.clients.prefix, namespace=True, names=self.marker, count=1)
        run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
        if run.returncode:
            raise Failure(f"dnsload: {run.stderr.strip()}")
        round.add(server.name, json.loads(run.stdout))

    # -- what is waited for

    def handled(self, round, server):
        """It logged all that reached it, or dropped it, and nothing waits in it."""
        round.socket_drops[server.name] = socket_drops(server.port) - self.drops[server.name]
        least, most = round.arrived(server.name)
        return least <= self.account(server).logged("query") <= most and not server.account.read().waiting()

    def wait_servers(self, round):
        def state():
            return {s.name: (round.arrived(s.name), self.account(s)) for s in self.servers}
        self.wait(lambda: all(self.handled(round, s) for s in self.servers),
                  lambda: f"nameservers are done with their queries: {state()}")

    def wait_agent(self):
        def read(server):
            return self.input(server)["frames"] - self.frames[server.name]

        def state():
            return {s.name: (read(s), self.account(s)) for s in self.servers}
        self.wait(lambda: all(read(s) == self.account(s).of("queued") for s in self.servers),
                  lambda: f"the agent read what was logged: {state()}")

    def reconnect(self, round):
        """A producer notices by what it writes that a connection is gone, and tries again every few seconds."""
        def connected():
            away = [s for s in self.servers if not self.input(s)["connections"]]
            for server in away:
                self.ask(round, server)
            return not away
        self.wait(connected, lambda: f"all producers are connected: {({s.name: self.input(s) for s in self.servers})}")

    def pass_marker(self, round, server):
        """A connection keeps the order: with the answer to a marker, the agent has all that was before it. False: the marker
        was dropped."""
        before, account = self.refused(server), self.account(server)

        def dropped():
            return (self.account(server) - account).dropped()
        self.ask(round, server)
        self.wait(lambda: self.refused(server) > before or dropped(), lambda: f"the agent has a marker of {server.name}")
        return not dropped()

    def begin_anew(self, round):
        """After connections have ended, with which frames were lost: nobody knows how many."""
        for _ in range(ATTEMPTS):
            self.reconnect(round)
            self.wait_servers(round)
            if all(self.pass_marker(round, s) for s in self.servers):
                self.wait_servers(round)
                return
        raise Failure(f"a marker was dropped, {ATTEMPTS} times")

    def wait_window(self):
        """The window of this moment is closed by both witnesses: what comes now is in a later one."""
        def closed():
            return self.agent.api("status").get("window", {}).get("end_ms", 0) > self.end * 1000
        self.wait(closed, lambda: "a window is closed")

    def come(self, round):
        """Ends the round."""
        if not round.disturbed:
            try:
                self.wait_servers(round)
                self.wait_agent()
            except Failure as fault:
                round.faults.append(str(fault))
        if round.disturbed or round.faults:
            self.begin_anew(round)
        round.account = {s.name: self.account(s) for s in self.servers}
        self.mark()
        round.end = self.end
        self.wait_window()
