/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/event_streams.h"

#include "base/clock.h"
#include "base/unused.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define BUFFER_BYTES (2 * TICKER_MESSAGE_BYTES)
/* Of a stream in the kernel: events are short, and whoever does not read is found out early. */
#define SEND_BYTES 4096
#define BLOCK      4096 /* what libmicrohttpd asks for at once */

static const char beginning[] = "retry: 2000\n\n", beat[] = ": beat\n\n";

struct stream {
	struct event_streams *streams;
	struct MHD_Connection *connection;
	struct place *place;
	struct stream *next, **link; /* link: what points to it */
	int fd;
	struct ticker_place at;
	char buffer[BUFFER_BYTES]; /* said, and not yet handed over */
	size_t used, handed;
	_Atomic uint64_t spoke_ns;
	bool asleep, gone; /* suspended; the reader closed */
};

struct event_streams {
	struct ticker *ticker;
	struct places *places;
	pthread_mutex_t lock; /* of what follows, and of each stream */
	struct stream *first;
	struct pollfd fds[PLACES_STREAMS];
	bool ended;
};

/* Holds the lock. */
static void wake(struct stream *stream)
{
	if (!stream->asleep)
		return;
	stream->asleep = false;
	MHD_resume_connection(stream->connection);
}

static void on_news(void *context)
{
	struct event_streams *streams = context;

	pthread_mutex_lock(&streams->lock);
	for (struct stream *stream = streams->first; stream; stream = stream->next)
		wake(stream);
	pthread_mutex_unlock(&streams->lock);
}

int event_streams_new(struct event_streams **ret, struct ticker *ticker, struct places *places)
{
	struct event_streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return -ENOMEM;
	streams->ticker = ticker;
	streams->places = places;
	pthread_mutex_init(&streams->lock, NULL);
	ticker_tell(ticker, on_news, streams);
	*ret = streams;
	return 0;
}

void event_streams_free(struct event_streams *streams)
{
	if (!streams)
		return;
	ticker_tell(streams->ticker, NULL, NULL);
	pthread_mutex_destroy(&streams->lock);
	free(streams);
}

/* Holds no lock: the ticker's comes first, since it tells with its own held. */
static int refill(struct stream *stream, uint64_t now_ns)
{
	int n = ticker_read(
	    stream->streams->ticker, &stream->at, stream->buffer, sizeof(stream->buffer));

	if (n == 0 && now_ns >= stream->spoke_ns + EVENT_STREAMS_BEAT_S * NS_PER_S) {
		memcpy(stream->buffer, beat, sizeof(beat) - 1);
		n = sizeof(beat) - 1;
	}
	if (n < 0)
		return n;
	stream->handed = 0;
	stream->used = (size_t)n;
	if (n)
		stream->spoke_ns = now_ns;
	return n;
}

/* True: it sleeps until somebody wakes it. */
static bool sleep_unless_ended(struct stream *stream)
{
	struct event_streams *streams = stream->streams;
	bool ended;

	pthread_mutex_lock(&streams->lock);
	ended = streams->ended || stream->gone;
	if (!ended) {
		stream->asleep = true;
		MHD_suspend_connection(stream->connection);
	}
	pthread_mutex_unlock(&streams->lock);
	return !ended;
}

/* What told of something new between the reading and the sleep finds nobody asleep: so it is looked
 * at once more. */
static bool is_news(struct stream *stream)
{
	struct ticker_place at = stream->at;
	char buffer[TICKER_MESSAGE_BYTES];

	return ticker_read(stream->streams->ticker, &at, buffer, sizeof(buffer)) != 0;
}

static bool has_taken_all(int fd)
{
	int left;

	return ioctl(fd, SIOCOUTQ, &left) == 0 && left == 0;
}

static ssize_t on_read(void *context, uint64_t position UNUSED, char *out, size_t size)
{
	struct stream *stream = context;
	const uint64_t now_ns = clock_monotonic_ns();
	size_t n;

	if (has_taken_all(stream->fd))
		place_streamed(stream->streams->places, stream->place, now_ns);
	if (stream->handed == stream->used) {
		const int r = refill(stream, now_ns);

		if (r < 0)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (r == 0) {
			if (!sleep_unless_ended(stream))
				return MHD_CONTENT_READER_END_OF_STREAM;
			if (is_news(stream)) {
				pthread_mutex_lock(&stream->streams->lock);
				wake(stream);
				pthread_mutex_unlock(&stream->streams->lock);
			}
			return 0;
		}
	}
	n = stream->used - stream->handed;
	if (n > size)
		n = size;
	memcpy(out, stream->buffer + stream->handed, n);
	stream->handed += n;
	return (ssize_t)n;
}

static void on_end(void *context)
{
	struct stream *stream = context;
	struct event_streams *streams = stream->streams;

	pthread_mutex_lock(&streams->lock);
	if (stream->link)
		*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
	pthread_mutex_unlock(&streams->lock);
	free(stream);
}

/* False: no stream begins any more. */
static bool join(struct event_streams *streams, struct stream *stream)
{
	bool ended;

	pthread_mutex_lock(&streams->lock);
	ended = streams->ended;
	if (!ended) {
		stream->next = streams->first;
		stream->link = &streams->first;
		if (stream->next)
			stream->next->link = &stream->next;
		streams->first = stream;
	}
	pthread_mutex_unlock(&streams->lock);
	return !ended;
}

static struct stream *make_stream(struct event_streams *streams, struct MHD_Connection *connection,
    struct place *place, const char *last_id)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct stream *stream = calloc(1, sizeof(*stream));
	const int send_bytes = SEND_BYTES;
	struct ticker_place last;

	if (!stream)
		return NULL;
	*stream = (struct stream){.streams = streams,
	    .connection = connection,
	    .place = place,
	    .fd = info->connect_fd,
	    .used = sizeof(beginning) - 1,
	    .spoke_ns = clock_monotonic_ns()};
	memcpy(stream->buffer, beginning, sizeof(beginning) - 1);
	ticker_begin(
	    streams->ticker, last_id && ticker_parse(last_id, &last) ? &last : NULL, &stream->at);
	(void)setsockopt(stream->fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes));
	return stream;
}

static ssize_t on_read_nothing(
    void *context UNUSED, uint64_t position UNUSED, char *out UNUSED, size_t size UNUSED)
{
	return MHD_CONTENT_READER_END_OF_STREAM;
}

/* Not in chunks: libmicrohttpd (0.9.75) would send the last one after a header that has no body. */
static int make_head(struct MHD_Response **ret)
{
	*ret =
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read_nothing, NULL, NULL);
	if (!*ret)
		return -ENOMEM;
	(void)MHD_set_response_options(*ret, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	return 0;
}

int event_streams_open(struct event_streams *streams, struct MHD_Connection *connection,
    struct place *place, const char *last_id, struct MHD_Response **ret)
{
	struct stream *stream;

	if (!place)
		return make_head(ret);
	if (!place_streams(streams->places, place, clock_monotonic_ns()))
		return -EBUSY;
	stream = make_stream(streams, connection, place, last_id);
	if (!stream)
		return -ENOMEM;
	if (!join(streams, stream)) {
		free(stream);
		return -EBUSY;
	}
	*ret = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, stream, on_end);
	if (*ret)
		return 0;
	on_end(stream);
	return -ENOMEM;
}

void event_streams_sweep(struct event_streams *streams, uint64_t now_ns)
{
	nfds_t n = 0;

	pthread_mutex_lock(&streams->lock);
	for (struct stream *s = streams->first; s && n < PLACES_STREAMS; s = s->next)
		streams->fds[n++] = (struct pollfd){.fd = s->fd, .events = POLLRDHUP};
	(void)poll(streams->fds, n, 0);
	n = 0;
	for (struct stream *s = streams->first; s && n < PLACES_STREAMS; s = s->next) {
		s->gone |= streams->fds[n++].revents != 0;
		if (s->gone || now_ns >= s->spoke_ns + EVENT_STREAMS_BEAT_S * NS_PER_S)
			wake(s);
	}
	pthread_mutex_unlock(&streams->lock);
}

void event_streams_end(struct event_streams *streams)
{
	if (!streams)
		return;
	pthread_mutex_lock(&streams->lock);
	streams->ended = true;
	for (struct stream *stream = streams->first; stream; stream = stream->next)
		wake(stream);
	pthread_mutex_unlock(&streams->lock);
}
