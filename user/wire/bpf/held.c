/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/held.h"

#include "base/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>

#define MAX_ITEMS 2048 /* more than the attachments of a wire have */

struct item {
	enum wire_held_kind kind;
	uint32_t id;
	int fd;
	bool wanted;
	bool passed; /* nobody has looked for it yet */
};

struct wire_held {
	struct item *items;
	size_t n;
};

static const char *const prefixes[] = {
    [WIRE_HELD_PROGRAM] = "wire-program-",
    [WIRE_HELD_MAP] = "wire-map-",
};
/* What the kernel calls such a descriptor. */
static const char *const links[] = {
    [WIRE_HELD_PROGRAM] = "anon_inode:bpf-prog",
    [WIRE_HELD_MAP] = "anon_inode:bpf-map",
};

int wire_held_new(struct wire_held **ret)
{
	struct wire_held *held = calloc(1, sizeof(*held));

	if (!held)
		return -ENOMEM;
	held->items = calloc(MAX_ITEMS, sizeof(*held->items));
	if (!held->items) {
		free(held);
		return -ENOMEM;
	}
	*ret = held;
	return 0;
}

void wire_held_free(struct wire_held *held)
{
	if (!held)
		return;
	for (size_t i = 0; i < held->n; i++)
		close(held->items[i].fd);
	free(held->items);
	free(held);
}

static uint32_t id_of(enum wire_held_kind kind, int fd)
{
	struct bpf_prog_info program = {0};
	struct bpf_map_info map = {0};
	uint32_t size = kind == WIRE_HELD_MAP ? sizeof(map) : sizeof(program);

	if (kind == WIRE_HELD_MAP)
		return bpf_obj_get_info_by_fd(fd, &map, &size) < 0 ? 0 : map.id;
	return bpf_obj_get_info_by_fd(fd, &program, &size) < 0 ? 0 : program.id;
}

static struct item *find(const struct wire_held *held, enum wire_held_kind kind, uint32_t id)
{
	for (size_t i = 0; i < held->n; i++) {
		if (held->items[i].kind == kind && held->items[i].id == id)
			return &held->items[i];
	}
	return NULL;
}

static struct item *add(struct wire_held *held, enum wire_held_kind kind, uint32_t id, int fd)
{
	struct item *item = &held->items[held->n];
	const int copy = held->n == MAX_ITEMS ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return NULL;
	held->n++;
	*item = (struct item){.kind = kind, .id = id, .fd = copy};
	return item;
}

static void name_of(char *text, size_t size, const struct item *item)
{
	snprintf(text, size, "%s%u", prefixes[item->kind], item->id);
}

/* Is it what its name says? The kernel reads what it is told of a descriptor by its kind. */
static bool is_kind(int fd, enum wire_held_kind kind)
{
	char path[64], link[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	return strcmp(link, links[kind]) == 0;
}

static void take(struct wire_held *held, struct passed_socket *passed, enum wire_held_kind kind)
{
	char name[64];
	uint32_t id = is_kind(passed->fd, kind) ? id_of(kind, passed->fd) : 0;
	struct item *item;

	snprintf(name, sizeof(name), "%s%u", prefixes[kind], id);
	if (!id || strcmp(name, passed->name) != 0 || find(held, kind, id))
		return;
	item = add(held, kind, id, passed->fd);
	if (!item)
		return;
	item->passed = true;
	passed->used = true;
	/* The store has one more. */
	close(passed->fd);
	passed->fd = -1;
}

void wire_held_take(struct wire_held *held, const struct passed_sockets *passed)
{
	for (size_t i = 0; passed && i < passed->n; i++) {
		for (enum wire_held_kind kind = 0; kind <= WIRE_HELD_MAP; kind++) {
			if (passed->list[i].fd >= 0 &&
			    strncmp(passed->list[i].name, prefixes[kind], strlen(prefixes[kind])) ==
				0)
				take(held, &passed->list[i], kind);
		}
	}
}

int wire_held_open(const struct wire_held *held, enum wire_held_kind kind, uint32_t id)
{
	const struct item *item = held ? find(held, kind, id) : NULL;
	int fd;

	if (!item)
		return -ENOENT;
	fd = fcntl(item->fd, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

void wire_held_begin(struct wire_held *held)
{
	for (size_t i = 0; i < held->n; i++)
		held->items[i].wanted = false;
}

void wire_held_keep(struct wire_held *held, enum wire_held_kind kind, int fd)
{
	const uint32_t id = fd < 0 ? 0 : id_of(kind, fd);
	struct item *item = id ? find(held, kind, id) : NULL;
	char name[64];

	if (!id)
		return;
	if (!item) {
		item = add(held, kind, id, fd);
		if (!item)
			return;
		name_of(name, sizeof(name), item);
		(void)store_add(name, &item->fd, 1); /* else a killed agent's programs stay */
	}
	item->wanted = true;
	item->passed = false;
}

void wire_held_end(struct wire_held *held, bool all)
{
	size_t kept = 0;

	for (size_t i = 0; i < held->n; i++) {
		struct item *item = &held->items[i];
		char name[64];

		if (item->wanted || (item->passed && !all)) {
			held->items[kept++] = *item;
			continue;
		}
		name_of(name, sizeof(name), item);
		store_remove(name);
		close(item->fd);
	}
	held->n = kept;
}
