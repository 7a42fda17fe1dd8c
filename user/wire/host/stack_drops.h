/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queries over UDP that the kernel drops between the wire and the nameserver, packet by packet with
 * its reason: bpf/drops.bpf.c at the raw tracepoint kfree_skb. The kernel gives a reason since 5.17
 * and names those that matter here since 5.18; without them the counters of /proc/net are all there
 * is (host.h). Counts into the slot that the wire's configuration names, so it is read in the same
 * rhythm, after the wire's flip.
 */
#ifndef CROSSTAP_WIRE_HOST_STACK_DROPS_H
#define CROSSTAP_WIRE_HOST_STACK_DROPS_H

#include "base/arena.h"
#include "wire/window/window.h"

struct stack_drops;

struct stack_drops_options {
	int config_fd;     /* wire_bpf_config_fd(); stays the caller's */
	const char *netns; /* wire.netns; empty: the calling thread's */
};

/* Of the window that was flipped last. */
struct stack_drops_window {
	bool whole; /* false: not from the window's start on */
	/* Compared, well-formed queries by reason, but those that a socket refused. Upper bounds:
	 * reasons that a packet can have, too, that lives on or that the wire did not see. Strings
	 * are the reader's. */
	const struct wire_drop *drops;
	size_t n_drops;
	/* Such queries that were freed out of a socket for no named reason: by a reader that found
	 * a wrong checksum (before 6.15), or with the socket. */
	uint64_t from_sockets;
	/* The same, with a closed socket of any namespace: a kernel thread frees these later. */
	uint64_t from_closed;
	bool checksums_named; /* readers name a wrong checksum: it is none of `from_sockets` */
	/* Up to now, not up to the flip, as the sockets' own counters are read. */
	uint64_t refused; /* such queries, by sockets */
	/* Messages, compared or not, that the sockets' own counters have, too, and that are not
	 * their drop of a query which the wire compares. */
	struct stack_drops_twice {
		uint64_t named;   /* wrong checksums, and refusals of what is not compared */
		uint64_t unnamed; /* as `from_sockets`: where these are wrong checksums */
	} twice;
};

/* Loads and attaches. -ENOTSUP: the kernel does not name reasons; -EPERM, -ENOMEM or what loading
 * ended with; `problem` says what is missing. */
int stack_drops_new(struct stack_drops **ret, const struct stack_drops_options *options,
    char *problem, size_t size);
void stack_drops_free(struct stack_drops *drops);

/* Between a flip and the next one, WIRE_SETTLE_NS after it. `native`: all interfaces are watched by
 * native XDP, which sees packets before the backlog and tc do. -ENOMEM, or the error of the map:
 * *ret is not written and the window is lost. */
int stack_drops_read(
    struct stack_drops *drops, bool native, struct arena *arena, struct stack_drops_window *ret);

#endif
