/* SPDX-License-Identifier: BSD-2-Clause */
/* A test that cannot be played here is left out with a reason, which scripts/run-unit shows and
 * counts. tests/may_skip says which reasons the CI accepts. */
#ifndef CROSSTAP_TESTS_SKIP_H
#define CROSSTAP_TESTS_SKIP_H

#define skip_because(reason)                                                                       \
	do {                                                                                       \
		print_message("skip: %s\n", (reason));                                             \
		skip();                                                                            \
	} while (0)

#endif
