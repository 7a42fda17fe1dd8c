#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A receiver for the test of scripts/peers. Called as DNS-collector is (-config FILE) it shows all frames but each fourth at
/metrics; with --slow SOCKET it takes 8 KiB each 20 ms, so that its producer's queue overflows."""

import http.server
import re
import socket
import struct
import sys
import threading
import time

CONTENT_TYPE = b"protobuf:dnstap.Dnstap"
ACCEPT, STOP, FINISH = 1, 3, 5
counted = 0


def control(kind):
    body = struct.pack("!I", kind)
    if kind == ACCEPT:
        body += struct.pack("!II", 1, len(CONTENT_TYPE)) + CONTENT_TYPE
    return struct.pack("!II", 0, len(body)) + body


class Reader:
    def __init__(self, connection, delay):
        self.connection, self.delay, self.data = connection, delay, b""

    def take(self, n):
        while len(self.data) < n:
            time.sleep(self.delay)
            part = self.connection.recv(8192)
            if not part:
                raise EOFError
            self.data += part
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def frames(self):
        """Counts frames until STOP."""
        global counted
        n = 0
        while True:
            length, = struct.unpack("!I", self.take(4))
            if length:
                self.take(length)
                n += 1
                counted += n % 4 != 0
                continue
            length, = struct.unpack("!I", self.take(4))
            kind, = struct.unpack("!I", self.take(length)[:4])
            if kind == STOP:
                self.connection.sendall(control(FINISH))
                return
            if kind == 4:  # READY
                self.connection.sendall(control(ACCEPT))


def serve(path, delay):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    Reader(connection, delay).frames()
                except EOFError:
                    pass


class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"# TYPE dnscollector_dnsmessages_total counter\ndnscollector_dnsmessages_total{{stream_id=\"a\"}} {counted}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def main():
    if sys.argv[1] == "--slow":
        serve(sys.argv[2], 0.02)
    with open(sys.argv[2], encoding="utf-8") as file:
        config = file.read()
    path, port = re.search(r"sock-path: (\S+)", config).group(1), int(re.search(r"listen-port: (\d+)", config).group(1))
    page = http.server.ThreadingHTTPServer(("127.0.0.1", port), Metrics)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    serve(path, 0)


if __name__ == "__main__":
    main()
