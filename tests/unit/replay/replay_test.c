/* SPDX-License-Identifier: BSD-2-Clause */
/* A replay outlives the caller's reference to its configuration. Run in the source's folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/unused.h"
#include "replay/replay.h"

#define CAPTURE "tests/golden/captures/hundred-queries.pcap"

static void test_configuration(void **state UNUSED)
{
	static const char text[] = "wire: {addresses: [127.0.0.0/8, 192.0.2.0/24, 0.0.0.0/0]}\n";
	struct config_input input = {.kind = INPUT_UNIX, .address = "", .zone = "default"};
	struct replay_options options = {.input = &input, .captures = true};
	char error[PCAP_FILE_ERROR_BYTES];
	struct config *config;
	struct replay *replay;
	json_t *document, *wire;

	assert_int_equal(config_parse("test", text, sizeof(text) - 1, NULL, &config), 0);
	options.config = config;
	assert_int_equal(replay_new(&replay, &options, error, sizeof(error)), 0);
	config_unref(config);
	assert_int_equal(replay_add_pcap(replay, CAPTURE, error), 0);
	assert_int_equal(replay_run(replay), 0);
	document = replay_document(replay, 0.0);
	assert_non_null(document);
	wire = json_object_get(document, "wire");
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(wire, "qtype"), "A")), 100);
	json_decref(document);
	replay_free(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_configuration)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
