/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list_cache.h: what list files held when they were read last, so that a reload need not read
 * those that have not changed.
 *
 * A file is taken for unchanged without a look inside if its device, inode, size, mtime and ctime
 * are those of the file that was read, and if it had been left alone for a while when it was
 * read: a write in the same tick of the clock would leave the same ctime. Otherwise, if at least
 * the size is the same, its bytes are hashed, which is faster than to parse them.
 *
 * Files whose size is not what is read of them, as those of /proc, are not kept.
 *
 * The texts of policy files are kept too: not to spare reading them, but to make the policy in
 * force once more, whatever has become of its files.
 *
 * While a policy is made, what is read goes to a table of its own. If the policy loads, what it
 * used is all that is kept; if not, the cache is what it was.
 */
#pragma once

#include <nettle/sha2.h>

#include "config.h"
#include "source.h"

/* One file's prefixes, in ascending order. */
struct list_entry {
	char *path;
	struct file_state state;
	uint8_t digest[SHA256_DIGEST_SIZE];
	bool used;          /* by the policy that is being made */
	uint64_t copy_usec; /* not 0: these are those of a copy of this time, not of the file */
	size_t n_v4, n_v6, n_long;
	uint8_t widest_v4, widest_v6; /* the shortest prefix lengths */
	void *memory;                 /* in which these arrays lie, without a gap: */
	uint64_t *v6_upper;
	uint64_t *v6_lower; /* n_long: of those longer than 64 bits */
	uint32_t *v4;
	uint8_t *v4_lens, *v6_lens;
};

/* The entry of a path, or NULL. */
struct list_entry *list_cache_find(struct list_cache *cache, const char *path);
/* The one of the policy in force, or NULL. */
const struct list_entry *list_cache_find_kept(const struct list_cache *cache, const char *path);

/* The prefixes of the set from these on are what the file at path held; copy_usec not 0: what the
 * copy of this time did. 0 or -ENOMEM. */
int list_cache_add(struct list_cache *cache, const char *path, const struct file_state *state,
		   const uint8_t *digest, uint64_t copy_usec, const struct prefix_set *set,
		   size_t first_v4, size_t first_v6);

/* Does the file hold now what the entry does? Hashes the file, if need be: its offset is
 * anywhere then. An entry that does is used. */
bool list_entry_is_current(struct list_cache *cache, struct list_entry *entry, int fd,
			   const struct file_state *state);

/* Append the entry's prefixes to the set. 0 or -ENOMEM. */
int list_entry_append(const struct list_entry *entry, struct prefix_set *set);

/* Where copies are kept, or NULL. */
const char *list_cache_copies(const struct list_cache *cache);

/* As list_entry_append(), of what the file at path held, whatever it holds now; the entry is used
 * then. */
int list_entry_use(struct list_entry *entry, struct prefix_set *set);

/* What a name stood for that is no list file: the text of a policy file, the paths that a pattern
 * matched. 0 or -ENOMEM. */
int list_cache_add_text(struct list_cache *cache, const char *name, const char *text, size_t len);
/* As it was when the policy in force was made, owned by the cache; NULL: there was none. */
const char *list_cache_find_text(const struct list_cache *cache, const char *name, size_t *ret_len);

/* The paths that a pattern matched, each of which ends in NUL, are a text of this name. Caller
 * frees; NULL: out of memory. */
char *list_pattern_name(const char *pattern);

/* A policy is about to be made. */
void list_cache_begin(struct list_cache *cache);
