/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/dispatcher.h"

#include "base/unused.h"
#include "crosstap.skel.h"
#include "wire/netlink/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define RUN_FIRST 1 /* programs have 50 unless they say otherwise */

bool wire_dispatcher_works(void)
{
	return wire_opens_by_id() && libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL) == 1;
}

struct visit {
	int index;
	uint32_t owner, program_id;
	bool any_owner, alone;
	enum wire_program program;
	struct wire_maps *maps;
	struct wire_running *running;
	int fd, error;
};

/* Calls back for each program behind the interface's dispatcher until one says to stop. */
static void each_program(struct visit *visit,
    bool (*take)(struct visit *visit, struct xdp_program *program, enum xdp_attach_mode mode))
{
	struct xdp_multiprog *all = xdp_multiprog__get_from_ifindex(visit->index);
	struct xdp_program *program = NULL;

	visit->error = -ENOENT;
	if (libxdp_get_error(all))
		return;
	if (!xdp_multiprog__is_legacy(all)) {
		while ((program = xdp_multiprog__next_prog(program, all)))
			if (take(visit, program, xdp_multiprog__attach_mode(all)))
				break;
	}
	xdp_multiprog__close(all);
}

static bool take_running(
    struct visit *visit, struct xdp_program *program, enum xdp_attach_mode mode UNUSED)
{
	if (wire_running_find(visit->running, NULL, xdp_program__id(program)) < 0)
		return false;
	if (!visit->any_owner && visit->running->owner != visit->owner) {
		wire_running_close(visit->running);
		return false;
	}
	visit->error = 0;
	return true;
}

static void find(void *context)
{
	each_program(context, take_running);
}

int wire_dispatcher_find(
    int namespace, int index, uint32_t owner, bool any_owner, struct wire_running *ret)
{
	struct visit visit = {
	    .index = index, .owner = owner, .any_owner = any_owner, .running = ret};
	const int r = netns_call(namespace, find, &visit);

	return r < 0 ? r : visit.error;
}

static bool detach_program(
    struct visit *visit, struct xdp_program *program, enum xdp_attach_mode mode)
{
	if (xdp_program__id(program) != visit->program_id)
		return false;
	visit->error = xdp_program__detach(program, visit->index, mode, 0);
	return true;
}

static void detach(void *context)
{
	each_program(context, detach_program);
}

int wire_dispatcher_detach(int namespace, int index, uint32_t program_id)
{
	struct visit visit = {.index = index, .program_id = program_id};
	const int r = netns_call(namespace, detach, &visit);

	return r < 0 ? r : visit.error;
}

static bool is_alone(int index)
{
	struct xdp_multiprog *all = xdp_multiprog__get_from_ifindex(index);
	bool alone;

	if (libxdp_get_error(all))
		return false;
	alone = xdp_multiprog__is_legacy(all);
	xdp_multiprog__close(all);
	return alone;
}

/* Another way will count: what nobody reads must not stay. */
static void leave(struct visit *visit, struct xdp_program *program)
{
	(void)xdp_program__detach(program, visit->index, XDP_MODE_NATIVE, 0);
	if (visit->fd >= 0)
		close(visit->fd);
	visit->fd = -1;
}

static int attach_object(struct visit *visit, struct crosstap_bpf *object)
{
	struct xdp_program *program =
	    xdp_program__from_bpf_obj(object->obj, wire_program_section(visit->program));
	int r = (int)libxdp_get_error(program);

	if (r)
		return r < 0 ? r : -r;
	r = xdp_program__set_run_prio(program, RUN_FIRST);
	if (r == 0)
		r = xdp_program__set_chain_call_enabled(program, XDP_PASS, true);
	if (r == 0)
		r = xdp_program__attach(program, visit->index, XDP_MODE_NATIVE, 0);
	if (r == 0) {
		visit->fd = fcntl(xdp_program__fd(program), F_DUPFD_CLOEXEC, 3);
		r = visit->fd < 0 ? -errno
				  : wire_object_take_maps(object, visit->program, visit->maps);
		visit->alone = is_alone(visit->index);
		if (r < 0)
			leave(visit, program);
	}
	xdp_program__close(program);
	return r;
}

static void attach(void *context)
{
	struct visit *visit = context;
	struct crosstap_bpf *object;

	visit->error = wire_object_open(&object, visit->program, visit->maps, false);
	if (visit->error < 0)
		return;
	visit->error = attach_object(visit, object);
	crosstap_bpf__destroy(object);
}

int wire_dispatcher_attach(int namespace, int index, enum wire_program program,
    struct wire_maps *maps, int *ret_fd, bool *ret_alone)
{
	struct visit visit = {.index = index, .program = program, .maps = maps, .fd = -1};
	int r = netns_call(namespace, attach, &visit);

	if (r == 0)
		r = visit.error;
	if (r < 0)
		return r;
	*ret_fd = visit.fd;
	*ret_alone = visit.alone;
	return 0;
}

const char *wire_dispatcher_error(int error)
{
	struct utsname name;
	unsigned major, minor;

	if (error == -EINVAL && uname(&name) == 0 &&
	    sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	    (major < 5 || (major == 5 && minor < 19)))
		return "its programs may not pass on their context before Linux 5.19";
	return strerror(-error);
}

/* -- pins: DIRECTORY/dispatch-INTERFACE-DISPATCHER/progN-prog and progN-link */

#define MAX_PROGRAMS 10 /* of a dispatcher */

/* libxdp's folder. */
static int open_pins(void)
{
	const char *root = getenv("LIBXDP_BPFFS");
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/xdp", root ? root : "/sys/fs/bpf");
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The program pinned as number i of a folder; 0: none. */
static uint32_t pinned_program(int folder, int i)
{
	char path[64];
	uint32_t id;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/prog%d-prog", folder, i);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0;
	id = wire_program_id(fd);
	close(fd);
	return id;
}

static int unpin(int folder, int i)
{
	char name[32];

	snprintf(name, sizeof(name), "prog%d-link", i);
	if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
		return -errno;
	snprintf(name, sizeof(name), "prog%d-prog", i);
	return unlinkat(folder, name, 0) < 0 ? -errno : 0;
}

/* For each pinned program. `take` returns 1 if it took the pins away, -errno to end all. */
struct pin_visit {
	int (*take)(struct pin_visit *visit, int folder, int i, const struct wire_pin *pin);
	struct wire_pin *pins;
	size_t n, size;
	uint32_t program_id;
};

static int visit_folder(struct pin_visit *visit, int root, const char *name)
{
	struct wire_pin pin;
	int folder, taken = 0, r = 0;

	if (sscanf(name, "dispatch-%d-%u", &pin.index, &pin.dispatcher) != 2)
		return 0;
	folder = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < MAX_PROGRAMS && r >= 0; i++) {
		pin.program = pinned_program(folder, i);
		r = pin.program ? visit->take(visit, folder, i, &pin) : 0;
		taken += r > 0;
	}
	close(folder);
	if (taken)
		unlinkat(root, name, AT_REMOVEDIR); /* goes only when it is empty */
	return r < 0 ? r : 0;
}

static int visit_pins(struct pin_visit *visit)
{
	const int root = open_pins();
	const struct dirent *entry;
	DIR *folders;
	int r = 0;

	if (root < 0)
		return -errno;
	flock(root, LOCK_EX); /* as libxdp does */
	folders = fdopendir(root);
	if (!folders) {
		r = -errno;
		close(root);
		return r;
	}
	while (r == 0 && (entry = readdir(folders)))
		r = visit_folder(visit, root, entry->d_name);
	closedir(folders);
	return r;
}

static int add_pin(
    struct pin_visit *visit, int folder UNUSED, int i UNUSED, const struct wire_pin *pin)
{
	if (visit->n == visit->size)
		return -ENOSPC;
	visit->pins[visit->n++] = *pin;
	return 0;
}

size_t wire_dispatcher_pins(struct wire_pin *pins, size_t size)
{
	struct pin_visit visit = {.take = add_pin, .pins = pins, .size = size};

	visit_pins(&visit);
	return visit.n;
}

static int unpin_program(struct pin_visit *visit, int folder, int i, const struct wire_pin *pin)
{
	int r;

	if (pin->program != visit->program_id)
		return 0;
	r = unpin(folder, i);
	return r < 0 ? r : 1;
}

int wire_dispatcher_unpin(uint32_t program_id)
{
	struct pin_visit visit = {.take = unpin_program, .program_id = program_id};

	return visit_pins(&visit);
}
