/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_internal.h: what the parts of the gate share: gate.c loads and installs, gate_interfaces.c
 * is about what it stands on, gate_start.c about what a start begins with, gate_change.c about what people
 * ask for, gate_feeds.c and gate_refresh.c about lists that are watched; gate_status.c,
 * gate_stats.c and gate_rules.c tell of it.
 */
#pragma once

#include "config.h"
#include "datapath.h"
#include "gate.h"
#include "history.h"
#include "logins.h"

struct feed {
	struct gate_feed tell;
	struct list_guard guard;
	bool in_force;    /* else the policy does not name it yet: a pattern matches it */
	bool pending;     /* what it holds now is about to be put in force */
	size_t before;    /* prefixes, if pending */
	uint64_t stamp;   /* of the file when it was looked at; see struct list_change */
	uint64_t refused; /* likewise, when it was refused; 0: it was not, or who knows */
};

struct feeds {
	struct feed *items;
	size_t n, capacity;
	struct policy_pattern *patterns;
	size_t n_patterns;
};

struct gate {
	char *config_path;
	char *source; /* the policy file that what is in force was made of: config_path, or the history's */
	struct history *history;   /* NULL: none is kept */
	uint64_t history_in_force; /* the number there of what is in force; 0: it has none */
	uint64_t history_before;   /* of what is gone back to, unless it is confirmed */
	bool history_is_old;       /* lists of what is in force have changed since it was kept */
	char *set_aside;           /* see struct gate_status */
	char *set_aside_before; /* likewise, before that was gone back to which waits to be confirmed */
	struct datapath *datapath;
	struct live_sets *live;             /* NULL once detached */
	struct list_cache *lists;           /* of the policy in force */
	struct gate_list_copy *list_copies; /* of the policy in force */
	size_t n_list_copies;
	bool loaded;                 /* the policy in force was loaded here: it can be made again */
	struct local_addresses self; /* that it was made of */
	uint64_t self_changed_usec, n_self_changes;
	char *self_error;
	bool detached;
	uint64_t next_expiry; /* of the policy that was loaded last; 0: none */
	uint64_t started_usec;
	uint64_t n_reloads, n_failed_reloads;
	bool last_reload_failed;
	char *last_reload_error;
	struct feeds feeds;
	enum guard_level guard_level; /* of the policy in force */
	struct guard_live *guard;     /* of entries of live sets; NULL: none was added yet */
};

/* How a policy is loaded. */
struct gate_load {
	bool again;         /* not what the files hold now, but the policy in force */
	bool refreshed;     /* with list files that were refreshed */
	bool accept_shrink; /* see gate_reload() */
	unsigned int how;   /* enum install_how */
	uint64_t entry;     /* not the policy file, but this one of the history; 0: the file */
	bool starting;      /* the daemon starts; see gate_start.c */
	/* Who asks for it, and how; NULL: nobody does. */
	const struct gate_change *change;
};

/* --- gate.c --- */

/* What is in force; NULL: nothing, or no longer. */
const struct manifest *gate_manifest(const struct gate *gate);
void gate_list_copies_free(struct gate_list_copy *copies, size_t n); /* NULL is fine */
/* Make the policy and put it in force. 1: it is in force; 0: it was, and nothing was to do. Or negative
 * errno with at least one error; -ECANCELED: the policy file may not be loaded, see gate_admits(). */
int gate_load_and_install(struct gate *gate, struct local_addresses *self,
			  const struct gate_load *load, struct diags *diags);
/* The same with the addresses of this machine as they are now; not if the gate is detached. */
int gate_install(struct gate *gate, const struct gate_load *load, struct diags *diags);
/* The live sets of what is in force, and of what may come back, are these. */
void gate_adopt_sets(struct gate *gate);
/* What is in force waits no longer: only its live sets, not those of before, keep their places. */
void gate_await_sets(struct gate *gate);
/* Remember how the last reload went. */
void gate_note_outcome(struct gate *gate, int r, const struct diags *diags);
/* Repeat what is not about files, as warnings. */
void gate_say_warnings(struct diags *diags, const struct diags *found);
/* The addresses of this machine. 0, or negative errno, reported. */
int gate_read_self(struct local_addresses *ret, struct diags *diags);
/* As diags_print() prints them. Caller frees; NULL: out of memory. */
char *gate_print_diags(const struct diags *diags);

/* --- gate_change.c --- */

/* The policy file, which was loaded, may be put in force: 0; -ECANCELED, reported: it is one that was
 * undone, and nobody has edited it since, or one that was never in force when the machine booted. */
int gate_admits(const struct gate *gate, const struct policy *policy, const struct gate_load *load,
		struct diags *diags);
/* What waited and does no longer: the history does not say so yet where it could not be written, or the
 * daemon died ahead of that. */
void gate_history_settle(struct gate *gate, struct diags *diags);
/* What is in force is about to be left: it is kept with its lists as they are now. */
void gate_history_refresh(struct gate *gate, struct diags *diags);
/* The number that the policy, which is about to be put in force, has in the history, or will have. */
uint64_t gate_history_number(const struct gate *gate, const struct policy *policy,
			     const struct gate_load *load);
/* NULL: the history has none of that number, or there is no history. */
const struct history_entry *gate_history_find(const struct gate *gate, uint64_t number);
/* It is in force under that number. */
void gate_history_note(struct gate *gate, const struct policy *policy, const struct gate_load *load,
		       uint64_t number, struct diags *diags);
/* Load a policy of the history: of warnings about its text, which were told when it was new, nothing is
 * said. As gate_install(). */
int gate_install_entry(struct gate *gate, const struct gate_load *load, struct diags *diags);
/* Why the policy file is not what is in force; NULL: it is. Takes the text over. */
void gate_set_aside(struct gate *gate, char *why);
/* Back to what is in force without its being confirmed: make that again, so that it follows addresses,
 * and tell the history. */
int gate_undone(struct gate *gate, const char *why, struct diags *diags);

/* When what is in force is undone, CLOCK_REALTIME; 0: never. */
uint64_t gate_deadline_realtime(const struct gate *gate);

/* --- gate_policy.c --- */

/* Make the policy in force again, as gate_load_and_install() does, and leave all as it was. */
int gate_load_again(struct gate *gate, struct policy **ret, struct diags *diags);

/* --- gate_status.c --- */

/* 64 hexadecimal digits, and NUL. */
void gate_format_hash(const uint8_t *hash, char *ret);

/* --- gate_feeds.c --- */

struct feed *gate_feed_find(struct feeds *feeds, const char *path); /* NULL: it is none of them */
struct feed *gate_feed_add(struct feeds *feeds, const char *path,
			   const struct list_guard *guard); /* NULL: out of memory */
void gate_feed_forget(struct feeds *feeds, struct feed *feed);

/* The policy is in force: these are its watched files. again: it is that of before, so what was
 * refused still is. */
void gate_feeds_loaded(struct gate *gate, const struct policy *policy, bool again);
void gate_feeds_done(struct gate *gate);
/* 0 or -ENOMEM: ret is to be freed all the same. */
int gate_feeds_tell(const struct gate *gate, struct gate_status *ret);
void gate_feeds_free(struct gate_feed *feeds, size_t n); /* NULL is fine */

/* --- gate_guard.c --- */

/* What the lock-out guard is asked, and what it answers. */
struct gate_guard {
	struct guard_request request;
	struct logins logins;
};

/* A policy is about to come in force; begin() before end(), which tells of the result. */
void gate_guard_begin(const struct gate_load *how, const struct policy *policy,
		      struct gate_guard *ret);
void gate_guard_end(struct gate_guard *guard, int result);
/* For a call that adds entries to a live set; into *guard. NULL: nothing is judged. */
const struct live_guard *gate_guard_entries(struct gate *gate, enum guard_level level,
					    struct live_guard *guard, struct diags *diags);

/* --- gate_interfaces.c --- */

/* One of the manifest's interfaces. 0, or -ENOMEM: ret->error is not given then. */
int gate_interface_status(const struct gate *gate, const struct manifest *manifest, uint32_t index,
			  struct gate_interface_status *ret);
