/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One MMDB file, open: countries or AS numbers of addresses. The layout is recognised from the
 * records, so it does not matter who made the file or how it is called: GeoIP2 and GeoLite2
 * (country.iso_code, autonomous_system_number), DB-IP (the same), IPinfo (country_code or country,
 * asn "AS64496"), ip-location-db (country_code), bundles (traits.autonomous_system_number,
 * asn.asn).
 *
 * libmaxminddb maps files, and whoever truncates a mapped file kills its readers with SIGBUS. So
 * the file is copied into sealed memory first: what happens to it on disk later does not matter.
 */
#ifndef CROSSTAP_GEO_MMDB_H
#define CROSSTAP_GEO_MMDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The largest file that is read, and so the memory that a database can take: GeoIP2 City has about
 * 130 MB, country and AS files under 20 MB. */
#define MMDB_MAX_BYTES (256u << 20)

enum mmdb_kind { MMDB_COUNTRY, MMDB_ASN };

struct mmdb;

/*
 * Opens the file after a child process has read all of it (geo/mmdb_trial.h). *ret_stat (or NULL)
 * is that of the file that was read, also on failure if it could be opened. -EFBIG over the limit;
 * -EAGAIN if it changed while it was read; -EBADMSG if it is no MMDB file, damaged, or without the
 * kind of data asked for; else the error of opening or reading. *reason is then one line of text
 * with the path.
 */
int mmdb_new(struct mmdb **ret, const char *path, enum mmdb_kind kind, struct stat *ret_stat,
    char *reason, size_t reason_size);
/* The same for sealed memory, without a trial. The caller keeps `fd`; `path` is for *reason.
 * -EBADMSG or -ENOMEM. */
int mmdb_open(struct mmdb **ret, int fd, const char *path, enum mmdb_kind kind, char *reason,
    size_t reason_size);
void mmdb_free(struct mmdb *mmdb);
/* Looks up what the functions below look up, in every record that the tree names; about 30 ms for a
 * million nodes. */
void mmdb_read_records(const struct mmdb *mmdb);

/* `family` is 4 (first four bytes) or 6; IPv4-mapped addresses are looked up as IPv4. Two capital
 * letters and a NUL; "" if the file does not know, or says ZZ, XX or the like. */
void mmdb_country(
    const struct mmdb *mmdb, const uint8_t address[16], unsigned family, char ret_country[3]);
/* The AS number, 0 if unknown; *ret_record names the record for mmdb_as_org. */
uint32_t mmdb_asn(
    const struct mmdb *mmdb, const uint8_t address[16], unsigned family, uint32_t *ret_record);
/* The AS's holder, cut to `size` with its NUL at a character's end. Returns its length, 0 if
 * unknown. */
size_t mmdb_as_org(const struct mmdb *mmdb, uint32_t record, char *text, size_t size);

/* Seconds since 1970, of the file's metadata. */
int64_t mmdb_built_s(const struct mmdb *mmdb);
uint64_t mmdb_size_bytes(const struct mmdb *mmdb);
/* The metadata's database_type, text of strangers. */
const char *mmdb_type(const struct mmdb *mmdb);

#endif
