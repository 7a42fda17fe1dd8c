/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/status.h"

#include "base/clock.h"
#include "encode/row.h"
#include "report/agent_rows.h"
#include "text/json_text.h"

static void put_input(
    struct json_build *build, json_t *list, const struct report_input *input, int64_t now_ns)
{
	json_t *object = json_add_object(build, list);
	struct input_row row;

	input_row_of(input, NULL, now_ns, &row);
	json_put_text(build, object, "address", input->address);
	row_members(build, object, &measurements[M_CROSSTAP_INPUT], &row, input_row_knows(input));
}

static void put_output(struct json_build *build, json_t *list, const struct output_status *output)
{
	json_t *object = json_add_object(build, list);
	struct output_row row;

	output_row_of(&output->stats, &row);
	json_put_text(build, object, "name", output->name);
	row_members(build, object, &measurements[M_CROSSTAP_OUTPUT], &row, 0);
	json_put_bool(build, object, "failing", output->stats.failing);
	json_put_text(build, object, "last_error", output->stats.last_error);
}

static void put_agent(
    struct json_build *build, json_t *object, const struct report_status *status, int64_t now_ns)
{
	json_t *window;

	json_put_text(build, object, "server", status->server);
	json_put_int(build, object, "now_ms", now_ns / NS_PER_MS);
	json_put_int(build, object, "started_ms", status->started_ns / NS_PER_MS);
	if (status->window_end_ns) {
		window = json_put_object(build, object, "window");
		json_put_int(build, window, "start_ms", status->window_start_ns / NS_PER_MS);
		json_put_int(build, window, "end_ms", status->window_end_ns / NS_PER_MS);
	}
	row_members(build, object, &measurements[M_CROSSTAP], &status->figures, 0);
}

char *status_json(const struct report_status *status, int64_t now_ns)
{
	struct json_build build = {0};
	json_t *object = json_build_object(&build), *inputs, *outputs;
	char *text;

	put_agent(&build, object, status, now_ns);
	inputs = json_put_array(&build, object, "inputs");
	for (size_t i = 0; i < status->n_inputs; i++)
		put_input(&build, inputs, &status->inputs[i], now_ns);
	outputs = json_put_array(&build, object, "outputs");
	for (size_t i = 0; i < status->n_sinks; i++)
		put_output(&build, outputs, &status->sinks[i]);
	object = json_build_finish(&build, object);
	text = json_text(object);
	json_decref(object);
	return text;
}
