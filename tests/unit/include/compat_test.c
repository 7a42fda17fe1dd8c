/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads, and which bytes of a packet and of a scratch buffer can be had. */
#include "../guard.h"
#include "base/unused.h"

#include "crosstap/compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const u8 bytes[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xff};

/* Up to the last readable byte, at addresses of each remainder. */
static void loads_at_any_address(void **state UNUSED)
{
	for (size_t pad = 0; pad < 8; pad++) {
		const u8 *p = guard_put(bytes, sizeof(bytes) - pad);

		if (sizeof(bytes) - pad >= 2)
			assert_int_equal(ct_load_be16(p), 0x0123);
		if (sizeof(bytes) - pad >= 4)
			assert_int_equal(ct_load_be32(p), 0x01234567);
		if (sizeof(bytes) - pad >= 4)
			assert_memory_equal(&(u32){ct_load_raw32(p)}, bytes, 4);
		if (sizeof(bytes) - pad >= 8)
			assert_true(ct_load_le64(p) == 0xefcdab8967452301);
	}
	assert_memory_equal(&(u32){CT_BE32(0x01234567)}, bytes, 4);
}

static void copies(void **state UNUSED)
{
	const u8 *from = guard_put(bytes, 7);
	u8 to[8] = {[7] = 0xee};

	ct_copy(to, from, 7);
	assert_memory_equal(to, bytes, 7);
	assert_int_equal(to[7], 0xee);
}

static void indexes(void **state UNUSED)
{
	assert_int_equal(ct_index(0, 16), 0);
	assert_int_equal(ct_index(15, 16), 15);
	assert_int_equal(ct_index(16, 16), 0);
	assert_int_equal(ct_index(~0ull, 16), 15);
}

static void a_packet_ends(void **state UNUSED)
{
	const u8 *data = guard_put(bytes, 9);
	const struct ct_view view = {.data = data, .end = data + 9};

	for (u64 at = 0; at < 12; at++) {
		for (u64 n = 1; n < 12; n++) {
			const u8 *expected = at + n <= 9 ? data + at : NULL;

			assert_ptr_equal(ct_bytes(&view, at, n), expected);
			assert_ptr_equal(ct_bytes_near(&view, at, n), expected);
		}
	}
}

/* Of which less is filled than there is; and whatever the offset, nothing behind the slack. */
static void a_scratch_buffer_ends(void **state UNUSED)
{
	static const u8 scratch[CT_SCRATCH_BYTES + CT_SCRATCH_SLACK];
	struct ct_view view = {.data = scratch, .scratch = 100, .copied = true};

	assert_ptr_equal(ct_bytes(&view, 0, 1), scratch);
	assert_ptr_equal(ct_bytes(&view, 99, 1), scratch + 99);
	assert_ptr_equal(ct_bytes(&view, 36, 64), scratch + 36);
	assert_null(ct_bytes(&view, 37, 64));
	assert_null(ct_bytes(&view, 100, 1));
	assert_null(ct_bytes(&view, 101, 1));
	assert_ptr_equal(ct_bytes_near(&view, 99, 1), scratch + 99);
	assert_null(ct_bytes_near(&view, 100, 1));
	view.scratch = CT_SCRATCH_BYTES;
	assert_ptr_equal(ct_bytes(&view, CT_SCRATCH_BYTES - 1, 1), scratch + CT_SCRATCH_BYTES - 1);
	assert_null(ct_bytes(&view, CT_SCRATCH_BYTES, 1));
	view.scratch = 0;
	assert_null(ct_bytes(&view, 0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(loads_at_any_address),
	    cmocka_unit_test(copies),
	    cmocka_unit_test(indexes),
	    cmocka_unit_test(a_packet_ends),
	    cmocka_unit_test(a_scratch_buffer_ends),
	};

	return cmocka_run_group_tests(tests, guard_setup, guard_teardown);
}
