# SPDX-License-Identifier: BSD-2-Clause
"""What the demo (scripts/demo) prints while it runs, and what crosstap says of each window meanwhile."""

import time

from harness import check, wait_for

PATIENCE_S = 60  # for what shall be seen: a window, its grace, the horizon twice


def say(who, text):
    print(f"{time.strftime('%H:%M:%S')}  {who:<9} {text}", flush=True)


COLUMNS = (("verdict", "<12"), ("wire", ">6"), ("dnstap", ">8"), ("dropped", ">9"), ("unread", ">8"),
           ("unexplained", ">13"), ("balance", ">9"))


def explain():
    say("demo", "Crosstap's lines: UDP queries of each window that has news, and of every fifth.")
    say("demo", "dropped: at Knot's sockets. unread: more, or less, waiting there. unexplained: wire less all that.")
    say("demo", "balance: the sum of what is unexplained. It comes back to where it was when nothing was lost.")
    say("", "".join(format(name, form) for name, form in COLUMNS))


class Windows:
    """Follows /api/v1/crosscheck."""

    def __init__(self, crosstap):
        self.crosstap, self.last_ms = crosstap, 0
        self.verdict, self.balance, self.shown, self.unsaid = None, 0, 0, 0
        self.verdicts, self.dropped = set(), 0

    def next(self):
        """The funnel of the next window to close."""
        def closed():
            self.crosstap.process.must_live()
            window = self.crosstap.api("crosscheck")
            return window if window.get("time_ms", 0) > self.last_ms else None
        window = wait_for(closed, PATIENCE_S, "a window closes")
        self.last_ms, funnel = window["time_ms"], window["funnel"]
        if "balance" in funnel:
            self.take(funnel)
        return funnel

    def take(self, funnel):
        dropped, queued = funnel.get("socket_drops", 0), funnel.get("queued", 0)
        news = funnel["verdict"] != self.verdict or dropped or beyond(funnel, queued) or \
            beyond(funnel, funnel["balance"] - self.shown)
        self.verdict, self.balance, self.dropped = funnel["verdict"], funnel["balance"], self.dropped + dropped
        self.verdicts.add(self.verdict)
        self.unsaid = 0 if news else self.unsaid + 1
        if news or self.unsaid == 5:
            self.unsaid, self.shown = 0, self.balance
            values = (self.verdict, funnel["wire_queries"], funnel["dnstap_queries"], dropped, f"{queued:+}",
                      f"{funnel['unexplained']:+}", f"{self.balance:+}")
            say("crosstap", "".join(format(value, form) for value, (_, form) in zip(values, COLUMNS)))

    def until(self, holds, what):
        end = time.monotonic() + PATIENCE_S
        while True:
            funnel = self.next()
            if "balance" in funnel and holds(funnel):
                return
            check(time.monotonic() < end, f"crosstap did not say within {PATIENCE_S} s: {what}")

    def until_verdict(self, verdict):
        self.until(lambda funnel: funnel["verdict"] == verdict, f"verdict {verdict}")

    def until_caught_up(self):
        """A window at whose ends no query was under way; on a busy machine, after some, one with few."""
        seen = []

        def caught_up(funnel):
            seen.append(funnel)
            figures = funnel.get("queued", 0), funnel["unexplained"]
            return not any(figures) or len(seen) > 5 and not any(beyond(funnel, figure) for figure in figures)
        self.until(caught_up, "nothing unread or unexplained")

    def watch(self, until):
        """Goes on until this moment (monotonic)."""
        while time.monotonic() < until:
            self.next()


def beyond(funnel, figure):
    """More than queries that were under way while a window ended."""
    return abs(figure) > funnel["boundary"]
