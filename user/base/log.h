/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the daemon: one line each on stderr, `level module: text key=value...`. The only
 * global state of the program. Library code returns errors; main, agent, commands and the loops
 * of threads log them. Safe from any thread; a line is one write().
 */
#ifndef CROSSTAP_BASE_LOG_H
#define CROSSTAP_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "error", "warning", "info", "debug"; -EINVAL for other words. */
int log_level_from_name(const char *name, enum log_level *ret);

/* Bytes of the message that would break the line are written as \xNN. */
void log_write(enum log_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(module, ...)   log_write(LOG_LEVEL_ERROR, module, __VA_ARGS__)
#define log_warning(module, ...) log_write(LOG_LEVEL_WARNING, module, __VA_ARGS__)
#define log_info(module, ...)    log_write(LOG_LEVEL_INFO, module, __VA_ARGS__)
#define log_debug(module, ...)   log_write(LOG_LEVEL_DEBUG, module, __VA_ARGS__)

/* At most one line per `interval` for an event that a peer can cause at will. Not shared between
 * threads. `suppressed` counts what was not written since the last line. */
struct log_limit {
	uint64_t next_ns; /* CLOCK_MONOTONIC */
	uint64_t suppressed;
};

/* True if a line may be written now; *ret_suppressed is then the number left out before it. */
bool log_limit_pass(struct log_limit *limit, uint64_t interval_ns, uint64_t *ret_suppressed);

#endif
