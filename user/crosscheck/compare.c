/* SPDX-License-Identifier: BSD-2-Clause */
#include "crosscheck/compare.h"

#include "wire/window/sum.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

_Static_assert((int)WIRE_IN == (int)DIR_QUERY && (int)WIRE_OUT == (int)DIR_RESPONSE, "one index");
_Static_assert((int)WIRE_UDP == (int)TRANSPORT_UDP && (int)WIRE_TCP == (int)TRANSPORT_TCP, "");
_Static_assert((int)PACKET_IPV4 == (int)FAMILY_IPV4 && (int)PACKET_IPV6 == (int)FAMILY_IPV6, "");

/* How many messages come in twice the lag, one at each edge, where so many came in duration_ns. */
static uint64_t near_edges(uint64_t messages, uint64_t duration_ns, uint64_t lag_ns)
{
	const unsigned __int128 product = (unsigned __int128)messages * 2 * lag_ns;

	if (!duration_ns)
		duration_ns = 1;
	return (uint64_t)((product + duration_ns - 1) / duration_ns);
}

/*
 * How many messages may be in a neighbouring window: on either side, at the rate of the busier
 * witness. That is the window's mean, or what dnstap shows of its busiest slice, or of the slice
 * before its start: traffic comes in bursts, and begins and ends at an edge.
 */
static uint64_t boundary(const struct compare_span *span, const struct crosscheck_row *row,
    const struct pace *pace, uint32_t at)
{
	const uint64_t messages = row->wire > row->dnstap ? row->wire : row->dnstap;
	const uint64_t slice_ns = (uint64_t)1 << pace_shift(span->interval_ns);
	const uint64_t mean = near_edges(messages, span->duration_ns, span->lag_ns);
	uint64_t busiest;

	if (!pace)
		return mean;
	busiest = pace_peak(pace, at, 0);
	if (busiest < span->tails[at])
		busiest = span->tails[at];
	busiest = near_edges(busiest, slice_ns, span->lag_ns);
	span->tails[at] = pace_tail(pace, at, span->interval_ns);
	return busiest > mean ? busiest : mean;
}

void compare_rows(struct crosscheck_result *result, const struct compare_span *span,
    const struct wire_window *wire, const struct crosscheck_dnstap *dnstap)
{
	for (unsigned d = 0; d < CROSSCHECK_DIRECTIONS; d++) {
		for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++) {
			for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
				struct crosscheck_row *row = &result->rows[d][t][f];
				struct wire_cell cell;

				wire_sum_cell(wire, d, t, f, &cell);
				row->wire = wire_cell_compared(&cell);
				row->dnstap = dnstap->messages[d][t][f];
				row->difference = (int64_t)(row->wire - row->dnstap);
				row->left_out = cell.left_out;
				row->late = dnstap->late[d][t][f];
				row->boundary =
				    boundary(span, row, dnstap->pace, pace_row(d, t, f));
			}
		}
	}
}

static bool types_are_known(const struct crosscheck_dnstap *dnstap)
{
	for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++) {
		for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
			if (dnstap->unknown[DIR_QUERY][t][f])
				return false;
		}
	}
	return true;
}

int compare_qtypes(struct crosscheck_result *result, const struct wire_window *wire,
    const struct crosscheck_dnstap *dnstap, struct arena *arena)
{
	const struct wire_code *codes;
	struct crosscheck_qtype *rows;
	size_t n_codes, n = 0, w = 0, d = 0;
	int r;

	if (!types_are_known(dnstap))
		return 0;
	r = wire_sum_qtypes(wire->interfaces, wire->n_interfaces, arena, &codes, &n_codes);
	rows = arena_alloc(arena, (n_codes + dnstap->n_qtypes + 1) * sizeof(*rows));
	if (r < 0 || !rows)
		return -ENOMEM;
	while (w < n_codes || d < dnstap->n_qtypes) {
		const uint32_t a = w < n_codes ? codes[w].code : WIRE_CODES;
		const uint32_t b = d < dnstap->n_qtypes ? dnstap->qtypes[d].code : WIRE_CODES;
		struct crosscheck_qtype row = {.qtype = (uint16_t)(a < b ? a : b)};

		if (a <= b) {
			row.wire = codes[w].messages - codes[w].left_out;
			w++;
		}
		if (b <= a)
			row.dnstap = dnstap->qtypes[d++].count;
		row.difference = (int64_t)(row.wire - row.dnstap);
		if (row.wire || row.dnstap)
			rows[n++] = row;
	}
	result->qtypes = rows;
	result->n_qtypes = n;
	return 0;
}

/* The wire's clients by address; 0 is a free slot. */
struct client_index {
	const struct wire_client *clients;
	uint32_t *slots;  /* 1 + index */
	uint64_t *dnstap; /* queries, by index */
	uint32_t mask;
	const struct hash_seed *seed;
};

static uint32_t *client_slot(const struct client_index *index, const struct packet_address *address)
{
	uint64_t words[2];
	uint32_t at;

	memcpy(words, address, sizeof(words));
	at = (uint32_t)hash_u64x3(index->seed, words[0], words[1], 0) & index->mask;
	while (index->slots[at] &&
	    memcmp(&index->clients[index->slots[at] - 1].address, address, sizeof(*address)) != 0)
		at = (at + 1) & index->mask;
	return &index->slots[at];
}

static int client_index_make(
    struct client_index *index, const struct wire_window *wire, struct arena *arena)
{
	uint32_t slots = 64;

	if (wire->n_clients > UINT32_MAX / 4)
		return -ENOMEM;
	while (slots < wire->n_clients * 2)
		slots *= 2;
	index->clients = wire->clients;
	index->mask = slots - 1;
	index->slots = arena_alloc(arena, slots * sizeof(*index->slots));
	index->dnstap = arena_alloc(arena, (wire->n_clients + 1) * sizeof(*index->dnstap));
	if (!index->slots || !index->dnstap)
		return -ENOMEM;
	for (size_t i = 0; i < wire->n_clients; i++)
		*client_slot(index, &wire->clients[i].address) = (uint32_t)i + 1;
	return 0;
}

static void add_dnstap(struct client_index *index, const struct sources *sources)
{
	for (size_t i = 0; i < sources->size; i++) {
		const struct source *source = sources_slot(sources, i);
		struct packet_address address;
		uint32_t slot;

		if (!source->transports)
			continue;
		if (source_family(source) == FAMILY_IPV4) {
			uint32_t ipv4;

			memcpy(&ipv4, source->address, sizeof(ipv4));
			packet_mapped(&address, ipv4);
		} else {
			memcpy(&address, source->address, sizeof(address));
		}
		slot = *client_slot(index, &address);
		if (slot)
			index->dnstap[slot - 1] += source->queries;
	}
}

static void set_address(struct crosscheck_source *row, const struct packet_address *address)
{
	const bool ipv4 =
	    !address->words[0] && !address->words[1] && address->words[2] == htonl(0xffff);

	row->length = ipv4 ? 4 : 16;
	memcpy(row->address, ipv4 ? (const void *)&address->words[3] : address, row->length);
}

/* Of equals IPv4, then the lower address: the same every time. */
static bool is_before(const struct crosscheck_source *a, const struct crosscheck_source *b)
{
	if (a->difference != b->difference)
		return a->difference > b->difference;
	if (a->length != b->length)
		return a->length < b->length;
	return memcmp(a->address, b->address, a->length) < 0;
}

/* Insertion into a short sorted list: `limit` is some dozens. */
static void offer(struct crosscheck_source *rows, size_t *n, size_t limit,
    const struct wire_client *client, uint64_t dnstap)
{
	struct crosscheck_source row = {.wire = client->messages,
	    .dnstap = dnstap,
	    .difference = (int64_t)(client->messages - dnstap)};
	size_t at;

	set_address(&row, &client->address);
	if (row.difference <= 0 || (*n == limit && !is_before(&row, &rows[limit - 1])))
		return;
	for (at = *n < limit ? (*n)++ : limit - 1; at > 0 && is_before(&row, &rows[at - 1]); at--)
		rows[at] = rows[at - 1];
	rows[at] = row;
}

int compare_sources(struct crosscheck_result *result, const struct wire_window *wire,
    const struct sources *sources, const struct hash_seed *seed, size_t limit, struct arena *arena)
{
	struct client_index index = {.seed = seed};
	struct crosscheck_source *rows;
	size_t n = 0;

	if (!(wire->known & WIRE_KNOWS_SOURCES) || !sources || !limit)
		return 0;
	rows = arena_alloc(arena, limit * sizeof(*rows));
	if (!rows || client_index_make(&index, wire, arena) < 0)
		return -ENOMEM;
	add_dnstap(&index, sources);
	for (size_t i = 0; i < wire->n_clients; i++)
		offer(rows, &n, limit, &wire->clients[i], index.dnstap[i]);
	result->sources = rows;
	result->n_sources = n;
	return 0;
}
