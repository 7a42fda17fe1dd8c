/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/wire_totals.h"

#include "measure/measurement.h"
#include "measure/mnemonic.h"
#include "wire/window/sum.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct wire_totals {
	pthread_mutex_t lock;
	struct wire_totals_data data;
};

int wire_totals_new(struct wire_totals **ret)
{
	struct wire_totals *totals = calloc(1, sizeof(*totals));

	if (!totals)
		return -ENOMEM;
	pthread_mutex_init(&totals->lock, NULL);
	totals->data.verdict = VERDICT_OK;
	*ret = totals;
	return 0;
}

void wire_totals_free(struct wire_totals *totals)
{
	if (!totals)
		return;
	pthread_mutex_destroy(&totals->lock);
	free(totals);
}

/* The interface's entry, else a free one, else one whose interface is gone; NULL: none of these. */
static struct wire_totals_interface *entry_of(struct wire_totals_data *data, const char *name)
{
	struct wire_totals_interface *free_entry = NULL, *gone = NULL;

	for (size_t i = 0; i < WIRE_TOTALS_INTERFACES; i++) {
		struct wire_totals_interface *entry = &data->interfaces[i];

		if (*entry->name && strcmp(entry->name, name) == 0)
			return entry;
		if (!*entry->name)
			free_entry = free_entry ? free_entry : entry;
		else if (!entry->mode)
			gone = gone ? gone : entry;
	}
	free_entry = free_entry ? free_entry : gone;
	if (free_entry) {
		memset(free_entry, 0, sizeof(*free_entry));
		memcpy(free_entry->name, name, strnlen(name, WIRE_NAME_BYTES - 1));
	}
	return free_entry;
}

static void add_code(
    struct wire_totals_codes *codes, uint16_t code, bool assigned, uint64_t messages)
{
	size_t i = 0;

	if (!messages)
		return;
	while (i < codes->n && codes->items[i].code != code)
		i++;
	if (i == codes->n) {
		if (codes->n == WIRE_TOTALS_CODES ||
		    (!assigned && codes->n_own == WIRE_TOTALS_OWN)) {
			codes->other += messages;
			return;
		}
		codes->n++;
		codes->n_own += !assigned;
		codes->items[i].code = code;
	}
	codes->items[i].messages += messages;
}

static void add_codes(struct wire_totals_interface *entry, const struct wire_interface *interface)
{
	const struct wire_counters *in = &interface->counters[WIRE_IN];
	const struct wire_counters *out = &interface->counters[WIRE_OUT];

	for (unsigned i = 0; i < WIRE_QTYPES; i++)
		add_code(&entry->qtypes, (uint16_t)i, mnemonic_qtype_assigned((uint16_t)i),
		    in->qtypes[i]);
	for (size_t i = 0; i < interface->qtypes.n; i++)
		add_code(&entry->qtypes, interface->qtypes.items[i].code,
		    mnemonic_qtype_assigned(interface->qtypes.items[i].code),
		    interface->qtypes.items[i].messages);
	for (unsigned i = 0; i < WIRE_RCODES; i++)
		add_code(&entry->rcodes, (uint16_t)i, true, out->rcodes[i]);
	for (size_t i = 0; i < interface->rcodes.n; i++)
		add_code(&entry->rcodes, interface->rcodes.items[i].code, false,
		    interface->rcodes.items[i].messages);
	for (unsigned i = 0; i < WIRE_OPCODES; i++)
		entry->opcodes[i] += in->opcodes[i];
}

static void add_sizes(struct wire_totals_sizes *sizes, const uint64_t *bins)
{
#define BOUND_(bound) bound,
	static const unsigned bounds[] = {WIRE_TOTALS_SIZES(BOUND_)};
#undef BOUND_
	size_t bucket = 0;

	for (unsigned bin = 0; bin < WIRE_SIZE_BINS; bin++) {
		const unsigned first = bin * KEY_SIZE_STEP;

		while (bucket < WIRE_TOTALS_BUCKETS && first > bounds[bucket])
			bucket++;
		sizes->counts[bucket] += bins[bin];
		sizes->bytes += (double)bins[bin] * (first + (KEY_SIZE_STEP - 1) / 2.0);
	}
}

static void add_details(struct wire_totals_interface *entry, const struct wire_interface *interface)
{
	add_codes(entry, interface);
	for (unsigned d = 0; d < WIRE_DIRECTIONS; d++) {
		for (unsigned i = 0; i < WIRE_REASONS; i++)
			entry->malformed[d][i] += interface->counters[d].malformed[i];
		for (unsigned t = 0; t < WIRE_SIZE_TRANSPORTS; t++)
			add_sizes(&entry->sizes[d][t], interface->counters[d].sizes[t]);
	}
}

static void add_interface(
    struct wire_totals_data *data, const struct wire_interface *interface, bool watched)
{
	struct wire_totals_interface *entry = entry_of(data, interface->name);

	if (!entry)
		return;
	entry->mode = interface->mode;
	if (!watched)
		return;
	entry->egress |= interface->egress;
	add_details(entry, interface);
	for (unsigned d = 0; d < WIRE_DIRECTIONS; d++)
		for (unsigned t = 0; t < WIRE_TRANSPORTS; t++)
			for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++)
				measure_add(&measurements[M_WIRE], &entry->cells[d][t][f],
				    &interface->counters[d].cells[t][f], wire_cell_known(t));
}

static void add_wire(struct wire_totals_data *data, const struct wire_window *wire)
{
	for (size_t i = 0; i < WIRE_TOTALS_INTERFACES; i++)
		data->interfaces[i].mode = NULL;
	for (size_t i = 0; wire && i < wire->n_interfaces; i++)
		add_interface(data, &wire->interfaces[i], wire->watched);
	if (!wire || !wire->watched || !wire->rtt)
		return;
	data->timed = true;
	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
		for (unsigned i = 0; i < WIRE_RTT_BINS; i++)
			data->rtt.bins[f][i] += wire->rtt->bins[f][i];
		data->handshakes[f].retransmitted += wire_sum_handshakes(wire, f).retransmitted;
	}
}

static void add_row(struct wire_totals_row *to, const struct crosscheck_result *result,
    const struct crosscheck_row *row)
{
	const struct crosscheck_point point = {.row = *row};

	if (result->wire) {
		to->known = true;
		measure_add(&measurements[M_CROSSCHECK], &to->sums, &point,
		    CROSSCHECK_KNOWS_LATE | CROSSCHECK_KNOWS_BOUNDARY);
	}
	if (!result->counted)
		return;
	if (row->difference > 0)
		to->missing += (uint64_t)row->difference;
	else
		to->surplus -= (uint64_t)row->difference;
}

static void add_funnel(struct wire_totals_data *data, const struct crosscheck_result *result)
{
	struct funnel_row row;

	data->funnel_now = funnel_row(result, &row);
	data->funnel_ever |= data->funnel_now;
	measure_add(&measurements[M_FUNNEL], &data->funnel, &row, data->funnel_now);
}

static void add_result(struct wire_totals_data *data, const struct crosscheck_result *result)
{
	data->judged = true;
	data->verdict = result->verdict;
	data->responses |= result->responses && result->counted;
	add_funnel(data, result);
	for (unsigned d = 0; d < (result->responses ? 2u : 1u); d++)
		for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++)
			for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++)
				add_row(&data->rows[d][t][f], result, &result->rows[d][t][f]);
}

void wire_totals_add(struct wire_totals *totals, const struct wire_window *wire,
    const struct crosscheck_result *result)
{
	pthread_mutex_lock(&totals->lock);
	add_wire(&totals->data, wire);
	add_result(&totals->data, result);
	pthread_mutex_unlock(&totals->lock);
}

/* The better, the less. */
static enum wire_mode mode_of(const char *name)
{
	static const struct {
		const char *name;
		enum wire_mode mode;
	} modes[] = {{"native", WIRE_NATIVE}, {"generic", WIRE_GENERIC}, {"tc", WIRE_TC},
	    {"packet", WIRE_PACKET}};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i].name, name) == 0)
			return modes[i].mode;
	}
	return WIRE_OFF;
}

static bool steps_down(struct wire_totals_interface *entry, enum wire_mode wanted)
{
	const enum wire_mode mode = mode_of(entry->mode);

	if (wanted != WIRE_AUTO) {
		entry->best = WIRE_AUTO;
		return mode > wanted;
	}
	if (entry->best == WIRE_AUTO || mode < entry->best)
		entry->best = mode;
	return mode > entry->best || mode >= WIRE_PACKET;
}

unsigned wire_totals_stepped_down(struct wire_totals *totals, enum wire_mode wanted)
{
	unsigned n = 0;

	pthread_mutex_lock(&totals->lock);
	for (size_t i = 0; i < WIRE_TOTALS_INTERFACES; i++) {
		struct wire_totals_interface *entry = &totals->data.interfaces[i];

		if (*entry->name && entry->mode)
			n += steps_down(entry, wanted);
	}
	pthread_mutex_unlock(&totals->lock);
	return n;
}

int wire_totals_copy(struct wire_totals *totals, struct wire_totals_data **ret)
{
	struct wire_totals_data *data = malloc(sizeof(*data));

	if (!data)
		return -ENOMEM;
	pthread_mutex_lock(&totals->lock);
	*data = totals->data;
	pthread_mutex_unlock(&totals->lock);
	*ret = data;
	return 0;
}
