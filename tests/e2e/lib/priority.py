# SPDX-License-Identifier: BSD-2-Clause
"""A producer drops frames by itself when it gets no processor for some milliseconds, and a load generator without one sends
few. Where counting is tested and not how a busy machine shares its time, they go first."""

import contextlib
import os
import subprocess


def _may_be_real_time():
    """Not everywhere: a container may lack the capability, a control group the time for it."""
    return subprocess.run(["chrt", "--rr", "1", "true"], capture_output=True, check=False).returncode == 0


FIRST = ("chrt", "--rr", "1") if _may_be_real_time() else ("nice", "-n", "-15")


def hurry():
    """The calling thread goes first, where it may."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
