/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates from files, and a session against a client of GnuTLS in the same thread. */
#include "base/unused.h"
#include "dnstap/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY   86400
#define BYTES (700 * 1000)

static char folder[] = "/tmp/crosstap-tls-XXXXXX";
static char cert[64], key[64], other_key[64], missing[64];
static time_t not_after;

static void write_file(const char *path, const gnutls_datum_t *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text->data, 1, text->size, file), text->size);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
}

static gnutls_x509_privkey_t make_key(const char *path)
{
	gnutls_x509_privkey_t private;
	gnutls_datum_t text;

	assert_int_equal(gnutls_x509_privkey_init(&private), 0);
	assert_int_equal(gnutls_x509_privkey_generate(private, GNUTLS_PK_ECDSA,
			     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
	    0);
	assert_int_equal(gnutls_x509_privkey_export2(private, GNUTLS_X509_FMT_PEM, &text), 0);
	write_file(path, &text);
	gnutls_free(text.data);
	return private;
}

static void make_cert(gnutls_x509_privkey_t private)
{
	gnutls_x509_crt_t crt;
	gnutls_datum_t text;

	not_after = time(NULL) + 5 * DAY;
	assert_int_equal(gnutls_x509_crt_init(&crt), 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, "\1", 1);
	gnutls_x509_crt_set_activation_time(crt, time(NULL) - DAY);
	gnutls_x509_crt_set_expiration_time(crt, not_after);
	gnutls_x509_crt_set_dn(crt, "CN=crosstap", NULL);
	gnutls_x509_crt_set_key(crt, private);
	gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
	assert_int_equal(gnutls_x509_crt_sign2(crt, crt, private, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &text), 0);
	write_file(cert, &text);
	gnutls_free(text.data);
	gnutls_x509_crt_deinit(crt);
}

static int setup(void **state UNUSED)
{
	gnutls_x509_privkey_t private;

	if (!mkdtemp(folder))
		return -1;
	snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
	snprintf(key, sizeof(key), "%s/key.pem", folder);
	snprintf(other_key, sizeof(other_key), "%s/other.pem", folder);
	snprintf(missing, sizeof(missing), "%s/missing.pem", folder);
	gnutls_x509_privkey_deinit(make_key(other_key));
	private = make_key(key);
	make_cert(private);
	gnutls_x509_privkey_deinit(private);
	return 0;
}

static int teardown(void **state UNUSED)
{
	unlink(cert);
	unlink(key);
	unlink(other_key);
	return rmdir(folder);
}

static void assert_refused(
    const char *cert_path, const char *key_path, const char *ca, int error_is, const char *names)
{
	struct tls_identity *identity = NULL;
	char error[256] = "";

	assert_int_equal(
	    tls_identity_new(&identity, cert_path, key_path, ca, error, sizeof(error)), error_is);
	assert_null(identity);
	if (!strstr(error, names))
		fail_msg("%s is not in: %s", names, error);
}

static void test_files(void **state UNUSED)
{
	struct tls_identity *identity;
	char error[256];

	assert_int_equal(tls_identity_new(&identity, cert, key, cert, error, sizeof(error)), 0);
	assert_true(tls_identity_not_after(identity) == (int64_t)not_after);
	tls_identity_free(identity);
	assert_refused(missing, key, "", -ENOENT, missing);
	assert_refused(cert, missing, "", -ENOENT, missing);
	assert_refused(cert, key, missing, -ENOENT, missing);
	assert_refused(key, key, "", -EINVAL, key);
	assert_refused(cert, cert, "", -EINVAL, cert);
	assert_refused(cert, other_key, "", -EINVAL, "not the key of the certificate");
	assert_refused(cert, key, key, -EINVAL, key);
	assert_int_equal(chmod(key, 0644), 0);
	assert_refused(cert, key, "", -EPERM, key);
	assert_int_equal(chmod(key, 0600), 0);
}

struct pair {
	int fds[2];
	struct tls_identity *identity;
	struct tls_session *server;
	gnutls_session_t client;
	gnutls_certificate_credentials_t credentials;
};

static void begin(struct pair *pair, const char *client_ca)
{
	char error[256];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair->fds), 0);
	assert_int_equal(
	    tls_identity_new(&pair->identity, cert, key, client_ca, error, sizeof(error)), 0);
	assert_int_equal(tls_session_new(&pair->server, pair->identity, pair->fds[0]), 0);
	gnutls_certificate_allocate_credentials(&pair->credentials);
	gnutls_init(&pair->client, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
	gnutls_set_default_priority(pair->client);
	gnutls_credentials_set(pair->client, GNUTLS_CRD_CERTIFICATE, pair->credentials);
	gnutls_transport_set_int(pair->client, pair->fds[1]);
}

static void end(struct pair *pair)
{
	gnutls_deinit(pair->client);
	gnutls_certificate_free_credentials(pair->credentials);
	tls_session_free(pair->server);
	tls_identity_free(pair->identity);
	close(pair->fds[0]);
	close(pair->fds[1]);
}

/* What the server's read came to last. */
static ssize_t shake_hands(struct pair *pair)
{
	uint8_t bytes[32768];
	const struct iovec part = {bytes, sizeof(bytes)};
	ssize_t n = -EAGAIN;
	int r = GNUTLS_E_AGAIN;

	for (int i = 0; i < 100 && n == -EAGAIN && (r == GNUTLS_E_AGAIN || i < 10); i++) {
		if (r == GNUTLS_E_AGAIN)
			r = gnutls_handshake(pair->client);
		n = tls_session_read(pair->server, &part, 1);
	}
	return n;
}

/* Into two parts, as a long frame's rest and what follows it are read. */
static void test_every_byte_arrives(void **state UNUSED)
{
	static uint8_t sent[BYTES], seen[BYTES + 65536];
	size_t out = 0, in = 0;
	struct pair pair;

	for (size_t i = 0; i < BYTES; i++)
		sent[i] = (uint8_t)(i * 2654435761u >> 11);
	begin(&pair, "");
	assert_int_equal(shake_hands(&pair), -EAGAIN);
	for (unsigned i = 0; in < BYTES && i < 100000; i++) {
		size_t first = (i * 7919) % 20000;
		struct iovec parts[2] = {{seen + in, first}, {seen + in + first, 40000}};
		ssize_t n = 0;

		if (out < BYTES)
			n = gnutls_record_send(pair.client, sent + out,
			    BYTES - out < 1 + i * 13 ? BYTES - out : 1 + i * 13);
		out += n > 0 ? (size_t)n : 0;
		n = tls_session_read(pair.server, parts, 2);
		assert_true(n > 0 || n == -EAGAIN);
		in += n > 0 ? (size_t)n : 0;
		assert_false(tls_session_has_more(pair.server));
	}
	assert_int_equal(in, BYTES);
	assert_memory_equal(seen, sent, BYTES);
	assert_int_equal(tls_session_write(pair.server, "FINISH", 6), 0);
	assert_int_equal(gnutls_record_recv(pair.client, seen, sizeof(seen)), 6);
	end(&pair);
}

/* What came before the end is given first. */
static void test_ends(void **state UNUSED)
{
	uint8_t bytes[32768];
	const struct iovec part = {bytes, sizeof(bytes)};

	for (int clean = 0; clean < 2; clean++) {
		struct pair pair;

		begin(&pair, "");
		assert_int_equal(shake_hands(&pair), -EAGAIN);
		assert_int_equal(gnutls_record_send(pair.client, "last", 4), 4);
		if (clean)
			gnutls_bye(pair.client, GNUTLS_SHUT_WR);
		shutdown(pair.fds[1], SHUT_WR);
		assert_int_equal(tls_session_read(pair.server, &part, 1), 4);
		assert_true(tls_session_has_more(pair.server));
		assert_int_equal(tls_session_read(pair.server, &part, 1), 0);
		assert_int_equal(tls_session_was_cut(pair.server), !clean);
		assert_null(tls_session_reason(pair.server));
		end(&pair);
	}
}

static void test_who_is_refused(void **state UNUSED)
{
	struct pair pair;

	begin(&pair, cert);
	assert_int_equal(shake_hands(&pair), -EPROTO);
	assert_non_null(strstr(tls_session_reason(pair.server), "no client certificate"));
	end(&pair);
	begin(&pair, cert);
	assert_int_equal(
	    gnutls_certificate_set_x509_key_file(pair.credentials, cert, key, GNUTLS_X509_FMT_PEM),
	    0);
	assert_int_equal(shake_hands(&pair), -EAGAIN);
	end(&pair);
	begin(&pair, "");
	assert_int_equal(send(pair.fds[1], "\0\0\0\0\0\0\0\4", 8, 0), 8);
	assert_int_equal(shake_hands(&pair), -EPROTO);
	assert_non_null(strstr(tls_session_reason(pair.server), "Frame Streams without TLS"));
	end(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_every_byte_arrives),
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_who_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
