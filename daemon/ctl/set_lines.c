/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries for a live set, from the command line and from a file. A file is like a list file of a
 * policy, which it may be: one prefix a line, comments from '#' or ';' on, which become the comment
 * of the entry on their line. Between them may stand timeout=TIME. All of it is read, and checked,
 * before anything is sent.
 */
#include <string.h>

#include "diag.h"
#include "live_prefix.h"
#include "quantity.h"
#include "set.h"
#include "text.h"
#include "util.h"
#include "wire.h"

#define MAX_LINE 4096U

struct reader {
	const struct options *options;
	struct set_entries *entries;
	int64_t timeout; /* of --timeout */
	struct diags diags;
	const char *line;
	size_t len;
	unsigned int number;
	bool hopeless; /* this is no list at all */
};

bool set_timeout_parse(const char *text, int64_t *ret, const char **why)
{
	uint32_t seconds = 0;
	int r = 0;

	if (strcmp(text, "never") != 0)
		r = duration_parse(text, &seconds);
	if (r == -EINVAL)
		*why = "a time is like 90s, 1h30m or 2d (units w, d, h, m, s), or never";
	else if (r < 0 || seconds > LIVE_TIMEOUT_MAX)
		*why = "a time is at most ten years, or never";
	else if (seconds == 0 && strcmp(text, "never") != 0)
		*why = "an entry holds for a second at least; or write never, if it shall not end";
	else
		*ret = seconds;
	return r == 0 && seconds <= LIVE_TIMEOUT_MAX && (seconds > 0 || strcmp(text, "never") == 0);
}

const char *set_comment_problem(const char *text)
{
	_cleanup_json_ json_t *string = NULL;

	if (strlen(text) > LIVE_COMMENT_MAX)
		return "a comment has at most 95 bytes; shorten it";
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			return "a comment has no control characters";
	string = json_string(text);
	return string ? NULL : "a comment is UTF-8";
}

static int add(struct set_entries *entries, const struct set_entry *entry, const char *comment)
{
	struct set_entry copy = *entry;

	if (array_reserve((void **)&entries->items, &entries->size, entries->n + 1, sizeof(copy)) <
	    0)
		return -ENOMEM;
	if (comment && *comment) {
		copy.comment = strdup(comment);
		if (!copy.comment)
			return -ENOMEM;
	}
	entries->items[entries->n++] = copy;
	return 0;
}

/* --- lines of a file --------------------------------------------------------------------- */

static void complain(struct reader *reader, const char *word, size_t width, const char *why)
{
	struct diag_place place = {
		.file = reader->entries->file,
		.line = reader->number,
		.column = word ? (unsigned int)(word - reader->line) + 1 : 0,
		.width = (unsigned int)width,
		.source = word ? reader->line : NULL,
		.source_len = reader->len,
	};

	diag_error(&reader->diags, &place, "%s", why);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of text up to end, and its length; moves *text behind it. 0: there is none. */
static size_t next_word(const char **text, const char *end, const char **ret)
{
	while (*text < end && is_blank(**text))
		(*text)++;
	*ret = *text;
	while (*text < end && !is_blank(**text))
		(*text)++;
	return (size_t)(*text - *ret);
}

/* timeout=TIME. */
static bool read_setting(struct reader *reader, const char *word, size_t len,
			 struct set_entry *entry)
{
	static const char key[] = "timeout=";
	char value[64];
	const char *why;

	if (len < sizeof(key) - 1 || memcmp(word, key, sizeof(key) - 1) != 0) {
		complain(reader, word, len,
			 "expected one prefix on the line, then timeout=TIME or nothing; comments "
			 "begin with '#' or ';'");
		return false;
	}
	word += sizeof(key) - 1;
	len -= sizeof(key) - 1;
	snprintf(value, sizeof(value), "%.*s", (int)len, word);
	if (set_timeout_parse(value, &entry->timeout, &why))
		return true;
	complain(reader, word, len ? len : 1, why);
	return false;
}

static bool read_prefix(struct reader *reader, const char *word, size_t len,
			struct set_entry *entry)
{
	char text[PREFIX_TEXT * 2], why[LIVE_PREFIX_WHY];

	if (*word == '<') {
		reader->hopeless = true;
		complain(reader, word, len,
			 "this is a web page, not a list of prefixes; what does the download get?");
		return false;
	}
	snprintf(text, sizeof(text), "%.*s", (int)len, word);
	if (live_prefix_parse(text, &entry->prefix, why) == 0)
		return true;
	complain(reader, word, len, why);
	return false;
}

/* The comment of the line without the blanks around it, or that of --comment; NULL: it is bad, or
 * out of memory. Caller frees. */
static char *read_comment(struct reader *reader, const char *text)
{
	const char *end = reader->line + reader->len, *why;
	_cleanup_free_ char *comment = NULL;

	while (text < end && (is_blank(*text) || *text == '#' || *text == ';'))
		text++;
	while (end > text && is_blank(end[-1]))
		end--;
	if (text == end)
		return strdup(reader->options->comment ? reader->options->comment : "");
	comment = strndup(text, (size_t)(end - text));
	why = comment ? set_comment_problem(comment) : "out of memory";
	if (!why)
		return TAKE_PTR(comment);
	complain(reader, text, (size_t)(end - text), why);
	return NULL;
}

/* 0 or -ENOMEM; what is wrong with the line is in diags. */
static int read_line(struct reader *reader)
{
	struct set_entry entry = { .timeout = reader->timeout, .line = reader->number };
	const char *text = reader->line, *end = text, *word;
	_cleanup_free_ char *comment = NULL;
	const char *nul = memchr(text, 0, reader->len);
	size_t len;

	if (nul) {
		complain(reader, nul, 1, "a NUL byte; is this a text file?");
		reader->hopeless = true;
		return 0;
	}
	while (end < reader->line + reader->len && *end != '#' && *end != ';')
		end++;
	len = next_word(&text, end, &word);
	if (!len)
		return 0;
	if (!read_prefix(reader, word, len, &entry))
		return 0;
	while ((len = next_word(&text, end, &word)))
		if (!read_setting(reader, word, len, &entry))
			return 0;
	comment = read_comment(reader, end);
	if (!comment)
		return 0;
	if (reader->entries->n == SET_ENTRIES_MAX) {
		complain(reader, reader->line, 1,
			 "more than 4194304 entries; no set holds so many");
		reader->hopeless = true;
		return 0;
	}
	return add(reader->entries, &entry, comment);
}

static int read_lines(struct reader *reader, FILE *file)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	while (r == 0 && !reader->hopeless && (len = getline(&line, &size, file)) >= 0) {
		if (len && line[len - 1] == '\n')
			len--;
		reader->number++;
		reader->line = line;
		reader->len = (size_t)len;
		if (reader->len > MAX_LINE)
			complain(
				reader, NULL, 0,
				"a line of more than 4096 bytes; is this a list of prefixes, one a "
				"line?");
		else
			r = read_line(reader);
		if (reader->len > MAX_LINE)
			reader->hopeless = true;
	}
	if (r == 0 && ferror(file))
		r = -errno;
	return r;
}

static int read_file(struct reader *reader, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	_cleanup_fclose_ FILE *opened = is_stdin ? NULL : fopen(path, "re");
	FILE *file = is_stdin ? stdin : opened;
	int r = file ? 0 : -errno;

	reader->entries->file = is_stdin ? "(standard input)" : path;
	if (r == 0)
		r = read_lines(reader, file);
	if (r < 0) {
		struct diag_place place = { .file = reader->entries->file };

		diag_error(&reader->diags, &place, "cannot be read: %s", strerror(-r));
	}
	if (reader->diags.n_errors == 0 && reader->entries->n == 0) {
		struct diag_place place = { .file = reader->entries->file };

		diag_error(&reader->diags, &place,
			   "no entries in it; to empty a set: xdpgate set flush NAME");
	}
	return reader->diags.n_errors ? EXIT_FAILED : EXIT_OK;
}

/* --- all --------------------------------------------------------------------------------- */

static int read_arguments(const struct reader *reader, int n, char **arguments)
{
	const char *comment = reader->options->comment;

	for (int i = 0; i < n; i++) {
		struct set_entry entry = { .timeout = reader->timeout };
		char why[LIVE_PREFIX_WHY];

		if (live_prefix_parse(arguments[i], &entry.prefix, why) < 0) {
			text_printf(stderr, "xdpgate: %s\n", why);
			return EXIT_USAGE;
		}
		if (add(reader->entries, &entry, comment) < 0) {
			fprintf(stderr, "xdpgate: out of memory\n");
			return EXIT_FAILED;
		}
	}
	return EXIT_OK;
}

static int check_defaults(struct reader *reader)
{
	const struct options *options = reader->options;
	const char *why = NULL;

	if (options->timeout && !set_timeout_parse(options->timeout, &reader->timeout, &why)) {
		text_printf(stderr, "xdpgate: --timeout '%s': ", options->timeout);
		fprintf(stderr, "%s\n", why);
		return EXIT_USAGE;
	}
	why = options->comment ? set_comment_problem(options->comment) : NULL;
	if (why) {
		fprintf(stderr, "xdpgate: --comment: %s\n", why);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

int set_entries_read(const struct options *options, int n, char **arguments,
		     struct set_entries *ret)
{
	struct set_entries entries = {};
	struct reader reader = {
		.options = options,
		.entries = &entries,
		.timeout = LIVE_TIMEOUT_DEFAULT,
	};
	int r = check_defaults(&reader);

	if (r == EXIT_OK && options->file)
		r = read_file(&reader, options->file);
	if (r == EXIT_OK)
		r = read_arguments(&reader, n, arguments);
	if (reader.diags.n) {
		diags_print(&reader.diags, stderr, false);
		fprintf(stderr, "xdpgate: nothing was sent, the set is as it was\n");
	}
	diags_free(&reader.diags);
	if (r != EXIT_OK) {
		set_entries_free(&entries);
		return r;
	}
	*ret = entries;
	return EXIT_OK;
}

void set_entries_free(struct set_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		free(entries->items[i].comment);
	free(entries->items);
	*entries = (struct set_entries){};
}
