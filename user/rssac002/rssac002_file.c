/* SPDX-License-Identifier: BSD-2-Clause */
#include "rssac002/rssac002_internal.h"

#include "base/replace.h"
#include "base/unused.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define RSSAC002_HLL_BYTES (DISTINCT_REGISTERS + SOURCE_KEY_ID_BYTES)
#define DAY_S              86400
#define BIN_BYTES          16
#define REQUEST_BINS       19 /* sizes of requests: the last from 288 on (section 2.4) */

static const char *const set_names[RSSAC002_SETS] = {"ipv4", "ipv6", "ipv6-aggregate"};

struct place {
	const char *dir, *service, *prefix;
	struct tm date;
};

/* DIR/YYYY/MM/METRIC, made as far as it is not there. */
static int make_folder(const struct place *place, const char *metric, char path[PATH_MAX])
{
	const int year = place->date.tm_year + 1900, month = place->date.tm_mon + 1;

	for (int depth = 1; depth <= 3; depth++) {
		int n = snprintf(path, PATH_MAX,
		    depth == 1       ? "%s/%04d"
			: depth == 2 ? "%s/%04d/%02d"
				     : "%s/%04d/%02d/%s",
		    place->dir, year, month, metric);

		if (n < 0 || n >= PATH_MAX)
			return -ENAMETOOLONG;
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static int put_file(const struct place *place, const char *metric, const char *name,
    const char *extension, const char *data, size_t size)
{
	char folder[PATH_MAX], path[PATH_MAX];
	int r = make_folder(place, metric, folder);

	if (r < 0)
		return r;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s-%04d%02d%02d-%s.%s", folder, place->service,
		place->date.tm_year + 1900, place->date.tm_mon + 1, place->date.tm_mday, name,
		extension) >= sizeof(path))
		return -ENAMETOOLONG;
	return replace_file(path, data, size, 0644, REPLACE_DURABLE);
}

/* -- the metrics */

static void put_volume(FILE *out, const struct rssac002_day *day, const char *prefix)
{
	static const char *const directions[] = {"queries-received", "responses-sent"};
	static const char *const transports[] = {"udp", "tcp"};
	static const char *const custom[RSSAC002_CUSTOM] = {"tls", "https", "quic"};

	for (int d = 0; d < 2; d++)
		for (int t = 0; t < 2; t++)
			for (int f = 0; f < 2; f++)
				fprintf(out, "dns-%s-%s-ipv%d: %" PRIu64 "\n", transports[t],
				    directions[d], f ? 6 : 4, day->counts.volume[d][t][f]);
	for (int d = 0; *prefix && d < 2; d++)
		for (int t = 0; t < RSSAC002_CUSTOM; t++)
			for (int f = 0; f < 2; f++)
				fprintf(out, "%s-dns-%s-%s-ipv%d: %" PRIu64 "\n", prefix, custom[t],
				    directions[d], f ? 6 : 4, day->custom.volume[d][t][f]);
}

/* As many as are wanted; the last one has what is in later ones, too. */
static void put_bins(FILE *out, const char *name, const uint64_t *bins, int wanted)
{
	uint64_t rest = 0;
	bool any = false;

	fprintf(out, "%s:", name);
	for (int bin = 0; bin < wanted - 1; bin++) {
		if (!bins[bin])
			continue;
		any = true;
		fprintf(out, "\n  %d-%d: %" PRIu64, bin * BIN_BYTES, (bin + 1) * BIN_BYTES - 1,
		    bins[bin]);
	}
	for (int bin = wanted - 1; bin < RSSAC002_BINS; bin++)
		rest += bins[bin];
	if (rest)
		fprintf(out, "\n  %d-: %" PRIu64, (wanted - 1) * BIN_BYTES, rest);
	any |= rest != 0;
	fputs(any ? "\n" : " {}\n", out);
}

static void put_sizes(FILE *out, const struct rssac002_day *day, const char *prefix UNUSED)
{
	put_bins(out, "udp-request-sizes", day->counts.sizes[0][RSSAC002_UDP], REQUEST_BINS);
	put_bins(out, "udp-response-sizes", day->counts.sizes[1][RSSAC002_UDP], RSSAC002_BINS);
	put_bins(out, "tcp-request-sizes", day->counts.sizes[0][RSSAC002_TCP], REQUEST_BINS);
	put_bins(out, "tcp-response-sizes", day->counts.sizes[1][RSSAC002_TCP], RSSAC002_BINS);
}

static void put_rcodes(FILE *out, const struct rssac002_day *day, const char *prefix UNUSED)
{
	for (int rcode = 0; rcode < RSSAC002_RCODES; rcode++) {
		if (day->counts.rcodes[rcode])
			fprintf(out, "%d: %" PRIu64 "\n", rcode, day->counts.rcodes[rcode]);
	}
}

static void put_sources(FILE *out, const struct rssac002_day *day, const char *prefix UNUSED)
{
	for (int set = 0; set < RSSAC002_SETS; set++)
		fprintf(out, "num-sources-%s: %" PRIu64 "\n", set_names[set],
		    distinct_count(day->sources[set]));
}

static const struct {
	const char *name;
	void (*put)(FILE *out, const struct rssac002_day *day, const char *prefix);
} metrics[] = {
    {"traffic-volume", put_volume},
    {"traffic-sizes", put_sizes},
    {"rcode-volume", put_rcodes},
    {"unique-sources", put_sources},
};

/* A host's name as it is, as operators write it; anything else in single quotes, doubled inside
 * (YAML 1.2 section 7.3.2). */
static void put_service(FILE *out, const char *service)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";

	if (isalpha((unsigned char)*service) && strchr(service, '.') &&
	    service[strspn(service, plain)] == '\0') {
		fprintf(out, "service: %s\n", service);
		return;
	}
	fputs("service: '", out);
	for (; *service; service++)
		fputs(*service == '\'' ? "''" : (const char[]){*service, '\0'}, out);
	fputs("'\n", out);
}

static int write_metric(const struct place *place, const struct rssac002_day *day, size_t i)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int r = -ENOMEM;

	if (!out)
		return r;
	fputs("---\nversion: rssac002v5\n", out);
	put_service(out, place->service);
	fprintf(out, "start-period: %04d-%02d-%02dT00:00:00Z\nmetric: %s\n",
	    place->date.tm_year + 1900, place->date.tm_mon + 1, place->date.tm_mday,
	    metrics[i].name);
	metrics[i].put(out, day, place->prefix);
	if (fclose(out) == 0)
		r = put_file(place, metrics[i].name, metrics[i].name, "yaml", text, size);
	free(text);
	return r;
}

/* The key's identifier behind the registers: whoever merges sees which belong together. */
static int write_registers(const struct place *place, const struct rssac002_day *day,
    const struct rssac002_key *key, int set)
{
	uint8_t *registers = malloc(RSSAC002_HLL_BYTES);
	int r;

	if (!registers)
		return -ENOMEM;
	distinct_get_registers(day->sources[set], registers);
	memcpy(registers + DISTINCT_REGISTERS, key->hash.id, sizeof(key->hash.id));
	r = put_file(place, "unique-sources", set_names[set], "hll", (const char *)registers,
	    RSSAC002_HLL_BYTES);
	free(registers);
	return r;
}

int rssac002_write_files(const struct rssac002_day *day, const struct rssac002_key *key,
    const char *dir, const char *service, const char *prefix)
{
	struct place place = {dir, service, prefix, {0}};
	const time_t start = (time_t)(day->day * DAY_S);
	int r = 0;

	if (!gmtime_r(&start, &place.date))
		return -EOVERFLOW;
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]) && r == 0; i++)
		r = write_metric(&place, day, i);
	for (int set = 0; set < RSSAC002_SETS && r == 0; set++)
		r = write_registers(&place, day, key, set);
	return r;
}
