/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which descriptors an agent takes for its own from the service manager, what it leaves there, and
 * what it takes away. Needs root and BPF.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <bpf/bpf.h>

#include "../unit/refuse.h"
#include "judge.h"
#include "wire/bpf/held.h"

#define MANY 2048 /* as many as are held at most */

/* -- what can be held */

static int make_map(void)
{
	const int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "held", 4, 4, 1, NULL);

	must(fd >= 0, "map");
	return fd;
}

static int make_program(void)
{
	const struct bpf_insn code[] = {
	    {.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
	    {.code = BPF_JMP | BPF_EXIT},
	};
	const int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "held", "GPL", code, 2, NULL);

	must(fd >= 0, "program");
	return fd;
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);

	must(bpf_obj_get_info_by_fd(fd, &info, &size) == 0, "map's info");
	return info.id;
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	must(bpf_obj_get_info_by_fd(fd, &info, &size) == 0, "program's info");
	return info.id;
}

/* Maps and programs are numbered each for themselves. */
static int make_program_unlike(uint32_t id)
{
	const int fd = make_program(), next = make_program();
	const bool alike = program_id(fd) == id;

	close(alike ? fd : next);
	return alike ? next : fd;
}

static void expect_held(
    const struct wire_held *held, enum wire_held_kind kind, uint32_t id, const char *what)
{
	const int fd = wire_held_open(held, kind, id);

	expect(fd >= 0, "%s is not held: %s", what, strerror(-fd));
	if (fd < 0)
		return;
	expect((kind == WIRE_HELD_MAP ? map_id(fd) : program_id(fd)) == id, "%s is another", what);
	close(fd);
}

static void expect_not_held(
    const struct wire_held *held, enum wire_held_kind kind, uint32_t id, const char *what)
{
	const int fd = wire_held_open(held, kind, id);

	expect(fd == -ENOENT, "%s is held", what);
}

/* -- the service manager */

static int manager = -1;
static char manager_path[64];

static void start_manager(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(manager_path, sizeof(manager_path), "/tmp/held_test-%d", getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", manager_path);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	must(manager >= 0 &&
		bind(manager, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		setenv("NOTIFY_SOCKET", manager_path, 1) == 0 && setenv("FDSTORE", "9", 1) == 0,
	    "service manager");
}

static void stop_manager(void)
{
	close(manager);
	unlink(manager_path);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("FDSTORE");
}

/* The next message; the descriptor that came with it, -1: none. */
static int expect_told(const char *text)
{
	char told[256], control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	struct iovec part = {told, sizeof(told) - 1};
	struct msghdr message = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	const ssize_t n = recvmsg(manager, &message, MSG_CMSG_CLOEXEC);
	int fd = -1;

	told[n > 0 ? n : 0] = 0;
	expect(strcmp(told, text) == 0, "the manager was told '%s', not '%s'", told, text);
	if (n < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

static void expect_taken_back(uint32_t map)
{
	char text[64];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=wire-map-%u", map);
	expect_told(text);
}

/* -- tests */

static struct passed_socket pass(int fd, const char *format, uint32_t id)
{
	struct passed_socket passed = {.fd = fd};

	must(fd >= 0 && asprintf(&passed.name, format, id) > 0, "a descriptor");
	return passed;
}

/* What is not what its name says is somebody else's. */
static void test_take(void)
{
	const int map = make_map();
	const uint32_t map_is = map_id(map);
	const int program = make_program_unlike(map_is);
	const uint32_t program_is = program_id(program);
	struct passed_socket list[] = {
	    pass(fcntl(map, F_DUPFD_CLOEXEC, 3), "wire-map-%u", map_is),
	    pass(fcntl(program, F_DUPFD_CLOEXEC, 3), "wire-program-%u", program_is),
	    pass(fcntl(map, F_DUPFD_CLOEXEC, 3), "wire-map-%u", map_is), /* there already */
	    pass(make_map(), "wire-map-%u", map_is),                     /* another one */
	    pass(make_map(), "wire-program-%u", program_is),
	    pass(make_program(), "wire-map-%u", map_is),
	    /* Its own number, under the other kind's name. */
	    pass(fcntl(program, F_DUPFD_CLOEXEC, 3), "wire-map-%u", program_is),
	    pass(fcntl(map, F_DUPFD_CLOEXEC, 3), "wire-program-%u", map_is),
	    pass(open("/dev/null", O_RDONLY | O_CLOEXEC), "wire-map-%u", map_is),
	    pass(make_map(), "somebody-%u", 1),
	    {.fd = -1, .name = strdup("wire-map-1")},
	};
	const size_t n = sizeof(list) / sizeof(*list);
	const struct passed_sockets passed = {list, n};
	struct wire_held *held;

	must(wire_held_new(&held) == 0, "memory");
	wire_held_take(held, NULL);
	wire_held_take(held, &passed);
	for (size_t i = 0; i < n; i++) {
		expect(list[i].used == (i < 2), "%zu, %s", i, list[i].name);
		expect((list[i].fd < 0) == (i < 2 || i == n - 1), "%zu, %s: descriptor", i,
		    list[i].name);
		if (list[i].fd >= 0)
			close(list[i].fd);
		free(list[i].name);
	}
	close(map);
	close(program);
	expect_held(held, WIRE_HELD_MAP, map_is, "the map");
	expect_held(held, WIRE_HELD_PROGRAM, program_is, "the program");
	expect_not_held(held, WIRE_HELD_MAP, program_is, "a map of the program's number");
	expect_not_held(held, WIRE_HELD_PROGRAM, map_is, "a program of the map's number");
	expect_not_held(NULL, WIRE_HELD_MAP, map_is, "a map by nobody");
	wire_held_free(held);
	wire_held_free(NULL);
}

/* What was passed stays until all have looked; what is not kept goes. */
static void test_passed_stays(void)
{
	const int map = make_map();
	const uint32_t id = map_id(map);
	struct passed_socket one = pass(fcntl(map, F_DUPFD_CLOEXEC, 3), "wire-map-%u", id);
	const struct passed_sockets passed = {&one, 1};
	struct wire_held *held;
	char text[64];

	start_manager();
	must(wire_held_new(&held) == 0, "memory");
	wire_held_take(held, &passed);
	wire_held_begin(held);
	wire_held_end(held, false);
	expect_held(held, WIRE_HELD_MAP, id, "what was passed");
	wire_held_begin(held);
	wire_held_keep(held, WIRE_HELD_MAP, map);
	wire_held_end(held, true);
	expect_held(held, WIRE_HELD_MAP, id, "what is in use");
	expect(recv(manager, text, sizeof(text), 0) < 0, "the manager has it already");
	wire_held_begin(held);
	wire_held_end(held, false);
	expect_not_held(held, WIRE_HELD_MAP, id, "what went out of use");
	expect_taken_back(id);
	wire_held_free(held);
	stop_manager();
	free(one.name);
	close(map);
}

/* All have looked, and nobody has found it. */
static void test_passed_goes(void)
{
	const int map = make_map();
	const uint32_t id = map_id(map);
	struct passed_socket one = pass(map, "wire-map-%u", id);
	const struct passed_sockets passed = {&one, 1};
	struct wire_held *held;

	start_manager();
	must(wire_held_new(&held) == 0, "memory");
	wire_held_take(held, &passed);
	wire_held_begin(held);
	wire_held_end(held, true);
	expect_not_held(held, WIRE_HELD_MAP, id, "what nobody uses");
	expect_taken_back(id);
	wire_held_free(held);
	stop_manager();
	free(one.name);
}

static void test_keep(void)
{
	const int map = make_map(), program = make_program(), null = open("/dev/null", O_RDONLY);
	const uint32_t id = program_id(program);
	struct wire_held *held;
	char text[64];
	int stored;

	start_manager();
	must(wire_held_new(&held) == 0, "memory");
	wire_held_begin(held);
	wire_held_keep(held, WIRE_HELD_PROGRAM, program);
	wire_held_keep(held, WIRE_HELD_MAP, map);
	wire_held_keep(held, WIRE_HELD_PROGRAM, program); /* of another interface */
	wire_held_keep(held, WIRE_HELD_MAP, -1);
	wire_held_keep(held, WIRE_HELD_MAP, null);
	wire_held_end(held, true);
	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=wire-program-%u", id);
	stored = expect_told(text);
	expect(stored >= 0 && program_id(stored) == id, "the program itself");
	close(stored);
	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=wire-map-%u", map_id(map));
	close(expect_told(text));
	expect(recv(manager, text, sizeof(text), 0) < 0, "no more than these");
	wire_held_begin(held);
	wire_held_keep(held, WIRE_HELD_MAP, map);
	wire_held_end(held, false);
	expect_not_held(held, WIRE_HELD_PROGRAM, id, "a program that was detached");
	expect_held(held, WIRE_HELD_MAP, map_id(map), "its map");
	wire_held_free(held);
	stop_manager();
	close(map);
	close(program);
	close(null);
}

/* More than there is room for is not held, and breaks nothing. */
static void too_many(void)
{
	const struct rlimit limit = {MANY + 100, MANY + 100};
	const int program = make_program();
	uint32_t last = 0;
	struct wire_held *held;

	must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "limit");
	must(wire_held_new(&held) == 0, "memory");
	wire_held_begin(held);
	for (int i = 0; i < MANY; i++) {
		const int map = make_map();

		last = map_id(map);
		wire_held_keep(held, WIRE_HELD_MAP, map);
		close(map);
	}
	wire_held_keep(held, WIRE_HELD_PROGRAM, program);
	expect_held(held, WIRE_HELD_MAP, last, "the last one");
	expect_not_held(held, WIRE_HELD_PROGRAM, program_id(program), "one more");
	wire_held_begin(held);
	wire_held_end(held, true);
	expect_not_held(held, WIRE_HELD_MAP, last, "the last one");
	wire_held_keep(held, WIRE_HELD_PROGRAM, program);
	expect_held(held, WIRE_HELD_PROGRAM, program_id(program), "with room again");
	wire_held_free(held);
}

static void test_too_many(void)
{
	in_child(too_many);
}

/* Not one descriptor more. */
static void no_descriptors(void)
{
	const int map = make_map(), other = make_map();
	const uint32_t id = map_id(map), other_id = map_id(other);
	struct passed_socket one = pass(other, "wire-map-%u", other_id);
	const struct passed_sockets passed = {&one, 1};
	struct rlimit all, limit;
	struct wire_held *held;

	must(getrlimit(RLIMIT_NOFILE, &all) == 0, "limit");
	must(wire_held_new(&held) == 0, "memory");
	wire_held_keep(held, WIRE_HELD_MAP, map);
	limit = (struct rlimit){(rlim_t)other + 2, all.rlim_max}; /* that was the next one */
	must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "limit");
	expect(wire_held_open(held, WIRE_HELD_MAP, id) == -EMFILE, "open says so");
	wire_held_take(held, &passed);
	expect(!one.used && one.fd == other, "what cannot be held stays the caller's");
	wire_held_keep(held, WIRE_HELD_MAP, other);
	expect_not_held(held, WIRE_HELD_MAP, other_id, "one without a descriptor");
	must(setrlimit(RLIMIT_NOFILE, &all) == 0, "limit");
	wire_held_free(held);
	free(one.name);
}

static void test_no_descriptors(void)
{
	in_child(no_descriptors);
}

/* The kernel says of none what it is. */
static void no_ids(void)
{
	const struct refusal refusal = {
	    .call = SCMP_SYS(bpf), .error = EPERM, .value = BPF_OBJ_GET_INFO_BY_FD};
	const int map = make_map(), program = make_program();
	struct passed_socket list[] = {
	    pass(map, "wire-map-%u", map_id(map)),
	    pass(program, "wire-program-%u", program_id(program)),
	};
	const struct passed_sockets passed = {list, 2};
	struct wire_held *held;

	must(wire_held_new(&held) == 0 && refuse(&refusal) == 0, "filter");
	wire_held_take(held, &passed);
	expect(!list[0].used && !list[1].used, "taken unseen");
	wire_held_keep(held, WIRE_HELD_MAP, map);
	wire_held_keep(held, WIRE_HELD_PROGRAM, program);
	expect_not_held(held, WIRE_HELD_MAP, 0, "a map without a number");
	expect_not_held(held, WIRE_HELD_PROGRAM, 0, "a program without a number");
	wire_held_free(held);
}

static void test_no_ids(void)
{
	in_child(no_ids);
}

static const struct test tests[] = {
    {"take", test_take},
    {"passed_stays", test_passed_stays},
    {"passed_goes", test_passed_goes},
    {"keep", test_keep},
    {"too_many", test_too_many},
    {"no_descriptors", test_no_descriptors},
    {"no_ids", test_no_ids},
};

int main(int argc, char **argv)
{
	return judge_each("what is held", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
