# SPDX-License-Identifier: BSD-2-Clause
"""Where the build is, and how a test says what did not hold."""

import os
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BUILD = os.environ.get("O", os.path.join(ROOT, "build"))
if not os.path.isabs(BUILD):
    BUILD = os.path.join(ROOT, BUILD)
CROSSTAP = os.path.join(BUILD, "crosstap")
DNSLOAD = os.path.join(BUILD, "tools", "dnsload")
PATIENCE_S = 60  # for what comes at once where there is time


# Nameservers are in sbin, which only root has in its PATH.
os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"


class Failure(Exception):
    """A test that did not hold. The text says what was expected and what was seen."""


class Skip(Exception):
    """A test that cannot be played here. The text says why; tests/may_skip says whether the CI accepts that."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(seen, expected, what):
    if seen != expected:
        raise Failure(f"{what}: expected {expected!r}, saw {seen!r}")


def wait_for(condition, seconds, what):
    """Waits until condition() is true (its value is returned), at most so many seconds, or a minute if that is more: on a
    busy machine everything takes longer, and a wait that succeeds costs nothing."""
    seconds = max(seconds, PATIENCE_S)
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)
