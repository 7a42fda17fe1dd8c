/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture file, damaged or hostile. The first byte's lowest bit says who the servers are: 0,
 * those that answer in it, else everybody. What is counted never exceeds what was read; a second
 * reading, if the next two bits are 1, counts the same. It takes as long as the first: not of all.
 */
#include "replay/replay_wire.h"

#include "frames.h"
#include "pieces.h"
#include "require.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST    1024 /* a dozen packets; the corpus has more servers than a first table takes */
#define LONGEST 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	int end; /* of the file: 0 or the error */
	uint64_t packets, counted, messages, malformed, resync, cut;
};

static UNGUIDED void sum(const struct counter_window *window, struct outcome *ret)
{
	for (uint32_t direction = 0; direction < WIRE_DIRECTIONS; direction++) {
		const struct wire_counters *counters = counter_window_sums(window, 0, direction);

		for (unsigned i = 0; i < WIRE_TRANSPORTS * 2; i++) {
			const struct wire_cell *cell = &counters->cells[i / 2][i % 2];

			if (cell->malformed > cell->messages ||
			    cell->not_query + cell->left_out > cell->messages)
				abort();
			ret->counted += cell->packets;
			ret->messages += cell->messages;
			ret->malformed += cell->malformed;
			ret->resync += cell->resync;
		}
	}
}

static struct pcap_file *open_again(int fd, char error[static PCAP_FILE_ERROR_BYTES], int *ret_r)
{
	struct pcap_file *file = NULL;

	error[0] = '\0';
	if (lseek(fd, 0, SEEK_SET) < 0)
		abort();
	*ret_r = pcap_file_open_fd(&file, fd, error);
	return file;
}

static void learn(struct replay_wire *wire, int fd)
{
	char error[PCAP_FILE_ERROR_BYTES];
	struct pcap_packet packet;
	int r;
	struct pcap_file *file = open_again(fd, error, &r);

	while (file && pcap_file_next(file, &packet, error) > 0) {
		if (replay_wire_learn(wire, &packet) < 0)
			abort();
	}
	pcap_file_close(file);
}

static void count(struct replay_wire *wire, int fd, struct outcome *ret)
{
	char error[PCAP_FILE_ERROR_BYTES];
	struct counter_window *window;
	struct pcap_packet packet;
	int r;
	struct pcap_file *file = open_again(fd, error, &r);

	if (file) {
		while ((r = pcap_file_next(file, &packet, error)) > 0) {
			if (packet.length > packet.frame_bytes || packet.time_ns < 0 ||
			    replay_wire_count(wire, 0, &packet) < 0)
				abort();
		}
		ret->packets = pcap_file_packets(file);
		pcap_file_close(file);
	}
	if (r < 0 && !error[0])
		abort();
	if (replay_wire_end(wire, 0) < 0)
		abort();
	ret->end = r;
	ret->cut = replay_wire_cut(wire);
	window = replay_wire_take(wire, 0);
	if (window)
		sum(window, ret);
	replay_wire_give(wire, window);
	if (ret->counted > ret->packets)
		abort();
}

static void run(struct replay_wire *wire, int fd, struct outcome *ret)
{
	replay_wire_clear(wire);
	if (replay_wire_must_learn(wire))
		learn(wire, fd);
	count(wire, fd, ret);
}

/* Made once: its tables take megabytes. */
static struct replay_wire *wire_of(bool named)
{
	static struct config_network everybody[2] = {{.family = 4}, {.family = 6}};
	static struct config_wire configs[2];
	static struct replay_wire *wires[2];

	if (wires[named])
		return wires[named];
	configs[named] = (struct config_wire){.ports = {{53}, 1},
	    .dot_ports = {{853}, 1},
	    .doh_ports = {{443}, 1},
	    .doq_ports = {{853}, 1},
	    .addresses = named ? everybody : NULL,
	    .n_addresses = named ? 2 : 0,
	    .rtt = true,
	    .per_source = true};
	if (replay_wire_new(&wires[named], &configs[named]) < 0)
		abort();
	return wires[named];
}

/* Compressed, which is another target's: memory for windows takes longer than all of this. */
static bool is_packed(const uint8_t *data, size_t size)
{
	static const uint8_t magics[][4] = {{0x1f, 0x8b}, {0x28, 0xb5, 0x2f, 0xfd},
	    {0x50, 0x2a, 0x4d, 0x18}, {0xfd, '7', 'z', 'X'}};

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const size_t n = magics[i][2] ? 4 : 2;

		if (size >= n && (data[0] & (i == 2 ? 0xf0 : 0xff)) == magics[i][0] &&
		    memcmp(data + 1, magics[i] + 1, n - 1) == 0)
			return true;
	}
	return false;
}

/* Cut where it is too long, and never to nothing: the kernel would take its page and give another.
 */
static int file_of(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static size_t length;

	if (fd < 0)
		fd = memfd_create("pcap", MFD_CLOEXEC);
	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size ||
	    (size < length && ftruncate(fd, (off_t)size) < 0))
		abort();
	length = size;
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome first = {0}, second = {0};
	int fd;

	if (!size || size > LONGEST || is_packed(data + 1, size - 1))
		return 0;
	fd = file_of(data + 1, size - 1);
	run(wire_of(data[0] & 1), fd, &first);
	if ((data[0] & 6) != 6)
		return 0;
	run(wire_of(data[0] & 1), fd, &second);
	if (first.end != second.end || first.packets != second.packets ||
	    first.counted != second.counted || first.messages != second.messages ||
	    first.malformed != second.malformed || first.cut != second.cut ||
	    first.resync != second.resync)
		abort();
	return 0;
}

/* -- mutations: the records of a pcap file, and the blocks of a pcapng file, in this host's byte
 * order; the files begin behind one byte */

#define FILE_HEADER   (1 + 24)
#define RECORD_HEADER 16
#define BLOCK_MAGIC   0x0a0d0d0au
#define PACKET_BLOCK  6 /* its data is behind 28 bytes */
#define BLOCK_HEADER  8

static uint32_t load(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void store(uint8_t *at, size_t value)
{
	const uint32_t word = (uint32_t)value;

	memcpy(at, &word, sizeof(word));
}

static bool is_ng(const uint8_t *data, size_t size)
{
	return size > BLOCK_HEADER && load(data + 1) == BLOCK_MAGIC;
}

static size_t split_records(const uint8_t *data, size_t size, struct piece pieces[PIECES_MAX])
{
	size_t n = 0, at = FILE_HEADER;

	while (at < size && size - at > RECORD_HEADER && n < PIECES_MAX) {
		const uint32_t captured = load(data + at + 8);
		size_t length = size - at;

		if (captured < length - RECORD_HEADER)
			length = RECORD_HEADER + captured;
		pieces[n++] = (struct piece){at, length, RECORD_HEADER};
		at += length;
	}
	return n;
}

/* What was on the wire may be more than what was captured. */
static void fit_record(uint8_t *piece, const struct piece *is)
{
	const size_t length = is->length - RECORD_HEADER;
	const uint32_t captured = load(piece + 8), before = load(piece + 12);

	store(piece + 8, length);
	store(piece + 12, before > captured ? length + 1 + before % 64 : length);
	frame_fit(piece + RECORD_HEADER, length);
}

static size_t split_blocks(const uint8_t *data, size_t size, struct piece pieces[PIECES_MAX])
{
	size_t n = 0, at = 1;

	while (at < size && n < PIECES_MAX) {
		size_t length = size - at, head = BLOCK_HEADER;

		if (length > 12 && load(data + at + 4) >= 12 && load(data + at + 4) < length)
			length = load(data + at + 4);
		if (length > 32 && load(data + at) == PACKET_BLOCK)
			head = 28;
		pieces[n++] = (struct piece){at, length, head < length ? head : length};
		at += length;
	}
	return n;
}

/* Both lengths of the block, which is a multiple of four; those of the packet in it. */
static void fit_block(uint8_t *piece, const struct piece *is)
{
	size_t data;

	if (is->length < 12)
		return;
	store(piece + 4, is->length & ~(size_t)3);
	store(piece + (is->length & ~(size_t)3) - 4, is->length & ~(size_t)3);
	if (load(piece) != PACKET_BLOCK || is->length < 32)
		return;
	data = (is->length & ~(size_t)3) - 32;
	if (load(piece + 20) > data || load(piece + 20) + 3 < data) {
		store(piece + 20, data);
		store(piece + 24, data);
	}
	frame_fit(piece + 28, load(piece + 20));
}

/* Segments of TCP that a mutation moved or changed are one stream again. */
static void follow(uint8_t *data, size_t size)
{
	struct frame_streams streams = {0};
	struct piece list[PIECES_MAX];
	const size_t n =
	    is_ng(data, size) ? split_blocks(data, size, list) : split_records(data, size, list);

	for (size_t i = 0; i < n; i++) {
		const bool packet =
		    !is_ng(data, size) || (list[i].head == 28 && list[i].length > 32);
		const size_t end = is_ng(data, size) ? 4 : 0;

		if (packet)
			frame_follow(&streams, data + list[i].at + list[i].head,
			    list[i].length - list[i].head - end);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static const struct pieces_format records = {split_records, fit_record, 0},
					  blocks = {split_blocks, fit_block, 0};

	size =
	    pieces_mutate(is_ng(data, size) ? &blocks : &records, data, size, max_size, seed / 2);
	if (seed & 1)
		follow(data, size);
	return size;
}
