/* SPDX-License-Identifier: BSD-2-Clause */
#include "sink/kinds.h"

#include <assert.h>

#define KIND_(name)  &sink_##name##_ops.kind,
#define COUNT_(name) +1

const struct output_kind *const output_kinds[] = {SINK_KINDS(KIND_) NULL};

static_assert(0 SINK_KINDS(COUNT_) <= OUTPUT_KINDS_MAX, "more kinds than a message may list");
static_assert(offsetof(struct sink_ops, kind) == 0, "a kind's address is its operations'");

const struct sink_ops *sink_ops_of(const struct config_output *output)
{
	return (const struct sink_ops *)output->kind;
}
