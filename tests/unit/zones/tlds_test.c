/* SPDX-License-Identifier: BSD-2-Clause */
#include "zones/tlds.h"

#include "base/unused.h"
#include "zones/zones.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct hash_seed seed = {0xd6e8feb86659fd93, 0xbf58476d1ce4e5b9};

static bool has(const struct tlds *tlds, const char *text)
{
	uint8_t tld[2 + 63];

	tld[0] = (uint8_t)strlen(text);
	memcpy(tld + 1, text, strlen(text) + 1);
	return tlds_has(tlds, tld);
}

/* Lower case, in order, no name twice: what a file of IANA's becomes. */
static void the_list_that_is_built_in(void **state UNUSED)
{
	static const char *const none[] = {"", "n", "localhost", "local", "internal", "lan",
	    "onion", "amsterdan", "nll", "n\1", "xn--nowhere"};
	struct tlds *tlds;

	assert_in_range(n_iana_tlds, 1400, 2000);
	for (size_t i = 1; i < n_iana_tlds; i++)
		assert_true(strcmp(iana_tlds[i - 1], iana_tlds[i]) < 0);
	assert_int_equal(tlds_new(&tlds, iana_tlds, n_iana_tlds, &seed), 0);
	for (size_t i = 0; i < n_iana_tlds; i++)
		assert_true(has(tlds, iana_tlds[i]));
	assert_true(has(tlds, "NL"));
	assert_true(has(tlds, "Arpa"));
	assert_true(has(tlds, "XN--P1AI"));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(has(tlds, none[i]));
	tlds_free(tlds);
}

static void a_list_of_ones_own(void **state UNUSED)
{
	static const char *const good[] = {"lan", "1"}, *const deep[] = {"co.uk"},
				 *const root[] = {"."}, *const bad[] = {"a..b"};
	struct tlds *tlds = NULL;

	assert_int_equal(tlds_new(&tlds, deep, 1, &seed), -EINVAL);
	assert_int_equal(tlds_new(&tlds, root, 1, &seed), -EINVAL);
	assert_int_equal(tlds_new(&tlds, bad, 1, &seed), -EINVAL);
	assert_null(tlds);
	assert_int_equal(tlds_new(&tlds, NULL, 0, &seed), 0);
	assert_false(has(tlds, "nl"));
	tlds_free(tlds);
	assert_int_equal(tlds_new(&tlds, good, 2, &seed), 0);
	assert_true(has(tlds, "LAN") && has(tlds, "1"));
	assert_false(has(tlds, "nl") || has(tlds, "la"));
	tlds_free(tlds);
	tlds_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_list_that_is_built_in),
	    cmocka_unit_test(a_list_of_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
