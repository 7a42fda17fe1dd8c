/* SPDX-License-Identifier: BSD-2-Clause */
/* The error body of a server: the words stay one short printable line without the secret, the count
 * within the request. */
#include "sink/influx_reply.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char secret[] = "s3cr3t";
	struct influx_reply reply;
	size_t points = size ? data[0] : 0;

	influx_reply_read(
	    &reply, (const char *)data, size, points, (const char *const[]){secret, NULL});
	if (reply.rejected > points || strlen(reply.words) > INFLUX_WORDS_MAX ||
	    strstr(reply.words, secret))
		abort();
	for (const char *at = reply.words; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			abort();
	}
	return 0;
}
