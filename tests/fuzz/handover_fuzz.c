/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lies in the service manager's store beside a producer's socket: any bytes, in memory that is
 * sealed as ours is. A connection that is gone on with reads what the producer still sends.
 *
 * The input: a byte that says how large the memory is, one of how many bytes of its beginning
 * follow, two of how many behind its first page; these, those, and what comes by the socket. Memory
 * and sockets are made once: the kernel takes longer for new ones than all the rest does.
 */
#include "dnstap/connection.h"

#include "base/unused.h"
#include "require.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FRAME 8192
#define PAGE      4096
#define MOST      2048
#define NAME      "producer-1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
	size_t bytes;
	int fd; /* 0: to be made */
	uint8_t *at;
};

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

/* A connection may have made it larger, which the seal makes final. */
static struct memory *memory_of(unsigned which)
{
	static struct memory memories[] = {
	    {.bytes = 100}, {.bytes = PAGE}, {.bytes = 2 * PAGE}, {.bytes = 4 * PAGE}};
	struct memory *memory = &memories[which % (sizeof(memories) / sizeof(memories[0]))];
	struct stat st;

	if (memory->fd) {
		require(fstat(memory->fd, &st) == 0);
		if ((size_t)st.st_size == memory->bytes)
			return memory;
		munmap(memory->at, memory->bytes);
		close(memory->fd);
	}
	memory->fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	require(memory->fd > 0 && ftruncate(memory->fd, (off_t)memory->bytes) == 0 &&
	    fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
	memory->at = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	require(memory->at != MAP_FAILED);
	return memory;
}

/* As much of the input's next `n` bytes as there is room for. */
static void lay(struct memory *memory, size_t at, size_t n, const uint8_t **data, size_t *left)
{
	const size_t room = memory->bytes > at ? memory->bytes - at : 0;

	if (n > *left)
		n = *left;
	if (room) {
		memset(memory->at + at, 0, room < MOST ? room : MOST);
		memcpy(memory->at + at, *data, n < room ? n : room);
	}
	*data += n;
	*left -= n;
}

/* What a connection left unread, and its replies. */
static void drain(const int ends[2])
{
	static uint8_t rest[PAGE];

	for (int i = 0; i < 2; i++) {
		while (recv(ends[i], rest, sizeof(rest), MSG_DONTWAIT) > 0)
			continue;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = NAME, other[] = NAME;
	static int ends[2];
	struct passed_socket list[2] = {{.name = name}, {.name = other}};
	const struct passed_sockets passed = {list, 2};
	struct connection *connection;
	struct memory *memory;
	size_t first, second;

	if (size < 4 || size > MOST)
		return 0;
	if (!ends[1])
		require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	memory = memory_of(data[0]);
	first = data[1];
	second = data[2] | (size_t)data[3] << 8;
	data += 4;
	size -= 4;
	lay(memory, 0, first, &data, &size);
	lay(memory, PAGE, second, &data, &size);
	require(send(ends[1], data, size, 0) == (ssize_t)size);
	list[0].fd = fcntl(memory->fd, F_DUPFD_CLOEXEC, 0);
	list[1].fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
	require(list[0].fd >= 0 && list[1].fd >= 0);
	connection = connection_adopt(&passed, "0 /run/in.sock", MAX_FRAME);
	if (connection)
		go_on(connection);
	for (int i = 0; i < 2; i++) {
		if (list[i].fd >= 0)
			close(list[i].fd);
	}
	drain(ends);
	return 0;
}
