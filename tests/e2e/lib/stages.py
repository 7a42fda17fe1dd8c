# SPDX-License-Identifier: BSD-2-Clause
"""Scenes that share an agent and a nameserver: each has windows of its own, is judged apart, and is a test by its name. The
sums of its windows say in which stage each of its queries ended; the way of sending such queries is here, too."""

import contextlib
import json
import os
import signal
import socket
import struct
import sys
import threading
import time

from frames import message
from harness import PATIENCE_S, Failure, Lab, Points, check, check_equal, dnsload, in_namespace, output, run_test, wait_for
from wire import Bench, network

DNS = 53
NOISE = 5353         # a port that no DNS is on: what is dropped there is none of ours
SPARE = "198.18.0.3"  # an address of the server that the nameserver does not listen on
OTHERS = "198.18.2.0/24"  # clients that the load is not from
STRAY = "198.19.7.0/24"  # clients whose way back is another device
FEW = 10  # queries whose frames a nameserver without a processor may drop by itself, in a scene
FIRST = 250  # queries that are answered before what a scene is about, and as many afterwards


# ---- what is sent ----


def query(name="www.example.nl", qtype=1, number=0):
    return message(name, qtype, number & 0xffff)


LONG = ".".join(["a" * 60] * 2) + ".example.nl"  # a datagram of more than 76 bytes: only its reader looks at the checksum


def paced(count, rate, send_one):
    for i in range(count):
        send_one(i)
        if i % 50 == 49:
            time.sleep(50 / rate)


def send(net, count, to=None, port=DNS, source=None, text=query(), rate=5000):
    """Datagrams from the clients' namespace, through the kernel."""
    def run():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((source or net.CLIENT, 0))

            def send_one(_):
                with contextlib.suppress(ConnectionRefusedError):
                    sock.sendto(text, (to or net.SERVER, port))
            paced(count, rate, send_one)
    in_namespace(net.client, run)


def send_wrong(net, count, text=query(), source=None, rate=2000, told=None):
    """Datagrams whose checksum is wrong, as a broken sender makes them; `told`: the length that they say of themselves."""
    def run():
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as sock:
            sock.bind((source or net.CLIENT, 0))
            paced(count, rate, lambda i: sock.sendto(
                struct.pack("!4H", 40000 + i, DNS, told or 8 + len(text), 0xbad1) + text, (net.SERVER, 0)))
    in_namespace(net.client, run)


CUT = 48  # bytes of IP payload in a first fragment: UDP's header, DNS' header, a part of the question
FRAGMENT = 44  # IPv6's header of a fragment


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff or 0xffff


def fragment4(net, number, offset, more, part):
    """An IPv4 packet; its checksum is the sending kernel's work."""
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), number, (0x2000 if more else 0) | offset // 8, 64,
                       socket.IPPROTO_UDP, 0, socket.inet_aton(net.CLIENT), socket.inet_aton(net.SERVER)) + part


def fragment6(number, offset, more, part):
    """What follows an IPv6 header."""
    return struct.pack("!BBHI", socket.IPPROTO_UDP, 0, offset | more, number) + part


def datagram(net, family, port, text=query(LONG), told=None):
    """`told`: the length that it says of itself."""
    length = 8 + len(text)
    ends = (net.CLIENT, net.SERVER) if family == socket.AF_INET else (net.CLIENT6, net.SERVER6)
    pseudo = b"".join(socket.inet_pton(family, end) for end in ends) + struct.pack("!2H", socket.IPPROTO_UDP, length)
    head = struct.pack("!3H", port, DNS, length if told is None else told)
    return head + struct.pack("!H", checksum(pseudo + head + b"\0\0" + text)) + text


def send_fragments(net, count, parts, family=socket.AF_INET, first_number=1, rate=2000, cut=CUT):
    """Of each of so many queries these parts, in this order: 0, 1, or 2, which is 1 with the end of 0 once more."""
    def run():
        kind = socket.IPPROTO_RAW if family == socket.AF_INET else FRAGMENT
        to = (net.SERVER, 0) if family == socket.AF_INET else (net.SERVER6, 0)
        with socket.socket(family, socket.SOCK_RAW, kind) as sock:
            def send_one(i):
                data = datagram(net, family, 20000 + i)
                for part in parts:
                    begin = (0, cut, cut - 8)[part]
                    place = (first_number + i, begin, not part, data[begin:] if part else data[:cut])
                    sock.sendto(fragment4(net, *place) if family == socket.AF_INET else fragment6(*place), to)
            paced(count, rate, send_one)
    in_namespace(net.client, run)


def packet6(net, data, told=None, header=socket.IPPROTO_UDP):
    """An IPv6 packet from its Ethernet type on; `told`: the length that it says of itself; `header`: what its data is."""
    ends = b"".join(socket.inet_pton(socket.AF_INET6, end) for end in (net.CLIENT6, net.SERVER6))
    return struct.pack("!HIHBB", 0x86dd, 6 << 28, len(data) if told is None else told, header, 64) + ends + data


def send_frames(net, count, frame, rate=2000):
    """Frames past the sending kernel, which would put them right. frame(i): the i-th from its Ethernet type on."""
    link, = json.loads(output("ip", "-n", net.server, "-j", "link", "show", "dev", net.device))
    begin = bytes.fromhex(link["address"].replace(":", "")) + b"\x02\0\0\0\0\1"

    def run():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind((net.device, 0))
            paced(count, rate, lambda i: sock.send(begin + frame(i)))
    in_namespace(net.client, run)


def proc_counter(net, file, section, name):
    """A counter of /proc/net in the server's namespace; `section` is empty in files of one counter a line."""
    text = in_namespace(net.server, lambda: open(f"/proc/thread-self/net/{file}").read())
    lines = [line.split() for line in text.splitlines()]
    if not section:
        return int(dict(line for line in lines if len(line) == 2)[name])
    names, values = [line for line in lines if line[0] == section + ":"]
    return int(values[names.index(name)])


# ---- a nameserver that stands still ----


def thread_states(pid):
    states = set()
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{thread}/stat") as file:
            states.add(file.read().rsplit(")", 1)[1].split()[0])
    return states


def halt(bench):
    """Once it has handed over the frames of what it answered. Each thread stops when it next runs."""
    bench.wait_logged()
    process = bench.nameserver.process
    process.kill(signal.SIGSTOP)
    wait_for(lambda: thread_states(process.popen.pid) == {"T"}, PATIENCE_S, "all threads of the nameserver have stopped")


def waiting(net):
    """Bytes in sockets on the DNS port."""
    lines = output("ss", "-N", net.server, "-Hunl", f"sport = :{DNS}").split("\n")
    return sum(int(line.split()[1]) for line in lines if line)


def go_on(net, bench):
    """The stopped nameserver continues, and has read all that waits for it."""
    bench.nameserver.process.kill(signal.SIGCONT)
    wait_for(lambda: not waiting(net), PATIENCE_S, lambda: f"{waiting(net)} bytes wait in sockets")


# ---- what is seen ----


SUMS = ("wire_queries", "dnstap_queries", "wire_responses", "stack_drops", "socket_drops", "queued", "malformed", "not_logged",
        "tx_drops", "nic_drops", "explained", "unexplained")
EXPLAINED = ("stack_drops", "socket_drops", "queued", "malformed", "not_logged")


class Stages(Bench):
    """Remembers what the agent said of each window about its drops. Its frames come through a relay, which says how many the
    nameserver wrote."""

    def __init__(self, lab, net, mode, nft_counters=()):
        super().__init__(lab, net, mode)
        self.crosstap.config["crosscheck"] = {"horizon": "2s", "nft_counters": list(nft_counters)}
        self.reloads = 0
        self.answers = 0  # that the relay will have had the frames of, when it has all of the last load
        self.windows = {}  # time in ms: the JSON of /api/v1/crosscheck
        self.stopped = threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def start(self):
        super().start()
        self.watcher.start()
        return self

    def close(self):
        self.stopped.set()
        if self.watcher.is_alive():
            self.watcher.join()
        self.tap.close()

    def watch(self):
        while not self.stopped.wait(0.2):
            with contextlib.suppress(Failure):  # none has closed yet, or the machine is busy
                window = self.crosstap.api("crosscheck")
                self.windows[window["time_ms"]] = window

    def points(self):
        """Of the cross-check alone: there are many others."""
        if not os.path.exists(self.path):
            return Points("")
        with open(self.path) as file:
            lines = file.read().rpartition("\n")[0].splitlines()
        return Points("\n".join(line for line in lines if line.startswith(("funnel,", "crosscheck_"))))

    def cut(self):
        """A time between two scenes: two whole windows without a message meet there, as long as a verdict remembers."""
        at = int(time.time()) + 2
        time.sleep(at + 1.1 - time.time())
        return at

    def closed(self, until):
        """Waits for the windows before a time to be written."""
        def written():
            self.crosstap.process.must_live()
            funnels = self.funnels()
            return funnels and funnels[-1][0] >= (until - 1) * 10**9
        wait_for(written, PATIENCE_S, lambda: f"the window before {until}: {self.funnels()[-1:]}")

    def remember(self, seconds):
        """From now on verdicts sum the time from now on, so many seconds of it."""
        self.closed(int(time.time()))
        self.crosstap.config["crosscheck"]["horizon"] = f"{seconds + self.reloads % 2}s"
        self.crosstap.write_config()
        self.reload()

    def reload(self):
        self.reloads += 1
        self.crosstap.process.kill(signal.SIGHUP)
        wait_for(lambda: self.crosstap.process.log().count("reloaded") >= self.reloads, PATIENCE_S, "the agent has reloaded")

    def logged(self):
        """Answers over UDP whose frames the agent has."""
        return sum(n for (transport, _), n in self.tap.passed("response").items() if transport == "udp")

    def wait_logged(self):
        wait_frames(self.logged, self.answers)


def wait_frames(seen, count):
    """All of these are through the relay, or all but a few that the nameserver left out, and no more of them come."""
    wait_for(lambda: seen() >= count - FEW, PATIENCE_S, lambda: f"{seen()} of {count} frames")
    with contextlib.suppress(Failure):
        wait_for(lambda: seen() >= count, 3, "the last frames")


class Seen:
    """The windows of one scene."""

    def __init__(self, bench, begin, end):
        def ours(stamp_ns):
            return begin * 10**9 <= stamp_ns < end * 10**9
        self.points = [p for p in bench.points().points if ours(p[3])]
        self.funnels = [f for _, f in sorted(((stamp, f) for name, _, f, stamp in self.points if name == "funnel"),
                                             key=lambda pair: pair[0])]
        self.windows = [w for stamp, w in sorted(bench.windows.items()) if ours(stamp * 10**6)]
        self.sums = {key: sum(f.get(key, 0) for f in self.funnels) for key in SUMS}

    def reasons(self, upper_bound):
        """{reason: messages}; without the windows that nobody looked at in time."""
        found = {}
        for window in self.windows:
            for drop in window.get("stack_drops", []):
                if drop["upper_bound"] == upper_bound:
                    found[drop["reason"]] = found.get(drop["reason"], 0) + drop["messages"]
        return found

    def sources(self):
        return {w["stack_drops_source"] for w in self.windows if "stack_drops_source" in w}

    def verdicts(self):
        """From the first window with a message on: what comes before is about another scene."""
        busy = [i for i, f in enumerate(self.funnels) if f.get("wire_queries")]
        return [f["verdict"] for f in self.funnels[busy[0]:]] if busy else []

    def check_counted(self):
        check(self.funnels and all("balance" in f for f in self.funnels), f"windows that count: {self.funnels}")
        begin = self.funnels[0]["balance"] - self.funnels[0]["unexplained"]
        check_equal(self.funnels[-1]["balance"] - begin, self.sums["unexplained"],
                    f"the balance grew by what is unexplained: {self.funnels}")

    def check_stages(self, sent, verdicts, bound=False, unanswered=0, **stages):
        """All of `sent`, but what ended in the stages, is answered, or for no known reason not, and has its dnstap frame. Few
        frames may be missing, of a nameserver that had no processor: then so many are unexplained, or in the stage of which
        only a bound is known."""
        told = f"{self.reasons(False)}, at most {self.reasons(True)}; {self.funnels}"
        expected = {"wire_queries": sent, "stack_drops": 0, "socket_drops": 0, "queued": 0, "malformed": 0, "not_logged": 0,
                    "tx_drops": 0, "nic_drops": 0, "unexplained": 0, **stages}
        explained = sum(expected[k] for k in EXPLAINED)
        expected["wire_responses"] = sent - explained - unanswered
        unlogged = sent - explained - expected["unexplained"] - self.sums["dnstap_queries"]
        check(0 <= unlogged <= FEW, f"{unlogged} frames that the nameserver left out: {self.sums}; {told}")
        bounded = min(unlogged, self.sums["stack_drops"] - expected["stack_drops"]) if bound else 0
        expected["stack_drops"] += bounded
        expected["explained"] = explained + bounded
        expected["unexplained"] += unlogged - bounded
        expected["dnstap_queries"] = self.sums["dnstap_queries"]
        differs = {key: (value, self.sums[key]) for key, value in expected.items() if value != self.sums[key]}
        check(not differs, f"sums over all windows (expected, seen): {differs}; {told}")
        self.check_counted()
        seen = self.verdicts()
        check(set(verdicts) <= set(seen) <= {*verdicts, "ok"}, f"verdicts {verdicts}: {seen}; {told}")
        print("    ", {k: v for k, v in expected.items() if v}, self.reasons(False), flush=True)

    def check_reasons(self, source, *reasons):
        """Where the drops are from and what they are called. How many they are is in the points."""
        check_equal(self.sources(), {source}, "source of stack drops")
        seen, others = self.reasons(source == "counters"), self.reasons(source != "counters")
        check_equal((set(seen), others), (set(reasons), {}), f"reasons ({seen})")


# ---- scenes ----


def answered(bench, count=FIRST):
    """Queries that the nameserver gets and answers, around those that are lost: dnstap is not silent. So few a second that
    a nameserver on a busy machine drops no frame by itself."""
    report = dnsload(bench.nameserver, **bench.net.load(), source_net=bench.net.RESOLVERS, count=count, rate=500, timeout=PATIENCE_S)
    check_equal((report["timeouts"], report["sent"]), (0, count), "answered queries")
    return count


def apart(bench):
    """Where drops are an upper bound: a whole window keeps what is answered out of theirs, of which it would explain, too, what
    a busy machine answers a window later."""
    if bench.crosstap.config["wire"]["mode"] == "packet":
        time.sleep(int(time.time()) + 2.1 - time.time())


REMEMBERING = []


class Group:
    """Scenes that share a bench. `prepare` makes the namespaces ready before anything runs in them."""

    def __init__(self, name, mode, prepare=None, **config):
        self.name, self.mode, self.prepare, self.config = name, mode, prepare, config
        self.scenes = []

    def scene(self, function):
        """A scene gets the bench, does what it is about between two loads of queries that are answered, and returns how many
        queries it sent and a judge of its windows, judge(seen, sent): `sent` are all that were sent."""
        self.scenes.append(function)
        return function

    def long_scene(self, function):
        """The same, that makes dnstap silent for some windows: verdicts sum all of it. After all others."""
        REMEMBERING.append(function)
        return self.scene(function)

    @contextlib.contextmanager
    def bench(self, lab):
        with network() as net:
            if self.prepare:
                self.prepare(net)
            bench = Stages(lab, net, self.mode, **self.config)
            try:
                yield bench.start()
            finally:
                bench.close()

    def run(self, lab, scenes, tests):
        """Puts into `tests` what judges each scene, by its name."""
        played = {}
        with self.bench(lab) as bench:
            begin = int(time.time())
            for scene in scenes:
                outcome = play(bench, scene)
                end = bench.cut()
                played[scene.__name__] = (begin, end, outcome)
                begin = end
            bench.closed(begin)
            for name, place in played.items():
                tests[name] = judgement(bench, *place)
            bench.stop()


def play(bench, scene):
    """What the scene returned, with all queries, or its failure."""
    try:
        if scene in REMEMBERING:
            bench.remember(20)
        bench.answers = bench.logged() + FIRST
        sent = answered(bench)
        apart(bench)
        more, judge = scene(bench)
        apart(bench)
        return sent + more + answered(bench), judge
    except Failure as failure:
        return failure


def judgement(bench, begin, end, outcome):
    seen = Seen(bench, begin, end)

    def judge(_):
        if isinstance(outcome, Failure):
            raise outcome
        outcome[1](seen, outcome[0])
    return judge


def main(*groups):
    """Runs the scenes of all groups, or those that are named, or whose group is."""
    names, passed, there = sys.argv[1:], [], False
    for group in groups:
        scenes = [s for s in group.scenes if not names or {s.__name__, group.name} & set(names)]
        if not scenes:
            continue
        tests, there = {}, True
        lab = Lab(f"{os.path.splitext(os.path.basename(sys.argv[0]))[0]}-{group.name}")
        try:
            passed.append(run_test(group.name, lambda lab, g=group, s=scenes, t=tests: g.run(lab, s, t), lab))
            passed += [run_test(name, test, lab) for name, test in tests.items()]
        finally:
            lab.close()
    if not there:
        sys.exit("no such test; there are: " + " ".join(s.__name__ for g in groups for s in g.scenes))
    sys.exit(0 if all(passed) else 1)
