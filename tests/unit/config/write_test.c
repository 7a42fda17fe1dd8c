/* SPDX-License-Identifier: BSD-2-Clause */
/* The effective configuration as text: complete, without secrets, readable again. */
#include "base/unused.h"
#include "parse.h"

#include <jansson.h>
#include <stdint.h>

static const char everything[] =
    "server: \"a $$ \\\" \\\\ b\"\n"
    "tags: {site: ams, \"a b\": \"yes\", \"$$x\": \"y: z\"}\n"
    "interval: 90s\ngrace: 500ms\n"
    "inputs:\n"
    "  - {zone: \"no\", unix: /run/a b.sock, mode: \"0600\", owner: knot}\n"
    "  - {tcp: \"[::1]:6000\", zones: [b.example, \"a\\\\.b\"], scope: zone, queries: responses}\n"
    "wire: {interfaces: [eth0, eth1], mode: tc, ports: [53, 5353], rtt: off, addresses: "
    "[192.0.2.0/24, \"2001:db8::1\"]}\n"
    "crosscheck: {nft_counters: [filter/drops]}\n"
    "ping: {rate: 0.0123456789012/s, exclude: [10.0.0.0/8]}\n"
    "clients: {validating_share: 0.00001, nxdomain_share: 0.123456789012345}\n"
    "attacks: {query_share: 0.000000000000000000000000000001}\n"
    "geo: {country: /c.mmdb, asn: /a.mmdb, maxmind: {editions: [GeoLite2-ASN], every: 36h}}\n"
    "outputs:\n"
    "  - file: {path: \"-\", format: json}\n"
    "  - otlp: {url: \"https://[::1]:4318/v1/metrics\", timeout: 250ms}\n"
    "limits: {cpu: 0.25, memory: 1GiB, frame: 1000}\n";

static char *as_text(const struct config *config, int (*write)(const struct config *, FILE *))
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(write(config, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void yaml_is_read_again(void **state UNUSED)
{
	struct config *config = parse_good(everything), *again;
	char *first = as_text(config, config_write_yaml), *second;

	again = parse_good(first);
	second = as_text(again, config_write_yaml);
	assert_string_equal(first, second);
	assert_int_equal(config->hash, again->hash);
	assert_string_equal(again->server, "a $ \" \\ b");
	assert_string_equal(again->tags[2].key, "$$x");
	assert_int_equal(again->inputs[1].zones.n, 2);
	assert_true(again->ping.rate_per_s == config->ping.rate_per_s);
	assert_true(again->clients.validating_share == 0.00001);
	assert_true(again->clients.nxdomain_share == config->clients.nxdomain_share);
	assert_true(again->attacks.query_share == 1e-30);
	assert_non_null(strstr(first, "  validating_share: 0.00001\n"));
	assert_non_null(strstr(first, "  rate: \"0.0123456789012/s\"\n"));
	free(first);
	free(second);
	config_unref(config);
	config_unref(again);
}

static void json_says_what_holds(void **state UNUSED)
{
	struct config *config = parse_good(everything);
	char *text = as_text(config, config_write_json);
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *wire, *input;

	assert_non_null(json);
	wire = json_object_get(json, "wire");
	assert_string_equal(json_string_value(json_object_get(json, "server")), "a $ \" \\ b");
	assert_string_equal(json_string_value(json_object_get(json, "interval")), "90s");
	assert_int_equal(
	    json_integer_value(json_array_get(json_object_get(wire, "ports"), 1)), 5353);
	assert_true(json_is_false(json_object_get(wire, "rtt")));
	assert_string_equal(json_string_value(json_object_get(wire, "on_exit")), "detach");
	input = json_array_get(json_object_get(json, "inputs"), 1);
	assert_null(json_object_get(input, "zone"));
	assert_null(json_object_get(input, "unix"));
	assert_string_equal(json_string_value(json_object_get(input, "tcp")), "[::1]:6000");
	json_decref(json);
	free(text);
	config_unref(config);
}

static void secrets_are_hidden(void **state UNUSED)
{
	struct config *config =
	    parse_good("outputs:\n"
		       "  - influxdb: {token: hunter2, url: "
		       "\"https://u:hunter2@h:1/a?x=hunter2&y=hunter2#z\"}\n"
		       "  - influxdb: {version: 1, username: u, password: hunter2}\n"
		       "  - influxdb: {version: 1}\n"
		       "  - otlp: {url: \"http://h/?token=hunter2\", token: hunter2, headers: "
		       "{X-Key: hunter2, Tenant: a}}\n");
	char *yaml = as_text(config, config_write_yaml), *json = as_text(config, config_write_json);

	assert_string_equal(output_text(config, 0, "token"), "hunter2");
	assert_null(strstr(yaml, "hunter2"));
	assert_null(strstr(json, "hunter2"));
	assert_non_null(strstr(json, "\"url\": \"https://***@h:1/a?x=***&y=***#z\""));
	assert_non_null(strstr(json, "\"token\": \"***\""));
	assert_non_null(strstr(json, "\"X-Key\": \"***\""));
	assert_non_null(strstr(json, "\"Tenant\": \"***\""));
	assert_non_null(strstr(json, "\"password\": \"***\""));
	assert_non_null(strstr(json, "\"password\": \"\""));
	free(yaml);
	free(json);
	config_unref(config);
}

static void the_hash_follows_the_values(void **state UNUSED)
{
	struct config *a = parse_good("interval: 60s\nserver: x\n"),
		      *b = parse_good("server: x\ninterval: 1m # same\n"),
		      *c = parse_good("interval: 61s\nserver: x\n");

	assert_int_equal(a->hash, b->hash);
	assert_int_not_equal(a->hash, c->hash);
	config_unref(a);
	config_unref(b);
	config_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(yaml_is_read_again),
	    cmocka_unit_test(json_says_what_holds),
	    cmocka_unit_test(secrets_are_hidden),
	    cmocka_unit_test(the_hash_follows_the_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
