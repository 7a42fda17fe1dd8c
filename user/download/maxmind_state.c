/* SPDX-License-Identifier: BSD-2-Clause */
#include "download/maxmind_state.h"

#include "base/io.h"
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX         ".download"
#define MAX_FILE_BYTES 1024

static bool parse_time(const char *text, int64_t *ret)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < 0)
		return false;
	*ret = value;
	return true;
}

static bool parse_line(char *line, struct maxmind_state *state)
{
	char *value = strchr(line, ' ');

	if (!value)
		return false;
	*value++ = '\0';
	if (strcmp(line, "edition") == 0)
		return (size_t)snprintf(state->edition, sizeof(state->edition), "%s", value) <
		    sizeof(state->edition);
	if (strcmp(line, "checked") == 0)
		return parse_time(value, &state->checked_s);
	if (strcmp(line, "not_before") == 0)
		return parse_time(value, &state->not_before_s);
	return true; /* of a later version */
}

void maxmind_state_read(const char *database_path, struct maxmind_state *ret)
{
	char path[PATH_MAX], text[MAX_FILE_BYTES + 1], *line, *rest = NULL;
	struct maxmind_state state = {0};
	ssize_t n = -1;
	int fd;

	*ret = state;
	if ((size_t)snprintf(path, sizeof(path), "%s" SUFFIX, database_path) >= sizeof(path))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0) {
		n = io_read(fd, text, MAX_FILE_BYTES);
		close(fd);
	}
	if (n <= 0)
		return;
	text[n] = '\0';
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!parse_line(line, &state))
			return;
	*ret = state;
}

int maxmind_state_write(const char *database_path, const struct maxmind_state *state)
{
	char path[PATH_MAX], text[MAX_FILE_BYTES];
	int n;

	if ((size_t)snprintf(path, sizeof(path), "%s" SUFFIX, database_path) >= sizeof(path))
		return -ENAMETOOLONG;
	n = snprintf(text, sizeof(text),
	    "edition %s\nchecked %" PRId64 "\nnot_before %" PRId64 "\n", state->edition,
	    state->checked_s, state->not_before_s);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	return replace_file(path, text, (size_t)n, 0644, REPLACE_DURABLE);
}
