# SPDX-License-Identifier: BSD-2-Clause
"""The same stream to one receiver after the other: CPU, what was lost, memory, and how long a query takes to be seen."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e", "lib"))
from frames import AUTH_QUERY, Producer, frame  # noqa: E402

PATIENCE_S = 150  # for a figure: DSC's interval, twice


def produce(build, socket, seconds, sources, rate):
    argv = [os.path.join(build, "tests", "bench", "dnstap_produce"), socket, str(seconds), sources, str(rate)]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=seconds * 3 + 120)
    if run.returncode:
        raise RuntimeError(run.stderr.strip())
    return json.loads(run.stdout)


def at_rate(build, cls, program, sources, rate, seconds, warm):
    """One receiver, begun anew: its tables grow for `warm` seconds, which do not count."""
    with tempfile.TemporaryDirectory(prefix="crosstap-peers-") as folder:
        receiver = cls(folder, program)
        try:
            before = produce(build, receiver.socket, warm, sources, rate)["sent"] if warm else 0
            start, cpu = time.monotonic(), receiver.cpu_ns()
            sent = produce(build, receiver.socket, seconds, sources, rate)
            cpu, wall = receiver.cpu_ns() - cpu, sent["seconds"]
            peak, took = receiver.peak_bytes(), time.monotonic() - start
        finally:
            receiver.stop()
        read = receiver.frames()
    unread = max(0, before + sent["sent"] - read) if read is not None else None
    offered = sent["sent"] + sent["dropped"]
    return {"receiver": cls.name, "sources": sources, "rate": rate, "frames": offered, "dropped": sent["dropped"],
            "unread": unread, "lost_percent": 100 * (sent["dropped"] + (unread or 0)) / max(offered, 1),
            "cpu_ns": cpu / max(sent["sent"], 1), "cores": cpu / 1e9 / wall, "frames_per_second": sent["sent"] / wall,
            "peak_mib": peak / 2**20, "seconds": took}


def until_visible(cls, program, tries):
    """Seconds from sending a query to the receiver's own figure of it, at any moment of its interval; None without one."""
    times = []
    with tempfile.TemporaryDirectory(prefix="crosstap-peers-") as folder:
        receiver = cls(folder, program)
        try:
            if receiver.figure() is None:
                return None
            producer = Producer(receiver.socket)
            for n in range(tries):
                time.sleep(n * 1.7 % 5)
                times.append(one_visible(receiver, producer))
            producer.socket.close()
        finally:
            receiver.stop()
    return statistics.median(times)


def one_visible(receiver, producer):
    before, start = receiver.figure(), time.monotonic()
    producer.send([frame(AUTH_QUERY)])
    while receiver.figure() <= before:
        if time.monotonic() - start > PATIENCE_S:
            raise RuntimeError(f"{receiver.name} shows no query within {PATIENCE_S} s")
        time.sleep(0.05)
    return time.monotonic() - start


def medians(runs):
    """One row of several runs of the same, with the least and the most of its CPU."""
    row = dict(runs[0])
    for key in ("cpu_ns", "cores", "frames_per_second", "peak_mib", "lost_percent"):
        row[key] = statistics.median(run[key] for run in runs)
    row["cpu_ns_range"] = [min(run["cpu_ns"] for run in runs), max(run["cpu_ns"] for run in runs)]
    row["cores_range"] = [min(run["cores"] for run in runs), max(run["cores"] for run in runs)]
    row["runs"] = len(runs)
    return row
