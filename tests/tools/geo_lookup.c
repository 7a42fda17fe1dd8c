/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * geo_lookup COUNTRY ASN < addresses: a line "address country asn organisation" for each line of
 * input, "-" for what is not known. The state of both databases goes to stderr. Either path may
 * be "".
 */
#include "geo/geo.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void print_status(const struct geo *geo)
{
	for (int i = 0; i < GEO_DATABASES; i++) {
		struct geo_status status;

		geo_get_status(geo, (enum geo_database)i, &status);
		fprintf(stderr, "%s: loaded=%d type=%s built=%lld reason=%s\n",
		    i == GEO_COUNTRY ? "country" : "asn", status.loaded, status.type,
		    (long long)status.built_s, status.reason);
	}
}

int main(int argc, char **argv)
{
	struct geo *geo = NULL;
	char line[128];

	if (argc != 3 || geo_new(&geo, argv[1], argv[2]) < 0) {
		fprintf(stderr, "usage: geo_lookup COUNTRY ASN < addresses\n");
		return 2;
	}
	print_status(geo);
	while (fgets(line, sizeof(line), stdin)) {
		unsigned family = strchr(line, ':') ? 6 : 4;
		struct geo_answer answer;
		char org[GEO_ORG_SIZE];
		uint8_t address[16];

		line[strcspn(line, "\n")] = '\0';
		if (inet_pton(family == 4 ? AF_INET : AF_INET6, line, address) != 1) {
			fprintf(stderr, "%s: no address\n", line);
			geo_free(geo);
			return 2;
		}
		geo_lookup(geo, address, family, &answer);
		printf("%s %s %u %s\n", line, *answer.country ? answer.country : "-", answer.asn,
		    geo_as_org(geo, answer.asn, org, sizeof(org)) ? org : "-");
	}
	geo_free(geo);
	return 0;
}
