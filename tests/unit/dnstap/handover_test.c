/* SPDX-License-Identifier: BSD-2-Clause */
/* What one process leaves of a connection, another one goes on with; whatever else lies in the
 * store is left alone. */
#include "base/unused.h"
#include "dnstap/connection.h"

#include "frames.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_FRAME 100000
#define INPUT     "0 /run/in.sock"
#define NAME      "producer-1"

/* The two descriptors, as a service manager passes them; the name is of the test's own, since what
 * is passed has the name that it was stored by. */
struct passing {
	char name[2][32];
	struct passed_socket list[2];
	struct passed_sockets all;
	int peer;
};

static void pass(struct passing *passing, int memory)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	passing->peer = ends[1];
	for (int i = 0; i < 2; i++) {
		snprintf(passing->name[i], sizeof(passing->name[i]), NAME);
		passing->list[i] =
		    (struct passed_socket){.name = passing->name[i], .fd = i ? memory : ends[0]};
	}
	passing->all = (struct passed_sockets){passing->list, 2};
}

static void passing_done(struct passing *passing)
{
	for (int i = 0; i < 2; i++) {
		if (passing->list[i].fd >= 0)
			close(passing->list[i].fd);
	}
	close(passing->peer);
}

/* The record as it is documented: magic, version, busy, state, bidirectional, stashed, input. */
struct layout {
	char magic[8];
	uint32_t version, busy, state, bidirectional;
	uint64_t stashed;
	char input[HANDOVER_INPUT_BYTES];
};

static const struct layout good = {
    .magic = {'c', 'r', 'o', 's', 's', 't', 'a', 'p'},
    .version = 1,
    .state = FRAME_STREAM_STARTED,
    .bidirectional = 1,
    .stashed = 3,
    .input = INPUT,
};

static int memory_of(const struct layout *layout, size_t bytes, int seals)
{
	static const uint8_t stash[3] = {0, 0, 1};
	const int fd = memfd_create("handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, layout, sizeof(*layout), 0), sizeof(*layout));
	if (bytes > 4096)
		assert_int_equal(pwrite(fd, stash, sizeof(stash), 4096), sizeof(stash));
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static size_t records;

static void take(void *context UNUSED, const struct record *taken UNUSED, size_t n)
{
	records += n;
}

static void bad(void *context UNUSED)
{
	fail();
}

static const struct receiver_ops ops = {.take = take, .bad = bad};

/* The frame began in one process and ends in another, larger than the memory that came along. */
static void goes_on(void **state UNUSED)
{
	static uint8_t buffer[CONNECTION_READ_BYTES], frame[300], bytes[304];
	const size_t length = put_frame(bytes, frame, query_frame(frame, 1, 30));
	const char *error = NULL;
	struct connection *connection;
	struct passing passing;
	struct layout layout = good;
	int memory;

	layout.stashed = 7;
	memory = memory_of(&layout, 8192, F_SEAL_SHRINK);
	assert_int_equal(pwrite(memory, bytes, 7, 4096), 7);
	pass(&passing, memory);
	connection = connection_adopt(&passing.all, INPUT, MAX_FRAME);
	assert_non_null(connection);
	assert_false(connection_is_new(connection));
	assert_true(connection->receiver.stream.bidirectional);
	assert_int_equal(passing.list[0].fd, -1);
	assert_int_equal(passing.list[1].fd, -1);
	assert_int_equal(send(passing.peer, bytes + 7, length - 7, 0), length - 7);
	assert_int_equal(send(passing.peer, bytes, 5, 0), 5);
	records = 0;
	assert_int_equal(connection_read(connection, &ops, NULL, buffer, &error), length - 2);
	assert_int_equal(records, 1);
	/* What is left now is what the next one finds. */
	assert_int_equal(pread(memory, &layout, sizeof(layout), 0), sizeof(layout));
	assert_int_equal(layout.busy, 0);
	assert_int_equal(layout.stashed, 5);
	assert_int_equal(connection_read(connection, &ops, NULL, buffer, &error), -EAGAIN);
	connection_free(connection);
	passing_done(&passing);
}

static void refused(const struct layout *layout, size_t bytes, int seals)
{
	struct passing passing;

	pass(&passing, memory_of(layout, bytes, seals));
	assert_null(connection_adopt(&passing.all, INPUT, MAX_FRAME));
	assert_false(passing.list[0].used || passing.list[1].used);
	passing_done(&passing);
}

static void what_cannot_be_gone_on_with(void **state UNUSED)
{
	struct layout layout = good;

	refused(&good, 8192, 0); /* whoever has it could take pages away */
	refused(&good, 4096, F_SEAL_SHRINK);
	refused(&good, 100, F_SEAL_SHRINK);
	refused(&good, 8192, F_SEAL_SHRINK | F_SEAL_WRITE);
	layout.version = 2;
	refused(&layout, 8192, F_SEAL_SHRINK);
	layout = good;
	layout.magic[0] = 'x';
	refused(&layout, 8192, F_SEAL_SHRINK);
	layout = good;
	layout.busy = 1; /* killed in the midst of a read */
	refused(&layout, 8192, F_SEAL_SHRINK);
	layout = good;
	layout.state = 4;
	refused(&layout, 8192, F_SEAL_SHRINK);
	layout = good;
	layout.bidirectional = 2;
	refused(&layout, 8192, F_SEAL_SHRINK);
	layout = good;
	layout.stashed = UINT64_MAX;
	refused(&layout, 8192, F_SEAL_SHRINK);
	layout.stashed = MAX_FRAME + 1000;
	refused(&layout, 4096 + 2 * MAX_FRAME, F_SEAL_SHRINK);
	layout = good;
	layout.input[1] = 'x';
	refused(&layout, 8192, F_SEAL_SHRINK);
	memset(layout.input, 'x', sizeof(layout.input));
	refused(&layout, 8192, F_SEAL_SHRINK);
}

/* The name leads to no connection: a listening socket, nothing, or something else. */
static void no_connection(void **state UNUSED)
{
	struct passing passing;
	const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(listen(listening, 1), 0);
	pass(&passing, memory_of(&good, 8192, F_SEAL_SHRINK));
	assert_int_equal(dup2(listening, passing.list[0].fd), passing.list[0].fd);
	assert_null(connection_adopt(&passing.all, INPUT, MAX_FRAME));
	passing.name[0][9] = '2';
	assert_null(connection_adopt(&passing.all, INPUT, MAX_FRAME));
	assert_null(connection_adopt(NULL, INPUT, MAX_FRAME));
	close(listening);
	passing_done(&passing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(goes_on),
	    cmocka_unit_test(what_cannot_be_gone_on_with),
	    cmocka_unit_test(no_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
