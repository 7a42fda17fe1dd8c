/* SPDX-License-Identifier: BSD-2-Clause */
#include "outside/outside.h"

#include "config/options.h"
#include "config/output_kind.h"
#include "config/parse/tree.h"
#include "outside/judges.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define MAX_KEY  256
#define MAX_TEXT 1024

enum where { ROOT, INPUT, OUTPUT };

static bool has_cryptopan(const struct config *config)
{
	return config->privacy.addresses == ADDRESSES_CRYPTOPAN;
}

static bool has_source_key(const struct config *config)
{
	return *config->rssac002.dir || config->datasets & DATASET_SKETCHES;
}

static bool has_http(const struct config *config)
{
	return strcmp(config->http.listen, "off") != 0;
}

static bool has_spool(const struct config *config)
{
	return config->n_outputs && config->limits.spool;
}

static const struct {
	enum where where;
	const char *path; /* an option of that table; of outputs, of every kind that has it */
	void (*judge)(const struct subject *subject);
	bool (*matters)(const struct config *config); /* NULL: wherever it is set */
	const char *beside; /* an option of the same table that it is judged with; NULL: none */
} rows[] = {
    {INPUT, "zones_file", judge_readable, NULL, NULL},
    {INPUT, "owner", judge_user, NULL, NULL},
    {INPUT, "group", judge_group, NULL, NULL},
    {INPUT, "tls.cert", judge_certificate, NULL, NULL},
    {INPUT, "tls.key", judge_tls_key, NULL, "tls.cert"},
    {INPUT, "tls.client_ca", judge_authorities, NULL, NULL},
    {ROOT, "domains.suffixes", judge_readable, NULL, NULL},
    {ROOT, "domains.tlds", judge_readable, NULL, NULL},
    {ROOT, "geo.country", judge_country, NULL, NULL},
    {ROOT, "geo.asn", judge_asn, NULL, NULL},
    {ROOT, "privacy.cryptopan_key_file", judge_key, has_cryptopan, NULL},
    {ROOT, "rssac002.dir", judge_folder, NULL, NULL},
    {ROOT, "magnitude.dir", judge_folder, NULL, NULL},
    {ROOT, "rssac002.key_file", judge_key, has_source_key, NULL},
    {OUTPUT, "ca", judge_authorities, NULL, NULL},
    {OUTPUT, "tls.ca", judge_authorities, NULL, NULL},
    {OUTPUT, "tls.cert", judge_certificate, NULL, NULL},
    {OUTPUT, "tls.key", judge_readable, NULL, NULL},
    {OUTPUT, "path", judge_output_file, NULL, NULL},
    {ROOT, "spool.path", judge_folder, has_spool, NULL},
    {ROOT, "state", judge_place, NULL, NULL},
    {ROOT, "http.token_file", judge_token, has_http, NULL},
    {ROOT, "http.tls.cert", judge_certificate, has_http, NULL},
    {ROOT, "http.tls.key", judge_tls_key, has_http, "http.tls.cert"},
};

void subject_report(
    const struct subject *subject, enum outside_level level, const char *format, ...)
{
	char text[MAX_TEXT];
	const struct outside_finding finding = {.level = level,
	    .line = subject->node ? subject->node->line : 1,
	    .column = subject->node ? subject->node->column : 1,
	    .key = subject->key,
	    .text = text};
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	subject->outside->report(subject->outside->context, &finding);
}

/* The node of `path` below `node`, or of as much of it as the file has. */
static const struct node *find_node(const struct node *node, const char *path)
{
	while (node && *path) {
		const size_t length = strcspn(path, ".");
		char key[MAX_KEY];
		const struct node *child;

		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		child = node_get(node, key);
		if (!child)
			break;
		node = child;
		path += length + (path[length] == '.');
	}
	return node;
}

/* Of the list at `key`; NULL: there are not so many. */
static const struct node *find_item(const struct node *root, const char *key, size_t n)
{
	const struct node *list = node_get(root, key), *item = list ? list->first : NULL;

	while (item && n--)
		item = item->next;
	return item;
}

static const char *text_of(const struct config_option *option, const void *base)
{
	const char *text;

	memcpy(&text, (const char *)base + option->offset, sizeof(text));
	return text;
}

static const char *text_at(const struct option_table *table, const void *base, const char *path)
{
	for (size_t i = 0; path && i < table->n; i++) {
		if (strcmp(table->options[i].path, path) == 0)
			return text_of(&table->options[i], base);
	}
	return "";
}

/* `prefix` is what keys of the table are called by; `node` holds them. */
static void check_row(const struct outside *outside, size_t row, const struct option_table *table,
    const void *base, const char *prefix, const struct node *node)
{
	char key[MAX_KEY];

	if (rows[row].matters && !rows[row].matters(outside->config))
		return;
	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];
		struct subject subject = {.outside = outside, .key = key};

		if (strcmp(option->path, rows[row].path) != 0 || !option_applies(option, base))
			continue;
		subject.value = text_of(option, base);
		if (!*subject.value)
			continue;
		subject.beside = text_at(table, base, rows[row].beside);
		subject.node = find_node(node, option->path);
		snprintf(key, sizeof(key), "%s%s", prefix, option->path);
		rows[row].judge(&subject);
	}
}

static void check_inputs(const struct outside *outside, size_t row)
{
	const struct config *config = outside->config;

	for (size_t i = 0; i < config->n_inputs; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "inputs[%zu].", i);
		check_row(outside, row, &options_input, &config->inputs[i], prefix,
		    find_item(outside->root, "inputs", i));
	}
}

static void check_outputs(const struct outside *outside, size_t row)
{
	const struct config *config = outside->config;

	for (size_t i = 0; i < config->n_outputs; i++) {
		const struct config_output *output = &config->outputs[i];
		const struct node *item = find_item(outside->root, "outputs", i);
		char prefix[64];

		if (!output->kind)
			continue;
		snprintf(prefix, sizeof(prefix), "outputs[%zu].%s.", i, output->kind->name);
		check_row(outside, row, &output->kind->table, output->settings, prefix,
		    item ? item->first : NULL);
	}
}

/* Files and folders were tried by somebody of whom nothing follows for the agent. */
static void say_who_asked(const struct outside *outside)
{
	const struct subject all = {.outside = outside, .node = outside->root, .key = "files"};

	subject_report(&all, OUTSIDE_UNKNOWN,
	    "what %s, the agent's user, may read and write: ask as that user or as root",
	    outside->agent.name);
}

/* Nodes with keys of their own would send what nobody can unite. */
static void check_sketches(const struct outside *outside)
{
	const struct config *config = outside->config;
	const struct subject subject = {
	    .outside = outside, .node = find_node(outside->root, "datasets"), .key = "datasets"};

	if (config->datasets & DATASET_SKETCHES && !*config->rssac002.key_file)
		subject_report(&subject, OUTSIDE_WARNING,
		    "sketches: no registers are sent without rssac002.key_file: those of nodes "
		    "without a common key cannot be merged");
}

/* Of the one that the unit names; another one may be a copy on its way there. */
static void check_file(const struct outside *outside)
{
	const struct subject subject = {
	    .outside = outside, .node = outside->root, .key = "the file itself"};
	const struct agent_user *agent = &outside->agent;

	if (strcmp(outside->config->path, CONFIG_DEFAULT_PATH) == 0 && agent->sure &&
	    agent->is_there && agent_user_may(agent, CONFIG_DEFAULT_PATH, R_OK) < 0)
		subject_report(&subject, OUTSIDE_ERROR,
		    "%s, the agent's user, cannot read it: chown root:%s %s && chmod 640 %s",
		    agent->name, agent->name, CONFIG_DEFAULT_PATH, CONFIG_DEFAULT_PATH);
}

void outside_check(const struct outside *outside)
{
	check_file(outside);
	check_sketches(outside);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].where == INPUT)
			check_inputs(outside, i);
		else if (rows[i].where == OUTPUT)
			check_outputs(outside, i);
		else
			check_row(outside, i, &options_root, outside->config, "", outside->root);
	}
	if (outside->agent.is_there && !outside->agent.sure)
		say_who_asked(outside);
}
