/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/host/proc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct counter {
	enum host_proc_file file;
	const char *section, *name;
};

static const struct counter counters[HOST_PROC_COUNT] = {
#define COUNTER(id, reason, file, section, name) {HOST_PROC_##file, section, name},
    HOST_PROC_COUNTERS(COUNTER) HOST_PROC_OTHERS(COUNTER)
#undef COUNTER
};

const char *const host_proc_reasons[HOST_PROC_DROPS] = {
#define REASON(id, reason, file, section, name) reason,
    HOST_PROC_COUNTERS(REASON)
#undef REASON
};

const char *const host_proc_paths[HOST_PROC_FILES] = {
    "snmp", "snmp6", "netstat", "softnet_stat", "stat/nf_conntrack", "sockstat", "sockstat6"};

#define BLANK " \t"

/* The next word of a line at *at, and its length; 0 at the line's end. */
static size_t next_word(const char **at)
{
	*at += strspn(*at, BLANK);
	return strcspn(*at, BLANK "\n");
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

static bool is_word(const char *word, size_t length, const char *text)
{
	return strlen(text) == length && memcmp(word, text, length) == 0;
}

static void set(enum host_proc_file file, const char *section, size_t section_length,
    const char *name, size_t name_length, const char *value, uint64_t *ret)
{
	for (size_t i = 0; i < HOST_PROC_COUNT; i++) {
		const struct counter *counter = &counters[i];

		if (counter->file == file && is_word(section, section_length, counter->section) &&
		    is_word(name, name_length, counter->name))
			ret[i] = strtoull(value, NULL, 10);
	}
}

/* "Ip: NAME NAME ...", and in the next line "Ip: VALUE VALUE ...". */
static void parse_pairs(enum host_proc_file file, const char *text, uint64_t *ret)
{
	for (const char *names = text; *names;) {
		const char *values = next_line(names), *next = next_line(values);
		const char *section = names, *name, *value;
		const size_t length = strcspn(names, ":\n");

		if (names[length] != ':' || strncmp(names, values, length + 1) != 0) {
			names = values;
			continue;
		}
		name = names + length + 1;
		value = values + length + 1;
		for (;;) {
			const size_t n = next_word(&name), m = next_word(&value);

			if (!n || !m)
				break;
			set(file, section, length, name, n, value, ret);
			name += n;
			value += m;
		}
		names = next;
	}
}

/* "NAME VALUE" in each line. */
static void parse_lines(enum host_proc_file file, const char *text, uint64_t *ret)
{
	for (const char *line = text; *line; line = next_line(line)) {
		const char *name = line, *value;
		const size_t n = next_word(&name);

		value = name + n;
		if (n && next_word(&value))
			set(file, "", 0, name, n, value, ret);
	}
}

/* "SECTION: NAME VALUE NAME VALUE ..." in each line. */
static void parse_sections(enum host_proc_file file, const char *text, uint64_t *ret)
{
	for (const char *line = text; *line; line = next_line(line)) {
		const size_t length = strcspn(line, ":\n");
		const char *name = line + length, *value;
		size_t n;

		if (*name != ':')
			continue;
		for (name++; (n = next_word(&name)); name = value + strcspn(value, BLANK "\n")) {
			value = name + n;
			if (!next_word(&value))
				break;
			set(file, line, length, name, n, value, ret);
		}
	}
}

/* The n-th number of a line of hexadecimal ones, from 0 on. */
static uint64_t hexadecimal(const char *line, size_t n)
{
	size_t length = next_word(&line);

	for (; n && length; n--) {
		line += length;
		length = next_word(&line);
	}
	return length ? strtoull(line, NULL, 16) : 0;
}

/* One line for each CPU; the second number is what its backlog had no room for. */
static void parse_softnet(const char *text, uint64_t *ret)
{
	ret[HOST_PROC_SOFTNET_DROPS] = 0;
	for (const char *line = text; *line; line = next_line(line))
		ret[HOST_PROC_SOFTNET_DROPS] += hexadecimal(line, 1);
}

/* One line for each CPU under a line of names: no entry could be made, or not confirmed. */
static void parse_conntrack(const char *text, uint64_t *ret)
{
	size_t column = 0;

	ret[HOST_PROC_CONNTRACK_DROPS] = 0;
	for (const char *name = text;; column++) {
		const size_t n = next_word(&name);

		if (!n)
			break;
		if (is_word(name, n, "drop") || is_word(name, n, "insert_failed")) {
			for (const char *line = next_line(text); *line; line = next_line(line))
				ret[HOST_PROC_CONNTRACK_DROPS] += hexadecimal(line, column);
		}
		name += n;
	}
}

void host_proc_parse(enum host_proc_file file, const char *text, uint64_t ret[HOST_PROC_COUNT])
{
	switch (file) {
	case HOST_PROC_SNMP:
	case HOST_PROC_NETSTAT:
		parse_pairs(file, text, ret);
		break;
	case HOST_PROC_SNMP6:
		parse_lines(file, text, ret);
		break;
	case HOST_PROC_SOCKSTAT:
	case HOST_PROC_SOCKSTAT6:
		parse_sections(file, text, ret);
		break;
	case HOST_PROC_SOFTNET:
		parse_softnet(text, ret);
		break;
	case HOST_PROC_CONNTRACK:
		parse_conntrack(text, ret);
		break;
	default:
		break;
	}
}
