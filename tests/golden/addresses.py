# SPDX-License-Identifier: BSD-2-Clause
"""The dataset `addresses`, held against a reader of its own: for captures and for made traffic every server, every network
and every client that stands out."""

import ipaddress
import json
import os
import tempfile
from collections import Counter

import datasets
import reader
import traffic

CONFIG = datasets.EVERY_DATASET + "top: {subnets: 10000, talkers: 10000}\n"
TALKERS = ("response_bytes", "nxdomain", "refused", "tcp", "malformed")
TCP, REFUSED, NXDOMAIN = 2, 5, 3


def address(data):
    if data is None or len(data) not in (4, 16):
        return None
    found = ipaddress.ip_address(data)
    return getattr(found, "ipv4_mapped", None) or found


def network(client):
    return ipaddress.ip_network((client, 24 if client.version == 4 else 48), strict=False)


class Counts:
    def __init__(self, data):
        self.servers = {name: {} for name in ("addresses", "identities")}
        self.subnets, self.talkers = {}, {by: Counter() for by in TALKERS}
        self.all = Counter()
        for payload in reader.frames(data):
            outer = reader.fields(payload)
            message = reader.fields(outer.get(14, b""))
            if message.get(1) in reader.CLIENT_SIDE:
                self.take(outer, message)

    def take(self, outer, message):
        is_query = message[1] % 2 == 1
        text = message.get(10 if is_query else 14)
        kind, bytes_kind = ("queries", "query_bytes") if is_query else ("responses", "response_bytes")
        identity = outer.get(1, b"")[:63] or b"unknown"
        server = str(address(message.get(5)) or "unknown")
        for section, name in (("addresses", server), ("identities", identity.decode("ascii", "replace"))):
            row = self.servers[section].setdefault(name, Counter())
            row[kind] += 1
            if section == "addresses":
                row[bytes_kind] += len(text or b"")
        self.all[kind] += 1
        self.all[bytes_kind] += len(text or b"")
        self.client(is_query, text, address(message.get(4)), message.get(3, 1))

    def client(self, is_query, text, client, protocol):
        try:
            rcode = reader.Message(text).rcode if text is not None else None
            malformed = False
        except reader.Unreadable:
            rcode, malformed = None, True
        self.all["nxdomain"] += not is_query and rcode == NXDOMAIN
        if client is None:
            return
        row = self.subnets.setdefault(network(client), Counter())
        row["queries" if is_query else "responses"] += 1
        counts = {"response_bytes": 0 if is_query else len(text or b""), "tcp": is_query and protocol == TCP,
                  "malformed": is_query and malformed, "refused": not is_query and rcode == REFUSED,
                  "nxdomain": not is_query and rcode == NXDOMAIN}
        for by, n in counts.items():
            self.talkers[by][client] += n
        row["response_bytes"] += counts["response_bytes"]
        row["nxdomain"] += counts["nxdomain"]


def order(counts):
    """The greatest first; of equals IPv4, then the lower address."""
    return sorted(((c, n) for c, n in counts.items() if n), key=lambda pair: (-pair[1], pair[0].version, int(pair[0])))


def expected_subnets(counts):
    """With the rest: networks that were only answered have no rank."""
    ranked = order({net.network_address: row["queries"] for net, row in counts.subnets.items()})
    out, rest = [], Counter({k: counts.all[k] for k in ("queries", "response_bytes", "nxdomain")})
    for i, (first, _) in enumerate(ranked):
        net = network(first)
        row = {k: counts.subnets[net][k] for k in ("queries", "response_bytes", "nxdomain")}
        rest.subtract(row)
        out.append({"rank": i + 1, "subnet": str(net), **row})
    return out + ([{"rank": "other", **rest}] if any(rest.values()) else [])


def check_zone(zone, counts, what):
    for section, rows in counts.servers.items():
        got = {name: Counter(row) for name, row in zone[section].items()}
        assert got == rows, f"{what} {section}: {got}, expected {rows}"
    subnets = expected_subnets(counts)
    assert zone["subnets"] == subnets, f"{what} subnets: {zone['subnets'][:3]}, expected {subnets[:3]}"
    for by in TALKERS:
        ranked = [{"rank": i + 1, "address": str(c), "count": n} for i, (c, n) in enumerate(order(counts.talkers[by]))]
        assert zone["talkers"][by] == ranked, f"{what} {by}: {zone['talkers'][by][:3]}, expected {ranked[:3]}"


def check_points(points, counts, what):
    """Over all windows they are the report, and networks are all of the traffic."""
    for measurement, section, tag in (("dns_address", "addresses", "address"), ("dns_identity", "identities", "identity")):
        for field in ("queries", "responses") + (("query_bytes", "response_bytes") if section == "addresses" else ()):
            got = datasets.summed(points, measurement, field, tag)
            expected = {name: row[field] for name, row in counts.servers[section].items() if row[field]}
            assert got == expected, f"{what} {measurement} {field}: {got}, expected {expected}"
    for field in ("queries", "response_bytes", "nxdomain"):
        got = sum(datasets.summed(points, "dns_subnet", field, "rank").values())
        assert got == counts.all[field], f"{what} dns_subnet {field}: {got}, expected {counts.all[field]}"
    got = datasets.summed(points, "dns_talker", "count", "by")
    expected = {by: sum(n.values()) for by, n in counts.talkers.items() if sum(n.values())}
    assert got == expected, f"{what} dns_talker: {got}, expected {expected}"


def check_file(program, path, what):
    with open(path, "rb") as file:
        counts = Counts(file.read())
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
        config.write(CONFIG)
        config.flush()
        zone = datasets.read_zone(program, "-c", config.name, path)
        if zone is not None:
            check_zone(zone, counts, what)
            check_points(datasets.read_points(program, "-c", config.name, path), counts, what)
    return counts


def check_captures(program, folder):
    for name in datasets.CAPTURES:
        check_file(program, os.path.join(folder, name + ".fstrm"), name)


def check_made(program, _):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "made.fstrm")
        traffic.write(path, 2, 20000, servers=True)
        counts = check_file(program, path, "made")
        assert all(sum(n.values()) for n in counts.talkers.values()), counts.talkers
        assert min(len(rows) for rows in counts.servers.values()) > 2 and len(counts.subnets) > 20, counts.servers
        check_privacy(program, path)


def check_privacy(program, path):
    """No client's address where none may leave, no more than its network where networks may; the server's own are told."""
    for mode in ("none", "prefix"):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write(datasets.EVERY_DATASET + f"privacy: {{addresses: {mode}}}\n")
            config.flush()
            zone = datasets.read_zone(program, "-c", config.name, path)
        rows = [row for rows in zone["talkers"].values() for row in rows]
        assert rows and set(zone["addresses"]) > {"192.0.2.53"}, zone["addresses"]
        if mode == "none":
            assert not any("address" in row for row in rows) and not any("subnet" in row for row in zone["subnets"]), rows
        else:
            assert all(row["address"].endswith(("/24", "/48")) for row in rows), rows
            assert all(row["subnet"].endswith(("/24", "/48")) for row in zone["subnets"][:-1]), zone["subnets"]
        assert json.dumps(zone["talkers"]).count("198.51.100.7\"") == 0, rows


TESTS = [("addresses of captures", check_captures), ("addresses of made traffic", check_made)]
