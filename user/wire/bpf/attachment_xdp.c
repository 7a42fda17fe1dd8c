/* SPDX-License-Identifier: BSD-2-Clause */
/* One interface's XDP program: behind libxdp's dispatcher, or alone. */
#include "wire/bpf/attachment.h"

#include "wire/bpf/dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

void attachment_set_xdp(struct attachment *attachment, int fd, bool dispatched)
{
	if (attachment->xdp_fd >= 0)
		close(attachment->xdp_fd);
	attachment->xdp_fd = fd;
	attachment->xdp_id = fd >= 0 ? wire_program_id(fd) : 0;
	attachment->dispatched = dispatched;
}

/* The interface may vanish meanwhile: then nothing runs, and only the pins are to go. */
static int detach_dispatched(
    struct wire_bpf *wire, struct attachment *attachment, const struct wire_running *ours)
{
	const int r = wire_dispatcher_detach(wire->namespace, attachment->index, ours->id);
	struct wire_running still;

	if (r == 0)
		return 0;
	if (wire_dispatcher_find(wire->namespace, attachment->index, ours->owner, false, &still) ==
	    0) {
		wire_running_close(&still);
		return r;
	}
	return wire_dispatcher_unpin(ours->id);
}

int attachment_detach_xdp(
    struct wire_bpf *wire, struct attachment *attachment, const struct attachment_running *running)
{
	if (running->xdp.fd < 0) {
		/* The dispatcher went without us: only its pins hold the program. */
		if (attachment->dispatched)
			wire_dispatcher_unpin(attachment->xdp_id);
		return 0;
	}
	if (running->dispatched)
		return detach_dispatched(wire, attachment, &running->xdp);
	return netlink_xdp(wire->netlink, attachment->index, -1, running->xdp.fd,
	    running->generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
}

static int attach_dispatched(
    struct wire_bpf *wire, struct attachment *attachment, const struct attachment_running *running)
{
	int fd = -1, r = -ENOENT;
	bool alone = false;

	if (running->dispatched && running->xdp.compatible) {
		attachment_set_xdp(attachment, fcntl(running->xdp.fd, F_DUPFD_CLOEXEC, 3), true);
		return 0;
	}
	for (int i = WIRE_PROGRAM_XDP; i <= WIRE_PROGRAM_XDP_FRAGS && r < 0; i++)
		r = wire_dispatcher_attach(wire->namespace, attachment->index, (enum wire_program)i,
		    &attachment->maps, &fd, &alone);
	if (r < 0)
		return r;
	/* The old one counts into maps of its own until it goes: nothing twice, nothing not. */
	if (running->dispatched)
		detach_dispatched(wire, attachment, &running->xdp);
	attachment_set_xdp(attachment, fd, !alone);
	return 0;
}

/* `why`, of WIRE_REFUSAL_BYTES: what the kernel says to a failure. */
static int attach_variant(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_running *old, enum wire_program program, uint32_t flags, char *why)
{
	int fd, r;

	r = wire_program_load(&fd, program, &attachment->maps, attachment->raw);
	if (r < 0) {
		wire_refusal(r, why, WIRE_REFUSAL_BYTES);
		return r;
	}
	if (wire_running_is(old, fd, &attachment->maps)) {
		close(fd);
		fd = fcntl(old->fd, F_DUPFD_CLOEXEC, 3);
		r = fd < 0 ? -errno : 0;
	} else if (old->fd >= 0) {
		r = netlink_xdp(wire->netlink, attachment->index, fd, old->fd, flags);
	} else {
		r = netlink_xdp(
		    wire->netlink, attachment->index, fd, -1, flags | XDP_FLAGS_UPDATE_IF_NOEXIST);
	}
	if (r == 0)
		attachment_set_xdp(attachment, fd, false);
	else
		snprintf(why, WIRE_REFUSAL_BYTES, "%s", netlink_error(wire->netlink, r));
	if (r < 0 && fd >= 0)
		close(fd);
	return r;
}

/* Frames in several buffers (5.18) only where the driver asks for it: the plain one is faster. */
static int attach_direct(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_running *old, bool generic)
{
	const uint32_t flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	char first[WIRE_REFUSAL_BYTES] = "", second[WIRE_REFUSAL_BYTES];
	int r;

	if (old->fd >= 0 && old->program == WIRE_PROGRAM_XDP_FRAGS)
		return attach_variant(wire, attachment, old, WIRE_PROGRAM_XDP_FRAGS, flags, second);
	r = attach_variant(wire, attachment, old, WIRE_PROGRAM_XDP, flags, first);
	if (r == 0 || r == -EBUSY || r == -EEXIST || r == -EPERM)
		goto out;
	if (attach_variant(wire, attachment, old, WIRE_PROGRAM_XDP_FRAGS, flags, second) == 0)
		return 0;
out:
	if (r < 0)
		attachment_reason(attachment, "%s: %s", generic ? "generic" : "native", first);
	return r;
}

int attachment_attach_xdp(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_link *link, struct attachment_running *running, bool generic)
{
	const uint32_t current = generic ? link->xdp_generic : link->xdp_native;
	int r;

	if (attachment->raw) {
		attachment_reason(attachment, "%s: no Ethernet", generic ? "generic" : "native");
		return -EOPNOTSUPP;
	}
	if (running->xdp.fd >= 0 && running->generic != generic) {
		attachment_detach_xdp(wire, attachment, running);
		wire_running_close(&running->xdp);
	}
	if (!generic && wire->dispatcher && (running->dispatched || running->xdp.fd < 0)) {
		r = attach_dispatched(wire, attachment, running);
		if (r == 0)
			return 0;
		attachment_reason(attachment, "dispatcher: %s", wire_dispatcher_error(r));
	}
	if (current && running->xdp.fd < 0) {
		attachment_reason(attachment, "%s: another XDP program holds it (id %u)%s",
		    generic ? "generic" : "native", current,
		    wire_opens_by_id() ? ""
				       : ": if a killed agent left it, `crosstap detach` as root "
					 "removes it");
		return -EBUSY;
	}
	return attach_direct(wire, attachment, &running->xdp, generic);
}
