/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration as the rest of the program sees it: plain data, complete, checked, immutable
 * after load. Every string is NUL-terminated and belongs to the configuration, as do the arrays.
 * Times are nanoseconds, sizes bytes. An empty string means "not set" where the option may be
 * unset.
 *
 * user/config/options.c holds the one table of options from which parsing, defaults, limits,
 * `check`, the commented default configuration and the man page are made.
 */
#ifndef CROSSTAP_CONFIG_CONFIG_H
#define CROSSTAP_CONFIG_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define CONFIG_DEFAULT_PATH  "/etc/crosstap/crosstap.yaml"
#define CONFIG_DEFAULT_INPUT "/run/crosstap/dnstap.sock"

struct config_tag {
	const char *key, *value;
};

struct config_network { /* address/prefix; IPv4 in the first four bytes */
	uint8_t address[16];
	uint8_t family; /* 4 or 6 */
	uint8_t prefix;
};

struct config_strings {
	const char **items;
	size_t n;
};

enum input_kind { INPUT_UNIX, INPUT_TCP, INPUT_LISTEN_FD };
enum input_scope { SCOPE_SERVER, SCOPE_ZONE, SCOPE_WITNESS };
enum input_queries { QUERIES_FRAMES, QUERIES_RESPONSES };

struct config_input {
	enum input_kind kind;
	const char *address; /* socket path; host:port or [v6]:port; name of the passed socket */
	const char *zone;    /* label of everything; default "default" */
	/* `zones` and the lines of `zones_file` in the form of zone_name.h, sorted, each once; not
	 * empty: label by suffix, and `zone` says nothing. */
	struct config_strings zones;
	const char *zones_file;
	mode_t mode;               /* of a Unix socket */
	const char *owner, *group; /* names or numbers, empty: unchanged */
	/* Of TCP: who may connect (none: everybody), and PEM files; empty: no TLS. */
	struct config_network *allow;
	size_t n_allow;
	const char *tls_cert, *tls_key, *tls_client_ca;
	const char *tee; /* unix:PATH or tcp:HOST:PORT; empty: none */
	enum input_scope scope;
	enum input_queries queries;
};

enum wire_mode { WIRE_AUTO, WIRE_NATIVE, WIRE_GENERIC, WIRE_TC, WIRE_PACKET, WIRE_OFF };
enum wire_on_exit { WIRE_DETACH, WIRE_KEEP };

struct config_ports {
	uint16_t ports[16];
	size_t n;
};

struct config_wire {
	bool interfaces_auto;
	struct config_strings interfaces;
	enum wire_mode mode;
	struct config_ports ports, dot_ports, doh_ports, doq_ports;
	struct config_network *addresses;
	size_t n_addresses;
	bool rtt, per_source;
	const char *netns;
	enum wire_on_exit on_exit;
};

struct config_ping {
	bool enabled;
	double rate_per_s;
	uint64_t every_ns;
	struct config_network *exclude;
	size_t n_exclude;
	struct config_network *source;
	size_t n_source;
};

struct config_geo {
	const char *country, *asn; /* paths, empty: none */
	struct config_strings maxmind_editions;
	const char *maxmind_url;
	uint64_t maxmind_every_ns;
};

enum privacy_addresses { ADDRESSES_FULL, ADDRESSES_PREFIX, ADDRESSES_CRYPTOPAN, ADDRESSES_NONE };
enum privacy_names { NAMES_FULL, NAMES_SUFFIX, NAMES_NONE };
enum top_key { TOP_KEY_RANK, TOP_KEY_VALUE };
/* Bits, in the order of the words of `datasets`. */
enum dataset {
	DATASET_CORE = 1,
	DATASET_EDNS = 2,
	DATASET_NAMES = 4,
	DATASET_DOMAINS = 8,
	DATASET_CLIENTS = 16,
	DATASET_ADDRESSES = 32,
	DATASET_ATTACKS = 64,
	DATASET_PORTS = 128,
	DATASET_SKETCHES = 256
};
enum rssac002_source { RSSAC002_WIRE, RSSAC002_DNSTAP };

struct output_kind; /* config/output_kind.h */
struct node;        /* config/parse/tree.h */

struct config_output {
	const struct output_kind *kind;
	const void *settings; /* the kind's own struct, complete */
};

struct config_limits {
	uint64_t resolvers, memory, spool, frame, connections, handshake_ns, asns, history;
	double cpu;
};

struct config {
	const char *path; /* the file read; empty: built-in defaults */
	bool blank;       /* nothing but comments were in it */
	const char *server;
	struct config_tag *tags;
	size_t n_tags;
	uint64_t interval_ns, grace_ns;
	unsigned datasets; /* enum dataset */
	struct config_input *inputs;
	size_t n_inputs;
	struct config_wire wire;
	uint64_t crosscheck_horizon_ns;
	struct config_strings nft_counters;
	struct config_ping ping;
	struct config_geo geo;
	struct {
		enum privacy_addresses addresses;
		enum privacy_names names;
		const char *cryptopan_key_file;
	} privacy;
	struct {
		unsigned resolvers, asns, names, nxdomain;
		unsigned subnets, talkers;
		enum top_key key;
	} top;
	struct {
		const char *suffixes;            /* a file; empty: none */
		unsigned labels;                 /* below the zone or the suffix */
		struct config_strings rules;     /* of that file, as zones/suffixes.h takes them */
		const char *tlds;                /* a file; empty: those that are built in */
		struct config_strings tld_names; /* of that file, as zones/tlds.h takes them */
	} domains;
	struct {
		unsigned validating_queries, least_queries, mixed_case_letters, large_edns;
		double validating_share, minimising_share, mixed_case_share, nxdomain_share;
	} clients;
	struct { /* thresholds; counts are a minute's */
		uint64_t names, response_bytes, queries;
		double nxdomain_share, amplification, question_share, query_share, times;
	} attacks;
	struct {
		const char *dir; /* empty: off */
		enum rssac002_source source;
		const char *key_file; /* empty: each site has a key of its own */
		const char *prefix;   /* of custom metrics; empty: there are none */
	} rssac002;
	struct {
		const char *dir; /* empty: off */
		unsigned labels, domains;
	} magnitude;
	struct config_output *outputs;
	size_t n_outputs;
	const char *spool_path;
	const char *state; /* empty: none */
	struct {
		const char *listen; /* address:port, or "off" */
		const char *token_file;
		const char *tls_cert, *tls_key;
	} http;
	struct config_limits limits;
	int log_level; /* enum log_level */
	/* XXH3 of the effective configuration as it is written, so without secrets: fit for the
	 * point `crosstap` (config_hash), not for telling whether a token changed. */
	uint64_t hash;
	struct arena *arena;
	_Atomic unsigned references;
};

/*
 * Reads and checks a configuration. `path` NULL: CONFIG_DEFAULT_PATH, and the built-in defaults
 * where that file does not exist. Each problem is one line to `errors`: FILE:LINE:COLUMN: KEY: what
 * is wrong (did you mean "..."?) All problems of a file are reported, not only the first. A file of
 * comments alone means the defaults; one without even these is an error: an editor, a full disk or
 * a template that failed has left it. Returns
 * 0, -EINVAL (bad content) or the error of opening or reading the file (also written to `errors`).
 */
int config_load(const char *path, FILE *errors, struct config **ret);
/* The same for who has something else to do: a pipe has so long to bring its text (-ETIMEDOUT). */
#define CONFIG_LOAD_AGAIN_S 2
int config_load_again(const char *path, FILE *errors, struct config **ret);
/* The same from memory; `name` stands for the file in messages. Relative to nothing: zones_file and
 * the like are opened as they are written. */
int config_parse(
    const char *name, const char *text, size_t length, FILE *errors, struct config **ret);
/*
 * The same as config_load(), with somebody who looks at what was read before the tree of the file
 * (config/parse/tree.h) is forgotten: also at what has problems, so that all of them are told
 * together. `root` is NULL for a file of comments and for the built-in defaults; an output without
 * a `kind` could not be read. Not called for what is no YAML. Both pointers are the loader's.
 */
struct config_looker {
	void (*look)(void *context, const struct config *config, const struct node *root);
	void *context;
};
int config_load_and_look(
    const char *path, FILE *errors, const struct config_looker *looker, struct config **ret);
/*
 * A configuration is counted: whoever keeps a pointer to it or to a part of it holds a reference
 * until it has let go of all of them. Any thread. Both take NULL.
 */
struct config *config_ref(const struct config *config);
void config_unref(const struct config *config);

/* The effective configuration, defaults included, secrets replaced by "***". */
int config_write_yaml(const struct config *config, FILE *out);
int config_write_json(const struct config *config, FILE *out);

#endif
