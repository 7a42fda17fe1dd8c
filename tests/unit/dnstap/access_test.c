/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may connect to a Unix socket: mode, owner and group, at the start and later; and what
 * somebody who owns its folder can make of that, with the privilege to ask the kernel for the file
 * and without it.
 */
#include "base/unused.h"
#include "rig.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define OTHER_ID 65534

static char victim[sizeof(path) + 8], aside[sizeof(path) + 8];

static bool is_root(void)
{
	return geteuid() == 0;
}

/* Does the kernel open the file of a socket for us? */
static bool may_ask(void)
{
	return is_root() && capng_get_caps_process() == 0 &&
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN);
}

/* Of this thread alone. */
static void set_privilege(bool has)
{
	assert_int_equal(capng_get_caps_process(), 0);
	assert_int_equal(
	    capng_update(has ? CAPNG_ADD : CAPNG_DROP, CAPNG_EFFECTIVE, CAP_NET_ADMIN), 0);
	/* Who never had it cannot take it back: then there is nothing to restore either. */
	(void)capng_apply(CAPNG_SELECT_CAPS);
}

static struct stat stat_of(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(name, &st), 0);
	return st;
}

static void assert_file(const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	const struct stat st = stat_of(name);

	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
}

static void make_victim(void)
{
	const int fd = open(victim, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void test_access_is_taken_away(void **state UNUSED)
{
	struct config_input config = unix_input();
	struct dnstap_input *input = NULL;
	char error[256] = "";
	struct stat st;
	bool root = is_root();

	config.mode = 0660;
	if (root)
		config.group = "65534";
	assert_int_equal(dnstap_input_open(&input, &config, NULL, 0, error, sizeof(error)), 0);
	assert_file(path, 0660, geteuid(), root ? OTHER_ID : getegid());
	st = stat_of(path);
	config.mode = 0600;
	if (root)
		config.owner = "65534";
	config.group = "";
	assert_int_equal(dnstap_input_set_access(input, &config, error, sizeof(error)), 0);
	assert_file(path, 0600, root ? OTHER_ID : geteuid(), getegid());
	/* An owner that is no longer named: as when the socket was made. */
	config.owner = "";
	config.mode = 0622;
	assert_int_equal(dnstap_input_set_access(input, &config, error, sizeof(error)), 0);
	assert_file(path, 0622, geteuid(), getegid());
	config.owner = "no-such-user-here";
	assert_int_equal(dnstap_input_set_access(input, &config, error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, "no-such-user-here"));
	assert_file(path, 0622, geteuid(), getegid());
	assert_int_equal(stat_of(path).st_ino, st.st_ino);
	dnstap_input_free(input);
}

/* The name leads somewhere else by now: our socket is what changes, or nothing. */
static void swapped(bool privileged)
{
	struct config_input config = unix_input();
	struct dnstap_input *input = NULL;
	char error[256] = "";
	int r;

	config.mode = 0600;
	assert_int_equal(dnstap_input_open(&input, &config, NULL, 0, error, sizeof(error)), 0);
	make_victim();
	for (int hard = 0; hard < 2; hard++) {
		assert_int_equal(rename(path, aside), 0);
		assert_int_equal(hard ? link(victim, path) : symlink(victim, path), 0);
		config.mode = 0666;
		config.owner = config.group = is_root() ? "65534" : "";
		r = dnstap_input_set_access(input, &config, error, sizeof(error));
		assert_file(victim, 0600, geteuid(), getegid());
		if (privileged) {
			assert_int_equal(r, 0);
			assert_file(aside, 0666, OTHER_ID, OTHER_ID);
			config.mode = 0600;
			config.owner = config.group = "";
			assert_int_equal(
			    dnstap_input_set_access(input, &config, error, sizeof(error)), 0);
		} else {
			assert_true(r == -ESTALE || r == -ELOOP);
			assert_non_null(strstr(error, path));
		}
		assert_file(aside, 0600, geteuid(), getegid());
		unlink(path);
		assert_int_equal(rename(aside, path), 0);
	}
	unlink(victim);
	dnstap_input_free(input);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_swapped(void **state UNUSED)
{
	set_privilege(false);
	swapped(false);
	set_privilege(true);
	if (may_ask())
		swapped(true);
}

/* Somebody who replaces each new socket by a link, as fast as can be. */
struct attack {
	_Atomic bool over;
	_Atomic unsigned won; /* links made */
};

static void *attack_run(void *context)
{
	struct attack *attack = context;
	struct stat st;

	while (!attack->over) {
		if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && unlink(path) == 0 &&
		    symlink(victim, path) == 0)
			attack->won++;
	}
	return NULL;
}

static void attacked(void)
{
	struct config_input config = unix_input();
	struct attack attack = {false, 0};
	char error[256];
	pthread_t thread;

	config.owner = config.group = is_root() ? "65534" : "";
	config.mode = 0666;
	make_victim();
	assert_int_equal(pthread_create(&thread, NULL, attack_run, &attack), 0);
	for (unsigned i = 0; i < 20000 && attack.won < 100; i++) {
		struct dnstap_input *input = NULL;

		(void)dnstap_input_open(&input, &config, NULL, 0, error, sizeof(error));
		dnstap_input_free(input);
		assert_file(victim, 0600, geteuid(), getegid());
		unlink(path);
	}
	attack.over = true;
	pthread_join(thread, NULL);
	unlink(path);
	unlink(victim);
}

static void test_attacked(void **state UNUSED)
{
	set_privilege(false);
	attacked();
	set_privilege(true);
	attacked();
}

static void test_other_kinds_have_no_file(void **state UNUSED)
{
	const struct config_input config = {.kind = INPUT_TCP, .address = "127.0.0.1:0"};
	struct dnstap_input *input = NULL;
	char error[256] = "";

	assert_int_equal(dnstap_input_open(&input, &config, NULL, 0, error, sizeof(error)), 0);
	assert_int_equal(dnstap_input_set_access(input, &config, error, sizeof(error)), 0);
	dnstap_input_free(input);
}

static int setup_names(void **state)
{
	if (setup(state) < 0)
		return -1;
	snprintf(victim, sizeof(victim), "%s/victim", folder);
	snprintf(aside, sizeof(aside), "%s/aside", folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_access_is_taken_away),
	    cmocka_unit_test(test_swapped),
	    cmocka_unit_test(test_attacked),
	    cmocka_unit_test(test_other_kinds_have_no_file),
	};

	return cmocka_run_group_tests(tests, setup_names, teardown);
}
