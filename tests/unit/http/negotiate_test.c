/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "http/gzip.h"
#include "http/negotiate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

#define OPEN "application/openmetrics-text"

static const struct {
	const char *accept;
	bool open;
} accepts[] = {
    {NULL, false},
    {"", false},
    {"*/*", false},
    {"application/*", false},
    {"text/plain", false},
    {OPEN, true},
    {"APPLICATION/OpenMetrics-Text; Version=1.0.0", true},
    {OPEN ";version=\"1.0.0\"", true},
    {OPEN ";version=0.0.1", false},
    {OPEN ";version=2.0.0,text/plain", false},
    {OPEN ";version=1.0.0;escaping=allow-utf-8;q=0.5," OPEN
	  ";version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/"
	  "*;q=0.1",
	true},
    {OPEN ";q=0.3, text/plain;q=0.5", false},
    {OPEN ";q=0.5, text/plain;q=0.5", true},
    {OPEN ";q=0.5, */*", false},
    {OPEN ";q=0.5, */*, text/plain;q=0.1", true},
    {OPEN ";q=0.5, */*, text/plain;version=1.0.0;q=0.1", false},
    {OPEN ";q=0", false},
    {OPEN ";q=0.", false},
    {OPEN ";q=0.001", true},
    {OPEN ";q=1.000", true},
    {OPEN ";q=1.", true},
    /* What breaks the grammar says nothing, and what is beside it still does. */
    {OPEN ";q=1.001", false},
    {OPEN ";q=0.0001", false},
    {OPEN ";q=.5", false},
    {OPEN ";q=+1", false},
    {OPEN ";q=1e0", false},
    {OPEN ";q=", false},
    {OPEN ";q", false},
    {OPEN ";version=\"1.0.0", false},
    {OPEN " junk", false},
    {"text/plain;q=2, " OPEN ";q=0.1", true},
    {"=;,;;=,, , " OPEN, true},
    {"x;y=\"a,b\\\";" OPEN ",\", " OPEN, true},
    {OPEN " ; q=0.7 ;; version=1.0.0 , text/plain ; q=0.6", true},
};

static void formats(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
		if (negotiate_open_metrics(accepts[i].accept) != accepts[i].open)
			fail_msg("\"%s\" gives the wrong format", accepts[i].accept);
	}
}

static const struct {
	const char *encoding;
	bool gzip;
} encodings[] = {
    {NULL, false},
    {"", false},
    {"identity", false},
    {"gzip", true},
    {"GZIP", true},
    {"x-gzip", true},
    {"deflate, gzip;q=0.1", true},
    {"gzip;q=0", false},
    {"gzip;q=0.000", false},
    {"gzip;q=1.5", false},
    {"*", true},
    {"*;q=0", false},
    {"*, gzip;q=0", false},
    {"gzip;q=0, *", false},
    {"gzipped", false},
    {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
};

static void compression(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		if (negotiate_gzip(encodings[i].encoding) != encodings[i].gzip)
			fail_msg("\"%s\" gives the wrong coding", encodings[i].encoding);
	}
}

static void there_and_back(const char *text, size_t length)
{
	char *packed, *back = calloc(1, length + 1);
	z_stream stream = {0};
	size_t packed_length;

	assert_int_equal(gzip_make(text, length, &packed, &packed_length), 0);
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_in = (void *)packed;
	stream.avail_in = (unsigned)packed_length;
	stream.next_out = (void *)back;
	stream.avail_out = (unsigned)length + 1;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, length);
	assert_memory_equal(back, text, length);
	inflateEnd(&stream);
	free(packed);
	free(back);
}

static void gzip_is_whole(void **state UNUSED)
{
	const size_t length = 300000;
	char *noise = malloc(length);
	uint32_t value = 1;

	there_and_back("", 0);
	there_and_back("crosstap", 8);
	for (size_t i = 0; i < length; i++)
		noise[i] = (char)((value = value * 1664525 + 1013904223) >> 24);
	there_and_back(noise, length);
	memset(noise, 'a', length);
	there_and_back(noise, length);
	free(noise);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(formats),
	    cmocka_unit_test(compression),
	    cmocka_unit_test(gzip_is_whole),
	};

	return cmocka_run_group_tests_name("http/negotiate", tests, NULL, NULL);
}
