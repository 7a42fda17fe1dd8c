# SPDX-License-Identifier: BSD-2-Clause
"""What the end-to-end tests share: a laboratory folder, processes that end with it, crosstap itself,
and the measures that its figures are held against. Standard library only."""

import concurrent.futures
import contextlib
import copy
import ctypes
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("O", os.path.join(ROOT, "build"))
if not os.path.isabs(BUILD):
    BUILD = os.path.join(ROOT, BUILD)
CROSSTAP = os.path.join(BUILD, "crosstap")
DNSLOAD = os.path.join(BUILD, "tools", "dnsload")


# Nameservers are in sbin, which only root has in its PATH.
os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"


class Failure(Exception):
    """A test that did not hold. The text says what was expected and what was seen."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(seen, expected, what):
    if seen != expected:
        raise Failure(f"{what}: expected {expected!r}, saw {seen!r}")


def wait_for(condition, seconds, what):
    """Waits until condition() is true (its value is returned), at most so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)


# ---- processes ----


class Process:
    """A child with its log. It is ended by its own pid, never by name, and does not outlive us. Ctrl-C
    reaches us alone, so that children are ended in order."""

    def __init__(self, lab, name, argv, prefix=(), env=None, **kwargs):
        self.name = name
        self.log_path = os.path.join(lab.logs, name + ".log")
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *prefix, *argv], cwd=lab.dir,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                          env=dict(os.environ, **(env or {})), **kwargs)
        lab.processes.append(self)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def alive(self):
        return self.popen.poll() is None

    def must_live(self):
        if not self.alive():
            raise Failure(f"{self.name} ended with {self.popen.returncode}: {self.log()[-2000:]}")
        return True

    def kill(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=15):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds} s") from None

    def stop(self, number=signal.SIGTERM, seconds=15):
        if self.alive():
            self.kill(number)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise Failure(f"{self.name} did not end within {seconds} s of signal {number}") from None


class Lab:
    """A folder for one test, and everything that was started in it."""

    def __init__(self, name):
        self.name = name
        self.processes = []
        self.dir = tempfile.mkdtemp(prefix="crosstap-e2e-")
        os.chmod(self.dir, 0o755)
        self.logs = os.path.join(self.dir, "logs")
        os.mkdir(self.logs)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def folder(self, name):
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        return path

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def part(self, name):
        """A laboratory in this one, with a folder of its own: processes and logs are ours."""
        part = copy.copy(self)
        part.dir = self.folder(name)
        return part

    def keep_logs(self):
        kept = os.path.join(BUILD, "e2e", self.name)
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.logs, kept)
        for pattern in ("*.yaml", "*/*.conf", "*/*.yml", "*/*.lua", "*.lp"):
            for path in glob.glob(self.path(pattern)):
                shutil.copy(path, os.path.join(kept, os.path.relpath(path, self.dir).replace("/", "-")))
        return kept

    def close(self):
        for process in reversed(self.processes):
            if process.alive():
                process.kill(signal.SIGTERM)
                process.kill(signal.SIGCONT)
        end = time.monotonic() + 5
        for process in reversed(self.processes):
            try:
                process.popen.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.popen.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


# ---- the runner of one file ----

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def run_test(function):
    """Returns True if it passed. Logs of a failed test are kept under build/e2e."""
    lab = Lab(f"{os.path.splitext(os.path.basename(sys.argv[0]))[0]}-{function.__name__}")
    start = time.monotonic()
    try:
        function(lab)
    except Exception as error:  # a broken harness is a failed test too
        kept = lab.keep_logs()
        text = str(error) if isinstance(error, Failure) else traceback.format_exc()
        print(f"FAIL {lab.name}: {text}\n     logs: {kept}", flush=True)
        return False
    finally:
        lab.close()
    print(f"ok   {lab.name} ({time.monotonic() - start:.1f} s)", flush=True)
    return True


def main():
    """Runs the file's tests, or those named on the command line."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    wanted = [f for f in TESTS if len(sys.argv) == 1 or f.__name__ in sys.argv[1:]]
    if not wanted:
        sys.exit("no such test; there are: " + " ".join(f.__name__ for f in TESTS))
    failed = [f for f in wanted if not run_test(f)]
    sys.exit(1 if failed else 0)


# ---- network ----

CLONE_NEWNET = 0x40000000  # <linux/sched.h>; os.setns() comes with Python 3.12

_given_ports = set()


def free_port(addresses=("127.0.0.1", "::1")):
    """A port that is free for UDP and TCP on all the addresses."""
    for _ in range(100):
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for address in addresses:
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        family = socket.AF_INET6 if ":" in address else socket.AF_INET
                        sock = stack.enter_context(socket.socket(family, kind))
                        sock.bind((address, port))
                        port = sock.getsockname()[1]
            except OSError:
                continue
            # Ports of outgoing connections come from the same range: those given once stay out of it.
            if port not in _given_ports:
                _given_ports.add(port)
                return port
    raise Failure("no free port")


def tcp_answers(address, port):
    """True if something listens. No DNS message is sent: it would be counted."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(0.5)
        return sock.connect_ex((address, port)) == 0


def http(url, data=None, timeout=10, headers=None):
    """Returns (status, body text). Connection errors are status 0."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, ValueError) as error:
        return 0, str(error)


class Namespaces:
    """Two network namespaces with a veth between them: the nameserver's and the resolvers'. Resolver addresses are a
    network that the kernel of the second takes for its own. The device's name is ours alone, so that a command
    which walks all namespaces can be held to it."""

    SERVER, CLIENT, RESOLVERS = "198.18.0.1", "198.18.0.2", "198.18.1.0/24"
    SERVER6, CLIENT6 = "fd00:c705::1", "fd00:c705::2"

    def __init__(self, name):
        self.server = f"crosstap-{name}-server-{os.getpid()}"
        self.client = f"crosstap-{name}-client-{os.getpid()}"
        self.device = f"dns{os.getpid()}"

    @staticmethod
    def ip(*words):
        return output("ip", *words)

    def make(self):
        for name in (self.server, self.client):
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        self.ip("-n", self.client, "route", "add", "local", self.RESOLVERS, "dev", "lo")
        self.connect()
        return self

    def connect(self):
        """Makes the link, anew after it was deleted."""
        self.link()
        self.address()

    def link(self):
        self.ip("link", "add", self.device, "netns", self.server, "type", "veth", "peer", "name", self.device,
                "netns", self.client)

    def address(self):
        for name, v4, v6 in ((self.server, self.SERVER, self.SERVER6), (self.client, self.CLIENT, self.CLIENT6)):
            self.ip("-n", name, "address", "add", v4 + "/24", "dev", self.device)
            self.ip("-n", name, "address", "add", v6 + "/64", "dev", self.device, "nodad")
            self.ip("-n", name, "link", "set", self.device, "up")
        self.ip("-n", self.server, "route", "add", self.RESOLVERS, "via", self.CLIENT)

    def close(self):
        for name in (self.client, self.server):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)

    def nameserver(self):
        return {"address": self.SERVER, "address6": self.SERVER6, "port": 53,
                "prefix": ("ip", "netns", "exec", self.server)}

    def load(self):
        return {"prefix": ("ip", "netns", "exec", self.client), "namespace": True}


def output(*argv):
    """What a command that must succeed printed."""
    run = subprocess.run(argv, capture_output=True, text=True)
    if run.returncode:
        raise Failure(f"{' '.join(argv)}: {run.stderr.strip()}")
    return run.stdout


def in_namespace(name, function, *args):
    """Calls in a thread that has gone into a network namespace: sockets made there stay there."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call():
        with open(f"/run/netns/{name}") as file:
            if libc.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {name}")
        return function(*args)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


# ---- crosstap ----


def yaml(value, indent=0):
    """Block YAML of dicts, lists and scalars. Strings are plain, as operators write them, where they may be."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        lines = []
        for key, item in value.items():
            if isinstance(item, (dict, list)) and item:
                lines.append(f"{pad}{key}:\n{yaml(item, indent + 1)}")
            else:
                lines.append(f"{pad}{key}: {yaml(item)}")
        return "\n".join(lines)
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            text = yaml(item, indent + 1)
            lines.append(f"{pad}- {text.lstrip() if isinstance(item, (dict, list)) else text}")
        return "\n".join(lines)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and (not value or any(c in value for c in "#{}[],&*!|>'\"%@` ") or value in "-~"):
        return json.dumps(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value)


def parse_metrics(text):
    """Prometheus text → {(name, frozenset of labels): value}."""
    samples = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        series, value = line.rsplit(" ", 1)
        name, _, labels = series.partition("{")
        pairs = frozenset(_metric_labels(labels.rstrip("}")))
        samples[(name, pairs)] = float(value)
    return samples


def _metric_labels(text):
    while text:
        key, _, rest = text.partition('="')
        value, i = "", 0
        while rest[i] != '"':
            if rest[i] == "\\":
                i += 1
            value += rest[i]
            i += 1
        yield key, value
        text = rest[i + 1:].lstrip(",")


class Crosstap:
    """The daemon under test, with its configuration, page and metrics."""

    # Tests that run beside each other on a machine are different servers.
    BASE = {"server": f"e2e-{os.getpid()}", "interval": "1s", "grace": "1s",
            "wire": {"mode": "off"}, "ping": {"enabled": False}, "spool": {"path": ""}}

    def __init__(self, lab, name="crosstap", **config):
        self.lab = lab
        self.name = name
        self.port = free_port()
        self.config = dict(self.BASE, http={"listen": f"127.0.0.1:{self.port}"})
        self.config.update(config)
        if self.config["spool"] == {"path": ""}:
            self.config["spool"] = {"path": lab.path(name + "-spool")}
        self.config_path = lab.path(name + ".yaml")
        self.process = None
        self.program = CROSSTAP
        self.namespace = None  # of start()

    def write_config(self):
        self.lab.write(self.name + ".yaml", yaml(self.config) + "\n")

    def start(self, prefix=(), ready=True, namespace=None, **kwargs):
        """In a network namespace the file systems stay: `ip netns exec` would hide /sys/fs/bpf."""
        self.write_config()
        self.namespace = namespace
        if namespace:
            prefix = ("nsenter", f"--net=/run/netns/{namespace}", *prefix)
        self.process = Process(self.lab, self.name, [self.program, "run", "-c", self.config_path], prefix, **kwargs)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=10):
        def healthy():
            self.process.must_live()
            return self.get("/healthz")[0] == 200
        wait_for(healthy, seconds, lambda: f"crosstap is ready: {self.get('/healthz')}")

    def stop(self, number=signal.SIGTERM):
        return self.process.stop(number)

    def get(self, path):
        url = f"http://127.0.0.1:{self.port}{path}"
        if self.namespace:
            return in_namespace(self.namespace, http, url, None, 5)
        return http(url, timeout=5)

    def api(self, name):
        status, body = self.get("/api/v1/" + name)
        check_equal(status, 200, f"/api/v1/{name} ({body[:200]})")
        return json.loads(body)

    def metrics(self):
        status, body = self.get("/metrics")
        check_equal(status, 200, "/metrics")
        return parse_metrics(body)

    def metric(self, name, **labels):
        """The sum over all series of that name that have these labels."""
        wanted = set(labels.items())
        return int(sum(v for (n, have), v in self.metrics().items() if n == name and wanted <= have))

    def metric_by(self, name, label, **labels):
        wanted = set(labels.items())
        result = {}
        for (n, have), value in self.metrics().items():
            if n == name and wanted <= have and value:
                key = dict(have)[label]
                result[key] = result.get(key, 0) + int(value)
        return result

    def wait_metric(self, name, expected, seconds=15, **labels):
        """Waits until a counter reaches what is expected. More than that is never right."""
        wait_for(lambda: self.process.must_live() and self.metric(name, **labels) >= expected, seconds,
                 lambda: f"{name}{labels} is {self.metric(name, **labels)}, expected {expected}")
        check_equal(self.metric(name, **labels), expected, f"{name}{labels}")

    def wait_sent(self, sent, **labels):
        """Waits until all queries and responses are counted: those of a message may be in two windows."""
        self.wait_metric("crosstap_dns_queries_total", sent.total(), **labels)
        self.wait_metric("crosstap_dns_responses_total", sent.answers(), **labels)

    def wait_connections(self, n):
        def connections():
            return self.metric("crosstap_input_connections")
        wait_for(lambda: self.process.must_live() and connections() >= n, 15,
                 lambda: f"{n} producers are connected ({connections()})")


# ---- points ----


def _unescaped_split(text, separator):
    """Splits at separators that are neither escaped nor inside double quotes."""
    parts, part, quoted, i = [], "", False, 0
    while i < len(text):
        c = text[i]
        if c == "\\" and i + 1 < len(text):
            part += text[i:i + 2]
            i += 2
            continue
        if c == '"':
            quoted = not quoted
        if c == separator and not quoted:
            parts.append(part)
            part = ""
        else:
            part += c
        i += 1
    return parts + [part]


def _unescape(text):
    result, i = "", 0
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text) and text[i + 1] in ', ="\\':
            i += 1
        result += text[i]
        i += 1
    return result


def _field(text):
    if text.startswith('"'):
        return _unescape(text[1:-1])
    if text.endswith("i"):
        return int(text[:-1])
    return {"t": True, "f": False}.get(text) if text in "tf" else float(text)


class Points:
    """Points of a line protocol file."""

    def __init__(self, text):
        self.points = []  # (measurement, tags, fields, time)
        for line in text.splitlines():
            head, fields, stamp = _unescaped_split(line, " ")
            name, *tags = _unescaped_split(head, ",")
            self.points.append((
                _unescape(name), {_unescape(k): _unescape(v) for k, v in (_unescaped_split(t, "=") for t in tags)},
                {_unescape(k): _field(v) for k, v in (_unescaped_split(f, "=") for f in _unescaped_split(fields, ","))},
                int(stamp)))

    def by(self, measurement, field, *group, **tags):
        """{value of the tags in group: sum of the field}, without what is 0."""
        result = {}
        for name, have, fields, _ in self.points:
            if name == measurement and field in fields and all(have.get(k) == v for k, v in tags.items()):
                key = tuple(have.get(g, "") for g in group)
                result[key] = result.get(key, 0) + fields[field]
        return {k: v for k, v in result.items() if v}

    def duplicates(self):
        """Series and times that were written more than once: InfluxDB would overwrite the first."""
        seen, twice = set(), []
        for name, tags, _, stamp in self.points:
            key = (name, tuple(sorted(tags.items())), stamp)
            if key in seen:
                twice.append(key)
            seen.add(key)
        return twice


# ---- load ----


def dnsload_command(nameserver, prefix=(), address=None, **options):
    argv = list(prefix) + [DNSLOAD, "--json", "--server", address or nameserver.address, "--port", str(nameserver.port)]
    for key, value in options.items():
        flag = "--" + key.replace("_", "-")
        for item in value if isinstance(value, (list, tuple)) else [value]:
            argv += [flag] if item is True else [flag, str(item)]
    return argv


def dnsload(nameserver, *args, **options):
    """Runs the load generator against a nameserver, returns its report."""
    run = subprocess.run(dnsload_command(nameserver, *args, **options), capture_output=True, text=True, timeout=120)
    if run.returncode:
        raise Failure(f"dnsload: {run.stderr.strip()}")
    return json.loads(run.stdout)


class Sent:
    """What several runs of the load generator sent and got back, summed."""

    def __init__(self, *reports):
        self.queries, self.responses, self.qtype, self.rcode, self.opcode = {}, {}, {}, {}, {}
        for report in reports:
            self.add(report)

    def add(self, report):
        for transport, counts in report["transport"].items():
            key = (transport, report["family"])
            self._count(self.queries, key, counts["sent"])
            self._count(self.responses, key, counts["received"])
        for name in ("qtype", "rcode", "opcode"):
            for key, n in report[name].items():
                self._count(getattr(self, name), (key,), n)
        return self

    @staticmethod
    def _count(into, key, n):
        if n:
            into[key] = into.get(key, 0) + n

    def total(self):
        return sum(self.queries.values())

    def answers(self):
        return sum(self.responses.values())


def check_sums(source, sent, what, **tags):
    """Figures in a store (InfluxDB or Points) equal what was sent and received, to the last one."""
    by = source.by
    check_equal(by("dns", "queries", "transport", "family", **tags), sent.queries, f"{what}: queries")
    check_equal(by("dns", "responses", "transport", "family", **tags), sent.responses, f"{what}: responses")
    check_equal(by("dns_qtype", "queries", "qtype", **tags), sent.qtype, f"{what}: qtype")
    check_equal(by("dns_rcode", "responses", "rcode", **tags), sent.rcode, f"{what}: rcode")
    check_equal(by("dns_opcode", "queries", "opcode", **tags), sent.opcode, f"{what}: opcode")


def check_metrics(crosstap, sent, what, **labels):
    check_equal(crosstap.metric("crosstap_dns_queries_total", **labels), sent.total(), f"{what}: queries")
    for (transport, family), n in sent.queries.items():
        check_equal(crosstap.metric("crosstap_dns_queries_total", transport=transport, family=family, **labels), n,
                    f"{what}: {transport} {family}")
    check_equal(crosstap.metric_by("crosstap_dns_queries_by_qtype_total", "qtype", **labels),
                {k: n for (k,), n in sent.qtype.items()}, f"{what}: qtype")
    check_equal(crosstap.metric_by("crosstap_dns_responses_by_rcode_total", "rcode", **labels),
                {k: n for (k,), n in sent.rcode.items()}, f"{what}: rcode")


def have_user(name):
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
