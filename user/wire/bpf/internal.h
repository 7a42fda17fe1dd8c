/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of wire/bpf share. */
#ifndef CROSSTAP_WIRE_BPF_INTERNAL_H
#define CROSSTAP_WIRE_BPF_INTERNAL_H

#include "wire/bpf/bpf.h"
#include "wire/bpf/held.h"
#include "wire/bpf/object.h"
#include "wire/bpf/refusal.h"
#include "wire/bpf/source_rtts.h"
#include "wire/bpf/sources.h"
#include "wire/netlink/netlink.h"
#include "wire/rules/rules.h"

#define WIRE_MAX_ATTACHMENTS 128 /* also those to be read once more */

/* One interface. */
struct attachment {
	int index;
	char name[IFNAMSIZ];
	bool raw; /* no link header */
	struct wire_watched state;
	enum wire_mode counted_by; /* in the open window; WIRE_OFF: by nothing */
	bool counted_egress;
	bool dispatched;       /* by libxdp's dispatcher */
	bool gone;             /* to be read once more, then forgotten */
	bool adopted;          /* its counters go back to an agent before us */
	struct wire_maps maps; /* the shared ones belong to the wire */
	int xdp_fd;
	uint32_t xdp_id;
	int filter_fds[2];             /* by hook; -1: none */
	uint64_t serial;               /* no other attachment of this process ever has it */
	struct wire_reading *reading;  /* mapped; NULL: no program was ever attached */
	uint64_t *rare;                /* mapped */
	struct wire_read_sums *now;    /* as being read */
	struct wire_read_sums *before; /* as of the window before; ahead of `reading`, which follows
					  when windows are reported */
	uint64_t *rare_before;         /* WIRE_RARE_READ entries */
};

struct wire_bpf {
	const struct clock *clock;
	void (*say)(void *context, enum log_level level, const char *text);
	void *say_context;
	const struct wire_rules *rules;
	uint32_t owner;
	int namespace; /* -1: the process's */
	struct netlink *netlink;
	bool dispatcher;         /* the kernel has what libxdp's dispatcher needs */
	struct wire_maps shared; /* own maps: -1 */
	struct wire_held *held;
	bool settled; /* the first devices are attached to */
	struct wire_config *config_map;
	uint64_t told_version; /* of the rules in it */
	struct attachment *attachments[WIRE_MAX_ATTACHMENTS];
	size_t n_attachments;
	struct wire_sources *clients; /* with the maps */
	struct wire_source_rtts *client_rtts;
	uint64_t flip_start_ns, flip_end_ns;
	uint64_t serials;
	int error;                        /* that keeps BPF out; 0: nothing does */
	char refusal[WIRE_REFUSAL_BYTES]; /* the same in words */
	struct wire_counters *cpu_values;
	int cpus;
};

void wire_bpf_say(const struct wire_bpf *wire, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* attachment.c: one interface's programs. */
int attachment_new(struct attachment **ret, const struct wire_link *link);
void attachment_free(struct attachment *attachment);
/* Attaches by the best mode that can be had, adopting what runs; the reason says why no better.
 * `from`: the mode to begin with. */
void attachment_attach(struct wire_bpf *wire, struct attachment *attachment,
    const struct wire_link *link, enum wire_mode from);
/* Is everything that we attached still there? Puts back filters, steps down where another XDP
 * program came. True if anything changed. */
bool attachment_check(
    struct wire_bpf *wire, struct attachment *attachment, const struct wire_link *link);
void attachment_detach(struct wire_bpf *wire, struct attachment *attachment);
bool attachment_counts(const struct attachment *attachment);

/* config_map.c: the rules, as the programs have them. */
int config_map_open(struct wire_bpf *wire);
void config_map_configure(struct wire_bpf *wire);
void config_map_close(struct wire_bpf *wire);

/* read.c */
int attachment_open_reading(struct wire_bpf *wire, struct attachment *attachment);
void attachment_close_reading(struct attachment *attachment);
int wire_bpf_collect(void *way, struct wire_window *window, struct arena *arena);

#endif
