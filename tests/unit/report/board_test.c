/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "report/board.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_documents(void **state UNUSED)
{
	struct board *board;
	char *text;

	assert_int_equal(board_new(&board), 0);
	assert_null(board_get(board, BOARD_WINDOW));
	board_put(board, BOARD_WINDOW, strdup("1"));
	board_put(board, BOARD_CROSSCHECK, strdup("2"));
	board_put(board, BOARD_WINDOW, strdup("3"));
	text = board_get(board, BOARD_WINDOW);
	assert_string_equal(text, "3");
	free(text);
	assert_null(board_get(board, BOARD_RESOLVERS));
	board_put(board, BOARD_CROSSCHECK, NULL);
	assert_null(board_get(board, BOARD_CROSSCHECK));
	board_free(board);
	board_free(NULL);
}

static void test_status_sums_windows(void **state UNUSED)
{
	const struct agent_figures figures = {.frames = 10, .frames_bad = 1, .resolvers = 7};
	struct window_span span = {.start_ns = 1, .end_ns = 2};
	struct report_input inputs[2] = {{.address = "a"}, {.address = "b", .late = 3}};
	struct report_status *status;
	struct board *board;

	assert_int_equal(board_new(&board), 0);
	board_window(board, &span, &figures, inputs, 2);
	span.end_ns = 3;
	board_window(board, &span, &figures, inputs, 2);
	inputs[1].late = 99; /* the board has copies */
	assert_int_equal(board_status(board, &status), 0);
	assert_int_equal(status->figures.windows, 2);
	assert_int_equal(status->figures.frames, 20);
	assert_int_equal(status->figures.frames_bad, 2);
	assert_int_equal(status->figures.resolvers, 7);
	assert_int_equal(status->window_end_ns, 3);
	assert_int_equal(status->n_inputs, 2);
	assert_int_equal(status->inputs[1].late, 3);
	report_status_free(status);
	board_window(board, &span, &figures, NULL, 0);
	assert_int_equal(board_status(board, &status), 0);
	assert_int_equal(status->n_inputs, 0);
	report_status_free(status);
	board_free(board);
}

static void test_certificates(void **state UNUSED)
{
	struct report_status *status;
	struct board *board;
	char name[16];

	assert_int_equal(board_new(&board), 0);
	board_certificate(board, "http", 0);
	board_certificate(board, "http", 100);
	board_certificate(board, "tcp", 50);
	board_certificate(board, "http", 200);
	assert_int_equal(board_status(board, &status), 0);
	assert_int_equal(status->n_certificates, 2);
	assert_string_equal(status->certificates[0].name, "http");
	assert_int_equal(status->certificates[0].end_s, 200);
	report_status_free(status);
	board_certificate(board, "http", 0);
	for (int i = 0; i < 2 * REPORT_CERTIFICATES; i++) {
		snprintf(name, sizeof(name), "%d", i);
		board_certificate(board, name, 1);
	}
	assert_int_equal(board_status(board, &status), 0);
	assert_int_equal(status->n_certificates, REPORT_CERTIFICATES);
	assert_string_equal(status->certificates[0].name, "tcp");
	report_status_free(status);
	board_free(board);
}

static struct tops *one_top(void)
{
	struct tops *tops = calloc(1, sizeof(*tops) + sizeof(tops->rows[0]));

	assert_non_null(tops);
	tops->refs = 1;
	tops->n = 1;
	tops->rows[0].rank = 1;
	return tops;
}

static void *read_on(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		struct report_status *status;

		struct tops *tops = board_tops(arg);

		if (tops && tops->rows[0].rank != 1)
			abort();
		tops_unref(tops);
		free(board_get(arg, BOARD_WINDOW));
		if (board_status(arg, &status) == 0)
			report_status_free(status);
	}
	return NULL;
}

/* For the thread sanitizer. */
static void test_read_while_written(void **state UNUSED)
{
	const struct agent_figures figures = {.frames = 1};
	const struct window_span span = {0};
	struct report_input input = {.address = "a"};
	struct report_status *status;
	struct board *board;
	pthread_t reader;

	assert_int_equal(board_new(&board), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_on, board), 0);
	for (int i = 0; i < 2000; i++) {
		board_put(board, BOARD_WINDOW, strdup("{}"));
		board_put_tops(board, one_top());
		board_window(board, &span, &figures, &input, 1);
	}
	pthread_join(reader, NULL);
	assert_int_equal(board_status(board, &status), 0);
	assert_int_equal(status->figures.frames, 2000);
	report_status_free(status);
	board_free(board);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_documents),
	    cmocka_unit_test(test_status_sums_windows),
	    cmocka_unit_test(test_certificates),
	    cmocka_unit_test(test_read_while_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
