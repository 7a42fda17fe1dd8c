/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/documents.h"

#include "encode/row.h"
#include "measure/mnemonic.h"
#include "measure/rows.h"
#include "measure/wire_names.h"
#include "wire/window/sum.h"

#include <netinet/in.h>
#include <string.h>

static void put_direction(
    struct json_build *build, json_t *object, const struct wire_window *wire, unsigned direction)
{
	json_t *transports = json_put_object(build, object, mnemonic_direction(direction));

	for (unsigned t = 0; t < WIRE_TRANSPORTS; t++) {
		for (unsigned f = 0; f < 2; f++) {
			struct wire_cell cell;
			json_t *families;

			wire_sum_cell(wire, direction, t, f, &cell);
			if (!cell.packets && !cell.fragments)
				continue;
			families = json_put_child(build, transports, wire_name_transport(t));
			row_members(build, json_put_object(build, families, mnemonic_family(f)),
			    &measurements[M_WIRE], &cell, wire_cell_known(t));
		}
	}
}

static void put_codes(struct json_build *build, json_t *parent, const char *key,
    const struct wire_code *codes, size_t n, const char *(*name)(uint16_t, char *))
{
	json_t *object = json_put_object(build, parent, key);
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < n; i++)
		json_put_count(build, object, name(codes[i].code, buffer), codes[i].messages);
}

static void put_opcodes(struct json_build *build, json_t *parent, const struct wire_window *wire)
{
	json_t *object = json_put_object(build, parent, "opcode");
	char buffer[MNEMONIC_BYTES];

	for (unsigned i = 0; i < WIRE_OPCODES; i++) {
		uint64_t messages = 0;

		for (size_t k = 0; k < wire->n_interfaces; k++)
			messages += wire->interfaces[k].counters[WIRE_IN].opcodes[i];
		if (messages)
			json_put_count(
			    build, object, mnemonic_opcode((uint16_t)i, buffer), messages);
	}
}

json_t *json_wire(const struct wire_window *wire, struct arena *arena)
{
	const struct wire_code *qtypes, *rcodes;
	struct json_build build = {0};
	size_t n_qtypes, n_rcodes;
	json_t *object;

	if (wire_sum_qtypes(wire->interfaces, wire->n_interfaces, arena, &qtypes, &n_qtypes) < 0 ||
	    wire_sum_rcodes(wire->interfaces, wire->n_interfaces, arena, &rcodes, &n_rcodes) < 0)
		return NULL;
	object = json_build_object(&build);
	for (unsigned d = 0; d < WIRE_DIRECTIONS; d++)
		put_direction(&build, object, wire, d);
	put_codes(&build, object, "qtype", qtypes, n_qtypes, mnemonic_qtype);
	put_codes(&build, object, "rcode", rcodes, n_rcodes, mnemonic_rcode);
	put_opcodes(&build, object, wire);
	return json_build_finish(&build, object);
}

/* `window`: it has neighbours; a whole input has none, and its late frames are only said where
 * there are any. */
static void put_rows(struct json_build *build, json_t *parent,
    const struct crosscheck_result *result, unsigned direction, bool window)
{
	json_t *transports = json_put_object(build, parent, mnemonic_direction(direction));

	for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++) {
		for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
			const struct crosscheck_point point = {
			    .row = result->rows[direction][t][f]};
			const struct crosscheck_row *row = &point.row;
			json_t *families;

			if (!row->wire && !row->dnstap && !row->left_out)
				continue;
			families = json_put_child(build, transports, mnemonic_transport(t));
			row_members(build, json_put_object(build, families, mnemonic_family(f)),
			    &measurements[M_CROSSCHECK], &point,
			    (window || row->late ? CROSSCHECK_KNOWS_LATE : 0) |
				(window ? CROSSCHECK_KNOWS_BOUNDARY : 0));
		}
	}
}

static void put_directions(
    struct json_build *build, json_t *object, const struct crosscheck_result *result, bool window)
{
	if (result->wire)
		put_rows(build, object, result, DIR_QUERY, window);
	else
		json_put_object(build, object, mnemonic_direction(DIR_QUERY));
	if (result->responses)
		put_rows(build, object, result, DIR_RESPONSE, window);
	else
		json_put_object(build, object, mnemonic_direction(DIR_RESPONSE));
}

static void put_qtypes(
    struct json_build *build, json_t *parent, const struct crosscheck_result *result)
{
	json_t *object = json_put_object(build, parent, "qtype");
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < result->n_qtypes; i++)
		row_members(build,
		    json_put_object(build, object, mnemonic_qtype(result->qtypes[i].qtype, buffer)),
		    &measurements[M_CROSSCHECK_QTYPE], &result->qtypes[i], 0);
}

static void put_sources(struct json_build *build, json_t *parent,
    const struct crosscheck_result *result, struct privacy *privacy)
{
	json_t *array = json_put_array(build, parent, "sources");

	for (size_t i = 0; i < result->n_sources; i++) {
		const struct crosscheck_source *source = &result->sources[i];
		char text[INET6_ADDRSTRLEN];

		privacy_address(privacy, source->address, source->length == 4 ? 4 : 6, text);
		if (*text)
			row_members(build, json_add_object(build, array),
			    &measurements[M_CROSSCHECK_SOURCE],
			    &(struct source_row){
				text, source->wire, source->dnstap, source->difference},
			    0);
	}
}

static void put_funnel(
    struct json_build *build, json_t *parent, const struct crosscheck_result *result)
{
	json_t *object = json_put_object(build, parent, "funnel");
	struct funnel_row row;
	const uint32_t known = funnel_row(result, &row);

	row_members(build, object, &measurements[M_FUNNEL], &row, known);
}

static void put_complete(struct json_build *build, json_t *object, uint32_t incomplete)
{
	json_t *array;

	json_put_bool(build, object, "complete", !incomplete);
	array = json_put_array(build, object, "incomplete");
	for (; incomplete; incomplete &= incomplete - 1)
		json_add(build, array,
		    json_string(crosscheck_incomplete_name((unsigned)__builtin_ctz(incomplete))));
}

/* What a window and a whole input end with. */
static void put_verdict(
    struct json_build *build, json_t *object, const struct crosscheck_result *result)
{
	json_put_int(build, object, "unexplained", result->funnel.unexplained);
	json_put_text(build, object, "verdict", verdict_name(result->verdict));
}

static void put_parts(struct json_build *build, json_t *object,
    const struct crosscheck_result *result, struct privacy *privacy)
{
	put_qtypes(build, object, result);
	put_sources(build, object, result, privacy);
	put_funnel(build, object, result);
}

json_t *json_crosscheck(const struct crosscheck_result *result, struct privacy *privacy)
{
	struct json_build build = {0};
	json_t *object = json_build_object(&build);

	put_directions(&build, object, result, false);
	put_parts(&build, object, result, privacy);
	put_complete(&build, object, result->incomplete);
	put_verdict(&build, object, result);
	return json_build_finish(&build, object);
}

static void put_horizon(struct json_build *build, json_t *parent, const struct verdict_sums *sums)
{
	json_t *object = json_put_object(build, parent, "horizon");

	json_put_count(build, object, "windows", sums->windows);
	json_put_count(build, object, "wire_queries", sums->wire_queries);
	json_put_count(build, object, "dnstap_queries", sums->dnstap_queries);
	json_put_count(build, object, "stack_drops", sums->stack_drops);
	json_put_count(build, object, "socket_drops", sums->socket_drops);
	json_put_int(build, object, "unexplained", sums->unexplained);
}

static void put_drops(struct json_build *build, json_t *array, const struct wire_window *wire)
{
	if (!wire->watched || !(wire->known & WIRE_KNOWS_STACK_DROPS))
		return;
	for (size_t i = 0; i < wire->n_stack_drops; i++) {
		const struct wire_drop *drop = &wire->stack_drops[i];
		json_t *entry;

		if (!drop->messages)
			continue;
		entry = json_add_object(build, array);
		json_put_text(build, entry, "reason", drop->reason);
		json_put_count(build, entry, "messages", drop->messages);
		json_put_bool(build, entry, "upper_bound", drop->upper_bound);
	}
}

static void put_modes(struct json_build *build, json_t *object, const struct wire_window *wire)
{
	for (size_t i = 0; i < wire->n_interfaces; i++)
		json_put_text(build, object, wire->interfaces[i].name, wire->interfaces[i].mode);
}

static void put_tcp_rtt(struct json_build *build, json_t *object, const struct wire_window *wire)
{
	for (unsigned f = 0; wire->watched && wire->rtt && f < CROSSCHECK_FAMILIES; f++) {
		const struct wire_handshakes sum = wire_sum_handshakes(wire, f);
		json_t *family = json_put_object(build, object, mnemonic_family(f));

		json_put_count(build, family, "handshakes", sum.timed);
		json_put_count(build, family, "retransmitted", sum.retransmitted);
	}
}

json_t *json_crosscheck_window(const struct crosscheck_result *result,
    const struct wire_window *wire, int64_t time_ms, struct privacy *privacy)
{
	static const struct wire_window none = {0};
	const struct wire_window *from = wire ? wire : &none;
	struct json_build build = {0};
	json_t *object = json_build_object(&build);

	json_put_int(&build, object, "time_ms", time_ms);
	put_modes(&build, json_put_object(&build, object, "modes"), from);
	put_directions(&build, object, result, true);
	put_parts(&build, object, result, privacy);
	put_drops(&build, json_put_array(&build, object, "stack_drops"), from);
	put_tcp_rtt(&build, json_put_object(&build, object, "tcp_rtt"), from);
	if (from->known & WIRE_KNOWS_STACK_DROPS)
		json_put_text(&build, object, "stack_drops_source",
		    from->drops_by_packet ? "packets" : "counters");
	put_complete(&build, object, result->incomplete);
	put_horizon(&build, object, &result->horizon);
	put_verdict(&build, object, result);
	return json_build_finish(&build, object);
}
