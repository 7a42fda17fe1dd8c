/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are made to break the reader. */
#include "base/unused.h"
#include "parse.h"

#include <errno.h>
#include <stdint.h>

static void aliases_are_refused(void **state UNUSED)
{
	assert_messages("tags: &a {x: *a}\n", "test.yaml:1:14: aliases (*a) are not supported\n");
	assert_messages("- &a [*a]\n", "test.yaml:1:7: aliases (*a) are not supported\n");
	/* An anchor alone does no harm. */
	config_unref(parse_good("interval: &i 20s\n"));
}

static void depth_is_bounded(void **state UNUSED)
{
	enum { DEPTH = 200000 };
	char *text = malloc(DEPTH);
	char *messages = NULL;
	struct config *config = NULL;

	assert_non_null(text);
	memset(text, '[', DEPTH);
	assert_int_equal(parse_text(text, DEPTH, &config, &messages), -EINVAL);
	assert_string_equal(messages, "test.yaml:1:17: nested deeper than 16 levels\n");
	free(messages);
	messages = NULL;
	memset(text, '{', DEPTH);
	assert_int_equal(parse_text(text, DEPTH, &config, &messages), -EINVAL);
	free(messages);
	free(text);
}

static void keys_are_words(void **state UNUSED)
{
	assert_messages("? [a]\n: b\n", "test.yaml:1:3: a key must be a word\n");
	assert_messages("? {a: b}\n: b\n", "test.yaml:1:3: a key must be a word\n");
}

static void many_keys(void **state UNUSED)
{
	enum { KEYS = 1000 };
	char *text = NULL, *messages = NULL;
	struct config *config = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	for (int i = 0; i < KEYS; i++)
		fprintf(stream, "k%d: 1\n", i);
	fclose(stream);
	assert_int_equal(parse_text(text, size, &config, &messages), -EINVAL);
	assert_string_equal(messages, "test.yaml:257:1: more than 256 keys in one map\n");
	free(messages);
	free(text);
}

static void messages_are_bounded(void **state UNUSED)
{
	enum { ITEMS = 5000 };
	char *text = NULL, *messages = NULL;
	struct config *config = NULL;
	size_t size = 0, lines = 0;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	fputs("inputs:\n  - unix: /a\n    zones:\n", stream);
	for (int i = 0; i < ITEMS; i++)
		fprintf(stream, "      - a..%d\n", i);
	fclose(stream);
	assert_int_equal(parse_text(text, size, &config, &messages), -EINVAL);
	for (const char *p = messages; *p; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 1001);
	assert_non_null(strstr(messages, "test.yaml: 4000 more problems\n"));
	free(messages);
	free(text);
}

static void size_is_bounded(void **state UNUSED)
{
	enum { SIZE = (1 << 20) + 1 };
	char *text = malloc(SIZE), *messages = NULL;
	struct config *config = NULL;

	assert_non_null(text);
	memset(text, '\n', SIZE);
	assert_int_equal(parse_text(text, SIZE, &config, &messages), -EINVAL);
	assert_string_equal(messages, "test.yaml:1:1: is over 1048576 bytes long\n");
	free(messages);
	messages = NULL;
	assert_int_equal(parse_text(text, SIZE - 1, &config, &messages), 0);
	config_unref(config);
	free(messages);
	free(text);
}

static void one_document(void **state UNUSED)
{
	assert_messages(
	    "interval: 5s\n---\ninterval: 6s\n", "test.yaml:2:1: a second document in the file\n");
}

static void bad_bytes(void **state UNUSED)
{
	static const char bad_utf8[] = "server: a\nstate: \xff\n", nul[] = "server: a\0b\n";
	struct config *config = NULL;
	char *messages = NULL;

	assert_int_equal(parse_text(bad_utf8, sizeof(bad_utf8) - 1, &config, &messages), -EINVAL);
	assert_string_equal(
	    messages, "test.yaml:2:8: invalid leading UTF-8 octet: the file is to be in UTF-8\n");
	free(messages);
	messages = NULL;
	assert_int_equal(parse_text(nul, sizeof(nul) - 1, &config, &messages), -EINVAL);
	assert_string_equal(messages, "test.yaml:1:10: control characters are not allowed\n");
	free(messages);
	assert_messages("server: \"a\\0b\"\n", "test.yaml:1:9: a NUL byte in a value\n");
	setenv("CROSSTAP_TEST_BAD", "a\xc0\xaf", 1);
	assert_messages("server: $CROSSTAP_TEST_BAD\n",
	    "test.yaml:1:9: server: \"$CROSSTAP_TEST_BAD\" is not UTF-8\n");
}

static void bad_yaml_is_placed(void **state UNUSED)
{
	assert_messages(
	    "interval: 10s\n@grace: 2s\n", "test.yaml:2:1: no value begins so: put it in quotes\n");
	assert_messages(
	    "wire:\n\tmode: tc\n", "test.yaml:2:1: a tab: YAML is indented by spaces alone\n");
	assert_messages("wire:\n  mode: tc\n  \tmode: tc\n",
	    "test.yaml:3:3: a tab: YAML is indented by spaces alone\n");
	assert_messages("wire: {mode: tc\n",
	    "test.yaml:2:1: did not find expected ',' or '}' while parsing a flow mapping that "
	    "begins in line 1\n");
	assert_messages("interval: 10s\nserver: \"a\nwire: {mode: tc}\n",
	    "test.yaml:4:1: found unexpected end of stream while scanning a quoted scalar that "
	    "begins in line 2\n");
}

static void long_values(void **state UNUSED)
{
	enum { LONG = 100000 };
	char *text = malloc(LONG), *messages = NULL;
	struct config *config = NULL;

	assert_non_null(text);
	memset(text, 'a', LONG);
	memcpy(text, "interval: ", 10);
	assert_int_equal(parse_text(text, LONG, &config, &messages), -EINVAL);
	assert_true(strlen(messages) < 300);
	free(messages);
	messages = NULL;
	memcpy(text, "state:    ", 10);
	assert_int_equal(parse_text(text, LONG, &config, &messages), -EINVAL);
	assert_string_equal(messages, "test.yaml:1:11: state: is over 4095 characters long\n");
	free(messages);
	free(text);
}

/* Every cut of a good file ends in a result, with each of its bytes in a buffer of its own size. */
static void cut_anywhere(void **state UNUSED)
{
	static const char whole[] =
	    "tags: {a: b}\ninputs:\n  - {zone: \"x\", unix: /a}\noutputs:\n  - file: {path: /p}\n"
	    "ping: {exclude: [10.0.0.0/8], rate: 5/s}\n";

	for (size_t n = 0; n < sizeof(whole); n++) {
		char *copy = malloc(n ? n : 1), *messages = NULL;
		struct config *config = NULL;
		int r;

		assert_non_null(copy);
		memcpy(copy, whole, n);
		r = parse_text(copy, n, &config, &messages);
		assert_int_equal(config != NULL, r == 0);
		assert_int_equal(*messages != 0, r != 0);
		config_unref(config);
		free(messages);
		free(copy);
	}
	config_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(aliases_are_refused),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(keys_are_words),
	    cmocka_unit_test(many_keys),
	    cmocka_unit_test(messages_are_bounded),
	    cmocka_unit_test(size_is_bounded),
	    cmocka_unit_test(one_document),
	    cmocka_unit_test(bad_bytes),
	    cmocka_unit_test(bad_yaml_is_placed),
	    cmocka_unit_test(long_values),
	    cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
