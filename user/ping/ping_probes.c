/* SPDX-License-Identifier: BSD-2-Clause */
#include "ping/ping_probes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define MIN_SLOTS    64
#define MAX_SLOTS    65536 /* as many as there are sequence numbers */
#define TRIES        64
#define RANDOM_BYTES 1024

/* A probe in the order of sending. Its slot may be another probe's by now. */
struct place {
	uint32_t serial;
	uint16_t sequence;
};

struct ping_probes {
	struct probe *slots;  /* at sequence % n_slots */
	struct place *order;  /* of sending; as long as slots */
	size_t n_slots;       /* a power of two */
	size_t first, queued; /* of `order` */
	size_t waiting;
	uint32_t serial;
	size_t random_used;
	uint8_t random[RANDOM_BYTES];
};

int ping_probes_new(struct ping_probes **ret, double rate_per_s)
{
	struct ping_probes *probes = calloc(1, sizeof(*probes));
	/* A quarter full: a random sequence number finds a free slot at once. */
	double want = 4 * rate_per_s * (double)PING_TIMEOUT_NS / NS_PER_S;
	int r = -ENOMEM;

	if (!probes)
		return -ENOMEM;
	probes->random_used = RANDOM_BYTES;
	probes->n_slots = MIN_SLOTS;
	while (probes->n_slots < MAX_SLOTS && (double)probes->n_slots < want)
		probes->n_slots *= 2;
	probes->slots = calloc(probes->n_slots, sizeof(*probes->slots));
	probes->order = calloc(probes->n_slots, sizeof(*probes->order));
	if (!probes->slots || !probes->order)
		goto out;
	*ret = probes;
	probes = NULL;
	r = 0;
out:
	ping_probes_free(probes);
	return r;
}

void ping_probes_free(struct ping_probes *probes)
{
	if (!probes)
		return;
	free(probes->slots);
	free(probes->order);
	free(probes);
}

static int random_bytes(struct ping_probes *probes, void *to, size_t n)
{
	if (RANDOM_BYTES - probes->random_used < n) {
		size_t have = 0;

		while (have < RANDOM_BYTES) {
			ssize_t got = getrandom(probes->random + have, RANDOM_BYTES - have, 0);

			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				return -errno;
			have += (size_t)got;
		}
		probes->random_used = 0;
	}
	memcpy(to, probes->random + probes->random_used, n);
	probes->random_used += n;
	return 0;
}

static struct probe *slot_of(struct ping_probes *probes, uint16_t sequence)
{
	return &probes->slots[sequence & (probes->n_slots - 1)];
}

int ping_probes_begin(
    struct ping_probes *probes, const struct ping_address *address, struct probe **ret)
{
	struct probe *probe = NULL;
	uint16_t sequence = 0;
	int r;

	if (probes->queued == probes->n_slots)
		return -EAGAIN;
	for (int i = 0; i < TRIES && !probe; i++) {
		r = random_bytes(probes, &sequence, sizeof(sequence));
		if (r < 0)
			return r;
		if (slot_of(probes, sequence)->state != PROBE_WAITING)
			probe = slot_of(probes, sequence);
	}
	if (!probe)
		return -EAGAIN;
	*probe =
	    (struct probe){.address = *address, .sequence = sequence, .serial = ++probes->serial};
	r = random_bytes(probes, probe->cookie, sizeof(probe->cookie));
	if (r < 0)
		return r;
	probe->state = PROBE_WAITING;
	probes->order[(probes->first + probes->queued++) & (probes->n_slots - 1)] =
	    (struct place){.serial = probe->serial, .sequence = sequence};
	probes->waiting++;
	*ret = probe;
	return 0;
}

void ping_probes_abandon(struct ping_probes *probes, struct probe *probe)
{
	probe->state = PROBE_FREE;
	probes->queued--;
	probes->waiting--;
}

struct probe *ping_probes_find(struct ping_probes *probes, uint16_t sequence,
    const struct ping_address *address, const uint8_t *cookie, size_t cookie_length)
{
	struct probe *probe = slot_of(probes, sequence);

	if (probe->state == PROBE_FREE || probe->sequence != sequence)
		return NULL;
	if (address &&
	    (address->family != probe->address.family ||
		memcmp(address->bytes, probe->address.bytes, 16) != 0))
		return NULL;
	if (cookie_length > PING_COOKIE_BYTES || memcmp(cookie, probe->cookie, cookie_length) != 0)
		return NULL;
	return probe;
}

void ping_probes_answered(struct ping_probes *probes, struct probe *probe)
{
	if (probe->state == PROBE_WAITING)
		probes->waiting--;
	probe->state = PROBE_ANSWERED;
}

static struct probe *oldest(struct ping_probes *probes)
{
	while (probes->queued) {
		const struct place *place = &probes->order[probes->first];
		struct probe *probe = slot_of(probes, place->sequence);

		if (probe->state == PROBE_WAITING && probe->serial == place->serial)
			return probe;
		probes->first = (probes->first + 1) & (probes->n_slots - 1);
		probes->queued--;
	}
	return NULL;
}

struct probe *ping_probes_expire(struct ping_probes *probes, uint64_t now_ns)
{
	struct probe *probe = oldest(probes);

	if (!probe || now_ns < probe->sent_ns + PING_TIMEOUT_NS)
		return NULL;
	probe->state = PROBE_TIMED_OUT;
	probes->waiting--;
	return probe;
}

uint64_t ping_probes_deadline_ns(struct ping_probes *probes)
{
	const struct probe *probe = oldest(probes);

	return probe ? probe->sent_ns + PING_TIMEOUT_NS : UINT64_MAX;
}

size_t ping_probes_waiting(const struct ping_probes *probes)
{
	return probes->waiting;
}

size_t ping_probes_memory(const struct ping_probes *probes)
{
	return sizeof(*probes) +
	    probes->n_slots * (sizeof(*probes->slots) + sizeof(*probes->order));
}
