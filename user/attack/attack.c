/* SPDX-License-Identifier: BSD-2-Clause */
#include "attack/attack.h"

#include "attack/hour.h"
#include "base/topk.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_S    60.0
#define LEAST_S     5.0 /* of a window that is scaled to a minute: a second is no rate */
#define NS_A_SECOND 1e9
#define COLD        2    /* windows after which it is over */
#define HALF        0.5  /* of the limits: while it goes on */
#define HEAVY_SLOTS 1024 /* subnets and ASes with a large share are among so many */

/* Of a subnet, of an AS: the key in its list of heavy ones. */
struct heavy_key {
	uint64_t address[2];
	uint32_t asn;
	uint8_t form, family;
	uint16_t zero; /* no padding */
};
_Static_assert(sizeof(struct heavy_key) == 24, "no padding");

struct attacks {
	struct hash_seed seed;
	struct attack_limits limits;
	struct attack list[ATTACK_KINDS * ATTACKS_MAX]; /* those that go on */
	size_t n;
	struct attack ended[ATTACK_KINDS * ATTACKS_MAX];
	size_t n_ended;
	struct topk *heavy; /* subnets and ASes */
	struct hour names, queries;
	int64_t start_ns;
	double length_s;
	uint64_t all_queries, all_bytes;
};

const char *attack_kind_name(enum attack_kind kind)
{
#define ATTACK_KIND_(id, name) name,
	static const char *const names[] = {ATTACK_KIND_NAMES(ATTACK_KIND_)};
#undef ATTACK_KIND_

	return names[kind];
}

int attacks_new(struct attacks **ret, const struct hash_seed *seed)
{
	struct attacks *attacks = calloc(1, sizeof(*attacks));

	if (!attacks)
		return -ENOMEM;
	attacks->seed = *seed;
	if (topk_new(&attacks->heavy, HEAVY_SLOTS) < 0) {
		attacks_free(attacks);
		return -ENOMEM;
	}
	*ret = attacks;
	return 0;
}

void attacks_free(struct attacks *attacks)
{
	if (!attacks)
		return;
	topk_free(attacks->heavy);
	free(attacks);
}

void attacks_begin(struct attacks *attacks, int64_t start_ns, uint64_t length_ns,
    const struct attack_limits *limits)
{
	attacks->limits = *limits;
	attacks->start_ns = start_ns;
	attacks->length_s = (double)length_ns / NS_A_SECOND;
	attacks->all_queries = attacks->all_bytes = 0;
	attacks->n_ended = 0;
	topk_clear(attacks->heavy);
	for (size_t i = 0; i < attacks->n; i++) {
		struct attack *attack = &attacks->list[i];

		attack->cold++;
		attack->queries = attack->response_bytes = 0;
		attack->share = 0;
	}
}

static struct attack *find(struct attacks *attacks, enum attack_kind kind, uint64_t key)
{
	for (size_t i = 0; i < attacks->n; i++) {
		if (attacks->list[i].kind == kind && attacks->list[i].key == key)
			return &attacks->list[i];
	}
	return NULL;
}

static size_t count_of(const struct attacks *attacks, enum attack_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < attacks->n; i++)
		n += attacks->list[i].kind == kind;
	return n;
}

static double a_minute(const struct attacks *attacks, double count)
{
	return count * MINUTE_S / fmax(attacks->length_s, LEAST_S);
}

/* `held`: over a part of the limits, which is 1 for one that is not yet named. The attack, which
 * what the window has of it is written into, held or not; NULL: it is none. */
static struct attack *take(struct attacks *attacks, enum attack_kind kind, uint64_t key, bool held)
{
	struct attack *attack = find(attacks, kind, key);

	if (!held)
		return attack;
	if (!attack) {
		if (count_of(attacks, kind) == ATTACKS_MAX)
			return NULL;
		attack = &attacks->list[attacks->n++];
		*attack = (struct attack){
		    .key = key, .since_ns = attacks->start_ns, .kind = (uint8_t)kind};
	}
	attack->cold = 0;
	return attack;
}

static double part_of(struct attacks *attacks, enum attack_kind kind, uint64_t key)
{
	return find(attacks, kind, key) ? HALF : 1;
}

/* -- reflection */

static uint64_t address_key(const struct attacks *attacks, const uint64_t address[2], uint64_t more)
{
	return hash_u64x3(&attacks->seed, address[0], address[1], more);
}

static uint64_t reflection_key(const struct attacks *attacks, const struct source *source)
{
	return address_key(attacks, source->address, source->zone_family & SOURCE_IPV4);
}

/* Of n answers, one question that has a share s of them has at least (2 s - 1) n votes. */
static bool is_one_question(
    const struct source *source, const struct source_traits *traits, double share)
{
	return (double)traits->votes + source->responses >= 2 * share * source->responses;
}

static void look_for_reflection(
    struct attacks *attacks, const struct source *source, const struct source_traits *traits)
{
	const struct attack_limits *limits = &attacks->limits;
	struct attack *attack;
	uint64_t key;
	double part;

	if (a_minute(attacks, traits->response_bytes) < HALF * (double)limits->response_bytes)
		return;
	key = reflection_key(attacks, source);
	part = part_of(attacks, ATTACK_REFLECTION, key);
	attack = take(attacks, ATTACK_REFLECTION, key,
	    a_minute(attacks, traits->response_bytes) >= part * (double)limits->response_bytes &&
		traits->response_bytes >= part * limits->amplification * traits->query_bytes &&
		is_one_question(source, traits, part * limits->question_share));
	if (!attack)
		return;
	attack->subject = (struct attack_subject){.form = SUBJECT_ADDRESS,
	    .family = source->zone_family & SOURCE_IPV4 ? 4 : 6,
	    .address = {source->address[0], source->address[1]}};
	attack->known = ATTACK_KNOWS_BYTES;
}

void attacks_sum(struct attacks *attacks, const struct sources *sources)
{
	if (!count_of(attacks, ATTACK_REFLECTION) || !sources->has_traits)
		return;
	for (size_t i = 0; i < sources->size; i++) {
		const struct source *source = sources_slot(sources, i);
		struct attack *attack;

		if (!source->transports)
			continue;
		attack = find(attacks, ATTACK_REFLECTION, reflection_key(attacks, source));
		if (!attack)
			continue;
		attack->queries += source->queries;
		attack->response_bytes += sources_traits(source)->response_bytes;
	}
}

/* -- flood */

static void add_heavy(struct attacks *attacks, const struct heavy_key *key, uint32_t queries)
{
	const uint64_t hash = address_key(attacks, key->address,
	    (uint64_t)key->asn << 16 | (uint64_t)key->form << 8 | key->family);

	hour_add(&attacks->queries, hash, queries);
	topk_add(attacks->heavy, hash, 0, (const uint8_t *)key, sizeof(*key), queries);
}

/* /24 and /48, as bytes lie in a source's address. */
static void cut_address(struct heavy_key *key, const struct source *source)
{
	const size_t bytes = source->zone_family & SOURCE_IPV4 ? 3 : 6;

	memcpy(key->address, source->address, bytes);
	key->family = bytes == 3 ? 4 : 6;
}

void attacks_source(struct attacks *attacks, const struct source *source,
    const struct source_traits *traits, uint32_t asn)
{
	struct heavy_key subnet = {.form = SUBJECT_SUBNET};
	const struct heavy_key as = {.form = SUBJECT_ASN, .asn = asn};

	attacks->all_queries += source->queries;
	if (traits) {
		attacks->all_bytes += traits->response_bytes;
		look_for_reflection(attacks, source, traits);
	}
	if (!source->queries)
		return;
	cut_address(&subnet, source);
	subnet.asn = asn;
	add_heavy(attacks, &subnet, source->queries);
	if (asn)
		add_heavy(attacks, &as, source->queries);
}

struct flood_search {
	struct attacks *attacks;
	enum attack_form form;
};

/* What subnets that are named have of an AS. */
static uint64_t named_of(const struct attacks *attacks, uint32_t asn)
{
	uint64_t queries = 0;

	for (size_t i = 0; i < attacks->n; i++) {
		const struct attack *attack = &attacks->list[i];

		if (attack->kind == ATTACK_FLOOD && attack->subject.form == SUBJECT_SUBNET &&
		    attack->subject.asn == asn && !attack->cold)
			queries += attack->queries;
	}
	return queries;
}

static void look_for_flood(void *context, const struct topk_entry *entry)
{
	const struct flood_search *search = context;
	struct attacks *attacks = search->attacks;
	const struct attack_limits *limits = &attacks->limits;
	uint64_t queries = entry->count - entry->error, key;
	struct attack *attack;
	struct heavy_key heavy;
	double part, mean;

	memcpy(&heavy, entry->key, sizeof(heavy));
	if (heavy.form != search->form)
		return;
	if (heavy.form == SUBJECT_ASN) {
		const uint64_t named = named_of(attacks, heavy.asn);

		queries = queries > named ? queries - named : 0;
	}
	key = address_key(attacks, heavy.address,
	    (uint64_t)heavy.asn << 16 | (uint64_t)heavy.form << 8 | heavy.family);
	part = part_of(attacks, ATTACK_FLOOD, key);
	mean = hour_mean(&attacks->queries, key);
	attack = take(attacks, ATTACK_FLOOD, key,
	    mean >= 0 &&
		(double)queries > part * limits->query_share * (double)attacks->all_queries &&
		a_minute(attacks, (double)queries) >= part * (double)limits->queries &&
		(double)queries > part * limits->times * mean * attacks->length_s);
	if (!attack)
		return;
	attack->subject = (struct attack_subject){.form = heavy.form,
	    .family = heavy.family,
	    .prefix = heavy.family == 4 ? 24 : 48,
	    .asn = heavy.asn,
	    .address = {heavy.address[0], heavy.address[1]}};
	attack->queries = queries;
}

/* -- random-subdomain */

static void look_at_domain(
    struct attacks *attacks, const struct domain *domain, const struct domain_name *name)
{
	const struct attack_limits *limits = &attacks->limits;
	struct attack *attack;
	double names, part, mean;

	names = (double)sketch_count(&domain->names);
	hour_add(&attacks->names, domain->hash, names);
	if (!attacks->n && a_minute(attacks, names) < HALF * (double)limits->names)
		return;
	part = part_of(attacks, ATTACK_RANDOM_SUBDOMAIN, domain->hash);
	mean = hour_mean(&attacks->names, domain->hash);
	attack = take(attacks, ATTACK_RANDOM_SUBDOMAIN, domain->hash,
	    a_minute(attacks, names) >= part * (double)limits->names &&
		(domain->nxdomain >= part * limits->nxdomain_share * domain->queries ||
		    (mean >= 0 && names > part * limits->times * mean * attacks->length_s)));
	if (!attack)
		return;
	attack->subject = (struct attack_subject){.form = SUBJECT_DOMAIN, .length = domain->length};
	memcpy(attack->subject.name, name->bytes, domain->length);
	attack->queries += domain->queries; /* of more than one zone */
}

void attacks_domains(struct attacks *attacks, const struct domains *domains)
{
	for (size_t i = 0; i < domains->used; i++)
		look_at_domain(attacks, &domains->entries[i], &domains->keys[i]);
}

/* -- all of them */

static void look_for_floods(struct attacks *attacks)
{
	struct flood_search search = {attacks, SUBJECT_SUBNET};

	topk_each(attacks->heavy, look_for_flood, &search);
	search.form = SUBJECT_ASN;
	topk_each(attacks->heavy, look_for_flood, &search);
}

/* Those that are over go to the other list. */
static void end_cold(struct attacks *attacks)
{
	size_t kept = 0;

	for (size_t i = 0; i < attacks->n; i++) {
		if (attacks->list[i].cold >= COLD)
			attacks->ended[attacks->n_ended++] = attacks->list[i];
		else
			attacks->list[kept++] = attacks->list[i];
	}
	attacks->n = kept;
}

static void figure_shares(struct attacks *attacks)
{
	for (size_t i = 0; i < attacks->n; i++) {
		struct attack *attack = &attacks->list[i];
		const bool bytes = attack->kind == ATTACK_REFLECTION;
		const double all = (double)(bytes ? attacks->all_bytes : attacks->all_queries);

		if (all > 0)
			attack->share =
			    (double)(bytes ? attack->response_bytes : attack->queries) / all;
	}
}

static int compare(const void *a, const void *b)
{
	const struct attack *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->share != y->share)
		return x->share > y->share ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

static void learn(struct attacks *attacks)
{
	for (size_t i = 0; i < attacks->n; i++) {
		if (attacks->list[i].kind == ATTACK_FLOOD)
			hour_keep(&attacks->queries, attacks->list[i].key);
		else if (attacks->list[i].kind == ATTACK_RANDOM_SUBDOMAIN)
			hour_keep(&attacks->names, attacks->list[i].key);
	}
	hour_learn(&attacks->queries, attacks->length_s);
	hour_learn(&attacks->names, attacks->length_s);
}

void attacks_finish(struct attacks *attacks, struct attacks_now *ret)
{
	look_for_floods(attacks);
	learn(attacks);
	end_cold(attacks);
	figure_shares(attacks);
	if (attacks->n)
		qsort(attacks->list, attacks->n, sizeof(attacks->list[0]), compare);
	*ret = (struct attacks_now){.list = attacks->list,
	    .n = attacks->n,
	    .ended = attacks->ended,
	    .n_ended = attacks->n_ended};
}
