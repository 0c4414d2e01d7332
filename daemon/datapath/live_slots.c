/* SPDX-License-Identifier: GPL-2.0-only */
#include "live_slots.h"

#include <string.h>

#include "util.h"

int live_slots_assign(const struct policy *policy, struct live_maps *live,
		      uint32_t slots[static MAX_LIVE_SETS], struct diags *diags)
{
	int r = 0;

	memset(slots, 0, MAX_LIVE_SETS * sizeof(*slots));
	for (size_t i = 0; r >= 0 && i < policy->n_live_sets; i++)
		r = live_maps_assign(live, policy->live_sets[i].name, &slots[i], diags);
	return r;
}

void live_slots_in_config(const uint32_t *slots, struct ruleset_config *config)
{
	for (int field = 0; field < N_ADDRESS_FIELDS; field++)
		for (uint32_t i = 0; i < config->n_live[field]; i++)
			config->live_slots[field][i] = slots[config->live_slots[field][i]];
}

static uint64_t slot_bits(const uint32_t *slots, uint64_t sets)
{
	uint64_t bits = 0;

	for (uint32_t set = 0; set < MAX_LIVE_SETS; set++)
		if (sets >> set & 1)
			bits |= UINT64_C(1) << slots[set];
	return bits;
}

int live_slots_in_extras(const uint32_t *slots, const struct tables *tables,
			 struct rule_extra **ret)
{
	struct rule_extra *extras = calloc(tables->n_extras, sizeof(*extras));

	if (!extras)
		return -ENOMEM;
	memcpy(extras, tables->extras, tables->n_extras * sizeof(*extras));
	for (uint32_t i = 0; i < tables->n_extras; i++)
		for (int field = 0; field < N_ADDRESS_FIELDS; field++)
			extras[i].live[field] = slot_bits(slots, extras[i].live[field]);
	*ret = extras;
	return 0;
}
