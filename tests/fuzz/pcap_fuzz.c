/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture file, damaged or hostile. The first byte's lowest bit says who the servers are: 0,
 * those that answer in it, else everybody. What is counted never exceeds what was read; a second
 * reading, if the next two bits are 0, counts the same.
 */
#include "replay/replay_wire.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	int end; /* of the file: 0 or the error */
	uint64_t packets, counted, messages, malformed, resync, cut;
};

static void sum(const struct counter_window *window, struct outcome *ret)
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct outcome first = {0}, second = {0};

	if (!size)
		return 0;
	if (fd < 0)
		fd = memfd_create("pcap", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) < 0 ||
	    pwrite(fd, data + 1, size - 1, 0) != (ssize_t)(size - 1))
		abort();
	run(wire_of(data[0] & 1), fd, &first);
	if (data[0] & 6)
		return 0;
	run(wire_of(data[0] & 1), fd, &second);
	if (first.end != second.end || first.packets != second.packets ||
	    first.counted != second.counted || first.messages != second.messages ||
	    first.malformed != second.malformed || first.cut != second.cut ||
	    first.resync != second.resync)
		abort();
	return 0;
}
