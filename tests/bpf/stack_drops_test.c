/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drops as the agent reads them, window by window, in a network namespace of its own; and a kernel
 * that refuses one step of it. Needs root, BPF and a kernel that names reasons (5.18).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <bpf/bpf.h>

#include "../unit/refuse.h"
#include "crosstap/wire_config.h"
#include "judge.h"
#include "wire/bpf/object.h"
#include "wire/host/stack_drops.h"

#define PORT  53
#define QUERY "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\7example\0\0\1\0\1"

/* What wire/bpf has for it: the map `config`. */
static struct wire_config *config;
static int config_fd;
static char home[64]; /* the namespace we came from */

static void make_config(void)
{
	const struct wire_local server = {
	    {{0, 0, CT_BE32(0xffff), htonl(INADDR_LOOPBACK)}}, PACKET_IPV4, WIRE_ADDRESS_SERVER};
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

	config_fd =
	    bpf_map_create(BPF_MAP_TYPE_ARRAY, "config", sizeof(u32), sizeof(*config), 1, &opts);
	must(config_fd >= 0, "map");
	config = mmap(NULL, sizeof(*config), PROT_READ | PROT_WRITE, MAP_SHARED, config_fd, 0);
	must(config != MAP_FAILED, "mmap");
	config->ports[PORT] = WIRE_PORT_DNS;
	must(wire_config_addresses(config, &server, 1), "addresses");
}

static void enter_namespace(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	snprintf(home, sizeof(home), "/proc/self/fd/%d", fd);
	must(fd >= 0 && unshare(CLONE_NEWNET) == 0, "network namespace");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0, "lo");
	close(fd);
}

/* Nobody listens there. */
static void ask(u32 n)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(PORT),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	for (u32 i = 0; i < n; i++) {
		const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		must(sendto(fd, QUERY, sizeof(QUERY) - 1, 0, (const struct sockaddr *)&to,
			 sizeof(to)) == sizeof(QUERY) - 1,
		    "sendto");
		close(fd);
	}
}

/* -- tests */

static struct stack_drops *start(void)
{
	const struct stack_drops_options options = {.config_fd = config_fd, .netns = ""};
	struct stack_drops *drops = NULL;
	char problem[256] = "";

	if (stack_drops_new(&drops, &options, problem, sizeof(problem)) < 0) {
		fprintf(stderr, "%s: %s\n", running, problem);
		exit(1);
	}
	return drops;
}

static u64 sum_of(const struct stack_drops_window *window)
{
	u64 sum = 0;

	for (size_t i = 0; i < window->n_drops; i++)
		sum += window->drops[i].messages;
	return sum;
}

static void window(
    struct stack_drops *drops, struct arena *arena, bool whole, u64 messages, const char *reason)
{
	struct stack_drops_window now = {0};

	__atomic_store_n(&config->slot, !(config->slot & 1), __ATOMIC_RELEASE);
	usleep(20000);
	arena_reset(arena);
	must(stack_drops_read(drops, true, arena, &now) == 0, "read");
	expect(now.whole == whole, "whole: %d", now.whole);
	expect(sum_of(&now) == messages, "%llu dropped, not %llu", (unsigned long long)sum_of(&now),
	    (unsigned long long)messages);
	expect(now.n_drops == (messages > 0), "%zu reasons", now.n_drops);
	if (now.n_drops)
		expect(strcmp(now.drops[0].reason, reason) == 0, "reason %s", now.drops[0].reason);
}

static void test_windows(void)
{
	struct stack_drops *drops = start();
	struct arena *arena;

	must(arena_new(&arena) == 0, "memory");
	window(drops, arena, false, 0, "");
	ask(30);
	window(drops, arena, true, 30, "NO_SOCKET");
	ask(4);
	window(drops, arena, true, 4, "NO_SOCKET");
	window(drops, arena, true, 0, "");
	arena_free(arena);
	stack_drops_free(drops);
}

/* Another namespace than the one that is looked at. */
static void test_elsewhere(void)
{
	const struct stack_drops_options options = {.config_fd = config_fd, .netns = home};
	struct stack_drops *drops = NULL;
	struct arena *arena;
	char problem[256] = "";

	must(arena_new(&arena) == 0, "memory");
	expect(stack_drops_new(&drops, &options, problem, sizeof(problem)) == 0, "%s", problem);
	if (drops) {
		ask(10);
		window(drops, arena, false, 0, "");
	}
	stack_drops_free(drops);
	arena_free(arena);
}

/* `error` 0: libraries do not agree on it. */
static void must_fail(const struct stack_drops_options *options, int error, const char *words)
{
	struct stack_drops *drops = NULL;
	char problem[256] = "";
	const int r = stack_drops_new(&drops, options, problem, sizeof(problem));

	expect((error ? r == error : r < 0) && !drops, "%d, not %d", r, error);
	expect(strstr(problem, words), "'%s' says nothing of '%s'", problem, words);
	expect(strstr(problem, "the raw tracepoint kfree_skb: "), "'%s' says not what", problem);
	stack_drops_free(drops);
}

static void test_what_is_none(void)
{
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int small = bpf_map_create(BPF_MAP_TYPE_ARRAY, "config", 4, 4, 1, NULL);

	must(small >= 0 && null >= 0, "map");
	must_fail(
	    &(struct stack_drops_options){.config_fd = config_fd, .netns = "no-such-namespace"},
	    -ENOENT, "No such file");
	must_fail(&(struct stack_drops_options){.config_fd = -1, .netns = ""}, 0, "descriptor");
	must_fail(&(struct stack_drops_options){.config_fd = null, .netns = ""}, -EINVAL,
	    "Invalid argument");
	must_fail(&(struct stack_drops_options){.config_fd = small, .netns = ""}, -EACCES,
	    "Permission denied"); /* the verifier's, to who reads behind the end */
	close(null);
	close(small);
}

/* -- a kernel that refuses */

static struct refusal refusal;

static void start_refused(void)
{
	const struct stack_drops_options options = {.config_fd = config_fd, .netns = ""};

	must(refuse(&refusal) == 0, "filter");
	must_fail(&options, -refusal.error, strerror(refusal.error));
}

static void test_start_refused(void)
{
	static const u64 commands[] = {
	    BPF_MAP_CREATE, BPF_PROG_LOAD, BPF_RAW_TRACEPOINT_OPEN, BPF_OBJ_GET_INFO_BY_FD};

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		refusal =
		    (struct refusal){.call = SCMP_SYS(bpf), .error = EPERM, .value = commands[i]};
		in_child(start_refused);
	}
	refusal = (struct refusal){
	    .call = SCMP_SYS(mmap), .error = ENOMEM, .argument = 4, .value = (u64)config_fd};
	in_child(start_refused);
}

/* A window that cannot be read is lost, and the next one has nothing twice. */
static void read_refused(void)
{
	struct stack_drops *drops = start();
	struct stack_drops_window now;
	struct arena *arena;

	refusal =
	    (struct refusal){.call = SCMP_SYS(bpf), .error = EPERM, .value = BPF_MAP_LOOKUP_ELEM};
	must(arena_new(&arena) == 0, "memory");
	must(refuse(&refusal) == 0, "filter");
	expect(stack_drops_read(drops, true, arena, &now) == -EPERM, "a reading without a map");
	arena_free(arena);
	stack_drops_free(drops);
}

static void test_read_refused(void)
{
	in_child(read_refused);
}

/* How many it missed is no need. */
static void count_refused(void)
{
	struct stack_drops *drops = start();
	struct arena *arena;

	refusal = (struct refusal){
	    .call = SCMP_SYS(bpf), .error = EPERM, .value = BPF_OBJ_GET_INFO_BY_FD};
	must(arena_new(&arena) == 0, "memory");
	must(refuse(&refusal) == 0, "filter");
	window(drops, arena, false, 0, "");
	ask(6);
	window(drops, arena, true, 6, "NO_SOCKET");
	arena_free(arena);
	stack_drops_free(drops);
}

static void test_count_refused(void)
{
	in_child(count_refused);
}

static const struct test tests[] = {
    {"windows", test_windows},
    {"elsewhere", test_elsewhere},
    {"what_is_none", test_what_is_none},
    {"start_refused", test_start_refused},
    {"read_refused", test_read_refused},
    {"count_refused", test_count_refused},
};

int main(int argc, char **argv)
{
	running = "setup";
	wire_bpf_quiet();
	make_config();
	enter_namespace();
	return judge_each(
	    "drops in the stack", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
