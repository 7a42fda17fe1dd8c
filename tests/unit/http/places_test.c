/* SPDX-License-Identifier: BSD-2-Clause */
/* Who has to go when HTTP's places are full, and when. */
#include "base/clock.h"
#include "base/unused.h"
#include "http/places.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define S      NS_PER_S
#define MOMENT (PLACES_MOMENT_MS * NS_PER_MS)

struct guest {
	int fds[2]; /* ours, the visitor's */
	struct place *place;
};

static struct peer peer_named(const char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct peer peer;

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		peer_of(&peer, (const struct sockaddr *)&v4);
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
		peer_of(&peer, (const struct sockaddr *)&v6);
	}
	return peer;
}

static void come(struct places *places, struct guest *guest, const char *from, uint64_t now_ns)
{
	const struct peer peer = peer_named(from);

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, guest->fds), 0);
	guest->place = places_take(places, guest->fds[0], &peer, now_ns);
}

/* Has it been shut down? */
static bool gone(const struct guest *guest)
{
	char byte;

	return recv(guest->fds[1], &byte, 1, MSG_PEEK) == 0;
}

static void leave(struct places *places, struct guest *guest)
{
	place_leave(places, guest->place);
	close(guest->fds[0]);
	close(guest->fds[1]);
}

static void test_the_richest_makes_room(void **state UNUSED)
{
	struct guest rich[PLACES_STRANGERS], poor, third;
	struct places *places;

	assert_int_equal(places_new(&places), 0);
	come(places, &poor, "192.0.2.1", 1);
	for (int i = 0; i < PLACES_STRANGERS - 1; i++)
		come(places, &rich[i], "2001:db8::1", 2 + (uint64_t)i);
	for (int i = 0; i < PLACES_STRANGERS - 1; i++)
		assert_false(gone(&rich[i]));
	/* Another address of the same /64 is no other one. */
	come(places, &rich[PLACES_STRANGERS - 1], "2001:db8::2", MOMENT + 100);
	places_sweep(places, MOMENT + 100);
	assert_true(gone(&rich[0]));
	come(places, &third, "192.0.2.3", MOMENT + 101);
	places_sweep(places, MOMENT + 101);
	assert_true(gone(&rich[1]));
	assert_false(gone(&rich[2]) || gone(&poor) || gone(&third));
	/* What goes on is younger than what does not. */
	place_answers(places, rich[2].place, MOMENT + 102);
	leave(places, &third);
	come(places, &third, "192.0.2.3", MOMENT + 103);
	places_sweep(places, MOMENT + 103);
	assert_false(gone(&rich[2]) || gone(&rich[3]));
	come(places, &third, "192.0.2.4", MOMENT + 104);
	places_sweep(places, MOMENT + 104);
	assert_true(gone(&rich[3]) && !gone(&rich[2]));
	places_free(places);
}

static void test_places_are_kept_for_loopback_and_owners(void **state UNUSED)
{
	struct guest flood[PLACES_STRANGERS], local[PLACES_LOOPBACK], owner[PLACES_OWNERS], more;
	const struct peer known = peer_named("198.51.100.7");
	struct places *places;

	assert_int_equal(places_new(&places), 0);
	places_remember_owner(places, &known);
	for (int i = 0; i < PLACES_LOOPBACK; i++)
		come(places, &local[i], i % 2 ? "::1" : "127.0.0.1", 1);
	for (int i = 0; i < PLACES_OWNERS; i++)
		come(places, &owner[i], "198.51.100.7", 1);
	for (int i = 0; i < PLACES_STRANGERS; i++)
		come(places, &flood[i], "203.0.113.9", 2);
	for (int i = 0; i < PLACES_STRANGERS; i++) {
		come(places, &more, "203.0.113.9", 3 + MOMENT + (uint64_t)i);
		places_sweep(places, 3 + MOMENT + (uint64_t)i);
		assert_non_null(more.place);
		assert_true(gone(&flood[i]));
		leave(places, &flood[i]);
	}
	for (int i = 0; i < PLACES_LOOPBACK; i++)
		assert_false(gone(&local[i]));
	for (int i = 0; i < PLACES_OWNERS; i++)
		assert_false(gone(&owner[i]));
	/* Nor does loopback take an owner's, though it be mapped into IPv6. */
	come(places, &more, "::ffff:127.0.0.5", MOMENT + 50);
	places_sweep(places, MOMENT + 50);
	assert_true(gone(&local[0]) || gone(&local[1]));
	for (int i = 0; i < PLACES_OWNERS; i++)
		assert_false(gone(&owner[i]));
	places_free(places);
}

/* What libmicrohttpd takes at once stays until it has been looked at. */
static void test_a_moment_for_everybody(void **state UNUSED)
{
	struct guest crowd[2 * PLACES_STRANGERS];
	struct places *places;
	unsigned left = 0;

	assert_int_equal(places_new(&places), 0);
	for (int i = 0; i < 2 * PLACES_STRANGERS; i++)
		come(places, &crowd[i], "203.0.113.9", (uint64_t)i);
	places_sweep(places, MOMENT - 1);
	for (int i = 0; i < 2 * PLACES_STRANGERS; i++)
		assert_false(gone(&crowd[i]));
	places_sweep(places, MOMENT + 2 * PLACES_STRANGERS);
	for (int i = 0; i < 2 * PLACES_STRANGERS; i++)
		left += !gone(&crowd[i]);
	assert_int_equal(left, PLACES_STRANGERS);
	assert_true(gone(&crowd[0]) && !gone(&crowd[2 * PLACES_STRANGERS - 1]));
	places_free(places);
}

/* Connections that are shut down faster than they close do not grow without end. */
static void test_a_storm_is_bounded(void **state UNUSED)
{
	struct guest guest;
	struct places *places;
	int taken = 0;

	assert_int_equal(places_new(&places), 0);
	for (int i = 0; i < PLACES_MAX + 20; i++) {
		come(places, &guest, "203.0.113.9", (uint64_t)i);
		taken += guest.place != NULL;
		assert_true(guest.place || gone(&guest));
		close(guest.fds[1]);
		if (!guest.place)
			close(guest.fds[0]);
	}
	assert_int_equal(taken, PLACES_MAX);
	places_free(places);
}

static void test_deadlines(void **state UNUSED)
{
	struct guest silent, slow, kept;
	struct places *places;

	assert_int_equal(places_new(&places), 0);
	assert_false(places_sweep(places, 0));
	come(places, &silent, "192.0.2.1", 0);
	come(places, &slow, "192.0.2.2", 0);
	come(places, &kept, "192.0.2.3", 0);
	place_answers(places, slow.place, 5 * S);
	place_answers(places, kept.place, 5 * S);
	place_waits(places, kept.place, 6 * S);
	assert_true(places_sweep(places, PLACES_REQUEST_S * S - 1));
	assert_false(gone(&silent));
	assert_true(places_sweep(places, PLACES_REQUEST_S * S));
	assert_true(gone(&silent) && !gone(&slow) && !gone(&kept));
	assert_true(places_sweep(places, (6 + PLACES_NEXT_S) * S));
	assert_true(gone(&kept) && !gone(&slow));
	assert_false(places_sweep(places, (5 + PLACES_ANSWER_S) * S));
	assert_true(gone(&slow));
	leave(places, &silent);
	leave(places, &slow);
	leave(places, &kept);
	places_free(places);
}

static unsigned stream_all(
    struct places *places, struct guest *guests, unsigned n, const char *from, uint64_t now_ns)
{
	unsigned streams = 0;

	for (unsigned i = 0; i < n; i++) {
		come(places, &guests[i], from, now_ns);
		streams += place_streams(places, guests[i].place, now_ns);
	}
	return streams;
}

/* Streams are bounded by kind and by address, and none of them keeps a request out. */
static void test_streams(void **state UNUSED)
{
	struct guest local[PLACES_LOOPBACK], rich[PLACES_STREAMS_ADDRESS + 1],
	    rich2[PLACES_STREAMS_ADDRESS], rich3[PLACES_STREAMS_ADDRESS], one, owner[10];
	const struct peer known = peer_named("198.51.100.7");
	struct places *places;

	_Static_assert(PLACES_STREAMS == 64, "in all");
	assert_int_equal(places_new(&places), 0);
	assert_int_equal(
	    stream_all(places, local, PLACES_LOOPBACK, "127.0.0.1", 1), PLACES_STREAMS_LOOPBACK);
	assert_int_equal(stream_all(places, rich, PLACES_STREAMS_ADDRESS + 1, "192.0.2.1", 1),
	    PLACES_STREAMS_ADDRESS);
	assert_int_equal(stream_all(places, rich2, PLACES_STREAMS_ADDRESS, "2001:db8::1", 1), 8);
	assert_int_equal(stream_all(places, rich3, PLACES_STREAMS_ADDRESS, "192.0.2.3", 1), 8);
	assert_int_equal(stream_all(places, &one, 1, "192.0.2.4", 1), 0);
	assert_false(place_streams(places, NULL, 1));
	/* One that ends makes room; a token that has just been shown counts. */
	place_waits(places, rich[0].place, 2);
	assert_true(place_streams(places, one.place, 2));
	places_remember_owner(places, &known);
	assert_int_equal(stream_all(places, owner, 10, "198.51.100.7", 3), PLACES_STREAMS_ADDRESS);
	/* More requests than are left: streams go first, and the one that asks is answered. */
	for (int i = 0; i < 8; i++)
		leave(places, &local[PLACES_STREAMS_LOOPBACK + i % 4]),
		    come(places, &local[PLACES_STREAMS_LOOPBACK + i % 4], "127.0.0.1", 4);
	come(places, &one, "127.0.0.2", 4);
	places_sweep(places, 4 + MOMENT);
	assert_true(gone(&local[0]) && !gone(&one));
	places_free(places);
}

static void test_a_stream_that_is_not_read(void **state UNUSED)
{
	struct guest read, unread;
	struct places *places;

	assert_int_equal(places_new(&places), 0);
	come(places, &read, "192.0.2.1", 0);
	come(places, &unread, "192.0.2.2", 0);
	assert_true(place_streams(places, read.place, 0));
	assert_true(place_streams(places, unread.place, 0));
	place_streamed(places, read.place, 30 * S);
	assert_true(places_sweep(places, PLACES_STREAM_S * S - 1));
	assert_false(gone(&read) || gone(&unread));
	assert_true(places_sweep(places, PLACES_STREAM_S * S));
	assert_true(gone(&unread) && !gone(&read));
	leave(places, &read);
	leave(places, &unread);
	places_free(places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_richest_makes_room),
	    cmocka_unit_test(test_places_are_kept_for_loopback_and_owners),
	    cmocka_unit_test(test_a_moment_for_everybody),
	    cmocka_unit_test(test_a_storm_is_bounded),
	    cmocka_unit_test(test_streams),
	    cmocka_unit_test(test_a_stream_that_is_not_read),
	    cmocka_unit_test(test_deadlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
