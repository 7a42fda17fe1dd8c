/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: the kernel, what it permits, its clock. */
#include "doctor/doctor.h"

#include "wire/bpf/object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#define BTF_PATH  "/sys/kernel/btf/vmlinux"
#define JIT_PATH  "/proc/sys/net/core/bpf_jit_enable"
#define TESTED    510 /* `make check-kernels` */
#define UNCHARGED 511 /* from here on BPF memory is no locked memory (Linux 5.11) */
#define REASONS   518 /* kfree_skb tells why it dropped */

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

	wire_standing_read(&doctor->standing);
	if (version < TESTED)
		doctor_note(doctor, DOCTOR_WARNING,
		    "packet sockets count at a higher cost: take Linux 5.10 or newer",
		    "apt full-upgrade", "Linux %s is older than any that the programs are tried on",
		    system.release);
	else
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "Linux %s", system.release);
	if (!btf)
		doctor_note(doctor, DOCTOR_WARNING,
		    "only a kernel with CONFIG_DEBUG_INFO_BTF tells drops by packet",
		    "apt install linux-image-amd64",
		    "no BTF in " BTF_PATH ": stack_drops come from counters");
	else if (version < REASONS)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL,
		    "BTF is there; before Linux 5.18 stack_drops come from counters all the same");
	else if (doctor->standing.locked_down)
		doctor_note(doctor, DOCTOR_WARNING,
		    "no program may read a packet that the kernel dropped: they come from "
		    "counters, as an upper bound",
		    "cat /sys/kernel/security/lockdown",
		    "the kernel is locked down (confidentiality): stack_drops come from counters");
	else
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "BTF is there: stack_drops by packet");
}

static void check_locked_memory(struct doctor *doctor)
{
	struct utsname system;
	struct rlimit limit;

	if (running_version(&system) >= UNCHARGED || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (!doctor->standing.locked_memory)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "locked memory suffices for the maps");
	else
		doctor_note(doctor, DOCTOR_WARNING,
		    "without LimitMEMLOCK=infinity or CAP_SYS_RESOURCE maps may not fit",
		    "systemctl edit crosstap",
		    "at most %llu KiB of locked memory, which maps count as before Linux 5.11",
		    (unsigned long long)limit.rlim_max / 1024);
}

static const char *command_for(int error, bool misses)
{
	if (error != -EPERM)
		return "grep BPF_SYSCALL /boot/config-$(uname -r)";
	return misses ? "sysctl kernel.unprivileged_bpf_disabled"
		      : "grep Seccomp /proc/self/status; cat /sys/kernel/security/lsm";
}

void doctor_bpf(struct doctor *doctor)
{
	char missing[64], refusal[WIRE_REFUSAL_BYTES];
	bool misses;
	int r;

	if (doctor->config->wire.mode == WIRE_OFF || doctor->config->wire.mode == WIRE_PACKET) {
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "not used: wire.mode");
		return;
	}
	misses = wire_standing_missing(&doctor->standing, missing, sizeof(missing));
	r = wire_bpf_allowed();
	if (misses)
		doctor_note(doctor, DOCTOR_WARNING, "run as root, or give the agent these",
		    "sudo crosstap doctor",
		    "without %s the wire is counted by packet sockets or not at all", missing);
	if (r < 0) {
		wire_refusal_tell(&doctor->standing, r, refusal, sizeof(refusal));
		doctor_note(doctor, DOCTOR_WARNING,
		    "packet sockets count instead, at a higher cost", command_for(r, misses),
		    "the kernel makes no BPF map: %s", refusal);
	}
	if (!misses && r == 0)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "programs may be loaded");
	check_locked_memory(doctor);
}

void doctor_jit(struct doctor *doctor)
{
	FILE *file = fopen(JIT_PATH, "re");
	int enabled = 0;

	/* Only the first network namespace shows it. */
	if (!file || fscanf(file, "%d", &enabled) != 1)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "cannot be seen from here");
	else if (enabled)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "BPF programs are compiled");
	else
		doctor_note(doctor, DOCTOR_WARNING, "that costs several times as much",
		    "sysctl net.core.bpf_jit_enable=1", "BPF programs are interpreted");
	if (file)
		fclose(file);
}

void doctor_clock(struct doctor *doctor)
{
	struct timex clock = {0};
	const int state = adjtimex(&clock);

	if (state < 0)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "cannot be asked: %s", strerror(errno));
	else if (state == TIME_ERROR || clock.status & STA_UNSYNC)
		doctor_note(doctor, DOCTOR_WARNING,
		    "windows of several servers do not agree, unless the host keeps the time",
		    "apt install chrony", "not synchronised");
	else
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "synchronised, off by at most %ld ms",
		    clock.maxerror / 1000);
}
