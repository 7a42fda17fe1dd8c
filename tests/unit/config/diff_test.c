/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reload changes: every option of the table makes a difference, and has a taker. */
#include "base/unused.h"
#include "config/diff.h"
#include "parse.h"

#include <stdint.h>

static uint32_t bit(enum option_taker taker)
{
	return 1u << taker;
}

/* The difference of two files: its paths, and its takers in *ret_takers. free() it. */
static char *difference(const char *old_text, const char *new_text, uint32_t *ret_takers)
{
	struct config *old = parse_good(old_text), *new = parse_good(new_text);
	struct config_diff diff;
	char *restart, *paths;
	size_t n;

	config_diff(&diff, old, new);
	config_unref(old);
	config_unref(new);
	n = config_diff_paths(&diff, false, &paths);
	n += config_diff_paths(&diff, true, &restart);
	assert_int_equal(n, diff.n);
	*ret_takers = diff.takers;
	if (strcmp(restart, "none") != 0) {
		assert_string_equal(paths, "none");
		free(paths);
		return restart;
	}
	free(restart);
	return paths;
}

static void assert_difference(
    const char *old_text, const char *new_text, const char *expected, uint32_t takers)
{
	/* A file is read again at each reload, whatever changed: the key's has a default. */
	const uint32_t files = bit(TAKER_PRIVACY);
	uint32_t found;
	char *paths = difference(old_text, new_text, &found);

	assert_string_equal(paths, expected);
	assert_int_equal(found & ~files, takers & ~files);
	free(paths);
}

static void every_option_has_a_taker(void **state UNUSED)
{
	const struct option_table *const tables[] = {&options_root, &options_input};

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (size_t i = 0; i < tables[t]->n; i++) {
			const struct config_option *option = &tables[t]->options[i];

			if (!option->takers != (option->type == OPTION_SECTION))
				fail_msg("%s has no taker, or is a section with one", option->path);
			/* config_keep_restart() knows texts and numbers, in the root table. */
			if (option->takers & bit(TAKER_RESTART) &&
			    (tables[t] != &options_root || option->type >= OPTION_TEXTS ||
				option->takers != bit(TAKER_RESTART)))
				fail_msg("%s cannot need a restart", option->path);
			if (option->is_file && option->type != OPTION_TEXT)
				fail_msg("%s is no path", option->path);
		}
	}
	assert_true(options_root.n <= CONFIG_DIFF_OPTIONS);
}

static void every_taker_has_a_name(void **state UNUSED)
{
	for (int i = 0; i < TAKERS; i++)
		assert_non_null(option_taker_name((enum option_taker)i));
	assert_string_equal(option_taker_name(TAKER_RSSAC002), "rssac002");
}

static void equal_files_do_not_differ(void **state UNUSED)
{
	static const char text[] =
	    "server: a\ntags: {x: y}\n"
	    "inputs: [{unix: /run/a.sock, zones: [b, a]}, {tcp: \"127.0.0.1:6000\"}]\n"
	    "wire: {interfaces: [eth0], addresses: [192.0.2.0/24], ports: [53, 5353]}\n"
	    "outputs: [{influxdb: {token: secret}}, {file: {path: \"-\"}}, {otlp: {}}]\n";

	assert_difference(text, text, "none", 0);
	/* Another order of zones is the same set. */
	assert_difference("inputs: [{unix: /a, zones: [b, a]}]\n",
	    "inputs: [{unix: /a, zones: [a, b]}]\n", "none", 0);
	assert_difference("interval: 60s\n", "interval: 1m\n", "none", 0);
}

static void values_of_each_type(void **state UNUSED)
{
	static const struct {
		const char *old, *new, *path;
		uint32_t takers;
	} cases[] = {
	    {"server: a\n", "server: b\n", "server", 1u << TAKER_RESTART},
	    {"wire: {netns: a}\n", "wire: {netns: b}\n", "wire.netns", 1u << TAKER_RESTART},
	    {"wire: {rtt: true}\n", "wire: {rtt: false}\n", "wire.rtt", 1u << TAKER_WIRE},
	    {"datasets: [edns, core]\n", "datasets: [core]\n", "datasets",
		1u << TAKER_INPUTS | 1u << TAKER_TABLES | 1u << TAKER_REPORT},
	    {"clients: {nxdomain_share: 0.5}\n", "clients: {nxdomain_share: 0.6}\n",
		"clients.nxdomain_share", 1u << TAKER_INPUTS | 1u << TAKER_RESOLVERS},
	    {"attacks: {times: 10}\n", "attacks: {times: 11}\n", "attacks.times",
		1u << TAKER_REPORT},
	    {"domains: {labels: 1}\n", "domains: {labels: 2}\n", "domains.labels",
		1u << TAKER_INPUTS},
	    {"top: {asns: 5}\n", "top: {asns: 6}\n", "top.asns", 1u << TAKER_RESOLVERS},
	    {"limits: {cpu: 0.5}\n", "limits: {cpu: 0.6}\n", "limits.cpu", 1u << TAKER_WIRE},
	    {"limits: {frame: 1KiB}\n", "limits: {frame: 2KiB}\n", "limits.frame",
		1u << TAKER_INPUTS},
	    {"ping: {rate: 1/s}\n", "ping: {rate: 2/s}\n", "ping.rate", 1u << TAKER_PING},
	    {"log: {level: info}\n", "log: {level: debug}\n", "log.level", 1u << TAKER_LOG},
	    {"crosscheck: {nft_counters: [a/b]}\n", "crosscheck: {nft_counters: [a/c]}\n",
		"crosscheck.nft_counters", 1u << TAKER_WIRE},
	    {"wire: {interfaces: auto}\n", "wire: {interfaces: [eth0]}\n", "wire.interfaces",
		1u << TAKER_WIRE},
	    {"wire: {ports: [53]}\n", "wire: {ports: [53, 54]}\n", "wire.ports",
		1u << TAKER_WIRE | 1u << TAKER_COMPARED},
	    {"ping: {exclude: [10.0.0.0/8]}\n", "ping: {exclude: [10.0.0.0/9]}\n", "ping.exclude",
		1u << TAKER_PING},
	    {"tags: {a: b}\n", "tags: {a: c}\n", "tags", 1u << TAKER_OUTPUTS},
	    {"tags: {a: b}\n", "tags: {}\n", "tags", 1u << TAKER_OUTPUTS},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_difference(cases[i].old, cases[i].new, cases[i].path, cases[i].takers);
}

static void entries_differ_by_their_options(void **state UNUSED)
{
	const uint32_t label = bit(TAKER_INPUTS) | bit(TAKER_REPORT) | bit(TAKER_PRIVACY);
	const uint32_t all = label | bit(TAKER_COMPARED) | bit(TAKER_TABLES);

	assert_difference("inputs: [{unix: /a, mode: \"0600\"}]\n", "inputs: [{unix: /a}]\n",
	    "inputs", bit(TAKER_INPUTS));
	assert_difference(
	    "inputs: [{unix: /a, zone: x}]\n", "inputs: [{unix: /a, zone: y}]\n", "inputs", label);
	assert_difference("inputs: [{unix: /a}]\n", "inputs: [{unix: /b}]\n", "inputs",
	    bit(TAKER_INPUTS) | bit(TAKER_COMPARED));
	assert_difference(
	    "inputs: [{unix: /a}]\n", "inputs: [{unix: /a}, {unix: /b}]\n", "inputs", all);
	assert_difference("inputs: [{unix: /a}]\n", "inputs: []\n", "inputs", all);
	assert_difference("outputs: [{file: {path: /a}}]\n", "outputs: [{otlp: {}}]\n", "outputs",
	    bit(TAKER_OUTPUTS));
	assert_difference(
	    "outputs: []\n", "outputs: [{otlp: {}}]\n", "outputs", bit(TAKER_OUTPUTS));
}

static void secrets_count_by_value(void **state UNUSED)
{
	static const char old_text[] = "outputs: [{influxdb: {token: one-secret}}]\n";
	static const char new_text[] = "outputs: [{influxdb: {token: two-secret}}]\n";
	struct config *old = parse_good(old_text), *new = parse_good(new_text);

	assert_difference(old_text, new_text, "outputs", bit(TAKER_OUTPUTS));
	assert_int_equal(old->hash, new->hash);
	config_unref(old);
	config_unref(new);
}

static void files_are_read_again(void **state UNUSED)
{
	static const char text[] = "http: {token_file: /t, tls: {cert: /c, key: /k}}\n";
	uint32_t takers;
	char *paths = difference(text, text, &takers);

	assert_string_equal(paths, "none");
	assert_int_equal(takers, bit(TAKER_HTTP) | bit(TAKER_PRIVACY));
	free(paths);
}

static void several_paths_in_one_line(void **state UNUSED)
{
	struct config *old = parse_good("server: a\n");
	struct config *new = parse_good(
	    "server: b\ninterval: 5s\nwire: {netns: x, ports: [54]}\noutputs: [{otlp: {}}]\n");
	struct config_diff diff;
	char *text;

	config_diff(&diff, old, new);
	assert_int_equal(config_diff_paths(&diff, false, &text), 3);
	assert_string_equal(text, "interval,wire.ports,outputs");
	free(text);
	assert_int_equal(config_diff_paths(&diff, true, &text), 2);
	assert_string_equal(text, "server,wire.netns");
	free(text);
	config_unref(old);
	config_unref(new);
}

static void what_needs_a_restart_stays_in_force(void **state UNUSED)
{
	struct config *old = parse_good("server: a\nwire: {netns: \"\"}\ninterval: 5s\n");
	struct config *new = parse_good("server: b\nwire: {netns: x}\ninterval: 6s\n");
	struct config *want = parse_good("server: a\nwire: {netns: \"\"}\ninterval: 6s\n");
	const uint64_t hash = new->hash;

	assert_int_equal(config_keep_restart(new, old), 0);
	config_unref(old); /* its strings go with it */
	assert_string_equal(new->server, "a");
	assert_string_equal(new->wire.netns, "");
	assert_int_equal(new->interval_ns, want->interval_ns);
	assert_int_not_equal(new->hash, hash);
	assert_int_equal(new->hash, want->hash);
	config_unref(new);
	config_unref(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_option_has_a_taker),
	    cmocka_unit_test(every_taker_has_a_name),
	    cmocka_unit_test(equal_files_do_not_differ),
	    cmocka_unit_test(values_of_each_type),
	    cmocka_unit_test(entries_differ_by_their_options),
	    cmocka_unit_test(secrets_count_by_value),
	    cmocka_unit_test(files_are_read_again),
	    cmocka_unit_test(several_paths_in_one_line),
	    cmocka_unit_test(what_needs_a_restart_stays_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
