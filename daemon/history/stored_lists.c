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

#define PIECE_BYTES (256U << 10)

/* --- a list as text ---------------------------------------------------------------------- */

/* Fill the buffer from the *at-th prefix on, one a line; how many bytes there are. 0: that was all. */
static size_t format_some(const struct policy_list *list, size_t *at, char *buffer)
{
	size_t n = 0, end = list->n_v4 + list->n_v6;

	for (; *at < end && n <= PIECE_BYTES - PREFIX_TEXT - 1; (*at)++) {
		struct prefix prefix = { .family = FAMILY_V4 };

		if (*at < list->n_v4) {
			prefix.v4 = list->v4[*at];
		} else {
			prefix.family = FAMILY_V6;
			prefix.v6 = list->v6[*at - list->n_v4];
		}
		n += strlen(prefix_format(&prefix, buffer + n));
		buffer[n++] = '\n';
	}
	return n;
}

static void hash_list(const struct policy_list *list, char *buffer, struct stored_file *ret)
{
	struct sha256_ctx hash;
	size_t at = 0, n;

	sha256_init(&hash);
	for (ret->bytes = 0; (n = format_some(list, &at, buffer)); ret->bytes += n)
		sha256_update(&hash, n, (const uint8_t *)buffer);
	sha256_digest(&hash, sizeof(ret->digest), ret->digest);
}

static int write_list(int fd, const struct policy_list *list, char *buffer)
{
	size_t at = 0, n;
	int r = 0;

	while (!r && (n = format_some(list, &at, buffer)))
		r = write_all(fd, buffer, n);
	if (!r && fsync(fd) < 0)
		r = -errno;
	return r;
}

int list_store(const struct history *history, const struct policy_list *list,
	       struct stored_file *ret)
{
	_cleanup_free_ char *buffer = malloc(PIECE_BYTES);
	char name[DIGEST_TEXT], new_name[DIGEST_TEXT + 4];
	_cleanup_close_ int fd = -1;
	const char *why;
	int r;

	if (!buffer)
		return -ENOMEM;
	hash_list(list, buffer, ret);
	hex_format(ret->digest, sizeof(ret->digest), name);
	if (stored_verify(history->lists, name, ret, true, &why) == 0)
		return 0;
	snprintf(new_name, sizeof(new_name), "%s.new", name);
	stored_remove(history->lists, new_name); /* of a former life */
	fd = openat(history->lists, new_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return -errno;
	r = write_list(fd, list, buffer);
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
