/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of clients, with the programs' part done by the same functions over shared memory. */
#include "base/unused.h"
#include "wire/bpf/sources.h"

#include "crosstap/wire_source_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct wire_config config;
	struct wire_source_bucket *table;
	struct wire_source_tags *tags;
	struct wire_sources *sources;
	const struct wire_client *clients; /* of the last reading */
	size_t n;
	uint32_t slot; /* open */
	int fd, tags_fd;
};

static void *make_shared(int *fd, const char *name, size_t bytes)
{
	void *map;

	*fd = memfd_create(name, MFD_CLOEXEC);
	assert_true(*fd >= 0);
	assert_int_equal(ftruncate(*fd, (off_t)bytes), 0);
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	assert_true(map != MAP_FAILED);
	return map;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->table = make_shared(&f->fd, "sources", WIRE_SOURCES_BYTES);
	f->tags = make_shared(&f->tags_fd, "source_tags", WIRE_SOURCE_TAGS_BYTES);
	assert_int_equal(wire_sources_new(&f->sources, f->fd, f->tags_fd, &f->config), 0);
	memcpy(f->config.source_keys,
	    (uint64_t[]){0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3,
		0x589965cc75374cc3, 0x1d8e4e27c47d124f},
	    sizeof(f->config.source_keys));
	f->config.source_mask = WIRE_SOURCE_BUCKETS - 1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	wire_sources_free(f->sources);
	munmap(f->table, WIRE_SOURCES_BYTES);
	munmap(f->tags, WIRE_SOURCE_TAGS_BYTES);
	close(f->fd);
	close(f->tags_fd);
	free(f);
	return 0;
}

static struct packet_address ipv4(uint32_t n)
{
	struct packet_address address;

	packet_mapped(&address, CT_BE32(n));
	return address;
}

static struct packet_address ipv6(uint32_t n)
{
	return (struct packet_address){{CT_BE32(0x20010db8), 0, 0, CT_BE32(n)}};
}

/* One message; false: no room. */
static bool count(struct fixture *f, struct packet_address client)
{
	uint64_t *messages = wire_source_place(&f->config, f->table, &client, f->slot);

	if (messages)
		++*messages;
	return messages;
}

static void flip_and_read(struct fixture *f)
{
	const uint32_t closed = f->slot;

	f->slot = !closed;
	wire_sources_read(f->sources, closed, &f->clients, &f->n);
}

/* Messages of the client in the last reading; -1: it is not named. Named twice is an error. */
static int64_t messages_of(const struct fixture *f, struct packet_address client)
{
	int64_t found = -1;

	for (size_t i = 0; i < f->n; i++) {
		if (memcmp(&f->clients[i].address, &client, sizeof(client)) != 0)
			continue;
		assert_int_equal(found, -1);
		found = (int64_t)f->clients[i].messages;
	}
	return found;
}

static uint64_t sum_of(const struct fixture *f)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < f->n; i++)
		sum += f->clients[i].messages;
	return sum;
}

static void test_addresses_return(void **state UNUSED)
{
	const struct packet_address samples[] = {
	    ipv4(0), ipv4(0xc0000201), ipv6(1), {{0}}, {{1, 2, 3, 4}}, {{~0u, 0, ~0u, 1}}};

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		const struct wire_source_id id = wire_source_id(&samples[i]);
		const struct packet_address back = wire_source_address(&id);

		assert_true(wire_source_is_client(&id));
		assert_memory_equal(&back, &samples[i], sizeof(back));
	}
}

/* Their stored halves would look like a free way, or one that is leaving. */
static void test_no_clients(void **state UNUSED)
{
	const struct packet_address samples[] = {
	    {{~0u, ~0u, 1, 2}}, {{1, 2, ~0u, ~0u}}, {{~0u, ~0u, ~0u, ~0u}}};

	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		const struct wire_source_id id = wire_source_id(&samples[i]);

		assert_false(wire_source_is_client(&id));
	}
}

static void test_windows(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		assert_true(count(f, ipv4(1)));
	assert_true(count(f, ipv6(1)));
	flip_and_read(f);
	assert_int_equal(f->n, 2);
	assert_int_equal(messages_of(f, ipv4(1)), 3);
	assert_int_equal(messages_of(f, ipv6(1)), 1);
	assert_int_equal(wire_sources_count(f->sources), 2);
	assert_true(count(f, ipv4(1)));
	flip_and_read(f);
	assert_int_equal(f->n, 1);
	assert_int_equal(messages_of(f, ipv4(1)), 1);
	flip_and_read(f);
	assert_int_equal(f->n, 0);
	/* A packet that counts into a slot after it was read is told of with the slot's next. */
	f->slot = !f->slot;
	assert_true(count(f, ipv4(1)));
	f->slot = !f->slot;
	flip_and_read(f);
	flip_and_read(f);
	assert_int_equal(messages_of(f, ipv4(1)), 1);
}

/* What another agent counted is not told again; that its clients are there, once. */
static void test_skip(void **state)
{
	struct fixture *f = *state;

	assert_true(count(f, ipv4(1)) && count(f, ipv4(2)));
	wire_sources_skip(f->sources);
	assert_true(count(f, ipv4(2)));
	flip_and_read(f);
	assert_int_equal(f->n, 2);
	assert_int_equal(messages_of(f, ipv4(1)), 0);
	assert_int_equal(messages_of(f, ipv4(2)), 1);
	flip_and_read(f);
	assert_int_equal(f->n, 0);
}

/* So many that buckets fill: each is either counted on its own or found no room. */
static void test_full(void **state)
{
	struct fixture *f = *state;
	uint64_t counted = 0;

	for (uint32_t i = 0; i < 4 * WIRE_MAX_SOURCES; i++)
		counted += count(f, ipv4(i));
	flip_and_read(f);
	assert_int_equal(f->n, counted);
	assert_int_equal(sum_of(f), counted);
	assert_int_equal(wire_sources_count(f->sources), counted);
	assert_in_range(counted, WIRE_MAX_SOURCES * 99ull / 100, WIRE_MAX_SOURCES);
}

static void test_half_full_takes_nearly_all(void **state)
{
	struct fixture *f = *state;
	uint64_t counted = 0;

	for (uint32_t i = 0; i < WIRE_MAX_SOURCES / 2; i++)
		counted += count(f, ipv4(i * 2654435761u));
	assert_in_range(counted, WIRE_MAX_SOURCES / 2 * 99ull / 100, WIRE_MAX_SOURCES / 2);
}

/* A flood rests and leaves; who goes on asking keeps its way, and nothing of theirs is mixed. */
static void test_rest_makes_room(void **state)
{
	struct fixture *f = *state;
	uint64_t first = 0, second = 0;

	f->config.source_mask = 255;
	for (uint32_t i = 0; i < 100; i++)
		assert_true(count(f, ipv6(i)));
	for (uint32_t i = 0; i < 100000; i++)
		first += count(f, ipv4(i));
	assert_int_equal(first, 1024 - 100);
	for (int window = 0; window < 5; window++) {
		flip_and_read(f);
		for (uint32_t i = 0; i < 100; i++) {
			assert_int_equal(messages_of(f, ipv6(i)), 1);
			assert_true(count(f, ipv6(i)));
		}
	}
	assert_int_equal(f->n, 100);
	/* Room in each bucket for one bucket's worth at most less those that stayed. */
	for (uint32_t i = 0; i < 100000; i++)
		second += count(f, ipv4(0x0a000000 + i));
	assert_int_equal(second, 1024 - 100);
	flip_and_read(f);
	assert_int_equal(f->n, 1024);
	assert_int_equal(sum_of(f), 1024);
}

static struct wire_source_id *way_of(struct fixture *f, struct packet_address client)
{
	const struct wire_source_id id = wire_source_id(&client);

	for (uint32_t i = 0; i < WIRE_MAX_SOURCES; i++) {
		struct wire_source_id *way =
		    &f->table[i / WIRE_SOURCE_WAYS].clients[i % WIRE_SOURCE_WAYS];

		if (way->low == id.low)
			return way;
	}
	return NULL;
}

/* One that is asked to leave while a packet counts, and comes back: named once, all counted. */
static void test_comes_back(void **state)
{
	struct fixture *f = *state;
	struct wire_source_bucket *bucket = &f->table[0];
	struct wire_source_id *way;
	size_t place;

	f->config.source_mask = 0;
	for (uint32_t i = 0; i < WIRE_SOURCE_WAYS; i++)
		assert_true(count(f, ipv6(i)));
	assert_false(count(f, ipv4(1)));
	for (int window = 0; window < 3; window++) {
		flip_and_read(f);
		assert_true(count(f, ipv6(1)));
	}
	way = way_of(f, ipv6(0));
	assert_non_null(way);
	assert_int_equal(way->high, 0);
	assert_true(way_of(f, ipv6(1))->high != 0);
	/* It had been found just before. */
	place = (size_t)(way - bucket->clients);
	memset(f->tags, 7, sizeof(*f->tags)); /* as the programs have tagged all four */
	bucket->messages[f->slot][place]++;
	assert_false(count(f, ipv4(1))); /* nobody has its way yet */
	flip_and_read(f);
	assert_int_equal(messages_of(f, ipv6(0)), 1);
	assert_int_equal(way->low, 0);
	for (size_t n = 0; n < WIRE_SOURCE_WAYS; n++)
		assert_int_equal(f->tags->of[0][n], bucket->clients[n].low ? 7 : 0);
	assert_true(count(f, ipv4(1)) && count(f, ipv6(0)));
	flip_and_read(f);
	assert_int_equal(messages_of(f, ipv4(1)), 1);
	assert_int_equal(messages_of(f, ipv6(0)), 1);
}

/* Of a way that is being written only a half is there: told of when it is whole. */
static void test_half_written(void **state)
{
	struct fixture *f = *state;
	const struct packet_address client = ipv6(7);
	const struct wire_source_id id = wire_source_id(&client);
	struct wire_source_bucket *bucket = &f->table[3];

	bucket->messages[f->slot][0]++;
	bucket->clients[0].low = id.low;
	flip_and_read(f);
	assert_int_equal(f->n, 0);
	assert_int_equal(bucket->clients[0].low, id.low);
	bucket->clients[0].high = id.high;
	flip_and_read(f);
	flip_and_read(f);
	assert_int_equal(messages_of(f, client), 1);
}

/* One that an agent before asked to leave, and did not see go. */
static void test_left_behind(void **state)
{
	struct fixture *f = *state;

	assert_true(count(f, ipv6(1)));
	way_of(f, ipv6(1))->high = 0;
	wire_sources_skip(f->sources);
	flip_and_read(f);
	assert_int_equal(f->n, 0);
	assert_null(way_of(f, ipv6(1)));
	assert_true(count(f, ipv4(9)));
	flip_and_read(f);
	assert_int_equal(f->n, 1);
	assert_int_equal(messages_of(f, ipv4(9)), 1);
}

/* Of the clients that one bucket holds, few have the tag of another that belongs there. */
static void test_tags_tell_apart(void **state)
{
	struct fixture *f = *state;
	unsigned there = 0, alike = 0;
	const struct packet_address one = ipv4(0x0a000000);
	const uint32_t hash = wire_source_hash(&f->config, &one);

	f->config.source_mask = 255;
	for (uint32_t i = 1; i < 1000000; i++) {
		const struct packet_address client = ipv4(0x0a000000 + i);
		const uint32_t other = wire_source_hash(&f->config, &client);

		assert_int_not_equal(wire_source_tag(other), 0);
		for (uint32_t choice = 0; choice < 2; choice++) {
			if (wire_source_index(&f->config, hash, choice) !=
			    wire_source_index(&f->config, other, choice))
				continue;
			there++;
			alike += wire_source_tag(hash) == wire_source_tag(other);
		}
	}
	assert_in_range(there, 7000, 9000);
	assert_in_range(alike, 1, there / 100);
}

static void test_tagged(void **state UNUSED)
{
	const uint8_t tags[WIRE_SOURCE_WAYS] = {3, 0, 255, 1};

	assert_true(wire_source_tagged(tags, 3) && wire_source_tagged(tags, 255));
	assert_true(wire_source_tagged(tags, 1) && wire_source_tagged(tags, 0));
	assert_false(wire_source_tagged(tags, 2));
}

/* Neighbours' addresses are a step apart, and so is a sum of products of them: whatever the keys,
 * they must not come to lie in few buckets. */
static void test_neighbours(void **state)
{
	struct fixture *f = *state;
	uint64_t random = 1;
	unsigned lost = 0;

	f->config.source_mask = WIRE_SOURCE_FIRST - 1;
	for (int turn = 0; turn < 1000; turn++) {
		for (uint32_t i = 0; i < 5; i++) {
			random = random * 0x5851f42d4c957f2d + 0x14057b7ef767814f;
			f->config.source_keys[i] = random ^ random >> 33;
		}
		memset(f->table, 0, WIRE_SOURCE_FIRST * sizeof(*f->table));
		for (uint32_t i = 0; i < 250; i++)
			lost += !count(f, ipv4(0xc6120100 + i)) + !count(f, ipv6(i));
	}
	assert_in_range(lost, 0, 50); /* of 500,000; by chance, 30 */
}

/* Clients of a window in which the table grew have two ways, and are named once. */
static void test_grows(void **state)
{
	struct fixture *f = *state;

	f->config.source_mask = WIRE_SOURCE_FIRST - 1;
	for (uint32_t i = 0; i < WIRE_SOURCE_FIRST; i++)
		assert_true(count(f, ipv6(i)));
	flip_and_read(f);
	wire_sources_grow(f->sources);
	assert_int_equal(f->config.source_mask, WIRE_SOURCE_FIRST - 1); /* not yet */
	assert_true(count(f, ipv6(WIRE_SOURCE_FIRST)));
	for (uint32_t i = 0; i < WIRE_SOURCE_FIRST; i++)
		assert_true(count(f, ipv6(i)));
	flip_and_read(f);
	for (uint32_t i = 0; i < WIRE_SOURCE_FIRST; i++)
		assert_true(count(f, ipv6(i)));
	wire_sources_grow(f->sources);
	assert_int_equal(f->config.source_mask, 8 * WIRE_SOURCE_FIRST - 1);
	for (int window = 0; window < 3; window++) {
		for (uint32_t i = 0; i < WIRE_SOURCE_FIRST; i++)
			assert_true(count(f, ipv6(i)));
		flip_and_read(f);
		assert_int_equal(f->n, WIRE_SOURCE_FIRST);
		for (uint32_t i = 0; i < WIRE_SOURCE_FIRST; i++)
			assert_int_equal(messages_of(f, ipv6(i)), window ? 1 : 2);
	}
}

/* An agent before let the table grow: its clients' two ways are one client to its successor. */
static void test_skip_after_growth(void **state)
{
	struct fixture *f = *state;

	f->config.source_mask = WIRE_SOURCE_FIRST - 1;
	for (int turn = 0; turn < 2; turn++) {
		for (uint32_t i = 0; i < 300; i++)
			assert_true(count(f, ipv6(i)));
		f->config.source_mask = 8 * WIRE_SOURCE_FIRST - 1;
	}
	wire_sources_skip(f->sources);
	for (uint32_t i = 0; i < 300; i++)
		assert_true(count(f, ipv6(i)));
	flip_and_read(f);
	assert_int_equal(f->n, 300);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(messages_of(f, ipv6(i)), 1);
}

static void test_grows_to_the_end(void **state)
{
	struct fixture *f = *state;

	f->config.source_mask = WIRE_SOURCE_FIRST - 1;
	for (int window = 0; window < 9; window++) {
		for (uint32_t i = 0; i < WIRE_MAX_SOURCES / 2; i++)
			count(f, ipv4(i));
		flip_and_read(f);
		wire_sources_grow(f->sources);
	}
	assert_int_equal(f->config.source_mask, WIRE_SOURCE_BUCKETS - 1);
	assert_in_range(f->n, WIRE_MAX_SOURCES / 2 * 98ull / 100, WIRE_MAX_SOURCES / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses_return),
	    cmocka_unit_test(test_no_clients),
	    cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_skip, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_half_full_takes_nearly_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rest_makes_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_comes_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_half_written, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_left_behind, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_tags_tell_apart, setup, teardown),
	    cmocka_unit_test(test_tagged),
	    cmocka_unit_test_setup_teardown(test_neighbours, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_grows, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_skip_after_growth, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_grows_to_the_end, setup, teardown),
	};

	return cmocka_run_group_tests_name("wire_sources", tests, NULL, NULL);
}
