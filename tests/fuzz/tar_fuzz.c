/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A download, whole and in pieces. The first byte is the size of the pieces; both ways must give
 * the same bytes and the same verdict, and never more than the limit.
 */
#include "download/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define XXH_STATIC_LINKING_ONLY /* the state */
#include <xxhash.h>

#define MAX_BYTES 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct output {
	size_t n;
	XXH3_state_t hash;
};

static int take(void *context, const uint8_t *data, size_t n)
{
	struct output *output = context;

	output->n += n;
	if (output->n > MAX_BYTES)
		abort();
	XXH3_64bits_update(&output->hash, data, n);
	return 0;
}

static int run(const uint8_t *data, size_t size, size_t piece, struct output *ret)
{
	struct unpack *unpack = NULL;
	int r = unpack_new(&unpack, MAX_BYTES, take, ret);

	if (r == 0)
		unpack_set_extra(
		    unpack, MAX_BYTES); /* a thousandth of it unpacks to four megabytes */
	ret->n = 0;
	XXH3_64bits_reset(&ret->hash);
	for (size_t at = 0; r == 0 && at < size; at += piece)
		r = unpack_write(unpack, data + at, size - at < piece ? size - at : piece);
	if (r == 0)
		r = unpack_finish(unpack);
	if (r == -EBADMSG && !*unpack_problem(unpack))
		abort();
	if (r < 0 && unpack_finish(unpack) != r)
		abort();
	unpack_free(unpack);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct output whole, pieces;
	int r;

	if (size < 1)
		return 0;
	r = run(data + 1, size - 1, size, &whole);
	if (run(data + 1, size - 1, data[0] + 1u, &pieces) != r)
		abort();
	if (r == 0 &&
	    (whole.n != pieces.n ||
		XXH3_64bits_digest(&whole.hash) != XXH3_64bits_digest(&pieces.hash) ||
		whole.n == 0))
		abort();
	return 0;
}
