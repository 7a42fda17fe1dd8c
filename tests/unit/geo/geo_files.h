/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder with databases, and the reader of them under test. */
#ifndef CROSSTAP_TESTS_GEO_FILES_H
#define CROSSTAP_TESTS_GEO_FILES_H

#include "base/unused.h"
#include "geo/geo.h"

#include "mmdb_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define BUILT_S 1700000000

static char folder[] = "/tmp/geo-test-XXXXXX";
static char country_path[64], asn_path[64], other_path[64];

static inline void write_file(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static inline void replace_file(const char *path, const uint8_t *data, size_t size)
{
	write_file(other_path, data, size);
	assert_int_equal(rename(other_path, path), 0);
}

static inline void finish(struct writer *w, const char *path, uint64_t built_s)
{
	size_t size;
	uint8_t *file = writer_finish(w, built_s, &size);

	replace_file(path, file, size);
	free(file);
	writer_free(w);
}

static inline void remove_files(void)
{
	unlink(country_path);
	unlink(asn_path);
}

static inline struct geo *open_geo(void)
{
	struct geo *geo = NULL;

	assert_int_equal(geo_new(&geo, country_path, asn_path), 0);
	return geo;
}

static inline struct geo_answer look_up(struct geo *geo, const char *text)
{
	unsigned family = strchr(text, ':') ? 6 : 4;
	struct geo_answer answer;
	uint8_t address[16];

	/* What lies behind an IPv4 address must not matter. */
	memset(address, 0xff, sizeof(address));
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, address), 1);
	geo_lookup(geo, address, family, &answer);
	assert_true(geo_is_current(geo, &answer));
	return answer;
}

#define assert_country(geo, address, code) assert_string_equal(look_up(geo, address).country, code)
#define assert_asn(geo, address, number)   assert_int_equal(look_up(geo, address).asn, number)

static inline void assert_org(struct geo *geo, uint32_t asn, const char *expected)
{
	char org[GEO_ORG_SIZE];

	assert_int_equal(geo_as_org(geo, asn, org, sizeof(org)), strlen(expected));
	assert_string_equal(org, expected);
}

static inline void assert_reason(struct geo *geo, enum geo_database which, const char *part)
{
	struct geo_status status;

	geo_get_status(geo, which, &status);
	if (!*part)
		assert_string_equal(status.reason, "");
	else if (!strstr(status.reason, part))
		fail_msg("\"%s\" is not in \"%s\"", part, status.reason);
}

static inline int set_up(void **state UNUSED)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(country_path, sizeof(country_path), "%s/country.mmdb", folder);
	snprintf(asn_path, sizeof(asn_path), "%s/asn.mmdb", folder);
	snprintf(other_path, sizeof(other_path), "%s/other", folder);
	return 0;
}

static inline int tear_down(void **state UNUSED)
{
	remove_files();
	return rmdir(folder);
}

#endif
