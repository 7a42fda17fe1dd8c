# SPDX-License-Identifier: BSD-2-Clause
"""The clients' network namespace, behind a veth pair whose other end is in ours: the agent's wire sees what they say. It has
no name: it goes with the process that holds it, however that ends."""

import os

from harness import Process, output, wait_for

DEVICE, PEER = "soak0", "soak1"
SERVER, CLIENT, RESOLVERS = "198.18.0.1", "198.18.0.2", "198.19.0.0/16"


class Clients:
    def __init__(self, lab):
        self.holder = Process(lab, "clients", ["unshare", "--net", "sleep", "infinity"])
        pid = self.holder.popen.pid
        wait_for(lambda: self.holder.must_live() and self.namespace(pid) != self.namespace("self"), 10, "a network namespace")
        self.prefix = ("nsenter", f"--net=/proc/{pid}/ns/net")
        output("ip", "link", "add", DEVICE, "type", "veth", "peer", "name", PEER, "netns", str(pid))
        output("ip", "address", "add", SERVER + "/24", "dev", DEVICE)
        output("ip", "link", "set", DEVICE, "up")
        for words in (("ip", "link", "set", "lo", "up"), ("ip", "address", "add", CLIENT + "/24", "dev", PEER),
                      ("ip", "link", "set", PEER, "up"), ("ip", "route", "add", "local", RESOLVERS, "dev", "lo"),
                      # With a queue, a veth lets senders wait for a server without a CPU (since Linux 6.16), and drops nothing.
                      ("tc", "qdisc", "add", "dev", PEER, "root", "pfifo", "limit", "10000")):
            output(*self.prefix, *words)
        output("ip", "route", "add", RESOLVERS, "via", CLIENT)

    @staticmethod
    def namespace(process):
        return os.readlink(f"/proc/{process}/ns/net")


def socket_drops(port):
    """Queries over UDP that found no room in a socket at this port, since it was opened (Documentation/networking/proc_net_udp)."""
    with open("/proc/net/udp") as file:
        lines = [line.split() for line in file][1:]
    return sum(int(line[-1]) for line in lines if int(line[1].rpartition(":")[2], 16) == port)
