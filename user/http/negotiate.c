/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/negotiate.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define TOKEN        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define TEXT_VERSION "0.0.4"
#define OPEN_VERSION "1.0.0"

struct word {
	const char *text;
	size_t length;
};

struct member {                    /* of a list */
	struct word name, version; /* `version`: without text where there is none */
	int weight;                /* in thousandths */
};

static bool is(struct word word, const char *text)
{
	return word.length == strlen(text) && strncasecmp(word.text, text, word.length) == 0;
}

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t");
}

/* At least one of these characters. */
static bool take_word(const char **at, const char *allowed, struct word *ret)
{
	*ret = (struct word){*at, strspn(*at, allowed)};
	*at += ret->length;
	return ret->length > 0;
}

/* A token, or a quoted string, whose quotes are not part of the word. */
static bool take_value(const char **at, struct word *ret)
{
	const char *end;

	if (**at != '"')
		return take_word(at, TOKEN, ret);
	for (end = *at + 1; *end && *end != '"'; end++)
		end += *end == '\\' && end[1];
	*ret = (struct word){*at + 1, (size_t)(end - *at - 1)};
	*at = *end ? end + 1 : end;
	return *end == '"';
}

/* weight = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ); -1: it is none. */
static int weight_of(struct word word)
{
	int weight, unit = 100;

	if (word.length < 1 || word.length > 5 || (word.text[0] != '0' && word.text[0] != '1') ||
	    (word.length > 1 && word.text[1] != '.'))
		return -1;
	weight = (word.text[0] - '0') * 1000;
	for (size_t i = 2; i < word.length; i++, unit /= 10) {
		if (word.text[i] < '0' || word.text[i] > '9')
			return -1;
		weight += (word.text[i] - '0') * unit;
	}
	return weight > 1000 ? -1 : weight;
}

static bool take_parameter(const char **at, struct member *member)
{
	struct word name, value;

	*at = skip_space(*at);
	if (**at == ';' || **at == ',' || !**at) /* RFC 9110 section 5.6.6: it may be empty */
		return true;
	if (!take_word(at, TOKEN, &name) || *(*at)++ != '=' || !take_value(at, &value))
		return false;
	if (is(name, "version"))
		member->version = value;
	if (is(name, "q"))
		member->weight = weight_of(value);
	return member->weight >= 0;
}

static bool take_member(const char **at, struct member *ret)
{
	*ret = (struct member){.weight = 1000};
	if (!take_word(at, TOKEN "/", &ret->name))
		return false;
	for (*at = skip_space(*at); **at == ';'; *at = skip_space(*at)) {
		(*at)++;
		if (!take_parameter(at, ret))
			return false;
	}
	return **at == ',' || !**at;
}

/* The next member that keeps the grammar; false: there is none any more. */
static bool next_member(const char **at, struct member *ret)
{
	while (**at) {
		const char *start = *at + strspn(*at, ", \t"), *end = start;

		*at = start;
		if (!*start)
			return false;
		if (take_member(&end, ret)) {
			*at = end;
			return true;
		}
		*at = start + strcspn(start, ",");
	}
	return false;
}

static bool has_version(const struct member *member, const char *version)
{
	return !member->version.text || is(member->version, version);
}

/* How closely a member means text/plain; 0: not at all. */
static int closeness(const struct member *member)
{
	if (is(member->name, "text/plain"))
		return has_version(member, TEXT_VERSION) ? 3 : 0;
	return is(member->name, "text/*") ? 2 : is(member->name, "*/*");
}

bool negotiate_open_metrics(const char *accept)
{
	int open = 0, text = 0, closest = 0;
	struct member member;

	while (accept && next_member(&accept, &member)) {
		const int close = closeness(&member);

		if (is(member.name, "application/openmetrics-text") &&
		    has_version(&member, OPEN_VERSION) && member.weight > open)
			open = member.weight;
		if (close > closest || (close && close == closest && member.weight > text)) {
			closest = close;
			text = member.weight;
		}
	}
	return open > 0 && open >= text;
}

bool negotiate_gzip(const char *accept_encoding)
{
	int gzip = -1, any = 0;
	struct member member;

	while (accept_encoding && next_member(&accept_encoding, &member)) {
		if (is(member.name, "gzip") || is(member.name, "x-gzip"))
			gzip = member.weight;
		else if (is(member.name, "*"))
			any = member.weight;
	}
	return (gzip < 0 ? any : gzip) > 0;
}
