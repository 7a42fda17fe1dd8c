/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the daemon: one line each on stderr, `level module: text key=value...`. The only
 * global state of the program. Library code returns errors; main, agent, commands and the loops
 * of threads log them. Safe from any thread; a line is one write(). Where stderr is the journal's
 * ($JOURNAL_STREAM, systemd.exec(5)), each line begins with its priority, `<3>` and so on
 * (sd-daemon(3)).
 *
 * Commands that end by themselves write each line at once. A daemon calls log_start(): from then on
 * lines go through a bounded ring to a thread that alone writes, so that no thread ever waits for
 * whoever should read stderr. What does not fit is dropped, counted, and told of in a line of its
 * own as soon as somebody reads again.
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

/* Control characters (C0, DEL, C1), those that turn the direction of writing (Unicode's bidi
 * controls), line and paragraph separators, and bytes that are no UTF-8 are written as \xNN. */
void log_write(enum log_level level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(module, ...)   log_write(LOG_LEVEL_ERROR, module, __VA_ARGS__)
#define log_warning(module, ...) log_write(LOG_LEVEL_WARNING, module, __VA_ARGS__)
#define log_info(module, ...)    log_write(LOG_LEVEL_INFO, module, __VA_ARGS__)
#define log_debug(module, ...)   log_write(LOG_LEVEL_DEBUG, module, __VA_ARGS__)

#define LOG_RING_BYTES ((size_t)256 * 1024) /* lines that wait for a reader */

/* From now on lines wait for log_start(), or log_stop(). */
void log_hold(void);
/* From now on the calling process writes by a thread, which has the privileges that the caller has
 * now. -errno: what waits is written, and it goes on as before. */
int log_start(void);
/* Gives the thread `timeout_ns` to write what waits, and ends it; one that is still held by stderr
 * is left behind. From then on lines that can be written without waiting are. */
void log_stop(uint64_t timeout_ns);
/* Lines that nobody read, since the start. */
uint64_t log_dropped(void);
/* Each line of `text` as one message, without its newline; NULL: none. */
void log_write_lines(enum log_level level, const char *module, const char *text);

/* At most one line per `interval` for an event that a peer can cause at will. Not shared between
 * threads. `suppressed` counts what was not written since the last line. */
struct log_limit {
	uint64_t next_ns; /* CLOCK_MONOTONIC */
	uint64_t suppressed;
};

/* True if a line may be written now; *ret_suppressed is then the number left out before it. */
bool log_limit_pass(struct log_limit *limit, uint64_t interval_ns, uint64_t *ret_suppressed);

/* The same for up to `most` lines within an interval. */
struct log_burst {
	uint64_t until_ns; /* CLOCK_MONOTONIC */
	unsigned n;
	uint64_t suppressed;
};

bool log_burst_pass(
    struct log_burst *burst, uint64_t interval_ns, unsigned most, uint64_t *ret_suppressed);

#define LOG_REASONS 8

/* The same for events with a reason: each reason has its own interval, so that a new one is never
 * silent. Digits tell no reasons apart. Where more than LOG_REASONS are to be told within one
 * interval, the rest share one place: a peer that makes up reasons does not fill the log. */
struct log_reasons {
	struct {
		uint64_t hash;
		struct log_limit limit;
	} places[LOG_REASONS + 1];
};

bool log_reason_pass(struct log_reasons *reasons, const char *reason, uint64_t interval_ns,
    uint64_t *ret_suppressed);

#endif
