/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_sets.h: the live sets of the gate: what their entries are, in user space and in the kernel,
 * who ends when, what is on disk. Every change of an entry goes through here, is judged by one
 * function (live_judge()), and is in force when the call returns.
 *
 * A set that no policy names any more is *parked*: it keeps its entries, which end as they would,
 * until it has none, so that a policy that names it again finds them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "diag.h"
#include "live.h"
#include "policy.h"

struct live_sets;
struct live_maps;

#define LIVE_REFUSALS_TOLD 100

/* An entry that somebody wants in a set. */
struct live_request {
	struct live_prefix prefix;
	int64_t timeout;     /* seconds from now, 0: for ever, LIVE_TIMEOUT_DEFAULT */
	const char *comment; /* NULL: none; LIVE_COMMENT_MAX bytes at most */
};

/* What became of a call. Entries are refused one by one: the others are in force. */
struct live_result {
	uint64_t added;   /* that were not there */
	uint64_t changed; /* that were there, and have this timeout and comment now */
	uint64_t removed;
	uint64_t missing; /* to be removed, but not there */
	uint64_t refused;
	struct live_refusal {
		size_t index; /* of the entry in the call */
		char *why;    /* text for people */
	} * refusals;         /* the first LIVE_REFUSALS_TOLD */
	size_t n_refusals;
};

/* An entry as it is. */
struct live_listed {
	struct live_prefix prefix;
	uint32_t left;  /* seconds until its end, at least 1; LIVE_FOREVER */
	uint32_t since; /* when it was added, seconds since 1970 */
	char comment[LIVE_COMMENT_MAX + 1];
};

struct live_list {
	struct live_listed *items; /* in order of family, address, length */
	size_t n;
	bool more; /* there are others behind the last */
};

struct live_set_status {
	char name[NAME_LEN];
	bool parked;
	uint64_t entries[N_FAMILIES]; /* those that have ended but are not removed yet included */
	uint32_t size, timeout;       /* as of the policy; 0 if parked */
	bool persist;
	char **writers;
	size_t n_writers;
	/* since the daemon started: */
	uint64_t added, changed, removed, ended, refused;
	uint64_t full;       /* of the refused: for want of room */
	uint64_t bytes;      /* of the daemon's memory */
	uint32_t next_end;   /* seconds from now to the next end; LIVE_FOREVER: none will */
	char *journal_error; /* persist: why changes do not reach the disk; NULL: they do */
};

struct live_set_states {
	struct live_set_status *items; /* in order of name */
	size_t n;
};

/* Somebody else who has a say in what is added: the lock-out guard. 0; or -EPERM with *why, text for
 * people, which is ours then, NULL when out of memory. */
struct live_guard {
	int (*judge)(void *context, const char *set, const struct live_prefix *prefix, char **why);
	void *context;
};

/* All functions: 0 or a negative errno; diags says why, where it is given. Outputs are the caller's,
 * and untouched on failure. */

/* Adopt what the kernel has. maps must outlive it. state_dir: for journals; NULL: none are kept. */
int live_sets_new(struct live_maps *maps, const char *state_dir, struct live_sets **ret,
		  struct diags *diags);
struct live_sets *live_sets_free(struct live_sets *sets); /* entries stay; NULL is fine */

/* A policy is about to come in force: have the entries in the kernel that its sets keep on disk. */
int live_sets_prepare(struct live_sets *sets, const struct live_set *policy, size_t n,
		      struct diags *diags);
/* These sets are those of a policy that may come back, if what is in force is not confirmed: its programs
 * hold their places, which no other set may have meanwhile. n: 0: none may. */
void live_sets_await(struct live_sets *sets, const struct live_set *policy, size_t n);
/* It is in force. Entries that its sets may not hold are removed. What fails is a warning. */
void live_sets_take(struct live_sets *sets, const struct live_set *policy, size_t n,
		    struct diags *diags);

/* -ENOENT: there is no such set (diags has those that are). guard: NULL: nobody. */
int live_sets_add(struct live_sets *sets, const char *name, const struct live_request *items,
		  size_t n, const struct live_guard *guard, struct live_result *ret,
		  struct diags *diags);
int live_sets_del(struct live_sets *sets, const char *name, const struct live_prefix *items,
		  size_t n, struct live_result *ret, struct diags *diags);
/* All entries; a parked set is gone then. */
int live_sets_flush(struct live_sets *sets, const char *name, struct live_result *ret,
		    struct diags *diags);
/* These instead of all others, in one moment: added, changed and removed say what differs. If one is
 * refused, nothing changes: -EINVAL. */
int live_sets_replace(struct live_sets *sets, const char *name, const struct live_request *items,
		      size_t n, const struct live_guard *guard, struct live_result *ret,
		      struct diags *diags);
/* Does the set hold the address, or all of the prefix? 1: yes, by *ret; 0: no. */
int live_sets_test(struct live_sets *sets, const char *name, const struct live_prefix *prefix,
		   struct live_listed *ret, struct diags *diags);
/* At most `most` entries behind `after` (NULL: from the first on). */
int live_sets_list(struct live_sets *sets, const char *name, const struct live_prefix *after,
		   size_t most, struct live_list *ret, struct diags *diags);
/* name NULL: of all. */
int live_sets_status(struct live_sets *sets, const char *name, struct live_set_states *ret,
		     struct diags *diags);

/* May this user, who is not root, change the set? */
bool live_sets_may_write(const struct live_sets *sets, const char *name, uid_t uid);
/* Or any of the sets? */
bool live_sets_is_writer(const struct live_sets *sets, uid_t uid);

/* Remove entries that have ended, a slice of them. Packets do not wait for it. diags: warnings. */
void live_sets_tick(struct live_sets *sets, struct diags *diags);
/* When the next entry ends, or has ended: in microseconds of CLOCK_MONOTONIC; 0: none will. */
uint64_t live_sets_next_end(const struct live_sets *sets);

void live_result_done(struct live_result *result);
void live_list_done(struct live_list *list);
void live_set_states_done(struct live_set_states *states);
