/* SPDX-License-Identifier: BSD-2-Clause */
#include "doctor/nameserver_config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 1024 /* of a longer line only the beginning counts */

/* What is quoted at `text`, or the word there, up to white space or one of `;,)]}`. */
static void take_word(const char *text, char ret[NAMESERVER_PATH_BYTES])
{
	const char *from = text + strspn(text, " \t\"'[({");
	const size_t length = strcspn(from, " \t\"';,)]}\r\n");

	snprintf(ret, NAMESERVER_PATH_BYTES, "%.*s",
	    (int)(length < NAMESERVER_PATH_BYTES ? length : NAMESERVER_PATH_BYTES - 1), from);
}

/* Behind `key` at the beginning of a line or list item, with its colon or white space; NULL: no. */
static const char *value_of(const char *line, const char *key)
{
	const size_t length = strlen(key);

	line += strspn(line, " \t-");
	if (strncmp(line, key, length) != 0)
		return NULL;
	line += length;
	if (*line != ':' && *line != ' ' && *line != '\t' && *line != '=')
		return NULL;
	return line + strspn(line, ": \t=");
}

static bool says_yes(const char *value)
{
	return strncmp(value, "yes", 3) == 0 || strncmp(value, "on", 2) == 0 ||
	    strncmp(value, "true", 4) == 0;
}

static void add_include(struct nameserver_facts *facts, const char *value)
{
	char word[NAMESERVER_PATH_BYTES];

	take_word(value, word);
	if (*word && facts->n_includes < NAMESERVER_INCLUDES)
		memcpy(facts->includes[facts->n_includes++], word, sizeof(word));
}

static void set_socket(struct nameserver_facts *facts, const char *value)
{
	char word[NAMESERVER_PATH_BYTES];

	take_word(value, word);
	if (*word == '/')
		memcpy(facts->socket, word, sizeof(word));
}

/* -- Knot: sections at the margin; modules in lists on one line, or an item a line */

struct knot {
	char section[32];
	bool in_list, rrl; /* of modules; mod-rrl was seen in it */
};

static void take_modules(struct knot *knot, const char *list, struct nameserver_facts *facts)
{
	const char *tap = strstr(list, "mod-dnstap"), *rrl = strstr(list, "mod-rrl");

	facts->dnstap |= tap != NULL;
	facts->rrl_first |= tap && (knot->rrl || (rrl && rrl < tap));
	knot->rrl |= rrl != NULL;
}

static void knot_line(struct knot *knot, const char *line, struct nameserver_facts *facts)
{
	const char *value, *inner = line + strspn(line, " \t");
	char word[NAMESERVER_PATH_BYTES];

	if (inner == line && *line != '-') {
		snprintf(knot->section, sizeof(knot->section), "%.*s",
		    (int)(strcspn(line, ":") % 32), line);
		knot->in_list = false;
		value = value_of(line, "include");
		if (value)
			add_include(facts, value);
		return;
	}
	if (strcmp(knot->section, "xdp") == 0)
		facts->af_xdp |= value_of(line, "listen") != NULL;
	if (strcmp(knot->section, "mod-dnstap") == 0) {
		value = value_of(line, "sink");
		if (value)
			set_socket(facts,
			    strncmp(value + strspn(value, "\"'"), "unix:", 5) == 0
				? strchr(value, ':') + 1
				: value);
		return;
	}
	value = value_of(line, "id");
	if (value && strcmp(knot->section, "template") == 0) {
		take_word(value, word);
		facts->block |= strcmp(word, "default") == 0;
	}
	value = value_of(line, "global-module");
	value = value ? value : value_of(line, "module");
	if (value) {
		knot->in_list = !*value;
		knot->rrl = false;
		take_modules(knot, value, facts);
	} else if (knot->in_list && strncmp(inner, "- ", 2) == 0 && !strchr(inner, ':')) {
		take_modules(knot, inner, facts);
	} else {
		knot->in_list = false;
	}
}

/* -- those with `key: value` */

static void keyed_line(const char *line, struct nameserver_facts *facts)
{
	const char *value;

	if ((value = value_of(line, "dnstap-enable")))
		facts->dnstap = says_yes(value);
	else if ((value = value_of(line, "dnstap-socket-path")))
		set_socket(facts, value);
	else if ((value = value_of(line, "xdp-interface")))
		facts->af_xdp |= *value != '\0';
	else if ((value = value_of(line, "include")) ||
	    (value = value_of(line, "include-toplevel")))
		add_include(facts, value);
}

static void bind_line(const char *line, struct nameserver_facts *facts)
{
	const char *value;

	facts->block |= strncmp(line, "options", 7) == 0 &&
	    strchr("{", line[7 + strspn(line + 7, " \t")]) != NULL; /* or at the line's end */
	if ((value = strstr(line, "dnstap-output"))) {
		value = strstr(value, "unix");
		if (value)
			set_socket(facts, value + 4);
	} else if ((value = value_of(line, "dnstap")) && *value == '{') {
		facts->dnstap = true;
	} else if ((value = value_of(line, "include"))) {
		add_include(facts, value);
	}
}

/* -- Lua */

static long number_in(const char *line, const char *call)
{
	const char *at = strstr(line, call);

	return at ? strtol(at + strlen(call), NULL, 10) : 0;
}

/* Of an option in a table: `name=1`, `name = 1`. 0: it is not there. */
static long option_in(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	if (!at)
		return 0;
	at += strlen(name);
	at += strspn(at, " \t");
	return *at == '=' ? strtol(at + 1, NULL, 10) : 0;
}

static void take_pipe(long bytes, struct nameserver_facts *facts)
{
	if (bytes > 0 && (!facts->pipe_bytes || bytes < facts->pipe_bytes))
		facts->pipe_bytes = bytes;
}

static void dnsdist_line(const char *line, struct nameserver_facts *facts)
{
	const char *at;
	long number;

	if ((at = strstr(line, "newFrameStreamUnixLogger(")))
		set_socket(facts, strchr(at, '(') + 1);
	facts->dnstap |=
	    strstr(line, "DnstapLogAction(") || strstr(line, "DnstapLogResponseAction(");
	facts->af_xdp |= strcasestr(line, "newXsk(") != NULL;
	facts->tls |= strstr(line, "addTLSLocal(") != NULL;
	facts->ktls |= strstr(line, "ktls=true") || strstr(line, "ktls = true");
	facts->reuseport |= strstr(line, "reusePort=true") || strstr(line, "reusePort = true");
	if ((number = number_in(line, "setMaxUDPOutstanding(")) > 0)
		facts->udp_outstanding = number;
	if ((number = number_in(line, "setMaxTCPClientThreads(")) > 0)
		facts->tcp_threads = number;
	if ((number = option_in(line, "inputQueueSize")) > 0)
		facts->frame_queue = number;
	take_pipe(number_in(line, "setTCPInternalPipeBufferSize("), facts);
	take_pipe(option_in(line, "internalPipeBufferSize"), facts);
	if ((at = strstr(line, "dofile(")))
		add_include(facts, at + 7);
}

static void recursor_line(const char *line, struct nameserver_facts *facts)
{
	const char *at;

	if ((at = strstr(line, "dnstapFrameStreamServer("))) {
		facts->dnstap = true;
		set_socket(facts, strchr(at, '(') + 1);
	} else if (strstr(line, "dnstap_framestream_servers")) {
		facts->dnstap = true;
	} else if (facts->dnstap && !*facts->socket && (at = value_of(line, "servers"))) {
		set_socket(facts, at);
	} else if ((at = value_of(line, "lua-config-file"))) {
		add_include(facts, at);
	}
}

static void coredns_line(const char *line, struct nameserver_facts *facts)
{
	const char *value = value_of(line, "dnstap");

	if (value && *value) {
		facts->dnstap = true;
		set_socket(facts, strncmp(value, "unix://", 7) == 0 ? value + 7 : value);
	}
}

/* -- lines */

/* Cuts what is a comment: a quoted mark is none. */
static void cut_comment(enum nameserver_kind kind, char *line)
{
	char quote = '\0';

	for (char *at = line; *at; at++) {
		if (quote) {
			quote = *at == quote ? '\0' : quote;
		} else if (*at == '"' || *at == '\'') {
			quote = *at;
		} else if ((*at == '#' && kind != NAMESERVER_DNSDIST) ||
		    (kind == NAMESERVER_BIND && strncmp(at, "//", 2) == 0) ||
		    ((kind == NAMESERVER_DNSDIST || kind == NAMESERVER_RECURSOR) &&
			strncmp(at, "--", 2) == 0)) {
			*at = '\0';
			return;
		}
	}
}

static void take_line(
    enum nameserver_kind kind, struct knot *knot, const char *line, struct nameserver_facts *facts)
{
	switch (kind) {
	case NAMESERVER_KNOT:
		knot_line(knot, line, facts);
		break;
	case NAMESERVER_BIND:
		bind_line(line, facts);
		break;
	case NAMESERVER_DNSDIST:
		dnsdist_line(line, facts);
		break;
	case NAMESERVER_RECURSOR:
		recursor_line(line, facts);
		break;
	case NAMESERVER_COREDNS:
		coredns_line(line, facts);
		break;
	default:
		keyed_line(line, facts);
	}
}

/* Blanks C comments, as BIND has them. */
static bool skip_comment(const char **text)
{
	const char *end = strncmp(*text, "/*", 2) == 0 ? strstr(*text + 2, "*/") : NULL;

	if (end)
		*text = end + 2;
	return end != NULL;
}

void nameserver_config_parse(
    enum nameserver_kind kind, const char *text, struct nameserver_facts *facts)
{
	struct knot knot = {0};
	char line[LINE_BYTES];

	while (*text) {
		size_t length = 0;

		while (*text && *text != '\n') {
			if (kind == NAMESERVER_BIND && skip_comment(&text))
				continue;
			if (length < sizeof(line) - 1)
				line[length++] = *text;
			text++;
		}
		text += *text == '\n';
		line[length] = '\0';
		cut_comment(kind, line);
		for (length = strlen(line); length && isspace((unsigned char)line[length - 1]);)
			line[--length] = '\0';
		if (line[strspn(line, " \t")])
			take_line(kind, &knot, line, facts);
	}
}
