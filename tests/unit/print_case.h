/* SPDX-License-Identifier: GPL-2.0-only */
/* print_case.h: what a policy must be that was printed and read again. */
#pragma once

#include "policy.h"

/* The same tables, byte by byte, names, live sets and tests. text is shown if they differ. */
void assert_same_policy(const struct policy *a, const struct policy *b, const char *name,
			const char *text);
/* Sets of each condition as the loader has them. */
void order_all_sets(struct policy *policy);
