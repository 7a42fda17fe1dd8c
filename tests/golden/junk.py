# SPDX-License-Identifier: BSD-2-Clause
"""Queries that should not have come, priming, source ports, and what DSC counts by two things at once: types by transport,
codes by size. Held against an independent reader, for captures and for made traffic, in the report and in points; sums
agree with what is counted of one thing alone."""

import json
import os
import random
import re
import socket
import struct
import subprocess
import tempfile
from collections import Counter

import publish
import reader
import traffic
from datasets import BUSIEST, RCODES, nested, parse, summed, type_name

CAPTURES = ("knot", "nsd", "unbound", "recursor", "crosscheck", "mapped_clients", "without_messages", "two_streams")
TRANSPORTS = {1: "udp", 2: "tcp", 3: "dot", 4: "doh", 5: "dnscrypt-udp", 6: "dnscrypt-tcp", 7: "doq"}
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# IANA's registry of types, https://www.iana.org/assignments/dns-parameters, as ranges.
ASSIGNED = set().union(*(range(a, b + 1) for a, b in (
    (1, 53), (55, 68), (99, 109), (128, 128), (249, 255), (256, 264), (32768, 32769))))
A, NS, PTR, TC, DO_BIT = 1, 2, 12, 0x0200, 0x8000
CONFIG = "datasets: [core, edns, names, ports]\n"


def replay(program, text, *args):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write(text)
        config.flush()
        done = subprocess.run([program, "replay", "-c", config.name, *args], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
    return done.stdout


def built_in():
    """The names between quotes of the list that is compiled in."""
    with open(os.path.join(ROOT, "user", "zones", "iana_tlds.c"), encoding="ascii") as file:
        return set(re.findall(r'"([a-z0-9-]+)"', file.read().split("{", 1)[1]))


def is_address(labels):
    text = b".".join(labels).decode("latin-1")
    if any(b"." in label for label in labels) or not re.fullmatch(r"[0-9a-fA-FxX.]+", text):
        return False
    try:
        socket.inet_aton(text)
    except OSError:
        return False
    return True


def is_rfc1918(labels):
    """By the address that the name begins, as far as it goes."""
    if labels[-2:] != ["in-addr", "arpa"]:
        return False
    numbers = []
    for label in labels[-3:-7:-1]:
        if not re.fullmatch("[0-9]{1,3}", label):
            break
        numbers.append(int(label))
    return numbers[:1] == [10] or numbers[:2] == [192, 168] or (numbers[:1] == [172] and numbers[1:2] != [] and
                                                               16 <= numbers[1] <= 31)


def kind_of(message, port, protocol, tlds):
    """None: as it should be."""
    labels = [label.lower().decode("latin-1") for label in message.labels]
    if port == 0 and protocol == 1:
        return "src-port-zero"
    if message.qclass not in reader.CLASSES:
        return "funny-class"
    if message.qtype not in ASSIGNED:
        return "funny-qtype"
    if message.qtype == A and labels and is_address(message.labels):
        return "a-for-a"
    if not labels:
        return "a-for-root" if message.qtype == A else None
    if labels[-1] == "localhost":
        return "localhost"
    if labels[-2:] == ["root-servers", "net"]:
        return "root-servers.net"
    if labels[-1] not in tlds:
        return "non-auth-tld"
    return "rfc1918-ptr" if message.qtype == PTR and is_rfc1918(labels) else None


class Expected:
    def __init__(self, data, tlds):
        self.junk, self.ports, self.types, self.sizes = Counter(), Counter(), Counter(), Counter()
        self.priming, self.tlds = {}, tlds
        self.with_port = 0
        for is_query, _, frame, message in publish.exchanges(data):
            if message:
                self.add(is_query, frame, message, struct.unpack_from("!H", frame[10 if is_query else 14], 2)[0])

    def add(self, is_query, frame, message, flags):
        port, protocol = frame.get(6), frame.get(3, 1)
        transport = TRANSPORTS.get(protocol, "other")
        if is_query and port is not None:
            self.ports["b%d" % (port // 1024 * 1024)] += 1
        if not is_query:
            self.sizes[message.rcode, str(min(message.length // 16 * 16, 4096))] += 1
        if message.labels is None:
            return
        if is_query:
            self.types[transport, type_name(message.qtype)] += 1
            kind = kind_of(message, port, protocol, self.tlds)
            self.junk.update([kind] if kind else [])
        if not message.labels and (message.qtype, message.qclass, flags >> 11 & 15) == (NS, 1, 0):
            self.prime(is_query, self.priming.setdefault(transport, Counter()), message, flags)

    @staticmethod
    def prime(is_query, row, message, flags):
        if is_query:
            row["queries"] += 1
            row["queries_do"] += message.do
            row["none" if message.opt is None else reader.by_step(message.opt[0])] += 1
        else:
            row["responses"] += 1
            row["response_bytes"] += message.length
            row["responses_tc"] += bool(flags & TC)


def present(rows):
    return {t: {k: n for k, n in row.items() if n} for t, row in rows.items()}


def named(pairs):
    return nested({(RCODES.get(r, f"RCODE{r}"), size): n for (r, size), n in pairs.items()})


def check_report(zone, expected, what):
    for name, got, right in (("junk", zone["junk"], expected.junk), ("sport_range", zone["sport_range"], expected.ports),
                             ("priming", present(zone["priming"]), present(expected.priming)),
                             ("rcode_size", zone["rcode_size"], named(expected.sizes))):
        assert got == right, f"{what} {name}: {got}, expected {right}"
    got = {(t, q): n for t, types in zone["transport_qtype"].items() for q, n in types.items()}
    known = {k: n for k, n in expected.types.items() if k in got}
    assert {k: got[k] for k in known} == known and sum(got.values()) == sum(expected.types.values()), f"{what}: {got}"


def check_sums(zone, what):
    """Over transports, types are dns_qtype; over sizes, codes are dns_rcode, and over codes, sizes are dns_size less
    malformed ones; kinds are a part of the questions."""
    types, codes, sizes = Counter(), Counter(), Counter()
    for part in zone["transport_qtype"].values():
        types.update(part)
    for code, part in zone["rcode_size"].items():
        codes[code] = sum(part.values())
        sizes.update(part)
    assert types == zone["qtype"] and codes == zone["rcode"], f"{what}: {types}, {codes}"
    assert sum(sizes.values()) + zone["malformed"]["response"] == sum(zone["response_size"].values()), f"{what}: {sizes}"
    assert all(n <= zone["response_size"][size] for size, n in sizes.items()), f"{what}: {sizes}"
    assert sum(zone["junk"].values()) <= sum(zone["qtype"].values()), f"{what}: {zone['junk']}"
    for row in zone["priming"].values():
        by_size = sum(n for field, n in row.items() if field == "none" or field[0] == "b")
        assert by_size == row["queries"] >= row["queries_do"] and row["responses"] >= row["responses_tc"], f"{what}: {row}"
    assert sum(row["queries"] for row in zone["priming"].values()) <= zone["qtype"].get("NS", 0), what
    assert sum(zone["sport_range"].values()) <= zone["queries"], f"{what}: {zone['sport_range']}"


def coarse(size):
    size = int(size)
    return "b%d" % (size if size < 512 else 4096 if size >= 4096 else size // 128 * 128)


def check_points(points, zone, what):
    def equal(got, right, name):
        assert got == right, f"{what} points {name}: {got}, expected {right}"

    equal(summed(points, "dns_junk", "queries", "kind"), zone["junk"], "junk")
    equal(summed(points, "dns_sport_range", "queries", "range"), zone["sport_range"], "sport_range")
    equal(summed(points, "dns_transport_qtype", "queries", "transport"),
          {t: sum(types.values()) for t, types in zone["transport_qtype"].items()}, "transport_qtype")
    priming, sizes = {}, Counter()
    for name, tags, values in points:
        if name == "dns_priming":
            priming.setdefault(tags["transport"], Counter()).update(values)
        if name == "dns_rcode_size":
            sizes.update({(tags["rcode"], size): n for size, n in values.items()})
    equal(present(priming), present(zone["priming"]), "priming")
    right = Counter()
    for code, part in zone["rcode_size"].items():
        for size, n in part.items():
            right[code, coarse(size)] += n
    equal(sizes, right, "rcode_size")
    equal(sum(sizes.values()), sum(summed(points, "dns_rcode", "responses", "rcode").values()), "rcode_size and dns_rcode")


def read_points(program, text, path):
    with tempfile.TemporaryDirectory() as folder:
        points = os.path.join(folder, "points.lp")
        replay(program, text, "--points", points, path)
        with open(points, encoding="utf-8") as file:
            return [parse(line) for line in file]


def check(program, path, what, text=CONFIG, tlds=None):
    with open(path, "rb") as file:
        expected = Expected(file.read(), tlds or built_in())
    zone = json.loads(replay(program, text, "--json", path))["zones"].get("default")
    if zone is None:
        assert not expected.junk and not expected.types, what
        return None
    check_report(zone, expected, what)
    check_sums(zone, what)
    check_points(read_points(program, text, path), zone, what)
    return zone


def check_captures(program, folder):
    for name in CAPTURES:
        check(program, os.path.join(folder, name + ".fstrm"), name)


def wire(text):
    return b"".join(bytes([len(part)]) + part for part in text.encode().split(b".") if part) + b"\0"


NAMES = ("", ".", "192.0.2.1", "1.2.3", "0x7f.1", "256.1.1.1", "1.2.3.4.5", "192.0.2.1a", "7", "localhost", "LocalHost",
         "a.localhost", "mylocalhost", "localhost.nl", "root-servers.net", "A.ROOT-SERVERS.net", "aroot-servers.net",
         "root-servers.net.nl", "example.nl", "example.NL", "www.example.amsterdam", "x.amsterdan", "example.net",
         "example.com", "x.internal", "x.lan", "nl", "n", "x.n", "arpa", "in-addr.arpa", "10.in-addr.arpa",
         "1.0.0.10.in-addr.arpa", "x.10.in-addr.arpa", "110.in-addr.arpa", "10.10.in-addr.arpa", "16.172.in-addr.arpa",
         "1.2.31.172.IN-ADDR.ARPA", "15.172.in-addr.arpa", "32.172.in-addr.arpa", "172.in-addr.arpa",
         "168.192.in-addr.arpa", "9.9.168.192.in-addr.arpa", "167.192.in-addr.arpa", "10.ip6.arpa", "a.10.in-addr.arpa.nl",
         "www.xn--p1ai", "xn--nowhere", "a" * 63, "x." + "b" * 63, "\x02nl", "a\x02nl")


def made_message(r, is_query):
    """Of one of these names, or of the root with what a priming query may have."""
    priming = r.random() < 0.3
    name = b"\0" if priming else wire(r.choice(NAMES))
    qtype = r.choice([NS] * 6 + [A]) if priming else r.choice(
        [A, A, PTR, PTR, NS, 28, 54, 64, 65, 66, 0, r.randrange(1, 40), r.randrange(65536)])
    qclass = r.choice([1] * 16 + [3, 4, 254, 255, 2, r.randrange(65536)])
    flags = (0 if is_query else 0x8000 | r.choice([0, 0, TC]) | r.choice([0, 3, 5])) | r.choice([0] * 9 + [4, 5]) << 11
    opt = b"" if r.random() < 0.3 else b"\0" + struct.pack("!HHIH", 41, r.choice(traffic.SIZES),
                                                          r.choice([0, DO_BIT]) | r.choice([0] * 9 + [1 << 16]), 0)
    answer = b"" if is_query else bytes(r.choice([0, 5, 480, 700, 4000, 5000]))
    data = struct.pack("!6H", r.randrange(65536), flags, r.choice([1] * 30 + [0]), 0, 0, bool(opt))
    if data[5] == 0:
        return data + opt + answer
    return data + name + struct.pack("!HH", qtype, qclass) + opt + answer


def made_frame(r, is_query, nanosecond):
    port = r.choice([0, 53, 1023, 1024, 65535, r.randrange(65536), None])
    kind, protocol = r.choice([1, 5]) + (not is_query), r.choice([1, 1, 1, 2, 3, 4, 7])
    client = bytes([192, 0, 2, r.randrange(256)])
    return traffic.framed(traffic.dnstap(is_query, traffic.START + nanosecond, client, made_message(r, is_query), protocol,
                                         kind=kind, family=1, port=port))


def write_made(path, seed, n):
    r = random.Random(seed)
    with open(path, "wb") as file:
        file.write(traffic.control(2) + b"".join(made_frame(r, r.random() < 0.7, i) for i in range(n)) + traffic.control(3))


def check_busy(points, zone):
    """Of one window: 20 types keep their names, with all of their queries."""
    by_type = summed(points, "dns_transport_qtype", "queries", "qtype")
    other = by_type.pop("other")
    assert len(by_type) == BUSIEST < len(zone["qtype"]) and all(zone["qtype"][q] == n for q, n in by_type.items()), by_type
    assert other == sum(zone["qtype"].values()) - sum(by_type.values()), other
    for transport, types in zone["transport_qtype"].items():
        got = {q: n for (t, q), n in summed(points, "dns_transport_qtype", "queries", "transport", "qtype").items()
               if t == transport and q != "other"}
        assert got == {q: n for q, n in types.items() if q in by_type}, f"{transport}: {got}"


KINDS = {"src-port-zero", "funny-class", "funny-qtype", "a-for-a", "a-for-root", "localhost", "root-servers.net",
         "non-auth-tld", "rfc1918-ptr"}


def check_made(program, _):
    with tempfile.TemporaryDirectory() as folder:
        path, tlds = os.path.join(folder, "made.fstrm"), os.path.join(folder, "tlds.txt")
        write_made(path, 13, 12000)
        zone = check(program, path, "made")
        assert set(zone["junk"]) == KINDS and len(zone["sport_range"]) == 64, zone["junk"]
        assert len(zone["transport_qtype"]) == len(zone["priming"]) == 5, zone["priming"]
        check_busy(read_points(program, CONFIG, path), zone)
        with open(tlds, "w", encoding="ascii") as file:
            file.write("# a list of one's own\nNL\nLAN\nNET\n")
        other = check(program, path, "with a list", CONFIG + f"domains: {{tlds: {tlds}}}\n", {"nl", "lan", "net"})
        assert other["junk"]["non-auth-tld"] > zone["junk"]["non-auth-tld"], other["junk"]
        assert {k: n for k, n in other["junk"].items() if k not in ("non-auth-tld", "rfc1918-ptr")} == \
            {k: n for k, n in zone["junk"].items() if k not in ("non-auth-tld", "rfc1918-ptr")}, other["junk"]
        traffic.write(path, 2, 5000)
        check(program, path, "made of anything")


def packet(direction, flags, family, port=53):
    """A datagram of one question, from a client to the server or back."""
    data = struct.pack("!6H", 1, flags, 1, 0, 0, 0) + wire("www.example.nl") + struct.pack("!HH", A, 1)
    ends = [(b"\xc6\x33\x64\x07" if family == 4 else bytes.fromhex("20010db8") + bytes(11) + b"\7", 4711),
            (b"\xc0\0\2\x35" if family == 4 else bytes.fromhex("20010db8") + bytes(11) + b"\x35", port)]
    (source, sport), (target, dport) = ends if direction == "query" else ends[::-1]
    udp = struct.pack("!4H", sport, dport, 8 + len(data), 0) + data
    if family == 4:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + source + target
        total = sum(struct.unpack("!10H", ip))
        ip = ip[:10] + struct.pack("!H", ~((total >> 16) + (total & 0xffff)) & 0xffff) + ip[12:]
    else:
        ip = struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + source + target
    return bytes(12) + (b"\x08\0" if family == 4 else b"\x86\xdd") + ip + udp


def check_bits(program, _):
    """What DSC's qr_aa_bits tells apart, by direction: each of QR and AA so often, and as expected or not."""
    r, expected = random.Random(5), Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bits.pcap")
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for i in range(2000):
                direction, qr, aa, family = r.choice(("query", "response")), r.randrange(2), r.randrange(2), r.choice((4, 6))
                data = packet(direction, qr << 15 | aa << 10 | r.choice((0, 3)), family)
                file.write(struct.pack("<4I", traffic.SECOND, i, len(data), len(data)) + data)
                odd = qr if direction == "query" else not qr
                expected[direction, f"ipv{family}", "messages"] += 1
                expected[direction, f"ipv{family}", "not_query"] += odd
                expected[direction, f"ipv{family}", "not_query_aa"] += bool(odd and aa)
        text = 'wire: {addresses: [192.0.2.53, "2001:db8::35"]}\n'
        report = json.loads(replay(program, text, "--json", "--pcap", path))["wire"]
        got = Counter({(d, f, field): cell["udp"][f][field] for d, cell in report.items() if d in ("query", "response")
                       for f in cell["udp"] for field in ("messages", "not_query", "not_query_aa")})
        assert got == expected and min(expected.values()) > 50, f"{got}, expected {expected}"


TESTS = [("responses that come in", check_bits),
         ("junk, priming and ports of captures", check_captures), ("junk, priming and ports of made traffic", check_made)]
