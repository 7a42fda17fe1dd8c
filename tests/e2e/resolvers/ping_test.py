# SPDX-License-Identifier: BSD-2-Clause
"""The ping thread against a link of 20 ms between two network namespaces, with honest, forging, silent and objecting
resolvers at its other end. Nothing leaves the namespaces."""

import contextlib
import json
import os
import re
import socket
import struct
import subprocess
import sys

from harness import BUILD, check, check_equal, main, test
from line import SlowLink, Stamps, attempts, check_between, echo_times, ip, lateness

PROBE = os.path.join(BUILD, "tools", "ping_probe")
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]
HERE_V4, HERE_V6 = "198.51.100.1", "2001:db8:1::1"
SILENT_V4, SILENT_V6 = "203.0.113.1", "2001:db8:3::1"
HONEST, OTHER_ADDRESS, OTHER_COOKIE, THREE_TIMES, OTHER_SEQUENCE, BAD_CHECKSUM = (f"198.51.100.{n}" for n in range(2, 8))


def sysctl(namespace, *settings):
    subprocess.run(["ip", "netns", "exec", namespace, "sysctl", "-qw", *settings], check=True)


class Link(SlowLink):
    """With what the tests below ask of it."""

    def objecting_routes(self):
        sysctl(self.b, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.icmp_ratemask=0",
               "net.ipv6.icmp.ratelimit=0")
        for kind, v4, v6 in (("unreachable", "192.0.2.1", "2001:db8:2::1"), ("prohibit", "192.0.2.2", "2001:db8:2::2"),
                             ("blackhole", SILENT_V4, SILENT_V6)):
            ip("-n", self.b, "route", "add", kind, v4)
            ip("-n", self.b, "-6", "route", "add", kind, v6)

    def probe(self, *args, prefix=()):
        run = subprocess.run(["ip", "netns", "exec", self.a, *prefix, PROBE, *args], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, check=False)
        check_equal(run.returncode, 0, f"ping_probe: {run.stderr}")
        return json.loads(run.stdout)

def attempt_20_ms(lab, mode, prefix=(), settings=()):
    """Each probe reads what the line took, which is 20 ± 1 ms for most."""
    with contextlib.ExitStack() as stack:
        link = Link(stack, lab)
        stamps = Stamps(stack, link.a, "slow")
        if settings:
            sysctl(link.a, *settings)
        seen = {a: [link.probe("--seconds", "1", a, prefix=prefix) for _ in range(5)] for a in ("198.51.100.2", "2001:db8:1::2")}
        stamped = stamps.read()  # before the device goes
        packets = link.forwarder.read()
        check(all(packet.passed_ns for packet in packets), "each packet was passed on by its device")
        times = echo_times(packets, stamped)
        for address, probes in seen.items():
            mine = [t for t in times if t.address == address]
            check_equal(len(mine), len(probes), f"echo requests to {address} that were answered")
            for probe, took in zip(probes, mine):
                check("rtt_ms" in probe["results"][address], f"the probe to {address} is answered: {probe}")
                check_between(probe["results"][address]["rtt_ms"], [took], f"{address} by {mode}")
            check(probes[0]["status"].count(mode) == 2, f"both families by {mode}: {probes[0]['status']}")
        return lateness(times, packets)


@test
def reads_20_ms_by_raw_sockets(lab):
    attempts(lab, lambda part: attempt_20_ms(part, "raw socket"))


@test
def reads_20_ms_by_ping_sockets(lab):
    attempts(lab, lambda part: attempt_20_ms(part, "ping socket", NOBODY, ["net.ipv4.ping_group_range=0 2147483647"]))


@test
def says_why_it_is_off(lab):
    with contextlib.ExitStack() as stack:
        link = Link(stack, lab)
        seen = link.probe("--seconds", "0.2", "198.51.100.2", prefix=NOBODY)
        check_equal(seen["stats"]["sent"], 0, "probes sent without permission")
        for part in ("ipv4 off: ", "ipv6 off: ", "CAP_NET_RAW", "ping_group_range"):
            check(part in seen["status"], f"{part!r} in {seen['status']!r}")


@test
def forged_answers_do_not_count(lab):
    with contextlib.ExitStack() as stack:
        link = Link(stack, lab)
        sysctl(link.b, "net.ipv4.icmp_echo_ignore_all=1")
        for address in (OTHER_ADDRESS, OTHER_COOKIE, THREE_TIMES, OTHER_SEQUENCE, BAD_CHECKSUM):
            ip("-n", link.b, "addr", "add", f"{address}/32", "dev", "slow")
        responder = subprocess.Popen(["ip", "netns", "exec", link.b, sys.executable, "-B", __file__, "--responder"],
                                     stdout=subprocess.PIPE, text=True)
        stack.callback(responder.wait)
        stack.callback(responder.kill)
        check_equal(responder.stdout.readline(), "ready\n", "the responder")
        seen = link.probe("--seconds", "2.6", HONEST, OTHER_ADDRESS, OTHER_COOKIE, THREE_TIMES, OTHER_SEQUENCE, BAD_CHECKSUM)
        for address, result in seen["results"].items():
            check_equal(result["sent"], 1, f"probes sent to {address}")
            good = address in (HONEST, THREE_TIMES)
            check_equal("rtt_ms" in result, good, f"{address} has a measurement")
            check_equal(result["timeouts"], 0 if good else 1, f"timeouts of {address}")
        expected = {"sent": 6, "received": 2, "timeouts": 4, "duplicates": 2, "strangers": 3, "malformed": 1, "late": 0}
        check_equal({key: seen["stats"][key] for key in expected}, expected, "counters")


def errors(link, prefix):
    addresses = ["192.0.2.1", "192.0.2.2", "2001:db8:2::1", "2001:db8:2::2", SILENT_V4, SILENT_V6]
    # every 1 s: an error waits 2 s, an administrative one and one that follows it 8 s.
    seen = link.probe("--every-ms", "1000", "--seconds", "5.8", *addresses, prefix=prefix)
    for address in addresses:
        result, silent = seen["results"][address], address in (SILENT_V4, SILENT_V6)
        check("rtt_ms" not in result, f"{address} was never measured")
        check_equal(result["errors"] > 0, not silent, f"{address} objected: {result}")
        # Unreachable: at 0 and 2 s; silent: at 0 and, 2 s after its timeout, at 4 s; prohibited: at 0.
        check_equal(result["sent"], 1 if address.endswith("2") else 2, f"probes sent to {address} within 5.8 s")


@test
def objections_are_respected(lab):
    with contextlib.ExitStack() as stack:
        link = Link(stack, lab)
        link.objecting_routes()
        errors(link, ())
        sysctl(link.a, "net.ipv4.ping_group_range=0 2147483647")
        errors(link, NOBODY)


@test
def never_from_a_service_address(lab):
    with contextlib.ExitStack() as stack:
        link = Link(stack, lab)
        seen = link.probe("--seconds", "0.3", "--service", HERE_V4, "198.51.100.2", "2001:db8:1::2")
        check_equal(seen["stats"]["refused"], {"source": 1}, "refused")
        check(re.match(rf"ipv4 off: {re.escape(HERE_V4)}, .*ping\.source; ipv6 on", seen["status"]), seen["status"])
        check("rtt_ms" in seen["results"]["2001:db8:1::2"], "IPv6 goes on")
        # An anycast address on lo, which the routes prefer.
        ip("-n", link.a, "addr", "add", "192.0.2.53/32", "dev", "lo")
        ip("-n", link.a, "route", "replace", "default", "dev", "slow", "src", "192.0.2.53")
        seen = link.probe("--seconds", "0.3", SILENT_V4, "198.51.100.2")
        check_equal(seen["stats"]["refused"], {"source": 1}, "refused for its address on lo")
        check("rtt_ms" in seen["results"]["198.51.100.2"], "where the route has another source, it is asked")
        # A source of one's own choice.
        ip("-n", link.a, "addr", "add", "198.51.100.9/24", "dev", "slow")
        seen = link.probe("--seconds", "0.3", "--service", HERE_V4, "--source", "192.0.2.99", "--source", "198.51.100.9",
                          "198.51.100.2")
        check("rtt_ms" in seen["results"]["198.51.100.2"], f"asked from ping.source: {seen}")
        check("ipv4 on: raw socket from 198.51.100.9" in seen["status"], seen["status"])


@test
def never_asked(lab):
    with contextlib.ExitStack() as stack:
        link = Link(stack, lab)
        seen = link.probe("--seconds", "0.3", "--exclude", "198.51.100.128/25", "--own", "198.51.100.77", "198.51.100.77",
                          "198.51.100.200", "127.0.0.1", "::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "169.254.0.1",
                          "fe80::1", "255.255.255.255", "240.0.0.1", HERE_V4, HERE_V6)
        check_equal(seen["stats"]["sent"], 0, f"probes sent: {seen}")
        check_equal(sorted(seen["stats"]["refused"]), ["broadcast", "excluded", "link-local", "loopback", "multicast", "own",
                                                       "reserved", "unspecified"], "reasons")
        seen = link.probe("--seconds", "0.3", "--windows", "2", "198.51.100.2")
        check_equal(seen["stats"]["sent"], 0, "probes sent after two windows")


@test
def no_second_over_the_rate(lab):
    """Counted on the device that the probes leave through, by the stamps of the kernel."""
    with contextlib.ExitStack() as stack:
        link = Link(stack, lab)
        for n in range(10):
            ip("-n", link.b, "route", "add", "local", f"192.0.2.{n * 16}/28", "dev", "lo")
        counter = subprocess.Popen(["ip", "netns", "exec", link.a, sys.executable, "-B", __file__, "--counter"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(counter.wait)
        stack.callback(counter.kill)
        check_equal(counter.stdout.readline(), "ready\n", "the counter")
        seen = link.probe("--seconds", "4", "--rate", "50", "--every-ms", "100", *(f"192.0.2.{n}" for n in range(160)))
        times = json.loads(counter.communicate("\n")[0])
        # A few left between the count and the end.
        check(0 <= len(times) - seen["stats"]["sent"] <= 10, f"{len(times)} left, {seen['stats']['sent']} sent")
        check(len(times) >= 150, f"the rate is used: {len(times)} in 4 s")
        # The stamps are of the wall clock, which may run 0.05 % off the monotonic one.
        worst = min(b - a for a, b in zip(times, times[50:]))
        check(worst >= 0.9995, f"51 packets within {worst} s")


# ---- the other end ----


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff


def respond():
    """Answers echo requests, honestly or not, by the address that was asked."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    print("ready", flush=True)
    while True:
        packet = receiver.recv(2048)
        asker, asked = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
        icmp = bytearray(packet[(packet[0] & 15) * 4:])
        if icmp[0] != 8:
            continue
        icmp[0] = 0
        if asked == OTHER_COOKIE:
            icmp[-1] ^= 1
        if asked == OTHER_SEQUENCE:
            icmp[7] ^= 1
        icmp[2:4] = b"\0\0"
        icmp[2:4] = struct.pack(">H", checksum(bytes(icmp)) ^ (asked == BAD_CHECKSUM))
        source = "198.51.100.99" if asked == OTHER_ADDRESS else asked
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0, socket.inet_aton(source),
                             socket.inet_aton(asker))
        for _ in range(3 if asked == THREE_TIMES else 1):
            sender.sendto(header + bytes(icmp), (asker, 0))


def count():
    """Prints when each echo request left, in seconds, once stdin has a line."""
    timestampns = 35  # SO_TIMESTAMPNS, which Python does not name
    receiver = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # ETH_P_ALL: outgoing ones, too
    receiver.bind(("slow", 3))
    receiver.setsockopt(socket.SOL_SOCKET, timestampns, 1)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    print("ready", flush=True)
    sys.stdin.readline()
    receiver.setblocking(False)
    times = []
    with contextlib.suppress(BlockingIOError):
        while True:
            packet, control, _, _ = receiver.recvmsg(2048, 256)
            if packet[0] >> 4 == 4 and packet[9] == 1 and packet[(packet[0] & 15) * 4] == 8:
                seconds, nanoseconds = struct.unpack("@qq", control[0][2][:16])
                times.append(seconds + nanoseconds / 1e9)
    print(json.dumps(times))


if __name__ == "__main__":
    if sys.argv[1:] == ["--responder"]:
        respond()
    elif sys.argv[1:] == ["--counter"]:
        count()
    else:
        main()
