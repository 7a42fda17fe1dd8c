/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/live.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/unused.h"
#include "config/options.h"
#include "download/maxmind.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "enrich"
/* More candidates than these are mostly forged: then only who asked in an earlier window too. */
#define MANY 65536

struct live {
	struct maxmind *maxmind;
	struct ping *ping; /* NULL: off, or not started */
	struct ping_candidate *candidates;
	size_t candidates_room;
	bool started;
};

int live_new(struct live **ret, const struct config *config)
{
	struct live *live = calloc(1, sizeof(*live));
	int r;

	if (!live)
		return -ENOMEM;
	r = maxmind_new(&live->maxmind, config, NULL);
	if (r < 0) {
		live_free(live);
		return r;
	}
	*ret = live;
	return 0;
}

void live_free(struct live *live)
{
	if (!live)
		return;
	ping_free(live->ping);
	maxmind_free(live->maxmind);
	free(live->candidates);
	free(live);
}

static void start_maxmind(struct live *live)
{
	int r = live->maxmind ? maxmind_start(live->maxmind) : 0;

	if (r < 0)
		log_warning(MODULE, "databases are not downloaded: %s", strerror(-r));
}

static void start_ping(struct live *live, const struct config *config)
{
	char status[PING_STATUS_BYTES];
	int r;

	if (!config->ping.enabled || live->ping)
		return;
	r = ping_new(&live->ping, config, NULL);
	if (r < 0) {
		log_warning(MODULE, "resolvers are not pinged: %s", strerror(-r));
		return;
	}
	ping_status(live->ping, status);
	if (!ping_permitted(live->ping)) /* else its thread says what it does */
		log_warning(MODULE, "no round-trip times by ICMP, unless permitted: %s", status);
}

void live_start(struct live *live, const struct config *config)
{
	live->started = true;
	start_maxmind(live);
	start_ping(live, config);
}

void live_stop(struct live *live)
{
	live->started = false;
	ping_free(live->ping);
	live->ping = NULL;
	maxmind_stop(live->maxmind);
}

/* -- another configuration */

struct live_next {
	struct config *config;
	struct maxmind *maxmind; /* NULL: it stays */
	bool ping;               /* is to have it */
};

void live_next_free(struct live_next *next)
{
	if (!next)
		return;
	maxmind_free(next->maxmind);
	config_unref(next->config);
	free(next);
}

int live_prepare(
    struct live *live UNUSED, const struct config *config, uint32_t takers, struct live_next **ret)
{
	struct live_next *next = calloc(1, sizeof(*next));
	int r = 0;

	if (!next)
		return -ENOMEM;
	next->config = config_ref(config);
	next->ping = takers & 1u << TAKER_PING;
	if (takers & 1u << TAKER_DOWNLOAD)
		r = maxmind_new(&next->maxmind, config, NULL);
	if (r < 0) {
		live_next_free(next);
		return r;
	}
	*ret = next;
	return 0;
}

static void commit_ping(struct live *live, const struct config *config)
{
	int r;

	if (!config->ping.enabled) {
		ping_free(live->ping);
		live->ping = NULL;
	} else if (live->ping) {
		r = ping_configure(live->ping, config);
		if (r < 0)
			log_warning(MODULE, "ping keeps its old settings: %s", strerror(-r));
	} else if (live->started) {
		start_ping(live, config);
	}
}

void live_commit(struct live *live, struct live_next *next)
{
	if (next->maxmind) {
		maxmind_free(live->maxmind);
		live->maxmind = next->maxmind;
		next->maxmind = NULL;
		if (live->started)
			start_maxmind(live);
	}
	if (next->ping)
		commit_ping(live, next->config);
	live_next_free(next);
}

/* -- echo times */

struct collector {
	struct resolvers *resolvers;
	uint32_t now_s;
};

static void collect(void *context, const struct ping_result *result)
{
	const struct collector *collector = context;
	const uint64_t rtt_us = (result->rtt_ns + 500) / NS_PER_US;
	const uint64_t age_s = result->age_ns / NS_PER_S;
	uint64_t address[2];

	if (!result->measured || rtt_us > RESOLVER_MAX_RTT_US || age_s > collector->now_s)
		return;
	memcpy(address, result->address.bytes, sizeof(address));
	/* Faster than a microsecond is measured, too. */
	(void)resolvers_set_icmp_rtt(collector->resolvers, address, result->address.family,
	    rtt_us ? (uint32_t)rtt_us : 1, collector->now_s - (uint32_t)age_s);
}

void live_collect(struct live *live, struct resolvers *resolvers, uint32_t now_s)
{
	struct collector collector = {resolvers, now_s};

	if (live->ping)
		ping_collect(live->ping, collect, &collector);
}

/* -- candidates */

static bool is_candidate(
    const struct resolvers *resolvers, const struct resolver *resolver, bool newcomers)
{
	return resolvers_is_present(resolvers, resolver) && resolver->answered &&
	    (newcomers || resolver->credit);
}

static size_t count_candidates(struct resolvers *resolvers, bool newcomers)
{
	size_t n = 0;

	for (size_t i = 0; i < resolvers_count(resolvers); i++)
		n += is_candidate(resolvers, resolvers_at(resolvers, i), newcomers);
	return n;
}

static int reserve(struct live *live, size_t n)
{
	struct ping_candidate *candidates;

	if (n <= live->candidates_room && live->candidates_room <= 16 * (n + 1024))
		return 0;
	candidates = calloc(n + 1, sizeof(*candidates));
	if (!candidates)
		return -ENOMEM;
	free(live->candidates);
	live->candidates = candidates;
	live->candidates_room = n + 1;
	return 0;
}

static bool is_tied_to_us(const struct ifaddrs *address)
{
	return address->ifa_addr &&
	    (address->ifa_addr->sa_family == AF_INET || address->ifa_addr->sa_family == AF_INET6);
}

/* Addresses come and go. */
static void set_own(struct ping *ping)
{
	struct ping_address own[256] = {0};
	struct ifaddrs *list;
	size_t n = 0;

	if (getifaddrs(&list) < 0)
		return;
	for (const struct ifaddrs *at = list; at && n < sizeof(own) / sizeof(own[0]);
	     at = at->ifa_next) {
		if (!is_tied_to_us(at))
			continue;
		if (at->ifa_addr->sa_family == AF_INET) {
			memcpy(own[n].bytes,
			    &((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr, 4);
			own[n++].family = 4;
		} else {
			memcpy(own[n].bytes,
			    &((const struct sockaddr_in6 *)(const void *)at->ifa_addr)->sin6_addr,
			    16);
			own[n++].family = 6;
		}
	}
	freeifaddrs(list);
	/* No memory: the old list serves. */
	(void)ping_set_own(ping, own, n);
}

void live_offer(struct live *live, struct resolvers *resolvers)
{
	bool newcomers = true;
	size_t n = 0;

	if (!live->ping)
		return;
	set_own(live->ping);
	if (count_candidates(resolvers, true) > MANY)
		newcomers = false;
	if (reserve(live, count_candidates(resolvers, newcomers)) < 0)
		return;
	for (size_t i = 0; i < resolvers_count(resolvers); i++) {
		const struct resolver *resolver = resolvers_at(resolvers, i);

		if (!is_candidate(resolvers, resolver, newcomers))
			continue;
		memcpy(live->candidates[n].address.bytes, resolver->address, 16);
		live->candidates[n].address.family = resolver->family;
		live->candidates[n++].answered = resolver->answered;
	}
	ping_offer(live->ping, live->candidates, n);
}

void live_get_stats(struct live *live, struct enrich_stats *stats)
{
	if (!live->ping)
		return;
	stats->ping = true;
	ping_stats(live->ping, &stats->ping_stats);
	ping_status(live->ping, stats->ping_status);
}
