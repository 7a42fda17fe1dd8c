# SPDX-License-Identifier: BSD-2-Clause
"""What a nameserver did with its dnstap frames, by its own process (dnstap_account.c)."""

import os
import struct

from checks import BUILD

# In the order of dnstap_account.c.
COUNTERS = ("piped", "pipe_full", "queued", "queue_full", "refused", "released")
KINDS = ("query", "response")
FORMAT = f"={len(COUNTERS) * len(KINDS)}Q"


class Counts:
    """At a moment, or between two of them."""

    def __init__(self, values):
        self.values = values

    def __sub__(self, other):
        return Counts([a - b for a, b in zip(self.values, other.values)])

    def __repr__(self):
        return str({c: tuple(self.of(c, k) for k in KINDS) for c in COUNTERS if self.of(c)})

    def of(self, counter, kind=None):
        at = COUNTERS.index(counter) * len(KINDS)
        return sum(self.values[at:at + 2]) if kind is None else self.values[at + KINDS.index(kind)]

    def submitted(self, kind=None):
        return sum(self.of(counter, kind) for counter in ("queued", "queue_full", "refused"))

    def logged(self, kind=None):
        """What it wanted to log. What NSD's workers piped its collector submits later."""
        return self.of("pipe_full", kind) + max(self.of("piped", kind), self.submitted(kind))

    def dropped(self, kind=None):
        """What of it was never on its way to the agent."""
        return self.of("pipe_full", kind) + self.of("queue_full", kind) + self.of("refused", kind)

    def waiting(self):
        """What is in NSD's pipes and in libfstrm's queue."""
        return max(self.of("piped") - self.submitted(), 0) + self.of("queued") - self.of("released")

    def reasons(self, kind):
        """{text: number} of what was dropped."""
        return {"the pipe to its collector was full": self.of("pipe_full", kind),
                "libfstrm's queue was full": self.of("queue_full", kind), "libfstrm refused them": self.of("refused", kind)}


class Account:
    """For one nameserver: a file that its processes count in."""

    def __init__(self, lab, name):
        self.path = lab.write(f"{name}.account", "\0" * struct.calcsize(FORMAT))
        os.chmod(self.path, 0o666)

    def prefix(self):
        """Before the nameserver's command."""
        return ("env", "LD_PRELOAD=" + os.path.join(BUILD, "soak", "dnstap_account.so"), "ACCOUNT_FILE=" + self.path)

    def read(self):
        with open(self.path, "rb") as file:
            return Counts(struct.unpack(FORMAT, file.read(struct.calcsize(FORMAT))))
