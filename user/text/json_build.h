/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A JSON document while it is built, so that a failed allocation is neither a leak nor a use after
 * free nor a document that is short of a part. jansson's functions named *_new take the reference
 * also when they fail; what is put here belongs to its parent from then on. Functions return what
 * they have put, borrowed, or NULL, and take NULL as a parent: then nothing happens but that the
 * failure is noted. Only json_build_finish() need be looked at.
 */
#ifndef CROSSTAP_TEXT_JSON_BUILD_H
#define CROSSTAP_TEXT_JSON_BUILD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct json_build {
	bool failed;
};

/* A root. */
json_t *json_build_object(struct json_build *build);
/* `root`, the caller's from now on; NULL: something failed, and it was given back. */
json_t *json_build_finish(struct json_build *build, json_t *root);

/* Members; one of that key is replaced. `value` is taken. In keys and texts bytes that are no
 * printable UTF-8 become \xNN (text/escape.h); both are cut at 1,024 bytes. */
json_t *json_put(struct json_build *build, json_t *object, const char *key, json_t *value);
json_t *json_put_object(struct json_build *build, json_t *object, const char *key);
json_t *json_put_array(struct json_build *build, json_t *object, const char *key);
/* The member, or a new object of that key. */
json_t *json_put_child(struct json_build *build, json_t *object, const char *key);
/* Saturates at INT64_MAX. */
void json_put_count(struct json_build *build, json_t *object, const char *key, uint64_t count);
void json_put_int(struct json_build *build, json_t *object, const char *key, int64_t value);
/* Nothing for NaN and infinities. */
void json_put_real(struct json_build *build, json_t *object, const char *key, double value);
void json_put_bool(struct json_build *build, json_t *object, const char *key, bool value);
void json_put_text(struct json_build *build, json_t *object, const char *key, const char *text);

/* At the end of `array`; `value` is taken. */
json_t *json_add(struct json_build *build, json_t *array, json_t *value);
json_t *json_add_object(struct json_build *build, json_t *array);

#endif
