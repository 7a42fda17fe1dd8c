/* SPDX-License-Identifier: BSD-2-Clause */
/* The nameserver's sockets, devices and the network stack around them. */
#ifndef CROSSTAP_DOCTOR_NETWORK_H
#define CROSSTAP_DOCTOR_NETWORK_H

#include "doctor/doctor.h"

#include <net/if.h>
#include <stdint.h>

/* Runs `work` in the network namespace that counts: wire.netns, else that of the nameserver. */
void doctor_in_namespace(struct doctor *doctor, void (*work)(void *context), void *context);

/* -- sockets.c */

#define DOCTOR_SOCKETS_MAX 1024

struct doctor_socket {
	uint8_t address[16];
	uint16_t port;
	uint8_t family;                                            /* AF_INET, AF_INET6 */
	bool listening;                                            /* TCP; else UDP */
	uint32_t receive_buffer, send_buffer, queued_bytes, drops; /* UDP */
	uint32_t waiting, backlog;                                 /* TCP: connections */
};
void doctor_judge_sockets(struct doctor *doctor, const struct doctor_socket *sockets, size_t n);
void doctor_sockets(struct doctor *doctor);

/* -- stack.c */
void doctor_conntrack(struct doctor *doctor);
void doctor_buffers(struct doctor *doctor);
/* How many entries of the text of /proc/net/nf_conntrack are of these ports. */
size_t doctor_count_tracked(const char *text, const struct config_ports *ports);

/* -- device.c */

struct doctor_device {
	char name[IFNAMSIZ], driver[32];
	uint32_t queues, queues_max;       /* of receiving; 0: not known */
	uint32_t ring, ring_max;           /* of receiving; 0: not known */
	bool hash_known[2], hash_ports[2]; /* UDP over IPv4 and IPv6: are ports hashed? */
	bool lro;
	uint64_t packets, drops; /* of receiving, as the device counts */
};
void doctor_judge_device(struct doctor *doctor, const struct doctor_device *device, unsigned cpus);
/* From the text of /proc/interrupts: of all interrupts of lines with `name` or `other` (or NULL)
 * which part of a thousand the busiest CPU took; -1: fewer than two lines, or hardly any. */
int doctor_busiest_cpu(const char *text, const char *name, const char *other, unsigned *ret_cpu);
void doctor_devices(struct doctor *doctor);

/* -- owner.c: who holds a program: a process's descriptors name it. */
struct doctor_owner {
	pid_t pid; /* 0: nobody */
	char name[32];
	bool unseen; /* there were descriptors that may not be looked at */
};
void doctor_find_owner(const struct doctor *doctor, uint32_t program, struct doctor_owner *ret);

/* -- page.c */
void doctor_page(struct doctor *doctor);
/* -- dnsdist.c */
void doctor_dnsdist(struct doctor *doctor);

#endif
