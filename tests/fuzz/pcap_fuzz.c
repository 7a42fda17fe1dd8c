/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture file, damaged or hostile. The first byte says who the servers are: even, those that
 * answer in it, else everybody. What is counted never exceeds what was read, and a second reading
 * counts the same.
 */
#include "replay/replay_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	int end; /* of the file: 0 or the error */
	uint64_t packets, counted, messages, malformed, cut;
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
		}
	}
}

static void count(struct replay_wire *wire, const char *path, struct outcome *ret)
{
	char error[PCAP_FILE_ERROR_BYTES] = "";
	struct counter_window *window;
	struct pcap_packet packet;
	struct pcap_file *file;
	int r = pcap_file_open(&file, path, error);

	if (r == 0) {
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
	ret->end = r;
	ret->cut = replay_wire_cut(wire);
	window = replay_wire_take(wire, 0);
	if (window)
		sum(window, ret);
	replay_wire_give(wire, window);
	if (ret->counted > ret->packets)
		abort();
}

static void run(const struct config_wire *config, const char *path, struct outcome *ret)
{
	char error[PCAP_FILE_ERROR_BYTES];
	struct replay_wire *wire;

	if (replay_wire_new(&wire, config) < 0)
		abort();
	if (replay_wire_must_learn(wire))
		replay_wire_learn(wire, path, error);
	count(wire, path, ret);
	replay_wire_free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_network everybody[2] = {{.family = 4}, {.family = 6}};
	struct config_wire config = {.ports = {{53}, 1},
	    .dot_ports = {{853}, 1},
	    .doh_ports = {{443}, 1},
	    .doq_ports = {{853}, 1},
	    .rtt = true,
	    .per_source = true};
	struct outcome first = {0}, second = {0};
	char path[64];
	int fd;

	if (!size)
		return 0;
	if (data[0] & 1) {
		config.addresses = everybody;
		config.n_addresses = 2;
	}
	fd = memfd_create("pcap", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	run(&config, path, &first);
	run(&config, path, &second);
	close(fd);
	if (first.end != second.end || first.packets != second.packets ||
	    first.counted != second.counted || first.messages != second.messages ||
	    first.malformed != second.malformed || first.cut != second.cut)
		abort();
	return 0;
}
