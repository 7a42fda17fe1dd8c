/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/mnemonic.h"

#include "stats/junk.h"
#include "stats/key.h"

#include "crosstap/dns.h"

#include <stddef.h>
#include <stdio.h>

/* clang-format off */
#define QTYPES(X) \
	X(1, "A") X(2, "NS") X(3, "MD") X(4, "MF") X(5, "CNAME") X(6, "SOA") X(7, "MB") \
	X(8, "MG") X(9, "MR") X(10, "NULL") X(11, "WKS") X(12, "PTR") X(13, "HINFO") \
	X(14, "MINFO") X(15, "MX") X(16, "TXT") X(17, "RP") X(18, "AFSDB") X(19, "X25") \
	X(20, "ISDN") X(21, "RT") X(22, "NSAP") X(23, "NSAP-PTR") X(24, "SIG") X(25, "KEY") \
	X(26, "PX") X(27, "GPOS") X(28, "AAAA") X(29, "LOC") X(30, "NXT") X(31, "EID") \
	X(32, "NIMLOC") X(33, "SRV") X(34, "ATMA") X(35, "NAPTR") X(36, "KX") X(37, "CERT") \
	X(38, "A6") X(39, "DNAME") X(40, "SINK") X(41, "OPT") X(42, "APL") X(43, "DS") \
	X(44, "SSHFP") X(45, "IPSECKEY") X(46, "RRSIG") X(47, "NSEC") X(48, "DNSKEY") \
	X(49, "DHCID") X(50, "NSEC3") X(51, "NSEC3PARAM") X(52, "TLSA") X(53, "SMIMEA") \
	X(55, "HIP") X(56, "NINFO") X(57, "RKEY") X(58, "TALINK") X(59, "CDS") \
	X(60, "CDNSKEY") X(61, "OPENPGPKEY") X(62, "CSYNC") X(63, "ZONEMD") X(64, "SVCB") \
	X(65, "HTTPS") X(66, "DSYNC") X(67, "HHIT") X(68, "BRID") X(99, "SPF") X(100, "UINFO") \
	X(101, "UID") X(102, "GID") X(103, "UNSPEC") X(104, "NID") X(105, "L32") X(106, "L64") \
	X(107, "LP") X(108, "EUI48") X(109, "EUI64") X(128, "NXNAME") X(249, "TKEY") \
	X(250, "TSIG") X(251, "IXFR") X(252, "AXFR") X(253, "MAILB") X(254, "MAILA") \
	X(255, "ANY") X(256, "URI") X(257, "CAA") X(258, "AVC") X(259, "DOA") \
	X(260, "AMTRELAY") X(261, "RESINFO") X(262, "WALLET") X(263, "CLA") X(264, "IPN") \
	X(32768, "TA") X(32769, "DLV")

#define OPCODES(X) \
	X(0, "QUERY") X(1, "IQUERY") X(2, "STATUS") X(4, "NOTIFY") X(5, "UPDATE") X(6, "DSO")

#define RCODES(X) \
	X(0, "NOERROR") X(1, "FORMERR") X(2, "SERVFAIL") X(3, "NXDOMAIN") X(4, "NOTIMP") \
	X(5, "REFUSED") X(6, "YXDOMAIN") X(7, "YXRRSET") X(8, "NXRRSET") X(9, "NOTAUTH") \
	X(10, "NOTZONE") X(11, "DSOTYPENI") X(16, "BADVERS") X(17, "BADKEY") X(18, "BADTIME") \
	X(19, "BADMODE") X(20, "BADNAME") X(21, "BADALG") X(22, "BADTRUNC") X(23, "BADCOOKIE")

#define CLASSES(X) X(1, "IN") X(3, "CH") X(4, "HS") X(254, "NONE") X(255, "ANY")

/* clang-format on */

#define CASE(number, name)                                                                         \
	case number:                                                                               \
		return name;

static const char *qtype_name(uint16_t type)
{
	switch (type) {
		QTYPES(CASE)
	default:
		return NULL;
	}
}

static const char *opcode_name(uint16_t opcode)
{
	switch (opcode) {
		OPCODES(CASE)
	default:
		return NULL;
	}
}

static const char *rcode_name(uint16_t rcode)
{
	switch (rcode) {
		RCODES(CASE)
	default:
		return NULL;
	}
}

static const char *class_name(uint16_t class)
{
	switch (class) {
		CLASSES(CASE)
	default:
		return NULL;
	}
}

static const char *or_number(
    const char *name, const char *prefix, uint16_t value, char buffer[MNEMONIC_BYTES])
{
	if (name)
		return name;
	snprintf(buffer, MNEMONIC_BYTES, "%s%u", prefix, (unsigned)value);
	return buffer;
}

const char *mnemonic_qtype(uint16_t type, char buffer[MNEMONIC_BYTES])
{
	return or_number(qtype_name(type), "TYPE", type, buffer);
}

const char *mnemonic_opcode(uint16_t opcode, char buffer[MNEMONIC_BYTES])
{
	return or_number(opcode_name(opcode), "OPCODE", opcode, buffer);
}

const char *mnemonic_rcode(uint16_t rcode, char buffer[MNEMONIC_BYTES])
{
	return or_number(rcode_name(rcode), "RCODE", rcode, buffer);
}

bool mnemonic_qtype_assigned(uint16_t type)
{
	return qtype_name(type) != NULL;
}

bool mnemonic_rcode_assigned(uint16_t rcode)
{
	return rcode_name(rcode) != NULL;
}

const char *mnemonic_class(uint16_t class, char buffer[MNEMONIC_BYTES])
{
	return or_number(class_name(class), "CLASS", class, buffer);
}

#define NAME(id, name) name,

const char *mnemonic_transport(unsigned transport)
{
	static const char *const names[] = {TRANSPORTS(NAME)};

	return transport < TRANSPORT_COUNT ? names[transport] : "udp";
}

const char *mnemonic_family(unsigned family)
{
	return family == FAMILY_IPV4 ? "ipv4" : "ipv6";
}

const char *mnemonic_direction(unsigned direction)
{
	return direction == DIR_QUERY ? "query" : "response";
}

const char *mnemonic_flag(unsigned bit)
{
	static const char *const names[] = {DNS_FLAGS(NAME)};

	return bit < DNS_FLAG_COUNT ? names[bit] : "";
}

const char *mnemonic_edns_version(unsigned version)
{
	static const char *const names[] = {
	    [EDNS_VERSION_NONE] = "none", [EDNS_VERSION_0] = "0", [EDNS_VERSION_OTHER] = "other"};

	return version <= EDNS_VERSION_OTHER ? names[version] : "other";
}

const char *mnemonic_edns_size(unsigned size)
{
#define BIN(bytes) "b" #bytes,
	static const char *const names[] = {EDNS_SIZES(BIN) "none"};
#undef BIN

	return size < EDNS_SIZE_COUNT ? names[size] : "none";
}

const char *mnemonic_qname_trait(unsigned trait)
{
	static const char *const names[] = {
	    [QNAME_IDN] = "idn", [QNAME_MIXED_CASE] = "mixed_case", [QNAME_REVERSE] = "reverse"};

	return trait < QNAME_TRAIT_COUNT ? names[trait] : "";
}

const char *mnemonic_junk(unsigned junk)
{
	static const char *const names[] = {JUNK_KINDS(NAME)};

	return junk < JUNK_COUNT ? names[junk] : "";
}
