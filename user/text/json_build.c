/* SPDX-License-Identifier: BSD-2-Clause */
#include "text/json_build.h"

#include "text/escape.h"

#include <math.h>
#include <string.h>

#define MAX_TEXT    1024
#define CLEAN_BYTES (4 * MAX_TEXT + 1)

json_t *json_build_object(struct json_build *build)
{
	json_t *object = json_object();

	build->failed |= !object;
	return object;
}

json_t *json_build_finish(struct json_build *build, json_t *root)
{
	if (!build->failed)
		return root;
	json_decref(root);
	return NULL;
}

/* jansson has taken `value`, and freed it where it failed. */
static json_t *taken(struct json_build *build, int r, json_t *value)
{
	if (r == 0)
		return value;
	build->failed = true;
	return NULL;
}

/* Printable UTF-8, and a NUL. */
static void clean(char out[CLEAN_BYTES], const char *text)
{
	out[escape_write(out, ESCAPE_PLAIN, text, strnlen(text, MAX_TEXT), CLEAN_BYTES)] = '\0';
}

json_t *json_put(struct json_build *build, json_t *object, const char *key, json_t *value)
{
	char text[CLEAN_BYTES];

	clean(text, key);
	return taken(build, json_object_set_new(object, text, value), value);
}

json_t *json_put_object(struct json_build *build, json_t *object, const char *key)
{
	return json_put(build, object, key, json_object());
}

json_t *json_put_array(struct json_build *build, json_t *object, const char *key)
{
	return json_put(build, object, key, json_array());
}

json_t *json_put_child(struct json_build *build, json_t *object, const char *key)
{
	json_t *child = json_object_get(object, key);

	return child ? child : json_put_object(build, object, key);
}

void json_put_count(struct json_build *build, json_t *object, const char *key, uint64_t count)
{
	json_put_int(build, object, key, count > INT64_MAX ? INT64_MAX : (int64_t)count);
}

void json_put_int(struct json_build *build, json_t *object, const char *key, int64_t value)
{
	json_put(build, object, key, json_integer(value));
}

void json_put_real(struct json_build *build, json_t *object, const char *key, double value)
{
	if (isfinite(value))
		json_put(build, object, key, json_real(value));
}

void json_put_bool(struct json_build *build, json_t *object, const char *key, bool value)
{
	json_put(build, object, key, json_boolean(value));
}

void json_put_text(struct json_build *build, json_t *object, const char *key, const char *text)
{
	char buffer[CLEAN_BYTES];

	clean(buffer, text);
	json_put(build, object, key, json_string(buffer));
}

json_t *json_add(struct json_build *build, json_t *array, json_t *value)
{
	return taken(build, json_array_append_new(array, value), value);
}

json_t *json_add_object(struct json_build *build, json_t *array)
{
	return json_add(build, array, json_object());
}
