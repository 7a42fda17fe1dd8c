/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of options. Parsing, defaults, limits, what `check` prints, config/crosstap.yaml and
 * crosstap.yaml(5) all come from it: to add an option is one field in config.h and one row in
 * options.c. The options of an output stand with its kind (output_kind.h).
 */
#ifndef CROSSTAP_CONFIG_OPTIONS_H
#define CROSSTAP_CONFIG_OPTIONS_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_SECTION, /* a map of the rows whose paths go on from this one's */
	OPTION_TEXT,    /* const char * */
	OPTION_BOOL,    /* bool */
	OPTION_UINT,    /* unsigned or uint64_t */
	OPTION_REAL,    /* double */
	OPTION_SIZE,    /* uint64_t, bytes */
	OPTION_TIME,    /* uint64_t, nanoseconds */
	OPTION_RATE,    /* double, per second */
	OPTION_MODE,    /* mode_t, octal */
	OPTION_WORD,    /* an enum that counts its words from 0 */
	OPTION_TEXTS,   /* struct config_strings */
	OPTION_WORDS,   /* unsigned: a bit for each of its words, from the lowest on */
	OPTION_ZONES,   /* struct config_strings, as zone_name_normalize() writes them, sorted, each
			   once */
	OPTION_INTERFACES, /* struct config_strings; the word `auto` sets the bool at `other` */
	OPTION_PORTS,      /* struct config_ports */
	OPTION_NETWORKS,   /* pointer to struct config_network, number at `other` */
	OPTION_TAGS,       /* pointer to struct config_tag, number at `other` */
	OPTION_INPUTS,     /* pointer to struct config_input, number at `other` */
	OPTION_OUTPUTS,    /* pointer to struct config_output, number at `other` */
};

/*
 * Who takes an option over when a running agent is given another configuration: a stage of the
 * agent (user/agent/reload.c), or nobody before the next start. Each row names all of its takers,
 * as bits.
 */
#define OPTION_TAKERS(X)                                                                           \
	X(RESTART, "restart")       /* nobody: the value in force stays until a restart */         \
	X(LOG, "log")               /* what is written to stderr */                                \
	X(WINDOWS, "windows")       /* when windows begin and end */                               \
	X(TABLES, "tables")         /* how large the tables of a window may be */                  \
	X(INPUTS, "inputs")         /* sockets, connections, what their frames count as */         \
	X(COMPARED, "compared")     /* which messages the two witnesses are compared by */         \
	X(WIRE, "wire")             /* what is counted on the interfaces, and the host's drops */  \
	X(CROSSCHECK, "crosscheck") /* horizon and verdict */                                      \
	X(PING, "ping")             /* echo requests */                                            \
	X(GEO, "geo")               /* databases of countries and ASes */                          \
	X(DOWNLOAD, "download")     /* of these databases */                                       \
	X(RESOLVERS, "resolvers")   /* the table of resolvers and the breakdown by AS */           \
	X(PRIVACY, "privacy")       /* what leaves the process of addresses and names */           \
	X(REPORT, "report")         /* what of a window is reported */                             \
	X(HISTORY, "history")       /* what of the last two days is remembered */                  \
	X(RSSAC002, "rssac002")     /* the day's files */                                          \
	X(MAGNITUDE, "magnitude")   /* the day's dataset */                                        \
	X(OUTPUTS, "outputs")       /* sinks and their spools */                                   \
	X(HTTP, "http")             /* page, JSON, /metrics */
#define OPTION_TAKER_(id, name) TAKER_##id,
enum option_taker { OPTION_TAKERS(OPTION_TAKER_) TAKERS };
#undef OPTION_TAKER_
const char *option_taker_name(enum option_taker taker);

/* An option that means something only while another member of the same struct has a value. */
struct option_when {
	bool is_set;
	size_t offset, size;
	uint64_t value;
	const char *text; /* the condition, for messages and the man page */
};

struct config_option {
	const char *path; /* as in `wire.mode` */
	enum option_type type;
	/* 1 << enum option_taker. Sections have none, nor have options of an output: what takes
	 * `outputs` over takes them. */
	uint32_t takers;
	bool is_file;            /* a path; what the file holds is taken anew at each reload */
	const char *fallback;    /* the default as the file would have it; NULL: none */
	const char *environment; /* the default is this variable, where it is set */
	const char *example;     /* for the default configuration, where there is no default */
	double min, max;         /* of a number; of a text's length; of a list's length */
	const char *const *words;
	const char *help; /* sentences */
	bool secret;      /* its value is never printed */
	bool is_url;      /* its passwords are never printed */
	bool unique;      /* no two outputs of a kind may have the same value */
	/* NULL, or why a text (of a list: an item) is not valid. Not called for an empty text. */
	const char *(*check)(const char *text);
	size_t offset, size; /* of the member */
	size_t other;        /* offset of a second member, where the type says so */
	struct option_when when;
};

struct option_table {
	const struct config_option *options;
	size_t n;
	const char *help; /* of an output's kind */
};

extern const struct option_table options_root;  /* struct config */
extern const struct option_table options_input; /* struct config_input */

/* The option at `prefix` + `key`, or NULL. */
const struct config_option *option_find(
    const struct option_table *table, const char *prefix, const char *key);
/* The word after the last dot of the path. */
const char *option_key(const struct config_option *option);
/* True if the option is a direct child of the section `prefix` ("" or ending in a dot). */
bool option_is_in(const struct config_option *option, const char *prefix);
/* Whether the option's condition holds in the struct at `base`. */
bool option_applies(const struct config_option *option, const void *base);
/* Whether two structs of one kind say the same: values, not pointers, secrets included. */
bool option_equal(const struct config_option *option, const void *a, const void *b);
/* The same for all options that apply. */
bool options_equal(const struct option_table *table, const void *a, const void *b);
/* The known key of the section that is nearest by edit distance, or, where no key is near, the path
 * of an option of that name in another section. Never NULL for a section with keys. */
const char *option_nearest(const struct option_table *table, const char *prefix, const char *key);
/* The nearest of a NULL-terminated list of words. */
const char *word_nearest(const char *const *words, const char *text);

#endif
