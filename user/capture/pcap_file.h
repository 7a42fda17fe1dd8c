/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of a capture file, one after the other: pcap (in either byte order, with microseconds or
 * nanoseconds) and pcapng (sections of either byte order, any interfaces), as they are or
 * compressed by gzip, zstd or xz. replay_wire reads them, in its thread; capture/link.h says which
 * link types and what is unwrapped. Memory is bounded: a packet of at most PCAP_PACKET_MAX bytes,
 * PCAP_INTERFACES_MAX interfaces of a section, and what unpacking takes.
 */
#ifndef CROSSTAP_CAPTURE_PCAP_FILE_H
#define CROSSTAP_CAPTURE_PCAP_FILE_H

#include "capture/link.h"

#include <stdbool.h>
#include <stdint.h>

#define PCAP_FILE_ERROR_BYTES 512
#define PCAP_PACKET_MAX       262144
#define PCAP_INTERFACES_MAX   65536

struct pcap_file;

#define PCAP_MAGIC_BYTES 4

/* Whether what begins so is a capture. */
bool pcap_file_begins(const uint8_t magic[PCAP_MAGIC_BYTES]);
/* `path` "-" is stdin. `error` says what is wrong without the file's name. */
int pcap_file_open(
    struct pcap_file **ret, const char *path, char error[static PCAP_FILE_ERROR_BYTES]);
/* The same of an open file, which is read and not closed. */
int pcap_file_open_fd(struct pcap_file **ret, int fd, char error[static PCAP_FILE_ERROR_BYTES]);
void pcap_file_close(struct pcap_file *file);
/* 1: *ret is the next packet, of IP or of something else that its `kind` tells; 0: the file is at
 * its end; -EIO: it is damaged or ends inside a packet, `error` names the place. The packet is
 * valid until the next call. */
int pcap_file_next(
    struct pcap_file *file, struct pcap_packet *ret, char error[static PCAP_FILE_ERROR_BYTES]);
uint64_t pcap_file_packets(const struct pcap_file *file); /* read so far */

#endif
