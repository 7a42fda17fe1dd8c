/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kinds of outputs, as far as a configuration knows them: a name and a table of options. Each kind
 * and its back end are one file of user/sink/; the list of them is user/sink/kinds.c, which a
 * program is linked with, so that this room need not know that one.
 */
#ifndef CROSSTAP_CONFIG_OUTPUT_KIND_H
#define CROSSTAP_CONFIG_OUTPUT_KIND_H

#include "config/options.h"

#define OUTPUT_KINDS_MAX 32

struct output_kind {
	const char *name;          /* the key in the file, as in `influxdb` */
	struct option_table table; /* of its settings */
	size_t size;               /* bytes of the settings */
	/* What of settings that can be one by one cannot be together; NULL: nothing. The member may
	 * be NULL. */
	const char *(*problem)(const void *settings);
};

/* In the order of documents, ended by NULL; at most OUTPUT_KINDS_MAX. */
extern const struct output_kind *const output_kinds[];

/* NULL: there is none of this name. */
const struct output_kind *output_kind_find(const char *name);
/* The name that is nearest by edit distance. */
const char *output_kind_nearest(const char *name);
/* All names for a message: "influxdb, file or otlp". */
void output_kind_list(char *out, size_t size);
/* Whether two outputs take the same from the configuration, secrets included. */
bool output_equal(const struct config_output *a, const struct config_output *b);
/* The option that two outputs may not have in common and have; NULL: there is none. */
const struct config_option *output_clash(
    const struct config_output *a, const struct config_output *b);

#endif
