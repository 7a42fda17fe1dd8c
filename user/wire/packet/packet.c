/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/packet/packet.h"

#include "base/clock.h"
#include "base/thread.h"
#include "wire/counter/fill.h"
#include "wire/netlink/netns.h"
#include "wire/packet/ring.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CPU_ROUND (2 * (uint64_t)NS_PER_S) /* over so long limits.cpu is judged */
#define CPU_SHARE 0.97 /* a thread that has a core to itself does not get all of it */
#define IDLE_MS   1000
#define LAST_MS   (3 * PACKET_RING_RETIRE_MS) /* a block is given over at the second look at it */
#define LOOK_MS   (PACKET_RING_RETIRE_MS / 5)

struct packet_source {
	struct packet_ring *rings;
	char (*names)[IFNAMSIZ];
	size_t n_rings;
	int stop;             /* eventfd */
	struct pollfd *polls; /* rings, and `stop` */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* all below; held for a block, a flip, a take */
	struct counter *counter;
	struct counter_window *now, *before; /* `before`: flipped, not taken; else NULL */
	struct counter_window *spare;
	double cpu;          /* of one processor that the thread may take */
	int64_t boundary_ns; /* packets older than this belong to `before` */
	int64_t end_ns;      /* packets from then on are another's to count */
	bool changed[2];     /* of now and before: not watched all the time, or by other rules */
	bool watched[2];     /* of now and before: at least at their beginning */
	bool stopped;
	char problem[128];
};

/* --- the thread ------------------------------------------------------------------------------- */

static void take_frame(
    struct packet_source *source, uint32_t interface, const struct packet_frame *frame)
{
	struct counter_window *window = source->now;
	const struct counter_packet packet = {
	    .data = frame->data,
	    .length = frame->length,
	    .frame_bytes = frame->frame_bytes,
	    .time_ns = (uint64_t)frame->time_ns,
	    .segments = frame->segments,
	    .interface = interface,
	    .direction = frame->outgoing ? WIRE_OUT : WIRE_IN,
	    .raw = source->rings[interface].raw,
	};

	if ((!frame->outgoing && !frame->incoming) || frame->time_ns >= source->end_ns)
		return;
	if (source->before && frame->time_ns < source->boundary_ns)
		window = source->before;
	counter_add_packet(source->counter, window, &packet);
}

static void drain(struct packet_source *source, uint32_t interface)
{
	struct packet_ring *ring = &source->rings[interface];
	struct packet_frame frame;
	void *block;

	while ((block = packet_ring_block(ring))) {
		void *at = NULL;

		pthread_mutex_lock(&source->lock);
		while (packet_ring_frame(ring, block, &at, &frame))
			take_frame(source, interface, &frame);
		pthread_mutex_unlock(&source->lock);
		packet_ring_release(ring, block);
	}
}

/* Of an interface that went: what it received last lies in a block that is not full, which the
 * kernel gives over by time, device or no device. */
static bool drain_last(struct packet_source *source, uint32_t interface)
{
	struct pollfd stop = source->polls[source->n_rings];

	for (int ms = 0; ms < LAST_MS; ms += LOOK_MS) {
		if (poll(&stop, 1, LOOK_MS) > 0)
			return false;
		drain(source, interface);
	}
	return true;
}

/* What has stopped shall cost the kernel nothing either. */
static void stop_with(struct packet_source *source, const char *format, const char *what)
{
	pthread_mutex_lock(&source->lock);
	snprintf(source->problem, sizeof(source->problem), format, what);
	source->stopped = true;
	source->changed[0] = true;
	source->changed[1] = source->changed[1] || source->before;
	for (size_t i = 0; i < source->n_rings; i++)
		packet_ring_close(&source->rings[i]);
	pthread_mutex_unlock(&source->lock);
}

/* The thread takes more of the processor than it may. */
static bool is_over(struct packet_source *source, uint64_t *round_ns, uint64_t *round_cpu_ns)
{
	const uint64_t now = clock_monotonic_ns();
	uint64_t cpu;
	bool over;

	if (now - *round_ns < CPU_ROUND)
		return false;
	cpu = clock_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	pthread_mutex_lock(&source->lock);
	over = (double)(cpu - *round_cpu_ns) > CPU_SHARE * source->cpu * (double)(now - *round_ns);
	pthread_mutex_unlock(&source->lock);
	*round_ns = now;
	*round_cpu_ns = cpu;
	return over;
}

static void *run(void *context)
{
	struct packet_source *source = context;
	struct pollfd *polls = source->polls;
	uint64_t round_ns = clock_monotonic_ns(), round_cpu_ns = 0;

	for (;;) {
		if (poll(polls, source->n_rings + 1, IDLE_MS) < 0 && errno != EINTR)
			break;
		if (polls[source->n_rings].revents)
			return NULL;
		for (uint32_t i = 0; i < source->n_rings; i++) {
			drain(source, i);
			if (polls[i].revents & (POLLERR | POLLHUP | POLLNVAL)) {
				if (drain_last(source, i))
					stop_with(source, "%s is down or gone", source->names[i]);
				return NULL;
			}
		}
		if (is_over(source, &round_ns, &round_cpu_ns)) {
			stop_with(source, "counting took more than limits.cpu%s", "");
			return NULL;
		}
	}
	stop_with(source, "poll: %s", strerror(errno));
	return NULL;
}

/* --- start and stop --------------------------------------------------------------------------- */

static void end_thread(struct packet_source *source)
{
	const uint64_t one = 1;

	if (source->started && write(source->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(source->thread, NULL);
	source->started = false;
}

struct opening {
	struct packet_source *source;
	const struct wire_rules *rules;
	size_t failed;
	int error;
};

static void open_rings(void *context)
{
	struct opening *opening = context;
	struct packet_source *source = opening->source;

	for (size_t i = 0; i < source->n_rings && opening->error == 0; i++) {
		opening->error =
		    packet_ring_open(&source->rings[i], source->names[i], opening->rules->ports);
		opening->failed = i;
		source->polls[i] =
		    (struct pollfd){.fd = source->rings[i].fd, .events = POLLIN | POLLERR};
	}
}

static int enter_and_open(struct packet_source *source, const struct wire_rules *rules,
    int namespace, char *error, size_t size)
{
	struct opening opening = {.source = source, .rules = rules};
	int r = netns_call(namespace, open_rings, &opening);

	if (r < 0)
		snprintf(error, size, "wire.netns: %s", strerror(-r));
	else if (opening.error < 0)
		snprintf(error, size, "%s: %s%s", source->names[opening.failed],
		    strerror(-opening.error),
		    opening.error == -EPERM || opening.error == -EAFNOSUPPORT
			? " (CAP_NET_RAW, AF_PACKET: the unit has them by packet-sockets.conf)"
			: "");
	return r < 0 ? r : opening.error;
}

static int allocate(struct packet_source *source, const struct wire_rules *rules,
    const char *const *interfaces, size_t n_interfaces)
{
	int r;

	source->rings = calloc(n_interfaces, sizeof(*source->rings));
	source->names = calloc(n_interfaces, sizeof(*source->names));
	source->polls = calloc(n_interfaces + 1, sizeof(*source->polls));
	source->stop = eventfd(0, EFD_CLOEXEC);
	if (!source->rings || !source->names || !source->polls || source->stop < 0)
		return -ENOMEM;
	source->n_rings = n_interfaces;
	for (size_t i = 0; i < n_interfaces; i++) {
		source->rings[i].fd = -1;
		snprintf(source->names[i], sizeof(source->names[i]), "%s", interfaces[i]);
	}
	source->polls[n_interfaces] = (struct pollfd){.fd = source->stop, .events = POLLIN};
	r = counter_new(&source->counter, rules, n_interfaces);
	if (r == 0)
		r = counter_window_new(&source->now, source->counter);
	if (r == 0)
		r = counter_window_new(&source->spare, source->counter);
	return r;
}

int packet_new(struct packet_source **ret, const struct wire_rules *rules, int namespace,
    const char *const *interfaces, size_t n_interfaces, char *error, size_t size)
{
	struct packet_source *source = calloc(1, sizeof(*source));
	int r = -ENOMEM;

	snprintf(error, size, "%s", strerror(ENOMEM));
	if (!source)
		return r;
	source->cpu = rules->cpu;
	source->stop = -1;
	source->end_ns = INT64_MAX;
	source->watched[0] = true;
	source->changed[0] = true; /* the first window does not begin with its start */
	pthread_mutex_init(&source->lock, NULL);
	r = allocate(source, rules, interfaces, n_interfaces);
	if (r == 0)
		r = enter_and_open(source, rules, namespace, error, size);
	if (r == 0) {
		r = thread_start(&source->thread, run, source);
		source->started = r == 0;
		if (r < 0)
			snprintf(error, size, "%s", strerror(-r));
	}
	if (r < 0) {
		packet_free(source);
		return r;
	}
	*ret = source;
	return 0;
}

void packet_free(struct packet_source *source)
{
	if (!source)
		return;
	end_thread(source);
	for (size_t i = 0; i < source->n_rings; i++)
		packet_ring_close(&source->rings[i]);
	if (source->stop >= 0)
		close(source->stop);
	counter_window_free(source->now);
	counter_window_free(source->before);
	counter_window_free(source->spare);
	counter_free(source->counter);
	free(source->rings);
	free(source->names);
	free(source->polls);
	pthread_mutex_destroy(&source->lock);
	free(source);
}

/* --- windows ---------------------------------------------------------------------------------- */

void packet_configure(struct packet_source *source, const struct wire_rules *rules)
{
	const char *failed = NULL;

	pthread_mutex_lock(&source->lock);
	counter_configure(source->counter, rules);
	source->cpu = rules->cpu;
	source->changed[0] = true;
	for (size_t i = 0; i < source->n_rings && !source->stopped; i++) {
		if (packet_ring_set_ports(&source->rings[i], rules->ports) < 0)
			failed = source->names[i];
	}
	pthread_mutex_unlock(&source->lock);
	if (!failed)
		return;
	end_thread(source); /* it reads the rings without the lock */
	if (!source->stopped)
		stop_with(source, "%s: the kernel does not take the filter of ports", failed);
}

void packet_end(struct packet_source *source, int64_t end_ns)
{
	pthread_mutex_lock(&source->lock);
	source->end_ns = end_ns;
	source->changed[0] = true;
	pthread_mutex_unlock(&source->lock);
}

int packet_flip(struct packet_source *source, int64_t boundary_ns)
{
	int r = -EBUSY;

	pthread_mutex_lock(&source->lock);
	if (!source->before) {
		source->before = source->now;
		source->now = source->spare;
		source->spare = NULL;
		source->boundary_ns = boundary_ns;
		source->changed[1] = source->changed[0];
		source->changed[0] = source->stopped;
		source->watched[1] = source->watched[0];
		source->watched[0] = !source->stopped;
		r = 0;
	}
	pthread_mutex_unlock(&source->lock);
	return r;
}

static void set_names(const struct packet_source *source, struct wire_window *window)
{
	/* counter_window_fill() made them in the caller's arena. */
	struct wire_interface *interfaces = (struct wire_interface *)window->interfaces;

	for (size_t i = 0; i < source->n_rings; i++)
		snprintf(interfaces[i].name, sizeof(interfaces[i].name), "%s", source->names[i]);
}

int packet_take(struct packet_source *source, struct arena *arena, struct wire_window *ret)
{
	struct counter_window *taken;
	struct wire_window window;
	int r;

	pthread_mutex_lock(&source->lock);
	taken = source->before;
	r = taken
	    ? counter_window_fill(taken, counter_options(source->counter), "packet", arena, &window)
	    : -EINVAL;
	if (r == 0) {
		window.watched = source->watched[1];
		window.whole = !source->changed[1];
		for (size_t i = 0; i < source->n_rings; i++)
			window.missed += packet_ring_drops(&source->rings[i]);
		source->before = NULL;
	}
	pthread_mutex_unlock(&source->lock);
	if (r < 0)
		return r;
	window.whole = window.whole && !window.missed;
	set_names(source, &window);
	counter_window_clear(taken);
	source->spare = taken; /* touched by flip and take alone: one thread's */
	*ret = window;
	return 0;
}

const char *packet_problem(struct packet_source *source)
{
	const char *problem;

	pthread_mutex_lock(&source->lock);
	problem = source->stopped ? source->problem : NULL;
	pthread_mutex_unlock(&source->lock);
	return problem;
}
