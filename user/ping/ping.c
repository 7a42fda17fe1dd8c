/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/thread.h"
#include "ping/ping_internal.h"
#include "ping/ping_table.h"

#define OFFERS_PER_LOCK 512
#define SETS_PER_LOCK   256
#define REOPEN_NS       (60ULL * NS_PER_S)
#define PLAN_MIN        64
#define ROWS_MIN        1024
#define MEMORY_SHARE    16 /* of limits.memory, for the table */

/* ---- sockets ---- */

static void open_family(struct ping *ping, int index, uint64_t now_ns)
{
	struct family *family = &ping->families[index];

	ping_socket_free(family->socket);
	*family = (struct family){.tried_ns = now_ns};
	family->error = ping_socket_open(
	    &family->socket, index == IPV4 ? 4 : 6, ping->source, ping->n_source, family->reason);
}

static void close_families(struct ping *ping)
{
	for (int i = 0; i < N_FAMILIES; i++) {
		ping_socket_free(ping->families[i].socket);
		ping->families[i] = (struct family){0};
	}
}

/* A source address may appear, a permission may be given. */
static void reopen_missing(struct ping *ping, uint64_t now_ns)
{
	for (int i = 0; ping->enabled && i < N_FAMILIES; i++) {
		struct family *family = &ping->families[i];

		if (family->socket || now_ns - family->tried_ns < REOPEN_NS)
			continue;
		open_family(ping, i, now_ns);
		if (family->socket)
			ping_schedule_look_again(ping->schedule);
	}
}

/* Interrupts a sleep that is longer than there is reason for. */
static void wake_thread(struct ping *ping)
{
	if (ping->wake_ns && ping_next_wake_ns(ping, clock_monotonic_ns()) < ping->wake_ns)
		pthread_cond_signal(&ping->wake);
}

static int start_thread(struct ping *ping)
{
	int r = thread_start(&ping->thread, ping_run, ping);

	if (r == 0) {
		ping->has_thread = true;
		pthread_setname_np(ping->thread, "ping");
	}
	return r;
}

/* ---- settings ---- */

static double rate_of(const struct config *config)
{
	double rate = config->ping.rate_per_s;

	return rate < PING_MAX_RATE_PER_S ? rate : PING_MAX_RATE_PER_S;
}

/* More resolvers than twice those whose turn can come within `every` are of no use. */
static struct ping_schedule_settings schedule_settings(const struct config *config)
{
	double rate = rate_of(config);
	double rows = 2 * rate * ((double)config->ping.every_ns / NS_PER_S);
	double memory = (double)config->limits.memory / MEMORY_SHARE / sizeof(struct ping_row);

	if (rows > (double)config->limits.resolvers)
		rows = (double)config->limits.resolvers;
	if (rows > memory)
		rows = memory;
	if (rows < ROWS_MIN)
		rows = ROWS_MIN;
	return (struct ping_schedule_settings){
	    .every_ns = config->ping.every_ns,
	    .window_ns = config->interval_ns,
	    .max_rows = (size_t)rows,
	    .plan_rows = rate < PLAN_MIN ? PLAN_MIN : (size_t)(2 * rate),
	};
}

static bool same_sources(const struct ping *ping, const struct config *config)
{
	if (ping->n_source != config->ping.n_source)
		return false;
	for (size_t i = 0; i < ping->n_source; i++) {
		const struct config_network *a = &ping->source[i], *b = &config->ping.source[i];

		if (a->family != b->family || memcmp(a->address, b->address, 16) != 0)
			return false;
	}
	return true;
}

static int set_sources(struct ping *ping, const struct config *config)
{
	size_t n = config->ping.n_source;
	struct config_network *copy = calloc(n ? n : 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, config->ping.source, n * sizeof(*copy));
	free(ping->source);
	ping->source = copy;
	ping->n_source = n;
	return 0;
}

/* Those on their way go unanswered without blame. */
static void forget_probes(struct ping *ping)
{
	struct probe *probe;

	while (ping->probes && (probe = ping_probes_expire(ping->probes, PING_NEVER)))
		ping_schedule_postponed(ping->schedule, &probe->address, clock_monotonic_ns());
}

/* Another rate needs another table. */
static int set_rate(struct ping *ping, double rate_per_s)
{
	struct ping_probes *probes;
	int r;

	if (ping->probes && rate_per_s == ping->rate_per_s)
		return 0;
	r = ping_probes_new(&probes, rate_per_s);
	if (r < 0)
		return r;
	r = ping_pace_set(&ping->pace, rate_per_s);
	if (r < 0) {
		ping_probes_free(probes);
		return r;
	}
	forget_probes(ping);
	ping_probes_free(ping->probes);
	ping->probes = probes;
	ping->rate_per_s = rate_per_s;
	return 0;
}

static int configure_locked(struct ping *ping, const struct config *config)
{
	struct ping_schedule_settings settings = schedule_settings(config);
	bool reopen = !ping->source || !same_sources(ping, config);
	uint64_t seed = 0;
	int r;

	if (!ping->schedule) {
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
			return -EIO;
		r = ping_schedule_new(&ping->schedule, &settings, seed);
	} else {
		r = ping_schedule_configure(ping->schedule, &settings);
	}
	if (r == 0)
		r = set_rate(ping, rate_of(config));
	if (r == 0)
		r = ping_rules_configure(&ping->rules, config);
	if (r == 0)
		r = set_sources(ping, config);
	if (r < 0)
		return r;
	ping->enabled = config->ping.enabled && config->ping.rate_per_s > 0;
	if (reopen || !ping->enabled)
		forget_probes(ping);
	for (int i = 0; ping->enabled && i < N_FAMILIES; i++) {
		/* What is open may not be allowed a second time. */
		if (reopen || !ping->families[i].socket)
			open_family(ping, i, clock_monotonic_ns());
		ping->families[i].sent = ping->families[i].refused_source = 0;
	}
	if (!ping->enabled)
		close_families(ping);
	return 0;
}

int ping_configure(struct ping *ping, const struct config *config)
{
	int r;

	pthread_mutex_lock(&ping->lock);
	r = configure_locked(ping, config);
	pthread_cond_signal(&ping->wake);
	pthread_mutex_unlock(&ping->lock);
	return r;
}

static int init_sync(struct ping *ping)
{
	int r = -pthread_mutex_init(&ping->lock, NULL);

	if (r < 0)
		return r;
	ping->has_lock = true;
	r = thread_condition_init(&ping->wake);
	ping->has_wake = r == 0;
	return r;
}

int ping_new(struct ping **ret, const struct config *config, const struct ping_options *options)
{
	struct ping *ping = calloc(1, sizeof(*ping));
	int r = -ENOMEM;

	if (!ping)
		return r;
	ping->rules.allow_loopback = options && options->allow_loopback;
	r = init_sync(ping);
	if (r == 0)
		r = configure_locked(ping, config);
	if (r == 0)
		r = start_thread(ping);
	if (r < 0)
		goto out;
	*ret = ping;
	ping = NULL;
out:
	ping_free(ping);
	return r;
}

void ping_free(struct ping *ping)
{
	if (!ping)
		return;
	if (ping->has_thread) {
		pthread_mutex_lock(&ping->lock);
		ping->stop = true;
		pthread_cond_signal(&ping->wake);
		pthread_mutex_unlock(&ping->lock);
		pthread_join(ping->thread, NULL);
	}
	close_families(ping);
	ping_rules_clear(&ping->rules);
	ping_pace_clear(&ping->pace);
	ping_probes_free(ping->probes);
	ping_schedule_free(ping->schedule);
	free(ping->source);
	if (ping->has_wake)
		pthread_cond_destroy(&ping->wake);
	if (ping->has_lock)
		pthread_mutex_destroy(&ping->lock);
	free(ping);
}

int ping_set_own(struct ping *ping, const struct ping_address *list, size_t n)
{
	int r;

	pthread_mutex_lock(&ping->lock);
	r = ping_rules_set_own(&ping->rules, list, n);
	pthread_mutex_unlock(&ping->lock);
	return r;
}

/* ---- offers and results ---- */

static void offer_one(struct ping *ping, const struct ping_candidate *candidate, uint64_t now_ns)
{
	enum ping_refusal refusal;

	if (ping_schedule_touch(ping->schedule, &candidate->address, candidate->answered, now_ns))
		return;
	refusal = ping_rules_check(&ping->rules, &candidate->address);
	if (refusal != PING_ALLOWED)
		ping->stats.refused[refusal]++;
	else if (!ping_schedule_admit(
		     ping->schedule, &candidate->address, candidate->answered, now_ns))
		ping->stats.not_admitted++;
}

void ping_offer(struct ping *ping, const struct ping_candidate *list, size_t n)
{
	uint64_t now_ns = clock_monotonic_ns();

	pthread_mutex_lock(&ping->lock);
	ping_schedule_begin_window(ping->schedule);
	reopen_missing(ping, now_ns);
	for (size_t i = 0; i < n && ping->enabled; i++) {
		offer_one(ping, &list[i], now_ns);
		if (i % OFFERS_PER_LOCK == OFFERS_PER_LOCK - 1) {
			pthread_mutex_unlock(&ping->lock);
			pthread_mutex_lock(&ping->lock);
		}
	}
	wake_thread(ping);
	pthread_mutex_unlock(&ping->lock);
}

int ping_result(struct ping *ping, const struct ping_address *address, struct ping_result *ret)
{
	bool known;

	pthread_mutex_lock(&ping->lock);
	known = ping_schedule_result(ping->schedule, address, clock_monotonic_ns(), ret);
	pthread_mutex_unlock(&ping->lock);
	return known ? 0 : -ENOENT;
}

void ping_collect(
    struct ping *ping, void (*callback)(void *context, const struct ping_result *), void *context)
{
	size_t set = 0;

	do {
		pthread_mutex_lock(&ping->lock);
		set = ping_schedule_walk(
		    ping->schedule, set, SETS_PER_LOCK, clock_monotonic_ns(), callback, context);
		pthread_mutex_unlock(&ping->lock);
	} while (set);
}

void ping_stats(struct ping *ping, struct ping_stats *ret)
{
	pthread_mutex_lock(&ping->lock);
	*ret = ping->stats;
	ret->memory_bytes = sizeof(*ping) + ping_probes_memory(ping->probes);
	ret->waiting = ping_probes_waiting(ping->probes);
	ping_schedule_stats(ping->schedule, ret);
	pthread_mutex_unlock(&ping->lock);
}

void ping_status(struct ping *ping, char text[PING_STATUS_BYTES])
{
	pthread_mutex_lock(&ping->lock);
	ping_describe(ping, text);
	pthread_mutex_unlock(&ping->lock);
}

bool ping_permitted(struct ping *ping)
{
	bool permitted = true;

	pthread_mutex_lock(&ping->lock);
	for (int i = 0; i < N_FAMILIES; i++)
		permitted &= ping->families[i].error != -EACCES;
	pthread_mutex_unlock(&ping->lock);
	return permitted;
}
