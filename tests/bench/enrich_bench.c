/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a window's end costs one core with a million resolvers: all of them new, all of them known,
 * and all looked up again after a database changed, with the encoding of the points. A third has
 * a TCP time.
 *
 *   enrich_bench [COUNTRY.mmdb [ASN.mmdb [RESOLVERS]]]
 *
 * Without files it makes some with a few hundred networks, which are looked up faster than real
 * ones.
 */
#include "base/clock.h"
#include "encode/encode.h"
#include "enrich/enrich.h"

#include "../unit/geo/mmdb_writer.h"
#include "../unit/random.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESOLVERS 1000000
#define NOW_S     1700000000

static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};

static void save(struct writer *w, const char *path)
{
	size_t size;
	uint8_t *file = writer_finish(w, NOW_S, &size);
	FILE *out = fopen(path, "w");

	if (!out || fwrite(file, 1, size, out) != size || fclose(out) != 0)
		exit(1);
	free(file);
	writer_free(w);
}

static void make_country(const char *path)
{
	struct writer w;
	char network[32];

	writer_init(&w, "Bench-Country", 6, 24);
	for (unsigned i = 0; i < 256; i++) {
		char code[3] = {(char)('A' + i % 26), (char)('A' + i / 26), '\0'};

		snprintf(network, sizeof(network), "%u.0.0.0/8", i);
		insert(&w, network, geolite2_country(&w, code));
	}
	save(&w, path);
}

static void make_asn(const char *path)
{
	struct writer w;
	char network[32], org[32];

	writer_init(&w, "Bench-ASN", 6, 24);
	for (unsigned i = 0; i < 2048; i++) {
		snprintf(network, sizeof(network), "%u.%u.0.0/11", i / 8, i % 8 * 32);
		snprintf(org, sizeof(org), "Holder %u", i);
		insert(&w, network, geolite2_asn(&w, 6, 64500 + i, org));
	}
	save(&w, path);
}

static void fill(struct sources *sources, size_t n)
{
	uint64_t random = 1;

	for (size_t i = 0; i < n; i++) {
		const uint64_t address[2] = {random_next(&random) & 0xffffffff, 0};
		struct source *source = sources_at(
		    sources, source_hash(&seed, address, SOURCE_IPV4), address, SOURCE_IPV4);

		source->transports = 1;
		source->queries++;
		source->responses++;
	}
}

static void measure(struct enrich *enrich, const struct sources *sources)
{
	for (size_t i = 0; i < sources->size; i++) {
		const struct source *source = sources_slot(sources, i);

		if (source->transports && i % 3 == 0)
			enrich_set_tcp_rtt(enrich, source->address, 4,
			    1000 + (uint32_t)(i * 7919 % 300000), NOW_S * NS_PER_S);
	}
}

static void copy(const char *from, const char *to)
{
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	char buffer[65536];
	size_t n;

	if (!in || !out)
		exit(1);
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0) {
		if (fwrite(buffer, 1, n, out) != n)
			exit(1);
	}
	fclose(in);
	if (fclose(out) != 0)
		exit(1);
}

/* The same database, as a new file. */
static void replace(const char *path)
{
	char new[96];

	snprintf(new, sizeof(new), "%s.new", path);
	copy(path, new);
	if (rename(new, path) < 0)
		exit(1);
}

static void report(const char *name, double value)
{
	printf("{\"name\": \"%s\", \"value\": %.3f, \"unit\": \"s\"}\n", name, value);
}

static void run(struct enrich *enrich, const char *name, const struct window_view *view,
    const struct sources *sources)
{
	const struct enrich_window window = {NOW_S * NS_PER_S, NOW_S * NS_PER_S, NULL, NULL, true};
	const struct encode_context context = {0};
	const uint64_t start = clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	struct enrich_view enriched;
	struct points *points;

	if (points_new(&points, POINTS_LINE, 64 << 20) < 0 ||
	    enrich_window(enrich, sources, &window, &enriched) < 0)
		exit(1);
	encode_enrich(points, view, &context, enrich, &enriched);
	report(name, (double)(clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start) / NS_PER_S);
	points_free(points);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/enrich-bench-XXXXXX", country[64], asn[64];
	const size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : RESOLVERS;
	struct zone_view zone = {.label = "bench"};
	const struct window_view view = {
	    .span = {.time_ms = NOW_S * 1000ll}, .zones = &zone, .n_zones = 1};
	struct config *config;
	struct sources sources;
	struct enrich *enrich;

	if (!mkdtemp(folder) || config_parse("bench", "", 0, stderr, &config) < 0 ||
	    sources_init(&sources, n * 2) < 0)
		return 1;
	snprintf(country, sizeof(country), "%s/country.mmdb", folder);
	snprintf(asn, sizeof(asn), "%s/asn.mmdb", folder);
	if (argc > 1)
		copy(argv[1], country);
	else
		make_country(country);
	if (argc > 2)
		copy(argv[2], asn);
	else
		make_asn(asn);
	config->geo.country = country;
	config->geo.asn = asn;
	config->limits.memory = 512u << 20;
	if (enrich_new(&enrich, config, &seed, false) < 0)
		return 1;
	fill(&sources, n);
	run(enrich, "enrich_window_new_resolvers", &view, &sources);
	measure(enrich, &sources);
	run(enrich, "enrich_window_known_resolvers", &view, &sources);
	replace(country);
	if (!(enrich_refresh(enrich) & 1u << GEO_COUNTRY))
		return 1;
	run(enrich, "enrich_window_new_database", &view, &sources);
	enrich_free(enrich);
	sources_done(&sources);
	config_unref(config);
	unlink(country);
	unlink(asn);
	rmdir(folder);
	return 0;
}
