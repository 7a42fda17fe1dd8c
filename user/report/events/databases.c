/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/events/databases.h"

#include <stdio.h>
#include <string.h>

bool databases_note(struct databases *databases, enum geo_database which,
    const struct geo_status *status, bool *ret_usable, char text[static DATABASES_TEXT_BYTES])
{
	static const char *const options[GEO_DATABASES] = {"geo.country", "geo.asn"};
	struct databases now = {0};

	snprintf(now.said[which].path, sizeof(now.said[which].path), "%s", status->path);
	snprintf(now.said[which].reason, sizeof(now.said[which].reason), "%s", status->reason);
	now.said[which].loads = status->loads;
	if (memcmp(&now.said[which], &databases->said[which], sizeof(now.said[which])) == 0)
		return false;
	databases->said[which] = now.said[which];
	/* None is configured: if there was one, the reload has been said. */
	if (!*status->path)
		return false;
	*ret_usable = !*status->reason;
	if (*ret_usable)
		snprintf(text, DATABASES_TEXT_BYTES, "%s %s, built %lld", options[which],
		    status->type, (long long)status->built_s);
	else
		snprintf(text, DATABASES_TEXT_BYTES, "%s not used: %s%s", options[which],
		    status->reason, status->loaded ? " (the one before still is)" : "");
	return true;
}
