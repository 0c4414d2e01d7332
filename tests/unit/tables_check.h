/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tables_check.h: compiled tables against brute force: for values at and beside every edge,
 * the row that the tables lead to must have the bits of just those rules whose condition
 * holds. All of these fail the test at once.
 */
#pragma once

#include "compile.h"
#include "rng.h"
#include "tables_lookup.h"

/* One interface's view of the tables. */
struct subject {
	const struct policy *policy;
	const struct tables *tables;
	size_t interface;
	const struct ruleset *ruleset;
	const struct ruleset_config *config;
	uint32_t first_bit;
};

/* Compiles a policy that must compile. */
struct tables *compiled(const struct policy *policy);

/* Everything, for all interfaces; random values besides the edges. */
void check_tables(struct rng *rng, const struct policy *policy, const struct tables *tables);

/* Its parts. */
struct subject subject_of(const struct policy *policy, const struct tables *tables,
			  size_t interface);
void check_config(const struct subject *s);
void check_scalar_value(const struct subject *s, unsigned int field, uint32_t value);
void check_prefix_v4(const struct subject *s, unsigned int field, struct prefix_v4 prefix);
void check_prefix_v6(const struct subject *s, unsigned int field, struct prefix_v6 prefix);
