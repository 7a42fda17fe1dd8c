/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files wire*.c share. */
#ifndef CROSSTAP_WIRE_BPF_WIRE_INTERNAL_H
#define CROSSTAP_WIRE_BPF_WIRE_INTERNAL_H

#include "wire/bpf/wire.h"
#include "wire/bpf/wire_bpf.h"
#include "wire/netlink/wire_netlink.h"
#include "wire/bpf/wire_source_rtts.h"
#include "wire/bpf/wire_sources.h"

#define WIRE_MAX_TAPS     64
#define WIRE_REASON_BYTES 320

/* One interface. */
struct wire_tap {
	int index;
	char name[IFNAMSIZ];
	bool raw; /* no link header */
	uint32_t mtu, flags;
	enum wire_mode mode;
	bool dispatched; /* by libxdp's dispatcher */
	bool egress;
	bool gone;    /* to be read once more, then forgotten */
	bool adopted; /* its counters go back to an agent before us */
	char reason[WIRE_REASON_BYTES];
	struct wire_maps maps; /* the shared ones belong to the wire */
	int xdp_fd;
	uint32_t xdp_id;
	uint64_t serial;               /* no other tap of this process ever has it */
	struct wire_reading *reading;  /* mapped; NULL: no program was ever attached */
	uint64_t *rare;                /* mapped */
	struct wire_read_sums *now;    /* as being read */
	struct wire_read_sums *before; /* as of the window before; ahead of `reading`, which follows
					  when windows are reported */
	uint64_t *rare_before;         /* WIRE_RARE_READ entries */
};

struct wire {
	const struct config *config;
	const struct clock *clock;
	void (*say)(void *context, enum log_level level, const char *text);
	void *say_context;
	const struct wire_fallback *fallback;
	uint32_t owner;
	int namespace;       /* -1: the process's */
	enum wire_mode mode; /* that the ladders began with */
	struct wire_netlink *netlink;
	bool dispatcher;         /* the kernel has what libxdp's dispatcher needs */
	struct wire_maps shared; /* own maps: -1 */
	struct wire_config *word;
	struct wire_tap *taps[WIRE_MAX_TAPS];
	size_t n_taps;
	struct wire_sources *clients; /* with the maps */
	struct wire_source_rtts *client_rtts;
	struct wire_local *locals; /* with what they are to us */
	size_t n_locals;
	uint64_t (*own)[2];
	size_t n_own;
	uint64_t own_version;
	uint64_t flip_start_ns, flip_end_ns;
	bool flipped, whole, next_whole;
	bool told_interfaces;
	uint64_t serials;
	int error; /* that keeps BPF out; 0: nothing does */
	struct wire_counters *cpu_values;
	int cpus;
	struct wire_mode_info modes[WIRE_MAX_TAPS];
};

void wire_say(const struct wire *wire, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *wire_mode_name(enum wire_mode mode);

/* wire_tap.c: one interface's programs. */
int wire_tap_new(struct wire_tap **ret, const struct wire_link *link);
void wire_tap_free(struct wire_tap *tap);
/* Attaches by the best mode that can be had, adopting what runs; the reason says why no better.
 * `from`: the mode to begin with. */
void wire_tap_attach(
    struct wire *wire, struct wire_tap *tap, const struct wire_link *link, enum wire_mode from);
/* Is everything that we attached still there? Puts back filters, steps down where another XDP
 * program came. True if anything changed. */
bool wire_tap_check(struct wire *wire, struct wire_tap *tap, const struct wire_link *link);
void wire_tap_detach(struct wire *wire, struct wire_tap *tap);
bool wire_tap_counts(const struct wire_tap *tap);

/* wire_words.c: what the programs are told. */
int wire_words_open(struct wire *wire);
/* True if other ports are ours. */
bool wire_words_configure(struct wire *wire);
/* Reads local addresses; true if they, or those of them that are the server's, changed. */
bool wire_words_addresses(struct wire *wire);
void wire_words_close(struct wire *wire);

/* wire_read.c */
int wire_tap_open_reading(struct wire *wire, struct wire_tap *tap);
void wire_tap_close_reading(struct wire_tap *tap);

#endif
