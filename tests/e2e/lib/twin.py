# SPDX-License-Identifier: BSD-2-Clause
"""Agents that can be held against each other: each in network namespaces and a folder of its own, which look alike from
the inside, and everything of it that can be seen from outside."""

import concurrent.futures
import http.server
import json
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import threading
import time

import frames
import mmdb
from agent import yaml
from checks import CROSSTAP, Failure, wait_for
from lab import Process
from network import Namespaces, in_namespace
from points import Points

RECEIVERS = (8086, 8087)  # who the outputs may send to
DNS_PORTS = (53, 5353, 853, 8853, 443, 8443)
# Of these, no two agents say the same: times, sizes of processes, and what depends on when a window was read. How many
# segments a connection takes depends on who is faster.
NOISE = {"crosstap_input", "crosscheck", "crosscheck_qtype", "funnel", "dns_clients"}
# By trait: judged over a client's day, of which an agent that has run longer has seen more.
OF_A_DAY = re.compile(r"(sources|queries)_(?!icmp$|tcp$|both$|unmeasured$)\w+$")
# What is passed to an agent is put at 3 and 4, and must be open here for that, whichever thread starts one.
HELD = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
STREAMS = {"tcp", "dot", "doh"}
ENVIRONMENT = {"TOKEN": "secret-one"}
NOISY_FIELDS = {"p50_us", "p90_us", "p99_us", "max_us"}


class Receiver:
    """Takes everything, and remembers who asked for what, how."""

    def __init__(self, namespace):
        self.requests = set()
        self.servers = [in_namespace(namespace, self._server, port) for port in RECEIVERS]
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def _server(self, port):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.requests.add((port, self.path, self.headers.get("Authorization", "")))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        return http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()


class Twin:
    """An agent in its namespaces. Configurations have `@` for its folder."""

    def __init__(self, lab, name):
        self.lab, self.name, self.dir = lab, name, lab.folder(name)
        self.net = Namespaces(name)
        self.net_sockets, self.passed = [], []
        self.process = self.receiver = self.config = None

    def make(self):
        self.net.make()
        self._files()
        self.net.ip("-n", self.net.server, "link", "add", "spare0", "type", "veth", "peer", "name", "spare1")
        for device in ("spare0", "spare1"):
            self.net.ip("-n", self.net.server, "link", "set", device, "up")
        self.receiver = Receiver(self.net.server)
        in_namespace(self.net.server, self._listen_tcp)
        return self

    def _listen_tcp(self):
        """For handshakes that the wire can time."""
        sock = socket.create_server(("", 53))
        self.net_sockets.append(sock)
        threading.Thread(target=self._accept, args=(sock,), daemon=True).start()

    @staticmethod
    def _accept(sock):
        try:
            while True:
                sock.accept()[0].close()
        except OSError:
            pass

    def path(self, name):
        return os.path.join(self.dir, name)

    def _write(self, name, data, mode=0o600):
        with open(self.path(name), "wb") as file:
            file.write(data)
        os.chmod(self.path(name), mode)

    def _files(self):
        """Everything that an option may name."""
        self._write("cryptopan.key", bytes(range(32)))
        self._write("other.key", bytes(range(1, 33)))
        self._write("token", b"a-token-of-some-length\n")
        self._write("more-zones.txt", b"example\n")
        mmdb.write_mmdb(self.path("country.mmdb"), "GeoLite2-Country", {"198.51.100.0/24": mmdb.country("NL")})
        mmdb.write_mmdb(self.path("asn.mmdb"), "GeoLite2-ASN", {"198.51.100.1/32": mmdb.asn(64500, "One"),
                                                                "198.51.100.2/32": mmdb.asn(64501, "Two")})

    def share_certificates(self, other):
        for name in ("cert.pem", "other-cert.pem", "key.pem", "same-key.pem"):
            shutil.copy(other.path(name), self.path(name))

    def make_certificates(self):
        for name in ("cert.pem", "other-cert.pem"):
            key = ("-newkey", "rsa:2048", "-keyout", self.path("key.pem")) if name == "cert.pem" else \
                ("-key", self.path("key.pem"))
            subprocess.run(["openssl", "req", "-x509", *key, "-nodes", "-out", self.path(name), "-days", "2", "-subj",
                            "/CN=" + name], check=True, capture_output=True)
        shutil.copy(self.path("key.pem"), self.path("same-key.pem"))
        for name in ("key.pem", "same-key.pem"):
            os.chmod(self.path(name), 0o600)
        return self

    # -- the agent

    def write(self, config):
        self.config = json.loads(json.dumps(config).replace("@/", self.dir + "/"))
        self.lab.write(f"{self.name}/crosstap.yaml", yaml(self.config) + "\n")

    def is_valid(self, config):
        """By the file alone: a value may name what is not there, which `check` would say."""
        self.lab.write(f"{self.name}/check.yaml",
                       yaml(json.loads(json.dumps(config).replace("@/", self.dir + "/"))) + "\n")
        return subprocess.run([CROSSTAP, "replay", "-c", self.path("check.yaml"), "-"], capture_output=True,
                              stdin=subprocess.DEVNULL, env=dict(os.environ, **ENVIRONMENT)).returncode != 2

    def start(self):
        """With two sockets that are passed to it. The log begins anew."""
        self.passed = [self._listening(name) for name in ("fd-one.sock", "fd-two.sock")]
        if os.path.exists(os.path.join(self.lab.logs, self.name + ".log")):
            os.unlink(os.path.join(self.lab.logs, self.name + ".log"))
        script = 'export LISTEN_PID=$$; exec "$0" "$@"'
        self.process = Process(self.lab, self.name, ["sh", "-c", script, CROSSTAP, "run", "-c", self.path("crosstap.yaml")],
                               ("nsenter", f"--net=/run/netns/{self.net.server}"),
                               env={"LISTEN_FDS": "2", "LISTEN_FDNAMES": "one:two", **ENVIRONMENT,
                                    "RUNTIME_DIRECTORY": self.lab.folder(self.name + "/run")},
                               pass_fds=(3, 4), preexec_fn=self._place)
        self.wait_log("running version=")
        return self

    def _listening(self, name):
        if os.path.exists(self.path(name)):
            os.unlink(self.path(name))
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(self.path(name))
        sock.listen(64)
        return sock

    def _place(self):
        high = [os.dup2(s.fileno(), 100 + i, inheritable=False) for i, s in enumerate(self.passed)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i, inheritable=True)

    def log(self):
        return self.process.log()

    def wait_log(self, text, start=0):
        wait_for(lambda: self.process.must_live() and text in self.log()[start:], 20,
                 lambda: f"{self.name} says {text!r}: {self.log()[-1500:]}")

    def reload(self, config):
        """Returns what the agent says of it."""
        self.write(config)
        start = len(self.log())
        self.process.kill(1)
        wait_for(lambda: self.process.must_live() and re.search("configuration (not )?reloaded", self.log()[start:]), 20,
                 lambda: f"{self.name} reloads: {self.log()[start:]}")
        said = self.log()[start:]
        if "configuration not reloaded" in said:
            raise Failure(f"not reloaded: {said}")
        return said

    def stop(self):
        for sock in self.passed:
            sock.close()
        return self.process.stop()

    def close(self):
        for sock in self.net_sockets:
            sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        if self.receiver:
            self.receiver.close()
        self.net.close()

    # -- what can be seen of it

    def get(self, path, token=True):
        """(status, text, certificate) of the page; 0 where there is none."""
        return in_namespace(self.net.server, self._get, path, token)

    def _get(self, path, token):
        settings = self.config.get("http", {})
        host, port = settings.get("listen", "127.0.0.1:9053").split(":")
        tls, certificate = settings.get("tls"), None
        header = ""
        if token and settings.get("token_file"):
            header = "Authorization: Bearer " + open(settings["token_file"]).read().strip() + "\r\n"
        try:
            sock = socket.create_connection((host, int(port)), timeout=10)
            if tls:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                sock = context.wrap_socket(sock)
                certificate = ssl.DER_cert_to_PEM_cert(sock.getpeercert(True))
            sock.sendall(f"GET {path} HTTP/1.0\r\n{header}\r\n".encode())
            answer = b""
            while part := sock.recv(65536):
                answer += part
            sock.close()
        except OSError:
            return 0, "", None
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), body, certificate

    def in_force(self):
        text = self.get("/api/v1/config")[1].replace(self.dir + "/", "@/")
        # The hash covers the folder's name.
        return json.loads(text)["stages"] if text.startswith("{") else {}

    def page(self):
        return {"with the token": self.get("/healthz")[0], "without": self.get("/api/v1/status", token=False)[0],
                "certificate": self.get("/healthz")[2]}

    def listening(self):
        """TCP ports."""
        found = set()
        for name in ("tcp", "tcp6"):
            with open(f"/proc/{self.process.popen.pid}/net/{name}") as file:
                for line in list(file)[1:]:
                    words = line.split()
                    if words[3] == "0A":
                        found.add(int(words[1].split(":")[1], 16))
        return sorted(found)

    def sockets(self):
        """Unix sockets: mode and owner."""
        found = {}
        for entry in os.scandir(self.dir):
            if stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode) and not entry.name.startswith("fd-"):
                info = entry.stat(follow_symlinks=False)
                found[entry.name] = (oct(info.st_mode & 0o7777), info.st_uid, info.st_gid)
        return found

    def echoes(self):
        """Whether it has sockets for ICMP."""
        count = 0
        for name in ("icmp", "icmp6", "raw", "raw6"):
            with open(f"/proc/{self.process.popen.pid}/net/{name}") as file:
                count += len(list(file)) - 1
        return count > 0

    def folders(self):
        return sorted(e.name for e in os.scandir(self.dir) if e.is_dir() and e.name != "run" and os.listdir(e.path))

    def modes(self):
        """What the page says of the interfaces."""
        text = self.get("/metrics")[1]
        return sorted(re.findall(r"^crosstap_wire_mode\{(.*)\} 1", text, re.M))

    def inputs(self):
        places = []
        for entry in self.config.get("inputs", []):
            if "unix" in entry:
                places.append(entry["unix"])
            elif "tcp" in entry:
                host, port = entry["tcp"].split(":")
                places.append((host, int(port)))
            else:
                places.append(self.path(f"fd-{entry['listen_fd']}.sock"))
        return places

    @staticmethod
    def _frames():
        """Three clients, names in and outside of zones, one of them unknown."""
        now, out = time.time(), []
        for client, count in (("198.51.100.1", 6), ("198.51.100.2", 4), ("198.51.100.3", 2)):
            for i in range(count):
                name = ("www.a.example", "b.example", "www.other.test")[i % 3]
                out.append(frames.frame(frames.AUTH_QUERY, frames.message(name, id=i), now, client, 2000 + i))
                out.append(frames.frame(frames.AUTH_RESPONSE, frames.message(name, id=i, response=True, rcode=3 * (i % 2)),
                                        now + 0.001, client, 2000 + i))
        return out

    def _feed(self, place):
        try:
            producer = frames.Producer(place, timeout=3)
            producer.send(self._frames())
            producer.stop()
            return "taken"
        except OSError as error:
            return type(error).__name__

    def _big_frame(self, place):
        """Whether a frame of over 2,000 bytes is taken."""
        try:
            producer = frames.Producer(place, timeout=3)
            producer.send([frames.frame(wire=frames.message() + bytes(2000))])
            producer.stop()
            return "taken"
        except OSError:
            return "refused"

    def _silent(self, place):
        """Whether a producer without a handshake is dropped within two seconds."""
        try:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(2)
            sock.connect(place)
            return "dropped" if sock.recv(1) == b"" else "answered"
        except TimeoutError:
            return "waits"
        except OSError as error:
            return type(error).__name__

    def _crowd(self, place):
        """How many of five producers are answered at a time."""
        answered = []
        try:
            for _ in range(5):
                answered.append(frames.Producer(place, timeout=0.7))
        except OSError:
            pass
        for producer in answered:
            producer.socket.close()
        return len(answered)

    def _packets(self):
        """Queries from a resolver to all ports that could be counted, and handshakes."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for port in DNS_PORTS:
                for i in range(3):
                    sock.sendto(frames.message("www.a.example", id=i), (self.net.SERVER, port))
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            for i in range(2):
                sock.sendto(frames.message("www.a.example", id=i), (self.net.SERVER6, 53))
        for port in DNS_PORTS:
            with socket.socket() as sock:
                sock.settimeout(1)
                sock.connect_ex((self.net.SERVER, port))

    def _read_points(self, name):
        try:
            with open(self.path(name)) as file:
                return file.read()
        except OSError:
            return ""

    def counted(self, start):
        """Sums of what was written since `start`, by series. A line that was being written then is not of it."""
        text = {}
        for name in ("points.lp", "other.lp"):
            whole, at = self._read_points(name), start.get(name, 0)
            if at and whole[at - 1:at] not in ("", "\n"):
                at = whole.find("\n", at) + 1 or len(whole)
            text[name] = whole[at:]
        result = {}
        for name, lines in text.items():
            if lines.startswith("{"):
                result[name] = "JSON"
                continue
            for measurement, tags, fields, _ in Points(lines[:lines.rfind("\n") + 1]).points:
                if measurement == "crosstap_event":
                    continue
                if measurement == "crosstap":
                    result[(name, measurement, "interval_s")] = fields["interval_s"]
                    continue
                if measurement in NOISE:
                    result[(name, measurement, tags.get("transport", ""), tags.get("changed", ""))] = "is there"
                    continue
                series = (name, measurement, *sorted(tags.items()))
                for field, value in fields.items():
                    if measurement in ("dns_country", "dns_asn") and OF_A_DAY.match(field):
                        continue
                    if measurement == "wire" and tags["transport"] in STREAMS and field in ("packets", "bytes"):
                        value = min(value, 1)
                    if field in NOISY_FIELDS:
                        value = "measured"
                    elif isinstance(value, int):
                        value += result.get((*series, field), 0)
                    result[(*series, field)] = value
        return {series: value for series, value in result.items() if value}

    def lengths(self):
        return {name: len(self._read_points(name)) for name in ("points.lp", "other.lp")}

    def rules(self):
        """What producers may do, at the first Unix socket."""
        place = next((place for place in self.inputs() if isinstance(place, str)), None)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            others = {"big frame": pool.submit(self._big_frame, place), "silent producer": pool.submit(self._silent, place)}
            return {"producers at a time": self._crowd(place), **{name: f.result() for name, f in others.items()}}

    def observe(self, interval, rules=True):
        """Everything, after some traffic at the beginning of a window; the same whenever it is asked for. Without `rules`,
        which take two seconds more, all but what producers may do."""
        places = self.inputs()
        start_log = len(self.log())
        seen = self.rules() if rules else {}
        time.sleep(interval - time.time() % interval + 0.02)
        start, self.receiver.requests = self.lengths(), set()
        in_namespace(self.net.client, self._packets)
        seen["inputs"] = [in_namespace(self.net.server, self._feed, place) for place in places]
        time.sleep(interval - time.time() % interval + self.grace() + 0.45)
        seen.update({"counted": self.counted(start), "in force": self.in_force(),
                     "page": self.page(), "ports": self.listening(), "sockets": self.sockets(),
                     "echoes": self.echoes(), "folders": self.folders(), "modes": self.modes(),
                     "requests": sorted(self.receiver.requests),
                     # When librdkafka says something is its own affair.
                     "debug": any(line.startswith("debug ") and not line.startswith("debug kafka:")
                                  for line in self.log()[start_log:].splitlines())})
        return json.loads(json.dumps({k: v if not isinstance(v, dict) else {str(n): x for n, x in v.items()}
                                      for k, v in seen.items()}))

    def grace(self):
        text = self.config.get("grace", "2s")
        return float(text[:-2]) / 1000 if text.endswith("ms") else float(text[:-1])


def differences(a, b, where=""):
    """Lines that say in what two observations differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        lines = []
        for key in sorted(set(a) | set(b)):
            lines += differences(a.get(key), b.get(key), f"{where}/{key}")
        return lines
    return [] if a == b else [f"{where}: {a} / {b}"]
