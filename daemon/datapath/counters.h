/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counters.h: which counter slot belongs to whom, over reloads, restarts and upgrades.
 *
 * A slot belongs to an identity: policy, rule and interface; an interface's own block of
 * slots has just its name. The registry, a pinned hash map, says which; pages of slots are
 * appended when needed, never replaced. User space never writes a slot, since zeroing races
 * with the programs' increments: what a slot held when its owner got it is its baseline.
 *
 * An identity that no generation names any more is retired. It keeps its slot, so a rule
 * that comes back goes on counting where it stopped; after a grace period, when a program
 * that was still running has long ended, another may have the slot.
 */
#pragma once

#include <stdint.h>

#include "abi.h"
#include "diag.h"
#include "pins.h"
#include "policy.h"

/* Key of the registry: all bytes count, so the rest of each name is zeros. */
struct counter_identity {
	char policy[NAME_LEN];
	char rule[NAME_LEN];
	char interface[NAME_LEN];
};

struct counters;

/* Open the pinned counters, or make and pin new ones (pins NULL: private, not pinned). What
 * is pinned is checked; what does not fit is refused with a diag, not believed. */
int counters_open(const struct pins *pins, struct counters **ret, struct diags *diags);
struct counters *counters_close(struct counters *counters); /* NULL is fine; returns NULL */

/* For the programs, and still the counters': the ARRAY_OF_MAPS, and the page of a slot. */
int counters_pages_fd(const struct counters *counters);
int counters_page_fd(const struct counters *counters, uint32_t slot);

/* The slot of an identity (the first of INTERFACE_BLOCK, aligned, if its rule is ""); given
 * one if it has none, or awakened if it was retired. */
int counters_assign(struct counters *counters, const struct counter_identity *identity,
		    uint32_t *ret_slot, struct diags *diags);

/* Between these two, counters_assign() notes who is still wanted; all others retire. */
void counters_begin(struct counters *counters);
void counters_retire_others(struct counters *counters);

/* From here on counters_read() looks at the kernel afresh; between two of these it may answer
 * from what it has of a page. */
void counters_snapshot(struct counters *counters);
/* What a slot counted since its owner got it, summed over CPUs. */
int counters_read(struct counters *counters, uint32_t slot, struct counter *ret);
