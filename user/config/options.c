/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/options.h"

#include "config/option_row.h"
#include "config/parse/texts.h"

#define MAX_UNIX_PATH 107 /* sun_path with its NUL, unix(7) */
#define MAX_ZONES     16000

#define TO(taker) (1u << TAKER_##taker)
#define C         struct config

static const struct config_option root[] = {
    {"server", OPTION_TEXT, .takers = TO(RESTART), .environment = "NSID", .example = "ns1.ams",
	RANGE(1, MAX_TEXT), AT(C, server),
	.help = "The tag `server` on every point: which nameserver this is. "
		"Default: $NSID, else the host name."},
    {"tags", OPTION_TAGS, .takers = TO(OUTPUTS), .example = "{site: ams}", RANGE(0, 32),
	ARRAY(C, tags, n_tags), .check = text_check_tag_key, .help = "More tags on every point."},
    {"interval", OPTION_TIME,
	.takers = TO(WINDOWS) | TO(TABLES) | TO(WIRE) | TO(CROSSCHECK) | TO(OUTPUTS) | TO(PING) |
	    TO(HISTORY),
	.fallback = "10s", RANGE(S, H), AT(C, interval_ns),
	.help = "Length of a window. Windows are aligned to the wall clock."},
    {"grace", OPTION_TIME, .takers = TO(WINDOWS) | TO(TABLES), .fallback = "2s", RANGE(0, 2 * H),
	AT(C, grace_ns), .help = "How long a window waits for late frames; at most two intervals."},
    {"datasets", OPTION_WORDS, .takers = TO(INPUTS) | TO(TABLES) | TO(REPORT),
	.fallback = "[core, edns, names, clients]", RANGE(0, 9),
	WORDS("core", "edns", "names", "domains", "clients", "addresses", "attacks", "ports",
	    "sketches"),
	AT(C, datasets),
	.help = "What is counted of dnstap beside messages, sources, types, rcodes, flags, sizes "
		"and times. `core`: classes, responses by type, by type and rcode, by rcode and "
		"size, queries by type and transport; `edns`: versions, advertised sizes, client "
		"subnets, extended errors; `names`: lengths, labels and kinds of query names, "
		"never names, queries that should not have come, and priming; `domains`: what is "
		"asked for most below each zone; `clients`: what clients are like; `addresses`: "
		"the server's own "
		"addresses and identities, networks of clients, clients by what stands out; "
		"`attacks`: random subdomains, reflection and floods while they last; `ports`: "
		"source ports of queries, in 64 ranges; `sketches`: registers of the sources of "
		"each zone, from which those of a fleet are counted (crosstap-fleet(7)), under "
		"rssac002.key_file and not without it. `domains`, `addresses` and `attacks` cost "
		"a tenth of a frame's CPU each; what is left out costs nothing. One that a "
		"reload adds or takes away is not in the windows that were open then: it would "
		"have a part of them."},
    {"inputs", OPTION_INPUTS, .takers = TO(INPUTS) | TO(TABLES), RANGE(0, 256),
	ARRAY(C, inputs, n_inputs),
	.help = "Where dnstap arrives: one entry for each nameserver, zone or group of zones. "
		"`inputs: []` watches the wire only."},

    {"wire", OPTION_SECTION,
	.help = "What the kernel counts on the network interfaces (XDP and tc)."},
    {"wire.interfaces", OPTION_INTERFACES, .takers = TO(WIRE), .fallback = "auto", RANGE(1, 64),
	ARRAY(C, wire.interfaces, wire.interfaces_auto), .check = text_check_interface,
	.help = "`auto`, those that routes use, or a list as in [eth0]. Never a device together "
		"with its upper "
		"device (bond, VLAN)."},
    {"wire.mode", OPTION_WORD, .takers = TO(WIRE) | TO(COMPARED) | TO(CROSSCHECK),
	.fallback = "auto", WORDS("auto", "native", "generic", "tc", "packet", "off"),
	AT(C, wire.mode),
	.help = "How packets are counted: native XDP, generic XDP, tc, AF_PACKET. `auto` takes the "
		"best "
		"that works and never generic XDP."},
    {"wire.ports", OPTION_PORTS, .takers = TO(WIRE) | TO(COMPARED), .fallback = "[53]",
	RANGE(1, 16), AT(C, wire.ports), .help = "UDP and TCP ports of DNS."},
    {"wire.dot_ports", OPTION_PORTS, .takers = TO(WIRE), .fallback = "[853]", RANGE(0, 16),
	AT(C, wire.dot_ports),
	.help = "TCP ports of DNS over TLS: packets and connections are counted."},
    {"wire.doh_ports", OPTION_PORTS, .takers = TO(WIRE), .fallback = "[443]", RANGE(0, 16),
	AT(C, wire.doh_ports), .help = "TCP ports of DNS over HTTPS."},
    {"wire.doq_ports", OPTION_PORTS, .takers = TO(WIRE), .fallback = "[853]", RANGE(0, 16),
	AT(C, wire.doq_ports), .help = "UDP ports of DNS over QUIC."},
    {"wire.addresses", OPTION_NETWORKS, .takers = TO(WIRE) | TO(COMPARED) | TO(PING),
	.fallback = "[]", RANGE(0, 1024), ARRAY(C, wire.addresses, wire.n_addresses),
	.help = "Only traffic to and from these server addresses; empty: all of this host's."},
    {"wire.rtt", OPTION_BOOL, .takers = TO(WIRE), .fallback = "true", AT(C, wire.rtt),
	.help = "Round-trip time of TCP handshakes."},
    {"wire.per_source", OPTION_BOOL, .takers = TO(WIRE), .fallback = "true", AT(C, wire.per_source),
	.help = "Counters of the wire for each resolver."},
    {"wire.netns", OPTION_TEXT, .takers = TO(RESTART), .fallback = "\"\"", RANGE(0, MAX_PATH),
	AT(C, wire.netns),
	.help = "A network namespace to work in, by name or path; empty: the program's own."},
    {"wire.on_exit", OPTION_WORD, .takers = TO(WIRE), .fallback = "detach", WORDS("detach", "keep"),
	AT(C, wire.on_exit),
	.help = "Whether the programs leave the interfaces at the end. `keep` is for NICs that "
		"reset when a "
		"program is attached."},

    {"crosscheck", OPTION_SECTION, .help = "Holding dnstap against the wire."},
    {"crosscheck.horizon", OPTION_TIME, .takers = TO(CROSSCHECK), .fallback = "60s", RANGE(S, D),
	AT(C, crosscheck_horizon_ns),
	.help = "What the verdict sums; never less than two windows."},
    {"crosscheck.nft_counters", OPTION_TEXTS, .takers = TO(WIRE), .fallback = "[]", RANGE(0, 64),
	AT(C, nft_counters), .check = text_check_nft_counter,
	.help = "Named nftables counters, as in [filter/dns_drops], of packets that are dropped on "
		"purpose. Read where the kernel does not give each dropped packet and its reason."},

    {"ping", OPTION_SECTION, .help = "ICMP echo to resolvers."},
    {"ping.enabled", OPTION_BOOL, .takers = TO(PING), .fallback = "true", AT(C, ping.enabled),
	.help = "Whether to ping at all."},
    {"ping.rate", OPTION_RATE, .takers = TO(PING), .fallback = "200/s", RANGE(0.01, 10000),
	AT(C, ping.rate_per_s), .help = "At most so many echo requests a second."},
    {"ping.every", OPTION_TIME, .takers = TO(PING), .fallback = "10m", RANGE(S, 7 * D),
	AT(C, ping.every_ns), .help = "How often each resolver is measured."},
    {"ping.exclude", OPTION_NETWORKS, .takers = TO(PING), .fallback = "[]", RANGE(0, 1024),
	ARRAY(C, ping.exclude, ping.n_exclude),
	.help = "Networks that are never pinged, as in [10.0.0.0/8]."},
    {"ping.source", OPTION_NETWORKS, .takers = TO(PING), .fallback = "[]", RANGE(0, 64),
	ARRAY(C, ping.source, ping.n_source),
	.help = "Unicast addresses of this host to ping from. Without them never from an address "
		"on lo or in "
		"wire.addresses, since the answer to an anycast address goes to another site."},

    {"geo", OPTION_SECTION,
	.help = "Country and AS of resolvers, from MMDB files: GeoLite2, GeoIP2, DB-IP, IPinfo, "
		"iptoasn."},
    {"geo.country", OPTION_TEXT, .takers = TO(GEO) | TO(DOWNLOAD),
	.example = "/var/lib/crosstap/country.mmdb", RANGE(0, MAX_PATH), AT(C, geo.country),
	.help = "A database with countries (Country or City)."},
    {"geo.asn", OPTION_TEXT, .takers = TO(GEO) | TO(DOWNLOAD),
	.example = "/var/lib/crosstap/asn.mmdb", RANGE(0, MAX_PATH), AT(C, geo.asn),
	.help = "A database with AS numbers."},
    {"geo.maxmind", OPTION_SECTION,
	.help = "Download from MaxMind, with $MAXMIND_ACCOUNT_ID and $MAXMIND_LICENSE_KEY from the "
		"environment."},
    {"geo.maxmind.editions", OPTION_TEXTS, .takers = TO(DOWNLOAD), .fallback = "[]", RANGE(0, 2),
	AT(C, geo.maxmind_editions), .check = text_check_edition,
	.help = "What to fetch, as in [GeoLite2-Country, GeoLite2-ASN]; empty: nothing. Country or "
		"City is kept at "
		"geo.country, ASN at geo.asn."},
    {"geo.maxmind.url", OPTION_TEXT, .takers = TO(DOWNLOAD),
	.fallback = "https://download.maxmind.com/geoip/databases", RANGE(1, MAX_PATH),
	AT(C, geo.maxmind_url), .check = text_check_database_url, .is_url = true,
	.help =
	    "MaxMind, or a mirror of one's own, by https; {edition} stands for the edition, and "
	    "without it /EDITION/download?suffix=tar.gz is appended. Account and key, if set, go "
	    "to "
	    "this host."},
    {"geo.maxmind.every", OPTION_TIME, .takers = TO(DOWNLOAD), .fallback = "24h", RANGE(H, 365 * D),
	AT(C, geo.maxmind_every_ns),
	.help = "How old a file may become before a newer one is asked for."},

    {"privacy", OPTION_SECTION,
	.help = "What may leave the process, in points, page, JSON and logs."},
    {"privacy.addresses", OPTION_WORD, .takers = TO(PRIVACY), .fallback = "full",
	WORDS("full", "prefix", "cryptopan", "none"), AT(C, privacy.addresses),
	.help = "`prefix` keeps /24 and /48; `cryptopan` encrypts and keeps prefixes."},
    {"privacy.names", OPTION_WORD, .takers = TO(PRIVACY), .fallback = "full",
	WORDS("full", "suffix", "none"), AT(C, privacy.names),
	.help = "`suffix` cuts names to the registered domain."},
    {"privacy.cryptopan_key_file", OPTION_TEXT, .takers = TO(PRIVACY), .is_file = true,
	.fallback = "/etc/crosstap/cryptopan.key", RANGE(1, MAX_PATH),
	AT(C, privacy.cryptopan_key_file),
	.help = "32 bytes, readable by its owner alone; without it `cryptopan` does not start."},

    {"top", OPTION_SECTION, .help = "The top lists of a window."},
    {"top.resolvers", OPTION_UINT, .takers = TO(REPORT) | TO(CROSSCHECK), .fallback = "50",
	RANGE(0, 10000), AT(C, top.resolvers), .help = "Busiest resolvers."},
    {"top.asns", OPTION_UINT, .takers = TO(RESOLVERS), .fallback = "50", RANGE(0, 10000),
	AT(C, top.asns), .help = "Busiest ASes."},
    {"top.names", OPTION_UINT, .takers = TO(REPORT) | TO(TABLES), .fallback = "20", RANGE(0, 10000),
	AT(C, top.names), .help = "Names and domains asked for most."},
    {"top.nxdomain", OPTION_UINT, .takers = TO(REPORT) | TO(TABLES), .fallback = "20",
	RANGE(0, 10000), AT(C, top.nxdomain),
	.help = "Names that do not exist, asked for most, and domains with most of them."},
    {"top.subnets", OPTION_UINT, .takers = TO(REPORT), .fallback = "20", RANGE(0, 10000),
	AT(C, top.subnets), .help = "Busiest networks, /24 and /48."},
    {"top.talkers", OPTION_UINT, .takers = TO(REPORT), .fallback = "10", RANGE(0, 10000),
	AT(C, top.talkers),
	.help = "Clients, by each of: bytes that they are sent, NXDOMAIN, REFUSED, queries over "
		"TCP, malformed queries."},
    {"top.key", OPTION_WORD, .takers = TO(REPORT), .fallback = "rank", WORDS("rank", "value"),
	AT(C, top.key),
	.help = "What the tag of a top list holds: `rank` bounds the number of series, `value` "
		"(the address, the name) does not. Values that `privacy` makes one are one row."},

    {"domains", OPTION_SECTION,
	.help = "What a domain is, of the dataset `domains`: the last labels of a name, those of "
		"its zone and so many more. Of the root zone it is the TLD; of an input with a "
		"`zone` that lists no names, so many more labels than that label has dots and "
		"one. Each zone has as many as top.names by queries and by clients, and as "
		"top.nxdomain by NXDOMAIN answers."},
    {"domains.suffixes", OPTION_TEXT, .takers = TO(INPUTS), .is_file = true, .fallback = "\"\"",
	RANGE(0, MAX_PATH), AT(C, domains.suffixes),
	.example = "/usr/share/publicsuffix/public_suffix_list.dat",
	.help = "A file of public suffixes, below which names are registered (co.uk): where the "
		"suffix is longer than the zone's name, labels are counted below it. One rule a "
		"line, as in the Public Suffix List: `*.NAME` is all of one more label, `!NAME` an "
		"exception, `//` and `#` begin a comment. Read again at a reload."},
    {"domains.labels", OPTION_UINT, .takers = TO(INPUTS), .fallback = "1", RANGE(1, 10),
	AT(C, domains.labels), .help = "Labels below the zone or the public suffix."},

    {"domains.tlds", OPTION_TEXT, .takers = TO(INPUTS), .is_file = true, .fallback = "\"\"",
	RANGE(0, MAX_PATH), AT(C, domains.tlds),
	.example = "/etc/crosstap/tlds-alpha-by-domain.txt",
	.help = "A file of the TLDs that there are, a name a line, `#` begins a comment, as IANA "
		"publishes it (https://data.iana.org/TLD/tlds-alpha-by-domain.txt): queries below "
		"others are `non-auth-tld` of dns_junk, of the dataset `names`. Without one, those "
		"of September 2026. Read again at a reload."},

    {"clients", OPTION_SECTION,
	.help = "From what on a client has a trait, of the dataset `clients`: by what it asked and "
		"was answered on the UTC day, or, while that is less than least_queries, on the "
		"day before. A share is between 0 and 1."},
    {"clients.validating_queries", OPTION_UINT, .takers = TO(INPUTS) | TO(RESOLVERS),
	.fallback = "10", RANGE(1, 65535), AT(C, clients.validating_queries),
	.help = "`validating`: so many queries for DS or DNSKEY with DO a day (RFC 4035 section "
		"4.1). A few are also what a person at a keyboard sends;"},
    {"clients.validating_share", OPTION_REAL, .takers = TO(INPUTS) | TO(RESOLVERS),
	.fallback = "0.001", RANGE(0, 1), AT(C, clients.validating_share),
	.help = "and this share of its queries, as behind a forwarder a few validate for "
		"themselves."},
    {"clients.least_queries", OPTION_UINT, .takers = TO(INPUTS) | TO(RESOLVERS), .fallback = "50",
	RANGE(1, 255), AT(C, clients.least_queries),
	.help = "`minimising` and `fixed_port` need so many queries, the latter over UDP: all "
		"from at most two ports (RFC 5452 section 9.2)."},
    {"clients.minimising_share", OPTION_REAL, .takers = TO(INPUTS) | TO(RESOLVERS),
	.fallback = "0.9", RANGE(0, 1), AT(C, clients.minimising_share),
	.help = "`minimising`: this share is for names of at most one label below the zone (RFC "
		"9156; ITHI metric M8)."},
    {"clients.mixed_case_share", OPTION_REAL, .takers = TO(INPUTS) | TO(RESOLVERS),
	.fallback = "0.9", RANGE(0, 1), AT(C, clients.mixed_case_share),
	.help = "`mixed_case`, 0x20: of the names with mixed_case_letters this share has both "
		"cases (draft-vixie-dnsext-dns0x20)."},
    {"clients.mixed_case_letters", OPTION_UINT, .takers = TO(INPUTS) | TO(RESOLVERS),
	.fallback = "8", RANGE(1, 255), AT(C, clients.mixed_case_letters),
	.help = "Letters of a name that shows its case: random case leaves eight in one with 1 in "
		"128."},
    {"clients.large_edns", OPTION_UINT, .takers = TO(INPUTS) | TO(RESOLVERS), .fallback = "1232",
	RANGE(0, 65535), AT(C, clients.large_edns),
	.help = "`large_edns`: advertised more bytes over UDP (DNS flag day 2020)."},
    {"clients.nxdomain_share", OPTION_REAL, .takers = TO(INPUTS) | TO(RESOLVERS), .fallback = "0.9",
	RANGE(0, 1), AT(C, clients.nxdomain_share),
	.help = "`nxdomain`: more of its answers are NXDOMAIN."},

    {"attacks", OPTION_SECTION,
	.help = "From what on an attack is named, of the dataset `attacks`. Rates are those of a "
		"window, scaled to a minute; a shorter one than 5s has to have what 5s may have. "
		"It is over after two windows below half of them. What is compared with an hour "
		"waits until ten minutes of it are known."},
    {"attacks.names", OPTION_UINT, .takers = TO(REPORT), .fallback = "5000", RANGE(1, 1e9),
	AT(C, attacks.names),
	.help = "random-subdomain: a domain is asked for so many distinct names a minute, and"},
    {"attacks.nxdomain_share", OPTION_REAL, .takers = TO(REPORT), .fallback = "0.9", RANGE(0, 1),
	AT(C, attacks.nxdomain_share),
	.help = "this share of the queries is answered NXDOMAIN (PRSD attacks, as in "
		"Luo et al., \"Large-scale detection of PRSD attacks\", 2018), or there are "
		"`times` as many names as in its hour, as where a wildcard answers."},
    {"attacks.response_bytes", OPTION_SIZE, .takers = TO(REPORT), .fallback = "1000000",
	RANGE(1, TIB), AT(C, attacks.response_bytes),
	.help = "reflection: a client is sent so many bytes over UDP a minute, of one zone,"},
    {"attacks.amplification", OPTION_REAL, .takers = TO(REPORT), .fallback = "10", RANGE(1, 10000),
	AT(C, attacks.amplification),
	.help = "so many times as many as its queries over UDP have (US-CERT TA14-017A has 28 to "
		"54 for DNS),"},
    {"attacks.question_share", OPTION_REAL, .takers = TO(REPORT), .fallback = "0.8", RANGE(0.5, 1),
	AT(C, attacks.question_share),
	.help = "and this share of the answers is to one question; resolvers cache theirs. It is "
		"told by a vote: a smaller one may pass, never one below twice this less 1. Once "
		"the attack is named, nobody asks for it any more."},
    {"attacks.query_share", OPTION_REAL, .takers = TO(REPORT), .fallback = "0.2", RANGE(0, 1),
	AT(C, attacks.query_share),
	.help = "flood: a subnet (/24, /48) or AS has more than this share of all queries,"},
    {"attacks.times", OPTION_REAL, .takers = TO(REPORT), .fallback = "10", RANGE(1, 10000),
	AT(C, attacks.times), .help = "so many times as many as in its hour,"},
    {"attacks.queries", OPTION_UINT, .takers = TO(REPORT), .fallback = "6000", RANGE(0, 1e12),
	AT(C, attacks.queries),
	.help =
	    "and at least so many a minute: where little is asked one client is a large share."},

    {"rssac002", OPTION_SECTION, .help = "Daily files of RSSAC002 version 5."},
    {"rssac002.dir", OPTION_TEXT, .takers = TO(RSSAC002), .example = "/var/lib/crosstap/rssac002",
	RANGE(0, MAX_PATH), AT(C, rssac002.dir),
	.help = "Where they are written; without it none are."},
    {"rssac002.source", OPTION_WORD, .takers = TO(REPORT), .fallback = "wire",
	WORDS("wire", "dnstap"), AT(C, rssac002.source),
	.help = "Which witness they are made from; wire needs wire.per_source."},
    {"rssac002.key_file", OPTION_TEXT, .takers = TO(RSSAC002) | TO(REPORT), .is_file = true,
	.fallback = "\"\"", RANGE(0, MAX_PATH), AT(C, rssac002.key_file),
	.example = "/etc/crosstap/rssac002.key",
	.help = "32 bytes, one key for all sites; without it unique sources of sites cannot be "
		"merged, and the dataset `sketches` sends no registers."},

    {"rssac002.prefix", OPTION_TEXT, .takers = TO(RSSAC002) | TO(REPORT), .fallback = "\"\"",
	RANGE(0, 16), AT(C, rssac002.prefix), .example = "b", .check = text_check_prefix,
	.help =
	    "The operator's letter, which begins the names of custom metrics: traffic-volume of "
	    "DoT, DoH and DoQ, of dnstap (b-dns-tls-queries-received-ipv4). Without it there "
	    "are none."},

    {"magnitude", OPTION_SECTION,
	.help = "DNS Magnitude: a dataset of each UTC day, SERVER-YYYYMMDD.cbor, for ICANN's "
		"toolkit. How many clients ask for each domain, by the toolkit's public hash of "
		"their /24 or /48."},
    {"magnitude.dir", OPTION_TEXT, .takers = TO(MAGNITUDE) | TO(INPUTS),
	.example = "/var/lib/crosstap/magnitude", RANGE(0, MAX_PATH), AT(C, magnitude.dir),
	.help = "Where they are written; without it none are."},
    {"magnitude.labels", OPTION_UINT, .takers = TO(MAGNITUDE) | TO(INPUTS), .fallback = "1",
	RANGE(1, 3), AT(C, magnitude.labels),
	.help =
	    "Labels of a domain: 1 counts TLDs, 2 a TLD's registered domains. Queries of opcode "
	    "QUERY count whose TLD looks like one (a letter, then letters, digits and "
	    "hyphens, no hyphen last) and whose other labels have letters, digits, hyphens "
	    "and underscores; what else is asked counts nowhere, as in the toolkit."},
    {"magnitude.domains", OPTION_UINT, .takers = TO(MAGNITUDE), .fallback = "2500",
	RANGE(1, 100000), AT(C, magnitude.domains),
	.help = "Domains in a dataset: those with the most clients."},

    {"outputs", OPTION_OUTPUTS, .takers = TO(OUTPUTS), RANGE(0, 32), ARRAY(C, outputs, n_outputs),
	.help = "Where points go."},
    {"spool", OPTION_SECTION, .help = "Points that an output cannot take now wait on disk."},
    {"spool.path", OPTION_TEXT, .takers = TO(OUTPUTS), .fallback = "/var/lib/crosstap/spool",
	RANGE(1, MAX_PATH), AT(C, spool_path),
	.help = "A folder for them; limits.spool bounds it."},
    {"state", OPTION_TEXT, .takers = TO(RESOLVERS), .fallback = "\"\"", RANGE(0, MAX_PATH),
	AT(C, state), .help = "A file for what shall outlive a restart; empty: nothing does."},

    {"http", OPTION_SECTION, .help = "Page, JSON and Prometheus."},
    {"http.listen", OPTION_TEXT, .takers = TO(HTTP), .fallback = "127.0.0.1:9053",
	RANGE(1, MAX_TEXT), AT(C, http.listen), .check = text_check_listen,
	.help = "ADDRESS:PORT, or `off`."},
    {"http.token_file", OPTION_TEXT, .takers = TO(HTTP), .is_file = true, .fallback = "\"\"",
	RANGE(0, MAX_PATH), AT(C, http.token_file),
	.help =
	    "A file with the token that requests must carry, as a bearer or as the password of the "
	    "user `crosstap`, and that not everybody may read; empty: none is asked for."},
    {"http.tls", OPTION_SECTION, .help = "HTTPS: both, or neither."},
    {"http.tls.cert", OPTION_TEXT, .takers = TO(HTTP), .is_file = true, .fallback = "\"\"",
	RANGE(0, MAX_PATH), AT(C, http.tls_cert),
	.help = "PEM file of the certificate and its chain."},
    {"http.tls.key", OPTION_TEXT, .takers = TO(HTTP), .is_file = true, .fallback = "\"\"",
	RANGE(0, MAX_PATH), AT(C, http.tls_key), .help = "PEM file of the private key."},

    {"limits", OPTION_SECTION,
	.help = "Bounds on what clients, producers and outages can make the program use."},
    {"limits.resolvers", OPTION_UINT, .takers = TO(RESOLVERS) | TO(TABLES) | TO(PING),
	.fallback = "1000000", RANGE(1, 100e6), AT(C, limits.resolvers),
	.help = "Resolvers remembered across windows."},
    {"limits.memory", OPTION_SIZE, .takers = TO(RESOLVERS) | TO(TABLES) | TO(PING) | TO(INPUTS),
	.fallback = "256MiB", RANGE(8 * MIB, TIB), AT(C, limits.memory),
	.help = "Budget of all tables. A sixteenth of it bounds what producers' unfinished long "
		"frames and TLS take."},
    {"limits.spool", OPTION_SIZE, .takers = TO(OUTPUTS), .fallback = "256MiB", RANGE(0, 16 * TIB),
	AT(C, limits.spool),
	.help = "Disk that waiting points may take; 0: none, they wait in memory."},
    {"limits.frame", OPTION_SIZE, .takers = TO(INPUTS), .fallback = "256KiB", RANGE(512, 16 * MIB),
	AT(C, limits.frame), .help = "Longest dnstap frame."},
    {"limits.connections", OPTION_UINT, .takers = TO(INPUTS), .fallback = "1024", RANGE(1, 65536),
	AT(C, limits.connections),
	.help =
	    "Producers connected at a time, over all inputs. Half of them are shared out, so "
	    "that each input has some that no other takes, one at least; one address has at most "
	    "half of what its input can get."},
    {"limits.handshake", OPTION_TIME, .takers = TO(INPUTS), .fallback = "5s",
	RANGE(100 * MS, 600 * S), AT(C, limits.handshake_ns),
	.help = "How long a producer may take over its handshake (TLS and Frame Streams), and over "
		"a frame that it has begun. Between frames it may take any time."},
    {"limits.asns", OPTION_UINT, .takers = TO(RESOLVERS), .fallback = "500", RANGE(0, 1000000),
	AT(C, limits.asns), .help = "ASes that get series of their own, for each zone and day."},
    {"limits.cpu", OPTION_REAL, .takers = TO(WIRE), .fallback = "1.0", RANGE(0.01, 1024),
	AT(C, limits.cpu),
	.help = "Cores that counting packets in user space (mode `packet`) may use before it sheds "
		"itself."},
    {"limits.history", OPTION_SIZE, .takers = TO(HISTORY), .fallback = "8MiB", RANGE(0, GIB),
	AT(C, limits.history),
	.help =
	    "What /api/v1/history remembers: every window of the last hour, every minute of the "
	    "last 48; 0: nothing. With little memory fewer zones and types have series of their "
	    "own; `crosstap check` says how many."},

    {"log", OPTION_SECTION, .help = "Messages on stderr."},
    {"log.level", OPTION_WORD, .takers = TO(LOG), .fallback = "info",
	WORDS("error", "warning", "info", "debug"), AT(C, log_level),
	.help = "The least important level that is written."},
};

#undef C
#define I         struct config_input
#define UNIX_ONLY WHEN(I, kind, INPUT_UNIX, "with `unix`")
#define TCP_ONLY  WHEN(I, kind, INPUT_TCP, "with `tcp`")

static const struct config_option input[] = {
    {"zone", OPTION_TEXT, .takers = TO(INPUTS) | TO(REPORT) | TO(PRIVACY), .fallback = "default",
	RANGE(1, MAX_TEXT), AT(I, zone), WHEN(I, zones.n, 0, "without `zones` and `zones_file`"),
	.help = "The label of everything that arrives here."},
    {"zones", OPTION_ZONES, .takers = TO(INPUTS) | TO(REPORT) | TO(PRIVACY),
	.example = "[nl, example.org]", RANGE(1, MAX_ZONES), AT(I, zones),
	.help = "Instead of `zone`: the label is the longest of these names that the query name "
		"ends with, else "
		"`other`."},
    {"zones_file", OPTION_TEXT, .takers = TO(INPUTS) | TO(REPORT) | TO(PRIVACY),
	.example = "/etc/crosstap/zones.txt", RANGE(1, MAX_PATH), AT(I, zones_file),
	.help = "More such names, one a line; `#` begins a comment."},
    {"unix", OPTION_TEXT, .takers = TO(INPUTS) | TO(COMPARED), .example = CONFIG_DEFAULT_INPUT,
	RANGE(1, MAX_UNIX_PATH), AT(I, address), WHEN(I, kind, INPUT_UNIX, "as the only address"),
	.help = "A Unix socket, made by crosstap."},
    {"mode", OPTION_MODE, .takers = TO(INPUTS), .fallback = "\"0660\"", RANGE(0, 0777), AT(I, mode),
	UNIX_ONLY, .help = "File mode of the Unix socket, octal."},
    {"owner", OPTION_TEXT, .takers = TO(INPUTS), .example = "crosstap", RANGE(0, 32), AT(I, owner),
	.check = text_check_account, UNIX_ONLY, .help = "Owner of the Unix socket."},
    {"group", OPTION_TEXT, .takers = TO(INPUTS), .example = "knot", RANGE(0, 32), AT(I, group),
	.check = text_check_account, UNIX_ONLY, .help = "Group of the Unix socket."},
    {"tcp", OPTION_TEXT, .takers = TO(INPUTS) | TO(COMPARED), .example = "127.0.0.1:6000",
	RANGE(1, MAX_TEXT), AT(I, address), .check = text_check_endpoint,
	WHEN(I, kind, INPUT_TCP, "as the only address"),
	.help = "Instead of `unix`: ADDRESS:PORT or [IPV6]:PORT to listen on."},
    {"allow", OPTION_NETWORKS, .takers = TO(INPUTS), .example = "[192.0.2.0/24, 2001:db8::/32]",
	RANGE(0, 1024), ARRAY(I, allow, n_allow), TCP_ONLY,
	.help = "Networks that producers may connect from; empty: any."},
    {"tls", OPTION_SECTION, TCP_ONLY,
	.help =
	    "dnstap over TLS, 1.2 or 1.3, as Unbound and NSD speak it by default. The files are "
	    "read again at SIGHUP; connections keep what they have."},
    {"tls.cert", OPTION_TEXT, .takers = TO(INPUTS), .is_file = true,
	.example = "/etc/crosstap/dnstap.pem", RANGE(0, MAX_PATH), AT(I, tls_cert), TCP_ONLY,
	.help = "PEM file of the certificate and its chain."},
    {"tls.key", OPTION_TEXT, .takers = TO(INPUTS), .is_file = true,
	.example = "/etc/crosstap/dnstap.key", RANGE(0, MAX_PATH), AT(I, tls_key), TCP_ONLY,
	.help = "PEM file of the private key."},
    {"tls.client_ca", OPTION_TEXT, .takers = TO(INPUTS), .is_file = true,
	.example = "/etc/crosstap/producers-ca.pem", RANGE(0, MAX_PATH), AT(I, tls_client_ca),
	TCP_ONLY,
	.help = "PEM file of the CAs that producers' certificates must be from; empty: they need "
		"none."},
    {"listen_fd", OPTION_TEXT, .takers = TO(INPUTS) | TO(COMPARED), .example = "org",
	RANGE(1, MAX_TEXT), AT(I, address), .check = text_check_fd_name,
	WHEN(I, kind, INPUT_LISTEN_FD, "as the only address"),
	.help = "Instead of `unix`: the name of a socket that systemd passes."},
    {"tee", OPTION_TEXT, .takers = TO(INPUTS), .example = "unix:/run/entrada/dnstap.sock",
	RANGE(0, MAX_PATH), AT(I, tee), .check = text_check_tee,
	.help = "Passes the frames on to a second reader: unix:PATH or tcp:HOST:PORT. It is never "
		"waited for: what it does not take in time is left out and counted."},
    {"scope", OPTION_WORD, .takers = TO(INPUTS) | TO(REPORT) | TO(COMPARED), .fallback = "server",
	WORDS("server", "zone", "witness"), AT(I, scope),
	.help =
	    "`server`: sees every query of the nameserver; `zone`: one zone's, so it feeds the "
	    "figures and not the "
	    "cross-check; `witness`: sees every query again, so it feeds the cross-check only."},
    {"queries", OPTION_WORD, .takers = TO(INPUTS) | TO(COMPARED), .fallback = "frames",
	WORDS("frames", "responses"), AT(I, queries),
	.help = "`responses`: count queries from the response frames that carry them."},
};

#undef I

const struct option_table options_root = TABLE(root, NULL);
const struct option_table options_input = TABLE(input, NULL);
