/* SPDX-License-Identifier: BSD-2-Clause */
/* A damaged or hostile MMDB file, behind a byte that says of which kind: it is opened or not, and
 * whatever is looked up in it does no harm. */
#include "geo/mmdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST 2304

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libmaxminddb 1.7 forgets a few KiB when it refuses damaged metadata. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libmaxminddb";
}

static const struct {
	uint8_t address[16];
	unsigned family;
} places[] = {
    {{10, 1, 2, 3}, 4},
    {{192, 0, 2, 1}, 4},
    {{255, 255, 255, 255}, 4},
    {{0x20, 0x01, 0x0d, 0xb8}, 6},
    {{[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}, 6},
    {{0xff, 0xff, 0xff, 0xff}, 6},
};

static void look_around(const struct mmdb *mmdb, enum mmdb_kind kind)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char country[3], org[32];
		uint32_t record;

		if (kind == MMDB_COUNTRY) {
			mmdb_country(mmdb, places[i].address, places[i].family, country);
			if (strlen(country) != 0 && strlen(country) != 2)
				abort();
		} else if (mmdb_asn(mmdb, places[i].address, places[i].family, &record)) {
			if (mmdb_as_org(mmdb, record, org, sizeof(org)) != strlen(org))
				abort();
		}
	}
	if (mmdb_built_s(mmdb) < 0 || !mmdb_type(mmdb))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const enum mmdb_kind kind = size && data[0] & 1 ? MMDB_ASN : MMDB_COUNTRY;
	struct mmdb *mmdb = NULL;
	static int fd = -1;
	char reason[128];

	if (!size || size > MOST)
		return 0;
	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size - 1) < 0 ||
	    pwrite(fd, data + 1, size - 1, 0) != (ssize_t)size - 1)
		abort();
	if (mmdb_open(&mmdb, fd, "fuzz", kind, reason, sizeof(reason)) == 0) {
		mmdb_read_records(mmdb);
		look_around(mmdb, kind);
	} else if (mmdb || !*reason) {
		abort();
	}
	mmdb_free(mmdb);
	return 0;
}
