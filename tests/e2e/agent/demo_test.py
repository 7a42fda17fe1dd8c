# SPDX-License-Identifier: BSD-2-Clause
"""The demo itself, as a newcomer runs it, but short."""

import os
import re
import signal
import subprocess

from harness import BUILD, ROOT, check, check_equal, main, output, test

DEMO = os.path.join(ROOT, "scripts", "demo")


def start_demo(folder, prefix=(), seconds=1):
    # Whoever runs tests in the background of a shell ignores SIGINT, and so would the demo.
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *prefix, DEMO], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                            env=dict(os.environ, O=BUILD, DEMO_SECONDS=str(seconds), TMPDIR=folder))


def run_demo(folder, **options):
    demo = start_demo(folder, **options)
    try:
        text = demo.communicate(timeout=600)[0]
    finally:
        demo.kill()
        demo.wait()
    check_equal(demo.returncode, 0, f"exit code of the demo: {text}")
    check_nothing_left(demo, folder)
    return text


def processes_of(folder):
    """Command lines that name a file in it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # has ended
        if folder in line:
            found.append(line)
    return found


def check_nothing_left(demo, folder):
    """A veth and its programs go with its namespace."""
    check_equal(os.listdir(folder), [], "files left behind")
    check_equal(processes_of(folder), [], "processes left behind")
    names = [line.split()[0] for line in output("ip", "netns", "list").splitlines()]
    check_equal([n for n in names if n.startswith("crosstap-demo-") and n.endswith(f"-{demo.pid}")], [],
                "namespaces left behind")


def in_order(wanted, found):
    rest = iter(found)
    return all(any(item == other for other in rest) for item in wanted)


@test
def each_loss_is_named(lab):
    """On a busy machine Knot leaves a few queries out of dnstap by itself, which is named as well."""
    text = run_demo(lab.folder("demo"))
    verdicts = re.findall(r"^\S+  crosstap  (\S+)", text, re.M)
    check(in_order(["ok", "socket-loss", "ok", "dnstap-loss", "ok"], verdicts), f"verdicts of {text}")
    check_equal(set(verdicts), {"ok", "socket-loss", "dnstap-loss"}, f"verdicts of {text}")
    check("mode native" in text, f"XDP: {text}")
    check(in_order(["the balance", "socket-loss", "dnstap-loss"],
                   re.findall(r"  Seen: .*?(the balance|socket-loss|dnstap-loss)", text)), f"scenes of {text}")
    missing = re.search(r"Missing in dnstap: ([\d,]+) queries = ([\d,]+) .* \+ ([\d,]+) .*\n\+ ([\d,]+) ", text)
    total, dropped, thrown, itself = (int(n.replace(",", "")) for n in missing.groups())
    check(total == dropped + thrown + itself and dropped > 1000 and thrown > 1000, missing.group())


@test
def interrupted(lab):
    """Ctrl-C while the nameserver is stopped."""
    demo = start_demo(lab.folder("demo"))
    try:
        for line in demo.stdout:
            if "Knot is stopped" in line:
                break
        demo.send_signal(signal.SIGINT)
        text = demo.communicate(timeout=300)[0]
    finally:
        demo.kill()
        demo.wait()
    check_equal(demo.returncode, 130, f"exit code after SIGINT: {text}")
    check_nothing_left(demo, lab.path("demo"))


@test
def without_rights(lab):
    """Dnstap alone, and it says why."""
    text = run_demo(lab.folder("demo"), prefix=("setpriv", "--bounding-set", "-sys_admin,-net_admin,-bpf"), seconds=3)
    check("No network namespaces" in text and "the wire is not watched" in text, text)
    check("DIFFERENT" not in text and "missing" not in text and " equal" in text, text)


if __name__ == "__main__":
    main()
