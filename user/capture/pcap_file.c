/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/pcap_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES   (64u << 10) /* at first; as large as a packet needs */
#define MAGIC          0xa1b2c3d4u
#define MAGIC_NS       0xa1b23c4du
#define MAGIC_NG       0x0a0d0d0au /* the same in either order */
#define FILE_HEADER    24
#define PACKET_HEADER  16
#define LINK_TYPE_MASK 0x03ffffffu /* above: length of the frame check sequence */

/* --- bytes ------------------------------------------------------------------------------------ */

int pcap_refuse(struct pcap_file *file, const char *what)
{
	snprintf(file->error, PCAP_FILE_ERROR_BYTES, "%s packet=%llu offset=%llu", what,
	    (unsigned long long)file->packets + 1,
	    (unsigned long long)(file->taken - (file->end - file->start)));
	return -EIO;
}

static int grow(struct pcap_file *file, size_t n)
{
	size_t size = file->size ? file->size : BUFFER_BYTES;
	uint8_t *buffer;

	while (size < n)
		size *= 2;
	buffer = realloc(file->buffer, size);
	if (!buffer)
		return pcap_refuse(file, strerror(ENOMEM));
	file->buffer = buffer;
	file->size = size;
	return 0;
}

int pcap_need(struct pcap_file *file, size_t n)
{
	if (file->end - file->start >= n)
		return 1;
	memmove(file->buffer, file->buffer + file->start, file->end - file->start);
	file->end -= file->start;
	file->start = 0;
	if (n > file->size && grow(file, n) < 0)
		return -EIO;
	while (file->end < n) {
		const ssize_t got =
		    unpacked_read(file->unpacked, file->buffer + file->end, file->size - file->end);

		if (got < 0)
			return pcap_refuse(file, unpacked_problem(file->unpacked));
		if (got == 0)
			return file->end ? pcap_refuse(file, "truncated dump file") : 0;
		file->end += (size_t)got;
		file->taken += (uint64_t)got;
	}
	return 1;
}

int pcap_must(struct pcap_file *file, size_t n)
{
	const int r = n ? pcap_need(file, n) : 1;

	if (r == 0)
		return pcap_refuse(file, "truncated dump file");
	return r < 0 ? r : 0;
}

const uint8_t *pcap_bytes(const struct pcap_file *file)
{
	return file->buffer + file->start;
}

void pcap_consume(struct pcap_file *file, size_t n)
{
	file->start += n;
}

int pcap_skip(struct pcap_file *file, uint64_t n)
{
	while (n) {
		const size_t part = n < BUFFER_BYTES ? (size_t)n : BUFFER_BYTES;

		if (pcap_must(file, part) < 0)
			return -EIO;
		pcap_consume(file, part);
		n -= part;
	}
	return 0;
}

uint16_t pcap_load16(const struct pcap_file *file, const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return file->swapped ? __builtin_bswap16(value) : value;
}

uint32_t pcap_load32(const struct pcap_file *file, const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return file->swapped ? __builtin_bswap32(value) : value;
}

uint64_t pcap_load64(const struct pcap_file *file, const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return file->swapped ? __builtin_bswap64(value) : value;
}

/* --- pcap (draft-ietf-opsawg-pcap) ------------------------------------------------------------ */

/* True: it is pcap, in this byte order. */
static bool read_magic(struct pcap_file *file, uint32_t magic)
{
	for (int swapped = 0; swapped < 2; swapped++) {
		const uint32_t value = swapped ? __builtin_bswap32(magic) : magic;

		if (value != MAGIC && value != MAGIC_NS)
			continue;
		file->swapped = swapped;
		file->nanoseconds = value == MAGIC_NS;
		return true;
	}
	return false;
}

bool pcap_file_begins(const uint8_t magic[PCAP_MAGIC_BYTES])
{
	struct pcap_file unused;
	uint32_t value;

	memcpy(&value, magic, sizeof(value));
	return read_magic(&unused, value) || value == MAGIC_NG;
}

static int read_file_header(struct pcap_file *file)
{
	if (pcap_must(file, FILE_HEADER) < 0)
		return -EIO;
	if (pcap_load16(file, pcap_bytes(file) + 4) != 2) {
		snprintf(file->error, PCAP_FILE_ERROR_BYTES, "a version of pcap that is not known");
		return -EIO;
	}
	file->link = pcap_load32(file, pcap_bytes(file) + 20) & LINK_TYPE_MASK;
	if (!link_is_known(file->link)) {
		snprintf(file->error, PCAP_FILE_ERROR_BYTES,
		    "link type %u is not supported (tcpdump.org/linktypes.html)", file->link);
		return -EPROTONOSUPPORT;
	}
	pcap_consume(file, FILE_HEADER);
	return 0;
}

static int64_t time_of(uint32_t s, uint32_t fraction, bool nanoseconds)
{
	const int64_t ns = (int64_t)fraction * (nanoseconds ? 1 : 1000);

	return ns < NS_PER_S ? (int64_t)s * NS_PER_S + ns : 0;
}

static int next_packet(struct pcap_file *file, struct pcap_packet *ret)
{
	uint32_t captured, length;
	const uint8_t *p;
	int64_t time_ns;
	int r = pcap_need(file, PACKET_HEADER);

	if (r <= 0)
		return r;
	p = pcap_bytes(file);
	time_ns = time_of(pcap_load32(file, p), pcap_load32(file, p + 4), file->nanoseconds);
	captured = pcap_load32(file, p + 8);
	length = pcap_load32(file, p + 12);
	if (captured > PCAP_PACKET_MAX)
		return pcap_refuse(file, "a packet is too long");
	if (pcap_must(file, PACKET_HEADER + captured) < 0)
		return -EIO;
	*ret = (struct pcap_packet){
	    .data = pcap_bytes(file) + PACKET_HEADER,
	    .length = captured,
	    .frame_bytes = length > captured ? length : captured,
	    .time_ns = time_ns,
	};
	pcap_consume(file, PACKET_HEADER + captured);
	file->packets++;
	link_unwrap(ret, file->link, file->swapped);
	return 1;
}

/* --- either ----------------------------------------------------------------------------------- */

static int read_begin(struct pcap_file *file)
{
	uint32_t magic;
	int r = pcap_need(file, sizeof(magic));

	if (r <= 0) {
		const char *problem = unpacked_problem(file->unpacked);

		snprintf(file->error, PCAP_FILE_ERROR_BYTES, "%s",
		    *problem        ? problem
			: file->end ? "unknown file format"
				    : "is empty");
		return -EIO;
	}
	memcpy(&magic, pcap_bytes(file), sizeof(magic));
	if (read_magic(file, magic))
		return read_file_header(file);
	if (magic != MAGIC_NG) {
		/* A control frame begins with zeroes. */
		snprintf(file->error, PCAP_FILE_ERROR_BYTES, "unknown file format%s",
		    magic ? "" : ": Frame Streams are named without --pcap");
		return -EIO;
	}
	file->ng = true;
	return 0;
}

int pcap_file_open_fd(struct pcap_file **ret, int fd, char error[static PCAP_FILE_ERROR_BYTES])
{
	struct pcap_file *file = calloc(1, sizeof(*file));
	int r = file ? unpacked_open(&file->unpacked, fd) : -ENOMEM;

	if (r < 0) {
		snprintf(error, PCAP_FILE_ERROR_BYTES, "%s", strerror(-r));
		pcap_file_close(file);
		return r;
	}
	file->fd = fd;
	file->error = error;
	r = grow(file, BUFFER_BYTES);
	if (r == 0)
		r = read_begin(file);
	if (r < 0) {
		pcap_file_close(file);
		return r;
	}
	*ret = file;
	return 0;
}

int pcap_file_open(
    struct pcap_file **ret, const char *path, char error[static PCAP_FILE_ERROR_BYTES])
{
	const bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0) {
		r = -errno;
		snprintf(error, PCAP_FILE_ERROR_BYTES, "%s", strerror(errno));
		return r;
	}
	r = pcap_file_open_fd(ret, fd, error);
	if (r == 0)
		(*ret)->close_fd = !is_stdin;
	else if (!is_stdin)
		close(fd);
	return r;
}

void pcap_file_close(struct pcap_file *file)
{
	if (!file)
		return;
	unpacked_close(file->unpacked);
	if (file->close_fd)
		close(file->fd);
	free(file->interfaces);
	free(file->buffer);
	free(file);
}

int pcap_file_next(
    struct pcap_file *file, struct pcap_packet *ret, char error[static PCAP_FILE_ERROR_BYTES])
{
	int r;

	file->error = error;
	r = file->ng ? pcapng_next(file, ret) : next_packet(file, ret);
	if (r > 0)
		file->last_ns = ret->time_ns;
	return r;
}

uint64_t pcap_file_packets(const struct pcap_file *file)
{
	return file->packets;
}
