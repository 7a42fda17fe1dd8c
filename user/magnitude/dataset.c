/* SPDX-License-Identifier: BSD-2-Clause */
#include "magnitude/dataset.h"

#include "base/hash.h"
#include "text/json_build.h"

#include <cbor.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#define FIRST_SLOTS 256
#define DAY_S       86400
#define VERSION     1
#define TAG_DATE    1004 /* RFC 8943 */

int dataset_init(struct magnitude_day *ret, int64_t day, size_t wanted)
{
	*ret = (struct magnitude_day){.day = day, .wanted = wanted, .mask = FIRST_SLOTS - 1};
	hash_random(&ret->seed, sizeof(ret->seed));
	ret->index = calloc(FIRST_SLOTS, sizeof(*ret->index));
	return ret->index ? 0 : -ENOMEM;
}

void dataset_done(struct magnitude_day *dataset)
{
	for (size_t i = 0; i < dataset->n; i++) {
		public_sketch_done(&dataset->domains[i].clients);
		free(dataset->domains[i].name);
	}
	free(dataset->domains);
	free(dataset->index);
	public_sketch_done(&dataset->clients);
	*dataset = (struct magnitude_day){0};
}

static uint32_t *slot_of(const struct magnitude_day *dataset, const char *name)
{
	uint32_t at =
	    (uint32_t)XXH3_64bits_withSeed(name, strlen(name), dataset->seed) & dataset->mask;

	while (
	    dataset->index[at] && strcmp(dataset->domains[dataset->index[at] - 1].name, name) != 0)
		at = (at + 1) & dataset->mask;
	return &dataset->index[at];
}

static void fill_index(struct magnitude_day *dataset)
{
	memset(dataset->index, 0, ((size_t)dataset->mask + 1) * sizeof(*dataset->index));
	for (size_t i = 0; i < dataset->n; i++)
		*slot_of(dataset, dataset->domains[i].name) = (uint32_t)i + 1;
}

static int grow(struct magnitude_day *dataset)
{
	const size_t slots = ((size_t)dataset->mask + 1) * 2;
	struct dataset_domain *domains =
	    reallocarray(dataset->domains, slots / 2, sizeof(*domains));
	uint32_t *index;

	if (!domains)
		return -ENOMEM;
	dataset->domains = domains;
	index = calloc(slots, sizeof(*index));
	if (!index)
		return -ENOMEM;
	free(dataset->index);
	dataset->index = index;
	dataset->mask = (uint32_t)(slots - 1);
	dataset->room = slots / 2;
	fill_index(dataset);
	return 0;
}

/* The domain, made if need be. -ENOMEM. */
static int need_domain(struct magnitude_day *dataset, const char *name, struct dataset_domain **ret)
{
	uint32_t *slot = slot_of(dataset, name);
	struct dataset_domain *domain;

	if (*slot) {
		*ret = &dataset->domains[*slot - 1];
		return 0;
	}
	if (dataset->n >= dataset->room) {
		int r = grow(dataset);

		if (r < 0)
			return r;
		slot = slot_of(dataset, name);
	}
	domain = &dataset->domains[dataset->n];
	*domain = (struct dataset_domain){.name = strdup(name)};
	if (!domain->name)
		return -ENOMEM;
	*slot = (uint32_t)++dataset->n;
	*ret = domain;
	return 0;
}

/* The most clients first, of equals the first name: whoever reads two of our files sees one order.
 */
static int compare(const void *a, const void *b)
{
	const struct dataset_domain *x = a, *y = b;

	if (x->clients.count != y->clients.count)
		return x->clients.count < y->clients.count ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void sort(struct magnitude_day *dataset)
{
	for (size_t i = 0; i < dataset->n; i++)
		(void)public_sketch_count(&dataset->domains[i].clients);
	if (dataset->n)
		qsort(dataset->domains, dataset->n, sizeof(*dataset->domains), compare);
	fill_index(dataset);
}

static void keep_largest(struct magnitude_day *dataset)
{
	size_t memory = 0;

	for (size_t i = 0; i < dataset->n; i++)
		memory += public_sketch_memory(&dataset->domains[i].clients);
	if (dataset->n <= dataset->wanted ||
	    (dataset->n <= dataset->wanted * DATASET_ROOM && memory <= DATASET_MEMORY))
		return;
	sort(dataset);
	while (dataset->n > dataset->wanted) {
		struct dataset_domain *last = &dataset->domains[--dataset->n];

		public_sketch_done(&last->clients);
		free(last->name);
	}
	fill_index(dataset);
}

struct adding {
	struct magnitude_day *dataset;
	size_t numbers[TALLY_DOMAINS]; /* of the tally's domains */
	int error;
};

static void take_entry(void *context, uint32_t number, uint32_t entry)
{
	struct adding *adding = context;
	int r =
	    public_sketch_add(&adding->dataset->domains[adding->numbers[number]].clients, entry);

	if (r < 0)
		adding->error = r;
}

static int add_domains(struct adding *adding, const struct tally *tally)
{
	const char *name;
	uint64_t queries;

	for (uint32_t i = 0; (name = tally_domain(tally, i, &queries)); i++) {
		struct dataset_domain *domain;
		int r = need_domain(adding->dataset, name, &domain);

		if (r < 0)
			return r;
		domain->queries += queries;
		adding->numbers[i] = (size_t)(domain - adding->dataset->domains);
	}
	tally_each(tally, take_entry, adding);
	return adding->error;
}

int dataset_add(struct magnitude_day *dataset, const struct tally *tally)
{
	struct adding *adding = malloc(sizeof(*adding));
	int r;

	if (!adding)
		return -ENOMEM;
	adding->dataset = dataset;
	adding->error = 0;
	dataset->queries += tally_queries(tally);
	r = add_domains(adding, tally);
	for (uint32_t i = 0; i < PUBLIC_SKETCH_REGISTERS && r == 0; i++)
		r = public_sketch_add(&dataset->clients, tally_all(tally, i));
	free(adding);
	keep_largest(dataset);
	return r;
}

void dataset_date(const struct magnitude_day *dataset, char ret[DATASET_DATE_BYTES])
{
	const time_t start = (time_t)(dataset->day * DAY_S);
	struct tm date = {0};

	gmtime_r(&start, &date);
	strftime(ret, DATASET_DATE_BYTES, "%Y-%m-%d", &date);
}

/* -- CBOR */

#define HEAD_BYTES 9

static void put_head(
    struct buffer *buffer, size_t (*encode)(size_t, unsigned char *, size_t), size_t n)
{
	unsigned char head[HEAD_BYTES];

	buffer_put(buffer, (const char *)head, encode(n, head, sizeof(head)));
}

static void put_text(struct buffer *buffer, const char *text)
{
	put_head(buffer, cbor_encode_string_start, strlen(text));
	buffer_text(buffer, text);
}

static void put_uint(struct buffer *buffer, const char *key, uint64_t value)
{
	unsigned char head[HEAD_BYTES];

	put_text(buffer, key);
	buffer_put(buffer, (const char *)head, cbor_encode_uint(value, head, sizeof(head)));
}

static void put_sketch(struct buffer *buffer, const char *key, const struct public_sketch *sketch)
{
	uint8_t stored[PUBLIC_SKETCH_BYTES];
	const size_t n = public_sketch_write(sketch, stored);

	put_text(buffer, key);
	put_head(buffer, cbor_encode_bytestring_start, n);
	buffer_put(buffer, (const char *)stored, n);
}

/* Version 4 of RFC 9562. */
static void put_id(struct buffer *buffer)
{
	uint8_t b[16];
	char text[40];

	hash_random(b, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(text, sizeof(text),
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
	    b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
	    b[15]);
	put_text(buffer, "id");
	put_text(buffer, text);
}

static void put_domain(struct buffer *buffer, struct dataset_domain *domain)
{
	put_text(buffer, domain->name);
	put_head(buffer, cbor_encode_map_start, 3);
	put_sketch(buffer, "clients_hll", &domain->clients);
	put_uint(buffer, "clients_count", public_sketch_count(&domain->clients));
	put_uint(buffer, "queries_count", domain->queries);
}

void dataset_write(struct magnitude_day *dataset, bool all, struct buffer *buffer)
{
	const size_t n = all || dataset->n < dataset->wanted ? dataset->n : dataset->wanted;
	unsigned char head[HEAD_BYTES];
	char date[DATASET_DATE_BYTES];

	sort(dataset);
	put_head(buffer, cbor_encode_map_start, 8);
	put_uint(buffer, "version", VERSION);
	put_id(buffer);
	put_text(buffer, "generator");
	put_text(buffer, "crosstap " CROSSTAP_VERSION);
	put_text(buffer, "date");
	buffer_put(buffer, (const char *)head, cbor_encode_tag(TAG_DATE, head, sizeof(head)));
	dataset_date(dataset, date);
	put_text(buffer, date);
	put_sketch(buffer, "all_clients_hll", &dataset->clients);
	put_uint(buffer, "all_clients_count", public_sketch_count(&dataset->clients));
	put_uint(buffer, "all_queries_count", dataset->queries);
	put_text(buffer, "domains");
	put_head(buffer, cbor_encode_map_start, n);
	for (size_t i = 0; i < n; i++)
		put_domain(buffer, &dataset->domains[i]);
}

/* What the decoder saw last. */
enum item_kind { ITEM_OTHER, ITEM_UINT, ITEM_BYTES, ITEM_TEXT, ITEM_MAP, ITEM_TAG };
struct item {
	enum item_kind kind;
	uint64_t value; /* or the length */
	const uint8_t *data;
};

struct reading {
	const uint8_t *at;
	size_t left;
};

static void on_uint8(void *context, uint8_t value)
{
	*(struct item *)context = (struct item){ITEM_UINT, value, NULL};
}

static void on_uint16(void *context, uint16_t value)
{
	*(struct item *)context = (struct item){ITEM_UINT, value, NULL};
}

static void on_uint32(void *context, uint32_t value)
{
	*(struct item *)context = (struct item){ITEM_UINT, value, NULL};
}

static void on_uint64(void *context, uint64_t value)
{
	*(struct item *)context = (struct item){ITEM_UINT, value, NULL};
}

static void on_bytes(void *context, cbor_data data, size_t length)
{
	*(struct item *)context = (struct item){ITEM_BYTES, length, data};
}

static void on_text(void *context, cbor_data data, size_t length)
{
	*(struct item *)context = (struct item){ITEM_TEXT, length, data};
}

static void on_map(void *context, size_t pairs)
{
	*(struct item *)context = (struct item){ITEM_MAP, pairs, NULL};
}

static void on_tag(void *context, uint64_t value)
{
	*(struct item *)context = (struct item){ITEM_TAG, value, NULL};
}

static int next(struct reading *reading, enum item_kind kind, struct item *ret)
{
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	struct cbor_decoder_result result;

	callbacks.uint8 = on_uint8;
	callbacks.uint16 = on_uint16;
	callbacks.uint32 = on_uint32;
	callbacks.uint64 = on_uint64;
	callbacks.byte_string = on_bytes;
	callbacks.string = on_text;
	callbacks.map_start = on_map;
	callbacks.tag = on_tag;
	*ret = (struct item){0};
	result = cbor_stream_decode(reading->at, reading->left, &callbacks, ret);
	if (result.status != CBOR_DECODER_FINISHED || ret->kind != kind)
		return -EBADMSG;
	reading->at += result.read;
	reading->left -= result.read;
	return 0;
}

static bool is(const struct item *item, const char *text)
{
	return item->value == strlen(text) && memcmp(item->data, text, item->value) == 0;
}

static int read_date(struct reading *reading, int64_t *ret_day)
{
	struct item item;
	struct tm date = {0};
	char text[11];
	const char *end;
	int r = next(reading, ITEM_TAG, &item);

	if (r < 0 || item.value != TAG_DATE)
		return -EBADMSG;
	r = next(reading, ITEM_TEXT, &item);
	if (r < 0 || item.value != sizeof(text) - 1)
		return -EBADMSG;
	memcpy(text, item.data, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	end = strptime(text, "%Y-%m-%d", &date);
	/* There was no DNS before 1970, and a year of three digits is written with as many. */
	if (!end || *end || date.tm_year < 70)
		return -EBADMSG;
	*ret_day = timegm(&date) / DAY_S;
	return 0;
}

static int read_sketch(struct reading *reading, struct public_sketch *sketch)
{
	struct item item;
	int r = next(reading, ITEM_BYTES, &item);

	return r < 0 ? r : public_sketch_read(sketch, item.data, item.value);
}

static int read_uint(struct reading *reading, uint64_t *ret)
{
	struct item item;
	int r = next(reading, ITEM_UINT, &item);

	if (r == 0)
		*ret = item.value;
	return r;
}

static int read_domain(struct reading *reading, struct dataset_domain *domain)
{
	struct item map, key;
	uint64_t unused;
	int r = next(reading, ITEM_MAP, &map);

	for (uint64_t i = 0; r == 0 && i < map.value; i++) {
		r = next(reading, ITEM_TEXT, &key);
		if (r < 0)
			return r;
		if (is(&key, "clients_hll"))
			r = read_sketch(reading, &domain->clients);
		else if (is(&key, "clients_count"))
			r = read_uint(reading, &unused);
		else if (is(&key, "queries_count"))
			r = read_uint(reading, &domain->queries);
		else
			r = -EBADMSG;
	}
	return r;
}

static int read_domains(struct reading *reading, struct magnitude_day *dataset)
{
	struct item map, name;
	int r = next(reading, ITEM_MAP, &map);

	for (uint64_t i = 0; r == 0 && i < map.value; i++) {
		struct dataset_domain *domain;
		char text[TALLY_NAME_BYTES];

		r = next(reading, ITEM_TEXT, &name);
		if (r < 0)
			return r;
		if (!name.value || name.value >= sizeof(text) ||
		    memchr(name.data, '\0', name.value) || dataset->n >= DATASET_MOST)
			return -EBADMSG;
		memcpy(text, name.data, name.value);
		text[name.value] = '\0';
		r = need_domain(dataset, text, &domain);
		if (r == 0)
			r = read_domain(reading, domain);
	}
	return r;
}

static int read_member(
    struct reading *reading, struct magnitude_day *dataset, const struct item *key)
{
	struct item item;
	uint64_t number = VERSION;
	int r;

	if (is(key, "version")) {
		r = read_uint(reading, &number);
		return r == 0 && number != VERSION ? -EBADMSG : r;
	}
	if (is(key, "id") || is(key, "generator"))
		return next(reading, ITEM_TEXT, &item);
	if (is(key, "date"))
		return read_date(reading, &dataset->day);
	if (is(key, "all_clients_hll"))
		return read_sketch(reading, &dataset->clients);
	if (is(key, "all_clients_count"))
		return read_uint(reading, &number);
	if (is(key, "all_queries_count"))
		return read_uint(reading, &dataset->queries);
	return is(key, "domains") ? read_domains(reading, dataset) : -EBADMSG;
}

int dataset_read(struct magnitude_day *ret, size_t wanted, const uint8_t *data, size_t length)
{
	struct reading reading = {data, length};
	struct item map, key;
	int r = dataset_init(ret, INT64_MIN, wanted);

	if (r == 0)
		r = next(&reading, ITEM_MAP, &map);
	for (uint64_t i = 0; r == 0 && i < map.value; i++) {
		r = next(&reading, ITEM_TEXT, &key);
		if (r == 0)
			r = read_member(&reading, ret, &key);
	}
	if (r == 0 && (reading.left || ret->day == INT64_MIN))
		r = -EBADMSG;
	if (r < 0)
		dataset_done(ret);
	else
		keep_largest(ret); /* fewer may be wanted than before */
	return r;
}

/* -- the report */

static double magnitude_of(uint64_t clients, uint64_t all)
{
	if (all <= 1 || clients <= 1)
		return 0;
	return clients >= all ? 10 : 10 * log((double)clients) / log((double)all);
}

json_t *dataset_report(struct magnitude_day *dataset, const char *source)
{
	struct json_build build = {0};
	json_t *report = json_build_object(&build), *list;
	char date[DATASET_DATE_BYTES];
	size_t n = dataset->n < dataset->wanted ? dataset->n : dataset->wanted;
	uint64_t all;

	sort(dataset);
	all = public_sketch_count(&dataset->clients);
	dataset_date(dataset, date);
	json_put_text(&build, report, "date", date);
	json_put_text(&build, report, "source", source);
	json_put_text(&build, report, "sourceType", "authoritative");
	json_put_count(&build, report, "totalUniqueClients", all);
	json_put_count(&build, report, "totalQueryVolume", dataset->queries);
	list = json_put_array(&build, report, "magnitudeData");
	while (n-- > 0) {
		struct dataset_domain *domain = &dataset->domains[n];
		json_t *object = json_add_object(&build, list);
		const uint64_t clients = public_sketch_count(&domain->clients);

		json_put_text(&build, object, "domain", domain->name);
		json_put_real(&build, object, "magnitude", magnitude_of(clients, all));
		json_put_count(&build, object, "uniqueClients", clients);
		json_put_count(&build, object, "queryVolume", domain->queries);
	}
	return json_build_finish(&build, report);
}
