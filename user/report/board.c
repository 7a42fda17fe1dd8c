/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/board.h"

#include "base/clock.h"
#include "measure/measurement.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct board {
	pthread_mutex_t lock; /* all below */
	char *documents[BOARD_DOCUMENTS];
	struct tops *tops;
	struct report_status status; /* without sinks */
};

int board_new(struct board **ret)
{
	struct board *board = calloc(1, sizeof(*board));

	if (!board)
		return -ENOMEM;
	pthread_mutex_init(&board->lock, NULL);
	board->status.started_ns = clock_wall_ns(&clock_system);
	board->status.figures = (struct agent_figures){
	    .version = CROSSTAP_VERSION, .window_lag_ms = NAN, .mmdb_age_s = NAN};
	board->status.figures.start_time_s = (double)board->status.started_ns / NS_PER_S;
	*ret = board;
	return 0;
}

void board_free(struct board *board)
{
	if (!board)
		return;
	for (int i = 0; i < BOARD_DOCUMENTS; i++)
		free(board->documents[i]);
	tops_unref(board->tops);
	free(board->status.inputs);
	pthread_mutex_destroy(&board->lock);
	free(board);
}

void board_configure(struct board *board, const struct config *config)
{
	struct report_status *status = &board->status;

	pthread_mutex_lock(&board->lock);
	snprintf(status->server, sizeof(status->server), "%s", config->server);
	status->interval_ns = config->interval_ns;
	status->figures.interval_s = (double)config->interval_ns / NS_PER_S;
	status->figures.config_hash = config->hash;
	pthread_mutex_unlock(&board->lock);
}

static struct report_certificate *find_certificate(struct report_status *status, const char *name)
{
	for (size_t i = 0; i < status->n_certificates; i++) {
		if (strncmp(status->certificates[i].name, name,
			sizeof(status->certificates[i].name) - 1) == 0)
			return &status->certificates[i];
	}
	return NULL;
}

void board_certificate(struct board *board, const char *name, int64_t end_s)
{
	struct report_status *status = &board->status;
	struct report_certificate *at;

	pthread_mutex_lock(&board->lock);
	at = find_certificate(status, name);
	if (at && !end_s)
		*at = status->certificates[--status->n_certificates];
	if (!at && end_s && status->n_certificates < REPORT_CERTIFICATES)
		at = &status->certificates[status->n_certificates++];
	if (at && end_s) {
		snprintf(at->name, sizeof(at->name), "%s", name);
		at->end_s = end_s;
	}
	pthread_mutex_unlock(&board->lock);
}

void board_put(struct board *board, enum board_document document, char *text)
{
	char *old;

	pthread_mutex_lock(&board->lock);
	old = board->documents[document];
	board->documents[document] = text;
	pthread_mutex_unlock(&board->lock);
	free(old);
}

char *board_get(struct board *board, enum board_document document)
{
	char *text;

	pthread_mutex_lock(&board->lock);
	text = board->documents[document] ? strdup(board->documents[document]) : NULL;
	pthread_mutex_unlock(&board->lock);
	return text;
}

void board_put_tops(struct board *board, struct tops *tops)
{
	struct tops *old;

	pthread_mutex_lock(&board->lock);
	old = board->tops;
	board->tops = tops;
	pthread_mutex_unlock(&board->lock);
	tops_unref(old);
}

struct tops *board_tops(struct board *board)
{
	struct tops *tops;

	pthread_mutex_lock(&board->lock);
	tops = tops_ref(board->tops);
	pthread_mutex_unlock(&board->lock);
	return tops;
}

static struct report_input *copy_inputs(const struct report_input *inputs, size_t n)
{
	struct report_input *copy = calloc(n + 1, sizeof(*copy));

	if (copy && n)
		memcpy(copy, inputs, n * sizeof(*copy));
	return copy;
}

static void add_figures(struct report_status *status, const struct agent_figures *figures)
{
	struct agent_figures window = *figures;

	window.windows = 1;
	window.start_time_s = (double)status->started_ns / NS_PER_S;
	window.window_end_time_s = (double)status->window_end_ns / NS_PER_S;
	measure_add(&measurements[M_CROSSTAP], &status->figures, &window, 0);
}

void board_window(struct board *board, const struct window_span *span,
    const struct agent_figures *figures, const struct report_input *inputs, size_t n_inputs)
{
	struct report_input *copy = copy_inputs(inputs, n_inputs);
	struct report_status *status = &board->status;

	pthread_mutex_lock(&board->lock);
	status->window_start_ns = span->start_ns;
	status->window_end_ns = span->end_ns;
	add_figures(status, figures);
	free(status->inputs);
	status->inputs = copy;
	status->n_inputs = copy ? n_inputs : 0;
	pthread_mutex_unlock(&board->lock);
}

int board_status(struct board *board, struct report_status **ret)
{
	struct report_status *status = malloc(sizeof(*status));

	if (!status)
		return -ENOMEM;
	pthread_mutex_lock(&board->lock);
	*status = board->status;
	status->inputs = copy_inputs(board->status.inputs, status->n_inputs);
	pthread_mutex_unlock(&board->lock);
	if (!status->inputs) {
		free(status);
		return -ENOMEM;
	}
	*ret = status;
	return 0;
}

void report_status_free(struct report_status *status)
{
	if (!status)
		return;
	free(status->inputs);
	free(status->sinks);
	free(status);
}
