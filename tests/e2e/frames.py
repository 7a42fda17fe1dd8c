# SPDX-License-Identifier: BSD-2-Clause
"""A producer made by hand: Frame Streams (bidirectional or not) and dnstap messages, so that a test knows
every frame and its time. Written from the Frame Streams and dnstap specifications, apart from crosstap."""

import socket
import struct
import time

CONTENT_TYPE = b"protobuf:dnstap.Dnstap"
ACCEPT, START, STOP, READY, FINISH = 1, 2, 3, 4, 5
AUTH_QUERY, AUTH_RESPONSE, CLIENT_QUERY, CLIENT_RESPONSE = 1, 2, 5, 6
UDP, TCP = 1, 2


def _varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def _number(field, n):
    return _varint(field << 3) + _varint(n)


def _fixed32(field, n):
    return _varint(field << 3 | 5) + struct.pack("<I", n)


def _bytes(field, data):
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def message(name="www.example.nl", qtype=1, id=1, response=False, rcode=0):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.rstrip(".").split("."))
    flags = (0x8000 if response else 0) | rcode
    return struct.pack("!6H", id, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", qtype, 1)


def frame(kind=AUTH_QUERY, wire=None, when=None, address="198.51.100.1", port=1024, protocol=UDP):
    """One dnstap frame; `when` in seconds, now by default."""
    response = kind % 2 == 0
    wire = message(response=response) if wire is None else wire
    when = time.time() if when is None else when
    second, nanosecond = int(when), int((when % 1) * 1e9)
    family = 2 if ":" in address else 1
    packed = socket.inet_pton(socket.AF_INET6 if family == 2 else socket.AF_INET, address)
    body = _number(1, kind) + _number(2, family) + _number(3, protocol) + _bytes(4, packed) + _number(6, port)
    if response:
        body += _number(12, second) + _fixed32(13, nanosecond) + _bytes(14, wire)
    else:
        body += _number(8, second) + _fixed32(9, nanosecond) + _bytes(10, wire)
    return _bytes(1, b"hand") + _bytes(14, body) + _number(15, 1)


class Producer:
    """A connection to an input; `where` is a socket's path or (address, port)."""

    def __init__(self, where, bidirectional=True, timeout=10):
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(where)
        self.bidirectional = bidirectional
        if bidirectional:
            self._control(READY)
            self.expect(ACCEPT)
        self._control(START)

    def _control(self, kind, content_type=True):
        body = struct.pack("!I", kind)
        if content_type:
            body += struct.pack("!II", 1, len(CONTENT_TYPE)) + CONTENT_TYPE
        self.socket.sendall(struct.pack("!II", 0, len(body)) + body)

    def _read(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            if not part:
                raise ConnectionError("closed by crosstap")
            data += part
        return data

    def expect(self, kind):
        escape, length = struct.unpack("!II", self._read(8))
        body = self._read(length)
        got = struct.unpack("!I", body[:4])[0]
        if escape or got != kind:
            raise ConnectionError(f"control frame {got} for {kind}")

    def send(self, frames):
        self.socket.sendall(b"".join(struct.pack("!I", len(f)) + f for f in frames))

    def raw(self, data):
        self.socket.sendall(data)

    def closed(self, seconds=5):
        """True if crosstap closes the connection within so many seconds."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def stop(self):
        """STOP, and FINISH from the other side: after it every frame has been read."""
        self._control(STOP, False)
        if self.bidirectional:
            self.expect(FINISH)
        self.socket.close()


def queries(n, **kwargs):
    """n query frames of now, each from a port of its own."""
    return [frame(AUTH_QUERY, port=1024 + i % 60000, **kwargs) for i in range(n)]


def send(where, n, **kwargs):
    """Sends n query frames of now. With the bidirectional handshake, all are read when this returns."""
    producer = Producer(where, **kwargs)
    producer.send(queries(n))
    producer.stop()
