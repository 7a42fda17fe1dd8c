#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""/api/v1/events, read strictly: windows and what happened, as it happens; who comes back, who is too many, who does
not read; an end at once; through a proxy that buffers."""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import frames
from certificates import Authority
from harness import Crosstap, check, check_equal, main, tcp_answers, test, wait_for
from lab import Process
from network import free_port
from points import Points

STREAMS = 28  # of loopback


def agent(lab, **config):
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], **config)


class Stream:
    """Server-sent events by their grammar: each line is a comment, a field that this agent sends, or the end of a
    message; a message has id, event and data, once each."""

    def __init__(self, port, last_id=None, timeout=10, context=None, **headers):
        connect = http.client.HTTPSConnection if context else http.client.HTTPConnection
        self.connection = connect("127.0.0.1", port, timeout=timeout, **({"context": context} if context else {}))
        if last_id:
            headers["Last-Event-ID"] = last_id
        self.connection.request("GET", "/api/v1/events", headers=headers)
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.comments = 0
        self.last_id = None
        if self.status == 200:
            check_equal(self.answer.headers["Content-Type"], "text/event-stream", "type")
            check_equal(self.answer.headers["Cache-Control"], "no-store", "cache")
            check_equal([self.answer.readline(), self.answer.readline()], [b"retry: 2000\n", b"\n"], "beginning")

    def next(self):
        """(event, data), or None at the end of the stream."""
        fields = {}
        while line := self.answer.readline():
            check(line.endswith(b"\n") and b"\r" not in line, f"a line {line}")
            line = line[:-1].decode()
            if line.startswith(": "):
                self.comments += 1
                check_equal((self.answer.readline(), fields), (b"\n", {}), "a comment stands alone")
                return "comment", None
            if not line:
                check_equal(list(fields), ["id", "event", "data"], "fields")
                check(re.fullmatch(r"[1-9]\d*-[1-9]\d*", fields["id"]), f"id {fields['id']}")
                self.last_id = fields["id"]
                return fields["event"], json.loads(fields["data"])
            name, value = line.split(": ", 1)
            check(name not in fields, f"{name} twice")
            fields[name] = value
        check_equal(fields, {}, "the end of a stream")
        return None

    def until(self, event, wanted=lambda data: True):
        while (message := self.next()) and not (message[0] == event and wanted(message[1])):
            pass
        check(message is not None, f"{event} before the end")
        return message[1]

    def close(self):
        self.answer.close()
        self.connection.close()


def number(stream):
    return int(stream.last_id.split("-")[1])


@test
def windows_and_events(lab):
    """Each window once, when its documents are there; what happened as in the points."""
    points = lab.path("points.lp")
    crosstap = agent(lab, outputs=[{"file": {"path": points}}]).start()
    crosstap.wait_metric("crosstap_windows_total", 1)
    stream = Stream(crosstap.port)
    begin = time.monotonic()
    before = stream.until("window")
    check(time.monotonic() - begin < 0.9, "the newest window at once")
    producer = frames.Producer(lab.path("hand.sock"))
    told = []
    for _ in range(4):
        while (message := stream.next())[0] == "event":
            told.append(message[1])
        now = message[1]
        check_equal(message[0], "window", "event")
        check_equal((now["start"], now["end"] - now["start"]), (before["end"], 1), "the window after it")
        check_equal(crosstap.api("window")["start_ms"], now["start"] * 1000, "its document")
        before = now
    producer.stop()
    check_equal([(e["kind"], e["text"]) for e in told], [("producer", f"{lab.path('hand.sock')}: 1 connected")], "told")
    crosstap.stop()
    with open(points) as file:
        sent = [(time_ns // 10**6, tags["kind"], fields["text"])
                for name, tags, fields, time_ns in Points(file.read()).points if name == "crosstap_event"]
    for event in told:
        check((round(event["time"] * 1000), event["kind"], event["text"]) in sent, f"{event} is among {sent}")


@test
def coming_back(lab):
    """What was missed follows, each once; another run's number has all that is held."""
    crosstap = agent(lab).start()
    stream = Stream(crosstap.port)
    stream.until("window")
    stream.close()
    last = number(stream)
    crosstap.process.kill(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in crosstap.process.log(), 10, "it is reloaded")
    windows = crosstap.metric("crosstap_windows_total")
    wait_for(lambda: crosstap.metric("crosstap_windows_total") > windows, 10, "a window")
    again = Stream(crosstap.port, stream.last_id)
    numbers, kinds = [], []
    while len(numbers) < 3:
        message = again.next()
        numbers.append(number(again))
        kinds.append(message[1].get("kind"))
    check_equal(numbers, list(range(last + 1, last + 4)), "numbers")
    check("reload" in kinds, f"the reload is among {kinds}")
    again.close()
    crosstap.stop()
    crosstap.start()
    crosstap.wait_metric("crosstap_windows_total", 1)
    third = Stream(crosstap.port, again.last_id)
    check_equal(third.next()[1]["kind"], "start", "of another run")
    third.close()
    crosstap.stop()


@test
def too_many(lab):
    """They are told so, nobody else notices; who goes makes room at once."""
    crosstap = agent(lab).start()
    streams = [Stream(crosstap.port) for _ in range(STREAMS)]
    check_equal({s.status for s in streams}, {200}, "streams")
    refused = Stream(crosstap.port)
    check_equal((refused.status, refused.answer.headers["Retry-After"]), (503, "10"), "one more")
    for _ in range(20):
        check_equal((crosstap.get("/healthz")[0], crosstap.get("/metrics")[0]), (200, 200), "requests")
    for stream in streams:
        stream.until("window")
    streams.pop().close()
    wait_for(lambda: Stream(crosstap.port).status == 200, 3, "its place is free")
    check_equal(crosstap.stop(), 0, "exit status")
    for stream in streams:
        while stream.next():
            pass


def sockets(crosstap):
    folder = f"/proc/{crosstap.process.popen.pid}/fd"
    return sum(os.readlink(f"{folder}/{name}").startswith("socket:") for name in os.listdir(folder))


def reload_often(crosstap, times):
    """Each is an event."""
    end = time.monotonic() + 30
    for i in range(times):
        crosstap.process.kill(signal.SIGHUP)
        while crosstap.process.log().count("configuration reloaded") <= i:
            check(time.monotonic() < end, f"{times} reloads")
            time.sleep(0.002)


@test
def silence(lab):
    """A comment comes where nothing happens; who does not read is closed."""
    quiet = Crosstap(lab, "quiet", server=f"quiet-{os.getpid()}", interval="1h", inputs=[]).start()
    listener, heard = Stream(quiet.port, timeout=30), []
    begin = time.monotonic()
    thread = threading.Thread(target=lambda: heard.append((listener.next(), time.monotonic() - begin)))
    thread.start()
    crosstap = agent(lab).start()
    crosstap.wait_metric("crosstap_windows_total", 1)
    before = min(time.sleep(0.05) or sockets(crosstap) for _ in range(10))  # that of the request above may be open yet
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        lazy.connect(("127.0.0.1", crosstap.port))
        lazy.sendall(b"GET /api/v1/events HTTP/1.0\r\n\r\n")
        reader = Stream(crosstap.port)
        wait_for(lambda: sockets(crosstap) == before + 2, 5, "both are open")
        reload_often(crosstap, 250)
        wait_for(lambda: sockets(crosstap) == before + 1, 14, "the lazy one was closed")
        while reader.next()[0] != "window":
            pass
    crosstap.stop()
    thread.join(30)
    check_equal(heard[0][0], ("comment", None), "what comes of nothing")
    check(14 < heard[0][1] < 20, f"after {heard[0][1]:.1f} s")
    quiet.stop()


@test
def end_at_once(lab):
    """At a stop that lasts, and when the page moves."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        crosstap = agent(lab, outputs=[{"influxdb": {"url": url, "version": 1, "database": "d"}}]).start()
        stream = Stream(crosstap.port)
        stream.until("window")
        crosstap.config["http"] = {"listen": f"127.0.0.1:{free_port()}"}
        crosstap.write_config()
        begin = time.monotonic()
        crosstap.process.kill(signal.SIGHUP)
        while stream.next():
            pass
        check(time.monotonic() - begin < 2, "the page moves")
        crosstap.port = int(crosstap.config["http"]["listen"].split(":")[1])
        wait_for(lambda: tcp_answers("127.0.0.1", crosstap.port), 10, "it has moved")
        moved = Stream(crosstap.port, stream.last_id)
        moved.until("event", lambda data: data["kind"] == "reload")
        begin = time.monotonic()
        crosstap.process.kill(signal.SIGTERM)
        while moved.next():
            pass
        check(time.monotonic() - begin < 1.5, "a stop")
        check(crosstap.process.alive(), "it still delivers")
        crosstap.process.stop(signal.SIGKILL)


@test
def token_and_tls(lab):
    authority = Authority(lab)
    cert, key = authority.issue("localhost")
    token = lab.write("token", "sesame and more\n".replace(" ", "-"))
    os.chmod(token, 0o600)
    crosstap = agent(lab)
    crosstap.config["http"] = dict(crosstap.config["http"], token_file=token, tls={"cert": cert, "key": key})
    crosstap.start(ready=False)
    wait_for(lambda: tcp_answers("127.0.0.1", crosstap.port), 10, "the page listens")
    context = ssl.create_default_context(cafile=authority.cert)
    check_equal(Stream(crosstap.port, context=context).status, 401, "without the token")
    stream = Stream(crosstap.port, context=context, Authorization="Bearer sesame-and-more")
    first = stream.until("window")
    check_equal(stream.until("window")["start"] > first["start"], True, "windows over TLS")
    stream.close()
    check_equal(crosstap.stop(), 0, "exit status")


NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path {dir}; proxy_temp_path {dir};
    fastcgi_temp_path {dir}; uwsgi_temp_path {dir}; scgi_temp_path {dir};
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{agent}; }} }}
}}
"""


@test
def proxy(lab):
    """nginx as it comes, which collects what it passes on unless it is told otherwise."""
    crosstap = agent(lab).start()
    port = free_port()
    config = lab.write("nginx.conf", NGINX.format(dir=lab.dir, port=port, agent=crosstap.port))
    nginx = Process(lab, "nginx", ["/usr/sbin/nginx", "-e", lab.path("nginx.log"), "-c", config])
    wait_for(lambda: nginx.must_live() and tcp_answers("127.0.0.1", port), 10, "nginx listens")
    came = {}

    def read(stream, which):
        for _ in range(3):
            came[which, stream.until("window")["start"]] = time.monotonic()
    streams = [Stream(crosstap.port), Stream(port)]
    threads = [threading.Thread(target=read, args=pair) for pair in zip(streams, ("straight", "proxy"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    late = [came["proxy", start] - at for (which, start), at in came.items()
            if which == "straight" and ("proxy", start) in came]
    check(len(late) >= 2 and max(late) < 0.5, f"seconds that the proxy took: {late}")
    crosstap.stop()
    check_equal(streams[1].next() and streams[1].next(), None, "its end reaches the reader")
    nginx.stop(signal.SIGQUIT)


if __name__ == "__main__":
    main()
