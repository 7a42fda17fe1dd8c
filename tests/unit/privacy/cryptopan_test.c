/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/unused.h"
#include "privacy/cryptopan.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* FIPS 197 appendices B and C.1 */
static void test_aes_vectors(void **state UNUSED)
{
	static const struct {
		uint8_t key[16], plain[16], cipher[16];
	} vectors[] = {
	    {{0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf,
		 0x4f, 0x3c},
		{0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37,
		    0x07, 0x34},
		{0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a,
		    0x0b, 0x32}},
	    {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
		    0xee, 0xff},
		{0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4,
		    0xc5, 0x5a}},
	};
	struct aes128_ctx aes;
	uint8_t out[16];

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		aes128_set_encrypt_key(&aes, vectors[i].key);
		aes128_encrypt(&aes, sizeof(out), out, vectors[i].plain);
		assert_memory_equal(out, vectors[i].cipher, 16);
	}
}

static const uint8_t sample_key[CRYPTOPAN_KEY_BYTES] = {21, 34, 23, 141, 51, 164, 207, 128, 19, 10,
    91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34,
    2};

/* IPv4: the sample trace that came with the authors' implementation. IPv6: what other
 * implementations of the 128-bit form publish for the same key. */
static const struct {
	const char *original, *pseudonym;
} samples[] = {
    {"128.11.68.132", "135.242.180.132"},
    {"129.118.74.4", "134.136.186.123"},
    {"130.132.252.244", "133.68.164.234"},
    {"141.223.7.43", "141.167.8.160"},
    {"141.233.145.108", "141.129.237.235"},
    {"152.163.225.39", "151.140.114.167"},
    {"156.29.3.236", "147.225.12.42"},
    {"165.247.96.84", "162.9.99.234"},
    {"166.107.77.190", "160.132.178.185"},
    {"192.102.249.13", "252.138.62.131"},
    {"192.215.32.125", "252.43.47.189"},
    {"192.41.57.43", "252.222.221.184"},
    {"198.36.213.5", "249.7.21.132"},
    {"204.29.20.4", "243.33.20.123"},
    {"208.52.56.122", "227.8.63.165"},
    {"212.206.130.201", "228.69.242.193"},
    {"216.254.18.172", "235.7.16.162"},
    {"24.0.250.221", "100.15.198.226"},
    {"38.15.67.68", "64.3.66.187"},
    {"4.3.88.225", "124.60.155.63"},
    {"64.39.15.238", "0.219.7.41"},
    {"10.185.25.118", "117.161.29.118"},
    {"::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed"},
    {"::2", "78ff:f001:9fc0:20df:8380:b1f1:704:ef"},
    {"::ffff", "78ff:f001:9fc0:20df:8380:b1f1:704:f838"},
    {"2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e"},
    {"2001:db8::2", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c"},
};

static unsigned parse(const char *text, uint8_t address[16])
{
	memset(address, 0, 16);
	if (inet_pton(AF_INET, text, address) == 1)
		return 32;
	assert_int_equal(inet_pton(AF_INET6, text, address), 1);
	return 128;
}

static void test_published_samples(void **state UNUSED)
{
	struct cryptopan cryptopan;

	cryptopan_init(&cryptopan, sample_key);
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		uint8_t in[16], out[16], expected[16];
		unsigned bits = parse(samples[i].original, in);

		parse(samples[i].pseudonym, expected);
		cryptopan_address(&cryptopan, in, bits, out);
		assert_memory_equal(out, expected, 16);
		cryptopan_address(&cryptopan, in, bits, in); /* in place */
		assert_memory_equal(in, expected, 16);
	}
}

static unsigned common_bits(const uint8_t *a, const uint8_t *b)
{
	unsigned n = 0;

	while (n < 128 && !((a[n / 8] ^ b[n / 8]) & (0x80 >> (n % 8))))
		n++;
	return n;
}

/* The property that defines the scheme: flipping bit k keeps exactly k bits. */
static void test_prefixes_are_kept(void **state UNUSED)
{
	struct cryptopan cryptopan;
	uint8_t address[16], other[16], a[16], b[16];

	cryptopan_init(&cryptopan, sample_key);
	parse("2001:db8:53::35", address);
	cryptopan_address(&cryptopan, address, 128, a);
	for (unsigned k = 0; k < 128; k++) {
		memcpy(other, address, 16);
		other[k / 8] ^= (uint8_t)(0x80 >> (k % 8));
		cryptopan_address(&cryptopan, other, 128, b);
		assert_int_equal(common_bits(a, b), k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_aes_vectors),
	    cmocka_unit_test(test_published_samples),
	    cmocka_unit_test(test_prefixes_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
