#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Nobody takes the page away: 2,000 slow connections of one kind after the other hold on, and whoever asks has an answer
within a second. Requests of which proxies and servers think differently are refused."""

import resource
import selectors
import socket
import ssl
import subprocess
import time

import frames
from harness import Crosstap, check, check_equal, main, output, test, wait_for

MANY = 2000
GET = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def agent(lab, **config):
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], **config)


def ask(port, path, context=None):
    """(status, seconds) of an honest client."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain) if context else plain as connection:
            connection.sendall(GET % path + b"Connection: close\r\n\r\n")
            answer = b""
            while part := connection.recv(65536):
                answer += part
    return int(answer.split(b" ", 2)[1]), time.monotonic() - begin


def from_address(i, **options):
    """Connections of one host, and of some more."""
    connection = socket.socket()
    for option, value in options.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
    if i % 4 == 0:
        connection.bind((f"127.0.0.{2 + i % 7}", 0))
    connection.setblocking(False)
    return connection


class Slow:
    """MANY connections that begin with `first` and then, if it is not empty, send `drop` once a second. Those that are
    closed come again."""

    def __init__(self, port, first, drop=b"", **options):
        self.port, self.first, self.drop, self.options = port, first, drop, options
        self.connections = {}
        self.selector = selectors.DefaultSelector()
        self.dropped = time.monotonic()
        self.closed = 0

    def connect(self, n):
        for i in range(n):
            connection = from_address(len(self.connections) + i, **self.options)
            connection.connect_ex(("127.0.0.1", self.port))
            self.connections[connection] = False
            self.selector.register(connection, selectors.EVENT_WRITE)

    def forget(self, connection):
        self.selector.unregister(connection)
        connection.close()
        del self.connections[connection]
        self.closed += 1

    def turn(self):
        for key, events in self.selector.select(0):
            connection = key.fileobj
            try:
                if events & selectors.EVENT_WRITE:
                    if self.first:
                        connection.send(self.first)
                    self.connections[connection] = True
                    # A slow reader reads nothing: only that it was closed is looked for.
                    self.selector.modify(connection, selectors.EVENT_READ if not self.options else 4)
                elif not connection.recv(4096):
                    self.forget(connection)
            except (OSError, ValueError):
                if connection in self.connections:
                    self.forget(connection)
        if self.drop and time.monotonic() > self.dropped + 1:
            self.dropped = time.monotonic()
            for connection in [c for c, begun in self.connections.items() if begun]:
                try:
                    connection.send(self.drop)
                except BlockingIOError:
                    pass
                except OSError:
                    self.forget(connection)
        self.connect(min(100, MANY - len(self.connections)))

    def close(self):
        for connection in list(self.connections):
            connection.close()
        self.selector.close()


def established(port):
    """At the server's end. Who reads nothing is not told of the other end's close: it waits behind the answer."""
    return len(output("ss", "-Htn", "state", "established", "sport", "=", f":{port}").splitlines())


def hold_against(port, slow, paths=(b"/healthz", b"/metrics"), seconds=2, context=None):
    """While they hold on and come again, each honest request is answered within a second."""
    try:
        slow.connect(MANY)
        end = time.monotonic() + seconds
        answers = []
        while time.monotonic() < end or len(answers) < 6:
            slow.turn()
            answers.append(ask(port, paths[len(answers) % len(paths)], context))
        check_equal({status for status, _ in answers}, {200}, "answers")
        slowest = max(took for _, took in answers)
        check(slowest < 1, f"the slowest of {len(answers)} answers took {slowest:.2f} s")
        check(established(port) < MANY / 2 if slow.options else slow.closed > 0, "slow connections were closed")
    finally:
        slow.close()


@test
def silent(lab):
    crosstap = agent(lab).start()
    hold_against(crosstap.port, Slow(crosstap.port, b""))
    crosstap.stop()


@test
def a_byte_a_second(lab):
    crosstap = agent(lab).start()
    hold_against(crosstap.port, Slow(crosstap.port, GET % b"/metrics" + b"X: ", b"x"))
    crosstap.stop()


@test
def slow_readers(lab):
    """Of an answer that no socket's buffer holds."""
    crosstap = agent(lab, top={"resolvers": 10000}, interval="4s").start()
    producer = frames.Producer(lab.path("hand.sock"))
    producer.send([frames.frame(address=f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}") for i in range(10000)])
    producer.stop()
    wait_for(lambda: len(crosstap.get("/api/v1/resolvers")[1]) > 150000, 10,
             lambda: f"a large answer, {len(crosstap.get('/api/v1/resolvers')[1])} bytes")
    hold_against(crosstap.port, Slow(crosstap.port, GET % b"/api/v1/resolvers" + b"\r\n", b"", SO_RCVBUF=2048))
    check_equal(crosstap.stop(), 0, "exit code with slow readers")


def certificate(lab):
    names = lab.path("cert.pem"), lab.path("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-out", names[0], "-keyout", names[1], "-days", "1", "-subj", "/CN=localhost"],
                   check=True, capture_output=True)
    return names


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


@test
def half_handshakes(lab):
    """Half a ClientHello, and the rest never."""
    cert, key = certificate(lab)
    crosstap = agent(lab)
    crosstap.config["http"] = dict(crosstap.config["http"], tls={"cert": cert, "key": key})
    crosstap.start(ready=False)
    context = ssl.create_default_context(cafile=cert)
    context.check_hostname = False
    wait_for(lambda: "status page" in crosstap.process.log(), 10, "the page listens")
    hello = client_hello()
    hold_against(crosstap.port, Slow(crosstap.port, hello[:len(hello) // 2]), context=context)
    crosstap.stop()


@test
def deadlines(lab):
    """However busily a request is not finished: it ends after ten seconds."""
    crosstap = agent(lab).start()
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", crosstap.port)) as slow:
        slow.settimeout(0.5)
        slow.sendall(GET % b"/metrics")
        closed = False
        while not closed and time.monotonic() < begin + 15:
            try:
                slow.sendall(b"X")
                closed = slow.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
    check(closed and time.monotonic() - begin > 8, f"closed {closed} after {time.monotonic() - begin:.1f} s")
    crosstap.stop()


def answers(port, request):
    """The status of each answer to what is sent at once."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        text = b""
        while part := connection.recv(65536):
            text += part
    return [int(line.split(b" ")[1]) for line in text.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


@test
def ambiguous_requests(lab):
    crosstap = agent(lab).start()
    end = b"Connection: close\r\n\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n"
    second = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n" + end
    for what, fields in (("two Hosts", b"Host: evil\r\n"), ("the same Host twice", b"Host: 127.0.0.1\r\n"),
                         ("Content-Length and Transfer-Encoding", b"Content-Length: 4\r\n" + chunked),
                         ("Transfer-Encoding and Content-Length", chunked + b"Content-Length: 4\r\n"),
                         ("two lengths", b"Content-Length: 0\r\nContent-Length: 44\r\n"),
                         ("the same length twice", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
                         ("two encodings", chunked + chunked)):
        for method in (b"GET", b"POST"):
            request = method + b" /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n" + fields
            check_equal(answers(crosstap.port, request + b"\r\n0\r\n\r\n" + second), [400], what)
    check_equal(answers(crosstap.port, GET % b"/healthz" + end), [200], "what is right")
    crosstap.stop()


if __name__ == "__main__":
    main()
