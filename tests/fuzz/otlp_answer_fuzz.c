/* SPDX-License-Identifier: BSD-2-Clause */
/* What a receiver of OTLP answers, in both media types: words stay a text within their bound. */
#include "sink/otlp/answer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const media[] = {OTLP_PROTOBUF, OTLP_PROTOBUF "; q=1", OTLP_JSON, NULL};
	struct otlp_answer answer;

	for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++) {
		otlp_answer_read(&answer, media[i], (const char *)data, size);
		if (strnlen(answer.words, sizeof(answer.words)) == sizeof(answer.words))
			abort();
		if (otlp_answer_status(&answer, media[i], (const char *)data, size) != (i < 2) ||
		    answer.rejected ||
		    strnlen(answer.words, sizeof(answer.words)) == sizeof(answer.words))
			abort();
	}
	return 0;
}
