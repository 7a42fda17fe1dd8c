/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pipeline over files: receivers, one collector, captures, windows whose clock is the frames'
 * and packets' own time, and the report. Several files are read side by side; the clock is the
 * least of their newest timestamps.
 */
#ifndef CROSSTAP_REPLAY_REPLAY_H
#define CROSSTAP_REPLAY_REPLAY_H

#include "capture/pcap_file.h"
#include "config/config.h"
#include "report/report.h"

#include <jansson.h>

struct replay;

struct replay_options {
	const struct config *config;      /* a reference of its own is taken */
	const struct config_input *input; /* label, zones, scope, queries */
	bool windows;                     /* report every window to the configuration's outputs */
	bool captures; /* there will be some: their clients' addresses are shown */
};

int replay_new(struct replay **ret, const struct replay_options *options, char *error, size_t size);
/* Frames, compressed or not (capture/unpacked.h), one stream after the other. `fd` is read, not
 * closed; `name` is for messages and must stay valid. */
int replay_add(struct replay *replay, int fd, const char *name);
/* A capture, "-": stdin. What cannot be read twice is kept in a file without a name
 * (replay/spool.h) where the servers must be learned from it. Errors with the reason in `error`.
 * `path` must stay valid. */
int replay_add_pcap(
    struct replay *replay, const char *path, char error[static PCAP_FILE_ERROR_BYTES]);
/* Reads all files to their ends and closes the windows. -EIO if one could not be read to its end:
 * said by log, and everything before it is counted. */
int replay_run(struct replay *replay);
/* After replay_run(): what the outputs took, and what they refused or lost. */
void replay_sum_outputs(struct replay *replay, struct sink_stats *ret);
/* After replay_run(): the report as `replay --json` prints it. NULL: no memory. */
json_t *replay_document(struct replay *replay, double seconds);
void replay_free(struct replay *replay);

#endif
