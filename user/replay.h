/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pipeline over files: receivers, one collector, windows whose clock is the frames' own time,
 * and the report. Several files are read side by side; the clock is the least of their newest
 * timestamps.
 */
#ifndef CROSSTAP_REPLAY_H
#define CROSSTAP_REPLAY_H

#include "config/config.h"
#include "report/report.h"
#include "stats/shard.h"

struct replay;

struct replay_options {
	const struct config *config;
	const struct config_input *input; /* label, zones, scope, queries */
	bool windows;                     /* report every window to the configuration's outputs */
};

struct replay_totals {
	uint64_t frames, frames_bad, bytes; /* bytes: of the files */
	struct shard *total;                /* everything, as one window; the replay's */
	struct zone_registry *registry;
	struct hash_seed seed;
};

int replay_new(struct replay **ret, const struct replay_options *options, char *error, size_t size);
/* `fd` is read, not closed; `name` is for messages and must stay valid. */
int replay_add(struct replay *replay, int fd, const char *name);
/* Reads all files to their ends and closes the windows. -EIO if one could not be read to its end:
 * said by log, and everything before it is counted. */
int replay_run(struct replay *replay);
void replay_get_totals(struct replay *replay, struct replay_totals *ret);
void replay_free(struct replay *replay);

#endif
