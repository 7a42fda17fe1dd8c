/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was last said of the databases, so that each is spoken of once at the start and again only
 * when it is replaced, or can no longer be used. The report's thread owns it and does the speaking.
 */
#ifndef CROSSTAP_REPORT_EVENTS_DATABASES_H
#define CROSSTAP_REPORT_EVENTS_DATABASES_H

#include "geo/geo.h"

#define DATABASES_TEXT_BYTES 400

/* Zero-initialised: nothing was said yet. */
struct databases {
	struct {
		char path[256], reason[256]; /* as in struct geo_status, cut to size */
		uint64_t loads;
	} said[GEO_DATABASES];
};

/* True if something is to be said: *ret_usable and a text that begins with the option's name. */
bool databases_note(struct databases *databases, enum geo_database which,
    const struct geo_status *status, bool *ret_usable, char text[static DATABASES_TEXT_BYTES]);

#endif
