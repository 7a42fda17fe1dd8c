/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RSSAC002 version 5, "Measurements of the Root Server System": what a server saw in a UTC day, as
 * the YAML files traffic-volume, traffic-sizes, rcode-volume and unique-sources (sections 3 and 4
 * of that document), in `rssac002.dir`:
 *
 *   YYYY/MM/METRIC/SERVICE-YYYYMMDD-METRIC.yaml            SERVICE: the configuration's `server`
 *   YYYY/MM/unique-sources/SERVICE-YYYYMMDD-SET.hll        SET: ipv4, ipv6, ipv6-aggregate
 *   SERVICE.state                                          the day so far, for a restart
 *
 * The files of a day are written when it ends, hourly before that, and at the end of the program,
 * each in one step; a day is complete once the next one has begun. Counts of sites are summed.
 * Sources are not: the .hll files hold the 32,768 registers of a HyperLogLog, a byte each, over
 * a keyed hash (privacy/source_key.h) of the address's 4 or 16 bytes, or the first 8 of an IPv6
 * address for the aggregate, the first 15 bits choosing the register; then the key's identifier, 16
 * bytes. The union of sites with one key has the greatest byte at each place;
 * scripts/rssac002-merge does both. Without a key of the fleet (rssac002.key_file) each site makes
 * its own, keeps it in its state, and its registers merge with nobody's.
 *
 * Volumes and sizes are those of UDP and TCP. DNS over TLS, HTTPS and QUIC are custom metrics,
 * which the operator's letter sets apart (rssac002.prefix: b-dns-tls-queries-received-ipv4); they
 * come from dnstap, since the wire cannot see their messages. Sources that found a window's table
 * full are not in unique-sources: the program cannot tell a flood's forged addresses from others;
 * the point `crosstap` says how many messages that were.
 *
 * A restart loses nothing. Who kills the process loses of dnstap the windows that were open, of the
 * wire nothing: the kernel's counters go on, and a window that was just being written down may
 * count twice. By client nobody knows which of them were reported, so that the next start takes for
 * today's sources whoever is in the kernel's table, also those in it who last asked on an earlier
 * day.
 *
 * The report's thread owns it: it adds each window, and so each write of a file happens there.
 */
#ifndef CROSSTAP_RSSAC002_RSSAC002_H
#define CROSSTAP_RSSAC002_RSSAC002_H

#include <stddef.h>
#include <stdint.h>

#define RSSAC002_BINS   257 /* 16 bytes each; the last: from 4096 on */
#define RSSAC002_RCODES 4096

#define RSSAC002_KEY_BYTES 32

enum rssac002_transport { RSSAC002_UDP, RSSAC002_TCP };

struct rssac002_counts { /* directions: 0 received queries, 1 sent responses; families: 4, 6 */
	uint64_t volume[2][2][2];            /* direction, transport, family */
	uint64_t sizes[2][2][RSSAC002_BINS]; /* direction, transport; DNS messages */
	uint64_t rcodes[RSSAC002_RCODES];    /* of sent responses */
};

enum rssac002_custom_transport { RSSAC002_TLS, RSSAC002_HTTPS, RSSAC002_QUIC, RSSAC002_CUSTOM };

struct rssac002_custom {
	uint64_t volume[2][RSSAC002_CUSTOM][2]; /* direction, transport, family */
};

struct rssac002;

/*
 * Goes on with the day whose state is in `dir`, if that is today, or tomorrow: then the clock was
 * set back over midnight. Of any other day it writes the files. A state that is damaged or another
 * version's is set aside: *ret_fresh_reason (static text) says so, else it is NULL; sources under
 * another key are not taken over either. `key` may be NULL: the site's own. `prefix`: of custom
 * metrics; NULL or empty: they are not written. Makes `dir` if need be. Errors: -ENOMEM, or those
 * of the file system.
 */
int rssac002_new(struct rssac002 **ret, const char *dir, const char *service, const char *prefix,
    const uint8_t key[RSSAC002_KEY_BYTES], int64_t now_ns, const char **ret_fresh_reason);
/* Does not write: rssac002_flush() before. */
void rssac002_free(struct rssac002 *rssac);

/* A window's counts, for the day that it begins in. A window of a new day ends the old one: its
 * files are written, and those that failed once more after each window, while that day is the last
 * one that ended. The error of that; the counts are taken in any case. */
int rssac002_add(struct rssac002 *rssac, int64_t start_ns, const struct rssac002_counts *counts);
/* More of that window: what came encrypted. As above. */
int rssac002_add_custom(
    struct rssac002 *rssac, int64_t start_ns, const struct rssac002_custom *custom);
/* A source of that window; `family` is 4 (first four bytes) or 6. -ENOMEM. */
int rssac002_add_source(struct rssac002 *rssac, const uint8_t address[16], unsigned family);
/* Writes state and files. */
int rssac002_flush(struct rssac002 *rssac);
/* Writes the state if something was added, so that little is lost with the process, and the files
 * once an hour (monotonic time), those that failed each time: after each window. 0: what is on disk
 * is as it should be. */
int rssac002_flush_when_due(struct rssac002 *rssac, uint64_t now_ns);

#endif
