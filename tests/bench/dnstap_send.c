/* SPDX-License-Identifier: BSD-2-Clause */
/* Sends benchmark frames to a dnstap socket, or writes them as a file:
 *   dnstap_send SOCKET|FILE.fstrm FRAMES SOURCES ZONES [FRAMES_PER_SECOND [BYTES]]
 * At a rate, in writes of so many bytes (8192), it says how many writes found no room. */
#include "workload.h"

#include "dnstap/frame_stream.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CHUNK 8192

static void write_file(const char *path, const struct workload *workload)
{
	uint8_t control[FRAME_STREAM_MAX_CONTROL_BYTES];
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(control, frame_stream_write_start(control), 1, file) != 1 ||
	    fwrite(workload->stream, workload->length, 1, file) != 1 ||
	    fwrite(control, frame_stream_write_stop(control), 1, file) != 1 || fclose(file) != 0)
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	struct workload workload;
	struct stat st;
	size_t waits = 0;

	if (argc < 5 || argc > 7)
		errx(2,
		    "usage: dnstap_send SOCKET|FILE.fstrm FRAMES SOURCES ZONES "
		    "[FRAMES_PER_SECOND [BYTES]]");
	workload_make(&workload,
	    &(struct workload_options){.frames = strtoul(argv[2], NULL, 10),
		.sources = SOURCES_ZIPF,
		.n_sources = strtoul(argv[3], NULL, 10),
		.n_zones = strtoul(argv[4], NULL, 10)});
	if (stat(argv[1], &st) == 0 && S_ISSOCK(st.st_mode))
		waits =
		    workload_send(&workload, argv[1], argc > 6 ? strtoul(argv[6], NULL, 10) : CHUNK,
			argc > 5 ? strtod(argv[5], NULL) : 0);
	else
		write_file(argv[1], &workload);
	if (argc > 5)
		printf("%zu writes found no room\n", waits);
	workload_free(&workload);
	return 0;
}
