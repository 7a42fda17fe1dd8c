/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "report/events/databases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct geo_status loaded(const char *path, const char *type, uint64_t loads)
{
	struct geo_status status = {
	    .path = path, .loaded = true, .built_s = 1700000000, .loads = loads};

	snprintf(status.type, sizeof(status.type), "%s", type);
	return status;
}

static struct geo_status unusable(const char *path, const char *reason)
{
	struct geo_status status = {.path = path};

	/* Cut where there is no more room, as the databases themselves do. */
	snprintf(status.reason, sizeof(status.reason), "%.200s: %s", path, reason);
	return status;
}

/* What is said of it now; NULL: nothing. */
static const char *note(
    struct databases *databases, enum geo_database which, const struct geo_status *status)
{
	static char text[DATABASES_TEXT_BYTES];
	bool usable;

	if (!databases_note(databases, which, status, &usable, text))
		return NULL;
	assert_int_equal(usable, !*status->reason);
	return text;
}

static void test_said_once_and_when_it_changes(void **state UNUSED)
{
	struct databases databases = {0};
	struct geo_status status = unusable("/a", "holds no countries");

	assert_string_equal(
	    note(&databases, GEO_COUNTRY, &status), "geo.country not used: /a: holds no countries");
	assert_null(note(&databases, GEO_COUNTRY, &status));
	/* The other one is another matter. */
	assert_string_equal(
	    note(&databases, GEO_ASN, &status), "geo.asn not used: /a: holds no countries");
	status = unusable("/a", "No such file or directory");
	assert_non_null(note(&databases, GEO_COUNTRY, &status));
	status = loaded("/a", "Test-Country", 1);
	assert_string_equal(
	    note(&databases, GEO_COUNTRY, &status), "geo.country Test-Country, built 1700000000");
	assert_null(note(&databases, GEO_COUNTRY, &status));
	status = loaded("/a", "Test-Country", 2); /* a new file of the same kind */
	assert_non_null(note(&databases, GEO_COUNTRY, &status));
	/* The new file is damaged: the old one serves. */
	snprintf(status.reason, sizeof(status.reason), "/a: damaged");
	assert_string_equal(note(&databases, GEO_COUNTRY, &status),
	    "geo.country not used: /a: damaged (the one before still is)");
	assert_null(note(&databases, GEO_COUNTRY, &status));
}

static void test_other_paths(void **state UNUSED)
{
	struct databases databases = {0};
	struct geo_status none = {.path = ""}, status = loaded("/a", "Test", 1);

	assert_null(note(&databases, GEO_ASN, &none));
	assert_non_null(note(&databases, GEO_ASN, &status));
	status = loaded("/b", "Test", 1);
	assert_non_null(note(&databases, GEO_ASN, &status));
	assert_null(note(&databases, GEO_ASN, &none));
	assert_non_null(note(&databases, GEO_ASN, &status));
}

/* Cut to size, and still said once. */
static void test_long_paths(void **state UNUSED)
{
	struct databases databases = {0};
	struct geo_status status;
	char path[600];

	memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	status = unusable(path, "No such file or directory");
	assert_non_null(note(&databases, GEO_ASN, &status));
	assert_null(note(&databases, GEO_ASN, &status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_said_once_and_when_it_changes),
	    cmocka_unit_test(test_other_paths),
	    cmocka_unit_test(test_long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
