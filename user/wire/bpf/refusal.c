/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/refusal.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <bpf/bpf.h>

/* All maps of an interface and the shared ones, rounded up. */
#define LOCKED_BYTES (64 << 20)
#define USERS_PATH   "/proc/self/uid_map"
#define ALL_USERS    4294967295u /* user_namespaces(7): those of the first namespace */

/* The kernel's own users are the whole range, each as itself. */
static bool in_user_namespace(void)
{
	FILE *file = fopen(USERS_PATH, "re");
	unsigned inside, outside, count;
	bool own = false;

	if (!file)
		return false;
	if (fscanf(file, "%u %u %u", &inside, &outside, &count) == 3)
		own = inside != 0 || outside != 0 || count != ALL_USERS;
	fclose(file);
	return own;
}

static bool lacks_locked_memory(void)
{
	struct utsname name;
	struct rlimit limit;
	unsigned major, minor;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 5 || (major == 5 && minor < 11)) &&
	    !capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_RESOURCE) &&
	    getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_max < LOCKED_BYTES;
}

static bool loads(const struct bpf_insn *program, size_t n)
{
	const int fd =
	    bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "probe", "GPL", program, n, NULL);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* /sys/kernel/security need not be to be seen from here, and kernels call the refusal by different
 * names: a program that reads, and one that does not. */
static bool is_locked_down(void)
{
	const struct bpf_insn reading[] = {
	    {.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_10},
	    /* NOLINTNEXTLINE(misc-redundant-expression): two names, both of 0 */
	    {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_1, .imm = -8},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 8},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = 0},
	    {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel},
	    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
	    {.code = BPF_JMP | BPF_EXIT},
	};

	return loads(&reading[5], 2) && !loads(reading, sizeof(reading) / sizeof(reading[0]));
}

void wire_standing_read(struct wire_standing *ret)
{
	/* A thread keeps what it read first. */
	const bool known = capng_get_caps_process() == 0;
	const bool admin = known && capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN);

	*ret = (struct wire_standing){
	    .cap_bpf = admin || (known && capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF)),
	    .cap_perfmon = admin || (known && capng_have_capability(CAPNG_EFFECTIVE, CAP_PERFMON)),
	    .cap_net_admin = known && capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN),
	    .user_namespace = in_user_namespace(),
	    .locked_memory = lacks_locked_memory(),
	    .locked_down = is_locked_down(),
	};
}

bool wire_standing_missing(const struct wire_standing *standing, char *ret, size_t size)
{
	const struct {
		bool held;
		const char *name;
	} all[] = {{standing->cap_bpf, "CAP_BPF"}, {standing->cap_perfmon, "CAP_PERFMON"},
	    {standing->cap_net_admin, "CAP_NET_ADMIN"}};
	size_t used = 0;

	*ret = 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!all[i].held && used < size)
			used += (size_t)snprintf(
			    ret + used, size - used, "%s%s", used ? ", " : "", all[i].name);
	}
	return used > 0;
}

void wire_refusal_tell(const struct wire_standing *standing, int error, char *ret, size_t size)
{
	const char *cause = NULL;
	char missing[64];

	/* Without CAP_PERFMON the verifier refuses what it else would take: EACCES, EINVAL. */
	if ((error == -EPERM || error == -EACCES || error == -EINVAL) &&
	    wire_standing_missing(standing, missing, sizeof(missing))) {
		snprintf(ret, size, "%s: without %s", strerror(-error), missing);
		return;
	}
	if (error == -EPERM && standing->user_namespace)
		cause = "the capabilities of a user namespace do not count";
	else if (error == -EPERM && standing->locked_memory)
		cause = "maps are locked memory before Linux 5.11: LimitMEMLOCK=infinity";
	else if (error == -EPERM)
		cause = "a seccomp filter or a security module forbids bpf(2)";
	else if (error == -ENOSYS)
		cause = "the kernel has no bpf(2), or a seccomp filter hides it";
	else if (standing->locked_down && (error == -EACCES || error == -EINVAL))
		cause = "the kernel is locked down (confidentiality)";
	snprintf(ret, size, "%s%s%s", strerror(-error), cause ? ": " : "", cause ? cause : "");
}

void wire_refusal(int error, char *ret, size_t size)
{
	struct wire_standing standing;

	wire_standing_read(&standing);
	wire_refusal_tell(&standing, error, ret, size);
}
