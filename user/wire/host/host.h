/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host did to packets before and behind the nameserver: counters of the nameserver's
 * network namespace and of its sockets, as differences from one reading to the next. Each part
 * that cannot be read says why and leaves the others alone. stages.c calls this, in the one thread
 * that ends windows.
 */
#ifndef CROSSTAP_WIRE_HOST_HOST_H
#define CROSSTAP_WIRE_HOST_HOST_H

#include "config/config.h"
#include "wire/window/window.h"

struct host;
struct host_next;

/* What can be missing by itself. */
enum host_part {
	HOST_LINKS,   /* rtnetlink: nic_drops, and the device's share of tx_drops */
	HOST_QDISCS,  /* rtnetlink: the rest of tx_drops */
	HOST_STACK,   /* /proc/net: stack_drops, listen_overflows */
	HOST_SOCKETS, /* sock_diag: socket_drops, queued_bytes */
	HOST_NFT,     /* nfnetlink: crosscheck.nft_counters, which need CAP_NET_ADMIN */
	HOST_PARTS
};

#define HOST_MAX_STACK 24 /* reasons of /proc/net */

/* Since the reading before. Strings are constants or the host's. */
struct host_counters {
	uint32_t known; /* enum wire_known */
	uint64_t nic_drops, socket_drops, listen_overflows, tx_drops;
	uint64_t queued_bytes; /* see struct wire_window */
	uint64_t reassembling; /* see struct wire_window */
	/* Datagrams whose fragments overlapped: the kernel drops what it has of them, and tells no
	 * reason (6.18). Of IPv6 also those that it had no memory for. */
	uint64_t overlapped;
	bool sockets_changed; /* a DNS socket came or went */
	/* Wrong checksums of the namespace's UDP, and how many of them were taken off socket_drops:
	 * the sockets count those that their readers find. */
	uint64_t checksums, socket_checksums;
	struct wire_drop stack_drops[HOST_MAX_STACK + 64];
	size_t n_stack_drops; /* those above 0 */
};

/* Works in wire.netns, on wire.ports and crosscheck.nft_counters; interfaces are those of
 * wire.interfaces or, with `auto`, all but loopback. Takes the first reading. `config` is not kept.
 * -ENOMEM, or the error of entering the namespace. */
int host_new(struct host **ret, const struct config *config);
void host_free(struct host *host);
/* Another configuration's ports, interfaces and nft_counters. -ENOMEM. */
int host_prepare(const struct config *config, struct host_next **ret);
/* What goes on being read goes on from where it was; what is new counts from now on. */
void host_commit(struct host *host, struct host_next *next);
void host_next_free(struct host_next *next);
void host_read(struct host *host, struct host_counters *ret);
/* Why a part could not be read the last time; NULL: it could. */
const char *host_problem(const struct host *host, enum host_part part);

#endif
