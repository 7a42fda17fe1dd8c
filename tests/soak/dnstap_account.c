/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For LD_PRELOAD, into a nameserver: what becomes of its dnstap frames before they are on the
 * socket, counted in ACCOUNT_FILE, which all its processes share. A nameserver waits for nobody,
 * and says nothing of what it drops:
 *
 * - libfstrm hands frames to a thread over a queue, and returns fstrm_res_again where it is full
 *   (fstrm_iothr_submit(), fstrm/iothr.h). That thread frees a frame when it was written, or when
 *   there was no connection to write it to.
 * - NSD's workers write messages into pipes to its collector, which makes frames of them, and drop
 *   what a pipe has no room for (dnstap/dnstap_collector.c; Debian's NSD 4.6 has socket pairs
 * there).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NSD_HEADER_BYTES 5 /* length of the rest, whether it is a response */

/* <fstrm/iothr.h> */
typedef int submit_function(void *thread, void *queue, void *data, size_t length,
    void (*free_data)(void *data, void *arg), void *arg);
enum { FSTRM_SUCCESS, FSTRM_FAILURE, FSTRM_AGAIN };

/* In the order of account.py. */
enum { PIPED, PIPE_FULL, QUEUED, QUEUE_FULL, REFUSED, RELEASED, COUNTERS };
enum { QUERY, RESPONSE, KINDS };

struct counts {
	_Atomic uint64_t of[COUNTERS][KINDS];
};

static struct counts unshared, *counts = &unshared;

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("ACCOUNT_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *shared = MAP_FAILED;

	if (fd >= 0)
		shared = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (shared != MAP_FAILED)
		counts = shared;
}

static void count(int what, int kind)
{
	atomic_fetch_add_explicit(&counts->of[what][kind], 1, memory_order_relaxed);
}

/* ---- libfstrm ---- */

static uint64_t varint(const uint8_t **at, const uint8_t *end)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
		const uint8_t byte = *(*at)++;

		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			break;
	}
	return value;
}

/* A field's value where it is a number, else what it holds is *ret_data. Returns its number; 0 at
 * the end. */
static unsigned next_field(
    const uint8_t **at, const uint8_t *end, uint64_t *ret_value, const uint8_t **ret_data)
{
	const uint64_t tag = *at < end ? varint(at, end) : 0;

	*ret_data = NULL;
	*ret_value = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : varint(at, end);
	if ((tag & 7) != 0) {
		if (*ret_value > (uint64_t)(end - *at))
			return 0;
		*ret_data = *at;
		*at += *ret_value;
	}
	return (unsigned)(tag >> 3);
}

/* Dnstap.message is field 14, Message.type field 1; the types of queries are odd (dnstap.proto). */
static int frame_kind(const uint8_t *at, size_t length)
{
	const uint8_t *end = at + length, *data;
	uint64_t value;
	unsigned field;

	while ((field = next_field(&at, end, &value, &data)))
		if (field == 14 && data) {
			at = data;
			end = data + value;
		} else if (field == 1 && !data) {
			return value & 1 ? QUERY : RESPONSE;
		}
	return RESPONSE;
}

struct frame {
	void (*free_data)(void *data, void *arg);
	void *arg;
	int kind;
};

static void release(void *data, void *arg)
{
	struct frame *frame = arg;

	if (frame->free_data)
		frame->free_data(data, frame->arg);
	count(RELEASED, frame->kind);
	free(frame);
}

/* Of the library itself: a module of Knot's loads it where RTLD_NEXT does not look. */
static submit_function *real_submit(void)
{
	static _Atomic(submit_function *) found;
	submit_function *submit = atomic_load(&found);
	void *library;

	if (submit)
		return submit;
	library = dlopen("libfstrm.so.0", RTLD_LAZY | RTLD_NOLOAD);
	submit = library ? (submit_function *)dlsym(library, "fstrm_iothr_submit") : NULL;
	atomic_store(&found, submit);
	return submit;
}

int fstrm_iothr_submit(void *thread, void *queue, void *data, size_t length,
    void (*free_data)(void *data, void *arg), void *arg);
int fstrm_iothr_submit(void *thread, void *queue, void *data, size_t length,
    void (*free_data)(void *data, void *arg), void *arg)
{
	const int kind = frame_kind(data, length);
	submit_function *submit = real_submit();
	struct frame *frame = malloc(sizeof(*frame));
	int result;

	if (!frame || !submit)
		abort();
	*frame = (struct frame){free_data, arg, kind};
	result = submit(thread, queue, data, length, release, frame);
	if (result != FSTRM_SUCCESS)
		free(frame);
	count(result == FSTRM_SUCCESS   ? QUEUED
		: result == FSTRM_AGAIN ? QUEUE_FULL
					: REFUSED,
	    kind);
	return result;
}

/* ---- NSD's pipes ---- */

/* The begin of a message on its way to the collector. */
static bool nsd_message(int fd, const uint8_t *data, size_t length)
{
	struct stat status;
	uint32_t rest;

	if (length < NSD_HEADER_BYTES)
		return false;
	rest = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
	return rest == length - 4 && !fstat(fd, &status) &&
	    (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

/* Calls that write give back what they return, and errno. */
static ssize_t written(int fd, const uint8_t *data, size_t length, ssize_t n)
{
	const int error = errno;

	if ((n > 0 || (n < 0 && error == EAGAIN)) && nsd_message(fd, data, length))
		count(n > 0 ? PIPED : PIPE_FULL, data[4] ? RESPONSE : QUERY);
	errno = error;
	return n;
}

ssize_t write(int fd, const void *data, size_t length)
{
	return written(fd, data, length, syscall(SYS_write, fd, data, length));
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
	return written(fd, data, length, syscall(SYS_sendto, fd, data, length, flags, NULL, 0));
}
