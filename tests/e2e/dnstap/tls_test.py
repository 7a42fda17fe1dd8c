#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""dnstap over TLS: what arrives is counted as over a plain socket, and what goes wrong is said in words."""

import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time

import frames
from certificates import Authority
from frames import queries
from harness import Crosstap, Points, Skip, check, check_equal, dnsload, free_port, main, test, wait_for
from manager import Manager
from nameserver import NSD, Knot, Unbound


class Bench:
    """An agent with a TLS input, and a CA."""

    def __init__(self, lab, client_ca=False, plain=False, spawn=None, **limits):
        self.lab, self.ca = lab, Authority(lab)
        self.cert, self.key = self.ca.issue("crosstap")
        self.where = ("127.0.0.1", free_port(("127.0.0.1",)))
        tls = {"cert": self.cert, "key": self.key}
        if client_ca:
            tls["client_ca"] = self.ca.cert
        entry = {"zone": "a", "tcp": f"127.0.0.1:{self.where[1]}"}
        self.crosstap = Crosstap(lab, inputs=[entry if plain else dict(entry, tls=tls)], limits=limits,
                                 outputs=[{"file": {"path": lab.path("points.lp"), "format": "line"}}])
        if spawn:
            self.crosstap.spawn = spawn
        self.crosstap.start()

    def context(self, version=None, client=None):
        context = ssl.create_default_context(cafile=self.ca.cert)
        if version:
            context.minimum_version = context.maximum_version = version
        if client:
            context.load_cert_chain(*client)
        return context

    def wrap(self, **options):
        context = self.context(**options)
        return lambda plain: context.wrap_socket(plain, server_hostname="crosstap", suppress_ragged_eofs=False)

    def producer(self, **options):
        return frames.Producer(self.where, wrap=self.wrap(**options))

    def metric(self, name):
        return self.crosstap.metric(f"crosstap_input_{name}_total")

    def says(self, words, n=1):
        wait_for(lambda: self.crosstap.process.log().count(words) >= n, 10,
                 lambda: f"{words!r} in {self.crosstap.process.log()[-2000:]}")

    def stop(self, **expected):
        for name, value in expected.items():
            wait_for(lambda: self.metric(name) >= value, 10, lambda: f"{name}: {self.metric(name)}, expected {value}")
            check_equal(self.metric(name), value, name)
        check_equal(self.crosstap.stop(), 0, "exit code")


@test
def every_frame_counts(lab):
    """In records of every size: many frames in one, one in many, one that is longer than a record."""
    bench = Bench(lab)
    sent = 0
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        producer = bench.producer(version=version)
        producer.send(queries(5000))
        for data in b"".join(struct.pack("!I", len(f)) + f for f in queries(3)):
            producer.raw(bytes([data]))
        long = frames.message() + bytes(200000)
        producer.send([frames.frame(wire=long), *queries(7)])
        for f in queries(500):
            producer.send([f])
        producer.stop()
        sent += 5511
    bench.stop(frames=sent, frames_bad=0, cut=0, refused=0, accepted=2)


def must_speak_tls(server):
    """NSD does since 4.7."""
    if server is NSD:
        version = re.search(r"NSD version (\d+)\.(\d+)", subprocess.run(["nsd", "-v"], capture_output=True, text=True).stderr)
        if tuple(map(int, version.groups())) < (4, 7):
            raise Skip(f"{version.group()} has no dnstap over TCP")


def real(lab, server, client_ca, count=1000):
    must_speak_tls(server)
    bench = Bench(lab, client_ca=client_ca)
    client = bench.ca.issue("producer") if client_ca else None
    lines = [f"dnstap-ip: 127.0.0.1@{bench.where[1]}", "dnstap-tls-server-name: crosstap",
             f'dnstap-tls-cert-bundle: "{bench.ca.cert}"']
    if client:
        lines += [f'dnstap-tls-client-cert-file: "{client[0]}"', f'dnstap-tls-client-key-file: "{client[1]}"']
    backend = Knot(lab, lab.path("nowhere.sock")).start() if server is Unbound else None
    nameserver = server(lab, "", backend=backend, dnstap="\n    ".join(lines)).start()
    bench.crosstap.wait_connections(1)
    report = dnsload(nameserver, count=count, rate=2000)
    bench.crosstap.wait_metric("crosstap_dns_queries_total", report["sent"], zone="a")
    nameserver.stop()
    bench.stop(refused=0)


@test
def unbound(lab):
    real(lab, Unbound, False)


@test
def unbound_with_a_certificate(lab):
    real(lab, Unbound, True)


@test
def nsd(lab):
    real(lab, NSD, False)


@test
def nsd_with_a_certificate(lab):
    real(lab, NSD, True)


def each_alone(lab, scenes, **options):
    """Each scene has an agent of its own, since the next warning within ten seconds is left out."""
    for i, (scene, words) in enumerate(scenes):
        bench = Bench(_Folder(lab, f"scene{i}"), **options)
        scene(bench)
        bench.says(words)
        bench.stop(refused=1, frames=0)


class _Folder:
    """A lab within a lab."""

    def __init__(self, lab, name):
        self._lab, self._name = lab, name
        lab.folder(name)

    def path(self, name):
        return self._lab.path(f"{self._name}/{name}")

    def write(self, name, text):
        return self._lab.write(f"{self._name}/{name}", text)

    def __getattr__(self, name):
        return getattr(self._lab, name)


def fails(connect):
    try:
        check(connect().closed(), "it is closed")
    except (OSError, ConnectionError):
        pass


@test
def words_for_what_goes_wrong(lab):
    def frames_without_tls(bench):
        with socket.create_connection(bench.where) as plain:
            plain.sendall(struct.pack("!II", 0, 4) + b"\0\0\0\4")
            try:
                check_equal(plain.recv(1), b"", "closed")
            except ConnectionError:
                pass

    def no_trust(bench):
        stranger = ssl.create_default_context()
        fails(lambda: frames.Producer(bench.where, wrap=lambda s: stranger.wrap_socket(s, server_hostname="crosstap")))

    def old_version(bench):
        subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % bench.where, "-tls1_1", "-cipher",
                        "ALL:@SECLEVEL=0"], input=b"", capture_output=True)

    def renegotiation(bench):
        run = subprocess.Popen(["openssl", "s_client", "-connect", "%s:%d" % bench.where, "-tls1_2"],
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        bench.crosstap.wait_connections(1)
        wait_for(lambda: _write(run, b"R\n") or bench.metric("refused"), 10, "it is refused")
        run.kill()
        run.wait()

    each_alone(lab, [(frames_without_tls, "it speaks Frame Streams without TLS"), (no_trust, "unknown CA"),
                      (old_version, "no TLS version that is taken here"), (renegotiation, "renegotiation")])


def _write(process, data):
    try:
        process.stdin.write(data)
        process.stdin.flush()
    except OSError:
        pass
    time.sleep(0.1)


@test
def words_about_client_certificates(lab):
    def none(bench):
        fails(bench.producer)

    def expired(bench):
        fails(lambda: bench.producer(client=bench.ca.issue("late", days=-1)))

    def unknown(bench):
        fails(lambda: bench.producer(client=Authority(bench.lab, "stranger").issue("somebody")))

    each_alone(lab, [(none, "no client certificate, which tls.client_ca demands"),
                      (expired, "its client certificate has expired"),
                      (unknown, "its client certificate is from no CA of tls.client_ca")], client_ca=True)


@test
def tls_at_a_plain_input(lab):
    bench = Bench(lab, plain=True)
    fails(bench.producer)
    bench.says("it speaks TLS: set `tls` on the input, or `dnstap-tls: no` there")
    frames.send(bench.where, 10)
    bench.stop(refused=1, frames=10)


@test
def half_handshakes(lab):
    """They go in time, and disturb nobody meanwhile."""
    bench = Bench(lab, handshake="1s")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        bench.context().wrap_bio(incoming, outgoing, server_hostname="crosstap").do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    half = [socket.create_connection(bench.where) for _ in range(100)]
    for i, connection in enumerate(half):
        connection.sendall(hello[:len(hello) * (i % 4) // 3])
    producer = bench.producer()
    producer.send(queries(1000))
    producer.stop()
    for connection in half:
        connection.settimeout(10)
        try:
            while connection.recv(4096):
                pass
        except ConnectionError:
            pass
    bench.stop(frames=1000, timed_out=100, refused=100)


@test
def ends(lab):
    """With close_notify and without; what came before counts. At the agent's end producers are told."""
    bench = Bench(lab)
    clean, cut, last = bench.producer(), bench.producer(), bench.producer()
    for producer in (clean, cut, last):
        producer.send(queries(10))
    bench.crosstap.wait_metric("crosstap_input_frames_total", 30)
    cut.socket.shutdown(socket.SHUT_WR)
    clean.socket.settimeout(5)
    clean.socket.unwrap()
    wait_for(lambda: bench.crosstap.metric("crosstap_input_connections") == 1, 10, "two are gone")
    check_equal(bench.metric("cut"), 1, "connections that were cut")
    check_equal(bench.crosstap.stop(), 0, "exit code")
    check_equal(last.socket.recv(1), b"", "close_notify")


@test
def restarts(lab):
    """A session is in no store: its producer hears of the end, and connects again. One that came without TLS before the
    input asked for it goes."""
    with Manager(lab) as manager:
        bench = Bench(lab, plain=True, spawn=manager.spawn)
        plain = frames.Producer(bench.where)
        wait_for(lambda: manager.names("producer-"), 10, "a plain connection is in the store")
        bench.crosstap.config["inputs"][0]["tls"] = {"cert": bench.cert, "key": bench.key}
        check_equal(bench.crosstap.stop(), 0, "exit code")
        bench.crosstap.start()
        check(plain.closed(5), "without TLS it goes")
        bench.says("it connected without TLS, before the input had `tls`")
        wait_for(lambda: not manager.names("producer-"), 10, "it is in the store no more")
        producer = bench.producer()
        producer.send(queries(10))
        time.sleep(1.5)  # older ones are kept
        check_equal(manager.names("producer-"), [], "TLS is in the store")
        producer.send(queries(10))
        check_equal(bench.crosstap.stop(), 0, "exit code")
        check_equal(manager.names("producer-"), [], "TLS is in the store")
        check_equal(producer.socket.recv(1), b"", "close_notify")
        bench.crosstap.start()
        producer = bench.producer()
        producer.send(queries(5))
        producer.stop()
        bench.stop(frames=5, accepted=1, refused=0)
        with open(lab.path("points.lp")) as file:
            check_equal(sum(Points(file.read()).by("dns", "queries").values()), 25, "frames reported of all runs")


def served(bench):
    """The certificate that a new connection sees."""
    with bench.wrap()(socket.create_connection(bench.where)) as connection:
        return connection.getpeercert(True)


@test
def certificates_are_read_again(lab):
    """At SIGHUP. A bad one changes nothing, and is named; a connection keeps what it has."""
    bench = Bench(lab)

    def reload(answer):
        before = bench.crosstap.process.log().count(answer)
        bench.crosstap.process.kill(signal.SIGHUP)
        bench.says(answer, before + 1)

    producer = bench.producer()
    first = served(bench)
    other = bench.ca.issue("other", days=5)
    for source, target in zip(bench.ca.issue("crosstap"), (bench.cert, bench.key)):
        check_equal(source, target, "the new pair is at the paths of the old")
    reload("configuration reloaded")
    second = served(bench)
    check(first != second, "another certificate")
    shutil.copy(other[1], bench.key)
    reload(f"{bench.key}: not the key of the certificate")
    check_equal(served(bench), second, "certificate after a bad reload")
    lab.write("ca-crosstap.pem", "no certificate\n")
    reload(f"{bench.cert}: no PEM certificate in it")
    os.chmod(bench.key, 0o644)
    check_equal(served(bench), second, "certificate after a bad reload")
    shutil.copy(other[0], bench.cert)
    reload("everybody may read it")
    os.chmod(bench.key, 0o600)
    reload("configuration reloaded")
    bench.says("the certificate of tls.cert ends in ")

    def end():
        return bench.crosstap.metric("crosstap_certificate_not_after_time_seconds")
    wait_for(lambda: abs(end() - time.time() - 5 * 86400) < 600, 10, lambda: f"the end of the certificate: {end()}")
    producer.send(queries(10))
    producer.stop()
    bench.stop(frames=10)


if __name__ == "__main__":
    main()
