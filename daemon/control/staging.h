/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * staging.h: the entries that shall replace those of a live set, while they come in calls of at most
 * one message each. They are the session's, and in force only when the last call says so.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "live_sets.h"

struct session;

struct staging {
	char set[NAME_LEN];
	struct live_request *items; /* with comments of their own */
	size_t n, size;
	size_t bytes;        /* of all, as counted against the limits */
	uint64_t since_usec; /* when the last part came */
};

/* Append copies, to a new staging if there is none. -ENOSPC: over the limits of bounds.h; -ENOMEM.
 * On failure, the staging is as it was. */
int staging_add(struct session *session, const char *set, const struct live_request *items,
		size_t n);

/* Throw it away. No staging is fine. */
void staging_drop(struct session *session);
