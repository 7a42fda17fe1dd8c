/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a command for which bpf(2) fails, as a container's or a unit's filter of system calls has
 * it.
 *
 *   refuse_bpf EPERM|ENOSYS COMMAND...
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int refuse(uint16_t error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r =
	    filter ? seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), SCMP_SYS(bpf), 0) : -ENOMEM;

	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int main(int argc, char **argv)
{
	int r;

	if (argc < 3 || (strcmp(argv[1], "EPERM") != 0 && strcmp(argv[1], "ENOSYS") != 0)) {
		fputs("usage: refuse_bpf EPERM|ENOSYS COMMAND...\n", stderr);
		return 2;
	}
	r = refuse(strcmp(argv[1], "EPERM") == 0 ? EPERM : ENOSYS);
	if (r == 0) {
		execvp(argv[2], argv + 2);
		r = -errno;
	}
	fprintf(stderr, "refuse_bpf: %s\n", strerror(-r));
	return 127;
}
