/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a reload changes: two configurations held against each other by the table of options, and
 * nowhere else. The agent (agent/reload.c) calls it, and gives each stage the takers that concern
 * it.
 */
#ifndef CROSSTAP_CONFIG_DIFF_H
#define CROSSTAP_CONFIG_DIFF_H

#include "config/options.h"

#define CONFIG_DIFF_OPTIONS 128 /* rows of the root table at most */

struct config_diff {
	/* 1 << enum option_taker: of the options that differ, those in the entries of `inputs` and
	 * `outputs` included, and of the files that are to be read again. */
	uint32_t takers;
	/* Rows of options_root that differ, in its order. They stay valid without the
	 * configurations. */
	const struct config_option *options[CONFIG_DIFF_OPTIONS];
	size_t n;
};

/* Secrets count by their value. */
void config_diff(struct config_diff *ret, const struct config *old, const struct config *new);
/* Paths of the options that differ, separated by commas; `restart`: of those that need a restart,
 * else of the others. "none" where there are none. Returns how many there are; free() *ret, which
 * is NULL without memory. */
size_t config_diff_paths(const struct config_diff *diff, bool restart, char **ret);
/*
 * Gives `next` the values in force of options that need a restart, before anybody else has a
 * reference to it: what a running agent then holds, shows and hashes is what it does. -ENOMEM:
 * `next` is not to be used.
 */
int config_keep_restart(struct config *next, const struct config *in_force);

#endif
