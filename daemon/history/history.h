/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history.h: the policies that were in force, whole, with what their lists held: under
 * STATE_DIR/history, each in a folder named by its number. So there is something to go back to, and
 * what boots is the last one that was confirmed, whatever has become of the policy file.
 *
 * A policy gets its number when it comes in force. Numbers ascend, begin with 1 and are never used
 * again. What is damaged is left out, with a warning that names it; it is neither believed nor
 * removed.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diag.h"
#include "policy.h"

struct history;

enum history_state {
	HISTORY_CONFIRMED, /* was put in force for good */
	HISTORY_PENDING,   /* in force until a deadline, and not confirmed yet */
	HISTORY_REVERTED,  /* was not confirmed in time, or undone */
};

const char *history_state_name(enum history_state state);

#define HISTORY_KEPT 20     /* of the latest; and what is said at history_add() */
#define HISTORY_TEXT 500    /* bytes of who and why */
#define HISTORY_UNKNOWN "?" /* who, if nobody says */

struct history_entry {
	uint64_t id;
	uint64_t when_usec;              /* CLOCK_REALTIME when it came in force */
	char *who;                       /* one line of UTF-8, without control characters */
	char *why;                       /* likewise; NULL: nothing was said */
	uint8_t hash[32], text_hash[32]; /* of the policy as it was loaded from its own files */
	enum history_state state;
	uint64_t
		again; /* it is this one again, that was gone back to; 0: it was loaded from its files */
	uint64_t n_rules, n_sets, n_prefixes;
};

/*
 * history_open() - what is in STATE_DIR/history, which is made if it is not there. What a crash left
 * half done goes. -EPERM: another user could have written there; -EBUSY: another daemon has it; or
 * another negative errno; each reported. What is wrong with single entries are warnings.
 */
int history_open(const char *state_dir, struct history **ret, struct diags *diags);
struct history *history_close(struct history *history); /* NULL is fine; returns NULL */

/*
 * The i-th entry, oldest first; NULL: there are no more. It and those below are valid until
 * the history changes: history_add(), history_repeat(), history_path().
 */
const struct history_entry *history_at(const struct history *history, size_t i);
/* NULL: there is none of this number. */
const struct history_entry *history_find(const struct history *history, uint64_t id);
/* What boots; NULL: nothing was ever confirmed. */
const struct history_entry *history_last_confirmed(const struct history *history);
/* The one whose text this is (policy.text_hash), if it was reverted and not put in force since; or
 * NULL. */
const struct history_entry *history_refuses(const struct history *history,
					    const uint8_t text_hash[static 32]);

/* The number that the next one will have. */
uint64_t history_next_id(const struct history *history);
/* Somebody has this number, though the history has it not: the next one has a greater. */
void history_skip(struct history *history, uint64_t id);

/* Bytes of any kind: they are shortened, and what is no text becomes '?'. NULL or "": nothing. */
struct history_origin {
	const char *who, *why;
	enum history_state state;
};

/*
 * history_add() - this policy is in force; it is on the disk when this returns 0. Then old ones go: the
 * HISTORY_KEPT latest stay, and whatever is pending, or was confirmed last, or reverted last.
 * On failure, reported, the history is what it was. -EFBIG: the policy is larger than a policy file may be,
 * even without its lists.
 */
int history_add(struct history *history, const struct policy *policy,
		const struct history_origin *origin, uint64_t *ret_id, struct diags *diags);
/* Lists of the policy of this number hold something else now: its files are made anew; all else that is
 * known of it stays. -ENOENT; else as history_add(). */
int history_refresh(struct history *history, uint64_t id, const struct policy *policy,
		    struct diags *diags);
/* The policy of this number is in force again: it is a new entry, which shares its lists. -ENOENT,
 * -EBADMSG as history_path(); else as history_add(). */
int history_repeat(struct history *history, uint64_t id, const struct history_origin *origin,
		   uint64_t *ret_id, struct diags *diags);
/* Durable when it returns 0; on failure, reported, it is what it was, or the disk's to decide. -ENOENT. */
int history_set_state(struct history *history, uint64_t id, enum history_state state,
		      struct diags *diags);

/*
 * history_path() - the path of its policy file, to be loaded by policy_load_with(). It and its
 * lists are read and compared with their checksums first. -ENOENT, reported; -EBADMSG, or what reading said,
 * reported as a warning: what is damaged is no entry any more, so that history_last_confirmed() names
 * the one before.
 */
int history_path(struct history *history, uint64_t id, char ret[static PATH_MAX],
		 struct diags *diags);

/* The machine has booted, and nobody has said history_booted() since. */
bool history_is_first_since_boot(const struct history *history);
/* What was to be done at the first start since a boot is done. Should this fail, which is reported,
 * the next start is taken for the first again. */
int history_booted(struct history *history, struct diags *diags);
