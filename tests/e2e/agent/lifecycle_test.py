#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Start, stop, crash and reload: nothing counted is lost, nothing is counted twice, no point overwrites another."""

import glob
import json
import os
import re
import signal
import struct
import subprocess
import time

import frames
from databases import InfluxDB
from frames import queries, send
from harness import (CROSSTAP, Crosstap, Namespaces, Points, check, check_equal, dnsload, free_port, main, test, wait_for)
from nameserver import Knot


def agent(lab, influx=None, **config):
    outputs = [{"file": {"path": lab.path("points.lp"), "format": "line"}}] + ([influx.output()] if influx else [])
    return Crosstap(lab, outputs=outputs, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], **config)


def points(lab):
    return Points(open(lab.path("points.lp")).read())


def middle_of_window(interval, need):
    """Waits until `need` seconds of a window of `interval` are still ahead."""
    while interval - time.time() % interval < need:
        time.sleep(0.1)


@test
def words_of_the_command_line(lab):
    """What is no command says so, and exits 2; a file is a configuration to run."""
    def said(*words):
        done = subprocess.run([CROSSTAP, *words], capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout, done.stderr

    code, out, err = said("--help")
    check_equal((code, err), (0, ""), "--help")
    for name in ("run", "replay", "check", "doctor", "detach", "top", "schema"):
        check(f"\n  {name} " in out, f"--help names {name}: {out}")
    check_equal(said("-h"), (0, out, ""), "-h")
    check_equal(said("help"), (0, out, ""), "help")
    check_equal(said("help", "top"), said("top", "--help"), "help of a command")
    check_equal(said("help", "rum"), (2, "", "error crosstap: no command of this name: rum\n" + out), "help of no command")
    check_equal(said("-V"), said("--version"), "-V")
    for words, why in ((("check", "x"), "check: takes no 'x'"), (("run", "x"), "run: takes no 'x'"),
                       (("doctor", "--json", "x"), "doctor: takes no 'x'"), (("replay",), "replay: no file is named"),
                       (("replay", "--input", "x", "-"), "replay: --input takes a number from 1 on"),
                       (("replay", "--queries", "x", "-"), "replay: --queries takes frames or responses"),
                       (("replay", "--push", "-"), "replay: --push sends to the outputs of -c FILE")):
        code, out, err = said(*words)
        check((code, out) == (2, "") and err.startswith(why + "\nusage: "), f"{words}: {code}, {err}")
    code, out, err = said("--help")
    check_equal(said(), (2, "", out), "no word")
    check(re.fullmatch(r"crosstap \S+\n", said("--version")[1]), "--version")
    check_equal(said("rum"), (2, "", "error crosstap: no command of this name: rum\n" + out), "a word that is none")
    check_equal(said("./a.yaml", "b"), (2, "", "error crosstap: nothing may follow the file: b\n"), "a file and more")
    with open(lab.path("bad.yaml"), "w") as file:
        file.write("nothing: 1\n")
    code, _, err = said(lab.path("bad.yaml"))
    check(code == 2 and "unknown key" in err, f"a file is run: {code}, {err}")
    message = f"error config: {lab.path('bad.yaml')}:1:1: nothing: unknown key"
    for words in ((lab.path("bad.yaml"),), ("replay", "-c", lab.path("bad.yaml"), "/dev/null")):
        code, out, err = said(*words)
        check((code, out) == (2, "") and err.startswith(message) and err.count("\n") == 1, f"{words}: {code}, {err}")
    stream = frames.write_stream(lab, "one.fstrm", queries(1))
    check_equal(said("replay", "--input", "1", stream)[0], 0, "the first input")
    with open(lab.path("a.pcap"), "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    with open(lab.path("a.text"), "w") as file:
        file.write("no stream at all\n")
    for words, why in (((lab.path("a.pcap"),), "is a packet capture: name it behind --pcap"),
                       ((lab.path("a.text"),), "holds no Frame Streams"),
                       (("--pcap", stream), "unknown file format: Frame Streams are named without --pcap")):
        code, _, err = said("replay", *words)
        check(code == 1 and why in err, f"{words}: {code}, {err}")
    with open(lab.path("out.yaml"), "w") as file:
        file.write('server: a\noutputs: [{file: {path: "-"}}]\n')
    code, out, err = said("replay", "-c", lab.path("out.yaml"), "--push", stream)
    check_equal(code, 0, "points on stdout")
    check("\nframes=" in "\n" + err and all(len(line.split(" ")) == 3 for line in out.splitlines()) and "dns," in out,
          f"the report is not among the points: {out} {err}")
    check_equal(said("replay", "-c", lab.path("out.yaml"), "--push", "--json", stream)[:2], (2, ""), "two documents on stdout")
    check_equal(json.loads(said("replay", "-c", lab.path("out.yaml"), "--json", stream)[1])["frames"], 1, "no points")
    for number in ("0", "-1", "+1", " 1", "1x", "", "99999999999999999999"):
        code, out, err = said("replay", "--input", number, stream)
        check((code, out) == (2, "") and "usage: crosstap replay" in err, f"--input {number!r}: {code}, {err}")


@test
def closed_standard_descriptors(lab):
    """No file of the agent's takes their numbers: its log would be written there."""
    closed = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    crosstap = Crosstap(lab, outputs=[{"file": {"path": "-"}}], inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}])
    crosstap.start(closed, ready=False).wait_page()
    for fd in range(3):
        check_equal(os.readlink(f"/proc/{crosstap.process.popen.pid}/fd/{fd}"), "/dev/null", f"descriptor {fd}")
    dropped = ("crosstap_points_dropped_total", frozenset({("output", "file -")}))
    wait_for(lambda: crosstap.metrics().get(dropped, 0) > 0, 10, lambda: f"points without a stdout count as dropped: {crosstap.metrics()}")
    crosstap.process.stop()
    check_equal(subprocess.run([*closed, CROSSTAP, "check", "-c", crosstap.config_path], timeout=20).returncode, 2, "check")


@test
def sigterm_flushes(lab):
    influx = InfluxDB(lab).start()
    crosstap = agent(lab, influx, interval="1m").start()
    send(lab.path("hand.sock"), 1234)
    check_equal(influx.total("dns", "queries"), 0, "the window is open")
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(influx.total("dns", "queries"), 1234, "InfluxDB after SIGTERM")
    check_equal(points(lab).by("dns", "queries"), {(): 1234}, "file after SIGTERM")


@test
def sigterm_drains(lab):
    """Frames that were written before SIGTERM count, though their producer still holds the connection."""
    crosstap = agent(lab).start()
    producer = frames.Producer(lab.path("hand.sock"))
    producer.send(queries(20000))
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(points(lab).by("dns", "queries"), {(): 20000}, "queries")


@test
def restart_inside_a_window(lab):
    influx = InfluxDB(lab).start()
    interval, total = 20, 0
    middle_of_window(interval, 8)
    for part in range(4):
        crosstap = agent(lab, influx, interval=f"{interval}s").start()
        send(lab.path("hand.sock"), 100 + part)
        total += 100 + part
        check_equal(crosstap.stop(signal.SIGINT if part % 2 else signal.SIGTERM), 0, "exit code")
    check_equal(influx.total("dns", "queries"), total, "InfluxDB over four agents in a window")
    check_equal(points(lab).duplicates(), [], "points written twice")


@test
def crash_overwrites_nothing(lab):
    """What was written before kill -9 stays as it is. Only the windows that were open then are lost."""
    influx = InfluxDB(lab).start()
    crosstap = agent(lab, influx).start()
    send(lab.path("hand.sock"), 500)
    influx.wait_total("dns", "queries", 500)
    crosstap.process.kill(signal.SIGKILL)
    crosstap.process.wait()
    check(os.path.exists(lab.path("hand.sock")), "the dead agent's socket is still there")
    crosstap.start()
    send(lab.path("hand.sock"), 300)
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(influx.total("dns", "queries"), 800, "InfluxDB after crash and start")
    check_equal(points(lab).duplicates(), [], "points written twice")


@test
def reload_adds_an_input(lab):
    crosstap = agent(lab).start()
    knot_socket = lab.path("hand.sock")
    knot = Knot(lab, knot_socket).start()
    crosstap.wait_connections(1)
    first = dnsload(knot, count=500, rate=2000)
    crosstap.wait_metric("crosstap_dns_queries_total", first["sent"])
    crosstap.config["inputs"] = crosstap.config["inputs"] + [{"zone": "second", "unix": lab.path("second.sock")}]
    crosstap.write_config()
    crosstap.process.kill(signal.SIGHUP)
    listening = f"listening input={lab.path('second.sock')}"
    wait_for(lambda: listening in crosstap.process.log(), 10, "the new input listens")
    send(lab.path("second.sock"), 77)
    # Sent at once after the reload: had Knot's connection been closed, its first frames would be lost.
    second = dnsload(knot, count=700, rate=2000)
    crosstap.wait_metric("crosstap_dns_queries_total", first["sent"] + second["sent"], zone="hand")
    crosstap.wait_metric("crosstap_dns_queries_total", 77, zone="second")
    check_equal(crosstap.stop(), 0, "exit code")
    sums = points(lab).by("dns", "queries", "zone")
    check_equal(sums, {("hand",): 1200, ("second",): 77}, "queries by zone")
    check_equal(points(lab).duplicates(), [], "points written twice")


@test
def reload_removes_an_input(lab):
    crosstap = agent(lab)
    keep, leave = crosstap.config["inputs"][0], {"zone": "leave", "unix": lab.path("leave.sock")}
    crosstap.config["inputs"] = [keep, leave]
    crosstap.start()
    stays = frames.Producer(lab.path("hand.sock"))
    stays.send(queries(10))
    send(lab.path("leave.sock"), 20)
    crosstap.config["inputs"] = [keep]
    crosstap.write_config()
    crosstap.process.kill(signal.SIGHUP)
    wait_for(lambda: not os.path.exists(lab.path("leave.sock")), 10, "the old socket is gone")
    stays.send(queries(30))
    stays.stop()
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(points(lab).by("dns", "queries", "zone"), {("hand",): 40, ("leave",): 20}, "queries by zone")


@test
def reload_forgets_labels(lab):
    """Six generations of 5,000 zones, twice as many as there are numbers: each query has its own zone's label, and what was
    counted under a label that is gone is nobody else's."""
    crosstap = agent(lab)
    sock, zones = lab.path("hand.sock"), lab.path("zones")
    crosstap.config["inputs"] = [{"unix": sock, "zones_file": zones}]
    sent = {}

    def write_zones(generation):
        lab.write("zones.new", "\n".join(["stays"] + [f"g{generation}z{i}.nl" for i in range(5000)]) + "\n")
        os.rename(lab.path("zones.new"), zones)

    def query(zone, n):
        producer.send(queries(n, wire=frames.message(f"www.{zone}")))
        sent[zone] = sent.get(zone, 0) + n

    def gone(generation):
        return not any(z.startswith(f"g{generation}z") for z in counted())

    def counted():
        return crosstap.metric_by("crosstap_dns_queries_total", "zone")

    write_zones(0)
    crosstap.start()
    producer = frames.Producer(sock)
    for generation in range(6):
        if generation:
            write_zones(generation)
            crosstap.process.kill(signal.SIGHUP)
            wait_for(lambda g=generation: crosstap.process.log().count("configuration reloaded") == g, 20,
                     lambda: "reloaded: " + crosstap.process.log()[-300:])
        for i in range(5):
            query(f"g{generation}z{i * 1000}.nl", 10 * generation + i + 1)
        query("stays", 7)
        producer.send(queries(3, wire=frames.message("elsewhere.org")))
        crosstap.wait_metric("crosstap_dns_queries_total", 7 * (generation + 1), zone="stays")
        crosstap.wait_metric("crosstap_dns_queries_total", sent[f"g{generation}z4000.nl"], zone=f"g{generation}z4000.nl")
        if generation:
            wait_for(lambda g=generation - 1: gone(g), 20, lambda: f"labels of the past are gone: {counted()}")
    check_equal(counted(), {z: n for z, n in sent.items() if z == "stays" or z.startswith("g5z")} | {"other": 18}, "/metrics")
    producer.stop()
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(points(lab).by("dns", "queries", "zone"), {(z,): n for z, n in sent.items()} | {("other",): 18}, "points")


@test
def reload_of_a_bad_file(lab):
    crosstap = agent(lab).start()
    producer = frames.Producer(lab.path("hand.sock"))
    producer.send(queries(5))
    lab.write("crosstap.yaml", "intervall: 1s\n")
    crosstap.process.kill(signal.SIGHUP)
    wait_for(lambda: "intervall" in crosstap.process.log(), 10, "the bad key is named")
    producer.send(queries(6))
    producer.stop()
    check_equal(crosstap.stop(), 0, "exit code")
    check_equal(points(lab).by("dns", "queries", "zone"), {("hand",): 11}, "queries")


@test
def bad_configuration(lab):
    lab.write("bad.yaml", "interval: 1s\ninputs:\n  - zone: a\n    unixx: /tmp/x\n")
    run = subprocess.run([CROSSTAP, "run", "-c", lab.path("bad.yaml")], capture_output=True, text=True, timeout=60)
    check_equal(run.returncode, 2, "exit code of a bad configuration")
    for part in ("bad.yaml:4:", "unixx", "unix"):
        check(part in run.stderr, f"{part!r} is not in: {run.stderr}")
    check_equal(run.stdout, "", "standard output")
    lab.write("bad.yaml", "interval: 1\ngrace: x\nnothing: 1\n")
    run = subprocess.run([CROSSTAP, "check", "--json", "-c", lab.path("bad.yaml")], capture_output=True, text=True, timeout=60)
    found = json.loads(run.stdout)
    check_equal((run.returncode, run.stderr, [(e["line"], e["file"]) for e in found]),
                (2, "", [(n, lab.path("bad.yaml")) for n in (1, 2, 3)]), f"all errors: {found}")


@test
def second_agent(lab):
    """Two agents with the same `server` would write the same series."""
    first = agent(lab).start()
    second = Crosstap(lab, "second", outputs=[], inputs=[{"zone": "b", "unix": lab.path("b.sock")}])
    second.start(ready=False)
    check_equal(second.process.wait(), 1, "exit code of the second agent")
    check(first.process.alive(), "the first agent runs on")
    third = Crosstap(lab, "third", outputs=[], server=f"other-{os.getpid()}", inputs=[{"zone": "c", "unix": lab.path("c.sock")}])
    third.start()
    check_equal((third.stop(), first.stop()), (0, 0), "exit codes")


@test
def after_a_downgrade(lab):
    """What a later version left is set aside, with one line each, and this one counts from the start."""
    nobody = {"influxdb": {"url": f"http://127.0.0.1:{free_port()}", "version": 1, "database": "x", "timeout": "1s"}}
    crosstap = Crosstap(lab, inputs=[{"zone": "hand", "unix": lab.path("hand.sock")}], outputs=[nobody],
                        state=lab.path("state"), rssac002={"dir": lab.path("rssac002"), "source": "dnstap"})
    crosstap.start()
    send(lab.path("hand.sock"), 10)
    check_equal(crosstap.stop(), 0, "exit code")
    kept = {}
    for pattern, version in (("crosstap-spool/*/*.batch", b"-1\n"), ("rssac002/*.state", b"v2"), ("state", b"v2")):
        found = glob.glob(lab.path(pattern))
        check(found, f"{pattern} is there")
        for path in found:
            text = open(path, "rb").read()
            later = text[:24].replace(version, re.sub(rb"\d", b"9", version), 1).replace(version[::-1], b"9v", 1)
            check(later != text[:24], f"{path} has a version")
            kept[path + (".bad" if path.endswith(".batch") else ".aside")] = later + text[24:]
            open(path, "wb").write(later + text[24:])
    crosstap.start()
    send(lab.path("hand.sock"), 20)
    crosstap.wait_metric("crosstap_dns_queries_total", 20)
    wait_for(lambda: all(os.path.exists(path) for path in kept), 10, lambda: f"{list(kept)} are set aside")
    check_equal(crosstap.stop(), 0, "exit code")
    for path, text in kept.items():
        check_equal(open(path, "rb").read(), text, path)
    for words in ("spool files damaged or of another version, put aside as *.bad", "RSSAC002: the day's count begins anew",
                  "state is no sound file of this version, and set aside"):
        check_equal(crosstap.process.log().count(words), 1, f"lines of the log: {words}")


@test
def port_in_use(lab):
    """The page is no input: without its port the agent runs."""
    first = agent(lab).start()
    second = Crosstap(lab, "second", outputs=[{"file": {"path": lab.path("b.lp"), "format": "line"}}], server=f"b-{os.getpid()}",
                      inputs=[{"zone": "b", "unix": lab.path("b.sock")}, {"zone": "t", "tcp": "127.0.0.1:" +
                                                                         str(free_port(("127.0.0.1",)))}])
    second.config["http"] = first.config["http"]
    second.start(ready=False)
    wait_for(lambda: second.process.must_live() and "listening input=" in second.process.log(), 10, "the input listens")
    send(lab.path("b.sock"), 9)
    check_equal(second.stop(), 0, "exit code")
    check_equal(Points(open(lab.path("b.lp")).read()).by("dns", "queries"), {(): 9}, "queries")
    first.stop()


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        return sum(int(ticks) for ticks in file.read().rsplit(")", 1)[1].split()[11:13])


@test
def rests_while_nothing_happens(lab):
    """What it asks the kernel about its interfaces is no news to itself."""
    net = Namespaces("rest")
    try:
        net.make()
        crosstap = agent(lab, wire={"mode": "native", "interfaces": [net.device], "netns": net.server}).start()
        time.sleep(2)
        before = cpu_ticks(crosstap.process.popen.pid)
        time.sleep(4)
        used = (cpu_ticks(crosstap.process.popen.pid) - before) / os.sysconf("SC_CLK_TCK")
        check(used < 0.4, f"{used} s of CPU in 4 s")
        check_equal(crosstap.stop(), 0, "exit code")
    finally:
        net.close()


@test
def events(lab):
    """What happened, each once: the start, a producer that came and went, an output that fails, a wire that is watched."""
    influx = InfluxDB(lab)  # not started: nobody is there
    net = Namespaces("events").make()
    try:
        crosstap = agent(lab, influx, wire={"mode": "native", "interfaces": [net.device]}).start(namespace=net.server)
        producer = frames.Producer(lab.path("hand.sock"))

        def said(kind):
            whole = open(lab.path("points.lp")).read().rpartition("\n")[0] if os.path.exists(lab.path("points.lp")) else ""
            return [f["text"] for name, tags, f, _ in Points(whole).points if name == "crosstap_event" and tags["kind"] == kind]
        wait_for(lambda: said("producer"), 10, "a producer is there")
        producer.send(queries(10))
        producer.stop()
        wait_for(lambda: len(said("producer")) == 2 and said("sink"), 15, "it is gone, and the output fails")
        check_equal(crosstap.stop(), 0, "exit code")
    finally:
        net.close()
    check_equal(len(said("start")), 1, "starts")
    where = lab.path("hand.sock")
    check_equal(said("producer"), [f"{where}: 1 connected", f"{where}: 0 connected"], "producers")
    check_equal(said("wire_mode"), [f"{net.device}: native"], "wire")
    check(len(said("sink")) == 1 and said("sink")[0].startswith("influxdb ") and ": fails: " in said("sink")[0],
          f"output: {said('sink')}")


if __name__ == "__main__":
    main()
