/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "dnstap/frame_stream.h"

#include "../guard.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MAX_FRAME 1000

static uint8_t *be32(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

/* A control frame of `type` with one field of type 1 for each name. */
static size_t control(uint8_t *out, uint32_t type, const char *const *names, size_t n)
{
	uint8_t *p = be32(be32(be32(out, 0), 0), type);

	for (size_t i = 0; i < n; i++) {
		const uint32_t length = (uint32_t)strlen(names[i]);

		p = be32(be32(p, 1), length);
		memcpy(p, names[i], length);
		p += length;
	}
	be32(out + 4, (uint32_t)(p - out - 8));
	return (size_t)(p - out);
}

static size_t data_frame(uint8_t *out, uint32_t length)
{
	memset(be32(out, length), 'x', length);
	return 4 + length;
}

/* What one call says of bytes that end at an unreadable page. */
struct answer {
	enum frame_stream_result result;
	size_t moved;
	uint32_t length;
	uint8_t reply[FRAME_STREAM_MAX_REPLY_BYTES];
	const char *error;
};

static struct answer ask(struct frame_stream *stream, const void *bytes, size_t length)
{
	struct answer answer = {.error = ""};
	const uint8_t *start = guard_put(bytes, length), *at = start, *frame;

	answer.result = frame_stream_next(
	    stream, &at, start + length, &frame, &answer.length, answer.reply, &answer.error);
	answer.moved = (size_t)(at - start);
	return answer;
}

static void assert_answer(
    struct frame_stream *stream, const uint8_t *bytes, size_t length, enum frame_stream_result as)
{
	const struct answer answer = ask(stream, bytes, length);

	assert_int_equal(answer.result, as);
	if (as == FRAME_STREAM_ERROR || as == FRAME_STREAM_MORE)
		assert_int_equal(answer.moved, 0);
	else
		assert_int_equal(answer.moved, length);
	if (as == FRAME_STREAM_ERROR)
		assert_string_not_equal(answer.error, "");
}

static const char *const ours[] = {"protobuf:dnstap.Dnstap"};

static void test_bidirectional(void **state UNUSED)
{
	struct frame_stream stream;
	struct answer answer;
	uint8_t bytes[600], accept[64];
	size_t n;

	frame_stream_init(&stream, MAX_FRAME);
	answer = ask(&stream, bytes, frame_stream_write_ready(bytes));
	assert_int_equal(answer.result, FRAME_STREAM_REPLY);
	n = control(accept, 1, ours, 1);
	assert_int_equal(answer.length, n);
	assert_memory_equal(answer.reply, accept, n);
	answer = ask(&stream, bytes, frame_stream_write_start(bytes));
	assert_int_equal(answer.result, FRAME_STREAM_REPLY);
	assert_int_equal(answer.length, 0);
	assert_answer(&stream, bytes, data_frame(bytes, 1), FRAME_STREAM_DATA);
	answer = ask(&stream, bytes, frame_stream_write_stop(bytes));
	assert_int_equal(answer.result, FRAME_STREAM_REPLY);
	n = control(accept, 5, NULL, 0);
	assert_int_equal(answer.length, n);
	assert_memory_equal(answer.reply, accept, n);
	assert_int_equal(stream.state, FRAME_STREAM_STOPPED);
	assert_answer(&stream, bytes, data_frame(bytes, 1), FRAME_STREAM_ERROR);
	assert_answer(&stream, bytes, frame_stream_write_start(bytes), FRAME_STREAM_ERROR);
}

static void test_unidirectional(void **state UNUSED)
{
	struct frame_stream stream;
	struct answer answer;
	uint8_t bytes[600];

	frame_stream_init(&stream, MAX_FRAME);
	assert_answer(&stream, bytes, frame_stream_write_start(bytes), FRAME_STREAM_REPLY);
	assert_answer(&stream, bytes, data_frame(bytes, 20), FRAME_STREAM_DATA);
	answer = ask(&stream, bytes, frame_stream_write_stop(bytes));
	assert_int_equal(answer.result, FRAME_STREAM_REPLY);
	assert_int_equal(answer.length, 0); /* nobody waits for FINISH */
}

static void test_content_types(void **state UNUSED)
{
	static const char *const other[] = {"protobuf:other"};
	static const char *const several[] = {"protobuf:other", "", "protobuf:dnstap.Dnstap"};
	static const char *const longer[] = {"protobuf:dnstap.Dnstap2"};

	for (uint32_t type = 2; type <= 4; type += 2) { /* START, READY */
		struct frame_stream stream;
		uint8_t bytes[600];

		frame_stream_init(&stream, MAX_FRAME);
		assert_answer(&stream, bytes, control(bytes, type, other, 1), FRAME_STREAM_ERROR);
		assert_answer(&stream, bytes, control(bytes, type, longer, 1), FRAME_STREAM_ERROR);
		assert_int_equal(stream.state, FRAME_STREAM_NEW);
		assert_answer(&stream, bytes, control(bytes, type, several, 3), FRAME_STREAM_REPLY);
		frame_stream_init(&stream, MAX_FRAME);
		assert_answer(&stream, bytes, control(bytes, type, NULL, 0), FRAME_STREAM_REPLY);
	}
}

/* Puts a stream into each of its states. */
static void enter(struct frame_stream *stream, enum frame_stream_state state)
{
	uint8_t bytes[64];

	frame_stream_init(stream, MAX_FRAME);
	if (state >= FRAME_STREAM_READY)
		ask(stream, bytes, frame_stream_write_ready(bytes));
	if (state >= FRAME_STREAM_STARTED)
		ask(stream, bytes, frame_stream_write_start(bytes));
	if (state >= FRAME_STREAM_STOPPED)
		ask(stream, bytes, frame_stream_write_stop(bytes));
	assert_int_equal(stream->state, state);
}

static void test_order(void **state UNUSED)
{
	/* By state: what is taken of ACCEPT START STOP READY FINISH, an unknown one, data. */
	static const char allowed[4][8] = {".S.R...", ".S.....", "..T...D", "......."};

	for (int from = FRAME_STREAM_NEW; from <= FRAME_STREAM_STOPPED; from++) {
		for (uint32_t what = 0; what < 7; what++) {
			const enum frame_stream_result good =
			    what == 6 ? FRAME_STREAM_DATA : FRAME_STREAM_REPLY;
			struct frame_stream stream;
			uint8_t bytes[64];
			size_t n =
			    what == 6 ? data_frame(bytes, 9) : control(bytes, what + 1, ours, 1);

			enter(&stream, (enum frame_stream_state)from);
			assert_answer(&stream, bytes, n,
			    allowed[from][what] == '.' ? FRAME_STREAM_ERROR : good);
		}
	}
}

/* A file that others were appended to: START begins again wherever a frame may; nothing else is
 * taken that a producer may not send. */
static void test_several_streams(void **state UNUSED)
{
	static const char allowed[4][8] = {".S.R...", ".S.....", ".ST...D", ".S....."};
	static const char *const other[] = {"protobuf:other"};
	struct frame_stream stream;
	uint8_t bytes[64];

	for (int from = FRAME_STREAM_NEW; from <= FRAME_STREAM_STOPPED; from++) {
		for (uint32_t what = 0; what < 7; what++) {
			const enum frame_stream_result good =
			    what == 6 ? FRAME_STREAM_DATA : FRAME_STREAM_REPLY;
			size_t n =
			    what == 6 ? data_frame(bytes, 9) : control(bytes, what + 1, ours, 1);

			enter(&stream, (enum frame_stream_state)from);
			stream.several = true;
			assert_answer(&stream, bytes, n,
			    allowed[from][what] == '.' ? FRAME_STREAM_ERROR : good);
		}
		enter(&stream, (enum frame_stream_state)from);
		stream.several = true;
		assert_answer(&stream, bytes, control(bytes, 2, other, 1), FRAME_STREAM_ERROR);
		assert_answer(&stream, bytes, frame_stream_write_start(bytes), FRAME_STREAM_REPLY);
		assert_int_equal(stream.state, FRAME_STREAM_STARTED);
		assert_answer(&stream, bytes, data_frame(bytes, 9), FRAME_STREAM_DATA);
	}
}

static void test_broken_control_frames(void **state UNUSED)
{
	struct frame_stream stream;
	uint8_t bytes[700];
	size_t n;

	for (uint32_t length = 0; length < 4; length++) {
		frame_stream_init(&stream, MAX_FRAME);
		control(bytes, 2, NULL, 0);
		be32(bytes + 4, length);
		assert_answer(&stream, bytes, 12, FRAME_STREAM_ERROR);
	}
	be32(bytes + 4, FRAME_STREAM_MAX_CONTROL_BYTES + 1);
	assert_answer(&stream, bytes, 8, FRAME_STREAM_ERROR); /* before the rest comes */
	be32(bytes + 4, UINT32_MAX);
	assert_answer(&stream, bytes, 8, FRAME_STREAM_ERROR);
	/* Trailing bytes that are no field; a field that overruns. */
	for (uint32_t more = 1; more < 8; more++) {
		n = control(bytes, 2, NULL, 0);
		memset(bytes + n, 0, more);
		be32(bytes + 4, 4 + more);
		assert_answer(&stream, bytes, n + more, FRAME_STREAM_ERROR);
	}
	n = control(bytes, 2, ours, 1);
	be32(bytes + 16, 23);
	assert_answer(&stream, bytes, n, FRAME_STREAM_ERROR);
	be32(bytes + 16, UINT32_MAX);
	assert_answer(&stream, bytes, n, FRAME_STREAM_ERROR);
	/* As long as may be. */
	memset(bytes, 0, sizeof(bytes));
	n = control(bytes, 2, ours, 1);
	be32(be32(bytes + n, 9), FRAME_STREAM_MAX_CONTROL_BYTES - ((uint32_t)n - 8) - 8);
	be32(bytes + 4, FRAME_STREAM_MAX_CONTROL_BYTES);
	assert_answer(&stream, bytes, FRAME_STREAM_MAX_CONTROL_BYTES + 8, FRAME_STREAM_REPLY);
}

/* Unbound and NSD do so unless told not to: the producer's log says nothing of use, ours must. */
static void test_names_tls(void **state UNUSED)
{
	static const uint8_t hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
	struct frame_stream stream;
	uint8_t bytes[64];

	frame_stream_init(&stream, MAX_FRAME);
	assert_non_null(strstr(ask(&stream, hello, sizeof(hello)).error, "dnstap-tls: no"));
	assert_answer(&stream, hello, sizeof(hello), FRAME_STREAM_ERROR);
	/* Once it has spoken otherwise it is no TLS. */
	ask(&stream, bytes, frame_stream_write_ready(bytes));
	assert_string_equal(
	    ask(&stream, hello, sizeof(hello)).error, "data outside START and STOP");
}

static void test_frame_sizes(void **state UNUSED)
{
	static const uint32_t too_long[] = {MAX_FRAME + 1, 1u << 31, UINT32_MAX};
	struct frame_stream stream;
	uint8_t bytes[MAX_FRAME + 16];

	enter(&stream, FRAME_STREAM_STARTED);
	assert_answer(&stream, bytes, data_frame(bytes, MAX_FRAME), FRAME_STREAM_DATA);
	for (size_t i = 0; i < sizeof(too_long) / sizeof(too_long[0]); i++) {
		be32(bytes, too_long[i]);
		assert_answer(&stream, bytes, 4, FRAME_STREAM_ERROR);
	}
}

/* Every beginning of a stream: never an early answer, never a byte read too far, and
 * frame_stream_want() names a size that helps and that never goes past the frame. */
static void test_every_beginning_asks_for_more(void **state UNUSED)
{
	uint8_t bytes[4][128];
	size_t lengths[4];

	lengths[0] = frame_stream_write_ready(bytes[0]);
	lengths[1] = frame_stream_write_start(bytes[1]);
	lengths[2] = data_frame(bytes[2], 77);
	lengths[3] = frame_stream_write_stop(bytes[3]);
	for (int from = FRAME_STREAM_NEW; from <= FRAME_STREAM_STARTED; from++) {
		for (int what = from; what == from || (from == 2 && what == 3); what++) {
			for (size_t have = 0; have < lengths[what]; have++) {
				const uint8_t *p;
				struct frame_stream stream;
				size_t want;

				enter(&stream, (enum frame_stream_state)from);
				assert_answer(&stream, bytes[what], have, FRAME_STREAM_MORE);
				p = guard_put(bytes[what], have);
				want = frame_stream_want(&stream, p, p + have);
				assert_true(want > have && want <= lengths[what]);
			}
		}
	}
}

static void test_want_does_not_trust_lengths(void **state UNUSED)
{
	struct frame_stream stream;
	uint8_t bytes[12] = {0xff, 0xff, 0xff, 0xff};

	enter(&stream, FRAME_STREAM_STARTED);
	assert_int_equal(frame_stream_want(&stream, bytes, bytes + 4), 4);
	be32(be32(bytes, 0), UINT32_MAX);
	assert_int_equal(frame_stream_want(&stream, bytes, bytes + 8), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bidirectional),
	    cmocka_unit_test(test_unidirectional),
	    cmocka_unit_test(test_content_types),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_several_streams),
	    cmocka_unit_test(test_broken_control_frames),
	    cmocka_unit_test(test_names_tls),
	    cmocka_unit_test(test_frame_sizes),
	    cmocka_unit_test(test_every_beginning_asks_for_more),
	    cmocka_unit_test(test_want_does_not_trust_lengths),
	};

	return cmocka_run_group_tests(tests, guard_setup, guard_teardown);
}
