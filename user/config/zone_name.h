/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of zones as an operator writes them, and files of them. */
#ifndef CROSSTAP_CONFIG_ZONE_NAME_H
#define CROSSTAP_CONFIG_ZONE_NAME_H

#include <stddef.h>

/* 255 octets (RFC 1035 2.3.4), each at most \DDD, and a NUL. */
#define ZONE_NAME_SIZE 1024

/*
 * Writes the one presentation form (RFC 1035 5.1) that the program uses for a name: ASCII letters
 * in lower case, no dot at the end, the root as ".", `\.` and `\\` for these two characters in a
 * label, \DDD for octets up to 0x20 and from 0x7f on. 0, or -EINVAL with *ret_problem.
 */
int zone_name_normalize(const char *text, char ret[ZONE_NAME_SIZE], const char **ret_problem);

#endif
