/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/traits.h"

#include "stats/sources.h"

const char *client_trait_name(enum client_trait trait)
{
#define CLIENT_TRAIT_(id, name) name,
	static const char *const names[] = {CLIENT_TRAITS(CLIENT_TRAIT_)};
#undef CLIENT_TRAIT_

	return names[trait];
}

static void add_u16(uint16_t *counter, uint32_t count)
{
	*counter =
	    count < (uint32_t)UINT16_MAX - *counter ? (uint16_t)(*counter + count) : UINT16_MAX;
}

static void add_u8(uint8_t *counter, uint32_t count)
{
	*counter = count < (uint32_t)UINT8_MAX - *counter ? (uint8_t)(*counter + count) : UINT8_MAX;
}

/* Both stop together, so that their share stays. */
static void add_mixed(uint16_t *lettered, uint16_t *mixed, const struct source_traits *from)
{
	if ((uint32_t)*lettered + from->lettered > UINT16_MAX)
		return;
	*lettered = (uint16_t)(*lettered + from->lettered);
	*mixed = (uint16_t)(*mixed + from->mixed);
}

static void add_ports(uint16_t ports[2], uint8_t *signs, const struct source_traits *from)
{
	for (int i = 0; i < 2; i++)
		traits_port(ports, signs, from->ports[i]);
}

void source_traits_merge(struct source_traits *into, const struct source_traits *from)
{
	saturating_add(&into->narrow, from->narrow);
	add_u16(&into->dnssec, from->dnssec);
	add_mixed(&into->lettered, &into->mixed, from);
	add_ports(into->ports, &into->signs, from);
	add_u8(&into->udp, from->udp);
	if (into->signs & SIGN_TRUNCATED && from->signs & SIGN_TCP)
		into->signs |= SIGN_TCP_AFTER_TC;
	into->signs |= from->signs;
	saturating_add(&into->query_bytes, from->query_bytes);
	saturating_add(&into->response_bytes, from->response_bytes);
	traits_vote(&into->question, &into->votes, from->question, from->votes);
}

/* All that is not of one family. */
static uint16_t judge(const struct client_day *day, const struct trait_limits *limits)
{
	const double queries = day->queries;
	uint16_t traits = 1u << CLIENT_ALL;

#define HAS(trait, condition) traits |= (uint16_t)((condition) ? 1u << CLIENT_##trait : 0)
	HAS(VALIDATING,
	    day->dnssec >= limits->validating_queries &&
		day->dnssec >= limits->validating_share * queries);
	HAS(MINIMISING,
	    day->queries >= limits->least_queries &&
		day->narrow >= limits->minimising_share * queries);
	HAS(MIXED_CASE, day->lettered && day->mixed >= limits->mixed_case_share * day->lettered);
	HAS(COOKIE, day->signs & SIGN_COOKIE);
	HAS(EDNS, day->signs & SIGN_EDNS);
	HAS(LARGE_EDNS, day->signs & SIGN_LARGE_EDNS);
	HAS(TCP, day->signs & SIGN_TCP);
	HAS(TCP_AFTER_TC, day->signs & SIGN_TCP_AFTER_TC);
	HAS(FIXED_PORT,
	    day->udp >= limits->least_queries && day->ports[0] && !(day->signs & SIGN_MANY_PORTS));
	HAS(NXDOMAIN, day->nxdomain > limits->nxdomain_share * day->responses);
#undef HAS
	return traits;
}

static uint16_t judge_with_before(const struct client_day *day, const struct trait_limits *limits)
{
	const uint16_t today = judge(day, limits);

	return day->queries < limits->least_queries ? today | day->before : today;
}

static void begin_day(struct client_day *day, uint16_t number, const struct trait_limits *limits)
{
	const bool follows = (uint16_t)(day->day + 1) == number && day->queries;

	*day = (struct client_day){
	    .day = number, .before = follows ? judge_with_before(day, limits) : 0};
}

void client_day_add(struct client_day *day, const struct source *source,
    const struct source_traits *traits, int64_t day_number, const struct trait_limits *limits)
{
	if (day->day != (uint16_t)day_number)
		begin_day(day, (uint16_t)day_number, limits);
	saturating_add(&day->queries, source->queries);
	saturating_add(&day->responses, source->responses);
	saturating_add(&day->nxdomain, source->nxdomain);
	saturating_add(&day->narrow, traits->narrow);
	add_u16(&day->dnssec, traits->dnssec);
	add_mixed(&day->lettered, &day->mixed, traits);
	add_ports(day->ports, &day->signs, traits);
	add_u8(&day->udp, traits->udp);
	if (day->signs & SIGN_TRUNCATED && traits->signs & SIGN_TCP)
		day->signs |= SIGN_TCP_AFTER_TC;
	day->signs |= (uint8_t)(traits->signs & ~SIGN_TRUNCATED);
	if (traits->signs & SIGN_TRUNCATED)
		day->signs |= SIGN_TRUNCATED_NOW;
}

void client_day_end_window(struct client_day *day)
{
	if (day->signs & SIGN_TRUNCATED_NOW)
		day->signs = (uint8_t)((day->signs & CLIENT_SIGNS) | SIGN_TRUNCATED);
}

uint16_t client_day_judge(
    const struct client_day *day, bool ipv6, const struct trait_limits *limits)
{
	const uint16_t traits = (uint16_t)(judge_with_before(day, limits) & ~(1u << CLIENT_IPV6));

	return traits | (uint16_t)(ipv6 ? 1u << CLIENT_IPV6 : 0);
}
