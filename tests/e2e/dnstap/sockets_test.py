#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Inputs: sockets as configured, as systemd passes them, stale and live ones; producers that break the rules."""

import grp
import os
import pwd
import signal
import socket
import stat
import struct
import time

import frames
from frames import queries, send
from harness import CROSSTAP, Crosstap, Points, Process, check, check_equal, dnsload, free_port, main, test, wait_for
from nameserver import Knot, Unbound


def agent(lab, *inputs, **config):
    return Crosstap(lab, inputs=list(inputs), outputs=[{"file": {"path": lab.path("points.lp"), "format": "line"}}],
                    **config)


def stop_and_sum(lab, crosstap, *group):
    check_equal(crosstap.stop(), 0, "exit code")
    return Points(open(lab.path("points.lp")).read()).by("dns", "queries", *group)


@test
def mode_and_owner(lab):
    path = lab.path("a.sock")
    entry = {"zone": "a", "unix": path, "mode": "0620"}
    if os.getuid() == 0:
        entry.update(owner="nobody", group="daemon")
    crosstap = agent(lab, entry).start()
    info = os.stat(path)
    check(stat.S_ISSOCK(info.st_mode), "a socket")
    check_equal(oct(info.st_mode & 0o777), "0o620", "mode")
    if os.getuid() == 0:
        check_equal((info.st_uid, info.st_gid), (pwd.getpwnam("nobody").pw_uid, grp.getgrnam("daemon").gr_gid), "owner")
    check_equal(crosstap.stop(), 0, "exit code")


@test
def stale_socket(lab):
    path = lab.path("a.sock")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    crosstap = agent(lab, {"zone": "a", "unix": path}).start()
    send(path, 3)
    check_equal(stop_and_sum(lab, crosstap), {(): 3}, "queries")


@test
def live_socket(lab):
    path = lab.path("a.sock")
    live = socket.socket(socket.AF_UNIX)
    live.bind(path)
    live.listen()
    crosstap = agent(lab, {"zone": "a", "unix": path}).start(ready=False)
    check_equal(crosstap.process.wait(), 1, "exit code")
    check(path in crosstap.process.log(), f"the socket is named: {crosstap.process.log()}")
    check(os.path.exists(path), "the other program's socket is left alone")
    live.close()


@test
def other_file_at_path(lab):
    """What is no socket is never removed."""
    path = lab.write("a.sock", "precious")
    crosstap = agent(lab, {"zone": "a", "unix": path}).start(ready=False)
    check_equal(crosstap.process.wait(), 1, "exit code")
    check_equal(open(path).read(), "precious", "the file")


@test
def tcp_input(lab):
    port = free_port(("127.0.0.1",))
    crosstap = agent(lab, {"zone": "a", "tcp": f"127.0.0.1:{port}"}).start()
    send(("127.0.0.1", port), 40)
    send(("127.0.0.1", port), 2, bidirectional=False)
    wait_for(lambda: crosstap.metric("crosstap_dns_queries_total") == 42, 10, "42 queries")
    check_equal(stop_and_sum(lab, crosstap, "zone"), {("a",): 42}, "queries")


def listening_socket(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    return listener


def start_activated(lab, crosstap, names, sockets):
    """As systemd does it (sd_listen_fds(3)): descriptors from 3 on, their names, and the child's own pid."""
    crosstap.write_config()
    script = 'export LISTEN_PID=$$; exec "$0" "$@"'
    crosstap.process = Process(lab, crosstap.name, ["sh", "-c", script, CROSSTAP, "run", "-c", crosstap.config_path],
                               env={"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(names)},
                               pass_fds=range(3, 3 + len(sockets)), preexec_fn=lambda: place(sockets))
    crosstap.wait_ready()


def place(sockets):
    """Moves descriptors to 3, 4, ... in the child, over a range that none of them is in."""
    high = [os.dup2(s.fileno(), 100 + i, inheritable=False) for i, s in enumerate(sockets)]
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i, inheritable=True)


@test
def socket_activation(lab):
    """Passed sockets go by name, and a restart behind them loses no connection attempt and no frame."""
    paths = [lab.path("one.sock"), lab.path("two.sock")]
    sockets = [listening_socket(p) for p in paths]
    crosstap = agent(lab, {"zone": "second", "listen_fd": "two"}, {"zone": "first", "listen_fd": "one"})
    start_activated(lab, crosstap, ["one", "two"], sockets)
    send(paths[0], 11)
    send(paths[1], 22)
    check_equal(crosstap.stop(), 0, "exit code")
    for path in paths:
        check(os.path.exists(path), "a passed socket is not removed")
    waiting = frames.Producer(paths[0], bidirectional=False)  # connects while nobody accepts
    waiting.send(queries(33))
    start_activated(lab, crosstap, ["one", "two"], sockets)
    waiting.send(queries(1))
    waiting.stop()
    wait_for(lambda: crosstap.metric("crosstap_dns_queries_total") == 34, 10, "the queries of the one that waited")
    sums = stop_and_sum(lab, crosstap, "zone")
    check_equal(sums, {("first",): 45, ("second",): 22}, "queries by zone")


@test
def passed_sockets_over_reloads(lab):
    """A passed socket is the process's: an input that leaves gives back none, and the next one finds it. One that cannot
    be used is named, and the reload changes nothing."""
    paths = [lab.path("one.sock"), lab.path("two.sock")]
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(lab.path("deaf.sock"))
    one, two = ({"zone": name, "listen_fd": name} for name in ("one", "two"))
    crosstap = agent(lab, one, two)
    start_activated(lab, crosstap, ["one", "two", "deaf"], [*(listening_socket(p) for p in paths), deaf])

    def reload(*inputs, answer="configuration reloaded"):
        before = crosstap.process.log().count(answer)
        crosstap.config["inputs"] = list(inputs)
        crosstap.write_config()
        crosstap.process.kill(signal.SIGHUP)
        wait_for(lambda: crosstap.process.log().count(answer) > before, 10, answer)

    for i in range(3):
        reload(one)
        send(paths[0], 10)
        reload(one, two)
        send(paths[0], 10)
        send(paths[1], 10)
    reload(one, two, {"zone": "deaf", "listen_fd": "deaf"}, answer="does not listen")
    send(paths[1], 5)
    wait_for(lambda: crosstap.metric("crosstap_dns_queries_total") == 95, 10, "all queries")
    check_equal(stop_and_sum(lab, crosstap, "zone"), {("one",): 60, ("two",): 35}, "queries by zone")


@test
def missing_passed_socket(lab):
    crosstap = agent(lab, {"zone": "a", "listen_fd": "nothing"}).start(ready=False)
    check_equal(crosstap.process.wait(), 1, "exit code")
    check("no socket named nothing was passed (LISTEN_FDS): systemctl enable --now crosstap.socket, "
          "whose FileDescriptorName= must be nothing" in crosstap.process.log(), crosstap.process.log())


@test
def rule_breakers(lab):
    """A peer that breaks a rule is dropped, counted, and disturbs nobody else."""
    path = lab.path("a.sock")
    crosstap = agent(lab, {"zone": "a", "unix": path}, limits={"handshake": "1s", "frame": "64KiB"}).start()
    good = frames.Producer(path)
    good.send(queries(10))
    silent = socket.socket(socket.AF_UNIX)
    silent.connect(path)
    breakers = []
    for data in (b"GET / HTTP/1.1\r\n\r\n" * 10, struct.pack("!III", 0, 4, 99), struct.pack("!II", 0, 1 << 30)):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(5)
        peer.connect(path)
        peer.sendall(data)
        breakers.append(peer)
    long = frames.Producer(path)
    long.raw(struct.pack("!I", 1 << 20))
    for peer in breakers + [silent]:
        peer.settimeout(5)
        try:
            check_equal(peer.recv(1), b"", "a rule breaker is closed")
        except ConnectionError:
            pass
    check(long.closed(), "a frame over the limit closes the connection")
    good.send(queries(10))
    good.stop()
    check_equal(stop_and_sum(lab, crosstap), {(): 20}, "queries of the good one")


@test
def bad_frames(lab):
    """A frame that is no dnstap message counts in frames_bad alone; the connection goes on."""
    path = lab.path("a.sock")
    crosstap = agent(lab, {"zone": "a", "unix": path}).start()
    producer = frames.Producer(path)
    producer.send(queries(5) + [b"\xff" * 40, b"\x78\x01"] + queries(5))
    producer.stop()
    crosstap.wait_metric("crosstap_input_frames_bad_total", 2)
    check_equal(stop_and_sum(lab, crosstap), {(): 10}, "queries")
    points = Points(open(lab.path("points.lp")).read())
    check_equal(points.by("crosstap_input", "frames_bad"), {(): 2}, "frames_bad")


@test
def connection_limit(lab):
    path = lab.path("a.sock")
    crosstap = agent(lab, {"zone": "a", "unix": path}, limits={"connections": 4}).start()
    producers = [frames.Producer(path) for _ in range(4)]
    extra = socket.socket(socket.AF_UNIX)
    extra.settimeout(2)
    extra.connect(path)
    for i, producer in enumerate(producers):
        producer.send(queries(i + 1))
    cpu = cpu_seconds(crosstap.process.popen.pid)
    time.sleep(1)
    check(cpu_seconds(crosstap.process.popen.pid) - cpu < 0.5, "a connection over the limit keeps crosstap busy")
    for producer in producers:
        producer.stop()
    extra.close()
    check_equal(stop_and_sum(lab, crosstap), {(): 10}, "queries")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@test
def late_and_skewed(lab):
    """Late frames join the oldest open window, those from the future the newest; none is lost."""
    path = lab.path("a.sock")
    crosstap = agent(lab, {"zone": "a", "unix": path}).start()
    producer = frames.Producer(path)
    now = time.time()
    producer.send(queries(10) + queries(3, when=now - 100) + queries(2, when=now + 5000))
    producer.stop()
    sums = stop_and_sum(lab, crosstap)
    points = Points(open(lab.path("points.lp")).read())
    check_equal(sums, {(): 15}, "queries")
    check_equal(points.by("crosstap_input", "late"), {(): 3}, "late")
    check_equal(points.by("crosstap_input", "skewed"), {(): 2}, "skewed")
    newest = max(stamp for _, _, _, stamp in points.points) / 1e9
    check(newest <= time.time() + 1, f"a point lies in the future: {newest}")


@test
def unidirectional_unbound(lab):
    crosstap = agent(lab, {"zone": "a", "unix": lab.path("a.sock")}).start()
    backend = Knot(lab, lab.path("nowhere.sock")).start()
    server = Unbound(lab, lab.path("a.sock"), backend=backend, bidirectional="no").start()
    crosstap.wait_connections(1)
    report = dnsload(server, count=1000, rate=2000)
    crosstap.wait_metric("crosstap_dns_queries_total", report["sent"], zone="a")
    check_equal(stop_and_sum(lab, crosstap), {(): 1000}, "queries")


@test
def stalled_agent(lab):
    """A stopped daemon (SIGSTOP) loses nothing: producers wait, event times still sort the frames."""
    path = lab.path("a.sock")
    crosstap = agent(lab, {"zone": "a", "unix": path}).start()
    producer = frames.Producer(path)
    for _ in range(4):
        producer.send(queries(50))
        crosstap.process.kill(signal.SIGSTOP)
        producer.send(queries(50))
        time.sleep(1.2)
        crosstap.process.kill(signal.SIGCONT)
    producer.stop()
    check_equal(stop_and_sum(lab, crosstap), {(): 400}, "queries")
    check_equal(Points(open(lab.path("points.lp")).read()).duplicates(), [], "points written twice")


if __name__ == "__main__":
    main()
