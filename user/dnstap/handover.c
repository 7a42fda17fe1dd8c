/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/handover.h"

#include "base/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX       "producer-"
#define MAGIC        "crosstap"
#define VERSION      1
#define STASH_OFFSET 4096 /* a page of its own */
#define STEP         4096
/* A memfd of which nobody can take a mapped page away. */
#define SEALS F_SEAL_SHRINK

struct record {
	char magic[8];
	uint32_t version;
	_Atomic uint32_t busy;
	uint32_t state; /* enum frame_stream_state */
	uint32_t bidirectional;
	uint64_t stashed;
	char input[HANDOVER_INPUT_BYTES];
};
_Static_assert(sizeof(struct record) <= STASH_OFFSET, "the stash begins behind the record");

struct handover {
	char name[sizeof(PREFIX) + 16];
	int memory;
	struct record *record; /* mapped, with the stash */
	size_t mapped;
};

static size_t bytes_for(size_t stashed)
{
	return STASH_OFFSET + (stashed + STEP - 1) / STEP * STEP;
}

static int map(struct handover *handover, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, handover->memory, 0);

	if (memory == MAP_FAILED)
		return -errno;
	handover->record = memory;
	handover->mapped = bytes;
	return 0;
}

int handover_new(struct handover **ret, const char *input, size_t stashed)
{
	struct handover *handover;
	uint64_t number;
	int r;

	if (strlen(input) >= HANDOVER_INPUT_BYTES)
		return -ENAMETOOLONG;
	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return -EIO;
	handover = calloc(1, sizeof(*handover));
	if (!handover)
		return -ENOMEM;
	snprintf(handover->name, sizeof(handover->name), PREFIX "%016" PRIx64, number);
	handover->memory = memfd_create(handover->name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	r = handover->memory < 0 || ftruncate(handover->memory, (off_t)bytes_for(stashed)) < 0 ||
		fcntl(handover->memory, F_ADD_SEALS, SEALS) < 0
	    ? -errno
	    : map(handover, bytes_for(stashed));
	if (r < 0) {
		handover_free(handover);
		return r;
	}
	memcpy(handover->record->magic, MAGIC, sizeof(handover->record->magic));
	handover->record->version = VERSION;
	memcpy(handover->record->input, input, strlen(input) + 1);
	atomic_store_explicit(&handover->record->busy, 1, memory_order_release);
	*ret = handover;
	return 0;
}

int handover_keep(struct handover *handover, int socket)
{
	return store_add(handover->name, (int[]){handover->memory, socket}, 2);
}

void handover_forget(struct handover *handover)
{
	store_remove(handover->name);
}

void handover_free(struct handover *handover)
{
	if (!handover)
		return;
	if (handover->record)
		munmap(handover->record, handover->mapped);
	if (handover->memory >= 0)
		close(handover->memory);
	free(handover);
}

uint8_t *handover_stash(struct handover *handover, size_t size)
{
	const size_t bytes = bytes_for(size);

	if (bytes > handover->mapped) {
		void *memory;

		if (ftruncate(handover->memory, (off_t)bytes) < 0)
			return NULL;
		memory = mremap(handover->record, handover->mapped, bytes, MREMAP_MAYMOVE);
		if (memory == MAP_FAILED)
			return NULL;
		handover->record = memory;
		handover->mapped = bytes;
	}
	return (uint8_t *)handover->record + STASH_OFFSET;
}

void handover_trim(struct handover *handover, size_t size)
{
	const size_t bytes = bytes_for(size);

	if (bytes < handover->mapped)
		madvise((uint8_t *)handover->record + bytes, handover->mapped - bytes, MADV_REMOVE);
}

/* A process that is killed leaves its stores in the order of its instructions. */
void handover_begin(struct handover *handover)
{
	atomic_store_explicit(&handover->record->busy, 1, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
}

void handover_end(struct handover *handover, const struct frame_stream *stream, size_t stashed)
{
	struct record *record = handover->record;

	record->state = stream->state;
	record->bidirectional = stream->bidirectional;
	record->stashed = stashed;
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&record->busy, 0, memory_order_release);
}

/* -- what was passed */

/* Could be ours: whole, sealed against shrinking, of this version. */
static bool is_memory(int fd, struct record *ret, size_t *ret_bytes)
{
	struct stat st;
	const int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || seals & F_SEAL_WRITE || fstat(fd, &st) < 0 ||
	    st.st_size < STASH_OFFSET || pread(fd, ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret))
		return false;
	*ret_bytes = (size_t)st.st_size;
	return memcmp(ret->magic, MAGIC, sizeof(ret->magic)) == 0 && ret->version == VERSION &&
	    memchr(ret->input, 0, sizeof(ret->input));
}

/* What it says is possible, and the stream can be gone on with. */
static bool can_go_on(const struct record *record, size_t bytes, uint32_t max_frame)
{
	return !record->busy && record->state <= FRAME_STREAM_STOPPED &&
	    record->bidirectional <= 1 && record->stashed <= bytes - STASH_OFFSET &&
	    record->stashed <= (uint64_t)max_frame + FRAME_STREAM_MAX_CONTROL_BYTES + 8;
}

static bool is_connection(int fd)
{
	int type = 0, listens = 1;
	socklen_t length = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 || type != SOCK_STREAM)
		return false;
	length = sizeof(listens);
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && !listens &&
	    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0;
}

static struct passed_socket *find_connection(
    const struct passed_sockets *passed, const struct passed_socket *memory)
{
	for (size_t i = 0; i < passed->n; i++) {
		struct passed_socket *other = &passed->list[i];

		if (other->fd >= 0 && other != memory && strcmp(other->name, memory->name) == 0 &&
		    is_connection(other->fd))
			return other;
	}
	return NULL;
}

static int adopt(struct handover **ret, int fd, const char *name, size_t bytes)
{
	struct handover *handover = calloc(1, sizeof(*handover));
	int r;

	if (!handover)
		return -ENOMEM;
	snprintf(handover->name, sizeof(handover->name), "%s", name);
	handover->memory = fd;
	r = map(handover, bytes);
	if (r < 0)
		free(handover);
	else
		*ret = handover;
	return r;
}

int handover_take(struct handover **ret, const struct passed_sockets *passed, const char *input,
    uint32_t max_frame, struct frame_stream *ret_stream, size_t *ret_stashed)
{
	for (size_t i = 0; passed && i < passed->n; i++) {
		struct passed_socket *memory = &passed->list[i], *socket;
		struct record record;
		size_t bytes;
		int fd;

		if (memory->fd < 0 || strncmp(memory->name, PREFIX, strlen(PREFIX)) != 0 ||
		    strlen(memory->name) >= sizeof((*ret)->name) ||
		    !is_memory(memory->fd, &record, &bytes) || strcmp(record.input, input) != 0 ||
		    !can_go_on(&record, bytes, max_frame))
			continue;
		socket = find_connection(passed, memory);
		if (!socket || adopt(ret, memory->fd, memory->name, bytes) < 0)
			continue;
		ret_stream->state = (enum frame_stream_state)record.state;
		ret_stream->bidirectional = record.bidirectional;
		*ret_stashed = (size_t)record.stashed;
		fd = socket->fd;
		memory->used = socket->used = true;
		memory->fd = socket->fd = -1;
		return fd;
	}
	return -ENOENT;
}
