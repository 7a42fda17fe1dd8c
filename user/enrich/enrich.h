/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who asked, and how far away they are: the table of resolvers, the databases, the downloads and
 * the echo requests, brought together at each window's end. One thread (the report's) calls
 * everything here; what is slow has a thread of its own inside.
 *
 * Nothing fails for want of a database, a permission or a network: what is not known is absent.
 */
#ifndef CROSSTAP_ENRICH_ENRICH_H
#define CROSSTAP_ENRICH_ENRICH_H

#include "config/config.h"
#include "enrich/resolvers.h"
#include "geo/breakdown.h"
#include "geo/geo.h"
#include "ping/ping.h"
#include "stats/sources.h"
#include "zones/zones.h"

struct enrich;
struct enrich_next;

struct enrich_window {
	int64_t start_ns; /* of the window, since 1970 */
	int64_t now_ns;   /* measurements are as old as they are at this time */
	/* Is told of each source, once for each zone: its traits (NULL: not counted), its AS (0:
	 * not known). NULL: nobody is. */
	void (*tell)(void *context, const struct source *source, const struct source_traits *traits,
	    uint32_t asn);
	void *context; /* of it */
	bool traits;   /* whether clients are judged by them */
};

/* Valid until the next window. */
struct enrich_view {
	bool has[BREAKDOWN_KINDS]; /* that database is loaded */
	const struct breakdown_row *rows;
	size_t n_rows;
	struct breakdown_agreement agreement; /* over all zones */
};

struct enrich_resolver {
	struct geo_answer geo;
	double icmp_rtt_ms, tcp_rtt_ms; /* 0: not measured lately */
};

struct enrich_stats {
	size_t known, limit, memory_bytes;
	uint64_t evicted, refused;
	bool ping; /* the next two mean something */
	struct ping_stats ping_stats;
	char ping_status[PING_STATUS_BYTES];
};

/* How many resolvers `limits` allows to be remembered: a quarter of the memory at most. */
size_t enrich_resolver_limit(const struct config *config);

/*
 * Holds a reference to `config`. To be called before other threads start. `live` false (replay):
 * databases only, nothing is asked on the network, and an AS gets its series at once. -ENOMEM.
 */
int enrich_new(
    struct enrich **ret, const struct config *config, const struct hash_seed *seed, bool live);
void enrich_free(struct enrich *enrich);
/* Reads `state`, starts downloads and echo requests, as configured; logs what does not work. */
void enrich_start(struct enrich *enrich);
/* Ends them, and writes `state`. */
void enrich_stop(struct enrich *enrich);
/* Another configuration, which differs from the one in force in options with these takers (1 <<
 * enum option_taker). -ENOMEM: nothing has changed. */
int enrich_prepare(
    struct enrich *enrich, const struct config *config, uint32_t takers, struct enrich_next **ret);
/* Takes `next`. Measurements stay. */
void enrich_commit(struct enrich *enrich, struct enrich_next *next);
void enrich_next_free(struct enrich_next *next); /* takes NULL */
/* In force. */
const struct config *enrich_config(const struct enrich *enrich);

/* Looks for replaced databases: bits 1 << enum geo_database of those that changed. */
unsigned enrich_refresh(struct enrich *enrich);
/* TCP handshake times of this window from the wire, before enrich_window(). A handshake may come in
 * the window before the query: those of who is not known are kept for when it asks, 65,536 at most,
 * and new ones take the places of old ones. */
void enrich_set_tcp_rtt(struct enrich *enrich, const uint64_t address[2], unsigned family,
    uint32_t rtt_us, int64_t now_ns);
/* Takes the sources of a closed window. -ENOMEM: no rows. */
int enrich_window(struct enrich *enrich, const struct sources *sources,
    const struct enrich_window *window, struct enrich_view *ret);

/* Of the last window, by trait; NULL: nobody asked for that zone, or traits are not counted. Valid
 * until the next window. */
const struct clients *enrich_clients(const struct enrich *enrich, uint16_t zone);
/* These numbers will be other zones'. -ENOMEM: nothing has changed. */
int enrich_forget_zones(struct enrich *enrich, const struct zone_numbers *zones);

/* The rows of a zone and kind. */
const struct breakdown_row *enrich_rows(
    const struct enrich_view *view, uint16_t zone, enum breakdown_kind kind, size_t *ret_n);
/* Anybody's address, as of the last window. */
void enrich_resolver(
    struct enrich *enrich, const uint64_t address[2], unsigned family, struct enrich_resolver *ret);
const struct geo *enrich_geo(const struct enrich *enrich);
void enrich_get_stats(struct enrich *enrich, struct enrich_stats *ret);

#endif
