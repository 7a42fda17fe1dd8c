/* SPDX-License-Identifier: BSD-2-Clause */
#include "source/wire_dispatcher.h"

#include "crosstap.skel.h"
#include "source/wire_netns.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#define RUN_FIRST 1 /* programs have 50 unless they say otherwise */

bool wire_dispatcher_works(void)
{
	return libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL) == 1;
}

struct visit {
	int index;
	uint32_t owner, program_id;
	bool any_owner;
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
    struct visit *visit, struct xdp_program *program, enum xdp_attach_mode mode)
{
	if (wire_running_find(visit->running, xdp_program__id(program)) < 0)
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
	const int r = wire_netns_call(namespace, find, &visit);

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
	const int r = wire_netns_call(namespace, detach, &visit);

	return r < 0 ? r : visit.error;
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
		r = wire_object_take_maps(object, visit->program, visit->maps);
		visit->fd = fcntl(xdp_program__fd(program), F_DUPFD_CLOEXEC, 3);
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

int wire_dispatcher_attach(
    int namespace, int index, enum wire_program program, struct wire_maps *maps, int *ret_fd)
{
	struct visit visit = {.index = index, .program = program, .maps = maps, .fd = -1};
	int r = wire_netns_call(namespace, attach, &visit);

	if (r == 0)
		r = visit.error;
	if (r == 0 && visit.fd < 0)
		r = -EBADF;
	if (r < 0)
		return r;
	*ret_fd = visit.fd;
	return 0;
}
