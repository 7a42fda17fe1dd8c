/* SPDX-License-Identifier: BSD-2-Clause */
/* What only this host knows of a configuration, judged for the agent's user. */
#include "base/unused.h"
#include "outside/outside.h"
#include "outside/unit_environment.h"

#include "../skip.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/crosstap-outside-XXXXXX";
static char found[16384]; /* a line for each finding */
static const char *agent = "no-such-user";

static void take(void *context UNUSED, const struct outside_finding *finding)
{
	static const char letters[] = {
	    [OUTSIDE_ERROR] = 'E', [OUTSIDE_WARNING] = 'W', [OUTSIDE_UNKNOWN] = '?'};
	const size_t used = strlen(found);

	snprintf(found + used, sizeof(found) - used, "%c %u:%u %s: %s\n", letters[finding->level],
	    finding->line, finding->column, finding->key, finding->text);
}

static void look(void *context UNUSED, const struct config *config, const struct node *root)
{
	struct outside outside = {.config = config, .root = root, .report = take};

	agent_user_find(&outside.agent, agent);
	outside_check(&outside);
}

static void write_file(const char *name, const void *data, size_t size, mode_t mode)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(name, mode), 0);
}

/* What is found in this configuration, whatever the parser says of it. */
static void check(const char *yaml)
{
	const struct config_looker looker = {look, NULL};
	struct config *config = NULL;
	FILE *null = fopen("/dev/null", "w");

	assert_non_null(null);
	found[0] = '\0';
	write_file("crosstap.yaml", yaml, strlen(yaml), 0644);
	(void)config_load_and_look("crosstap.yaml", null, &looker, &config);
	config_unref(config);
	fclose(null);
}

static void expect(const char *yaml, const char *text)
{
	check(yaml);
	if (*text ? !strstr(found, text) : *found)
		fail_msg("%s: \"%s\" is not in: %s", yaml, text, found);
}

static void accounts(void **state UNUSED)
{
	expect("inputs:\n  - unix: /tmp/x\n    owner: no-such-user\n",
	    "E 3:12 inputs[0].owner: there is no user \"no-such-user\" on this host: getent "
	    "passwd");
	expect("inputs:\n  - unix: /tmp/x\n  - {unix: /tmp/y, group: no-such-group}\n",
	    "E 3:27 inputs[1].group: there is no group \"no-such-group\"");
	expect("inputs: [{unix: /tmp/x, owner: root, group: 4242}]\n", "");
}

static void keys(void **state UNUSED)
{
	static const char key[32] = "0123456789abcdef0123456789abcde";

	expect("privacy: {addresses: cryptopan, cryptopan_key_file: none}\n",
	    "E 1:53 privacy.cryptopan_key_file: none: No such file or directory: "
	    "(umask 077; head -c 32 /dev/urandom > none)");
	expect("privacy: {cryptopan_key_file: none}\n", ""); /* it is not used */
	write_file("key", key, sizeof(key), 0640);
	expect("rssac002: {dir: ., key_file: key}\n",
	    "E 1:30 rssac002.key_file: key: mode 0640 lets others at the key");
	write_file("key", key, 31, 0600);
	expect("rssac002: {dir: ., key_file: key}\n", "key: must hold 32 bytes");
	write_file("key", key, sizeof(key), 0600);
	expect("rssac002: {dir: ., key_file: key}\n", "");
	expect("datasets: [core, sketches]\n",
	    "W 1:11 datasets: sketches: no registers are sent without rssac002.key_file: ");
	expect("datasets: [sketches]\nrssac002: {key_file: none}\n", "rssac002.key_file: none: ");
	expect("datasets: [sketches]\nrssac002: {key_file: key}\n", "");
	write_file("token", "tok\n", 4, 0600);
	expect("http: {token_file: token}\n", "E 1:20 http.token_file: token: a token is ");
	write_file("token", "a-token-of-some-length\n", 23, 0644);
	expect("http: {token_file: token}\n", "everybody may read it");
	expect("http: {listen: off, token_file: token}\n", "");
	write_file("token", "a-token-of-some-length\n", 23, 0600);
	expect("http: {token_file: token}\n", "");
}

/* A key of its own, and a certificate of it that ends at `end`. */
static void make_certificate(const char *cert_name, const char *key_name, time_t end)
{
	const unsigned char serial = 1;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t cert;
	gnutls_datum_t pem;

	assert_int_equal(gnutls_x509_privkey_init(&key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
			     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
	    0);
	assert_int_equal(gnutls_x509_crt_init(&cert), 0);
	assert_int_equal(gnutls_x509_crt_set_version(cert, 3), 0);
	assert_int_equal(gnutls_x509_crt_set_serial(cert, &serial, 1), 0);
	assert_int_equal(gnutls_x509_crt_set_activation_time(cert, end - 1000), 0);
	assert_int_equal(gnutls_x509_crt_set_expiration_time(cert, end), 0);
	assert_int_equal(gnutls_x509_crt_set_key(cert, key), 0);
	assert_int_equal(gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem), 0);
	write_file(cert_name, pem.data, pem.size, 0644);
	gnutls_free(pem.data);
	assert_int_equal(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), 0);
	write_file(key_name, pem.data, pem.size, 0600);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(cert);
	gnutls_x509_privkey_deinit(key);
}

#define OUTPUT(ca) "outputs:\n  - influxdb: {ca: " ca "}\nspool: {path: .}\n"

#define INPUT(tls) "inputs: [{unix: /tmp/x}, \n {tcp: '127.0.0.1:6000', tls: {" tls "}}]\n"

static void certificates(void **state UNUSED)
{
	make_certificate("cert", "key", time(NULL) + 1000);
	make_certificate("old", "old-key", 1700000000);
	expect("http: {tls: {cert: cert, key: key}}\n", "");
	expect("http: {tls: {cert: cert, key: old-key}}\n",
	    "E 1:31 http.tls.key: old-key: with cert: is not the key of this certificate");
	expect("http: {tls: {cert: old, key: old-key}}\n",
	    "E 1:20 http.tls.cert: old: a certificate in it expired at 2023-11-14T22:13:20Z");
	expect("http: {tls: {cert: key, key: key}}\n", "key: holds no certificate in PEM");
	expect("http: {tls: {cert: cert, key: cert}}\n", "E 1:31 http.tls.key: cert: ");
	expect(INPUT("cert: cert, key: key"), "");
	expect(INPUT("cert: cert, key: key, client_ca: cert"), "");
	expect(INPUT("cert: none, key: key"),
	    "E 2:38 inputs[1].tls.cert: none: No such file or directory");
	expect(INPUT("cert: cert, key: none"), "E 2:49 inputs[1].tls.key: none: No such file");
	expect(INPUT("cert: cert, key: old-key"),
	    "E 2:49 inputs[1].tls.key: old-key: with cert: is not the key of this certificate");
	expect(INPUT("cert: cert, key: key, client_ca: key"),
	    "E 2:65 inputs[1].tls.client_ca: key: holds no certificate in PEM");
	expect(OUTPUT("cert"), "");
	expect(OUTPUT("none"), "E 2:20 outputs[0].influxdb.ca: none: No such file or directory");
	expect(OUTPUT("key"), "E 2:20 outputs[0].influxdb.ca: key: holds no certificate in PEM");
	expect(OUTPUT("old"), "E 2:20 outputs[0].influxdb.ca: old: the last certificate in it ");
}

static void databases(void **state UNUSED)
{
	expect("geo: {country: none}\n", "E 1:16 geo.country: none: No such file or directory");
	expect("geo: {country: none, asn: no, maxmind: {editions: [GeoLite2-City]}}\n",
	    "W 1:16 geo.country: none: No such file or directory, until the agent has fetched it");
	assert_non_null(strstr(found, "E 1:27 geo.asn: no: No such file or directory\n"));
	write_file("bad", "no database", 11, 0644);
	expect("geo: {asn: bad, maxmind: {editions: [GeoLite2-ASN]}}\n",
	    "E 1:12 geo.asn: bad: no MMDB file");
}

static void folders(void **state UNUSED)
{
	expect("rssac002: {dir: made}\n", "");
	expect("rssac002: {dir: made/}\n", "");
	expect("rssac002: {dir: none/made}\n",
	    "W 1:17 rssac002.dir: none: No such file or directory, and the agent does not make it: "
	    "install -d -o root 'none/made'");
	expect("state: none/file\n", "W 1:8 state: none: No such file or directory");
	write_file("file", "", 0, 0644);
	expect("state: file/file\n", "W 1:8 state: file: Not a directory");
	expect("state: .\n", "E 1:8 state: .: is a folder, and a file is written there");
	expect("state: /dev/null\n",
	    "E 1:8 state: /dev/null: is no file, and a file is written there");
	expect("outputs: [{file: {path: .}}]\nspool: {path: .}\n",
	    "E 1:25 outputs[0].file.path: .: is a folder, and a file is written there");
	expect("outputs: [{file: {path: /dev/null}}]\nspool: {path: .}\n", "");
	expect("spool: {path: none/made}\n", ""); /* nothing is sent */
	expect("outputs: [{influxdb: {}}]\nspool: {path: none/made}\n", "W 2:15 spool.path: none");
	expect("spool: {path: .}\noutputs:\n  - file: {path: none/x}\n  - file: {path: \"-\"}\n"
	       "  - file: {path: file}\n",
	    "W 3:18 outputs[0].file.path: none: ");
	assert_null(strstr(found, "outputs[1]"));
	assert_null(strstr(found, "outputs[2]"));
}

/* A default stands where its section would. A file that cannot be read as a whole is judged. */
static void places(void **state UNUSED)
{
	expect("privacy:\n  addresses: cryptopan\n", " 2:3 privacy.cryptopan_key_file: ");
	expect(
	    "interval: x\noutputs: [{nothing: {}}, 5]\ninputs: [5, {unix: /tmp/x, owner: nil}]\n",
	    "E 3:35 inputs[1].owner: ");
	check("interval: [\n");
	assert_string_equal(found, "");
}

/* Root asks for the agent's user, who is somebody else. */
static void another_user(void **state UNUSED)
{
	static const char key[32] = "0123456789abcdef0123456789abcde";

	if (geteuid() != 0)
		skip_because("not root");
	agent = "nobody";
	assert_int_equal(chmod(folder, 0755), 0);
	write_file("key", key, sizeof(key), 0600);
	expect("rssac002: {dir: ., key_file: key}\n",
	    "W 1:17 rssac002.dir: .: nobody, the agent's user, cannot write there: "
	    "install -d -o nobody '.'");
	expect("state: ./file\n",
	    "W 1:8 state: .: nobody, the agent's user, cannot write there: take a folder of its "
	    "own, as /var/lib/crosstap\n");
	expect("rssac002: {dir: ., key_file: key}\n", "W 1:17 rssac002.dir: ");
	assert_non_null(strstr(found,
	    "W 1:30 rssac002.key_file: key: nobody, the agent's user, cannot read it: "
	    "Permission denied: chown nobody 'key'\n"));
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(chown("key", 65534, 65534), 0);
	expect("rssac002: {dir: ., key_file: key}\n", "");
	assert_int_equal(chown("key", 1, 1), 0);
	expect("rssac002: {dir: ., key_file: key}\n",
	    "E 1:30 rssac002.key_file: key: belongs to user 1");
	agent = "no-such-user";
	assert_int_equal(chmod(folder, 0700), 0);
}

static void environment(void **state UNUSED)
{
	static const char text[] =
	    "# CROSSTAP_TEST_A=no\n; B=no\n  CROSSTAP_TEST_A = no\n"
	    "CROSSTAP_TEST_B=plain value \t\nCROSSTAP_TEST_C=\"a \\\"b\\\" # \"\n"
	    "CROSSTAP_TEST_D='a\\b'c\nCROSSTAP_TEST_E=\nCROSSTAP_TEST_F=file\n"
	    "9=no\nno assignment\nCROSSTAP_TEST_G=last";
	static const char *const expected[][2] = {{"CROSSTAP_TEST_B", "plain value"},
	    {"CROSSTAP_TEST_C", "a \"b\" # "}, {"CROSSTAP_TEST_D", "a\\bc"},
	    {"CROSSTAP_TEST_E", ""}, {"CROSSTAP_TEST_F", "mine"}, {"CROSSTAP_TEST_G", "last"}};

	assert_int_equal(setenv("CROSSTAP_TEST_F", "mine", 1), 0);
	write_file("environment", text, sizeof(text) - 1, 0600);
	unit_environment_take("environment");
	unit_environment_take("none");
	assert_null(getenv("CROSSTAP_TEST_A"));
	assert_null(getenv("9"));
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_string_equal(getenv(expected[i][0]), expected[i][1]);
}

/* Who is neither root nor the agent's user cannot tell. */
static void nobody_asks(void **state UNUSED)
{
	static const char key[32] = "0123456789abcdef0123456789abcde";

	if (geteuid() != 0)
		skip_because("not root");
	assert_int_equal(chmod(folder, 0777), 0);
	write_file("key", key, sizeof(key), 0600);
	write_file("token", "a-token-of-some-length\n", 23, 0600);
	assert_int_equal(chown("crosstap.yaml", 65534, 65534), 0);
	agent = "daemon";
	assert_int_equal(seteuid(65534), 0);
	expect("rssac002: {dir: /proc, key_file: key}\nhttp: {token_file: token}\n",
	    "? 1:34 rssac002.key_file: key: Permission denied; root or the agent's user can tell");
	assert_int_equal(seteuid(0), 0);
	agent = "no-such-user";
	assert_non_null(strstr(found, "? 2:20 http.token_file: token: Permission denied"));
	assert_non_null(strstr(found, "? 1:1 files: what daemon, the agent's user, may read"));
	assert_non_null(strstr(found, "? 1:17 rssac002.dir: /proc: Permission denied"));
	assert_null(strstr(found, "E "));
	assert_int_equal(chmod(folder, 0700), 0);
}

static int remove_folder(void **state UNUSED)
{
	static const char *const names[] = {"crosstap.yaml", "key", "token", "cert", "old",
	    "old-key", "bad", "file", "environment"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	return chdir("/") < 0 ? -1 : rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accounts),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(certificates),
	    cmocka_unit_test(databases),
	    cmocka_unit_test(folders),
	    cmocka_unit_test(places),
	    cmocka_unit_test(another_user),
	    cmocka_unit_test(environment),
	    cmocka_unit_test(nobody_asks),
	};

	if (!mkdtemp(folder) || chdir(folder) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, remove_folder);
}
