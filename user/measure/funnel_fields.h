/* SPDX-License-Identifier: BSD-2-Clause */
/* The numbers of a funnel by name, in the funnel's order: for points and JSON alike. */
#ifndef CROSSTAP_MEASURE_FUNNEL_FIELDS_H
#define CROSSTAP_MEASURE_FUNNEL_FIELDS_H

#include "crosscheck/crosscheck.h"

#define FUNNEL_FIELDS 20

struct funnel_field {
	const char *name;
	int64_t value;
};

/* Those that are known. Returns how many. */
size_t funnel_fields(
    const struct crosscheck_result *result, struct funnel_field ret[FUNNEL_FIELDS]);

#endif
