/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lists.c: list files: one prefix a line, comments from '#' or ';' to the end of the line, blank
 * lines, any of both ends of line. Read in pieces, so that memory does not grow with the file; or
 * not at all, if a cache knows what the file holds.
 */
#include "lists.h"

#include <fcntl.h>
#include <string.h>

#include "prefix.h"
#include "sort.h"
#include "util.h"

#define PIECE_BYTES (256U << 10)
#define MAX_LINE 4096U
#define MAX_ALL_LIST_BYTES (2 * CONFIG_MAX_LIST_BYTES)

static struct diag_place place_in(const struct list *list, const char *line, size_t line_len,
				  const char *word, size_t word_len)
{
	return (struct diag_place){
		.file = list->path,
		.line = list->line,
		.column = (unsigned int)(word - line) + 1,
		.width = (unsigned int)word_len,
		.source = line,
		.source_len = line_len,
	};
}

int list_error(const struct list *list, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&text, format, args);
	va_end(args);
	if (r < 0) {
		text = NULL;
		return -ENOMEM;
	}
	if (list->name)
		return node_error(list->loader, list->name, "%s", text);
	return diag_error(list->loader->diags, &(struct diag_place){ .file = list->path }, "%s",
			  text);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int refuse_word(struct list *list, enum prefix_result result, const struct prefix *prefix,
		       const char *line, size_t line_len, const char *word, size_t word_len)
{
	struct diag_place place = place_in(list, line, line_len, word, word_len);
	char message[256];

	if (*word == '<') {
		list->hopeless = true;
		return diag_error(list->loader->diags, &place,
				  "this looks like an HTML page, not like a list of prefixes; what "
				  "does the download of the list get?");
	}
	if (memchr(word, ' ', word_len) || memchr(word, '\t', word_len))
		return diag_error(
			list->loader->diags, &place,
			"expected one prefix on the line; comments begin with '#' or ';'");
	prefix_explain(result, word, word_len, prefix, message, sizeof(message));
	return diag_error(list->loader->diags, &place, "%s", message);
}

static int refuse_long_line(struct list *list)
{
	struct diag_place place = { .file = list->path, .line = list->line };

	return diag_error(list->loader->diags, &place,
			  "a line of more than %u bytes; is this a list of prefixes, one a line?",
			  MAX_LINE);
}

static int refuse_width(struct list *list, const struct prefix *prefix,
			const struct diag_place *place)
{
	const struct list_guard *guard = list->reader->guard;
	bool v4 = prefix->family == FAMILY_V4;
	char buffer[PREFIX_TEXT];

	prefix_format(prefix, buffer);
	if (v4 ? guard->v4_given : guard->v6_given)
		return diag_error(list->loader->diags, place,
				  "%s is wider than /%u, the 'max-width' of set '%s'; the list is "
				  "refused as a whole",
				  buffer, v4 ? guard->v4 : guard->v6, guard->set);
	return diag_error(list->loader->diags, place,
			  "%s is every address, and the list is refused as a whole; if that is "
			  "meant, write 'max-width: 0' in set '%s'",
			  buffer, guard->set);
}

static bool is_too_wide(const struct list *list, const struct prefix *prefix)
{
	const struct list_guard *guard = list->reader->guard;

	return prefix->family == FAMILY_V4 ? prefix->v4.len < guard->v4
					   : prefix->v6.len < guard->v6;
}

static int take_prefix(struct list *list, const struct prefix *prefix, const char *line,
		       size_t line_len, const char *word, size_t word_len)
{
	struct diag_place place = { 0 };
	bool too_wide = is_too_wide(list, prefix);
	int r;

	if (too_wide || list->loader->n_prefixes == CONFIG_MAX_PREFIXES)
		place = place_in(list, line, line_len, word, word_len);
	if (too_wide)
		return refuse_width(list, prefix, &place);
	r = set_add(list->loader, list->set, &list->space, prefix, &place);
	list->n_prefixes += !r;
	return r;
}

/* One line without its end. 0, or -ENOMEM; what is wrong with the line goes to list->status. */
static int parse_line(struct list *list, const char *line, size_t len)
{
	const char *word = line, *end = line;
	enum prefix_result result;
	struct prefix prefix;
	int r;

	list->line++;
	if (len > MAX_LINE) {
		list->status = worse(list->status, refuse_long_line(list));
		return 0;
	}
	if (len && line[len - 1] == '\r')
		len--;
	while (end < line + len && *end != '#' && *end != ';')
		end++;
	while (word < end && is_blank(*word))
		word++;
	while (word < end && is_blank(end[-1]))
		end--;
	if (word == end)
		return 0;
	result = prefix_parse(word, (size_t)(end - word), &prefix);
	if (result == PREFIX_V4 || result == PREFIX_V6)
		r = take_prefix(list, &prefix, line, len, word, (size_t)(end - word));
	else
		r = refuse_word(list, result, &prefix, line, len, word, (size_t)(end - word));
	list->status = worse(list->status, r);
	return r == -ENOMEM ? r : 0;
}

ssize_t list_parse_lines(struct list *list, const char *buffer, size_t len)
{
	const char *line = buffer, *end;

	while (!list->hopeless && (end = memchr(line, '\n', len - (size_t)(line - buffer)))) {
		int r = parse_line(list, line, (size_t)(end - line));

		if (r < 0)
			return r;
		line = end + 1;
	}
	return line - buffer;
}

static int spend_bytes(struct list *list, size_t file_bytes, size_t n)
{
	struct loader *loader = list->loader;

	loader->list_bytes += n;
	if (file_bytes <= CONFIG_MAX_LIST_BYTES && loader->list_bytes <= MAX_ALL_LIST_BYTES)
		return 0;
	if (loader->bytes_exceeded)
		return -EINVAL;
	loader->bytes_exceeded = true;
	return list_error(list,
			  "list files are too large: more than 512 MiB in one, or 1 GiB in all");
}

/* Read fd to its end, a piece at a time; the start of an unfinished line moves to the front. */
static int parse_lines_of(struct list *list, int fd, char *buffer)
{
	size_t kept = 0;
	const char *what;

	for (;;) {
		ssize_t n = read(fd, buffer + kept, PIECE_BYTES - kept), used;
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return list_error(list, "cannot read %s: %m", list->path);
		if (!n)
			break;
		what = list->n_bytes ? NULL : list_sniff(buffer, (size_t)n);
		if (what)
			return list_error(list, "%s %s", list->path, what);
		list->n_bytes += (size_t)n;
		r = spend_bytes(list, list->n_bytes, (size_t)n);
		if (r < 0)
			return r;
		sha256_update(&list->hash, (size_t)n, (const uint8_t *)buffer + kept);
		kept += (size_t)n;
		used = list->n_bytes == kept && kept >= 3 && !memcmp(buffer, "\xef\xbb\xbf", 3) ? 3
												: 0;
		n = list_parse_lines(list, buffer + used, kept - (size_t)used);
		if (n < 0)
			return (int)n;
		if (list->hopeless)
			return 0;
		used += n;
		kept -= (size_t)used;
		memmove(buffer, buffer + used, kept);
		if (kept > MAX_LINE)
			return parse_line(list, buffer, kept); /* and no further: what is this? */
	}
	if (!list->n_bytes) /* 0 by stat() may just mean a file of /proc */
		return list_error(list,
				  "%s is empty, as a failed download is; a list that shall hold "
				  "nothing has a comment",
				  list->path);
	return kept ? parse_line(list, buffer, kept) : 0;
}

/* Half a list must not be taken for a whole one. */
static int check_unchanged(struct list *list, int fd, const struct file_state *before)
{
	struct file_state after;
	int r = file_state_read(fd, &after);

	if (r < 0)
		return list_error(list, "cannot read %s: %s", list->path, strerrordesc_np(-r));
	if (file_state_is_quiet(before, &after))
		return 0;
	return list_error(list,
			  "%s changed while it was read; reload again, and replace lists as a "
			  "whole: write to another name, then rename",
			  list->path);
}

int list_parse_file(struct list *list, int fd, const struct file_state *state)
{
	_cleanup_free_ char *buffer = malloc(PIECE_BYTES);
	struct loader *loader = list->loader;
	size_t first_v4 = list->set->n_v4, first_v6 = list->set->n_v6;
	uint8_t digest[SHA256_DIGEST_SIZE];
	int r;

	if (!buffer)
		return -ENOMEM;
	if (lseek(fd, 0, SEEK_SET) < 0) /* it may have been hashed */
		return list_error(list, "cannot read %s: %m", list->path);
	sha256_init(&list->hash);
	/* A set that has prefixes of an earlier file: its arrays have at least that much room. */
	list->space = (struct prefix_space){ first_v4, first_v6 };
	r = parse_lines_of(list, fd, buffer);
	r = worse(r, list->status);
	if (!r)
		r = check_unchanged(list, fd, state);
	if (!r)
		r = list_check_shrink(list);
	if (!r && list->set->n_v4 > first_v4)
		r = sort_v4(list->set->v4 + first_v4, list->set->n_v4 - first_v4);
	if (!r && list->set->n_v6 > first_v6)
		r = sort_v6(list->set->v6 + first_v6, list->set->n_v6 - first_v6);
	if (r < 0)
		return r;
	sha256_digest(&list->hash, sizeof(digest), digest);
	file_hash(loader, digest);
	/* Files of /proc and the like have no size and no times to tell anything. */
	if (!loader->cache || list->n_bytes != state->size)
		return 0;
	return list_cache_add(loader->cache, list->path, state, digest, 0, list->set, first_v4,
			      first_v6);
}

/* Where there is something to refuse, the file is read: only then can the error name a line. */
static bool fits(const struct list *list, const struct list_entry *entry)
{
	const struct loader *loader = list->loader;

	return entry->widest_v4 >= list->reader->guard->v4 &&
	       entry->widest_v6 >= list->reader->guard->v6 &&
	       entry->n_v4 + entry->n_v6 <= CONFIG_MAX_PREFIXES - loader->n_prefixes &&
	       loader->list_bytes + entry->state.size <= MAX_ALL_LIST_BYTES;
}

static void recalled(struct list *list, const struct list_entry *entry)
{
	struct loader *loader = list->loader;

	list->copy_usec = entry->copy_usec;
	list->n_prefixes = entry->n_v4 + entry->n_v6;
	loader->n_prefixes += list->n_prefixes;
	loader->list_bytes += entry->state.size;
	file_hash(loader, entry->digest);
}

/* What the file held for the policy that is made again. 0, -ENOMEM, or -ENOENT: nobody knows. */
static int recall_again(struct list *list)
{
	struct list_entry *entry = list_cache_find(list->loader->cache, list->path);

	if (!entry || !fits(list, entry))
		return -ENOENT;
	if (list_entry_use(entry, list->set) < 0)
		return -ENOMEM;
	recalled(list, entry);
	return 0;
}

/* What the cache knows. 0, -ENOMEM, or -ENOENT: nothing of the file as it is now. */
static int recall_file(struct list *list, int fd, const struct file_state *state)
{
	struct loader *loader = list->loader;
	struct list_entry *entry =
		loader->cache ? list_cache_find(loader->cache, list->path) : NULL;

	if (!entry || !fits(list, entry) || !list_entry_is_current(loader->cache, entry, fd, state))
		return -ENOENT;
	if (list_entry_append(entry, list->set) < 0)
		return -ENOMEM;
	recalled(list, entry);
	return 0;
}

int list_read_file(struct list *list)
{
	_cleanup_close_ int fd = -1;
	struct file_state state;
	const char *why;
	int r;

	if (list->loader->again) {
		r = recall_again(list);
		if (r != -ENOENT)
			return r;
	}
	fd = file_open(list->path, CONFIG_MAX_LIST_BYTES, &why);
	if (fd < 0)
		return list_error(list, "cannot read %s: %s", list->path, why);
	r = file_state_read(fd, &state);
	if (r < 0)
		return list_error(list, "cannot read %s: %s", list->path, strerrordesc_np(-r));
	r = recall_file(list, fd, &state); /* if so, it is what it was */
	return r == -ENOENT ? list_parse_file(list, fd, &state) : r;
}

/* --- all of it --------------------------------------------------------------------------- */

int list_read(struct loader *loader, const struct node *name, char *path,
	      const struct list_reader *reader)
{
	struct list list = {
		.loader = loader,
		.reader = reader,
		.set = reader->set,
		.name = name,
		.path = path,
	};
	size_t index = loader->policy->n_files;
	struct policy_file *file;
	int r = file_add(loader, path);

	if (r < 0)
		return r;
	file = &loader->policy->files[index];
	file->keep = reader->keep;
	file->guard = *reader->guard;
	if (reader->keep && loader->cache && list_cache_copies(loader->cache))
		r = list_read_kept(&list, file);
	else
		r = list_read_file(&list);
	file->n_prefixes = list.n_prefixes;
	if (list.copy_usec)
		file->copy_usec = list.copy_usec;
	return r;
}
