/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crosstap replay` that keeps the files of RSSAC002 as an agent does, which replay itself does
 * not: a day's files are for the agent that saw it. So days pass in a moment, and windows are those
 * of the frames' and packets' own times.
 *
 *   rssac002_replay SECOND -c FILE --points FILE [--pcap FILE]... [FILE]...
 *
 * SECOND: of the start, since 1970, for the state that is there. To be linked with what is defined
 * here as __wrap_NAME in the place of NAME.
 */
#include "base/clock.h"
#include "command/command.h"
#include "privacy/key_file.h"
#include "report/report.h"
#include "rssac002/rssac002.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rssac002 *rssac;
static int64_t start_ns;

int __real_report_new(struct report **ret, const struct config *config,
    struct zone_registry *registry, const struct hash_seed *seed, char *error, size_t size);
int __wrap_report_new(struct report **ret, const struct config *config,
    struct zone_registry *registry, const struct hash_seed *seed, char *error, size_t size);
int __wrap_report_new(struct report **ret, const struct config *config,
    struct zone_registry *registry, const struct hash_seed *seed, char *error, size_t size)
{
	int r = __real_report_new(ret, config, registry, seed, error, size);
	const char *key_file = config->rssac002.key_file, *fresh;
	uint8_t key[KEY_FILE_BYTES];

	if (r < 0)
		return r;
	if (*key_file && key_file_read(key_file, key, error, size) < 0)
		return -1;
	r = rssac002_new(&rssac, config->rssac002.dir, config->server, config->rssac002.prefix,
	    *key_file ? key : NULL, start_ns, &fresh);
	if (r < 0)
		return r;
	if (fresh)
		fprintf(stderr, "begins anew: %s\n", fresh);
	report_use_rssac002(*ret, rssac);
	return 0;
}

void __real_report_window(struct report *report, struct shard *total,
    const struct window_span *span, const struct comparison_window *compared,
    const struct report_agent *agent);
void __wrap_report_window(struct report *report, struct shard *total,
    const struct window_span *span, const struct comparison_window *compared,
    const struct report_agent *agent);
void __wrap_report_window(struct report *report, struct shard *total,
    const struct window_span *span, const struct comparison_window *compared,
    const struct report_agent *agent)
{
	if (compared && compared->wire)
		report_wire(report, compared->wire, span->start_ns);
	__real_report_window(report, total, span, compared, agent);
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 3) {
		fprintf(stderr, "usage: rssac002_replay SECOND -c FILE --points FILE [FILE]...\n");
		return 2;
	}
	start_ns = strtoll(argv[1], NULL, 10) * NS_PER_S;
	argv[1] = argv[0];
	status = command_replay(argc - 1, argv + 1);
	if (rssac && rssac002_flush(rssac) < 0) {
		fprintf(stderr, "rssac002_replay: files not written\n");
		status = 1;
	}
	rssac002_free(rssac);
	return status;
}
