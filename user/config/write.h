/* SPDX-License-Identifier: BSD-2-Clause */
/* The effective configuration as a document. */
#ifndef CROSSTAP_CONFIG_WRITE_H
#define CROSSTAP_CONFIG_WRITE_H

#include "config/config.h"

#include <jansson.h>

/* Every option that applies, in the file's own notation, without secrets. NULL when there is no
 * memory. The caller gives it back with json_decref(). */
json_t *config_to_json(const struct config *config);
/* The same of the options that one of these takers (1 << enum option_taker) takes over. */
json_t *config_part_to_json(const struct config *config, uint32_t takers);
int config_set_hash(struct config *config);

#endif
