/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maxmind_once URL CA NOW COUNTRY ASN EDITION...: one pass of the downloader at the wall-clock time
 * NOW (seconds since 1970), as after a restart. A line of JSON for each edition, then one with the
 * seconds until the next request. "thread" instead of NOW: the thread for half a second, then stop.
 */
#include "download/maxmind.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t fixed_wall_ns(void *context)
{
	return *(const int64_t *)context * NS_PER_S;
}

static void print_json(json_t *json)
{
	json_dumpf(json, stdout, 0);
	putchar('\n');
	json_decref(json);
}

static void print_status(struct maxmind *maxmind)
{
	for (size_t i = 0; i < maxmind_count(maxmind); i++) {
		struct maxmind_status status;

		maxmind_get_status(maxmind, i, &status);
		print_json(json_pack("{s:s, s:I, s:I, s:b, s:I, s:s}", "edition", status.edition,
		    "requests", (json_int_t)status.requests, "downloads",
		    (json_int_t)status.downloads, "failed", (int)status.failed, "next",
		    (json_int_t)status.next_s, "text", status.text));
	}
}

static int run_thread(struct maxmind *maxmind)
{
	struct timespec half = {.tv_nsec = 500000000};
	int r = maxmind_start(maxmind);

	if (r == 0)
		nanosleep(&half, NULL);
	maxmind_stop(maxmind);
	print_status(maxmind);
	return r < 0;
}

int main(int argc, char **argv)
{
	bool thread = argc > 3 && strcmp(argv[3], "thread") == 0;
	int64_t now_s = argc > 3 ? strtoll(argv[3], NULL, 10) : 0;
	struct clock clock = {.wall_ns = fixed_wall_ns, .context = &now_s};
	struct maxmind_options options = {.clock = thread ? NULL : &clock};
	struct config config = {.server = "ns1.test"};
	struct maxmind *maxmind = NULL;
	int r = 0;

	if (argc < 7) {
		fprintf(stderr, "usage: maxmind_once URL CA NOW COUNTRY ASN EDITION...\n");
		return 2;
	}
	options.ca = *argv[2] ? argv[2] : NULL;
	config.geo.maxmind_url = argv[1];
	config.geo.country = argv[4];
	config.geo.asn = argv[5];
	config.geo.maxmind_every_ns = 24 * 3600 * (uint64_t)NS_PER_S;
	config.geo.maxmind_editions.items = (const char **)(argv + 6);
	config.geo.maxmind_editions.n = (size_t)argc - 6;
	if (maxmind_new(&maxmind, &config, &options) < 0)
		return 1;
	if (thread) {
		r = run_thread(maxmind);
	} else {
		int64_t wait_s = maxmind_run_once(maxmind);

		print_status(maxmind);
		print_json(json_pack("{s:I}", "wait", (json_int_t)wait_s));
	}
	maxmind_free(maxmind);
	return r;
}
