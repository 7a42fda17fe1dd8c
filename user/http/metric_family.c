/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/metric_family.h"

#include <math.h>

bool family_begin(struct metric_family *family, struct exposition *to,
    const struct measurement *measurement, const struct measure_field *field)
{
	family->to = to;
	family->measurement = measurement;
	family->field = field;
	if (!measure_metric(measurement, field, family->name))
		return false;
	exposition_family(to, family->name, measure_metric_type(field), field->help);
	return true;
}

static void begin(const struct metric_family *family, const char *const *labels)
{
	exposition_begin(family->to, family->name);
	for (size_t i = 0; i < family->measurement->n_tags; i++)
		exposition_label(
		    family->to, measure_tags[family->measurement->tags[i]].name, labels[i]);
}

void family_row(
    const struct metric_family *family, const char *const *labels, const void *row, uint32_t known)
{
	const struct measure_field *field = family->field;
	double value;

	if (!measure_known(field, known))
		return;
	if (field->form != FORM_DOUBLE && !field->divisor) {
		begin(family, labels);
		exposition_integer(family->to, measure_integer(field, row));
		return;
	}
	value = measure_number(field, row) / (field->divisor ? field->divisor : 1);
	if (isnan(value))
		return;
	begin(family, labels);
	exposition_value(family->to, value);
}

void family_count(const struct metric_family *family, const char *const *labels, uint64_t count)
{
	begin(family, labels);
	exposition_count(family->to, count);
}

static size_t pairs_of(const struct metric_family *family, const char *const *labels,
    struct exposition_pair pairs[MEASURE_MAX_TAGS])
{
	const size_t n = family->measurement->n_tags;

	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct exposition_pair){
		    measure_tags[family->measurement->tags[i]].name, labels[i]};
	return n;
}

void family_buckets(const struct metric_family *family, const char *const *labels,
    const char *const *bounds, const uint64_t *counts, size_t n_counts, double sum)
{
	struct exposition_pair pairs[MEASURE_MAX_TAGS];
	const size_t n = pairs_of(family, labels, pairs);

	exposition_buckets_put(family->to, family->name, bounds, counts, n_counts, sum, pairs, n);
}

void family_histogram(const struct metric_family *family, const char *const *labels,
    const struct exposition_histogram *histogram)
{
	struct exposition_pair pairs[MEASURE_MAX_TAGS];
	const size_t n = pairs_of(family, labels, pairs);

	exposition_histogram_put(family->to, family->name, histogram, pairs, n);
}
