/* SPDX-License-Identifier: BSD-2-Clause */
/* A quiet window of both witnesses, which a test then disturbs. */
#ifndef CROSSTAP_TESTS_CROSSCHECK_FIXTURE_H
#define CROSSTAP_TESTS_CROSSCHECK_FIXTURE_H

#include "base/clock.h"
#include "crosscheck/crosscheck.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WINDOW_NS (10 * NS_PER_S)

struct fixture {
	struct crosscheck_options options;
	struct crosscheck *crosscheck;
	struct arena *arena;
	struct wire_interface interface;
	struct wire_window wire;
	struct crosscheck_dnstap dnstap;
	struct crosscheck_inputs inputs;
	struct crosscheck_result result;
};

/* Both witnesses watch, nothing happens. */
static inline void fixture_quiet(struct fixture *f)
{
	memset(&f->interface, 0, sizeof(f->interface));
	strcpy(f->interface.name, "eth0");
	f->interface.mode = "native";
	f->interface.egress = true;
	f->wire = (struct wire_window){
	    .watched = true, .whole = true, .interfaces = &f->interface, .n_interfaces = 1};
	f->wire.known = WIRE_KNOWS_STACK_DROPS | WIRE_KNOWS_SOCKETS;
	memset(&f->dnstap, 0, sizeof(f->dnstap));
	f->inputs = (struct crosscheck_inputs){.compared = 1, .connected = true};
}

static inline void fixture_options(
    struct fixture *f, uint64_t interval_ns, uint64_t horizon_ns, bool whole)
{
	f->options = (struct crosscheck_options){.interval_ns = interval_ns,
	    .horizon_ns = horizon_ns,
	    .top_sources = 3,
	    .seed = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f},
	    .whole = whole};
	crosscheck_free(f->crosscheck);
	assert_int_equal(crosscheck_new(&f->crosscheck, &f->options), 0);
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(arena_new(&f->arena), 0);
	fixture_options(f, WINDOW_NS, 2 * WINDOW_NS, false);
	fixture_quiet(f);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	crosscheck_free(f->crosscheck);
	arena_free(f->arena);
	free(f);
	return 0;
}

static inline struct wire_cell *fixture_cell(
    struct fixture *f, unsigned direction, unsigned transport, unsigned family)
{
	return &f->interface.counters[direction].cells[transport][family];
}

/* Queries over UDP and IPv4: seen by the wire, logged, answered (on both). */
static inline void fixture_udp(
    struct fixture *f, uint64_t wire, uint64_t dnstap, uint64_t responses)
{
	fixture_cell(f, WIRE_IN, WIRE_UDP, PACKET_IPV4)->messages = wire;
	fixture_cell(f, WIRE_OUT, WIRE_UDP, PACKET_IPV4)->messages = responses;
	f->dnstap.messages[DIR_QUERY][TRANSPORT_UDP][FAMILY_IPV4] = dnstap;
	f->dnstap.messages[DIR_RESPONSE][TRANSPORT_UDP][FAMILY_IPV4] = responses;
}

static inline void fixture_close(struct fixture *f)
{
	assert_int_equal(crosscheck_window(f->crosscheck, WINDOW_NS, &f->wire, &f->dnstap,
			     &f->inputs, f->arena, &f->result),
	    0);
}

/* One window of queries that are all answered. */
static inline void fixture_window(struct fixture *f, uint64_t wire, uint64_t dnstap)
{
	fixture_udp(f, wire, dnstap, dnstap);
	fixture_close(f);
}

/* Takes f->options over, as a reload does; what is prepared and not wanted changes nothing. */
static inline void fixture_configure(struct fixture *f)
{
	struct crosscheck_next *next;

	assert_int_equal(crosscheck_prepare(f->crosscheck, &f->options, &next), 0);
	crosscheck_next_free(next);
	assert_int_equal(crosscheck_prepare(f->crosscheck, &f->options, &next), 0);
	crosscheck_commit(f->crosscheck, next);
}

static inline struct crosscheck_row *fixture_row(
    struct fixture *f, unsigned direction, unsigned transport, unsigned family)
{
	return &f->result.rows[direction][transport][family];
}

static inline void fixture_ipv4(struct packet_address *address, uint32_t host)
{
	packet_mapped(address, htonl(host));
}

#endif
