/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/replay_attacks.h"

#include "encode/attacks.h"

#include <string.h>

int replay_attacks_init(struct replay_attacks *attacks, const struct hash_seed *seed)
{
	return attacks_new(&attacks->attacks, seed);
}

void replay_attacks_done(struct replay_attacks *attacks)
{
	attacks_free(attacks->attacks);
}

static size_t find(const struct replay_attacks *attacks, const struct attack *attack)
{
	size_t i = 0;

	while (i < attacks->n &&
	    !(attacks->list[i].kind == attack->kind && attacks->list[i].key == attack->key))
		i++;
	return i;
}

static bool is_full(const struct replay_attacks *attacks, unsigned kind)
{
	size_t n = 0;

	for (size_t i = 0; i < attacks->n; i++)
		n += attacks->list[i].kind == kind;
	return n == ATTACKS_MAX;
}

/* Of one that was there before, the first time counts and the largest share. */
static void add(struct replay_attacks *attacks, const struct attack *now, int64_t end_ns)
{
	const size_t i = find(attacks, now);
	struct attack *sum = &attacks->list[i];

	if (now->cold)
		return;
	if (i == attacks->n) {
		if (is_full(attacks, now->kind))
			return;
		attacks->n++;
		*sum = *now;
	} else {
		sum->queries += now->queries;
		sum->response_bytes += now->response_bytes;
		sum->share = sum->share > now->share ? sum->share : now->share;
	}
	attacks->end_ns[i] = end_ns;
}

void replay_attacks_window(struct replay_attacks *attacks, const struct config *config,
    const struct shard *shard, const struct window_span *span)
{
	const struct attack_limits limits = attack_limits_of(config);
	struct attacks_now now;

	attacks_begin(
	    attacks->attacks, span->start_ns, (uint64_t)(span->end_ns - span->start_ns), &limits);
	for (size_t i = 0; shard && i < shard->sources.size; i++) {
		const struct source *source = sources_slot(&shard->sources, i);

		if (source->transports)
			attacks_source(attacks->attacks, source,
			    shard->sources.has_traits ? sources_traits(source) : NULL, 0);
	}
	if (shard)
		attacks_sum(attacks->attacks, &shard->sources);
	if (shard && shard->domains)
		attacks_domains(attacks->attacks, shard->domains);
	attacks_finish(attacks->attacks, &now);
	for (size_t i = 0; i < now.n; i++)
		add(attacks, &now.list[i], span->end_ns);
}
