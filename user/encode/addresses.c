/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/addresses.h"

#include "base/saturate.h"
#include "encode/row.h"
#include "encode/unite.h"
#include "stats/subnets.h"

#include "crosstap/dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned ip_version(uint8_t family)
{
	return family == FAMILY_IPV4 ? 4 : 6;
}

/* Of a pseudonym the host's bits go, too. */
void subnet_text(
    struct privacy *privacy, const struct view_subnet *subnet, char text[SUBNET_TEXT_BYTES])
{
	const bool is_ipv4 = subnet->family == FAMILY_IPV4;
	const int family = is_ipv4 ? AF_INET : AF_INET6;
	const unsigned bits = is_ipv4 ? SUBNET_BITS_IPV4 : SUBNET_BITS_IPV6;
	char address[INET6_ADDRSTRLEN];
	uint8_t bytes[16] = {0};

	privacy_address(
	    privacy, (const uint8_t *)subnet->address, ip_version(subnet->family), address);
	address[strcspn(address, "/")] = '\0';
	*text = '\0';
	if (inet_pton(family, address, bytes) != 1)
		return;
	memset(bytes + bits / 8, 0, sizeof(bytes) - bits / 8);
	inet_ntop(family, bytes, address, sizeof(address));
	snprintf(text, SUBNET_TEXT_BYTES, "%s/%u", address, bits);
}

void subnet_row(const struct view_subnet *subnet, const char *text, struct subnet_row *ret)
{
	*ret = (struct subnet_row){.subnet = text,
	    .queries = subnet->queries,
	    .response_bytes = subnet->response_bytes,
	    .nxdomain = subnet->nxdomain};
}

void subnet_rest(const struct zone_view *zone, struct subnet_row *ret)
{
	const struct margin_slice *messages = &zone->margins[MARGIN_MESSAGES];
	struct subnet_row rest = {.nxdomain = margin_at(&zone->margins[MARGIN_RCODE], zone->zone,
				      MARGIN_RCODE, 0, 0, 0, DNS_RCODE_NXDOMAIN)
						  ->count};

	for (size_t i = 0; i < messages->n; i++) {
		if (margin_direction(messages->cells[i].key) == DIR_QUERY)
			rest.queries += messages->cells[i].count;
		else
			rest.response_bytes += messages->cells[i].amount;
	}
	for (size_t i = 0; i < zone->n_subnets; i++) {
		rest.queries = saturating_less(rest.queries, zone->subnets[i].queries);
		rest.response_bytes =
		    saturating_less(rest.response_bytes, zone->subnets[i].response_bytes);
		rest.nxdomain = saturating_less(rest.nxdomain, zone->subnets[i].nxdomain);
	}
	*ret = rest;
}

const char *talker_name(enum talker by)
{
#define NAME(id, name) name,
	static const char *const names[] = {TALKERS(NAME)};
#undef NAME

	return names[by];
}

struct job {
	struct points *points;
	const struct window_view *view;
	const struct zone_view *zone;
	const struct encode_context *context;
};

static void put(const struct job *job, enum measurement_id id, const char *tag, const char *next,
    const void *row)
{
	row_point(job->points, &measurements[id], job->view->span.time_ms,
	    (const char *[MEASURE_MAX_TAGS]){job->zone->label, tag, next}, row, 0);
}

/* A network that may not be told counts in the rest. */
static void encode_subnets(const struct job *job)
{
	struct subnet_row rest;

	subnet_rest(job->zone, &rest);
	for (size_t i = 0; i < job->zone->n_subnets; i++) {
		char text[SUBNET_TEXT_BYTES], rank[ENCODE_RANK_BYTES];
		struct subnet_row row;

		subnet_text(job->context->privacy, &job->zone->subnets[i], text);
		subnet_row(&job->zone->subnets[i], text, &row);
		if (*text) {
			put(job, M_DNS_SUBNET, encode_rank(job->context, i, text, rank), NULL,
			    &row);
		} else {
			rest.queries += row.queries;
			rest.response_bytes += row.response_bytes;
			rest.nxdomain += row.nxdomain;
		}
	}
	if (rest.queries || rest.response_bytes || rest.nxdomain)
		put(job, M_DNS_SUBNET, "other", NULL, &rest);
}

static void talker_text(struct privacy *privacy, const void *row, char *text)
{
	const struct ranked *talker = row;

	privacy_address(
	    privacy, (const uint8_t *)talker->address, ip_version(talker->family), text);
}

static void add_talker(void *to, const void *row)
{
	struct ranked *talker = to;

	talker->count += ((const struct ranked *)row)->count;
}

static void encode_talkers(const struct job *job, enum talker by)
{
	static const struct unite_rows rows = {sizeof(struct ranked), talker_text, add_talker};
	size_t n;
	struct ranked *talkers = encode_unite(
	    job->points, job->context, &rows, job->zone->talkers[by], job->zone->n_talkers[by], &n);

	for (size_t i = 0; talkers && i < n; i++) {
		char text[INET6_ADDRSTRLEN], rank[ENCODE_RANK_BYTES];

		talker_text(job->context->privacy, &talkers[i], text);
		if (*text)
			put(job, M_DNS_TALKER, talker_name(by),
			    encode_rank(job->context, i, text, rank),
			    &(struct talker_row){text, talkers[i].count});
	}
	free(talkers);
}

void encode_addresses(struct points *points, const struct window_view *view,
    const struct zone_view *zone, const struct encode_context *context)
{
	const struct job job = {points, view, zone, context};

	if (!(view->facts & FACTS_ADDRESSES))
		return;
	encode_subnets(&job);
	for (int by = 0; by < TALKER_COUNT; by++)
		encode_talkers(&job, (enum talker)by);
}
