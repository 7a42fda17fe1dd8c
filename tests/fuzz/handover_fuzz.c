/* SPDX-License-Identifier: BSD-2-Clause */
/* What lies in the service manager's store beside a producer's socket: any bytes, in memory that is
 * sealed as ours is. A connection that is gone on with reads what the producer still sends. */
#include "dnstap/connection.h"

#include "base/unused.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FRAME 65536
#define MAX_TAIL  4096 /* the last bytes of the input come by the socket */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *context UNUSED, const struct record *records UNUSED, size_t n UNUSED)
{
}

static void bad(void *context UNUSED)
{
}

static void go_on(struct connection *connection)
{
	static const struct receiver_ops ops = {.take = take, .bad = bad};
	static uint8_t buffer[CONNECTION_READ_BYTES];
	const char *error = NULL;

	while (connection_read(connection, &ops, NULL, buffer, &error) > 0)
		continue;
	connection_free(connection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "producer-1", other[] = "producer-1";
	const size_t tail = size > MAX_TAIL ? size - MAX_TAIL : 0;
	struct passed_socket list[2] = {{.name = name}, {.name = other}};
	const struct passed_sockets passed = {list, 2};
	struct connection *connection;
	int ends[2];

	list[0].fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (list[0].fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		abort();
	list[1].fd = ends[0];
	if (pwrite(list[0].fd, data, size, 0) != (ssize_t)size ||
	    fcntl(list[0].fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0 ||
	    send(ends[1], data + tail, size - tail, 0) != (ssize_t)(size - tail))
		abort();
	shutdown(ends[1], SHUT_WR);
	connection = connection_adopt(&passed, "0 /run/in.sock", MAX_FRAME);
	if (connection)
		go_on(connection);
	for (int i = 0; i < 2; i++) {
		if (list[i].fd >= 0)
			close(list[i].fd);
	}
	close(ends[1]);
	return 0;
}
