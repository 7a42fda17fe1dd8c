/* SPDX-License-Identifier: BSD-2-Clause */
/* The thread: sends what is due, reads what came back. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/least.h"
#include "base/log.h"
#include "ping/ping_internal.h"

/* An answer waits in the socket, stamped by the kernel, until the thread is awake anyway. */
#define DRAIN_NS        (100 * NS_PER_MS)
#define REFRESH_HOST_NS (10ULL * NS_PER_S)
#define MAX_ATTEMPTS    256 /* to send, a round: refusals cost system calls, too */

/* ---- events ---- */

/* The wall clock may be stepped between the stamps; the monotonic clock bounds what can be true. */
static uint64_t round_trip_ns(const struct probe *probe, int64_t arrived_ns, uint64_t now_ns)
{
	uint64_t at_most = now_ns - probe->sent_ns;
	int64_t rtt_ns = arrived_ns - probe->sent_wall_ns;

	return arrived_ns && rtt_ns > 0 && (uint64_t)rtt_ns <= at_most ? (uint64_t)rtt_ns : at_most;
}

static void on_reply(struct ping *ping, struct probe *probe, const struct ping_event *event)
{
	uint64_t now_ns = clock_monotonic_ns();
	uint64_t rtt_ns = round_trip_ns(probe, event->wall_ns, now_ns);

	if (probe->state == PROBE_ANSWERED) {
		ping->stats.duplicates++;
		return;
	}
	if (probe->state == PROBE_TIMED_OUT) {
		ping->stats.late++;
		ping_probes_answered(ping->probes, probe);
		return;
	}
	/* One in time, but read late, is in time. */
	if (rtt_ns > PING_TIMEOUT_NS) {
		ping->stats.late++;
		ping->stats.timeouts++;
		ping_schedule_timed_out(ping->schedule, &probe->address, now_ns);
	} else {
		ping->stats.received++;
		ping_schedule_replied(ping->schedule, &probe->address, rtt_ns, now_ns);
	}
	ping_probes_answered(ping->probes, probe);
}

static void on_error(struct ping *ping, struct probe *probe, const struct ping_event *event)
{
	bool objection = event->error == PING_PROHIBITED || event->error == PING_QUENCHED;

	if (probe->state != PROBE_WAITING) {
		ping->stats.duplicates++;
		return;
	}
	ping->stats.errors++;
	ping_schedule_objected(ping->schedule, &probe->address,
	    objection ? PING_BACKOFF_OBJECTION : PING_BACKOFF_ERROR, clock_monotonic_ns());
	ping_probes_answered(ping->probes, probe);
}

static void on_event(void *context, const struct ping_event *event)
{
	struct ping *ping = context;
	bool departed = event->kind == PING_EVENT_DEPARTED;
	struct probe *probe;

	if (event->kind == PING_EVENT_MALFORMED) {
		ping->stats.malformed++;
		return;
	}
	probe = ping_probes_find(ping->probes, event->sequence, departed ? NULL : &event->address,
	    event->cookie, event->cookie_length);
	if (!probe) {
		ping->stats.strangers += !departed;
	} else if (event->kind == PING_EVENT_REPLY) {
		on_reply(ping, probe, event);
	} else if (event->kind == PING_EVENT_ERROR) {
		on_error(ping, probe, event);
	} else if (!probe->stamped && event->wall_ns >= probe->sent_wall_ns) {
		probe->stamped = 1;
		probe->sent_wall_ns = event->wall_ns;
		ping->stats.stamped++;
	}
}

/* After sending, as the stamps of what just left are there at once; before a probe times out; else
 * now and then. */
static void drain(struct ping *ping, uint64_t now_ns)
{
	bool expiring = ping_probes_deadline_ns(ping->probes) <= now_ns;

	for (int i = 0; i < N_FAMILIES; i++) {
		struct family *family = &ping->families[i];

		if (!family->socket ||
		    (!expiring && !family->sent_now && now_ns - family->drained_ns < DRAIN_NS))
			continue;
		family->sent_now = false;
		family->drained_ns = now_ns;
		ping_socket_drain(family->socket, on_event, ping);
	}
}

/* ---- sending ---- */

static struct family *family_of(struct ping *ping, const struct ping_address *address)
{
	return &ping->families[address->family == 4 ? IPV4 : IPV6];
}

unsigned ping_open_families(const struct ping *ping)
{
	return (ping->families[IPV4].socket ? 1u << 4 : 0) |
	    (ping->families[IPV6].socket ? 1u << 6 : 0);
}

/* PING_ALLOWED fills the source to send from; its family 0: the kernel may choose. */
static enum ping_refusal choose_source(
    struct ping *ping, const struct ping_address *destination, struct ping_address *source)
{
	struct family *family = family_of(ping, destination);
	int r;

	if (ping_socket_source(family->socket)) {
		*source = *ping_socket_source(family->socket);
		return PING_ALLOWED;
	}
	*source = (struct ping_address){0};
	if (ping_rules_any_source_allowed(&ping->rules, destination->family))
		return PING_ALLOWED;
	r = ping_socket_route(family->socket, destination, source);
	if (r < 0)
		return r == -EACCES ? PING_REFUSED_BROADCAST : PING_REFUSED_NO_ROUTE;
	if (ping_rules_source_allowed(&ping->rules, source))
		return PING_ALLOWED;
	family->refused_source++;
	family->refused = *source;
	return PING_REFUSED_SOURCE;
}

static int64_t wall_now_ns(void)
{
	return clock_wall_ns(&clock_system);
}

static void send_probe(
    struct ping *ping, const struct ping_address *address, const struct ping_address *source)
{
	struct family *family = family_of(ping, address);
	struct probe *probe;
	int r = ping_probes_begin(ping->probes, address, &probe);

	if (r == 0) {
		probe->sent_ns = clock_monotonic_ns();
		probe->sent_wall_ns = wall_now_ns();
		r = ping_socket_send(family->socket, address, source->family ? source : NULL,
		    probe->sequence, probe->cookie);
		/* Logged even if it failed: nobody knows how far it came. */
		ping_pace_sent(&ping->pace, clock_monotonic_ns());
		if (r < 0)
			ping_probes_abandon(ping->probes, probe);
	}
	if (r == 0) {
		family->sent++;
		family->sent_now = true;
		ping->stats.sent++;
		ping_schedule_sent(ping->schedule, address, clock_monotonic_ns());
	} else {
		ping->stats.send_failed++;
		ping->stats.refused[PING_REFUSED_BROADCAST] += r == -EACCES;
		ping->stats.refused[PING_REFUSED_NO_ROUTE] +=
		    r == -ENETUNREACH || r == -EHOSTUNREACH;
		ping_schedule_postponed(ping->schedule, address, clock_monotonic_ns());
	}
}

static void refresh_host(struct ping *ping, uint64_t now_ns)
{
	if (ping->host_ns && now_ns - ping->host_ns < REFRESH_HOST_NS)
		return;
	/* An older list serves when there is no memory for a new one. */
	if (ping_rules_refresh_host(&ping->rules) == 0)
		ping->host_ns = now_ns;
}

static void send_due(struct ping *ping)
{
	uint64_t now_ns = clock_monotonic_ns();
	int most = MAX_ATTEMPTS;

	while (most-- > 0 && ping_pace_next_ns(&ping->pace) <= now_ns) {
		struct ping_address address, source;
		enum ping_refusal refusal;

		if (!ping_schedule_take(ping->schedule, now_ns, ping_open_families(ping), &address))
			break;
		refresh_host(ping, now_ns);
		refusal = ping_rules_check(&ping->rules, &address);
		if (refusal == PING_ALLOWED)
			refusal = ping->host_ns ? choose_source(ping, &address, &source)
						: PING_REFUSED_SOURCE;
		if (refusal == PING_ALLOWED) {
			send_probe(ping, &address, &source);
		} else {
			ping->stats.refused[refusal]++;
			ping_schedule_postponed(ping->schedule, &address, now_ns);
		}
		now_ns = clock_monotonic_ns();
	}
}

static void expire(struct ping *ping, uint64_t now_ns)
{
	struct probe *probe;

	while ((probe = ping_probes_expire(ping->probes, now_ns))) {
		ping->stats.timeouts++;
		ping_schedule_timed_out(ping->schedule, &probe->address, now_ns);
	}
}

/* ---- the thread ---- */

uint64_t ping_next_wake_ns(struct ping *ping, uint64_t now_ns)
{
	uint64_t wake_ns = PING_NEVER;

	if (ping->enabled && ping_open_families(ping)) {
		wake_ns = ping_schedule_next_ns(ping->schedule);
		if (wake_ns != PING_NEVER && ping_pace_next_ns(&ping->pace) > wake_ns)
			wake_ns = ping_pace_next_ns(&ping->pace);
	}
	if (ping_probes_waiting(ping->probes))
		wake_ns =
		    least(wake_ns, least(ping_probes_deadline_ns(ping->probes), now_ns + DRAIN_NS));
	return wake_ns < now_ns + PING_TICK_NS ? now_ns + PING_TICK_NS : wake_ns;
}

static void sleep_until(struct ping *ping, uint64_t wake_ns)
{
	struct timespec ts = {
	    .tv_sec = (time_t)(wake_ns / NS_PER_S), .tv_nsec = (long)(wake_ns % NS_PER_S)};

	ping->wake_ns = wake_ns;
	if (wake_ns == PING_NEVER)
		pthread_cond_wait(&ping->wake, &ping->lock);
	else
		pthread_cond_timedwait(&ping->wake, &ping->lock, &ts);
	ping->wake_ns = 0;
}

void *ping_run(void *context)
{
	struct ping *ping = context;
	char status[PING_STATUS_BYTES], logged[PING_STATUS_BYTES] = "";
	uint64_t now_ns;

	pthread_mutex_lock(&ping->lock);
	while (!ping->stop) {
		if (ping->enabled)
			send_due(ping);
		now_ns = clock_monotonic_ns();
		drain(ping, now_ns);
		expire(ping, now_ns);
		ping_describe(ping, status);
		if (strcmp(status, logged) != 0) {
			log_info("ping", "%s", status);
			memcpy(logged, status, sizeof(logged));
		}
		sleep_until(ping, ping_next_wake_ns(ping, clock_monotonic_ns()));
	}
	pthread_mutex_unlock(&ping->lock);
	return NULL;
}
