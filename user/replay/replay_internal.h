/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of a replay and its windows share. Inside user/replay*.c only. */
#ifndef CROSSTAP_REPLAY_REPLAY_INTERNAL_H
#define CROSSTAP_REPLAY_REPLAY_INTERNAL_H

#include "agent/setup.h"
#include "capture/unpacked.h"
#include "crosscheck/crosscheck.h"
#include "dnstap/receiver.h"
#include "privacy/privacy.h"
#include "replay/replay.h"
#include "replay/replay_attacks.h"
#include "replay/replay_wire.h"

#define MODULE "replay"

struct replay_file {
	struct replay *replay;
	const char *name;
	struct replay_capture *capture; /* NULL: frames, through the receiver */
	struct unpacked *unpacked;      /* the frames' bytes; NULL: packets */
	struct receiver receiver;
	uint8_t *buffer;
	size_t start, end, size; /* of what is not consumed yet */
	uint64_t bytes;          /* read so far, as they are when unpacked */
	int64_t newest_ns;       /* INT64_MIN: nothing yet */
	int64_t first_ns;        /* until then, of what is read; INT64_MIN: no frame says a time */
	int64_t next_ns; /* of the frame that is next, where files keep together; INT64_MIN: it says
			    no time, or is not read yet */
	int64_t jump_ns; /* where the last frames say the time is, against newest_ns */
	unsigned jumped; /* how many, running */
	bool at_end;
	bool broken; /* not read to its end */
};

struct replay {
	struct replay_options options;
	struct zone_registry *registry;
	struct hash_seed seed;
	struct compare_filter filter;
	struct input_setup setup;
	struct shard_limits limits;
	struct replay_attacks attacks; /* of the dataset */
	struct collector *collector;
	struct windows windows;
	bool begun;            /* the windows are */
	bool reported;         /* one window at least */
	struct enrich *enrich; /* NULL without windows, as is the next */
	struct report *report;
	struct replay_file **files;
	size_t n_files;
	struct shard *total;
	struct privacy *privacy;
	struct magnitude *magnitude;        /* NULL: not wanted */
	struct place_names *places;         /* of the report on all of the input */
	struct replay_wire *wire;           /* NULL: no captures */
	struct arena *arena;                /* of one window */
	enum producer producers[PRODUCERS]; /* whose frames were read, each once */
	size_t n_producers;
};

/* replay_file.c: bytes to frames and packets. */
void replay_file_free(struct replay_file *file);
/* Reads the beginning, for first_ns. */
void replay_file_start(struct replay_file *file);
/* Reads on: some frames, or one packet. */
void replay_file_feed(struct replay_file *file);

/* replay_capture.c. `file` has replay alone; it learns name and capture. */
int replay_capture_open(
    struct replay_file *file, const char *path, char error[static PCAP_FILE_ERROR_BYTES]);
void replay_capture_free(struct replay_capture *capture);
/* Counts a packet, and reads the next one. */
void replay_capture_feed(struct replay_file *file);
/* Of the packet that is counted next. */
int64_t replay_capture_time(const struct replay_file *file);
/* Has one been counted? */
bool replay_capture_begun(const struct replay_file *file);
/* Who the servers are takes a reading of its own. An error of the file is said when its packets are
 * counted. */
void replay_learn_servers(struct replay *replay);

/* Remembers who wrote the frames that were decoded last: of one producer, or of several. */
void replay_note_producer(struct replay_file *file);
/* What the dnstap side is to the cross-check, as far as it was read. */
void replay_inputs(const struct replay *replay, struct crosscheck_inputs *ret);

/* replay.c: into the windows. `context`: the file. */
void replay_take(void *context, const struct record *records, size_t n);
void replay_take_bad(void *context);
void replay_take_packet(struct replay_file *file, const struct pcap_packet *packet);
/* A capture is at its end. Behind the last one no segment is waited for. */
void replay_end_packets(struct replay_file *last);

#endif
