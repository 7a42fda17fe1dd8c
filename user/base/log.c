/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include "base/clock.h"
#include "base/log_text.h"
#include "base/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE     "log"
#define LINE_BYTES 4096

static _Atomic int current_level = LOG_LEVEL_INFO;
static pthread_once_t looked = PTHREAD_ONCE_INIT;
static bool is_journal;
static const char *const level_names[] = {"error", "warning", "info", "debug"};
/* sd-daemon(3): SD_ERR, SD_WARNING, SD_INFO, SD_DEBUG. */
static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};

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

/* A program that was started with another stderr than the service's has the variable, too. */
static void look_for_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	is_journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static size_t make_line(
    char line[static LINE_BYTES], enum log_level level, const char *module, const char *text)
{
	size_t used;

	pthread_once(&looked, look_for_journal);
	used = (size_t)snprintf(
	    line, LINE_BYTES, "%s%s ", is_journal ? priorities[level] : "", level_names[level]);
	used += log_text_clean(line + used, LINE_BYTES - 3 - used, module, strlen(module));
	line[used++] = ':';
	line[used++] = ' ';
	used += log_text_clean(line + used, LINE_BYTES - 1 - used, text, strlen(text));
	line[used++] = '\n';
	return used;
}

void log_write(enum log_level level, const char *module, const char *format, ...)
{
	char text[2048], line[LINE_BYTES];
	size_t length;
	va_list args;

	if (level > log_get_level())
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	length = make_line(line, level, module, text);
	log_writer_put(line, length);
}

void log_write_lines(enum log_level level, const char *module, const char *text)
{
	while (text && *text) {
		const size_t length = strcspn(text, "\n");

		log_write(level, module, "%.*s", (int)(length < 2000 ? length : 2000), text);
		text += length + (text[length] == '\n');
	}
}

size_t log_dropped_line(char *ret, size_t size, uint64_t lines)
{
	char line[LINE_BYTES], text[80];
	size_t length;

	snprintf(text, sizeof(text), "nobody read the log: lines dropped lines=%llu",
	    (unsigned long long)lines);
	length = make_line(line, LOG_LEVEL_WARNING, MODULE, text);
	if (length > size)
		return 0;
	memcpy(ret, line, length);
	return length;
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

bool log_burst_pass(
    struct log_burst *burst, uint64_t interval_ns, unsigned most, uint64_t *ret_suppressed)
{
	const uint64_t now = clock_monotonic_ns();

	if (now >= burst->until_ns) {
		burst->until_ns = now + interval_ns;
		burst->n = 0;
	}
	if (burst->n == most) {
		burst->suppressed++;
		return false;
	}
	burst->n++;
	*ret_suppressed = burst->suppressed;
	burst->suppressed = 0;
	return true;
}

/* FNV-1a over what is not a digit; never 0, which is an empty place. */
static uint64_t hash_reason(const char *reason)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *reason; reason++) {
		if (*reason < '0' || *reason > '9')
			hash = (hash ^ (unsigned char)*reason) * 0x100000001b3ULL;
	}
	return hash ? hash : 1;
}

bool log_reason_pass(
    struct log_reasons *reasons, const char *reason, uint64_t interval_ns, uint64_t *ret_suppressed)
{
	const uint64_t hash = hash_reason(reason), now = clock_monotonic_ns();
	size_t place = LOG_REASONS;

	for (size_t i = 0; i < LOG_REASONS; i++) {
		if (reasons->places[i].hash == hash)
			return log_limit_pass(
			    &reasons->places[i].limit, interval_ns, ret_suppressed);
		/* A place whose interval is over, and that owes no number, can be had. */
		if (place == LOG_REASONS &&
		    (!reasons->places[i].hash ||
			(now >= reasons->places[i].limit.next_ns &&
			    !reasons->places[i].limit.suppressed)))
			place = i;
	}
	if (place < LOG_REASONS) {
		reasons->places[place].hash = hash;
		reasons->places[place].limit = (struct log_limit){0};
	}
	return log_limit_pass(&reasons->places[place].limit, interval_ns, ret_suppressed);
}
