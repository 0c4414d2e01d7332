/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_sets_internal.h: what the parts share: live_sets.c is about their life, live_change.c changes
 * entries, live_tell.c tells of them, live_disk.c keeps them on disk, live_judge.c says what is let
 * in.
 */
#pragma once

#include "journal.h"
#include "live_maps.h"
#include "live_prefix.h"
#include "live_sets.h"
#include "space.h"
#include "store.h"

struct set {
	char name[NAME_LEN];
	uint32_t slot;
	struct live_store *store;
	bool parked;
	bool awaited; /* see live_sets_await() */

	/* as of the policy: */
	uint32_t size, timeout;
	uint8_t widest[N_FAMILIES];
	bool persist;
	char **writers;
	uid_t *uids; /* by writer; (uid_t)-1: there is no such user */
	size_t n_writers;
	struct space except;
	bool judged; /* all its entries were let in by these */

	struct journal *journal; /* persist, and it could be opened; else NULL */
	bool journal_broken;     /* something is not on disk: all of it is to be written anew .. */
	uint32_t journal_retry;  /* .. from this second of CLOCK_MONOTONIC on */
	char *journal_error;     /* why, for people; NULL also when out of memory */
	uint64_t added, changed, removed, ended, refused, full;
	uint64_t full_said; /* second of CLOCK_MONOTONIC when the log was told last; 0: never */
};

struct live_sets {
	struct live_maps *maps;
	char *state_dir; /* NULL: no journals */
	struct set *items[MAX_LIVE_SETS];
	size_t n;
};

/* Seconds. live_now() rounded down, live_end() is the first second at which it is over. */
uint32_t live_now(void);
uint32_t live_end(int64_t timeout); /* 0: LIVE_FOREVER */
uint32_t live_left(uint32_t end);   /* until then, rounded down, but at least 1 */
uint64_t live_now_real(void);

/* --- live_sets.c --- */

struct set *live_find_set(const struct live_sets *sets, const char *name);
/* The same, or NULL with an error that names those that there are. */
struct set *live_need_set(const struct live_sets *sets, const char *name, struct diags *diags);
size_t live_set_count(const struct set *set);
/* A parked set without entries is no more: frees the slot, and what is on disk. */
void live_drop_if_idle(struct live_sets *sets, struct set *set);
/* After entries were removed: packets need not ask tries that are empty. */
void live_note_empty(struct live_sets *sets, const struct set *set);

#define LIVE_TICK_ENTRIES 512 /* removed in one go, so that others get their turn */
/* Remove entries that have ended, at most so many; how many there were. */
size_t live_remove_ended(struct live_sets *sets, struct set *set, size_t most);

/* --- live_judge.c --- */

enum live_verb { LIVE_ADD, LIVE_REMOVE };

/*
 * Every change of an entry that somebody asks for passes here, before it is done: what the policy
 * lets in, and then the guard (NULL: nobody). 0, or -EPERM with *why, text for people, the caller's. -ENOMEM.
 */
int live_judge(const struct set *set, enum live_verb verb, const struct live_prefix *prefix,
	       const struct live_guard *guard, char **why);

/* --- live_change.c --- */

/* For live_store_put() and the like: tells the kernel. context: struct kernel_side. */
struct kernel_side {
	struct live_sets *sets;
	struct set *set;
	const struct live_prefix *target; /* its comment is new, too; NULL: nobody's is */
	bool had_comment;                 /* the target, before; false: it need not be removed */
};
live_change live_tell_kernel;
/* Of stores that are filled from the kernel, or of which it shall not know yet. */
live_change live_tell_nobody;

/* --- live_disk.c --- */

/* What the set keeps on disk, into the kernel; opens its journal. */
int live_restore(struct live_sets *sets, struct set *set, struct diags *diags);
/* The journal holds just what the set holds. What fails is kept in journal_error, and a warning. */
void live_rewrite_journal(struct live_sets *sets, struct set *set, struct diags *diags);
void live_close_journal(struct set *set);
/* A change, and when all of a call are told: on disk when it returns. */
void live_journal_put(struct set *set, const struct live_view *view);
void live_journal_gone(struct set *set, const struct live_prefix *prefix);
void live_journal_sync(struct live_sets *sets, struct set *set, struct diags *diags);
