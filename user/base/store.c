/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#define MAX_TEXT 320 /* a name has 255 characters at most (sd_pid_notify_with_fds(3)) */

bool store_works(void)
{
	const char *places = getenv("FDSTORE");

	return getenv("NOTIFY_SOCKET") && places && strtoul(places, NULL, 10) > 0;
}

int store_add(const char *name, const int *fds, unsigned n)
{
	char text[MAX_TEXT];
	int r;

	if (!store_works())
		return 0;
	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	r = sd_pid_notify_with_fds(0, 0, text, fds, n);
	return r < 0 ? r : 0;
}

void store_remove(const char *name)
{
	char text[MAX_TEXT];

	if (!store_works())
		return;
	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	sd_notify(0, text);
}
