/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/dnstap.h"

#include "base/error_text.h"
#include "base/store.h"
#include "base/thread.h"
#include "dnstap/input_internal.h"
#include "network/listen_tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAKE_TRIES 3

static char *make_key(const struct config_input *config)
{
	char *key;

	return asprintf(&key, "%d %s", (int)config->kind, config->address) < 0 ? NULL : key;
}

size_t dnstap_input_passed(
    const struct config_input *config, const struct passed_sockets *passed, int *ret, size_t max)
{
	char name[LISTEN_NAME_BYTES];
	size_t n;

	if (config->kind == INPUT_LISTEN_FD)
		return passed_sockets_find(passed, config->address, ret, max);
	listen_name(name, config);
	/* A unit's that was started since has the file: nobody connects to the stored one again. */
	n = config->kind == INPUT_UNIX ? passed_sockets_at(passed, config->address, name, ret, max)
				       : 0;
	if (n)
		return n;
	n = passed_sockets_find(passed, name, ret, max);
	if (n && config->kind == INPUT_UNIX && listen_path_is_gone(config->address))
		return 0; /* nobody can connect there: it is made anew */
	return n;
}

static bool is_of_a_unit(const struct dnstap_input *input, const struct config_input *config,
    const struct passed_sockets *passed)
{
	int fd;

	return config->kind == INPUT_UNIX &&
	    passed_sockets_at(passed, config->address, input->stored, &fd, 1) > 0;
}

void dnstap_input_adopt(struct dnstap_input *input, const struct config_input *config,
    const struct passed_sockets *passed, uint32_t max_frame)
{
	struct connection *connection;
	char error[256];
	int own;

	if (config->kind != INPUT_LISTEN_FD && store_works())
		listen_name(input->stored, config);
	if (*input->stored && !input->listeners.passed) {
		if (passed_sockets_find(passed, input->stored, &own, 1))
			store_remove(input->stored); /* what was made anew takes its place */
	} else if (*input->stored && is_of_a_unit(input, config, passed)) {
		passed_sockets_drop(passed, input->stored);
		*input->stored = 0;
	} else if (*input->stored) {
		if (passed_sockets_find(passed, input->stored, &own, 1) == 0)
			*input->stored = 0; /* a socket unit's */
		else if (config->kind == INPUT_UNIX &&
		    listen_take_file(&input->listeners, config, error, sizeof(error)) < 0)
			log_warning(DNSTAP_MODULE, "who may use a socket is as before: %s", error);
	}
	while ((connection = connection_adopt(passed, input->key, max_frame))) {
		if (dnstap_epoll_add(input, connection->fd, connection) < 0) {
			connection_free(connection);
			continue;
		}
		dnstap_insert(input, connection);
	}
}

int dnstap_input_open(struct dnstap_input **ret, const struct config_input *config, const int *fds,
    size_t n_fds, char *error, size_t size)
{
	struct dnstap_input *input = calloc(1, sizeof(*input));
	char text[ERROR_TEXT_BYTES];
	int r = -ENOMEM;

	if (!input) {
		snprintf(error, size, "%s", strerror(ENOMEM));
		return r;
	}
	pthread_mutex_init(&input->lock, NULL);
	pthread_mutex_init(&input->listeners_lock, NULL);
	input->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	input->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (input->epoll_fd >= 0 && input->event_fd >= 0) {
		input->address = strdup(config->address);
		input->key = make_key(config);
		input->buffer = malloc(CONNECTION_READ_BYTES);
	}
	if (!input->address || !input->key || !input->buffer) {
		r = -errno; /* EMFILE, ENFILE, ENOMEM */
		error_text(text, -r);
		snprintf(error, size, "%s", text);
		goto out;
	}
	r = door_new(&input->door, config, error, size);
	if (r == 0) {
		r = dnstap_epoll_add(input, input->event_fd, &input->event_fd);
		if (r < 0)
			snprintf(error, size, "%s", strerror(-r));
	}
	if (r == 0)
		r = listen_open(&input->listeners, config, fds, n_fds, error, size);
out:
	if (r < 0) {
		dnstap_input_free(input);
		return r;
	}
	*ret = input;
	return 0;
}

void dnstap_input_set_limits(struct dnstap_input *input, const struct dnstap_limits *limits)
{
	atomic_store_explicit(&input->max_frame, limits->frame, memory_order_relaxed);
	atomic_store_explicit(&input->handshake_ns, limits->handshake_ns, memory_order_relaxed);
	atomic_store_explicit(&input->most_rest_ns, limits->rest_ns, memory_order_relaxed);
	atomic_store_explicit(&input->max_connections, limits->connections, memory_order_relaxed);
	atomic_store_explicit(&input->sharing_inputs, limits->inputs, memory_order_relaxed);
	atomic_store_explicit(&input->max_bytes, limits->bytes, memory_order_relaxed);
}

int dnstap_input_set_access(
    struct dnstap_input *input, const struct config_input *config, char *error, size_t size)
{
	int r = 0;

	pthread_mutex_lock(&input->listeners_lock);
	if (input->listeners.file.path)
		r = listen_set_access(
		    input->listeners.fds[0], &input->listeners.file, config, error, size);
	pthread_mutex_unlock(&input->listeners_lock);
	return r;
}

bool dnstap_input_is_gone(struct dnstap_input *input, bool *ret_passed)
{
	bool gone;

	pthread_mutex_lock(&input->listeners_lock);
	gone = listen_is_gone(&input->listeners);
	*ret_passed = input->listeners.passed && !input->listeners.file.path;
	pthread_mutex_unlock(&input->listeners_lock);
	return gone;
}

void dnstap_input_yield(struct dnstap_input *input, bool yield)
{
	pthread_mutex_lock(&input->listeners_lock);
	if (!input->listeners.passed)
		listen_tcp_yield(input->listeners.fds, input->listeners.n, yield);
	pthread_mutex_unlock(&input->listeners_lock);
}

int dnstap_input_start(struct dnstap_input *input, const struct dnstap_limits *limits,
    const struct dnstap_ops *ops, void *context)
{
	int r;

	if (*input->listeners.skipped)
		log_warning(DNSTAP_MODULE, "%s input=%s", input->listeners.skipped, input->address);
	dnstap_input_set_limits(input, limits);
	input->budget = limits->budget;
	dnstap_admit_adopted(input);
	input->ops = *ops;
	input->context = context;
	dnstap_listen_on(input);
	if (*input->stored && !input->listeners.passed)
		(void)store_add(input->stored, input->listeners.fds, (unsigned)input->listeners.n);
	input->ran = true;
	r = thread_start(&input->thread, dnstap_serve, input);
	if (r < 0)
		return r;
	pthread_setname_np(input->thread, "dnstap");
	input->started = true;
	return 0;
}

void dnstap_input_set_door(struct dnstap_input *input, struct door *door)
{
	struct door *before;

	pthread_mutex_lock(&input->lock);
	before = input->door;
	input->door = door;
	pthread_mutex_unlock(&input->lock);
	door_unref(before);
	atomic_store_explicit(&input->renewed, true, memory_order_relaxed);
}

void dnstap_input_wake(struct dnstap_input *input)
{
	const uint64_t one = 1;

	/* A full counter is a wake that was not taken yet. Whoever calls this waits for ever for
	 * one that got lost. */
	for (int tries = 0; tries < WAKE_TRIES; tries++) {
		if (write(input->event_fd, &one, sizeof(one)) >= 0 || errno == EAGAIN)
			return;
	}
}

void dnstap_input_stop(struct dnstap_input *input)
{
	if (!input->started)
		return;
	atomic_store_explicit(&input->stopping, true, memory_order_release);
	dnstap_input_wake(input);
	pthread_join(input->thread, NULL);
	input->started = false;
}

void dnstap_input_leave(struct dnstap_input *input)
{
	input->leaving = true;
	dnstap_input_stop(input);
	if (*input->stored && store_works())
		listen_leave(&input->listeners);
}

/* It never ran: what it took over is still in the store. */
static void free_adopted(struct dnstap_input *input)
{
	while (input->connections)
		dnstap_let_go(input, input->connections);
}

void dnstap_input_free(struct dnstap_input *input)
{
	if (!input)
		return;
	dnstap_input_stop(input);
	free_adopted(input);
	if (*input->stored && input->ran && !input->leaving)
		store_remove(input->stored);
	else if (*input->stored && input->listeners.passed)
		listen_leave(
		    &input->listeners); /* it never ran: what it took over is left as it was */
	listen_close(&input->listeners);
	if (input->epoll_fd >= 0)
		close(input->epoll_fd);
	if (input->event_fd >= 0)
		close(input->event_fd);
	pthread_mutex_destroy(&input->lock);
	pthread_mutex_destroy(&input->listeners_lock);
	door_unref(input->door);
	free(input->address);
	free(input->key);
	free(input->buffer);
	free(input);
}

const char *dnstap_input_address(const struct dnstap_input *input)
{
	return input->address;
}

void dnstap_input_stats(const struct dnstap_input *input, struct dnstap_stats *ret)
{
	const struct counters *counters = &input->counters;

	*ret = (struct dnstap_stats){
	    .frames = atomic_load_explicit(&counters->frames, memory_order_relaxed),
	    .frames_bad = atomic_load_explicit(&counters->frames_bad, memory_order_relaxed),
	    .bytes = atomic_load_explicit(&counters->bytes, memory_order_relaxed),
	    .accepted = atomic_load_explicit(&counters->accepted, memory_order_relaxed),
	    .refused = atomic_load_explicit(&counters->refused, memory_order_relaxed),
	    .timed_out = atomic_load_explicit(&counters->timed_out, memory_order_relaxed),
	    .denied = atomic_load_explicit(&counters->denied, memory_order_relaxed),
	    .cut = atomic_load_explicit(&counters->cut, memory_order_relaxed),
	    .not_after_s = dnstap_not_after(input),
	    .connections = atomic_load_explicit(&counters->connections, memory_order_relaxed),
	    .last_frame_ns = atomic_load_explicit(&counters->last_frame_ns, memory_order_relaxed),
	};
	pthread_mutex_lock((pthread_mutex_t *)&input->lock);
	memcpy(ret->version, input->version, sizeof(ret->version));
	pthread_mutex_unlock((pthread_mutex_t *)&input->lock);
}
