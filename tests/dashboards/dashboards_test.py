#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every query of every panel, asked of the databases that an agent filled beside a real nameserver: what it shows is what
was sent. InfluxQL of Debian's InfluxDB, PromQL of Prometheus, Flux of an InfluxDB of its own (FLUX names it)."""

import concurrent.futures
import glob
import json
import os
import struct
import sys
import threading
import time

from certificates import Authority
from databases import InfluxDB
from frames import AUTH_QUERY, AUTH_RESPONSE, Producer, frame, message
from harness import CROSSTAP, ROOT, Failure, Process, Sent, Skip, check, check_equal, free_port, http, in_namespace, main, \
    test, wait_for
from mmdb import asn, country, write_mmdb
from wire import Bench, network

sys.path.insert(0, os.path.join(ROOT, "scripts", "dashboards"))
import boards  # noqa: E402
import figures  # noqa: E402
import grafana  # noqa: E402
from promql import PromQL, label  # noqa: E402
from table import EVERY_WINDOW, Measured  # noqa: E402
from truth import OF_A_WINDOW, Metrics, Truth, is_rank  # noqa: E402

WINDOW_S, STEP_S = 2, 6
RESOLVER_QUERY = 3  # dnstap.proto
# What a healthy nameserver's run has none of; all else must be there.
MAY_BE_EMPTY = {"wire_malformed.messages", "crosscheck_source.address"}
# What /metrics has of the moment, not of a window.
OF_THE_SCRAPE = {"crosstap.rss_bytes", "crosstap_input.last_frame_age_s", "crosstap_certificate.expires_in_s"}
# Counters that grow while no query comes.
GOES_ON = {"crosstap.points", "crosstap.cpu_us", "wire.packets", "wire.bytes"}
FLUX = os.environ.get("FLUX", "")


def board_files(language):
    for path in sorted(glob.glob(os.path.join(ROOT, "config", "grafana", language, "*.json"))):
        with open(path, encoding="utf-8") as file:
            yield os.path.basename(path)[:-len(".json")], json.load(file)


def described(name, title):
    board, = (b for b in boards.BOARDS if b.name == name)
    panel, = (p for p in board.panels if p.title == title and isinstance(p, boards.Panel))
    return panel


def shown(language, can):
    """(board and title, figure, target) of every target of every panel."""
    for name, board in board_files(language):
        for panel in board["panels"]:
            if panel["type"] == "row":
                continue
            wanted = [f for f in described(name, panel["title"]).figures if can(f)]
            check_equal(len(panel["targets"]), len(wanted), f"{name}: {panel['title']}: queries")
            for figure, target in zip(wanted, panel["targets"]):
                yield f"{language}: {name}: {panel['title']} {target['refId']}", figure, target


def near(a, b, share=1e-6, more=1e-6):
    return abs(a - b) <= max(share * max(abs(a), abs(b)), more)


def check_near(got, expected, what, **tolerance):
    """Of two {key: number}; what is 0 may be missing."""
    for key in set(got) | set(expected):
        a, b = got.get(key, 0), expected.get(key, 0)
        same = a == b if isinstance(a, str) or isinstance(b, str) else near(a, b, **tolerance)
        check(same, f"{what}: {key} is {a}, should be {b}\n{got}\n{expected}")


# -- what a healthy nameserver has no reason to log

NAMES, REFLECTED = 40, 6  # of each attack
MALFORMED = 5
ODD_QUERIES, ODD_RESPONSES = MALFORMED + 4 + NAMES + REFLECTED, 7 + NAMES + REFLECTED
VICTIM = "198.18.1.7"
# Low enough for what is sent here, halved where a window ends amid it.
ATTACKS = {"names": 300, "response_bytes": 100000}
DATASETS = ["core", "edns", "names", "domains", "clients", "addresses", "attacks"]


def with_option(code, data, **kinds):
    """A message with an OPT record that has one option."""
    option = struct.pack("!HH", code, len(data)) + data
    wire = bytearray(message(**kinds) + b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(option)) + option)
    wire[11] = 1  # ARCOUNT
    return bytes(wire)


def odd_ones(where):
    """Malformed queries, client subnets, extended errors, SERVFAIL, and what the server itself asked."""
    ecs = with_option(8, b"\0\1\x18\0\xc0\0\2")
    ede = with_option(15, struct.pack("!H", 18), response=True, rcode=5)
    failed = message(response=True, rcode=2)
    producer = Producer(where)
    producer.send([frame(kind, wire=wire, address="198.18.1.5") for kind, wire, count in (
        (AUTH_QUERY, b"\0\1\0", MALFORMED), (AUTH_QUERY, ecs, 4), (AUTH_RESPONSE, ede, 4), (AUTH_RESPONSE, failed, 3),
        (RESOLVER_QUERY, message(), 2)) for _ in range(count)] + list(attacks()))
    producer.stop()


def attacks():
    """Names at random below one domain, and answers to one question that somebody else asks."""
    for i in range(NAMES):
        name = f"r{i}-{time.time_ns():x}.www.attacked.example"
        yield from pair(message(name), message(name, response=True, rcode=3), f"198.18.1.{10 + i}")
    for _ in range(REFLECTED):
        yield from pair(message("big.example"), with_option(12, bytes(3000), name="big.example", response=True), VICTIM)


def pair(query, response, address):
    return [frame(AUTH_QUERY, wire=query, address=address), frame(AUTH_RESPONSE, wire=response, address=address)]


class Run:
    """The agent, its nameserver and the databases, all in the nameserver's network namespace."""

    def __init__(self, lab, net):
        self.lab, self.net, self.metrics = lab, net, Metrics()
        self.ended, self.watcher = threading.Event(), threading.Thread(target=self.watch)
        self.influx = Database(lab, net)
        self.flux = Database(lab, net, FLUX, "flux")
        self.bench = Bench(lab, net, "native", horizon="6s", interval=f"{WINDOW_S}s", server={"zones": ("example.nl", "example.org")},
                           wire={"per_source": True}, tags={"site": "ams"}, ping={"rate": "1000/s", "every": "10s"},
                           geo=self.databases(), datasets=DATASETS, attacks=ATTACKS)
        self.configure(self.bench.crosstap.config)

    def databases(self):
        write_mmdb(self.lab.path("country.mmdb"), "Country", {"198.18.1.0/25": country("NL"), "198.18.1.128/25": country("DE")})
        write_mmdb(self.lab.path("asn.mmdb"), "ASN", {"198.18.1.0/26": asn(64496, "One"), "198.18.1.128/25": asn(64497, "Two")})
        return {"country": self.lab.path("country.mmdb"), "asn": self.lab.path("asn.mmdb")}

    def configure(self, config):
        cert, key = Authority(self.lab).issue("localhost")
        config["inputs"] = [{"unix": self.lab.path("crosstap.sock"), "zones": ["example.nl", "example.org"]},
                            {"unix": self.lab.path("hand.sock"), "zone": "hand", "scope": "zone"},
                            {"tcp": f"127.0.0.1:{free_port()}", "zone": "tls", "scope": "zone", "tls": {"cert": cert, "key": key}}]
        config["outputs"] += [self.influx.output(), self.flux.output()]

    def start(self):
        self.influx.start()
        self.flux.start()
        self.bench.start_agent()
        self.bench.start_nameserver()
        self.bench.wait_balanced()
        self.start_prometheus()
        self.watcher.start()
        return self

    def start_prometheus(self):
        self.port = free_port()
        config = self.lab.write("prometheus.yml", "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: crosstap\n"
                                f"    static_configs: [{{targets: [\"127.0.0.1:{self.bench.crosstap.port}\"], "
                                "labels: {site: ams}}]\n")
        self.prometheus = Process(self.lab, "prometheus", [
            "prometheus", "--config.file=" + config, "--storage.tsdb.path=" + self.lab.path("tsdb"),
            f"--web.listen-address=127.0.0.1:{self.port}"], prefix=self.prefix(), env={"GOMAXPROCS": "1"})
        url = f"http://127.0.0.1:{self.port}"
        wait_for(lambda: self.prometheus.must_live() and in_namespace(self.net.server, http, url + "/-/ready")[0] == 200, 30,
                 "Prometheus is ready")
        self.promql = grafana.PromQL(self.net.server, url, server=grafana.ALL, site=grafana.ALL, zone=grafana.ALL,
                                     interface=grafana.ALL, window=WINDOW_S)
        wait_for(lambda: self.promql.raw("up == 1", grafana.Range(0, time.time(), 1), 1, True), 30, "Prometheus scrapes")

    def prefix(self):
        return ("nsenter", f"--net=/run/netns/{self.net.server}")

    def load(self, count):
        odd_ones(self.lab.path("hand.sock"))
        sent = self.bench.load(count=count, rate=1000)
        self.bench.load(count=count // 10, rate=500, tcp=4, into=sent)
        self.bench.quiet()
        return sent

    def watch(self):
        """Reads /metrics all along."""
        while not self.ended.is_set():
            self.metrics.add(self.bench.crosstap.metrics())
            self.ended.wait(0.3)

    def watched(self, count):
        """A second load, from and to moments of Prometheus' steps. The first has begun all series: the first value of one is
        no increase for Prometheus."""
        start = self.moment()
        self.metrics.begin(self.bench.crosstap.metrics())
        sent = self.load(count)
        stop = self.moment()
        self.ended.set()
        self.watcher.join()
        self.metrics.add(self.bench.crosstap.metrics())
        return sent, grafana.Range(start + 3, stop, 3)

    @staticmethod
    def moment():
        """The next that is a multiple of 3 s, and a scrape past it."""
        at = int(time.time()) // 3 * 3 + 3
        wait_for(lambda: time.time() > at, 10, "the clock goes on")
        return at


class Database(InfluxDB):
    """In a network namespace, and of another program where one is named."""

    def __init__(self, lab, net, program="influxd", name="influxdb"):
        super().__init__(lab, name=name)
        self.net, self.program = net, program
        with open(self.config, "a", encoding="utf-8") as file:
            file.write("flux-enabled = true\n" if program != "influxd" else "")

    def start(self):
        self.process = Process(self.lab, self.name, [self.program, "-config", self.config],
                               prefix=("nsenter", f"--net=/run/netns/{self.net.server}"), env={"GOMAXPROCS": "2"})
        wait_for(lambda: self.process.must_live() and in_namespace(self.net.server, http, self.url + "/ping")[0] == 204, 60,
                 "InfluxDB answers")
        status, body = in_namespace(self.net.server, http, self.url + "/query", b"q=CREATE+DATABASE+dns")
        check_equal(status, 200, f"the database is made ({body[:200]})")


# -- what InfluxDB shows


def key_of(figure, labels):
    return tuple(labels.get(tag, "") for tag in figure.by)


def over_time(figure, series, over):
    return {(key_of(figure, one.labels), seconds // over.step * over.step): value
            for one in series for seconds, value in one.values}


class InfluxChecks:
    """One for each kind of figure; both of InfluxDB's languages show the same."""

    def __init__(self, source, truth, over, window_s=WINDOW_S):
        self.source, self.truth, self.over, self.window_s, self.seen = source, truth, over, window_s, set()

    def check(self, what, figure, target):
        kind = type(figure).__name__.lower()
        series = self.source.query(target, self.over)
        more = (self.window_s,) if kind == "silent" else ()
        expected = getattr(self.truth, {"rows": "last", "log": "texts"}.get(kind, kind))(figure, *more)
        some = [v for v in (expected.values() if isinstance(expected, dict) else expected) if v]
        check(some or figure.of in MAY_BE_EMPTY or kind in ("rate", "level", "total", "share", "portion", "odd", "silent"),
              f"{what}: the run has nothing for it: {target['query']}")
        getattr(self, kind)(f"{what}: {target['query']}", figure, series, expected)
        self.scoped(what, figure, target)

    def scoped(self, what, figure, target):
        """Variables choose; the same words choose in all queries from a measurement."""
        if figure.measurement in self.seen:
            return
        self.seen.add(figure.measurement)
        for variable in ("server", "site"):
            none = self.source.query(target, self.over, **{variable: "nobody"})
            check(not any(one.values or one.columns for one in none), f"{what}: shows something of another {variable}")

    def rate(self, what, figure, series, expected):
        if figure.measurement in EVERY_WINDOW and isinstance(self.source, grafana.InfluxQL):
            windows = self.truth.windows(figure, WINDOW_S)
            return check_near(over_time(figure, series, self.over), windows, what)
        got = {}
        for one in series:
            key = key_of(figure, one.labels)
            got[key] = got.get(key, 0) + sum(v for _, v in one.values) * self.over.step * figure.scale
        return check_near(got, expected, what)

    def total(self, what, figure, series, expected):
        check_near(self.once(figure, series), expected, what)

    def level(self, what, figure, series, expected):
        check_near(over_time(figure, series, self.over), expected, what)

    worst = share = portion = level

    def weighted(self, what, figure, series, expected):
        if not figure.total:
            return self.level(what, figure, series, expected)
        return check_near(self.once(figure, series), expected, what)

    def words(self, what, figure, series, expected):
        check_equal(over_time(figure, series, self.over), expected, what)

    def odd(self, what, figure, series, expected):
        check_equal({key: cells[figure.column] for key, cells in self.table(figure, series)}, expected, what)

    silent = odd
    nodes = level

    def nearest(self, what, figure, series, expected):
        got = dict(self.table(figure, series))
        check_equal({key: cells["server"] for key, cells in got.items()}, {key: node for key, (node, _) in expected.items()}, what)
        check_near({key: cells[figure.column] for key, cells in got.items()},
                   {key: value for key, (_, value) in expected.items()}, what)

    def table(self, figure, series):
        """(group, cells) of each row."""
        for one in series:
            for cells in self.cells(one):
                yield key_of(figure, {**one.labels, **cells}), cells

    def bins(self, what, figure, series, expected):
        got = {one.labels.get("_field") or one.labels["column"].removeprefix("sum_"): one.values[-1][1] for one in series
               if one.values}
        check_near(got, expected, what)

    def once(self, figure, series):
        """{group: value}: of series with one value, or of a table's rows."""
        got = {key_of(figure, one.labels): one.values[-1][1] for one in series if one.values}
        return got or {key_of(figure, {**one.labels, **cells}): cells[figure.field] for one in series
                       for cells in self.cells(one)}

    @staticmethod
    def cells(one):
        return one.columns if isinstance(one.columns, list) else [one.columns]

    def rows(self, what, figure, series, expected):
        got = {}
        for one in series:
            for cells in self.cells(one):
                key = tuple({**one.labels, **cells}.get(tag, "") for tag in figure.by)
                got[key] = {f: None if cells.get(f) in (None, "") else cells[f] for f in figure.fields}
        for key in set(got) | set(expected):
            should = {f: None if v == "" else v for f, v in expected.get(key, {}).items()}
            check_equal(got.get(key), should, f"{what}: {key}")

    def log(self, what, figure, series, expected):
        got = [tuple(str(cells.get(tag)) for tag in figure.by) + (cells.get("text") or cells.get("_value"),)
               for one in series for cells in self.cells(one)]
        check_equal(sorted(got), sorted(row[1:] for row in expected[:figure.limit]), what)


def check_influx(source, language, over, points):
    measured = Measured(CROSSTAP)
    truth = Truth(points, over)
    checks = InfluxChecks(source, truth, over)
    failures, started = [], time.monotonic()

    def checked(what, figure, target):
        check(measured.has(figure.of), f"{what}: the table has no {figure.of}")
        try:
            checks.check(what, figure, target)
        except (Failure, KeyError, TypeError, IndexError) as failure:
            failures.append(f"{what}: {type(failure).__name__}: {failure}")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        count = len(list(pool.map(lambda one: checked(*one), shown(language, lambda f: not isinstance(f, figures.Metric)))))
    check(not failures, f"{len(failures)} of {count} queries of {language}:\n" + "\n".join(f[:1500] for f in failures))
    print(f"note {count} queries of {language} in {time.monotonic() - started:.1f} s", flush=True)


# -- what Prometheus shows


class PromChecks:
    def __init__(self, source, metrics, measured, over):
        self.source, self.metrics, self.measured, self.over = source, metrics, measured, over

    def check(self, what, figure, target):
        of = figure.metric or figure.of
        name, by = self.measured.metric(of), tuple(map(label, figure.by))
        where = {label(k): v for k, v in figure.where.items()}
        getattr(self, type(figure).__name__.lower())(f"{what}: {target['expr']}", figure, target, name, by, where)

    def at_once(self, target):
        """At the end, over all of it: from where a range's first step looks back to."""
        over = grafana.Range(self.over.start - self.over.step, self.over.stop, self.over.step)
        return self.source.query(target, over, rate_s=over.stop - over.start, once=True)

    def each_second(self, target):
        """What has a rank has it for a window."""
        over = grafana.Range(self.over.start - self.over.step, self.over.stop, 1)
        return self.source.query(target, over, once=False)

    @staticmethod
    def key(by, labels):
        return tuple(labels.get(tag, "") for tag in by)

    def grown(self, name, by, where):
        """As /metrics has it; the labels of the scrape are one agent's."""
        mine = [t for t in by if t not in ("instance", "site")]
        scrape = {"instance": f"127.0.0.1:{self.source.agent_port}", "site": "ams"}
        found = self.metrics.grown(name, mine, where)
        return {tuple(scrape.get(t) or key[mine.index(t)] for t in by): n for key, n in found.items()}

    def rate(self, what, figure, target, name, by, where):
        series = self.source.query(target, self.over)
        got = {self.key(by, one.labels): sum(v for _, v in one.values) * self.over.step for one in series}
        check(series or figure.of in MAY_BE_EMPTY, f"{what}: shows nothing")
        share = 0.15 if figure.of in GOES_ON else 0.03
        check_near(got, self.grown(name, by, where), what, share=share, more=0.5)

    def total(self, what, figure, target, name, by, where):
        got = {self.key(by, one.labels): one.values[-1][1] for one in self.at_once(target) if one.values}
        check_near(got, self.grown(name, by, where), what, share=0.1, more=0.5)

    def bins(self, what, figure, target, name, by, where):
        got = {one.labels[figure.tag]: one.values[-1][1] for one in self.at_once(target) if one.values}
        expected = {key[0]: n for key, n in self.grown(name, (figure.tag,), where).items()}
        check(any(got.values()), f"{what}: shows nothing")
        check_near(got, expected, what, share=0.1, more=0.5)

    def level(self, what, figure, target, name, by, where):
        series = self.source.query(target, self.over)
        values = self.metrics.values(name)
        check(any(one.values for one in series) or figure.of in MAY_BE_EMPTY, f"{what}: shows nothing")
        for _, value in (pair for one in series for pair in one.values):
            between = min(values) * 0.9 <= value <= max(values) * 1.1
            check(between if figure.how == "mean" or figure.of in OF_THE_SCRAPE else any(near(value, v) for v in values),
                  f"{what}: {value} has never been in /metrics: {sorted(values)[:20]}")

    def portion(self, what, figure, target, name, by, where):
        for one in self.source.query(target, self.over):
            check(all(0 <= v <= 1 for _, v in one.values), f"{what}: {one.values}")

    def weighted(self, what, figure, target, name, by, where):
        series = self.each_second(target) if is_rank(figure) else self.at_once(target)
        check(any(one.values for one in series), f"{what}: shows nothing")
        if is_rank(figure):
            values = self.metrics.values(name)
            check(all(min(values) <= v <= max(values) for one in series for _, v in one.values), f"{what}: {values}")
            return
        got = {self.key(by, one.labels): one.values[-1][1] for one in series if one.values}
        mine = [t for t in by if t not in ("instance", "site")]
        expected = self.metrics.quantile(name, figure.quantile, mine, where)
        check_near({tuple(k for k, t in zip(key, by) if t in mine): v for key, v in got.items()}, expected, what, share=0.15)

    worst = weighted

    def share(self, what, figure, target, name, by, where):
        less = self.measured.metric(f"{figure.measurement}.{figure.less}")
        of, less = (sum(self.grown(n, by, where).values()) for n in (name, less))
        got = [one.values[-1][1] for one in self.at_once(target) if one.values]
        check_equal(len(got), 1, what)
        check(near(got[0], 1 - less / of, more=0.01), f"{what}: {got}, should be {1 - less / of}")

    def odd(self, what, figure, target, name, by, where):
        """Of one node whose verdict is what it is."""
        shown = {one.labels["verdict"] for one in self.at_once(target)}
        last = {dict(labels)["verdict"] for (metric, labels), value in self.metrics.last.items() if metric == name and value}
        check_equal(shown, last - {figure.usual}, what)

    def silent(self, what, figure, target, name, by, where):
        """The node had windows all the time; long after it, it is one."""
        check_equal([one.labels for one in self.at_once(target)], [], what)
        over = grafana.Range(self.over.start, self.over.stop + 100, self.over.step)
        series = self.source.query(target, over, once=True)
        check(len(series) == 1 and series[0].values[0][1] > 100 - 6 * WINDOW_S, f"{what}: {[one.values for one in series]}")

    def nearest(self, what, figure, target, name, by, where):
        values = self.metrics.values(name)
        series = [one for one in self.each_second(target) if one.values]
        check(series and all(one.labels.get("instance") for one in series), f"{what}: no node")
        check(all(min(values) <= v <= max(values) for one in series for _, v in one.values), f"{what}: {values}")

    def metric(self, what, figure, target, name, by, where):
        series = self.each_second(target)
        check(any(one.values for one in series), f"{what}: shows nothing")
        check_equal({tag for one in series for tag in by if not one.labels.get(tag)}, set(), f"{what}: labels without a value")
        if not name.startswith(OF_A_WINDOW):
            values = self.metrics.values(name)
            return check(all(v in values for one in series for _, v in one.values), what)
        return self.of_a_window(what, figure, series, name, by, where)

    def of_a_window(self, what, figure, series, name, by, where):
        """Each has been so in one reading of /metrics."""
        mine = [t for t in by if t != "instance"]
        measurement = (figure.metric or figure.of).split(".")[0]
        info = self.measured.metric(f"{measurement}_info.info") if figure.info else ""
        values = self.metrics.shown(name, info, figure.how, mine, where)
        check(values, f"{what}: /metrics has nothing of it")
        for one in series:
            ever = values.get(self.key(mine, one.labels), set())
            for _, value in one.values:
                check(any(near(value, v) for v in ever), f"{what}: {one.labels} is {value}, was {sorted(ever)[:20]}")


def check_prometheus(run, over):
    measured = Measured(CROSSTAP)
    language = PromQL(measured)
    run.promql.agent_port = run.bench.crosstap.port
    checks, count, failures = PromChecks(run.promql, run.metrics, measured, over), 0, []
    for what, figure, target in shown("promql", language.can):
        try:
            checks.check(what, figure, target)
        except (Failure, KeyError, TypeError, IndexError) as failure:
            failures.append(f"{what}: {type(failure).__name__}: {failure}")
        count += 1
    check(not failures, f"{len(failures)} of {count} queries of PromQL:\n" + "\n".join(f[:1500] for f in failures))
    print(f"note {count} queries of promql", flush=True)


def check_variables(source, language, over, server):
    """Each board's variables find what there is."""
    expected = {"server": {server}, "site": {"ams"}, "zone": {"example.nl", "example.org", "other", "tls", "hand"}}
    for name, board in board_files(language):
        for variable in board["templating"]["list"]:
            if variable["type"] != "query":
                continue
            text = variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]
            found = source.values_of(text, over)
            what = f"{language}: {name}: ${variable['name']}: {text}"
            if variable["name"] == "window":
                check_equal({float(v) for v in found}, {float(WINDOW_S)}, what)
            elif variable["name"] == "zone":
                check({"example.nl"} <= found <= expected["zone"], f"{what}: {found}")
            elif variable["name"] == "interface":
                check_equal(len(found), 1, what)
            else:
                check_equal(found, expected[variable["name"]], what)


def check_odd_step(source, points, target):
    """A group that is no multiple of a window: no second ever has more than the busiest window."""
    over = grafana.Range(source.over.start, source.over.stop, WINDOW_S + 1)
    windows = {}
    for name, _, have, stamp in points.points:
        if name == "dns":
            windows[stamp // (WINDOW_S * 10 ** 9)] = windows.get(stamp // (WINDOW_S * 10 ** 9), 0) + have["queries"]
    most = max(windows.values()) / WINDOW_S
    got = [v for one in source.query(target, over) for _, v in one.values]
    check(0 < max(got) <= most + 1e-6, f"at most {most} queries a second, shown: {max(got)}")


# -- many nodes


def made_up(start, windows=60, length=10):
    """Points of five nodes: one whose verdict is another one, one that ended, one that measures nothing."""
    nodes = {"ns1.ams": {"64496": 20.0, "64497": 90.0}, "ns1.fra": {"64496": 35.0, "64497": 12.5, "64498": 70.0},
             "ns1.lon": {"64498": 5.0}, "ns2.lon": {"64498": 6.0, "64499": None}, "ns1.nyc": {"64496": None}}
    for i in range(windows):
        for n, (server, rtts) in enumerate(nodes.items()):
            if server == "ns1.lon" and i >= windows // 2:
                continue
            tags, at = {"server": server, "site": server.split(".")[1]}, (start + i * length) * 10**9
            verdict = "stack-loss" if server == "ns1.fra" and i > 3 or server == "ns1.ams" and i < 3 else "ok"
            yield "crosstap", tags, {"interval_s": float(length)}, at
            yield "funnel", tags, {"verdict": verdict}, at
            if i == 40:
                yield "crosstap_event", {**tags, "kind": "sink"}, {"text": "it fails"}, at
            for asn_, rtt in rtts.items():
                have = {"queries": 100 * (n + 1), "queries_icmp": 50 if rtt else 0}
                have.update({"icmp_rtt_ms_p50": rtt + i % 5} if rtt else {})
                yield "dns_asn", {**tags, "zone": "nl", "asn": asn_}, have, at


def line(measurement, tags, fields, at):
    def text(value):
        return json.dumps(value) if isinstance(value, str) else f"{value}i" if isinstance(value, int) else repr(value)
    tags = "".join(f",{key}={value}" for key, value in tags.items())
    return f"{measurement}{tags} " + ",".join(f"{key}={text(value)}" for key, value in fields.items()) + f" {at}"


class Points:
    def __init__(self, points):
        self.points = points


FLEET = ("Nodes whose verdict is not ok", "Nodes that are silent", "One event on many nodes", "Nodes with windows",
         "Which AS asks which node", "Nearer at: the nearest node of each AS")


@test
def fleet(lab):
    """The fleet's questions, of more than one node, in both of InfluxDB's languages."""
    if not FLUX:
        raise Skip("FLUX names no InfluxDB that speaks Flux")
    with network() as net:
        start = int(time.time()) // 60 * 60 - 1200
        points = Points(list(made_up(start)))
        over = grafana.Range(start - 60, start + 600, 60)
        truth = Truth(points, over)
        check_equal(truth.odd(figures.Odd("funnel.verdict", ("server",))), {("ns1.fra",): "stack-loss"}, "the truth")
        check_equal(truth.silent(figures.Silent("crosstap.interval_s", ("server",)), 10), {("ns1.lon",): 0.0}, "the truth")
        check_equal({key: node for key, (node, _) in truth.nearest(figures.Nearest(
            "dns_asn.icmp_rtt_ms_p50", ("asn",), weight="queries_icmp")).items()},
            {("64496",): "ns1.ams", ("64497",): "ns1.fra", ("64498",): "ns1.lon"}, "the truth")
        check_equal(max(truth.nodes(figures.Nodes("crosstap_event.text", ("kind",))).values()), 4, "the truth")
        for kind, language, program in ((grafana.InfluxQL, "influxql", "influxd"), (grafana.Flux, "flux", FLUX)):
            database = Database(lab, net, program, language)
            database.start()
            text = "\n".join(line(*point) for point in points.points)
            status, body = in_namespace(net.server, http, database.url + "/write?db=dns", text.encode())
            check_equal(status, 204, f"write ({body[:200]})")
            source = kind(net.server, database.url, server=grafana.ALL, site=grafana.ALL, zone=grafana.ALL, window=10, bucket="dns")
            checks, asked = InfluxChecks(source, truth, over, 10), set()
            for what, figure, target in shown(language, lambda f: not isinstance(f, figures.Metric)):
                title = what.split(": ", 2)[2].rsplit(" ", 1)[0]
                if what.split(": ")[1] == "fleet" and title in FLEET and figure.field != "tcp_rtt_ms_p50":
                    checks.check(what, figure, target)
                    asked.add(title)
            check_equal(asked, set(FLEET), "panels")


@test
def queries(lab):
    if not FLUX:
        raise Skip("FLUX names no InfluxDB that speaks Flux")
    with network() as net:
        run = Run(lab, net)
        play(lab, run.start())


def check_asked(points, sent):
    """What the datasets that are off by default count of all, is all; what they name is what was sent."""
    queries, responses = sent.total() + 2 * ODD_QUERIES, sent.answers() + 2 * ODD_RESPONSES
    for measurement, where in (("dns_address", {}), ("dns_identity", {}), ("dns_subnet", {}), ("dns_domain", {"by": "queries"}),
                               ("dns_clients", {"trait": "all"})):
        check_equal(sum(points.by(measurement, "queries", **where).values()), queries, f"queries of {measurement}")
    for measurement in ("dns_address", "dns_identity"):
        check_equal(sum(points.by(measurement, "responses").values()), responses, f"responses of {measurement}")
    named = {(tags["kind"], have["subject"]) for name, tags, have, _ in points.points if name == "dns_attack"}
    check({("random-subdomain", "attacked.example"), ("reflection", VICTIM)} <= named, f"attacks: {named}")


def play(lab, run):
    began = int(time.time()) - 30
    sent = Sent()
    # As large as the second: where a counter grows to many times what it was, Prometheus' rate has less of it, since it
    # takes none to have been below 0 before its first scrape.
    first = run.load(3000)
    second, over = run.watched(3000)
    for one in (first, second):
        for name in ("queries", "responses", "qtype", "rcode", "opcode"):
            for key, n in getattr(one, name).items():
                getattr(sent, name)[key] = getattr(sent, name).get(key, 0) + n
    grown = run.metrics.grown("crosstap_dns_queries_total", (), {})
    check_equal(grown, {(): second.total() + ODD_QUERIES}, "what /metrics grew by is what was sent")
    started = time.monotonic()
    check_variables(run.promql, "promql", over, f"127.0.0.1:{run.bench.crosstap.port}")
    check_prometheus(run, over)
    run.bench.stop()
    points = run.bench.points()
    check_equal(sum(points.by("dns", "queries").values()), sent.total() + 2 * ODD_QUERIES, "queries in points")
    check_equal(sum(points.by("dns", "responses").values()), sent.answers() + 2 * ODD_RESPONSES, "responses in points")
    hand = points.by("dns_qtype", "queries", "qtype", zone="hand")
    nameserver = {k: n - hand.get(k, 0) for k, n in points.by("dns_qtype", "queries", "qtype").items()}
    check_equal(nameserver, sent.qtype, "types in points")
    check_asked(points, sent)
    over = grafana.Range(began - began % 60, (int(time.time()) // 60 + 1) * 60, STEP_S)
    variables = {"server": grafana.ALL, "site": grafana.ALL, "zone": grafana.ALL, "interface": grafana.ALL,
                 "window": WINDOW_S, "bucket": "dns"}
    for kind, language, database in ((grafana.InfluxQL, "influxql", run.influx), (grafana.Flux, "flux", run.flux)):
        source = kind(run.net.server, database.url, **variables)
        source.over = over
        check_variables(source, language, over, run.bench.crosstap.config["server"])
        check_influx(source, language, over, points)
        board = dict(board_files(language))["overview"]
        check_odd_step(source, points, board["panels"][0]["targets"][0])
    print(f"note asked in {time.monotonic() - started:.1f} s", flush=True)


if __name__ == "__main__":
    main()
