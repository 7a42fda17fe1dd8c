# SPDX-License-Identifier: BSD-2-Clause
"""Between a producer and the agent: passes Frame Streams on, counts what came, and can make data frames vanish. What a
producer without a processor drops by itself is what never came here. Written from the Frame Streams and dnstap
specifications, apart from crosstap."""

import contextlib
import os
import socket
import struct
import threading

from priority import hurry

DIRECTIONS, TRANSPORTS = ("response", "query"), {1: "udp", 2: "tcp"}  # by Message.type's parity, by SocketProtocol
OUTGOING = (3, 4, 7, 8)  # RESOLVER_* and FORWARDER_*
FAMILIES = {1: "ipv4", 2: "ipv6"}
CHUNK_BYTES = 1 << 16


def _number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _fields(data):
    """{field number: value} of a protobuf message; of a repeated field the last."""
    found, at = {}, 0
    while at < len(data):
        tag, at = _number(data, at)
        if tag & 7 == 0:
            found[tag >> 3], at = _number(data, at)
            continue
        size, at = {5: (4, at), 1: (8, at)}.get(tag & 7) or _number(data, at)
        found[tag >> 3] = data[at:at + size]
        at += size
    return found


def frame_kind(frame):
    """(direction, transport, family) of a dnstap frame; what a resolver asks others is "outgoing"."""
    message = _fields(_fields(frame).get(14, b""))
    kind = message.get(1, 0)
    return ("outgoing " if kind in OUTGOING else "") + DIRECTIONS[kind % 2], TRANSPORTS.get(message.get(3), ""), FAMILIES.get(message.get(2), "")


def data_frames(data):
    """The data frames of whole frames: a control frame's length follows a length of 0."""
    at = 0
    while at < len(data):
        size, = struct.unpack_from("!I", data, at)
        if size:
            yield data[at + 4:at + 4 + size]
            at += 4 + size
        else:
            at += 8 + struct.unpack_from("!I", data, at + 4)[0]


class Relay:
    """Listens at one Unix socket and connects each producer to another."""

    def __init__(self, listen, connect):
        self.drop_every = 0  # which data frames vanish: 0 none, 1 all, n every n-th
        self.drop_holding = None  # and those that these bytes are in
        self.frames = 0
        self.dropped = {}  # {kind: frames}
        self.went = []  # what went on, in whole frames, to be counted afterwards: counting would make the producer wait
        self.counted = {}
        self.connect = connect
        self.sockets = []
        self.listener = self.keep(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        self.listener.bind(listen)
        os.chmod(listen, 0o666)  # nameservers that are not root's
        self.listener.listen(4)
        threading.Thread(target=self.serve, daemon=True).start()

    def keep(self, sock):
        self.sockets.append(sock)
        return sock

    def close(self):
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def dropped_of(self, **wanted):
        """How many frames vanished, of those with this direction, transport, family."""
        names = ("direction", "transport", "family")
        return sum(n for kind, n in self.dropped.items() if wanted.items() <= dict(zip(names, kind)).items())

    def passed(self, direction):
        """{(transport, family): frames} of those that went on to the agent."""
        while self.went:
            for frame in data_frames(self.went.pop(0)):
                kind = frame_kind(frame)
                self.counted[kind] = self.counted.get(kind, 0) + 1
        return {kind[1:]: n for kind, n in self.counted.items() if kind[0] == direction}

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                producer = self.keep(self.listener.accept()[0])
                agent = self.keep(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                try:
                    agent.connect(self.connect)
                except OSError:  # as the agent's own socket would, without an agent
                    producer.close()
                    continue
                threading.Thread(target=self.forward, args=(producer, agent), daemon=True).start()
                threading.Thread(target=self.answer, args=(agent, producer), daemon=True).start()

    @staticmethod
    def answer(agent, producer):
        with contextlib.suppress(OSError):
            while data := agent.recv(4096):
                producer.sendall(data)

    def forward(self, producer, agent):
        hurry()  # a producer must not wait for us
        data = b""
        with contextlib.suppress(OSError):
            try:
                while more := producer.recv(CHUNK_BYTES):
                    data += more
                    passed, used = self.cut(data)
                    agent.sendall(passed)
                    self.went.append(passed)
                    data = data[used:]
                agent.shutdown(socket.SHUT_WR)
            except OSError:  # the agent is gone, and its producer shall know
                producer.shutdown(socket.SHUT_RDWR)

    def vanishes(self, data, at, end):
        self.frames += 1
        if self.drop_holding and data.find(self.drop_holding, at, end) >= 0:
            return True
        return bool(self.drop_every) and self.frames % self.drop_every == 0

    def cut(self, data):
        """What goes on of the whole frames in `data`, and how many bytes they are."""
        passed, at, begin = [], 0, 0
        while len(data) - at >= 4:
            size, = struct.unpack_from("!I", data, at)
            head = 4
            if not size:  # a control frame follows, with a length of its own
                if len(data) - at < 8:
                    break
                size, head = struct.unpack_from("!I", data, at + 4)[0], 8
            end = at + head + size
            if end > len(data):
                break
            if head == 4 and self.vanishes(data, at, end):
                passed.append(data[begin:at])
                kind = frame_kind(data[at + 4:end])
                self.dropped[kind] = self.dropped.get(kind, 0) + 1
                begin = end
            at = end
        passed.append(data[begin:at])
        return b"".join(passed), at
