# SPDX-License-Identifier: BSD-2-Clause
"""An agent's documents, made up: a nameserver with some traffic, which has any verdict from some minute on."""

import functools
import math
import time

INTERVAL = 10
HORIZON = 60
ZONES = {"nl": 520, "example.org": 260, "example.net": 90, "amsterdam": 44}
TYPES = {"A": 0.46, "AAAA": 0.24, "HTTPS": 0.1, "NS": 0.07, "DS": 0.05, "MX": 0.05, "TXT": 0.03}
RCODES = {"NOERROR": 0.78, "NXDOMAIN": 0.2, "REFUSED": 0.015, "SERVFAIL": 0.005}
TRANSPORTS = {"udp": 0.93, "tcp": 0.06, "dot": 0.01}
COUNTRIES = {"NL": (0.34, 4.2), "DE": (0.22, 9.8), "US": (0.19, 88.0), "FR": (0.09, 12.1), "BR": (0.06, 190.0),
             "SG": (0.04, 161.0), "unknown": (0.06, None)}
ASES = {"15169": ("GOOGLE", 0.31, 6.1), "13335": ("CLOUDFLARENET", 0.22, 3.9), "3320": ("DTAG", 0.14, 11.7),
        "1136": ("KPN National", 0.12, 4.4), "36692": ("CISCO-UMBRELLA", 0.08, 9.0), "other": (None, 0.13, None)}
LOSSES = {"stack-loss": "stack_drops", "socket-loss": "socket_drops", "dnstap-loss": "unexplained"}
ENUM = ("wire-blind", "dnstap-blind", "partial", "stack-loss", "socket-loss", "rate-limited", "server-silent", "dnstap-loss",
        "ok")


def wave(at):
    """A day and its noise, from 0.4 to 1.3."""
    return 0.85 + 0.35 * math.sin(at / 13750) + 0.08 * math.sin(at / 97) + 0.05 * math.sin(at * 7.13)


class Canned:
    """`since` seconds ago the verdict began; `gap`: (from, to) seconds ago of which nothing is remembered; `later`: so many
    windows after now, in another process."""

    def __init__(self, verdict="ok", since=420, gap=(1500, 1140), share=0.06, later=0):
        self.verdict, self.share = verdict, share
        self.now = int(time.time()) // INTERVAL * INTERVAL + later * INTERVAL
        self.started = self.now - 266000 + later
        self.began, self.gap = self.now - since, tuple(self.now - seconds for seconds in gap)
        self.more = {}

    def move(self):
        self.now += INTERVAL

    # -- figures of the window that begins at `at`

    @functools.cache
    def funnel(self, at):
        wire = round(INTERVAL * 0.93 * sum(ZONES.values()) * wave(at))
        verdict = self.verdict if at >= self.began else "ok"
        loss = LOSSES.get(self.verdict)
        lost = round(wire * self.share) if loss and at >= self.began - 2 * INTERVAL else 0
        row = {"nic_drops": 0, "wire_queries": wire, "stack_drops": 0, "socket_drops": 0, "queued": 0,
               "malformed": 2 if at % 40 == 0 else 0, "not_logged": 1 if at % 60 == 0 else 0, "unexplained": 0, "tx_drops": 0,
               "boundary": 12, "balance": 0, "listen_overflows": 0, "complete": 1, "verdict": verdict}
        if loss:
            row[loss] = lost
        row["explained"] = sum(row[n] for n in ("stack_drops", "socket_drops", "queued", "malformed", "not_logged"))
        row["dnstap_queries"] = wire - row["explained"] - row["unexplained"]
        silent = verdict == "server-silent"
        answered = row["dnstap_queries"] if loss != "unexplained" else wire
        row["wire_responses"] = row["dnstap_responses"] = round(answered * (0.3 if silent else 0.998))
        if verdict == "wire-blind":
            row.update(wire_queries=0, wire_responses=0)
        if verdict == "dnstap-blind":
            row.update(dnstap_queries=0, dnstap_responses=0, unexplained=wire)
        row["unanswered"] = row["dnstap_queries"] - row["wire_responses"]
        row["corrected"] = row["dnstap_queries"] + max(0, row["unexplained"])
        row["corrected_low"], row["corrected_high"] = row["corrected"] - 12, row["corrected"] + 12
        return row

    @functools.cache
    def zone_queries(self, zone, at):
        return round(INTERVAL * ZONES[zone] * wave(at + 977 * len(zone)))

    # -- documents

    def documents(self):
        return {"/healthz": lambda query: {"status": "ok", "verdict": self.verdict},
                "/api/v1/status": lambda query: self.status(), "/api/v1/window": lambda query: self.window(),
                "/api/v1/crosscheck": lambda query: self.crosscheck(), "/api/v1/resolvers": lambda query: self.resolvers(),
                "/api/v1/history": self.history, "/api/v1/events": 404, **self.more}

    def streamed(self):
        """Those of an agent whose stream the test itself is."""
        documents = self.documents()
        del documents["/api/v1/events"]
        return documents

    def status(self):
        start = self.now - INTERVAL
        return {"server": "ns1.ams", "now_ms": 1000 * self.now + 1500, "started_ms": 1000 * self.started,
                "window": {"start_ms": 1000 * start, "end_ms": 1000 * self.now}, "version": "0.1.0",
                "config_hash": "4474d995281c19e8", "interval_s": float(INTERVAL),
                "connections": 0 if self.verdict == "dnstap-blind" else 1, "resolvers": 4213, "frames": 501238112,
                "frames_bad": 0, "late": 461, "lost": 0, "overflow": 0, "rss_bytes": 42295296, "cpu_us": 712415000,
                "windows": 26600, "log_dropped": 0, "merged": 0, "points": 14270,
                "inputs": [{"address": "/run/crosstap/dnstap.sock", "connections": 0 if self.verdict == "dnstap-blind" else 1,
                            "frames": 501238112, "frames_bad": 0, "refused": 0, "timed_out": 0, "denied": 0, "cut": 0,
                            "late": 461, "skewed": 0, "last_frame_age_s": 0.39}],
                "outputs": [{"name": "influxdb https://influx.example:8086 bucket=dns", "points": 1427011, "points_dropped": 0,
                             "points_rejected": 0, "queued": 0, "spool_batches": 0, "spool_bytes": 0,
                             "spool_limit_bytes": 268435456, "failing": False, "last_error": ""},
                            {"name": "otlp http://127.0.0.1:4318", "points": 91211, "points_dropped": 0, "points_rejected": 0,
                             "queued": 3, "spool_batches": 12, "spool_bytes": 1310720, "spool_limit_bytes": 268435456,
                             "failing": True, "last_error": "Could not connect to server"}]}

    def zone(self, zone):
        at = self.now - INTERVAL
        n = self.zone_queries(zone, at)
        share = {name: round(n * part) for name, part in TYPES.items()}
        rcode = {name: round(n * part) for name, part in RCODES.items()}
        return {"queries": n, "responses": n, "query_bytes": 44 * n, "response_bytes": 120 * n, "sources": n // 3,
                "malformed": {"query": 2, "response": 0}, "qtype": share, "rcode": rcode,
                "qtype_rcode": {name: {"NOERROR": part - part // 4, "NXDOMAIN": part // 4} for name, part in share.items()},
                "messages": {t: {"ipv4": {"queries": round(n * p * 0.6), "responses": round(n * p * 0.6)},
                                 "ipv6": {"queries": round(n * p * 0.4), "responses": round(n * p * 0.4)}}
                             for t, p in TRANSPORTS.items()},
                "response_time_us": {"count": n, "p50": 41.5, "p90": 96.1, "p99": 402.2, "max": 2100.4},
                "subnets": [{"rank": i + 1, "subnet": f"192.0.{i}.0/24", "queries": round(n / (6 + 3 * i)),
                             "response_bytes": round(120 * n / (6 + 3 * i)), "nxdomain": round(n / (40 + i))}
                            for i in range(8)] + [{"rank": 9, "subnet": "2001:db8::/48", "queries": n // 40,
                                                   "response_bytes": 3 * n, "nxdomain": 4}],
                "junk": {"root": round(n / 90), "single-label": round(n / 70), "address": round(n / 210)},
                "clients": {"validating": {"sources": n // 9, "queries": n // 2}, "0x20": {"sources": n // 40, "queries": n // 5},
                            "qname-minimising": {"sources": n // 20, "queries": n // 3}}}

    def window(self):
        at = self.now - INTERVAL
        return {"server": "ns1.ams", "start_ms": 1000 * at, "end_ms": 1000 * self.now, "time_ms": 1000 * at,
                "interval_s": float(INTERVAL), "partial": False, "frames": 18211, "frames_bad": 0, "late": 0, "skewed": 0,
                "zones": {zone: self.zone(zone) for zone in ZONES}}

    def crosscheck(self):
        at = self.now - INTERVAL
        rows = [self.funnel(at - i * INTERVAL) for i in range(HORIZON // INTERVAL)]
        funnel = rows[0]
        horizon = {"windows": len(rows)}
        for field in ("wire_queries", "dnstap_queries", "stack_drops", "socket_drops", "unexplained"):
            horizon[field] = sum(row[field] for row in rows)
        direction = {t: {f: {"wire": round(n * funnel["wire_queries"]), "dnstap": round(n * funnel["dnstap_queries"]),
                             "difference": round(n * (funnel["wire_queries"] - funnel["dnstap_queries"])), "left_out": 0,
                             "late": 0, "boundary": 7}
                         for f, n in (("ipv4", 0.6 * p), ("ipv6", 0.4 * p))} for t, p in (("udp", 1), ("tcp", 0.06))}
        drops = [{"reason": "netfilter", "messages": funnel["stack_drops"], "upper_bound": False}] \
            if funnel["stack_drops"] else []
        return {"time_ms": 1000 * at, "modes": {} if self.verdict == "wire-blind" else {"ens3": "native", "ens4": "tc"},
                "query": direction, "response": direction, "funnel": funnel, "stack_drops": drops,
                "stack_drops_source": "packets", "complete": True, "incomplete": [], "horizon": horizon,
                "unexplained": funnel["unexplained"], "verdict": self.verdict}

    def resolvers(self):
        zones = {}
        for zone in ZONES:
            n = self.zone_queries(zone, self.now - INTERVAL)
            resolvers = []
            for i in range(40):
                asn, (org, _, rtt) = list(ASES.items())[i % 5]
                row = {"rank": i + 1, "address": f"192.0.2.{i + 1}" if i % 3 else f"2001:db8:53::{i + 1:x}",
                       "country": list(COUNTRIES)[i % 6], "asn": int(asn), "queries": round(n / (5 + 2 * i)),
                       "nxdomain": round(n / (30 + 11 * i)), "icmp_rtt_ms": rtt + i / 7, "as_org": org}
                if i % 4 == 0:
                    row["tcp_rtt_ms"] = rtt + i / 5
                resolvers.append(row)
            zones[zone] = {"resolvers": resolvers, "countries": {}, "asns": {}, "names": self.names(zone, n)}
            for name, (share, rtt) in COUNTRIES.items():
                zones[zone]["countries"][name] = self.origin(n, share, rtt)
            for name, (org, share, rtt) in ASES.items():
                zones[zone]["asns"][name] = {**self.origin(n, share, rtt), **({"as_org": org} if org else {})}
        return {"start_ms": 1000 * (self.now - INTERVAL), "end_ms": 1000 * self.now, "zones": zones,
                "ping": {"enabled": True, "status": "ok", "sent": 91233, "received": 81222, "timeouts": 10011, "known": 4213},
                "databases": {"country": {"path": "/var/lib/crosstap/geo/country.mmdb", "loaded": True,
                                          "type": "GeoLite2-Country", "age_s": 86400}}}

    @staticmethod
    def names(zone, n):
        words = ("bank", "nieuws", "shop", "weer", "kranten", "school", "fiets", "huis", "boot", "mail", "auth", "api")
        return {"query": [{"name": f"www.{word}.{zone}", "count": round(n / (9 + 4 * i))} for i, word in enumerate(words)],
                "nxdomain": [{"name": f"{c * 3}.{zone}", "count": round(n / (60 + 9 * i))} for i, c in enumerate("qxzwvjk")]}

    @staticmethod
    def origin(n, share, rtt):
        row = {"queries": round(n * share), "responses": round(n * share), "sources": round(n * share / 9)}
        if rtt:
            row.update(icmp_rtt_ms_p50=rtt, icmp_rtt_ms_p90=2 * rtt, tcp_rtt_ms_p50=1.1 * rtt)
        return row

    # -- what is remembered

    def series(self):
        """[(measurement, tags, field, fold, function of a window's start)]"""
        all_of = []
        for field in self.funnel(self.now):
            fold = "min" if field in ("verdict", "complete") else "last" if field == "balance" else "sum"
            all_of.append(("funnel", {}, field, fold, lambda at, field=field: self.funnel(at)[field]))
        for transport, share in (("udp", 1), ("tcp", 0.06)):
            for field, of in (("wire", "wire_queries"), ("dnstap", "dnstap_queries")):
                all_of.append(("crosscheck", {"direction": "query", "transport": transport}, field, "sum",
                               lambda at, of=of, share=share: round(self.funnel(at)[of] * share)))
        queries = {zone: (lambda at, zone=zone: self.zone_queries(zone, at)) for zone in ZONES}

        @functools.cache
        def everything(at):
            return sum(self.zone_queries(zone, at) for zone in ZONES)
        for zone, count in queries.items():
            all_of.append(("dns", {"zone": zone}, "queries", "sum", count))
        for name, share in TRANSPORTS.items():
            all_of.append(("dns", {"transport": name}, "queries", "sum", lambda at, p=share: round(everything(at) * p)))
        for measurement, tag, field, shares in (("dns_qtype", "qtype", "queries", TYPES), ("dns_rcode", "rcode", "responses", RCODES)):
            for name, share in shares.items():
                all_of.append((measurement, {tag: name}, field, "sum", lambda at, p=share: round(everything(at) * p)))
                for zone, count in queries.items():
                    all_of.append((measurement, {"zone": zone, tag: name}, field, "sum",
                                   lambda at, p=share, count=count: round(count(at) * p)))
        for tags in ({}, *({"zone": zone} for zone in ZONES)):
            for field, base in (("p50_us", 41.0), ("p99_us", 402.0)):
                all_of.append(("dns_latency", tags, field, "max", lambda at, base=base: base * (0.6 + wave(3 * at) / 2)))
        for family, base in (("ipv4", 9000.0), ("ipv6", 8200.0)):
            for field, scale in (("p50_us", 1), ("p99_us", 11)):
                all_of.append(("wire_tcp_rtt", {"family": family}, field, "max",
                               lambda at, base=base * scale: base * (0.8 + wave(5 * at) / 5)))
        for name, (share, rtt) in COUNTRIES.items():
            all_of.append(("dns_country", {"zone": "nl", "country": name}, "queries", "sum",
                           lambda at, p=share: round(everything(at) * p)))
            if rtt:
                all_of.append(("dns_country", {"zone": "nl", "country": name}, "icmp_rtt_ms_p50", "max",
                               lambda at, rtt=rtt: rtt * (0.9 + wave(7 * at) / 10)))
        return all_of

    def events(self):
        told = [(self.now - 3000, "producer", "/run/crosstap/dnstap.sock: 1 connected, Knot DNS 3.4.6"),
                (self.now - 2100, "reload", "another configuration: top.names")]
        if self.gap:
            told.append((self.gap[1], "start", "crosstap 0.1.0, 1 inputs"))
        if self.verdict != "ok":
            told.append((self.began, "verdict", self.verdict))
        return [{"time": at, "kind": kind, "text": text} for at, kind, text in sorted(told)]

    def history(self, query):
        start = float(query.get("from", -3600))
        start = start + self.now if start < 0 else start
        end = min(self.now, float(query.get("to", self.now)))
        step = max(INTERVAL, int(query.get("step", 0)) or INTERVAL)
        while (end - start) / step > 4000:
            step *= 2
        start = max(start, self.now - 172800) // step * step
        points = max(0, math.ceil((end - start) / step))
        times = [start + i * step for i in range(points)]
        known = [not (self.gap and self.gap[0] <= at < self.gap[1]) for at in times]
        names = query.get("names", "").split(",")
        series = []
        for measurement, tags, field, fold, of in self.series():
            if names != [""] and measurement not in names and f"{measurement}.{field}" not in names:
                continue
            scale = step / INTERVAL if fold == "sum" else 1
            values = [None if not there else of(at) if isinstance(of(at), str) else
                      round(of(at) * scale) if fold == "sum" else of(at) for at, there in zip(times, known)]
            series.append({"measurement": measurement, "tags": tags, "field": field, "unit": "", "fold": fold, "values": values})
        return {"from": start, "to": start + points * step, "step": step, "points": points,
                "held": {"windows": {"from": self.now - 3600, "to": self.now, "step": INTERVAL},
                         "minutes": {"from": self.now - 172800, "to": self.now, "step": 60}},
                "watched": [step if there else None for there in known], "series": series,
                "events": [event for event in self.events() if start <= event["time"] < start + points * step]}
