/* SPDX-License-Identifier: BSD-2-Clause */
/* What both witnesses look at: sockets with frames (in the place of dnstap/dnstap.c and what is
 * below it), and the kernel's counters (in the place of wire/watch.c, wire/bpf/, wire/host/). */
#include "simulation.h"

#include "base/unused.h"
#include "dnstap/dnstap.h"
#include "wire/bpf/bpf.h"
#include "wire/host/stages.h"
#include "wire/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BYTES (256 << 10)
#define FRAME_BYTES  256
#define NOTE_BYTES   1024
#define SETTLE_NS    (10 * (uint64_t)NS_PER_MS)
#define VERSION      "simulated 1.0"

void *__real_calloc(size_t n, size_t size);

/* -- producers: one for each input, connected as soon as somebody listens */

struct stream {
	uint8_t bytes[STREAM_BYTES];
	size_t length;
	struct sim_fed frames; /* in it */
};

struct dnstap_input {
	char address[64];
	unsigned number;
	struct dnstap_ops ops;
	void *context;
	struct receiver receiver;
	struct dnstap_stats stats;
	bool started, woken, stopping, left, ended;
};

static struct stream held[SIM_INPUTS];    /* by producers */
static struct stream sockets[SIM_INPUTS]; /* on their way */
static struct dnstap_input *listening[SIM_INPUTS];
struct sim_fed sim_fed;
struct sim_wire_counts sim_wire;

static size_t put_tag(uint8_t *at, unsigned field, unsigned type)
{
	at[0] = (uint8_t)(field << 3 | type);
	return 1;
}

static size_t put_varint(uint8_t *at, unsigned field, uint64_t value)
{
	size_t n = put_tag(at, field, 0);

	for (; value > 127; value >>= 7)
		at[n++] = (uint8_t)(value | 128);
	at[n++] = (uint8_t)value;
	return n;
}

static size_t put_bytes(uint8_t *at, unsigned field, const void *data, size_t length)
{
	size_t n = put_tag(at, field, 2);

	if (length > 127)
		at[n++] = (uint8_t)(length | 128);
	at[n++] = (uint8_t)(length > 127 ? length >> 7 : length);
	memcpy(at + n, data, length);
	return n + length;
}

static size_t put_fixed32(uint8_t *at, unsigned field, uint32_t value)
{
	size_t n = put_tag(at, field, 5);

	memcpy(at + n, &value, sizeof(value));
	return n + sizeof(value);
}

static const uint8_t query_message[] = {0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w',
    4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};
static const uint8_t response_message[] = {0x12, 0x34, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w',
    'w', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1};

/* One frame of dnstap.proto's Dnstap, with its length before it. */
static void put_frame(struct stream *stream, bool response, int64_t time_ns, uint32_t client)
{
	const uint8_t address[4] = {192, 0, 2, (uint8_t)client};
	const unsigned first = response ? 12 : 8; /* response_time_sec, query_time_sec */
	uint8_t message[FRAME_BYTES], frame[FRAME_BYTES];
	size_t n = 0, length;

	n += put_varint(message + n, 1, response ? 2 : 1); /* AUTH_RESPONSE, AUTH_QUERY */
	n += put_varint(message + n, 2, 1);                /* INET */
	n += put_varint(message + n, 3, 1);                /* UDP */
	n += put_bytes(message + n, 4, address, sizeof(address));
	n += put_varint(message + n, 6, 10000 + client);
	n += put_varint(message + n, 7, 53);
	n += put_varint(message + n, first, (uint64_t)(time_ns / NS_PER_S));
	n += put_fixed32(message + n, first + 1, (uint32_t)(time_ns % NS_PER_S));
	n += put_bytes(message + n, first + 2, response ? response_message : query_message,
	    sizeof(query_message));
	length = put_bytes(frame, 2, VERSION, sizeof(VERSION) - 1);
	length += put_bytes(frame + length, 14, message, n);
	length += put_varint(frame + length, 15, 1);
	if (stream->length + 4 + length > STREAM_BYTES)
		return; /* it has no more room, and drops it */
	memcpy(stream->bytes + stream->length, (uint8_t[]){0, 0, 0, (uint8_t)length}, 4);
	memcpy(stream->bytes + stream->length + 4, frame, length);
	stream->length += 4 + length;
	if (response)
		stream->frames.responses++;
	else
		stream->frames.queries++;
}

void sim_flush(void)
{
	for (int i = 0; i < SIM_INPUTS; i++) {
		struct stream *from = &held[i], *to = &sockets[i];

		if (!listening[i] || listening[i]->stopping) {
			from->length = 0; /* written to nobody */
			from->frames = (struct sim_fed){0};
			continue;
		}
		if (to->length + from->length > STREAM_BYTES)
			continue; /* the socket is full */
		memcpy(to->bytes + to->length, from->bytes, from->length);
		to->length += from->length;
		to->frames.queries += from->frames.queries;
		to->frames.responses += from->frames.responses;
		from->length = 0;
		from->frames = (struct sim_fed){0};
		sim_wake(listening[i]);
	}
}

bool sim_listens(unsigned input)
{
	return listening[input] && !listening[input]->stopping;
}

static void connect_producer(struct dnstap_input *input)
{
	struct receiver_step step;
	uint8_t start[64];
	const size_t length = frame_stream_write_start(start);

	receiver_init(&input->receiver, 65536);
	receiver_feed(&input->receiver, &input->ops.receiver, input->context, start, length, &step);
	if (step.error || step.used != length)
		sim_fail("START is not understood");
	input->stats.accepted++;
	input->stats.connections = 1;
	snprintf(input->stats.version, sizeof(input->stats.version), "%s", VERSION);
}

static void read_socket(struct dnstap_input *input)
{
	struct stream *socket = &sockets[input->number];
	static uint8_t bytes[STREAM_BYTES]; /* nobody else runs meanwhile */
	const size_t length = socket->length;
	struct receiver_step step;

	memcpy(bytes, socket->bytes, length);
	sim_fed.queries += socket->frames.queries;
	sim_fed.responses += socket->frames.responses;
	socket->length = 0;
	socket->frames = (struct sim_fed){0};
	input->ops.now(input->context, sim_wall_ns());
	receiver_feed(&input->receiver, &input->ops.receiver, input->context, bytes, length, &step);
	if (step.error || step.used != length)
		sim_fail("frames are not understood: %s", step.error ? step.error : "cut");
	input->ops.receiver.passed(input->context, bytes, length);
	input->stats.frames = input->receiver.frames;
	input->stats.last_frame_ns = sim_wall_ns();
}

static void *read_producer(void *argument)
{
	struct dnstap_input *input = argument;

	connect_producer(input);
	for (;;) {
		if (input->woken) {
			input->woken = false;
			input->ops.wake(input->context);
		} else if (sockets[input->number].length) {
			read_socket(input);
		} else if (input->stopping) {
			break;
		} else {
			sim_wait(input, UINT64_MAX);
		}
	}
	input->ops.wake(input->context);
	input->ended = true;
	sim_wake(&input->ended);
	return NULL;
}

int dnstap_input_open(struct dnstap_input **ret, const struct config_input *config,
    const int *fds UNUSED, size_t n_fds UNUSED, char *error, size_t size)
{
	struct dnstap_input *input = calloc(1, sizeof(*input));

	if (!input) {
		snprintf(error, size, "no memory");
		return -ENOMEM;
	}
	snprintf(input->address, sizeof(input->address), "%s", config->address);
	input->number = strstr(config->address, "1.sock") != NULL;
	*ret = input;
	return 0;
}

int dnstap_input_start(struct dnstap_input *input, const struct dnstap_limits *limits UNUSED,
    const struct dnstap_ops *ops, void *context)
{
	input->ops = *ops;
	input->context = context;
	input->started = true;
	listening[input->number] = input;
	return sim_spawn(read_producer, input);
}

int dnstap_input_set_access(struct dnstap_input *input UNUSED,
    const struct config_input *config UNUSED, char *error UNUSED, size_t size UNUSED)
{
	return 0;
}

bool dnstap_input_is_gone(struct dnstap_input *input UNUSED, bool *ret_passed UNUSED)
{
	return false;
}

void dnstap_input_yield(struct dnstap_input *input UNUSED, bool yield UNUSED)
{
}

void dnstap_input_set_door(struct dnstap_input *input UNUSED, struct door *door)
{
	door_unref(door);
}

void dnstap_input_wake(struct dnstap_input *input)
{
	input->woken = true;
	sim_wake(input);
}

void dnstap_input_set_limits(
    struct dnstap_input *input UNUSED, const struct dnstap_limits *limits UNUSED)
{
}

void dnstap_input_adopt(struct dnstap_input *input UNUSED, const struct config_input *config UNUSED,
    const struct passed_sockets *passed UNUSED, uint32_t max_frame UNUSED)
{
}

size_t dnstap_input_passed(const struct config_input *config UNUSED,
    const struct passed_sockets *passed UNUSED, int *ret UNUSED, size_t max UNUSED)
{
	return 0;
}

void dnstap_input_stop(struct dnstap_input *input)
{
	if (!input->started)
		return;
	input->stopping = true;
	sim_wake(input);
	while (!input->ended)
		sim_wait(&input->ended, UINT64_MAX);
	if (listening[input->number] == input)
		listening[input->number] = NULL;
}

void dnstap_input_leave(struct dnstap_input *input)
{
	dnstap_input_stop(input);
}

void dnstap_input_free(struct dnstap_input *input)
{
	if (input && input->started && !input->ended)
		dnstap_input_stop(input);
	free(input);
}

const char *dnstap_input_address(const struct dnstap_input *input)
{
	return input->address;
}

void dnstap_input_stats(const struct dnstap_input *input, struct dnstap_stats *ret)
{
	*ret = input->stats;
}

/* -- the kernel: counters that outlive the process */

struct counted {
	struct wire_counters counters[WIRE_DIRECTIONS];
	uint64_t stack_drops, socket_drops;
};

static struct {
	struct counted now;
	struct counted flipped;  /* when the slot was flipped last */
	struct counted reported; /* as of the newest window that an agent reported */
	uint64_t flip_start_ns, flip_end_ns;
	uint8_t note[NOTE_BYTES];
	size_t note_size;
} kernel;

struct watch {
	const struct clock *clock;
	struct counted before; /* at the flip before the last */
	bool begun;            /* a window was collected */
};

struct wire_mark {
	struct counted counted;
};

struct wire_stages {
	uint64_t stack_drops, socket_drops;
};

struct wire_stages_next {
	int unused;
};

static void count(struct wire_counters *counters, bool response, size_t length)
{
	struct wire_cell *cell = &counters->cells[WIRE_UDP][0];

	cell->packets++;
	cell->bytes += length + 28;
	cell->messages++;
	cell->message_bytes += length;
	counters->sizes[0][length / 16]++;
	if (response) {
		counters->rcodes[0]++;
	} else {
		counters->opcodes[0]++;
		counters->qtypes[1]++;
	}
}

void sim_query(unsigned input, enum sim_loss loss, uint64_t lag_ns)
{
	const uint32_t client = (uint32_t)sim_random(32);
	const int64_t time_ns = sim_wall_ns() + (int64_t)lag_ns;

	count(&kernel.now.counters[WIRE_IN], false, sizeof(query_message));
	sim_wire.in++;
	if (loss == SIM_LOSS_STACK)
		kernel.now.stack_drops++;
	if (loss == SIM_LOSS_SOCKET)
		kernel.now.socket_drops++;
	if (loss == SIM_LOSS_STACK || loss == SIM_LOSS_SOCKET)
		return;
	count(&kernel.now.counters[WIRE_OUT], true, sizeof(response_message));
	sim_wire.out++;
	if (loss == SIM_LOSS_DNSTAP) {
		sim_wire.lost_dnstap++;
		return;
	}
	put_frame(&held[input], false, time_ns, client);
	put_frame(&held[input], true, time_ns + (int64_t)(NS_PER_MS / 10), client);
}

void sim_witnesses_init(void)
{
	for (int i = 0; i < SIM_INPUTS; i++) {
		held[i].length = sockets[i].length = 0;
		held[i].frames = sockets[i].frames = (struct sim_fed){0};
		listening[i] = NULL;
	}
	sim_fed = (struct sim_fed){0};
	sim_wire = (struct sim_wire_counts){0};
	memset(&kernel, 0, sizeof(kernel));
}

/* What was on its way to the process is gone with its sockets. Programs go on counting, but not
 * without power. */
void sim_witnesses_killed(bool power)
{
	for (int i = 0; i < SIM_INPUTS; i++) {
		listening[i] = NULL;
		sockets[i].length = 0;
		sockets[i].frames = (struct sim_fed){0};
	}
	if (power) {
		memset(&kernel, 0, sizeof(kernel));
		for (int i = 0; i < SIM_INPUTS; i++) {
			held[i].length = 0;
			held[i].frames = (struct sim_fed){0};
		}
	}
}

int watch_new(struct watch **ret, const struct watch_options *options)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->clock = options->clock;
	*ret = watch;
	return 0;
}

/* Adopts: what nobody has reported goes into the first window. */
int watch_start(struct watch *watch)
{
	watch->before = kernel.reported;
	return 0;
}

void watch_configure(struct watch *watch UNUSED, const struct config *config UNUSED)
{
}

void watch_stop(struct watch *watch UNUSED)
{
}

void watch_free(struct watch *watch)
{
	free(watch);
}

int watch_fd(const struct watch *watch UNUSED)
{
	return -1;
}

void watch_process(struct watch *watch UNUSED)
{
}

void watch_flip(struct watch *watch, int64_t boundary_ns UNUSED, int64_t due_ns)
{
	const int64_t late_ns = clock_wall_ns(watch->clock) - due_ns;

	kernel.flip_start_ns = kernel.flip_end_ns;
	kernel.flip_end_ns = late_ns > 0 ? (uint64_t)late_ns : 0;
	kernel.flipped = kernel.now;
}

uint64_t watch_settle_ns(const struct watch *watch UNUSED)
{
	return SETTLE_NS;
}

/* Words of `ret` less those of `before`. */
static void subtract(
    struct wire_counters *ret, const struct wire_counters *now, const struct wire_counters *before)
{
	const uint64_t *a = (const uint64_t *)now, *b = (const uint64_t *)before;
	uint64_t *to = (uint64_t *)ret;

	for (size_t i = 0; i < sizeof(*ret) / sizeof(*to); i++)
		to[i] = a[i] - b[i];
}

int watch_collect(struct watch *watch, struct wire_window *ret, struct arena *arena)
{
	struct wire_interface *interface = arena_alloc(arena, sizeof(*interface));
	struct wire_mark *mark = arena_alloc(arena, sizeof(*mark));

	if (!interface || !mark)
		return -ENOMEM;
	*interface = (struct wire_interface){.name = "eth0", .mode = "native", .egress = true};
	for (int i = 0; i < WIRE_DIRECTIONS; i++)
		subtract(&interface->counters[i], &kernel.flipped.counters[i],
		    &watch->before.counters[i]);
	mark->counted = kernel.flipped;
	*ret = (struct wire_window){.watched = true,
	    .whole = watch->begun,
	    .flip_start_ns = kernel.flip_start_ns,
	    .flip_end_ns = kernel.flip_end_ns,
	    .interfaces = interface,
	    .n_interfaces = 1,
	    .mark = mark};
	watch->before = kernel.flipped;
	watch->begun = true;
	return 0;
}

bool watch_is_native(const struct watch *watch UNUSED)
{
	return true;
}

size_t watch_own(const struct watch *watch UNUSED, const uint64_t (**ret)[2], uint64_t *ret_version)
{
	*ret = NULL;
	*ret_version = 1;
	return 0;
}

struct wire_bpf *watch_bpf(const struct watch *watch UNUSED)
{
	return NULL;
}

void wire_bpf_reported(struct wire_bpf *bpf UNUSED, const struct wire_mark *mark)
{
	sim_kept_reported();
	if (mark)
		kernel.reported = mark->counted;
}

void wire_bpf_note(struct wire_bpf *bpf UNUSED, const void *note, size_t size)
{
	if (size > NOTE_BYTES)
		sim_fail("a note of %zu bytes", size);
	memcpy(kernel.note, note, size);
	kernel.note_size = size;
}

bool wire_bpf_noted(const struct wire_bpf *bpf UNUSED, void *ret, size_t size)
{
	if (kernel.note_size != size)
		return false;
	memcpy(ret, kernel.note, size);
	return true;
}

int wire_bpf_config_fd(const struct wire_bpf *bpf UNUSED)
{
	return -1;
}

/* -- what the host dropped */

int wire_stages_new(struct wire_stages **ret, const struct config *config UNUSED)
{
	struct wire_stages *stages = calloc(1, sizeof(*stages));

	if (!stages)
		return -ENOMEM;
	stages->stack_drops = kernel.now.stack_drops;
	stages->socket_drops = kernel.now.socket_drops;
	*ret = stages;
	return 0;
}

void wire_stages_free(struct wire_stages *stages)
{
	free(stages);
}

int wire_stages_prepare(struct wire_stages *stages UNUSED, const struct config *config UNUSED,
    struct wire_stages_next **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void wire_stages_commit(struct wire_stages *stages UNUSED, struct wire_stages_next *next)
{
	free(next);
}

void wire_stages_next_free(struct wire_stages_next *next)
{
	free(next);
}

void wire_stages_follow(struct wire_stages *stages UNUSED, int config_fd UNUSED)
{
}

void wire_stages_read(struct wire_stages *stages, bool native UNUSED, int config_fd UNUSED,
    struct wire_window *window, struct arena *arena)
{
	struct wire_drop *drop = arena_alloc(arena, sizeof(*drop));

	window->known |= WIRE_KNOWS_NIC_DROPS | WIRE_KNOWS_SOCKETS | WIRE_KNOWS_TX_DROPS;
	window->socket_drops = kernel.now.socket_drops - stages->socket_drops;
	stages->socket_drops = kernel.now.socket_drops;
	if (!drop)
		return;
	*drop = (struct wire_drop){
	    "NETFILTER_DROP", kernel.now.stack_drops - stages->stack_drops, false};
	stages->stack_drops = kernel.now.stack_drops;
	window->known |= WIRE_KNOWS_STACK_DROPS;
	window->drops_by_packet = true;
	window->stack_drops = drop;
	window->n_stack_drops = 1;
}
