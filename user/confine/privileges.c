/* SPDX-License-Identifier: BSD-2-Clause */
#include "confine/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#define BIT(capability) (1ull << (capability))

#define WIRE_PRIVILEGES (BIT(CAP_BPF) | BIT(CAP_PERFMON) | BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW))
/* Sockets in folders of nameservers, whose mode and owner a reload may change; ports below 1024. */
#define FILE_PRIVILEGES                                                                            \
	(BIT(CAP_CHOWN) | BIT(CAP_FOWNER) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_NET_BIND_SERVICE))

/* Memory of maps is charged to a limit that may have to be raised. */
static bool charges_locked_memory(void)
{
	struct utsname name;
	unsigned major, minor;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 5 || (major == 5 && minor < 11));
}

static bool uses_bpf(const struct config *config)
{
	return config->wire.mode != WIRE_OFF && config->wire.mode != WIRE_PACKET;
}

static uint64_t needed_by(const struct config *config)
{
	uint64_t needed = FILE_PRIVILEGES;

	if (uses_bpf(config))
		needed |= WIRE_PRIVILEGES | BIT(CAP_SYS_ADMIN);
	/* SIOCUNIXFILE, by which the file of a socket is known for certain, asks for NET_ADMIN;
	 * whoever could be led to another file by it is root. */
	for (size_t i = 0; i < config->n_inputs && geteuid() == 0; i++) {
		if (config->inputs[i].kind == INPUT_UNIX)
			needed |= BIT(CAP_NET_ADMIN);
	}
	if (config->wire.mode == WIRE_PACKET || config->ping.enabled)
		needed |= BIT(CAP_NET_RAW);
	if (config->wire.mode != WIRE_OFF && *config->wire.netns)
		needed |= BIT(CAP_SYS_ADMIN);
	if (uses_bpf(config) && charges_locked_memory())
		needed |= BIT(CAP_SYS_RESOURCE);
	return needed;
}

static uint64_t permitted(void)
{
	uint64_t set = 0;

	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_get_caps_process() < 0)
		return 0;
	for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++) {
		if (capng_have_capability(CAPNG_PERMITTED, capability))
			set |= BIT(capability);
	}
	return set;
}

/* Of those that are permitted. The bounding set goes with CAP_SETPCAP alone: without it, nothing
 * that is executed could have more than what is there, since there is no_new_privs. */
static int apply(uint64_t effective, uint64_t kept, bool bounds)
{
	capng_clear(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
	for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++) {
		if (kept & BIT(capability))
			capng_update(CAPNG_ADD, CAPNG_PERMITTED, capability);
		if (effective & kept & BIT(capability))
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, capability);
	}
	return capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

static void name_all(uint64_t set, char *names, size_t size)
{
	size_t used = 0;

	if (size)
		*names = 0;
	for (unsigned capability = 0; capability <= CAP_LAST_CAP; capability++) {
		const char *name =
		    set & BIT(capability) ? capng_capability_to_name(capability) : NULL;

		if (name && used < size)
			used += (size_t)snprintf(
			    names + used, size - used, "%s%s", used ? "," : "", name);
	}
}

int confine_privileges(const struct config *config, char *names, size_t size)
{
	const uint64_t have = permitted(), needed = needed_by(config);
	const uint64_t kept = have & (needed | WIRE_PRIVILEGES | FILE_PRIVILEGES);

	name_all(needed & kept, names, size);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return apply(needed, kept, have & BIT(CAP_SETPCAP));
}

int confine_privileges_again(const struct config *config, const struct config *other)
{
	return apply(needed_by(config) | (other ? needed_by(other) : 0), permitted(), false);
}
