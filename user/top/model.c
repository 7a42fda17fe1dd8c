/* SPDX-License-Identifier: BSD-2-Clause */
#include "top/model.h"

#include <errno.h>
#include <string.h>

#define STAGE(id, name, words, loss) {name, words, loss},
const struct top_stage_words top_stages[STAGES] = {TOP_STAGES(STAGE)};

#define MIN_INTERVAL_S 1e-3
#define MAX_INTERVAL_S 1e6
#define NUMBERS(array) (sizeof(array) / sizeof((array)[0]))

struct member {
	const char *key;
	enum top_figure figure;
};

static bool is(const struct json_events *at, unsigned level, const char *key)
{
	return strcmp(at->levels[level].key, key) == 0;
}

static const char *own_key(const struct json_events *at)
{
	return at->levels[at->depth - 1].key;
}

/* An interval that no agent has would make rates that are no numbers. */
static void set_interval(struct top_model *model, double seconds)
{
	if (seconds >= MIN_INTERVAL_S && seconds <= MAX_INTERVAL_S)
		model->interval_s = seconds;
}

static void set_text(char *to, size_t size, const char *text)
{
	const size_t length = strnlen(text, size - 1);

	memcpy(to, text, length);
	to[length] = '\0';
}

/* A figure of the row at hand, if it is one of these. */
static void take_figure(struct table_row *row, const struct member *members, size_t n,
    const char *key, const struct json_value *value)
{
	if (value->event != JSON_EVENT_NUMBER)
		return;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(members[i].key, key) == 0)
			table_row_set(row, members[i].figure, value->number);
	}
}

static void clear_row(struct table_row *row)
{
	memset(row, 0, sizeof(*row));
}

/* -- status */

static void take_agent(struct top_model *model, const char *key, const struct json_value *value)
{
	if (value->event == JSON_EVENT_TEXT && strcmp(key, "server") == 0)
		set_text(model->server, sizeof(model->server), value->text);
	else if (value->event == JSON_EVENT_TEXT && strcmp(key, "version") == 0)
		set_text(model->version, sizeof(model->version), value->text);
	if (value->event != JSON_EVENT_NUMBER)
		return;
	if (strcmp(key, "now_ms") == 0)
		model->now_ms = value->number;
	else if (strcmp(key, "started_ms") == 0)
		model->started_ms = value->number;
	else if (strcmp(key, "rss_bytes") == 0)
		model->rss_bytes = value->number;
	else if (strcmp(key, "cpu_us") == 0)
		model->cpu_us = value->number;
	else if (strcmp(key, "resolvers") == 0)
		model->resolvers = value->number;
	else if (strcmp(key, "interval_s") == 0)
		set_interval(model, value->number);
}

/* The row at hand gets a place under its name. */
static void keep_row(struct top_model *model, enum top_list list)
{
	struct table_row *row;

	if (*model->row.name) {
		row = top_table_find(&model->lists[list], model->row.name);
		*row = model->row;
	}
	clear_row(&model->row);
}

static void take_input(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	static const struct member members[] = {{"frames", TOP_FRAMES},
	    {"connections", TOP_PRODUCERS}, {"frames_bad", TOP_BAD}, {"late", TOP_LATE},
	    {"last_frame_age_s", TOP_AGE_S}};

	if (at->depth == 2 && value->event == JSON_EVENT_OBJECT_END)
		keep_row(model, TOP_INPUTS);
	if (at->depth != 3)
		return;
	if (value->event == JSON_EVENT_TEXT && is(at, 2, "address"))
		set_text(model->row.name, sizeof(model->row.name), value->text);
	take_figure(&model->row, members, NUMBERS(members), own_key(at), value);
}

static void take_output(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	static const struct member members[] = {{"points", TOP_POINTS},
	    {"points_dropped", TOP_DROPPED}, {"points_rejected", TOP_REJECTED},
	    {"queued", TOP_QUEUED}};

	if (at->depth == 2 && value->event == JSON_EVENT_OBJECT_END)
		keep_row(model, TOP_OUTPUTS);
	if (at->depth != 3)
		return;
	if (value->event == JSON_EVENT_TEXT && is(at, 2, "name"))
		set_text(model->row.name, sizeof(model->row.name), value->text);
	else if (value->event == JSON_EVENT_TEXT && is(at, 2, "last_error"))
		set_text(model->row.note, sizeof(model->row.note), value->text);
	else if (value->event == JSON_EVENT_WORD && is(at, 2, "failing"))
		table_row_set(&model->row, TOP_FAILING, strcmp(value->text, "true") == 0);
	take_figure(&model->row, members, NUMBERS(members), own_key(at), value);
}

static void take_status(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	if (at->depth == 1)
		take_agent(model, own_key(at), value);
	else if (at->depth == 2 && is(at, 0, "window") && is(at, 1, "end_ms") &&
	    value->event == JSON_EVENT_NUMBER)
		model->window_end_ms = value->number;
	else if (is(at, 0, "inputs"))
		take_input(model, at, value);
	else if (is(at, 0, "outputs"))
		take_output(model, at, value);
}

/* -- window: zones, and sums over them */

/* The row joins the one of its name, and is empty then; a round-trip time is that of the larger
 * part. */
static void join_row(struct top_table *table, struct table_row *from)
{
	struct table_row *row;

	if (*from->name) {
		row = top_table_find(table, from->name);
		for (unsigned i = TOP_P50_US; i < TOP_FIGURES; i++) {
			if (table_row_knows(from, i) &&
			    (!table_row_knows(row, i) || from->figures[0] > row->figures[0]))
				table_row_set(row, i, from->figures[i]);
		}
		for (unsigned i = 0; i < TOP_P50_US; i++) {
			if (table_row_knows(from, i))
				table_row_add(row, i, from->figures[i]);
		}
		if (*from->note)
			memcpy(row->note, from->note, sizeof(row->note));
	}
	clear_row(from);
}

/* Counts that are members of an object of the zone. */
static void take_zone_count(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	static const struct member times[] = {{"p50", TOP_P50_US}, {"p99", TOP_P99_US}};
	const char *key = own_key(at);

	if (is(at, 2, "qtype")) {
		table_row_add(
		    top_table_find(&model->lists[TOP_TYPES], key), TOP_QUERIES, value->number);
	} else if (is(at, 2, "rcode")) {
		table_row_add(
		    top_table_find(&model->lists[TOP_RCODES], key), TOP_QUERIES, value->number);
		if (strcmp(key, "NXDOMAIN") == 0)
			table_row_set(&model->row, TOP_NXDOMAIN, value->number);
	} else if (is(at, 2, "malformed")) {
		table_row_add(&model->row, TOP_MALFORMED, value->number);
	} else if (is(at, 2, "response_time_us")) {
		take_figure(&model->row, times, NUMBERS(times), key, value);
	}
}

static void take_transport(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	char name[2 * JSON_EVENTS_TEXT];
	const char *key = own_key(at);

	if (strcmp(key, "queries") != 0 && strcmp(key, "responses") != 0)
		return;
	strcpy(name, at->levels[3].key);
	strcat(name, " ");
	strcat(name, at->levels[4].key);
	name[TOP_NAME_BYTES - 1] = '\0';
	table_row_add(top_table_find(&model->lists[TOP_TRANSPORTS], name),
	    *key == 'q' ? TOP_QUERIES : TOP_RESPONSES, value->number);
}

/* A network; the rest of them has no name, and only its weight is taken. */
static void take_subnet(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	static const struct member members[] = {{"queries", TOP_QUERIES},
	    {"response_bytes", TOP_RESPONSE_BYTES}, {"nxdomain", TOP_NXDOMAIN}};
	struct top_table *table = &model->lists[TOP_SUBNETS];

	if (at->depth == 4 && value->event == JSON_EVENT_OBJECT_END) {
		if (!*model->inner.name && table_row_knows(&model->inner, TOP_QUERIES))
			table->left_out_weight += model->inner.figures[TOP_QUERIES];
		join_row(table, &model->inner);
	}
	if (at->depth != 5)
		return;
	if (value->event == JSON_EVENT_TEXT && is(at, 4, "subnet"))
		set_text(model->inner.name, sizeof(model->inner.name), value->text);
	take_figure(&model->inner, members, NUMBERS(members), own_key(at), value);
}

static void end_zone(struct top_model *model, const char *name)
{
	model->queries += model->row.figures[TOP_QUERIES];
	model->responses += model->row.figures[TOP_RESPONSES];
	set_text(model->row.name, sizeof(model->row.name), name);
	keep_row(model, TOP_ZONES);
}

static void take_window(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	static const struct member members[] = {
	    {"queries", TOP_QUERIES}, {"responses", TOP_RESPONSES}, {"sources", TOP_SOURCES}};

	if (at->depth == 1 && is(at, 0, "interval_s") && value->event == JSON_EVENT_NUMBER)
		set_interval(model, value->number);
	if (at->depth == 1 && is(at, 0, "end_ms") && value->event == JSON_EVENT_NUMBER)
		model->window_end_ms = value->number;
	if (at->depth < 2 || !is(at, 0, "zones"))
		return;
	if (at->depth == 2 && value->event == JSON_EVENT_OBJECT_END)
		end_zone(model, own_key(at));
	else if (at->depth == 3)
		take_figure(&model->row, members, NUMBERS(members), own_key(at), value);
	else if (is(at, 2, "subnets"))
		take_subnet(model, at, value);
	else if (at->depth == 4 && value->event == JSON_EVENT_NUMBER)
		take_zone_count(model, at, value);
	else if (at->depth == 6 && value->event == JSON_EVENT_NUMBER && is(at, 2, "messages"))
		take_transport(model, at, value);
}

/* -- cross-check */

static void take_crosscheck(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	if (at->depth == 1 && value->event == JSON_EVENT_TEXT && is(at, 0, "verdict"))
		set_text(model->verdict, sizeof(model->verdict), value->text);
	if (at->depth != 2 || !is(at, 0, "funnel") || value->event != JSON_EVENT_NUMBER)
		return;
	for (unsigned i = 0; i < STAGES; i++) {
		if (strcmp(own_key(at), top_stages[i].name) != 0)
			continue;
		model->funnel[i] = value->number;
		model->funnel_known |= 1u << i;
	}
}

/* -- resolvers: clients, names, ASes, countries, summed over zones */

static void take_origin(struct top_model *model, const struct json_events *at,
    const struct json_value *value, enum top_list list)
{
	static const struct member members[] = {{"queries", TOP_QUERIES},
	    {"responses", TOP_RESPONSES}, {"sources", TOP_SOURCES}, {"nxdomain", TOP_NXDOMAIN},
	    {"icmp_rtt_ms", TOP_ICMP_MS}, {"tcp_rtt_ms", TOP_TCP_MS},
	    {"icmp_rtt_ms_p50", TOP_ICMP_MS}, {"tcp_rtt_ms_p50", TOP_TCP_MS},
	    {"asn", TOP_AS_NUMBER}};

	if (at->depth == 4 && value->event == JSON_EVENT_OBJECT_END) {
		if (list != TOP_CLIENTS)
			set_text(model->row.name, sizeof(model->row.name), own_key(at));
		join_row(&model->lists[list], &model->row);
	}
	if (at->depth != 5)
		return;
	if (value->event == JSON_EVENT_TEXT && list == TOP_CLIENTS && is(at, 4, "address"))
		set_text(model->row.name, sizeof(model->row.name), value->text);
	else if (value->event == JSON_EVENT_TEXT &&
	    (list == TOP_ASNS ? is(at, 4, "as_org") : is(at, 4, "country")))
		set_text(model->row.note, sizeof(model->row.note), value->text);
	take_figure(&model->row, members, NUMBERS(members), own_key(at), value);
}

/* A name, asked for or answered with NXDOMAIN. */
static void take_name(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	const bool nxdomain = is(at, 3, "nxdomain");

	if (at->depth == 5 && value->event == JSON_EVENT_OBJECT_END)
		join_row(&model->lists[TOP_NAMES], &model->row);
	if (at->depth != 6)
		return;
	if (value->event == JSON_EVENT_TEXT && is(at, 5, "name"))
		set_text(model->row.name, sizeof(model->row.name), value->text);
	else if (value->event == JSON_EVENT_NUMBER && is(at, 5, "count"))
		table_row_set(&model->row, nxdomain ? TOP_NXDOMAIN : TOP_QUERIES, value->number);
}

static void take_resolvers(
    struct top_model *model, const struct json_events *at, const struct json_value *value)
{
	if (at->depth < 4 || !is(at, 0, "zones"))
		return;
	if (is(at, 2, "resolvers"))
		take_origin(model, at, value, TOP_CLIENTS);
	else if (is(at, 2, "asns"))
		take_origin(model, at, value, TOP_ASNS);
	else if (is(at, 2, "countries"))
		take_origin(model, at, value, TOP_COUNTRIES);
	else if (is(at, 2, "names") && at->depth > 4)
		take_name(model, at, value);
}

/* -- documents */

static void take(void *context, const struct json_events *at, const struct json_value *value)
{
	static void (*const takers[TOP_DOCUMENTS])(
	    struct top_model *, const struct json_events *, const struct json_value *) = {
	    [TOP_STATUS] = take_status,
	    [TOP_WINDOW] = take_window,
	    [TOP_CROSSCHECK] = take_crosscheck,
	    [TOP_RESOLVERS] = take_resolvers,
	};
	struct top_model *model = context;

	takers[model->document](model, at, value);
}

void top_model_clear(struct top_model *model)
{
	memset(model, 0, offsetof(struct top_model, lists));
	model->interval_s = 1;
	for (unsigned i = 0; i < TOP_LISTS; i++)
		top_table_clear(&model->lists[i]);
	clear_row(&model->row);
	clear_row(&model->inner);
}

void top_model_begin(struct top_model *model, enum top_document document)
{
	model->document = document;
	clear_row(&model->row);
	clear_row(&model->inner);
	json_events_begin(&model->events, take, model);
}

int top_model_feed(struct top_model *model, const char *bytes, size_t length)
{
	return json_events_feed(&model->events, bytes, length);
}

int top_model_end(struct top_model *model)
{
	return json_events_done(&model->events) ? 0 : -EPROTO;
}

bool top_model_not_ok(const struct top_model *model)
{
	return *model->verdict && strcmp(model->verdict, "ok") != 0;
}
