/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats/junk.h"

#include "stats/facts.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The labels of a name from its end on: [0] is the TLD. */
struct tail {
	const uint8_t *labels[4];
	unsigned n;
};

static void find_tail(struct tail *ret, const uint8_t *name)
{
	*ret = (struct tail){.n = 0};
	for (; *name; name += 1u + *name) {
		for (size_t i = 3; i > 0; i--)
			ret->labels[i] = ret->labels[i - 1];
		ret->labels[0] = name;
		ret->n += ret->n < 4;
	}
}

static bool is(const struct tail *tail, unsigned at, const char *text)
{
	const size_t length = strlen(text);

	return at < tail->n && tail->labels[at][0] == length &&
	    strncasecmp((const char *)tail->labels[at] + 1, text, length) == 0;
}

static bool is_class(uint16_t class)
{
	return facts_is_assigned(margin_key(0, MARGIN_CLASS, 0, 0, 0, class), NULL);
}

/* A byte of a number as inet_aton(3) takes it: decimal, octal, hexadecimal. */
static bool is_numeral(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
	    c == 'x' || c == 'X';
}

static bool is_address(const uint8_t *name)
{
	char text[DNS_MAX_NAME_BYTES + 1];
	struct in_addr address;
	size_t n = 0;

	for (; *name; name += 1u + *name) {
		if (n)
			text[n++] = '.';
		for (unsigned i = 1; i <= *name; i++) {
			if (!is_numeral(name[i]))
				return false;
			text[n++] = (char)name[i];
		}
	}
	text[n] = '\0';
	return n && inet_aton(text, &address);
}

/* A label that is a number of a network's reverse name, from `least` to `most`. */
static bool is_number(const struct tail *tail, unsigned at, unsigned least, unsigned most)
{
	char text[4];
	unsigned value;

	if (at >= tail->n || tail->labels[at][0] > 3)
		return false;
	for (unsigned i = 1; i <= tail->labels[at][0]; i++) {
		if (tail->labels[at][i] < '0' || tail->labels[at][i] > '9')
			return false;
	}
	memcpy(text, tail->labels[at] + 1, tail->labels[at][0]);
	text[tail->labels[at][0]] = '\0';
	value = (unsigned)strtoul(text, NULL, 10);
	return value >= least && value <= most;
}

static bool is_rfc1918(const struct tail *tail)
{
	if (!is(tail, 0, "arpa") || !is(tail, 1, "in-addr"))
		return false;
	return is_number(tail, 2, 10, 10) ||
	    (is_number(tail, 2, 172, 172) && is_number(tail, 3, 16, 31)) ||
	    (is_number(tail, 2, 192, 192) && is_number(tail, 3, 168, 168));
}

static enum junk of_name(
    const struct junk_rules *rules, const uint8_t *name, const struct dns_facts *facts)
{
	struct tail tail;

	if (facts->qtype == DNS_TYPE_A && is_address(name))
		return JUNK_A_FOR_A;
	if (!*name)
		return facts->qtype == DNS_TYPE_A ? JUNK_A_FOR_ROOT : JUNK_NONE;
	find_tail(&tail, name);
	if (is(&tail, 0, "localhost"))
		return JUNK_LOCALHOST;
	if (is(&tail, 0, "net") && is(&tail, 1, "root-servers"))
		return JUNK_ROOT_SERVERS_NET;
	if (rules->tlds && !tlds_has(rules->tlds, tail.labels[0]))
		return JUNK_NON_AUTH_TLD;
	return facts->qtype == DNS_TYPE_PTR && is_rfc1918(&tail) ? JUNK_RFC1918_PTR : JUNK_NONE;
}

enum junk junk_find(const struct junk_rules *rules, const uint8_t *message,
    const struct dns_facts *facts, bool port_zero)
{
	if (port_zero)
		return JUNK_SRC_PORT_ZERO;
	if (!is_class(dns_class(message, facts)))
		return JUNK_FUNNY_CLASS;
	if (rules->qtype_assigned && !rules->qtype_assigned(facts->qtype))
		return JUNK_FUNNY_QTYPE;
	return of_name(rules, message + DNS_HEADER_BYTES, facts);
}

static enum junk_below below(const struct junk_rules *rules, const uint8_t *tld)
{
	const struct tail tail = {.labels = {tld}, .n = 1};

	if (is(&tail, 0, "localhost"))
		return BELOW_LOCALHOST;
	if (rules->tlds && !tlds_has(rules->tlds, tld))
		return is(&tail, 0, "net") ? BELOW_UNKNOWN : BELOW_NO_TLD;
	if (is(&tail, 0, "net"))
		return BELOW_NET;
	return is(&tail, 0, "arpa") ? BELOW_ARPA : BELOW_USUAL;
}

void junk_remember(struct junk_seen *seen, const struct junk_rules *rules, const uint8_t *tld)
{
	struct junk_tld words;

	/* A number may end an address. */
	if (tld[0] < 2 || tld[0] > JUNK_TLD_MOST || (tld[1] >= '0' && tld[1] <= '9'))
		return;
	words = junk_tld_words(tld);
	words.below = (uint8_t)below(rules, tld);
	seen->tlds[junk_tld_place(&words)] = words;
}
