/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * store.h: the entries of one live set, in user space: what the kernel's tries cannot be asked.
 * Which entries lie in a prefix and which cover it, which ends next, what was said of each. A
 * plain data structure: no system call, no clock; time is given.
 *
 * A binary trie with compressed paths (Patricia; Morrison 1968) for each family, and a heap by
 * end. Prefixes may nest. The *effective* end of an entry is the latest of its own and those of the
 * entries that cover it: the kernel finds the longest match alone, so this is what is written there,
 * and what an ended entry must not hide. An entry lives on until it is removed; one whose own end
 * is past and whose effective end is not is still there, and is not listed as live.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live.h"

struct live_store;

struct live_view {
	struct live_prefix prefix;
	struct live_times times;
	uint32_t effective_end; /* LIVE_FOREVER, or seconds as times.end */
	const char *comment;    /* NULL: none; the store's, until it changes */
};

/*
 * What the kernel has to be told: the entry is new or has other times or another effective end
 * (!gone), or is no more (gone). Called after the store has changed; other than 0 ends the
 * operation's reporting and is returned (the store has the change nevertheless). To undo such a
 * change, put the former times and comment, or remove the entry: that reports all that had been told,
 * and what had not been. It must not change the store.
 *
 * An entry that is put is always told of, with the same times, too.
 */
typedef int live_change(void *context, const struct live_view *view, bool gone);

struct live_store *live_store_new(void);                      /* NULL: out of memory */
struct live_store *live_store_free(struct live_store *store); /* NULL is fine; returns NULL */

static inline void live_store_freep(struct live_store **store)
{
	live_store_free(*store);
}

size_t live_store_count(const struct live_store *store, enum family family);
size_t live_store_bytes(const struct live_store *store); /* of memory, all in all */

/*
 * Add the entry, or give the one that is there these times and this comment (`since` of one that
 * is there stays). Entries within it whose effective end rises, or falls, are changes, too: the
 * outermost first. 0; 1: it was there; -ENOMEM: nothing has changed; or what change() returned.
 */
int live_store_put(struct live_store *store, const struct live_prefix *prefix,
		   const struct live_times *times, const char *comment, live_change *change,
		   void *context);

/* -ENOENT: no such entry. Changes: entries within it whose effective end falls, the innermost
 * first, then the entry itself, gone. */
int live_store_remove(struct live_store *store, const struct live_prefix *prefix,
		      live_change *change, void *context);

/* Exactly this prefix. */
bool live_store_find(const struct live_store *store, const struct live_prefix *prefix,
		     struct live_view *ret);
/* The longest entry that covers the prefix (itself included) and whose own end is after now. */
bool live_store_covering(const struct live_store *store, const struct live_prefix *prefix,
			 uint32_t now, struct live_view *ret);

/* The earliest own end of all; LIVE_FOREVER: none will end. */
uint32_t live_store_next_end(const struct live_store *store);
/* One entry whose own end is now or before, the earliest first; false: there is none. */
bool live_store_ended(const struct live_store *store, uint32_t now, struct live_view *ret);

/* All of them in this order, without a search for each. Other than 0 ends it and is returned. The
 * store must not change meanwhile. */
typedef int live_visit(void *context, const struct live_view *view);
int live_store_each(const struct live_store *store, live_visit *visit, void *context);
/* The first entry behind `after` in order of family, address, length (NULL: the first of all).
 * false: there is none. `after` itself need not be there (any more). */
bool live_store_next(const struct live_store *store, const struct live_prefix *after,
		     struct live_view *ret);
