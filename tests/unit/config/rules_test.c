/* SPDX-License-Identifier: BSD-2-Clause */
/* What is refused, and in which words and place. */
#include "base/unused.h"
#include "config/options.h"
#include "parse.h"

#include <stdint.h>

struct rule {
	const char *text, *messages;
};

static const struct rule rules[] = {
    /* keys */
    {"intervall: 10s\n", "test.yaml:1:1: intervall: unknown key (did you mean \"interval\"?)\n"},
    {"wire:\n  prots: [53]\n",
	"test.yaml:2:3: wire.prots: unknown key (did you mean \"ports\"?)\n"},
    {"horizon: 5s\n",
	"test.yaml:1:1: horizon: unknown key (did you mean \"crosscheck.horizon\"?)\n"},
    {"inputs:\n  - unix: /a\n    zon: x\n",
	"test.yaml:3:5: inputs[0].zon: unknown key (did you mean \"zone\"?)\n"},
    {"outputs:\n  - influxdb: {tokn: x}\n",
	"test.yaml:2:16: outputs[0].influxdb.tokn: unknown key (did you mean \"token\"?)\n"},
    {"interval: 10s\ninterval: 20s\n",
	"test.yaml:2:1: interval: is there twice, first in line 1\n"},
    {"tags: {a: b, a: c}\n", "test.yaml:1:14: tags: key \"a\" is there twice\n"},
    /* types */
    {"[]\n", "test.yaml:1:1: must be a map of keys and values\n"},
    {"wire: off\n", "test.yaml:1:7: wire: must be a map of keys and values\n"},
    {"interval: [10s]\n", "test.yaml:1:11: interval: must be one value, not a list\n"},
    {"interval: {a: b}\n", "test.yaml:1:11: interval: must be one value, not a map\n"},
    {"interval: 10\n",
	"test.yaml:1:11: interval: \"10\" is not a time with a unit, as in 500ms, 10s, 5m, 2h or "
	"1d\n"},
    {"limits: {memory: 1MB}\n",
	"test.yaml:1:18: limits.memory: \"1MB\" is not a size, as in 512, 64KiB, 256MiB or 1GiB\n"},
    {"limits: {resolvers: -1}\n",
	"test.yaml:1:21: limits.resolvers: \"-1\" is not a whole number\n"},
    {"limits: {cpu: nan}\n", "test.yaml:1:15: limits.cpu: \"nan\" is not a number, as in 1.5\n"},
    {"ping: {rate: 200}\n", "test.yaml:1:14: ping.rate: \"200\" is not a rate, as in 200/s\n"},
    {"ping: {enabled: 1}\n", "test.yaml:1:17: ping.enabled: \"1\" is not true or false\n"},
    {"wire: {ports: 53}\n", "test.yaml:1:15: wire.ports: must be a list, as in [a, b]\n"},
    {"wire: {ports: [[53]]}\n", "test.yaml:1:16: wire.ports: must be a list of single values\n"},
    {"tags: [a]\n", "test.yaml:1:7: tags: must be a map, as in {site: ams}\n"},
    {"inputs: [{unix: /a, allow: [10.0.0.0/8]}]\n",
	"test.yaml:1:21: inputs[0]: `allow` is valid only with `tcp`\n"},
    {"inputs: [{unix: /a, tls: {cert: /c, key: /k}}]\n", NULL},
    {"inputs: [{tcp: \"127.0.0.1:6000\", tls: {cert: /c}}]\n",
	"test.yaml:1:34: inputs[0]: `tls` needs both `cert` and `key`, or neither\n"},
    {"inputs: [{tcp: \"127.0.0.1:6000\", tls: {client_ca: /c}}]\n",
	"test.yaml:1:34: inputs[0]: `tls.client_ca` needs `cert` and `key`\n"},
    {"inputs: [{tcp: \"127.0.0.1:6000\", tls: {crt: /c}}]\n",
	"test.yaml:1:40: inputs[0].tls.crt: unknown key (did you mean \"cert\"?)\n"},
    {"inputs: {unix: /a}\n",
	"test.yaml:1:9: inputs: must be a list of at most 256 maps, each behind `- `\n"},
    {"inputs:\n  - unix:/a\n",
	"test.yaml:2:5: inputs[0]: must be a map of keys and values: a space is missing after the "
	"colon\n"},
    {"server:ns1\n",
	"test.yaml:1:1: must be a map of keys and values: a space is missing after the colon\n"},
    {"inputs: [/a]\n", "test.yaml:1:10: inputs[0]: must be a map of keys and values\n"},
    {"server:\n", "test.yaml:1:8: server: must not be empty\n"},
    {"state: ~\n",
	"test.yaml:1:8: state: is null: write \"\" for nothing, and \"~\" for that text\n"},
    {"server: null\n",
	"test.yaml:1:9: server: is null: write \"\" for nothing, and \"null\" for that text\n"},
    {"server: \"a\\tb\"\n", "test.yaml:1:9: server: \"a\\x09b\" holds a control character\n"},
    /* words */
    {"wire: {mode: natve}\n",
	"test.yaml:1:14: wire.mode: \"natve\" is none of auto, native, generic, tc, "
	"packet, off (did you mean \"native\"?)\n"},
    {"log: {level: warn}\n",
	"test.yaml:1:14: log.level: \"warn\" is none of error, warning, info, debug "
	"(did you mean \"warning\"?)\n"},
    /* ranges */
    {"interval: 999ms\n", "test.yaml:1:11: interval: \"999ms\" is out of range: 1s to 1h\n"},
    {"interval: 61m\n", "test.yaml:1:11: interval: \"61m\" is out of range: 1s to 1h\n"},
    {"grace: 20001ms\n", "test.yaml:1:1: grace: is over two intervals\n"},
    {"interval: 99999999999999999999s\n", NULL},
    {"interval: 300000000000d\n", NULL},
    {"wire: {ports: []}\n", "test.yaml:1:15: wire.ports: must not be empty\n"},
    {"wire: {ports: [0]}\n", "test.yaml:1:16: wire.ports: \"0\" is not a port from 1 to 65535\n"},
    {"wire: {ports: [65536]}\n",
	"test.yaml:1:16: wire.ports: \"65536\" is not a port from 1 to 65535\n"},
    {"wire: {ports: [53, 53]}\n", "test.yaml:1:20: wire.ports: port 53 is there twice\n"},
    {"wire: {ports: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}\n",
	"test.yaml:1:15: wire.ports: has 17 items, at most 16 are allowed\n"},
    {"wire: {ports: [53, 443]}\n",
	"test.yaml:1:7: wire: port 443 is in `ports` and in `doh_ports`\n"},
    {"wire: {doh_ports: [853]}\n",
	"test.yaml:1:8: wire: port 853 is in `dot_ports` and in `doh_ports`\n"},
    /* datasets */
    {"datasets: edns\n", "test.yaml:1:11: datasets: must be a list, as in [a, b]\n"},
    {"datasets: [edns, edns]\n", "test.yaml:1:18: datasets: \"edns\" is there twice\n"},
    {"datasets: [attack]\n",
	"test.yaml:1:12: datasets: \"attack\" is none of core, edns, names, domains, clients, "
	"addresses, attacks, ports, sketches (did you mean \"attacks\"?)\n"},
    /* domains */
    {"domains: {suffixes: /nonexistent/x}\n",
	"test.yaml:1:21: domains.suffixes: cannot open /nonexistent/x: No such file or "
	"directory\n"},
    /* A limit is written as it can be typed. */
    {"attacks: {queries: 1000000000001}\n",
	"test.yaml:1:20: attacks.queries: \"1000000000001\" is out of range: 0 to 1000000000000\n"},
    {"domains: {labels: 0}\n", "test.yaml:1:19: domains.labels: \"0\" is out of range: 1 to 10\n"},
    /* interfaces and addresses */
    {"wire: {interfaces: eth0}\n",
	"test.yaml:1:20: wire.interfaces: must be `auto`, or a list as in [eth0]\n"},
    {"wire: {interfaces: [lo]}\n",
	"test.yaml:1:21: wire.interfaces: \"lo\" cannot be `lo`, whose packets never cross a "
	"wire\n"},
    {"wire: {interfaces: [abcdefghijklmnop]}\n",
	"test.yaml:1:21: wire.interfaces: \"abcdefghijklmnop\" is over "
	"15 characters, too long for an interface\n"},
    {"wire: {interfaces: [a, a]}\n", "test.yaml:1:24: wire.interfaces: \"a\" is there twice\n"},
    {"wire: {addresses: [10.0.0.0/33]}\n",
	"test.yaml:1:20: wire.addresses: \"10.0.0.0/33\" is not an address or ADDRESS/PREFIX\n"},
    {"wire: {addresses: [10.0.0.1/8]}\n",
	"test.yaml:1:20: wire.addresses: \"10.0.0.1/8\" has bits set past its prefix\n"},
    {"ping: {source: [224.0.0.1]}\n",
	"test.yaml:1:8: ping.source: item 0 is not a unicast address\n"},
    {"ping: {source: [10.0.0.0/24]}\n",
	"test.yaml:1:8: ping.source: item 0 is not a unicast address\n"},
    {"ping: {source: [\"::\"]}\n", "test.yaml:1:8: ping.source: item 0 is not a unicast address\n"},
    {"crosscheck: {nft_counters: [drops]}\n",
	"test.yaml:1:29: crosscheck.nft_counters: \"drops\" is not TABLE/COUNTER\n"},
    /* tags */
    {"tags: {zone: x}\n", "test.yaml:1:8: tags: key \"zone\" is a tag of the points themselves\n"},
    {"tags: {identity: x}\n",
	"test.yaml:1:8: tags: key \"identity\" is a tag of the points themselves\n"},
    {"tags: {_x: y}\n",
	"test.yaml:1:8: tags: key \"_x\" begins with an underscore, which InfluxDB keeps for "
	"itself\n"},
    {"tags: {site: \"\"}\n", "test.yaml:1:14: tags: must not be empty\n"},
    /* inputs */
    {"inputs:\n  - zone: x\n",
	"test.yaml:2:5: inputs[0]: needs an address: `unix`, `tcp` or `listen_fd`\n"},
    {"inputs:\n  - unix: /a\n    listen_fd: b\n",
	"test.yaml:3:5: inputs[0]: `unix` and `listen_fd` exclude each other\n"},
    {"inputs:\n  - unix: /a\n    zone: b\n    zones: [c]\n",
	"test.yaml:3:5: inputs[0]: `zone` and `zones` exclude each other\n"},
    {"inputs:\n  - unix: /a\n    zones: []\n",
	"test.yaml:3:12: inputs[0].zones: must not be empty\n"},
    {"inputs:\n  - unix: /a\n    zones: [a..b]\n",
	"test.yaml:3:13: inputs[0].zones: \"a..b\" has an empty label\n"},
    {"inputs:\n  - unix: /a\n    zones: [OTHER.]\n",
	"test.yaml:3:5: inputs[0]: the zone `other` cannot be listed: it is the label of what no "
	"zone "
	"holds\n"},
    {"inputs:\n  - unix: /a\n    zones: [nl]\n  - unix: /b\n    zone: other\n",
	"test.yaml:5:5: inputs: the label `other` is reserved where an input has `zones`\n"},
    {"inputs:\n  - unix: /a\n  - unix: /a\n",
	"test.yaml:3:5: inputs: inputs 0 and 1 have the same address /a\n"},
    /* Their points would be one series. */
    {"inputs:\n  - unix: org\n  - listen_fd: org\n",
	"test.yaml:3:5: inputs: inputs 0 and 1 have the same address org\n"},
    {"inputs:\n  - tcp: 127.0.0.1:1\n    mode: \"0600\"\n",
	"test.yaml:3:5: inputs[0]: `mode` is valid only with `unix`\n"},
    {"inputs:\n  - unix: /a\n    mode: 888\n",
	"test.yaml:3:11: inputs[0].mode: \"888\" is not an octal file mode, as in \"0660\"\n"},
    {"inputs:\n  - unix: /a\n    mode: 1777\n",
	"test.yaml:3:11: inputs[0].mode: \"1777\" is out of range: 0000 to 0777\n"},
    {"inputs:\n  - tcp: 127.0.0.1\n",
	"test.yaml:2:10: inputs[0].tcp: \"127.0.0.1\" needs a port, as in 127.0.0.1:6000\n"},
    {"inputs:\n  - tcp: 127.0.0.1:0\n",
	"test.yaml:2:10: inputs[0].tcp: \"127.0.0.1:0\" needs a port from 1 to "
	"65535 after the last colon\n"},
    {"inputs:\n  - tcp: 300.0.0.1:1\n",
	"test.yaml:2:10: inputs[0].tcp: \"300.0.0.1:1\" is not an IPv4 address and a port\n"},
    {"inputs:\n  - tcp: ::1:53\n",
	"test.yaml:2:10: inputs[0].tcp: \"::1:53\" needs brackets around the IPv6 "
	"address, as in [::1]:6000\n"},
    {"inputs:\n  - tcp: \"[::g]:53\"\n",
	"test.yaml:2:10: inputs[0].tcp: \"[::g]:53\" is not an IPv6 address in brackets\n"},
    {"inputs:\n  - unix: /a\n    tee: /b\n",
	"test.yaml:3:10: inputs[0].tee: \"/b\" is not unix:PATH or tcp:HOST:PORT\n"},
    {"inputs:\n  - unix: /a\n    tee: unix:b\n",
	"test.yaml:3:10: inputs[0].tee: \"unix:b\" needs an absolute path, as in "
	"unix:/run/reader.sock\n"},
    {"inputs:\n  - unix: /a\n    tee: tcp:127.0.0.1\n",
	"test.yaml:3:10: inputs[0].tee: \"tcp:127.0.0.1\" needs a port, as in 127.0.0.1:6000\n"},
    {"inputs:\n  - unix: /a\n    tee: unix:/b\n  - unix: /b\n",
	"test.yaml:3:5: inputs.tee: is this agent's own input 1\n"},
    {"inputs:\n  - tcp: 127.0.0.1:6000\n    tee: tcp:127.0.0.1:6000\n",
	"test.yaml:3:5: inputs.tee: is this agent's own input 0\n"},
    {"inputs:\n  - unix: /a\n    scope: all\n", NULL},
    {"inputs:\n  - unix: /a\n    zones_file: /nonexistent/x\n",
	"test.yaml:3:17: inputs[0]: cannot open /nonexistent/x: No such file or directory\n"},
    {"inputs:\n  - unix: /a\n    zones_file: /dev/null\n",
	"test.yaml:3:17: inputs[0]: cannot open /dev/null: not a regular file\n"},
    /* outputs */
    {"outputs:\n  - influx: {}\n",
	"test.yaml:2:5: outputs[0]: unknown kind of output \"influx\" (did you mean "
	"\"influxdb\"?)\n"},
    {"outputs:\n  - file: {}\n    otlp: {}\n",
	"test.yaml:2:5: outputs[0]: must have one key, the kind: influxdb, file, otlp, "
	"clickhouse or kafka\n"},
    {"outputs:\n  - influxdb: {version: 1, bucket: x}\n",
	"test.yaml:2:28: outputs[0].influxdb: `bucket` is valid only with `version: 2`\n"},
    {"outputs:\n  - influxdb: {password: x}\n",
	"test.yaml:2:16: outputs[0].influxdb: `password` is valid only with `version: 1`\n"},
    {"outputs:\n  - influxdb: {version: 3}\n",
	"test.yaml:2:25: outputs[0].influxdb.version: \"3\" is out of range: 1 to 2\n"},
    {"outputs:\n  - otlp: {url: ftp://user:secret@x}\n",
	"test.yaml:2:17: outputs[0].otlp.url: the value is not a URL that begins with http:// or "
	"https://\n"},
    {"outputs:\n  - otlp: {headers: {content-Type: x}}\n",
	"test.yaml:2:22: outputs[0].otlp.headers: key \"content-Type\" is a header that the output "
	"sets itself\n"},
    {"outputs:\n  - otlp: {headers: {\"a b\": x}}\n",
	"test.yaml:2:22: outputs[0].otlp.headers: key \"a b\" is not the name of a header\n"},
    {"outputs:\n  - influxdb: {url: \"http://[::1\"}\n  - otlp: {url: http://h:65536}\n",
	"test.yaml:2:15: outputs[0].influxdb: `url` cannot be read: its port is 65535 at most, and "
	"an IPv6 address stands in brackets\n"
	"test.yaml:3:11: outputs[1].otlp: `url` cannot be read: its port is 65535 at most, and an "
	"IPv6 address stands in brackets\n"},
    {"outputs:\n  - otlp: {headers: {authorization: Basic eA==}, token: secret}\n",
	"test.yaml:2:11: outputs[0].otlp: `token` is the header Authorization, which is in "
	"`headers` as well\n"},
    {"outputs:\n  - kafka: {sasl: {mechanism: plain, username: crosstap}}\n",
	"test.yaml:2:12: outputs[0].kafka: `sasl.mechanism` needs `sasl.username` and "
	"`sasl.password`\n"},
    {"outputs:\n  - kafka: {sasl: {username: u}}\n",
	"test.yaml:2:12: outputs[0].kafka: `sasl.username` and `sasl.password` need "
	"`sasl.mechanism`\n"},
    {"outputs:\n  - kafka: {tls: {enabled: true, cert: /a}}\n",
	"test.yaml:2:12: outputs[0].kafka: `tls` needs both `cert` and `key`, or neither\n"},
    {"outputs:\n  - otlp: {temporality: sum}\n",
	"test.yaml:2:25: outputs[0].otlp.temporality: \"sum\" is none of cumulative, delta "
	"(did you mean \"delta\"?)\n"},
    {"outputs:\n  - file: {path: /a}\n  - file: {path: /a}\n",
	"test.yaml:3:5: outputs: outputs 0 and 1 have the same `path`\n"},
    /* pairs */
    {"http: {tls: {cert: /a}}\n",
	"test.yaml:1:13: http.tls: needs both `cert` and `key`, or neither\n"},
    {"geo: {maxmind: {editions: [GeoLite2-ASN]}}\n",
	"test.yaml:1:17: geo.maxmind.editions: needs geo.asn, where the file is kept\n"},
    {"geo: {country: /c, maxmind: {editions: [GeoLite2-City, GeoLite2-Country]}}\n",
	"test.yaml:1:30: geo.maxmind.editions: two editions for the same file\n"},
    {"geo: {asn: /a, maxmind: {editions: [../x]}}\n", NULL},
    {"geo: {maxmind: {url: 'http://m.example/x'}}\n",
	"test.yaml:1:22: geo.maxmind.url: the value is not a URL that begins with "
	"https://\n"},
    {"geo: {maxmind: {url: 'https://m.example/{edtion}.mmdb'}}\n", NULL},
    {"geo: {maxmind: {url: 'https://m.example/{edition}{edition}'}}\n", NULL},
    {"rssac002: {dir: /x}\nwire: {mode: off}\n",
	"test.yaml:1:11: rssac002.source: wire, but wire.mode is off\n"},
    {"rssac002: {dir: /x, source: wire}\nwire: {per_source: false}\n",
	"test.yaml:1:21: rssac002.source: wire, but wire.per_source is false: there are no sources "
	"to count\n"},
    /* the environment */
    {"server: a$NO_SUCH_THING\n",
	"test.yaml:1:9: server: environment variable NO_SUCH_THING is not set (the unit takes "
	"/etc/crosstap/environment when it starts)\n"},
    {"server: a$ b\n", "test.yaml:1:9: server: a `$` without a name; write $$ for a dollar sign\n"},
    /* hostile names stay on one line */
    {"\"inter\\nval\": 1\n",
	"test.yaml:1:1: inter\\x0aval: unknown key (did you mean \"interval\"?)\n"},
};

static void each_rule(void **state UNUSED)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct config *config = NULL;
		char *messages = NULL;

		if (rules[i].messages) {
			assert_messages(rules[i].text, rules[i].messages);
			continue;
		}
		assert_int_equal(
		    parse_text(rules[i].text, strlen(rules[i].text), &config, &messages), -22);
		assert_memory_equal(messages, "test.yaml:", 10);
		free(messages);
	}
}

static void all_problems_are_reported(void **state UNUSED)
{
	assert_messages(
	    "intervall: 1s\nserver: \"\"\nwire:\n  mode: x\n  ports: [0, 70000]\ngrace: 1h\n",
	    "test.yaml:1:1: intervall: unknown key (did you mean \"interval\"?)\n"
	    "test.yaml:2:9: server: must not be empty\n"
	    "test.yaml:4:9: wire.mode: \"x\" is none of auto, native, generic, tc, packet, off "
	    "(did you mean \"tc\"?)\n"
	    "test.yaml:5:11: wire.ports: \"0\" is not a port from 1 to 65535\n"
	    "test.yaml:5:14: wire.ports: \"70000\" is not a port from 1 to 65535\n"
	    "test.yaml:6:1: grace: is over two intervals\n");
}

#define SHORT "is a secret of fewer than 4 bytes, which messages could not be kept free of\n"

/* Wherever it comes from, and not where it is not used. */
static void secrets_are_not_short(void **state UNUSED)
{
	setenv("SECRET_OF_TEST", "abc", 1);
	assert_messages("outputs:\n  - influxdb: {token: abc}\n",
	    "test.yaml:2:23: outputs[0].influxdb: `token` " SHORT);
	assert_messages("outputs:\n  - influxdb: {version: 1, username: u, password: x}\n",
	    "test.yaml:2:51: outputs[0].influxdb: `password` " SHORT);
	assert_messages("outputs:\n  - influxdb: {token: $SECRET_OF_TEST}\n",
	    "test.yaml:2:23: outputs[0].influxdb: `token` " SHORT);
	assert_messages("outputs:\n  - influxdb: {url: \"http://u:ab%41@h/\"}\n",
	    "test.yaml:2:21: outputs[0].influxdb.url: the value is a URL with a password of fewer "
	    "than 4 bytes, which messages could not be kept free of\n");
	setenv("INFLUX_TOKEN", "ab", 1);
	assert_messages("outputs:\n  - influxdb:\n",
	    "test.yaml:2:14: outputs[0].influxdb: `token` is by default $INFLUX_TOKEN, "
	    "which " SHORT);
	config_unref(parse_good("outputs:\n  - influxdb: {token: abcd}\n"
				"  - influxdb: {version: 1, url: \"http://u:abcd@h/a:b@c\"}\n"
				"  - influxdb: {token: \"\", url: \"http://u:@h/\"}\n"
				"  - otlp: {url: \"http://u@h:1/a:b@c\"}\n"));
	unsetenv("INFLUX_TOKEN");
	setenv("MAXMIND_LICENSE_KEY", "abc", 1);
	assert_messages("geo: {asn: /a, maxmind: {editions: [GeoLite2-ASN]}}\n",
	    "test.yaml:1:26: geo.maxmind.editions: environment variable "
	    "MAXMIND_LICENSE_KEY " SHORT);
	config_unref(parse_good("geo: {asn: /a}\n"));
	unsetenv("MAXMIND_LICENSE_KEY");
}

static void a_secret_is_in_no_message(void **state UNUSED)
{
	char *messages = NULL;
	struct config *config = NULL;
	const char *text =
	    "outputs:\n"
	    "  - influxdb: {token: \"hunter2\\a\", url: \"x://u:hunter2@h\"}\n"
	    "  - influxdb: {version: 1, token: hunter2, password: [hunter2]}\n"
	    "  - influxdb: {version: 1, password: $SECRET_OF_TEST, url: \"$SECRET_OF_TEST\"}\n";

	setenv("SECRET_OF_TEST", "hunter2\x01", 1);
	assert_int_equal(parse_text(text, strlen(text), &config, &messages), -22);
	assert_null(strstr(messages, "hunter2"));
	assert_non_null(
	    strstr(messages, "outputs[2].influxdb.password: the value holds a control character"));
	free(messages);
}

/* Neither what lies beside it nor the order of bytes decides. */
static void a_condition_reads_its_member_alone(void **state UNUSED)
{
	struct {
		uint8_t before, on, beside[8];
		uint32_t kind, next;
		size_t n;
	} all = {.before = 1, .beside = {1}, .next = 1};
	const struct config_option options[] = {
	    {.when = {true, offsetof(typeof(all), on), sizeof(all.on), 1, ""}},
	    {.when = {true, offsetof(typeof(all), kind), sizeof(all.kind), 1, ""}},
	    {.when = {true, offsetof(typeof(all), n), sizeof(all.n), 1, ""}},
	};

	for (size_t i = 0; i < 3; i++)
		assert_false(option_applies(&options[i], &all));
	all.on = 1;
	all.kind = 1;
	all.n = 1;
	for (size_t i = 0; i < 3; i++)
		assert_true(option_applies(&options[i], &all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_condition_reads_its_member_alone),
	    cmocka_unit_test(each_rule),
	    cmocka_unit_test(all_problems_are_reported),
	    cmocka_unit_test(a_secret_is_in_no_message),
	    cmocka_unit_test(secrets_are_not_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
