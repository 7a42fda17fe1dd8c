/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/netlink/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define REQUEST_BYTES 256
#define BUFFER_BYTES  32768 /* the kernel fills no more with one message of a dump */
#define TIMEOUT_S     2
#define AGAIN_US      2000
#define MAX_ERRNO     4095 /* linux/err.h */

int netlink_client_open(struct netlink_client *client, int bus)
{
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	int on = 1, r = 0;

	*client = (struct netlink_client){.socket = mnl_socket_open2(bus, SOCK_CLOEXEC)};
	if (!client->socket)
		return -errno;
	if (mnl_socket_bind(client->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(client->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		sizeof(timeout)) < 0)
		r = -errno;
	if (r < 0) {
		netlink_client_close(client);
		return r;
	}
	/* Both are a help, no need: 4.12 and 4.20. */
	mnl_socket_setsockopt(client->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(client->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

void netlink_client_close(struct netlink_client *client)
{
	if (client->socket)
		mnl_socket_close(client->socket);
	client->socket = NULL;
}

const char *netlink_client_error(const struct netlink_client *client, int error)
{
	return client->error[0] ? client->error : strerror(error < 0 ? -error : error);
}

struct reply {
	struct netlink_client *client;
	mnl_cb_t take;
	void *context;
};

static int copy_error(const struct nlattr *attribute, void *context)
{
	struct netlink_client *client = context;

	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
		snprintf(client->error, sizeof(client->error), "%.*s",
		    (int)mnl_attr_get_payload_len(attribute),
		    (const char *)mnl_attr_get_payload(attribute));
	return MNL_CB_OK;
}

/* What the kernel says besides the number; with NETLINK_CAP_ACK the request is not repeated. */
static int take_error(const struct nlmsghdr *message, void *context)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	const size_t payload = mnl_nlmsg_get_payload_len(message);
	struct reply *reply = context;
	size_t words = sizeof(*error); /* where they begin */

	if (message->nlmsg_len < mnl_nlmsg_size(sizeof(*error)) || error->error > 0 ||
	    error->error < -MAX_ERRNO) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len > sizeof(error->msg))
		words += error->msg.nlmsg_len - sizeof(error->msg);
	if (error->error && message->nlmsg_flags & NLM_F_ACK_TLVS && words < payload)
		mnl_attr_parse(message, (unsigned)words, copy_error, reply->client);
	errno = -error->error;
	return error->error ? MNL_CB_ERROR : MNL_CB_STOP;
}

static int take_data(const struct nlmsghdr *message, void *context)
{
	struct reply *reply = context;

	return reply->take ? reply->take(message, reply->context) : MNL_CB_OK;
}

/* Whether a dump ends in these messages. */
static bool has_end(const uint8_t *buffer, int bytes, uint32_t sequence)
{
	const struct nlmsghdr *message = (const void *)buffer;

	for (; mnl_nlmsg_ok(message, bytes); message = mnl_nlmsg_next(message, &bytes)) {
		if (message->nlmsg_seq == sequence &&
		    (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR))
			return true;
	}
	return false;
}

int netlink_client_run(
    struct netlink_client *client, struct nlmsghdr *request, mnl_cb_t take, void *context)
{
	_Alignas(struct nlmsghdr) uint8_t buffer[BUFFER_BYTES];
	mnl_cb_t control[NLMSG_ERROR + 1] = {[NLMSG_ERROR] = take_error};
	const unsigned port = mnl_socket_get_portid(client->socket);
	struct reply reply = {.client = client, .take = take, .context = context};
	bool interrupted = false;
	int r = MNL_CB_OK;

	client->error[0] = 0;
	request->nlmsg_seq = ++client->sequence;
	if (mnl_socket_sendto(client->socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (r > MNL_CB_STOP) {
		const ssize_t n = mnl_socket_recvfrom(client->socket, buffer, sizeof(buffer));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r = mnl_cb_run2(buffer, (size_t)n, client->sequence, port, take_data, &reply,
		    control, NLMSG_ERROR + 1);
		/* Until it has ended the kernel begins no other one: EBUSY. */
		interrupted |= r < 0 && errno == EINTR;
		if (interrupted && !has_end(buffer, (int)n, client->sequence))
			r = MNL_CB_OK;
		/* What is left of an earlier dump that was not heard to its end. */
		if (r < 0 && errno == ESRCH)
			r = MNL_CB_OK;
	}
	if (interrupted)
		return -EINTR;
	return r < 0 ? -errno : 0;
}

int netlink_client_ask(struct netlink_client *client, uint16_t type, uint16_t flags,
    const void *request, size_t bytes, mnl_cb_t take, void *context)
{
	_Alignas(struct nlmsghdr) uint8_t out[REQUEST_BYTES] = {0};
	struct nlmsghdr *header = mnl_nlmsg_put_header(out);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(header, bytes), request, bytes);
	return netlink_client_run(client, header, take, context);
}

bool netlink_client_again(unsigned *tries, unsigned most, int r)
{
	if (r != -EINTR || *tries == most)
		return false;
	usleep(AGAIN_US * (*tries)++);
	return true;
}
