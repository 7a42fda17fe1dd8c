/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap detach: removes every BPF program that a killed agent left behind, in this network
 * namespace and in those that have a name. */
#include "command/command.h"

#include "base/log.h"
#include "wire/bpf/detach.h"
#include "wire/netlink/netns.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODULE "detach"

static const char usage[] =
    "usage: crosstap detach [IFACE]...\n"
    "Removes every BPF program that a killed agent left behind, from these interfaces or from "
    "all,\n"
    "here and in every named network namespace. What a running agent uses is left alone.\n"
    "Exit status: 0 nothing is left; 1 something could not be removed; 2 bad usage.\n";

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
			continue; /* removed meanwhile */
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
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
	size_t removed = 0;
	int c, r, named;

	optind = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		fputs(usage, c == 'h' ? stdout : stderr);
		return c == 'h' ? 0 : 2;
	}
	r = detach_in(-1, NULL, argv + optind, (size_t)(argc - optind), &removed);
	named = detach_named(argv + optind, (size_t)(argc - optind), &removed);
	if (r == 0 && named == 0)
		log_info(MODULE, "done removed=%zu", removed);
	return r < 0 || named < 0;
}
