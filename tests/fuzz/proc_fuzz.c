/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts of /proc/net, which the first byte names: a file sets its own counters, no others. */
#include "wire/host/proc.h"

#include <stdlib.h>
#include <string.h>

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_OF_(id, reason, file, section, name) HOST_PROC_##file,
static const enum host_proc_file file_of[HOST_PROC_COUNT] = {
    HOST_PROC_COUNTERS(FILE_OF_) HOST_PROC_OTHERS(FILE_OF_)};
#undef FILE_OF_

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t counters[HOST_PROC_COUNT];
	enum host_proc_file file;
	char *text;

	if (!size)
		return 0;
	file = data[0] % HOST_PROC_FILES;
	text = malloc(size); /* exactly sized, for the sanitizer */
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	for (size_t i = 0; i < HOST_PROC_COUNT; i++)
		counters[i] = UNTOUCHED;
	host_proc_parse(file, text, counters);
	for (size_t i = 0; i < HOST_PROC_COUNT; i++) {
		if (file_of[i] != file && counters[i] != UNTOUCHED)
			abort();
	}
	free(text);
	return 0;
}
