/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: what is needed to say who resolvers are and how far. */
#include "doctor/doctor.h"

#include "base/clock.h"
#include "geo/mmdb.h"
#include "ping/ping_socket.h"
#include "privacy/privacy.h"

#include <errno.h>
#include <string.h>

#define OLD_DAYS 60 /* free databases come out every week or month */
#define DAY_S    86400

static bool is_downloaded(const struct config *config)
{
	return config->geo.maxmind_editions.n;
}

static void check_database(struct doctor *doctor, const char *path, enum mmdb_kind kind)
{
	struct mmdb *mmdb = NULL;
	char reason[512];
	int64_t days;
	int r;

	if (!*path)
		return;
	r = mmdb_new(&mmdb, path, kind, NULL, reason, sizeof(reason));
	if (r == -ENOENT && is_downloaded(doctor->config)) {
		doctor_note(doctor, DOCTOR_OK, NULL, NULL,
		    "%s is not there yet: geo.maxmind fetches it", path);
		return;
	}
	if (r < 0) {
		doctor_note(doctor, DOCTOR_WARNING,
		    "no countries or ASes without a whole database; nothing else depends on it",
		    "man crosstap.yaml", "%s", reason);
		return;
	}
	days = (clock_wall_ns(&clock_system) / (int64_t)NS_PER_S - mmdb_built_s(mmdb)) / DAY_S;
	if (days > OLD_DAYS)
		doctor_note(doctor, DOCTOR_WARNING, "addresses move between countries and ASes",
		    is_downloaded(doctor->config) ? "journalctl -u crosstap -g maxmind"
						  : "man crosstap.yaml",
		    "%s is %lld days old", path, (long long)days);
	else
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%s, %lld days old", path,
		    (long long)(days > 0 ? days : 0));
	mmdb_free(mmdb);
}

void doctor_databases(struct doctor *doctor)
{
	const struct config *config = doctor->config;

	check_database(doctor, config->geo.country, MMDB_COUNTRY);
	check_database(doctor, config->geo.asn, MMDB_ASN);
	if (!*config->geo.country && !*config->geo.asn)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "none: no countries, no ASes");
}

void doctor_ping(struct doctor *doctor)
{
	const struct config_ping *ping = &doctor->config->ping;

	if (!ping->enabled) {
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "off: ping.enabled");
		return;
	}
	for (unsigned family = 4; family <= 6; family += 2) {
		char reason[PING_REASON_BYTES] = "";
		struct ping_socket *socket = NULL;
		const int r =
		    ping_socket_open(&socket, family, ping->source, ping->n_source, reason);

		if (r < 0)
			doctor_note(doctor, DOCTOR_WARNING,
			    "no round-trip times by ICMP without it; ping: {enabled: false} is "
			    "fine",
			    "sysctl net.ipv4.ping_group_range='0 2147483647'", "IPv%u: %s", family,
			    *reason ? reason : strerror(-r));
		else
			doctor_note(doctor, DOCTOR_OK, NULL, NULL, "IPv%u by %s", family,
			    ping_socket_mode(socket));
		ping_socket_free(socket);
	}
}

void doctor_privacy(struct doctor *doctor)
{
	struct privacy *privacy = NULL;
	char reason[512] = "";

	if (privacy_new(&privacy, doctor->config, reason, sizeof(reason)) < 0)
		doctor_note(doctor, DOCTOR_ERROR,
		    "nothing weaker is used instead: the agent would not start",
		    "man crosstap.yaml", "%s", reason);
	else
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "as configured");
	privacy_free(privacy);
}
