/* SPDX-License-Identifier: BSD-2-Clause */
#include "command/load.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "config"

int command_load(const char *path, int (*read)(const char *path, FILE *errors, struct config **ret),
    struct config **ret)
{
	char *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);
	int r;

	if (!errors) {
		log_error(MODULE, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	r = read(path, errors, ret);
	fclose(errors);
	log_write_lines(LOG_LEVEL_ERROR, MODULE, text);
	if (r < 0 && (!text || !*text)) /* there was no memory for words */
		log_error(MODULE, "%s: %s", path ? path : CONFIG_DEFAULT_PATH, strerror(-r));
	free(text);
	return r;
}
