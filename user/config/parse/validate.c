/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules between options. */
#include "config/output_kind.h"
#include "config/parse/reader.h"
#include "config/parse/texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ZONES 16000
#define MAX_RULES 100000
#define MAX_TLDS  100000

/* Where a message about `key` points: at the key, or, where it is a default, at the map around it.
 */
static const struct node *where(const struct node *map, const char *key)
{
	const struct node *node = node_get(map, key);

	return node ? node->key : map;
}

/* The value at a path of keys with dots. */
static const struct node *node_at(const struct node *map, const char *path)
{
	const char *dot;
	char key[64];

	while ((dot = strchr(path, '.')) && (size_t)(dot - path) < sizeof(key)) {
		snprintf(key, sizeof(key), "%.*s", (int)(dot - path), path);
		map = node_get(map, key);
		path = dot + 1;
	}
	return node_get(map, path);
}

/* Options that are given although what they need is not. */
static void check_conditions(struct reader *reader, const struct option_table *table,
    const struct node *map, const char *key, const void *base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];
		const struct node *node = node_at(map, option->path);

		if (node && !option_applies(option, base))
			reader_problem(reader, node->key, key, "`%s` is valid only %s",
			    option->path, option->when.text);
	}
}

/* Every secret in use, wherever it comes from: the file, a variable in it, a default of the
 * environment's. */
static void check_secrets(struct reader *reader, const struct option_table *table,
    const struct node *map, const char *key, const void *base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct config_option *option = &table->options[i];
		const struct node *node;
		const char *text, *problem;

		/* A map's values may be short; those are no secrets (sink/http/post.h). */
		if (!option->secret || option->type != OPTION_TEXT || !option_applies(option, base))
			continue;
		node = node_at(map, option->path);
		memcpy(&text, (const char *)base + option->offset, sizeof(text));
		problem = text_check_secret(text);
		if (problem && !node && option->environment)
			reader_problem(reader, map, key, "`%s` is by default $%s, which %s",
			    option->path, option->environment, problem);
		else if (problem)
			reader_problem(
			    reader, node ? node : map, key, "`%s` %s", option->path, problem);
	}
}

/* --- inputs --- */

static bool set_address(
    struct reader *reader, const struct node *map, const char *key, struct config_input *input)
{
	static const char *const keys[] = {
	    [INPUT_UNIX] = "unix", [INPUT_TCP] = "tcp", [INPUT_LISTEN_FD] = "listen_fd"};
	const char *first = NULL;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct node *node = node_get(map, keys[i]);

		if (!node)
			continue;
		if (first) {
			reader_problem(reader, node->key, key, "`%s` and `%s` exclude each other",
			    first, keys[i]);
			return false;
		}
		first = keys[i];
		input->kind = (enum input_kind)i;
	}
	if (!first)
		reader_problem(reader, map, key, "needs an address: `unix`, `tcp` or `listen_fd`");
	return first;
}

static void check_labels(struct reader *reader, const struct node *map, const char *key,
    const struct config_input *input)
{
	for (size_t i = 0; i < input->zones.n; i++) {
		if (strcmp(input->zones.items[i], "other") == 0)
			reader_problem(reader, where(map, "zones"), key,
			    "the zone `other` cannot be listed: it is the label of what no zone "
			    "holds");
	}
}

static void check_tls(struct reader *reader, const struct node *map, const char *key,
    const struct config_input *input)
{
	const struct node *tls = node_get(map, "tls");

	if (!tls || input->kind != INPUT_TCP)
		return;
	if (!*input->tls_cert != !*input->tls_key)
		reader_problem(
		    reader, tls->key, key, "`tls` needs both `cert` and `key`, or neither");
	else if (*input->tls_client_ca && !*input->tls_cert)
		reader_problem(reader, tls->key, key, "`tls.client_ca` needs `cert` and `key`");
}

void validate_input(
    struct reader *reader, const struct node *node, const char *key, struct config_input *input)
{
	const struct node *zones = node_get(node, "zones"), *file = node_get(node, "zones_file");
	const struct node *zone = node_get(node, "zone");

	if (zone && (zones || file)) {
		reader_problem(reader, zone->key, key, "`zone` and `%s` exclude each other",
		    zones ? "zones" : "zones_file");
		return;
	} else if (file && *input->zones_file) {
		unsigned before = reader->n_problems;

		zones_file_read(reader, file, key, input->zones_file, MAX_ZONES, &input->zones);
		if (!input->zones.n && reader->n_problems == before)
			reader_problem(reader, file, key, "%s holds no zone", input->zones_file);
	}
	if (input->zones.n > MAX_ZONES)
		reader_problem(reader, where(node, "zones"), key, "over %d zones", MAX_ZONES);
	check_labels(reader, node, key, input);
	if (!set_address(reader, node, key, input))
		return;
	check_conditions(reader, &options_input, node, key, input);
	check_tls(reader, node, key, input);
}

static const struct node *item(const struct node *list, size_t index)
{
	const struct node *node = list && list->kind == NODE_LIST ? list->first : NULL;

	while (node && index--)
		node = node->next;
	return node;
}

/* Frames would come back to where they came from, for ever. */
static void check_tees(struct reader *reader, const struct node *list)
{
	static const char *const prefixes[] = {[INPUT_UNIX] = "unix:", [INPUT_TCP] = "tcp:"};
	const struct config *config = reader->config;

	for (size_t i = 0; i < config->n_inputs; i++) {
		const char *tee = config->inputs[i].tee;

		for (size_t j = 0; *tee && j < config->n_inputs; j++) {
			const struct config_input *input = &config->inputs[j];
			const char *prefix =
			    input->kind == INPUT_LISTEN_FD ? NULL : prefixes[input->kind];

			if (prefix && strncmp(tee, prefix, strlen(prefix)) == 0 &&
			    strcmp(tee + strlen(prefix), input->address) == 0)
				reader_problem(reader, where(item(list, i), "tee"), "inputs.tee",
				    "is this agent's own input %zu", j);
		}
	}
}

static void check_inputs(struct reader *reader)
{
	const struct config *config = reader->config;
	const struct node *list = node_get(reader->root, "inputs");
	bool by_suffix = false;

	for (size_t i = 0; i < config->n_inputs; i++) {
		const struct config_input *a = &config->inputs[i];

		by_suffix |= a->zones.n > 0;
		for (size_t j = 0; j < i; j++) {
			const struct config_input *b = &config->inputs[j];

			/* Also of two kinds: it is the tag of its points. */
			if (*a->address && strcmp(a->address, b->address) == 0)
				reader_problem(reader, item(list, i), "inputs",
				    "inputs %zu and %zu have the same address %s", j, i,
				    a->address);
		}
	}
	check_tees(reader, list);
	for (size_t i = 0; by_suffix && i < config->n_inputs; i++) {
		if (!config->inputs[i].zones.n && strcmp(config->inputs[i].zone, "other") == 0)
			reader_problem(reader, where(item(list, i), "zone"), "inputs",
			    "the label `other` is reserved where an input has `zones`");
	}
}

/* --- outputs --- */

void validate_output(struct reader *reader, const struct node *node, const char *key,
    const struct config_output *output)
{
	const char *problem =
	    output->kind->problem ? output->kind->problem(output->settings) : NULL;

	check_conditions(reader, &output->kind->table, node, key, output->settings);
	check_secrets(reader, &output->kind->table, node, key, output->settings);
	if (problem)
		reader_problem(reader, node, key, "%s", problem);
}

static void check_outputs(struct reader *reader)
{
	const struct config *config = reader->config;
	const struct node *list = node_get(reader->root, "outputs");

	for (size_t i = 0; i < config->n_outputs; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct config_option *option =
			    output_clash(&config->outputs[i], &config->outputs[j]);

			if (option)
				reader_problem(reader, item(list, i), "outputs",
				    "outputs %zu and %zu have the same `%s`", j, i, option->path);
		}
	}
}

/* --- the rest --- */

static void check_disjoint(struct reader *reader, const char *key, const struct config_ports *a,
    const char *other, const struct config_ports *b)
{
	const struct node *wire = node_get(reader->root, "wire");

	for (size_t i = 0; i < a->n; i++) {
		for (size_t j = 0; j < b->n; j++) {
			if (a->ports[i] == b->ports[j])
				reader_problem(reader, where(wire, key), "wire",
				    "port %u is in `%s` and in `%s`", a->ports[i], other, key);
		}
	}
}

typedef void list_file_read(struct reader *reader, const struct node *where, const char *key,
    const char *path, size_t max, struct config_strings *items);

/* A file of names at `domains.` and `leaf`; an empty path: none. */
static void check_list(struct reader *reader, const char *leaf, const char *path,
    list_file_read *read, size_t max, struct config_strings *items, const char *item)
{
	const struct node *node = node_get(node_get(reader->root, "domains"), leaf);
	const unsigned before = reader->n_problems;
	char key[32];

	if (!path || !*path)
		return;
	snprintf(key, sizeof(key), "domains.%s", leaf);
	read(reader, node, key, path, max, items);
	if (!items->n && reader->n_problems == before)
		reader_problem(reader, node, key, "%s holds no %s", path, item);
}

static void check_domains(struct reader *reader)
{
	struct config *config = reader->config;

	check_list(reader, "suffixes", config->domains.suffixes, suffixes_file_read, MAX_RULES,
	    &config->domains.rules, "rule");
	check_list(reader, "tlds", config->domains.tlds, tlds_file_read, MAX_TLDS,
	    &config->domains.tld_names, "TLD");
}

static bool is_unicast_host(const struct config_network *network)
{
	static const uint8_t zero[16];

	if (network->prefix != (network->family == 4 ? 32 : 128))
		return false;
	if (memcmp(network->address, zero, sizeof(zero)) == 0)
		return false;
	/* 224.0.0.0/4 and above: RFC 1112, RFC 1122; ff00::/8: RFC 4291 2.7 */
	return network->family == 4 ? network->address[0] < 224 : network->address[0] != 0xff;
}

static void check_ping(struct reader *reader)
{
	const struct config_ping *ping = &reader->config->ping;

	for (size_t i = 0; i < ping->n_source; i++) {
		if (!is_unicast_host(&ping->source[i]))
			reader_problem(reader, where(node_get(reader->root, "ping"), "source"),
			    "ping.source", "item %zu is not a unicast address", i);
	}
}

static void check_maxmind(struct reader *reader)
{
	const struct config_geo *geo = &reader->config->geo;
	const struct node *node =
	    where(node_get(node_get(reader->root, "geo"), "maxmind"), "editions");
	const char *const key = "geo.maxmind.editions";
	const char *licence = getenv("MAXMIND_LICENSE_KEY");
	unsigned asn = 0, country = 0;

	for (size_t i = 0; i < geo->maxmind_editions.n; i++) {
		if (strstr(geo->maxmind_editions.items[i], "ASN"))
			asn++;
		else
			country++;
	}
	if (geo->maxmind_editions.n && licence && text_check_secret(licence))
		reader_problem(reader, node, key, "environment variable MAXMIND_LICENSE_KEY %s",
		    text_check_secret(licence));
	if (asn && !*geo->asn)
		reader_problem(reader, node, key, "needs geo.asn, where the file is kept");
	if (country && !*geo->country)
		reader_problem(reader, node, key, "needs geo.country, where the file is kept");
	if (asn > 1 || country > 1)
		reader_problem(reader, node, key, "two editions for the same file");
}

static void check_rssac002(struct reader *reader)
{
	const struct config *config = reader->config;
	const struct node *node = where(node_get(reader->root, "rssac002"), "source");

	if (!*config->rssac002.dir || config->rssac002.source != RSSAC002_WIRE)
		return;
	if (config->wire.mode == WIRE_OFF)
		reader_problem(reader, node, "rssac002.source", "wire, but wire.mode is off");
	else if (!config->wire.per_source)
		reader_problem(reader, node, "rssac002.source",
		    "wire, but wire.per_source is false: there are no sources to count");
}

static void check_http(struct reader *reader)
{
	const struct config *config = reader->config;
	const struct node *tls = node_get(node_get(reader->root, "http"), "tls");

	if (!*config->http.tls_cert != !*config->http.tls_key)
		reader_problem(reader, tls, "http.tls", "needs both `cert` and `key`, or neither");
}

void validate_config(struct reader *reader)
{
	const struct config *config = reader->config;
	const struct config_wire *wire = &config->wire;

	if (config->grace_ns > 2 * config->interval_ns)
		reader_problem(
		    reader, where(reader->root, "grace"), "grace", "is over two intervals");
	check_secrets(reader, &options_root, reader->root, "", config);
	check_disjoint(reader, "dot_ports", &wire->dot_ports, "ports", &wire->ports);
	check_disjoint(reader, "doh_ports", &wire->doh_ports, "ports", &wire->ports);
	check_disjoint(reader, "doq_ports", &wire->doq_ports, "ports", &wire->ports);
	check_disjoint(reader, "doh_ports", &wire->doh_ports, "dot_ports", &wire->dot_ports);
	check_inputs(reader);
	check_outputs(reader);
	check_domains(reader);
	check_ping(reader);
	check_maxmind(reader);
	check_rssac002(reader);
	check_http(reader);
}
