/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Atomic int current_level = LOG_LEVEL_INFO;
static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

int log_level_from_name(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A hostile name must not start a line of its own or move the reader's cursor. */
static size_t append_clean(char *line, size_t used, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f) {
			if (used + 4 > size)
				break;
			line[used++] = '\\';
			line[used++] = 'x';
			line[used++] = hex[c >> 4];
			line[used++] = hex[c & 15];
		} else {
			if (used + 1 > size)
				break;
			line[used++] = (char)c;
		}
	}
	return used;
}

void log_write(enum log_level level, const char *module, const char *format, ...)
{
	char text[2048], line[4096];
	size_t used;
	va_list args;

	if (level > log_get_level())
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	used = (size_t)snprintf(line, sizeof(line), "%s %s: ", level_names[level], module);
	used = append_clean(line, used, sizeof(line) - 1, text);
	line[used++] = '\n';
	/* Nothing can be done about a full or closed stderr. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

bool log_limit_pass(struct log_limit *limit, uint64_t interval_ns, uint64_t *ret_suppressed)
{
	uint64_t now = clock_monotonic_ns();

	if (now < limit->next_ns) {
		limit->suppressed++;
		return false;
	}
	limit->next_ns = now + interval_ns;
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
