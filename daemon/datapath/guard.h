/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard.h: the lock-out guard: what is about to come in force must not cut what this machine is
 * reached by. vital.h says what that is; here it is put before the programs that would judge it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "diag.h"
#include "live.h"
#include "live_maps.h"
#include "policy.h"
#include "vital.h"

struct datapath;

/* How a change is guarded, and what came of it. */
struct guard_request {
	enum guard_level level;        /* GUARD_OFF: nothing is judged */
	bool warn;                     /* what would be cut is warned of, and nothing is refused */
	const struct endpoint *logins; /* that login sessions come from; in order */
	size_t n_logins;
	/* Connections that the level does not count, and that are cut. */
	size_t n_strangers;
	char stranger[VITAL_TEXT]; /* the first of them */
};

/* --- single entries of live sets --------------------------------------------------------- */

/*
 * What is known of the traffic is kept for a moment, so that a bulk of entries does not read it for
 * each call: a connection that is younger may go unseen.
 */
struct guard_live;

struct guard_live *guard_live_new(void); /* NULL: out of memory */
struct guard_live *guard_live_free(struct guard_live *guard);

/* What live sets hold of an address, apart from what is about to change. */
typedef bool guard_holds(void *context, const char *set, const struct live_prefix *host);

/* A call begins: read what there is, unless that was just done. What cannot be read is a warning. */
void guard_live_begin(struct guard_live *guard, struct datapath *datapath,
		      const struct guard_request *request, struct diags *diags);

/*
 * guard_live_judge() - may the set hold the prefix, too? 0: it cuts nothing; -EPERM with *ret_why, a
 * text for people, the caller's (NULL: out of memory).
 */
int guard_live_judge(struct guard_live *guard, const char *set, const struct live_prefix *prefix,
		     guard_holds *holds, void *context, char **ret_why);
