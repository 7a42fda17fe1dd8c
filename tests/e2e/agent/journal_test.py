#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the log says, and that nobody waits for it to be read."""

import fcntl
import json
import os
import re
import resource
import signal
import socket
import time

import frames
from frames import queries
from harness import Crosstap, check, check_equal, free_port, main, test, wait_for

F_SETPIPE_SZ = 1031  # fcntl(2)


def agent(lab, **config):
    return Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], **config)


class Unread:
    """A small pipe, whose path a shell can open, that nobody reads until asked."""

    def __init__(self, lab):
        self.path = lab.path("unread")
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, F_SETPIPE_SZ, 4096)
        self.text = ""

    def instead_of(self, number):
        return ("sh", "-c", f'exec "$@" {number}>"$0"', self.path)

    def read(self):
        try:
            self.text += os.read(self.fd, 65536).decode()
        except BlockingIOError:
            pass
        return self.text


@test
def nobody_reads_the_log(lab):
    unread = Unread(lab)
    crosstap = agent(lab).start(prefix=unread.instead_of(2))
    for _ in range(60):
        crosstap.process.kill(signal.SIGHUP)
        time.sleep(0.02)  # signals of one number do not queue
    producer = frames.Producer(lab.path("hand.sock"), timeout=10)
    for _ in range(10):
        producer.send(queries(500))
    producer.stop()
    crosstap.wait_metric("crosstap_frames_total", 5000)
    began = time.monotonic()
    check_equal(crosstap.stop(), 0, "exit code with a full pipe")
    check(time.monotonic() - began < 8, "the end waits for no reader")


@test
def nobody_reads_stdout(lab):
    unread = Unread(lab)
    crosstap = agent(lab, outputs=[{"file": {"path": "-", "format": "line"}},
                                   {"file": {"path": lab.path("other.lp"), "format": "line"}}])
    crosstap.start(prefix=unread.instead_of(1))
    wait_for(lambda: "nobody reads stdout" in crosstap.process.log(), 20, crosstap.process.log)
    size = os.path.getsize(lab.path("other.lp"))
    wait_for(lambda: os.path.getsize(lab.path("other.lp")) > size, 10, "the other output goes on")
    check_equal(crosstap.get("/healthz")[0], 200, "one output of two works")
    wait_for(lambda: unread.read() and "file -: works again" in crosstap.process.log(), 10, crosstap.process.log)
    check_equal(crosstap.stop(), 0, "exit code")


@test
def producers(lab):
    port = free_port()
    crosstap = agent(lab)
    crosstap.config["inputs"].append({"zone": "net", "tcp": f"127.0.0.1:{port}"})
    crosstap.start()
    for where in (lab.path("hand.sock"), ("127.0.0.1", port)):
        producer = frames.Producer(where)
        producer.send(queries(7))
        producer.stop()
    log = crosstap.process.log
    wait_for(lambda: log().count("producer left") == 2, 10, log)
    local = rf"input=\S+hand.sock pid={os.getpid()} uid={os.getuid()} comm=\S+"
    check(re.search(rf"info dnstap: producer connected {local} suppressed=0\n", log()), log())
    check(re.search(rf"info dnstap: producer left {local} frames=7 bad=0 suppressed=0\n", log()), log())
    check(re.search(rf"producer left input=127.0.0.1:{port} peer=127.0.0.1:\d+ frames=7 ", log()), log())
    crosstap.stop()


@test
def limit_of_open_files(lab):
    limit = 40
    crosstap = agent(lab).start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    held = []
    for _ in range(2 * limit):
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].connect(lab.path("hand.sock"))
    log = crosstap.process.log
    wait_for(lambda: "producers wait for a connection" in log(), 10, log)
    check(f"the process has {limit}, raise it with LimitNOFILE=" in log(), log())
    for one in held:
        one.close()
    check_equal(crosstap.stop(), 0, "exit code")


@test
def nothing_works(lab):
    """With a stream of the journal for stderr, an output that nobody listens for, and no producer."""
    script = 'JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr) exec "$0" "$@"'
    crosstap = agent(lab, outputs=[{"file": {"path": lab.path("points.lp")}},
                                   {"influxdb": {"url": f"http://127.0.0.1:{free_port()}"}}])
    began = time.time()
    crosstap.start(prefix=("sh", "-c", script))
    log = crosstap.process.log
    failing = r"^<4>warning sink: influxdb http://\S+ bucket=dns: failing: .* retry_in_s=\d+\.\d attempts=1 since_s=0\.\d$"
    wait_for(lambda: re.search(failing, log(), re.MULTILINE), 20, log)
    check(all(re.match("<[3467]>(error|warning|info|debug) ", line) for line in log().splitlines()), log())
    check_equal(crosstap.get("/healthz")[0], 200, "a producer has its time")
    wait_for(lambda: crosstap.get("/healthz")[0] == 503, 45, lambda: crosstap.get("/healthz"))
    check(time.time() - began > 29, "no sooner than the time that it has")
    said = json.loads(crosstap.get("/healthz")[1])
    check_equal(said, {"status": "failing", "verdict": None, "reasons": ["no producer has connected since the start"]},
                "why, and the verdict, of which there is none without the wire")
    frames.Producer(lab.path("hand.sock")).send(queries(1))
    wait_for(lambda: crosstap.get("/healthz")[0] == 200, 10, lambda: crosstap.get("/healthz"))
    check_equal(crosstap.stop(), 0, "exit code")


if __name__ == "__main__":
    main()
