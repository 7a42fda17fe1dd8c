# SPDX-License-Identifier: BSD-2-Clause
"""The boards and their panels: the one description that all three languages are written from. A panel is one entry;
what a language cannot say of it is left out there. Words and units come from the table of what is measured."""

import dataclasses

from figures import Bins, Level, Log, Metric, Nearest, Nodes, Odd, Portion, Rate, Rows, Share, Silent, Total, Weighted, \
    Words, Worst


@dataclasses.dataclass
class Panel:
    """`kind`: Grafana's type; `w` of 24 columns; `alert`: whose threshold and paragraph of the runbook it has; `unit`:
    where the table's is not meant; `join`: the column over which a table joins its figures; `note`: beside the table's
    words."""
    title: str
    figures: tuple
    kind: str = "timeseries"
    w: int = 12
    h: int = 8
    stack: bool = False
    alert: str = ""
    unit: str = ""
    join: str = ""
    note: str = ""
    link: str = ""  # a board, to which a series' tag is handed on


@dataclasses.dataclass
class Row:
    title: str


@dataclasses.dataclass
class Board:
    name: str
    title: str
    page: str  # of the handbook
    panels: tuple
    variables: tuple = ("server", "site", "zone")


def one(title, figure, **more):
    return Panel(title, (figure,), **more)


def stat(title, *figures, **more):
    return Panel(title, figures, kind="stat", w=more.pop("w", 6), h=4, **more)


def asked(word):
    """The note of what is not made by default."""
    return f"Off by default: the word {word} of the option datasets makes it."


DISTINCT = ("sources", "names", "magnitude")  # those of two nodes may be the same ones


def top(measurement, tag, *fields, where=None, metric=""):
    """A table of what is greatest, by zone and rank; in /metrics, of nodes and zones together, by what it is. `metric`:
    the field of /metrics, where it is called otherwise."""
    where, ranked = where or {}, measurement.replace("dns_", "dns_top_")
    return (Rows(f"{measurement}.{tag}", ("server", "zone", "rank"), where=where, fields=(tag, *fields)),
            *(Metric(f"{measurement}.{field}", (tag,), where=where, metric=f"{ranked}.{metric or field}", info="yes",
                     instant=True, how="max" if field in DISTINCT else "sum") for field in fields))


LATENCY = {"metric": "dns_latency.seconds"}


def latency(by):
    tags = " ".join(f"{{{tag}}}" for tag in by)
    return (Weighted("dns_latency.p50_us", by, legend=f"p50 {tags}", quantile=0.5, **LATENCY),
            Worst("dns_latency.p99_us", by, legend=f"p99 {tags}", quantile=0.99, **LATENCY))


def verdicts():
    return (Words("funnel.verdict", ("server",)), Metric("verdict.is", ("server", "verdict")))


EVENTS = one("Events", Log("crosstap_event.text", ("kind", "server")), kind="table", w=24)
WAY = tuple(Rate(f"funnel.{field}") for field in ("wire_queries", "dnstap_queries", "dnstap_responses", "wire_responses"))
STAGES = ("nic_drops", "stack_drops", "socket_drops", "tx_drops", "listen_overflows")


def witnesses(direction):
    return (Rate("crosscheck.wire", where={"direction": direction}, legend="wire"),
            Rate("crosscheck.dnstap", where={"direction": direction}, legend="dnstap"))


def origin(measurement, tag, top, fields=("queries", "responses"), by=()):
    """A table of who asks, with both round-trip times."""
    by = (tag, *by)
    figures = [Total(f"{measurement}.{field}", by) for field in fields]
    figures += [Metric(f"{top}.queries", by, info="yes", how="sum", instant=True)]
    figures += [Weighted(f"{measurement}.{way}_rtt_ms_p50", by, weight=f"queries_{way}", metric=f"{top}.{way}_rtt_ms",
                         total=True) for way in ("icmp", "tcp")]
    return tuple(figures)


def nearer(measurement, tag, top):
    """A table of what its queries see now, and of the node that is nearest."""
    way = {"weight": "queries_icmp", "metric": f"{top}.icmp_rtt_ms"}
    return (Total(f"{measurement}.queries", (tag,)),
            Metric(f"{top}.queries", (tag,), info="yes", how="sum", instant=True),
            Weighted(f"{measurement}.icmp_rtt_ms_p50", (tag,), total=True, **way),
            Nearest(f"{measurement}.icmp_rtt_ms_p50", (tag,), **way))


OVERVIEW = Board("overview", "DNS: overview", "crosstap-quickstart.7", (
    stat("Queries", Rate("dns.queries")),
    stat("Responses", Rate("dns.responses")),
    stat("Queries in this range", Total("dns.queries")),
    stat("Queries without a response", Share("funnel.dnstap_queries", less="wire_responses"), alert="CrosstapUnanswered"),
    Panel("Verdict of the cross-check", verdicts(), kind="state-timeline", w=24, h=6, alert="CrosstapVerdict",
          link="crosscheck"),
    one("Queries by zone", Rate("dns.queries", ("zone",)), stack=True, link="zone"),
    one("Queries by transport", Rate("dns.queries", ("transport", "family")), stack=True),
    one("Queries by type", Rate("dns_qtype.queries", ("qtype",)), stack=True),
    one("Responses by code", Rate("dns_rcode.responses", ("rcode",)), stack=True),
    Panel("Response time", latency(("transport",))),
    Panel("Queries: wire beside dnstap", witnesses("query"), link="crosscheck"),
    Panel("Where queries are lost", tuple(Rate(f"funnel.{f}") for f in STAGES), alert="CrosstapSocketDrops",
          link="crosscheck"),
    one("Clients in a window", Level("dns_sources.sources", ("zone", "family"))),
    Panel("Queries of attacks", (Rate("dns_attack.queries", ("kind",)),
                                 Metric("dns_top_attack.queries", ("kind",), how="sum")), note=asked("attacks")),
    Panel("Attacks", (Rows("dns_attack.subject", ("server", "kind", "rank"),
                           fields=("subject", "queries", "response_bytes", "share", "since_s")),
                      Metric("dns_top_attack.queries", ("server", "kind", "rank"), instant=True)), kind="table", w=24,
          note=asked("attacks")),
    EVENTS,
))

ZONE = Board("zone", "DNS: zone", "crosstap-metrics.7", (
    Row("Traffic"),
    Panel("Queries and responses", (Rate("dns.queries", ("zone",), legend="queries {zone}"),
                                    Rate("dns.responses", ("zone",), legend="responses {zone}"))),
    one("Queries by transport", Rate("dns.queries", ("transport", "family")), stack=True),
    Panel("Bytes", (Rate("dns.query_bytes"), Rate("dns.response_bytes"))),
    Panel("Response time", latency(("zone", "transport"))),
    Row("Questions"),
    one("Queries by type", Rate("dns_qtype.queries", ("qtype",)), stack=True),
    one("Bytes of responses by type", Rate("dns_qtype.response_bytes", ("qtype",)), stack=True),
    one("Queries by class", Rate("dns_class.queries", ("class",)), w=8),
    one("Queries by opcode", Rate("dns_opcode.queries", ("opcode",)), w=8),
    one("Malformed messages", Rate("dns.malformed", ("transport",), metric="dns_malformed.messages"), w=8),
    one("Length of names", Bins("dns_qname.b0", prefixes=("b",), metric="dns_qname_lengths.queries", tag="length"),
        kind="bargauge", w=8),
    one("Labels of names", Bins("dns_qname.labels_0", prefixes=("labels_",), metric="dns_qname_labels.queries",
                                tag="labels"), kind="bargauge", w=8),
    one("Queries that should not have come", Rate("dns_junk.queries", ("kind",)), stack=True),
    one("Queries by transport and type", Total("dns_transport_qtype.queries", ("transport", "qtype")), kind="table"),
    Panel("Priming", (Rate("dns_priming.queries", ("transport",), legend="queries {transport}"),
                      Rate("dns_priming.queries_do", ("transport",), legend="with DO {transport}"),
                      Rate("dns_priming.responses_tc", ("transport",), legend="answered with TC {transport}"))),
    one("Source ports", Total("dns_sport_range.queries", ("range",)), kind="table", note=asked("ports")),
    one("Kinds of names", Bins("dns_qname.idn", prefixes=("idn", "mixed_case", "reverse"),
                               metric="dns_qname_traits.queries", tag="trait"), kind="bargauge", w=8),
    Row("Answers"),
    one("Responses by code", Rate("dns_rcode.responses", ("rcode",)), stack=True),
    one("Responses by type and code", Total("dns_qtype_rcode.responses", ("qtype", "rcode")), kind="table"),
    one("Extended DNS errors", Rate("dns_ede.responses", ("code",)), w=8),
    one("Size of messages", Bins("dns_size.b0", prefixes=("b",)), kind="bargauge", w=8),
    one("Outgoing queries", Rate("dns_outgoing.queries", ("zone",)), w=8),
    Row("EDNS"),
    one("Queries by EDNS version", Rate("dns_edns.queries", ("version",)), stack=True, w=8),
    one("Advertised UDP size", Bins("dns_edns_size.b0", prefixes=("b", "none"), metric="dns_edns_sizes.queries", tag="size"),
        kind="bargauge", w=8),
    one("Client subnets", Rate("dns_ecs.queries", ("family", "prefix")), w=8),
    one("Flags and options of queries", Bins("dns_flags.rd", where={"direction": "query"},
                                             prefixes=("aa", "tc", "rd", "ra", "ad", "cd", "do", "edns", "cookie", "ecs",
                                                       "nsid")), kind="bargauge"),
    one("Flags and options of responses", Bins("dns_flags.aa", where={"direction": "response"},
                                               prefixes=("aa", "tc", "rd", "ra", "ad", "cd", "do", "edns", "cookie",
                                                         "ecs", "nsid")), kind="bargauge"),
    Row("Names"),
    one("Most frequent names, last window", Rows("dns_name.name", ("server", "zone", "rank"), where={"kind": "query"},
                                                 fields=("name", "count")), kind="table"),
    one("Names that do not exist, last window", Rows("dns_name.name", ("server", "zone", "rank"),
                                                     where={"kind": "nxdomain"}, fields=("name", "count")), kind="table"),
    Row("Domains"),
    Panel("Domains by queries, last window",
          top("dns_domain", "domain", "queries", "nxdomain", "sources", "names", "magnitude", where={"by": "queries"}),
          kind="table", w=24, join="domain", note=asked("domains")),
    Panel("Domains by clients, last window", top("dns_domain", "domain", "sources", "magnitude", where={"by": "sources"}),
          kind="table", join="domain", note=asked("domains")),
    Panel("Domains by answers with NXDOMAIN, last window",
          top("dns_domain", "domain", "nxdomain", "names", where={"by": "nxdomain"}), kind="table", join="domain",
          note=asked("domains")),
    Row("The server's addresses and identities"),
    one("Queries by the server's address", Rate("dns_address.queries", ("address",)), stack=True, note=asked("addresses")),
    one("Responses by the server's address", Rate("dns_address.responses", ("address",)), stack=True,
        note=asked("addresses")),
    Panel("Bytes by the server's address", (Rate("dns_address.query_bytes", ("address",), legend="queries {address}"),
                                            Rate("dns_address.response_bytes", ("address",), legend="responses {address}")),
          note=asked("addresses")),
    Panel("Messages by the server's identity", (Rate("dns_identity.queries", ("identity",), legend="queries {identity}"),
                                                Rate("dns_identity.responses", ("identity",), legend="responses {identity}")),
          note=asked("addresses")),
))

CROSSCHECK = Board("crosscheck", "DNS: funnel and cross-check", "crosstap-crosscheck.7", (
    Panel("Verdict", verdicts(), kind="state-timeline", w=24, h=6, alert="CrosstapVerdict"),
    Row("The funnel: UDP from the NIC to the answer"),
    Panel("The funnel in this range", tuple(Total(f"funnel.{field}", legend=field) for field in (
        "nic_drops", "wire_queries", "stack_drops", "socket_drops", "dnstap_queries", "dnstap_responses", "tx_drops",
        "wire_responses")), kind="bargauge"),
    Panel("The way of a query", WAY),
    Panel("Where queries are lost", tuple(Rate(f"funnel.{f}", ("server",), legend=f"{f} {{server}}") for f in STAGES),
          alert="CrosstapSocketDrops"),
    one("Queries without a response", Share("funnel.dnstap_queries", ("server",), less="wire_responses"),
        alert="CrosstapUnanswered"),
    Panel("Unexplained in a window, and what may be next door",
          (Level("funnel.unexplained", ("server",), how="mean", legend="unexplained {server}"),
           Level("funnel.boundary", ("server",), how="mean", legend="boundary {server}"))),
    one("Balance", Level("funnel.balance", ("server",), how="last")),
    Row("Wire beside dnstap"),
    Panel("Queries", witnesses("query")),
    Panel("Responses", witnesses("response")),
    one("Wire less dnstap in a window", Level("crosscheck.difference", ("direction", "transport", "family"), how="mean")),
    Panel("Not compared, or late", (Rate("crosscheck.left_out", ("direction",), legend="left out, {direction}"),
                                    Rate("crosscheck.late", ("direction",), legend="late, {direction}"))),
    one("Queries on the wire that dnstap lacks, by type", Total("crosscheck_qtype.difference", ("qtype",)), kind="table"),
    one("Clients that miss most, last window", Rows("crosscheck_source.address", ("server", "rank"),
                                                    fields=("address", "wire", "dnstap", "difference")), kind="table"),
    Row("Interfaces"),
    one("Messages", Rate("wire.messages", ("interface", "direction", "transport", "family")), stack=True),
    one("Packets", Rate("wire.packets", ("interface", "direction", "transport")), stack=True),
    one("Bytes of IP", Rate("wire.bytes", ("interface", "direction")), stack=True),
    Panel("Odd ones", tuple(Rate(f"wire.{f}", ("interface", "direction"), legend=f"{f} {{interface}} {{direction}}")
                            for f in ("malformed", "not_query", "not_query_aa", "fragments"))),
    one("Malformed by reason", Rate("wire_malformed.messages", ("direction", "reason"))),
    Panel("TCP: connections and what could not be followed",
          tuple(Rate(f"wire.{f}", ("interface",), legend=f"{f} {{interface}}") for f in ("connections", "resets", "resync")),
          alert="CrosstapListenOverflows"),
    one("Truncated", Rate("wire.tc", ("interface", "direction"))),
    one("Queries by type", Rate("wire_qtype.messages", ("qtype",)), stack=True),
    one("Responses by code", Rate("wire_rcode.messages", ("rcode",)), stack=True),
    one("Queries by opcode", Rate("wire_opcode.messages", ("opcode",))),
    one("How interfaces are watched", Metric("wire_mode.watched", ("server", "interface", "mode"), instant=True),
        kind="table", alert="CrosstapWireSteppedDown"),
), variables=("server", "site", "interface"))

RESOLVERS = Board("resolvers", "DNS: resolvers and how far away they are", "crosstap-metrics.7", (
    Panel("Round-trip time by country", origin("dns_country", "country", "dns_top_country", ("queries",)),
          kind="geomap", w=24, h=14, join="country",
          note="Colour: the median by ICMP echo; size: queries."),
    Panel("Countries", origin("dns_country", "country", "dns_top_country"), kind="table", join="country"),
    Panel("Autonomous systems", origin("dns_asn", "asn", "dns_top_asn"), kind="table", join="asn"),
    one("Queries by country", Rate("dns_country.queries", ("country",)), stack=True),
    one("Queries by AS", Rate("dns_asn.queries", ("asn",)), stack=True),
    one("Round-trip time by country, ICMP", Weighted("dns_country.icmp_rtt_ms_p50", ("country",), weight="queries_icmp",
                                                     metric="dns_top_country.icmp_rtt_ms")),
    one("Round-trip time by country, TCP", Weighted("dns_country.tcp_rtt_ms_p50", ("country",), weight="queries_tcp",
                                                    metric="dns_top_country.tcp_rtt_ms")),
    one("90th percentile by country, ICMP", Worst("dns_country.icmp_rtt_ms_p90", ("country",))),
    Panel("TCP handshakes", (Weighted("wire_tcp_rtt.p50_us", ("family",), legend="p50 {family}", weight="handshakes",
                                      metric="wire_tcp_rtt.seconds", quantile=0.5),
                             Worst("wire_tcp_rtt.p99_us", ("family",), legend="p99 {family}", metric="wire_tcp_rtt.seconds",
                                   quantile=0.99))),
    Panel("Queries whose round-trip time is known", tuple(Rate(f"dns_country.{f}") for f in (
        "queries_icmp", "queries_tcp", "queries_both", "queries_unmeasured"))),
    one("Clients in a window", Level("dns_country.sources", ("country",))),
    Panel("The busiest clients, last window", (
        Rows("dns_resolver.address", ("server", "zone", "rank"),
             fields=("address", "country", "asn", "queries", "nxdomain", "icmp_rtt_ms", "tcp_rtt_ms")),
        Metric("dns_top_resolver.queries", ("address", "country"), info="yes", how="sum", instant=True)), kind="table", w=24),
    Row("What clients are like"),
    one("Clients in a window by trait, the largest zone", Level("dns_clients.sources", ("trait",),
                                                                metric="dns_top_clients.sources")),
    Panel("Queries by trait of the client", (Rate("dns_clients.queries", ("trait",)),
                                             Metric("dns_top_clients.queries", ("trait",), how="sum"))),
    Row("Networks, and clients that stand out"),
    Panel("The busiest networks, last window", top("dns_subnet", "subnet", "queries", "response_bytes", "nxdomain"),
          kind="table", w=24, join="subnet", note=asked("addresses")),
    *(Panel(f"Most {words}, last window", top("dns_talker", "address", "count", where={"by": by}, metric="queries"),
            kind="table", w=width, unit=unit, note=asked("addresses")) for by, words, width, unit in (
                ("response_bytes", "bytes of responses", 8, "bytes"), ("nxdomain", "answers with NXDOMAIN", 8, ""),
                ("refused", "answers with REFUSED", 8, ""), ("tcp", "queries over TCP", 12, ""),
                ("malformed", "malformed queries", 12, ""))),
))

SITES = Board("sites", "DNS: site against site", "crosstap-fleet.7", (
    one("Queries by site", Rate("dns.queries", ("site",)), stack=True),
    one("Share of the queries", Total("dns.queries", ("site",)), kind="piechart"),
    one("Queries by node", Rate("dns.queries", ("server",)), link="crosscheck"),
    one("Responses by site", Rate("dns.responses", ("site",))),
    Panel("Response time", latency(("site",))),
    one("Queries without a response", Share("funnel.dnstap_queries", ("site",), less="wire_responses"),
        alert="CrosstapUnanswered"),
    one("NXDOMAIN", Rate("dns_rcode.responses", ("site",), where={"rcode": "NXDOMAIN"})),
    one("SERVFAIL", Rate("dns_rcode.responses", ("site",), where={"rcode": "SERVFAIL"})),
    one("Over TCP", Rate("dns.queries", ("site",), where={"transport": "tcp"})),
    Panel("Wire and dnstap by site", (Rate("funnel.wire_queries", ("site",), legend="wire {site}"),
                                      Rate("funnel.dnstap_queries", ("site",), legend="dnstap {site}"))),
    one("Full sockets", Rate("funnel.socket_drops", ("site",)), alert="CrosstapSocketDrops"),
    one("Round-trip time of TCP handshakes", Weighted("wire_tcp_rtt.p50_us", ("site",), weight="handshakes",
                                                      metric="wire_tcp_rtt.seconds", quantile=0.5)),
    one("Clients in a window, the largest zone", Level("dns_sources.sources", ("site",))),
    Panel("Verdicts", verdicts(), kind="state-timeline", w=24, alert="CrosstapVerdict"),
))

FLEET = Board("fleet", "crosstap: agents", "crosstap-fleet.7", (
    Panel("Agents", (Rows("crosstap.version", ("server",), fields=("version", "config_hash", "interval_s", "connections",
                                                                   "rss_bytes")),
                     Metric("crosstap_build.info", ("server", "version"), instant=True)), kind="table", w=24,
          alert="CrosstapNodeSilent"),
    Row("The fleet's questions"),
    Panel("Nodes whose verdict is not ok", (Odd("funnel.verdict", ("server",), metric="verdict.is"),), kind="table", w=8,
          alert="CrosstapVerdict", link="crosscheck"),
    Panel("Nodes that are silent", (Silent("crosstap.interval_s", ("server",), metric="crosstap.window_end_time_s"),),
          kind="table", w=8, alert="CrosstapNodeSilent"),
    Panel("One event on many nodes", (Nodes("crosstap_event.text", ("kind",)),
                                      Metric("verdict.is", ("verdict",), how="sum")), w=8,
          note="A step up to many nodes at once is no node's own trouble. Without events: nodes by verdict."),
    stat("Queries of all nodes", Rate("dns.queries"), w=4),
    stat("Nodes with windows", Nodes("crosstap.interval_s"), w=4),
    stat("Queries of all nodes in this range", Total("dns.queries"), w=4),
    one("Queries by node", Rate("dns.queries", ("server",)), stack=True),
    Row("Catchment"),
    Panel("Which AS asks which node", origin("dns_asn", "asn", "dns_top_asn", ("queries",), by=("server",)), kind="table"),
    Panel("Which country asks which node", origin("dns_country", "country", "dns_top_country", ("queries",), by=("server",)),
          kind="table"),
    Panel("Nearer at: the nearest node of each AS", nearer("dns_asn", "asn", "dns_top_asn"), kind="table", join="asn",
          note="An AS whose time now is far above the least would be nearer at that node. Choose all nodes at the top."),
    Panel("Nearer at: the nearest node of each country", nearer("dns_country", "country", "dns_top_country"), kind="table",
          join="country"),
    Row("Inputs"),
    one("Producers", Level("crosstap_input.connections", ("server", "input"), how="min"),
        alert="CrosstapInputWithoutProducer"),
    one("Frames", Rate("crosstap_input.frames", ("server", "input")), stack=True),
    Panel("Frames that say nothing, or wrong times", tuple(
        Rate(f"crosstap.{f}", ("server",), legend=f"{f} {{server}}") for f in ("frames_bad", "frames_ignored", "late",
                                                                               "skewed")), alert="CrosstapClockSkew"),
    Panel("Connections turned away", tuple(
        Rate(f"crosstap_input.{f}", ("server",), legend=f"{f} {{server}}") for f in ("refused", "timed_out", "denied", "cut"))),
    Panel("Memory ran out", tuple(
        Rate(f"crosstap.{f}", ("server",), legend=f"{f} {{server}}") for f in ("merged", "lost", "overflow", "pairs_evicted"))),
    one("Last frame", Level("crosstap_input.last_frame_age_s", ("server", "input"))),
    Row("Outputs"),
    one("Points", Rate("crosstap.points", ("server",), metric="crosstap_output.points")),
    Panel("Points lost", (Rate("crosstap.points_dropped", ("server",), metric="crosstap_output.points_dropped",
                               legend="dropped {server}"),
                          Rate("crosstap.points_rejected", ("server",), metric="crosstap_output.points_rejected",
                               legend="refused {server}")), alert="CrosstapPointsLost"),
    one("The spool's share that is taken", Portion("crosstap.spool_bytes", ("server",), whole="spool_limit_bytes",
                                                   metric="crosstap_output.spool_bytes"), alert="CrosstapSpoolHalfFull"),
    one("Waiting on disk", Level("crosstap.spool_points", ("server",), metric="crosstap_output.spool_points")),
    Row("Processes"),
    one("CPU", Rate("crosstap.cpu_us", ("server",), scale=1e6), unit="percentunit"),
    one("Memory", Level("crosstap.rss_bytes", ("server",))),
    one("How late windows are", Level("crosstap.window_lag_ms", ("server",))),
    one("Clients in the table", Level("crosstap.resolvers", ("server",))),
    one("Interfaces in a worse mode", Level("crosstap.wire_stepped_down", ("server",)), alert="CrosstapWireSteppedDown"),
    one("Lines of the log that nobody read", Rate("crosstap.log_dropped", ("server",))),
    one("Age of the oldest database", Level("crosstap.mmdb_age_s", ("server",)), alert="CrosstapDatabaseOld"),
    one("Certificates end in", Level("crosstap_certificate.expires_in_s", ("server", "certificate"), how="min"),
        alert="CrosstapCertificateEnds"),
    EVENTS,
))

BOARDS = (OVERVIEW, ZONE, CROSSCHECK, RESOLVERS, SITES, FLEET)
