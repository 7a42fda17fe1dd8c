/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"

#include "encode/histogram.h"
#include "encode/row.h"
#include "encode/running.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../scarce.h"

/* A window's lines, and what running.h makes of them. */
struct scene {
	struct points *points;
	struct running *running;
	const char *text;
	size_t length, n;
};

static void begin(struct scene *scene, enum points_format format, size_t series)
{
	*scene = (struct scene){0};
	assert_int_equal(points_new(&scene->points, format, 64 << 20), 0);
	points_common_tag(scene->points, "server", "ns1");
	assert_int_equal(running_new(&scene->running, format, series), 0);
}

static void end(struct scene *scene)
{
	points_free(scene->points);
	running_free(scene->running);
}

static int run(struct scene *scene, int64_t start_ms, int64_t end_ms)
{
	const char *text;
	size_t length;
	int r;

	assert_int_equal(points_finish(scene->points, &text, &length), 0);
	r = running_window(scene->running, text, length, start_ms, end_ms, &scene->text,
	    &scene->length, &scene->n);
	points_reset(scene->points);
	return r;
}

static void put_rcode(struct scene *scene, const char *rcode, uint64_t n)
{
	points_begin(scene->points, "dns_rcode", 1000);
	points_tag(scene->points, "zone", "z");
	points_tag(scene->points, "rcode", rcode);
	points_uint(scene->points, "responses", n);
	points_end(scene->points);
}

static void assert_text(const struct scene *scene, const char *want)
{
	char *text = strndup(scene->text ? scene->text : "", scene->length);

	assert_string_equal(text, want);
	free(text);
}

#define RCODE(rcode, n, start, time)                                                               \
	"{\"measurement\":\"dns_rcode\",\"tags\":{\"rcode\":\"" rcode                              \
	"\",\"server\":\"ns1\",\"zone\":\"z\"},\"fields\":{\"responses\":" #n                      \
	"},\"start\":" #start ",\"time\":" #time "}\n"

static void counts_run(void **state UNUSED)
{
	struct scene scene;

	begin(&scene, POINTS_CUMULATIVE, 100);
	put_rcode(&scene, "NOERROR", 5);
	assert_int_equal(run(&scene, 1000, 2000), 0);
	assert_text(&scene, RCODE("NOERROR", 5, 1000, 2000));
	put_rcode(&scene, "NOERROR", 7);
	assert_int_equal(run(&scene, 2000, 3000), 0);
	assert_text(&scene, RCODE("NOERROR", 12, 1000, 3000));
	/* Nothing came: nothing is said, until a minute has gone. */
	assert_int_equal(run(&scene, 3000, 4000), 0);
	assert_int_equal(scene.n, 0);
	assert_int_equal(run(&scene, 62000, 63000), 0);
	assert_text(&scene, RCODE("NOERROR", 12, 1000, 63000));
	assert_int_equal(run(&scene, 63000, 64000), 0);
	assert_int_equal(scene.n, 0);
	/* The clock goes back: a point is later than the one before it. */
	put_rcode(&scene, "NOERROR", 1);
	assert_int_equal(run(&scene, 500, 600), 0);
	assert_text(&scene, RCODE("NOERROR", 13, 1000, 64001));
	/* Other tags of all points: all begins anew. */
	running_restart(scene.running);
	put_rcode(&scene, "NOERROR", 2);
	assert_int_equal(run(&scene, 65000, 66000), 0);
	assert_text(&scene, RCODE("NOERROR", 2, 65000, 66000));
	end(&scene);
}

static void deltas_do_not(void **state UNUSED)
{
	struct scene scene;

	begin(&scene, POINTS_DELTA, 100);
	put_rcode(&scene, "NOERROR", 5);
	assert_int_equal(run(&scene, 1000, 2000), 0);
	assert_text(&scene, RCODE("NOERROR", 5, 1000, 2000));
	put_rcode(&scene, "NOERROR", 7);
	/* Two lines of one series are one. */
	put_rcode(&scene, "NOERROR", 1);
	assert_int_equal(run(&scene, 2000, 3000), 0);
	assert_text(&scene, RCODE("NOERROR", 8, 2000, 3000));
	assert_int_equal(run(&scene, 62000, 63000), 0);
	assert_int_equal(scene.n, 0);
	end(&scene);
}

/* Gauges are those of the window, texts are nothing, bins and times are histograms. */
static void kinds(void **state UNUSED)
{
	struct histogram histogram = {0};
	struct scene scene;

	begin(&scene, POINTS_CUMULATIVE, 100);
	for (int i = 0; i < 2; i++) {
		points_begin(scene.points, "dns_resolver", 1000);
		points_tag(scene.points, "rank", "1");
		points_string(scene.points, "address", "192.0.2.1", 9);
		points_int(scene.points, "asn", 64500 + i);
		points_uint(scene.points, "queries", 3);
		if (i == 0)
			points_float(scene.points, "icmp_rtt_ms", 1.5);
		assert_int_equal(run(&scene, 1000 + i, 2000 + i), 0);
	}
	assert_text(&scene,
	    "{\"measurement\":\"dns_resolver\",\"tags\":{\"rank\":\"1\",\"server\":\"ns1\"},"
	    "\"fields\":{\"asn\":64501,\"queries\":6},\"start\":1000,\"time\":2001}\n");
	for (int i = 0; i < 2; i++) {
		points_begin(scene.points, "dns_size", 1000);
		points_uint(scene.points, "b0", 1);
		points_uint(scene.points, "b16", 2);
		points_uint(scene.points, "b512", 4);
		points_uint(scene.points, "b4096", 8);
		histogram_add(&histogram, 10, 1e-6, 3);
		points_begin(scene.points, "wire_tcp_rtt", 1000);
		points_histogram(scene.points, "seconds", &histogram);
		assert_int_equal(run(&scene, 3000 + i, 4000 + i), 0);
		assert_int_equal(scene.n, 2);
	}
	assert_non_null(strstr(scene.text,
	    "\"fields\":{\"bytes\":[null,2,4,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
	    "0,"
	    "0,0,8,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,16]}"));
	/* 3 and then 6 of 10 us, whose bucket is the second: up to and with 10 us. */
	assert_non_null(strstr(scene.text, "\"seconds\":["));
	assert_true(fabs(strtod(strstr(scene.text, "\"seconds\":[") + 11, NULL) - 9e-5) < 1e-12);
	assert_non_null(strstr(scene.text, ",0,9,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}"));
	end(&scene);
}

static uint64_t number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* However many values a tag has, series stay within their bound, and no count is lost. */
static void bounded(void **state UNUSED)
{
	static const enum points_format formats[] = {POINTS_CUMULATIVE, POINTS_DELTA};

	for (int f = 0; f < 2; f++) {
		uint64_t told = 0;
		struct scene scene;

		begin(&scene, formats[f], 50);
		for (int window = 0; window < 20; window++) {
			for (int i = 0; i < 500; i++) {
				char name[32];

				snprintf(name, sizeof(name), "R%d", window * 500 + i);
				put_rcode(&scene, name, 2);
			}
			/* A measurement without tags of its own has its place all the same. */
			points_begin(scene.points, "funnel", 1000);
			points_int(scene.points, "balance", window);
			assert_int_equal(run(&scene, window * 1000, window * 1000 + 1000), 0);
			assert_true(scene.n <= 52);
			assert_non_null(strstr(scene.text, "\"balance\":"));
			if (formats[f] == POINTS_CUMULATIVE)
				told = 0;
			for (const char *at = scene.text; (at = strstr(at, "\"responses\":")); at++)
				told += strtoull(at + 12, NULL, 10);
		}
		/* The first 50 were said in the first window, and are idle since. */
		assert_int_equal(
		    told + (formats[f] == POINTS_CUMULATIVE ? 50 * 2 : 0), 20 * 500 * 2);
		assert_non_null(strstr(
		    scene.text, "\"tags\":{\"" RUNNING_OVERFLOW "\":\"true\",\"server\":\"ns1\"}"));
		assert_int_equal(number_after(scene.text, "\"start\":"), f ? 19000 : 0);
		end(&scene);
	}
}

static void odd_lines(void **state UNUSED)
{
	static const char *const lines[] = {"\n", "{}\n",
	    ("{\"measurement\":\"nothing\",\"tags\":{},"
	     "\"fields\":{\"n\":1},\"time\":1}\n"),
	    "{\"measurement\":\"dns_rcode\n", "{\"measurement\":\"},\"fields\":{}\n"};
	const char *text;
	size_t length, n;
	struct scene scene;

	begin(&scene, POINTS_CUMULATIVE, 50);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(running_window(scene.running, lines[i], strlen(lines[i]), 1, 2,
				     &text, &length, &n),
		    -EINVAL);
		assert_int_equal(n, 0);
	}
	/* Names that look like the line around them. */
	points_begin(scene.points, "dns_qtype", 1);
	points_tag(scene.points, "zone", "},\"fields\":{\"queries\":9");
	points_tag(scene.points, "qtype", "\\\"}");
	points_uint(scene.points, "queries", 1);
	assert_int_equal(run(&scene, 3, 4), 0);
	assert_int_equal(scene.n, 1);
	assert_non_null(strstr(scene.text, "\"fields\":{\"queries\":1},\"start\":1,"));
	end(&scene);
}

/* -- without memory */

static bool run_scarce(void *context)
{
	struct points *points = context;
	const char *text, *out = NULL;
	size_t length, out_length = 0, n;
	struct running *running;
	bool whole = true;

	if (points_finish(points, &text, &length) < 0 ||
	    running_new(&running, POINTS_CUMULATIVE, 590) < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		const int r =
		    running_window(running, text, length, i, i + 1, &out, &out_length, &n);

		assert_true(r == 0 || r == -ENOMEM);
		assert_true(out_length == 0 || out[out_length - 1] == '\n');
		whole = whole && r == 0;
	}
	running_free(running);
	return whole;
}

static void without_memory(void **state UNUSED)
{
	struct scene scene;

	begin(&scene, POINTS_CUMULATIVE, 10);
	for (int i = 0; i < 600; i++) {
		char name[32];

		snprintf(name, sizeof(name), "R%d", i);
		put_rcode(&scene, name, 1);
	}
	assert_true(scarce_each(run_scarce, scene.points) > 590);
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_run),
	    cmocka_unit_test(deltas_do_not),
	    cmocka_unit_test(kinds),
	    cmocka_unit_test(bounded),
	    cmocka_unit_test(odd_lines),
	    cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
