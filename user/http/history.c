/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/history.h"

#include "base/clock.h"
#include "base/unused.h"
#include "history/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_BYTES 512

enum { FROM, TO, STEP, NAMES, PARAMETERS };
static const char *const names[PARAMETERS] = {"from", "to", "step", "names"};

struct parameters {
	const char *values[PARAMETERS];
	bool unknown, twice;
};

static enum MHD_Result note(
    void *context, enum MHD_ValueKind kind UNUSED, const char *key, const char *value)
{
	struct parameters *parameters = context;

	for (int i = 0; i < PARAMETERS; i++) {
		if (strcmp(key, names[i]) != 0)
			continue;
		parameters->twice |= parameters->values[i] != NULL;
		parameters->values[i] = value ? value : "";
		return MHD_YES;
	}
	parameters->unknown = true;
	return MHD_YES;
}

static int parse(struct MHD_Connection *connection, struct history_query *ret, char *error)
{
	struct parameters parameters = {0};

	MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, note, &parameters);
	if (parameters.unknown || parameters.twice) {
		snprintf(error, ERROR_BYTES, "the parameters are from, to, step and names, %s",
		    parameters.unknown ? "no others" : "each once");
		return -EINVAL;
	}
	return history_query_parse(ret, parameters.values[FROM], parameters.values[TO],
	    parameters.values[STEP], parameters.values[NAMES],
	    clock_wall_ns(&clock_system) / NS_PER_MS, error, ERROR_BYTES);
}

static unsigned code_of(int r)
{
	switch (r) {
	case 0:
		return MHD_HTTP_OK;
	case -EINVAL:
	case -E2BIG:
		return MHD_HTTP_BAD_REQUEST;
	case -ENODATA:
		return MHD_HTTP_NOT_FOUND;
	default:
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
}

char *http_history(struct report *report, struct MHD_Connection *connection, unsigned *ret_code)
{
	struct history *history = report_history(report);
	char error[ERROR_BYTES] = "nothing is remembered yet", *text = NULL;
	struct history_query query;
	int r = parse(connection, &query, error);

	if (r == 0)
		r = history ? history_answer(history, &query, &text, error, sizeof(error))
			    : -ENODATA;
	*ret_code = code_of(r);
	if (r < 0 && asprintf(&text, "{\"error\": \"%s\"}\n", error) < 0)
		text = NULL;
	return text;
}
