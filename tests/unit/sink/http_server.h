/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small HTTP/1.1 server on loopback that plays a part: each request gets the next answer of a
 * script. It keeps the points of requests that it acknowledged. It is as strict as real ones: what
 * is no POST gets 405, what is not of the media type that it takes 415, what says gzip and is not,
 * or is no body of its kind, 400, whatever the script says.
 */
#ifndef TESTS_UNIT_SINK_HTTP_SERVER_H
#define TESTS_UNIT_SINK_HTTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#define SERVER_IDS   30000
#define SERVER_ORDER 64
#define SERVER_BYTES (8 << 20)

struct answer {
	int status; /* 0: reads the request and closes */
	const char *headers, *body;
	size_t max_lines; /* more: 413 instead */
	size_t endless;   /* bytes of body that are announced, sent one by one */
	int delay_ms;     /* before it answers */
	bool cut_body;    /* announces more than it sends, and closes */
};

struct server {
	int listen_fd, stop_fd;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	const struct answer *script; /* the last one repeats */
	size_t n_script, next;
	bool is_asked;                     /* by requests without points, of any method */
	const char *takes;                 /* the one media type; NULL: any */
	bool (*is_good)(const char *text); /* of the body; NULL: any */
	unsigned requests, connections, refused;
	size_t largest_lines, largest_bytes;
	char request_line[600], path[512]; /* of the last request, as are these */
	char authorization[256], content_type[128], content_encoding[64], accept[128];
	uint16_t seen[SERVER_IDS];           /* acknowledged points by their number */
	size_t order[SERVER_ORDER], n_order; /* and their numbers, as they came */
	char *in, *text;
	size_t text_length;
};

/* False: stop. */
static inline bool server_readable(struct server *s, int fd, int timeout_ms)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = s->stop_fd, .events = POLLIN}};

	return poll(fds, 2, timeout_ms) > 0 && !fds[1].revents;
}

static inline bool server_send(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		length -= (size_t)n;
	}
	return true;
}

static inline void server_header(const char *in, const char *name, char *out, size_t size)
{
	const char *at = strcasestr(in, name);

	out[0] = '\0';
	if (at)
		snprintf(
		    out, size, "%.*s", (int)strcspn(at + strlen(name), "\r"), at + strlen(name));
}

/* The whole of it is one gzip member, and nothing else. */
static inline size_t server_gunzip(struct server *s, const char *data, size_t length)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
	    .avail_in = (uInt)length,
	    .next_out = (Bytef *)s->text,
	    .avail_out = SERVER_BYTES - 1};

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return 0;
	if (inflate(&z, Z_FINISH) != Z_STREAM_END || z.avail_in)
		z.total_out = 0;
	inflateEnd(&z);
	s->text[z.total_out] = '\0';
	s->text_length = z.total_out;
	return z.total_out;
}

static inline size_t server_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static inline void server_keep(struct server *s)
{
	for (const char *at = s->text; (at = strstr(at, "id=")); at++) {
		size_t id = strtoul(at + 3, NULL, 10);

		if (id < SERVER_IDS)
			s->seen[id]++;
		if (s->n_order < SERVER_ORDER)
			s->order[s->n_order++] = id;
	}
}

/* What a real one says before it looks at the points; 0: nothing is wrong. */
static inline int server_objection(const struct server *s, size_t bytes)
{
	const size_t type = strcspn(s->content_type, "; ");

	if (s->is_asked)
		return 0;
	if (strncmp(s->request_line, "POST ", 5) != 0 || !strstr(s->request_line, " HTTP/1.1"))
		return 405;
	if (s->takes &&
	    (strlen(s->takes) != type || strncasecmp(s->content_type, s->takes, type) != 0))
		return 415;
	if (strcasecmp(s->content_encoding, "gzip") != 0 || !bytes)
		return 400;
	return s->is_good && !s->is_good(s->text) ? 400 : 0;
}

static inline void server_read_head(struct server *s)
{
	snprintf(
	    s->request_line, sizeof(s->request_line), "%.*s", (int)strcspn(s->in, "\r"), s->in);
	sscanf(s->in, "%*s %511s", s->path);
	server_header(s->in, "\nAuthorization: ", s->authorization, sizeof(s->authorization));
	server_header(s->in, "\nContent-Type: ", s->content_type, sizeof(s->content_type));
	server_header(
	    s->in, "\nContent-Encoding: ", s->content_encoding, sizeof(s->content_encoding));
	server_header(s->in, "\nAccept: ", s->accept, sizeof(s->accept));
}

/* Decides under the lock, so that a test reads a whole state. */
static inline struct answer server_decide(struct server *s, size_t bytes)
{
	struct answer answer;
	size_t lines = server_lines(s->text);
	int objection;

	pthread_mutex_lock(&s->lock);
	server_read_head(s);
	objection = server_objection(s, bytes);
	answer = s->script[s->next];
	if (s->next + 1 < s->n_script)
		s->next++;
	s->requests++;
	if (lines > s->largest_lines)
		s->largest_lines = lines;
	if (bytes > s->largest_bytes)
		s->largest_bytes = bytes;
	if (answer.max_lines && lines > answer.max_lines)
		answer.status = 413;
	if (objection) {
		s->refused++;
		answer = (struct answer){.status = objection};
	}
	if (answer.status >= 200 && answer.status < 300)
		server_keep(s);
	pthread_mutex_unlock(&s->lock);
	return answer;
}

/* False: the connection ends. */
static inline bool server_answer(struct server *s, int fd, const struct answer *answer)
{
	const char *body = answer->body ? answer->body : "";
	size_t length =
	    answer->endless ? answer->endless : strlen(body) + (answer->cut_body ? 100 : 0);
	char head[1024];

	if (answer->delay_ms)
		usleep((useconds_t)answer->delay_ms * 1000);
	if (!answer->status)
		return false;
	snprintf(head, sizeof(head), "HTTP/1.1 %d Status\r\n%s%s", answer->status,
	    answer->headers ? answer->headers : "", answer->status == 204 ? "\r\n" : "");
	if (!server_send(fd, head, strlen(head)))
		return false;
	if (answer->status == 204)
		return true;
	snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", length);
	if (!server_send(fd, head, strlen(head)) || !server_send(fd, body, strlen(body)))
		return false;
	for (size_t i = 0; i < answer->endless; i++) {
		char block[1024];

		memset(block, 'x', sizeof(block));
		if (!server_send(fd, block, i < 100 ? sizeof(block) : 1) ||
		    server_readable(s, fd, 20))
			return false;
	}
	return !answer->cut_body;
}

static inline bool server_request(struct server *s, int fd)
{
	size_t used = 0, need = 0;
	struct answer answer;

	for (;;) {
		char *end, number[32];
		ssize_t n;

		if (!server_readable(s, fd, -1))
			return false;
		n = recv(fd, s->in + used, SERVER_BYTES - 1 - used, 0);
		if (n <= 0)
			return false;
		used += (size_t)n;
		s->in[used] = '\0';
		end = strstr(s->in, "\r\n\r\n");
		if (!end)
			continue;
		server_header(s->in, "\nContent-Length: ", number, sizeof(number));
		need = (size_t)(end + 4 - s->in) + strtoul(number, NULL, 10);
		if (used < need)
			continue;
		end[2] = '\0'; /* header lookups stay in the header */
		answer =
		    server_decide(s, server_gunzip(s, end + 4, need - (size_t)(end + 4 - s->in)));
		return server_answer(s, fd, &answer);
	}
}

static inline void *server_main(void *context)
{
	struct server *s = context;

	while (server_readable(s, s->listen_fd, -1)) {
		int fd = accept(s->listen_fd, NULL, NULL);

		if (fd < 0)
			break;
		pthread_mutex_lock(&s->lock);
		s->connections++;
		pthread_mutex_unlock(&s->lock);
		while (server_request(s, fd))
			;
		close(fd);
	}
	return NULL;
}

/* A port of its own, on which nobody listens yet. */
static inline struct server *server_new(const struct answer *script, size_t n_script)
{
	struct server *s = calloc(1, sizeof(*s));
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	assert_non_null(s);
	s->script = script;
	s->n_script = n_script;
	s->in = malloc(SERVER_BYTES);
	s->text = malloc(SERVER_BYTES);
	assert_true(s->in && s->text);
	pthread_mutex_init(&s->lock, NULL);
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->stop_fd >= 0 && s->listen_fd >= 0);
	assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&address, &length), 0);
	s->port = ntohs(address.sin_port);
	return s;
}

static inline void server_start(struct server *s)
{
	assert_int_equal(listen(s->listen_fd, 16), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
}

static inline void server_free(struct server *s)
{
	uint64_t one = 1;

	assert_int_equal(write(s->stop_fd, &one, sizeof(one)), sizeof(one));
	pthread_join(s->thread, NULL);
	close(s->listen_fd);
	close(s->stop_fd);
	free(s->in);
	free(s->text);
	free(s);
}

/* How many of the points [from, to) were acknowledged exactly once; fails on one that was more than
 * once. */
static inline size_t server_once(struct server *s, size_t from, size_t to)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = from; i < to; i++) {
		assert_true(s->seen[i] <= 1);
		n += s->seen[i];
	}
	pthread_mutex_unlock(&s->lock);
	return n;
}

#endif
