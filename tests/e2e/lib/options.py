# SPDX-License-Identifier: BSD-2-Clause
"""The table of options, from the program itself, and another value for each of them: so a test over it stays complete
when an option is added."""

import copy
import json

from checks import CROSSTAP, Failure
from network import output

WITH_TLS = [{"zone": "one", "unix": "@/one.sock"},
            {"tcp": "127.0.0.1:6000", "zones": ["other.test"], "tls": {"cert": "@/cert.pem", "key": "@/key.pem"}},
            {"zone": "fd", "listen_fd": "one"}]

# What the type alone does not give: a value that is valid and makes a difference that can be seen. `@` stands for the
# agent's folder. A second member: what else the configuration must have, before the change as well as after it.
VALUES = {
    "inputs": ([{"zone": "one", "unix": "@/one.sock"}], {}),
    "inputs.unix": ("@/other.sock", {}),
    "inputs.zones": (["example"], {}),
    "inputs.zones_file": ("@/more-zones.txt", {}),
    "inputs.tcp": ("127.0.0.1:6001", {}),
    "inputs.listen_fd": ("two", {}),
    "inputs.tls.cert": ("@/other-cert.pem", {"inputs": WITH_TLS}),
    "inputs.tls.key": ("@/same-key.pem", {"inputs": WITH_TLS}),
    "inputs.tls.client_ca": ("@/cert.pem", {"inputs": WITH_TLS}),
    "inputs.tee": ("unix:@/reader.sock", {}),
    "inputs.mode": ("0600", {}),
    "inputs.owner": ("nobody", {}),
    "inputs.group": ("daemon", {}),
    "inputs.scope": ("witness", {}),
    "interval": ("2s", {}),
    "grace": ("100ms", {}),
    "wire.interfaces": (["spare0"], {}),
    "wire.mode": ("tc", {}),
    "wire.ports": ([53, 5353], {}),
    "wire.dot_ports": ([], {}),
    "wire.doh_ports": ([], {}),
    "wire.doq_ports": ([], {}),
    "wire.addresses": (["198.18.0.0/24"], {}),
    "wire.netns": ("elsewhere", {}),
    "crosscheck.nft_counters": (["filter/drops"], {}),
    "ping.enabled": (True, {}),
    "ping.source": (["192.0.2.1"], {}),
    "geo.country": ("@/country.mmdb", {}),
    "geo.asn": ("@/asn.mmdb", {}),
    "geo.maxmind.editions": (["GeoLite2-ASN"], {"geo.asn": "@/asn.mmdb", "geo.maxmind.url": "https://127.0.0.1:9/"}),
    "geo.maxmind.every": ("48h", {}),
    "geo.maxmind.url": ("https://127.0.0.1:9/", {}),
    "privacy.addresses": ("none", {}),
    "privacy.names": ("none", {}),
    "privacy.cryptopan_key_file": ("@/other.key", {"privacy.addresses": "cryptopan",
                                                   "privacy.cryptopan_key_file": "@/cryptopan.key"}),
    "domains.suffixes": ("@/more-zones.txt", {}),
    "domains.tlds": ("@/more-zones.txt", {}),
    "domains.labels": (2, {}),
    "top.resolvers": (1, {}),
    "top.names": (0, {}),
    "top.nxdomain": (0, {}),
    "top.asns": (1, {"geo.asn": "@/asn.mmdb"}),
    "limits.asns": (0, {"geo.asn": "@/asn.mmdb"}),
    "rssac002.dir": ("@/rssac002", {}),
    "rssac002.key_file": ("@/other.key", {"rssac002.dir": "@/rssac002", "rssac002.source": "dnstap"}),
    "rssac002.source": ("dnstap", {"rssac002.dir": "@/rssac002"}),
    "rssac002.prefix": ("b", {"rssac002.dir": "@/rssac002", "rssac002.source": "dnstap"}),
    "magnitude.dir": ("@/magnitude", {}),
    "magnitude.labels": (2, {"magnitude.dir": "@/magnitude"}),
    "magnitude.domains": (9, {"magnitude.dir": "@/magnitude"}),
    "top.subnets": (0, {}),
    "top.talkers": (0, {}),
    "outputs": ([{"file": {"path": "@/points.lp"}}], {}),
    "outputs.file.path": ("@/other.lp", {}),
    "outputs.file.format": ("json", {}),
    "outputs.influxdb.url": ("http://127.0.0.1:8087", {}),
    "outputs.influxdb.version": (1, {}),
    "outputs.influxdb.ca": ("@/cert.pem", {}),
    "outputs.otlp.ca": ("@/cert.pem", {}),
    "outputs.otlp.url": ("http://127.0.0.1:8087/other", {}),
    "outputs.clickhouse.url": ("http://127.0.0.1:8087", {}),
    "outputs.clickhouse.ca": ("@/cert.pem", {}),
    "outputs.kafka.brokers": (["127.0.0.1:8087"], {}),
    "outputs.kafka.message": ("128KiB", {}),
    "outputs.kafka.tls.ca": ("@/cert.pem", {}),
    "spool.path": ("@/other-spool", {}),
    "state": ("@/state", {}),
    "http.listen": ("127.0.0.1:9054", {}),
    "http.token_file": ("@/token", {}),
    "http.tls.cert": ("@/other-cert.pem", {"http.tls.cert": "@/cert.pem", "http.tls.key": "@/key.pem"}),
    # None is there: the page, which would not notice another name of the same key, goes off.
    "http.tls.key": ("@/no-key.pem", {"http.tls.cert": "@/cert.pem", "http.tls.key": "@/key.pem"}),
    "limits.frame": ("1KiB", {}),
    "limits.connections": (3, {}),
    "limits.handshake": ("100ms", {}),
    "log.level": ("debug", {}),
}


def table():
    return json.loads(output(CROSSTAP, "check", "--options"))


def name_of(option):
    return f"{option['list']}.{option['path']}" if "list" in option else option["path"]


def root_of(option):
    """The option of the root table that a difference is said of."""
    return option["list"].split(".")[0] if "list" in option else option["path"]


def _number(option):
    default = float(option.get("default", option["min"]))
    return int(default) + 1 if default + 1 <= option["max"] else int(option["min"])


def _time(option):
    return "11s" if option.get("default") != "11s" else "12s"


BY_TYPE = {
    "text": lambda option: "changed",
    "bool": lambda option: option["default"] != "true",
    "number": _number,
    "real": lambda option: min(option["max"], float(option["default"]) + 0.5),
    "size": lambda option: "64MiB",
    "time": _time,
    "rate": lambda option: "3/s",
    "mode": lambda option: "0600",
    "word": lambda option: next(w for w in option["words"] if w != option.get("default")),
    "words": lambda option: option["words"][:1],
    "texts": lambda option: ["changed"],
    "networks": lambda option: ["192.0.2.0/24"],
    "tags": lambda option: {"changed": "yes"},
}


def change_of(option):
    """(another value than the default, what else it needs)"""
    name = name_of(option)
    if name in VALUES:
        return VALUES[name]
    if option["type"] not in BY_TYPE:
        raise Failure(f"lib/options.py has no value for {name}, of type {option['type']}")
    return BY_TYPE[option["type"]](option), {}


def put(config, path, value):
    *sections, key = path.split(".")
    for section in sections:
        config = config.setdefault(section, {})
    config[key] = value


def entries(config, option):
    """The maps that the option can be in."""
    if "list" not in option:
        return [config]
    if option["list"] == "inputs":
        return config["inputs"]
    kind = option["list"].split(".")[1]
    return [entry[kind] for entry in config["outputs"] if kind in entry]


def changed(base, option, is_valid):
    """(before, after): `base` with what the change needs, and with the change. In a list, in the first entry in which it is
    valid: some options exclude others."""
    value, needs = change_of(option)
    before = copy.deepcopy(base)
    for path, needed in needs.items():
        put(before, path, needed)
    for i in range(len(entries(before, option))):
        after = copy.deepcopy(before)
        put(entries(after, option)[i], option["path"], value)
        if after != before and is_valid(after):
            return before, after
    raise Failure(f"{name_of(option)}: {value!r} is not valid; lib/options.py is the place for another value")
