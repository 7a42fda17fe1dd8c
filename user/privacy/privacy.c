/* SPDX-License-Identifier: BSD-2-Clause */
#include "privacy/privacy.h"

#include "privacy/cryptopan.h"
#include "privacy/key_file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_BITS_IPV4 24
#define PREFIX_BITS_IPV6 48
#define CACHE_SLOTS      4096 /* direct mapped, 160 KiB; a pseudonym costs up to 128 cipher blocks */
#define MAX_LABEL_BYTES  63
#define MAX_NAME_BYTES   255
#define MAX_LABELS       127

struct pseudonym {
	uint8_t address[16], result[16];
	uint8_t family; /* 0: empty */
};

struct privacy {
	struct config *config;
	enum privacy_addresses addresses;
	enum privacy_names names;
	const char **zones; /* sorted, of the configuration */
	size_t n_zones;
	struct cryptopan cryptopan;
	pthread_mutex_t lock; /* of the cache */
	struct pseudonym *cache;
};

static int fail(char *reason, size_t size, int error, const char *text)
{
	snprintf(reason, size, "%s", text);
	return error;
}

static int set_up_cryptopan(
    struct privacy *privacy, const char *path, char *reason, size_t reason_size)
{
	uint8_t key[CRYPTOPAN_KEY_BYTES];
	int r;

	if (!path || !*path)
		return fail(reason, reason_size, -ENOKEY,
		    "privacy.cryptopan_key_file: must be set for addresses: cryptopan");
	r = key_file_read(path, key, reason, reason_size);
	if (r == 0) {
		privacy->cache = calloc(CACHE_SLOTS, sizeof(*privacy->cache));
		if (!privacy->cache)
			r = fail(reason, reason_size, -ENOMEM, "no memory");
		else
			cryptopan_init(&privacy->cryptopan, key);
	}
	explicit_bzero(key, sizeof(key));
	return r;
}

static int compare_zones(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int collect_zones(struct privacy *privacy, const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_inputs; i++)
		n += 1 + config->inputs[i].zones.n;
	privacy->zones = calloc(n ? n : 1, sizeof(*privacy->zones));
	if (!privacy->zones)
		return -ENOMEM;
	for (size_t i = 0; i < config->n_inputs; i++) {
		const struct config_input *input = &config->inputs[i];

		if (input->zone && *input->zone)
			privacy->zones[privacy->n_zones++] = input->zone;
		for (size_t k = 0; k < input->zones.n; k++)
			privacy->zones[privacy->n_zones++] = input->zones.items[k];
	}
	qsort(privacy->zones, privacy->n_zones, sizeof(*privacy->zones), compare_zones);
	return 0;
}

int privacy_new(struct privacy **ret, const struct config *config, char *reason, size_t size)
{
	struct privacy *privacy = calloc(1, sizeof(*privacy));
	int r;

	if (!privacy)
		return fail(reason, size, -ENOMEM, "no memory");
	pthread_mutex_init(&privacy->lock, NULL);
	privacy->config = config_ref(config);
	privacy->addresses = config->privacy.addresses;
	privacy->names = config->privacy.names;
	if (privacy->names == NAMES_SUFFIX && (r = collect_zones(privacy, config)) < 0) {
		fail(reason, size, r, "no memory");
		goto out;
	}
	r = 0;
	if (privacy->addresses == ADDRESSES_CRYPTOPAN)
		r = set_up_cryptopan(privacy, config->privacy.cryptopan_key_file, reason, size);
out:
	if (r < 0)
		privacy_free(privacy);
	else
		*ret = privacy;
	return r;
}

void privacy_free(struct privacy *privacy)
{
	if (!privacy)
		return;
	pthread_mutex_destroy(&privacy->lock);
	free(privacy->zones);
	free(privacy->cache);
	config_unref(privacy->config);
	explicit_bzero(privacy, sizeof(*privacy));
	free(privacy);
}

static size_t cache_slot(const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	/* Odd constants of no meaning; a collision only costs a computation. */
	return (size_t)((words[0] * 0x9e3779b97f4a7c15u ^ words[1] * 0xc2b2ae3d27d4eb4fu) >> 52) %
	    CACHE_SLOTS;
}

static void pseudonym(
    struct privacy *privacy, const uint8_t address[16], unsigned family, uint8_t result[16])
{
	struct pseudonym *slot = &privacy->cache[cache_slot(address)];

	pthread_mutex_lock(&privacy->lock);
	if (slot->family != family || memcmp(slot->address, address, 16) != 0) {
		memcpy(slot->address, address, 16);
		slot->family = (uint8_t)family;
		cryptopan_address(
		    &privacy->cryptopan, address, family == 4 ? 32 : 128, slot->result);
	}
	memcpy(result, slot->result, 16);
	pthread_mutex_unlock(&privacy->lock);
}

void privacy_address(struct privacy *privacy, const uint8_t address[16], unsigned family,
    char text[INET6_ADDRSTRLEN])
{
	int af = family == 4 ? AF_INET : AF_INET6;
	size_t length = family == 4 ? 4 : 16;
	unsigned bits = family == 4 ? PREFIX_BITS_IPV4 : PREFIX_BITS_IPV6;
	uint8_t shown[16] = {0};

	text[0] = '\0';
	switch (privacy->addresses) {
	case ADDRESSES_FULL:
		inet_ntop(af, address, text, INET6_ADDRSTRLEN);
		break;
	case ADDRESSES_PREFIX:
		memcpy(shown, address, bits / 8);
		inet_ntop(af, shown, text, INET6_ADDRSTRLEN);
		/* At most three groups and "::", so there is room. */
		snprintf(text + strlen(text), INET6_ADDRSTRLEN - strlen(text), "/%u", bits);
		break;
	case ADDRESSES_CRYPTOPAN: {
		uint8_t padded[16] = {0};

		memcpy(padded, address, length);
		pseudonym(privacy, padded, family, shown);
		inet_ntop(af, shown, text, INET6_ADDRSTRLEN);
		break;
	}
	case ADDRESSES_NONE:
		break;
	}
}

static size_t put_octet(char out[5], uint8_t octet)
{
	if (octet >= 'A' && octet <= 'Z')
		octet |= 0x20;
	if (octet <= 0x20 || octet >= 0x7f) {
		out[0] = '\\';
		out[1] = (char)('0' + octet / 100);
		out[2] = (char)('0' + octet / 10 % 10);
		out[3] = (char)('0' + octet % 10);
		return 4;
	}
	if (octet == '.' || octet == '\\') {
		out[0] = '\\';
		out[1] = (char)octet;
		return 2;
	}
	out[0] = (char)octet;
	return 1;
}

struct name {
	char text[PRIVACY_NAME_SIZE];
	uint16_t labels[MAX_LABELS]; /* where each starts in the text */
	size_t n;
};

static int read_name(const uint8_t *wire, size_t length, struct name *ret)
{
	size_t at = 0, used = 0;

	ret->n = 0;
	while (at < length && wire[at] != 0) {
		size_t label = wire[at++];

		/* One octet stays for the root's. */
		if (label > MAX_LABEL_BYTES || label > length - at ||
		    at + label + 1 > MAX_NAME_BYTES)
			return -EINVAL;
		if (ret->n > 0)
			ret->text[used++] = '.';
		ret->labels[ret->n++] = (uint16_t)used;
		for (size_t end = at + label; at < end; at++)
			used += put_octet(ret->text + used, wire[at]);
	}
	if (at < length && at + 1 != length)
		return -EINVAL;
	if (ret->n == 0)
		ret->text[used++] = '.';
	ret->text[used] = '\0';
	return 0;
}

static bool is_zone(const struct privacy *privacy, const char *name)
{
	return bsearch(
	    &name, privacy->zones, privacy->n_zones, sizeof(*privacy->zones), compare_zones);
}

/* Index of the first label to be shown. */
static size_t suffix_label(const struct privacy *privacy, const struct name *name)
{
	for (size_t i = 0; i < name->n; i++)
		if (is_zone(privacy, name->text + name->labels[i]))
			return i > 0 ? i - 1 : 0;
	if (is_zone(privacy, "."))
		return name->n - 1;
	return name->n > 2 ? name->n - 2 : 0;
}

int privacy_name(
    const struct privacy *privacy, const uint8_t *wire, size_t length, char *text, size_t size)
{
	struct name name;
	const char *shown = name.text;
	size_t n;

	if (size == 0)
		return -ENOSPC;
	text[0] = '\0';
	if (read_name(wire, length, &name) < 0)
		return -EINVAL;
	if (privacy->names == NAMES_NONE)
		return 0;
	if (privacy->names == NAMES_SUFFIX && name.n > 0)
		shown = name.text + name.labels[suffix_label(privacy, &name)];
	n = strlen(shown);
	if (n >= size)
		return -ENOSPC;
	memcpy(text, shown, n + 1);
	return 0;
}
