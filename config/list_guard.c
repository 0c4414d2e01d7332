/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list_guard.c: what keeps a poisoned list file from taking effect: it must look like a list, and
 * must not have lost more of its prefixes than its set allows, compared with what is in force or, at
 * the start, with its copy. And how a file that changed is read while the policy is in force.
 */
#include "lists.h"

#include <string.h>

#include "copies.h"
#include "util.h"

#define SNIFF_BYTES 512

/* --- what is it? ------------------------------------------------------------------------- */

static const struct magic {
	const char *bytes;
	size_t len;
	const char *what;
} magics[] = {
	{ "\x1f\x8b", 2, "is compressed by gzip; unpack it: gunzip" },
	{ "\xfd"
	  "7zXZ",
	  5, "is compressed by xz; unpack it: unxz" },
	{ "BZh", 3, "is compressed by bzip2; unpack it: bunzip2" },
	{ "\x28\xb5\x2f\xfd", 4, "is compressed by zstd; unpack it: unzstd" },
	{ "PK\x03\x04", 4, "is a zip archive; unpack it: unzip" },
	{ "\xff\xfe", 2, "is text in UTF-16; save it as UTF-8" },
	{ "\xfe\xff", 2, "is text in UTF-16; save it as UTF-8" },
	{ "{", 1, "looks like JSON, not like a list of prefixes, one a line" },
	{ "[", 1, "looks like JSON, not like a list of prefixes, one a line" },
};

const char *list_sniff(const char *bytes, size_t len)
{
	if (len > SNIFF_BYTES)
		len = SNIFF_BYTES;
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
		if (len >= magics[i].len && !memcmp(bytes, magics[i].bytes, magics[i].len))
			return magics[i].what;
	return memchr(bytes, '\0', len) ? "is binary data, not a list of prefixes" : NULL;
}

/* --- has it lost too much? --------------------------------------------------------------- */

/* How many prefixes the copy of the file has, one a line; false: there is none. */
static bool count_copy(const struct list *list, size_t *ret)
{
	const char *folder = list_cache_copies(list->loader->cache);
	_cleanup_(copy_done) struct copy copy = { 0 };

	if (!list->reader->keep || !folder || copy_read(folder, list->path, &copy) < 0)
		return false;
	*ret = 0;
	for (size_t i = 0; i < copy.len; i++)
		*ret += copy.text[i] == '\n';
	return true;
}

static bool count_before(const struct list *list, size_t *ret)
{
	const struct list_entry *entry = list_cache_find_kept(list->loader->cache, list->path);

	if (!entry)
		return count_copy(list, ret);
	*ret = entry->n_v4 + entry->n_v6;
	return true;
}

int list_check_shrink(struct list *list)
{
	const struct list_guard *guard = list->reader->guard;
	size_t before, after = list->n_prefixes;

	if (!list->loader->cache || list->loader->accept_shrink || guard->max_shrink >= 100 ||
	    !count_before(list, &before) || after >= before ||
	    (before - after) * 100 < before * guard->max_shrink)
		return 0;
	return list_error(list,
			  "%s has %zu prefix%s, %zu before: 'max-shrink: %u%%' of set '%s' refuses "
			  "what has lost that much; if it is meant, 'xdpgate reload "
			  "--accept-shrink' takes it",
			  list->path, after, after == 1 ? "" : "es", before, guard->max_shrink,
			  guard->set);
}

/* --- a file that has changed ------------------------------------------------------------- */

/* The prefixes are of no use but for the entry that the cache has of them. */
static void set_content_free(struct prefix_set *set)
{
	free(set->v4);
	free(set->v6);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15) >> 1 ^ hash << 7;
}

/* Not 0, and another one when the file has changed; 0: who knows. */
static uint64_t stamp_of(const struct file_state *state)
{
	uint64_t hash = 1;

	if (!state->settled)
		return 0;
	hash = mix(mix(mix(hash, state->device), state->inode), state->size);
	hash = mix(mix(hash, (uint64_t)state->mtime.tv_sec), (uint64_t)state->mtime.tv_nsec);
	hash = mix(mix(hash, (uint64_t)state->ctime.tv_sec), (uint64_t)state->ctime.tv_nsec);
	return hash ? hash : 1;
}

static int look(struct list *list, const struct list_entry *kept, uint64_t *stamp)
{
	struct list_cache *cache = list->loader->cache;
	struct list_entry *entry = list_cache_find(cache, list->path);
	_cleanup_close_ int fd = -1;
	uint64_t refused = *stamp;
	struct file_state state;
	const char *why;
	int r;

	*stamp = 0;
	fd = file_open(list->path, CONFIG_MAX_LIST_BYTES, &why);
	if (fd < 0)
		return list_error(list, "cannot read the list: %s", why);
	r = file_state_read(fd, &state);
	if (r < 0)
		return list_error(list, "cannot read the list: %s", strerrordesc_np(-r));
	*stamp = stamp_of(&state);
	if (refused && *stamp == refused)
		return -EALREADY;
	if (kept && entry == kept && list_entry_is_current(cache, entry, fd, &state))
		return 0;
	r = list_parse_file(list, fd, &state);
	return r < 0 ? r : 1;
}

int list_cache_refresh(struct list_cache *cache, const char *path, const struct list_guard *guard,
		       struct list_change *ret, struct diags *diags)
{
	_cleanup_(set_content_free) struct prefix_set set = { 0 };
	const struct list_entry *kept = list_cache_find_kept(cache, path);
	const struct list_reader reader = { .set = &set, .guard = guard };
	struct loader loader = { .diags = diags, .cache = cache };
	struct list list = { .loader = &loader, .reader = &reader, .set = &set, .path = path };
	int r;

	ret->known = kept != NULL;
	ret->before = ret->after = kept ? kept->n_v4 + kept->n_v6 : 0;
	sha256_init(&loader.hash);
	r = look(&list, kept, &ret->stamp);
	if (r > 0)
		ret->after = list.n_prefixes;
	return r;
}
