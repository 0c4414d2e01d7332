/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pending.h: a generation that waits to be confirmed, and is undone unless it is.
 *
 * While generation N waits, what it has for each port's slot is front.bpf.c over N's own program and that
 * of M, which was in force before and stays pinned. PIN_DIR/pending is the map that all of them look at:
 * the deadline in jiffies. So N is undone on time whether or not a daemon lives, and one store into the map
 * confirms it, or undoes it, for all packets of all ports.
 *
 *   1. N is pinned, with its programs in front; then pending {M, N, deadline}, not yet swapped
 *                                              (dies here: M is in the slots, N and pending go)
 *   2. intent {M, N}; the slots; pending is swapped; the intent goes
 *                                              (dies here: finished from the pins)
 *   confirmed: the deadline becomes PENDING_CONFIRMED      (dies here: finished from the pins)
 *   3. N's own programs into the slots, the programs in front and M go, pending last
 *   undone: the deadline becomes 0, or passes              (dies here: likewise)
 *   3. M's programs into the slots, N goes, pending last
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "diag.h"
#include "generation.h"
#include "pins.h"

struct pending {
	int fd;
	volatile struct pending_state *state; /* the map's, mapped */
	struct generation *before; /* generation state->from; NULL: nothing was in force */
};

/* deadline_ns: CLOCK_MONOTONIC. Not pinned yet. before stays NULL. */
int pending_new(uint64_t from, uint64_t to, uint64_t deadline_ns, struct pending **ret,
		struct diags *diags);
struct pending *pending_free(struct pending *pending); /* the pin stays; NULL is fine */

/* What is pinned. -ENOENT: nothing. -EINVAL: it is not ours. */
int pending_open(const struct pins *pins, struct pending **ret);
/* Pin it in the place of another. */
int pending_pin(const struct pins *pins, const struct pending *pending, struct diags *diags);
int pending_unpin(const struct pins *pins);

bool pending_is_confirmed(const struct pending *pending);
/* The deadline has passed, or it was undone. */
bool pending_is_overdue(const struct pending *pending);
