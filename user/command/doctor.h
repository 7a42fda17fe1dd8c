/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crosstap doctor: small checks of this host, each of which notes what it looked at, in one line
 * each. They open and attach nothing that stays, and send nothing but one request to each output.
 */
#ifndef CROSSTAP_COMMAND_DOCTOR_H
#define CROSSTAP_COMMAND_DOCTOR_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct wire_link;

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR, DOCTOR_LEVELS };

struct doctor_finding {
	const char *check; /* a name of doctor_checks() */
	enum doctor_level level;
	char *text, *advice; /* what was seen; what to do, or NULL */
};

struct doctor {
	const char *path;            /* of the configuration; NULL: the default one */
	const struct config *config; /* once `configuration` was looked at */
	const char *check;           /* the one that runs */
	struct doctor_finding *findings;
	size_t n;
	bool failed; /* no memory for a finding */
};

/* Every check, in the order in which they run; the first one is `configuration`. */
struct doctor_check {
	const char *name;
	void (*run)(struct doctor *doctor);
	const char *help;
};
size_t doctor_checks(const struct doctor_check **ret);

/* `advice` NULL: nothing to do. Both are copied. */
void doctor_note(struct doctor *doctor, enum doctor_level level, const char *advice,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
void doctor_clear(struct doctor *doctor);
const char *doctor_level_name(enum doctor_level level);
size_t doctor_count(const struct doctor *doctor, enum doctor_level level);
/* A line for each finding, and one of how many there were; or one JSON document. -EIO, -ENOMEM. */
int doctor_print_text(const struct doctor *doctor, FILE *out);
int doctor_print_json(const struct doctor *doctor, FILE *out);

/* doctor_host.c */
void doctor_kernel(struct doctor *doctor);
void doctor_bpf(struct doctor *doctor);
void doctor_jit(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
/* "6.1.0-18-amd64" to 601; 0: cannot be read. */
unsigned doctor_kernel_version(const char *release);

/* doctor_wire.c */
void doctor_interfaces(struct doctor *doctor);
void doctor_nameserver(struct doctor *doctor);

/* What is known of an interface without attaching anything. */
struct doctor_nic {
	const struct wire_link *link;
	int bpf;             /* 0, or the error that keeps BPF out */
	bool dispatcher;     /* libxdp's would work */
	bool ours;           /* a program of an agent runs in its XDP hook */
	bool dispatched;     /* what runs there is libxdp's dispatcher */
	bool features_known; /* by the kernel (6.3) ... */
	bool native, several_buffers;
};

#define DOCTOR_REASON_BYTES 160

/* The mode that `mode` of the configuration comes to, and why. WIRE_AUTO: WIRE_NATIVE if the driver
 * takes it, else WIRE_TC, which nobody knows before. */
enum wire_mode doctor_mode(
    const struct doctor_nic *nic, enum wire_mode mode, char reason[DOCTOR_REASON_BYTES]);

/* doctor_files.c */
void doctor_inputs(struct doctor *doctor);
void doctor_folders(struct doctor *doctor);
/* Whether who has this uid and gid (-1: neither) may look for files below every folder of a path;
 * else -errno and the folder in `ret`. */
int doctor_may_reach(const char *path, uid_t uid, gid_t gid, char *ret, size_t size);

/* doctor_outputs.c */
void doctor_outputs(struct doctor *doctor);

/* doctor_resolvers.c */
void doctor_databases(struct doctor *doctor);
void doctor_ping(struct doctor *doctor);
void doctor_privacy(struct doctor *doctor);

#endif
