/* SPDX-License-Identifier: BSD-2-Clause */
/* What somebody speaks, told by as many bytes as have come. */
#include "base/unused.h"
#include "dnstap/frame_stream.h"
#include "dnstap/preface.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static enum preface of(const char *bytes, size_t length)
{
	return preface_of((const uint8_t *)bytes, length);
}

static void test_tls(void **state UNUSED)
{
	static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

	for (size_t n = 1; n < sizeof(hello); n++)
		assert_int_equal(of(hello, n), PREFACE_TLS);
	assert_int_equal(of("\x16\x02\x01\x02\x00\x01", 6), PREFACE_UNKNOWN); /* another version */
	assert_int_equal(of("\x16\x03\x05\x02\x00\x01", 6), PREFACE_UNKNOWN);
	assert_int_equal(of("\x16\x03\x01\x40\x01\x01", 6), PREFACE_UNKNOWN); /* too long */
	assert_int_equal(of("\x16\x03\x01\x00\x00\x01", 6), PREFACE_UNKNOWN); /* empty */
	assert_int_equal(of("\x16\x03\x01\x02\x00\x02", 6), PREFACE_UNKNOWN); /* ServerHello */
	assert_int_equal(of("\x17\x03\x03\x02\x00\x01", 6), PREFACE_UNKNOWN);
}

static void test_frames(void **state UNUSED)
{
	uint8_t ready[64];
	const size_t length = frame_stream_write_ready(ready);

	for (size_t n = 1; n <= length; n++)
		assert_int_equal(preface_of(ready, n), PREFACE_FRAMES);
	assert_int_equal(of("\0\0\0\1", 4), PREFACE_UNKNOWN);
	assert_int_equal(of("\0\0\0\0\0\0\0\3", 8), PREFACE_UNKNOWN);
	assert_int_equal(of("\0\0\0\0\0\0\2\1", 8), PREFACE_UNKNOWN);
}

static void test_http(void **state UNUSED)
{
	assert_int_equal(of("GET / HTTP/1.1", 14), PREFACE_HTTP);
	assert_int_equal(of("PRI * HTTP/2.0\r\n", 16), PREFACE_HTTP);
	assert_int_equal(of("GET", 3), PREFACE_UNKNOWN);
	assert_int_equal(of("SSH-2.0", 7), PREFACE_UNKNOWN);
}

static void test_alerts(void **state UNUSED)
{
	const uint8_t *bytes = (const uint8_t *)"\x15\x03\x03\x00\x02\x02\x30";

	assert_int_equal(preface_alert(bytes, 7), 48); /* unknown_ca */
	for (size_t n = 0; n < 7; n++)
		assert_int_equal(preface_alert(bytes, n), -1);
	/* A warning, and one that is encrypted. */
	assert_int_equal(preface_alert((const uint8_t *)"\x15\x03\x03\x00\x02\x01\x30", 7), -1);
	assert_int_equal(preface_alert((const uint8_t *)"\x15\x03\x03\x00\x13\x02\x30", 7), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tls),
	    cmocka_unit_test(test_frames),
	    cmocka_unit_test(test_http),
	    cmocka_unit_test(test_alerts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
