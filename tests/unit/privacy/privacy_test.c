/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "privacy/privacy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/privacy-test-XXXXXX";
static char key_path[64];
static char reason[256];

static void write_key(const void *data, size_t length, mode_t mode)
{
	int fd;

	unlink(key_path);
	fd = open(key_path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), length);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int try_key(const char *path)
{
	struct config config = {
	    .privacy = {.addresses = ADDRESSES_CRYPTOPAN, .cryptopan_key_file = path}};
	struct privacy *privacy = NULL;
	int r;

	reason[0] = '\0';
	r = privacy_new(&privacy, &config, reason, sizeof(reason));
	assert_true((r == 0) == (privacy != NULL));
	assert_true((r == 0) == (reason[0] == '\0'));
	privacy_free(privacy);
	return r;
}

static const char hex_key[] = "1522178d33a4cf80130a5b1649907d10d8988f8379796527"
			      "62574c2d2a842202";

static void test_key_file(void **state UNUSED)
{
	char text[70];
	uint8_t raw[33] = {1};

	assert_int_equal(try_key(""), -ENOKEY);
	unlink(key_path);
	assert_int_equal(try_key(key_path), -ENOENT);
	assert_non_null(strstr(reason, key_path));
	for (int length = 30; length <= 33; length++) {
		write_key(raw, (size_t)length, 0600);
		assert_int_equal(try_key(key_path), length == 32 ? 0 : -EINVAL);
	}
	for (mode_t bit = 1; bit <= 040; bit <<= 1) {
		write_key(raw, 32, 0600 | bit);
		assert_int_equal(try_key(key_path), -EPERM);
	}
	snprintf(text, sizeof(text), "%s\n", hex_key);
	write_key(text, 65, 0400);
	assert_int_equal(try_key(key_path), 0);
	write_key(text, 64, 0400);
	assert_int_equal(try_key(key_path), 0);
	write_key(text, 63, 0400);
	assert_int_equal(try_key(key_path), -EINVAL);
	text[10] = 'g';
	write_key(text, 65, 0400);
	assert_int_equal(try_key(key_path), -EINVAL);
	assert_null(strstr(reason, "1522178d"));
	assert_int_equal(try_key(folder), -EPERM);
	unlink(key_path);
	assert_int_equal(mkfifo(key_path, 0600), 0);
	assert_int_equal(try_key(key_path), -EPERM);
	if (geteuid() == 0) {
		write_key(raw, 32, 0600);
		assert_int_equal(chown(key_path, 12345, 0), 0);
		assert_int_equal(try_key(key_path), -EPERM);
	}
}

static const char *shown(struct privacy *privacy, const char *address)
{
	static char text[INET6_ADDRSTRLEN];
	unsigned family = strchr(address, ':') ? 6 : 4;
	uint8_t bytes[16] = {0};

	/* What lies behind an IPv4 address must not matter. */
	if (family == 4)
		memset(bytes, rand(), 16);
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, address, bytes), 1);
	privacy_address(privacy, bytes, family, text);
	return text;
}

static struct privacy *privacy_of(struct config *config)
{
	struct privacy *privacy = NULL;

	assert_int_equal(privacy_new(&privacy, config, reason, sizeof(reason)), 0);
	return privacy;
}

static void test_addresses(void **state UNUSED)
{
	struct config config = {.privacy = {.cryptopan_key_file = key_path}};
	struct privacy *privacy;

	config.privacy.addresses = ADDRESSES_FULL;
	privacy = privacy_of(&config);
	assert_string_equal(shown(privacy, "192.0.2.77"), "192.0.2.77");
	assert_string_equal(shown(privacy, "2001:db8:1:2::3"), "2001:db8:1:2::3");
	privacy_free(privacy);

	config.privacy.addresses = ADDRESSES_PREFIX;
	privacy = privacy_of(&config);
	assert_string_equal(shown(privacy, "192.0.2.77"), "192.0.2.0/24");
	assert_string_equal(shown(privacy, "2001:db8:1:2::3"), "2001:db8:1::/48");
	assert_string_equal(shown(privacy, "::ffff:192.0.2.77"), "::/48");
	privacy_free(privacy);

	config.privacy.addresses = ADDRESSES_NONE;
	privacy = privacy_of(&config);
	assert_string_equal(shown(privacy, "192.0.2.77"), "");
	privacy_free(privacy);

	write_key(hex_key, 64, 0600);
	config.privacy.addresses = ADDRESSES_CRYPTOPAN;
	privacy = privacy_of(&config);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(shown(privacy, "128.11.68.132"), "135.242.180.132");
		assert_string_equal(
		    shown(privacy, "2001:db8::1"), "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e");
		/* The same sixteen bytes in another family are another address. */
		assert_string_not_equal(shown(privacy, "800b:4484::"), "135.242.180.132");
	}
	privacy_free(privacy);
}

/* More addresses than the cache has slots: what comes from it is what was computed. */
static void test_cache_is_transparent(void **state UNUSED)
{
	struct config config = {
	    .privacy = {.addresses = ADDRESSES_CRYPTOPAN, .cryptopan_key_file = key_path}};
	struct privacy *privacy;
	uint8_t address[16] = {10};
	char(*first)[INET6_ADDRSTRLEN] = calloc(6000, sizeof(*first));

	assert_non_null(first);
	write_key(hex_key, 64, 0600);
	privacy = privacy_of(&config);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 6000; i++) {
			char text[INET6_ADDRSTRLEN];

			address[2] = (uint8_t)(i >> 8);
			address[3] = (uint8_t)i;
			privacy_address(privacy, address, 4, text);
			if (round == 0)
				memcpy(first[i], text, sizeof(text));
			else
				assert_string_equal(first[i], text);
		}
	privacy_free(privacy);
	free(first);
}

#define WIRE(text)    (const uint8_t *)(text), sizeof(text)
#define NO_ROOT(text) (const uint8_t *)(text), sizeof(text) - 1

static const char *name_of(const struct privacy *privacy, const uint8_t *wire, size_t length)
{
	static char text[PRIVACY_NAME_SIZE];

	assert_int_equal(privacy_name(privacy, wire, length, text, sizeof(text)), 0);
	return text;
}

static void test_full_names(void **state UNUSED)
{
	struct config config = {.privacy = {.names = NAMES_FULL}};
	struct privacy *privacy = privacy_of(&config);
	char text[8];

	assert_string_equal(name_of(privacy, WIRE("")), ".");
	assert_string_equal(name_of(privacy, NULL, 0), ".");
	assert_string_equal(name_of(privacy, WIRE("\3WwW\7eXample\3nEt")), "www.example.net");
	assert_string_equal(name_of(privacy, NO_ROOT("\3www\2nl")), "www.nl");
	assert_string_equal(
	    name_of(privacy, WIRE("\11a.b\\c\0\n \xff\2nl")), "a\\.b\\\\c\\000\\010\\032\\255.nl");
	assert_int_equal(privacy_name(privacy, WIRE("\3www\2nl"), text, 7), 0);
	assert_int_equal(privacy_name(privacy, WIRE("\3www\2nl"), text, 6), -ENOSPC);
	assert_string_equal(text, "");
	assert_int_equal(privacy_name(privacy, WIRE("\3www\2nl"), text, 0), -ENOSPC);
	privacy_free(privacy);
}

static void test_bad_names(void **state UNUSED)
{
	struct config config = {.privacy = {.names = NAMES_FULL}};
	struct privacy *privacy = privacy_of(&config);
	char text[PRIVACY_NAME_SIZE] = "x";
	uint8_t wire[300] = {0};

	assert_int_equal(privacy_name(privacy, NO_ROOT("\4www"), text, sizeof(text)), -EINVAL);
	assert_string_equal(text, "");
	assert_int_equal(privacy_name(privacy, NO_ROOT("\xc0\x0c"), text, sizeof(text)), -EINVAL);
	assert_int_equal(privacy_name(privacy, WIRE("\1a\0\1b"), text, sizeof(text)), -EINVAL);
	memset(wire, 'a', sizeof(wire));
	wire[0] = 64;
	wire[65] = 0;
	assert_int_equal(privacy_name(privacy, wire, 66, text, sizeof(text)), -EINVAL);
	/* 127 labels of one octet are 255 octets with the root's: the longest name there is. */
	for (size_t i = 0; i < 256; i += 2) {
		wire[i] = 1;
		wire[i + 1] = 0xff;
	}
	wire[254] = 0;
	assert_int_equal(privacy_name(privacy, wire, 255, text, sizeof(text)), 0);
	assert_int_equal(strlen(text), 127 * 5 - 1);
	wire[254] = 1;
	assert_int_equal(privacy_name(privacy, wire, 256, text, sizeof(text)), -EINVAL);
	wire[0] = wire[64] = wire[128] = 63;
	wire[192] = 61;
	wire[254] = 0;
	assert_int_equal(privacy_name(privacy, wire, 255, text, sizeof(text)), 0);
	wire[192] = 62;
	wire[255] = 0;
	assert_int_equal(privacy_name(privacy, wire, 256, text, sizeof(text)), -EINVAL);
	privacy_free(privacy);
}

static void test_suffixes(void **state UNUSED)
{
	const char *zones[] = {"example.org", "co.uk", "deep.example.org", "a\\.b.nl"};
	struct config_input inputs[] = {
	    {.zone = "default", .zones = {zones, 4}}, {.zone = "gov.au"}};
	struct config config = {
	    .inputs = inputs, .n_inputs = 2, .privacy = {.names = NAMES_SUFFIX}};
	struct privacy *privacy = privacy_of(&config);

	assert_string_equal(name_of(privacy, WIRE("\1a\1b\7example\3ORG")), "b.example.org");
	assert_string_equal(name_of(privacy, WIRE("\7example\3org")), "example.org");
	assert_string_equal(
	    name_of(privacy, WIRE("\1a\1b\4deep\7example\3org")), "b.deep.example.org");
	assert_string_equal(name_of(privacy, WIRE("\1a\3bbc\2co\2uk")), "bbc.co.uk");
	assert_string_equal(name_of(privacy, WIRE("\1a\3ato\3gov\2au")), "ato.gov.au");
	assert_string_equal(name_of(privacy, WIRE("\1x\1y\3a.b\2nl")), "y.a\\.b.nl");
	assert_string_equal(name_of(privacy, WIRE("\1x\1y\1a\1b\2nl")), "b.nl");
	assert_string_equal(name_of(privacy, WIRE("\1a\1b\3xyz")), "b.xyz");
	assert_string_equal(name_of(privacy, WIRE("\3xyz")), "xyz");
	assert_string_equal(name_of(privacy, WIRE("")), ".");
	privacy_free(privacy);

	inputs[1].zone = ".";
	privacy = privacy_of(&config);
	assert_string_equal(name_of(privacy, WIRE("\1a\1b\3xyz")), "xyz");
	assert_string_equal(name_of(privacy, WIRE("")), ".");
	assert_string_equal(name_of(privacy, WIRE("\1a\3bbc\2co\2uk")), "bbc.co.uk");
	privacy_free(privacy);

	config.privacy.names = NAMES_NONE;
	privacy = privacy_of(&config);
	assert_string_equal(name_of(privacy, WIRE("\1a\1b\3xyz")), "");
	privacy_free(privacy);
}

static int set_up(void **state UNUSED)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(key_path, sizeof(key_path), "%s/key", folder);
	return 0;
}

static int tear_down(void **state UNUSED)
{
	unlink(key_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_key_file),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_cache_is_transparent),
	    cmocka_unit_test(test_full_names),
	    cmocka_unit_test(test_bad_names),
	    cmocka_unit_test(test_suffixes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
