/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a nameserver's configuration says that decides what the witnesses see. No whole grammar:
 * what cannot be told (a template, a Lua variable) counts as not there, and nothing here fails.
 */
#ifndef CROSSTAP_DOCTOR_NAMESERVER_CONFIG_H
#define CROSSTAP_DOCTOR_NAMESERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

enum nameserver_kind {
	NAMESERVER_KNOT,
	NAMESERVER_NSD,
	NAMESERVER_BIND,
	NAMESERVER_UNBOUND,
	NAMESERVER_DNSDIST,
	NAMESERVER_RECURSOR,
	NAMESERVER_COREDNS,
	NAMESERVER_KINDS
};

#define NAMESERVER_PATH_BYTES 256
#define NAMESERVER_INCLUDES   16

struct nameserver_facts {
	bool dnstap;    /* frames are made */
	bool block;     /* what may be there once: BIND's options {}, Knot's template default */
	bool rrl_first; /* Knot: mod-rrl stands before mod-dnstap */
	bool af_xdp;    /* it takes packets by AF_XDP sockets */
	bool tls, ktls; /* dnsdist: DNS over TLS is listened for; the kernel shall encrypt */
	bool reuseport; /* dnsdist */
	long udp_outstanding, tcp_threads;  /* dnsdist: as set; 0: not set */
	long frame_queue, pipe_bytes;       /* the same; the smallest pipe between its threads */
	char socket[NAMESERVER_PATH_BYTES]; /* of dnstap; empty: none, or over TCP */
	size_t n_includes;
	char includes[NAMESERVER_INCLUDES][NAMESERVER_PATH_BYTES]; /* patterns of more files */
};

/* Adds what `text`, which ends with NUL, says. Begin with zeroes. */
void nameserver_config_parse(
    enum nameserver_kind kind, const char *text, struct nameserver_facts *facts);

#endif
