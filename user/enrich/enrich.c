/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/enrich.h"

#include "base/clock.h"
#include "base/error_text.h"
#include "base/log.h"
#include "base/replace.h"
#include "config/options.h"
#include "crosstap/dns.h"
#include "enrich/clients.h"
#include "enrich/live.h"
#include "enrich/resolvers_file.h"
#include "stats/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE        "enrich"
#define MEMORY_SHARE  3  /* of limits.memory */
#define BATCH         16 /* look-ups that wait for memory together */
#define LEAST_VALID_S 3600
#define SAVE_NS       (3600 * NS_PER_S)
#define MAX_WAITING   65536

struct enrich {
	struct config *config;
	struct geo *geo;
	struct resolvers *resolvers;
	struct resolvers
	    *waiting; /* handshakes of who is not in the table: until the window's end */
	struct breakdown *breakdown;
	struct admission *admission;
	struct live *live; /* NULL: replay */
	struct zone_clients clients;
	struct trait_limits traits;
	int64_t day; /* of the window */
	const struct enrich_window *window;
	uint32_t *missing; /* slots of sources that are not in the table of resolvers */
	size_t n_missing, missing_room;
	bool many_zones; /* the window's clients are judged once they are learned in each */
	uint32_t now_s, valid_s;
	uint64_t save_due_ns; /* monotonic; 0: not yet set */
	bool started;
};

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

static void save_when_due(struct enrich *enrich)
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

/* -- a window */

unsigned enrich_refresh(struct enrich *enrich)
{
	return geo_refresh(enrich->geo);
}

static void keep_waiting(struct enrich *enrich, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, uint32_t now_s)
{
	const uint64_t hash = resolvers_hash(enrich->waiting, address, family);
	struct resolver *client = resolvers_find(enrich->waiting, hash, address, family);

	if (client)
		resolvers_touch(enrich->waiting, client, 0);
	else if (!resolvers_add(enrich->waiting, hash, address, family))
		return;
	(void)resolvers_set_tcp_rtt(enrich->waiting, address, family, rtt_us, now_s);
}

void enrich_set_tcp_rtt(struct enrich *enrich, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, int64_t now_ns)
{
	const uint32_t now_s = (uint32_t)(now_ns / NS_PER_S);

	if (resolvers_set_tcp_rtt(enrich->resolvers, address, family, rtt_us, now_s) == -ENOENT)
		keep_waiting(enrich, address, family, rtt_us, now_s);
}

static void take_waiting(struct enrich *enrich, struct resolver *newcomer)
{
	const struct resolver *waiting;

	if (!resolvers_count(enrich->waiting))
		return;
	waiting = resolvers_find(enrich->waiting,
	    resolvers_hash(enrich->waiting, newcomer->address, newcomer->family), newcomer->address,
	    newcomer->family);
	if (!waiting)
		return;
	newcomer->tcp_rtt_us = waiting->tcp_rtt_us;
	newcomer->tcp_s = waiting->tcp_s;
}

static uint32_t recent(const struct enrich *enrich, uint32_t rtt_us, uint32_t measured_s)
{
	return enrich->now_s - measured_s <= enrich->valid_s || measured_s > enrich->now_s ? rtt_us
											   : 0;
}

static bool is_loaded(const struct geo *geo, enum geo_database database)
{
	struct geo_status status;

	geo_get_status(geo, database, &status);
	return status.loaded;
}

static unsigned source_ip_version(const struct source *source)
{
	return source->zone_family & SOURCE_IPV4 ? 4 : 6;
}

static void look_up(struct enrich *enrich, struct resolver *resolver)
{
	if (!geo_is_current(enrich->geo, &resolver->geo))
		geo_lookup(enrich->geo, (const uint8_t *)resolver->address, resolver->family,
		    &resolver->geo);
}

static bool has_traits(const struct enrich *enrich, const struct sources *sources)
{
	return sources->has_traits && enrich->window->traits;
}

static void learn(struct enrich *enrich, const struct source *source, struct resolver *resolver)
{
	client_day_add(
	    &resolver->day, source, sources_traits(source), enrich->day, &enrich->traits);
}

/* `learned`: what it did in this window, in whatever zone, is in its day. */
static int add_item(struct enrich *enrich, const struct sources *sources,
    const struct source *source, struct resolver *resolver, bool learned)
{
	struct breakdown_item item = {
	    .zone = source_zone(source),
	    .values = {breakdown_country(resolver->geo.country),
		resolver->geo.asn ? resolver->geo.asn : BREAKDOWN_UNKNOWN},
	    .queries = source->queries,
	    .responses = source->responses,
	    .rtt_us = {recent(enrich, resolver->icmp_rtt_us, resolver->icmp_s),
		recent(enrich, resolver->tcp_rtt_us, resolver->tcp_s)},
	};
	int r;

	if (has_traits(enrich, sources)) {
		if (!learned)
			learn(enrich, source, resolver);
		item.traits = client_day_judge(
		    &resolver->day, source_ip_version(source) == 6, &enrich->traits);
	}
	r = breakdown_add(enrich->breakdown, &item);

	if (enrich->window->tell)
		enrich->window->tell(enrich->window->context, source,
		    sources->has_traits ? sources_traits(source) : NULL, resolver->geo.asn);
	if (r == 0 && item.traits)
		r = zone_clients_add(&enrich->clients, item.zone, item.traits, source->queries);
	return r;
}

static int count_source(struct enrich *enrich, const struct sources *sources,
    const struct source *source, struct resolver *resolver, bool learned)
{
	resolvers_touch(enrich->resolvers, resolver,
	    source->queries < source->responses ? source->queries : source->responses);
	look_up(enrich, resolver);
	return add_item(enrich, sources, source, resolver, learned);
}

static int note_missing(struct enrich *enrich, uint32_t slot)
{
	if (enrich->n_missing == enrich->missing_room) {
		const size_t room = enrich->missing_room ? enrich->missing_room * 2 : 4096;
		uint32_t *missing = reallocarray(enrich->missing, room, sizeof(*missing));

		if (!missing)
			return -ENOMEM;
		enrich->missing = missing;
		enrich->missing_room = room;
	}
	enrich->missing[enrich->n_missing++] = slot;
	return 0;
}

static void find_batch(struct enrich *enrich, const struct sources *sources, const uint32_t *slots,
    size_t n, struct resolver *ret[BATCH])
{
	uint64_t hashes[BATCH];

	for (size_t i = 0; i < n; i++) {
		const struct source *source = sources_slot(sources, slots[i]);

		hashes[i] =
		    resolvers_hash(enrich->resolvers, source->address, source_ip_version(source));
		resolvers_prefetch(enrich->resolvers, hashes[i]);
	}
	for (size_t i = 0; i < n; i++)
		resolvers_prefetch_entry(enrich->resolvers, hashes[i]);
	for (size_t i = 0; i < n; i++) {
		const struct source *source = sources_slot(sources, slots[i]);

		ret[i] = resolvers_find(
		    enrich->resolvers, hashes[i], source->address, source_ip_version(source));
	}
}

/* The first pass: who is known is marked as present, so that newcomers take nobody's place who is
 * there. */
static int count_batch(
    struct enrich *enrich, const struct sources *sources, const uint32_t *slots, size_t n)
{
	struct resolver *resolvers[BATCH];
	int r = 0;

	find_batch(enrich, sources, slots, n, resolvers);
	for (size_t i = 0; i < n && r == 0; i++)
		r = resolvers[i] ? count_source(enrich, sources, sources_slot(sources, slots[i]),
				       resolvers[i], enrich->many_zones)
				 : note_missing(enrich, slots[i]);
	return r;
}

/* Before any of it is judged: a client is the same in each zone. */
static int learn_batch(
    struct enrich *enrich, const struct sources *sources, const uint32_t *slots, size_t n)
{
	struct resolver *resolvers[BATCH];

	find_batch(enrich, sources, slots, n, resolvers);
	for (size_t i = 0; i < n; i++) {
		if (resolvers[i])
			learn(enrich, sources_slot(sources, slots[i]), resolvers[i]);
	}
	return 0;
}

typedef int batch_step(
    struct enrich *enrich, const struct sources *sources, const uint32_t *slots, size_t n);

static int each_batch(struct enrich *enrich, const struct sources *sources, batch_step *step)
{
	uint32_t slots[BATCH];
	size_t n = 0;
	int r = 0;

	for (uint64_t i = 0; i < sources->size && r == 0; i++) {
		if (!sources_slot(sources, i)->transports)
			continue;
		slots[n++] = (uint32_t)i;
		if (n == BATCH) {
			r = step(enrich, sources, slots, n);
			n = 0;
		}
	}
	return r < 0 ? r : step(enrich, sources, slots, n);
}

/* NULL: there is no place for it. */
static struct resolver *find_or_add(
    struct enrich *enrich, const struct source *source, bool *ret_added)
{
	const unsigned family = source_ip_version(source);
	const uint64_t hash = resolvers_hash(enrich->resolvers, source->address, family);
	struct resolver *resolver =
	    resolvers_find(enrich->resolvers, hash, source->address, family);

	*ret_added = !resolver;
	if (!resolver) {
		resolver = resolvers_add(enrich->resolvers, hash, source->address, family);
		if (resolver)
			take_waiting(enrich, resolver);
	}
	return resolver;
}

static void learn_missing(struct enrich *enrich, const struct sources *sources)
{
	bool added;

	for (size_t i = 0; i < enrich->n_missing; i++) {
		const struct source *source = sources_slot(sources, enrich->missing[i]);
		struct resolver *resolver = find_or_add(enrich, source, &added);

		if (!resolver)
			continue;
		resolvers_touch(enrich->resolvers, resolver, 0);
		learn(enrich, source, resolver);
	}
}

/* The second pass. Who finds no place is looked up all the same. */
static int count_missing(struct enrich *enrich, const struct sources *sources)
{
	int r = 0;

	if (enrich->many_zones)
		learn_missing(enrich, sources);
	for (size_t i = 0; i < enrich->n_missing && r == 0; i++) {
		const struct source *source = sources_slot(sources, enrich->missing[i]);
		struct resolver stranger = {
		    .address = {source->address[0], source->address[1]},
		    .family = (uint8_t)source_ip_version(source),
		};
		bool added;
		struct resolver *resolver = find_or_add(enrich, source, &added);

		if (resolver) {
			r = count_source(
			    enrich, sources, source, resolver, enrich->many_zones && !added);
		} else {
			take_waiting(enrich, &stranger);
			look_up(enrich, &stranger);
			r = add_item(enrich, sources, source, &stranger, false);
		}
	}
	return r;
}

/* Slots of this window's table, whatever came of it: in the next one they are other sources', or
 * none. */
static void forget_missing(struct enrich *enrich)
{
	free(enrich->missing);
	enrich->missing = NULL;
	enrich->n_missing = enrich->missing_room = 0;
}

static unsigned wanted_kinds(const struct enrich *enrich)
{
	return (is_loaded(enrich->geo, GEO_COUNTRY) ? 1u << BREAKDOWN_COUNTRY : 0) |
	    (is_loaded(enrich->geo, GEO_ASN) ? 1u << BREAKDOWN_ASN : 0);
}

int enrich_window(struct enrich *enrich, const struct sources *sources,
    const struct enrich_window *window, struct enrich_view *ret)
{
	const struct breakdown_limits limits = {
	    .top_asns = enrich->config->top.asns, .asns_a_day = enrich->config->limits.asns};
	const unsigned kinds = wanted_kinds(enrich);
	struct enrich_view view = {
	    .has = {kinds & 1u << BREAKDOWN_COUNTRY, kinds & 1u << BREAKDOWN_ASN}};
	int r;

	enrich->now_s = (uint32_t)(window->now_ns / NS_PER_S);
	enrich->window = window;
	enrich->day = clock_day(window->start_ns);
	enrich->traits = client_limits(enrich->config);
	zone_clients_clear(&enrich->clients);
	if (enrich->live)
		live_collect(enrich->live, enrich->resolvers, enrich->now_s);
	resolvers_begin_window(enrich->resolvers);
	resolvers_begin_window(enrich->waiting);
	breakdown_begin(enrich->breakdown, kinds);
	admission_begin(
	    enrich->admission, clock_day(window->start_ns), enrich->live ? ADMISSION_WINDOWS : 1);
	enrich->many_zones = has_traits(enrich, sources) && sources_have_zones(sources);
	r = enrich->many_zones ? each_batch(enrich, sources, learn_batch) : 0;
	if (r == 0)
		r = each_batch(enrich, sources, count_batch);
	if (r == 0)
		r = count_missing(enrich, sources);
	forget_missing(enrich);
	if (r == 0)
		r = breakdown_finish(
		    enrich->breakdown, enrich->admission, &limits, &view.rows, &view.n_rows);
	if (r == 0)
		r = breakdown_get_agreement(enrich->breakdown, &view.agreement);
	if (enrich->live)
		live_offer(enrich->live, enrich->resolvers);
	save_when_due(enrich);
	if (r < 0)
		return r;
	*ret = view;
	return 0;
}

/* -- reading */

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
	look_up(enrich, resolver);
	*ret = (struct enrich_resolver){
	    .geo = resolver->geo,
	    .icmp_rtt_ms = recent(enrich, resolver->icmp_rtt_us, resolver->icmp_s) / 1000.0,
	    .tcp_rtt_ms = recent(enrich, resolver->tcp_rtt_us, resolver->tcp_s) / 1000.0,
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
