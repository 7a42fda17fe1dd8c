# SPDX-License-Identifier: BSD-2-Clause
"""Forms in which frames come to a replay: several streams in a file, compressed files, frames that leave things out or
say them in another way; and where the report goes."""

import gzip
import json
import lzma
import os
import re
import struct
import subprocess
import tempfile
from collections import Counter

import junk
import traffic


def replay(program, *args, stdin=None):
    """(exit status, document, messages)"""
    done = subprocess.run([program, "replay", "--json", *args], input=stdin, capture_output=True, timeout=120)
    assert done.returncode in (0, 1), f"exit {done.returncode}: {done.stderr.decode()}"
    return done.returncode, json.loads(done.stdout), done.stderr.decode()


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


PACKERS = {"gzip": gzip.compress, "zstd": zstd, "xz": lzma.compress}


def figures(document):
    """Without what depends on how fast the machine is."""
    return {key: value for key, value in document.items() if key not in ("seconds", "frames_per_second")}


def check_several_streams(program, folder):
    """Another START behind STOP (files of a day, one after the other), and one without (a writer that was killed, and
    appended when it came again): two frames each."""
    for name in ("two_streams.fstrm", "appended_after_kill.fstrm"):
        status, document, said = replay(program, os.path.join(folder, name))
        assert (status, document["frames"], said) == (0, 4, ""), f"{name}: {status} {document['frames']} {said}"
        status, document, _ = replay(program, "-", stdin=read(folder, name))
        assert (status, document["frames"]) == (0, 4), f"{name} from stdin: {status} {document['frames']}"


def check_compressed(program, folder):
    """As plain, from a file and from stdin, and as many members; several streams in them as well."""
    plain = read(folder, "knot.fstrm")
    _, expected, _ = replay(program, os.path.join(folder, "knot.fstrm"))
    _, twice, _ = replay(program, "-", stdin=plain + plain)
    assert twice["frames"] == 2 * expected["frames"], twice["frames"]
    half = len(plain) // 2
    for name, pack in PACKERS.items():
        with tempfile.NamedTemporaryFile() as file:
            file.write(pack(plain))
            file.flush()
            status, document, said = replay(program, file.name)
        assert (status, said) == (0, "") and figures(document) == figures(expected), f"{name}: {status} {said}"
        for what, data, want in (("stdin", pack(plain), expected), ("two members", pack(plain[:half]) + pack(plain[half:]), expected),
                                 ("two files", pack(plain) + pack(plain), twice)):
            status, document, said = replay(program, "-", stdin=data)
            assert (status, said) == (0, "") and figures(document) == figures(want), f"{name} {what}: {status} {said}"


def check_damaged(program, folder):
    """The rest of a file is lost, what came before is counted, and the exit status says so."""
    plain = read(folder, "knot.fstrm")
    _, whole, _ = replay(program, "-", stdin=plain)
    for name, pack in PACKERS.items():
        packed = pack(plain)
        status, document, said = replay(program, "-", stdin=packed[: len(packed) * 2 // 3])
        assert status == 1 and f"{name}: the data is cut short" in said, f"{name}: {status} {said}"
        assert 0 < document["frames"] < whole["frames"], f"{name}: {document['frames']} frames"
        status, document, said = replay(program, "-", stdin=packed[:-5] + bytes([packed[-5] ^ 255]) + packed[-4:-3] + b"###")
        assert status == 1 and f"{name}: the data is damaged" in said, f"{name}: {status} {said}"
        # zstd keeps the block back whose check sum is wrong.
        least = whole["frames"] if name != "zstd" else 1
        assert least <= document["frames"] <= whole["frames"], f"{name}: {document['frames']} frames"
        status, document, said = replay(program, "-", stdin=packed + b"no member")
        assert status == 1 and "something else follows compressed data" in said, f"{name}: {status} {said}"
        assert document["frames"] == whole["frames"], f"{name}: {document['frames']} frames"
    status, document, said = replay(program, "-", stdin=b"\x04\x22\x4d\x18" + plain)
    assert status == 1 and "is compressed by lz4, which is not read here" in said and document["frames"] == 0, said


def check_same_traffic(program, folder):
    """A hundred queries and answers on the wire and in dnstap: nothing is lost, however the frames say it."""
    capture = os.path.join(folder, "hundred_queries.pcap")
    for name, known in (("without_messages.fstrm", False), ("mapped_clients.fstrm", True)):
        status, document, said = replay(program, "--pcap", capture, os.path.join(folder, name))
        assert (status, said) == (0, ""), f"{name}: {status} {said}"
        check, zone = document["crosscheck"], document["zones"]["default"]
        row = {"wire": 100, "dnstap": 100, "difference": 0, "left_out": 0}
        assert check["query"] == check["response"] == {"udp": {"ipv4": row}}, f"{name}: {check}"
        assert (check["unexplained"], check["verdict"]) == (0, "ok"), f"{name}: {check}"
        assert check["funnel"]["malformed"] == 0 and check["funnel"]["corrected"] == 100, f"{name}: {check['funnel']}"
        assert zone["messages"] == {"udp": {"ipv4": {"queries": 100, "responses": 100}}}, f"{name}: {zone['messages']}"
        assert zone["malformed"] == {"query": 0, "response": 0} and zone["sources"] == 50, f"{name}: {zone}"
        contents = [zone["query_size"], zone["response_size"], zone["qtype"], zone["rcode"], zone["opcode"]]
        assert all(sum(c.values()) == (100 if known else 0) for c in contents), f"{name}: {contents}"
        assert (check["qtype"] != {}) == known, f"{name}: {check['qtype']}"


def check_unknown_protocol(program, folder):
    """A transport that is newer than this program is not UDP, and makes up for no lost query."""
    capture = os.path.join(folder, "hundred_queries.pcap")
    _, document, _ = replay(program, "--pcap", capture, os.path.join(folder, "protocol_8.fstrm"))
    messages = document["zones"]["default"]["messages"]
    assert messages == {"other": {"ipv4": {"queries": 100, "responses": 100}}}, messages
    row = document["crosscheck"]["query"]["udp"]["ipv4"]
    assert (row["wire"], row["dnstap"], document["crosscheck"]["verdict"]) == (100, 0, "dnstap-blind"), row


def check_unusable_databases(program, folder):
    """Databases that cannot be used are said, each once, and are events of the points."""
    with tempfile.TemporaryDirectory() as work:
        config, points = os.path.join(work, "geo.yaml"), os.path.join(work, "points.lp")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"geo: {{country: {folder}/no_countries.mmdb, asn: {work}/not-there.mmdb}}\n")
        status, _, said = replay(program, "-c", config, "--points", points, os.path.join(folder, "six_queries.fstrm"))
        with open(points, encoding="utf-8") as file:
            events = [line for line in file if line.startswith("crosstap_event,") and ",kind=database," in line]
    texts = [f"geo.country not used: {folder}/no_countries.mmdb: holds no countries",
             f"geo.asn not used: {work}/not-there.mmdb: No such file or directory"]
    assert status == 0 and said.splitlines() == [f"warning report: {text}" for text in texts], said
    assert len(events) == 2 and all(f'text="{text}"' in event for text, event in zip(texts, events)), events


def query_at(nanosecond):
    message = b"\0\1\0\0\0\1\0\0\0\0\0\0\3www\2nl\0\0\1\0\1"
    return traffic.framed(traffic.dnstap(True, nanosecond, b"\xc0\0\2\1", message))


def slow_traffic(second):
    """A query every 100 ms for two minutes, of 100 bytes: a file's first pages are many windows."""
    for i in range(1200):
        yield query_at(second * 10 ** 9 + i * 10 ** 8)


def queries_by_window(program, work, names):
    points = os.path.join(work, "points.lp")
    status, _, said = replay(program, "-c", os.path.join(work, "slow.yaml"), "--points", points, *names)
    assert (status, said) == (0, ""), f"{status} {said}"
    with open(points, encoding="utf-8") as file:
        lines = [line for line in file if line.startswith("dns,") and "family=ipv4" in line and "transport=udp" in line]
    return {line.split()[-1]: int(re.search(r" queries=(\d+)i", line)[1]) for line in lines}


def check_files_beside_each_other(program, _):
    """However the frames of a server are spread over files, one after the other or by turns, each counts in its own window."""
    second = 1700000000
    frames = list(slow_traffic(second))
    expected = {str((second + i) * 10 ** 9): 10 for i in range(120)}
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "slow.yaml"), "w", encoding="utf-8") as file:
            file.write("interval: 1s\ngrace: 1s\nwire: {addresses: [192.0.2.53]}\n")
        names = [os.path.join(work, f"{i}.fstrm") for i in range(5)]
        for how, parts in (("rotated", [frames[i * 240:][:240] for i in range(5)]), ("by turns", [frames[i::5] for i in range(5)]),
                           ("some seldom", [frames[i::300] for i in range(4)] + [[f for i, f in enumerate(frames) if i % 300 > 3]])):
            for name, part in zip(names, parts):
                with open(name, "wb") as file:
                    file.write(traffic.control(2) + b"".join(part) + traffic.control(3))
            for order in (names, names[::-1]):
                got = queries_by_window(program, work, order)
                wrong = {t: n for t, n in got.items() if expected.get(t) != n}
                assert got == expected, f"{how}: {len(got)} windows, {len(wrong)} wrong: {list(wrong.items())[:3]}"
        seldom = os.path.join(work, "seldom.pcap")
        with open(seldom, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
            for at in (0, 50, 100):
                data = junk.packet("query", 0, 4)
                file.write(struct.pack("<4I", second + at, 0, len(data), len(data)) + data)
        got = queries_by_window(program, work, ["--pcap", seldom, *names])
        assert got == expected, f"beside a capture: {got}"


def check_untimed_beginning(program, _):
    """What is first and says no time, readable or not, moves no window: it is in that of the first frame that says one."""
    frames = list(slow_traffic(1700000000))
    untimed = traffic.text(14, traffic.number(1, 1)) + traffic.number(15, 1)
    first = {"bad": b"junk", "untimed": untimed}
    with tempfile.TemporaryDirectory() as work:
        with open(os.path.join(work, "slow.yaml"), "w", encoding="utf-8") as file:
            file.write("interval: 1s\ngrace: 1s\n")
        names = [os.path.join(work, f"{i}.fstrm") for i in range(2)]
        for what, payload in first.items():
            before = (len(payload).to_bytes(4, "big") + payload) * 40
            for split in (0, 600):  # the second file is named first
                for name, part in zip(names, (frames[split:], frames[:split])):
                    with open(name, "wb") as file:
                        file.write(traffic.control(2) + before + b"".join(part) + traffic.control(3))
                got = queries_by_window(program, work, names[:1 + bool(split)])
                untold = 40 * (1 + bool(split)) if payload == untimed else 0
                assert len(got) == 120 and sum(got.values()) == 1200 + untold, f"{what} {split}: {len(got)} {sum(got.values())}"
                odd = {int(t) // 10 ** 9 - 1700000000: n for t, n in got.items() if n != 10}
                assert set(odd) <= {0, split // 10}, f"{what} {split}: {odd}"


def check_step_back(program, _):
    """Sixteen frames that agree are a clock that was set back: those before them stay where they were, though two windows
    are open."""
    second = 1700000010
    seconds = [second + i for i in range(12)] + [second - 7200] * 20
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "step.fstrm")
        with open(os.path.join(work, "slow.yaml"), "w", encoding="utf-8") as file:
            file.write("interval: 10s\ngrace: 2s\n")
        with open(path, "wb") as file:
            file.write(traffic.control(2) + b"".join(query_at(s * 10 ** 9) for s in seconds) + traffic.control(3))
        got = Counter()
        for time, n in queries_by_window(program, work, [path]).items():
            got[int(time) // 10 ** 10 * 10] += n
    assert got == {second: 10 + 15, second + 10: 2, second - 7200: 5}, got


def check_twice(program, folder):
    """A file says the same each time, whatever the seeds of the tables are: of equals one is always first."""
    with tempfile.TemporaryDirectory() as work:
        points, seen = os.path.join(work, "points.lp"), []
        for _ in range(4):
            status, _, said = replay(program, "--points", points, "--pcap", os.path.join(folder, "hundred_queries.pcap"),
                                     *(os.path.join(folder, name + ".fstrm") for name in ("knot", "nsd", "unbound", "recursor")))
            assert (status, said) == (0, ""), f"{status} {said}"
            seen.append(read(work, "points.lp").splitlines())
        other = [line for lines in seen[1:] for line in set(lines) - set(seen[0])]
        assert not other, f"{len(other)} other points: {other[:3]}"


def check_witness(program, folder):
    """Frames of a witness make no figures: without a capture there is nothing to tell of their windows, which is no failure."""
    with tempfile.TemporaryDirectory() as work:
        config, points = os.path.join(work, "witness.yaml"), os.path.join(work, "points.lp")
        with open(config, "w", encoding="utf-8") as file:
            file.write("inputs: [{unix: /x, scope: witness}]\n")
        status, document, said = replay(program, "-c", config, "--points", points, os.path.join(folder, "knot.fstrm"))
        assert (status, said, document["zones"]) == (0, "", {}), f"{status} {said} {document['zones']}"


def check_full_disk(program, folder):
    """A report that is not there whole is a failure, of every command that prints one."""
    for status, *command in ((1, "replay", os.path.join(folder, "six_queries.fstrm")),
                             (1, "replay", "--json", os.path.join(folder, "six_queries.fstrm")), (1, "schema", "clickhouse"),
                             (2, "check", "--json"), (2, "check"), (1, "--version")):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([program, *command], stdout=full, stderr=subprocess.PIPE, timeout=120)
        said = done.stderr.decode()
        assert done.returncode == status and "standard output" in said, f"{command}: {done.returncode} {said}"


TESTS = [
    ("full-disk", check_full_disk),
    ("unusable-databases", check_unusable_databases),
    ("same-traffic", check_same_traffic),
    ("untimed-beginning", check_untimed_beginning),
    ("step-back", check_step_back),
    ("twice", check_twice),
    ("witness", check_witness),
    ("files-beside-each-other", check_files_beside_each_other),
    ("unknown-protocol", check_unknown_protocol),
    ("several-streams", check_several_streams),
    ("compressed", check_compressed),
    ("damaged", check_damaged),
]
