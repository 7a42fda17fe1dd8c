/* SPDX-License-Identifier: BSD-2-Clause */
/* An option's limits in words, for the default configuration and the man page. */
#ifndef CROSSTAP_CONFIG_LIMITS_TEXT_H
#define CROSSTAP_CONFIG_LIMITS_TEXT_H

#include "config/options.h"

#define LIMITS_TEXT_SIZE 320

/* "1s to 1h", "auto, native or off", "valid only with ..."; empty where there is nothing to say. */
void limits_text(const struct config_option *option, char out[LIMITS_TEXT_SIZE]);
/* `value` in the notation of the option's type; at most SCALAR_TEXT_SIZE bytes. */
void limit_format(char *out, const struct config_option *option, double value);

#endif
