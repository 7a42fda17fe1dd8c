/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: findings, and how they are printed. */
#include "doctor/doctor.h"

#include "text/json_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* NULL stays NULL. */
static char *copied(struct doctor *doctor, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	doctor->failed |= text && !copy;
	return copy;
}

void doctor_note(struct doctor *doctor, enum doctor_level level, const char *why,
    const char *command, const char *format, ...)
{
	struct doctor_finding *findings =
	    reallocarray(doctor->findings, doctor->n + 1, sizeof(*findings));
	struct doctor_finding finding = {.check = doctor->check, .level = level};
	va_list arguments;
	int length;

	if (!findings) {
		doctor->failed = true;
		return;
	}
	doctor->findings = findings;
	va_start(arguments, format);
	length = vasprintf(&finding.text, format, arguments);
	va_end(arguments);
	if (length < 0) {
		doctor->failed = true;
		return;
	}
	finding.why = copied(doctor, why);
	finding.command = copied(doctor, command);
	findings[doctor->n++] = finding;
}

void doctor_add_lines(struct doctor *doctor, const char *file, const char *lines)
{
	struct doctor_finding *last = doctor->n ? &doctor->findings[doctor->n - 1] : NULL;

	if (!last || last->lines)
		return;
	last->file = copied(doctor, file);
	last->lines = copied(doctor, lines);
}

void doctor_clear(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n; i++) {
		free(doctor->findings[i].text);
		free(doctor->findings[i].why);
		free(doctor->findings[i].command);
		free(doctor->findings[i].lines);
		free(doctor->findings[i].file);
	}
	free(doctor->findings);
	doctor->findings = NULL;
	doctor->n = 0;
}

const char *doctor_level_name(enum doctor_level level)
{
	static const char *const names[DOCTOR_LEVELS] = {"ok", "warning", "error"};

	return names[level];
}

size_t doctor_count(const struct doctor *doctor, enum doctor_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < doctor->n; i++)
		n += doctor->findings[i].level == level;
	return n;
}

/* Every line of a text behind the same margin. */
static void print_indented(FILE *out, const char *margin, const char *text)
{
	while (*text) {
		const size_t length = strcspn(text, "\n");

		fprintf(out, "%s%.*s\n", margin, (int)length, text);
		text += length + (text[length] == '\n');
	}
}

static void print_finding(const struct doctor_finding *finding, FILE *out)
{
	fprintf(out, "%-8s %-14s %s\n", doctor_level_name(finding->level), finding->check,
	    finding->text);
	if (finding->why)
		fprintf(out, "         why: %s\n", finding->why);
	if (finding->lines) {
		fprintf(out, "         add to %s:\n", finding->file);
		print_indented(out, "             ", finding->lines);
	}
	if (finding->command) {
		fputs("         type:\n", out);
		print_indented(out, "             ", finding->command);
	}
}

int doctor_print_text(const struct doctor *doctor, FILE *out)
{
	for (size_t i = 0; i < doctor->n; i++)
		print_finding(&doctor->findings[i], out);
	fprintf(out, "ok=%zu warnings=%zu errors=%zu\n", doctor_count(doctor, DOCTOR_OK),
	    doctor_count(doctor, DOCTOR_WARNING), doctor_count(doctor, DOCTOR_ERROR));
	return ferror(out) ? -EIO : 0;
}

/* `advice` is what it was called when it was words. */
static json_t *finding_json(const struct doctor_finding *finding)
{
	return json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*}", "check", finding->check,
	    "level", doctor_level_name(finding->level), "text", finding->text, "why", finding->why,
	    "advice", finding->command, "file", finding->file, "lines", finding->lines);
}

int doctor_print_json(const struct doctor *doctor, FILE *out)
{
	json_t *findings = json_array(), *document = NULL;
	int r = 0;

	for (size_t i = 0; i < doctor->n && r == 0; i++) {
		if (json_array_append_new(findings, finding_json(&doctor->findings[i])) < 0)
			r = -ENOMEM;
	}
	if (r == 0)
		document = json_pack("{s:O, s:I, s:I, s:I}", "checks", findings, "ok",
		    (json_int_t)doctor_count(doctor, DOCTOR_OK), "warnings",
		    (json_int_t)doctor_count(doctor, DOCTOR_WARNING), "errors",
		    (json_int_t)doctor_count(doctor, DOCTOR_ERROR));
	if (!document)
		r = -ENOMEM;
	else if (json_print(document, 1, out) < 0 || fputc('\n', out) == EOF)
		r = -EIO;
	json_decref(document);
	json_decref(findings);
	return r;
}
