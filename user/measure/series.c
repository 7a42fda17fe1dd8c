/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/series.h"

#include "crosstap/dns.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES           2
#define DIRECTIONS         2
#define DNSTAP_TRANSPORTS  8 /* dnstap.proto, SocketProtocol, and `other` */
#define WIRE_TRANSPORTS    5 /* udp tcp dot doh doq */
#define MESSAGE_TRANSPORTS 2 /* whose messages the wire can see */
#define QTYPES             160 /* 128 for IANA's assigned ones, of which there are under 100, 32 others */
#define RCODES             24  /* assigned ones; a nameserver sends no others */
#define OPCODES            16  /* RFC 1035 4.1.1: four bits */
#define COUNTRIES          250 /* ISO 3166-1: 249, and one for unknown */
#define EVENT_KINDS        7
#define OTHER              1 /* what got no series of its own */

/* The parts that the bounds are products of. */
struct factors {
	uint64_t zones, interfaces;
	bool figures, compared; /* some input feeds the figures; the cross-check */
};

static void add(
    struct config_series *series, const char *measurement, uint64_t bound, bool unbounded)
{
	struct config_series_row *row = &series->rows[series->n];

	if (!bound)
		return;
	*row = (struct config_series_row){
	    .measurement = measurement, .bound = bound, .unbounded = unbounded};
	series->n++;
	series->total += bound;
	series->unbounded |= unbounded;
}

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
	for (size_t i = 0; i < config->n_inputs; i++) {
		factors.figures |= config->inputs[i].scope != SCOPE_WITNESS;
		factors.compared |= config->inputs[i].scope != SCOPE_ZONE;
	}
	factors.compared = factors.compared && factors.interfaces;
	*ret = factors;
	return 0;
}

static void add_figures(const struct config *config, uint64_t zones, struct config_series *series)
{
	bool by_value = config->top.key == TOP_KEY_VALUE;
	uint64_t names =
	    config->privacy.names == NAMES_NONE ? 0 : config->top.names + config->top.nxdomain;

	add(series, "dns", zones * DNSTAP_TRANSPORTS * FAMILIES, false);
	add(series, "dns_sources", zones * FAMILIES, false);
	add(series, "dns_qtype", zones * (QTYPES + OTHER), false);
	add(series, "dns_rcode", zones * RCODES, false);
	add(series, "dns_opcode", zones * OPCODES, false);
	add(series, "dns_flags", zones * DIRECTIONS, false);
	add(series, "dns_size", zones * DIRECTIONS * DNSTAP_TRANSPORTS, false);
	add(series, "dns_outgoing", zones, false);
	add(series, "dns_latency", zones * DNSTAP_TRANSPORTS, false);
	if (*config->geo.country)
		add(series, "dns_country", zones * (COUNTRIES + OTHER), false);
	if (*config->geo.asn)
		add(series, "dns_asn", zones * (config->limits.asns + OTHER), false);
	add(series, "dns_resolver", zones * (config->top.resolvers + OTHER), by_value);
	add(series, "dns_name", zones * names, by_value);
}

static void add_wire(const struct config *config, uint64_t interfaces, struct config_series *series)
{
	add(series, "wire", interfaces * DIRECTIONS * WIRE_TRANSPORTS * FAMILIES, false);
	add(series, "wire_qtype", interfaces * (QTYPES + OTHER), false);
	add(series, "wire_rcode", interfaces * RCODES, false);
	add(series, "wire_opcode", interfaces * OPCODES, false);
	add(series, "wire_size", interfaces * DIRECTIONS * MESSAGE_TRANSPORTS, false);
	add(series, "wire_malformed", interfaces * DIRECTIONS * DNS_MALFORMED_COUNT, false);
	add(series, "wire_tcp_rtt", config->wire.rtt && interfaces ? FAMILIES : 0, false);
}

static void add_crosscheck(const struct config *config, struct config_series *series)
{
	add(series, "crosscheck", (uint64_t)DIRECTIONS * MESSAGE_TRANSPORTS * FAMILIES, false);
	add(series, "crosscheck_qtype", QTYPES + OTHER, false);
	if (config->wire.per_source)
		add(series, "crosscheck_source", config->top.resolvers,
		    config->top.key == TOP_KEY_VALUE);
	add(series, "funnel", 1, false);
}

int config_series_bound(const struct config *config, struct config_series *ret)
{
	struct config_series series = {0};
	struct factors factors;
	int r = find_factors(config, &factors);

	if (r < 0)
		return r;
	if (factors.figures)
		add_figures(config, factors.zones, &series);
	add_wire(config, factors.interfaces, &series);
	if (factors.compared)
		add_crosscheck(config, &series);
	add(&series, "crosstap", 1, false);
	add(&series, "crosstap_input", config->n_inputs, false);
	add(&series, "crosstap_event", EVENT_KINDS, false);
	*ret = series;
	return 0;
}
