/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two formats of captures share: bytes in front of their parsers. Inside
 * user/replay/pcap*.c only. */
#ifndef CROSSTAP_CAPTURE_PCAP_INTERNAL_H
#define CROSSTAP_CAPTURE_PCAP_INTERNAL_H

#include "capture/pcap_file.h"
#include "capture/unpacked.h"

#include <stdbool.h>
#include <stddef.h>

/* Options of a block that is read as a whole; of a packet beside its data. */
#define PCAP_OPTIONS_MAX (64u << 10)
#define PCAP_LAST_S      9000000000LL /* the year 2255; what is later counts as this */

/* Of pcapng (Interface Description Block). */
struct pcap_interface {
	int64_t offset_s; /* if_tsoffset */
	uint32_t snaplen; /* 0: no limit */
	uint16_t link;
	uint8_t resolution; /* if_tsresol */
};

struct pcap_file {
	int fd;
	bool close_fd;
	bool swapped; /* the section, or the file, is in the other byte order */
	bool ng, nanoseconds;
	uint32_t link;                     /* of pcap */
	struct pcap_interface *interfaces; /* of pcapng's section */
	size_t n_interfaces, room;
	int64_t last_ns; /* of the packet before: a Simple Packet Block has no time */
	uint64_t packets;
	struct unpacked *unpacked;
	uint8_t *buffer;
	size_t start, end, size; /* of what is not consumed yet */
	uint64_t taken;          /* bytes of the capture, unpacked, that were read */
	char *error;             /* of the call that runs */
};

/* -EIO, with the place where the file is. */
int pcap_refuse(struct pcap_file *file, const char *what);
/* 1: n bytes are at pcap_bytes(); 0: the file is at its end, and not one is left; -EIO. */
int pcap_need(struct pcap_file *file, size_t n);
/* The same where the file may not end. 0 or -EIO. */
int pcap_must(struct pcap_file *file, size_t n);
const uint8_t *pcap_bytes(const struct pcap_file *file);
void pcap_consume(struct pcap_file *file, size_t n);
/* Over n bytes, however many. 0 or -EIO. */
int pcap_skip(struct pcap_file *file, uint64_t n);
/* In the byte order of the section. */
uint16_t pcap_load16(const struct pcap_file *file, const uint8_t *p);
uint32_t pcap_load32(const struct pcap_file *file, const uint8_t *p);
uint64_t pcap_load64(const struct pcap_file *file, const uint8_t *p);

/* pcapng.c. The file begins with a Section Header Block, of which nothing is consumed yet. */
int pcapng_next(struct pcap_file *file, struct pcap_packet *ret);

#endif
