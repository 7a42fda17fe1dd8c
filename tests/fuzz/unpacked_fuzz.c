/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A compressed file gives the same bytes and the same error in large reads and in small ones; plain
 * ones pass unchanged. The first byte is the size of the small reads. What comes out is looked at
 * up to a limit: a kilobyte can unpack to a gigabyte.
 */
#include "base/io.h"
#include "capture/unpacked.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY /* the state */
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST         2048
#define MOST_BYTES   (1u << 12)
#define PIECE_BYTES  1024
#define WINDOW_BYTES (256u << 10) /* the sanitizer marks each byte of what is allocated */

struct outcome {
	size_t n;
	uint64_t digest;
	ssize_t end; /* what the last read returned; 1: the limit was reached */
};

static void check(bool good)
{
	if (!good)
		abort();
}

static struct outcome run(int fd, size_t piece)
{
	static uint8_t out[PIECE_BYTES];
	struct outcome outcome = {.end = 1};
	struct unpacked *unpacked = NULL;
	static XXH3_state_t digest;

	XXH3_64bits_reset(&digest);
	check(lseek(fd, 0, SEEK_SET) == 0 && unpacked_open(&unpacked, fd) == 0);
	unpacked_set_window(unpacked, WINDOW_BYTES);
	while (outcome.end > 0 && outcome.n < MOST_BYTES) {
		const size_t left = MOST_BYTES - outcome.n;
		const ssize_t n = unpacked_read(unpacked, out, left < piece ? left : piece);

		check(n <= (ssize_t)piece);
		if (n > 0)
			XXH3_64bits_update(&digest, out, (size_t)n);
		outcome.n += n > 0 ? (size_t)n : 0;
		outcome.end = n > 0 ? 1 : n;
	}
	/* Damage is named when it is met, and returned once the bytes before it are read. */
	if (outcome.end <= 0)
		check((outcome.end < 0) == (*unpacked_problem(unpacked) != '\0') &&
		    unpacked_read(unpacked, out, piece) == outcome.end);
	unpacked_close(unpacked);
	outcome.digest = XXH3_64bits_digest(&digest);
	return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome large, small;
	static int fd = -1;

	if (size < 1 || size > MOST)
		return 0;
	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	check(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
	    io_write(fd, data + 1, size - 1) == 0);
	large = run(fd, PIECE_BYTES);
	small = run(fd, data[0] + 1u);
	/* zstd keeps back what a large read had no room for when the damage shows. */
	check(large.end == small.end || large.n == MOST_BYTES || small.n == MOST_BYTES);
	if (large.end >= 0 && small.end >= 0)
		check(large.n == small.n && large.digest == small.digest);
	return 0;
}
