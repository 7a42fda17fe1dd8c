#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`crosstap top`: in a terminal of 80 by 24 that a script drives, once, as JSON, as a plugin; an agent that is there, one
that is not, one that lies."""

import fcntl
import http.server
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time

from frames import send
from harness import CROSSTAP, Crosstap, check, check_equal, free_port, main, test, wait_for

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, where another Python comes first
import pyte

VERDICTS = ("wire-blind", "dnstap-blind", "partial", "stack-loss", "socket-loss", "rate-limited", "server-silent",
            "dnstap-loss", "ok")
PLAIN = dict(os.environ, LC_ALL="C", TERM="screen-256color")  # what pyte knows


def top(url, *arguments, **kwargs):
    return subprocess.run([CROSSTAP, "top", "--url", url, *arguments], capture_output=True, timeout=30, env=PLAIN,
                          **kwargs)


class Terminal:
    """`crosstap top` in a terminal; what is on its screen, as a terminal shows it."""

    def __init__(self, url, columns=80, lines=24, **environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(CROSSTAP, ["crosstap", "top", "--url", url], dict(PLAIN, **environment))
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.bytes = b""
        self.resize(columns, lines)

    def resize(self, columns, lines):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def read(self):
        while select.select([self.fd], [], [], 0.05)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.bytes += data
            self.stream.feed(data)
        return "\n".join(line.rstrip() for line in self.screen.display)

    def shows(self, pattern):
        return wait_for(lambda: re.search(pattern, self.read(), re.M), 10, lambda: f"{pattern!r} in\n{self.read()}")

    def type(self, keys, pattern):
        os.write(self.fd, keys)
        return self.shows(pattern)

    def end(self, keys=b"q"):
        os.write(self.fd, keys)

        def ended():
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return pid and (os.waitstatus_to_exitcode(status),)
        code = wait_for(ended, 10, "crosstap top ends")[0]
        os.close(self.fd)
        return code


class Mock:
    """An agent whose documents a test chooses: JSON by name, or bytes for every path."""

    def __init__(self):
        self.documents = {}
        mock = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                body = mock.documents
                if isinstance(body, dict):
                    body = body.get(self.path.rsplit("/", 1)[-1])
                    body = None if body is None else json.dumps(body).encode()
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                try:
                    self.wfile.write(body or b"")
                except OSError:
                    pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def say(self, verdict=None, zones=None, **status):
        self.documents = {
            "status": {"server": "ns1.mock", "version": "1", "now_ms": 60000, "started_ms": 0, "interval_s": 1.0, **status},
            "window": {"interval_s": 1.0, "end_ms": 50000, "zones": {"nl": {"queries": 40, "responses": 38}}
                       if zones is None else zones}}
        if verdict:
            self.documents["crosscheck"] = {"verdict": verdict, "funnel": {
                "wire_queries": 100, "socket_drops": 4, "unexplained": 0, "dnstap_queries": 96}}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@test
def live_agent(lab):
    """Keys in a terminal; the same agent once, as JSON, as a plugin, and when it is gone."""
    crosstap = Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], outputs=[],
                        wire={"mode": "off"}).start()
    url = f"http://127.0.0.1:{crosstap.port}"
    terminal = Terminal(url)
    terminal.shows("q quit")
    send(lab.path("hand.sock"), 40)
    terminal.shows(r"^queries/s, at most (?!0\.0)\S+ .*#")
    for key, title in zip(b"1234567890io", ("ZONE ", "QUERY TYPE", "RESPONSE CODE", "TRANSPORT ", "CLIENT ", "SUBNET ",
                                            "NAME ", "AS ", "COUNTRY ", "FUNNEL ", "INPUT ", "OUTPUT ")):
        terminal.type(bytes([key]), "^" + title)
    terminal.type(b"\t", "^ZONE ")
    terminal.type(b"\x1b[Z", "^OUTPUT ")
    terminal.type(b"i", r"^/\S+ +40 ")
    terminal.type(b"h", "^crosstap top: keys")
    terminal.type(b" ", "^INPUT ")
    terminal.type(b"/nobody", "^filter: nobody_")
    terminal.type(b"\r", "^nothing has these letters")
    terminal.type(b"\x1b", r"^/\S+ +40 ")
    terminal.type(b"p", "^PAUSED")
    terminal.type(b"p++", r"^h help .* 3 s ")
    terminal.type(b"--", " 1 s ")
    terminal.resize(40, 10)
    terminal.shows("^INPUT")
    terminal.resize(120, 40)
    terminal.shows("^1Zones.*oOut")
    check_equal((top(url, "--once").returncode, top(url, "--warning", "any").returncode), (0, 3), "without a verdict")
    document = json.loads(top(url, "--json").stdout)
    check_equal((document["server"], document["verdict"], document["inputs"][0]["frames"]),
                (crosstap.api("status")["server"], None, 40), "document")
    crosstap.stop()
    terminal.shows("^no agent answers")
    check_equal(terminal.end(), 0, "exit status of the live view")
    gone = top(url, "--once")
    check_equal((gone.returncode, gone.stdout), (1, b""), "no agent")
    check_equal(top(url, "--json").returncode, 1, "no agent, --json")
    plugin = top(url, "--critical", "any")
    check_equal((plugin.returncode, plugin.stdout[:18]), (3, b"CROSSTAP UNKNOWN -"), "no agent, plugin")


@test
def each_verdict(_lab):
    """Exit statuses, and the verdict in colour where there are colours."""
    mock = Mock()
    for verdict in VERDICTS:
        mock.say(verdict)
        wanted = 0 if verdict == "ok" else 3
        once, document = top(mock.url, "--once"), top(mock.url, "--json")
        check_equal((once.returncode, document.returncode), (wanted, wanted), verdict)
        check(f"\n{verdict}: ".encode() in once.stdout, once.stdout)
        check_equal(json.loads(document.stdout)["verdict"], verdict, "document")
        plugin = top(mock.url, "--warning", "any", "--critical", "stack-loss,socket-loss")
        check_equal(plugin.returncode, 0 if verdict == "ok" else 2 if verdict in ("stack-loss", "socket-loss") else 1,
                    f"plugin, {verdict}")
        check(b" | queries_per_s=40.0;;;0 " in plugin.stdout and plugin.stdout.count(b"\n") == 1, plugin.stdout)
    check_equal(top(mock.url, "--warning", "nothing").returncode, 3, "a word that is no verdict")
    check_equal(top(mock.url, "--nothing").returncode, 2, "bad usage")
    mock.say("socket-loss")
    terminal = Terminal(mock.url)
    terminal.shows("^wire 100 > socket 4 > unexplained 0 > dnstap 96$")
    colours = [terminal.screen.buffer[2][x].fg for x in range(20)]
    check_equal((colours[0], colours[len("wire 100 > ")]), ("default", "red"), "colours of the funnel")
    check_equal(terminal.end(b"\x03"), 0, "Ctrl-C")
    terminal = Terminal(mock.url, NO_COLOR="1")
    terminal.shows("^socket-loss: ")
    check_equal({cell.fg for line in terminal.screen.buffer.values() for cell in line.values()}, {"default"}, "NO_COLOR")
    check_equal(terminal.end(), 0, "end")
    mock.stop()


MEMORY = ["prlimit", f"--data={64 << 20}"]  # bytes that it may write to


def timed(mock):
    begin = time.monotonic()
    result = subprocess.run([*MEMORY, CROSSTAP, "top", "--url", mock.url, "--once"], capture_output=True, timeout=60,
                            env=PLAIN)
    return result, time.monotonic() - begin


@test
def hostile(_lab):
    """Answers that no agent gives cost neither time nor memory, and no text moves the cursor."""
    mock = Mock()
    zones = b",".join(b'"z%d":{"queries":1}' % i for i in range(400000))
    mock.documents = b'{"zones":{' + zones + b"}}"
    result, seconds = timed(mock)
    check_equal(result.returncode, 0, result.stderr)
    check(b"\nand 1" in result.stdout, "the rest is said")
    check(seconds < 10, f"{seconds} s for 400,000 zones")
    mock.documents = b'{"zones":{' + b",".join([zones] * 6) + b"}}"
    result, seconds = timed(mock)
    check_equal(result.returncode, 1, "2.4 million zones are refused")
    check(b"more than any agent" in result.stderr or b"timed out" in result.stderr, result.stderr)
    check(seconds < 10, f"{seconds} s for 2.4 million zones")
    for body in (b"", b"[]", b'{"a":' * 100000, b'{"zones":' + b"[" * 3000000, b"\xff\x00" * 100, b'{"server":"cut'):
        mock.documents = body
        check_equal(top(mock.url, "--once").returncode, 0 if body == b"[]" else 1, body[:20])
    escape = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e\u4e2d\u0301<script>"
    mock.say(escape, {escape: {"queries": 1, "qtype": {escape: 1}}}, server=escape,
             outputs=[{"name": escape, "failing": True, "last_error": escape + "%n%s"}])
    for arguments in (["--once"], ["--critical", "any"]):
        result = top(mock.url, *arguments)
        check(not [c for c in result.stdout + result.stderr if c != 10 and not 32 <= c < 127], result.stdout)
    terminal = Terminal(mock.url, LC_ALL="C.UTF-8")
    terminal.type(b"o", "^OUTPUT ")
    terminal.shows(r"^\\x1b\]0;owned")
    for raw in (b"\x1b]0;owned", b"\xc2\x9b", "\u202e".encode(), "\u4e2d".encode()):
        check(raw not in terminal.bytes, raw)
    check_equal(terminal.end(), 0, "end")
    mock.stop()


@test
def nobody(_lab):
    port = free_port()
    check_equal(top(f"http://127.0.0.1:{port}", "--once").returncode, 1, "nobody listens")


if __name__ == "__main__":
    main()
