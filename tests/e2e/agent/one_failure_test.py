# SPDX-License-Identifier: BSD-2-Clause
"""A call that fails once, each in its turn: memory, and what the kernel refuses (tests/preload/one_failure.c). A command says
so and ends with one of its exit codes, or it has its whole result; the agent starts, or says why not."""

import concurrent.futures
import os
import re
import signal
import subprocess

from harness import BUILD, CROSSTAP, ROOT, Crosstap, Process, check, check_equal, free_port, main, test, wait_for, yaml

PRELOAD = os.path.join(BUILD, "preload", "one_failure.so")
QUERIES = os.path.join(ROOT, "tests", "golden", "six_queries.fstrm")
PACKETS = os.path.join(ROOT, "tests", "golden", "hundred_queries.pcap")
CONFIG = {"server": "ns1", "wire": {"mode": "off"}, "ping": {"enabled": False}}
RUNS = 25  # of a command, spread over all of its calls


def configuration(lab, **more):
    return lab.write("good.yaml", yaml({**CONFIG, "spool": {"path": lab.folder("spool")}, **more}) + "\n")


def environment(kind, at, tell=None):
    return dict(os.environ, LD_PRELOAD=PRELOAD, FAIL_KIND=kind, FAIL_AT=str(at), **({"FAIL_TELL": tell} if tell else {}))


def figures(text):
    """Without how long it took, and in which order those came that are alike."""
    return sorted(re.sub(r'"?(seconds|frames_per_second)(": |=)[-+.e0-9]+|"address": "[^"]*"', "", text).splitlines())


def run(kind, at, arguments, tell=None):
    done = subprocess.run([CROSSTAP, *arguments], env=environment(kind, at, tell), capture_output=True, text=True, timeout=120,
                          check=False)
    return done.returncode, figures(done.stdout), done.stderr


def places(lab, kind, arguments, runs=RUNS):
    """What it says when nothing fails, and where to let it fail: first places lie close together, as nothing is there yet."""
    tell = lab.path("calls")
    good = run(kind, 0, arguments, tell)
    with open(tell) as file:
        calls = int(file.read())
    check(calls > 0, f"{arguments}: no call of {kind} was seen")
    return good, range(1, calls + 1, max(1, calls // runs))


def fail_each(lab, kind, arguments, codes, runs=RUNS):
    """Those that the command answers with, for whatever fails; its own, with which its result is as without."""
    (code, text, errors), wanted = places(lab, kind, arguments, runs)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for at, (ended, said, told) in zip(wanted, pool.map(lambda at: run(kind, at, arguments), wanted)):
            where = f"{' '.join(arguments)}: {kind} {at}"
            check(ended in codes or ended == code, f"{where}: ended with {ended}: {told}")
            if ended == code:
                check(said == text or told != errors, f"{where}: half a result, without a word")
            else:
                check(told != errors, f"{where}: ended with {ended}, without a word")


@test
def check_without_memory(lab):
    path = configuration(lab)
    fail_each(lab, "memory", ["check", "-c", path], {2})
    fail_each(lab, "memory", ["check", "--json", "-c", path], {2})


@test
def replay_without_memory(lab):
    fail_each(lab, "memory", ["replay", "--json", QUERIES], {1, 2})
    fail_each(lab, "memory", ["replay", "--json", "--pcap", PACKETS], {1, 2})
    fail_each(lab, "memory", ["replay", "--points", "/dev/stdout", QUERIES], {1, 2}, 100)


@test
def replay_refused(lab):
    fail_each(lab, "system", ["replay", "--json", "--pcap", PACKETS, QUERIES], {1, 2})


@test
def doctor_goes_on(lab):
    """What it cannot look at it judges by the rest: it never dies of it, and its document is whole."""
    path = configuration(lab, inputs=[])
    for kind in ("memory", "system"):
        _, wanted = places(lab, kind, ["doctor", "--json", "-c", path])
        for at in wanted[::3]:
            ended, said, told = run(kind, at, ["doctor", "--json", "-c", path])
            check(ended in (0, 1, 2), f"doctor: {kind} {at}: ended with {ended}: {told}")
            if not said:
                check("error" in told, f"doctor: {kind} {at}: nothing was said")


def start_failing(lab, kind, at, port):
    """True: it came up all the same, and went when it was asked to. False: it said why not."""
    agent = Crosstap(lab, f"{kind}-{at}", inputs=[{"tcp": f"127.0.0.1:{port}"}], outputs=[{"file": {"path": lab.path("points")}}])
    agent.write_config()
    agent.process = Process(lab, agent.name, [CROSSTAP, "run", "-c", agent.config_path], env=environment(kind, at))
    wait_for(lambda: not agent.process.alive() or "running version=" in agent.process.log(), 30,
             lambda: f"it runs or ends: {agent.process.log()}")
    if not agent.process.alive():
        check(agent.process.popen.returncode in (1, 2), f"{kind} {at}: ended with {agent.process.popen.returncode}: "
              f"{agent.process.log()}")
        check("error" in agent.process.log(), f"{kind} {at}: ended without a word: {agent.process.log()}")
        return False
    check_equal(agent.stop(signal.SIGTERM), 0, f"{kind} {at}: exit code, log {agent.process.log()}")
    return True


@test
def agent_starts_or_says_why(lab):
    port = free_port()
    came_up = [start_failing(lab, kind, at, port) for kind, each in (("memory", range(20, 4000, 190)), ("system", range(1, 90, 9)))
               for at in each]
    check(any(came_up) and not all(came_up), f"some failures stop a start, others do not: {came_up}")


@test
def a_full_disk_is_no_success(lab):
    """Nobody takes half a document for a whole one."""
    path = configuration(lab)
    for arguments in (["--version"], ["--help"], ["check", "-c", path], ["check", "--json", "-c", path], ["check", "--measurements"],
                      ["replay", QUERIES], ["replay", "--json", QUERIES], ["replay", "--help"], ["schema", "clickhouse"],
                      ["doctor", "-c", path], ["doctor", "--json", "-c", path], ["top", "--help"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([CROSSTAP, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        check(done.returncode in (1, 2), f"{arguments}: exit code {done.returncode}")
        check("standard output does not take" in done.stderr, f"{arguments}: {done.stderr}")


if __name__ == "__main__":
    main()
