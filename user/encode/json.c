/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/json.h"

#include "base/clock.h"
#include "measure/mnemonic.h"

#include "crosstap/dns.h"

#include <stdio.h>

/* jansson takes NULL for any value and then fails or does nothing; only the last result is checked.
 */
static void set_count(json_t *object, const char *key, uint64_t count)
{
	json_object_set_new(object, key, json_integer((json_int_t)count));
}

static void add_count(json_t *object, const char *key, uint64_t count)
{
	set_count(object, key, (uint64_t)json_integer_value(json_object_get(object, key)) + count);
}

static json_t *child(json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (!value) {
		value = json_object();
		json_object_set_new(object, key, value);
	}
	return value;
}

static json_t *codes(const struct margin_slice *slice, const char *(*name)(uint16_t, char *))
{
	json_t *object = json_object();
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < slice->n; i++)
		set_count(object, name((uint16_t)margin_value(slice->cells[i].key), buffer),
		    slice->cells[i].count);
	return object;
}

static void put_messages(json_t *zone, const struct zone_view *view)
{
	const struct margin_slice *slice = &view->margins[MARGIN_MESSAGES];
	uint64_t count[2] = {0}, bytes[2] = {0};
	json_t *transports = json_object();

	for (size_t i = 0; i < slice->n; i++) {
		const struct cell *cell = &slice->cells[i];
		const unsigned direction = margin_direction(cell->key);
		json_t *family =
		    child(child(transports, mnemonic_transport(margin_transport(cell->key))),
			mnemonic_family(margin_family(cell->key)));

		count[direction] += cell->count;
		bytes[direction] += cell->amount;
		if (!json_object_get(family, "queries")) {
			set_count(family, "queries", 0);
			set_count(family, "responses", 0);
		}
		set_count(family, direction == DIR_QUERY ? "queries" : "responses", cell->count);
	}
	set_count(zone, "queries", count[DIR_QUERY]);
	set_count(zone, "responses", count[DIR_RESPONSE]);
	set_count(zone, "query_bytes", bytes[DIR_QUERY]);
	set_count(zone, "response_bytes", bytes[DIR_RESPONSE]);
	set_count(zone, "sources", view->sources_all[FAMILY_IPV4] + view->sources_all[FAMILY_IPV6]);
	json_object_set_new(zone, "messages", transports);
}

static void put_pair(json_t *zone, const char *key, const struct margin_slice *slice,
    const char *query, const char *response)
{
	json_t *object = json_object();
	uint64_t count[2] = {0};

	for (size_t i = 0; i < slice->n; i++)
		count[margin_direction(slice->cells[i].key)] += slice->cells[i].count;
	set_count(object, query, count[DIR_QUERY]);
	set_count(object, response, count[DIR_RESPONSE]);
	json_object_set_new(zone, key, object);
}

static void put_flags(json_t *zone, const struct zone_view *view)
{
	json_t *flags = json_object();

	for (unsigned d = 0; d < 2; d++) {
		const struct margin_slice slice = margin_of(&view->margins[MARGIN_FLAG], d);
		json_t *object = json_object();

		for (size_t i = 0; i < slice.n; i++)
			set_count(object, mnemonic_flag(margin_value(slice.cells[i].key)),
			    slice.cells[i].count);
		json_object_set_new(flags, mnemonic_direction(d), object);
	}
	json_object_set_new(zone, "flags", flags);
}

static void put_sizes(json_t *zone, const struct zone_view *view)
{
	for (unsigned d = 0; d < 2; d++) {
		const struct margin_slice slice = margin_of(&view->margins[MARGIN_SIZE], d);
		json_t *object = json_object();

		for (size_t i = 0; i < slice.n; i++) {
			char bin[16];

			snprintf(bin, sizeof(bin), "%u",
			    (unsigned)margin_value(slice.cells[i].key) * KEY_SIZE_STEP);
			add_count(object, bin, slice.cells[i].count);
		}
		json_object_set_new(zone, d == DIR_QUERY ? "query_size" : "response_size", object);
	}
}

static void put_latency(json_t *zone, const struct zone_view *view)
{
	struct view_latency latency;
	json_t *object = json_object();

	if (view_latency(&view->margins[MARGIN_LATENCY], &latency) == 0) {
		set_count(object, "count", latency.count);
		if (latency.count) {
			json_object_set_new(object, "p50", json_real(latency.p50_ns / NS_PER_US));
			json_object_set_new(object, "p90", json_real(latency.p90_ns / NS_PER_US));
			json_object_set_new(object, "p99", json_real(latency.p99_ns / NS_PER_US));
			json_object_set_new(object, "max", json_real(latency.max_ns / NS_PER_US));
		}
	}
	json_object_set_new(zone, "response_time_us", object);
}

static json_t *zone_json(const struct zone_view *view)
{
	json_t *zone = json_object();

	put_messages(zone, view);
	put_pair(zone, "outgoing", &view->margins[MARGIN_OUTGOING], "queries", "responses");
	put_pair(zone, "malformed", &view->margins[MARGIN_MALFORMED], "query", "response");
	json_object_set_new(zone, "qtype", codes(&view->margins[MARGIN_QTYPE], mnemonic_qtype));
	json_object_set_new(zone, "rcode", codes(&view->margins[MARGIN_RCODE], mnemonic_rcode));
	json_object_set_new(zone, "opcode", codes(&view->margins[MARGIN_OPCODE], mnemonic_opcode));
	put_flags(zone, view);
	put_sizes(zone, view);
	put_latency(zone, view);
	return zone;
}

json_t *json_zones(const struct window_view *view)
{
	json_t *zones = json_object();

	for (size_t i = 0; i < view->n_zones; i++) {
		if (json_object_set_new(zones, view->zones[i].label, zone_json(&view->zones[i])) <
		    0) {
			json_decref(zones);
			return NULL;
		}
	}
	return zones;
}
