/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"
#include "base/unused.h"
#include "encode/points.h"

#include "line_reader.h"

#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Turns \xNN back into bytes: the inverse of what the encoder does to unprintable text. */
static size_t unhex(const char *text, char *out)
{
	size_t n = 0;

	while (*text) {
		unsigned c;

		if (text[0] == '\\' && text[1] == 'x') {
			assert_int_equal(sscanf(text + 2, "%2x", &c), 1);
			out[n++] = (char)c;
			text += 4;
		} else {
			out[n++] = *text++;
		}
	}
	return n;
}

static const char *finish(struct points *points)
{
	const char *text;
	size_t length;

	assert_int_equal(points_finish(points, &text, &length), 0);
	assert_int_equal(strlen(text), length);
	return text;
}

static struct points *new_points(enum points_format format)
{
	struct points *points;

	assert_int_equal(points_new(&points, format, 64 << 20), 0);
	return points;
}

static void test_exact_line(void **state UNUSED)
{
	struct points *p = new_points(POINTS_LINE);

	points_common_tag(p, "site", "ams");
	points_common_tag(p, "server", "ns1");
	points_begin(p, "dns", 1700000000123);
	points_tag(p, "zone", "nl");
	points_tag(p, "family", "ipv4");
	points_uint(p, "queries", 7);
	points_uint(p, "huge", UINT64_MAX);
	points_int(p, "low", INT64_MIN);
	points_float(p, "one", 1);
	points_string(p, "s", "a\"b\\c", 5);
	points_bool(p, "t", 1);
	points_bool(p, "f", 0);
	points_end(p);
	assert_string_equal(finish(p),
	    "dns,family=ipv4,server=ns1,site=ams,zone=nl queries=7i,huge=9223372036854775807i,"
	    "low=-9223372036854775808i,one=1.0,s=\"a\\\"b\\\\c\",t=true,f=false "
	    "1700000000123000000\n");
	assert_int_equal(points_count(p), 1);
	points_reset(p);
	assert_string_equal(finish(p), "");
	points_free(p);
}

static void test_exact_json(void **state UNUSED)
{
	struct points *p = new_points(POINTS_JSON);

	points_common_tag(p, "server", "n\"s");
	points_begin(p, "dns", -5);
	points_tag(p, "a", "\n");
	points_float(p, "x", 0.5);
	points_string(p, "s", "\\\"\0", 3);
	points_uint(p, "u", UINT64_MAX);
	points_end(p);
	points_begin(p, "bare", 1);
	points_int(p, "n", -1);
	assert_string_equal(finish(p),
	    "{\"measurement\":\"dns\",\"tags\":{\"a\":\"\\\\x0a\",\"server\":\"n\\\"s\"},"
	    "\"fields\":{\"x\":0.5,"
	    "\"s\":\"\\\\\\\"\\\\x00\",\"u\":9223372036854775807},\"time\":-5}\n"
	    "{\"measurement\":\"bare\",\"tags\":{\"server\":\"n\\\"s\"},\"fields\":{\"n\":-1},"
	    "\"time\":1}\n");
	points_free(p);
}

static void test_escaping(void **state UNUSED)
{
	static const struct {
		const char *in, *tag, *string;
	} table[] = {
	    {"plain", "plain", "plain"},
	    {"a b,c=d", "a\\ b\\,c\\=d", "a b,c=d"},
	    {"quo\"te", "quo\"te", "quo\\\"te"},
	    {"end\\", "end\\x5c", "end\\\\"},
	    {"back\\slash", "back\\slash", "back\\\\slash"},
	    {"dot\\.label\\032", "dot\\.label\\032", "dot\\\\.label\\\\032"},
	    {"two\\\\x", "two\\x5c\\x5cx", "two\\\\\\\\x5cx"},
	    {"a\\,b", "a\\x5c\\,b", "a\\\\,b"},
	    {"a\\ b", "a\\x5c\\ b", "a\\\\ b"},
	    {"a\\\"b", "a\\x5c\"b", "a\\\\\\\"b"},
	    {"a\\x0ab", "a\\x5cx0ab", "a\\\\x5cx0ab"},
	    {"a\nb\r\t\x7f", "a\\x0ab\\x0d\\x09\\x7f", "a\\\\x0ab\\\\x0d\\\\x09\\\\x7f"},
	    {"\\\n", "\\x5c\\x0a", "\\\\\\\\x0a"},
	    {"m\xc3\xbcnchen \xe2\x82\xac \xf0\x9f\x90\x9b",
		"m\xc3\xbcnchen\\ \xe2\x82\xac\\ \xf0\x9f\x90\x9b",
		"m\xc3\xbcnchen \xe2\x82\xac \xf0\x9f\x90\x9b"},
	    {"\xff\xc0\xaf", "\\xff\\xc0\\xaf", "\\\\xff\\\\xc0\\\\xaf"},
	    {"\xe0\x80\x80", "\\xe0\\x80\\x80", "\\\\xe0\\\\x80\\\\x80"},
	    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\\\xed\\\\xa0\\\\x80"},
	    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80"},
	    {"\xe2\x82", "\\xe2\\x82", "\\\\xe2\\\\x82"},
	    {"\xc2\x85", "\\xc2\\x85", "\\\\xc2\\\\x85"},
	    {"_x#", "_x#", "_x#"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct points *p = new_points(POINTS_LINE);
		char want[512];

		points_begin(p, "m", 1);
		points_tag(p, "t", table[i].in);
		points_string(p, "s", table[i].in, strlen(table[i].in));
		points_end(p);
		snprintf(
		    want, sizeof(want), "m,t=%s s=\"%s\" 1000000\n", table[i].tag, table[i].string);
		assert_string_equal(finish(p), want);
		points_free(p);
	}
}

static void test_names(void **state UNUSED)
{
	struct points *p = new_points(POINTS_LINE);

	points_begin(p, "#comment", 0);
	points_int(p, "time", 1);
	points_begin(p, "_internal", 0);
	points_tag(p, "_field", "x");
	points_tag(p, "time", "x");
	points_tag(p, "a=b, c", "x");
	points_int(p, "a=b, c", 1);
	points_begin(p, "m=e,a s\\", 0);
	points_tag(p, "", "x");
	points_tag(p, "x", "");
	points_int(p, "", 1);
	points_int(p, "timer", 1);
	assert_string_equal(finish(p),
	    "\\x23comment \\x74ime=1i 0\n"
	    "\\x5finternal,\\x5ffield=x,\\x74ime=x,a\\=b\\,\\ c=x a\\=b\\,\\ c=1i 0\n"
	    "m=e\\,a\\ s\\x5c timer=1i 0\n");
	points_free(p);
}

static void test_tags(void **state UNUSED)
{
	struct points *p = new_points(POINTS_LINE);

	points_common_tag(p, "m", "common");
	points_common_tag(p, "c", "first");
	points_common_tag(p, "c", "second");
	points_common_tag(p, "z", "last");
	points_begin(p, "x", 0);
	points_tag(p, "m", "own");
	points_tag(p, "b", "1");
	points_tag(p, "aa", "1");
	points_tag(p, "a", "old");
	points_tag(p, "a", "new");
	points_int(p, "f", 1);
	points_begin(p, "y", 0);
	points_int(p, "f", 1);
	assert_string_equal(finish(p),
	    "x,a=new,aa=1,b=1,c=second,m=own,z=last f=1i 0\ny,c=second,m=common,z=last f=1i 0\n");
	points_free(p);
}

static void test_floats(void **state UNUSED)
{
	static const double values[] = {0, -0.0, 1, -1, 0.1, 0.001, 0.0005, 123.456, 1.0 / 3,
	    2.5e-7, 1e15, 1e16, 1e22, 1e300, -1e-300, 5e-324, 1.7976931348623157e308,
	    9007199254740993.0, 12.345678, 99.999999, 1234567.000001};
	struct points *p = new_points(POINTS_LINE);
	struct line line = {0};

	setlocale(LC_ALL, "de_DE.UTF-8"); /* where the locale is installed, a comma would show */
	for (unsigned seed = 1; seed < 20000; seed++) {
		double v = seed < sizeof(values) / sizeof(values[0])
		    ? values[seed]
		    : ldexp((double)(seed * 2654435761u), (int)(seed % 200) - 120);
		double back;

		points_reset(p);
		points_begin(p, "m", 0);
		points_float(p, "v", v);
		read_line(finish(p), &line);
		assert_true(strpbrk(line.fields[0].value, ".e") != NULL);
		assert_null(strpbrk(line.fields[0].value, ",i"));
		setlocale(LC_ALL, "C");
		back = strtod(line.fields[0].value, NULL);
		assert_memory_equal(&back, &v, sizeof(v));
	}
	points_reset(p);
	points_begin(p, "m", 0);
	points_float(p, "nan", NAN);
	points_float(p, "inf", INFINITY);
	points_end(p);
	assert_int_equal(points_count(p), 0);
	assert_string_equal(finish(p), "");
	line_clear(&line);
	points_free(p);
}

/* Any bytes in every place come back, and the encoded text has one line per point. */
static void test_round_trip(void **state UNUSED)
{
	static const char spice[] = "\\\\\\,, ==\"\"\n\r\tx#_0a\x7f\xc3\xbc\xff\x80";
	struct line line = {0};
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		struct points *p = new_points(POINTS_LINE);
		char in[4][20], out[80];
		size_t n[4];

		for (int k = 0; k < 4; k++) {
			n[k] = 1 + (size_t)rand_r(&seed) % 12;
			for (size_t i = 0; i < n[k]; i++) {
				unsigned r = (unsigned)rand_r(&seed);

				in[k][i] =
				    r % 4 ? spice[(r >> 4) % (sizeof(spice) - 1)] : (char)(r >> 4);
				if (!in[k][i] && k < 3)
					in[k][i] = 'n';
			}
			in[k][n[k]] = '\0';
		}
		points_begin(p, in[0], round);
		points_tag(p, in[1], in[2]);
		points_string(p, in[1], in[3], n[3]);
		points_end(p);
		assert_string_equal(read_line(finish(p), &line), "");
		assert_int_equal(unhex(line.measurement, out), n[0]);
		assert_memory_equal(out, in[0], n[0]);
		assert_int_equal(unhex(line.tags[0].key, out), n[1]);
		assert_memory_equal(out, in[1], n[1]);
		assert_int_equal(unhex(line.tags[0].value, out), n[2]);
		assert_memory_equal(out, in[2], n[2]);
		assert_int_equal(unhex(line.fields[0].key, out), n[1]);
		assert_int_equal(unhex(line.fields[0].value, out), n[3]);
		assert_memory_equal(out, in[3], n[3]);
		assert_int_equal(line.time_ns, (long long)round * 1000000);
		points_free(p);
	}
	line_clear(&line);
}

/* jansson reads what the encoder wrote. */
static void test_json_round_trip(void **state UNUSED)
{
	unsigned seed = 7;

	for (int round = 0; round < 5000; round++) {
		struct points *p = new_points(POINTS_JSON);
		char in[24], out[128];
		json_t *root;

		for (size_t i = 0; i < sizeof(in) - 1; i++) {
			int c = rand_r(&seed) % 256;

			in[i] = (char)(c ? c : '\\');
		}
		in[sizeof(in) - 1] = '\0';
		points_begin(p, "m", 1);
		points_tag(p, "t", in);
		points_string(p, "s", in, strlen(in));
		points_end(p);
		root = json_loads(finish(p), 0, NULL);
		assert_non_null(root);
		assert_int_equal(
		    unhex(json_string_value(json_object_get(json_object_get(root, "fields"), "s")),
			out),
		    strlen(in));
		assert_memory_equal(out, in, strlen(in));
		json_decref(root);
		points_free(p);
	}
}

static void test_long_values(void **state UNUSED)
{
	struct points *p = new_points(POINTS_LINE);
	size_t size = 200000;
	char *text = malloc(size + 1);
	struct line line = {0};

	assert_non_null(text);
	memset(text, 'a', size);
	text[size] = '\0';
	points_begin(p, "m", 0);
	points_string(p, "s", text, size);
	points_end(p);
	read_line(finish(p), &line);
	assert_int_equal(strlen(line.fields[0].value), 65535);
	for (size_t i = 0; i < size; i += 2)
		memcpy(text + i, "\xc3\xbc", 2); /* never cut within a character */
	points_reset(p);
	points_begin(p, "m", 0);
	points_string(p, "s", text, size);
	points_end(p);
	read_line(finish(p), &line);
	assert_int_equal(strlen(line.fields[0].value), 65534);
	memset(text, 0, size);
	points_reset(p);
	points_begin(p, "m", 0);
	points_string(p, "s", text, size);
	points_end(p);
	read_line(finish(p), &line);
	assert_int_equal(strlen(line.fields[0].value), 65532);
	line_clear(&line);
	/* A backslash at the cut would take the `=` for a part of the name. */
	memset(text, 'k', size);
	text[1023] = '\\';
	points_reset(p);
	points_begin(p, "m", 0);
	points_string(p, text, "v", 1);
	points_end(p);
	assert_string_equal(finish(p) + strlen("m ") + 1022, "k=\"v\" 0\n");
	/* A key that InfluxDB would refuse: the point goes, the next one stays. */
	memset(text, 't', size);
	points_reset(p);
	points_begin(p, "m", 0);
	points_tag(p, "t", text);
	points_int(p, "f", 1);
	points_end(p);
	points_begin(p, "n", 0);
	points_int(p, "f", 1);
	points_end(p);
	assert_int_equal(points_dropped(p), 1);
	assert_string_equal(finish(p), "n f=1i 0\n");
	free(text);
	points_free(p);
}

static void test_limit(void **state UNUSED)
{
	struct points *p;
	const char *text;
	size_t length;

	assert_int_equal(points_new(&p, POINTS_LINE, 0), -EINVAL);
	assert_int_equal(points_new(&p, POINTS_LINE, 25), 0);
	for (int i = 0; i < 5; i++) {
		points_begin(p, "mm", 0);
		points_int(p, "f", i);
		points_end(p);
	}
	points_begin(p, "m", 0); /* would fit, but is later */
	points_int(p, "f", 1);
	points_end(p);
	assert_string_equal(finish(p), "mm f=0i 0\nmm f=1i 0\n");
	assert_int_equal(points_count(p), 2);
	assert_int_equal(points_dropped(p), 4);
	points_reset(p);
	points_begin(p, "m", 0);
	points_end(p); /* no field: nothing was lost */
	assert_int_equal(points_dropped(p), 0);
	points_int(p, "stray", 1);
	assert_int_equal(points_finish(p, &text, &length), -EINVAL);
	points_free(p);
	points_free(NULL);
}

static void test_whole_report(void **state UNUSED)
{
	struct points *p = new_points(POINTS_LINE);
	struct line line = {0};
	const char *at;
	uint64_t start, end;

	points_common_tag(p, "server", "ns1.ams");
	points_common_tag(p, "site", "ams");
	start = clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	for (int i = 0; i < 50000; i++) {
		points_begin(p, "dns_country", 1700000000000);
		points_tag(p, "zone", "nl");
		points_tag(p, "country", "NL");
		points_uint(p, "queries", (uint64_t)i);
		points_uint(p, "responses", (uint64_t)i * 3);
		points_float(p, "icmp_rtt_ms_p50", i / 1000.0);
		points_string(p, "as_org", "Some Org", 8);
		points_end(p);
	}
	end = clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	at = finish(p);
	for (int i = 0; i < 50000; i++) {
		at = read_line(at, &line);
		assert_int_equal(strtol(line.fields[0].value, NULL, 10), i);
		assert_true(strtod(line.fields[2].value, NULL) == i / 1000.0);
	}
	assert_string_equal(at, "");
	print_message("50,000 points: %.1f ms\n", (double)(end - start) / 1e6);
	line_clear(&line);
	points_free(p);
}

/* The text leaves whole, and what comes next is another. */
static void test_text_is_taken(void **state UNUSED)
{
	struct points *p = NULL;
	char *first, *second;
	size_t length;

	assert_int_equal(points_new(&p, POINTS_LINE, 1 << 20), 0);
	points_begin(p, "m", 1000);
	points_uint(p, "f", 1);
	assert_int_equal(points_take(p, &first, &length), 0);
	assert_int_equal(length, strlen(first));
	assert_int_equal(points_count(p), 1);
	points_reset(p);
	assert_int_equal(points_take(p, &second, &length), 0);
	assert_int_equal(length, 0);
	assert_string_equal(second, "");
	assert_string_equal(first, "m f=1i 1000000000\n");
	free(first);
	free(second);
	points_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exact_line),
	    cmocka_unit_test(test_exact_json),
	    cmocka_unit_test(test_escaping),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_tags),
	    cmocka_unit_test(test_floats),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_json_round_trip),
	    cmocka_unit_test(test_long_values),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_text_is_taken),
	    cmocka_unit_test(test_whole_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
