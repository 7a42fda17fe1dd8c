/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/documents.h"

#include "base/clock.h"
#include "encode/addresses.h"
#include "encode/domains.h"
#include "encode/priming.h"
#include "encode/row.h"
#include "measure/margin_tag.h"
#include "stats/facts.h"
#include "text/json_build.h"

#include "crosstap/dns.h"

#include <stdio.h>

static void add_count(struct json_build *build, json_t *object, const char *key, uint64_t count)
{
	json_put_count(
	    build, object, key, (uint64_t)json_integer_value(json_object_get(object, key)) + count);
}

enum part { COUNTS, AMOUNTS };

static void put_values(struct json_build *build, json_t *object, const struct margin_slice *slice,
    enum measure_tag tag, enum part part)
{
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < slice->n; i++)
		json_put_count(build, object,
		    margin_tag_text(tag, slice->cells[i].key, NULL, buffer),
		    part == AMOUNTS ? slice->cells[i].amount : slice->cells[i].count);
}

static void put_codes(struct json_build *build, json_t *zone, const char *key,
    const struct margin_slice *slice, enum measure_tag tag)
{
	put_values(build, json_put_object(build, zone, key), slice, tag, COUNTS);
}

/* An object of objects. */
static void put_pairs(struct json_build *build, json_t *zone, const char *key,
    const struct margin_slice *slice, enum measure_tag outer, enum measure_tag inner)
{
	json_t *object = json_put_object(build, zone, key);
	char buffers[2][MNEMONIC_BYTES];

	for (size_t i = 0; i < slice->n; i++) {
		const uint64_t cell = slice->cells[i].key;

		add_count(build,
		    json_put_child(build, object, margin_tag_text(outer, cell, NULL, buffers[0])),
		    margin_tag_text(inner, cell, NULL, buffers[1]), slice->cells[i].count);
	}
}

/* By the lower bounds of RSSAC002's bins, as `response_size` is. */
static void put_rcode_sizes(
    struct json_build *build, json_t *zone, const struct margin_slice *slice)
{
	json_t *object = json_put_object(build, zone, "rcode_size");

	for (size_t i = 0; i < slice->n; i++) {
		const uint64_t key = slice->cells[i].key;
		char rcode[MNEMONIC_BYTES], bin[16];

		snprintf(bin, sizeof(bin), "%u",
		    (unsigned)key_size_of(margin_value(key)) * KEY_SIZE_STEP);
		json_put_count(build,
		    json_put_child(build, object, margin_tag_text(TAG_RCODE, key, NULL, rcode)),
		    bin, slice->cells[i].count);
	}
}

static void put_types(struct json_build *build, json_t *zone, const struct zone_view *view)
{
	const struct margin_slice *responses = &view->margins[MARGIN_QTYPE_RESPONSES];

	put_values(build, json_put_object(build, zone, "qtype_query_bytes"),
	    &view->margins[MARGIN_QTYPE], TAG_QTYPE, AMOUNTS);
	put_codes(build, zone, "qtype_responses", responses, TAG_QTYPE);
	put_values(build, json_put_object(build, zone, "qtype_response_bytes"), responses,
	    TAG_QTYPE, AMOUNTS);
	put_pairs(build, zone, "qtype_rcode", &view->margins[MARGIN_QTYPE_RCODE], TAG_BUSY_QTYPE,
	    TAG_RCODE);
	put_codes(build, zone, "class", &view->margins[MARGIN_CLASS], TAG_CLASS);
	put_pairs(build, zone, "transport_qtype", &view->margins[MARGIN_TRANSPORT_QTYPE],
	    TAG_TRANSPORT, TAG_QTYPE);
	put_rcode_sizes(build, zone, &view->margins[MARGIN_RCODE_SIZE]);
}

static void put_edns(struct json_build *build, json_t *zone, const struct zone_view *view)
{
	put_codes(build, zone, "edns", &view->margins[MARGIN_EDNS], TAG_EDNS_VERSION);
	put_codes(build, zone, "edns_size", &view->margins[MARGIN_EDNS_SIZE], TAG_EDNS_SIZE);
	put_codes(build, zone, "ede", &view->margins[MARGIN_EDE], TAG_EDE);
	put_pairs(build, zone, "ecs", &view->margins[MARGIN_ECS], TAG_ECS_FAMILY, TAG_PREFIX);
}

/* Lengths, numbers and kinds of names: never a name. */
static void put_qname(struct json_build *build, json_t *zone, const struct zone_view *view)
{
	json_t *object = json_put_object(build, zone, "qname");

	put_codes(build, object, "length", &view->margins[MARGIN_QNAME_LENGTH], TAG_QNAME_LENGTH);
	put_codes(build, object, "labels", &view->margins[MARGIN_QNAME_LABELS], TAG_QNAME_LABELS);
	put_values(build, object, &view->margins[MARGIN_QNAME_TRAIT], TAG_QNAME_TRAIT, COUNTS);
}

static void put_priming(struct json_build *build, json_t *zone, const struct zone_view *view)
{
	json_t *object = json_put_object(build, zone, "priming");

	for (unsigned t = 0; t < TRANSPORT_COUNT; t++) {
		struct priming_row row;

		if (!priming_row(view, t, &row))
			continue;
		row_members(build, json_put_object(build, object, mnemonic_transport(t)),
		    &measurements[M_DNS_PRIMING], &row, 0);
	}
}

/* A field of each of a margin's servers. */
static void put_places(struct json_build *build, json_t *object, const struct window_view *window,
    const struct margin_slice *slice, enum measure_tag tag, const char *field, enum part part)
{
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < slice->n; i++)
		add_count(build,
		    json_put_child(build, object,
			margin_tag_text(tag, slice->cells[i].key, window->places, buffer)),
		    field, part == AMOUNTS ? slice->cells[i].amount : slice->cells[i].count);
}

static void put_servers(struct json_build *build, json_t *zone, const struct window_view *window,
    const struct zone_view *view)
{
	json_t *addresses = json_put_object(build, zone, "addresses");
	json_t *identities = json_put_object(build, zone, "identities");
	const struct margin_slice *m = view->margins;

	put_places(build, addresses, window, &m[MARGIN_ADDRESS], TAG_ADDRESS, "queries", COUNTS);
	put_places(build, addresses, window, &m[MARGIN_ADDRESS_RESPONSES], TAG_ADDRESS, "responses",
	    COUNTS);
	put_places(
	    build, addresses, window, &m[MARGIN_ADDRESS], TAG_ADDRESS, "query_bytes", AMOUNTS);
	put_places(build, addresses, window, &m[MARGIN_ADDRESS_RESPONSES], TAG_ADDRESS,
	    "response_bytes", AMOUNTS);
	put_places(build, identities, window, &m[MARGIN_IDENTITY], TAG_IDENTITY, "queries", COUNTS);
	put_places(build, identities, window, &m[MARGIN_IDENTITY_RESPONSES], TAG_IDENTITY,
	    "responses", COUNTS);
}

static void put_subnets(
    struct json_build *build, json_t *zone, const struct zone_view *view, struct privacy *privacy)
{
	json_t *list = json_put_array(build, zone, "subnets"), *object;
	struct subnet_row row;

	for (size_t i = 0; i < view->n_subnets; i++) {
		char text[SUBNET_TEXT_BYTES];

		subnet_text(privacy, &view->subnets[i], text);
		subnet_row(&view->subnets[i], *text ? text : NULL, &row);
		object = json_add_object(build, list);
		json_put_count(build, object, "rank", i + 1);
		row_members(build, object, &measurements[M_DNS_SUBNET], &row, 0);
	}
	subnet_rest(view, &row);
	if (!row.queries && !row.response_bytes && !row.nxdomain)
		return;
	object = json_add_object(build, list);
	json_put_text(build, object, "rank", "other");
	row_members(build, object, &measurements[M_DNS_SUBNET], &row, 0);
}

static void put_talkers(
    struct json_build *build, json_t *zone, const struct zone_view *view, struct privacy *privacy)
{
	json_t *lists = json_put_object(build, zone, "talkers");

	for (int by = 0; by < TALKER_COUNT; by++) {
		json_t *list = json_put_array(build, lists, talker_name((enum talker)by));

		for (size_t i = 0; i < view->n_talkers[by]; i++) {
			const struct ranked *talker = &view->talkers[by][i];
			json_t *object = json_add_object(build, list);
			char text[INET6_ADDRSTRLEN];

			privacy_address(privacy, (const uint8_t *)talker->address,
			    talker->family == FAMILY_IPV4 ? 4 : 6, text);
			json_put_count(build, object, "rank", i + 1);
			row_members(build, object, &measurements[M_DNS_TALKER],
			    &(struct talker_row){*text ? text : NULL, talker->count}, 0);
		}
	}
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

/* What may not be told counts in the rest. */
static void put_ranked(struct json_build *build, json_t *domains, const struct zone_view *view,
    enum domains_by by, struct privacy *privacy, struct domain_row *rest)
{
	json_t *list = json_put_array(build, domains, domains_by_name(by));
	char text[PRIVACY_NAME_SIZE];
	struct domain_row row;

	for (size_t i = 0; i < view->n_domains[by]; i++) {
		json_t *object;

		if (!domain_row(&view->domains[by][i], privacy, text, &row)) {
			rest->queries += view->domains[by][i].queries;
			rest->nxdomain += view->domains[by][i].nxdomain;
			continue;
		}
		object = json_add_object(build, list);
		json_put_count(build, object, "rank", i + 1);
		row_members(
		    build, object, &measurements[M_DNS_DOMAIN], &row, DOMAIN_KNOWS_DISTINCT);
	}
}

/* What no list has is in `other`, by what the list is ranked by. */
static void put_domains(
    struct json_build *build, json_t *zone, const struct zone_view *view, struct privacy *privacy)
{
	json_t *domains = json_put_object(build, zone, "domains");
	json_t *other = json_put_object(build, domains, "other");

	for (int by = 0; by < DOMAINS_BYS; by++) {
		struct domain_row rest;

		domains_rest(view, (enum domains_by)by, &rest);
		put_ranked(build, domains, view, (enum domains_by)by, privacy, &rest);
		row_members(build,
		    json_put_object(build, other, domains_by_name((enum domains_by)by)),
		    &measurements[M_DNS_DOMAIN], &rest, 0);
	}
}

static void put_clients(struct json_build *build, json_t *zone, const struct clients *clients)
{
	json_t *object = json_put_object(build, zone, "clients");

	for (int trait = 0; trait < CLIENT_TRAIT_COUNT; trait++)
		row_members(build,
		    json_put_object(build, object, client_trait_name((enum client_trait)trait)),
		    &measurements[M_DNS_CLIENTS],
		    &(struct clients_row){clients->sources[trait], clients->queries[trait]}, 0);
}

static void put_zone(struct json_build *build, json_t *zones, const struct window_view *window,
    const struct zone_view *view, struct privacy *privacy)
{
	const uint8_t facts = window->facts;
	json_t *zone = json_put_object(build, zones, view->label);

	put_messages(build, zone, view);
	put_pair(build, zone, "outgoing", &view->margins[MARGIN_OUTGOING], "queries", "responses");
	put_pair(build, zone, "malformed", &view->margins[MARGIN_MALFORMED], "query", "response");
	put_codes(build, zone, "qtype", &view->margins[MARGIN_QTYPE], TAG_QTYPE);
	put_codes(build, zone, "rcode", &view->margins[MARGIN_RCODE], TAG_RCODE);
	put_codes(build, zone, "opcode", &view->margins[MARGIN_OPCODE], TAG_OPCODE);
	put_flags(build, zone, view);
	put_sizes(build, zone, view);
	put_latency(build, zone, view);
	if (facts & FACTS_TYPES)
		put_types(build, zone, view);
	if (facts & FACTS_EDNS)
		put_edns(build, zone, view);
	if (facts & FACTS_QNAME) {
		put_qname(build, zone, view);
		put_codes(build, zone, "junk", &view->margins[MARGIN_JUNK], TAG_JUNK);
		put_priming(build, zone, view);
	}
	if (facts & FACTS_PORTS)
		put_codes(build, zone, "sport_range", &view->margins[MARGIN_PORTS], TAG_PORT_RANGE);
	if (facts & FACTS_DOMAINS)
		put_domains(build, zone, view, privacy);
	if (view->clients)
		put_clients(build, zone, view->clients);
	if (facts & FACTS_ADDRESSES) {
		put_servers(build, zone, window, view);
		put_subnets(build, zone, view, privacy);
		put_talkers(build, zone, view, privacy);
	}
}

json_t *json_zones(const struct window_view *view, size_t first, size_t n, struct privacy *privacy)
{
	struct json_build build = {0};
	json_t *zones = json_build_object(&build);

	for (size_t i = first; i < first + n; i++)
		put_zone(&build, zones, view, &view->zones[i], privacy);
	return json_build_finish(&build, zones);
}
