/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/bpf/object.h"

#include "base/unused.h"
#include "crosstap.skel.h"
#include "wire/bpf/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* libbpf names the constants of an object so: nobody else's program has such a map. */
#define RODATA_NAME "crosstap.rodata"
#define MAX_MAPS    32 /* of a program that could be ours */

static const char *const map_names[] = {
#define X(id, name) [WIRE_MAP_##id] = #name,
    WIRE_SHARED_MAPS_(X) WIRE_OWN_MAPS_(X)
#undef X
	[WIRE_MAP_READING] = "reading",
};

static const struct {
	const char *name; /* of the function */
	const char *section;
} programs[] = {
    [WIRE_PROGRAM_XDP] = {"xdp_ingress", "xdp"},
    [WIRE_PROGRAM_XDP_FRAGS] = {"xdp_ingress_frags", "xdp.frags"},
    [WIRE_PROGRAM_TC_INGRESS] = {"tc_ingress", "tc"},
    [WIRE_PROGRAM_TC_EGRESS] = {"tc_egress", "tc"},
};

void wire_maps_init(struct wire_maps *maps)
{
	for (int i = 0; i < WIRE_MAPS; i++)
		maps->fds[i] = -1;
}

void wire_maps_close(struct wire_maps *maps, enum wire_map from, enum wire_map end)
{
	for (int i = (int)from; i < (int)end; i++) {
		if (maps->fds[i] >= 0)
			close(maps->fds[i]);
		maps->fds[i] = -1;
	}
}

void *wire_map_memory(int fd, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* -- loading */

static struct bpf_map *object_map(const struct crosstap_bpf *object, enum wire_map map)
{
	switch (map) {
#define X(id, name)                                                                                \
	case WIRE_MAP_##id:                                                                        \
		return object->maps.name;
		WIRE_SHARED_MAPS_(X)
		WIRE_OWN_MAPS_(X)
#undef X
	default:
		return NULL;
	}
}

static struct bpf_program *object_program(
    const struct crosstap_bpf *object, enum wire_program program)
{
	struct bpf_program *const all[] = {
	    [WIRE_PROGRAM_XDP] = object->progs.xdp_ingress,
	    [WIRE_PROGRAM_XDP_FRAGS] = object->progs.xdp_ingress_frags,
	    [WIRE_PROGRAM_TC_INGRESS] = object->progs.tc_ingress,
	    [WIRE_PROGRAM_TC_EGRESS] = object->progs.tc_egress,
	};

	return all[program];
}

int wire_object_open(
    struct crosstap_bpf **ret, enum wire_program program, const struct wire_maps *maps, bool raw)
{
	struct crosstap_bpf *object = crosstap_bpf__open();
	int r = 0;

	if (!object)
		return errno > 0 ? -errno : -ENOMEM;
	for (int i = 0; i < WIRE_PROGRAMS; i++)
		bpf_program__set_autoload(
		    object_program(object, (enum wire_program)i), i == (int)program);
	object->rodata->wire_raw = raw;
	r = bpf_map__set_max_entries(object->maps.rare, 2 * WIRE_RARE_READ);
	for (int i = 0; i < WIRE_MAP_READING && r == 0; i++) {
		if (maps->fds[i] >= 0)
			r = bpf_map__reuse_fd(object_map(object, (enum wire_map)i), maps->fds[i]);
	}
	if (r < 0) {
		crosstap_bpf__destroy(object);
		return r;
	}
	*ret = object;
	return 0;
}

static int make_reading(struct wire_maps *maps)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int fd;

	if (maps->fds[WIRE_MAP_READING] >= 0)
		return 0;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, map_names[WIRE_MAP_READING], sizeof(uint32_t),
	    sizeof(struct wire_reading), 1, &options);
	if (fd < 0)
		return fd;
	maps->fds[WIRE_MAP_READING] = fd;
	return 0;
}

int wire_object_take_maps(
    const struct crosstap_bpf *object, enum wire_program program, struct wire_maps *maps)
{
	int r;

	for (int i = 0; i < WIRE_MAP_READING; i++) {
		if (maps->fds[i] >= 0)
			continue;
		maps->fds[i] =
		    fcntl(bpf_map__fd(object_map(object, (enum wire_map)i)), F_DUPFD_CLOEXEC, 3);
		if (maps->fds[i] < 0)
			return -errno;
	}
	r = make_reading(maps);
	/* A program leads its next owner to all of them, also those that it does not use. Kernels
	 * before 5.10 cannot: there, another agent begins anew. */
	for (int i = 0; i < WIRE_MAPS && r == 0; i++)
		bpf_prog_bind_map(
		    bpf_program__fd(object_program(object, program)), maps->fds[i], NULL);
	return r;
}

int wire_program_load(int *ret_fd, enum wire_program program, struct wire_maps *maps, bool raw)
{
	struct crosstap_bpf *object;
	int r, fd;

	r = wire_object_open(&object, program, maps, raw);
	if (r < 0)
		return r;
	r = crosstap_bpf__load(object);
	if (r == 0)
		r = wire_object_take_maps(object, program, maps);
	if (r == 0) {
		fd = fcntl(bpf_program__fd(object_program(object, program)), F_DUPFD_CLOEXEC, 3);
		r = fd < 0 ? -errno : 0;
	}
	crosstap_bpf__destroy(object);
	if (r == 0)
		*ret_fd = fd;
	return r;
}

const char *wire_program_section(enum wire_program program)
{
	return programs[program].section;
}

/* -- recognising what runs */

void wire_running_init(struct wire_running *running)
{
	*running = (struct wire_running){.fd = -1};
	wire_maps_init(&running->maps);
}

void wire_running_close(struct wire_running *running)
{
	if (running->fd >= 0)
		close(running->fd);
	wire_maps_close(&running->maps, 0, WIRE_MAPS);
	wire_running_init(running);
}

static int program_by_name(const char *name)
{
	for (int i = 0; i < WIRE_PROGRAMS; i++) {
		/* The kernel cuts names. */
		if (strncmp(name, programs[i].name, BPF_OBJ_NAME_LEN - 1) == 0)
			return i;
	}
	return -ENOENT;
}

/* Sorts a program's map into its place by name. Returns true for the sign that it is ours. */
static bool take_map(struct wire_maps *maps, const struct wire_held *held, uint32_t id)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd = wire_held_open(held, WIRE_HELD_MAP, id);

	if (fd < 0)
		fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(fd, &info, &size) == 0) {
		for (int i = 0; i < WIRE_MAPS; i++) {
			if (maps->fds[i] < 0 && strcmp(info.name, map_names[i]) == 0) {
				maps->fds[i] = fd;
				return false;
			}
		}
	}
	close(fd);
	return strcmp(info.name, RODATA_NAME) == 0;
}

static bool same_shape(int fd, const struct bpf_map_info *wanted)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
	    info.type == wanted->type && info.key_size == wanted->key_size &&
	    info.value_size == wanted->value_size && info.max_entries == wanted->max_entries &&
	    info.map_flags == wanted->map_flags;
}

static bool maps_fit(const struct wire_maps *maps)
{
	struct wire_maps none;
	struct crosstap_bpf *object = NULL;
	bool fit = true;

	wire_maps_init(&none);
	if (wire_object_open(&object, WIRE_PROGRAM_XDP, &none, false) < 0)
		return false;
	for (int i = 0; i < WIRE_MAP_READING && fit; i++) {
		const struct bpf_map *map = object_map(object, (enum wire_map)i);
		const struct bpf_map_info wanted = {
		    .type = bpf_map__type(map),
		    .key_size = bpf_map__key_size(map),
		    .value_size = bpf_map__value_size(map),
		    .max_entries = bpf_map__max_entries(map),
		    .map_flags = bpf_map__map_flags(map),
		};

		fit = same_shape(maps->fds[i], &wanted);
	}
	crosstap_bpf__destroy(object);
	return fit &&
	    same_shape(maps->fds[WIRE_MAP_READING],
		&(struct bpf_map_info){
		    .type = BPF_MAP_TYPE_ARRAY,
		    .key_size = sizeof(uint32_t),
		    .value_size = sizeof(struct wire_reading),
		    .max_entries = 1,
		    .map_flags = BPF_F_MMAPABLE,
		});
}

/* In every version of the ABI, the version and the owner are where they are now. */
static bool read_config(const struct wire_maps *maps, uint32_t *ret_abi, uint32_t *ret_owner)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info), zero = 0;
	struct wire_config *config = NULL;
	bool read = false;

	if (maps->fds[WIRE_MAP_CONFIG] < 0 ||
	    bpf_obj_get_info_by_fd(maps->fds[WIRE_MAP_CONFIG], &info, &size) < 0)
		return false;
	if (info.value_size >= offsetof(struct wire_config, owner) + sizeof(config->owner))
		config = calloc(1, info.value_size);
	if (config && bpf_map_lookup_elem(maps->fds[WIRE_MAP_CONFIG], &zero, config) == 0) {
		*ret_abi = config->abi;
		*ret_owner = config->owner;
		read = true;
	}
	free(config);
	return read;
}

/* `ours`: it is known to be. */
static int inspect(struct wire_running *running, const struct wire_held *held, bool ours)
{
	struct bpf_prog_info info = {0};
	uint32_t ids[MAX_MAPS], size = sizeof(info), abi = 0;
	int program;

	info.map_ids = (uint64_t)(uintptr_t)ids;
	info.nr_map_ids = MAX_MAPS;
	if (bpf_obj_get_info_by_fd(running->fd, &info, &size) < 0)
		return -errno;
	program = program_by_name(info.name);
	if (program < 0)
		return program;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAX_MAPS; i++)
		ours |= take_map(&running->maps, held, ids[i]);
	if (!ours)
		return -ENOENT;
	running->program = (enum wire_program)program;
	memcpy(running->tag, info.tag, sizeof(running->tag));
	running->compatible = read_config(&running->maps, &abi, &running->owner) &&
	    abi == WIRE_ABI_VERSION && maps_fit(&running->maps);
	return 0;
}

int wire_running_find(struct wire_running *ret, const struct wire_held *held, uint32_t program_id)
{
	struct wire_running running;
	bool ours;
	int r;

	wire_running_init(&running);
	running.id = program_id;
	running.fd = wire_held_open(held, WIRE_HELD_PROGRAM, program_id);
	ours = running.fd >= 0;
	if (!ours)
		running.fd = bpf_prog_get_fd_by_id(program_id);
	if (running.fd < 0)
		return -ENOENT;
	r = inspect(&running, held, ours);
	if (r < 0) {
		wire_running_close(&running);
		return -ENOENT;
	}
	*ret = running;
	return 0;
}

bool wire_opens_by_id(void)
{
	const int fd = bpf_prog_get_fd_by_id(0); /* nobody's */

	if (fd >= 0)
		close(fd);
	return fd >= 0 || fd == -ENOENT;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 ? info.id : 0;
}

bool wire_running_is(
    const struct wire_running *running, int program_fd, const struct wire_maps *maps)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (running->fd < 0 || !running->compatible ||
	    bpf_obj_get_info_by_fd(program_fd, &info, &size) < 0 ||
	    memcmp(info.tag, running->tag, sizeof(running->tag)) != 0)
		return false;
	for (int i = 0; i < WIRE_MAPS; i++) {
		if (map_id(running->maps.fds[i]) != map_id(maps->fds[i]))
			return false;
	}
	return true;
}

uint32_t wire_program_id(int program_fd)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(program_fd, &info, &size) < 0 ? 0 : info.id;
}

int wire_bpf_allowed(void)
{
	const int fd = bpf_map_create(
	    BPF_MAP_TYPE_ARRAY, "probe", sizeof(uint32_t), sizeof(uint64_t), 1, NULL);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int no_print(
    enum libbpf_print_level level UNUSED, const char *format UNUSED, va_list arguments UNUSED)
{
	return 0;
}

static int no_xdp_print(
    enum libxdp_print_level level UNUSED, const char *format UNUSED, va_list arguments UNUSED)
{
	return 0;
}

void wire_bpf_quiet(void)
{
	libbpf_set_print(no_print);
	libxdp_set_print(no_xdp_print);
}
