/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/detach.h"

#include "wire/bpf/dispatcher.h"
#include "wire/bpf/object.h"
#include "wire/netlink/netlink.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>

#define MAX_FILTERS 128
#define MAX_PINS    256

struct detaching {
	const struct wire_detach_options *options;
	struct netlink *netlink;
	const struct wire_link *link;
	bool dispatcher, made_clsact;
	size_t n;
	int error;
};

static void say(const struct detaching *all, bool failed, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct detaching *all, bool failed, const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	all->options->say(all->options->context, failed, text);
}

/* -- who uses a map: a line of /proc/PID/fdinfo/FD */

static bool names_map(const char *path, uint32_t id)
{
	char line[128];
	unsigned found;
	bool named = false;
	FILE *file = fopen(path, "re");

	while (file && !named && fgets(line, sizeof(line), file))
		named = sscanf(line, "map_id: %u", &found) == 1 && found == id;
	if (file)
		fclose(file);
	return named;
}

static bool process_holds(const char *pid, uint32_t id)
{
	char path[64 + 2 * NAME_MAX];
	const struct dirent *entry;
	bool holds = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo", pid);
	folder = opendir(path);
	while (folder && !holds && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, entry->d_name);
		holds = entry->d_name[0] != '.' && names_map(path, id);
	}
	if (folder)
		closedir(folder);
	return holds;
}

/* The process that works with these maps; 0: none. */
static long find_user(const struct wire_maps *maps)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	const struct dirent *entry;
	long user = 0;
	DIR *folder;

	if (maps->fds[WIRE_MAP_CONFIG] < 0 ||
	    bpf_obj_get_info_by_fd(maps->fds[WIRE_MAP_CONFIG], &info, &size) < 0)
		return 0;
	folder = opendir("/proc");
	while (folder && !user && (entry = readdir(folder))) {
		const long pid = atol(entry->d_name);

		if (pid > 0 && pid != getpid() && process_holds(entry->d_name, info.id))
			user = pid;
	}
	if (folder)
		closedir(folder);
	return user;
}

/* -- one interface */

static bool made_clsact(const struct wire_maps *maps)
{
	const int fd = maps->fds[WIRE_MAP_READING];
	struct wire_reading *reading =
	    fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*reading), PROT_READ, MAP_SHARED, fd, 0);
	bool made;

	if (reading == MAP_FAILED)
		return false;
	made = reading->made_clsact;
	munmap(reading, sizeof(*reading));
	return made;
}

/* True if it may go. */
static bool is_orphan(struct detaching *all, const char *what, const struct wire_running *running)
{
	const long user = find_user(&running->maps);

	if (user) {
		say(all, false, "%s: %s is in use by process %ld, left alone", all->link->name,
		    what, user);
		return false;
	}
	if (running->compatible)
		all->made_clsact |= made_clsact(&running->maps);
	return true;
}

static void done(struct detaching *all, const char *what, uint32_t id, int r)
{
	if (r == 0) {
		say(all, false, "%s: %s removed (id %u)", all->link->name, what, id);
		all->n++;
		return;
	}
	say(all, true, "%s: %s cannot be removed: %s", all->link->name, what,
	    netlink_error(all->netlink, r));
	if (!all->error)
		all->error = r;
}

static void detach_xdp(struct detaching *all)
{
	const struct wire_link *link = all->link;
	const uint32_t ids[] = {link->xdp_native, link->xdp_generic};
	static const uint32_t flags[] = {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};
	static const char *const what[] = {"native XDP program", "generic XDP program"};
	struct wire_running running;

	for (int i = 0; i < 2; i++) {
		if (!ids[i] || wire_running_find(&running, NULL, ids[i]) < 0)
			continue;
		if (is_orphan(all, what[i], &running))
			done(all, what[i], ids[i],
			    netlink_xdp(all->netlink, link->index, -1, running.fd, flags[i]));
		wire_running_close(&running);
	}
	if (!all->dispatcher || !link->xdp_native ||
	    wire_dispatcher_find(all->options->namespace, link->index, 0, true, &running) < 0)
		return;
	if (is_orphan(all, "XDP program", &running))
		done(all, "XDP program", running.id,
		    wire_dispatcher_detach(all->options->namespace, link->index, running.id));
	wire_running_close(&running);
}

static void detach_filters(struct detaching *all, enum wire_hook hook)
{
	const char *what = hook == WIRE_HOOK_INGRESS ? "tc ingress filter" : "tc egress filter";
	struct wire_filter filters[MAX_FILTERS];
	struct wire_running running;
	size_t n = 0;

	if (netlink_filters(all->netlink, all->link->index, hook, filters, MAX_FILTERS, &n) < 0)
		return;
	for (size_t i = 0; i < n && i < MAX_FILTERS; i++) {
		if (!filters[i].program ||
		    wire_running_find(&running, NULL, filters[i].program) < 0)
			continue;
		if (is_orphan(all, what, &running))
			done(all, what, running.id,
			    netlink_delete_filter(
				all->netlink, all->link->index, hook, &filters[i]));
		wire_running_close(&running);
	}
}

static void detach_clsact(struct detaching *all)
{
	size_t ingress = 0, egress = 0;

	if (!all->made_clsact)
		return;
	if (netlink_filters(all->netlink, all->link->index, WIRE_HOOK_INGRESS, NULL, 0, &ingress) <
		0 ||
	    netlink_filters(all->netlink, all->link->index, WIRE_HOOK_EGRESS, NULL, 0, &egress) <
		0 ||
	    ingress + egress)
		return;
	done(all, "empty clsact qdisc", 0, netlink_delete_clsact(all->netlink, all->link->index));
}

static bool is_asked(const struct wire_detach_options *options, const char *name)
{
	for (size_t i = 0; i < options->n_interfaces; i++) {
		if (strcmp(options->interfaces[i], name) == 0)
			return true;
	}
	return options->n_interfaces == 0;
}

/* Programs whose dispatcher nobody runs any more, as it was replaced or its interface vanished. */
static void detach_pins(struct detaching *all, const struct wire_link *links, size_t n)
{
	struct wire_pin pins[MAX_PINS];
	const size_t n_pins = wire_dispatcher_pins(pins, MAX_PINS);
	static const struct wire_link vanished = {.name = "no interface"};
	struct wire_running running;

	for (size_t i = 0; i < n_pins; i++) {
		all->link = &vanished;
		for (size_t j = 0; j < n; j++) {
			if (links[j].index == pins[i].index)
				all->link = &links[j];
		}
		if (all->link->xdp_native == pins[i].dispatcher ||
		    !is_asked(all->options, all->link->name) ||
		    wire_running_find(&running, NULL, pins[i].program) < 0)
			continue;
		if (is_orphan(all, "pinned XDP program", &running))
			done(all, "pinned XDP program", running.id,
			    wire_dispatcher_unpin(running.id));
		wire_running_close(&running);
	}
}

int wire_detach_all(const struct wire_detach_options *options, size_t *ret_n)
{
	struct detaching all = {.options = options};
	struct wire_link *links = NULL;
	size_t n = 0;
	int r = netlink_open(&all.netlink, options->namespace);

	wire_bpf_quiet();
	if (r == 0)
		r = netlink_links(all.netlink, &links, &n);
	if (r == 0)
		all.dispatcher = wire_dispatcher_works();
	for (size_t i = 0; i < n; i++) {
		if (!is_asked(options, links[i].name))
			continue;
		all.link = &links[i];
		all.made_clsact = false;
		detach_xdp(&all);
		detach_filters(&all, WIRE_HOOK_INGRESS);
		detach_filters(&all, WIRE_HOOK_EGRESS);
		detach_clsact(&all);
	}
	if (r == 0)
		detach_pins(&all, links, n);
	free(links);
	netlink_close(all.netlink);
	*ret_n = all.n;
	return r < 0 ? r : all.error;
}
