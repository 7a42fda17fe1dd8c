/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A name with several addresses, MANY_NAME, for a whole test program: getaddrinfo() here is found
 * before the C library's, by its libraries too. In the order in which it hands them out:
 * many_addresses.
 */
#ifndef TESTS_UNIT_MANY_ADDRESSES_H
#define TESTS_UNIT_MANY_ADDRESSES_H

#include <dlfcn.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>

#define MANY_NAME "many.test"

/* Ended by NULL. Set before the name is asked for. */
static const char *many_addresses[4];

int getaddrinfo(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
	struct addrinfo *list = NULL, **end = &list;
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
	int r = EAI_NONAME;

	memcpy(&real, &symbol, sizeof(real));
	if (!node || strcmp(node, MANY_NAME) != 0)
		return real(node, service, hints, ret);
	for (size_t i = 0; many_addresses[i]; i++) {
		if (real(many_addresses[i], service, hints, end) != 0)
			continue;
		r = 0;
		while (*end) /* freeaddrinfo() gives them back one by one */
			end = &(*end)->ai_next;
	}
	if (r == 0)
		*ret = list;
	return r;
}

#endif
