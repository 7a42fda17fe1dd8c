# SPDX-License-Identifier: BSD-2-Clause
"""A line of 20 ms between a nameserver and its resolvers, the resolvers, and three witnesses of what the line really did: the
forwarder's record, the kernel's own measurement of each handshake, and the stamps of ICMP at the nameserver's device. A
busy machine is late; how late each packet was is known."""

import collections
import contextlib
import json
import math
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import time

import frames
from harness import BUILD, Namespaces, check, check_equal, in_namespace, output

FORWARDER = os.path.join(BUILD, "tools", "delay_forwarder")
ORACLE = os.path.join(BUILD, "tools", "handshake_oracle")
CLIENTS_AT_ONCE = 40
ATTEMPTS = 3
SYN, ACK, PUSH, RESET = 2, 16, 8, 4
ECHO_REQUESTS, ECHO_REPLIES = (8, 128), (0, 129)  # ICMP, ICMPv6

# What no measurement can tell apart: clocks are read one after the other, and times are cut to microseconds.
CLOCKS_MS = 0.05

# Of a packet that crossed the line: the side from which it came, CLOCK_MONOTONIC in ns (given to the device, passed on by
# it, or 0, and out at the other end), ends, and what it is.
Packet = collections.namedtuple("Packet", "side in_ns passed_ns out_ns source destination kind numbers")


class Time(collections.namedtuple("Time", "address port start_ns end_ns least most")):
    """A round trip: between which milliseconds it was, by those who saw it inside and outside of whoever measured it, and
    when it began and ended (wall clock)."""

    def on_time(self, limit=21):
        return self.most <= limit


class Forwarder:
    """Delays by 10 ms each way between the devices `slow` of two namespaces."""

    def __init__(self, stack, path, near, far, prefix=()):
        self.path = path
        self.run = subprocess.Popen([*prefix, FORWARDER, "10", near, "slow", far, "slow", path], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, text=True)
        stack.callback(self.run.wait)
        stack.callback(self.run.kill)
        check_equal(self.run.stdout.readline(), "ready\n", "the forwarder")

    def read(self):
        """Ends it. [Packet] in the order in which they went out."""
        self.run.terminate()
        check_equal(self.run.wait(60), 0, "exit code of the forwarder")
        with open(self.path) as file:
            *lines, last = map(str.split, file)
        check(int(last[1]) <= 1 << 17, f"the forwarder recorded all of its packets: {last}")
        return [Packet(line[0], *map(int, line[1:4]), *line[4:7], tuple(map(int, line[7:]))) for line in lines]


def wall_ahead_ns():
    """What the wall clock is ahead of CLOCK_MONOTONIC."""
    return min(time.time_ns() - time.monotonic_ns() for _ in range(100))


def late_ms(packets):
    """How much later than it should each packet left."""
    return sorted((packet.out_ns - packet.in_ns) / 1e6 - 10 for packet in packets)


class Handshake:
    """What crossed the line of one connection."""

    def __init__(self, number):
        self.number, self.syns, self.syn_acks, self.ack_ns = number, [], [], None

    def add(self, packet):
        _, _, flags, sequence, acknowledged = packet.numbers
        flags &= SYN | ACK | RESET
        if flags == SYN:
            self.syns.append(packet.out_ns)
        elif flags == SYN | ACK and acknowledged == (self.number + 1) % 2**32:
            self.syn_acks.append(packet.in_ns)
        elif flags == ACK and packet.side == "B" and sequence == (self.number + 1) % 2**32 and not self.ack_ns:
            self.ack_ns = packet.out_ns

    def counts(self):
        """One SYN-ACK left, so that its time means something, and was answered."""
        return bool(self.syns and len(self.syn_acks) == 1 and self.ack_ns)

    def end_ns(self):
        return self.ack_ns or time.monotonic_ns()

    def start_ns(self):
        """The SYN that the SYN-ACK answered went to the server."""
        return max(at for at in self.syns if at <= self.syn_acks[0])


def handshakes(packets):
    """{(address, port): [Handshake]} of the resolvers', at side B."""
    found = {}
    for packet in packets:
        if packet.kind != "tcp":
            continue
        source, destination, flags, sequence, _ = packet.numbers
        far = (packet.source, source) if packet.side == "B" else (packet.destination, destination)
        mine = found.setdefault(far, [])
        if packet.side == "B" and flags & (SYN | ACK) == SYN and not (mine and mine[-1].number == sequence):
            mine.append(Handshake(sequence))
        if mine:
            mine[-1].add(packet)
    return found


def handshake_times(packets, oracle, as_tcp=True):
    """[Time] of those handshakes that can be timed. The SYN-ACK came to the line after it had passed the daemon's hook, the
    ACK left it before: that is the least. The SYN left the line before, and TCP took the ACK after: that is the most;
    so is what TCP measured itself, where it measured from the SYN-ACK on (`as_tcp`) and knew better than milliseconds."""
    times, ahead = [], wall_ahead_ns()
    for (address, port), connections in handshakes(packets).items():
        one, taken = connections[-1], oracle.get((address, port))
        if len(connections) > 1:  # by the same port: nobody knows which of them the kernel's is
            times.append(Time(address, port, 0, one.end_ns() + ahead, 0, math.inf))
        if len(connections) > 1 or not taken or not one.counts():
            continue
        most = (taken.established_ns - one.start_ns()) / 1e6
        if as_tcp and taken.ms % 1:
            most = min(most, taken.ms)
        times.append(Time(address, port, one.syn_acks[0] + ahead, taken.established_ns + ahead,
                          (one.ack_ns - one.syn_acks[0]) / 1e6 - CLOCKS_MS, most + CLOCKS_MS))
    return times


class Stamps:
    """The kernel's stamps of ICMP echo messages at a device: taken before a request's own stamp, and as an answer's own is."""

    TIMESTAMPNS, RCVBUFFORCE = 35, 33  # SO_*, which Python does not name

    def __init__(self, stack, namespace, device):
        self.socket = in_namespace(namespace, socket.socket, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        stack.callback(self.socket.close)
        self.socket.bind((device, 3))
        self.socket.setsockopt(socket.SOL_SOCKET, self.TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, self.RCVBUFFORCE, 128 << 20)
        self.socket.setblocking(False)

    def read(self):
        """{(address, identifier, sequence number): milliseconds}"""
        requests, times = {}, {}
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, control, _, _ = self.socket.recvmsg(128, 256)
                key, request = self.echo(packet)
                if not key:
                    continue
                seconds, nanoseconds = struct.unpack("@qq", control[0][2][:16])
                now = seconds * 10**9 + nanoseconds
                if request:
                    requests[key] = now
                elif key in requests:
                    times[key] = (now - requests[key]) / 1e6
        return times

    @staticmethod
    def echo(packet):
        """((the other end, identifier, sequence number), whether it is a request) or (None, False)."""
        v6 = packet[0] >> 4 == 6
        family, head, at, size = (socket.AF_INET6, 40, 8, 16) if v6 else (socket.AF_INET, 20, 12, 4)
        if len(packet) < head + 8 or packet[6 if v6 else 9] != (58 if v6 else 1):
            return None, False
        kind, _, _, identifier, number = struct.unpack_from("!BBHHH", packet, head)
        if kind not in ECHO_REQUESTS + ECHO_REPLIES:
            return None, False
        request = kind in ECHO_REQUESTS
        at += size if request else 0
        return (socket.inet_ntop(family, packet[at:at + size]), identifier, number), request


def echo_times(packets, stamps=None):
    """[Time] of the echo requests from side A. The kernel stamps a request for its sender between giving it to the device
    and the device's passing it on, which an interrupt may tear apart: from the latter on is the least. Without stamps of the
    device from which they came, the most is what the line took."""
    asked, times, ahead = {}, [], wall_ahead_ns()
    for packet in packets:
        if packet.kind != "icmp":
            continue
        kind, *number = packet.numbers
        if packet.side == "A" and kind in ECHO_REQUESTS:
            asked[(packet.destination, *number)] = packet
        key = (packet.source, *number)
        if packet.side == "B" and kind in ECHO_REPLIES and key in asked:
            request = asked[key]
            least, most = ((packet.out_ns - since) / 1e6 for since in (request.passed_ns or packet.out_ns, request.in_ns))
            most = stamps.get(key) if stamps is not None else most
            if most is not None:
                times.append(Time(packet.source, 0, request.in_ns + ahead, packet.out_ns + ahead, least - CLOCKS_MS,
                                  most + CLOCKS_MS))
    return times


# ---- what is held against what the line did ----


def attempts(lab, attempt):
    """The line is a program, and no quicker than its machine. What it really did is what the daemon must say, whatever that
    is; that it did 20 ± 1 ms, so that this is what the daemon says, is wanted in one of several attempts."""
    for number in range(ATTEMPTS):
        late = attempt(lab.part(f"attempt{number}"))
        if not late:
            return
        print(f"note {lab.name}: {late}", flush=True)


def lateness(times, packets):
    """Why this was no line of 20 ms for most of the round trips, if it was not."""
    on_time, late = sum(t.on_time() for t in times), late_ms(packets)
    return None if on_time * 2 >= len(times) else \
        f"{on_time} of {len(times)} round trips were of 20 ± 1 ms: half of the packets left {late[len(late) // 2]:.3f} ms late or later"


def check_between(value, times, what):
    """What was measured lies between what was seen inside and outside; so it is 20 ± 1 ms where that is."""
    least, most = min(t.least for t in times), max(t.most for t in times)
    check(least <= value <= most, f"{what} reads {value}, took {least} to {most}: {times[:20]}")


# ---- namespaces ----


class Line(Namespaces):
    """The nameserver's namespace, a router's at the other end of its veth, and the resolvers' 10 ms behind that, each way."""

    RESOLVERS6 = "fd00:c705:1::/64"

    def __init__(self, stack, lab, spread=False):
        super().__init__("rtt")
        self.stack, self.lab, self.pin = stack, lab, ("taskset", "-c", "0") if spread else ()
        self.far = f"crosstap-rtt-far-{os.getpid()}"
        stack.callback(self.close)
        self.make()
        if spread:
            self.spread()

    def make(self):
        super().make()
        self.ip("-n", self.client, "route", "del", "local", self.RESOLVERS, "dev", "lo")
        self.ip("netns", "add", self.far)
        self.ip("-n", self.far, "link", "set", "lo", "up")
        self.forwarder = Forwarder(self.stack, self.lab.path("line"), self.client, self.far, self.pin)
        for name, end in ((self.client, 1), (self.far, 2)):
            self.ip("-n", name, "address", "add", f"198.18.2.{end}/24", "dev", "slow")
            self.ip("-n", name, "address", "add", f"fd00:c705:2::{end}/64", "dev", "slow", "nodad")
            self.ip("-n", name, "link", "set", "slow", "txqueuelen", "10000", "up")
        self.routes()
        return self

    def routes(self):
        self.sysctl(self.client, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.sysctl(self.far, "net.ipv6.ip_nonlocal_bind=1")
        self.ip("-n", self.far, "route", "add", "local", self.RESOLVERS, "dev", "lo")
        self.ip("-n", self.far, "-6", "route", "add", "local", self.RESOLVERS6, "dev", "lo")
        self.ip("-n", self.far, "route", "add", "default", "dev", "slow")
        self.ip("-n", self.far, "-6", "route", "add", "default", "dev", "slow")
        self.ip("-n", self.client, "route", "add", self.RESOLVERS, "dev", "slow")
        self.ip("-n", self.client, "-6", "route", "add", self.RESOLVERS6, "dev", "slow")
        # Whoever forged an address gets no answer, and nothing leaves.
        self.ip("-n", self.client, "route", "add", "blackhole", "default")
        self.ip("-n", self.server, "route", "add", "default", "via", self.CLIENT)
        self.ip("-n", self.server, "-6", "route", "add", self.RESOLVERS6, "via", self.CLIENT6)

    def sysctl(self, namespace, *settings):
        output("ip", "netns", "exec", namespace, "sysctl", "-qw", *settings)

    def spread(self):
        """Receive packet steering: what the veth's ends receive is handled on the other CPU than the forwarder's, and on it."""
        for name, mask in ((self.server, "2"), (self.client, "1")):
            output("ip", "netns", "exec", name, "sh", "-c", f"echo {mask} > /sys/class/net/{self.device}/queues/rx-0/rps_cpus")

    def close(self):
        subprocess.run(["ip", "netns", "del", self.far], capture_output=True, check=False)
        super().close()

    @contextlib.contextmanager
    def asking(self, *jobs):
        """jobs: (transport, source, how many). Each TCP query has a connection of its own. Begins when the first ones are on
        their way; at the end all must be answered."""
        with subprocess.Popen(["ip", "netns", "exec", self.far, sys.executable, "-B", __file__,
                               json.dumps({"jobs": jobs, "server": self.SERVER, "server6": self.SERVER6})],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
            check_equal(run.stdout.readline(), "begun\n", "the resolvers")
            yield
            _, errors = run.communicate(timeout=300)
            check_equal(run.returncode, 0, f"the resolvers ({errors[-2000:]})")

    def ask(self, *jobs):
        with self.asking(*jobs):
            pass


class Oracle:
    """The kernel's own first round-trip time of each connection that the nameserver took. What TCP measured in
    microseconds: of a handshake with a SYN cookie it knows the client's echo of a clock in ms, of one with a retransmission
    nothing better."""

    Taken = collections.namedtuple("Taken", "ms established_ns")

    def __init__(self, stack, lab):
        with open("/proc/mounts") as mounts:
            root = next(words[1] for words in map(str.split, mounts) if words[2] == "cgroup2")
        self.group = os.path.join(root, f"crosstap-rtt-{os.getpid()}")
        os.mkdir(self.group)
        stack.callback(os.rmdir, self.group)
        self.lab = lab
        self.tool = subprocess.Popen([ORACLE, self.group], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(self.tool.wait)
        stack.callback(self.tool.kill)
        check_equal(self.tool.stdout.readline(), "ready\n", "the oracle")

    def prefix(self):
        return ("sh", "-c", f'echo $$ > {self.group}/cgroup.procs && exec "$@"', "sh")

    def read(self):
        """{(address, port): Taken}"""
        *lines, _ = map(str.split, self.tool.communicate("\n", timeout=60)[0].splitlines())
        check_equal(self.tool.returncode, 0, "the oracle")
        return {(a, int(port)): self.Taken(int(us) / 1000, int(ns)) for a, port, us, ns in lines}


# ---- the resolvers ----


def query(number):
    return frames.message("www.example.nl", id=number % 65536)


class Connection:
    """A handshake, a query, an answer."""

    def __init__(self, source, server, number):
        self.socket = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.bind((source, 0))
        self.socket.connect_ex((server, 53))
        self.message, self.connected, self.answer = query(number), False, b""

    def events(self):
        return selectors.EVENT_READ if self.connected else selectors.EVENT_WRITE

    def go_on(self):
        """True once it is answered."""
        if not self.connected:
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, f"connect from {self.socket.getsockname()}")
            self.connected = True
            self.socket.sendall(struct.pack("!H", len(self.message)) + self.message)
            return False
        data = self.socket.recv(4096)
        if not data:
            raise OSError("closed without an answer")
        self.answer += data
        return len(self.answer) >= 2 and len(self.answer) - 2 == struct.unpack("!H", self.answer[:2])[0]


class Datagram:
    def __init__(self, source, server, number):
        self.socket = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((source, 0))
        self.socket.sendto(query(number), (server, 53))

    @staticmethod
    def events():
        return selectors.EVENT_READ

    def go_on(self):
        return bool(self.socket.recv(4096))


def client(order):
    """Some at a time, until all are answered."""
    todo = [(transport, source) for transport, source, n in order["jobs"] for _ in range(n)]
    random.Random(1).shuffle(todo)
    begun = False
    with selectors.DefaultSelector() as selector:
        while todo or selector.get_map():
            while todo and len(selector.get_map()) < CLIENTS_AT_ONCE:
                transport, source = todo.pop()
                server = order["server6"] if ":" in source else order["server"]
                one = (Connection if transport == "tcp" else Datagram)(source, server, len(todo))
                selector.register(one.socket, one.events(), one)
            if not begun:
                begun = print("begun", flush=True) is None
            ready = selector.select(60)
            if not ready:
                raise OSError(f"no answer within 60 s, {len(selector.get_map())} wait")
            for key, _ in ready:
                one = key.data
                if one.go_on():
                    selector.unregister(one.socket)
                    one.socket.close()
                elif key.events != one.events():
                    selector.modify(one.socket, one.events(), key.data)


def ip(*args):
    subprocess.run(["ip", *args], check=True)


class SlowLink:
    """Namespaces a (where crosstap would be) and b (the resolvers), 10 ms apart each way."""

    def __init__(self, stack, lab):
        self.a, self.b = (f"crosstap-ping-{side}-{os.getpid()}" for side in "ab")
        for namespace in (self.a, self.b):
            ip("netns", "add", namespace)
            stack.callback(subprocess.run, ["ip", "netns", "del", namespace], check=False)
            ip("-n", namespace, "link", "set", "lo", "up")
        self.forwarder = Forwarder(stack, lab.path("line"), self.a, self.b)
        for namespace, side in ((self.a, 1), (self.b, 2)):
            ip("-n", namespace, "addr", "add", f"198.51.100.{side}/24", "dev", "slow")
            ip("-n", namespace, "addr", "add", f"2001:db8:1::{side}/64", "dev", "slow")
            ip("-n", namespace, "link", "set", "slow", "up")
        ip("-n", self.a, "route", "add", "default", "dev", "slow")
        ip("-n", self.a, "-6", "route", "add", "default", "dev", "slow")
        time.sleep(0.2)


if __name__ == "__main__":
    client(json.loads(sys.argv[1]))
