/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate.h: the daemon's heart: the policy in force, the generation that enforces it, and the
 * interfaces it stands on. Everything that a signal, a netlink message or a client can ask
 * for is one function here. Knows neither JSON nor the event loop.
 */
#pragma once

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "diag.h"
#include "explanation.h"
#include "history.h"
#include "live_sets.h"
#include "policy.h"
#include "stats.h"

struct gate;

struct gate_options {
	const char *config_path;
	const char *pin_dir;
	const char *state_dir; /* for copies of list files; NULL: none are kept */
};

enum interface_state {
	INTERFACE_ABSENT,    /* no such network device now; attached when it appears */
	INTERFACE_FILTERING, /* the live generation judges its packets */
	INTERFACE_OFF,       /* `xdpgate off`: attached, but every packet passes */
	INTERFACE_FAILED,    /* could not be attached; error says why */
};

const char *interface_state_name(enum interface_state state);

struct gate_interface_status {
	char name[NAME_LEN];
	char port[PORT_LEN];   /* as the policy says: name, alternative name or MAC address */
	char device[IFNAMSIZ]; /* what the device is called now, "": absent */
	uint16_t vlan;         /* 0: none */
	char policy[NAME_LEN];
	enum attach_mode mode;
	bool required;
	enum interface_state state;
	int ifindex;          /* 0: absent */
	bool dispatcher;      /* attached through libxdp's dispatcher, not alone */
	bool frags;           /* the program takes multi-buffer packets */
	uint32_t program_id;  /* of the ruleset program in the slot; 0: none */
	uint32_t jited_bytes; /* of that program */
	char *error; /* INTERFACE_FAILED: why; or why it does not see all it should; else NULL */
};

/* A list file of the policy in force that could not be read: its copy stands for it. */
struct gate_list_copy {
	char *path;
	uint64_t kept_usec; /* CLOCK_REALTIME when the copy was made */
};

/* A list file of a set with `watch: true`. */
struct gate_feed {
	char *path;
	uint64_t n_prefixes;   /* in force */
	uint64_t changed_usec; /* CLOCK_REALTIME when the file that they are from was written */
	char *error;           /* why what the file holds now is not in force; NULL: it is */
};

/* What is to be watched for gate_feeds_changed(): a list file, or a pattern of them, with '*' and '?'
 * in its last part. */
struct gate_watch {
	const char *path; /* until the next load */
	bool pattern;
};

/* A change that somebody asks for. */
struct gate_change {
	const char *who; /* text for people: "root", "SIGHUP of process 77" */
	const char *why; /* what the operator says of it; NULL: nothing */
	uint32_t
		confirm_sec; /* without gate_confirm() within that time it is undone; 0: for good */
	bool only_changed;   /* nothing is to be done if just this policy is in force */
	bool accept_shrink; /* list files may have lost what they like, whatever `max-shrink` says */
	bool force;         /* whatever the lock-out guard says, and even if the file was undone */
};

/* What became of it. */
struct gate_changed {
	bool changed;           /* false: only_changed, and there was nothing to do */
	uint64_t generation;    /* in force */
	uint64_t history;       /* its number in the history; 0: none is kept */
	uint64_t deadline_usec; /* CLOCK_REALTIME when it is undone unless confirmed; 0: it stays */
};

/* A policy that was in force. */
struct gate_history_entry {
	uint64_t id;
	uint64_t when_usec; /* CLOCK_REALTIME */
	char *who, *why;    /* why: NULL: nothing was said */
	char policy_hash[65];
	enum history_state state;
	bool in_force, boots; /* it is in force; it is what a boot begins with */
	uint64_t n_rules, n_sets, n_prefixes;
};

struct gate_history {
	struct gate_history_entry *items; /* the latest first */
	size_t n;
};

struct gate_status {
	char *config_path;
	uint64_t generation;   /* 0: none yet */
	char policy_hash[65];  /* SHA-256 in hex of the policy in force, or "" */
	bool ready;            /* every required interface filters */
	uint64_t loaded_usec;  /* CLOCK_REALTIME when the generation went live */
	uint64_t started_usec; /* CLOCK_REALTIME when the daemon started */
	uint64_t n_reloads, n_failed_reloads;
	uint64_t history;       /* number of the policy in force in the history; 0: it has none */
	uint64_t deadline_usec; /* CLOCK_REALTIME when it is undone unless confirmed; 0: never */
	char *set_aside; /* why what the policy file holds is not what is in force: it was undone, or
			  * not confirmed before a boot; NULL: it is, as far as is known */
	bool last_reload_failed;
	char *last_reload_error; /* as diags_print() prints it; NULL when it did not fail */
	size_t n_rules, n_sets, n_prefixes;
	bool uses_self;             /* the policy in force names $self */
	size_t n_self;              /* local addresses as of its last build */
	uint64_t self_changed_usec; /* CLOCK_REALTIME when they changed last; 0: never since */
				    /* the daemon started */
	uint64_t n_self_changes;    /* changes that were put in force */
	char *self_error;           /* why the last one was not; NULL: all is well */
	struct gate_interface_status *interfaces;
	size_t n_interfaces;
	struct gate_list_copy *list_copies;
	size_t n_list_copies;
	struct gate_feed *feeds;
	size_t n_feeds;
};

/* One row for each rule of the generation in force, in the order of judging. */
struct gate_rule {
	char policy[NAME_LEN];
	char name[NAME_LEN];
	char *match;  /* normalised, one line */
	char *action; /* likewise */
	struct notes notes;
};

/* Packets are sampled for a trial. */
struct gate_trial {
	uint64_t generation; /* in force: another one ends it */
	uint64_t until_usec; /* CLOCK_REALTIME when it ends by itself */
	char ring[PATH_MAX]; /* where the ring of samples (struct sample) is pinned */
};

struct gate_rules {
	uint64_t generation;
	struct gate_rule *items;
	size_t n;
};

/* All of these return 0 or a negative errno; when diags is given, it says why. Outputs are
 * owned by the caller and untouched on failure. */

/* Opens (or makes) the pin directory, takes its lock (-EBUSY: another daemon has it), finishes
 * or undoes an interrupted swap, and adopts the generation and counters it finds there.
 * Changes no packet's fate. */
int gate_new(const struct gate_options *options, struct gate **ret, struct diags *diags);
/* Loads the policy and puts it in force. Absent interfaces, and those that refuse the program,
 * are no failure, even if they are required: see gate_is_ready() and gate_links_changed().
 * If the policy is bad but an adopted generation filters, that one goes on: returns 0, and
 * the status tells of the failure. */
int gate_start(struct gate *gate, struct diags *diags);
/* Every required interface filters (or is off by the operator's wish). */
bool gate_is_ready(const struct gate *gate);
/* Network devices came, went or were renamed: attach where a port has appeared. */
int gate_links_changed(struct gate *gate, struct diags *diags);
/* Addresses came or went: if the policy in force depends on them, it is made again, out of memory,
 * and swapped in. 1: that was done; 0: nothing was to do. On failure what was in force goes on. */
int gate_addresses_changed(struct gate *gate, struct diags *diags);
/* Note that the daemon stops, and leave all as it is: then the policy file is loaded at the next start, as
 * it is by then. Else, if a policy is found, the daemon before has died, and nobody has asked for what
 * may have been edited meanwhile. */
int gate_leave(struct gate *gate, struct diags *diags);
/* Put the pass program in every slot and leave all else: what a clean stop does. */
int gate_disarm(struct gate *gate, struct diags *diags);
/* Frees the daemon's side only: pins and programs stay as they are. NULL is fine. */
struct gate *gate_free(struct gate *gate);

/* Reads the policy file again and swaps it in. On failure the old policy stays in force.
 * -EBUSY: another waits to be confirmed, and this one is not to be. -ECANCELED: the file is one that
 * was undone. */
int gate_reload(struct gate *gate, const struct gate_change *change, struct gate_changed *ret,
		struct diags *diags);
/* The policy that waits to be confirmed stays. -ENOENT: none does. */
int gate_confirm(struct gate *gate, const char *who, struct gate_changed *ret, struct diags *diags);
/* Back to a policy of the history; id 0: to the one before: that which waits to be confirmed is
 * undone. -ENOENT: there is none. */
int gate_rollback(struct gate *gate, uint64_t id, const struct gate_change *change,
		  struct gate_changed *ret, struct diags *diags);
int gate_get_history(struct gate *gate, struct gate_history *ret);
/* When the policy in force is undone unless confirmed, CLOCK_MONOTONIC; 0: it stays. Then
 * gate_deadline() is to be called; 1: it was undone; 0: nothing was to do. */
uint64_t gate_next_deadline(const struct gate *gate);
int gate_deadline(struct gate *gate, struct diags *diags);
/* The i-th file or pattern to watch; false: there are no more. They change with each load. */
bool gate_watched(const struct gate *gate, size_t i, struct gate_watch *ret);
/* These may have changed (NULL: all): those that have are read, and put in force with all else as it
 * was. What is refused stays as it was, says so once in diags and always in the status. 1: something
 * was put in force; 0: nothing was to do. */
int gate_feeds_changed(struct gate *gate, const char *const *paths, size_t n, struct diags *diags);
/* What some list file holds is not in force: look again later. */
bool gate_feeds_refused(const struct gate *gate);
/* When the next rule or set of the policy that was loaded last expires, in seconds since 1970; 0:
 * none will. Then gate_expired() is to be called: it makes the policy in force again, without them. */
uint64_t gate_next_expiry(const struct gate *gate);
int gate_expired(struct gate *gate, struct diags *diags);
/* Reads and compiles a policy file (NULL: the daemon's own) without a trace in the kernel. */
int gate_check(struct gate *gate, const char *path, struct diags *diags);
int gate_get_status(struct gate *gate, struct gate_status *ret);
int gate_get_stats(struct gate *gate, struct stats *ret);
int gate_get_rules(struct gate *gate, struct gate_rules *ret);
/* The policy in force as a policy file, normalised, with what its lists hold; caller frees. */
int gate_get_policy(struct gate *gate, char **ret, uint64_t *ret_generation, struct diags *diags);
/* What the policy in force makes of a frame that arrives on the port of an interface, by a probe: no
 * counter moves. -ENOENT: there is no such interface. */
int gate_explain(struct gate *gate, const char *interface, const uint8_t *frame, size_t len,
		 struct explanation *ret, struct diags *diags);

/* Let whoever opens the ring have copies of about one packet in one_in (at least 1), for so many seconds
 * from now on; no packet's fate changes. Called again: likewise from now on. */
int gate_trial_start(struct gate *gate, uint32_t seconds, uint32_t one_in, struct gate_trial *ret,
		     struct diags *diags);
/* No more. None being under way is no failure. */
int gate_trial_stop(struct gate *gate, struct diags *diags);

/* Live sets: as live_sets_add() and the others of live_sets.h. guard: which connections an entry must
 * not cut. */
int gate_set_add(struct gate *gate, const char *set, const struct live_request *items, size_t n,
		 enum guard_level guard, struct live_result *ret, struct diags *diags);
int gate_set_del(struct gate *gate, const char *set, const struct live_prefix *items, size_t n,
		 struct live_result *ret, struct diags *diags);
int gate_set_flush(struct gate *gate, const char *set, struct live_result *ret,
		   struct diags *diags);
int gate_set_replace(struct gate *gate, const char *set, const struct live_request *items, size_t n,
		     enum guard_level guard, struct live_result *ret, struct diags *diags);
int gate_set_test(struct gate *gate, const char *set, const struct live_prefix *prefix,
		  struct live_listed *ret, struct diags *diags);
int gate_set_list(struct gate *gate, const char *set, const struct live_prefix *after, size_t most,
		  struct live_list *ret, struct diags *diags);
int gate_set_status(struct gate *gate, const char *set, struct live_set_states *ret,
		    struct diags *diags);
bool gate_set_may_write(const struct gate *gate, const char *set, uid_t uid);
bool gate_set_is_writer(const struct gate *gate, uid_t uid);
void gate_set_tick(struct gate *gate);
uint64_t gate_set_next_end(const struct gate *gate);

/* Let every packet of an interface (logical name or port; NULL: of all) pass, or filter it
 * again. Sticky: holds until told otherwise, over reloads and restarts of the daemon. */
int gate_set_off(struct gate *gate, const char *interface, bool off, struct diags *diags);
/* Detach from every interface and remove every pin. The daemon has nothing left to do. */
int gate_detach(struct gate *gate, struct diags *diags);
/* gate_detach() has succeeded: only gate_free() is left to call. */
bool gate_is_detached(const struct gate *gate);

void gate_status_free(struct gate_status *status);
void gate_rules_free(struct gate_rules *rules);
void gate_history_free(struct gate_history *history);
