/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hostile.h: policies that are unkind to the compiler: as many rules, sets, prefixes, distinct
 * rows, crossings of fields as the limits allow, and more. tests/unit/test_hostile.c compiles
 * them, tests/differential/test_hostile.c compares what becomes of packets with the oracle.
 */
#pragma once

#include "policy.h"

struct hostile {
	const char *name;
	void (*build)(struct policy *policy); /* one interface, one empty ruleset is there */
	unsigned int megabytes; /* that it may take to compile, at most, the tables included */
	bool may_refuse;        /* with an error that names a rule */
	bool must_refuse;
	bool by_hand; /* too large for every run */
};

extern const struct hostile hostiles[];
extern const size_t n_hostiles;
