#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A restart loses no frame that a connected producer wrote: by a service manager that keeps descriptors, and without one.
What kill -9 takes along is what was read and not reported; what waits in the kernel, and half a frame, it leaves."""

import os
import select
import signal
import socket
import struct
import threading
import time

from checks import PATIENCE_S
from frames import Producer, queries
from harness import Crosstap, Points, check, check_equal, free_port, main, test, wait_for
from manager import Manager

RATE, BATCH = 5000, 50


def block(n):
    """So many frames as bytes; their time is that of their receipt, so that none is late."""
    return b"".join(struct.pack("!I", len(f)) + f for f in queries(n, when=False))


class Stream:
    """Frames at a rate, in pieces that end anywhere in a frame."""

    def __init__(self, where, **kwargs):
        self.producer, self.sent, self.error = Producer(where, **kwargs), 0, None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        data, start = block(BATCH), time.monotonic()
        try:
            while not self.ending.is_set():
                cut = 1 + self.sent // BATCH % (len(data) - 1)
                self.producer.raw(data[:cut])
                time.sleep(max(0.0, start + self.sent / RATE - time.monotonic()))
                self.producer.raw(data[cut:])
                self.sent += BATCH
        except OSError as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.end()

    def end(self):
        self.ending.set()
        self.thread.join()
        if self.error:
            raise self.error


def agent(lab, manager, inputs):
    crosstap = Crosstap(lab, inputs=inputs, outputs=[{"file": {"path": lab.path("points.lp"), "format": "line"}}])
    if manager:
        crosstap.spawn = manager.spawn
    return crosstap


def counted(lab):
    """Of all runs, what was reported."""
    path = lab.path("points.lp")
    if not os.path.exists(path):
        return 0
    with open(path) as file:
        points = Points(file.read().rpartition("\n")[0])
    return sum(int(fields["queries"]) for name, _, fields, _ in points.points if name == "dns")


def wait_counted(lab, n):
    wait_for(lambda: counted(lab) >= n, PATIENCE_S, lambda: f"{n} frames are reported, {counted(lab)} are")
    check_equal(counted(lab), n, "frames reported")


@test
def restarts(lab):
    """A socket unit's socket, one of the agent's own, and TCP; both handshakes."""
    with Manager(lab) as manager:
        manager.listen("dnstap", lab.path("unit.sock"))
        port = free_port()
        crosstap = agent(lab, manager, [{"unix": lab.path("unit.sock")}, {"unix": lab.path("own.sock")},
                                        {"tcp": f"127.0.0.1:{port}"}])
        crosstap.start()
        inode = os.stat(lab.path("own.sock")).st_ino
        half = Producer(lab.path("own.sock"), bidirectional=False)
        new = socket.socket(socket.AF_UNIX)  # connected, and no word yet
        new.connect(lab.path("own.sock"))
        large = block(1)
        crosstap.wait_connections(2)
        with Stream(lab.path("unit.sock")) as stream, Stream(("127.0.0.1", port), bidirectional=False) as other:
            for i in range(3):
                time.sleep(0.4 if i != 1 else 1.4)  # before and after they are kept in advance
                half.raw(large[:20 + i])
                check_equal(crosstap.stop(), 0, "exit code")
                check(manager.names("producer-"), "producers are in the store")
                time.sleep(0.2)
                half.raw(large[20 + i:])
                crosstap.start()
            stream.end()
            other.end()
        crosstap.wait_connections(4)
        check_equal(os.stat(lab.path("own.sock")).st_ino, inode, "the socket's file")
        sent = stream.sent + other.sent + 3
        stream.producer.stop()  # FINISH comes from another process than ACCEPT did
        check_equal(crosstap.stop(), 0, "exit code")
        check_equal(counted(lab), sent, f"frames reported of {stream.sent} + {other.sent} + 3")
        check("dropped a producer" not in crosstap.process.log(), "no producer broke a rule")


@test
def removed(lab):
    """The file of a socket of the agent's own goes while it runs, and while it does not: it is made anew, once."""
    own = lab.path("own.sock")

    def deliver():
        producer = Producer(own)
        producer.raw(block(10))
        producer.stop()

    with Manager(lab) as manager:
        crosstap = agent(lab, manager, [{"unix": own}])
        crosstap.start()
        for running in (False, True, False):
            deliver()
            if running:
                os.unlink(own)
                wait_for(lambda: "a reload makes it again" in crosstap.process.log(), PATIENCE_S, "it is said")
                crosstap.process.kill(signal.SIGHUP)
                wait_for(lambda: os.path.exists(own), PATIENCE_S, "the file is there")
            else:
                check_equal(crosstap.stop(), 0, "exit code")
                os.unlink(own)
                crosstap.start()
            wait_for(lambda: len(manager.names("listen-")) == 1, PATIENCE_S, lambda: f"one of it is kept: {manager.names()}")
            deliver()
        check_equal(crosstap.stop(), 0, "exit code")
        check_equal(counted(lab), 60, "frames reported")


@test
def taken_over(lab):
    """A socket unit is started for the path of a socket that the agent made: producers connect to the unit's from then on,
    and those of before go on."""
    own = lab.path("own.sock")
    with Manager(lab) as manager:
        crosstap = agent(lab, manager, [{"unix": own}])
        crosstap.start()
        before = Producer(own)
        before.raw(block(10))
        check_equal(crosstap.stop(), 0, "exit code")
        os.unlink(own)
        manager.listen("one", own)
        crosstap.start()
        after = Producer(own)
        after.raw(block(20))
        before.raw(block(10))
        wait_counted(lab, 40)
        wait_for(lambda: not manager.names("listen-"), PATIENCE_S, lambda: f"none of its own is kept: {manager.names()}")
        check_equal(crosstap.stop(), 0, "exit code")


@test
def killed(lab):
    with Manager(lab) as manager:
        manager.listen("dnstap", lab.path("unit.sock"))
        crosstap = agent(lab, manager, [{"unix": lab.path("unit.sock")}])
        crosstap.start()
        producer, large = Producer(lab.path("unit.sock")), block(1)
        producer.raw(block(100) + large[:9])
        wait_counted(lab, 100)
        wait_for(lambda: manager.names("producer-"), PATIENCE_S, "the producer is in the store")
        crosstap.process.kill(signal.SIGSTOP)
        producer.raw(large[9:] + block(300) + large[:30])
        crosstap.process.kill(signal.SIGKILL)
        crosstap.process.wait()
        crosstap.start()
        producer.raw(large[30:] + block(10))
        wait_counted(lab, 100 + 1 + 300 + 1 + 10)
        producer.stop()
        wait_for(lambda: not manager.names("producer-"), PATIENCE_S, "who is gone is in the store no more")


@test
def another_configuration(lab):
    """Places, times and doors of the next process hold for what it takes over; an address keeps what it has."""
    with Manager(lab) as manager:
        where = ("127.0.0.1", free_port())
        crosstap = agent(lab, manager, [{"tcp": f"127.0.0.1:{where[1]}"}])
        crosstap.start()
        producers = [Producer(where) for _ in range(5)]
        crosstap.wait_connections(5)

        def ended():
            return [p for p in producers if select.select([p.socket], [], [], 0)[0]]

        def restart(says, stay):
            check_equal(crosstap.stop(), 0, "exit code")
            check_equal(len(set(manager.names("producer-"))), len(producers), "producers in the store")
            crosstap.start()
            crosstap.wait_connections(stay)
            wait_for(lambda: len(ended()) == len(producers) - stay, PATIENCE_S, lambda: f"{stay} stay, {len(ended())} go")
            check(says in crosstap.process.log(), f"{says!r} in the log")
            for producer in ended():
                producers.remove(producer)
            wait_for(lambda: len(set(manager.names("producer-"))) == stay, PATIENCE_S, "who is gone is not in the store")

        crosstap.config["limits"] = {"connections": 4}  # of which one address may have 2
        restart("limits.connections has no place for it any more", 4)
        producers[0].raw(block(1)[:9])
        crosstap.config["limits"] = {"connections": 4, "handshake": "1s"}
        check_equal(crosstap.stop(), 0, "exit code")
        crosstap.start()
        check(producers[0].closed(5), "half a frame has its time anew, and no more")
        check("it began a frame that did not end within limits.handshake" in crosstap.process.log(), "it is told why")
        del producers[0]
        crosstap.wait_connections(3)
        for producer in producers:
            producer.raw(block(10))
        wait_counted(lab, 30)
        crosstap.config["inputs"][0]["allow"] = ["192.0.2.0/24"]
        restart("its address is not in the input's `allow`", 0)
        crosstap.wait_metric("crosstap_input_denied_total", 3)


@test
def strange(lab):
    """Whatever is in the store, the agent starts, says so once, and keeps nothing of it."""
    with Manager(lab) as manager:
        manager.listen("dnstap", lab.path("unit.sock"))
        null, memory = os.open("/dev/null", os.O_RDONLY), os.memfd_create("x", os.MFD_ALLOW_SEALING)
        pair = socket.socketpair()
        os.write(memory, b"crosstap" + struct.pack("=I", 99) + bytes(8192))
        for name, fd in (("stranger", null), ("wire-map-1", pair[0].fileno()), ("producer-1", memory),
                         ("producer-2", pair[1].fileno())):
            manager.put(name, fd)
        crosstap = agent(lab, manager, [{"unix": lab.path("unit.sock")}])
        crosstap.start()
        lines = [line for line in crosstap.process.log().splitlines() if "set aside" in line]
        check_equal(len(lines), 1, f"lines about it {lines}")
        check("n=4 names=stranger,wire-map-1,producer-1,producer-2" in lines[0], f"what it says: {lines[0]}")
        wait_for(lambda: not manager.names(), PATIENCE_S, lambda: f"the store is empty: {manager.names()}")
        Producer(lab.path("unit.sock")).raw(block(10))
        check_equal(crosstap.stop(), 0, "exit code")
        check_equal(counted(lab), 10, "frames reported")


@test
def plain(lab):
    """Without a manager every frame that could be written is counted, however busy the producer is."""
    crosstap = agent(lab, None, [{"unix": lab.path("own.sock")}])
    crosstap.start()
    producer, one, written, closed = Producer(lab.path("own.sock")), block(1), 0, threading.Event()

    def write():
        nonlocal written
        try:
            while True:
                producer.raw(one)
                written += 1
        except OSError:
            closed.set()
    thread = threading.Thread(target=write)
    thread.start()
    wait_for(lambda: written > 2000, PATIENCE_S, "frames are written")
    check_equal(crosstap.stop(), 0, "exit code")
    check(closed.wait(PATIENCE_S), "the producer hears of the end")
    thread.join()
    check_equal(counted(lab), written, "frames reported")
    check(not os.path.exists(lab.path("own.sock")), "the socket's file is gone")


if __name__ == "__main__":
    main()
