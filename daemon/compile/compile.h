/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compile.h: from a policy to tables, the arrays that the ruleset program reads. A pure
 * function: no system call, no global state, the same bytes for the same policy.
 *
 * Aggregated bit vectors: every rule has a bit position; every value of every field leads to
 * a row of bits, one for each rule that the value satisfies. The program ANDs the rows of a
 * packet's fields; the set bits, in order, are the matching rules in order.
 */
#pragma once

#include "abi.h"
#include "diag.h"
#include "policy.h"

struct tables {
	/* rows: of row 0, row 1, …, each its summary and its row_words words of rule bits */
	uint64_t *rows;
	uint32_t n_rows, row_words;
	size_t n_row_words; /* in all */

	/* longest prefix match: both fields' tables; see abi.h for their layout */
	uint64_t *lpm4;
	size_t n_lpm4, lpm4_capacity;
	uint32_t lpm4_kinds; /* bit enum lpm4_kind */
	uint64_t *lpm6;
	size_t n_lpm6, lpm6_capacity;
	uint32_t lpm6_uses;                  /* LPM6_USES_.. */
	uint32_t prefixes[N_ADDRESS_FIELDS]; /* USES_PREFIXES() of the families that have any */

	/* MAC addresses that rules name; see abi.h */
	uint64_t *macs;
	uint32_t n_macs;

	/* scalars: for each field that a rule looks at, the row number of packets without it,
	 * then one for each value of its domain */
	uint16_t *scalars;
	uint32_t n_scalars;

	/* actions: row_words * ROW_WORD_BITS, by bit position; slots are left 0 */
	struct rule_action *actions;
	uint32_t n_actions;

	/* what few rules have besides; [0] is nobody's. Bits of live sets are those of
	 * policy.live_sets, as are live_slots in configs: the datapath knows the slots. */
	struct rule_extra *extras;
	uint32_t n_extras;

	/* Settings for each interface of the policy; generation, interface_block,
	 * interface_actions, n_actions and probe are left 0 for the datapath to fill in. */
	struct ruleset_config *configs;
	size_t n_configs;

	/* Bit position of rule r of ruleset s is first_bit[s] + r. */
	uint32_t *first_bit;
};

/* 0 with *ret owned by the caller, -EINVAL with errors in diags, -ENOMEM. */
int tables_compile(const struct policy *policy, struct tables **ret, struct diags *diags);

/* Frees tables; NULL and half-built ones are fine. Returns NULL. */
struct tables *tables_free(struct tables *tables);

/* For _cleanup_(). */
static inline void tables_freep(struct tables **tables)
{
	tables_free(*tables);
}
