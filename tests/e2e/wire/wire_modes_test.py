#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each way of watching an interface, and each kind of interface: the same packets, the same counts."""

import errno
import fcntl
import os
import select
import signal
import struct
import threading

from harness import Namespaces, check, check_equal, in_namespace, main, test
from wire import WHOLE, Bench, attached, check_boundaries, check_equal_witnesses, check_mode, network


def load(bench, udp=10000, tcp=500, rate=5000):
    sent = bench.load(count=udp, rate=rate)
    bench.load(count=tcp, rate=rate, tcp=4, tcp_cut=True, into=sent)
    check_equal(sent.total(), udp + tcp, "sent")
    bench.quiet()
    check_equal_witnesses(bench, sent)
    return sent


def exact(lab, mode):
    with network() as net:
        bench = Bench(lab, net, mode).start()
        check_mode(bench, mode)
        check_equal(attached(net), WHOLE[mode], "on the device")
        load(bench)
        check_boundaries(bench)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")


@test
def generic(lab):
    exact(lab, "generic")


@test
def tc(lab):
    exact(lab, "tc")


@test
def packet(lab):
    """AF_PACKET: nothing is attached."""
    exact(lab, "packet")


@test
def automatic(lab):
    """The interface is found by its routes, and gets the best mode."""
    with network() as net:
        bench = Bench(lab, net, "auto", wire={"interfaces": "auto"}).start()
        check_mode(bench, "native")
        load(bench, udp=2000, tcp=200)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")


# ---- kinds of interfaces ----


class Bridged(Namespaces):
    """The nameserver's address is a bridge's; the veth is its port."""

    BRIDGE = "bridge0"

    def make(self):
        super().make()
        self.ip("-n", self.server, "link", "add", self.BRIDGE, "type", "bridge", "forward_delay", "0")
        self.ip("-n", self.server, "address", "flush", "dev", self.device)
        self.ip("-n", self.server, "link", "set", self.device, "master", self.BRIDGE)
        self.ip("-n", self.server, "address", "add", self.SERVER + "/24", "dev", self.BRIDGE)
        self.ip("-n", self.server, "address", "add", self.SERVER6 + "/64", "dev", self.BRIDGE, "nodad")
        self.ip("-n", self.server, "link", "set", self.BRIDGE, "up")
        self.ip("-n", self.server, "route", "add", self.RESOLVERS, "via", self.CLIENT)
        return self


@test
def bridge_and_port(lab):
    """Both are named: what the port sees, the bridge sees too. It counts once."""
    with network(Bridged) as net:
        bench = Bench(lab, net, "auto", wire={"interfaces": [net.BRIDGE, net.device]}).start()
        check_equal(attached(net), [], "on the port")
        check("another one sees its packets" in bench.crosstap.process.log(), "the log says so: " + bench.crosstap.process.log())
        load(bench, udp=2000, tcp=200)
        bench.stop()
        check_equal((attached(net), attached(net, net.BRIDGE)), ([], []), "on both after SIGTERM")


@test
def port_alone(lab):
    """The port of a bridge, whose addresses are not its own."""
    with network(Bridged) as net:
        bench = Bench(lab, net, "native").start()
        check_mode(bench, "native")
        load(bench, udp=2000, tcp=200)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")


class Taps(Namespaces):
    """A tap at each end in the place of the veth, and a thread between them."""

    TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 2, 0x1000  # <linux/if_tun.h>

    def __init__(self, name):
        super().__init__(name)
        self.ends, (self.woken, self.wake) = [], os.pipe()
        self.thread = threading.Thread(target=self.relay)

    def open_end(self):
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.ioctl(end, self.TUNSETIFF, struct.pack("16sH22x", self.device.encode(), self.IFF_TAP | self.IFF_NO_PI))
        return end

    def link(self):
        self.ends = [in_namespace(name, self.open_end) for name in (self.server, self.client)]
        self.thread.start()

    def relay(self):
        others = dict(zip(self.ends, reversed(self.ends)))
        while self.woken not in (ready := select.select([self.woken, *self.ends], [], [])[0]):
            for end in ready:
                try:
                    os.write(others[end], os.read(end, 65536))
                except OSError as error:
                    if error.errno not in (errno.EAGAIN, errno.EIO):  # nothing there after all; the other end is down
                        raise

    def close(self):
        os.write(self.wake, b"x")
        if self.thread.is_alive():
            self.thread.join()
        for fd in (*self.ends, self.woken, self.wake):
            os.close(fd)
        super().close()


@test
def tap(lab):
    with network(Taps) as net:
        bench = Bench(lab, net, "auto").start()
        check_mode(bench, "native")
        load(bench, udp=2000, tcp=200, rate=1000)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")


# ---- another network namespace ----


def elsewhere(lab, mode):
    """The agent is outside of the namespace whose interfaces it watches."""
    with network() as net:
        bench = Bench(lab, net, mode, inside=False, wire={"netns": net.server}).start()
        check_mode(bench, mode)
        check_equal(attached(net), WHOLE[mode], "on the device")
        sent = load(bench, udp=2000, tcp=200)
        check_host_counters(bench)
        bench.stop()
        check_equal(attached(net), [], "on the device after SIGTERM")
        check_equal(sent.total(), 2200, "sent")


def check_host_counters(bench):
    """What the nameserver's sockets have no room for is known though they are in that namespace."""
    before = sum(f.get("socket_drops", 0) for _, f in bench.funnels())
    check_equal(before, 0, "socket drops before")
    bench.nameserver.process.kill(signal.SIGSTOP)  # its sockets overflow
    try:
        bench.load(count=6000, rate=0, window=6000, timeout=1)
    finally:
        bench.nameserver.process.kill(signal.SIGCONT)
    bench.quiet()
    dropped = sum(f.get("socket_drops", 0) for _, f in bench.funnels())
    check(dropped > 0, f"drops of sockets in that namespace are seen: {bench.funnels()}")
    check_equal(bench.balance(), 0, "balance: all of them are explained")


@test
def netns(lab):
    elsewhere(lab, "native")


@test
def netns_packet(lab):
    elsewhere(lab, "packet")


if __name__ == "__main__":
    main()
