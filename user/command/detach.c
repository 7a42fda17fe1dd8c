/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap detach: removes every BPF program that a killed agent left behind, in this network
 * namespace and in those that have a name. */
#include "command/command.h"

#include "base/log.h"
#include "usage/usage.h"
#include "wire/bpf/detach.h"
#include "wire/netlink/netns.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODULE "detach"

static void say(void *context, bool failed, const char *text)
{
	const char *name = context;

	log_write(failed ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, MODULE, "%s%s%s", name ? name : "",
	    name ? "/" : "", text);
}

static int detach_in(int namespace, char *name, char **interfaces, size_t n, size_t *ret_n)
{
	const struct wire_detach_options options = {
	    .namespace = namespace,
	    .interfaces = interfaces,
	    .n_interfaces = n,
	    .say = say,
	    .context = name,
	};
	int r = wire_detach_all(&options, ret_n);

	if (r < 0)
		log_error(MODULE, "%s%s%s", name ? name : "", name ? ": " : "", strerror(-r));
	return r;
}

static int detach_named(char **interfaces, size_t n, size_t *total)
{
	DIR *folder = opendir("/run/netns");
	struct dirent *entry;
	int result = 0;

	while (folder && (entry = readdir(folder))) {
		size_t removed = 0;
		int namespace, r;

		if (entry->d_name[0] == '.')
			continue;
		namespace = netns_open(entry->d_name);
		if (namespace < 0)
			continue; /* removed meanwhile, or none of ours to see */
		r = detach_in(namespace, entry->d_name, interfaces, n, &removed);
		if (r < 0)
			result = r;
		*total += removed;
		close(namespace);
	}
	if (folder)
		closedir(folder);
	return result;
}

int command_detach(int argc, char **argv)
{
	struct usage_reader reader;
	size_t removed = 0;
	int option, r, named;

	usage_begin(&reader, COMMAND_DETACH, argc, argv);
	option = usage_next(&reader);
	if (option != -1) {
		usage_print(option == USAGE_HELP ? stdout : stderr, COMMAND_DETACH);
		return option == USAGE_HELP ? 0 : 2;
	}
	r = detach_in(-1, NULL, argv + optind, (size_t)(argc - optind), &removed);
	named = detach_named(argv + optind, (size_t)(argc - optind), &removed);
	if (r == 0 && named == 0)
		log_info(MODULE, "done removed=%zu", removed);
	return r < 0 || named < 0;
}
