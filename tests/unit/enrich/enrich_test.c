/* SPDX-License-Identifier: BSD-2-Clause */
/* What a window leaves behind for the next one. */
#include "base/unused.h"
#include "enrich/enrich.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../scarce.h"

#define NOW_NS 1700000000000000000ll
#define MANY   9000 /* of whom not one is known */
#define FEW    3

static const struct hash_seed seed = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};
static const struct enrich_window window = {.start_ns = NOW_NS, .now_ns = NOW_NS, .traits = true};

static struct config *config;
static struct sources many, few;

/* So many addresses, in two zones. */
static void fill(struct sources *sources, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t address[2] = {0x0a000000u + i, 0};
		const uint16_t zone = (uint16_t)(SOURCE_IPV4 | (i & 1));
		struct source *source =
		    sources_at(sources, source_hash(&seed, address, zone), address, zone);

		source->transports = 1;
		source->queries = 1;
	}
}

static int set_up(void **state UNUSED)
{
	if (config_parse("test", "", 0, stderr, &config) < 0 || sources_init(&many, 4 * MANY) < 0 ||
	    sources_init(&few, 4 * FEW) < 0 || sources_want_traits(&many, true) < 0 ||
	    sources_want_traits(&few, true) < 0)
		return -1;
	fill(&many, MANY);
	fill(&few, FEW);
	return 0;
}

static int tear_down(void **state UNUSED)
{
	sources_done(&many);
	sources_done(&few);
	config_unref(config);
	return 0;
}

/* A window without memory, whose table was larger than the next one's. */
static bool two_windows(void *context UNUSED)
{
	struct enrich *enrich = NULL;
	struct enrich_view view;
	const bool made = enrich_new(&enrich, config, &seed, false) == 0;
	const bool whole = made && enrich_window(enrich, &many, &window, &view) == 0;

	if (made && enrich_window(enrich, &few, &window, &view) == 0) {
		assert_int_equal(enrich_clients(enrich, 0)->queries[CLIENT_ALL], FEW / 2 + 1);
		assert_int_equal(enrich_clients(enrich, 1)->queries[CLIENT_ALL], FEW / 2);
	}
	enrich_free(enrich);
	return whole;
}

static void a_window_without_memory(void **state UNUSED)
{
	assert_true(scarce_each(two_windows, NULL) > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_window_without_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
