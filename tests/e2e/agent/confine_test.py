#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a daemon that was started by hand has given up, as the kernel says it, and what a reload brings back."""

import glob
import os
import signal

from harness import Crosstap, check, check_equal, main, test, wait_for

CHOWN, DAC_OVERRIDE, FOWNER, NET_BIND_SERVICE, NET_ADMIN, NET_RAW, PERFMON, BPF = 0, 1, 3, 10, 12, 13, 38, 39
FILES = {CHOWN, DAC_OVERRIDE, FOWNER, NET_BIND_SERVICE}
WIRE = {NET_ADMIN, NET_RAW, PERFMON, BPF}


def read_status(path):
    with open(path) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def status(crosstap):
    return read_status(f"/proc/{crosstap.process.popen.pid}/status")


def threads(crosstap):
    """What one of them may do, all of them may: they share the memory."""
    return [read_status(path) for path in glob.glob(f"/proc/{crosstap.process.popen.pid}/task/*/status")]


def capabilities(fields, name):
    mask = int(fields[name], 16)
    return {number for number in range(64) if mask >> number & 1}


@test
def by_hand(lab):
    crosstap = Crosstap(lab, inputs=[{"unix": lab.path("in.sock")}])
    crosstap.start()
    fields = status(crosstap)
    check(len(threads(crosstap)) > 3, "it has threads")
    for thread in threads(crosstap):
        check_equal((thread["NoNewPrivs"], thread["Seccomp"]), ("1", "2"),
                    f"{thread['Name']}: no new privileges, and a filter")
        for name in ("CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb"):
            check_equal(thread[name], fields[name], f"{name} of {thread['Name']}")
    with open(f"/proc/{crosstap.process.popen.pid}/limits") as file:
        core, = [line for line in file if line.startswith("Max core")]
    check_equal(core.split()[4:6], ["0", "0"], "core")
    if os.geteuid() == 0:
        check_equal(capabilities(fields, "CapBnd"), set(), "bounding set")
        check_equal(capabilities(fields, "CapEff"), FILES | {NET_ADMIN}, "in force")
        check_equal(capabilities(fields, "CapPrm"), FILES | WIRE, "kept")
        check_equal(capabilities(fields, "CapInh") | capabilities(fields, "CapAmb"), set(), "inherited")
    crosstap.config["ping"] = {"enabled": True, "rate": "1/s"}
    crosstap.write_config()
    crosstap.process.kill(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in crosstap.process.log(), 10, "it is reloaded")
    check("not reloaded" not in crosstap.process.log(), "it is reloaded")
    if os.geteuid() == 0:
        check_equal(capabilities(status(crosstap), "CapEff"), FILES | {NET_ADMIN, NET_RAW}, "in force with ping")
    check_equal(crosstap.stop(), 0, "exit code")


if __name__ == "__main__":
    main()
