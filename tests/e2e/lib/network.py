# SPDX-License-Identifier: BSD-2-Clause
"""Ports, network namespaces, and who listens there."""

import concurrent.futures
import contextlib
import ctypes
import json
import os
import socket
import subprocess
import urllib.error
import urllib.request

from checks import Failure


CLONE_NEWNET = 0x40000000  # <linux/sched.h>; os.setns() comes with Python 3.12

_given_ports = set()


def free_port(addresses=("127.0.0.1", "::1")):
    """A port that is free for UDP and TCP on all the addresses."""
    for _ in range(100):
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for address in addresses:
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        family = socket.AF_INET6 if ":" in address else socket.AF_INET
                        sock = stack.enter_context(socket.socket(family, kind))
                        sock.bind((address, port))
                        port = sock.getsockname()[1]
            except OSError:
                continue
            # Ports of outgoing connections come from the same range: those given once stay out of it.
            if port not in _given_ports:
                _given_ports.add(port)
                return port
    raise Failure("no free port")


def tcp_answers(address, port):
    """True if something listens. No DNS message is sent: it would be counted."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(0.5)
        return sock.connect_ex((address, port)) == 0


def http(url, data=None, timeout=10, headers=None):
    """Returns (status, body text). Connection errors are status 0."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, ValueError) as error:
        return 0, str(error)


class Namespaces:
    """Two network namespaces with a veth between them: the nameserver's and the resolvers'. Resolver addresses are a
    network that the kernel of the second takes for its own. The device's name is ours alone, so that a command
    which walks all namespaces can be held to it."""

    # No other test has this server beside this one: of a query that was freed with its closed socket, the kernel says the
    # address, and no namespace.
    HOST = 10 + os.getpid() % 240
    SERVER, CLIENT, RESOLVERS = f"198.18.0.{HOST}", "198.18.0.2", "198.18.1.0/24"
    SERVER6, CLIENT6 = f"fd00:c705::{HOST:x}", "fd00:c705::2"

    def __init__(self, name):
        self.server = f"crosstap-{name}-server-{os.getpid()}"
        self.client = f"crosstap-{name}-client-{os.getpid()}"
        self.device = f"dns{os.getpid()}"

    @staticmethod
    def ip(*words):
        return output("ip", *words)

    def make(self):
        for name in (self.server, self.client):
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        self.ip("-n", self.client, "route", "add", "local", self.RESOLVERS, "dev", "lo")
        self.connect()
        return self

    def connect(self):
        """Makes the link, anew after it was deleted."""
        self.link()
        self.address()

    def link(self):
        self.ip("link", "add", self.device, "netns", self.server, "type", "veth", "peer", "name", self.device,
                "netns", self.client)

    def address(self):
        for name, v4, v6 in ((self.server, self.SERVER, self.SERVER6), (self.client, self.CLIENT, self.CLIENT6)):
            self.ip("-n", name, "address", "add", v4 + "/24", "dev", self.device)
            self.ip("-n", name, "address", "add", v6 + "/64", "dev", self.device, "nodad")
            self.ip("-n", name, "link", "set", self.device, "up")
        # With a queue, a veth lets senders wait for a nameserver without a CPU (since Linux 6.16), and drops nothing.
        output("tc", "-n", self.client, "qdisc", "add", "dev", self.device, "root", "pfifo", "limit", "10000")
        self.ip("-n", self.server, "route", "add", self.RESOLVERS, "via", self.CLIENT)

    def close(self):
        for name in (self.client, self.server):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def dropped(self):
        """Packets that the link had no room for on their way to the nameserver."""
        link, = json.loads(self.ip("-n", self.client, "-j", "-s", "link", "show", "dev", self.device))
        return link["stats64"]["tx"]["dropped"]

    def nameserver(self):
        return {"address": self.SERVER, "address6": self.SERVER6, "port": 53,
                "prefix": ("ip", "netns", "exec", self.server)}

    def load(self):
        return {"prefix": ("ip", "netns", "exec", self.client), "namespace": True}


def output(*argv):
    """What a command that must succeed printed."""
    run = subprocess.run(argv, capture_output=True, text=True)
    if run.returncode:
        raise Failure(f"{' '.join(argv)}: {run.stderr.strip()}")
    return run.stdout


def in_namespace(name, function, *args):
    """Calls in a thread that has gone into a network namespace: sockets made there stay there."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call():
        with open(f"/run/netns/{name}") as file:
            if libc.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {name}")
        return function(*args)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()
