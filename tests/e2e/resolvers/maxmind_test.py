#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The downloader against a local HTTPS server that plays MaxMind, at its best and at its worst. Each run of
the tool is a restart of the program: what it remembers, it has on disk."""

import base64
import email.utils
import gzip
import http.server
import io
import json
import os
import ssl
import subprocess
import tarfile
import threading
import time

from harness import BUILD, ROOT, check, check_equal, main, test

TOOL = os.path.join(BUILD, "tools", "maxmind_once")
CORPUS = os.path.join(ROOT, "tests", "fuzz", "corpus", "geo")
DAY, HOUR = 86400, 3600
ACCOUNT, KEY = "123456", "s3cr3t-licence-key"
COUNTRY, ASN = "GeoLite2-Country", "GeoLite2-ASN"
MODIFIED = 1_700_000_000  # of the databases on the site
NOW = MODIFIED + 10 * DAY


def database(name):
    """Behind the byte that tells the fuzz target what to read it as."""
    with open(os.path.join(CORPUS, name), "rb") as file:
        return file.read()[1:]


DATABASES = {COUNTRY: database("geolite2-country-country"), ASN: database("geolite2-asn-asn")}


def archive(members):
    """A tar.gz of (name, content or the target of a link)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def good_archive(edition):
    return archive([(f"{edition}_20231114/LICENSE.txt", b"x" * 700), (f"{edition}_20231114/{edition}.mmdb", DATABASES[edition])])


def certificates(lab):
    """A CA, a certificate of it for this machine, one for another name, and one of nobody."""
    def run(*command):
        subprocess.run(command, cwd=lab.dir, check=True, capture_output=True)

    def leaf(name, names):
        lab.write(name + ".ext", f"subjectAltName={names}\n")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key",
            "-out", name + ".csr", "-subj", "/CN=" + name)
        run("openssl", "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", name + ".ext", "-out", name + ".pem")

    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
        "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "2")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "nobody.key",
        "-out", "nobody.pem", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2")
    leaf("site", "DNS:localhost,IP:127.0.0.1")
    leaf("elsewhere", "DNS:elsewhere.test")
    return lab.path("ca.pem")


class Site:
    """`answer(handler, edition)` decides; `requests` holds (path, headers) of all that came."""

    def __init__(self, lab, answer, certificate="site", tls=True):
        site = self
        self.requests, self.answer = [], answer

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.requests.append((self.path, self.headers))
                site.answer(self, ASN if "ASN" in self.path else COUNTRY)

            def log_message(self, *arguments):
                pass

            def send(self, status, body=b"", **headers):
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, address):
                pass  # clients that refuse the certificate, transfers that are cut

        self.server = Server(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(lab.path(certificate + ".pem"), lab.path(certificate + ".key"))
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"https://localhost:{self.port}/geoip/databases"

    def count(self):
        return len(self.requests)


def plays_maxmind(handler, edition):
    """The account is checked, and If-Modified-Since is respected."""
    expected = "Basic " + base64.b64encode(f"{ACCOUNT}:{KEY}".encode()).decode()
    if handler.headers.get("Authorization") != expected:
        return handler.send(401, b"Invalid license key\n")
    since = handler.headers.get("If-Modified-Since")
    if since and email.utils.parsedate_to_datetime(since).timestamp() >= MODIFIED:
        return handler.send(304)
    return handler.send(200, good_archive(edition), Last_Modified=email.utils.formatdate(MODIFIED, usegmt=True))


def sends(status, body, **headers):
    return lambda handler, edition: handler.send(status, body, **headers)


class Node:
    """The tool with its files. run() returns the status of each edition, and the seconds to wait."""

    def __init__(self, lab, name="node"):
        self.lab, self.folder = lab, lab.folder(name)
        self.country, self.asn = os.path.join(self.folder, "country.mmdb"), os.path.join(self.folder, "asn.mmdb")

    def run(self, url, now=NOW, editions=(COUNTRY, ASN), ca="ca.pem", account=(ACCOUNT, KEY)):
        environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("MAXMIND")}
        if account:
            environment |= {"MAXMIND_ACCOUNT_ID": account[0], "MAXMIND_LICENSE_KEY": account[1]}
        run = subprocess.run([TOOL, url, self.lab.path(ca) if ca else "", str(now), self.country, self.asn, *editions],
                             env=environment, capture_output=True, text=True, timeout=60)
        check_equal(run.returncode, 0, f"the tool's end ({run.stderr})")
        check(KEY not in run.stdout + run.stderr and ACCOUNT not in run.stdout + run.stderr, "a secret is told")
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        self.wait = lines[-1].get("wait")
        return {line["edition"]: line for line in lines if "edition" in line}

    def files(self):
        return sorted(os.listdir(self.folder))

    def content(self, path):
        with open(path, "rb") as file:
            return file.read()

    def check_good(self):
        check_equal(self.content(self.country), DATABASES[COUNTRY], "country.mmdb")
        check_equal(self.content(self.asn), DATABASES[ASN], "asn.mmdb")
        check_equal(self.files(), ["asn.mmdb", "asn.mmdb.download", "country.mmdb", "country.mmdb.download"], "files")


@test
def downloads_then_asks_rarely(lab):
    certificates(lab)
    node = Node(lab)
    with Site(lab, plays_maxmind) as site:
        status = node.run(site.url)
        check(not any(s["failed"] for s in status.values()), status)
        node.check_good()
        check_equal(site.requests[0][0], f"/geoip/databases/{COUNTRY}/download?suffix=tar.gz", "the path")
        check_equal(int(os.stat(node.country).st_mtime), MODIFIED, "mtime of the file")
        check_equal(os.stat(node.country).st_mode & 0o777, 0o644, "mode of the file")
        check(DAY <= node.wait <= DAY * 5 / 4, f"waits {node.wait} s")

        # A restart within the day asks nobody, whatever the age of the file.
        node.run(site.url, NOW + DAY - 1)
        check_equal(site.count(), 2, "requests after a restart within the day")

        # The delay is the node's own, and the same each time.
        due = node.run(site.url, NOW + 1)[ASN]["next"]
        node.run(site.url, due - 1)
        check_equal(site.count(), 2, "requests a second before the next is due")
        before = os.stat(node.country)
        status = node.run(site.url, due)
        check_equal(site.count(), 4, "requests when due")
        check("If-Modified-Since" in site.requests[3][1], "an unconditional request")
        check_equal(status[ASN]["downloads"], 0, "downloads after 304")
        check(not status[ASN]["failed"], "304 is a failure")
        check_equal(os.stat(node.country).st_ino, before.st_ino, "304 replaced the file: inode")
        node.run(site.url, due + DAY - 1)
        check_equal(site.count(), 4, "requests within the day after 304")


@test
def files_of_others_are_respected(lab):
    certificates(lab)
    node = Node(lab)
    for path, edition in ((node.country, COUNTRY), (node.asn, ASN)):
        with open(path, "wb") as file:
            file.write(DATABASES[edition])
        os.utime(path, (NOW - 60, NOW - 60))
    with Site(lab, plays_maxmind) as site:
        node.run(site.url)
        check_equal(site.count(), 0, "requests while the file is young")
        # A damaged file is no file, however young: it is fetched without a condition.
        with open(node.asn, "wb") as file:
            file.write(DATABASES[ASN][:-40])
        os.utime(node.asn, (NOW - 60, NOW - 60))
        status = node.run(site.url)
        check_equal(status[ASN]["downloads"], 1, "downloads for a damaged file")
        check("If-Modified-Since" not in site.requests[0][1], "a condition that a damaged file should not make")
        check_equal(node.content(node.asn), DATABASES[ASN], "asn.mmdb")
        # Another edition for the same place: the file's age is no reason to wait, nor a condition.
        node.run(site.url, NOW + 2 * DAY)
        before = site.count()
        node.run(site.url, NOW + 2 * DAY + 1, editions=("GeoLite2-City", ASN))
        check_equal(site.count(), before + 1, "requests after the edition has changed")
        check("If-Modified-Since" not in site.requests[-1][1], "a condition from another edition")
        check_equal(site.requests[-1][0], "/geoip/databases/GeoLite2-City/download?suffix=tar.gz", "the path")


@test
def redirects_lose_the_credentials(lab):
    certificates(lab)
    node = Node(lab)
    with Site(lab, lambda h, edition: h.send(200, good_archive(edition))) as store:
        with Site(lab, lambda h, edition: h.send(302, Location=f"https://127.0.0.1:{store.port}/presigned/{edition}")) as site:
            node.run(site.url)
            node.check_good()
            check_equal(store.count(), 2, "requests to the store")
            check("Authorization" in site.requests[0][1], "no credentials for the site")
            check(not any("Authorization" in headers for _, headers in store.requests), "credentials for the store")
            check_equal(int(os.stat(node.country).st_mtime), NOW, "mtime without Last-Modified")
    # Plain HTTP is not followed, and nothing is asked of it; nor is a circle.
    node = Node(lab, "plain")
    with Site(lab, sends(200, b""), tls=False) as plain, \
            Site(lab, lambda h, edition: h.send(302, Location=f"http://127.0.0.1:{plain.port}/x")) as site:
        status = node.run(site.url)
        check(status[COUNTRY]["failed"] and not plain.requests, f"a redirect to http: {status}")
    node = Node(lab, "circle")
    with Site(lab, lambda h, edition: h.send(302, Location=h.path)) as site:
        check(node.run(site.url)[COUNTRY]["failed"], "a circle of redirects")
        check(site.count() <= 7, f"{site.count()} requests in a circle")
    status = Node(lab, "http").run("http://127.0.0.1:1/")
    check("https" in status[COUNTRY]["text"], f"a URL that is not https: {status}")


@test
def answers_about_the_account_hold_for_all(lab):
    certificates(lab)
    for name, answer, least, most in (
            ("401", sends(401, b"Invalid license key\n"), HOUR, HOUR + 600),
            ("403", sends(403, b"Forbidden\n"), HOUR, HOUR + 600),
            ("503", sends(503, b"Maintenance\n"), HOUR, HOUR + 600),
            ("429", sends(429, b"Too many requests\n"), DAY, DAY + HOUR),
            ("words", sends(403, b"Daily GeoIP database download limit reached\n"), DAY, DAY + HOUR)):
        node = Node(lab, name)
        with Site(lab, answer) as site:
            status = node.run(site.url)
            check(status[COUNTRY]["failed"], f"{name}: {status}")
            check_equal(site.count(), 1, f"{name}: requests, of two editions")
            check(least <= node.wait <= most, f"{name}: waits {node.wait} s")
            node.run(site.url, NOW + least - 1)
            check_equal(site.count(), 1, f"{name}: requests after a restart before the time")
            site.answer = plays_maxmind
            node.run(site.url, NOW + most)
            node.check_good()
            check_equal(site.count(), 3, f"{name}: requests once the time has passed")


@test
def a_site_that_is_down_changes_nothing(lab):
    certificates(lab)
    node = Node(lab)
    with Site(lab, plays_maxmind) as site:
        node.run(site.url)
        url = site.url
    status = node.run(url, NOW + 2 * DAY)
    check(status[COUNTRY]["failed"], status)
    node.check_good()
    check(HOUR <= node.wait <= HOUR + 600, f"waits {node.wait} s")


@test
def bad_bodies_are_refused(lab):
    certificates(lab)
    good = good_archive(COUNTRY)
    mmdb = DATABASES[COUNTRY]
    broken = bytearray(good)
    broken[len(good) // 2] ^= 0xff

    def cut(handler, edition):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(good)))
        handler.end_headers()
        handler.wfile.write(good[:len(good) // 2])
        handler.wfile.flush()
        handler.connection.close()

    cases = {
        "cut transfer": cut,
        "cut archive": sends(200, good[:-20]),
        "flipped byte": sends(200, bytes(broken)),
        "html": sends(200, b"<html>Please log in</html>" * 40),
        "empty": sends(200, b""),
        "404": sends(404, b"Not found\n"),
        "traversal": sends(200, archive([("a/../../evil.mmdb", mmdb)])),
        "traversal before": sends(200, archive([("../evil", b"x"), ("a.mmdb", mmdb)])),
        "absolute": sends(200, archive([("/tmp/evil.mmdb", mmdb)])),
        "link": sends(200, archive([("a.mmdb", "/etc/passwd")])),
        "link before": sends(200, archive([("a", "/etc"), ("a/b.mmdb", mmdb)])),
        "two databases": sends(200, archive([("a.mmdb", mmdb), ("b.mmdb", mmdb)])),
        "no database": sends(200, archive([("README", b"x")])),
        "other kind": sends(200, good_archive(ASN)),
        "damaged database": sends(200, archive([("a.mmdb", mmdb[:-30])])),
        "bomb": sends(200, gzip.compress(bytes(300 << 20), 1)),
    }
    for name, answer in cases.items():
        node = Node(lab, name.replace(" ", "-"))
        with open(node.country, "wb") as file:
            file.write(DATABASES[COUNTRY])
        os.utime(node.country, (NOW - 9 * DAY, NOW - 9 * DAY))
        inode = os.stat(node.country).st_ino
        with Site(lab, answer) as site:
            status = node.run(site.url, editions=(COUNTRY,))
            check(status[COUNTRY]["failed"] and status[COUNTRY]["text"], f"{name}: {status}")
            check_equal(site.count(), 1, f"{name}: requests")
            check(HOUR <= node.wait <= HOUR + 600, f"{name}: waits {node.wait} s")
            node.run(site.url, NOW + HOUR - 1, editions=(COUNTRY,))
            check_equal(site.count(), 1, f"{name}: requests within the hour")
        check_equal(os.stat(node.country).st_ino, inode, f"{name}: the file was replaced: inode")
        check_equal(node.files(), ["country.mmdb", "country.mmdb.download"], f"{name}: files")
    check(not os.path.exists("/tmp/evil.mmdb") and not os.path.exists(lab.path("evil.mmdb")), "a path came true")


@test
def one_bad_edition_does_not_stop_the_other(lab):
    certificates(lab)
    node = Node(lab)
    with Site(lab, lambda h, edition: h.send(404) if edition == COUNTRY else plays_maxmind(h, edition)) as site:
        status = node.run(site.url)
        check(status[COUNTRY]["failed"] and not status[ASN]["failed"], status)
        check_equal(node.content(node.asn), DATABASES[ASN], "asn.mmdb")


@test
def mirrors_may_send_plain_or_gz(lab):
    certificates(lab)
    for name, pack in (("plain", bytes), ("gz", gzip.compress), ("tar", lambda d: gzip.decompress(archive([("x.mmdb", d)])))):
        node = Node(lab, name)
        with Site(lab, lambda h, edition: h.send(200, pack(DATABASES[edition]))) as site:
            # A mirror needs no account, and has paths of its own.
            node.run(f"https://127.0.0.1:{site.port}/mirror/{{edition}}.mmdb", account=None)
            node.check_good()
            check_equal([path for path, _ in site.requests], [f"/mirror/{COUNTRY}.mmdb", f"/mirror/{ASN}.mmdb"], "paths")
            check("Authorization" not in site.requests[0][1], "credentials from nowhere")


@test
def strangers_are_not_trusted(lab):
    certificates(lab)
    for name, certificate, ca in (("unknown", "nobody", "ca.pem"), ("other-name", "elsewhere", "ca.pem"), ("system", "site", "")):
        node = Node(lab, name)
        with Site(lab, plays_maxmind, certificate) as site:
            status = node.run(site.url, ca=ca)
            check(status[COUNTRY]["failed"], f"{name}: {status}")
            check_equal(site.count(), 0, f"{name}: requests that got through")
            check(not os.path.exists(node.country), f"{name}: a file")


@test
def nothing_is_asked_without_an_account(lab):
    status = Node(lab).run("https://download.maxmind.com/geoip/databases", account=None, ca="")
    check("MAXMIND_LICENSE_KEY are not set" in status[COUNTRY]["text"], status)
    check_equal(status[COUNTRY]["requests"], 0, "requests")


@test
def stops_out_of_a_download(lab):
    certificates(lab)
    release = threading.Event()

    def hang(handler, edition):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.wfile.write(good_archive(edition)[:50])
        handler.wfile.flush()
        release.wait(30)

    node = Node(lab)
    try:
        with Site(lab, hang) as site:
            start = time.monotonic()
            status = node.run(site.url, "thread")
            check(time.monotonic() - start < 10, "does not stop out of a download")
            check_equal(status[COUNTRY]["text"], "cancelled", "the text")
            check_equal(site.count(), 1, "requests")
            check_equal(node.files(), [], "files")
            release.set()
    finally:
        release.set()


if __name__ == "__main__":
    main()
