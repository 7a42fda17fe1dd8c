/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes over a connection of the page: any bytes, through libmicrohttpd and the guards, as
 * http/server.c sets both up. The first byte: whether there is a token, whether only local hosts
 * are answered. No answer but of a page, and none to whoever has no token; no two lengths and no
 * two hosts in a request that is answered 200. Documents need a report, and are not asked for.
 */
#include "base/unused.h"
#include "http/route.h"

#include "folder.h"
#include "require.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST             4096
#define CONNECTION_BYTES ((size_t)16 * 1024)
#define TOKEN            "t0ken"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct asked {
	struct route_context *context;
	unsigned hosts, lengths, encodings;
	bool refused;
};

static enum MHD_Result count(
    void *context, enum MHD_ValueKind kind UNUSED, const char *name, const char *value UNUSED)
{
	struct asked *asked = context;

	asked->hosts += strcasecmp(name, "Host") == 0;
	asked->lengths += strcasecmp(name, "Content-Length") == 0;
	asked->encodings += strcasecmp(name, "Transfer-Encoding") == 0;
	return MHD_YES;
}

static bool needs_report(const char *path)
{
	return strncmp(path, "/api", 4) == 0 || strcmp(path, "/metrics") == 0 ||
	    strcmp(path, "/healthz") == 0;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
    const char *path, const char *method, const char *version UNUSED, const char *body UNUSED,
    size_t *body_length, void **state)
{
	struct asked *asked = context;
	enum MHD_Result result;

	if (!*state) {
		*state = asked;
		asked->hosts = asked->lengths = asked->encodings = 0;
		MHD_get_connection_values(connection, MHD_HEADER_KIND, count, asked);
		asked->refused = route_refuses(asked->context, connection, &result);
		require(asked->refused ||
		    (asked->hosts <= 1 && asked->lengths <= 1 &&
			!(asked->lengths && asked->encodings)));
		return asked->refused ? result : MHD_YES;
	}
	if (*body_length) {
		*body_length = 0;
		return MHD_YES;
	}
	return route_request(
	    asked->context, connection, NULL, needs_report(path) ? "/none" : path, method);
}

static struct route_context *context_of(bool token, bool local)
{
	static struct route_context contexts[2][2];
	static struct access accesses[2][2];
	static struct places *places;
	struct route_context *context = &contexts[token][local];
	char path[256] = "", error[256];

	if (context->access)
		return context;
	if (!places)
		require(places_new(&places) == 0);
	if (token) {
		folder_write("token", (const uint8_t *)TOKEN, strlen(TOKEN));
		snprintf(path, sizeof(path), "%s/token", folder_path());
	}
	require(access_init(&accesses[token][local], path, error, sizeof(error)) == 0);
	context->access = &accesses[token][local];
	context->places = places;
	context->local_only = local;
	return context;
}

static struct MHD_Daemon *daemon_of(struct asked *asked)
{
	static struct MHD_Daemon *daemon;

	if (!daemon)
		daemon = MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request,
		    asked, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
		    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	require(daemon != NULL);
	return daemon;
}

/* All that was answered, up to a bound: a page is larger. */
static void drain(struct MHD_Daemon *daemon, int fd, char first[64])
{
	static char rest[1 << 18];
	size_t have = 0;

	for (int turn = 0; turn < 64; turn++) {
		ssize_t n;

		MHD_run(daemon);
		n = recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
		if (n == 0)
			break;
		if (n > 0 && have < 63) {
			const size_t part = (size_t)n < 63 - have ? (size_t)n : 63 - have;

			memcpy(first + have, rest, part);
			have += part;
		}
	}
	first[have] = '\0';
}

static bool holds(const uint8_t *data, size_t size, const char *word)
{
	return memmem(data, size, word, strlen(word)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct asked asked;
	const struct sockaddr_in peer = {
	    .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(9)};
	struct MHD_Daemon *daemon = daemon_of(&asked);
	char first[64];
	int ends[2];

	if (size < 2 || size > MOST)
		return 0;
	asked.context = context_of(data[0] & 1, data[0] & 2);
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	require(send(ends[1], data + 1, size - 1, MSG_NOSIGNAL) == (ssize_t)size - 1);
	shutdown(ends[1], SHUT_WR);
	if (MHD_add_connection(daemon, ends[0], (const struct sockaddr *)&peer, sizeof(peer)) ==
	    MHD_YES)
		drain(daemon, ends[1], first);
	else
		first[0] = '\0';
	close(ends[1]);
	MHD_run(daemon);
	require(!*first || strncmp(first, "HTTP/1.", 7) == 0);
	/* The token, or its base64 behind the user's name. */
	if (*first && data[0] & 1 && strncmp(first + 8, " 200", 4) == 0)
		require(holds(data, size, TOKEN) || holds(data, size, "dDBrZW4") ||
		    holds(data, size, "Y3Jvc3N0YXA6"));
	return 0;
}
