#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The wire with the capabilities of the unit alone, for a user of its own: native XDP, over kill -9 and restarts, without
CAP_SYS_ADMIN, for which programs are opened by their ids."""

import os

from harness import check, check_equal, main, test
from manager import Manager, unprivileged
from priority import FIRST
from wire import Bench, attached, check_witness, check_mode, filters, network, xdp_program

USER = 64010


def start(bench, manager):
    bench.crosstap.spawn = manager.spawn
    bench.crosstap.start(namespace=bench.namespace, prefix=(*FIRST, *unprivileged(USER)))


def capabilities(process):
    with open(f"/proc/{process.popen.pid}/status") as file:
        fields = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    return fields["Uid"].split()[0], int(fields["CapPrm"], 16)


@test
def native(lab):
    os.chmod(lab.dir, 0o755)
    os.chown(lab.dir, USER, USER)
    with network() as net, Manager(lab) as manager:
        bench = Bench(lab, net, "native")
        start(bench, manager)
        bench.start_nameserver()
        check_mode(bench, "native")
        uid, held = capabilities(bench.crosstap.process)
        check_equal(uid, str(USER), "its user")
        check_equal(held & ~(1 << 39 | 1 << 38 | 1 << 12), 0, "capabilities but BPF, PERFMON, NET_ADMIN")
        programs = xdp_program(net), filters(net)
        sent = bench.load(count=2000, rate=4000)
        bench.kill()
        start(bench, manager)
        check_mode(bench, "native")
        check_equal((xdp_program(net), filters(net)), programs, "programs on the device")
        bench.load(into=sent, count=1000, rate=4000)
        bench.stop()
        check_equal(attached(net), [], "left on the device by a stop")
        start(bench, manager)
        check_mode(bench, "native")
        bench.load(into=sent, count=1000, rate=4000)
        log = bench.crosstap.process.log()
        check("displaced" not in log and "taken away" not in log, f"nothing was displaced: {log}")
        check(manager.names("wire-"), "the programs are in the store")
        bench.stop()
        check_witness(bench, "wire", sent)
        check_equal(attached(net), [], "left on the device")
        check_equal(manager.names("wire-"), [], "left in the store")


if __name__ == "__main__":
    main()
