/* SPDX-License-Identifier: BSD-2-Clause */
/* Which cause is told for an error of bpf(2). */
#include "wire/bpf/refusal.h"

#include "base/unused.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct wire_standing full = {
    .cap_bpf = true, .cap_perfmon = true, .cap_net_admin = true};

static void must_tell(struct wire_standing standing, int error, const char *text)
{
	char told[WIRE_REFUSAL_BYTES];

	wire_refusal_tell(&standing, error, told, sizeof(told));
	assert_string_equal(told, text);
}

static void missing_capabilities(void **state UNUSED)
{
	struct wire_standing standing = full;
	char names[64];

	assert_false(wire_standing_missing(&standing, names, sizeof(names)));
	assert_string_equal(names, "");
	standing.cap_perfmon = false;
	assert_true(wire_standing_missing(&standing, names, sizeof(names)));
	assert_string_equal(names, "CAP_PERFMON");
	/* The verifier refuses what it takes of others. */
	must_tell(standing, -EACCES, "Permission denied: without CAP_PERFMON");
	standing.cap_bpf = standing.cap_net_admin = false;
	must_tell(standing, -EPERM,
	    "Operation not permitted: without CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN");
	/* Not for want of them. */
	must_tell(standing, -ENOMEM, "Cannot allocate memory");
	assert_true(wire_standing_missing(&standing, names, 10));
	assert_string_equal(names, "CAP_BPF, ");
}

static void capable_all_the_same(void **state UNUSED)
{
	struct wire_standing standing = full;

	must_tell(standing, -EPERM,
	    "Operation not permitted: a seccomp filter or a security module forbids bpf(2)");
	must_tell(standing, -ENOSYS,
	    "Function not implemented: the kernel has no bpf(2), or a seccomp filter hides it");
	must_tell(standing, -EINVAL, "Invalid argument");
	standing.locked_memory = true;
	must_tell(standing, -EPERM,
	    "Operation not permitted: maps are locked memory before Linux 5.11: "
	    "LimitMEMLOCK=infinity");
	standing.user_namespace = true;
	must_tell(standing, -EPERM,
	    "Operation not permitted: the capabilities of a user namespace do not count");
}

static void locked_down(void **state UNUSED)
{
	struct wire_standing standing = full;

	standing.locked_down = true;
	must_tell(
	    standing, -EINVAL, "Invalid argument: the kernel is locked down (confidentiality)");
	must_tell(
	    standing, -EACCES, "Permission denied: the kernel is locked down (confidentiality)");
	/* That is never its error. */
	must_tell(standing, -ENOENT, "No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(missing_capabilities),
	    cmocka_unit_test(capable_all_the_same),
	    cmocka_unit_test(locked_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
