/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compile_internal.h: what the parts of the compiler share.
 */
#pragma once

#include "compile.h"
#include "rows.h"

struct compiler {
	const struct policy *policy;
	struct tables *tables;
	struct rows rows;
	struct diags *diags;
	uint64_t *scratch; /* one row, for whoever builds one */
	size_t at_rule;    /* bit of the rule in hand, to be named if limits are exceeded */
};

/* For each rule of the policy: `bit` is its position, in order. */
#define FOR_EACH_RULE(compiler, ruleset_index, rule_index, rule, bit)                              \
	for (size_t ruleset_index = 0; ruleset_index < (compiler)->policy->n_rulesets;             \
	     ruleset_index++)                                                                      \
		for (size_t rule_index = 0, bit = 0;                                               \
		     rule_index < (compiler)->policy->rulesets[ruleset_index].n_rules &&           \
		     (rule = &(compiler)->policy->rulesets[ruleset_index].rules[rule_index],       \
		     bit = (compiler)->tables->first_bit[ruleset_index] + rule_index, (void)bit,   \
		     true);                                                                        \
		     rule_index++)

static inline void row_set(uint64_t *row, size_t bit)
{
	row[bit / ROW_WORD_BITS] |= 1ULL << bit % ROW_WORD_BITS;
}

static inline void row_clear(uint64_t *row, size_t bit)
{
	row[bit / ROW_WORD_BITS] &= ~(1ULL << bit % ROW_WORD_BITS);
}

/* addresses.c: the LPM entries and rows of one address field, both families. */
int compile_addresses(struct compiler *compiler, enum address_field field);

/* macs.c: the entries and rows of one MAC field, if some rule looks at it. Before all others: row
 * numbers must fit an entry. */
int compile_macs(struct compiler *compiler, enum mac_field field);

/* fold.c: the arrays, folds and rows of the scalar fields `used` (bit enum scalar_field) by any
 * policy; the configs say in uses_scalars already what each looks at. */
int compile_scalars(struct compiler *compiler, uint32_t used);
