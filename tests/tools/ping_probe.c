/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the ping thread by itself for the end-to-end test: offers the given addresses as resolvers
 * that asked enough in three windows, waits, and prints status, counters and results as JSON.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ping/ping.h"

#define MAX_ADDRESSES 4096

static struct ping_candidate candidates[MAX_ADDRESSES];
static size_t n_candidates;
static struct config_network excludes[16], services[16], sources[16];
static struct ping_address own[16];

static int parse_network(const char *text, struct config_network *ret)
{
	char address[INET6_ADDRSTRLEN + 4];
	char *slash;

	memset(ret, 0, sizeof(*ret));
	snprintf(address, sizeof(address), "%s", text);
	slash = strchr(address, '/');
	if (slash)
		*slash = '\0';
	ret->family = strchr(address, ':') ? 6 : 4;
	if (inet_pton(ret->family == 6 ? AF_INET6 : AF_INET, address, ret->address) != 1)
		return -1;
	ret->prefix = (uint8_t)(slash ? atoi(slash + 1) : ret->family == 6 ? 128 : 32);
	return 0;
}

static struct ping_address to_address(const struct config_network *network)
{
	struct ping_address address = {.family = network->family};

	memcpy(address.bytes, network->address, sizeof(address.bytes));
	return address;
}

static void add_result(json_t *results, const struct ping_candidate *candidate, struct ping *ping)
{
	char text[INET6_ADDRSTRLEN];
	struct ping_result result;
	json_t *object = json_object();

	inet_ntop(candidate->address.family == 4 ? AF_INET : AF_INET6, candidate->address.bytes,
	    text, sizeof(text));
	if (ping_result(ping, &candidate->address, &result) == 0) {
		if (result.measured)
			json_object_set_new(
			    object, "rtt_ms", json_real((double)result.rtt_ns / NS_PER_MS));
		json_object_set_new(object, "sent", json_integer(result.sent));
		json_object_set_new(object, "timeouts", json_integer(result.timeouts));
		json_object_set_new(object, "errors", json_integer(result.errors));
	}
	json_object_set_new(results, text, object);
}

static json_t *stats_object(struct ping *ping)
{
	json_t *object = json_object(), *refused = json_object();
	struct ping_stats stats;

	ping_stats(ping, &stats);
#define ADD(name) json_object_set_new(object, #name, json_integer((json_int_t)stats.name))
	ADD(sent);
	ADD(received);
	ADD(timeouts);
	ADD(errors);
	ADD(late);
	ADD(duplicates);
	ADD(strangers);
	ADD(malformed);
	ADD(send_failed);
	ADD(stamped);
	ADD(known);
	ADD(waiting);
	ADD(not_admitted);
#undef ADD
	for (int i = 1; i < PING_N_REFUSALS; i++) {
		if (stats.refused[i])
			json_object_set_new(refused, ping_refusal_name((enum ping_refusal)i),
			    json_integer((json_int_t)stats.refused[i]));
	}
	json_object_set_new(object, "refused", refused);
	return object;
}

static int run(const struct config *config, const struct ping_options *options, size_t n_own,
    double seconds, size_t rounds)
{
	char status[PING_STATUS_BYTES];
	json_t *document = json_object(), *results = json_object();
	struct ping *ping;
	int r = ping_new(&ping, config, options);

	if (r < 0) {
		fprintf(stderr, "ping_new: %s\n", strerror(-r));
		return 1;
	}
	ping_set_own(ping, own, n_own);
	for (size_t i = 0; i < rounds; i++)
		ping_offer(ping, candidates, n_candidates);
	usleep((useconds_t)(seconds * 1e6));
	ping_status(ping, status);
	json_object_set_new(document, "status", json_string(status));
	json_object_set_new(document, "stats", stats_object(ping));
	for (size_t i = 0; i < n_candidates; i++)
		add_result(results, &candidates[i], ping);
	json_object_set_new(document, "results", results);
	json_dumpf(document, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(document);
	ping_free(ping);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"rate", 1, NULL, 'r'}, {"every-ms", 1, NULL, 'e'},
	    {"seconds", 1, NULL, 's'}, {"exclude", 1, NULL, 'x'}, {"service", 1, NULL, 'w'},
	    {"source", 1, NULL, 'S'}, {"own", 1, NULL, 'o'}, {"windows", 1, NULL, 'n'}, {0}};
	struct config config = {
	    .interval_ns = 10 * NS_PER_S,
	    .ping = {.enabled = true, .rate_per_s = 200, .every_ns = 600 * NS_PER_S},
	    .limits = {.resolvers = 100000, .memory = 256 << 20},
	};
	struct ping_options ping_options = {0};
	size_t n_own = 0, rounds = PING_MIN_WINDOWS;
	struct config_network network;
	double seconds = 1;
	int option;

	config.ping.exclude = excludes;
	config.ping.source = sources;
	config.wire.addresses = services;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (strchr("xwSo", option) && parse_network(optarg, &network) < 0)
			return 2;
		if (option == 'r')
			config.ping.rate_per_s = atof(optarg);
		else if (option == 'e')
			config.ping.every_ns = (uint64_t)atoll(optarg) * NS_PER_MS;
		else if (option == 's')
			seconds = atof(optarg);
		else if (option == 'n')
			rounds = (size_t)atoi(optarg);
		else if (option == 'x' && config.ping.n_exclude < 16)
			excludes[config.ping.n_exclude++] = network;
		else if (option == 'w' && config.wire.n_addresses < 16)
			services[config.wire.n_addresses++] = network;
		else if (option == 'S' && config.ping.n_source < 16)
			sources[config.ping.n_source++] = network;
		else if (option == 'o' && n_own < 16)
			own[n_own++] = to_address(&network);
		else
			return 2;
	}
	for (; optind < argc && n_candidates < MAX_ADDRESSES; optind++) {
		if (parse_network(argv[optind], &network) < 0)
			return 2;
		candidates[n_candidates++] =
		    (struct ping_candidate){.address = to_address(&network), .answered = 100};
	}
	return run(&config, &ping_options, n_own, seconds, rounds);
}
