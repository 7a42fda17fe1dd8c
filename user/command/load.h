/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CROSSTAP_COMMAND_LOAD_H
#define CROSSTAP_COMMAND_LOAD_H

#include "config/config.h"

/* By config_load() or its like. What is wrong with the file goes the way of all messages, which
 * waits for no reader. */
int command_load(const char *path, int (*read)(const char *path, FILE *errors, struct config **ret),
    struct config **ret);

#endif
