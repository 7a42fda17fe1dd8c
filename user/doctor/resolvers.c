/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: what is needed to say who resolvers are and how far. */
#include "doctor/doctor.h"

#include "base/clock.h"
#include "doctor/read.h"
#include "geo/mmdb.h"
#include "outside/agent_user.h"
#include "ping/ping_socket.h"
#include "privacy/privacy.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

struct echo {
	const struct config_ping *ping;
	unsigned family;
	char reason[PING_REASON_BYTES], mode[16];
};

static int try_echo(void *context)
{
	struct echo *echo = context;
	struct ping_socket *socket = NULL;
	const int r = ping_socket_open(
	    &socket, echo->family, echo->ping->source, echo->ping->n_source, echo->reason);

	if (r == 0)
		snprintf(echo->mode, sizeof(echo->mode), "%s", ping_socket_mode(socket));
	ping_socket_free(socket);
	return r;
}

bool doctor_unit_has_raw_sockets(const struct doctor *doctor)
{
	char place[PATH_MAX];
	bool has = false;
	glob_t files;

	doctor_place(doctor, place, "/etc/systemd/system/crosstap.service.d/*.conf");
	if (glob(place, 0, NULL, &files) != 0)
		return false;
	for (size_t i = 0; i < files.gl_pathc && !has; i++) {
		char *text = NULL, *rest = NULL;

		if (doctor_read(files.gl_pathv[i], &text, NULL) < 0)
			continue;
		for (const char *line = strtok_r(text, "\n", &rest); line && !has;
		     line = strtok_r(NULL, "\n", &rest))
			has = strncmp(line, "AmbientCapabilities=", 20) == 0 &&
			    strstr(line, "CAP_NET_RAW");
		free(text);
	}
	globfree(&files);
	return has;
}

/* Root may anyway; the unit's user may where the range of groups, or a drop-in, says so. */
static void judge_echo(struct doctor *doctor, struct echo *echo, const struct agent_user *agent)
{
	int r = try_echo(echo);

	if (r == 0 && geteuid() == 0 && agent->is_there && !doctor_unit_has_raw_sockets(doctor)) {
		r = agent_user_try(agent, try_echo, echo);
		snprintf(echo->mode, sizeof(echo->mode), "ping socket");
		snprintf(echo->reason, sizeof(echo->reason),
		    "no group of user %s is in net.ipv4.ping_group_range", agent->name);
	}
	if (r < 0)
		doctor_note(doctor, DOCTOR_WARNING,
		    "no round-trip times by ICMP without it; ping: {enabled: false} is fine, and "
		    "so is CAP_NET_RAW by a drop-in (packet-sockets.conf)",
		    PING_PERMIT, "IPv%u: %s", echo->family,
		    *echo->reason ? echo->reason : strerror(-r));
	else
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "IPv%u by %s", echo->family, echo->mode);
}

void doctor_ping(struct doctor *doctor)
{
	const struct config_ping *ping = &doctor->config->ping;
	struct agent_user agent;

	if (!ping->enabled) {
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "off: ping.enabled");
		return;
	}
	agent_user_find(&agent, AGENT_USER);
	for (unsigned family = 4; family <= 6; family += 2) {
		struct echo echo = {.ping = ping, .family = family};

		judge_echo(doctor, &echo, &agent);
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
