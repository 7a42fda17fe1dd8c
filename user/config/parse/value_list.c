/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/parse/value_list.h"

#include "base/arena.h"
#include "config/parse/texts.h"
#include "config/parse/value_scalar.h"
#include "config/zone_name.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ITEM 255 /* characters of a text in a list or a tag */

static void *member(void *base, size_t offset)
{
	return (char *)base + offset;
}

static void store_array(const struct config_option *option, void *base, void *array, size_t n)
{
	memcpy(member(base, option->offset), &array, sizeof(array));
	memcpy(member(base, option->other), &n, sizeof(n));
}

/* A list with as many items as the option takes. */
static bool expect_list(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key)
{
	size_t min = (size_t)option->min, max = (size_t)option->max;

	if (node->kind != NODE_LIST) {
		reader_problem(reader, node, key, "must be a list, as in [a, b]");
		return false;
	}
	if (node->n >= min && node->n <= max)
		return true;
	if (node->n < min)
		reader_problem(reader, node, key, "must not be empty");
	else
		reader_problem(
		    reader, node, key, "has %zu items, at most %zu are allowed", node->n, max);
	return false;
}

/* The expanded text of an item, or NULL after a problem was reported. */
static const char *item_text(struct reader *reader, const struct config_option *option,
    const struct node *item, const char *key)
{
	const char *text;

	if (item->kind != NODE_SCALAR) {
		reader_problem(reader, item, key, "must be a list of single values");
		return NULL;
	}
	text = value_expand(reader, option, item, key);
	if (text && option->type != OPTION_ZONES &&
	    !value_text_is_good(reader, option, item, key, text, 1, MAX_ITEM))
		return NULL;
	return text;
}

static void *allocate(struct reader *reader, size_t n, size_t size)
{
	void *memory = arena_alloc(reader->arena, n * size);

	if (!memory)
		reader->no_memory = true;
	return memory;
}

static bool holds(const struct config_strings *strings, const char *text)
{
	for (size_t i = 0; i < strings->n; i++) {
		if (strcmp(strings->items[i], text) == 0)
			return true;
	}
	return false;
}

static void read_texts(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base)
{
	struct config_strings strings = {.items = allocate(reader, node->n, sizeof(char *))};

	if (!strings.items)
		return;
	for (const struct node *item = node->first; item; item = item->next) {
		const char *text = item_text(reader, option, item, key);

		if (!text)
			continue;
		if (holds(&strings, text))
			reader_problem(reader, item, key, "\"%s\" is there twice", item->text);
		else
			strings.items[strings.n++] = text;
	}
	memcpy(member(base, option->offset), &strings, sizeof(strings));
}

static void read_words(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base)
{
	unsigned set = 0;

	for (const struct node *item = node->first; item; item = item->next) {
		const char *text = item_text(reader, option, item, key);
		unsigned bit;

		if (!text || !value_find_word(reader, option, item, key, text, &bit))
			continue;
		if (set >> bit & 1)
			reader_problem(reader, item, key, "\"%s\" is there twice", text);
		set |= 1u << bit;
	}
	memcpy(member(base, option->offset), &set, sizeof(set));
}

static void read_interfaces(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base)
{
	const char *word =
	    node->kind == NODE_SCALAR ? value_expand(reader, option, node, key) : NULL;
	const bool automatic = word && strcmp(word, "auto") == 0;
	struct config_strings none = {0};

	if (node->kind == NODE_SCALAR && !word)
		return; /* it was said */
	if (!automatic && node->kind != NODE_LIST) {
		reader_problem(reader, node, key, "must be `auto`, or a list as in [eth0]");
		return;
	}
	if (!automatic && !expect_list(reader, option, node, key))
		return;
	memcpy(member(base, option->other), &automatic, sizeof(automatic));
	if (automatic)
		memcpy(member(base, option->offset), &none, sizeof(none));
	else
		read_texts(reader, option, node, key, base);
}

static void read_zones(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base)
{
	struct config_strings zones = {.items = allocate(reader, node->n, sizeof(char *))};

	if (!zones.items)
		return;
	for (const struct node *item = node->first; item; item = item->next) {
		const char *text = item_text(reader, option, item, key), *problem;
		char name[ZONE_NAME_SIZE];

		if (!text)
			continue;
		if (zone_name_normalize(text, name, &problem) < 0) {
			reader_problem(reader, item, key, "\"%.48s\" %s", item->text, problem);
			continue;
		}
		zones.items[zones.n] = arena_strdup(reader->arena, name);
		if (!zones.items[zones.n++])
			reader->no_memory = true;
	}
	if (!reader->no_memory)
		zones_sort(&zones);
	memcpy(member(base, option->offset), &zones, sizeof(zones));
}

static bool has_port(const struct config_ports *ports, uint64_t port)
{
	for (size_t i = 0; i < ports->n; i++) {
		if (ports->ports[i] == port)
			return true;
	}
	return false;
}

static void read_ports(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base)
{
	struct config_ports ports = {0};

	for (const struct node *item = node->first; item; item = item->next) {
		const char *text = item_text(reader, option, item, key);
		uint64_t port;

		if (!text)
			continue;
		if (scalar_parse_uint(text, &port) < 0 || port < 1 || port > UINT16_MAX)
			reader_problem(reader, item, key, "\"%.48s\" is not a port from 1 to 65535",
			    item->text);
		else if (has_port(&ports, port))
			reader_problem(reader, item, key, "port %s is there twice", item->text);
		else
			ports.ports[ports.n++] = (uint16_t)port;
	}
	memcpy(member(base, option->offset), &ports, sizeof(ports));
}

static void read_networks(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base)
{
	struct config_network *networks = allocate(reader, node->n, sizeof(*networks));
	size_t n = 0;

	if (!networks)
		return;
	for (const struct node *item = node->first; item; item = item->next) {
		const char *text = item_text(reader, option, item, key), *problem;

		if (!text)
			continue;
		if (scalar_parse_network(text, &networks[n], &problem) < 0)
			reader_problem(reader, item, key, "\"%.48s\" %s", item->text, problem);
		else
			n++;
	}
	store_array(option, base, networks, n);
}

static bool tag_key_is_good(struct reader *reader, const struct config_option *option,
    const struct node *map, const struct node *item, const char *key)
{
	const char *text = item->key->text, *problem = text_check_clean(text);

	if (!*text || strlen(text) > MAX_ITEM)
		problem = "must have 1 to 255 characters";
	else if (node_get(map, text) != item)
		problem = "is there twice";
	else if (!problem)
		problem = option->check(text);
	if (problem)
		reader_problem(reader, item->key, key, "key \"%.48s\" %s", text, problem);
	return !problem;
}

static void read_tags(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base)
{
	struct config_option plain = {
	    .path = option->path, .type = OPTION_TEXT, .secret = option->secret};
	struct config_tag *tags = allocate(reader, node->n, sizeof(*tags));
	size_t n = 0;

	if (!tags)
		return;
	for (const struct node *item = node->first; item; item = item->next) {
		const char *value;

		if (!tag_key_is_good(reader, option, node, item, key))
			continue;
		value = item_text(reader, &plain, item, key);
		if (value)
			tags[n++] = (struct config_tag){.key = item->key->text, .value = value};
	}
	store_array(option, base, tags, n);
}

void value_read_list(struct reader *reader, const struct config_option *option,
    const struct node *node, const char *key, void *base)
{
	if (option->type == OPTION_INTERFACES) {
		read_interfaces(reader, option, node, key, base);
		return;
	}
	if (option->type == OPTION_TAGS) {
		if (node->kind != NODE_MAP)
			reader_problem(reader, node, key, "must be a map, as in {site: ams}");
		else if (node->n > (size_t)option->max)
			reader_problem(reader, node, key, "has over %zu keys", (size_t)option->max);
		else
			read_tags(reader, option, node, key, base);
		return;
	}
	if (!expect_list(reader, option, node, key))
		return;
	if (option->type == OPTION_TEXTS)
		read_texts(reader, option, node, key, base);
	else if (option->type == OPTION_WORDS)
		read_words(reader, option, node, key, base);
	else if (option->type == OPTION_ZONES)
		read_zones(reader, option, node, key, base);
	else if (option->type == OPTION_PORTS)
		read_ports(reader, option, node, key, base);
	else if (option->type == OPTION_NETWORKS)
		read_networks(reader, option, node, key, base);
}
