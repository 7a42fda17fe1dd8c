/* SPDX-License-Identifier: BSD-2-Clause */
/* Users and groups by name, or by number in decimal. */
#ifndef CROSSTAP_BASE_ACCOUNT_H
#define CROSSTAP_BASE_ACCOUNT_H

#include <sys/types.h>

/* 0; -ENOENT where there is none, or what getpwnam(3) and getgrnam(3) say. Not for two threads at
 * once. */
int account_user(const char *name, uid_t *ret);
int account_group(const char *name, gid_t *ret);

#endif
