/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/enrich_internal.h"

#include "base/clock.h"
#include "base/error_text.h"
#include "base/log.h"
#include "base/replace.h"
#include "config/options.h"
#include "enrich/resolvers_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE        "enrich"
#define MEMORY_SHARE  3 /* of limits.memory */
#define LEAST_VALID_S 3600
#define SAVE_NS       (3600 * NS_PER_S)
#define MAX_WAITING   65536

size_t enrich_resolver_limit(const struct config *config)
{
	const uint64_t fits = config->limits.memory / MEMORY_SHARE / RESOLVER_BYTES;

	return config->limits.resolvers < fits ? config->limits.resolvers : fits;
}

/* How long a round-trip time says something: until three more attempts have failed. */
static uint32_t valid_s(const struct config *config)
{
	const uint64_t thrice_s = 3 * config->ping.every_ns / NS_PER_S;

	return thrice_s < LEAST_VALID_S ? LEAST_VALID_S
	    : thrice_s < UINT32_MAX     ? (uint32_t)thrice_s
					: UINT32_MAX;
}

int enrich_new(
    struct enrich **ret, const struct config *config, const struct hash_seed *seed, bool live)
{
	struct enrich *enrich = calloc(1, sizeof(*enrich));
	int r;

	if (!enrich)
		return -ENOMEM;
	enrich->config = config_ref(config);
	enrich->valid_s = valid_s(config);
	r = live ? live_new(&enrich->live, config) : 0;
	if (r == 0)
		r = geo_new(&enrich->geo, config->geo.country, config->geo.asn);
	if (r == 0)
		r = resolvers_new(&enrich->resolvers, enrich_resolver_limit(config), seed);
	if (r == 0)
		r = resolvers_new(&enrich->waiting, MAX_WAITING, seed);
	if (r == 0)
		r = breakdown_new(&enrich->breakdown, seed);
	if (r == 0)
		r = admission_new(&enrich->admission, seed);
	if (r < 0) {
		enrich_free(enrich);
		return r;
	}
	*ret = enrich;
	return 0;
}

void enrich_free(struct enrich *enrich)
{
	if (!enrich)
		return;
	live_free(enrich->live);
	geo_free(enrich->geo);
	resolvers_free(enrich->resolvers);
	resolvers_free(enrich->waiting);
	breakdown_free(enrich->breakdown);
	zone_clients_done(&enrich->clients);
	admission_free(enrich->admission);
	free(enrich->missing);
	config_unref(enrich->config);
	free(enrich);
}

/* -- what outlives a restart */

/* A newer version's, or a damaged one: the next save would destroy it. */
static void set_aside(const char *path)
{
	const int r = replace_set_aside(path);

	if (r < 0)
		log_warning(MODULE,
		    "state is no sound file of this version, and cannot be set aside: %s path=%s",
		    strerror(-r), path);
	else
		log_warning(MODULE,
		    "state is no sound file of this version, and set aside; resolvers are learned "
		    "anew path=%s aside=%s" REPLACE_ASIDE,
		    path, path);
}

static void load(struct enrich *enrich)
{
	const char *path = enrich->config->state;
	int r;

	if (!*path || !enrich->live)
		return;
	r = resolvers_load(
	    enrich->resolvers, path, (uint32_t)(clock_wall_ns(&clock_system) / NS_PER_S));
	if (r == 0) {
		log_info(MODULE, "resolvers read path=%s resolvers=%zu", path,
		    resolvers_count(enrich->resolvers));
		return;
	}
	if (r == -ENOENT)
		return;
	if (r == -EBADMSG || r == -EFBIG)
		set_aside(path);
	else
		log_warning(MODULE, "state not read, resolvers are learned anew: %s path=%s",
		    strerror(-r), path);
	/* What was taken before the error is not to be trusted either. */
	resolvers_reset(enrich->resolvers);
}

static void save(struct enrich *enrich)
{
	const char *path = enrich->config->state;
	char words[ERROR_TEXT_BYTES];
	int r;

	if (!*path || !enrich->live)
		return;
	r = resolvers_save(
	    enrich->resolvers, path, (uint32_t)(clock_wall_ns(&clock_system) / NS_PER_S));
	if (r < 0)
		log_warning(MODULE, "state not written: %s path=%s", error_text(words, -r), path);
}

void enrich_save_when_due(struct enrich *enrich)
{
	const uint64_t now_ns = clock_monotonic_ns();

	if (!enrich->started || now_ns < enrich->save_due_ns)
		return;
	enrich->save_due_ns = now_ns + SAVE_NS;
	save(enrich);
}

void enrich_start(struct enrich *enrich)
{
	load(enrich);
	enrich->save_due_ns = clock_monotonic_ns() + SAVE_NS;
	enrich->started = true;
	if (enrich->live)
		live_start(enrich->live, enrich->config);
}

void enrich_stop(struct enrich *enrich)
{
	if (!enrich->started)
		return;
	enrich->started = false;
	if (enrich->live)
		live_stop(enrich->live);
	save(enrich);
}

/* -- another configuration */

struct enrich_next {
	struct config *config;
	struct geo *geo;        /* NULL: the databases stay */
	struct live_next *live; /* NULL: all of it stays */
};

void enrich_next_free(struct enrich_next *next)
{
	if (!next)
		return;
	geo_free(next->geo);
	live_next_free(next->live);
	config_unref(next->config);
	free(next);
}

int enrich_prepare(
    struct enrich *enrich, const struct config *config, uint32_t takers, struct enrich_next **ret)
{
	struct enrich_next *next = calloc(1, sizeof(*next));
	int r = 0;

	if (!next)
		return -ENOMEM;
	next->config = config_ref(config);
	if (takers & 1u << TAKER_GEO)
		r = geo_new(&next->geo, config->geo.country, config->geo.asn);
	if (r == 0 && enrich->live)
		r = live_prepare(enrich->live, config, takers, &next->live);
	if (r < 0) {
		enrich_next_free(next);
		return r;
	}
	*ret = next;
	return 0;
}

void enrich_commit(struct enrich *enrich, struct enrich_next *next)
{
	struct config *before = enrich->config;

	if (next->geo) {
		geo_free(enrich->geo);
		enrich->geo = next->geo;
		next->geo = NULL;
		resolvers_forget_geo(enrich->resolvers);
	}
	if (next->live)
		live_commit(enrich->live, next->live);
	next->live = NULL;
	enrich->config = next->config;
	next->config = before;
	resolvers_set_limit(enrich->resolvers, enrich_resolver_limit(enrich->config));
	enrich->valid_s = valid_s(enrich->config);
	enrich_next_free(next);
}

const struct config *enrich_config(const struct enrich *enrich)
{
	return enrich->config;
}

unsigned enrich_refresh(struct enrich *enrich)
{
	return geo_refresh(enrich->geo);
}

/* -- reading */

uint32_t enrich_recent(const struct enrich *enrich, uint32_t rtt_us, uint32_t measured_s)
{
	return enrich->now_s - measured_s <= enrich->valid_s || measured_s > enrich->now_s ? rtt_us
											   : 0;
}

void enrich_look_up(struct enrich *enrich, struct resolver *resolver)
{
	if (!geo_is_current(enrich->geo, &resolver->geo))
		geo_lookup(enrich->geo, (const uint8_t *)resolver->address, resolver->family,
		    &resolver->geo);
}

const struct clients *enrich_clients(const struct enrich *enrich, uint16_t zone)
{
	return zone_clients_find(&enrich->clients, zone);
}

int enrich_forget_zones(struct enrich *enrich, const struct zone_numbers *zones)
{
	return admission_forget(enrich->admission, zones);
}

static int order(const struct breakdown_row *row, uint16_t zone, enum breakdown_kind kind)
{
	if (row->zone != zone)
		return row->zone < zone ? -1 : 1;
	return row->kind == kind ? 0 : row->kind < kind ? -1 : 1;
}

const struct breakdown_row *enrich_rows(
    const struct enrich_view *view, uint16_t zone, enum breakdown_kind kind, size_t *ret_n)
{
	size_t low = 0, high = view->n_rows, end;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (order(&view->rows[middle], zone, kind) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < view->n_rows && order(&view->rows[end], zone, kind) == 0; end++)
		continue;
	*ret_n = end - low;
	return view->n_rows ? view->rows + low : NULL;
}

void enrich_resolver(
    struct enrich *enrich, const uint64_t address[2], unsigned family, struct enrich_resolver *ret)
{
	struct resolver *resolver = resolvers_find(
	    enrich->resolvers, resolvers_hash(enrich->resolvers, address, family), address, family);
	struct resolver stranger = {.address = {address[0], address[1]}, .family = (uint8_t)family};

	if (!resolver)
		resolver = &stranger;
	enrich_look_up(enrich, resolver);
	*ret = (struct enrich_resolver){
	    .geo = resolver->geo,
	    .icmp_rtt_ms = enrich_recent(enrich, resolver->icmp_rtt_us, resolver->icmp_s) / 1000.0,
	    .tcp_rtt_ms = enrich_recent(enrich, resolver->tcp_rtt_us, resolver->tcp_s) / 1000.0,
	};
}

const struct geo *enrich_geo(const struct enrich *enrich)
{
	return enrich->geo;
}

void enrich_get_stats(struct enrich *enrich, struct enrich_stats *ret)
{
	*ret = (struct enrich_stats){
	    .known = resolvers_count(enrich->resolvers),
	    .limit = resolvers_limit(enrich->resolvers),
	    .memory_bytes =
		resolvers_memory_bytes(enrich->resolvers) + resolvers_memory_bytes(enrich->waiting),
	    .evicted = resolvers_evicted(enrich->resolvers),
	    .refused = resolvers_refused(enrich->resolvers),
	};
	if (enrich->live)
		live_get_stats(enrich->live, ret);
}
