/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/documents.h"

#include "base/clock.h"
#include "text/json_build.h"
#include "measure/mnemonic.h"

#include "crosstap/dns.h"

#include <stdio.h>

static void add_count(struct json_build *build, json_t *object, const char *key, uint64_t count)
{
	json_put_count(
	    build, object, key, (uint64_t)json_integer_value(json_object_get(object, key)) + count);
}

static void put_codes(struct json_build *build, json_t *zone, const char *key,
    const struct margin_slice *slice, const char *(*name)(uint16_t, char *))
{
	json_t *object = json_put_object(build, zone, key);
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < slice->n; i++)
		json_put_count(build, object,
		    name((uint16_t)margin_value(slice->cells[i].key), buffer),
		    slice->cells[i].count);
}

static void put_messages(struct json_build *build, json_t *zone, const struct zone_view *view)
{
	const struct margin_slice *slice = &view->margins[MARGIN_MESSAGES];
	uint64_t count[2] = {0}, bytes[2] = {0};
	json_t *transports = json_put_object(build, zone, "messages");

	for (size_t i = 0; i < slice->n; i++) {
		const struct cell *cell = &slice->cells[i];
		const unsigned direction = margin_direction(cell->key);
		json_t *family = json_put_child(build,
		    json_put_child(
			build, transports, mnemonic_transport(margin_transport(cell->key))),
		    mnemonic_family(margin_family(cell->key)));

		count[direction] += cell->count;
		bytes[direction] += cell->amount;
		add_count(build, family, "queries", direction == DIR_QUERY ? cell->count : 0);
		add_count(build, family, "responses", direction == DIR_RESPONSE ? cell->count : 0);
	}
	json_put_count(build, zone, "queries", count[DIR_QUERY]);
	json_put_count(build, zone, "responses", count[DIR_RESPONSE]);
	json_put_count(build, zone, "query_bytes", bytes[DIR_QUERY]);
	json_put_count(build, zone, "response_bytes", bytes[DIR_RESPONSE]);
	json_put_count(build, zone, "sources",
	    view->sources_all[FAMILY_IPV4] + view->sources_all[FAMILY_IPV6]);
}

static void put_pair(struct json_build *build, json_t *zone, const char *key,
    const struct margin_slice *slice, const char *query, const char *response)
{
	json_t *object = json_put_object(build, zone, key);
	uint64_t count[2] = {0};

	for (size_t i = 0; i < slice->n; i++)
		count[margin_direction(slice->cells[i].key)] += slice->cells[i].count;
	json_put_count(build, object, query, count[DIR_QUERY]);
	json_put_count(build, object, response, count[DIR_RESPONSE]);
}

static void put_flags(struct json_build *build, json_t *zone, const struct zone_view *view)
{
	json_t *flags = json_put_object(build, zone, "flags");

	for (unsigned d = 0; d < 2; d++) {
		const struct margin_slice slice = margin_of(&view->margins[MARGIN_FLAG], d);
		json_t *object = json_put_object(build, flags, mnemonic_direction(d));

		for (size_t i = 0; i < slice.n; i++)
			json_put_count(build, object,
			    mnemonic_flag(margin_value(slice.cells[i].key)), slice.cells[i].count);
	}
}

static void put_sizes(struct json_build *build, json_t *zone, const struct zone_view *view)
{
	for (unsigned d = 0; d < 2; d++) {
		const struct margin_slice slice = margin_of(&view->margins[MARGIN_SIZE], d);
		json_t *object =
		    json_put_object(build, zone, d == DIR_QUERY ? "query_size" : "response_size");

		for (size_t i = 0; i < slice.n; i++) {
			char bin[16];

			snprintf(bin, sizeof(bin), "%u",
			    (unsigned)margin_value(slice.cells[i].key) * KEY_SIZE_STEP);
			add_count(build, object, bin, slice.cells[i].count);
		}
	}
}

static void put_latency(struct json_build *build, json_t *zone, const struct zone_view *view)
{
	json_t *object = json_put_object(build, zone, "response_time_us");
	struct view_latency latency;

	if (view_latency(&view->margins[MARGIN_LATENCY], &latency) < 0)
		return;
	json_put_count(build, object, "count", latency.count);
	if (!latency.count)
		return;
	json_put_real(build, object, "p50", latency.p50_ns / NS_PER_US);
	json_put_real(build, object, "p90", latency.p90_ns / NS_PER_US);
	json_put_real(build, object, "p99", latency.p99_ns / NS_PER_US);
	json_put_real(build, object, "max", latency.max_ns / NS_PER_US);
}

static void put_zone(struct json_build *build, json_t *zones, const struct zone_view *view)
{
	json_t *zone = json_put_object(build, zones, view->label);

	put_messages(build, zone, view);
	put_pair(build, zone, "outgoing", &view->margins[MARGIN_OUTGOING], "queries", "responses");
	put_pair(build, zone, "malformed", &view->margins[MARGIN_MALFORMED], "query", "response");
	put_codes(build, zone, "qtype", &view->margins[MARGIN_QTYPE], mnemonic_qtype);
	put_codes(build, zone, "rcode", &view->margins[MARGIN_RCODE], mnemonic_rcode);
	put_codes(build, zone, "opcode", &view->margins[MARGIN_OPCODE], mnemonic_opcode);
	put_flags(build, zone, view);
	put_sizes(build, zone, view);
	put_latency(build, zone, view);
}

json_t *json_zones(const struct window_view *view)
{
	struct json_build build = {0};
	json_t *zones = json_build_object(&build);

	for (size_t i = 0; i < view->n_zones; i++)
		put_zone(&build, zones, &view->zones[i]);
	return json_build_finish(&build, zones);
}
