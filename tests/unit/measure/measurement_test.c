/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of what is measured: what it must be for others to follow from it. */
#include "base/unused.h"

#include "config/parse/texts.h"
#include "measure/margin_tag.h"
#include "measure/measurement.h"
#include "measure/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool is_name(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text);
}

static bool is_number(enum measure_type type)
{
	return type == MEASURE_COUNTER || type == MEASURE_GAUGE;
}

static void check_field(const struct measurement *measurement, const struct measure_field *field)
{
	const bool integer = field->form == FORM_U64 || field->form == FORM_I64 ||
	    field->form == FORM_BOOL || field->form == FORM_NONE;

	assert_true(is_name(field->name));
	assert_true(strlen(field->help) > 3 && field->help[strlen(field->help) - 1] == '.');
	assert_null(strchr(field->help, '\n'));
	assert_non_null(field->unit);
	/* The type says how a value is written, the form how it is held: they agree. */
	if (is_number(field->type))
		assert_true(integer);
	else if (field->type == MEASURE_FLOAT)
		assert_int_equal(field->form, FORM_DOUBLE);
	else if (field->type == MEASURE_TEXT)
		assert_true(field->form == FORM_TEXT || field->form == FORM_HEX);
	else
		assert_int_equal(field->form, FORM_NONE);
	/* Counters only grow; `corrected` is a sum of a count and what is above 0. */
	if (field->type == MEASURE_COUNTER && field->form == FORM_I64)
		assert_string_equal(field->name, "corrected");
	for (const struct measure_field *other = measurement->fields; other < field; other++)
		assert_string_not_equal(other->name, field->name);
}

static void fields_are_well_formed(void **state UNUSED)
{
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		const struct measurement *measurement = &measurements[i];

		assert_true(is_name(measurement->name));
		assert_true(measurement->n_fields > 0);
		assert_true(measurement->n_tags <= MEASURE_MAX_TAGS);
		for (size_t k = 0; k < measurement->n_fields; k++)
			check_field(measurement, &measurement->fields[k]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(measurements[k].name, measurement->name);
	}
}

/* Prometheus' rules: one family a name, counters end in _total, and nothing else does. */
static void metrics_are_well_formed(void **state UNUSED)
{
	char names[256][MEASURE_METRIC_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		for (size_t k = 0; k < measurements[i].n_fields; k++) {
			const struct measure_field *field = &measurements[i].fields[k];
			size_t length;

			if (!measure_metric(&measurements[i], field, names[n]))
				continue;
			length = strlen(names[n]);
			assert_true(is_name(names[n]));
			assert_int_equal(strncmp(names[n], "crosstap_", 9), 0);
			assert_int_equal(strcmp(names[n] + length - 6, "_total") == 0,
			    field->type == MEASURE_COUNTER);
			for (size_t m = 0; m < n; m++)
				assert_string_not_equal(names[m], names[n]);
			assert_true(++n < 256);
		}
	}
	assert_true(n > 80);
}

/* A tag of the configuration would be missing where a point has one of that name. */
static void tags_of_points_are_reserved(void **state UNUSED)
{
	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		/* In points of OTLP there is a verdict as well. */
		if (measurements[i].when == WHEN_METRICS && i != M_VERDICT)
			continue;
		for (size_t k = 0; k < measurements[i].n_tags; k++)
			assert_non_null(
			    text_check_tag_key(measure_tags[measurements[i].tags[k]].name));
	}
	assert_null(text_check_tag_key("site"));
}

static const char *metric_of(enum measurement_id id, const char *field)
{
	static char name[MEASURE_METRIC_BYTES];

	assert_ptr_equal(measurement_find(measurements[id].name), &measurements[id]);
	return measure_metric(&measurements[id], measurement_field(&measurements[id], field), name)
	    ? name
	    : NULL;
}

static void names_follow(void **state UNUSED)
{
	assert_string_equal(metric_of(M_DNS, "queries"), "crosstap_dns_queries_total");
	assert_string_equal(metric_of(M_WIRE, "packets"), "crosstap_wire_packets_total");
	assert_string_equal(metric_of(M_FUNNEL, "nic_drops"), "crosstap_funnel_nic_drops_total");
	assert_string_equal(metric_of(M_FUNNEL, "queued"), "crosstap_funnel_queued");
	assert_string_equal(metric_of(M_CROSSTAP, "frames_bad"), "crosstap_frames_bad_total");
	assert_string_equal(metric_of(M_CROSSTAP, "cpu_us"), "crosstap_cpu_seconds_total");
	assert_string_equal(metric_of(M_CROSSTAP_INPUT, "frames"), "crosstap_input_frames_total");
	assert_null(metric_of(M_DNS_COUNTRY, "queries"));
	assert_null(metric_of(M_FUNNEL, "verdict"));
	assert_null(measurement_find("crosstap_output")); /* there are no such points */
	assert_null(measurement_find("none"));
	assert_null(measurement_field(&measurements[M_DNS], "none"));
	assert_null(measurement_field(&measurements[M_CROSSTAP_INPUT], "bytes"));
}

static const struct measure_field *field_of(enum measurement_id id, const char *name)
{
	return measurement_field(&measurements[id], name);
}

static void values_come_from_rows(void **state UNUSED)
{
	struct funnel_row row = {.verdict = "ok", .complete = true};
	const struct agent_figures figures = {
	    .config_hash = 0xabc, .frames = UINT64_MAX, .mmdb_age_s = NAN, .interval_s = 0.25};
	char buffer[MEASURE_TEXT_BYTES];

	row.funnel.balance = -7;
	row.funnel.wire_queries = 5;
	assert_int_equal(measure_integer(field_of(M_FUNNEL, "balance"), &row), -7);
	assert_int_equal(measure_integer(field_of(M_FUNNEL, "wire_queries"), &row), 5);
	assert_int_equal(measure_integer(field_of(M_FUNNEL, "complete"), &row), 1);
	assert_string_equal(measure_text(field_of(M_FUNNEL, "verdict"), &row, buffer), "ok");
	assert_string_equal(measure_text(field_of(M_CROSSTAP, "config_hash"), &figures, buffer),
	    "0000000000000abc");
	assert_true(measure_integer(field_of(M_CROSSTAP, "frames"), &figures) == INT64_MAX);
	assert_true(isnan(measure_number(field_of(M_CROSSTAP, "mmdb_age_s"), &figures)));
	assert_true(measure_number(field_of(M_CROSSTAP, "interval_s"), &figures) == 0.25);
	assert_null(measure_text(field_of(M_CROSSTAP, "version"), &figures, buffer));
}

static void sums_are_of_counters(void **state UNUSED)
{
	struct agent_figures sum = {.version = "old"},
			     window = {
				 .version = "new", .frames = 3, .resolvers = 9, .interval_s = 10};
	struct wire_cell cells = {0}, cell = {.packets = 2, .messages = 2, .resync = 2};

	measure_add(&measurements[M_CROSSTAP], &sum, &window, 0);
	window.resolvers = 4;
	measure_add(&measurements[M_CROSSTAP], &sum, &window, 0);
	assert_int_equal(sum.frames, 6);
	assert_int_equal(sum.resolvers, 4);
	assert_true(sum.interval_s == 10);
	assert_string_equal(sum.version, "new");
	/* What the row does not know stays. */
	measure_add(&measurements[M_WIRE], &cells, &cell, wire_cell_known(WIRE_UDP));
	measure_add(&measurements[M_WIRE], &cells, &cell, wire_cell_known(WIRE_DOT));
	assert_int_equal(cells.packets, 4);
	assert_int_equal(cells.messages, 2);
	assert_int_equal(cells.resync, 0);
}

/* Margins that no metric is made of are not summed for ever. */
static void margins_are_kept_for_metrics(void **state UNUSED)
{
	static const enum margin kept[] = {MARGIN_MESSAGES, MARGIN_MALFORMED, MARGIN_QTYPE,
	    MARGIN_RCODE, MARGIN_OPCODE, MARGIN_LATENCY, MARGIN_OUTGOING, MARGIN_CLASS, MARGIN_EDNS,
	    MARGIN_EDNS_SIZE, MARGIN_ECS, MARGIN_EDE, MARGIN_QNAME_LENGTH, MARGIN_QNAME_LABELS,
	    MARGIN_QNAME_TRAIT, MARGIN_QTYPE_RESPONSES, MARGIN_QTYPE_RCODE, MARGIN_ADDRESS,
	    MARGIN_ADDRESS_RESPONSES, MARGIN_IDENTITY, MARGIN_IDENTITY_RESPONSES,
	    MARGIN_TRANSPORT_QTYPE, MARGIN_JUNK, MARGIN_PORTS, MARGIN_PRIMING, MARGIN_PRIMING_DO,
	    MARGIN_PRIMING_TC, MARGIN_PRIMING_SIZE};
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_true(measure_margin_is_kept(kept[i]));
	for (int margin = 1; margin < MARGIN_COUNT; margin++)
		n += measure_margin_is_kept((enum margin)margin);
	assert_int_equal(n, sizeof(kept) / sizeof(kept[0]));
}

/* Every tag of a measurement that is summed from margins is in their keys, but for the zone. */
static void margins_say_their_tags(void **state UNUSED)
{
	char buffer[MNEMONIC_BYTES];

	for (size_t i = 0; i < MEASUREMENT_COUNT; i++) {
		if (measurements[i].metrics != METRICS_MARGINS)
			continue;
		assert_int_equal(measurements[i].tags[0], TAG_ZONE);
		for (size_t k = 1; k < measurements[i].n_tags; k++)
			assert_non_null(margin_tag_text(measurements[i].tags[k],
			    margin_key(0, MARGIN_MESSAGES, 0, 0, 0, 1), NULL, buffer));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_are_well_formed),
	    cmocka_unit_test(metrics_are_well_formed),
	    cmocka_unit_test(tags_of_points_are_reserved),
	    cmocka_unit_test(names_follow),
	    cmocka_unit_test(values_come_from_rows),
	    cmocka_unit_test(sums_are_of_counters),
	    cmocka_unit_test(margins_are_kept_for_metrics),
	    cmocka_unit_test(margins_say_their_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
