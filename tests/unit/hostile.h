/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hostile.h: policies that are unkind to the compiler: as many rules, sets, prefixes, distinct
 * rows, crossings of fields as the limits allow, and more.
 */
#pragma once

#include "policy.h"

struct hostile {
	const char *name;
	void (*build)(struct policy *policy); /* one interface, one empty ruleset is there */
	unsigned int seconds;   /* of processor time that it may take to compile, at most */
	unsigned int megabytes; /* likewise, of memory, the tables included */
	bool may_refuse;        /* with an error that names a rule */
	bool by_hand;           /* too large for every run */
};

extern const struct hostile hostiles[];
extern const size_t n_hostiles;
