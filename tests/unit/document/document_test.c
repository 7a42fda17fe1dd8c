/* SPDX-License-Identifier: BSD-2-Clause */
/* The files that are made from the tables of options, measurements and commands. */
#include "../config/parse.h"
#include "base/unused.h"

#include "document/document.h"
#include "measure/measurement.h"

#include <jansson.h>
#include <stdint.h>

#define DEFAULT_FILE "config/crosstap.yaml"
#define MAN_PAGE     "config/man/crosstap.yaml.5"
#define METRICS_PAGE "config/man/crosstap-metrics.7"

#define TEXT_BYTES (1u << 20) /* more than any document has */

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = malloc(TEXT_BYTES);
	size_t length;

	assert_non_null(file);
	assert_non_null(text);
	length = fread(text, 1, TEXT_BYTES, file);
	assert_in_range(length, 1, TEXT_BYTES - 1);
	text[length] = '\0';
	fclose(file);
	return text;
}

static char *written(int (*write)(FILE *))
{
	char *text = NULL, *copy;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(write(out), 0);
	fclose(out);
	/* gcc 12 takes what the stream made for a pointer to `text` itself. */
	copy = strndup(text, size);
	free(text);
	assert_non_null(copy);
	return copy;
}

static void assert_fresh(const char *path, int (*write)(FILE *))
{
	char *stored = read_text(path), *made = written(write);

	assert_string_equal(stored, made);
	free(stored);
	free(made);
}

static void the_files_are_not_stale(void **state UNUSED)
{
	assert_fresh(DEFAULT_FILE, document_write_default);
	assert_fresh(MAN_PAGE, document_write_man);
	assert_fresh("config/completion/crosstap.bash", document_write_bash);
	assert_fresh("config/completion/_crosstap", document_write_zsh);
	assert_fresh("config/completion/crosstap.fish", document_write_fish);
}

/* For programs: every option, with what it may be. */
static void options_for_programs(void **state UNUSED)
{
	char *text = written(document_write_options);
	json_t *all = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *one;
	unsigned inputs = 0, outputs = 0, secrets = 0;
	const json_t *interval = NULL, *key = NULL;
	size_t i;

	assert_true(json_is_array(all));
	json_array_foreach(all, i, one)
	{
		const char *list = json_string_value(json_object_get(one, "list"));
		const char *path = json_string_value(json_object_get(one, "path"));

		assert_non_null(path);
		assert_non_null(json_string_value(json_object_get(one, "type")));
		assert_true(json_is_real(json_object_get(one, "min")));
		assert_true(json_is_real(json_object_get(one, "max")));
		/* Whoever runs has to be told of a change. */
		assert_true(json_array_size(json_object_get(one, "takers")) > 0);
		inputs += list && strcmp(list, "inputs") == 0;
		outputs += list && strncmp(list, "outputs.", 8) == 0;
		secrets += json_is_true(json_object_get(one, "secret"));
		if (!list && strcmp(path, "interval") == 0)
			interval = one;
		if (!list && strcmp(path, "top.key") == 0)
			key = one;
	}
	assert_true(inputs > 5 && outputs > 20 && secrets > 3);
	assert_string_equal(json_string_value(json_object_get(interval, "type")), "time");
	assert_string_equal(json_string_value(json_object_get(interval, "default")), "10s");
	assert_true(json_real_value(json_object_get(interval, "min")) == 1e9);
	assert_true(json_real_value(json_object_get(interval, "max")) == 3600e9);
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(key, "words"), 0)), "rank");
	json_decref(all);
	free(text);
}

/* Two sections of the page are made, each in its place; the others are by hand. */
static void the_page_has_every_option_of_the_commands(void **state UNUSED)
{
	char *page = read_text("config/man/crosstap.1"), *made = written(document_write_synopsis);
	char *options = strstr(made, ".Sh OPTIONS\n");

	assert_non_null(options);
	assert_non_null(strstr(page, options));
	*options = '\0';
	assert_non_null(strstr(page, made));
	free(page);
	free(made);
}

/* Two sections of it are made, one after the other; the others are by hand. */
static void a_page_has_all_measurements(void **state UNUSED)
{
	char *page = read_text(METRICS_PAGE), *made = written(document_write_metrics);
	char *found = strstr(page, made);

	assert_non_null(found);
	assert_int_equal(strncmp(found + strlen(made), ".Sh ", 4), 0);
	free(page);
	free(made);
}

static size_t count_points(const json_t *document)
{
	const json_t *list = json_object_get(document, "measurements"), *entry, *field;
	size_t i, k, n = 0;

	json_array_foreach(list, i, entry)
	{
		assert_true(json_is_array(json_object_get(entry, "tags")));
		json_array_foreach(json_object_get(entry, "fields"), k, field)
		{
			const bool points = json_is_true(json_object_get(field, "points"));
			const json_t *metric = json_object_get(field, "metric");

			assert_true(strlen(json_string_value(json_object_get(field, "help"))) > 3);
			assert_non_null(json_string_value(json_object_get(field, "unit")));
			/* Where a text is no value, events are counted. */
			assert_true(points || json_string_value(json_object_get(metric, "name")) ||
			    strcmp(json_string_value(json_object_get(field, "name")), "events") ==
				0);
			n += points;
		}
	}
	return n;
}

/* For programs: every field of every measurement. */
static void a_document_has_all_measurements(void **state UNUSED)
{
	char *text = written(document_write_measurements);
	json_t *document = json_loads(text, 0, NULL);
	size_t n = 0;

	assert_non_null(document);
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		for (size_t k = 0; k < measurements[i].n_fields; k++)
			n += measurements[i].when != WHEN_METRICS &&
			    !(measurements[i].fields[k].not_in & NOT_IN_POINTS);
	}
	assert_int_equal(
	    json_array_size(json_object_get(document, "measurements")), MEASUREMENT_COUNT);
	assert_int_equal(count_points(document), n);
	json_decref(document);
	free(text);
}

static char *effective(const char *text)
{
	struct config *config = parse_good(text);
	char *yaml = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&yaml, &size);

	assert_non_null(out);
	assert_int_equal(config_write_yaml(config, out), 0);
	fclose(out);
	config_unref(config);
	return yaml;
}

static void the_default_file_sets_the_defaults(void **state UNUSED)
{
	char *text = read_text(DEFAULT_FILE), *of_file = effective(text),
	     *of_nothing = effective("");

	assert_string_equal(of_file, of_nothing);
	free(text);
	free(of_file);
	free(of_nothing);
}

/* Examples that are commented out, put in one at a time, are good too: a hash sign followed by no
 * space. */
static void each_example_is_good(void **state UNUSED)
{
	char *text = read_text(DEFAULT_FILE);
	unsigned tried = 0;

	for (char *p = text; (p = strchr(p, '#')); p++) {
		/* Those of an input exclude each other, and `outputs` has hashes of its own. */
		if (p[1] < 'a' || p[1] > 'z' || p - text < 4 || strncmp(p - 4, "    ", 4) == 0)
			continue;
		*p = ' ';
		if (p[-1] == '\n' || p[-1] == ' ')
			memmove(p, p + 1, strlen(p));
		config_unref(parse_good(text));
		tried++;
	}
	assert_int_equal(tried, 6);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_files_are_not_stale),
	    cmocka_unit_test(options_for_programs),
	    cmocka_unit_test(the_page_has_every_option_of_the_commands),
	    cmocka_unit_test(a_page_has_all_measurements),
	    cmocka_unit_test(a_document_has_all_measurements),
	    cmocka_unit_test(the_default_file_sets_the_defaults),
	    cmocka_unit_test(each_example_is_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
