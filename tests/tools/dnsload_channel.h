/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load generator's sockets, and the count of what went through them. A file of its own only to
 * keep dnsload.c short: included there and nowhere else.
 */
#ifndef CROSSTAP_TESTS_DNSLOAD_CHANNEL_H
#define CROSSTAP_TESTS_DNSLOAD_CHANNEL_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "query_mix.h"

#define NSEC_PER_SEC     1000000000ULL
#define SOCKETS          4 /* UDP, each with a port and ids of its own */
#define CONNECTIONS_MAX  256
#define SOURCES_MAX      65536
#define BURST            16   /* messages in one sendmmsg */
#define PIPELINE         16   /* unanswered queries on a TCP connection */
#define RECONNECTS_MAX   1000 /* servers may close after so many queries or seconds */
#define ANSWER_BYTES_MAX 65535

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_MALFORMED };

struct slot {
	uint64_t sent_ns;
	uint8_t state;
};

struct channel { /* a UDP socket or a TCP connection */
	int fd;
	bool tcp;
	uint16_t next_id, oldest_id;
	unsigned waiting;
	size_t source;
	struct slot *slots; /* one for each id */
	uint8_t *in;        /* TCP: a message with its length, incomplete */
	size_t n_in;
};

/* Steps in each power of two from 1 us: within 1.6 %, to a minute and beyond. */
#define LATENCY_STEPS 64
#define LATENCY_BINS  (27 * LATENCY_STEPS)

struct counts {
	uint64_t sent, received, sent_bytes, received_bytes, timeouts, lost;
};

static struct load {
	struct sockaddr_storage server;
	socklen_t server_length;
	uint64_t count, rate, duration_ns, timeout_ns;
	unsigned window, n_connections, tcp_percent, tcp_cuts;
	bool namespace, json, tcp_cut;
	struct sockaddr_storage *sources;
	bool *source_used;
	size_t n_sources, next_source;
	struct query_mix mix;
	struct channel udp[SOCKETS], tcp[CONNECTIONS_MAX];
	unsigned n_udp, n_tcp, next_udp, next_tcp, waiting, reconnects;
	struct counts counts[2]; /* udp, tcp */
	uint64_t qtype[65536], opcode[16], rcode[4096], flags[FLAG_COUNT], zone[QUERY_ZONES_MAX],
	    apex_ds[QUERY_ZONES_MAX];
	uint64_t malformed, unmatched, truncated, elapsed_ns;
	uint64_t latency[LATENCY_BINS];
} load = {.count = 10000, .rate = 2000, .timeout_ns = 2 * NSEC_PER_SEC, .window = 100};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_SEC + (uint64_t)t.tv_nsec;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "dnsload: %s: %s\n", what, why);
	exit(2);
}

/* ---- counting ---- */

static void count_sent(const struct channel *c, const struct query *q)
{
	struct counts *counts = &load.counts[c->tcp];

	counts->sent++;
	counts->sent_bytes += q->length;
	if (q->malformed) {
		load.malformed++;
		return;
	}
	load.qtype[q->qtype]++;
	load.opcode[q->opcode]++;
	load.zone[q->zone]++;
	load.apex_ds[q->zone] += q->apex && q->qtype == 43;
	for (unsigned i = 0; i < FLAG_COUNT; i++)
		load.flags[i] += q->flags >> i & 1;
}

static void count_latency(uint64_t ns)
{
	const uint64_t us = ns / 1000 + 1;
	const unsigned power = 63 - (unsigned)__builtin_clzll(us);
	const unsigned step = (unsigned)(us * LATENCY_STEPS >> power) - LATENCY_STEPS;
	const unsigned bin = power * LATENCY_STEPS + step;

	load.latency[bin < LATENCY_BINS ? bin : LATENCY_BINS - 1]++;
}

static void count_answer(struct channel *c, const uint8_t *wire, size_t length, uint64_t at_ns)
{
	struct counts *counts = &load.counts[c->tcp];
	int rcode = answer_rcode(wire, length);
	struct slot *slot = rcode < 0 ? NULL : &c->slots[answer_u16(wire, 0)];

	if (!slot || slot->state == SLOT_FREE) {
		load.unmatched++;
		return;
	}
	if (slot->state == SLOT_WAITING) {
		c->waiting--;
		load.waiting--;
		count_latency(at_ns - slot->sent_ns);
	}
	slot->state = SLOT_FREE;
	counts->received++;
	counts->received_bytes += length;
	load.truncated += wire[2] >> 1 & 1;
	load.rcode[rcode]++;
}

/* Gives a query an id that is not in flight. Answers to malformed ones are not waited for. */
static void assign_id(struct channel *c, struct query *q)
{
	while (c->slots[c->next_id].state == SLOT_WAITING)
		c->next_id++;
	q->wire[0] = c->next_id >> 8;
	q->wire[1] = c->next_id & 255;
	c->slots[c->next_id] =
	    (struct slot){now_ns(), q->malformed ? SLOT_MALFORMED : SLOT_WAITING};
	if (!q->malformed) {
		c->waiting++;
		load.waiting++;
	}
	c->next_id++;
}

/* Ids are given in order of time, so those that wait too long are the oldest ones. */
static void expire(struct channel *c, uint64_t now)
{
	for (; c->oldest_id != c->next_id; c->oldest_id++) {
		struct slot *slot = &c->slots[c->oldest_id];

		if (slot->state == SLOT_WAITING) {
			if (now - slot->sent_ns < load.timeout_ns)
				return;
			load.counts[c->tcp].timeouts++;
			c->waiting--;
			load.waiting--;
			slot->state = SLOT_FREE;
		}
	}
}

static socklen_t address_length(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

static size_t take_source(void)
{
	size_t i = load.next_source++ % load.n_sources;

	load.source_used[i] = true;
	return i;
}

/* ---- UDP ---- */

static void channel_init(struct channel *c, bool tcp)
{
	*c = (struct channel){.fd = -1, .tcp = tcp};
	c->slots = calloc(65536, sizeof(*c->slots));
	c->in = tcp ? malloc(2 + ANSWER_BYTES_MAX) : NULL;
	if (!c->slots || (tcp && !c->in))
		die("channel", strerror(ENOMEM));
}

static void udp_open(struct channel *c)
{
	int size = 4 << 20;

	c->fd = socket(load.server.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket", strerror(errno));
	setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* One socket has many addresses: the source of each message is given beside it. */
static size_t put_source(void *control, const struct sockaddr_storage *source)
{
	struct cmsghdr *header = control;

	memset(control, 0, CMSG_SPACE(sizeof(struct in6_pktinfo)));
	if (source->ss_family == AF_INET) {
		struct in_pktinfo info = {
		    .ipi_spec_dst = ((const struct sockaddr_in *)source)->sin_addr};

		*header = (struct cmsghdr){CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO};
		memcpy(CMSG_DATA(header), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	struct in6_pktinfo info = {.ipi6_addr = ((const struct sockaddr_in6 *)source)->sin6_addr};

	*header = (struct cmsghdr){CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO};
	memcpy(CMSG_DATA(header), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

static void udp_send(struct channel *c, unsigned n)
{
	static struct query queries[BURST];
	static _Alignas(struct cmsghdr) char control[BURST][CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct mmsghdr messages[BURST] = {0};
	struct iovec iov[BURST];
	unsigned done = 0;

	for (unsigned i = 0; i < n; i++) {
		if (mix_query(&load.mix, &queries[i]))
			die("query", "a name does not fit");
		assign_id(c, &queries[i]);
		iov[i] = (struct iovec){queries[i].wire, queries[i].length};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &load.server,
		    .msg_namelen = load.server_length,
		    .msg_iov = &iov[i],
		    .msg_iovlen = 1};
		if (load.n_sources) {
			messages[i].msg_hdr.msg_control = control[i];
			messages[i].msg_hdr.msg_controllen =
			    put_source(control[i], &load.sources[take_source()]);
		}
	}
	while (done < n) {
		int sent = sendmmsg(c->fd, messages + done, n - done, 0);

		if (sent > 0)
			done += (unsigned)sent;
		else if (errno == EAGAIN || errno == ENOBUFS)
			poll(&(struct pollfd){.fd = c->fd, .events = POLLOUT}, 1, 10);
		else if (errno != EINTR)
			die("send", strerror(errno));
	}
	for (unsigned i = 0; i < n; i++)
		count_sent(c, &queries[i]);
}

static void udp_receive(struct channel *c)
{
	static uint8_t buf[BURST][ANSWER_BYTES_MAX];
	struct mmsghdr messages[BURST] = {0};
	struct iovec iov[BURST];
	int n;

	for (unsigned i = 0; i < BURST; i++) {
		iov[i] = (struct iovec){buf[i], sizeof(buf[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	while ((n = recvmmsg(c->fd, messages, BURST, MSG_DONTWAIT, NULL)) > 0) {
		const uint64_t now = now_ns();

		for (int i = 0; i < n; i++)
			count_answer(c, buf[i], messages[i].msg_len, now);
	}
}

/* ---- TCP ---- */

static void tcp_open(struct channel *c)
{
	struct linger reset = {.l_onoff = 1}; /* no TIME_WAIT: a test may open very many */
	int on = 1;

	c->fd = socket(load.server.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (load.n_sources) {
		const struct sockaddr_storage *source = &load.sources[c->source];

		if (bind(c->fd, (const struct sockaddr *)source, address_length(source)) < 0)
			die("bind", strerror(errno));
	}
	if (connect(c->fd, (struct sockaddr *)&load.server, load.server_length) < 0)
		die("connect", strerror(errno));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->n_in = 0;
}

/* The server closed: what it did not answer is lost; a new connection goes on. */
static void tcp_reopen(struct channel *c)
{
	close(c->fd);
	load.counts[1].lost += c->waiting;
	load.waiting -= c->waiting;
	c->waiting = 0;
	memset(c->slots, 0, 65536 * sizeof(*c->slots));
	if (load.reconnects++ >= RECONNECTS_MAX)
		die("tcp", "the server closes every connection");
	tcp_open(c);
}

/*
 * Bytes of a message in its first segment, with --tcp-cut: all, the prefix alone, half of the
 * prefix, a part of the header, a part of the name. Every sixth waits for the message after it, so
 * that a segment holds the end of one and the beginning of the next.
 */
static size_t first_segment(size_t length, int *ret_flags)
{
	static const size_t cuts[] = {0, 2, 1, 9, 20};
	const unsigned kind = load.tcp_cut ? load.tcp_cuts++ % 6 : 0;
	const size_t cut = kind < 5 ? cuts[kind] : 0;

	*ret_flags = kind == 5 ? MSG_MORE : 0;
	return cut && cut < length ? cut : length;
}

static void tcp_send(struct channel *c)
{
	struct query q;
	uint8_t frame[2 + QUERY_BYTES_MAX];
	size_t done = 0, cut;
	int flags;

	if (mix_query(&load.mix, &q))
		die("query", "a name does not fit");
	assign_id(c, &q);
	frame[0] = (uint8_t)(q.length >> 8);
	frame[1] = (uint8_t)q.length;
	memcpy(frame + 2, q.wire, q.length);
	cut = first_segment(q.length + 2, &flags);
	while (done < q.length + 2) {
		const size_t end = done < cut ? cut : q.length + 2;
		ssize_t n = send(c->fd, frame + done, end - done, MSG_NOSIGNAL | flags);

		if (n > 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN) {
			poll(&(struct pollfd){.fd = c->fd, .events = POLLOUT}, 1, 10);
		} else if (errno != EINTR) {
			/* Never sent, so it is not lost either. */
			if (!q.malformed) {
				c->waiting--;
				load.waiting--;
			}
			c->slots[answer_u16(q.wire, 0)].state = SLOT_FREE;
			tcp_reopen(c);
			return;
		}
	}
	count_sent(c, &q);
}

static void tcp_receive(struct channel *c)
{
	for (;;) {
		ssize_t n;
		size_t want = 2;

		if (c->n_in >= 2)
			want += answer_u16(c->in, 0);
		if (c->n_in >= 2 && c->n_in == want) {
			count_answer(c, c->in + 2, want - 2, now_ns());
			c->n_in = 0;
			want = 2;
		}
		n = recv(c->fd, c->in + c->n_in, want - c->n_in, 0);
		if (n > 0) {
			c->n_in += (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		} else {
			tcp_reopen(c);
			return;
		}
	}
}

#endif
