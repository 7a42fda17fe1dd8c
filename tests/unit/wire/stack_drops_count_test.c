/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows from readings of the drop counters: what is listed, what belongs to sockets, what their
 * own counters have as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/host/stack_drops_count.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NOT_SPECIFIED = 2,
	NO_SOCKET,
	UDP_CSUM,
	CPU_BACKLOG,
	SOCKET_RCVBUF,
	PACKET_SOCK_ERROR,
	NAMELESS = 200,
	OTHER = WIRE_DROP_REASONS - 1,
};

struct fixture {
	struct stack_drops_count count;
	struct arena *arena;
};

static void name(struct fixture *f, int reason, const char *text, enum stack_stage stage)
{
	snprintf(f->count.reasons[reason].name, STACK_DROPS_NAME_BYTES, "%s", text);
	f->count.reasons[reason].stage = stage;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || arena_new(&f->arena) < 0) {
		free(f);
		return -1;
	}
	name(f, NOT_SPECIFIED, "NOT_SPECIFIED", STACK_UNSURE);
	name(f, NO_SOCKET, "NO_SOCKET", STACK_STACK);
	name(f, UDP_CSUM, "UDP_CSUM", STACK_STACK);
	name(f, CPU_BACKLOG, "CPU_BACKLOG", STACK_EARLY);
	name(f, SOCKET_RCVBUF, "SOCKET_RCVBUF", STACK_SOCKET);
	name(f, PACKET_SOCK_ERROR, "PACKET_SOCK_ERROR", STACK_NONE);
	name(f, OTHER, "OTHER", STACK_UNSURE);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_free(f->arena);
	free(f);
	return 0;
}

static uint64_t *at(struct fixture *f, uint32_t slot, enum wire_drop_kind kind, int reason)
{
	return &f->count.now[slot].messages[kind][reason];
}

static struct stack_drops_window window(struct fixture *f, uint32_t closed, bool native)
{
	struct stack_drops_window window;

	assert_int_equal(stack_drops_count(&f->count, closed, native, f->arena, &window), 0);
	return window;
}

/* The messages of a reason; a name is listed once. */
static uint64_t listed(const struct stack_drops_window *window, const char *reason, bool bound)
{
	uint64_t messages = 0;
	unsigned times = 0;

	for (size_t i = 0; i < window->n_drops; i++) {
		if (strcmp(window->drops[i].reason, reason) != 0)
			continue;
		assert_int_equal(window->drops[i].upper_bound, bound);
		messages = window->drops[i].messages;
		times++;
	}
	assert_true(times <= 1);
	return messages;
}

/* Counters run on, in two slots of which one is closed at a time: no message is lost or told twice,
 * over the end of a counter's range, too. */
static void each_once_in_its_window(void **state)
{
	struct fixture *f = *state;
	struct stack_drops_window w;

	*at(f, 0, WIRE_DROP_COMPARED, NO_SOCKET) = UINT64_MAX - 1;
	*at(f, 1, WIRE_DROP_COMPARED, NO_SOCKET) = 7;
	w = window(f, 0, true);
	assert_false(w.whole); /* from before the first reading nobody knows when */
	*at(f, 1, WIRE_DROP_COMPARED, NO_SOCKET) += 3;
	*at(f, 0, WIRE_DROP_COMPARED, NO_SOCKET) += 4; /* after the flip: the next window's */
	w = window(f, 1, true);
	assert_true(w.whole);
	assert_int_equal(listed(&w, "NO_SOCKET", false), 10);
	*at(f, 1, WIRE_DROP_COMPARED, NO_SOCKET) += 1;
	w = window(f, 0, true);
	assert_int_equal(listed(&w, "NO_SOCKET", false), 4);
	w = window(f, 1, true);
	assert_int_equal(listed(&w, "NO_SOCKET", false), 1);
	w = window(f, 0, true);
	assert_int_equal(w.n_drops, 0);
}

static void reasons_by_stage(void **state)
{
	struct fixture *f = *state;
	struct stack_drops_window w;

	*at(f, 0, WIRE_DROP_COMPARED, NOT_SPECIFIED) = 1;
	*at(f, 0, WIRE_DROP_COMPARED, CPU_BACKLOG) = 2;
	*at(f, 0, WIRE_DROP_COMPARED, SOCKET_RCVBUF) = 4;
	*at(f, 0, WIRE_DROP_COMPARED, PACKET_SOCK_ERROR) = 8;
	*at(f, 0, WIRE_DROP_COMPARED, NAMELESS) = 16;
	*at(f, 0, WIRE_DROP_COMPARED, OTHER) = 32;
	*at(f, 0, WIRE_DROP_OTHER, NO_SOCKET) = 64; /* not compared: nobody misses them */
	f->count.missed = 128;
	w = window(f, 0, true);
	assert_int_equal(listed(&w, "NOT_SPECIFIED", true), 1);
	assert_int_equal(listed(&w, "CPU_BACKLOG", false), 2);
	assert_int_equal(listed(&w, "OTHER", true), 16 + 32);
	assert_int_equal(listed(&w, "MISSED", true), 128);
	assert_int_equal(w.n_drops, 4);
	/* Where tc counts, the backlog comes before the wire. */
	*at(f, 1, WIRE_DROP_COMPARED, CPU_BACKLOG) = 2;
	f->count.missed += 5;
	w = window(f, 1, false);
	assert_int_equal(listed(&w, "CPU_BACKLOG", true), 2);
	assert_int_equal(listed(&w, "MISSED", true), 5);
	assert_int_equal(w.n_drops, 2);
}

static void freed_out_of_sockets(void **state)
{
	struct fixture *f = *state;
	struct stack_drops_window w;

	*at(f, 0, WIRE_DROP_QUEUED, NOT_SPECIFIED) = 3;
	*at(f, 0, WIRE_DROP_CLOSED, NOT_SPECIFIED) = 5;
	w = window(f, 0, true);
	assert_int_equal(w.from_sockets, 3);
	assert_int_equal(w.from_closed, 5);
	assert_false(w.checksums_named);
	assert_int_equal(w.n_drops, 0);
	/* A reader that says why; another namespace's is none of ours. */
	*at(f, 1, WIRE_DROP_COMPARED, UDP_CSUM) = 7;
	*at(f, 1, WIRE_DROP_QUEUED, UDP_CSUM) = 11;
	*at(f, 1, WIRE_DROP_CLOSED, UDP_CSUM) = 13;
	w = window(f, 1, true);
	assert_int_equal(listed(&w, "UDP_CSUM", false), 18);
	assert_int_equal(w.from_sockets + w.from_closed, 0);
	assert_true(w.checksums_named);
	assert_true(window(f, 0, true).checksums_named); /* from then on */
}

/* The sockets' own counters are read now: what came after the flip is in them as well. */
static void what_sockets_have_too(void **state)
{
	struct fixture *f = *state;
	struct stack_drops_window w;

	*at(f, 0, WIRE_DROP_COMPARED, SOCKET_RCVBUF) = 1;
	*at(f, 1, WIRE_DROP_COMPARED, SOCKET_RCVBUF) = 2;
	*at(f, 0, WIRE_DROP_OTHER, SOCKET_RCVBUF) = 4;
	*at(f, 1, WIRE_DROP_OTHER, SOCKET_RCVBUF) = 8;
	*at(f, 0, WIRE_DROP_OTHER, NO_SOCKET) = 16; /* no socket has these */
	*at(f, 0, WIRE_DROP_OTHER, UDP_CSUM) = 32;  /* found at the door: neither */
	*at(f, 0, WIRE_DROP_QUEUED, UDP_CSUM) = 64;
	*at(f, 1, WIRE_DROP_QUEUED_OTHER, UDP_CSUM) = 128;
	*at(f, 0, WIRE_DROP_QUEUED, NOT_SPECIFIED) = 256;
	*at(f, 1, WIRE_DROP_QUEUED_OTHER, NOT_SPECIFIED) = 512;
	*at(f, 0, WIRE_DROP_CLOSED, NOT_SPECIFIED) = 1024; /* whose counter went with it */
	w = window(f, 0, true);
	assert_int_equal(w.refused, 3);
	assert_int_equal(w.twice.named, 4 + 8 + 64 + 128);
	assert_int_equal(w.twice.unnamed, 256 + 512);
	*at(f, 1, WIRE_DROP_COMPARED, SOCKET_RCVBUF) += 5;
	*at(f, 1, WIRE_DROP_OTHER, SOCKET_RCVBUF) += 6;
	w = window(f, 1, true);
	assert_int_equal(w.refused, 5);
	assert_int_equal(w.twice.named, 6);
	assert_int_equal(w.twice.unnamed, 0);
}

/* A full house: every reason has drops, and a kernel names them all. */
static void as_many_reasons_as_there_are(void **state)
{
	struct fixture *f = *state;
	struct stack_drops_window w;
	char text[32];

	for (int i = 0; i < WIRE_DROP_REASONS; i++) {
		snprintf(text, sizeof(text), "REASON_%d", i);
		name(f, i, text, STACK_STACK);
		*at(f, 0, WIRE_DROP_COMPARED, i) = (uint64_t)i + 1;
	}
	f->count.missed = 1;
	w = window(f, 0, true);
	assert_int_equal(w.n_drops, WIRE_DROP_REASONS + 1);
	assert_int_equal(listed(&w, "REASON_17", false), 18);
	assert_int_equal(listed(&w, "REASON_255", true), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(each_once_in_its_window, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(reasons_by_stage, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(freed_out_of_sockets, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(what_sockets_have_too, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(as_many_reasons_as_there_are, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
