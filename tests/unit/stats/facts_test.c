/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Further facts, held against a reader that is as slow and plain as can be: it notes each figure of
 * each message in a list, and sorts it at the end.
 */
#include "base/unused.h"
#include "counting.h"

#include "../random.h"

#include "dnstap/receiver.h"
#include "measure/mnemonic.h"
#include "stats/view.h"

#include "crosstap/dns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t below(uint32_t n)
{
	return random_below(&random_state, n);
}

/* -- the slow reader */

struct note {
	uint64_t zone, margin, family, value;
	uint64_t count, bytes;
};

struct notes {
	struct note *list;
	size_t n, size;
};

static void note(struct notes *notes, uint64_t zone, enum margin margin, uint64_t family,
    uint64_t value, uint64_t bytes)
{
	if (notes->n == notes->size) {
		notes->size = notes->size ? notes->size * 2 : 1024;
		notes->list = realloc(notes->list, notes->size * sizeof(struct note));
		assert_non_null(notes->list);
	}
	notes->list[notes->n++] = (struct note){zone, margin, family, value, 1, bytes};
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, offsetof(struct note, count));
}

/* The same notes together. */
static void sum_up(struct notes *notes)
{
	size_t n = 0;

	if (notes->n)
		qsort(notes->list, notes->n, sizeof(struct note), by_key);
	for (size_t i = 0; i < notes->n; i++) {
		if (n && by_key(&notes->list[n - 1], &notes->list[i]) == 0) {
			notes->list[n - 1].count++;
			notes->list[n - 1].bytes += notes->list[i].bytes;
		} else {
			notes->list[n++] = notes->list[i];
		}
	}
	notes->n = n;
}

struct reading {
	char text[1200]; /* of the name, labels between dots, as they are */
	size_t wire, labels;
	unsigned qtype, class, rcode;
	bool question, opt;
	unsigned size, version;
	unsigned ede[64], n_ede;
	bool ecs;
	unsigned ecs_family, ecs_prefix;
};

static unsigned two(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

/* The offset behind a name, 0 if there is none. Pointers only where `pointers`. */
static size_t name_end(const uint8_t *m, size_t length, size_t at, bool pointers)
{
	size_t used = 0;

	for (;;) {
		if (at >= length)
			return 0;
		if (m[at] >= 192 && pointers)
			return at + 2 <= length ? at + 2 : 0;
		if (m[at] > 63)
			return 0;
		used += 1u + m[at];
		if (used > 255)
			return 0;
		if (m[at] == 0)
			return at + 1;
		at += 1u + m[at];
	}
}

static void read_options(const uint8_t *p, size_t left, struct reading *ret)
{
	while (left >= 4 && 4u + two(p + 2) <= left) {
		const unsigned code = two(p), size = two(p + 2);

		if (code == 15 && size >= 2) {
			bool seen = false;

			for (unsigned i = 0; i < ret->n_ede; i++)
				seen |= ret->ede[i] == two(p + 4);
			if (!seen && ret->n_ede < 64)
				ret->ede[ret->n_ede++] = two(p + 4);
		}
		if (code == 8 && !ret->ecs) {
			ret->ecs = true;
			ret->ecs_family = size >= 4 ? two(p + 4) : 0;
			ret->ecs_prefix = size >= 4 ? p[6] : 0;
		}
		p += 4 + size;
		left -= 4 + size;
	}
}

/* False: malformed. */
static bool read_message(const uint8_t *m, size_t length, struct reading *ret)
{
	size_t at = 12;
	unsigned questions, records[3];

	memset(ret, 0, sizeof(*ret));
	if (length < 12)
		return false;
	questions = two(m + 4);
	for (int i = 0; i < 3; i++)
		records[i] = two(m + 6 + 2 * i);
	ret->rcode = m[3] & 15;
	for (unsigned q = 0; q < questions; q++) {
		const size_t behind = name_end(m, length, at, q > 0);

		if (!behind || behind + 4 > length)
			return q > 0;
		if (q == 0) {
			char *out = ret->text;

			ret->question = true;
			ret->wire = behind - at;
			for (size_t i = at; m[i]; i += 1u + m[i]) {
				memcpy(out, m + i + 1, m[i]);
				out += m[i];
				*out++ = '.';
				ret->labels++;
			}
			ret->qtype = two(m + behind);
			ret->class = two(m + behind + 2);
		}
		at = behind + 4;
	}
	for (int section = 0; section < 3; section++) {
		for (unsigned i = 0; i < records[section]; i++) {
			const size_t behind = name_end(m, length, at, true);
			size_t data;

			if (!behind || behind + 10 > length)
				return true;
			data = two(m + behind + 8);
			if (behind + 10 + data > length)
				return true;
			if (section == 2 && behind == at + 1 && m[at] == 0 &&
			    two(m + behind) == 41) {
				ret->opt = true;
				ret->size = two(m + behind + 2);
				ret->rcode += m[behind + 4] * 16u;
				ret->version = m[behind + 5];
				read_options(m + behind + 10, data, ret);
				return true;
			}
			at = behind + 10 + data;
		}
	}
	return true;
}

static bool ends(const char *text, size_t length, const char *with)
{
	const size_t n = strlen(with);

	if (length < n || strncasecmp(text + length - n, with, n) != 0)
		return false;
	return length == n || text[length - n - 1] == '.';
}

static unsigned size_bin(unsigned size)
{
	static const unsigned from[] = {
	    0, 512, 513, 1220, 1232, 1233, 1400, 1452, 1472, 1500, 2048, 4096, 4097};
	unsigned bin = 0;

	for (unsigned i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		bin = size >= from[i] ? i : bin;
	return bin;
}

static void note_name(struct notes *notes, uint64_t zone, const struct reading *r)
{
	const size_t length = strlen(r->text);
	bool upper = false, lower = false, idn = false;

	note(notes, zone, MARGIN_QNAME_LENGTH, 0, r->wire / 16, 0);
	note(notes, zone, MARGIN_QNAME_LABELS, 0, r->labels > 10 ? 10 : r->labels, 0);
	for (size_t i = 0; i < length; i++) {
		upper |= r->text[i] >= 'A' && r->text[i] <= 'Z';
		lower |= r->text[i] >= 'a' && r->text[i] <= 'z';
		idn |=
		    (i == 0 || r->text[i - 1] == '.') && strncasecmp(r->text + i, "xn--", 4) == 0;
	}
	if (idn)
		note(notes, zone, MARGIN_QNAME_TRAIT, 0, QNAME_IDN, 0);
	if (upper && lower)
		note(notes, zone, MARGIN_QNAME_TRAIT, 0, QNAME_MIXED_CASE, 0);
	if (ends(r->text, length, "in-addr.arpa.") || ends(r->text, length, "ip6.arpa."))
		note(notes, zone, MARGIN_QNAME_TRAIT, 0, QNAME_REVERSE, 0);
}

static void note_query(struct notes *notes, uint64_t zone, const struct reading *r, size_t length)
{
	if (r->question) {
		note_name(notes, zone, r);
		note(notes, zone, MARGIN_CLASS, 0, r->class, 0);
		note(notes, zone, MARGIN_QTYPE, 0, r->qtype, length);
	}
	if (!r->opt) {
		note(notes, zone, MARGIN_EDNS, 0, 0, 0);
		note(notes, zone, MARGIN_EDNS_SIZE, 0, EDNS_SIZE_NONE, 0);
		return;
	}
	note(notes, zone, MARGIN_EDNS, 0, r->version ? 2 : 1, 0);
	note(notes, zone, MARGIN_EDNS_SIZE, 0, size_bin(r->size), 0);
	if (r->ecs &&
	    ((r->ecs_family == 1 && r->ecs_prefix <= 32) ||
		(r->ecs_family == 2 && r->ecs_prefix <= 128)))
		note(notes, zone, MARGIN_ECS, r->ecs_family - 1, r->ecs_prefix, 0);
	else if (r->ecs)
		note(notes, zone, MARGIN_ECS, 0, KEY_OTHER, 0);
}

static void note_message(
    struct notes *notes, uint64_t zone, bool query, const uint8_t *m, size_t length)
{
	struct reading r;

	if (!read_message(m, length, &r))
		return;
	if (query) {
		note_query(notes, zone, &r, length);
		return;
	}
	note(notes, zone, MARGIN_RCODE, 0, r.rcode, 0);
	for (unsigned i = 0; i < r.n_ede && i < DNS_MAX_EDE; i++)
		note(notes, zone, MARGIN_EDE, 0, r.ede[i], 0);
	if (!r.question) {
		note(notes, zone, MARGIN_QTYPE_RCODE, 0, KEY_NO_QUESTION * 8192ull + r.rcode,
		    length);
		return;
	}
	note(notes, zone, MARGIN_QTYPE_RESPONSES, 0, r.qtype, length);
	note(notes, zone, MARGIN_QTYPE_RCODE, 0, (uint64_t)r.qtype * 8192 + r.rcode, length);
}

/* -- both, held against each other */

static bool is_noted(uint64_t margin)
{
	return (margin >= MARGIN_CLASS && margin <= MARGIN_QTYPE_RCODE) || margin == MARGIN_QTYPE ||
	    margin == MARGIN_RCODE;
}

static bool has_bytes(uint64_t margin)
{
	return margin == MARGIN_QTYPE || margin == MARGIN_QTYPE_RESPONSES ||
	    margin == MARGIN_QTYPE_RCODE;
}

/* As encoders read them: sorted, by zone. Every cell is noted, and every note has a cell. */
static void expect_same(struct notes *notes, const struct window_view *view)
{
	size_t seen = 0;

	sum_up(notes);
	for (size_t z = 0; z < view->n_zones; z++) {
		for (int margin = 1; margin < MARGIN_COUNT; margin++) {
			const struct margin_slice *slice = &view->zones[z].margins[margin];

			for (size_t i = 0; i < slice->n && is_noted((uint64_t)margin); i++) {
				const struct cell *cell = &slice->cells[i];
				const struct note key = {.zone = view->zones[z].zone,
				    .margin = (uint64_t)margin,
				    .family = margin_family(cell->key),
				    .value = margin_value(cell->key)};
				const struct note *expected =
				    bsearch(&key, notes->list, notes->n, sizeof(key), by_key);

				assert_non_null(expected);
				assert_int_equal(cell->count, expected->count);
				if (has_bytes((uint64_t)margin))
					assert_int_equal(cell->amount, expected->bytes);
				assert_true(i == 0 || cell[-1].key < cell->key);
				seen++;
			}
		}
	}
	assert_int_equal(seen, notes->n);
	free(notes->list);
}

static struct arena *arena;

static void make_view(struct window_view *view, struct shard *total, struct zone_registry *registry)
{
	static const struct window_span span = {.end_ns = 1};
	static const struct view_limits limits = {0};

	assert_int_equal(
	    view_make(view, total, &span, registry, &test_seed, NULL, 0, &limits, arena), 0);
}

static struct collector_config facts_config(uint8_t wanted)
{
	struct collector_config config = test_config();

	config.traits.facts = wanted;
	config.traits.qtype_assigned = mnemonic_qtype_assigned;
	config.limits.facts_blocks = 256;
	config.limits.facts_cells = 1 << 16;
	config.limits.unassigned = SIZE_MAX;
	return config;
}

/* -- captures of real nameservers */

struct capture {
	struct collector *collector;
	struct notes notes;
	uint64_t zone, messages;
};

static void take_capture(void *context, const struct record *records, size_t n)
{
	struct capture *capture = context;

	collector_take(capture->collector, records, n, INT64_MAX / 2);
	for (size_t i = 0; i < n; i++) {
		const bool query = record_is_query(&records[i]);

		if (!record_is_client_side(&records[i]))
			continue;
		note_message(&capture->notes, capture->zone, query,
		    query ? records[i].query_message : records[i].response_message,
		    query ? records[i].query_length : records[i].response_length);
		capture->messages++;
	}
}

static void bad_capture(void *context UNUSED)
{
}

static void test_captures(void **state UNUSED)
{
	static const char *const names[] = {"knot", "nsd", "unbound", "recursor", "crosscheck"};
	static const struct receiver_ops ops = {.take = take_capture, .bad = bad_capture};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct collector_config config = facts_config(FACTS_ALL);
		struct capture capture = {0};
		struct receiver receiver;
		struct receiver_step step;
		struct zone_registry *registry;
		struct window_view view;
		struct shard *total;
		static uint8_t data[16 << 20];
		char path[64];
		size_t n;
		FILE *file;

		snprintf(path, sizeof(path), "tests/golden/%s.fstrm", names[i]);
		file = fopen(path, "rb");
		assert_non_null(file);
		n = fread(data, 1, sizeof(data), file);
		fclose(file);
		assert_int_equal(zone_registry_new(&registry), 0);
		capture.zone = (uint64_t)zone_registry_ref(registry, names[i]);
		assert_int_equal(collector_new(&capture.collector, &config), 0);
		receiver_init(&receiver, 256 << 10);
		for (size_t at = 0; at < n; at += step.used) {
			receiver_feed(&receiver, &ops, &capture, data + at, n - at, &step);
			assert_null(step.error);
			assert_true(step.used > 0);
		}
		/* The Recursor logs what it asks itself alone: nothing counts. */
		assert_int_equal(capture.messages > 10, strcmp(names[i], "recursor") != 0);
		total = collect(capture.collector);
		make_view(&view, total, registry);
		expect_same(&capture.notes, &view);
		shard_free(total);
		collector_free(capture.collector);
		zone_registry_free(registry);
	}
}

/* -- made messages */

struct made {
	uint8_t bytes[600];
	size_t length;
};

static void put16(struct made *m, unsigned value)
{
	m->bytes[m->length++] = (uint8_t)(value >> 8);
	m->bytes[m->length++] = (uint8_t)value;
}

static void put_label(struct made *m, const char *text)
{
	m->bytes[m->length++] = (uint8_t)strlen(text);
	memcpy(m->bytes + m->length, text, strlen(text));
	m->length += strlen(text);
}

static unsigned pick(const unsigned *list, size_t n, unsigned random_of)
{
	return below(3) ? list[below((uint32_t)n)] : below(random_of);
}

#define PICK(random_of, ...)                                                                       \
	pick((const unsigned[]){__VA_ARGS__},                                                      \
	    sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned), random_of)

static void put_name(struct made *m, unsigned zone)
{
	static const char *const labels[] = {"www", "a", "xn--bcher-kva", "XN--p1ai", "xn--", "xn-",
	    "-", "a--b", "WwW", "UPPER", "4arpa", "_dmarc", "abcdefghijklmnopqrstuvwxyz0123456789",
	    "b\xc3\xbc", "ip6", "x.y", "@[`{"};
	char label[16];
	unsigned n = below(4) ? below(4) : below(13);

	if (below(8) == 0) {
		for (; n; n--)
			put_label(m, n % 2 ? "1" : "f");
		put_label(m, below(2) ? "in-addr" : below(2) ? "IP6" : "ip66");
		put_label(m, below(8) ? "arpa" : "aRPA");
		m->bytes[m->length++] = 0;
		return;
	}
	while (n--) {
		const char *text = labels[below(sizeof(labels) / sizeof(labels[0]))];

		if (m->length + strlen(text) < 200)
			put_label(m, text);
	}
	snprintf(label, sizeof(label), "z%u", zone);
	put_label(m, label);
	put_label(m, below(8) ? "test" : "TEST");
	m->bytes[m->length++] = 0;
}

static void put_opt(struct made *m, bool query)
{
	const unsigned options = below(4);
	size_t at;

	m->bytes[m->length++] = 0;
	put16(m, 41);
	put16(m, PICK(65536, 512, 1220, 1231, 1232, 1400, 1452, 1472, 1500, 4095, 4096, 4097, 0));
	m->bytes[m->length++] = below(16) ? 0 : (uint8_t)below(256);
	m->bytes[m->length++] = below(16) ? 0 : (uint8_t)below(256);
	put16(m, 0);
	at = m->length;
	put16(m, 0);
	for (unsigned i = 0; i < options; i++) {
		if (query && below(2)) {
			put16(m, 8);
			put16(m, 4);
			put16(m, PICK(65536, 1, 2));
			m->bytes[m->length++] = (uint8_t)PICK(256, 24, 32, 33, 56, 128, 129, 0);
			m->bytes[m->length++] = 0;
		} else if (below(2)) {
			put16(m, 15);
			put16(m, 3);
			put16(m, PICK(65536, 0, 6, 18, 30, 31));
			m->bytes[m->length++] = 'x';
		} else {
			put16(m, PICK(65536, 3, 10, 8, 15));
			put16(m, below(8) ? 1 : 5000); /* too short; or past the end */
			m->bytes[m->length++] = 0;
		}
	}
	m->bytes[at] = (uint8_t)((m->length - at - 2) >> 8);
	m->bytes[at + 1] = (uint8_t)(m->length - at - 2);
}

static void make_message(struct made *m, bool query, unsigned zone)
{
	const bool opt = below(4) != 0, question = below(16) != 0;

	m->length = 0;
	put16(m, below(65536));
	put16(m, (query ? 0 : 0x8000) | (below(4) ? 0 : below(16)));
	put16(m, question);
	put16(m, 0);
	put16(m, 0);
	put16(m, opt);
	if (question) {
		put_name(m, zone);
		put16(m, PICK(65536, 1, 28, 2, 6, 15, 65, 255, 252, 0, 1023, 1022));
		put16(m, PICK(65536, 1, 1, 1, 1, 1, 1, 3, 4, 254, 255));
	}
	if (opt)
		put_opt(m, query);
	if (below(32) == 0)
		m->length = below((uint32_t)m->length);
}

static void give(struct collector *collector, const struct made *m, bool query, int64_t time_ns)
{
	struct sample s;

	sample_init(&s, query ? RECORD_AUTH_QUERY : RECORD_AUTH_RESPONSE, below(50),
	    (uint16_t)below(65536), time_ns);
	if (query) {
		s.record.query_message = m->bytes;
		s.record.query_length = (uint32_t)m->length;
	} else {
		s.record.response_message = m->bytes;
		s.record.response_length = (uint32_t)m->length;
	}
	take_one(collector, &s, time_ns);
}

#define ZONES 300

/* Two threads, five windows, late frames; tables so small that they are folded all the time, and so
 * large that they never are. */
static void check_made(const struct shard_limits *limits)
{
	struct collector_config config = facts_config(FACTS_ALL);
	struct zone_registry *registry;
	struct collector *collectors[2];
	struct notes notes = {0};
	struct window_view view;
	struct shard *total = empty_shard();
	uint64_t zones[ZONES];

	config.limits = *limits;
	assert_int_equal(zone_registry_new(&registry), 0);
	for (unsigned i = 0; i < ZONES; i++) {
		char label[16];

		snprintf(label, sizeof(label), "z%u", i);
		zones[i] = (uint64_t)zone_registry_ref(registry, label);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(collector_new(&collectors[i], &config), 0);
	for (int window = 0; window < 5; window++) {
		struct shard *shards[COLLECTOR_MAX_SHARDS];

		for (int i = 0; i < 8000; i++) {
			struct collector *collector = collectors[below(2)];
			const unsigned zone = below(ZONES);
			const bool query = below(2);
			const int64_t time_ns =
			    T0_NS + SECONDS(window * 10) - (below(8) ? 0 : SECONDS(below(20)));
			struct made m;

			make_message(&m, query, zone);
			note_message(&notes, zones[zone], query, m.bytes, m.length);
			config.traits.zone = (uint16_t)zones[zone];
			collector_set_traits(collector, &config.traits);
			give(collector, &m, query, time_ns);
		}
		for (int c = 0; c < 2; c++) {
			const size_t n = collector_close(collectors[c],
			    window_index(T0_NS, config.interval_ns) + window, shards);

			for (size_t i = 0; i < n; i++) {
				assert_int_equal(shard_merge(total, shards[i], &test_seed), 0);
				assert_int_equal(shards[i]->lost, 0);
				shard_clear(shards[i], &config.limits);
				collector_give(collectors[c], shards[i]);
			}
		}
	}
	for (int c = 0; c < 2; c++) {
		struct shard *rest = collect(collectors[c]);

		assert_int_equal(shard_merge(total, rest, &test_seed), 0);
		shard_free(rest);
		collector_free(collectors[c]);
	}
	make_view(&view, total, registry);
	expect_same(&notes, &view);
	shard_free(total);
	zone_registry_free(registry);
}

static void test_made(void **state UNUSED)
{
	const struct collector_config config = facts_config(FACTS_ALL);

	check_made(&config.limits);
}

static void test_made_folded(void **state UNUSED)
{
	struct shard_limits limits = facts_config(FACTS_ALL).limits;

	limits.cube_slots = 256;
	limits.facts_blocks = 1;
	limits.facts_cells = 256;
	check_made(&limits);
}

/* -- bounds */

static uint64_t slice_sum(const struct margin_slice *slice)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < slice->n; i++)
		sum += slice->cells[i].count;
	return sum;
}

/* Random values of everything that a client chooses: few cells, and nothing is missing. */
static void test_flood(void **state UNUSED)
{
	enum { N = 200000, KEPT = 32 };
	struct collector_config config = facts_config(FACTS_ALL);
	struct zone_registry *registry;
	struct collector *collector;
	struct window_view view;
	const struct margin_slice *margins;
	struct shard *total;
	size_t cells = 0;

	config.limits.unassigned = KEPT;
	assert_int_equal(zone_registry_new(&registry), 0);
	config.traits.zone = (uint16_t)zone_registry_ref(registry, "nl");
	assert_int_equal(collector_new(&collector, &config), 0);
	for (unsigned i = 0; i < N; i++) {
		const bool query = i % 2;
		struct made m = {.length = 0};

		put16(&m, 0);
		put16(&m, query ? 0 : 0x8000);
		put16(&m, 1);
		put16(&m, 0);
		put16(&m, 0);
		put16(&m, 1);
		m.bytes[m.length++] = 0;
		put16(&m, query ? 1 : below(65536));
		put16(&m, below(65536));
		m.bytes[m.length++] = 0;
		put16(&m, 41);
		put16(&m, below(65536));
		put16(&m, 0);
		put16(&m, 0);
		put16(&m, 14);
		put16(&m, 15);
		put16(&m, 2);
		put16(&m, below(65536));
		put16(&m, 8);
		put16(&m, 4);
		put16(&m, below(65536));
		put16(&m, below(65536));
		give(collector, &m, query, T0_NS);
	}
	total = collect(collector);
	make_view(&view, total, registry);
	assert_int_equal(view.n_zones, 1);
	margins = view.zones[0].margins;
	assert_int_equal(slice_sum(&margins[MARGIN_CLASS]), N / 2);
	assert_int_equal(slice_sum(&margins[MARGIN_EDNS_SIZE]), N / 2);
	assert_int_equal(slice_sum(&margins[MARGIN_ECS]), N / 2);
	assert_int_equal(slice_sum(&margins[MARGIN_EDE]), N / 2);
	assert_int_equal(slice_sum(&margins[MARGIN_QTYPE_RCODE]), N / 2);
	assert_int_equal(slice_sum(&margins[MARGIN_QTYPE_RESPONSES]), N / 2);
	for (int margin = MARGIN_CLASS; margin < MARGIN_COMPARED; margin++)
		cells += margins[margin].n;
	/* What IANA has assigned, the bins, the kept ones (types count twice), and the others. */
	assert_in_range(cells, KEPT, 5 + 3 + 14 + 162 + 31 + 16 + 11 + 3 + 2 * 100 + 2 * KEPT + 5);
	assert_in_range(margins[MARGIN_CLASS].cells[margins[MARGIN_CLASS].n - 1].count, N / 3, N);
	assert_int_equal(
	    margin_value(margins[MARGIN_CLASS].cells[margins[MARGIN_CLASS].n - 1].key), KEY_OTHER);
	shard_free(total);
	collector_free(collector);
	zone_registry_free(registry);
}

/* What nobody wants takes no memory. */
static void test_unwanted(void **state UNUSED)
{
	for (unsigned wanted = 0; wanted <= FACTS_ALL; wanted++) {
		const struct collector_config config = facts_config((uint8_t)wanted);
		struct collector *collector;
		struct shard *shards[COLLECTOR_MAX_SHARDS], *total;
		uint64_t sums[MARGIN_COUNT] = {0};

		assert_int_equal(collector_new(&collector, &config), 0);
		for (int i = 0; i < 4000; i++) {
			struct made m;

			make_message(&m, i % 2, 1);
			give(collector, &m, i % 2, T0_NS);
		}
		assert_int_equal(collector_close(collector, INT64_MAX, shards), 1);
		assert_int_equal(shards[0]->facts.n_blocks, wanted ? 1 : 0);
		total = empty_shard();
		assert_int_equal(shard_merge(total, shards[0], &test_seed), 0);
		for (size_t i = 0; i <= total->margins.mask; i++)
			sums[margin_kind(total->margins.slots[i].key)] +=
			    total->margins.slots[i].count;
		assert_true(sums[MARGIN_RCODE] > 1000);
		assert_int_equal(sums[MARGIN_CLASS] > 0, !!(wanted & FACTS_TYPES));
		assert_int_equal(sums[MARGIN_QTYPE_RCODE] > 0, !!(wanted & FACTS_TYPES));
		assert_int_equal(sums[MARGIN_EDNS] > 0, !!(wanted & FACTS_EDNS));
		assert_int_equal(sums[MARGIN_EDE] > 0, !!(wanted & FACTS_EDNS));
		assert_int_equal(sums[MARGIN_QNAME_LABELS] > 0, !!(wanted & FACTS_QNAME));
		shard_free(shards[0]);
		shard_free(total);
		collector_free(collector);
	}
}

static void test_keys(void **state UNUSED)
{
	for (unsigned place = 0; place < FACTS_PLACE_COUNT; place++) {
		for (unsigned other = 0; other < place; other++)
			assert_true(facts_place_key(7, place) != facts_place_key(7, other) ||
			    facts_place_version_key(7, place) != facts_place_version_key(7, other));
	}
	assert_int_equal(margin_value(facts_place_key(7, FACTS_IN)), 1);
	for (unsigned bin = 0; bin < EDNS_SIZE_NONE; bin++) {
		assert_int_equal(margin_value(facts_place_key(7, FACTS_SIZE + bin)), bin);
		assert_int_equal(
		    margin_value(facts_place_version_key(7, FACTS_SIZE + bin)), EDNS_VERSION_0);
		assert_int_equal(margin_value(facts_place_key(7, FACTS_OTHER_SIZE + bin)), bin);
		assert_int_equal(margin_value(facts_place_version_key(7, FACTS_OTHER_SIZE + bin)),
		    EDNS_VERSION_OTHER);
	}
	assert_int_equal(margin_value(facts_place_version_key(7, FACTS_SIZE + EDNS_SIZE_NONE)),
	    EDNS_VERSION_NONE);
	assert_int_equal(facts_place_version_key(7, FACTS_IN), 0);
	assert_int_equal(facts_place_version_key(7, FACTS_LENGTH), 0);
	assert_int_equal(margin_kind(facts_place_key(7, FACTS_TRAIT)), MARGIN_QNAME_TRAIT);
	for (unsigned size = 0; size < 70000; size++)
		assert_int_equal(facts_size_bin(size), size_bin(size));
}

static int setup(void **state UNUSED)
{
	return arena_new(&arena);
}

static int teardown(void **state UNUSED)
{
	arena_free(arena);
	return 0;
}

static int reset(void **state UNUSED)
{
	arena_reset(arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test_teardown(test_captures, reset),
	    cmocka_unit_test_teardown(test_made, reset),
	    cmocka_unit_test_teardown(test_made_folded, reset),
	    cmocka_unit_test_teardown(test_flood, reset),
	    cmocka_unit_test(test_unwanted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
