# SPDX-License-Identifier: BSD-2-Clause
"""Nodes with known clients, and the points with registers that they write."""

import json
import os
import struct
import subprocess

from frames import AUTH_QUERY, CONTENT_TYPE, frame
from harness import CROSSTAP, check_equal

START = 1_700_000_000  # of a window of ten seconds


def addresses(first, last):
    """IPv4 and every fourth IPv6."""
    return [f"2001:db8:{i >> 16:x}:{i & 0xffff:x}::1" if i % 4 == 0 else f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"
            for i in range(first, last)]


def stream(path, clients):
    """A file of frames: a query of each, over two windows."""
    control = struct.pack("!3I", 2, 1, len(CONTENT_TYPE)) + CONTENT_TYPE
    with open(path, "wb") as file:
        file.write(struct.pack("!2I", 0, len(control)) + control)
        for i, address in enumerate(clients):
            data = frame(AUTH_QUERY, when=START + 10 * (2 * i >= len(clients)), address=address)
            file.write(struct.pack("!I", len(data)) + data)
        file.write(struct.pack("!3I", 0, 4, 3))


def make_key(lab, name):
    path = lab.path(name)
    with open(path, "wb") as file:
        file.write(os.urandom(32))
    os.chmod(path, 0o600)
    return path


def points(lab, server, clients, key):
    """What the node writes, in a file."""
    stream(lab.path(server + ".fstrm"), clients)
    config = lab.write(server + ".yaml", json.dumps({
        "server": server, "interval": "10s", "inputs": [{"zone": "nl", "unix": lab.path("x.sock")}],
        "datasets": ["core", "sketches"], "rssac002": {"key_file": key}}))
    run = subprocess.run([CROSSTAP, "replay", "-c", config, "--points", lab.path(server + ".lp"), lab.path(server + ".fstrm")],
                         capture_output=True, text=True, check=False)
    check_equal(run.returncode, 0, f"replay ({run.stderr})")
    return lab.path(server + ".lp")
