/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's counters: recorded texts, and a network namespace of the test's own in which datagrams
 * are lost in each way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../skip.h"
#include "base/unused.h"
#include "wire/host/host.h"
#include "wire/host/proc.h"
#include "wire/host/table.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT   5353
#define CLOSED 5354

/* --- texts ------------------------------------------------------------------------------------ */

static const char snmp[] =
    "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos "
    "InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs "
    "ReasmFails\n"
    "Ip: 2 64 1125286 11 12 0 0 13 1125286 1102000 0 0 0 0 0 14\n"
    "IcmpMsg: InType3 OutType3\n"
    "IcmpMsg: 398 391\n"
    "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens\n"
    "Tcp: 1 200 120000 -1 29858\n"
    "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors "
    "IgnoredMulti MemErrors\n"
    "Udp: 691078 15 99 691686 16 0 17 0 18\n"
    "UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors\n"
    "UdpLite: 1 2 3 4 5 6 7\n";
static const char snmp6[] = "Ip6InReceives                   \t3\n"
			    "Ip6InHdrErrors                  \t21\n"
			    "Ip6InNoRoutes                   \t22\n"
			    "Ip6InAddrErrors                 \t23\n"
			    "Ip6InTruncatedPkts              \t24\n"
			    "Ip6InDiscards                   \t25\n"
			    "Ip6ReasmFails                   \t26\n"
			    "Ip6ReasmTimeout                 \t19\n"
			    "Ip6InUnknownProtos              \t18\n"
			    "Udp6InErrors                    \t98\n"
			    "Udp6NoPorts                     \t27\n"
			    "Udp6RcvbufErrors                \t28\n"
			    "Udp6InCsumErrors                \t29\n"
			    "Udp6MemErrors                   \t30\n";
static const char netstat[] =
    "TcpExt: SyncookiesSent ListenOverflows ListenDrops IPReversePathFilter\n"
    "TcpExt: 1 31 32 33\n"
    "IpExt: InNoRoutes InTruncatedPkts InMcastPkts InCsumErrors ReasmOverlaps\n"
    "IpExt: 34 35 0 36 37\n";
static const char softnet[] = "000e5a8f 00000001 00000003 00000000\n000dccf3 0000000f 00000003 0\n";
static const char conntrack[] =
    "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop "
    "early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
    "00000001  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000002 "
    "0000000a 00000007 00000000  00000000 00000000 00000000 00000000\n"
    "00000001  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 "
    "00000001 00000000 00000000  00000000 00000000 00000000 00000000\n";

static const char sockstat[] = "sockets: used 236\n"
			       "UDP: inuse 4 mem 2\n"
			       "RAW: inuse 0\n"
			       "FRAG: inuse 41 memory 1200\n";
static const char sockstat6[] = "UDP6: inuse 3\nFRAG6: inuse 42 memory 0\n";

static void test_texts(void **state UNUSED)
{
	static const uint64_t expected[HOST_PROC_COUNT] = {
	    [HOST_PROC_IP_HEADER] = 11,
	    [HOST_PROC_IP_ADDRESS] = 12,
	    [HOST_PROC_IP_DISCARD] = 13,
	    [HOST_PROC_IP_REASSEMBLY] = 14,
	    [HOST_PROC_UDP_NO_PORT] = 15,
	    [HOST_PROC_UDP_RCVBUF] = 16,
	    [HOST_PROC_UDP_CHECKSUM] = 17,
	    [HOST_PROC_UDP_MEMORY] = 18,
	    [HOST_PROC_IP6_HEADER] = 21,
	    [HOST_PROC_IP6_NO_ROUTE] = 22,
	    [HOST_PROC_IP6_ADDRESS] = 23,
	    [HOST_PROC_IP6_TRUNCATED] = 24,
	    [HOST_PROC_IP6_DISCARD] = 25,
	    [HOST_PROC_IP6_REASSEMBLY] = 26,
	    [HOST_PROC_UDP6_NO_PORT] = 27,
	    [HOST_PROC_UDP6_RCVBUF] = 28,
	    [HOST_PROC_UDP6_CHECKSUM] = 29,
	    [HOST_PROC_UDP6_MEMORY] = 30,
	    [HOST_PROC_IP6_HEADERS] = 18,
	    [HOST_PROC_UDP_ERRORS] = 99,
	    [HOST_PROC_UDP6_ERRORS] = 98,
	    [HOST_PROC_IP_OVERLAP] = 37,
	    [HOST_PROC_IP6_REASSEMBLY_TIME] = 19,
	    [HOST_PROC_LISTEN_OVERFLOW] = 31,
	    [HOST_PROC_RP_FILTER] = 33,
	    [HOST_PROC_IP_NO_ROUTE] = 34,
	    [HOST_PROC_IP_TRUNCATED] = 35,
	    [HOST_PROC_SOFTNET_DROPS] = 16,
	    [HOST_PROC_CONNTRACK_DROPS] = 13,
	    [HOST_PROC_REASSEMBLING] = 41,
	    [HOST_PROC_REASSEMBLING6] = 42,
	};
	uint64_t seen[HOST_PROC_COUNT] = {0};

	host_proc_parse(HOST_PROC_SNMP, snmp, seen);
	host_proc_parse(HOST_PROC_SNMP6, snmp6, seen);
	host_proc_parse(HOST_PROC_NETSTAT, netstat, seen);
	host_proc_parse(HOST_PROC_SOFTNET, softnet, seen);
	host_proc_parse(HOST_PROC_CONNTRACK, conntrack, seen);
	host_proc_parse(HOST_PROC_SOCKSTAT, sockstat, seen);
	host_proc_parse(HOST_PROC_SOCKSTAT6, sockstat6, seen);
	for (int i = 0; i < HOST_PROC_COUNT; i++)
		assert_int_equal(seen[i], expected[i]);
}

/* Every beginning of every text: in memory of its own size, so that a sanitizer sees a read past
 * it. */
static void test_cut_texts(void **state UNUSED)
{
	static const char *const texts[HOST_PROC_FILES] = {
	    snmp, snmp6, netstat, softnet, conntrack, sockstat, sockstat6};

	for (int file = 0; file < HOST_PROC_FILES; file++) {
		for (size_t length = 0; length <= strlen(texts[file]); length++) {
			uint64_t seen[HOST_PROC_COUNT] = {0};
			char *text = strndup(texts[file], length);

			assert_non_null(text);
			host_proc_parse((enum host_proc_file)file, text, seen);
			free(text);
		}
	}
}

/* --- things that come and go ------------------------------------------------------------------ */

static struct host_change reading(
    struct host_table *table, const uint64_t (*entries)[2], size_t n, bool fresh)
{
	struct host_change change;

	host_table_begin(table);
	for (size_t i = 0; i < n; i++)
		host_table_add(
		    table, entries[i][0], (const uint64_t[HOST_TABLE_VALUES]){entries[i][1]});
	assert_int_equal(host_table_end(table, fresh, &change), 0);
	return change;
}

static void test_table(void **state UNUSED)
{
	static const uint64_t first[][2] = {{7, 100}, {3, 50}, {9, 1}};
	static const uint64_t second[][2] = {{3, 52}, {9, 1}, {5, 10}};
	static const uint64_t third[][2] = {{5, 4}, {3, 52}};
	struct host_table table = {0};
	struct host_change change = reading(&table, first, 3, true);

	assert_int_equal(change.grown[0] + change.came + change.went, 0);
	change = reading(&table, second, 3, true);
	assert_int_equal(change.grown[0], 12); /* 2 more, and 10 of a new one */
	assert_int_equal(change.came, 1);
	assert_int_equal(change.went, 1);
	change = reading(&table, third, 2, false);
	assert_int_equal(change.grown[0], 4); /* began again */
	assert_int_equal(change.came, 0);
	assert_int_equal(change.went, 1);
	change = reading(&table, first, 3, false);
	assert_int_equal(change.grown[0], 50); /* 3 fell; what is new counts from what it has */
	assert_int_equal(change.came, 2);
	host_table_done(&table);
}

/* --- a namespace ------------------------------------------------------------------------------ */

static int loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int r = -1;

	if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		r = ioctl(fd, SIOCSIFFLAGS, &request);
	}
	close(fd);
	return r;
}

static bool namespace_ready;

static int enter_namespace(void **state UNUSED)
{
	namespace_ready =
	    (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
	    loopback_up() == 0;
	return 0;
}

static struct host *make_host(const char **counters, size_t n)
{
	const struct config config = {
	    .wire = {.ports = {.ports = {PORT}, .n = 1}, .interfaces_auto = true, .netns = ""},
	    .nft_counters = {.items = counters, .n = n},
	};
	struct host *host;

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	assert_int_equal(host_new(&host, &config), 0);
	return host;
}

static struct sockaddr_in address_of(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listener(int buffer)
{
	const struct sockaddr_in address = address_of(PORT);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (buffer)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void send_to(uint16_t port, unsigned n)
{
	const struct sockaddr_in address = address_of(port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(sendto(fd, "0123456789ab", 12, 0,
				     (const struct sockaddr *)&address, sizeof(address)),
		    12);
	close(fd);
}

/* A datagram whose checksum is wrong. */
static void send_wrong(unsigned n)
{
	struct {
		struct udphdr udp;
		char data[12];
	} packet = {.udp = {.source = htons(4000),
			.dest = htons(PORT),
			.len = htons(sizeof(packet)),
			.check = htons(1)}};
	const struct sockaddr_in address = address_of(0);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);

	assert_true(fd >= 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(sendto(fd, &packet, sizeof(packet), 0,
				     (const struct sockaddr *)&address, sizeof(address)),
		    sizeof(packet));
	close(fd);
}

static unsigned drain(int fd)
{
	char buffer[64];
	unsigned n = 0;

	while (recv(fd, buffer, sizeof(buffer), 0) >= 0)
		n++;
	return n;
}

static uint64_t drops(const struct host_counters *counters, const char *reason)
{
	for (size_t i = 0; i < counters->n_stack_drops; i++) {
		if (strcmp(counters->stack_drops[i].reason, reason) == 0)
			return counters->stack_drops[i].messages;
	}
	return 0;
}

/* More than the socket holds: to the datagram; what waits in it is told apart. */
static void test_overflow(void **state UNUSED)
{
	struct host *host = make_host(NULL, 0);
	struct host_counters counters;
	int fd = listener(8192);
	uint64_t queued;
	unsigned read;

	host_read(host, &counters);
	assert_true(counters.sockets_changed);
	assert_int_equal(counters.socket_drops, 0);
	send_to(PORT, 500);
	host_read(host, &counters);
	assert_null(host_problem(host, HOST_SOCKETS));
	assert_true(counters.known & WIRE_KNOWS_SOCKETS);
	assert_false(counters.sockets_changed);
	queued = counters.queued_bytes;
	read = drain(fd);
	assert_in_range(read, 2, 200);
	assert_int_equal(counters.socket_drops, 500 - read);
	assert_in_range(queued, 768 * read, 4608 * read);
	assert_int_equal(counters.n_stack_drops, 0);
	host_read(host, &counters);
	assert_int_equal(counters.queued_bytes, 0);
	assert_int_equal(counters.socket_drops, 0);
	close(fd);
	host_read(host, &counters);
	assert_true(counters.sockets_changed);
	host_read(host, &counters);
	assert_false(counters.sockets_changed);
	host_free(host);
}

static void test_closed_port(void **state UNUSED)
{
	struct host *host = make_host(NULL, 0);
	struct host_counters counters;

	send_to(CLOSED, 40);
	host_read(host, &counters);
	assert_null(host_problem(host, HOST_STACK));
	assert_true(counters.known & WIRE_KNOWS_STACK_DROPS);
	assert_int_equal(counters.n_stack_drops, 1);
	assert_int_equal(drops(&counters, "UdpNoPorts"), 40);
	assert_true(counters.stack_drops[0].upper_bound);
	host_read(host, &counters);
	assert_int_equal(counters.n_stack_drops, 0);
	host_free(host);
}

/* Seen when the nameserver reads it; in the socket's drops as well, but counted once. */
static void test_wrong_checksum(void **state UNUSED)
{
	struct host *host = make_host(NULL, 0);
	struct host_counters counters;
	int fd = listener(0);

	host_read(host, &counters);
	send_wrong(30);
	send_to(PORT, 5);
	assert_int_equal(drain(fd), 5);
	host_read(host, &counters);
	assert_int_equal(drops(&counters, "UdpInCsumErrors"), 30);
	assert_int_equal(counters.socket_drops, 0);
	assert_int_equal(counters.queued_bytes, 0);
	close(fd);
	host_free(host);
}

static void test_nft_counter(void **state UNUSED)
{
	static const char *counters_of[] = {"filter/dns_drops", "filter/none"};
	struct host_counters counters;
	struct host *host;
	int fd;

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	if (system("nft -f - <<'.' 2>/dev/null\n"
		   "table inet filter {\n"
		   "counter dns_drops {}\n"
		   "chain in { type filter hook input priority 0; udp dport 5353 counter name "
		   "dns_drops drop; }\n"
		   "}\n"
		   ".\n") != 0)
		skip_because("no nftables");
	host = make_host(counters_of, 2);
	fd = listener(0);
	send_to(PORT, 25);
	host_read(host, &counters);
	assert_int_equal(drops(&counters, "filter/dns_drops"), 25);
	assert_string_equal(host_problem(host, HOST_NFT), "there is no counter filter/none");
	assert_int_equal(system("nft delete table inet filter"), 0);
	host_read(host, &counters);
	assert_string_equal(host_problem(host, HOST_NFT), "there is no counter filter/dns_drops");
	assert_int_equal(counters.n_stack_drops, 0);
	close(fd);
	host_free(host);
}

static void reload(struct host *host, const struct config *config)
{
	struct host_next *next;

	assert_int_equal(host_prepare(config, &next), 0);
	host_commit(host, next);
}

/* What sockets of another port dropped before a reload is not new; what they drop then is. */
static void test_other_port(void **state UNUSED)
{
	struct config config = {
	    .wire = {.interfaces_auto = true, .ports = {{CLOSED}, 1}, .netns = ""}};
	struct host_counters counters;
	struct host_next *unused;
	struct host *host;
	unsigned read;
	int fd;

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	fd = listener(8192);
	send_to(PORT, 200);
	assert_int_equal(host_new(&host, &config), 0);
	host_read(host, &counters);
	assert_int_equal(counters.queued_bytes, 0);
	config.wire.ports.ports[0] = PORT;
	assert_int_equal(host_prepare(&config, &unused), 0);
	host_next_free(unused);
	host_read(host, &counters);
	assert_int_equal(counters.queued_bytes, 0); /* prepared alone */
	reload(host, &config);
	drain(fd);
	send_to(PORT, 300);
	host_read(host, &counters);
	read = drain(fd);
	assert_int_equal(counters.socket_drops, 300 - read);
	assert_true(counters.queued_bytes > 0);
	/* The same ports once more: nothing is lost. */
	send_to(PORT, 300);
	reload(host, &config);
	host_read(host, &counters);
	assert_int_equal(counters.socket_drops, 300 - drain(fd));
	close(fd);
	host_free(host);
}

/* A counter that a reload names counts from then on, one that stays goes on. */
static void test_other_counters(void **state UNUSED)
{
	static const char *both[] = {"filter/late", "filter/early"};
	struct config config = {
	    .wire = {.interfaces_auto = true, .ports = {{PORT}, 1}, .netns = ""}};
	struct host_counters counters;
	struct host *host;
	int fd;

	if (!namespace_ready)
		skip_because("no network namespace of one's own");
	if (system("nft -f - <<'.' 2>/dev/null\n"
		   "table inet filter {\n"
		   "counter early {}\n"
		   "counter late {}\n"
		   "chain in { type filter hook input priority 0; udp dport 5353 counter name "
		   "early counter name late drop; }\n"
		   "}\n"
		   ".\n") != 0)
		skip_because("no nftables");
	config.nft_counters = (struct config_strings){both + 1, 1};
	assert_int_equal(host_new(&host, &config), 0);
	fd = listener(0);
	send_to(PORT, 20);
	config.nft_counters = (struct config_strings){both, 2};
	reload(host, &config);
	send_to(PORT, 5);
	host_read(host, &counters);
	assert_null(host_problem(host, HOST_NFT));
	assert_int_equal(drops(&counters, "filter/early"), 25);
	assert_int_equal(drops(&counters, "filter/late"), 5);
	config.nft_counters.n = 0;
	reload(host, &config);
	send_to(PORT, 5);
	host_read(host, &counters);
	assert_int_equal(counters.n_stack_drops, 0);
	assert_int_equal(system("nft delete table inet filter"), 0);
	close(fd);
	host_free(host);
}

static void test_devices(void **state UNUSED)
{
	struct host *host = make_host(NULL, 0);
	struct host_counters counters;

	host_read(host, &counters);
	assert_null(host_problem(host, HOST_LINKS));
	assert_null(host_problem(host, HOST_QDISCS));
	assert_true(counters.known & WIRE_KNOWS_NIC_DROPS);
	assert_true(counters.known & WIRE_KNOWS_TX_DROPS);
	assert_int_equal(counters.nic_drops + counters.tx_drops, 0);
	host_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_cut_texts),
	    cmocka_unit_test(test_table),
	    cmocka_unit_test(test_overflow),
	    cmocka_unit_test(test_closed_port),
	    cmocka_unit_test(test_wrong_checksum),
	    cmocka_unit_test(test_nft_counter),
	    cmocka_unit_test(test_other_port),
	    cmocka_unit_test(test_other_counters),
	    cmocka_unit_test(test_devices),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
