/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/parse/reader.h"

#include "base/arena.h"
#include "config/suffix_rule.h"
#include "config/zone_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST_LINE  2046
#define MAX_LINE      (LONGEST_LINE + 2)
#define MAX_LINES     1000000 /* with comments */
#define MAX_BAD_LINES 20      /* that are reported; then the file is the wrong one */

#define TEXT_OF_(n) #n
#define TEXT_OF(n)  TEXT_OF_(n)

/* What a file's lines are. */
struct line_kind {
	int (*normalize)(const char *text, char *ret, const char **ret_problem);
	bool is_rule; /* ends at its first blank; `//` begins a comment as well */
	const char *items;
};

/* One label. */
static int tld_normalize(const char *text, char ret[ZONE_NAME_SIZE], const char **ret_problem)
{
	const int r = zone_name_normalize(text, ret, ret_problem);

	if (r < 0 || !strchr(ret, '.'))
		return r;
	*ret_problem = "is no TLD";
	return -EINVAL;
}

static const struct line_kind zone_lines = {zone_name_normalize, false, "zones"};
static const struct line_kind rule_lines = {suffix_rule_normalize, true, "rules"};
static const struct line_kind tld_lines = {tld_normalize, false, "TLDs"};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void zones_sort(struct config_strings *zones)
{
	size_t kept = 0;

	if (!zones->n)
		return;
	qsort(zones->items, zones->n, sizeof(zones->items[0]), compare);
	for (size_t i = 1; i < zones->n; i++) {
		if (strcmp(zones->items[kept], zones->items[i]) != 0)
			zones->items[++kept] = zones->items[i];
	}
	zones->n = kept + 1;
}

/* Without comment and surrounding blanks; "" for a line without a name. */
static char *strip(const struct line_kind *kind, char *line)
{
	char *end;

	line[strcspn(line, "#\r\n")] = '\0';
	line += strspn(line, " \t");
	if (kind->is_rule) {
		line[strcspn(line, " \t")] = '\0';
		if (strncmp(line, "//", 2) == 0)
			*line = '\0';
	}
	end = line + strlen(line);
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	return line;
}

static int append(
    struct reader *reader, struct config_strings *zones, size_t *room, const char *name)
{
	if (zones->n == *room) {
		size_t more = *room * 2;
		const char **items = arena_alloc(reader->arena, more * sizeof(*items));

		if (!items)
			return -ENOMEM;
		memcpy(items, zones->items, zones->n * sizeof(*items));
		zones->items = items;
		*room = more;
	}
	zones->items[zones->n] = arena_strdup(reader->arena, name);
	return zones->items[zones->n++] ? 0 : -ENOMEM;
}

struct line {
	size_t length; /* with the newline, and with what stands behind a NUL */
	char text[MAX_LINE];
};

static bool read_line(FILE *file, struct line *ret)
{
	int c = '\0';

	ret->length = 0;
	while (c != '\n' && ret->length < MAX_LINE - 1 && (c = getc_unlocked(file)) != EOF)
		ret->text[ret->length++] = (char)c;
	ret->text[ret->length] = '\0';
	return ret->length > 0;
}

/* NULL: a line. A NUL, as a loss of power leaves in a file, would hide the rest of its line. */
static const char *what_is_wrong(const struct line *line)
{
	if (memchr(line->text, '\0', line->length))
		return "holds a NUL character";
	return line->length == MAX_LINE - 1 && line->text[line->length - 1] != '\n'
	    ? "is over " TEXT_OF(LONGEST_LINE) " characters long"
	    : NULL;
}

static bool add_line(struct reader *reader, const struct line_kind *kind, const char *path,
    unsigned number, const char *key, struct line *read, struct config_strings *zones, size_t *room)
{
	char name[SUFFIX_RULE_SIZE];
	const char *problem = what_is_wrong(read);
	char *line;

	if (problem) {
		reader_problem_in(reader, path, number, key, "%s", problem);
		return false;
	}
	line = strip(kind, read->text);
	if (!*line)
		return true;
	if (kind->normalize(line, name, &problem) < 0) {
		reader_problem_in(reader, path, number, key, "\"%.48s\" %s", line, problem);
		return false;
	}
	if (append(reader, zones, room, name) < 0)
		reader->no_memory = true;
	return true;
}

static void read_lines(struct reader *reader, const struct line_kind *kind, FILE *file,
    const char *path, const char *key, size_t max, struct config_strings *zones)
{
	size_t room = zones->n + 64;
	const char **items = arena_alloc(reader->arena, room * sizeof(*items));
	struct line line;
	unsigned number = 0, bad = 0;

	if (!items) {
		reader->no_memory = true;
		return;
	}
	if (zones->n)
		memcpy(items, zones->items, zones->n * sizeof(*items));
	zones->items = items;
	while (!reader->no_memory && read_line(file, &line)) {
		if (++number > MAX_LINES || zones->n > max) {
			reader_problem_in(reader, path, number, key,
			    "too long: at most %zu %s and %d lines are read", max, kind->items,
			    MAX_LINES);
			return;
		}
		if (add_line(reader, kind, path, number, key, &line, zones, &room))
			continue;
		if (++bad == MAX_BAD_LINES) {
			reader_problem_in(
			    reader, path, number, key, "the rest of this file is not checked");
			return;
		}
	}
	if (ferror(file))
		reader_problem_in(reader, path, number, key, "cannot be read: %s", strerror(errno));
}

/* Only regular files: a pipe or a device could keep us for ever. */
static FILE *open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	FILE *file;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		file = fdopen(fd, "r");
		if (file)
			return file;
	} else {
		errno = EINVAL;
	}
	close(fd);
	return NULL;
}

static void read_file(struct reader *reader, const struct line_kind *kind, const struct node *where,
    const char *key, const char *path, size_t max, struct config_strings *items)
{
	FILE *file = open_regular(path);

	if (!file) {
		reader_problem(reader, where, key, "cannot open %s: %s", path,
		    errno == EINVAL ? "not a regular file" : strerror(errno));
		return;
	}
	read_lines(reader, kind, file, path, key, max, items);
	fclose(file);
	if (!reader->no_memory)
		zones_sort(items);
}

void zones_file_read(struct reader *reader, const struct node *where, const char *key,
    const char *path, size_t max, struct config_strings *zones)
{
	read_file(reader, &zone_lines, where, key, path, max, zones);
}

void suffixes_file_read(struct reader *reader, const struct node *where, const char *key,
    const char *path, size_t max, struct config_strings *rules)
{
	read_file(reader, &rule_lines, where, key, path, max, rules);
}

void tlds_file_read(struct reader *reader, const struct node *where, const char *key,
    const char *path, size_t max, struct config_strings *names)
{
	read_file(reader, &tld_lines, where, key, path, max, names);
}
