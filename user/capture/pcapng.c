/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng (draft-ietf-opsawg-pcapng): a file of blocks, each with its length in front and behind.
 * Read are sections, interfaces and packets; other blocks are stepped over by their length.
 */
#include "capture/pcap_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    2u /* obsolete, and still there in old files */
#define BLOCK_SIMPLE    3u
#define BLOCK_ENHANCED  6u

#define ORDER_MAGIC 0x1a2b3c4du

#define BLOCK_MIN   12 /* type, length, length */
#define SECTION_MIN 28
#define FIXED_BYTES 20 /* of a packet's block, behind type and length, at most */

#define OPTION_END        0
#define OPTION_FLAGS      2 /* of a packet */
#define OPTION_RESOLUTION 9 /* of an interface */
#define OPTION_OFFSET     14
#define FLAGS_DIRECTION   3u
#define FLAGS_OUTBOUND    2u
#define MICROSECONDS      6

/* A block without what encloses it. */
struct body {
	const uint8_t *p;
	size_t n;
};

/* --- options ---------------------------------------------------------------------------------- */

/* The next option; false: there is none, or it is damaged, and all that follow with it. */
static bool next_option(
    const struct pcap_file *file, struct body *options, uint16_t *ret_code, struct body *ret)
{
	size_t padded;

	if (options->n < 4)
		return false;
	*ret_code = pcap_load16(file, options->p);
	*ret = (struct body){options->p + 4, pcap_load16(file, options->p + 2)};
	padded = 4 + ((ret->n + 3) & ~(size_t)3);
	if (*ret_code == OPTION_END || padded > options->n)
		return false;
	options->p += padded;
	options->n -= padded;
	return true;
}

static void read_interface_options(
    const struct pcap_file *file, struct body options, struct pcap_interface *interface)
{
	struct body value;
	uint16_t code;

	while (next_option(file, &options, &code, &value)) {
		if (code == OPTION_RESOLUTION && value.n >= 1)
			interface->resolution = value.p[0];
		else if (code == OPTION_OFFSET && value.n >= 8)
			interface->offset_s = (int64_t)pcap_load64(file, value.p);
	}
}

static bool is_outgoing(const struct pcap_file *file, struct body options)
{
	struct body value;
	uint16_t code;

	while (next_option(file, &options, &code, &value)) {
		if (code == OPTION_FLAGS && value.n >= 4)
			return (pcap_load32(file, value.p) & FLAGS_DIRECTION) == FLAGS_OUTBOUND;
	}
	return false;
}

/* --- time ------------------------------------------------------------------------------------- */

/* Of `count` units, of 10^-n s or, with the highest bit set, of 2^-n s. What is before 1970, or in
 * units that no clock has, is 0. */
static int64_t time_of(const struct pcap_interface *interface, uint64_t count)
{
	const unsigned n = interface->resolution & 0x7f;
	__int128 ns = count;

	if (interface->resolution & 0x80) {
		ns = ns * NS_PER_S >> n;
	} else {
		for (unsigned i = n; i < 9; i++)
			ns *= 10;
		for (unsigned i = 9; i < n && ns; i++)
			ns /= 10;
	}
	ns += (__int128)interface->offset_s * NS_PER_S;
	if (ns > (__int128)PCAP_LAST_S * NS_PER_S)
		return PCAP_LAST_S * NS_PER_S;
	return ns < 0 ? 0 : (int64_t)ns;
}

/* --- blocks ----------------------------------------------------------------------------------- */

/* The block's length, from behind its type; -EIO where it cannot be one. */
static int read_length(struct pcap_file *file, size_t least, uint32_t *ret)
{
	*ret = pcap_load32(file, pcap_bytes(file) + 4);
	if (*ret < least || *ret % 4)
		return pcap_refuse(file, "a block's length is not valid");
	return 0;
}

/* All of a block of at most `most` bytes; *body: between its lengths. Consumed by the caller. */
static int read_block(struct pcap_file *file, uint32_t length, size_t most, struct body *ret)
{
	if (length > most)
		return pcap_refuse(file, "a block is too long");
	if (pcap_must(file, length) < 0)
		return -EIO;
	if (pcap_load32(file, pcap_bytes(file) + length - 4) != length)
		return pcap_refuse(file, "a block's two lengths differ");
	*ret = (struct body){pcap_bytes(file) + 8, length - BLOCK_MIN};
	return 0;
}

static int skip_block(struct pcap_file *file, uint32_t length)
{
	if (pcap_skip(file, length - 4) < 0 || pcap_must(file, 4) < 0)
		return -EIO;
	if (pcap_load32(file, pcap_bytes(file)) != length)
		return pcap_refuse(file, "a block's two lengths differ");
	pcap_consume(file, 4);
	return 0;
}

/* Its byte order is that of all blocks up to the next section. */
static int read_section(struct pcap_file *file)
{
	uint32_t length;

	if (pcap_must(file, SECTION_MIN) < 0)
		return -EIO;
	file->swapped = false;
	if (pcap_load32(file, pcap_bytes(file) + 8) != ORDER_MAGIC)
		file->swapped = true;
	if (pcap_load32(file, pcap_bytes(file) + 8) != ORDER_MAGIC)
		return pcap_refuse(file, "a section has no byte order");
	if (pcap_load16(file, pcap_bytes(file) + 12) != 1)
		return pcap_refuse(file, "a section's version is not known");
	file->n_interfaces = 0;
	if (read_length(file, SECTION_MIN, &length) < 0)
		return -EIO;
	return skip_block(file, length);
}

static int add_interface(struct pcap_file *file, const struct pcap_interface *interface)
{
	if (file->n_interfaces == file->room) {
		const size_t room = file->room ? 2 * file->room : 4;
		struct pcap_interface *more;

		if (file->n_interfaces == PCAP_INTERFACES_MAX)
			return pcap_refuse(file, "a section has too many interfaces");
		more = reallocarray(file->interfaces, room, sizeof(*more));
		if (!more)
			return pcap_refuse(file, strerror(ENOMEM));
		file->interfaces = more;
		file->room = room;
	}
	file->interfaces[file->n_interfaces++] = *interface;
	return 0;
}

static int read_interface(struct pcap_file *file, uint32_t length)
{
	struct pcap_interface interface = {.resolution = MICROSECONDS};
	struct body body = {0};
	int r = read_block(file, length, BLOCK_MIN + 8 + PCAP_OPTIONS_MAX, &body);

	if (r < 0)
		return r;
	if (body.n < 8)
		return pcap_refuse(file, "a block's length is not valid");
	interface.link = pcap_load16(file, body.p);
	interface.snaplen = pcap_load32(file, body.p + 4);
	read_interface_options(file, (struct body){body.p + 8, body.n - 8}, &interface);
	r = add_interface(file, &interface);
	pcap_consume(file, length);
	return r;
}

/* What a packet's block says in front of the data. */
struct fields {
	uint32_t interface;
	uint64_t time; /* in units of the interface */
	uint32_t captured, length;
	size_t bytes; /* of all that */
	bool simple;
};

/* False: the block is too short for its fields. */
static bool read_fields(
    const struct pcap_file *file, uint32_t type, const struct body *body, struct fields *ret)
{
	const uint8_t *p = body->p;

	*ret = (struct fields){.bytes = type == BLOCK_SIMPLE ? 4 : FIXED_BYTES};
	if (body->n < ret->bytes)
		return false;
	if (type == BLOCK_SIMPLE) {
		const uint32_t snaplen = file->n_interfaces ? file->interfaces[0].snaplen : 0;

		ret->simple = true;
		ret->length = pcap_load32(file, p);
		ret->captured = snaplen && snaplen < ret->length ? snaplen : ret->length;
		return true;
	}
	ret->interface = type == BLOCK_PACKET ? pcap_load16(file, p) : pcap_load32(file, p);
	ret->time = (uint64_t)pcap_load32(file, p + 4) << 32 | pcap_load32(file, p + 8);
	ret->captured = pcap_load32(file, p + 12);
	ret->length = pcap_load32(file, p + 16);
	return true;
}

static int read_packet(
    struct pcap_file *file, uint32_t type, uint32_t length, struct pcap_packet *ret)
{
	const struct pcap_interface *interface;
	struct fields fields;
	struct body body = {0};
	size_t padded;
	int r = read_block(
	    file, length, BLOCK_MIN + FIXED_BYTES + PCAP_PACKET_MAX + PCAP_OPTIONS_MAX, &body);

	if (r < 0)
		return r;
	if (!read_fields(file, type, &body, &fields) || fields.captured > body.n - fields.bytes ||
	    fields.captured > PCAP_PACKET_MAX)
		return pcap_refuse(file, "a packet is longer than its block");
	if (fields.interface >= file->n_interfaces)
		return pcap_refuse(file, "a packet is of an interface that is not described");
	interface = &file->interfaces[fields.interface];
	*ret = (struct pcap_packet){
	    .data = body.p + fields.bytes,
	    .length = fields.captured,
	    .frame_bytes = fields.length > fields.captured ? fields.length : fields.captured,
	    .time_ns = fields.simple ? file->last_ns : time_of(interface, fields.time),
	};
	padded = fields.bytes + ((fields.captured + 3u) & ~3u);
	link_unwrap(ret, interface->link, file->swapped);
	if (!fields.simple && padded < body.n &&
	    is_outgoing(file, (struct body){body.p + padded, body.n - padded}))
		ret->outgoing = true;
	pcap_consume(file, length);
	file->packets++;
	return 1;
}

/* 0: a block without a packet; else as pcap_file_next(). */
static int read_any(struct pcap_file *file, struct pcap_packet *ret)
{
	const uint32_t type = pcap_load32(file, pcap_bytes(file));
	uint32_t length;

	if (type == BLOCK_SECTION)
		return read_section(file);
	if (read_length(file, BLOCK_MIN, &length) < 0)
		return -EIO;
	switch (type) {
	case BLOCK_INTERFACE:
		return read_interface(file, length);
	case BLOCK_PACKET:
	case BLOCK_SIMPLE:
	case BLOCK_ENHANCED:
		return read_packet(file, type, length, ret);
	default:
		return skip_block(file, length);
	}
}

int pcapng_next(struct pcap_file *file, struct pcap_packet *ret)
{
	int r = pcap_need(file, BLOCK_MIN);

	while (r > 0) {
		r = read_any(file, ret);
		if (r != 0)
			return r;
		r = pcap_need(file, BLOCK_MIN);
	}
	return r;
}
