/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/series.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define OTHER   1 /* what got no series of its own */
#define UNKNOWN 1 /* what the database does not know */

/* The parts that the bounds are products of. */
struct factors {
	uint64_t zones, interfaces;
	bool figures; /* some input feeds them */
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t count_distinct(const char **labels, size_t n)
{
	size_t distinct = n > 0;

	qsort(labels, n, sizeof(labels[0]), compare);
	for (size_t i = 1; i < n; i++)
		distinct += strcmp(labels[i - 1], labels[i]) != 0;
	return distinct;
}

/* Values of the tag `zone`. */
static int count_zones(const struct config *config, uint64_t *ret)
{
	size_t room = 1, n = 0;
	const char **labels;

	for (size_t i = 0; i < config->n_inputs; i++)
		room += config->inputs[i].zones.n + 1;
	labels = calloc(room, sizeof(labels[0]));
	if (!labels)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_inputs; i++) {
		const struct config_input *input = &config->inputs[i];

		if (input->scope == SCOPE_WITNESS)
			continue;
		for (size_t j = 0; j < input->zones.n; j++)
			labels[n++] = input->zones.items[j];
		labels[n++] = input->zones.n ? "other" : input->zone;
	}
	*ret = count_distinct(labels, n);
	free(labels);
	return 0;
}

static uint64_t count_interfaces(const struct config_wire *wire)
{
	struct if_nameindex *list;
	uint64_t n = 0;

	if (wire->mode == WIRE_OFF)
		return 0;
	if (!wire->interfaces_auto)
		return wire->interfaces.n;
	list = if_nameindex();
	for (size_t i = 0; list && list[i].if_index; i++)
		n += strcmp(list[i].if_name, "lo") != 0;
	if_freenameindex(list);
	return n ? n : 1;
}

static int find_factors(const struct config *config, struct factors *ret)
{
	struct factors factors = {.interfaces = count_interfaces(&config->wire)};
	int r = count_zones(config, &factors.zones);

	if (r < 0)
		return r;
	for (size_t i = 0; i < config->n_inputs; i++)
		factors.figures |= config->inputs[i].scope != SCOPE_WITNESS;
	*ret = factors;
	return 0;
}

static bool holds(
    const struct config *config, const struct factors *factors, enum measure_when when)
{
	switch (when) {
	case WHEN_ALWAYS:
		return true;
	case WHEN_FIGURES:
		return factors->figures;
	case WHEN_CORE:
		return factors->figures && config->datasets & DATASET_CORE;
	case WHEN_EDNS:
		return factors->figures && config->datasets & DATASET_EDNS;
	case WHEN_NAMES:
		return factors->figures && config->datasets & DATASET_NAMES;
	case WHEN_DOMAINS:
		return factors->figures && config->datasets & DATASET_DOMAINS;
	case WHEN_ADDRESSES:
		return factors->figures && config->datasets & DATASET_ADDRESSES;
	case WHEN_CLIENTS:
		return factors->figures && config->datasets & DATASET_CLIENTS;
	case WHEN_ATTACKS:
		return factors->figures && config->datasets & DATASET_ATTACKS;
	case WHEN_PORTS:
		return factors->figures && config->datasets & DATASET_PORTS;
	case WHEN_COUNTRY:
		return factors->figures && *config->geo.country;
	case WHEN_ASN:
		return factors->figures && *config->geo.asn;
	case WHEN_WIRE:
	case WHEN_COMPARED: /* with whatever dnstap there is */
		return factors->interfaces;
	case WHEN_RTT:
		return factors->interfaces && config->wire.rtt;
	case WHEN_PER_SOURCE:
		return factors->interfaces && config->wire.per_source;
	case WHEN_METRICS:
		break;
	}
	return false;
}

/* By queries, NXDOMAIN answers and sources. */
static uint64_t count_domains(const struct config *config)
{
	if (config->privacy.names == NAMES_NONE || !(config->top.names + config->top.nxdomain))
		return 0;
	return (uint64_t)2 * config->top.names + config->top.nxdomain + 3 * OTHER;
}

static uint64_t count_certificates(const struct config *config)
{
	uint64_t n = *config->http.tls_cert != '\0';

	for (size_t i = 0; i < config->n_inputs; i++)
		n += config->inputs[i].kind == INPUT_TCP && *config->inputs[i].tls_cert;
	return n;
}

static uint64_t tag_bound(
    const struct config *config, const struct factors *factors, enum measure_tag tag)
{
	switch (tag) {
	case TAG_ZONE:
		return factors->zones;
	case TAG_INTERFACE:
		return factors->interfaces;
	case TAG_ASN:
		return config->limits.asns + UNKNOWN + OTHER;
	case TAG_RESOLVER:
		return config->top.resolvers + OTHER;
	case TAG_CLIENT:
		return config->top.resolvers;
	case TAG_SUBNET:
		return config->top.subnets + OTHER;
	case TAG_TALKER:
		return config->top.talkers;
	case TAG_NAME:
		return config->privacy.names == NAMES_NONE
		    ? 0
		    : config->top.names + config->top.nxdomain;
	case TAG_DOMAIN:
		return count_domains(config);
	case TAG_CERTIFICATE:
		return count_certificates(config);
	case TAG_INPUT:
		return config->n_inputs;
	default:
		return measure_tags[tag].bound;
	}
}

/* Tags whose values `top.key: value` takes from the traffic. */
static bool is_rank(enum measure_tag tag)
{
	return tag == TAG_RESOLVER || tag == TAG_CLIENT || tag == TAG_NAME || tag == TAG_DOMAIN ||
	    tag == TAG_SUBNET || tag == TAG_TALKER;
}

static void add(const struct config *config, const struct factors *factors,
    const struct measurement *measurement, struct config_series *series)
{
	struct config_series_row row = {.measurement = measurement->name, .bound = 1};

	for (size_t i = 0; i < measurement->n_tags; i++) {
		row.bound *= tag_bound(config, factors, measurement->tags[i]);
		row.unbounded |= is_rank(measurement->tags[i]) && config->top.key == TOP_KEY_VALUE;
	}
	if (!row.bound)
		return;
	series->rows[series->n++] = row;
	series->total += row.bound;
	series->unbounded |= row.unbounded;
}

int config_series_bound(const struct config *config, struct config_series *ret)
{
	struct config_series series = {0};
	struct factors factors;
	int r = find_factors(config, &factors);

	if (r < 0)
		return r;
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		if (holds(config, &factors, measurements[i].when))
			add(config, &factors, &measurements[i], &series);
	}
	*ret = series;
	return 0;
}
