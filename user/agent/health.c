/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/health.h"

#include "text/escape.h"

#include <stdio.h>
#include <string.h>

#define REASON_BYTES 600

struct list {
	char *text;
	size_t size, used, n;
};

/* There is always room for the closing bracket. */
static void add(struct list *list, const char *reason)
{
	char safe[5 * REASON_BYTES];
	const size_t length = escape_write(safe, ESCAPE_JSON, reason, strlen(reason), REASON_BYTES);

	if (list->used + length + 5 > list->size)
		return;
	list->used += (size_t)snprintf(list->text + list->used, list->size - list->used,
	    "%s\"%.*s\"", list->n++ ? "," : "", (int)length, safe);
}

static void judge_outputs(const struct health_facts *facts, struct list *list)
{
	size_t failing = 0;

	for (size_t i = 0; i < facts->n_outputs; i++) {
		const struct output_status *output = &facts->outputs[i];
		char reason[REASON_BYTES];

		failing += output->stats.failing;
		if (!output->stats.refused)
			continue;
		snprintf(reason, sizeof(reason), "%s refuses all points: %s", output->name,
		    output->stats.last_error);
		add(list, reason);
	}
	if (failing && failing == facts->n_outputs)
		add(list, "every output fails");
}

bool health_judge(const struct health_facts *facts, char *reasons, size_t size)
{
	const int64_t two_ns = 2 * (int64_t)facts->interval_ns;
	const int64_t start_ns = two_ns > HEALTH_LEAST_START_NS ? two_ns : HEALTH_LEAST_START_NS;
	struct list list = {.text = reasons, .size = size};

	list.used = (size_t)snprintf(reasons, size, "[");
	if (facts->due_ns && facts->now_ns > facts->due_ns + two_ns)
		add(&list, "a window is over two intervals late");
	if (facts->inputs && !facts->connected && facts->now_ns > facts->started_ns + start_ns)
		add(&list, "no producer has connected since the start");
	judge_outputs(facts, &list);
	snprintf(reasons + list.used, size - list.used, "]");
	return list.n == 0;
}
