# SPDX-License-Identifier: BSD-2-Clause
"""Real nameservers from Debian with dnstap to a socket of ours. Each runs in the foreground, at an address
and port, behind a command prefix (`ip netns exec ...`) where a test has namespaces."""

import os
import re
import subprocess

from harness import Failure, Process, free_port, tcp_answers, wait_for

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nameservers")


class Nameserver:
    name = ""
    templates = ()
    zone_separator = "\n"

    def __init__(self, lab, socket, zones=("example.nl",), address="127.0.0.1", address6="::1", port=None, prefix=(),
                 backend=None, name=None, **options):
        self.lab, self.socket, self.zones = lab, socket, zones
        self.name = name or type(self).name
        self.address, self.address6 = address, address6
        self.port = port or free_port(tuple(a for a in (address, address6) if a))
        self.prefix = prefix
        self.backend = backend
        self.options = options
        self.dir = lab.folder(self.name)
        self.process = None

    def values(self):
        """What the templates' @NAME@ stand for."""
        values = {"DIR": self.dir, "NAME": self.name, "SOCKET": self.socket,
                  "DNSTAP": f'dnstap-socket-path: "{self.socket}"', "ADDRESS4": self.address,
                  "ADDRESS6": self.address6 or "none", "PORT": str(self.port), "LISTEN": self.listen(),
                  "ZONES": self.zone_separator.join(self.zone(z) for z in self.zones), "BIDIRECTIONAL": "yes",
                  "MODULE": "global-module", "MODULES": "mod-dnstap/tap", "RRL": "", "MORE": "", "ASKING": "any;", "PROXY": "false", "UDP_WORKERS": "2"}
        if self.backend:
            values.update(BACKEND_ADDRESS=self.backend.address, BACKEND_PORT=str(self.backend.port))
        values.update({k.upper(): v for k, v in self.options.items()})
        return values

    def addresses(self):
        return [a for a in (self.address, self.address6) if a]

    def listen(self):
        return ", ".join(f"{a}@{self.port}" for a in self.addresses())

    def zone(self, zone):
        return ""

    def fill(self, template):
        with open(os.path.join(TEMPLATES, template)) as file:
            text = file.read()
        for key, value in self.values().items():
            text = text.replace(f"@{key}@", value)
        left = re.search(r"@[A-Z0-9_]+@", text)
        if left:
            raise Failure(f"{template}: nothing for {left.group()}")
        return text

    def start(self, wait=True):
        for template in self.templates:
            self.lab.write(f"{self.name}/{template}", self.fill(template))
        with open(os.path.join(TEMPLATES, "zone.template")) as file:
            text = file.read()
        for zone in self.zones:
            self.lab.write(f"{self.name}/{zone}.zone", text.replace("@ZONE@", zone))
        self.process = Process(self.lab, self.name, self.command(), self.prefix)
        if wait and not self.prefix:
            self.wait_ready()
        return self

    def wait_ready(self):
        wait_for(lambda: self.process.must_live() and all(tcp_answers(a, self.port) for a in self.addresses()), 20,
                 lambda: f"{self.name} listens: {self.process.log()[-1000:]}")

    def stop(self):
        return self.process.stop()

    def config(self):
        return os.path.join(self.dir, self.templates[0])


class Knot(Nameserver):
    name = "knot"
    templates = ("knot.conf",)

    def zone(self, zone):
        return f"  - domain: {zone}"

    def command(self):
        return ["knotd", "-c", self.config()]


class NSD(Nameserver):
    name = "nsd"
    templates = ("nsd.conf",)

    def listen(self):
        return "\n".join(f"    ip-address: {a}@{self.port}" for a in self.addresses())

    def zone(self, zone):
        return f"zone:\n    name: {zone}\n    zonefile: {zone}.zone"

    def command(self):
        return ["nsd", "-d", "-c", self.config()]


class BIND(Nameserver):
    name = "bind"
    templates = ("named.conf",)

    def zone(self, zone):
        return f'zone "{zone}" {{ type primary; file "{zone}.zone"; }};'

    def command(self):
        return ["named", "-g", "-n", "2", "-c", self.config()]


class Unbound(Nameserver):
    name = "unbound"
    templates = ("unbound.conf",)

    def listen(self):
        return "\n".join(f"    interface: {a}@{self.port}" for a in self.addresses())

    def command(self):
        return ["unbound", "-d", "-p", "-c", self.config()]


class Dnsdist(Nameserver):
    name = "dnsdist"
    templates = ("dnsdist.lua",)

    def command(self):
        return ["dnsdist", "--supervised", "--disable-syslog", "-C", self.config()]


def recursor_takes_yaml():
    """Since 5.0 the recursor reads YAML; old settings are refused from 5.2 on."""
    text = subprocess.run(["pdns_recursor", "--version"], capture_output=True, text=True)
    version = re.search(r"Recursor (\d+)\.", text.stdout + text.stderr)
    return bool(version) and int(version.group(1)) >= 5


class Recursor(Nameserver):
    name = "recursor"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.yaml = recursor_takes_yaml()
        self.templates = ("recursor.yml",) if self.yaml else ("recursor.conf", "recursor.lua")
        self.zone_separator = "\n" if self.yaml else ", "

    def listen(self):
        names = [f"[{a}]:{self.port}" if ":" in a else f"{a}:{self.port}" for a in self.addresses()]
        return ", ".join(f"'{n}'" for n in names) if self.yaml else ", ".join(names)

    def zone(self, zone):
        server = f"{self.backend.address}:{self.backend.port}"
        return f"    - zone: {zone}\n      forwarders: ['{server}']" if self.yaml else f"{zone}={server}"

    def command(self):
        return ["pdns_recursor", "--config-dir=" + self.dir]


ALL = {c.name: c for c in (Knot, NSD, BIND, Unbound, Dnsdist, Recursor)}
