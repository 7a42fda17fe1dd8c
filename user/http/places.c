/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/places.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define OWNERS        16            /* addresses that are remembered */
#define CROWD         PLACES_OWNERS /* as many have a place, whoever they are */
#define TRIM_EVERY_NS (20 * NS_PER_MS)

enum kind { STRANGER, LOOPBACK, OWNER };
static const unsigned room[] = {
    [STRANGER] = PLACES_STRANGERS, [LOOPBACK] = PLACES_LOOPBACK, [OWNER] = PLACES_OWNERS};
static const unsigned streams[] = {[STRANGER] = PLACES_STREAMS_STRANGERS,
    [LOOPBACK] = PLACES_STREAMS_LOOPBACK,
    [OWNER] = PLACES_STREAMS_OWNERS};
_Static_assert(PLACES_STREAMS_STRANGERS < PLACES_STRANGERS &&
	PLACES_STREAMS_LOOPBACK < PLACES_LOOPBACK && PLACES_STREAMS_OWNERS < PLACES_OWNERS,
    "of each kind some places are left for requests");

struct place {
	bool taken, ending; /* ending: shut down, not closed yet */
	bool streams;       /* its answer does not end */
	int fd;
	enum kind kind;
	struct peer peer;
	uint64_t since_ns, until_ns; /* of what it is at */
	unsigned mates;              /* while places are compared */
};

struct places {
	pthread_mutex_t lock;
	struct place all[PLACES_MAX];
	struct peer owners[OWNERS];
	unsigned n;          /* taken */
	unsigned next_owner; /* the oldest */
	uint64_t trim_ns;    /* not before: comparing takes longer than accepting */
};

int places_new(struct places **ret)
{
	struct places *places = calloc(1, sizeof(*places));

	if (!places)
		return -ENOMEM;
	pthread_mutex_init(&places->lock, NULL);
	*ret = places;
	return 0;
}

void places_free(struct places *places)
{
	if (!places)
		return;
	pthread_mutex_destroy(&places->lock);
	free(places);
}

static bool is_owner(const struct places *places, const struct peer *peer)
{
	for (unsigned i = 0; i < OWNERS; i++) {
		if (peer_shares(&places->owners[i], peer))
			return true;
	}
	return false;
}

static enum kind kind_of(const struct places *places, const struct peer *peer)
{
	if (peer_is_loopback(peer))
		return LOOPBACK;
	return is_owner(places, peer) ? OWNER : STRANGER;
}

static bool counts(const struct place *place, enum kind kind)
{
	return place->taken && !place->ending && place->kind == kind;
}

static void end(struct place *place)
{
	place->ending = true;
	shutdown(place->fd, SHUT_RDWR);
}

/* How many places the address of each has among its kind's; how many the kind has. */
static unsigned count_mates(struct places *places, enum kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PLACES_MAX; i++) {
		struct place *place = &places->all[i];

		place->mates = 0;
		if (!counts(place, kind))
			continue;
		n++;
		place->mates = 1;
		for (unsigned j = 0; j < i; j++) {
			struct place *other = &places->all[j];

			if (!other->mates || !peer_shares(&place->peer, &other->peer))
				continue;
			place->mates++;
			other->mates++;
		}
	}
	return n;
}

/* Who goes first: of the address that has most, the one that has been at the same thing for
 * longest. */
static struct place *find_victim(struct places *places)
{
	struct place *victim = NULL;

	for (unsigned i = 0; i < PLACES_MAX; i++) {
		struct place *place = &places->all[i];

		if (place->mates &&
		    (!victim || place->mates > victim->mates ||
			(place->mates == victim->mates && place->since_ns < victim->since_ns)))
			victim = place;
	}
	return victim;
}

/* Whether all of the kind who are too many have gone. */
static bool trim(struct places *places, enum kind kind, uint64_t now_ns)
{
	for (unsigned n = count_mates(places, kind); n > room[kind]; n--) {
		struct place *victim = find_victim(places);

		if (now_ns < victim->since_ns + PLACES_MOMENT_MS * NS_PER_MS)
			return false;
		end(victim);
		victim->mates = 0;
		for (unsigned i = 0; i < PLACES_MAX; i++) {
			struct place *place = &places->all[i];

			place->mates -= place->mates && peer_shares(&place->peer, &victim->peer);
		}
	}
	return true;
}

static bool trim_all(struct places *places, uint64_t now_ns)
{
	bool done = true;

	places->trim_ns = now_ns + PLACES_TRIM_MS * NS_PER_MS;
	for (enum kind kind = STRANGER; kind <= OWNER; kind++)
		done &= trim(places, kind, now_ns);
	return done;
}

static struct place *find_free(struct places *places)
{
	for (unsigned i = 0; i < PLACES_MAX; i++) {
		if (!places->all[i].taken)
			return &places->all[i];
	}
	return NULL;
}

static void begin(struct place *place, uint64_t now_ns, uint64_t seconds)
{
	place->since_ns = now_ns;
	place->until_ns = now_ns + seconds * NS_PER_S;
}

struct place *places_take(struct places *places, int fd, const struct peer *peer, uint64_t now_ns)
{
	struct place *place;

	pthread_mutex_lock(&places->lock);
	if (now_ns >= places->trim_ns)
		trim_all(places, now_ns);
	place = find_free(places);
	if (place) {
		*place = (struct place){
		    .taken = true, .fd = fd, .kind = kind_of(places, peer), .peer = *peer};
		begin(place, now_ns, PLACES_REQUEST_S);
		places->n++;
	} else {
		shutdown(fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&places->lock);
	return place;
}

void place_leave(struct places *places, struct place *place)
{
	if (!place)
		return;
	pthread_mutex_lock(&places->lock);
	place->taken = false;
	places->n--;
	pthread_mutex_unlock(&places->lock);
}

static void go_on(struct places *places, struct place *place, uint64_t now_ns, uint64_t seconds)
{
	if (!place)
		return;
	pthread_mutex_lock(&places->lock);
	place->streams = false;
	begin(place, now_ns, seconds);
	pthread_mutex_unlock(&places->lock);
}

void place_answers(struct places *places, struct place *place, uint64_t now_ns)
{
	go_on(places, place, now_ns, PLACES_ANSWER_S);
}

void place_waits(struct places *places, struct place *place, uint64_t now_ns)
{
	go_on(places, place, now_ns, PLACES_NEXT_S);
}

/* Whether one more stream of that kind, and of that address, is too many. */
static bool streams_enough(const struct places *places, const struct place *place)
{
	unsigned of_kind = 0, of_address = 0;

	for (unsigned i = 0; i < PLACES_MAX; i++) {
		const struct place *other = &places->all[i];

		if (!other->streams || !counts(other, place->kind))
			continue;
		of_kind++;
		of_address += peer_shares(&other->peer, &place->peer);
	}
	return of_kind >= streams[place->kind] ||
	    (place->kind != LOOPBACK && of_address >= PLACES_STREAMS_ADDRESS);
}

bool place_streams(struct places *places, struct place *place, uint64_t now_ns)
{
	bool may;

	if (!place)
		return false;
	pthread_mutex_lock(&places->lock);
	/* The token may have come with this very request. */
	place->kind = kind_of(places, &place->peer);
	may = !streams_enough(places, place);
	if (may) {
		place->streams = true;
		begin(place, now_ns, PLACES_STREAM_S);
	}
	pthread_mutex_unlock(&places->lock);
	return may;
}

void place_streamed(struct places *places, struct place *place, uint64_t now_ns)
{
	pthread_mutex_lock(&places->lock);
	place->until_ns = now_ns + PLACES_STREAM_S * NS_PER_S;
	pthread_mutex_unlock(&places->lock);
}

void places_remember_owner(struct places *places, const struct peer *peer)
{
	pthread_mutex_lock(&places->lock);
	if (!is_owner(places, peer)) {
		places->owners[places->next_owner] = *peer;
		places->next_owner = (places->next_owner + 1) % OWNERS;
	}
	pthread_mutex_unlock(&places->lock);
}

bool places_crowded(struct places *places)
{
	bool crowded;

	pthread_mutex_lock(&places->lock);
	crowded = places->n > CROWD;
	pthread_mutex_unlock(&places->lock);
	return crowded;
}

uint64_t places_sweep(struct places *places, uint64_t now_ns)
{
	bool left = false, trimmed;

	pthread_mutex_lock(&places->lock);
	trimmed = trim_all(places, now_ns);
	for (unsigned i = 0; i < PLACES_MAX; i++) {
		struct place *place = &places->all[i];

		if (!place->taken || place->ending)
			continue;
		if (now_ns >= place->until_ns)
			end(place);
		else
			left = true;
	}
	pthread_mutex_unlock(&places->lock);
	if (!left)
		return 0;
	return (trimmed ? PLACES_SWEEP_MS : PLACES_TRIM_MS) * NS_PER_MS;
}
