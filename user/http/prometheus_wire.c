/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/prometheus_wire.h"

#include "base/clock.h"
#include "base/hist.h"
#include "http/metric_family.h"
#include "measure/mnemonic.h"
#include "measure/unassigned.h"
#include "measure/wire_names.h"

#include <string.h>

/* As points do: of udp and tcp all there are, of the others those with a packet. */
static void put_interface(
    const struct metric_family *family, const struct wire_totals_interface *interface)
{
	for (unsigned d = 0; d < (interface->egress ? 2u : 1u); d++) {
		for (unsigned t = 0; t < WIRE_TRANSPORTS; t++) {
			for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
				const struct wire_cell *cell = &interface->cells[d][t][f];

				if (t > WIRE_TCP && !cell->packets)
					continue;
				family_row(family,
				    (const char *[]){interface->name, mnemonic_direction(d),
					wire_name_transport(t), mnemonic_family(f)},
				    cell, wire_cell_known(t));
			}
		}
	}
}

static void put_wire(const struct metric_family *family, const struct wire_totals_data *data)
{
	for (size_t i = 0; i < WIRE_TOTALS_INTERFACES; i++) {
		if (*data->interfaces[i].name)
			put_interface(family, &data->interfaces[i]);
	}
}

/* -- what of an interface is counted by kind */

static void put_codes(const struct metric_family *family, const char *interface,
    const struct wire_totals_codes *codes,
    const char *(*name)(uint16_t code, char buffer[MNEMONIC_BYTES]))
{
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < codes->n; i++)
		family_count(family,
		    (const char *[]){interface, name(codes->items[i].code, buffer)},
		    codes->items[i].messages);
	if (codes->other)
		family_count(family, (const char *[]){interface, UNASSIGNED_OTHER}, codes->other);
}

static void put_opcodes(
    const struct metric_family *family, const struct wire_totals_interface *interface)
{
	char buffer[MNEMONIC_BYTES];

	for (unsigned i = 0; i < WIRE_OPCODES; i++) {
		if (interface->opcodes[i])
			family_count(family,
			    (const char *[]){interface->name, mnemonic_opcode((uint16_t)i, buffer)},
			    interface->opcodes[i]);
	}
}

static void put_sizes(
    const struct metric_family *family, const struct wire_totals_interface *interface, unsigned d)
{
#define TEXT_(bound) #bound,
	static const char *const bounds[] = {WIRE_TOTALS_SIZES(TEXT_) "+Inf"};
#undef TEXT_

	for (unsigned t = 0; t < WIRE_SIZE_TRANSPORTS; t++) {
		const struct wire_totals_sizes *sizes = &interface->sizes[d][t];

		if (family->field->type == MEASURE_HISTOGRAM)
			family_buckets(family,
			    (const char *[]){
				interface->name, mnemonic_direction(d), wire_name_transport(t)},
			    bounds, sizes->counts, WIRE_TOTALS_BUCKETS + 1, sizes->bytes);
	}
}

static void put_malformed(
    const struct metric_family *family, const struct wire_totals_interface *interface, unsigned d)
{
	for (unsigned i = DNS_MALFORMED_NONE + 1; i < DNS_MALFORMED_COUNT; i++) {
		if (interface->malformed[d][i])
			family_count(family,
			    (const char *[]){
				interface->name, mnemonic_direction(d), wire_name_malformed(i)},
			    interface->malformed[d][i]);
	}
}

static void put_details_of(
    const struct metric_family *family, const struct wire_totals_interface *interface)
{
	const enum measurement_id id = (enum measurement_id)(family->measurement - measurements);

	if (id == M_WIRE_QTYPE)
		put_codes(family, interface->name, &interface->qtypes, mnemonic_qtype);
	if (id == M_WIRE_RCODE)
		put_codes(family, interface->name, &interface->rcodes, mnemonic_rcode);
	if (id == M_WIRE_OPCODE)
		put_opcodes(family, interface);
	for (unsigned d = 0; d < (interface->egress ? 2u : 1u); d++) {
		if (id == M_WIRE_SIZE)
			put_sizes(family, interface, d);
		if (id == M_WIRE_MALFORMED)
			put_malformed(family, interface, d);
	}
}

static void put_details(const struct metric_family *family, const struct wire_totals_data *data)
{
	for (size_t i = 0; i < WIRE_TOTALS_INTERFACES; i++) {
		if (*data->interfaces[i].name)
			put_details_of(family, &data->interfaces[i]);
	}
}

/* -- the rest */

static void put_modes(const struct metric_family *family, const struct wire_totals_data *data)
{
	for (size_t i = 0; i < WIRE_TOTALS_INTERFACES; i++) {
		const struct wire_totals_interface *interface = &data->interfaces[i];

		if (*interface->name && interface->mode)
			family_count(family, (const char *[]){interface->name, interface->mode}, 1);
	}
}

/* The kernel side's bins are those of base/hist.h, in microseconds. */
static void put_rtt_histogram(
    const struct metric_family *family, const char *const *labels, const uint64_t *bins)
{
	struct exposition_histogram histogram = {0};

	for (uint32_t i = 0; i < WIRE_RTT_BINS; i++) {
		if (bins[i])
			exposition_histogram_add(&histogram,
			    hist_bucket((uint64_t)(hist_middle(i) * NS_PER_US)), bins[i]);
	}
	family_histogram(family, labels, &histogram);
}

static void put_rtt(const struct metric_family *family, const struct wire_totals_data *data)
{
	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
		const char *const labels[] = {mnemonic_family(f)};

		if (family->field->type == MEASURE_HISTOGRAM)
			put_rtt_histogram(family, labels, data->rtt.bins[f]);
		else
			family_row(family, labels, &data->handshakes[f], 0);
	}
}

static void put_row(const struct metric_family *family, const char *const *labels,
    const struct wire_totals_row *row)
{
	if (strcmp(family->field->name, "missing") == 0)
		family_count(family, labels, row->missing);
	else if (strcmp(family->field->name, "surplus") == 0)
		family_count(family, labels, row->surplus);
	else if (row->known)
		family_row(
		    family, labels, &row->sums, CROSSCHECK_KNOWS_LATE | CROSSCHECK_KNOWS_BOUNDARY);
}

static void put_rows(const struct metric_family *family, const struct wire_totals_data *data)
{
	for (unsigned d = 0; d < (data->responses ? 2u : 1u); d++) {
		for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++) {
			for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++)
				put_row(family,
				    (const char *[]){mnemonic_direction(d), mnemonic_transport(t),
					mnemonic_family(f)},
				    &data->rows[d][t][f]);
		}
	}
}

/* A sum stays when the last window does not know the field; a gauge is of that window. */
static void put_funnel(const struct metric_family *family, const struct wire_totals_data *data)
{
	family_row(family, NULL, &data->funnel,
	    family->field->type == MEASURE_COUNTER ? data->funnel_ever : data->funnel_now);
}

static void put_verdict(const struct metric_family *family, const struct wire_totals_data *data)
{
	for (unsigned i = 0; i < VERDICT_COUNT; i++)
		family_count(
		    family, (const char *[]){verdict_name((enum verdict)i)}, data->verdict == i);
}

static void put_family(const struct metric_family *family, const struct wire_totals_data *data)
{
	switch (family->measurement->metrics) {
	case METRICS_WIRE:
		put_wire(family, data);
		break;
	case METRICS_DETAILS:
		put_details(family, data);
		break;
	case METRICS_MODES:
		put_modes(family, data);
		break;
	case METRICS_RTT:
		put_rtt(family, data);
		break;
	case METRICS_CROSSCHECK:
		put_rows(family, data);
		break;
	case METRICS_FUNNEL:
		put_funnel(family, data);
		break;
	case METRICS_VERDICT:
		put_verdict(family, data);
		break;
	default:
		break;
	}
}

bool prometheus_is_wire(const struct measurement *measurement)
{
	return measurement->metrics >= METRICS_WIRE;
}

void prometheus_wire(struct exposition *to, const struct wire_totals_data *data)
{
	struct metric_family family;

	for (size_t i = 0; data->judged && i < MEASUREMENT_COUNT; i++) {
		const struct measurement *measurement = &measurements[i];

		if (!prometheus_is_wire(measurement) ||
		    (measurement->metrics == METRICS_RTT && !data->timed))
			continue;
		for (size_t k = 0; k < measurement->n_fields; k++) {
			if (family_begin(&family, to, measurement, &measurement->fields[k]))
				put_family(&family, data);
		}
	}
}
