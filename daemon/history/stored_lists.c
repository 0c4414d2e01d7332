/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stored_lists.c: list files by the SHA-256 of what they hold. What two policies have in common is
 * there once, and a list that has not changed is not written again: it is only made sure that the
 * file that stands for it is still good.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "files.h"
#include "history_internal.h"
#include "prefix.h"
#include "util.h"

/* --- a list as text ---------------------------------------------------------------------- */

/* All of it, since to format it takes longer than to write it. Room for the longest prefixes that there
 * could be: what of it is not written to is no memory. The caller frees it; NULL: out of memory. */
static char *format_list(const struct policy_list *list, size_t *ret_size)
{
	char *text = malloc((list->n_v4 + list->n_v6 + 1) * (PREFIX_TEXT + 1));
	size_t n = 0;

	for (size_t i = 0; text && i < list->n_v4 + list->n_v6; i++) {
		struct prefix prefix = { .family = FAMILY_V4 };

		if (i < list->n_v4) {
			prefix.v4 = list->v4[i];
		} else {
			prefix.family = FAMILY_V6;
			prefix.v6 = list->v6[i - list->n_v4];
		}
		n += strlen(prefix_format(&prefix, text + n));
		text[n++] = '\n';
	}
	*ret_size = n;
	return text;
}

static int write_list(int fd, const char *text, size_t size)
{
	int r = write_all(fd, text, size);

	return !r && fsync(fd) < 0 ? -errno : r;
}

int list_store(const struct history *history, const struct policy_list *list,
	       struct stored_file *ret)
{
	char name[DIGEST_TEXT], new_name[DIGEST_TEXT + 4];
	_cleanup_close_ int fd = -1;
	const char *why;
	size_t size = 0;
	_cleanup_free_ char *text = format_list(list, &size);
	struct sha256_ctx hash;
	int r;

	if (!text)
		return -ENOMEM;
	sha256_init(&hash);
	sha256_update(&hash, size, (const uint8_t *)text);
	sha256_digest(&hash, sizeof(ret->digest), ret->digest);
	ret->bytes = size;
	hex_format(ret->digest, sizeof(ret->digest), name);
	if (stored_verify(history->lists, name, ret, true, &why) == 0)
		return 0;
	snprintf(new_name, sizeof(new_name), "%s.new", name);
	stored_remove(history->lists, new_name); /* of a former life */
	fd = openat(history->lists, new_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return -errno;
	r = write_list(fd, text, size);
	if (!r && renameat(history->lists, new_name, history->lists, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(history->lists, new_name, 0);
	return r;
}

/* --- those that are not needed ----------------------------------------------------------- */

static bool is_named(const struct history *history, const char *name)
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	if (strlen(name) != DIGEST_TEXT - 1 || !hex_parse(name, sizeof(digest), digest))
		return false;
	if (history->has_unknown)
		return true;
	for (size_t i = 0; i < history->n; i++)
		for (size_t j = 0; j < history->items[i].n_lists; j++)
			if (!memcmp(history->items[i].lists[j].digest, digest, sizeof(digest)))
				return true;
	return false;
}

void lists_collect(const struct history *history)
{
	_cleanup_(close_dir) DIR *dir = NULL;
	struct dirent *entry;
	int fd = openat(history->lists, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		close_fd(&fd);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !is_named(history, entry->d_name))
			unlinkat(history->lists, entry->d_name, 0);
}
