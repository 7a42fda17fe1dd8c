/* SPDX-License-Identifier: BSD-2-Clause */
/* The network namespace that counts: the configured one, else that of a nameserver which has one of
 * its own. */
#include "doctor/network.h"

#include "doctor/processes.h"
#include "wire/netlink/netns.h"

#include <sys/stat.h>
#include <unistd.h>

static int open_that_of_nameserver(const struct nameservers *all)
{
	char path[64];
	struct stat ours;
	pid_t elsewhere = 0;

	if (!all || stat("/proc/self/ns/net", &ours) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++) {
		if (all->items[i].network == ours.st_ino)
			return -1;
		if (all->items[i].network && !elsewhere)
			elsewhere = all->items[i].pid;
	}
	if (!elsewhere)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)elsewhere);
	return netns_open(path);
}

/* A host that a test made has no namespaces. What cannot be entered was said by other checks. */
void doctor_in_namespace(struct doctor *doctor, void (*work)(void *context), void *context)
{
	const char *name = doctor->config->wire.netns;
	int namespace = -1;

	if (doctor->root) {
		work(context);
		return;
	}
	namespace = *name ? netns_open(name) : open_that_of_nameserver(doctor->nameservers);
	if (!*name || namespace >= 0)
		(void)netns_call(namespace < 0 ? -1 : namespace, work, context);
	if (namespace >= 0)
		close(namespace);
}
