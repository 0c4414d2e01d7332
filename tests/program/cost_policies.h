/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cost_policies.h: policies from nothing to everything, for the test of what the kernel's
 * verifier makes of the program: each has other parts of it loaded.
 */
#pragma once

#include "policy.h"

struct cost_policy {
	const char *name;
	/* Into a policy without interfaces and rulesets; interface 0 is the one to be loaded. */
	void (*build)(struct policy *policy);
};

extern const struct cost_policy cost_policies[];
extern const size_t n_cost_policies;

/* The first of them; COST_EVERYTHING has all that the others have. */
enum { COST_NO_RULE, COST_ONE_SET, COST_PORTS, COST_EVERYTHING };
