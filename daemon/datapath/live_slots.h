/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_slots.h: the tables know live sets by their number in the policy, programs by their slot.
 */
#pragma once

#include "compile.h"
#include "live_maps.h"

/* By number in the policy: the slot, given to the set if it has none. live may be NULL if there are
 * no live sets. */
int live_slots_assign(const struct policy *policy, struct live_maps *live,
		      uint32_t slots[static MAX_LIVE_SETS], struct diags *diags);
void live_slots_in_config(const uint32_t *slots, struct ruleset_config *config);
/* A copy of the tables' extras, tables->n_extras of them; the caller frees it. 0 or -ENOMEM. */
int live_slots_in_extras(const uint32_t *slots, const struct tables *tables,
			 struct rule_extra **ret);
