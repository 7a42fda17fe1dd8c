/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/thread.h"
#include "base/unused.h"
#include "http/http.h"

#include "base/clock.h"
#include "base/secret_file.h"
#include "http/event_streams.h"
#include "http/places.h"
#include "http/route.h"
#include "http/sweep.h"
#include "network/certificate.h"
#include "network/listen_tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ADDRESSES    8                            /* of one name */
#define TIMEOUT_S        ((unsigned)PLACES_REQUEST_S) /* without a byte */
#define CONNECTION_BYTES ((size_t)16 * 1024) /* request line and headers, and the answer's */
#define MAX_BODY_BYTES   ((uintptr_t)64 * 1024)
/* Of an answer in the kernel: else one send copies megabytes for somebody who does not read them.
 */
#define SEND_BYTES     (64 * 1024)
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct settings {
	char *listen, *cert, *key; /* the last two are texts; NULL: no TLS */
	struct access access;
};

/* One address, with a thread of the library's. */
struct listener {
	struct MHD_Daemon *daemon;
	_Atomic bool started;
	char failure[256]; /* what the library said before it was started */
};

struct http {
	struct settings settings;
	struct route_context context;
	struct places *places;
	struct event_streams *streams;
	struct sweep *sweep;
	struct listener listeners[MAX_ADDRESSES];
	size_t n_listeners;
	unsigned port; /* of the first */
	bool local;    /* all addresses are of loopback */
};

static void settings_done(struct settings *settings)
{
	free(settings->listen);
	free(settings->cert);
	secret_free(settings->key);
	access_done(&settings->access);
	memset(settings, 0, sizeof(*settings));
}

static int settings_init(
    struct settings *settings, const struct config *config, char *error, size_t size)
{
	int r;

	memset(settings, 0, sizeof(*settings));
	settings->listen = strdup(config->http.listen);
	if (!settings->listen) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	r = access_init(&settings->access, config->http.token_file, error, size);
	if (r == 0 && *config->http.tls_cert)
		r = secret_file_read(&settings->cert, config->http.tls_cert, false, error, size);
	if (r == 0 && *config->http.tls_key)
		r = secret_file_read(&settings->key, config->http.tls_key, true, error, size);
	if (r < 0)
		settings_done(settings);
	return r;
}

static bool equal_texts(const char *a, const char *b)
{
	return a && b ? secret_equal(a, b) : a == b;
}

/* What on_connection() remembers of it. */
static struct place *place_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* Called when a connection has been accepted, and before it is closed. */
static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
    enum MHD_ConnectionNotificationCode code)
{
	struct http *http = context;
	const union MHD_ConnectionInfo *fd, *address;
	const int send_bytes = SEND_BYTES;
	struct peer peer = {0};

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		place_leave(http->places, *socket_context);
		return;
	}
	fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	address = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	if (address && address->client_addr)
		peer_of(&peer, address->client_addr);
	(void)setsockopt(fd->connect_fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes));
	*socket_context = places_take(http->places, fd->connect_fd, &peer, clock_monotonic_ns());
	sweep_wake(http->sweep);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state UNUSED,
    enum MHD_RequestTerminationCode code UNUSED)
{
	struct http *http = context;

	place_waits(http->places, place_of(connection), clock_monotonic_ns());
}

/* Takes the body that a request should not have, within bounds, so that its sender gets to read the
 * answer. `*state` counts what came, and one. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
    const char *path, const char *method, const char *version UNUSED, const char *body UNUSED,
    size_t *body_length, void **state)
{
	struct http *http = context;
	uintptr_t taken = (uintptr_t)*state;
	enum MHD_Result result;

	if (taken == 0) {
		*state = (void *)(uintptr_t)1;
		return route_refuses(&http->context, connection, &result) ? result : MHD_YES;
	}
	if (*body_length == 0) {
		place_answers(http->places, place_of(connection), clock_monotonic_ns());
		return route_request(
		    &http->context, connection, place_of(connection), path, method);
	}
	if (*body_length > MAX_BODY_BYTES || taken > MAX_BODY_BYTES)
		return MHD_NO;
	*state = (void *)(taken + *body_length);
	*body_length = 0;
	return MHD_YES;
}

/* The reason why it does not start; later messages are about peers, and nobody's business. */
static void on_message(void *context, const char *format, va_list args)
{
	struct listener *listener = context;

	if (atomic_load(&listener->started))
		return;
	vsnprintf(listener->failure, sizeof(listener->failure), format, args);
	listener->failure[strcspn(listener->failure, "\r\n")] = '\0';
}

static int find_address(int fd, unsigned *ret_port, bool *ret_loopback)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(fd, &address.any, &length) < 0)
		return -errno;
	if (address.any.sa_family == AF_INET) {
		*ret_port = ntohs(address.v4.sin_port);
		*ret_loopback = ntohl(address.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	} else {
		*ret_port = ntohs(address.v6.sin6_port);
		*ret_loopback = IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr) ||
		    (IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr) &&
			address.v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
	}
	return 0;
}

/* Takes over `fd` when it succeeds. The thread must not take the process's signals. */
static struct MHD_Daemon *start_daemon(struct http *http, struct listener *listener, int fd)
{
	const bool tls = http->settings.cert != NULL;
	const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG |
	    MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0);
	const struct MHD_OptionItem tls_options[] = {
	    {MHD_OPTION_HTTPS_MEM_CERT, 0, http->settings.cert},
	    {MHD_OPTION_HTTPS_MEM_KEY, 0, http->settings.key},
	    {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
	    {MHD_OPTION_END, 0, NULL},
	};
	struct MHD_Daemon *daemon;
	sigset_t before;

	thread_signals_block(&before);
	daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, http,
	    MHD_OPTION_EXTERNAL_LOGGER, on_message, listener, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, http, MHD_OPTION_CONNECTION_LIMIT, (unsigned)PLACES_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY,
	    tls ? tls_options : &tls_options[3], MHD_OPTION_END);
	thread_signals_restore(&before);
	return daemon;
}

/* When it does not start, the library (0.9.75) closes the socket or leaves it, as the reason may
 * be.
 */
static void close_unless_gone(int fd, ino_t inode)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == inode)
		close(fd);
}

/* Takes over `fd`. */
static int add_listener(struct http *http, int fd, char *error, size_t size)
{
	struct listener *listener = &http->listeners[http->n_listeners];
	struct stat st = {0};

	if (fstat(fd, &st) == 0)
		listener->daemon = start_daemon(http, listener, fd);
	if (!listener->daemon) {
		snprintf(error, size, "%s: %s", http->settings.listen,
		    *listener->failure ? listener->failure : "cannot start");
		close_unless_gone(fd, st.st_ino);
		return -EINVAL;
	}
	atomic_store(&listener->started, true);
	http->n_listeners++;
	return 0;
}

/* What all of them are decides about the Host header: one that others can reach has no secret to
 * keep from a web page. */
static int look_at(struct http *http, const int *fds, size_t n)
{
	bool local = true;

	for (size_t i = n; i-- > 0;) {
		bool loopback = false;
		int r = find_address(fds[i], &http->port, &loopback);

		if (r < 0)
			return r;
		local = local && loopback;
	}
	http->local = local;
	http->context.local_only = local && !http->settings.access.bearer;
	return 0;
}

/* On every address of the name, before the first of them answers. */
static int start(struct http *http, char *error, size_t size)
{
	int fds[MAX_ADDRESSES],
	    r = listen_tcp(http->settings.listen, fds, MAX_ADDRESSES, error, size);
	size_t n = r < 0 ? 0 : (size_t)r, done = 0;

	if (r < 0)
		return r;
	r = look_at(http, fds, n);
	if (r < 0)
		snprintf(error, size, "%s: %s", http->settings.listen, strerror(-r));
	while (r == 0 && done < n)
		r = add_listener(http, fds[done++], error, size);
	while (done < n)
		close(fds[done++]);
	return r;
}

int http_new(struct http **ret, const struct config *config, struct report *report,
    const struct http_hooks *hooks, char *error, size_t size)
{
	struct http *http;
	int r;

	if (strcmp(config->http.listen, "off") == 0) {
		*ret = NULL;
		return 0;
	}
	http = calloc(1, sizeof(*http));
	if (!http) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	http->context.report = report;
	shared_init(&http->context.shared);
	if (hooks)
		http->context.hooks = *hooks;
	r = places_new(&http->places);
	if (r == 0)
		r = event_streams_new(&http->streams, report_ticker(report), http->places);
	if (r == 0)
		r = sweep_new(&http->sweep, http->places, http->streams);
	if (r < 0)
		snprintf(error, size, "%s", strerror(-r));
	else
		r = settings_init(&http->settings, config, error, size);
	if (r == 0) {
		http->context.access = &http->settings.access;
		http->context.places = http->places;
		http->context.streams = http->streams;
		r = start(http, error, size);
	}
	if (r < 0) {
		http_free(http);
		return r;
	}
	*ret = http;
	return 0;
}

bool http_matches(const struct http *http, const struct config *config)
{
	struct settings settings;
	char error[256];
	bool equal;

	if (!http || strcmp(config->http.listen, "off") == 0)
		return !http && strcmp(config->http.listen, "off") == 0;
	if (settings_init(&settings, config, error, sizeof(error)) < 0)
		return false;
	equal = strcmp(settings.listen, http->settings.listen) == 0 &&
	    equal_texts(settings.cert, http->settings.cert) &&
	    equal_texts(settings.key, http->settings.key) &&
	    access_equal(&settings.access, &http->settings.access);
	settings_done(&settings);
	return equal;
}

void http_end_streams(struct http *http)
{
	if (http)
		event_streams_end(http->streams);
}

void http_free(struct http *http)
{
	if (!http)
		return;
	event_streams_end(http->streams);
	for (size_t i = 0; i < http->n_listeners; i++)
		MHD_stop_daemon(http->listeners[i].daemon);
	shared_done(&http->context.shared);
	sweep_free(http->sweep);
	event_streams_free(http->streams);
	places_free(http->places);
	settings_done(&http->settings);
	free(http);
}

bool http_is_open(const struct http *http)
{
	return !http->local && !http->settings.access.bearer;
}

unsigned http_port(const struct http *http)
{
	return http->port;
}

int64_t http_certificate_end_s(const struct http *http)
{
	int64_t end_s = 0;

	if (http->settings.cert)
		(void)certificate_ends(http->settings.cert, &end_s, NULL);
	return end_s;
}
