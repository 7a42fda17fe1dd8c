/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crosstap doctor: looks at this host for what the agent needs and for what would hurt, and says
 * what to type. Each check notes what it saw. They open and attach nothing that stays, and send
 * nothing but one request to each output.
 *
 * The room: checks.c has the table of them, a file for each subject judges
 * (network.h: sockets, devices, stack); processes.c finds
 * nameservers, nameserver_config.c reads their configuration, read.c reads /proc and /sys. Readers
 * take the root folder of `struct doctor`, so that a test can make a host. What runs, and how long
 * it may look, is bounded: see read.h and processes.h.
 */
#ifndef CROSSTAP_DOCTOR_DOCTOR_H
#define CROSSTAP_DOCTOR_DOCTOR_H

#include "config/config.h"
#include "wire/bpf/refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct nameservers;
struct wire_link;

enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR, DOCTOR_LEVELS };

struct doctor_finding {
	const char *check; /* a name of doctor_checks() */
	enum doctor_level level;
	char *text;          /* what was seen */
	char *why, *command; /* why it matters, and what can be pasted; NULL: all is fine */
	char *lines, *file;  /* what to add, and where; NULL: nothing */
};

struct doctor {
	const char *root;                /* of /proc, /sys and /etc; NULL: this host's */
	const char *path;                /* of the configuration; NULL: the default one */
	const struct config *config;     /* once `configuration` was looked at */
	const char *check;               /* the one that runs */
	struct wire_standing standing;   /* once `kernel` was looked at */
	struct nameservers *nameservers; /* once `processes` was looked at, else NULL */
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
/* Runs all of them. -ENOMEM. */
int doctor_look(struct doctor *doctor);

/* `why` and `command` are NULL where all is fine. All are copied. */
void doctor_note(struct doctor *doctor, enum doctor_level level, const char *why,
    const char *command, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The lines that the finding noted last asks for, in `file`; both are copied. */
void doctor_add_lines(struct doctor *doctor, const char *file, const char *lines);
void doctor_clear(struct doctor *doctor);
const char *doctor_level_name(enum doctor_level level);
size_t doctor_count(const struct doctor *doctor, enum doctor_level level);
/* A paragraph for each finding, and a line of how many there were; or one JSON document. -EIO,
 * -ENOMEM. */
int doctor_print_text(const struct doctor *doctor, FILE *out);
int doctor_print_json(const struct doctor *doctor, FILE *out);

/* kernel.c */
void doctor_kernel(struct doctor *doctor);
void doctor_bpf(struct doctor *doctor);
void doctor_jit(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
/* "6.1.0-18-amd64" to 601; 0: cannot be read. */
unsigned doctor_kernel_version(const char *release);

/* interfaces.c */
void doctor_interfaces(struct doctor *doctor);
void doctor_nameserver(struct doctor *doctor);

/* What is known of an interface without attaching anything. */
struct doctor_nic {
	const struct wire_link *link;
	int bpf;             /* 0, or the error that keeps BPF out */
	const char *refusal; /* that error in words */
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

/* files.c */
void doctor_inputs(struct doctor *doctor);
void doctor_folders(struct doctor *doctor);
/* Whether who has this uid and gid (-1: neither) may look for files below every folder of a path;
 * else -errno and the folder in `ret`. */
int doctor_may_reach(const char *path, uid_t uid, gid_t gid, char *ret, size_t size);

/* outputs.c */
void doctor_outputs(struct doctor *doctor);

/* resolvers.c */
void doctor_databases(struct doctor *doctor);
void doctor_ping(struct doctor *doctor);
/* Whether a drop-in of the operator's gives the unit CAP_NET_RAW, which by itself it has not. */
bool doctor_unit_has_raw_sockets(const struct doctor *doctor);
void doctor_privacy(struct doctor *doctor);

#endif
