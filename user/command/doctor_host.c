/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: the kernel, what it permits, its clock. */
#include "command/doctor.h"

#include "wire/bpf/object.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#define BTF_PATH  "/sys/kernel/btf/vmlinux"
#define JIT_PATH  "/proc/sys/net/core/bpf_jit_enable"
#define TESTED    510        /* `make check-kernels` */
#define UNCHARGED 511        /* from here on BPF memory is no locked memory (Linux 5.11) */
#define REASONS   518        /* kfree_skb tells why it dropped */
#define LOCKED    (64 << 20) /* all maps of an interface and the shared ones, rounded up */

unsigned doctor_kernel_version(const char *release)
{
	char *end;
	const unsigned long major = strtoul(release, &end, 10);
	unsigned long minor;

	if (end == release || *end != '.' || major > 1000)
		return 0;
	minor = strtoul(end + 1, NULL, 10);
	return (unsigned)(major * 100 + (minor < 99 ? minor : 99));
}

static unsigned running_version(struct utsname *ret)
{
	return uname(ret) < 0 ? 0 : doctor_kernel_version(ret->release);
}

void doctor_kernel(struct doctor *doctor)
{
	const bool btf = access(BTF_PATH, R_OK) == 0;
	struct utsname system;
	const unsigned version = running_version(&system);

	if (version < TESTED)
		doctor_note(doctor, DOCTOR_WARNING,
		    "take Linux 5.10 or newer, or be content with packet sockets",
		    "Linux %s is older than any that the programs are tried on", system.release);
	else
		doctor_note(doctor, DOCTOR_OK, NULL, "Linux %s", system.release);
	if (!btf)
		doctor_note(doctor, DOCTOR_WARNING,
		    "take a kernel with CONFIG_DEBUG_INFO_BTF for drops by packet",
		    "no BTF in " BTF_PATH ": stack_drops come from counters");
	else if (version < REASONS)
		doctor_note(doctor, DOCTOR_OK, NULL,
		    "BTF is there; before Linux 5.18 stack_drops come from counters all the same");
	else
		doctor_note(doctor, DOCTOR_OK, NULL, "BTF is there: stack_drops by packet");
}

static void check_locked_memory(struct doctor *doctor)
{
	struct utsname system;
	struct rlimit limit;

	if (running_version(&system) >= UNCHARGED || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= LOCKED ||
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_RESOURCE))
		doctor_note(doctor, DOCTOR_OK, NULL, "locked memory suffices for the maps");
	else
		doctor_note(doctor, DOCTOR_WARNING, "LimitMEMLOCK=infinity, or CAP_SYS_RESOURCE",
		    "at most %llu KiB of locked memory, which maps count as before Linux 5.11",
		    (unsigned long long)limit.rlim_max / 1024);
}

void doctor_bpf(struct doctor *doctor)
{
	static const struct {
		unsigned capability;
		const char *name;
	} needed[] = {
	    {CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}};
	char missing[64] = "";
	int r;

	if (doctor->config->wire.mode == WIRE_OFF || doctor->config->wire.mode == WIRE_PACKET) {
		doctor_note(doctor, DOCTOR_OK, NULL, "not used: wire.mode");
		return;
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		/* Before Linux 5.8 CAP_SYS_ADMIN stands for the first two, and still does. */
		if (!capng_have_capability(CAPNG_EFFECTIVE, needed[i].capability) &&
		    (needed[i].capability == CAP_NET_ADMIN ||
			!capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN)))
			snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing),
			    "%s%s", *missing ? ", " : "", needed[i].name);
	}
	r = wire_bpf_allowed();
	if (*missing)
		doctor_note(doctor, DOCTOR_WARNING, "run as root, or give the agent these",
		    "without %s the wire is counted by packet sockets or not at all", missing);
	if (r < 0)
		doctor_note(doctor, DOCTOR_WARNING,
		    r == -EPERM ? "allow it, or be content with packet sockets"
				: "take a kernel with CONFIG_BPF_SYSCALL",
		    "the kernel makes no BPF map: %s", strerror(-r));
	if (!*missing && r == 0)
		doctor_note(doctor, DOCTOR_OK, NULL, "programs may be loaded");
	check_locked_memory(doctor);
}

void doctor_jit(struct doctor *doctor)
{
	FILE *file = fopen(JIT_PATH, "re");
	int enabled = 0;

	/* Only the first network namespace shows it. */
	if (!file || fscanf(file, "%d", &enabled) != 1)
		doctor_note(doctor, DOCTOR_OK, NULL, "cannot be seen from here");
	else if (enabled)
		doctor_note(doctor, DOCTOR_OK, NULL, "BPF programs are compiled");
	else
		doctor_note(doctor, DOCTOR_WARNING, "sysctl net.core.bpf_jit_enable=1",
		    "BPF programs are interpreted, which costs several times as much");
	if (file)
		fclose(file);
}

void doctor_clock(struct doctor *doctor)
{
	struct timex clock = {0};
	const int state = adjtimex(&clock);

	if (state < 0)
		doctor_note(doctor, DOCTOR_OK, NULL, "cannot be asked: %s", strerror(errno));
	else if (state == TIME_ERROR || clock.status & STA_UNSYNC)
		doctor_note(doctor, DOCTOR_WARNING,
		    "run chrony or systemd-timesyncd, unless the host keeps the time",
		    "not synchronised: windows of several servers do not agree");
	else
		doctor_note(doctor, DOCTOR_OK, NULL, "synchronised, off by at most %ld ms",
		    clock.maxerror / 1000);
}
