/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One interface's programs: the ladder from native XDP down to nothing. What runs already is
 * adopted or replaced in one step; nobody else's program is ever touched.
 */
#include "wire/bpf/attachment.h"

#include "base/unused.h"
#include "wire/bpf/dispatcher.h"
#include "wire/window/mode.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILTERS    128
#define MAX_PRIORITIES 16 /* tried, where the first ones hold other kinds of filters */

static const char *const filter_names[] = {"crosstap_in", "crosstap_out"};

int attachment_new(struct attachment **ret, const struct wire_link *link)
{
	struct attachment *attachment = calloc(1, sizeof(*attachment));

	if (!attachment)
		return -ENOMEM;
	attachment->index = link->index;
	memcpy(attachment->name, link->name, sizeof(attachment->name));
	attachment->raw = link->hardware != ARPHRD_ETHER;
	attachment->state.mode = attachment->counted_by = WIRE_OFF;
	attachment->xdp_fd = -1;
	attachment->filter_fds[WIRE_HOOK_INGRESS] = attachment->filter_fds[WIRE_HOOK_EGRESS] = -1;
	wire_maps_init(&attachment->maps);
	*ret = attachment;
	return 0;
}

void attachment_free(struct attachment *attachment)
{
	if (!attachment)
		return;
	attachment_close_reading(attachment);
	wire_maps_close(&attachment->maps, WIRE_SHARED_MAPS, WIRE_MAPS);
	attachment_set_filter(attachment, WIRE_HOOK_INGRESS, -1);
	attachment_set_filter(attachment, WIRE_HOOK_EGRESS, -1);
	if (attachment->xdp_fd >= 0)
		close(attachment->xdp_fd);
	free(attachment);
}

bool attachment_counts(const struct attachment *attachment)
{
	return attachment->state.mode == WIRE_NATIVE || attachment->state.mode == WIRE_GENERIC ||
	    attachment->state.mode == WIRE_TC;
}

void attachment_reason(struct attachment *attachment, const char *format, ...)
{
	const size_t used = strlen(attachment->state.reason);
	va_list arguments;

	va_start(arguments, format);
	if (used)
		snprintf(
		    attachment->state.reason + used, sizeof(attachment->state.reason) - used, "; ");
	vsnprintf(attachment->state.reason + strlen(attachment->state.reason),
	    sizeof(attachment->state.reason) - strlen(attachment->state.reason), format, arguments);
	va_end(arguments);
}

void attachment_set_filter(struct attachment *attachment, enum wire_hook hook, int fd)
{
	if (attachment->filter_fds[hook] >= 0)
		close(attachment->filter_fds[hook]);
	attachment->filter_fds[hook] = fd;
}

/* -- what runs */

static void find_filter(struct wire_bpf *wire, struct attachment *attachment, enum wire_hook hook,
    struct attachment_running *running)
{
	struct wire_filter filters[MAX_FILTERS];
	size_t n = 0;

	if (netlink_filters(wire->netlink, attachment->index, hook, filters, MAX_FILTERS, &n) < 0)
		return;
	for (size_t i = 0; i < n && i < MAX_FILTERS; i++) {
		struct wire_running *found = &running->filters[hook];

		if (!filters[i].program ||
		    wire_running_find(found, wire->held, filters[i].program) < 0)
			continue;
		if (found->owner == wire->owner) {
			running->places[hook] = filters[i];
			return;
		}
		wire_running_close(found);
	}
}

static void find_xdp(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_link *link, struct attachment_running *running)
{
	const uint32_t ids[] = {link->xdp_native, link->xdp_generic};

	/* Behind a dispatcher, a detaching attachment knows the program by its own id. */
	for (int i = 0; i < 2 && !attachment->dispatched; i++) {
		if (!ids[i] || wire_running_find(&running->xdp, wire->held, ids[i]) < 0)
			continue;
		running->generic = i == 1;
		if (running->xdp.owner == wire->owner)
			return;
		wire_running_close(&running->xdp);
	}
	running->dispatched = wire->dispatcher && link->xdp_native &&
	    wire_dispatcher_find(
		wire->namespace, attachment->index, wire->owner, false, &running->xdp) == 0;
}

static void find_running(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_link *link, struct attachment_running *ret)
{
	*ret = (struct attachment_running){0};
	wire_running_init(&ret->xdp);
	wire_running_init(&ret->filters[WIRE_HOOK_INGRESS]);
	wire_running_init(&ret->filters[WIRE_HOOK_EGRESS]);
	find_xdp(wire, attachment, link, ret);
	find_filter(wire, attachment, WIRE_HOOK_INGRESS, ret);
	find_filter(wire, attachment, WIRE_HOOK_EGRESS, ret);
}

static void close_running(struct attachment_running *running)
{
	wire_running_close(&running->xdp);
	wire_running_close(&running->filters[WIRE_HOOK_INGRESS]);
	wire_running_close(&running->filters[WIRE_HOOK_EGRESS]);
}

/* -- maps */

static void copy_maps(
    struct wire_maps *to, const struct wire_maps *from, enum wire_map first, enum wire_map end)
{
	if (to->fds[first] >= 0)
		return; /* a set has one origin */
	for (int i = (int)first; i < (int)end; i++)
		to->fds[i] = fcntl(from->fds[i], F_DUPFD_CLOEXEC, 3);
}

static void share_maps(struct wire_bpf *wire, struct attachment *attachment)
{
	for (int i = 0; i < WIRE_SHARED_MAPS; i++) {
		if (wire->shared.fds[i] < 0)
			wire->shared.fds[i] = attachment->maps.fds[i];
		attachment->maps.fds[i] = wire->shared.fds[i];
	}
}

static void adopt_maps(
    struct wire_bpf *wire, struct attachment *attachment, const struct wire_running *running)
{
	if (running->fd < 0 || !running->compatible)
		return;
	if (attachment->maps.fds[WIRE_MAP_COUNTERS] < 0)
		attachment->adopted = true;
	copy_maps(&attachment->maps, &running->maps, WIRE_SHARED_MAPS, WIRE_MAPS);
	copy_maps(&wire->shared, &running->maps, 0, WIRE_SHARED_MAPS);
}

/* Maps exist and are filled before any program is attached. */
static int prepare(struct wire_bpf *wire, struct attachment *attachment,
    const struct attachment_running *running, int *ret_egress)
{
	int r;

	adopt_maps(wire, attachment, &running->xdp);
	adopt_maps(wire, attachment, &running->filters[WIRE_HOOK_INGRESS]);
	adopt_maps(wire, attachment, &running->filters[WIRE_HOOK_EGRESS]);
	share_maps(wire, attachment);
	r = wire_program_load(
	    ret_egress, WIRE_PROGRAM_TC_EGRESS, &attachment->maps, attachment->raw);
	share_maps(wire, attachment);
	if (r == 0)
		r = config_map_open(wire);
	if (r == 0)
		r = attachment_open_reading(wire, attachment);
	return r;
}

/* -- tc */

static int place_filter(
    struct wire_bpf *wire, struct attachment *attachment, enum wire_hook hook, int fd)
{
	struct wire_filter place = {.handle = (wire->owner & 0x7fffffff) | 1};
	int r = -EEXIST;

	/* First in line: whoever comes later may end the line. */
	for (place.priority = 1; place.priority <= MAX_PRIORITIES && r < 0; place.priority++) {
		r = netlink_set_filter(
		    wire->netlink, attachment->index, hook, &place, fd, filter_names[hook], false);
		if (r < 0 && r != -EEXIST && r != -EINVAL)
			return r;
		if (r == 0 && place.priority > 1)
			attachment_reason(attachment, "%s filter: behind others, priority %u",
			    hook == WIRE_HOOK_INGRESS ? "ingress" : "egress", place.priority);
	}
	return r;
}

/* Takes over `fd`. */
static int attach_filter(struct wire_bpf *wire, struct attachment *attachment, enum wire_hook hook,
    const struct attachment_running *running, int fd)
{
	const struct wire_running *old = &running->filters[hook];
	int r = 0;

	if (wire_running_is(old, fd, &attachment->maps)) {
		close(fd);
		fd = fcntl(old->fd, F_DUPFD_CLOEXEC, 3);
		attachment_set_filter(attachment, hook, fd);
		return 0;
	}
	if (old->fd >= 0) {
		r = netlink_set_filter(wire->netlink, attachment->index, hook,
		    &running->places[hook], fd, filter_names[hook], true);
	} else {
		r = netlink_add_clsact(wire->netlink, attachment->index);
		if (r == 0)
			attachment->reading->made_clsact = 1;
		else if (r == -EEXIST)
			r = hook == WIRE_HOOK_EGRESS
			    ? netlink_check_clsact(wire->netlink, attachment->index)
			    : 0;
		if (r == 0)
			r = place_filter(wire, attachment, hook, fd);
	}
	if (r == 0)
		attachment_set_filter(attachment, hook, fd);
	else
		close(fd);
	return r;
}

static void detach_filter(struct wire_bpf *wire, struct attachment *attachment, enum wire_hook hook,
    const struct attachment_running *running)
{
	if (running->filters[hook].fd >= 0)
		netlink_delete_filter(
		    wire->netlink, attachment->index, hook, &running->places[hook]);
	attachment_set_filter(attachment, hook, -1);
}

static int attach_ingress_filter(
    struct wire_bpf *wire, struct attachment *attachment, const struct attachment_running *running)
{
	char refusal[WIRE_REFUSAL_BYTES];
	int fd, r;

	r = wire_program_load(&fd, WIRE_PROGRAM_TC_INGRESS, &attachment->maps, attachment->raw);
	if (r < 0) {
		wire_refusal(r, refusal, sizeof(refusal));
		attachment_reason(attachment, "tc: the program cannot be loaded: %s", refusal);
		return r;
	}
	r = attach_filter(wire, attachment, WIRE_HOOK_INGRESS, running, fd);
	if (r < 0)
		attachment_reason(attachment, "tc: %s", netlink_error(wire->netlink, r));
	return r;
}

/* -- the ladder */

static enum wire_mode climb(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_link *link, struct attachment_running *running, enum wire_mode from)
{
	const bool native = from == WIRE_AUTO || from == WIRE_NATIVE;

	if (native && attachment_attach_xdp(wire, attachment, link, running, false) == 0) {
		detach_filter(wire, attachment, WIRE_HOOK_INGRESS, running);
		return WIRE_NATIVE;
	}
	if (from == WIRE_GENERIC &&
	    attachment_attach_xdp(wire, attachment, link, running, true) == 0) {
		detach_filter(wire, attachment, WIRE_HOOK_INGRESS, running);
		return WIRE_GENERIC;
	}
	/* Never both: a packet would count twice. */
	attachment_detach_xdp(wire, attachment, running);
	attachment_set_xdp(attachment, -1, false);
	if (attach_ingress_filter(wire, attachment, running) == 0)
		return WIRE_TC;
	detach_filter(wire, attachment, WIRE_HOOK_INGRESS, running);
	return WIRE_OFF;
}

static enum wire_mode attach_programs(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_link *link, struct attachment_running *running, enum wire_mode from)
{
	enum wire_mode mode;
	int egress_fd = -1, r = prepare(wire, attachment, running, &egress_fd);

	if (r < 0) {
		char refusal[WIRE_REFUSAL_BYTES];

		wire_refusal(r, refusal, sizeof(refusal));
		attachment_reason(attachment, "BPF: %s", refusal);
		if (egress_fd >= 0)
			close(egress_fd);
		return WIRE_OFF;
	}
	mode = climb(wire, attachment, link, running, from);
	if (mode == WIRE_OFF) {
		close(egress_fd);
		detach_filter(wire, attachment, WIRE_HOOK_EGRESS, running);
		return mode;
	}
	r = attach_filter(wire, attachment, WIRE_HOOK_EGRESS, running, egress_fd);
	attachment->state.egress = r == 0;
	if (r < 0)
		attachment_reason(attachment, "egress: %s",
		    r == -EBUSY ? "somebody's ingress qdisc has the place of clsact"
				: netlink_error(wire->netlink, r));
	return mode;
}

/* Its maps go with the programs, which are replaced: nothing is read from counters of another
 * layout. */
static void say_set_aside(const struct wire_bpf *wire, const struct attachment *attachment,
    const struct attachment_running *running)
{
	const struct wire_running *const all[] = {&running->xdp,
	    &running->filters[WIRE_HOOK_INGRESS], &running->filters[WIRE_HOOK_EGRESS]};
	bool other = false;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		other |= all[i]->fd >= 0 && !all[i]->compatible;
	if (other)
		wire_bpf_say(wire, LOG_LEVEL_WARNING,
		    "%s: programs of another version run here, and are replaced: what they counted "
		    "since its last window is set aside",
		    attachment->name);
}

void attachment_attach(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_link *link, enum wire_mode from)
{
	struct attachment_running running;

	find_running(wire, attachment, link, &running);
	say_set_aside(wire, attachment, &running);
	attachment->state.egress = false;
	attachment->state.mode = attach_programs(wire, attachment, link, &running, from);
	close_running(&running);
	if (attachment_counts(attachment)) {
		attachment->counted_by = attachment->state.mode;
		attachment->counted_egress = attachment->state.egress;
	}
}

static bool is_displaced(const struct attachment *attachment, const struct wire_link *link UNUSED,
    const struct attachment_running *running)
{
	if (attachment->state.mode != WIRE_NATIVE && attachment->state.mode != WIRE_GENERIC)
		return false;
	return running->xdp.fd < 0 || running->xdp.id != attachment->xdp_id;
}

bool attachment_check(
    struct wire_bpf *wire, struct attachment *attachment, const struct wire_link *link)
{
	enum wire_mode from = attachment->state.mode;
	struct attachment_running running;
	bool displaced, whole;

	memcpy(attachment->name, link->name, sizeof(attachment->name));
	if (!attachment_counts(attachment))
		return false;
	find_running(wire, attachment, link, &running);
	displaced = is_displaced(attachment, link, &running);
	whole = !displaced &&
	    (!attachment->state.egress || running.filters[WIRE_HOOK_EGRESS].fd >= 0) &&
	    (attachment->state.mode != WIRE_TC || running.filters[WIRE_HOOK_INGRESS].fd >= 0);
	close_running(&running);
	if (whole)
		return false;
	attachment->state.reason[0] = 0;
	if (displaced) {
		const uint32_t id =
		    attachment->state.mode == WIRE_GENERIC ? link->xdp_generic : link->xdp_native;

		from = WIRE_TC;
		attachment_reason(attachment,
		    id ? "%s: displaced by another XDP program (id %u)"
		       : "%s: our XDP program was taken away",
		    wire_mode_name(attachment->state.mode), id);
	} else {
		attachment_reason(attachment, "our filters were taken away, and put back");
	}
	attachment_attach(wire, attachment, link, from);
	return true;
}

static void remove_clsact(struct wire_bpf *wire, struct attachment *attachment)
{
	size_t ingress = 0, egress = 0;

	if (!attachment->reading || !attachment->reading->made_clsact)
		return;
	if (netlink_filters(
		wire->netlink, attachment->index, WIRE_HOOK_INGRESS, NULL, 0, &ingress) < 0 ||
	    netlink_filters(wire->netlink, attachment->index, WIRE_HOOK_EGRESS, NULL, 0, &egress) <
		0)
		return;
	if (ingress + egress == 0 && netlink_delete_clsact(wire->netlink, attachment->index) == 0)
		attachment->reading->made_clsact = 0;
}

void attachment_detach(struct wire_bpf *wire, struct attachment *attachment)
{
	const struct wire_link link = {
	    .xdp_native = attachment->state.mode == WIRE_NATIVE ? attachment->xdp_id : 0,
	    .xdp_generic = attachment->state.mode == WIRE_GENERIC ? attachment->xdp_id : 0,
	};
	struct attachment_running running;

	if (attachment->gone && attachment->dispatched)
		wire_dispatcher_unpin(attachment->xdp_id);
	if (attachment_counts(attachment) && !attachment->gone) {
		find_running(wire, attachment, &link, &running);
		attachment_detach_xdp(wire, attachment, &running);
		detach_filter(wire, attachment, WIRE_HOOK_INGRESS, &running);
		detach_filter(wire, attachment, WIRE_HOOK_EGRESS, &running);
		close_running(&running);
		remove_clsact(wire, attachment);
	}
	attachment_set_xdp(attachment, -1, false);
	attachment->state.egress = false;
	attachment->state.mode = WIRE_OFF;
}
