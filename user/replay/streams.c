/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/streams.h"

#include "base/hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADS     STREAMS_MAX /* of hash chains; a power of two */
#define FRESH_MAX (STREAMS_MAX / 4)
#define FAR       ((int32_t)WIRE_FLOW_BEHIND)
#define NONE      UINT32_MAX

/* A segment that waits for what comes before it. */
struct piece {
	struct piece *next;
	int64_t time_ns;
	uint32_t sequence;
	uint32_t length, readable;
	uint8_t flags;
	uint8_t data[];
};

/* Neighbours in a list of streams. */
struct links {
	uint32_t before, behind;
};

struct list {
	uint32_t first, last;
	uint32_t n;
};

enum list_kind {
	FRESH,   /* a SYN and nothing else, the longest unused first: a flood of them displaces
		    no other stream */
	USED,    /* the others, the same way */
	WAITING, /* those with a hole, the oldest first; these are in USED as well */
	LISTS
};

struct stream {
	struct wire_flow_key key;
	struct wire_flow cursor;
	uint32_t chain;        /* the next with this hash; of a free one: the next free one */
	struct links links[2]; /* FRESH or USED; WAITING */
	uint32_t first, next;  /* sequence numbers: of its first byte, and behind the last before a
				  hole */
	int64_t waits_ns;      /* since when, in the captures' time */
	struct piece *pieces;  /* in the order of their numbers */
	uint32_t n_pieces;
	uint32_t held_bytes;
	uint8_t family;
	bool known; /* its SYN was seen */
	bool used;  /* in USED */
	bool waiting;
};

struct streams {
	struct counter *counter;
	struct counter_window *window;
	int64_t now_ns;
	struct hash_seed seed;
	struct stream *streams; /* STREAMS_MAX; pages that were never used take no memory */
	uint32_t *heads;        /* HEADS; index + 1, 0: none */
	uint32_t n;             /* of `streams` that were ever used */
	uint32_t free;          /* NONE: none */
	struct list lists[LISTS];
	uint64_t held_bytes;
};

static counter_follow take;

int streams_new(struct streams **ret, struct counter *counter)
{
	struct streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return -ENOMEM;
	streams->streams = calloc(STREAMS_MAX, sizeof(*streams->streams));
	streams->heads = calloc(HEADS, sizeof(*streams->heads));
	if (!streams->streams || !streams->heads) {
		streams_free(streams);
		return -ENOMEM;
	}
	hash_seed_random(&streams->seed);
	streams->counter = counter;
	streams->free = NONE;
	for (int i = 0; i < LISTS; i++)
		streams->lists[i] = (struct list){NONE, NONE, 0};
	counter_set_follower(counter, take, streams);
	*ret = streams;
	return 0;
}

/* --- lists ------------------------------------------------------------------------------------ */

static struct links *links_of(struct streams *streams, enum list_kind kind, uint32_t index)
{
	return &streams->streams[index].links[kind == WAITING];
}

static void append(struct streams *streams, enum list_kind kind, uint32_t index)
{
	struct list *list = &streams->lists[kind];

	*links_of(streams, kind, index) = (struct links){list->last, NONE};
	if (list->last == NONE)
		list->first = index;
	else
		links_of(streams, kind, list->last)->behind = index;
	list->last = index;
	list->n++;
}

static void unlink_from(struct streams *streams, enum list_kind kind, uint32_t index)
{
	struct list *list = &streams->lists[kind];
	const struct links links = *links_of(streams, kind, index);

	if (links.before == NONE)
		list->first = links.behind;
	else
		links_of(streams, kind, links.before)->behind = links.behind;
	if (links.behind == NONE)
		list->last = links.before;
	else
		links_of(streams, kind, links.behind)->before = links.before;
	list->n--;
}

static uint32_t index_of(const struct streams *streams, const struct stream *stream)
{
	return (uint32_t)(stream - streams->streams);
}

/* To the end of its list: it was used last. */
static void touch(struct streams *streams, struct stream *stream, bool used)
{
	unlink_from(streams, stream->used ? USED : FRESH, index_of(streams, stream));
	stream->used |= used;
	append(streams, stream->used ? USED : FRESH, index_of(streams, stream));
}

/* Before and after its pieces change: it waits from the time of the first one on. */
static void set_waiting(struct streams *streams, struct stream *stream)
{
	const bool waits = stream->pieces;

	if (waits == stream->waiting)
		return;
	stream->waiting = waits;
	if (!waits) {
		unlink_from(streams, WAITING, index_of(streams, stream));
		return;
	}
	stream->waits_ns = streams->now_ns;
	append(streams, WAITING, index_of(streams, stream));
}

/* --- pieces ----------------------------------------------------------------------------------- */

static uint32_t piece_bytes(const struct piece *piece)
{
	return (uint32_t)sizeof(*piece) + piece->readable;
}

static struct piece *take_first(struct streams *streams, struct stream *stream)
{
	struct piece *piece = stream->pieces;

	stream->pieces = piece->next;
	stream->n_pieces--;
	stream->held_bytes -= piece_bytes(piece);
	streams->held_bytes -= piece_bytes(piece);
	return piece;
}

/* A segment where the stream is, or behind it; ahead of it: what is between is given up. */
static void count(
    struct streams *streams, struct stream *stream, const struct counter_segment *segment)
{
	const uint32_t end =
	    segment->sequence + (segment->flags & PACKET_SYN ? 1 : 0) + (uint32_t)segment->length;

	counter_add_segment(streams->counter, streams->window, &stream->cursor, segment);
	if ((int32_t)(end - stream->next) > 0)
		stream->next = end;
}

static void count_piece(struct streams *streams, struct stream *stream)
{
	struct piece *piece = take_first(streams, stream);
	const struct counter_segment segment = {.key = &stream->key,
	    .data = piece->data,
	    .readable = piece->readable,
	    .length = piece->length,
	    .sequence = piece->sequence,
	    .flags = piece->flags,
	    .family = stream->family};

	count(streams, stream, &segment);
	free(piece);
}

/* All that is in order now. */
static void count_ready(struct streams *streams, struct stream *stream)
{
	while (stream->pieces && (int32_t)(stream->pieces->sequence - stream->next) <= 0)
		count_piece(streams, stream);
	set_waiting(streams, stream);
}

/* What is missing will not come any more; `all`: nor behind it. */
static void give_up(struct streams *streams, struct stream *stream, bool all)
{
	do {
		if (stream->pieces)
			count_piece(streams, stream);
		count_ready(streams, stream);
	} while (
	    stream->pieces && (all || streams->now_ns - stream->pieces->time_ns > STREAMS_WAIT_NS));
	if (!stream->waiting)
		return;
	/* Another hole, of later: to the end of those who wait. */
	unlink_from(streams, WAITING, index_of(streams, stream));
	stream->waits_ns = streams->now_ns;
	append(streams, WAITING, index_of(streams, stream));
}

/* -ENOMEM, which is as if it had not come. */
static int hold(
    struct streams *streams, struct stream *stream, const struct counter_segment *segment)
{
	struct piece *piece = malloc(sizeof(*piece) + segment->readable), **at = &stream->pieces;

	if (!piece)
		return -ENOMEM;
	piece->time_ns = streams->now_ns;
	piece->sequence = segment->sequence;
	piece->length = (uint32_t)segment->length;
	piece->readable = (uint32_t)segment->readable;
	piece->flags = segment->flags;
	if (segment->readable)
		memcpy(piece->data, segment->data, segment->readable);
	while (*at && (int32_t)((*at)->sequence - piece->sequence) <= 0)
		at = &(*at)->next;
	piece->next = *at;
	*at = piece;
	stream->n_pieces++;
	stream->held_bytes += piece_bytes(piece);
	streams->held_bytes += piece_bytes(piece);
	set_waiting(streams, stream);
	while (stream->pieces &&
	    (stream->held_bytes > STREAM_HELD_BYTES || stream->n_pieces > STREAM_HELD_PIECES))
		give_up(streams, stream, false);
	while (streams->held_bytes > STREAMS_HELD_BYTES)
		give_up(streams, &streams->streams[streams->lists[WAITING].first], true);
	return 0;
}

/* --- streams ---------------------------------------------------------------------------------- */

static uint32_t *head_of(struct streams *streams, const struct wire_flow_key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)];
	uint64_t hash;

	memcpy(words, key, sizeof(words));
	hash = hash_u64x3(&streams->seed, words[0], words[1], words[4]);
	return &streams->heads[hash_u64x3(&streams->seed, words[2], words[3], hash) & (HEADS - 1)];
}

static struct stream *find(struct streams *streams, const struct wire_flow_key *key)
{
	for (uint32_t at = *head_of(streams, key); at; at = streams->streams[at - 1].chain) {
		if (memcmp(&streams->streams[at - 1].key, key, sizeof(*key)) == 0)
			return &streams->streams[at - 1];
	}
	return NULL;
}

static void leave(struct streams *streams, struct stream *stream)
{
	uint32_t *at = head_of(streams, &stream->key);

	while (*at != index_of(streams, stream) + 1)
		at = &streams->streams[*at - 1].chain;
	*at = stream->chain;
	unlink_from(streams, stream->used ? USED : FRESH, index_of(streams, stream));
	stream->chain = streams->free;
	streams->free = index_of(streams, stream);
}

/* One of the places; somebody leaves where there is none. */
static uint32_t make_room(struct streams *streams)
{
	const struct list *fresh = &streams->lists[FRESH], *used = &streams->lists[USED];
	uint32_t index;

	if (streams->free == NONE && streams->n < STREAMS_MAX)
		return streams->n++;
	if (streams->free == NONE) {
		struct stream *stream =
		    &streams->streams[fresh->n > FRESH_MAX || used->first == NONE ? fresh->first
										  : used->first];

		give_up(streams, stream, true);
		leave(streams, stream);
	}
	index = streams->free;
	streams->free = streams->streams[index].chain;
	return index;
}

static struct stream *make(struct streams *streams, const struct wire_flow_key *key)
{
	const uint32_t index = make_room(streams);
	struct stream *stream = &streams->streams[index];
	uint32_t *head = head_of(streams, key);

	*stream = (struct stream){.key = *key, .chain = *head};
	*head = index + 1;
	append(streams, FRESH, index);
	return stream;
}

static void begin(struct stream *stream, uint32_t first, bool known)
{
	stream->cursor = (struct wire_flow){
	    .next = first, .begin = first, .sync = known ? WIRE_SYNC_HELD : WIRE_SYNC_NEW};
	stream->first = first;
	stream->next = first;
	stream->known = known;
}

/* Is this SYN that of the stream that is there: sent again, or behind the first data? */
static bool is_own_syn(struct stream *stream, uint32_t first)
{
	const int32_t ahead = (int32_t)(stream->first - first);

	if (stream->known || stream->cursor.closed || ahead < 0 || ahead > FAR)
		return stream->known && !ahead;
	/* The data in between comes late. */
	stream->known = true;
	stream->first = first;
	return true;
}

/* Is this data another connection's, whose SYN no capture has? */
static bool is_another(const struct stream *stream, uint32_t at)
{
	const int32_t ahead = (int32_t)(at - stream->next);

	if (!stream->cursor.closed)
		return ahead > FAR || ahead < -FAR;
	return ahead > 0 || ahead < -FAR || (int32_t)(at - stream->first) < 0;
}

/* A keep-alive may repeat a byte, also the one before the first (RFC 9293 section 3.8.4). */
static bool is_keep_alive(const struct stream *stream, const struct counter_segment *segment)
{
	return segment->length <= 1 && !(segment->flags & PACKET_FIN) &&
	    segment->sequence == stream->first - 1;
}

static void take_syn(
    struct streams *streams, struct stream *stream, const struct counter_segment *segment)
{
	const uint32_t first = segment->sequence + 1;

	if (!is_own_syn(stream, first)) {
		give_up(streams, stream, true);
		begin(stream, first, true);
	}
	/* Data with it: RFC 7413. */
	if (segment->length)
		count(streams, stream, segment);
	count_ready(streams, stream);
}

static void take_data(
    struct streams *streams, struct stream *stream, const struct counter_segment *segment)
{
	if (is_another(stream, segment->sequence)) {
		give_up(streams, stream, true);
		/* Without an end, the cursor says that it lost the stream. */
		if (stream->cursor.closed)
			begin(stream, segment->sequence, false);
		stream->first = segment->sequence;
		stream->next = segment->sequence;
		stream->known = false;
	}
	if ((int32_t)(segment->sequence - stream->next) > 0) {
		hold(streams, stream, segment);
		return;
	}
	if (!is_keep_alive(stream, segment))
		count(streams, stream, segment);
	count_ready(streams, stream);
}

static void give_up_old(struct streams *streams)
{
	while (streams->lists[WAITING].first != NONE) {
		struct stream *stream = &streams->streams[streams->lists[WAITING].first];

		if (streams->now_ns - stream->waits_ns <= STREAMS_WAIT_NS)
			break;
		give_up(streams, stream, false);
	}
}

/* Of a stream that is not there only a SYN or data says something. */
static void take(void *context, const struct counter_segment *segment)
{
	struct streams *streams = context;
	struct stream *stream = find(streams, segment->key);

	if (!stream) {
		if (!(segment->flags & PACKET_SYN) && !segment->length)
			return;
		stream = make(streams, segment->key);
		begin(stream, segment->sequence + (segment->flags & PACKET_SYN ? 1 : 0),
		    segment->flags & PACKET_SYN);
		stream->family = segment->family;
	}
	touch(streams, stream, segment->length);
	if (segment->flags & PACKET_SYN) {
		take_syn(streams, stream, segment);
	} else if (segment->length || segment->flags & PACKET_FIN) {
		take_data(streams, stream, segment);
	}
	if (segment->flags & PACKET_RST &&
	    wire_tcp_closes(segment->flags, segment->sequence, stream->next)) {
		give_up(streams, stream, true);
		stream->cursor.closed = 1;
	}
}

void streams_at(struct streams *streams, struct counter_window *window, int64_t time_ns)
{
	streams->window = window;
	streams->now_ns = time_ns;
	give_up_old(streams);
}

bool streams_wait(const struct streams *streams)
{
	return streams->lists[WAITING].n;
}

void streams_flush(struct streams *streams, struct counter_window *window)
{
	streams->window = window;
	while (streams->lists[WAITING].first != NONE)
		give_up(streams, &streams->streams[streams->lists[WAITING].first], true);
}

void streams_clear(struct streams *streams)
{
	for (int kind = FRESH; kind <= USED; kind++) {
		while (streams->lists[kind].first != NONE) {
			struct stream *stream = &streams->streams[streams->lists[kind].first];

			while (stream->pieces)
				free(take_first(streams, stream));
			set_waiting(streams, stream);
			leave(streams, stream);
		}
	}
	streams->window = NULL;
}

void streams_free(struct streams *streams)
{
	if (!streams)
		return;
	if (streams->streams && streams->heads)
		streams_clear(streams);
	free(streams->streams);
	free(streams->heads);
	free(streams);
}
