/* SPDX-License-Identifier: BSD-2-Clause */
#include "ping/ping_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ping/ping_filter.h"

#define RECEIVE_BYTES (1 << 20) /* what may arrive between two looks; the kernel may give less */
#define BATCH         16
#define MAX_BATCHES   64  /* a look, however much a stranger sends */
#define MESSAGE_BYTES 256 /* IPv4 header with options, ours, link headers of a returned request */
#define CONTROL_BYTES 256
#define BIND_TRIES    16
#define UNUSED_PORT   9 /* discard (RFC 863); nothing is sent there */

struct ping_socket {
	int fd;
	int route_fd; /* UDP, for ping_socket_route */
	unsigned family;
	bool raw, bound;
	uint16_t id;
	struct ping_address source;
};

struct batch {
	struct mmsghdr headers[BATCH];
	struct iovec iovecs[BATCH];
	struct sockaddr_storage names[BATCH];
	_Alignas(struct cmsghdr) uint8_t control[BATCH][CONTROL_BYTES];
	uint8_t data[BATCH][MESSAGE_BYTES];
};

/* ---- opening ---- */

static socklen_t to_sockaddr(
    const struct ping_address *address, uint16_t port, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (address->family == 4) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ret;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, address->bytes, 4);
		return sizeof(*sin);
	}
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	memcpy(&sin6->sin6_addr, address->bytes, 16);
	return sizeof(*sin6);
}

static bool from_sockaddr(const struct sockaddr_storage *sa, struct ping_address *ret)
{
	*ret = (struct ping_address){0};
	if (sa->ss_family == AF_INET) {
		ret->family = 4;
		memcpy(ret->bytes, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	} else if (sa->ss_family == AF_INET6) {
		ret->family = 6;
		memcpy(ret->bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
	}
	return ret->family != 0;
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_options(struct ping_socket *s)
{
	int r = s->family == 4 ? set_int(s->fd, IPPROTO_IP, IP_RECVERR, 1)
			       : set_int(s->fd, IPPROTO_IPV6, IPV6_RECVERR, 1);

	if (r == 0)
		r = set_int(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	if (r < 0)
		return r;
	/* Best effort: the clock before sending and the default size serve, too. The stamp brings
	 * the request back with it; a counter (OPT_TSONLY) would go astray after a failed send. */
	(void)set_int(s->fd, SOL_SOCKET, SO_TIMESTAMPING,
	    SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
	(void)set_int(s->fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
	if (!s->raw)
		return 0;
	return ping_filter_attach(s->fd, s->family, s->id);
}

static int random_id(uint16_t *ret)
{
	do {
		if (getrandom(ret, sizeof(*ret), 0) != sizeof(*ret))
			return errno ? -errno : -EIO;
	} while (*ret == 0); /* 0 asks the kernel to choose, which it does by counting */
	return 0;
}

/* A ping socket's identifier is its port. */
static int bind_socket(struct ping_socket *s, const struct ping_address *source)
{
	static const struct ping_address any[2] = {{.family = 4}, {.family = 6}};
	struct sockaddr_storage name;
	socklen_t length;
	int r = 0;

	for (int i = 0; i < BIND_TRIES; i++) {
		r = random_id(&s->id);
		if (r < 0)
			return r;
		length =
		    to_sockaddr(source ? source : &any[s->family == 6], s->raw ? 0 : s->id, &name);
		if (s->raw && !source)
			return 0;
		r = bind(s->fd, (struct sockaddr *)&name, length) < 0 ? -errno : 0;
		if (r != -EADDRINUSE)
			break;
	}
	return r;
}

static int create(struct ping_socket *s, bool raw)
{
	s->raw = raw;
	s->fd = socket(s->family == 4 ? AF_INET : AF_INET6,
	    (raw ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    s->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	return s->fd < 0 ? -errno : 0;
}

static int create_either(struct ping_socket *s, char *reason)
{
	int raw_error = create(s, true);
	int r = raw_error < 0 ? create(s, false) : 0;

	if (r == -EACCES)
		snprintf(reason, PING_REASON_BYTES,
		    "not permitted, neither by net.ipv4.ping_group_range nor by CAP_NET_RAW: "
		    "type " PING_PERMIT);
	else if (r < 0)
		snprintf(reason, PING_REASON_BYTES, "no raw socket (%s), no ping socket (%s)",
		    strerrordesc_np(-raw_error), strerrordesc_np(-r));
	return r;
}

static int bind_to_source(
    struct ping_socket *s, const struct config_network *source, size_t n_source, char *reason)
{
	bool wanted = false;
	int r = 0;

	for (size_t i = 0; i < n_source; i++) {
		struct ping_address address = {.family = source[i].family};

		if (source[i].family != s->family)
			continue;
		wanted = true;
		memcpy(address.bytes, source[i].address, s->family == 4 ? 4 : 16);
		r = bind_socket(s, &address);
		if (r == 0) {
			s->bound = true;
			s->source = address;
			return 0;
		}
	}
	if (!wanted)
		r = bind_socket(s, NULL);
	if (r < 0)
		snprintf(reason, PING_REASON_BYTES,
		    wanted ? "no address of ping.source is one of this host (%s)"
			   : "cannot bind (%s)",
		    strerrordesc_np(-r));
	return r;
}

int ping_socket_open(struct ping_socket **ret, unsigned family, const struct config_network *source,
    size_t n_source, char reason[PING_REASON_BYTES])
{
	struct ping_socket *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	snprintf(reason, PING_REASON_BYTES, "no memory");
	if (!s)
		return r;
	s->family = family;
	s->fd = s->route_fd = -1;
	r = create_either(s, reason);
	if (r < 0)
		goto out;
	r = bind_to_source(s, source, n_source, reason);
	if (r < 0)
		goto out;
	s->route_fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r = s->route_fd < 0 ? -errno : set_options(s);
	if (r < 0) {
		snprintf(reason, PING_REASON_BYTES, "cannot set up the socket (%s)",
		    strerrordesc_np(-r));
		goto out;
	}
	*ret = s;
	s = NULL;
out:
	ping_socket_free(s);
	return r;
}

void ping_socket_free(struct ping_socket *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	if (s->route_fd >= 0)
		close(s->route_fd);
	free(s);
}

const char *ping_socket_mode(const struct ping_socket *s)
{
	return s->raw ? "raw socket" : "ping socket";
}

const struct ping_address *ping_socket_source(const struct ping_socket *s)
{
	return s->bound ? &s->source : NULL;
}

/* ---- sending ---- */

int ping_socket_route(
    struct ping_socket *s, const struct ping_address *destination, struct ping_address *ret)
{
	static const struct sockaddr disconnect = {.sa_family = AF_UNSPEC};
	struct sockaddr_storage name;
	socklen_t length = to_sockaddr(destination, UNUSED_PORT, &name);

	/* Connecting again would keep the first source address. */
	if (connect(s->route_fd, &disconnect, sizeof(disconnect)) < 0 ||
	    connect(s->route_fd, (struct sockaddr *)&name, length) < 0)
		return -errno;
	length = sizeof(name);
	if (getsockname(s->route_fd, (struct sockaddr *)&name, &length) < 0)
		return -errno;
	return from_sockaddr(&name, ret) ? 0 : -EAFNOSUPPORT;
}

/* Names the source, so that the packet leaves with the address that was judged. */
static void set_source(struct msghdr *message, const struct ping_address *source)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(message);

	if (source->family == 4) {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, source->bytes, 4);
		cmsg->cmsg_level = IPPROTO_IP;
		cmsg->cmsg_type = IP_PKTINFO;
		cmsg->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
		message->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = {0};

		memcpy(&info.ipi6_addr, source->bytes, 16);
		cmsg->cmsg_level = IPPROTO_IPV6;
		cmsg->cmsg_type = IPV6_PKTINFO;
		cmsg->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(cmsg), &info, sizeof(info));
		message->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

int ping_socket_send(struct ping_socket *s, const struct ping_address *destination,
    const struct ping_address *source, uint16_t sequence, const uint8_t cookie[PING_COOKIE_BYTES])
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
	uint8_t request[PING_REQUEST_BYTES];
	struct iovec iovec = {.iov_base = request, .iov_len = sizeof(request)};
	struct sockaddr_storage name;
	struct msghdr message = {
	    .msg_name = &name,
	    .msg_namelen = to_sockaddr(destination, 0, &name),
	    .msg_iov = &iovec,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control),
	};

	ping_wire_request(request, s->family, s->id, sequence, cookie);
	if (source)
		set_source(&message, source);
	else
		message.msg_controllen = 0;
	/* The error of an earlier probe is reported to the next call, which then sends nothing. */
	for (int i = 0; i < 2; i++) {
		if (sendmsg(s->fd, &message, 0) == PING_REQUEST_BYTES)
			return 0;
	}
	return -errno;
}

/* ---- receiving ---- */

static int receive(struct ping_socket *s, struct batch *batch, int flags)
{
	for (size_t i = 0; i < BATCH; i++) {
		batch->iovecs[i] = (struct iovec){batch->data[i], MESSAGE_BYTES};
		batch->headers[i].msg_hdr = (struct msghdr){
		    .msg_name = &batch->names[i],
		    .msg_namelen = sizeof(batch->names[i]),
		    .msg_iov = &batch->iovecs[i],
		    .msg_iovlen = 1,
		    .msg_control = batch->control[i],
		    .msg_controllen = CONTROL_BYTES,
		};
		batch->names[i].ss_family = AF_UNSPEC;
	}
	return recvmmsg(s->fd, batch->headers, BATCH, flags | MSG_DONTWAIT, NULL);
}

static int64_t wall_ns(const struct timespec *ts)
{
	return ts->tv_sec * NS_PER_S + ts->tv_nsec;
}

struct control {
	int64_t wall_ns;
	bool has_error;
	struct sock_extended_err error;
};

static void read_control(struct msghdr *message, struct control *ret)
{
	*ret = (struct control){0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct timespec ts;

		/* SCM_TIMESTAMPNS, or the first of the three of SCM_TIMESTAMPING. */
		if (c->cmsg_level == SOL_SOCKET &&
		    (c->cmsg_type == SO_TIMESTAMPNS || c->cmsg_type == SO_TIMESTAMPING) &&
		    c->cmsg_len >= CMSG_LEN(sizeof(ts))) {
			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			if (ts.tv_sec)
				ret->wall_ns = wall_ns(&ts);
		} else if (((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
			       (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) &&
		    c->cmsg_len >= CMSG_LEN(sizeof(ret->error))) {
			memcpy(&ret->error, CMSG_DATA(c), sizeof(ret->error));
			ret->has_error = true;
		}
	}
}

static void take_message(struct ping_event *event, const struct ping_message *message)
{
	event->sequence = message->sequence;
	event->cookie_length = message->cookie_length;
	memcpy(event->cookie, message->cookie, message->cookie_length);
}

static int read_reply(const struct ping_socket *s, const struct msghdr *header, const uint8_t *data,
    size_t length, struct ping_event *event)
{
	struct ping_message message;
	int r = s->raw && s->family == 4 ? ping_wire_parse_ipv4(data, length, &message)
					 : ping_wire_parse_reply(data, length, s->family, &message);

	if (r < 0 || message.id != s->id || (header->msg_flags & MSG_TRUNC))
		return -EBADMSG;
	take_message(event, &message);
	if (message.kind == PING_QUOTE) {
		event->kind = PING_EVENT_ERROR;
		event->error = message.error;
		event->address = (struct ping_address){.family = 4};
		memcpy(event->address.bytes, &message.destination, 4);
		return 0;
	}
	event->kind = PING_EVENT_REPLY;
	return from_sockaddr(header->msg_name, &event->address) ? 0 : -EBADMSG;
}

/* A stamp brings the request with the headers of its link before it; an ICMP error the part that
 * was quoted, and as name the address that was asked. */
static int read_error(const struct ping_socket *s, const struct msghdr *header, const uint8_t *data,
    size_t length, const struct sock_extended_err *error, struct ping_event *event)
{
	bool stamp = error->ee_origin == SO_EE_ORIGIN_TIMESTAMPING;
	struct ping_message message;

	if (stamp) {
		if (length < PING_REQUEST_BYTES || (header->msg_flags & MSG_TRUNC))
			return -EBADMSG;
		data += length - PING_REQUEST_BYTES;
		length = PING_REQUEST_BYTES;
	} else if (error->ee_origin != SO_EE_ORIGIN_ICMP &&
	    error->ee_origin != SO_EE_ORIGIN_ICMP6) {
		return -EBADMSG;
	}
	if (ping_wire_parse_quote(data, length, s->family, &message) < 0 || message.id != s->id)
		return -EBADMSG;
	take_message(event, &message);
	event->kind = stamp ? PING_EVENT_DEPARTED : PING_EVENT_ERROR;
	if (stamp)
		return 0;
	if (ping_wire_classify(s->family, error->ee_type, error->ee_code, &event->error) < 0)
		return -EBADMSG;
	return from_sockaddr(header->msg_name, &event->address) ? 0 : -EBADMSG;
}

static void read_one(
    const struct ping_socket *s, struct mmsghdr *header, ping_event_handler handler, void *context)
{
	const uint8_t *data = header->msg_hdr.msg_iov->iov_base;
	struct ping_event event = {0};
	struct control control;
	int r;

	read_control(&header->msg_hdr, &control);
	if (control.has_error)
		r = read_error(s, &header->msg_hdr, data, header->msg_len, &control.error, &event);
	else
		r = read_reply(s, &header->msg_hdr, data, header->msg_len, &event);
	if (r < 0)
		event.kind = PING_EVENT_MALFORMED;
	event.wall_ns = control.wall_ns;
	handler(context, &event);
}

void ping_socket_drain(struct ping_socket *s, ping_event_handler handler, void *context)
{
	static const int queues[] = {MSG_ERRQUEUE, 0};
	struct batch batch;

	for (size_t q = 0; q < sizeof(queues) / sizeof(queues[0]); q++) {
		for (int i = 0; i < MAX_BATCHES; i++) {
			int n = receive(s, &batch, queues[q]);

			for (int k = 0; k < n; k++)
				read_one(s, &batch.headers[k], handler, context);
			/* A pending error of an earlier probe (n < 0) is consumed by reporting it;
			 * what lies behind it is read the next time round. */
			if (n < BATCH && !(n < 0 && errno != EAGAIN && errno != EINTR))
				break;
		}
	}
}
