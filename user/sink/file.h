/* SPDX-License-Identifier: BSD-2-Clause */
/* An output into a file that no configuration names, as for `replay --points`. */
#ifndef CROSSTAP_SINK_FILE_H
#define CROSSTAP_SINK_FILE_H

#include "config/config.h"

enum sink_file_format { SINK_FILE_LINE, SINK_FILE_JSON };

struct sink_file_settings {
	const char *path; /* "-" is stdout */
	enum sink_file_format format;
};

/* The settings stay the caller's, and outlive the output. */
struct config_output sink_file_output(const struct sink_file_settings *settings);
/* Whether this one writes there, whoever names it. */
bool sink_file_is_stdout(const struct config_output *output);

#endif
