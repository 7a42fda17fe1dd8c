/* SPDX-License-Identifier: BSD-2-Clause */
/* What good files come to. */
#include "base/unused.h"
#include "parse.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

static void defaults_are_those_of_the_readme(void **state UNUSED)
{
	struct config *config;

	setenv("NSID", "ns7.example", 1);
	config = parse_good("");
	assert_string_equal(config->server, "ns7.example");
	assert_int_equal(config->n_tags, 0);
	assert_int_equal(config->interval_ns, 10000000000);
	assert_int_equal(config->grace_ns, 2000000000);
	assert_int_equal(
	    config->datasets, DATASET_CORE | DATASET_EDNS | DATASET_NAMES | DATASET_CLIENTS);
	assert_int_equal(config->n_inputs, 1);
	assert_int_equal(config->inputs[0].kind, INPUT_UNIX);
	assert_string_equal(config->inputs[0].address, "/run/crosstap/dnstap.sock");
	assert_string_equal(config->inputs[0].zone, "default");
	assert_string_equal(config->inputs[0].owner, "");
	assert_int_equal(config->inputs[0].mode, 0660);
	assert_true(config->wire.interfaces_auto);
	assert_int_equal(config->wire.ports.n, 1);
	assert_int_equal(config->wire.doh_ports.ports[0], 443);
	assert_true(config->wire.rtt && config->wire.per_source);
	assert_int_equal(config->crosscheck_horizon_ns, 60000000000);
	assert_true(config->ping.rate_per_s == 200);
	assert_string_equal(config->geo.country, "");
	assert_int_equal(config->top.nxdomain, 20);
	assert_int_equal(config->n_outputs, 0);
	assert_string_equal(config->http.listen, "127.0.0.1:9053");
	assert_int_equal(config->limits.memory, 256 << 20);
	assert_int_equal(config->limits.frame, 256 << 10);
	assert_true(config->limits.cpu == 1.0);
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	config_unref(config);
}

static void the_host_name_stands_in_for_nsid(void **state UNUSED)
{
	struct config *config;
	char name[256] = "";

	unsetenv("NSID");
	assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
	config = parse_good("# nothing\n---\n");
	assert_string_equal(config->server, *name ? name : "localhost");
	config_unref(config);
}

static void words_of_a_list_are_bits(void **state UNUSED)
{
	struct config *config = parse_good("datasets: [names, core]\n");

	assert_int_equal(config->datasets, DATASET_CORE | DATASET_NAMES);
	config_unref(config);
	config = parse_good("datasets: []\n");
	assert_int_equal(config->datasets, 0);
	config_unref(config);
}

static void words_are_no_booleans(void **state UNUSED)
{
	struct config *config = parse_good("wire: {mode: off, rtt: off}\nhttp: {listen: off}\n"
					   "tags: {site: no, port: 0123, none: ~x}\n");

	assert_int_equal(config->wire.mode, WIRE_OFF);
	assert_false(config->wire.rtt);
	assert_string_equal(config->http.listen, "off");
	assert_string_equal(config->tags[0].value, "no");
	assert_string_equal(config->tags[1].value, "0123");
	config_unref(config);
}

static void empty_sections_are_as_if_not_there(void **state UNUSED)
{
	struct config *config = parse_good("wire:\ninputs:\noutputs:\ngeo:\n  maxmind:\ntags: ~\n");

	assert_int_equal(config->n_inputs, 1);
	assert_true(config->wire.rtt);
	config_unref(config);
	config = parse_good("inputs: []\n");
	assert_int_equal(config->n_inputs, 0);
	config_unref(config);
}

static void inputs_of_each_kind(void **state UNUSED)
{
	struct config *config =
	    parse_good("inputs:\n"
		       "  - {zone: nl, unix: /run/nl.sock, mode: 0600, owner: a, group: \"1\"}\n"
		       "  - {tcp: \"[::1]:6000\", zones: [NL., example.org, nl], scope: witness}\n"
		       "  - {listen_fd: org, queries: responses, scope: zone}\n");

	assert_int_equal(config->n_inputs, 3);
	assert_int_equal(config->inputs[0].mode, 0600);
	assert_string_equal(config->inputs[0].group, "1");
	assert_int_equal(config->inputs[1].kind, INPUT_TCP);
	assert_string_equal(config->inputs[1].address, "[::1]:6000");
	assert_int_equal(config->inputs[1].zones.n, 2);
	assert_string_equal(config->inputs[1].zones.items[0], "example.org");
	assert_string_equal(config->inputs[1].zones.items[1], "nl");
	assert_int_equal(config->inputs[1].scope, SCOPE_WITNESS);
	assert_int_equal(config->inputs[2].kind, INPUT_LISTEN_FD);
	assert_int_equal(config->inputs[2].queries, QUERIES_RESPONSES);
	assert_int_equal(config->inputs[2].scope, SCOPE_ZONE);
	config_unref(config);
}

static void the_environment_is_put_in(void **state UNUSED)
{
	struct config *config;

	setenv("CROSSTAP_TEST_A", "a: [$x]", 1);
	setenv("INFLUX_TOKEN", "from the environment", 1);
	config = parse_good("server: x$CROSSTAP_TEST_A-$$HOME\n"
			    "outputs:\n  - influxdb:\n  - influxdb: {token: $CROSSTAP_TEST_A}\n");
	assert_string_equal(config->server, "xa: [$x]-$HOME");
	assert_string_equal(output_text(config, 0, "token"), "from the environment");
	assert_string_equal(output_text(config, 0, "bucket"), "dns");
	assert_string_equal(output_text(config, 1, "token"), "a: [$x]");
	config_unref(config);
	unsetenv("INFLUX_TOKEN");
	setenv("CROSSTAP_TEST_A", "auto", 1);
	config = parse_good("wire: {interfaces: $CROSSTAP_TEST_A, mode: $CROSSTAP_TEST_A}\n");
	assert_true(config->wire.interfaces_auto);
	config_unref(config);
	setenv("CROSSTAP_TEST_A", "eth7", 1);
	config = parse_good("wire: {interfaces: [$CROSSTAP_TEST_A]}\n");
	assert_false(config->wire.interfaces_auto);
	assert_string_equal(config->wire.interfaces.items[0], "eth7");
	config_unref(config);
	assert_messages("wire: {interfaces: $CROSSTAP_TEST_A}\n",
	    "test.yaml:1:20: wire.interfaces: must be `auto`, or a list as in [eth0]\n");
	unsetenv("CROSSTAP_TEST_A");
	assert_messages("wire: {interfaces: $CROSSTAP_TEST_A}\n",
	    "test.yaml:1:20: wire.interfaces: environment variable CROSSTAP_TEST_A is not set "
	    "(the unit takes /etc/crosstap/environment when it starts)\n");
}

static void networks(void **state UNUSED)
{
	struct config *config = parse_good(
	    "wire: {addresses: [192.0.2.1, \"2001:db8::/32\"]}\nping: {exclude: [0.0.0.0/0]}\n");

	assert_int_equal(config->wire.n_addresses, 2);
	assert_int_equal(config->wire.addresses[0].family, 4);
	assert_int_equal(config->wire.addresses[0].prefix, 32);
	assert_memory_equal(config->wire.addresses[0].address, "\xc0\x00\x02\x01", 4);
	assert_int_equal(config->wire.addresses[1].family, 6);
	assert_int_equal(config->wire.addresses[1].prefix, 32);
	assert_int_equal(config->ping.exclude[0].prefix, 0);
	config_unref(config);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void zones_files(void **state UNUSED)
{
	char path[] = "/tmp/crosstap-zones-XXXXXX", text[256], expected[512];
	int fd = mkstemp(path);
	struct config *config;

	assert_true(fd >= 0);
	close(fd);
	write_file(path, "# zones\n  Example.ORG. # ours\r\n\n.\nnl\nexample.org");
	snprintf(text, sizeof(text),
	    "inputs:\n  - unix: /a\n    zones: [nl, de]\n    zones_file: %s\n", path);
	config = parse_good(text);
	assert_int_equal(config->inputs[0].zones.n, 4);
	assert_string_equal(config->inputs[0].zones.items[0], ".");
	assert_string_equal(config->inputs[0].zones.items[1], "de");
	assert_string_equal(config->inputs[0].zones.items[2], "example.org");
	assert_string_equal(config->inputs[0].zones.items[3], "nl");
	config_unref(config);

	write_file(path, "nl\na b\n");
	snprintf(expected, sizeof(expected),
	    "%s:2: inputs[0]: \"a b\" holds a space, a control or a non-ASCII character (write the "
	    "A-label xn--..., "
	    "or \\DDD)\n",
	    path);
	assert_messages(text, expected);
	write_file(path, "# none\n");
	snprintf(text, sizeof(text), "inputs:\n  - unix: /a\n    zones_file: %s\n", path);
	snprintf(expected, sizeof(expected), "test.yaml:3:17: inputs[0]: %s holds no zone\n", path);
	assert_messages(text, expected);
	unlink(path);
}

static void public_suffixes(void **state UNUSED)
{
	static const char *const rules[] = {
	    "!city.kobe.jp", "*.kobe.jp", "co.uk", "uk", "xn--55qx5d.cn", "xn--aroport-bya.ci"};
	char path[] = "/tmp/crosstap-suffixes-XXXXXX", text[256], expected[512];
	int fd = mkstemp(path);
	struct config *config;

	assert_true(fd >= 0);
	close(fd);
	write_file(path,
	    "// ===BEGIN===\nuk\nco.uk trailing words\n  *.Kobe.jp\n!city.kobe.jp\n\n"
	    "\u516c\u53f8.cn\na\u00e9roport.ci # ours\n");
	snprintf(text, sizeof(text), "domains: {suffixes: %s, labels: 2}\n", path);
	config = parse_good(text);
	assert_int_equal(config->domains.labels, 2);
	assert_int_equal(config->domains.rules.n, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(config->domains.rules.items[i], rules[i]);
	config_unref(config);

	write_file(path, "uk\na..uk\n*.*.uk\n");
	snprintf(expected, sizeof(expected),
	    "%s:2: domains.suffixes: \"a..uk\" has an empty label\n"
	    "%s:3: domains.suffixes: \"*.*.uk\" is no rule of the Public Suffix List\n",
	    path, path);
	assert_messages(text, expected);
	write_file(path, "// none\n");
	snprintf(expected, sizeof(expected), "test.yaml:1:21: domains.suffixes: %s holds no rule\n",
	    path);
	assert_messages(text, expected);
	unlink(path);
}

static void a_list_of_tlds(void **state UNUSED)
{
	static const char *const names[] = {"lan", "nl", "xn--p1ai"};
	char path[] = "/tmp/crosstap-tlds-XXXXXX", text[256], expected[512];
	int fd = mkstemp(path);
	struct config *config;

	assert_true(fd >= 0);
	close(fd);
	write_file(path, "# Version 2026092900, Last Updated\nNL\nXN--P1AI\n lan \nNL\n");
	snprintf(text, sizeof(text), "domains: {tlds: %s}\n", path);
	config = parse_good(text);
	assert_int_equal(config->domains.tld_names.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(config->domains.tld_names.items[i], names[i]);
	config_unref(config);

	write_file(path, "nl\nco.uk\n.\na..b\n");
	snprintf(expected, sizeof(expected),
	    "%s:2: domains.tlds: \"co.uk\" is no TLD\n%s:3: domains.tlds: \".\" is no TLD\n"
	    "%s:4: domains.tlds: \"a..b\" has an empty label\n",
	    path, path, path);
	assert_messages(text, expected);
	write_file(path, "# none\n");
	snprintf(
	    expected, sizeof(expected), "test.yaml:1:17: domains.tlds: %s holds no TLD\n", path);
	assert_messages(text, expected);
	unlink(path);
}

static void as_many_zones_as_allowed(void **state UNUSED)
{
	char path[] = "/tmp/crosstap-zones-XXXXXX", text[256];
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");
	struct config *config = NULL;
	char *messages = NULL;

	assert_non_null(file);
	for (int i = 16000; i > 0; i--)
		fprintf(file, "zone-%d.example\n", i);
	fflush(file);
	snprintf(text, sizeof(text), "inputs:\n  - unix: /a\n    zones_file: %s\n", path);
	config = parse_good(text);
	assert_int_equal(config->inputs[0].zones.n, 16000);
	config_unref(config);
	fprintf(file, "one.more\ntwo.more\n");
	fclose(file);
	config = NULL;
	assert_int_equal(parse_text(text, strlen(text), &config, &messages), -EINVAL);
	assert_non_null(strstr(messages, "at most 16000 zones"));
	free(messages);
	unlink(path);
}

/* As a loss of power leaves one: no part of it is taken for a shorter list. */
static void lists_that_were_torn(void **state UNUSED)
{
	static const char torn[] = "nl\nde\0\0\0\0\nbe\0.example";
	char path[] = "/tmp/crosstap-zones-XXXXXX", text[256], expected[4096];
	int fd = mkstemp(path), i = 0;
	FILE *file = fdopen(fd, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(torn, 1, sizeof(torn) - 1, file), sizeof(torn) - 1);
	fflush(file);
	snprintf(text, sizeof(text), "inputs:\n  - unix: /a\n    zones_file: %s\n", path);
	snprintf(expected, sizeof(expected),
	    "%s:2: inputs[0]: holds a NUL character\n%s:3: inputs[0]: holds a NUL character\n",
	    path, path);
	assert_messages(text, expected);
	/* A hole as long as can be is not read to its end. */
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	for (char *at = expected; i < 20; i++)
		at += sprintf(at, "%s:%d: inputs[0]: holds a NUL character\n", path, i + 1);
	strcat(expected, path);
	strcat(expected, ":20: inputs[0]: the rest of this file is not checked\n");
	assert_messages(text, expected);
	fclose(file);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%02045d\n%02047d\n", 0, 0);
	fclose(file);
	snprintf(expected, sizeof(expected),
	    "%s:1: inputs[0]: \"000000000000000000000000000000000000000000000000\" has a label "
	    "over 63 "
	    "octets\n%s:2: inputs[0]: is over 2046 characters long\n",
	    path, path);
	assert_messages(text, expected);
	unlink(path);
}

static void files_that_cannot_be_read(void **state UNUSED)
{
	struct config *config = NULL;
	char *messages = NULL;
	size_t size = 0;
	FILE *errors = open_memstream(&messages, &size);

	assert_non_null(errors);
	assert_int_equal(config_load("/nonexistent/x.yaml", errors, &config), -ENOENT);
	assert_int_equal(config_load("/tmp", errors, &config), -EISDIR);
	fclose(errors);
	assert_string_equal(messages,
	    "/nonexistent/x.yaml: cannot be read: No such file or directory\n"
	    "/tmp: cannot be read: Is a directory\n");
	assert_null(config);
	free(messages);
}

static int load_again(const char *path, char **ret_messages)
{
	struct config *config = NULL;
	size_t size = 0;
	FILE *errors = open_memstream(ret_messages, &size);
	int r;

	assert_non_null(errors);
	alarm(30); /* for who waits for ever */
	r = config_load_again(path, errors, &config);
	alarm(0);
	fclose(errors);
	if (r == 0)
		assert_string_equal(config->server, "piped");
	config_unref(config);
	return r;
}

static void *write_late(void *path)
{
	static const char text[] = "server: piped\n";
	int fd;

	usleep(100000);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	usleep(100000);
	assert_int_equal(write(fd, text, 8), 8);
	usleep(100000);
	assert_int_equal(write(fd, text + 8, sizeof(text) - 9), sizeof(text) - 9);
	close(fd);
	return NULL;
}

static void a_pipe_keeps_no_reload(void **state UNUSED)
{
	char dir[] = "/tmp/crosstap-config-XXXXXX", path[64], *messages = NULL;
	pthread_t writer;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load_again(path, &messages), -ETIMEDOUT);
	assert_non_null(strstr(messages, "cannot be read: "));
	free(messages);
	assert_int_equal(pthread_create(&writer, NULL, write_late, path), 0);
	assert_int_equal(load_again(path, &messages), 0);
	assert_string_equal(messages, "");
	free(messages);
	pthread_join(writer, NULL);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_are_those_of_the_readme),
	    cmocka_unit_test(the_host_name_stands_in_for_nsid),
	    cmocka_unit_test(words_of_a_list_are_bits),
	    cmocka_unit_test(words_are_no_booleans),
	    cmocka_unit_test(empty_sections_are_as_if_not_there),
	    cmocka_unit_test(inputs_of_each_kind),
	    cmocka_unit_test(the_environment_is_put_in),
	    cmocka_unit_test(networks),
	    cmocka_unit_test(zones_files),
	    cmocka_unit_test(public_suffixes),
	    cmocka_unit_test(a_list_of_tlds),
	    cmocka_unit_test(as_many_zones_as_allowed),
	    cmocka_unit_test(lists_that_were_torn),
	    cmocka_unit_test(files_that_cannot_be_read),
	    cmocka_unit_test(a_pipe_keeps_no_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
