/* SPDX-License-Identifier: BSD-2-Clause */
#include "usage/usage.h"

#include "config/config.h"

#define CONFIG_OPTION(help_)                                                                       \
	{                                                                                          \
		"config", USAGE_CONFIG, ARGUMENT_FILE, "FILE", .help = help_                       \
	}
#define JSON_OPTION                                                                                \
	{                                                                                          \
		"json", USAGE_JSON, .help = "one JSON document on stdout"                          \
	}
#define INSTEAD "instead of " CONFIG_DEFAULT_PATH

static const char *const query_modes[] = {"frames", "responses", NULL};

static const struct command_option run_options[] = {
    CONFIG_OPTION(INSTEAD),
};

static const struct command_option replay_options[] = {
    CONFIG_OPTION("settings of inputs, windows, outputs; without it zone `default`"),
    {"input", USAGE_INPUT, ARGUMENT_TEXT, "N",
	.help = "label, zones, scope and queries of the N-th input of -c (1)"},
    {"pcap", USAGE_PCAP, ARGUMENT_FILE, "FILE|-", .repeats = true,
	.help = "a capture (pcap, pcapng) of the same traffic; more than once: more of it"},
    {"queries", USAGE_QUERIES, ARGUMENT_WORD, "MODE", .words = query_modes,
	.help = "frames | responses, as the input's option"},
    {"points", USAGE_POINTS, ARGUMENT_FILE, "FILE|-",
	.help = "the windows of the frames' own times, as line protocol"},
    {"push", USAGE_PUSH, .help = "send the windows to the outputs of -c (backfill)"},
    JSON_OPTION,
};

static const struct command_option check_options[] = {
    CONFIG_OPTION(INSTEAD),
    JSON_OPTION,
    {"options", USAGE_OPTIONS,
	.help = "print every option that there is, as JSON, and nothing else"},
    {"measurements", USAGE_MEASUREMENTS,
	.help = "print what is measured, as JSON, and nothing else"},
    {"write-default", USAGE_WRITE_DEFAULT, .help = NULL},   /* config/crosstap.yaml */
    {"write-man", USAGE_WRITE_MAN, .help = NULL},           /* config/man/crosstap.yaml.5 */
    {"write-metrics", USAGE_WRITE_METRICS, .help = NULL},   /* in config/man/crosstap-metrics.7 */
    {"write-synopsis", USAGE_WRITE_SYNOPSIS, .help = NULL}, /* in config/man/crosstap.1 */
    {"write-bash", USAGE_WRITE_BASH, .help = NULL},         /* config/completion/ */
    {"write-zsh", USAGE_WRITE_ZSH, .help = NULL},
    {"write-fish", USAGE_WRITE_FISH, .help = NULL},
};

static const struct command_option doctor_options[] = {
    CONFIG_OPTION(INSTEAD),
    JSON_OPTION,
};

static const struct command_option top_options[] = {
    {"url", USAGE_URL, ARGUMENT_TEXT, "URL",
	.help = "where it listens (http.listen); " USAGE_DEFAULT_URL},
    {"token-file", USAGE_TOKEN_FILE, ARGUMENT_FILE, "FILE", .help = "its http.token_file"},
    {"ca", USAGE_CA, ARGUMENT_FILE, "FILE", .help = "certificates to trust, PEM, for https"},
    {"once", USAGE_ONCE, .help = "print every table once as plain text, in 80 columns"},
    JSON_OPTION,
    {"warning", USAGE_WARNING, ARGUMENT_TEXT, "VERDICTS",
	.help = "print a line for Icinga or Nagios; these, with commas, are a warning"},
    {"critical", USAGE_CRITICAL, ARGUMENT_TEXT, "VERDICTS",
	.help = "likewise critical; `any` stands for all but ok"},
    {"health", USAGE_HEALTH,
	.help = "print what /healthz answers, for supervisors; no token is needed"},
};

#define OPTIONS(array) .options = (array), .n_options = sizeof(array) / sizeof((array)[0])

const struct command commands[COMMANDS] = {
    [COMMAND_RUN] = {"run", "the daemon, in the foreground",
	"The daemon, in the foreground. `crosstap FILE`, with a path for a command, is `crosstap "
	"run -c FILE`.\n",
	OPTIONS(run_options),
	.tail =
	    "Signals: SIGHUP reloads the configuration, SIGTERM and SIGINT flush and end.\n"
	    "Exit status: 0 after a signal; 1 an input cannot be opened, or another agent with\n"
	    "the same `server` runs here; 2 bad configuration or usage.\n"},
    [COMMAND_REPLAY] = {"replay", "the same pipeline over dnstap files; prints one report",
	"Counts what dnstap files and captures hold, as the daemon would, and prints one report.\n",
	"[FILE.fstrm|-]...", ARGUMENT_FILE, OPTIONS(replay_options),
	.tail = "Exit status: 0 done, 1 an input could not be read to its end or an output did not "
		"take every\n"
		"point, 2 bad usage or configuration.\n"},
    [COMMAND_CHECK] = {"check", "validate a configuration, print the effective one",
	"Validates a configuration, also against this host (accounts, keys, certificates,\n"
	"databases, folders), prints the effective one and the bound of time series it can make.\n",
	OPTIONS(check_options),
	.tail = "Exit status: 0 valid, also with warnings; 2 not valid or bad usage.\n"},
    [COMMAND_DOCTOR] = {"doctor", "look at this host for what the agent needs",
	"Looks at this host for what the agent needs and what would hurt, and says what to type.\n",
	OPTIONS(doctor_options),
	.tail = "Run it as the agent runs (root): permissions are those of who asks.\n"
		"Exit status: 0 all is fine, 1 warnings, 2 errors or bad usage.\n"},
    [COMMAND_DETACH] = {"detach", "remove the BPF programs that a killed agent left",
	"Removes every BPF program that a killed agent left behind, from these interfaces or from "
	"all,\n"
	"here and in every named network namespace. What a running agent uses is left alone.\n",
	"[IFACE]...", ARGUMENT_INTERFACE,
	.tail = "Exit status: 0 nothing is left; 1 something could not be removed; 2 bad usage.\n"},
    [COMMAND_TOP] = {"top", "a running agent, live in the terminal",
	"Shows a running agent's last window: verdict, funnel, zones, types, clients, outputs. `h` "
	"shows the\n"
	"keys, `q` ends. Colours are left out where NO_COLOR is set.\n",
	OPTIONS(top_options),
	.tail = "Exit status: 0 done; 1 no agent there (--health: or it is not well); 2 bad usage; "
		"3 --once and\n"
		"--json: the verdict is not ok. With --warning or --critical it is that of a "
		"monitoring "
		"plugin:\n"
		"0 ok, 1 warning, 2 critical, 3 no agent, no verdict, or bad usage.\n"},
    [COMMAND_SCHEMA] = {"schema", "print the tables that a database output writes to",
	"Prints the statements that make the tables of the clickhouse output: one for each\n"
	"measurement, and sums of its counters by minute and hour.\n",
	"clickhouse", ARGUMENT_TEXT,
	.tail =
	    "`crosstap schema clickhouse | clickhouse-client --database dns --multiquery` makes "
	    "them.\n"
	    "What is there stays as it is.\n"
	    "Exit status: 0 printed, 1 it could not be written, 2 bad usage.\n"},
};
