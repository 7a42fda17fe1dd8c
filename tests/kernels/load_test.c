/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads each program of the kernel side by itself and says how many instructions the verifier
 * walked (0: a kernel before 5.16 does not tell), which is bounded. One that a kernel cannot have
 * must be refused.
 *
 *   load_test [-v]     with the end of the verifier's log
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../bpf/kernel.h"
#include "base/unused.h"
#include "crosstap.skel.h"
#include "drops.skel.h"

#define MAX_VERIFIED 50000
#define LOG_BYTES    (64 << 20)
#define LOG_TAIL     3000

static char *verifier_log;

static int quiet(
    enum libbpf_print_level level UNUSED, const char *format UNUSED, va_list args UNUSED)
{
	return 0;
}

/* An object with only this program of its own, to be loaded. */
static int open_one(struct bpf_object **ret, struct bpf_program **ret_program, const void *elf,
    size_t bytes, const char *name)
{
	struct bpf_object *object = bpf_object__open_mem(elf, bytes, NULL);
	struct bpf_program *program;

	if (!object)
		return -errno;
	*ret_program = bpf_object__find_program_by_name(object, name);
	if (!*ret_program) {
		bpf_object__close(object);
		return -ENOENT;
	}
	bpf_object__for_each_program(program, object)
	    bpf_program__set_autoload(program, program == *ret_program);
	if (verifier_log) {
		verifier_log[0] = 0;
		bpf_program__set_log_buf(*ret_program, verifier_log, LOG_BYTES);
		bpf_program__set_log_level(*ret_program, 1);
	}
	*ret = object;
	return 0;
}

static void say_refused(const char *name, int error)
{
	const size_t length = verifier_log ? strlen(verifier_log) : 0;

	fprintf(stderr, "%s: %s\n%s\n", name, strerror(-error),
	    !length ? "" : verifier_log + (length > LOG_TAIL ? length - LOG_TAIL : 0));
}

/* True if the kernel takes the program, or, where that cannot be, refuses it. */
static bool load_one(const void *elf, size_t bytes, const char *name, bool possible)
{
	struct bpf_prog_info info = {0};
	struct bpf_program *program = NULL;
	struct bpf_object *object = NULL;
	__u32 size = sizeof(info);
	int error = open_one(&object, &program, elf, bytes, name);

	if (error) {
		say_refused(name, error);
		return false;
	}
	error = bpf_object__load(object);
	if (error && possible)
		say_refused(name, error);
	else if (error)
		printf("%s: refused, as it must be here\n", name);
	else if (!possible)
		fprintf(stderr, "%s: taken by a kernel that should not\n", name);
	else if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0)
		printf("%s: %u instructions verified\n", name, info.verified_insns);
	bpf_object__close(object);
	if (info.verified_insns > MAX_VERIFIED)
		fprintf(stderr, "%s: more than %d\n", name, MAX_VERIFIED);
	return !error == possible && info.verified_insns <= MAX_VERIFIED;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"xdp_ingress", "tc_ingress", "tc_egress"};
	size_t bytes;
	const void *elf = crosstap_bpf__elf_bytes(&bytes);
	bool good = true;

	libbpf_set_print(quiet);
	if (argc > 1 && strcmp(argv[1], "-v") == 0)
		verifier_log = calloc(1, LOG_BYTES);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		good &= load_one(elf, bytes, names[i], true);
	good &= load_one(elf, bytes, "xdp_ingress_frags", kernel_at_least(5, 18));
	elf = drops_bpf__elf_bytes(&bytes);
	good &= load_one(elf, bytes, "drop_reason", true);
	free(verifier_log);
	return good ? 0 : 1;
}
