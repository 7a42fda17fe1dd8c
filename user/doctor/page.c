/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: who may see the page. */
#include "doctor/network.h"

#include <string.h>

static bool is_loopback(const char *listen)
{
	return strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0 ||
	    strncmp(listen, "localhost:", 10) == 0;
}

void doctor_page(struct doctor *doctor)
{
	const char *listen = doctor->config->http.listen;

	if (strcmp(listen, "off") == 0)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "off: http.listen");
	else if (is_loopback(listen))
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%s is for this host alone", listen);
	else if (*doctor->config->http.token_file)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%s asks for a token", listen);
	else {
		doctor_note(doctor, DOCTOR_WARNING,
		    "it shows names and addresses of those who ask, as far as privacy leaves them",
		    "install -m 600 /dev/null /etc/crosstap/token\n"
		    "head -c 32 /dev/urandom | base64 > /etc/crosstap/token\n"
		    "chown crosstap /etc/crosstap/token\nsystemctl reload crosstap",
		    "%s shows the page to everybody who reaches it", listen);
		doctor_add_lines(doctor, doctor->path ? doctor->path : CONFIG_DEFAULT_PATH,
		    "# in http:\ntoken_file: /etc/crosstap/token\n");
	}
}
