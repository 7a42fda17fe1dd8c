/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of a capture file, pcap or pcapng, one after the other. Link types: Ethernet, raw IP,
 * Linux cooked (SLL, SLL2), BSD loopback (NULL, LOOP).
 */
#ifndef CROSSTAP_REPLAY_PCAP_FILE_H
#define CROSSTAP_REPLAY_PCAP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCAP_FILE_ERROR_BYTES 512

struct pcap_file;

struct pcap_packet {
	const uint8_t *data; /* valid until the next call */
	uint64_t length; /* bytes at `data`; less than `frame_bytes` where the capture cut them */
	uint64_t frame_bytes;
	int64_t time_ns; /* since 1970 */
	bool raw;        /* `data` begins with the IP header; else with Ethernet's */
	bool outgoing;   /* a cooked capture says that this host sent it */
};

/* `path` "-" is stdin. `error` says what is wrong without the file's name. */
int pcap_file_open(
    struct pcap_file **ret, const char *path, char error[static PCAP_FILE_ERROR_BYTES]);
void pcap_file_close(struct pcap_file *file);
/* 1: *ret is the next packet of IP, or maybe of it; 0: the file is at its end; -EIO: it is damaged
 * or ends inside a packet, `error` names the place. */
int pcap_file_next(
    struct pcap_file *file, struct pcap_packet *ret, char error[static PCAP_FILE_ERROR_BYTES]);
uint64_t pcap_file_packets(const struct pcap_file *file); /* read so far */

#endif
