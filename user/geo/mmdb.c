/* SPDX-License-Identifier: BSD-2-Clause */
#include "geo/mmdb.h"

#include "geo/mmdb_copy.h"
#include "geo/mmdb_trial.h"
#include "geo/mmdb_verify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Enough to see what a file holds; a damaged tree may have cycles. Where IPv4 addresses are found
 * in several places of IPv6, nodes are met more than once. */
#define SCAN_RECORDS 1000
#define SCAN_NODES   100000
#define SCAN_TURNS   8
#define MAX_DEPTH    128
#define MAX_AS       UINT32_MAX

#define PATH_KEYS 3 /* two keys and NULL */

/* Where a maker keeps the value, the value's substitute, and the name that belongs to it. */
struct layout {
	const char *value[PATH_KEYS], *substitute[PATH_KEYS], *org[PATH_KEYS];
};

static const struct layout country_layouts[] = {
    {{"country", "iso_code"}, {"registered_country", "iso_code"}, {0}},
    {{"country_code"}, {0}, {0}},
    {{"country"}, {0}, {0}},
};

static const struct layout asn_layouts[] = {
    {{"autonomous_system_number"}, {0}, {"autonomous_system_organization"}},
    {{"traits", "autonomous_system_number"}, {0}, {"traits", "autonomous_system_organization"}},
    {{"asn", "asn"}, {0}, {"asn", "name"}},
    {{"asn"}, {0}, {"as_name"}},
};

/* IPinfo's older files have "name" where newer ones have "as_name". */
static const char *const old_name[PATH_KEYS] = {"name"};

struct mmdb {
	MMDB_s db;
	bool is_open;
	enum mmdb_kind kind;
	const struct layout *layout;
};

static bool get(
    const struct mmdb *mmdb, uint32_t record, const char *const *path, MMDB_entry_data_s *ret)
{
	MMDB_entry_s entry = {.mmdb = &mmdb->db, .offset = record};

	return *path && MMDB_aget_value(&entry, ret, path) == MMDB_SUCCESS && ret->has_data;
}

static bool is_capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool get_country(
    const struct mmdb *mmdb, uint32_t record, const char *const *path, char ret[3])
{
	MMDB_entry_data_s data;
	const char *text;

	if (!get(mmdb, record, path, &data) || data.type != MMDB_DATA_TYPE_UTF8_STRING ||
	    data.data_size != 2)
		return false;
	text = data.utf8_string;
	if (!is_capital(text[0]) || !is_capital(text[1]))
		return false;
	/* Codes that ISO 3166 leaves to users, with which makers say "unknown". */
	if (memcmp(text, "ZZ", 2) == 0 || memcmp(text, "XX", 2) == 0)
		return false;
	memcpy(ret, text, 2);
	ret[2] = '\0';
	return true;
}

/* "AS64496", "as64496" or "64496" */
static uint32_t parse_asn(const char *text, size_t length)
{
	uint64_t value = 0;

	if (length > 2 && (text[0] | 0x20) == 'a' && (text[1] | 0x20) == 's') {
		text += 2;
		length -= 2;
	}
	if (length == 0 || length > 10)
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	return value <= MAX_AS ? (uint32_t)value : 0;
}

static uint32_t get_asn(const struct mmdb *mmdb, uint32_t record, const char *const *path)
{
	MMDB_entry_data_s data;

	if (!get(mmdb, record, path, &data))
		return 0;
	switch (data.type) {
	case MMDB_DATA_TYPE_UTF8_STRING:
		return parse_asn(data.utf8_string, data.data_size);
	case MMDB_DATA_TYPE_UINT16:
		return data.uint16;
	case MMDB_DATA_TYPE_UINT32:
		return data.uint32;
	case MMDB_DATA_TYPE_UINT64:
		return data.uint64 <= MAX_AS ? (uint32_t)data.uint64 : 0;
	default:
		return 0;
	}
}

static bool has_value(const struct mmdb *mmdb, uint32_t record, const struct layout *layout)
{
	char country[3];

	if (mmdb->kind == MMDB_COUNTRY)
		return get_country(mmdb, record, layout->value, country);
	return get_asn(mmdb, record, layout->value) != 0;
}

static const struct layout *recognise(const struct mmdb *mmdb, uint32_t record)
{
	const struct layout *layouts = mmdb->kind == MMDB_COUNTRY ? country_layouts : asn_layouts;
	size_t n = mmdb->kind == MMDB_COUNTRY ? sizeof(country_layouts) / sizeof(*layouts)
					      : sizeof(asn_layouts) / sizeof(*layouts);

	for (size_t i = 0; i < n; i++)
		if (has_value(mmdb, record, &layouts[i]))
			return &layouts[i];
	return NULL;
}

struct scan {
	uint32_t nodes[MAX_DEPTH + 1]; /* to be visited; each level leaves at most one behind */
	size_t n;
	size_t nodes_seen, records_seen;
};

/* False for a broken tree. */
static bool scan_branch(
    struct mmdb *mmdb, struct scan *scan, uint8_t type, uint64_t value, const MMDB_entry_s *entry)
{
	switch (type) {
	case MMDB_RECORD_TYPE_SEARCH_NODE:
		if (scan->n == sizeof(scan->nodes) / sizeof(scan->nodes[0]))
			return false;
		scan->nodes[scan->n++] = (uint32_t)value;
		return true;
	case MMDB_RECORD_TYPE_EMPTY:
		return true;
	case MMDB_RECORD_TYPE_DATA:
		scan->records_seen++;
		if (!mmdb->layout)
			mmdb->layout = recognise(mmdb, entry->offset);
		return true;
	default:
		return false;
	}
}

/* Walks the tree from the lowest address until a record tells the layout. */
static int find_layout(struct mmdb *mmdb)
{
	const uint64_t all = (uint64_t)mmdb->db.metadata.node_count * SCAN_TURNS;
	const uint64_t most = all < SCAN_NODES ? all : SCAN_NODES;
	struct scan scan = {.n = 1};

	while (scan.n > 0 && scan.nodes_seen++ < most && scan.records_seen < SCAN_RECORDS &&
	    !mmdb->layout) {
		MMDB_search_node_s node;

		if (MMDB_read_node(&mmdb->db, scan.nodes[--scan.n], &node) != MMDB_SUCCESS ||
		    !scan_branch(mmdb, &scan, node.right_record_type, node.right_record,
			&node.right_record_entry) ||
		    !scan_branch(mmdb, &scan, node.left_record_type, node.left_record,
			&node.left_record_entry))
			return -EBADMSG;
	}
	return mmdb->layout ? 0 : -ENODATA;
}

/* libmaxminddb opens what it has not measured. */
static int verify(int fd, const char *path, char *reason, size_t size)
{
	const char *why = NULL;
	struct stat st;
	void *bytes;
	int r;

	if (fstat(fd, &st) < 0 || st.st_size <= 0) {
		snprintf(reason, size, "%s: is empty", path);
		return -EBADMSG;
	}
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED) {
		snprintf(reason, size, "%s: %s", path, strerrordesc_np(errno));
		return -ENOMEM;
	}
	r = mmdb_verify(bytes, (size_t)st.st_size, &why);
	if (r < 0)
		snprintf(reason, size, "%s: %s", path, why);
	munmap(bytes, (size_t)st.st_size);
	return r;
}

static int open_verified(struct mmdb *mmdb, int fd, const char *path, char *reason, size_t size)
{
	char name[32];
	int status;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	status = MMDB_open(name, MMDB_MODE_MMAP, &mmdb->db);
	if (status != MMDB_SUCCESS) {
		snprintf(reason, size, "%s: %s", path, MMDB_strerror(status));
		return status == MMDB_OUT_OF_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
	}
	mmdb->is_open = true;
	switch (find_layout(mmdb)) {
	case 0:
		return 0;
	case -ENODATA:
		snprintf(reason, size, "%s: holds no %s", path,
		    mmdb->kind == MMDB_COUNTRY ? "countries" : "AS numbers");
		return -EBADMSG;
	default:
		snprintf(reason, size, "%s: the search tree is damaged", path);
		return -EBADMSG;
	}
}

int mmdb_open(struct mmdb **ret, int fd, const char *path, enum mmdb_kind kind, char *reason,
    size_t reason_size)
{
	struct mmdb *mmdb = calloc(1, sizeof(*mmdb));
	int r;

	if (!mmdb) {
		snprintf(reason, reason_size, "%s: no memory", path);
		return -ENOMEM;
	}
	mmdb->kind = kind;
	r = verify(fd, path, reason, reason_size);
	if (r == 0)
		r = open_verified(mmdb, fd, path, reason, reason_size);
	if (r < 0)
		mmdb_free(mmdb);
	else
		*ret = mmdb;
	return r;
}

int mmdb_new(struct mmdb **ret, const char *path, enum mmdb_kind kind, struct stat *ret_stat,
    char *reason, size_t reason_size)
{
	struct stat unused;
	int r, fd;

	r = mmdb_copy(
	    path, MMDB_MAX_BYTES, &fd, ret_stat ? ret_stat : &unused, reason, reason_size);
	if (r < 0)
		return r;
	r = mmdb_trial(fd, path, kind, reason, reason_size);
	if (r == 0)
		r = mmdb_open(ret, fd, path, kind, reason, reason_size);
	close(fd); /* the mapping stays */
	return r;
}

void mmdb_free(struct mmdb *mmdb)
{
	if (!mmdb)
		return;
	if (mmdb->is_open)
		MMDB_close(&mmdb->db);
	free(mmdb);
}

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* The record of an address; false if there is none, or the tree is damaged on the way to it. */
static bool find_record(
    const struct mmdb *mmdb, const uint8_t address[16], unsigned family, uint32_t *ret)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	const struct sockaddr *sockaddr = (const struct sockaddr *)&in;
	MMDB_lookup_result_s result;
	int error = MMDB_SUCCESS;

	if (family == 4) {
		memcpy(&in.sin_addr, address, 4);
	} else if (memcmp(address, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		memcpy(&in.sin_addr, address + 12, 4);
	} else {
		memcpy(&in6.sin6_addr, address, 16);
		sockaddr = (const struct sockaddr *)&in6;
	}
	result = MMDB_lookup_sockaddr(&mmdb->db, sockaddr, &error);
	if (error != MMDB_SUCCESS || !result.found_entry)
		return false;
	*ret = result.entry.offset;
	return true;
}

void mmdb_country(
    const struct mmdb *mmdb, const uint8_t address[16], unsigned family, char ret_country[3])
{
	uint32_t record;

	if (!find_record(mmdb, address, family, &record) ||
	    (!get_country(mmdb, record, mmdb->layout->value, ret_country) &&
		!get_country(mmdb, record, mmdb->layout->substitute, ret_country)))
		memset(ret_country, 0, 3);
}

uint32_t mmdb_asn(
    const struct mmdb *mmdb, const uint8_t address[16], unsigned family, uint32_t *ret_record)
{
	if (!find_record(mmdb, address, family, ret_record))
		return 0;
	return get_asn(mmdb, *ret_record, mmdb->layout->value);
}

/* At most `size` - 1 bytes of whole UTF-8 characters. */
static size_t cut(const char *text, size_t length, size_t size)
{
	if (length < size)
		return length;
	length = size - 1;
	while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
		length--;
	return length;
}

size_t mmdb_as_org(const struct mmdb *mmdb, uint32_t record, char *text, size_t size)
{
	MMDB_entry_data_s data;
	size_t length;

	if (size == 0)
		return 0;
	text[0] = '\0';
	if (!get(mmdb, record, mmdb->layout->org, &data) && !get(mmdb, record, old_name, &data))
		return 0;
	if (data.type != MMDB_DATA_TYPE_UTF8_STRING)
		return 0;
	length = cut(data.utf8_string, data.data_size, size);
	memcpy(text, data.utf8_string, length);
	text[length] = '\0';
	return strlen(text);
}

static void read_record(const struct mmdb *mmdb, uint32_t record)
{
	char country[3], org[8];

	if (mmdb->kind == MMDB_COUNTRY) {
		if (!get_country(mmdb, record, mmdb->layout->value, country))
			get_country(mmdb, record, mmdb->layout->substitute, country);
	} else {
		get_asn(mmdb, record, mmdb->layout->value);
		mmdb_as_org(mmdb, record, org, sizeof(org));
	}
}

/* Most nodes share their records with others: `seen` has a bit for each place in the data section.
 */
static void read_once(
    const struct mmdb *mmdb, uint8_t *seen, uint8_t type, const MMDB_entry_s *entry)
{
	if (type != MMDB_RECORD_TYPE_DATA || entry->offset >= mmdb->db.data_section_size ||
	    seen[entry->offset / 8] & 1u << entry->offset % 8)
		return;
	seen[entry->offset / 8] |= (uint8_t)(1u << entry->offset % 8);
	read_record(mmdb, entry->offset);
}

void mmdb_read_records(const struct mmdb *mmdb)
{
	uint8_t *seen = calloc(1, mmdb->db.data_section_size / 8 + 1);

	if (!seen)
		return;
	for (uint32_t i = 0; i < mmdb->db.metadata.node_count; i++) {
		MMDB_search_node_s node;

		if (MMDB_read_node(&mmdb->db, i, &node) != MMDB_SUCCESS)
			break;
		read_once(mmdb, seen, node.left_record_type, &node.left_record_entry);
		read_once(mmdb, seen, node.right_record_type, &node.right_record_entry);
	}
	free(seen);
}

int64_t mmdb_built_s(const struct mmdb *mmdb)
{
	return mmdb->db.metadata.build_epoch <= INT64_MAX ? (int64_t)mmdb->db.metadata.build_epoch
							  : 0;
}

uint64_t mmdb_size_bytes(const struct mmdb *mmdb)
{
	return (uint64_t)mmdb->db.file_size;
}

const char *mmdb_type(const struct mmdb *mmdb)
{
	return mmdb->db.metadata.database_type ? mmdb->db.metadata.database_type : "";
}
