/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap replay: the pipeline over files, and one report of them. */
#include "command/command.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/unused.h"
#include "command/load.h"
#include "config/parse/value_scalar.h"
#include "replay/replay.h"
#include "sink/file.h"
#include "text/json_text.h"
#include "usage/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE     "replay"
#define BAD_USAGE  2
#define BAD_CONFIG 2
#define BAD_INPUT  1

struct arguments {
	const char *config, *points, *queries;
	uint64_t input;
	const char **pcaps; /* as many as the command line names */
	size_t n_pcaps;
	bool json, push, help;
};

static size_t readings_of_stdin(const struct arguments *arguments, char *const *names)
{
	size_t n = 0;

	for (size_t i = 0; i < arguments->n_pcaps; i++)
		n += strcmp(arguments->pcaps[i], "-") == 0;
	for (; *names; names++)
		n += strcmp(*names, "-") == 0;
	return n;
}

/* Bad usage, of which getopt(3) knows nothing. */
static int refuse(const char *why)
{
	fprintf(stderr, "replay: %s\n", why);
	return -EINVAL;
}

static int parse_arguments(int argc, char **argv, struct arguments *ret)
{
	struct usage_reader reader;
	int option;

	*ret = (struct arguments){.input = 1};
	ret->pcaps = calloc((size_t)argc, sizeof(*ret->pcaps));
	if (!ret->pcaps)
		return -ENOMEM;
	usage_begin(&reader, COMMAND_REPLAY, argc, argv);
	while ((option = usage_next(&reader)) != -1) {
		switch (option) {
		case USAGE_CONFIG:
			ret->config = optarg;
			break;
		case USAGE_INPUT:
			if (scalar_parse_uint(optarg, &ret->input) < 0 || !ret->input)
				return refuse("--input takes a number from 1 on");
			break;
		case USAGE_PCAP:
			ret->pcaps[ret->n_pcaps++] = optarg;
			break;
		case USAGE_QUERIES:
			ret->queries = optarg;
			if (strcmp(optarg, "frames") != 0 && strcmp(optarg, "responses") != 0)
				return refuse("--queries takes frames or responses");
			break;
		case USAGE_POINTS:
			ret->points = optarg;
			break;
		case USAGE_PUSH:
			ret->push = true;
			break;
		case USAGE_JSON:
			ret->json = true;
			break;
		case USAGE_HELP:
			ret->help = true;
			return 0;
		default:
			return -EINVAL;
		}
	}
	if (ret->json && ret->points && strcmp(ret->points, "-") == 0)
		return refuse("--json and --points - both write to standard output");
	if (readings_of_stdin(ret, argv + optind) > 1)
		return refuse("standard input can be read once");
	if (optind == argc && !ret->n_pcaps)
		return refuse("no file is named");
	return ret->push && !ret->config ? refuse("--push sends to the outputs of -c FILE") : 0;
}

static int parse_defaults(const char *path UNUSED, FILE *errors, struct config **ret)
{
	return config_parse("defaults", "", 0, errors, ret);
}

static bool writes_to_stdout(const struct config *config)
{
	for (size_t i = 0; i < config->n_outputs; i++) {
		if (sink_file_is_stdout(&config->outputs[i]))
			return true;
	}
	return false;
}

/* What the command line asks of a configuration. */
static int check_config(const struct arguments *arguments, const struct config *config)
{
	if (arguments->config && arguments->input > config->n_inputs && config->n_inputs) {
		log_error(MODULE, "there is no input %" PRIu64 ": the configuration has %zu",
		    arguments->input, config->n_inputs);
		return -EINVAL;
	}
	if (arguments->json && arguments->push && writes_to_stdout(config)) {
		log_error(MODULE, "--json: an output of the configuration writes to stdout, too");
		return -EINVAL;
	}
	return 0;
}

/* With -c its inputs and outputs; without, the defaults of one input. */
static int load_config(const struct arguments *arguments, struct config **ret)
{
	int r =
	    command_load(arguments->config, arguments->config ? config_load : parse_defaults, ret);

	if (r == 0) {
		r = check_config(arguments, *ret);
		if (r < 0)
			config_unref(*ret);
	}
	return r;
}

/* The configuration's outputs (--push), and a file (--points); no spool: who replays can do it
 * again. */
static int set_outputs(struct config *config, const struct arguments *arguments,
    const struct sink_file_settings *points)
{
	const size_t n = arguments->push ? config->n_outputs : 0;
	struct config_output *outputs = calloc(n + 1, sizeof(*outputs));

	if (!outputs) {
		log_error(MODULE, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	if (n)
		memcpy(outputs, config->outputs, n * sizeof(*outputs));
	config->n_outputs = n;
	if (arguments->points) {
		outputs[n] = sink_file_output(points);
		config->n_outputs++;
	}
	config->outputs = outputs;
	config->spool_path = "";
	/* Captures are compared, however the wire is watched live. */
	if (arguments->n_pcaps)
		config->wire.mode = WIRE_AUTO;
	return 0;
}

/* The file sink appends; a replay's points are a file of their own. */
static int truncate_points(const struct arguments *arguments)
{
	int fd;

	if (!arguments->points || strcmp(arguments->points, "-") == 0)
		return 0;
	fd = open(arguments->points, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		log_error(MODULE, "%s: %s", arguments->points, strerror(errno));
		return -errno;
	}
	close(fd);
	return 0;
}

static int open_files(struct replay *replay, const struct arguments *arguments, char **names)
{
	char error[PCAP_FILE_ERROR_BYTES];
	int failed = 0;

	for (size_t i = 0; i < arguments->n_pcaps; i++) {
		int r = replay_add_pcap(replay, arguments->pcaps[i], error);

		if (r < 0) {
			log_error(MODULE, "%s: %s", arguments->pcaps[i], error);
			failed = r;
		}
	}
	for (; *names; names++) {
		int fd =
		    strcmp(*names, "-") == 0 ? STDIN_FILENO : open(*names, O_RDONLY | O_CLOEXEC);
		int r = fd < 0 ? -errno : replay_add(replay, fd, *names);

		if (r < 0) {
			log_error(MODULE, "%s: %s", *names, strerror(-r));
			failed = r;
		}
	}
	return failed;
}

static void print_counts(FILE *out, const json_t *zone, const char *key)
{
	const char *name;
	const json_t *count;

	fprintf(out, "  %-10s", key);
	json_object_foreach((json_t *)json_object_get(zone, key), name, count)
	    fprintf(out, " %s=%lld", name, (long long)json_integer_value(count));
	fputc('\n', out);
}

static void print_wire(FILE *out, const json_t *wire)
{
	static const char *const directions[] = {"query", "response"};
	const char *transport, *family, *key;
	const json_t *families, *counts, *count;

	for (size_t i = 0; wire && i < 2; i++) {
		json_object_foreach((json_t *)json_object_get(wire, directions[i]), transport,
		    families) json_object_foreach((json_t *)families, family, counts)
		{
			fprintf(out, "wire %s %s %s:", directions[i], transport, family);
			json_object_foreach((json_t *)counts, key, count)
			    fprintf(out, " %s=%lld", key, (long long)json_integer_value(count));
			fputc('\n', out);
		}
	}
}

static void print_verdict(FILE *out, const json_t *crosscheck)
{
	const char *key;
	const json_t *value;

	if (!crosscheck)
		return;
	fprintf(out, "funnel:");
	json_object_foreach((json_t *)json_object_get(crosscheck, "funnel"), key, value)
	{
		if (json_is_integer(value))
			fprintf(out, " %s=%lld", key, (long long)json_integer_value(value));
	}
	fprintf(out, "\ncrosscheck: unexplained=%lld verdict=%s\n",
	    (long long)json_integer_value(json_object_get(crosscheck, "unexplained")),
	    json_string_value(json_object_get(crosscheck, "verdict")));
}

static void print_report(FILE *out, const json_t *document)
{
	const char *label;
	const json_t *zone;

	fprintf(out, "frames=%lld frames_bad=%lld seconds=%.3f frames_per_second=%.0f\n",
	    (long long)json_integer_value(json_object_get(document, "frames")),
	    (long long)json_integer_value(json_object_get(document, "frames_bad")),
	    json_real_value(json_object_get(document, "seconds")),
	    json_real_value(json_object_get(document, "frames_per_second")));
	json_object_foreach((json_t *)json_object_get(document, "zones"), label, zone)
	{
		fprintf(out, "zone %s: queries=%lld responses=%lld sources=%lld\n", label,
		    (long long)json_integer_value(json_object_get(zone, "queries")),
		    (long long)json_integer_value(json_object_get(zone, "responses")),
		    (long long)json_integer_value(json_object_get(zone, "sources")));
		print_counts(out, zone, "qtype");
		print_counts(out, zone, "rcode");
		print_counts(out, zone, "opcode");
	}
	print_wire(out, json_object_get(document, "wire"));
	print_verdict(out, json_object_get(document, "crosscheck"));
}

/* Points have stdout to themselves. */
static void print_document(
    const json_t *document, const struct arguments *arguments, const struct config *config)
{
	if (!arguments->json)
		print_report(writes_to_stdout(config) ? stderr : stdout, document);
	else if (json_print(document, 1, stdout) == 0)
		fputc('\n', stdout);
}

/* A backfill of which points are missing has failed. */
static int check_outputs(struct replay *replay)
{
	struct sink_stats sum;

	replay_sum_outputs(replay, &sum);
	if (!sum.points_rejected && !sum.points_dropped)
		return 0;
	log_error(MODULE, "not every point arrived: refused=%llu not delivered=%llu arrived=%llu",
	    (unsigned long long)sum.points_rejected, (unsigned long long)sum.points_dropped,
	    (unsigned long long)sum.points);
	return -EIO;
}

static struct config_input choose_input(
    const struct arguments *arguments, const struct config *config)
{
	struct config_input input = {.kind = INPUT_UNIX, .address = "", .zone = "default"};

	if (arguments->config && arguments->input <= config->n_inputs)
		input = config->inputs[arguments->input - 1];
	if (arguments->queries)
		input.queries = strcmp(arguments->queries, "responses") == 0 ? QUERIES_RESPONSES
									     : QUERIES_FRAMES;
	return input;
}

/* A zone whose dnstap is not read here sends no zeros: in a database they would take the place of
 * what the agent counted. */
static void quiet_zones(struct config *config, const struct arguments *arguments, bool streams)
{
	const uint64_t chosen = arguments->config ? arguments->input : 1;

	for (size_t i = 0; i < config->n_inputs; i++) {
		if (!streams || i + 1 != chosen)
			config->inputs[i].scope = SCOPE_WITNESS;
	}
}

static int replay_files(const struct arguments *arguments, const struct config *config,
    const struct config_input *input, char **names)
{
	const struct replay_options options = {.config = config,
	    .input = input,
	    .windows = arguments->points || arguments->push,
	    .captures = arguments->n_pcaps};
	struct replay *replay = NULL;
	char error[512];
	uint64_t start;
	json_t *document;
	int r, failed;

	r = replay_new(&replay, &options, error, sizeof(error));
	if (r < 0) {
		log_error(MODULE, "%s", error);
		return BAD_CONFIG;
	}
	failed = open_files(replay, arguments, names);
	start = clock_monotonic_ns();
	r = replay_run(replay);
	document = replay_document(replay, (double)(clock_monotonic_ns() - start) / NS_PER_S);
	if (document)
		print_document(document, arguments, config);
	else
		log_error(MODULE, "no report: %s", strerror(ENOMEM));
	failed = document ? failed : -ENOMEM;
	json_decref(document);
	if (check_outputs(replay) < 0)
		failed = -EIO;
	replay_free(replay);
	return failed < 0 || r < 0 ? BAD_INPUT : 0;
}

static int run(const struct arguments *arguments, char **names)
{
	const struct sink_file_settings points = {
	    .path = arguments->points, .format = SINK_FILE_LINE};
	const struct config_output *outputs;
	struct config_input input;
	struct config *config;
	int status;

	if (load_config(arguments, &config) < 0)
		return BAD_CONFIG;
	if (truncate_points(arguments) < 0 || set_outputs(config, arguments, &points) < 0) {
		config_unref(config);
		return BAD_INPUT;
	}
	outputs = config->outputs;
	input = choose_input(arguments, config);
	quiet_zones(config, arguments, *names != NULL);
	status = replay_files(arguments, config, &input, names);
	config_unref(config);
	free((void *)outputs);
	return status;
}

int command_replay(int argc, char **argv)
{
	struct arguments arguments;
	int status, r = parse_arguments(argc, argv, &arguments);

	if (r == -ENOMEM) {
		log_error(MODULE, "%s", strerror(-r));
		status = BAD_INPUT;
	} else if (r < 0) {
		usage_print(stderr, COMMAND_REPLAY);
		status = BAD_USAGE;
	} else if (arguments.help) {
		usage_print(stdout, COMMAND_REPLAY);
		status = 0;
	} else {
		status = run(&arguments, argv + optind);
	}
	free((void *)arguments.pcaps);
	return status;
}
