/* SPDX-License-Identifier: BSD-2-Clause */
/* An input beside its tests: how it starts and stops, what producers send it. Nothing here measures
 * time: waits are bounded by patience alone. */
#ifndef CROSSTAP_TESTS_DNSTAP_RIG_H
#define CROSSTAP_TESTS_DNSTAP_RIG_H

#include "base/unused.h"
#include "dnstap/dnstap.h"

#include "frames.h"

#include "base/clock.h"
#include "base/log.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 10000

static char folder[] = "/tmp/crosstap-dnstap-XXXXXX";
static char path[sizeof(folder) + 16];

/* What the input's thread counted; read after dnstap_input_stop(). */
struct sink {
	size_t records, bad;
	_Atomic size_t wakes;
	int64_t now_ns;
};

static inline void take(void *context, const struct record *records, size_t n)
{
	struct sink *sink = context;

	assert_non_null(records);
	sink->records += n;
}

static inline void bad(void *context)
{
	((struct sink *)context)->bad++;
}

static inline void now(void *context, int64_t wall_ns)
{
	((struct sink *)context)->now_ns = wall_ns;
}

static inline void wake(void *context)
{
	((struct sink *)context)->wakes++;
}

static const struct dnstap_ops ops = {{.take = take, .bad = bad}, now, wake};

struct rig {
	struct dnstap_input *input;
	struct sink sink;
	struct budget budget;
	struct dnstap_limits limits;
};

static inline struct config_input unix_input(void)
{
	return (struct config_input){
	    .kind = INPUT_UNIX, .address = path, .mode = 0600, .owner = "", .group = ""};
}

static inline void rig_start(struct rig *rig, const struct config_input *config, const int *fds,
    size_t n, int connections, uint64_t handshake_ns)
{
	char error[256] = "";
	int r = dnstap_input_open(&rig->input, config, fds, n, error, sizeof(error));

	if (r < 0)
		fail_msg("%s", error);
	rig->sink = (struct sink){0};
	rig->budget = (struct budget){0};
	rig->limits = (struct dnstap_limits){.frame = 65536,
	    .handshake_ns = handshake_ns,
	    .connections = connections,
	    .inputs = 1,
	    .bytes = 4 << 20,
	    .budget = &rig->budget};
	assert_int_equal(dnstap_input_start(rig->input, &rig->limits, &ops, &rig->sink), 0);
}

static inline void rig_stop(struct rig *rig)
{
	dnstap_input_stop(rig->input);
	assert_int_equal(rig->budget.pool, 0);
	assert_int_equal(rig->budget.bytes, 0);
	assert_true(rig->sink.wakes >= 1);
	dnstap_input_free(rig->input);
}

static inline int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline void send_bytes(int fd, const void *data, size_t length)
{
	for (const uint8_t *p = data; length;) {
		ssize_t n = send(fd, p, length, MSG_NOSIGNAL);

		assert_true(n > 0);
		p += n;
		length -= (size_t)n;
	}
}

static inline void send_start(int fd)
{
	uint8_t start[64];

	send_bytes(fd, start, frame_stream_write_start(start));
}

static inline void send_queries(int fd, size_t n)
{
	uint8_t frame[300], bytes[304];

	for (size_t i = 0; i < n; i++)
		send_bytes(fd, bytes, put_frame(bytes, frame, query_frame(frame, 1, 30)));
}

/* What the input sent, as recv(2) returns it: 0 or -1 once it has closed the connection. */
static inline ssize_t wait_answer(int fd, uint8_t *answer, size_t size)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poller, 1, PATIENCE_MS), 1);
	return recv(fd, answer, size, 0);
}

static inline struct dnstap_stats stats_of(const struct rig *rig)
{
	struct dnstap_stats stats;

	dnstap_input_stats(rig->input, &stats);
	return stats;
}

#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		int waited = 0;                                                                    \
		while (!(condition) && waited++ < PATIENCE_MS)                                     \
			usleep(1000);                                                              \
		assert_true(condition);                                                            \
	} while (0)

static inline int setup(void **state UNUSED)
{
	log_set_level(LOG_LEVEL_ERROR);
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/dnstap.sock", folder);
	return 0;
}

static inline int teardown(void **state UNUSED)
{
	unlink(path);
	return rmdir(folder);
}

#endif
