/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/json_wire.h"

#include "measure/funnel_fields.h"
#include "wire/window/sum.h"
#include "measure/mnemonic.h"
#include "measure/wire_names.h"

#include <string.h>

/* jansson takes NULL for any value and then fails or does nothing; only the last result is checked.
 */
static void set_count(json_t *object, const char *key, uint64_t count)
{
	json_object_set_new(object, key, json_integer((json_int_t)count));
}

static void set_signed(json_t *object, const char *key, int64_t count)
{
	json_object_set_new(object, key, json_integer((json_int_t)count));
}

static void set_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(text));
}

/* NULL (no memory) where the object could not be filled to its end. */
static json_t *sealed(json_t *object, const char *last_key)
{
	if (object && json_object_get(object, last_key))
		return object;
	json_decref(object);
	return NULL;
}

static json_t *cell_json(const struct wire_cell *cell, unsigned transport)
{
	json_t *object = json_object();

	set_count(object, "packets", cell->packets);
	set_count(object, "bytes", cell->bytes);
	if (transport <= WIRE_TCP) {
		set_count(object, "messages", cell->messages);
		set_count(object, "malformed", cell->malformed);
	}
	set_count(object, "fragments", cell->fragments);
	if (transport == WIRE_TCP)
		set_count(object, "resync", cell->resync);
	return object;
}

static json_t *direction_json(const struct wire_window *wire, unsigned direction)
{
	json_t *transports = json_object();

	for (unsigned t = 0; t < WIRE_TRANSPORTS; t++) {
		json_t *families = json_object();

		for (unsigned f = 0; f < 2; f++) {
			struct wire_cell cell;

			wire_sum_cell(wire, direction, t, f, &cell);
			if (cell.packets)
				json_object_set_new(
				    families, mnemonic_family(f), cell_json(&cell, t));
		}
		if (json_object_size(families))
			json_object_set_new(transports, wire_name_transport(t), families);
		else
			json_decref(families);
	}
	return transports;
}

static json_t *codes_json(
    const struct wire_code *codes, size_t n, const char *(*name)(uint16_t, char *))
{
	json_t *object = json_object();
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < n; i++)
		set_count(object, name(codes[i].code, buffer), codes[i].messages);
	return object;
}

static json_t *opcodes_json(const struct wire_window *wire)
{
	json_t *object = json_object();
	char buffer[MNEMONIC_BYTES];

	for (unsigned i = 0; i < WIRE_OPCODES; i++) {
		uint64_t messages = 0;

		for (size_t k = 0; k < wire->n_interfaces; k++)
			messages += wire->interfaces[k].counters[WIRE_IN].opcodes[i];
		if (messages)
			set_count(object, mnemonic_opcode((uint16_t)i, buffer), messages);
	}
	return object;
}

json_t *json_wire(const struct wire_window *wire, struct arena *arena)
{
	const struct wire_code *qtypes, *rcodes;
	size_t n_qtypes, n_rcodes;
	json_t *object;

	if (wire_sum_qtypes(wire->interfaces, wire->n_interfaces, arena, &qtypes, &n_qtypes) < 0 ||
	    wire_sum_rcodes(wire->interfaces, wire->n_interfaces, arena, &rcodes, &n_rcodes) < 0)
		return NULL;
	object = json_object();
	for (unsigned d = 0; d < WIRE_DIRECTIONS; d++)
		json_object_set_new(object, mnemonic_direction(d), direction_json(wire, d));
	json_object_set_new(object, "qtype", codes_json(qtypes, n_qtypes, mnemonic_qtype));
	json_object_set_new(object, "rcode", codes_json(rcodes, n_rcodes, mnemonic_rcode));
	json_object_set_new(object, "opcode", opcodes_json(wire));
	return sealed(object, "opcode");
}

static json_t *row_json(const struct crosscheck_row *row)
{
	json_t *object = json_object();

	set_count(object, "wire", row->wire);
	set_count(object, "dnstap", row->dnstap);
	set_signed(object, "difference", row->difference);
	set_count(object, "left_out", row->left_out);
	return object;
}

/* `window`: it has neighbours; a whole input has none, and its late frames are only said where
 * there are any. */
static json_t *rows_json(const struct crosscheck_result *result, unsigned direction, bool window)
{
	json_t *transports = json_object();

	for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++) {
		json_t *families = json_object();

		for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
			const struct crosscheck_row *row = &result->rows[direction][t][f];
			json_t *object;

			if (!row->wire && !row->dnstap && !row->left_out)
				continue;
			object = row_json(row);
			if (window || row->late)
				set_count(object, "late", row->late);
			if (window)
				set_count(object, "boundary", row->boundary);
			json_object_set_new(families, mnemonic_family(f), object);
		}
		if (json_object_size(families))
			json_object_set_new(transports, mnemonic_transport(t), families);
		else
			json_decref(families);
	}
	return transports;
}

static void put_rows(json_t *object, const struct crosscheck_result *result, bool window)
{
	json_object_set_new(
	    object, "query", result->wire ? rows_json(result, DIR_QUERY, window) : json_object());
	json_object_set_new(object, "response",
	    result->responses ? rows_json(result, DIR_RESPONSE, window) : json_object());
}

static json_t *funnel_json(const struct crosscheck_result *result)
{
	struct funnel_field fields[FUNNEL_FIELDS];
	const size_t n = funnel_fields(result, fields);
	json_t *object = json_object();

	for (size_t i = 0; i < n; i++)
		set_signed(object, fields[i].name, fields[i].value);
	set_text(object, "verdict", verdict_name(result->verdict));
	set_count(object, "complete", !result->incomplete);
	return object;
}

static json_t *qtypes_json(const struct crosscheck_result *result)
{
	json_t *object = json_object();
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < result->n_qtypes; i++) {
		const struct crosscheck_qtype *row = &result->qtypes[i];
		json_t *entry = json_object();

		set_count(entry, "wire", row->wire);
		set_count(entry, "dnstap", row->dnstap);
		set_signed(entry, "difference", row->difference);
		json_object_set_new(object, mnemonic_qtype(row->qtype, buffer), entry);
	}
	return object;
}

static json_t *sources_json(const struct crosscheck_result *result, struct privacy *privacy)
{
	json_t *array = json_array();

	for (size_t i = 0; i < result->n_sources; i++) {
		const struct crosscheck_source *row = &result->sources[i];
		char text[INET6_ADDRSTRLEN];
		json_t *entry;

		privacy_address(privacy, row->address, row->length == 4 ? 4 : 6, text);
		if (!*text)
			continue;
		entry = json_object();
		set_text(entry, "address", text);
		set_count(entry, "wire", row->wire);
		set_count(entry, "dnstap", row->dnstap);
		set_signed(entry, "difference", row->difference);
		json_array_append_new(array, entry);
	}
	return array;
}

static json_t *incomplete_json(uint32_t incomplete)
{
	json_t *array = json_array();

	for (; incomplete; incomplete &= incomplete - 1)
		json_array_append_new(array,
		    json_string(crosscheck_incomplete_name((unsigned)__builtin_ctz(incomplete))));
	return array;
}

static void put_complete(json_t *object, const struct crosscheck_result *result)
{
	json_object_set_new(object, "complete", json_boolean(!result->incomplete));
	json_object_set_new(object, "incomplete", incomplete_json(result->incomplete));
}

/* What a window and a whole input end with. */
static json_t *put_verdict(json_t *object, const struct crosscheck_result *result)
{
	set_signed(object, "unexplained", result->funnel.unexplained);
	set_text(object, "verdict", verdict_name(result->verdict));
	return sealed(object, "verdict");
}

static void put_parts(
    json_t *object, const struct crosscheck_result *result, struct privacy *privacy)
{
	json_object_set_new(object, "qtype", qtypes_json(result));
	json_object_set_new(object, "sources", sources_json(result, privacy));
	json_object_set_new(object, "funnel", funnel_json(result));
}

json_t *json_crosscheck(const struct crosscheck_result *result, struct privacy *privacy)
{
	json_t *object = json_object();

	put_rows(object, result, false);
	put_parts(object, result, privacy);
	put_complete(object, result);
	return put_verdict(object, result);
}

static json_t *horizon_json(const struct verdict_sums *sums)
{
	json_t *object = json_object();

	set_count(object, "windows", sums->windows);
	set_count(object, "wire_queries", sums->wire_queries);
	set_count(object, "dnstap_queries", sums->dnstap_queries);
	set_count(object, "stack_drops", sums->stack_drops);
	set_count(object, "socket_drops", sums->socket_drops);
	set_signed(object, "unexplained", sums->unexplained);
	return object;
}

static json_t *drops_json(const struct wire_window *wire)
{
	json_t *array = json_array();

	if (!wire->watched || !(wire->known & WIRE_KNOWS_STACK_DROPS))
		return array;
	for (size_t i = 0; i < wire->n_stack_drops; i++) {
		const struct wire_drop *drop = &wire->stack_drops[i];
		json_t *entry;

		if (!drop->messages)
			continue;
		entry = json_object();
		set_text(entry, "reason", drop->reason);
		set_count(entry, "messages", drop->messages);
		json_object_set_new(entry, "upper_bound", json_boolean(drop->upper_bound));
		json_array_append_new(array, entry);
	}
	return array;
}

static json_t *modes_json(const struct wire_window *wire)
{
	json_t *object = json_object();

	for (size_t i = 0; i < wire->n_interfaces; i++)
		set_text(object, wire->interfaces[i].name, wire->interfaces[i].mode);
	return object;
}

static json_t *tcp_rtt_json(const struct wire_window *wire)
{
	json_t *object = json_object();

	for (unsigned f = 0; wire->watched && wire->rtt && f < CROSSCHECK_FAMILIES; f++) {
		const struct wire_handshakes sum = wire_sum_handshakes(wire, f);
		json_t *family = json_object();

		set_count(family, "handshakes", sum.timed);
		set_count(family, "retransmitted", sum.retransmitted);
		json_object_set_new(object, mnemonic_family(f), family);
	}
	return object;
}

json_t *json_crosscheck_window(const struct crosscheck_result *result,
    const struct wire_window *wire, int64_t time_ms, struct privacy *privacy)
{
	json_t *object = json_object();

	set_signed(object, "time_ms", time_ms);
	json_object_set_new(object, "modes", wire ? modes_json(wire) : json_object());
	put_rows(object, result, true);
	put_parts(object, result, privacy);
	json_object_set_new(object, "stack_drops", wire ? drops_json(wire) : json_array());
	json_object_set_new(object, "tcp_rtt", wire ? tcp_rtt_json(wire) : json_object());
	if (wire && wire->known & WIRE_KNOWS_STACK_DROPS)
		set_text(
		    object, "stack_drops_source", wire->drops_by_packet ? "packets" : "counters");
	put_complete(object, result);
	json_object_set_new(object, "horizon", horizon_json(&result->horizon));
	return put_verdict(object, result);
}
