/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of wire/host share. */
#ifndef CROSSTAP_WIRE_HOST_INTERNAL_H
#define CROSSTAP_WIRE_HOST_INTERNAL_H

#include "wire/host/host.h"
#include "wire/host/proc.h"
#include "wire/host/table.h"
#include "wire/netlink/client.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_MAX_LINKS 256
#define HOST_TRIES     3 /* of a dump that another process's change interrupts */

struct host_links {
	struct netlink_client netlink;
	char (*names)[IFNAMSIZ]; /* n_names; none: all but loopback */
	size_t n_names;
	int selected[HOST_MAX_LINKS]; /* indexes, as of the last reading */
	size_t n_selected;
	struct host_table links;  /* by index: rx_missed_errors, rx_dropped, tx_dropped */
	struct host_table qdiscs; /* by index: drops of the root */
};

struct host_sockets {
	struct netlink_client netlink;
	struct config_ports ports;
	struct host_table table; /* by cookie: drops */
	uint64_t bytes;          /* in all of them, this reading */
};

struct host_nft {
	struct netlink_client netlink;
	struct host_nft_counter {
		char *name;        /* TABLE/COUNTER */
		const char *after; /* the slash in it */
		uint64_t packets, before;
		bool found, begun;
	} * counters;
	size_t n_counters;
};

struct host {
	struct host_links links;
	struct host_sockets sockets;
	struct host_nft nft;
	int files[HOST_PROC_FILES];
	uint64_t before[HOST_PROC_COUNT];
	bool begun;
	char *text;
	size_t text_size;
	int open_errors[HOST_PARTS]; /* -errno */
	char problems[HOST_PARTS][192];
};

/* Each: reads, and sets its part of *ret; -errno leaves that part unknown. */
int host_links_read(struct host_links *links, uint64_t softnet, struct host_counters *ret);
int host_qdiscs_read(struct host_links *links, struct host_counters *ret);
int host_sockets_read(struct host_sockets *sockets, struct host_counters *ret);
/* -ENOENT: a counter is not there. */
int host_nft_read(struct host_nft *nft, struct host_counters *ret);
const char *host_nft_missing(const struct host_nft *nft);
/* Counters that were not read yet count from now on. */
void host_nft_begin(struct host_nft *nft);

/* configure.c. What the configuration names takes the place of what was named; consumes `next`. */
void host_choose(struct host *host, struct host_next *next);
void host_choice_free(struct host_links *links, struct host_nft *nft);

void host_add_drop(struct host_counters *counters, const char *reason, uint64_t messages);

#endif
