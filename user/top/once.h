/* SPDX-License-Identifier: BSD-2-Clause */
/* One look at an agent for scripts: a table, a document, or a plugin's line. */
#ifndef CROSSTAP_TOP_ONCE_H
#define CROSSTAP_TOP_ONCE_H

#include "top/model.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses of the Monitoring Plugins' guidelines. */
enum { PLUGIN_OK, PLUGIN_WARNING, PLUGIN_CRITICAL, PLUGIN_UNKNOWN };

/* Every table, in 80 columns, the first rows of each. -ENOMEM. */
int once_table(FILE *out, const struct top_model *model, bool utf8);
/* NULL: no memory. The caller's. */
json_t *once_json(const struct top_model *model);

/* A list of verdicts with commas, as 1 << enum verdict each; `any`: all but ok. -EINVAL: a word is
 * none, and `error` says which. */
int plugin_verdicts(uint32_t *ret, const char *list, char *error, size_t size);
/* A line with performance data; the exit status. An agent that makes no verdict is PLUGIN_UNKNOWN,
 * and one that is in neither list PLUGIN_OK. */
int plugin_line(FILE *out, const struct top_model *model, uint32_t warning, uint32_t critical);
/* The line where there is no agent. */
int plugin_no_agent(FILE *out, const char *why);
/* The status alone. */
int plugin_status(const struct top_model *model, uint32_t warning, uint32_t critical);

#endif
