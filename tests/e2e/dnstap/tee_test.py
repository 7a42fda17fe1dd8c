#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""inputs[].tee: a second reader has each frame that the first had, and is never waited for."""

import collections
import os
import random
import signal
import socket
import struct
import threading
import time

import frames
from harness import Crosstap, check, check_equal, main, test, wait_for
from lab import Process
from network import free_port, tcp_answers


def agent(lab, tee):
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock"), "tee": tee}])


def teed(crosstap):
    return (crosstap.metric("crosstap_input_tee_frames_total"), crosstap.metric("crosstap_input_tee_dropped_total"))


def capture(lab, name, *where):
    """fstrm_capture, which writes what it gets to a file."""
    return Process(lab, name, ["fstrm_capture", "-t", "protobuf:dnstap.Dnstap", *where, "-w", lab.path(name)])


def data_frames(data):
    found, at = [], 0
    while at < len(data):
        length, = struct.unpack_from("!I", data, at)
        if length == 0:
            at += 8 + struct.unpack_from("!I", data, at + 4)[0]
            continue
        check(at + 4 + length <= len(data), "the last frame is whole")
        found.append(data[at + 4:at + 4 + length])
        at += 4 + length
    return found


def captured(lab, name):
    with open(lab.path(name), "rb") as file:
        return data_frames(file.read())


def mixed(n, seed):
    """Frames of many lengths; some are no dnstap."""
    pick = random.Random(seed)
    return [b"no dnstap" * pick.randint(1, 9) if i % 50 == 0 else
            frames.frame(wire=frames.message() + b"x" * pick.choice((0, 9, 700, 3000)), port=1024 + i % 60000)
            for i in range(n)]


@test
def each_frame(lab):
    """Of several producers, in whole frames; to the last at the end; what is counted is as without it."""
    reader = capture(lab, "copy", "-u", lab.path("reader.sock"))
    wait_for(lambda: os.path.exists(lab.path("reader.sock")), 10, "it listens")
    crosstap = agent(lab, f"unix:{lab.path('reader.sock')}").start()
    wait_for(lambda: "frames are passed on" in crosstap.process.log(), 10, "they are connected")
    sent = [mixed(3000, seed) for seed in range(3)]
    begun, lock = [], threading.Lock()

    def produce(what, bidirectional):
        producer = frames.Producer(lab.path("hand.sock"), bidirectional)
        for i in range(0, len(what), 100):
            # The queue has room for some 4,000; a reader that falls behind by more loses frames.
            wait_for(lambda: sum(begun) - teed(crosstap)[0] < 1500, 20, "the reader keeps up")
            with lock:
                begun.append(len(what[i:i + 100]))
            producer.send(what[i:i + 100])
        producer.stop()
    threads = [threading.Thread(target=produce, args=(what, i != 1)) for i, what in enumerate(sent)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    crosstap.wait_metric("crosstap_input_tee_frames_total", 9000)
    check_equal(teed(crosstap)[1], 0, "dropped")
    check_equal((crosstap.metric("crosstap_input_frames_total"), crosstap.metric("crosstap_input_frames_bad_total")),
                (9000, 180), "counted")
    producer = frames.Producer(lab.path("hand.sock"))
    last = mixed(500, 9)
    producer.send(last)
    producer.stop()
    check_equal(crosstap.stop(), 0, "exit status")
    reader.stop()
    check(collections.Counter(captured(lab, "copy")) == collections.Counter(sum(sent, last)), "each frame, once")


class Reader:
    """Takes a connection and the handshake, and reads only when it is told to."""

    def __init__(self, path):
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen(1)
        self.server.settimeout(20)

    def accept(self, kind=frames.CONTENT_TYPE):
        self.connection = self.server.accept()[0]
        self.connection.settimeout(20)
        self.expect(frames.READY)
        body = struct.pack("!III", frames.ACCEPT, 1, len(kind)) + kind
        self.connection.sendall(struct.pack("!II", 0, len(body)) + body)
        return self

    def read(self, n):
        data = b""
        while len(data) < n and (part := self.connection.recv(n - len(data))):
            data += part
        return data

    def expect(self, kind):
        escape, length = struct.unpack("!II", self.read(8))
        check_equal((escape, struct.unpack("!I", self.read(length)[:4])[0]), (0, kind), "a control frame")

    def rest(self):
        """All frames until STOP, which is answered."""
        found = []
        while (length := struct.unpack("!I", self.read(4))[0]):
            found.append(self.read(length))
        check_equal(struct.unpack("!II", self.read(8)), (4, frames.STOP), "the end")
        self.connection.sendall(struct.pack("!III", 0, 4, frames.FINISH))
        return found


@test
def not_read(lab):
    """A reader that stops: nothing is lost here, and all that it has not had is counted."""
    reader = Reader(lab.path("reader.sock"))
    crosstap = agent(lab, f"unix:{lab.path('reader.sock')}").start()
    reader.accept().expect(frames.START)
    producer = frames.Producer(lab.path("hand.sock"))
    block, n = frames.queries(500), 100000
    for _ in range(n // 500):
        producer.send(block)
    begin = time.monotonic()
    producer.stop()
    check(time.monotonic() - begin < 5, "the producer is not held up")
    crosstap.wait_metric("crosstap_input_frames_total", n)
    check_equal(crosstap.metric("crosstap_dns_queries_total"), n, "counted")
    wait_for(lambda: teed(crosstap)[1], 10, "some are dropped")
    got = []
    thread = threading.Thread(target=lambda: got.extend(reader.rest()))
    thread.start()
    dropped = teed(crosstap)[1]
    crosstap.wait_metric("crosstap_input_tee_frames_total", n - dropped)
    crosstap.config["inputs"][0].pop("tee")
    crosstap.write_config()
    crosstap.process.kill(signal.SIGHUP)
    thread.join(20)
    check_equal((len(got), got == (block * (n // 500))[:len(got)]), (n - dropped, True), "what it had at last")
    wait_for(lambda: "tee_frames_total{" not in crosstap.get("/metrics")[1], 10, "without a tee there are no figures of it")
    crosstap.stop()


@test
def killed(lab):
    """Over TCP: it goes and comes again, refuses the content type, and has each frame that is sent while it is there."""
    port = free_port()
    where = ("-a", "127.0.0.1", "-p", str(port))
    first = capture(lab, "first", *where)
    wait_for(lambda: tcp_answers("127.0.0.1", port), 10, "it listens")
    crosstap = agent(lab, f"tcp:127.0.0.1:{port}").start()
    wait_for(lambda: "frames are passed on" in crosstap.process.log(), 10, "they are connected")
    frames.send(lab.path("hand.sock"), 100)
    crosstap.wait_metric("crosstap_input_tee_frames_total", 100)
    first.stop(signal.SIGKILL)
    wait_for(lambda: "frames are not passed on" in crosstap.process.log(), 10, "it is missed")
    later = mixed(1000, 3)
    producer = frames.Producer(lab.path("hand.sock"))
    producer.send(later[:500])
    second = capture(lab, "second", *where)
    wait_for(lambda: crosstap.process.log().count("frames are passed on") == 2, 20, "it is found again")
    producer.send(later[500:])
    producer.stop()
    crosstap.wait_metric("crosstap_input_tee_frames_total", 1100)
    check_equal(teed(crosstap), (1100, 0), "passed on")
    reader = Reader(lab.path("other.sock"))
    crosstap.config["inputs"][0]["tee"] = f"unix:{lab.path('other.sock')}"
    crosstap.write_config()
    crosstap.process.kill(signal.SIGHUP)
    reader.accept(b"text:plain")
    wait_for(lambda: "does not take protobuf:dnstap.Dnstap" in crosstap.process.log(), 10, "it is said")
    second.stop()
    check_equal(captured(lab, "second"), later, "what the second had")
    check_equal(crosstap.stop(), 0, "exit status")


if __name__ == "__main__":
    main()
