/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs and maps of bpf/crosstap.bpf.c in the kernel: loading, recognising those that run
 * already, sharing their maps. Nothing here attaches anything.
 *
 * `config`, `sources`, `source_tags`, `source_locks`, `source_rtt`, `flows`, `hints` and `scratch`
 * are shared by all interfaces of an agent; `counters`, `rare`, `rtt` and `reading` belong to one
 * interface and live as long as its programs. So an agent that was killed leaves them behind with
 * all that they counted, and `reading` tells its successor what was reported of it, and what the
 * agent noted for it.
 */
#ifndef CROSSTAP_WIRE_BPF_OBJECT_H
#define CROSSTAP_WIRE_BPF_OBJECT_H

#include "crosstap/wire_abi.h"

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crosstap_bpf;
struct wire_held; /* wire/bpf/held.h */

#define WIRE_SHARED_MAPS_(X)                                                                       \
	X(CONFIG, config)                                                                          \
	X(SOURCES, sources)                                                                        \
	X(SOURCE_TAGS, source_tags)                                                                \
	X(SOURCE_LOCKS, source_locks)                                                              \
	X(SOURCE_RTT, source_rtt)                                                                  \
	X(FLOWS, flows)                                                                            \
	X(HINTS, hints)                                                                            \
	X(SCRATCH, scratch)
#define WIRE_OWN_MAPS_(X)                                                                          \
	X(COUNTERS, counters)                                                                      \
	X(RARE, rare)                                                                              \
	X(RTT, rtt)

enum wire_map {
#define X(id, name) WIRE_MAP_##id,
	WIRE_SHARED_MAPS_(X) WIRE_SHARED_MAPS,
	WIRE_BEFORE_OWN = WIRE_SHARED_MAPS - 1, /* the next goes on without a gap */
	WIRE_OWN_MAPS_(X)
#undef X
	    WIRE_MAP_READING, /* user space's own, bound to the programs (5.10) */
	WIRE_MAPS
};

/* File descriptors, -1: none. */
struct wire_maps {
	int fds[WIRE_MAPS];
};

/* What of an interface's counters has been reported. Two copies: the one that `active` names is
 * whole, however an agent ends. */
struct wire_read_sums {
	struct wire_counters counters[WIRE_DIRECTIONS][WIRE_SLOTS]; /* sums over CPUs */
	struct wire_rtt rtt[WIRE_SLOTS];
};
#define WIRE_NOTE_BYTES 1024
struct wire_reading {
	uint32_t active;
	uint32_t made_clsact; /* the qdisc is the agent's, to be removed when it is empty */
	struct wire_read_sums sums[2];
	uint32_t note_active; /* of the notes, as `active` of the sums */
	uint32_t note_bytes;  /* 0: nothing was noted */
	uint8_t notes[2][WIRE_NOTE_BYTES];
};
/* `rare` has two more rows, in the same order: what was reported of it. */
#define WIRE_RARE_READ ((size_t)WIRE_SLOTS * WIRE_RARE_ENTRIES)

enum wire_program {
	WIRE_PROGRAM_XDP,
	WIRE_PROGRAM_XDP_FRAGS,
	WIRE_PROGRAM_TC_INGRESS,
	WIRE_PROGRAM_TC_EGRESS,
	WIRE_PROGRAMS
};

/* A program of ours that runs. */
struct wire_running {
	int fd; /* -1: none */
	uint32_t id;
	uint8_t tag[BPF_TAG_SIZE];
	enum wire_program program;
	bool compatible; /* same WIRE_ABI_VERSION and sizes: its maps can be used */
	uint32_t owner;  /* 0: cannot be told */
	struct wire_maps maps;
};

void wire_maps_init(struct wire_maps *maps);
void wire_maps_close(struct wire_maps *maps, enum wire_map from, enum wire_map end);
/* A map's values, to read and write, which munmap() gives back. NULL and errno. */
void *wire_map_memory(int fd, size_t bytes);

/*
 * Opens the object for one of its programs, with those maps that exist already. Load it by
 * wire_object_load() or hand it to libxdp; crosstap_bpf__destroy() it. `raw`: the device has no
 * link header.
 */
int wire_object_open(
    struct crosstap_bpf **ret, enum wire_program program, const struct wire_maps *maps, bool raw);
/* Takes the maps that loading made into `maps`, and binds all of them to the program. */
int wire_object_take_maps(
    const struct crosstap_bpf *object, enum wire_program program, struct wire_maps *maps);
/* Both, and loading: the caller owns the program's descriptor. */
int wire_program_load(int *ret_fd, enum wire_program program, struct wire_maps *maps, bool raw);
const char *wire_program_section(enum wire_program program);

void wire_running_init(struct wire_running *running);
void wire_running_close(struct wire_running *running);
/* Is the program with this id one of ours? It is opened by what is known, which may be NULL, or by
 * its id, as CAP_SYS_ADMIN can. 0, or -ENOENT. */
int wire_running_find(struct wire_running *ret, const struct wire_held *held, uint32_t program_id);
/* May programs and maps be opened by their ids? */
bool wire_opens_by_id(void);
/* The same instructions and, among the shared maps, the same `config`. */
bool wire_running_is(
    const struct wire_running *running, int program_fd, const struct wire_maps *maps);
uint32_t wire_program_id(int program_fd); /* 0: cannot be had */

/* May maps be made? The first thing that fails without CAP_BPF, or in a kernel without BPF. 0, or
 * -errno. */
int wire_bpf_allowed(void);

/* Silences libbpf and libxdp, which write to stderr: reasons are told by error numbers. */
void wire_bpf_quiet(void);

#endif
