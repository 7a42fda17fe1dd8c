/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/encode.h"

#include "base/hist.h"
#include "encode/histogram.h"
#include "encode/row.h"
#include "measure/mnemonic.h"
#include "measure/rows.h"
#include "measure/size_bin.h"
#include "measure/wire_names.h"
#include "wire/window/sum.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert(WIRE_SIZE_BINS == KEY_SIZE_BINS, "one kind of bin");
_Static_assert(WIRE_RTT_LINEAR == 1 << HIST_SUB_BITS && WIRE_RTT_BINS <= HIST_BUCKETS,
    "a bin of the kernel side is a bucket of base/hist.h, in microseconds");

struct job {
	struct points *points;
	int64_t time_ms;
	const struct wire_interface *interface;
	struct unassigned *unassigned;
	struct arena *arena;
};

static void encode_cell(
    const struct job *job, unsigned direction, unsigned transport, unsigned family)
{
	const struct wire_cell *cell =
	    &job->interface->counters[direction].cells[transport][family];

	if (transport > WIRE_TCP && !cell->packets)
		return;
	row_point(job->points, &measurements[M_WIRE], job->time_ms,
	    (const char *[]){job->interface->name, mnemonic_direction(direction),
		wire_name_transport(transport), mnemonic_family(family)},
	    cell, wire_cell_known(transport));
}

/* `tags` after the interface. */
static void encode_one(const struct job *job, enum measurement_id id, const char *tag,
    const char *next, uint64_t messages)
{
	row_point(job->points, &measurements[id], job->time_ms,
	    (const char *[]){job->interface->name, tag, next}, &(struct count_row){messages}, 0);
}

typedef const char *unassigned_name(
    struct unassigned *unassigned, int64_t time_ms, uint16_t code, char buffer[MNEMONIC_BYTES]);
typedef const char *mnemonic_name(uint16_t code, char buffer[MNEMONIC_BYTES]);

/* Codes that are not to have a series of their own are sent as one point. */
static void encode_codes(const struct job *job, enum measurement_id id, unassigned_name *bounded,
    mnemonic_name *mnemonic, const struct wire_code *codes, size_t n)
{
	char buffer[MNEMONIC_BYTES];
	uint64_t other = 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = job->unassigned
		    ? bounded(job->unassigned, job->time_ms, codes[i].code, buffer)
		    : mnemonic(codes[i].code, buffer);

		if (strcmp(name, UNASSIGNED_OTHER) == 0)
			other += codes[i].messages;
		else
			encode_one(job, id, name, NULL, codes[i].messages);
	}
	if (other)
		encode_one(job, id, UNASSIGNED_OTHER, NULL, other);
}

static int encode_qtypes(const struct job *job)
{
	const struct wire_code *codes;
	size_t n;
	const int r = wire_sum_qtypes(job->interface, 1, job->arena, &codes, &n);

	if (r == 0)
		encode_codes(job, M_WIRE_QTYPE, unassigned_qtype, mnemonic_qtype, codes, n);
	return r;
}

static int encode_rcodes(const struct job *job)
{
	const struct wire_code *codes;
	size_t n;
	const int r = wire_sum_rcodes(job->interface, 1, job->arena, &codes, &n);

	if (r == 0)
		encode_codes(job, M_WIRE_RCODE, unassigned_rcode, mnemonic_rcode, codes, n);
	return r;
}

static void encode_opcodes(const struct job *job)
{
	const struct wire_counters *in = &job->interface->counters[WIRE_IN];
	char buffer[MNEMONIC_BYTES];

	for (unsigned i = 0; i < WIRE_OPCODES; i++) {
		if (in->opcodes[i])
			encode_one(job, M_WIRE_OPCODE, mnemonic_opcode((uint16_t)i, buffer), NULL,
			    in->opcodes[i]);
	}
}

static void encode_sizes(const struct job *job, unsigned direction, unsigned transport)
{
	const uint64_t *bins = job->interface->counters[direction].sizes[transport];

	row_begin(job->points, &measurements[M_WIRE_SIZE], job->time_ms,
	    (const char *[]){job->interface->name, mnemonic_direction(direction),
		wire_name_transport(transport)});
	for (unsigned i = 0; i < WIRE_SIZE_BINS;) {
		const unsigned bin = size_bin_coarse(i);
		uint64_t count = 0;
		char field[16];

		while (i < WIRE_SIZE_BINS && size_bin_coarse(i) == bin)
			count += bins[i++];
		if (!count)
			continue;
		snprintf(field, sizeof(field), "b%u", bin);
		points_uint(job->points, field, count);
	}
	points_end(job->points); /* a point without a field is none */
}

static void encode_malformed(const struct job *job, unsigned direction)
{
	const uint64_t *reasons = job->interface->counters[direction].malformed;

	for (unsigned i = DNS_MALFORMED_NONE + 1; i < DNS_MALFORMED_COUNT; i++) {
		if (reasons[i])
			encode_one(job, M_WIRE_MALFORMED, mnemonic_direction(direction),
			    wire_name_malformed(i), reasons[i]);
	}
}

static void encode_rtt(
    struct points *points, int64_t time_ms, const struct wire_window *wire, unsigned family)
{
	const struct wire_rtt *rtt = wire->rtt;
	const struct measurement *measurement = &measurements[M_WIRE_TCP_RTT];
	struct hist_count counts[WIRE_RTT_BINS];
	struct histogram histogram = {0};
	struct tcp_rtt_row row = {.retransmitted = wire_sum_handshakes(wire, family).retransmitted,
	    .p50_us = NAN,
	    .p90_us = NAN,
	    .p99_us = NAN};

	for (uint32_t i = 0; i < WIRE_RTT_BINS; i++) {
		counts[i] = (struct hist_count){i, rtt->bins[family][i]};
		row.handshakes += counts[i].count;
		histogram_add(&histogram, i, 1e-6, counts[i].count);
	}
	if (row.handshakes) {
		row.p50_us = hist_quantile(counts, WIRE_RTT_BINS, 0.50);
		row.p90_us = hist_quantile(counts, WIRE_RTT_BINS, 0.90);
		row.p99_us = hist_quantile(counts, WIRE_RTT_BINS, 0.99);
	}
	row_begin(points, measurement, time_ms, (const char *[]){mnemonic_family(family)});
	row_fields(points, measurement, &row, 0);
	points_histogram(points, "seconds", &histogram);
	points_end(points);
}

static int encode_interface(const struct job *job)
{
	const unsigned directions = job->interface->egress ? WIRE_DIRECTIONS : 1;
	int r;

	for (unsigned d = 0; d < directions; d++) {
		for (unsigned t = 0; t < WIRE_TRANSPORTS; t++) {
			for (unsigned f = 0; f < 2; f++)
				encode_cell(job, d, t, f);
			if (t < WIRE_SIZE_TRANSPORTS)
				encode_sizes(job, d, t);
		}
		encode_malformed(job, d);
	}
	encode_opcodes(job);
	r = encode_qtypes(job);
	return r == 0 && job->interface->egress ? encode_rcodes(job) : r;
}

int encode_wire(struct points *points, int64_t time_ms, const struct wire_window *wire,
    struct unassigned *unassigned, struct arena *arena)
{
	int error = 0;

	if (!wire || !wire->watched)
		return 0;
	for (size_t i = 0; i < wire->n_interfaces; i++) {
		const struct job job = {points, time_ms, &wire->interfaces[i], unassigned, arena};
		int r = wire_interface_watched(job.interface) ? encode_interface(&job) : 0;

		error = r < 0 ? r : error;
	}
	for (unsigned f = 0; wire->rtt && f < 2; f++)
		encode_rtt(points, time_ms, wire, f);
	return error;
}
