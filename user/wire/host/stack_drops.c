/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/host/stack_drops.h"

#include "wire/bpf/object.h"
#include "wire/bpf/refusal.h"
#include "wire/host/stack_drops_count.h"
#include "wire/netlink/netns.h"

#include "drops.skel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

struct stack_drops {
	struct drops_bpf *object;
	const struct wire_config *config; /* mapped: the open slot */
	int cpus;
	struct wire_drops *cpu_values;
	struct stack_drops_count count;
};

/* -- loading */

static int netns_inode(const char *netns, uint32_t *ret)
{
	const int fd =
	    *netns ? netns_open(netns) : open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct stat status;
	int r = 0;

	if (fd < 0)
		return *netns ? fd : -errno;
	if (fstat(fd, &status) < 0)
		r = -errno;
	else
		*ret = (uint32_t)status.st_ino;
	close(fd);
	return r;
}

static int load(struct stack_drops *drops, const struct stack_drops_options *options)
{
	void *config;
	int r;

	drops->object = drops_bpf__open();
	if (!drops->object)
		return errno > 0 ? -errno : -ENOMEM;
	r = netns_inode(options->netns, &drops->object->rodata->drop_netns);
	if (r == 0)
		r = bpf_map__reuse_fd(drops->object->maps.config, options->config_fd);
	if (r == 0)
		r = drops_bpf__load(drops->object);
	if (r == 0)
		r = drops_bpf__attach(drops->object);
	if (r < 0)
		return r;
	config = mmap(NULL, sizeof(*drops->config), PROT_READ, MAP_SHARED, options->config_fd, 0);
	if (config == MAP_FAILED)
		return -errno;
	drops->config = config;
	return 0;
}

static int make_values(struct stack_drops *drops)
{
	drops->cpus = libbpf_num_possible_cpus();
	if (drops->cpus < 0)
		return drops->cpus;
	drops->cpu_values = calloc((size_t)drops->cpus, sizeof(*drops->cpu_values));
	return drops->cpu_values ? 0 : -ENOMEM;
}

int stack_drops_new(
    struct stack_drops **ret, const struct stack_drops_options *options, char *problem, size_t size)
{
	struct stack_drops *drops = calloc(1, sizeof(*drops));
	const char *what = "memory";
	char refusal[WIRE_REFUSAL_BYTES];
	int r = drops ? make_values(drops) : -ENOMEM;

	wire_bpf_quiet();
	if (r == 0) {
		what = "the kernel's names of drop reasons (Linux 5.18 with BTF)";
		r = stack_drops_reasons(drops->count.reasons);
	}
	if (r == 0) {
		what = "the raw tracepoint kfree_skb";
		r = load(drops, options);
	}
	if (r < 0) {
		wire_refusal(r, refusal, sizeof(refusal));
		snprintf(problem, size, "%s: %s", what, refusal);
		stack_drops_free(drops);
		return r;
	}
	*ret = drops;
	return 0;
}

void stack_drops_free(struct stack_drops *drops)
{
	if (!drops)
		return;
	if (drops->config)
		munmap((void *)drops->config, sizeof(*drops->config));
	drops_bpf__destroy(drops->object);
	free(drops->cpu_values);
	free(drops);
}

/* -- reading */

static int read_slot(struct stack_drops *drops, uint32_t slot)
{
	struct wire_drops *sum = &drops->count.now[slot];
	uint64_t *sums = (uint64_t *)sum;
	int r =
	    bpf_map_lookup_elem(bpf_map__fd(drops->object->maps.drops), &slot, drops->cpu_values);

	if (r < 0)
		return r;
	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < drops->cpus; cpu++) {
		const uint64_t *values = (const uint64_t *)&drops->cpu_values[cpu];

		for (size_t i = 0; i < sizeof(*sum) / sizeof(*sums); i++)
			sums[i] += values[i];
	}
	return 0;
}

static void read_missed(struct stack_drops *drops)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	if (bpf_obj_get_info_by_fd(
		bpf_program__fd(drops->object->progs.drop_reason), &info, &size) == 0)
		drops->count.missed = info.recursion_misses;
}

int stack_drops_read(
    struct stack_drops *drops, bool native, struct arena *arena, struct stack_drops_window *ret)
{
	const uint32_t closed = !(drops->config->slot & 1);
	int r = 0;

	for (uint32_t slot = 0; slot < WIRE_SLOTS && r == 0; slot++)
		r = read_slot(drops, slot);
	if (r < 0)
		return r;
	read_missed(drops);
	return stack_drops_count(&drops->count, closed, native, arena, ret);
}
