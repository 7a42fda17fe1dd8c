/* SPDX-License-Identifier: BSD-2-Clause */
#include "download/maxmind.h"

#include "base/log.h"
#include "base/thread.h"
#include "download/fetch.h"
#include "download/maxmind_state.h"
#include "download/part_file.h"
#include "geo/mmdb.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#define MAX_WAIT_S     86400
#define LOOK_S         60  /* how often the thread looks at clock and files */
#define ERROR_SPREAD_S 600 /* nodes spread out after errors, too */
#define LIMIT_SPREAD_S 3600
/* A time to wait for that is further away was written under a wrong clock. */
#define MAX_NOT_BEFORE_S (MAXMIND_AFTER_LIMIT_S + LIMIT_SPREAD_S)

struct target {
	const char *edition, *path;
	enum mmdb_kind kind;
	struct maxmind_state state;
	struct stat checked_file; /* the last one that was opened */
	bool checked_good;
	struct maxmind_status status; /* under the lock */
	uint64_t logged;              /* requests */
};

struct maxmind {
	struct config *config;
	const struct clock *clock;
	const char *ca;
	char *user, *password;
	int64_t every_s;
	uint64_t spread; /* of the server's name */
	struct target *targets;
	size_t n;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool has_thread, has_curl;
	atomic_bool stop;
};

static int64_t now_s(const struct maxmind *maxmind)
{
	return clock_wall_ns(maxmind->clock) / NS_PER_S;
}

static void target_init(struct target *target, const struct config *config, const char *edition)
{
	target->edition = edition;
	target->kind = strstr(edition, "ASN") ? MMDB_ASN : MMDB_COUNTRY;
	target->path = target->kind == MMDB_ASN ? config->geo.asn : config->geo.country;
	target->status.edition = edition;
	target->status.path = target->path;
	if (*target->path)
		maxmind_state_read(target->path, &target->state);
	target->status.checked_s = target->state.checked_s;
}

static int read_environment(struct maxmind *maxmind)
{
	const char *user = getenv("MAXMIND_ACCOUNT_ID");
	const char *password = getenv("MAXMIND_LICENSE_KEY");

	if (!user || !*user || !password || !*password)
		return 0;
	maxmind->user = strdup(user);
	maxmind->password = strdup(password);
	return maxmind->user && maxmind->password ? 0 : -ENOMEM;
}

int maxmind_new(
    struct maxmind **ret, const struct config *config, const struct maxmind_options *options)
{
	struct maxmind *maxmind = calloc(1, sizeof(*maxmind));
	size_t n = config->geo.maxmind_editions.n;
	int r;

	if (!maxmind)
		return -ENOMEM;
	r = thread_condition_init(&maxmind->wake);
	if (r < 0) {
		free(maxmind);
		return r;
	}
	pthread_mutex_init(&maxmind->lock, NULL);
	maxmind->config = config_ref(config);
	maxmind->clock = options && options->clock ? options->clock : &clock_system;
	maxmind->ca = options ? options->ca : NULL;
	maxmind->every_s = (int64_t)(config->geo.maxmind_every_ns / NS_PER_S);
	maxmind->spread = XXH3_64bits(config->server, strlen(config->server));
	maxmind->targets = calloc(n ? n : 1, sizeof(*maxmind->targets));
	maxmind->has_curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
	r = maxmind->targets && maxmind->has_curl ? read_environment(maxmind) : -ENOMEM;
	if (r < 0) {
		maxmind_free(maxmind);
		return r;
	}
	maxmind->n = n;
	for (size_t i = 0; i < n; i++)
		target_init(&maxmind->targets[i], config, config->geo.maxmind_editions.items[i]);
	*ret = maxmind;
	return 0;
}

static void free_secret(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void maxmind_free(struct maxmind *maxmind)
{
	if (!maxmind)
		return;
	maxmind_stop(maxmind);
	pthread_cond_destroy(&maxmind->wake);
	pthread_mutex_destroy(&maxmind->lock);
	free_secret(maxmind->user);
	free_secret(maxmind->password);
	config_unref(maxmind->config);
	free(maxmind->targets);
	if (maxmind->has_curl)
		curl_global_cleanup();
	free(maxmind);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Is there a file that can be used? Opened only when it is another one than last time. */
static bool has_good_file(struct target *target, struct stat *ret)
{
	struct mmdb *mmdb = NULL;
	char reason[256];

	if (stat(target->path, ret) < 0)
		return false;
	if (!is_same_file(ret, &target->checked_file)) {
		target->checked_good =
		    mmdb_new(&mmdb, target->path, target->kind, ret, reason, sizeof(reason)) == 0;
		target->checked_file = *ret;
		mmdb_free(mmdb);
	}
	return target->checked_good;
}

static bool is_other_edition(const struct target *target)
{
	return *target->state.edition && strcmp(target->state.edition, target->edition) != 0;
}

/* When the next request is due, and since when a newer file is of interest (0: any file is). */
static int64_t due_s(
    const struct maxmind *maxmind, struct target *target, int64_t now, int64_t *ret_since_s)
{
	int64_t base = 0, due = now, not_before = target->state.not_before_s;
	struct stat st;

	*ret_since_s = 0;
	if (has_good_file(target, &st) && !is_other_edition(target)) {
		/* Times in the future come from a wrong clock and say nothing. */
		if (st.st_mtim.tv_sec <= now)
			base = st.st_mtim.tv_sec;
		if (target->state.checked_s <= now && target->state.checked_s > base)
			base = target->state.checked_s;
		due = base + maxmind->every_s +
		    (int64_t)(maxmind->spread % (uint64_t)(maxmind->every_s / 4 + 1));
		*ret_since_s = st.st_mtim.tv_sec;
	}
	if (not_before > due && not_before - now <= MAX_NOT_BEFORE_S)
		due = not_before;
	return due;
}

static enum fetch_outcome fail(struct fetch_result *result, const char *path, const char *problem)
{
	snprintf(result->text, sizeof(result->text), "%.180s: %.60s", path, problem);
	return FETCH_LOCAL;
}

/* Opens what came and, if it is what was asked for, moves it into place. */
static enum fetch_outcome keep(
    struct target *target, struct part_file *part, struct fetch_result *result, int64_t now)
{
	int64_t modified =
	    result->modified_s > 0 && result->modified_s <= now ? result->modified_s : now;
	struct mmdb *mmdb = NULL;
	int r;

	r = mmdb_new(&mmdb, part->path, target->kind, NULL, result->text, sizeof(result->text));
	if (r < 0)
		return r == -EBADMSG || r == -EFBIG ? FETCH_CONTENT : FETCH_LOCAL;
	snprintf(result->text, sizeof(result->text), "%s of %llu bytes is in place",
	    target->edition, (unsigned long long)mmdb_size_bytes(mmdb));
	mmdb_free(mmdb);
	r = part_file_commit(part, modified);
	return r < 0 ? fail(result, target->path, strerrordesc_np(-r)) : FETCH_NEW;
}

static enum fetch_outcome request(struct maxmind *maxmind, struct target *target, int64_t now,
    int64_t since_s, struct fetch_result *result)
{
	char url[PATH_MAX];
	struct fetch_request fetch = {.url = url,
	    .user = maxmind->user,
	    .password = maxmind->password,
	    .ca = maxmind->ca,
	    .modified_since_s = since_s,
	    .max_bytes = MMDB_MAX_BYTES,
	    .cancel = &maxmind->stop};
	enum fetch_outcome outcome;
	struct part_file part;
	int r;

	*result = (struct fetch_result){0};
	if (fetch_build_url(maxmind->config->geo.maxmind_url, target->edition, url, sizeof(url)) <
	    0)
		return fail(result, "geo.maxmind", "needs an https URL and the name of an edition");
	r = part_file_open(&part, target->path);
	if (r < 0)
		return fail(result, part.path, strerrordesc_np(-r));
	fetch.fd = part.fd;
	outcome = fetch_database(&fetch, result);
	if (outcome == FETCH_NEW)
		outcome = keep(target, &part, result, now);
	part_file_close(&part);
	explicit_bzero(url, sizeof(url));
	return outcome;
}

static void put_off(struct maxmind *maxmind, struct target *only, int64_t until)
{
	for (size_t i = 0; i < maxmind->n; i++) {
		struct target *target = &maxmind->targets[i];

		if ((only && target != only) || !*target->path)
			continue;
		if (target->state.not_before_s < until)
			target->state.not_before_s = until;
		/* If this fails, the file of the database itself has been reported already. */
		(void)maxmind_state_write(target->path, &target->state);
	}
}

static void settle(
    struct maxmind *maxmind, struct target *target, enum fetch_outcome outcome, int64_t now)
{
	int64_t after_error =
	    now + MAXMIND_AFTER_ERROR_S + (int64_t)(maxmind->spread % ERROR_SPREAD_S);

	switch (outcome) {
	case FETCH_NEW:
	case FETCH_FRESH:
		snprintf(
		    target->state.edition, sizeof(target->state.edition), "%s", target->edition);
		target->state.checked_s = now;
		target->state.not_before_s = 0;
		(void)maxmind_state_write(target->path, &target->state);
		break;
	case FETCH_LIMIT:
		put_off(maxmind, NULL,
		    now + MAXMIND_AFTER_LIMIT_S + (int64_t)(maxmind->spread % LIMIT_SPREAD_S));
		break;
	case FETCH_REFUSED:
	case FETCH_SITE:
		put_off(maxmind, NULL, after_error);
		break;
	case FETCH_CONTENT:
	case FETCH_LOCAL:
		put_off(maxmind, target, after_error);
		break;
	case FETCH_CANCELLED:
		break;
	}
}

static void report(
    struct maxmind *maxmind, struct target *target, enum fetch_outcome outcome, const char *text)
{
	struct maxmind_status *status = &target->status;

	pthread_mutex_lock(&maxmind->lock);
	status->requests++;
	status->downloads += outcome == FETCH_NEW;
	status->checked_s = target->state.checked_s;
	status->failed = outcome != FETCH_NEW && outcome != FETCH_FRESH;
	snprintf(status->text, sizeof(status->text), "%s", text);
	pthread_mutex_unlock(&maxmind->lock);
}

/* What keeps a target from any request, or NULL. */
static const char *obstacle(const struct maxmind *maxmind, const struct target *target)
{
	if (!*target->path)
		return target->kind == MMDB_ASN ? "geo.asn is not set" : "geo.country is not set";
	if (!maxmind->user && strcmp(maxmind->config->geo.maxmind_url, FETCH_DEFAULT_URL) == 0)
		return "MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY are not set";
	return NULL;
}

static void set_next(struct maxmind *maxmind, struct target *target, int64_t next)
{
	pthread_mutex_lock(&maxmind->lock);
	target->status.next_s = next;
	pthread_mutex_unlock(&maxmind->lock);
}

static void run_target(struct maxmind *maxmind, struct target *target)
{
	const char *problem = obstacle(maxmind, target);
	int64_t now = now_s(maxmind), since, due;
	enum fetch_outcome outcome;
	struct fetch_result result;

	if (problem) {
		pthread_mutex_lock(&maxmind->lock);
		target->status.failed = true;
		target->status.next_s = now + MAX_WAIT_S;
		snprintf(target->status.text, sizeof(target->status.text), "%s", problem);
		pthread_mutex_unlock(&maxmind->lock);
		return;
	}
	due = due_s(maxmind, target, now, &since);
	if (due <= now) {
		outcome = request(maxmind, target, now, since, &result);
		now = now_s(maxmind); /* a download can take minutes */
		settle(maxmind, target, outcome, now);
		report(maxmind, target, outcome, result.text);
	}
}

int64_t maxmind_run_once(struct maxmind *maxmind)
{
	int64_t wait_s = MAX_WAIT_S, now, since;

	for (size_t i = 0; i < maxmind->n && !atomic_load(&maxmind->stop); i++)
		run_target(maxmind, &maxmind->targets[i]);
	now = now_s(maxmind);
	/* Again for all: an answer to one may have put off the others. */
	for (size_t i = 0; i < maxmind->n; i++) {
		struct target *target = &maxmind->targets[i];
		int64_t due;

		if (obstacle(maxmind, target))
			continue;
		due = due_s(maxmind, target, now, &since);
		set_next(maxmind, target, due);
		if (due - now < wait_s)
			wait_s = due > now ? due - now : 0;
	}
	return wait_s;
}

static void log_requests(struct maxmind *maxmind, bool first)
{
	for (size_t i = 0; i < maxmind->n; i++) {
		struct target *target = &maxmind->targets[i];
		const struct maxmind_status *status = &target->status; /* written by us alone */

		if (status->requests == target->logged && !(first && status->failed))
			continue;
		target->logged = status->requests;
		if (status->failed)
			log_warning("maxmind", "%s: %s path=%s", status->edition, status->text,
			    status->path);
		else
			log_info("maxmind", "%s: %s path=%s", status->edition, status->text,
			    status->path);
	}
}

static void wait_s(struct maxmind *maxmind, int64_t seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	/* A second at least, so that no mistake of a clock makes this loop spin. */
	until.tv_sec += seconds < 1 ? 1 : seconds < LOOK_S ? seconds : LOOK_S;
	pthread_mutex_lock(&maxmind->lock);
	while (!atomic_load(&maxmind->stop) &&
	    pthread_cond_timedwait(&maxmind->wake, &maxmind->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&maxmind->lock);
}

static void *run(void *context)
{
	struct maxmind *maxmind = context;

	pthread_setname_np(pthread_self(), "maxmind");
	for (bool first = true; !atomic_load(&maxmind->stop); first = false) {
		int64_t seconds = maxmind_run_once(maxmind);

		log_requests(maxmind, first);
		wait_s(maxmind, seconds);
	}
	return NULL;
}

int maxmind_start(struct maxmind *maxmind)
{
	int r;

	if (maxmind->n == 0 || maxmind->has_thread)
		return 0;
	atomic_store(&maxmind->stop, false);
	r = thread_start(&maxmind->thread, run, maxmind);
	maxmind->has_thread = r == 0;
	return r;
}

void maxmind_stop(struct maxmind *maxmind)
{
	if (!maxmind || !maxmind->has_thread)
		return;
	pthread_mutex_lock(&maxmind->lock);
	atomic_store(&maxmind->stop, true);
	pthread_cond_broadcast(&maxmind->wake);
	pthread_mutex_unlock(&maxmind->lock);
	pthread_join(maxmind->thread, NULL);
	maxmind->has_thread = false;
}

size_t maxmind_count(const struct maxmind *maxmind)
{
	return maxmind->n;
}

void maxmind_get_status(struct maxmind *maxmind, size_t i, struct maxmind_status *ret)
{
	pthread_mutex_lock(&maxmind->lock);
	*ret = maxmind->targets[i].status;
	pthread_mutex_unlock(&maxmind->lock);
}
