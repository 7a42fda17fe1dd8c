/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap check as a command: exit status, and what stdout and stderr hold. */
#include "base/unused.h"
#include "command/command.h"

#include "run_command.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static char path[] = "/tmp/crosstap-check-XXXXXX";

#define RUN(result, ...) RUN_COMMAND(result, command_check, "check", __VA_ARGS__)

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void a_good_file(void **state UNUSED)
{
	static struct result result;

	write_file("interval: 5s\noutputs:\n  - influxdb: {token: hunter2}\n"
		   "spool: {path: /tmp/crosstap-check-spool}\n");
	RUN(&result, "-c", path);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.err, "");
	assert_non_null(strstr(result.out, "\ninterval: 5s\n"));
	assert_non_null(strstr(result.out, "    token: \"***\"\n"));
	assert_non_null(strstr(result.out, "# total "));
}

static void one_json_document(void **state UNUSED)
{
	static struct result result;
	json_t *json, *series;

	write_file("wire: {mode: off}\n");
	RUN(&result, "--json", "-c", path);
	assert_int_equal(result.status, 0);
	assert_string_equal(result.err, "");
	json = json_loads(result.out, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(
				json_object_get(json_object_get(json, "config"), "wire"), "mode")),
	    "off");
	series = json_object_get(json, "series");
	assert_true(json_integer_value(json_object_get(series, "total")) > 0);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(series, "measurements"), "dns")),
	    16);
	json_decref(json);
}

static void a_bad_file(void **state UNUSED)
{
	static struct result result;

	write_file("wire: {prots: [53]}\n");
	RUN(&result, "--json", "-c", path);
	assert_int_equal(result.status, 2);
	assert_string_equal(result.err, "");
	assert_non_null(strstr(result.out, "\"line\": 1,\n    \"column\": 8,\n"));
	assert_non_null(
	    strstr(result.out, "wire.prots: unknown key (did you mean \\\"ports\\\"?)"));
	RUN(&result, "-c", path);
	assert_int_equal(result.status, 2);
	assert_string_equal(result.out, "");
	assert_string_equal(
	    result.err + strlen(path), ":1:8: wire.prots: unknown key (did you mean \"ports\"?)\n");
	RUN(&result, "-c", "/nonexistent/x");
	assert_int_equal(result.status, 2);
	assert_non_null(strstr(result.err, "/nonexistent/x: cannot be read"));
}

/* Of a file that the configuration names there are lines, and no columns. */
static void a_bad_list(void **state UNUSED)
{
	static struct result result;
	char zones[] = "/tmp/crosstap-zones-XXXXXX", text[256];
	const int fd = mkstemp(zones);
	json_t *json, *problem;

	assert_int_equal(write(fd, "nl\na..b\n", 8), 8);
	close(fd);
	snprintf(text, sizeof(text), "inputs: [{unix: /tmp/x, zones_file: %s}]\n", zones);
	write_file(text);
	RUN(&result, "--json", "-c", path);
	assert_int_equal(result.status, 2);
	json = json_loads(result.out, JSON_REJECT_DUPLICATES, NULL);
	problem = json_array_get(json, 0);
	assert_non_null(json_object_get(problem, "file"));
	assert_string_equal(json_string_value(json_object_get(problem, "file")), zones);
	assert_int_equal(json_integer_value(json_object_get(problem, "line")), 2);
	assert_null(json_object_get(problem, "column"));
	assert_string_equal(json_string_value(json_object_get(problem, "text")),
	    "inputs[0]: \"a..b\" has an empty label");
	json_decref(json);
	RUN(&result, "-c", path);
	assert_int_equal(strncmp(result.err, zones, strlen(zones)), 0);
	assert_string_equal(
	    result.err + strlen(zones), ":2: inputs[0]: \"a..b\" has an empty label\n");
	unlink(zones);
}

static void what_only_the_host_knows(void **state UNUSED)
{
	static struct result result;
	json_t *json, *problem;

	write_file("interval: 5\ninputs:\n  - {unix: /tmp/x, group: no-such-group}\n"
		   "rssac002: {dir: /nonexistent/a/b}\n");
	RUN(&result, "-c", path);
	assert_int_equal(result.status, 2);
	assert_string_equal(result.out, "");
	assert_non_null(strstr(result.err, ":1:11: interval: \"5\" is not a time"));
	assert_non_null(strstr(result.err,
	    ":3:27: inputs[0].group: there is no group \"no-such-group\" on this host"));
	assert_non_null(strstr(result.err, ":4:17: warning: rssac002.dir: /nonexistent/a: "));

	write_file("interval: 5s\ninputs:\n  - {unix: /tmp/x, group: no-such-group}\n");
	RUN(&result, "--json", "-c", path);
	assert_int_equal(result.status, 2);
	assert_string_equal(result.err, "");
	json = json_loads(result.out, 0, NULL);
	assert_int_equal(json_array_size(json), 1);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(json, 0), "level")), "error");
	json_decref(json);

	write_file("rssac002: {dir: /nonexistent/a/b}\n");
	RUN(&result, "--json", "-c", path);
	assert_int_equal(result.status, 0);
	json = json_loads(result.out, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json_object_get(json, "config"));
	problem = json_array_get(json_object_get(json, "problems"), 0);
	assert_string_equal(json_string_value(json_object_get(problem, "level")), "warning");
	assert_string_equal(json_string_value(json_object_get(problem, "file")), path);
	json_decref(json);
}

static void usage(void **state UNUSED)
{
	static struct result result;

	RUN(&result, "--help");
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out, "usage: crosstap check"));
	RUN(&result, "--no-such-option");
	assert_int_equal(result.status, 2);
	assert_string_equal(result.out, "");
	RUN(&result, "-c", path, "more");
	assert_int_equal(result.status, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_file),
	    cmocka_unit_test(one_json_document),
	    cmocka_unit_test(a_bad_file),
	    cmocka_unit_test(a_bad_list),
	    cmocka_unit_test(what_only_the_host_knows),
	    cmocka_unit_test(usage),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
