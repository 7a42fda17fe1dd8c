/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may connect to an input, and as what it shows itself: networks (`allow`) and certificate
 * (`tls`) as the configuration has them, files read. Made beside what runs, when an input is opened
 * and at each reload; a connection keeps the one that it came by. Counted; any thread.
 */
#ifndef CROSSTAP_DNSTAP_DOOR_H
#define CROSSTAP_DNSTAP_DOOR_H

#include "config/config.h"
#include "dnstap/tls.h"
#include "network/peer.h"

struct door;

/* Errors, with the reason in `error`: those of tls_identity_new(). Nothing of `config` is kept. */
int door_new(struct door **ret, const struct config_input *config, char *error, size_t size);
struct door *door_ref(struct door *door);
/* Takes NULL. */
void door_unref(struct door *door);

bool door_allows(const struct door *door, const struct peer *peer);
/* NULL: connections are plain. */
const struct tls_identity *door_tls(const struct door *door);

#endif
