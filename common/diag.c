/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diag.c: collects errors and warnings and prints them as a compiler does. What comes from
 * files may be hostile, so no byte of it reaches a terminal as a control sequence, and no
 * file makes us keep more than DIAGS_DEFAULT_LIMIT short lines of it.
 */
#include "diag.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define MAX_SOURCE 512 /* bytes of a source line that are kept */
#define TAB_WIDTH 8

/* Bytes of the UTF-8 sequence at text (at most len), or 0 if it is none or not for a terminal. */
static size_t printable_sequence(const unsigned char *text, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	uint32_t code;

	if (n == 1)
		return text[0] >= 0x20 && text[0] != 0x7f;
	if (text[0] < 0xc2 || text[0] > 0xf4 || n > len)
		return 0;
	code = text[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[n] || code < 0xa0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	if (code == 0x2028 || code == 0x2029 || (code >= 0x202a && code <= 0x202e) ||
	    (code >= 0x2066 && code <= 0x2069)) /* line ends, changes of direction */
		return 0;
	return n;
}

/* Replace what a terminal might obey by '?', byte for byte, so that columns stay right. */
static void make_printable(char *text, size_t len, bool keep_tabs)
{
	for (size_t i = 0; i < len;) {
		size_t n = printable_sequence((const unsigned char *)text + i, len - i);

		if (!n) {
			if (text[i] != '\t' || !keep_tabs)
				text[i] = '?';
			n = 1;
		}
		i += n;
	}
}

static char *printable_copy(const char *text, size_t len, bool keep_tabs)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	make_printable(copy, len, keep_tabs);
	return copy;
}

static void diag_done(struct diag *diag)
{
	free(diag->file);
	free(diag->message);
	free(diag->source);
}

static size_t limit_of(const struct diags *diags)
{
	return diags->limit ? diags->limit : DIAGS_DEFAULT_LIMIT;
}

/* Room for one more. Errors matter more than warnings: at the limit they take the place of the
 * last warning. NULL if there is none. The element is not counted before it is whole. */
static struct diag *slot_for(struct diags *diags, enum severity severity)
{
	struct diag *items;

	if (diags->n >= limit_of(diags)) {
		size_t i = diags->n;

		if (severity != SEVERITY_ERROR)
			return NULL;
		while (i > 0 && diags->items[i - 1].severity != SEVERITY_WARNING)
			i--;
		if (!i)
			return NULL;
		diag_done(&diags->items[i - 1]);
		memmove(&diags->items[i - 1], &diags->items[i],
			(diags->n - i) * sizeof(*diags->items));
		diags->n--;
		return &diags->items[diags->n];
	}
	items = reallocarray(diags->items, diags->n + 1, sizeof(*items));
	if (!items)
		return NULL;
	diags->items = items;
	return &items[diags->n];
}

/* A line that is cut before the column is no help; one that is cut behind it is. */
static char *copy_source(const struct diag_place *place)
{
	size_t len = place->source_len;

	if (!place->source || !place->line)
		return NULL;
	if (len > MAX_SOURCE) {
		if (place->column > MAX_SOURCE)
			return NULL;
		len = MAX_SOURCE;
		while (len > 0 && (place->source[len] & 0xc0) == 0x80) /* not inside a character */
			len--;
	}
	return printable_copy(place->source, len, true);
}

/* The message, with the way that led to its file. NULL when out of memory. */
static char *format_message(const struct diag_place *place, const char *format, va_list args)
{
	_cleanup_free_ char *message = NULL;
	char *whole;

	if (vasprintf(&message, format, args) < 0) {
		message = NULL;
		return NULL;
	}
	if (!place || !place->included_from)
		return TAKE_PTR(message);
	if (asprintf(&whole, "%s (included from %s)", message, place->included_from) < 0)
		return NULL;
	return whole;
}

int diag_addv(struct diags *diags, enum severity severity, const struct diag_place *place,
	      const char *format, va_list args)
{
	int r = severity == SEVERITY_ERROR ? -EINVAL : 0;
	struct diag diag = { .severity = severity }, *slot;

	if (severity == SEVERITY_ERROR)
		diags->n_errors++;
	else
		diags->n_warnings++;
	slot = slot_for(diags, severity);
	if (!slot)
		return r;
	diag.message = format_message(place, format, args);
	if (!diag.message)
		return r;
	make_printable(diag.message, strlen(diag.message), false);
	if (place) {
		diag.line = place->line;
		diag.column = place->column;
		diag.width = place->width ? place->width : 1;
		diag.source = copy_source(place);
		if (place->file) {
			diag.file = printable_copy(place->file, strlen(place->file), false);
			if (!diag.file) {
				diag_done(&diag);
				return r;
			}
		}
	}
	*slot = diag;
	diags->n++;
	return r;
}

int diag_error(struct diags *diags, const struct diag_place *place, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = diag_addv(diags, SEVERITY_ERROR, place, format, args);
	va_end(args);
	return r;
}

int diag_warning(struct diags *diags, const struct diag_place *place, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = diag_addv(diags, SEVERITY_WARNING, place, format, args);
	va_end(args);
	return r;
}

struct ranked {
	size_t file, order; /* first report of the file; place in the list */
	struct diag diag;
};

static int compare(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->diag.line != b->diag.line)
		return a->diag.line < b->diag.line ? -1 : 1;
	if (a->diag.column != b->diag.column)
		return a->diag.column < b->diag.column ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static bool same_file(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

void diags_repeat(struct diags *diags, const struct diags *from, bool as_warnings)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct diag *diag = &from->items[i];
		const struct diag_place place = {
			diag->file,  diag->line,   diag->column,
			diag->width, diag->source, diag->source ? strlen(diag->source) : 0
		};

		if (as_warnings || diag->severity == SEVERITY_WARNING)
			diag_warning(diags, diag->file ? &place : NULL, "%s", diag->message);
		else
			diag_error(diags, diag->file ? &place : NULL, "%s", diag->message);
	}
}

void diags_sort(struct diags *diags)
{
	_cleanup_free_ struct ranked *ranked = NULL;

	if (diags->n < 2)
		return;
	ranked = calloc(diags->n, sizeof(*ranked));
	if (!ranked)
		return; /* unsorted is still right */
	for (size_t i = 0; i < diags->n; i++) {
		size_t file = 0;

		while (!same_file(diags->items[file].file, diags->items[i].file))
			file++;
		ranked[i] = (struct ranked){ .file = file, .order = i, .diag = diags->items[i] };
	}
	qsort(ranked, diags->n, sizeof(*ranked), compare);
	for (size_t i = 0; i < diags->n; i++)
		diags->items[i] = ranked[i].diag;
}

static const char *severity_name(enum severity severity)
{
	return severity == SEVERITY_ERROR ? "error" : "warning";
}

/* "file:line:col: " or as much of it as is known. Caller frees; NULL when out of memory. */
static char *place_text(const struct diag *diag)
{
	char *text = NULL;
	int r;

	if (!diag->file)
		return strdup("");
	if (!diag->line)
		r = asprintf(&text, "%s: ", diag->file);
	else if (!diag->column)
		r = asprintf(&text, "%s:%u: ", diag->file, diag->line);
	else
		r = asprintf(&text, "%s:%u:%u: ", diag->file, diag->line, diag->column);
	return r < 0 ? NULL : text;
}

char *diag_line(const struct diag *diag)
{
	_cleanup_free_ char *place = place_text(diag);
	char *line = NULL;

	if (!place ||
	    asprintf(&line, "%s%s: %s", place, severity_name(diag->severity), diag->message) < 0)
		return NULL;
	return line;
}

/* The source line with tabs widened to spaces, and under it the mark. A character of several
 * bytes takes one column; only its first byte draws. */
static void print_source(const struct diag *diag, FILE *stream, bool colour)
{
	size_t len = strlen(diag->source), first, end, column = 0, drawn = 0;

	fprintf(stream, "%5u | ", diag->line);
	for (size_t i = 0; i < len; i++) {
		if (diag->source[i] != '\t') {
			fputc(diag->source[i], stream);
			column += (diag->source[i] & 0xc0) != 0x80;
			continue;
		}
		do
			fputc(' ', stream);
		while (++column % TAB_WIDTH);
	}
	fputc('\n', stream);
	if (!diag->column)
		return;

	first = diag->column - 1;
	end = first + diag->width < len ? first + diag->width : len;
	if (first > len)
		first = len; /* at the end of a line that was cut */
	fprintf(stream, "      | ");
	column = 0;
	for (size_t i = 0; i < first; i++) {
		size_t width = diag->source[i] == '\t' ? TAB_WIDTH - column % TAB_WIDTH
						       : (diag->source[i] & 0xc0) != 0x80;

		column += width;
		fprintf(stream, "%*s", (int)width, "");
	}
	fputs(colour ? "\033[1;32m^" : "^", stream);
	for (size_t i = first; i < end; i++)
		if ((diag->source[i] & 0xc0) != 0x80 && drawn++)
			fputc('~', stream);
	fputs(colour ? "\033[0m\n" : "\n", stream);
}

static void print_one(const struct diag *diag, FILE *stream, bool colour)
{
	_cleanup_free_ char *place = place_text(diag);
	const char *paint = diag->severity == SEVERITY_ERROR ? "\033[1;31m" : "\033[1;35m";

	if (colour)
		fprintf(stream, "\033[1m%s%s%s:\033[0m %s\n", place ? place : "", paint,
			severity_name(diag->severity), diag->message);
	else
		fprintf(stream, "%s%s: %s\n", place ? place : "", severity_name(diag->severity),
			diag->message);
	if (diag->source)
		print_source(diag, stream, colour);
}

void diags_print(const struct diags *diags, FILE *stream, bool colour)
{
	size_t errors = diags->n_errors, warnings = diags->n_warnings;

	for (size_t i = 0; i < diags->n; i++) {
		print_one(&diags->items[i], stream, colour);
		if (diags->items[i].severity == SEVERITY_ERROR)
			errors--;
		else
			warnings--;
	}
	if (errors && warnings)
		fprintf(stream, "and %zu more error%s and %zu more warning%s\n", errors,
			errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
	else if (errors || warnings)
		fprintf(stream, "and %zu more %s%s\n", errors + warnings,
			errors ? "error" : "warning", errors + warnings == 1 ? "" : "s");
}

void diags_free(struct diags *diags)
{
	if (!diags)
		return;
	for (size_t i = 0; i < diags->n; i++)
		diag_done(&diags->items[i]);
	free(diags->items);
	*diags = (struct diags){ .limit = diags->limit };
}
