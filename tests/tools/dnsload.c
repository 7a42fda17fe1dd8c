/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A DNS load generator that knows exactly what it sent. Paced; never more unanswered queries in
 * flight than a receiver's socket buffer holds, so that nothing is lost on the way; always bounded.
 */
#include <getopt.h>
#include <signal.h>

#include "base/unused.h"
#include "dnsload_channel.h"
#include "dnsload_report.h"

static volatile sig_atomic_t stopping;

static void on_signal(int number UNUSED)
{
	stopping = 1;
}

/* ---- addresses ---- */

static void parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
	} else {
		die(text, "not an address");
	}
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static void add_source(const struct sockaddr_storage *address)
{
	if (load.n_sources == SOURCES_MAX)
		die("--source", "too many addresses");
	if (!load.sources)
		load.sources = calloc(SOURCES_MAX, sizeof(*load.sources));
	if (!load.sources)
		die("--source", strerror(ENOMEM));
	load.sources[load.n_sources++] = *address;
}

static void parse_sources(char *list)
{
	struct sockaddr_storage address;

	for (char *save, *item = strtok_r(list, ",", &save); item;
	     item = strtok_r(NULL, ",", &save)) {
		parse_address(item, 0, &address);
		add_source(&address);
	}
}

/* All host addresses of an IPv4 network, its first and last left out. */
static void parse_source_net(char *text)
{
	char *slash = strchr(text, '/');
	long prefix = slash ? strtol(slash + 1, NULL, 10) : 0;
	struct sockaddr_storage address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
	uint32_t base;

	if (prefix < 16 || prefix > 30)
		die(text, "a network is ADDRESS/16 to ADDRESS/30");
	*slash = 0;
	parse_address(text, 0, &address);
	if (address.ss_family != AF_INET)
		die(text, "not an IPv4 network");
	base = ntohl(v4->sin_addr.s_addr) & ~0U << (32 - prefix);
	for (uint32_t i = 1; i < (1U << (32 - prefix)) - 1; i++) {
		v4->sin_addr.s_addr = htonl(base + i);
		add_source(&address);
	}
}

/* ---- the run ---- */

static void send_due(uint64_t due)
{
	while (due && load.waiting < load.window) {
		unsigned room = load.window - load.waiting, n = room < BURST ? room : BURST;

		n = due < n ? (unsigned)due : n;
		if (load.n_tcp && (!load.n_udp || mix_percent(&load.mix, load.tcp_percent))) {
			struct channel *c = &load.tcp[load.next_tcp++ % load.n_tcp];

			if (c->waiting < PIPELINE)
				tcp_send(c);
			else if (load.waiting >= load.n_tcp * PIPELINE)
				return;
			due--;
		} else {
			/* With TCP beside it a burst is one, so that the shares come out as asked.
			 */
			n = load.n_tcp ? 1 : n;
			udp_send(&load.udp[load.next_udp++ % load.n_udp], n);
			due -= n;
		}
	}
}

static void receive(int timeout_ms)
{
	struct pollfd fds[SOCKETS + CONNECTIONS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < load.n_udp; i++)
		fds[n++] = (struct pollfd){.fd = load.udp[i].fd, .events = POLLIN};
	for (unsigned i = 0; i < load.n_tcp; i++)
		fds[n++] = (struct pollfd){.fd = load.tcp[i].fd, .events = POLLIN};
	if (poll(fds, n, timeout_ms) <= 0)
		return;
	for (unsigned i = 0; i < load.n_udp; i++)
		if (fds[i].revents)
			udp_receive(&load.udp[i]);
	for (unsigned i = 0; i < load.n_tcp; i++)
		if (fds[load.n_udp + i].revents)
			tcp_receive(&load.tcp[i]);
}

static void expire_all(uint64_t now)
{
	for (unsigned i = 0; i < load.n_udp; i++)
		expire(&load.udp[i], now);
	for (unsigned i = 0; i < load.n_tcp; i++)
		expire(&load.tcp[i], now);
}

/*
 * How many queries are due. After a stall the schedule moves on: what was missed is not caught up
 * with in a burst, which a nameserver's own dnstap queue might not hold.
 */
static uint64_t due_now(uint64_t *schedule_ns, uint64_t now)
{
	const uint64_t behind_max_ns = 20 * 1000 * 1000;
	uint64_t left = load.count - total_sent(), step_ns, due;

	if (!load.rate)
		return left;
	step_ns = NSEC_PER_SEC / load.rate;
	step_ns += !step_ns;
	if (now < *schedule_ns)
		return 0;
	if (now - *schedule_ns > behind_max_ns + step_ns)
		*schedule_ns = now - behind_max_ns;
	due = (now - *schedule_ns) / step_ns + 1;
	due = due < left ? due : left;
	return due;
}

static void run(void)
{
	uint64_t start = now_ns(), now = start, schedule_ns = start;

	while (!stopping && total_sent() < load.count &&
	    (!load.duration_ns || now - start < load.duration_ns)) {
		uint64_t before = total_sent();

		send_due(due_now(&schedule_ns, now));
		if (load.rate)
			schedule_ns += (total_sent() - before) * NSEC_PER_SEC / load.rate;
		receive(1);
		now = now_ns();
		expire_all(now);
	}
	load.elapsed_ns = now - start;
	while (load.waiting) {
		receive(10);
		expire_all(now_ns());
	}
	receive(50); /* answers to malformed queries, which nobody waits for */
}

/* ---- options ---- */

static const char usage[] =
    "usage: dnsload --server ADDRESS --port N [options]\n"
    "  --count N            queries (10000; at most 100000000)\n"
    "  --rate N             a second (2000; 0: as fast as answers come)\n"
    "  --duration S         stop after so many seconds\n"
    "  --window N           at most so many unanswered (100)\n"
    "  --timeout S          for an answer (2)\n"
    "  --tcp N              TCP connections; --tcp-percent P of the queries go there (100)\n"
    "  --tcp-cut            segments end in prefixes, headers and names, and hold two messages\n"
    "  --source A[,A...] | --source-net NET/16../30   --sources N of them\n"
    "  --zone NAME          may be repeated (example.nl) | --names FILE of `name [type]`\n"
    "  --chaos --opcodes --malformed PERCENT --no-edns   beside the usual mix\n"
    "  --seed N --json --namespace (the target may be other than loopback)\n";

static uint64_t number(const char *option, const char *text, double max)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0 && value <= max))
		die(option, "not a number in range");
	return (uint64_t)value;
}

static uint64_t nanoseconds(const char *option, const char *seconds, double max)
{
	number(option, seconds, max);
	return (uint64_t)(strtod(seconds, NULL) * (double)NSEC_PER_SEC);
}

enum option_key {
	O_SERVER = 256,
	O_PORT,
	O_COUNT,
	O_RATE,
	O_DURATION,
	O_WINDOW,
	O_TIMEOUT,
	O_TCP,
	O_TCP_PERCENT,
	O_TCP_CUT,
	O_SOURCE,
	O_SOURCE_NET,
	O_SOURCES,
	O_ZONE,
	O_NAMES,
	O_CHAOS,
	O_OPCODES,
	O_MALFORMED,
	O_NO_EDNS,
	O_SEED,
	O_JSON,
	O_NAMESPACE
};

static const struct option options[] = {{"server", 1, 0, O_SERVER}, {"port", 1, 0, O_PORT},
    {"count", 1, 0, O_COUNT}, {"rate", 1, 0, O_RATE}, {"duration", 1, 0, O_DURATION},
    {"window", 1, 0, O_WINDOW}, {"timeout", 1, 0, O_TIMEOUT}, {"tcp", 1, 0, O_TCP},
    {"tcp-percent", 1, 0, O_TCP_PERCENT}, {"tcp-cut", 0, 0, O_TCP_CUT}, {"source", 1, 0, O_SOURCE},
    {"source-net", 1, 0, O_SOURCE_NET}, {"sources", 1, 0, O_SOURCES}, {"zone", 1, 0, O_ZONE},
    {"names", 1, 0, O_NAMES}, {"chaos", 0, 0, O_CHAOS}, {"opcodes", 0, 0, O_OPCODES},
    {"malformed", 1, 0, O_MALFORMED}, {"no-edns", 0, 0, O_NO_EDNS}, {"seed", 1, 0, O_SEED},
    {"json", 0, 0, O_JSON}, {"namespace", 0, 0, O_NAMESPACE}, {0}};

struct arguments {
	const char *server;
	uint16_t port;
	size_t sources_max;
	bool tcp_percent_given;
};

/* Options of the sockets. Returns false for one that is not among them. */
static bool socket_option(int key, struct arguments *args)
{
	switch (key) {
	case O_SERVER:
		args->server = optarg;
		return true;
	case O_PORT:
		args->port = (uint16_t)number("--port", optarg, 65535);
		return true;
	case O_WINDOW:
		load.window = (unsigned)number("--window", optarg, 10000);
		return true;
	case O_TIMEOUT:
		load.timeout_ns = nanoseconds("--timeout", optarg, 60);
		return true;
	case O_TCP:
		load.n_connections = (unsigned)number("--tcp", optarg, CONNECTIONS_MAX);
		return true;
	case O_TCP_PERCENT:
		load.tcp_percent = (unsigned)number("--tcp-percent", optarg, 100);
		args->tcp_percent_given = true;
		return true;
	case O_TCP_CUT:
		load.tcp_cut = true;
		return true;
	case O_SOURCE:
		parse_sources(optarg);
		return true;
	case O_SOURCE_NET:
		parse_source_net(optarg);
		return true;
	case O_SOURCES:
		args->sources_max = number("--sources", optarg, SOURCES_MAX);
		return true;
	case O_NAMESPACE:
		load.namespace = true;
		return true;
	default:
		return false;
	}
}

static void load_option(int key)
{
	switch (key) {
	case O_COUNT:
		load.count = number("--count", optarg, 1e8);
		break;
	case O_RATE:
		load.rate = number("--rate", optarg, 1e7);
		break;
	case O_DURATION:
		load.duration_ns = nanoseconds("--duration", optarg, 3600);
		break;
	case O_ZONE:
		if (load.mix.n_zones == QUERY_ZONES_MAX)
			die("--zone", "too many");
		load.mix.zones[load.mix.n_zones++] = optarg;
		break;
	case O_NAMES:
		if (query_names_read(&load.mix, optarg))
			die(optarg, "no list of names");
		break;
	case O_CHAOS:
		load.mix.chaos = true;
		break;
	case O_OPCODES:
		load.mix.opcodes = true;
		break;
	case O_MALFORMED:
		load.mix.malformed_percent = (unsigned)number("--malformed", optarg, 50);
		break;
	case O_NO_EDNS:
		load.mix.no_edns = true;
		break;
	case O_SEED:
		load.mix.state = number("--seed", optarg, 1e15);
		break;
	case O_JSON:
		load.json = true;
		break;
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void parse_options(int argc, char **argv)
{
	struct arguments args = {.port = 53, .sources_max = SOURCES_MAX};
	int key;

	while ((key = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!socket_option(key, &args))
			load_option(key);
	if (!args.server || optind < argc) {
		fputs(usage, stderr);
		exit(2);
	}
	parse_address(args.server, args.port, &load.server);
	load.server_length = address_length(&load.server);
	if (!is_loopback(&load.server) && !load.namespace)
		die(args.server,
		    "not a loopback address; --namespace says that it is a test host in a "
		    "namespace of yours");
	if (!load.mix.n_zones)
		load.mix.zones[load.mix.n_zones++] = "example.nl";
	if (load.n_connections && !args.tcp_percent_given)
		load.tcp_percent = 100;
	load.n_sources = args.sources_max < load.n_sources ? args.sources_max : load.n_sources;
	for (size_t i = 0; i < load.n_sources; i++)
		if (load.sources[i].ss_family != load.server.ss_family)
			die("--source", "not of the server's family");
	load.source_used = calloc(load.n_sources + 1, sizeof(*load.source_used));
	if (!load.source_used)
		die("--source", strerror(ENOMEM));
}

static void open_channels(void)
{
	load.n_tcp = load.n_connections;
	load.n_udp = load.n_tcp && load.tcp_percent == 100 ? 0 : SOCKETS;
	for (unsigned i = 0; i < load.n_udp; i++) {
		channel_init(&load.udp[i], false);
		udp_open(&load.udp[i]);
	}
	for (unsigned i = 0; i < load.n_tcp; i++) {
		channel_init(&load.tcp[i], true);
		if (load.n_sources)
			load.tcp[i].source = take_source();
		tcp_open(&load.tcp[i]);
	}
}

static void close_channels(void)
{
	for (unsigned i = 0; i < load.n_udp; i++) {
		close(load.udp[i].fd);
		free(load.udp[i].slots);
	}
	for (unsigned i = 0; i < load.n_tcp; i++) {
		close(load.tcp[i].fd);
		free(load.tcp[i].slots);
		free(load.tcp[i].in);
	}
	for (size_t i = 0; i < load.mix.n_names; i++)
		free(load.mix.names[i].name);
	free(load.mix.names);
	free(load.sources);
	free(load.source_used);
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	open_channels();
	run();
	if (load.json)
		print_json();
	else
		print_text();
	close_channels();
	return 0;
}
