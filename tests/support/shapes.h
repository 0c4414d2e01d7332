/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shapes.h: large sets of prefixes in the shapes that tables are built for, and in those that
 * are unkind to them.
 */
#pragma once

#include "policy.h"
#include "rng.h"

#define SHAPE_SETS 4

struct shape {
	const char *name;
	enum family family;
	uint32_t n; /* prefixes in each set; 0: as many as the shape has */
	/* Fills the policy's first SHAPE_SETS sets. */
	void (*fill)(struct rng *rng, struct policy *policy, uint32_t n);
	bool sweep; /* besides random ones, meet the prefixes in order */
};

extern const struct shape shapes[];
extern const size_t n_shapes;
