# SPDX-License-Identifier: BSD-2-Clause
"""`crosstap doctor` on real devices, sockets and servers: what it foretells is what the agent then does, and it changes
nothing."""

import contextlib
import http.server
import json
import os
import re
import socket
import subprocess
import threading

from bpf import XDP, Foreign
from harness import BUILD, CROSSTAP, ROOT, Crosstap, Process, check, check_equal, free_port, in_namespace, main, output, \
    tcp_answers, test, wait_for, yaml
from nameserver import NSD, TEMPLATES, Knot
from wire import attached, network, xdp_program

NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")
QUIET = {"wire": {"mode": "off"}, "ping": {"enabled": False}, "inputs": []}


def doctor(lab, config, *prefix):
    """[(check, level, text)] in a document whose numbers and exit code fit."""
    path = lab.write("doctor.yaml", yaml({"server": "ns1", **config}) + "\n")
    run = subprocess.run([*prefix, CROSSTAP, "doctor", "--json", "-c", path], capture_output=True, text=True, timeout=60)
    check_equal(run.stderr, "", "messages")
    document = json.loads(run.stdout)
    found = [(one["check"], one["level"], one["text"]) for one in document["checks"]]
    levels = [level for _, level, _ in found]
    counts = [levels.count(level) for level in ("ok", "warning", "error")]
    check_equal([document["ok"], document["warnings"], document["errors"]], counts, f"numbers of {found}")
    check_equal(run.returncode, 2 if counts[2] else 1 if counts[1] else 0, f"exit code for {found}")
    check(all(one["level"] == "ok" or (one.get("why") and one.get("advice")) for one in document["checks"]),
          f"what is not fine says why it matters, and what to type: {document['checks']}")
    lines = subprocess.run([*prefix, CROSSTAP, "doctor", "-c", path], capture_output=True, text=True, timeout=60)
    check_equal(lines.returncode, run.returncode, f"exit code as text: {lines.stderr}")
    heads = [line for line in lines.stdout.splitlines() if not line.startswith(" ")]
    check_equal(len(heads), len(found) + 1, f"a paragraph for each: {lines.stdout}")
    return found


def expect(found, name, level, *parts):
    texts = [text for check_name, seen, text in found if (check_name, seen) == (name, level)]
    check(any(all(part in text for part in parts) for text in texts), f"{level} {name} with {parts}: {found}")


# ---- the wire ----


@test
def foretells_the_mode(lab):
    """As the agent then chooses it; nothing is left on the device."""
    with network() as net:
        wire = {"netns": net.server, "interfaces": [net.device]}
        config = {**QUIET, "wire": wire}
        before = attached(net)
        found = doctor(lab, config)
        expect(found, "interfaces", "ok", f"{net.device}: native")
        expect(found, "nameserver", "warning", "port 53")
        check_equal(attached(net), before, "what is on the device")
        expect(doctor(lab, {**QUIET, "wire": {**wire, "mode": "tc"}}), "interfaces", "ok", f"{net.device}: tc")
        expect(doctor(lab, {**QUIET, "wire": {**wire, "interfaces": ["none0"]}}), "interfaces", "warning", "none0 does not exist")
        expect(doctor(lab, {**QUIET, "wire": {**wire, "netns": "crosstap-none"}}), "interfaces", "warning", "crosstap-none")
        with in_namespace(net.server, socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as nameserver:
            nameserver.bind((net.SERVER, 53))
            expect(doctor(lab, config), "nameserver", "ok", "1 UDP sockets at port 53")
        agent_takes(lab, net, "native")
        foreign = Foreign(XDP)
        with foreign.pinned() as path:
            output("nsenter", f"--net=/run/netns/{net.server}", "ip", "link", "set", "dev", net.device, "xdpdrv", "pinned", path)
        theirs = xdp_program(net)
        expect(doctor(lab, config), "interfaces", "warning", f"{net.device}: tc instead of native", f"id {theirs}")
        expect(doctor(lab, config), "interfaces", "warning", f"no process holds XDP program {theirs}")
        check_equal(xdp_program(net), theirs, "their program stays")
        agent_takes(lab, net, "tc")
        expect(doctor(lab, config, *NOBODY), "bpf", "warning", "without CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN")
        refuse = os.path.join(BUILD, "tools", "refuse_bpf")
        found = doctor(lab, config, refuse, "EPERM")
        expect(found, "bpf", "warning", "no BPF map: Operation not permitted: a seccomp filter or a security module")
        expect(found, "interfaces", "warning", f"{net.device}: packet instead of native (no BPF: Operation not permitted: a seccomp")
        expect(doctor(lab, config, refuse, "ENOSYS"), "bpf", "warning", "the kernel has no bpf(2), or a seccomp filter hides it")


def agent_takes(lab, net, mode):
    """... which the doctor sees, too."""
    wire = {"interfaces": [net.device], "mode": "auto"}
    crosstap = Crosstap(lab, inputs=[], wire=wire).start(namespace=net.server)
    wait_for(lambda: crosstap.metric_by("crosstap_wire_mode", "mode", interface=net.device) == {mode: 1}, 10,
             lambda: f"mode {mode}: {crosstap.process.log()}")
    if mode == "native":
        expect(doctor(lab, {**QUIET, "wire": {**wire, "netns": net.server}}), "interfaces", "ok", "an agent's program runs there")
    check_equal(crosstap.stop(), 0, "exit")


# ---- nameservers ----


@test
def knot_that_takes_packets_first(lab):
    """Its AF_XDP sockets are seen, and who holds the XDP program; its frames arrive all the same."""
    with network() as net:
        config = {**QUIET, "inputs": [{"unix": lab.path("in.sock"), "mode": "0666"}],
                  "wire": {"netns": net.server, "interfaces": [net.device]}}
        knot = Knot(lab, lab.path("in.sock"), more=f"xdp:\n    listen: {net.device}@53", **net.nameserver())
        knot.start()
        wait_for(lambda: knot.process.must_live() and xdp_program(net) is not None, 10, "Knot's XDP program is attached")
        found = doctor(lab, config)
        expect(found, "af_xdp", "warning", "knotd", "holds AF_XDP sockets")
        expect(found, "interfaces", "warning", f"XDP program {xdp_program(net)} is held by knotd")
        expect(found, "dnstap", "ok", "which the agent makes")
        check_equal(knot.stop(), 0, "exit")


@test
def nsd_in_its_chroot(lab):
    """A socket outside of its root is not reached, one inside is."""
    outside = lab.path("in.sock")
    nsd = NSD(lab, outside)
    nsd.templates = ()
    os.chmod(nsd.dir, 0o755)
    text = nsd.fill("nsd.conf").replace('chroot: ""', f'chroot: "{nsd.dir}"\n    database: ""')
    for socket_path, level, part in ((outside, "error", "cannot reach"), (f"{nsd.dir}/in.sock", "ok", "which the agent makes")):
        with open(os.path.join(TEMPLATES, "zone.template")) as file:
            lab.write("nsd/example.nl.zone", file.read().replace("@ZONE@", "example.nl"))
        path = lab.write("nsd/nsd.conf", text.replace(outside, socket_path))
        process = Process(lab, "nsd-chroot", ["nsd", "-d", "-c", path])
        wait_for(lambda: process.must_live() and tcp_answers("127.0.0.1", nsd.port), 10, lambda: process.log())
        found = doctor(lab, {**QUIET, "inputs": [{"unix": socket_path, "mode": "0666"}]})
        expect(found, "dnstap", level, f"nsd (process {process.popen.pid})", part)
        check_equal(process.stop(), 0, "exit")


# ---- sockets and outputs ----


@test
def inputs_that_can_be_made(lab):
    path, port = lab.path("in.sock"), free_port()
    inputs = [{"unix": path, "zone": "a", "mode": "0666"}, {"tcp": f"127.0.0.1:{port}", "zone": "b"}]
    found = doctor(lab, {**QUIET, "inputs": inputs})
    expect(found, "inputs", "ok", path)
    expect(found, "inputs", "ok", f"127.0.0.1:{port} is free")
    check(not os.path.exists(path), "no socket was made")
    crosstap = Crosstap(lab, inputs=inputs).start()
    found = doctor(lab, {**QUIET, "inputs": inputs})
    expect(found, "inputs", "ok", path)
    expect(found, "inputs", "warning", f"127.0.0.1:{port}: somebody listens there")
    check_equal(crosstap.stop(), 0, "exit")
    closed = lab.folder("closed")
    os.chmod(closed, 0o700)
    found = doctor(lab, {**QUIET, "inputs": [{"unix": f"{closed}/in.sock", "group": "65534"}]})
    expect(found, "inputs", "warning", f"{closed} is closed")
    found = doctor(lab, {**QUIET, "inputs": [{"unix": f"{closed}/in.sock", "group": "65534"}]}, *NOBODY)
    expect(found, "inputs", "error", f"no socket can be made in {closed}")


class Answers(http.server.BaseHTTPRequestHandler):
    """An InfluxDB's /ping; everything else takes POST alone."""

    def do_HEAD(self):
        self.server.asked.append(self.path)
        self.send_response(204 if self.path == "/base/ping" else 405 if self.path == "/v1/metrics" else 404)
        self.end_headers()

    def log_message(self, format, *args):
        pass


@test
def outputs_that_answer(lab):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers))
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        here, nowhere = f"http://127.0.0.1:{server.server_port}", f"http://127.0.0.1:{silent.getsockname()[1]}"
        closed = f"http://127.0.0.1:{free_port()}"
        outputs = [{"influxdb": {"url": url, "version": 2, "org": "o", "bucket": "b", "token": "s3cret", "timeout": "1s"}}
                   for url in (here + "/base/", here + "/other", nowhere, closed)]
        outputs.append({"otlp": {"url": here + "/v1/metrics"}})
        found = doctor(lab, {**QUIET, "outputs": outputs, "spool": {"path": lab.path("spool")}})
    seen = [(level, text) for name, level, text in found if name == "outputs"]
    check_equal([level for level, _ in seen], ["ok", "warning", "warning", "warning", "ok"], f"outputs: {seen}")
    check_equal(set(server.asked), {"/base/ping", "/other/ping", "/v1/metrics"}, "what was asked")
    expect(found, "outputs", "warning", f"{here} answers with status 404")
    for url in (nowhere, closed):
        expect(found, "outputs", "warning", url + ": ")
    check("s3cret" not in str(found), "no secret")


# ---- what it tells to type ----


@test
def rules_that_nft_takes(lab):
    """Those of connection tracking, as the handbook has them and as the advice does: table, chains and rules."""
    with open(os.path.join(ROOT, "config", "man", "crosstap-tuning.7"), encoding="utf-8") as file:
        page = [line.rstrip("\n") for line in file if line.startswith("nft ")]
    with open(os.path.join(ROOT, "user", "doctor", "stack.c"), encoding="utf-8") as file:
        advice = [line.replace("%s", "53") for line in re.findall(r'"(nft .*)\\n"', file.read())]
    for commands in (page, advice):
        check_equal(len(commands), 5, f"commands: {commands}")
        with network() as net:
            output("ip", "netns", "exec", net.server, "sh", "-ec", "\n".join(commands))
            rules = output("ip", "netns", "exec", net.server, "nft", "list", "ruleset")
        check_equal(rules.count("notrack"), 2, f"rules: {rules}")


if __name__ == "__main__":
    main()
