/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers with units, both ways. Parsers return 0 or -EINVAL. */
#ifndef CROSSTAP_CONFIG_PARSE_VALUE_SCALAR_H
#define CROSSTAP_CONFIG_PARSE_VALUE_SCALAR_H

#include "config/config.h"

#define SCALAR_TEXT_SIZE 64

int scalar_parse_bool(const char *text, bool *ret);
int scalar_parse_uint(const char *text, uint64_t *ret);
int scalar_parse_real(const char *text, double *ret);
/* 10, 10KiB, 10MiB, 10GiB: bytes */
int scalar_parse_size(const char *text, uint64_t *ret);
/* 10ms, 10s, 10m, 10h, 10d, or 0: nanoseconds */
int scalar_parse_time(const char *text, uint64_t *ret);
/* 10/s: per second */
int scalar_parse_rate(const char *text, double *ret);
/* ADDRESS or ADDRESS/PREFIX, no bit set past the prefix; without a slash one host. */
int scalar_parse_network(const char *text, struct config_network *ret, const char **ret_problem);

/* The largest unit that holds the value whole. Each writes at most SCALAR_TEXT_SIZE bytes. */
void scalar_format_size(char *out, uint64_t bytes);
void scalar_format_time(char *out, uint64_t ns);
/* Without an exponent. */
void scalar_format_real(char *out, double value);
void scalar_format_rate(char *out, double rate);
void scalar_format_network(char *out, const struct config_network *network);

#endif
