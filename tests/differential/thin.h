/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * thin.h: large policies made small for one packet: of each set, only the prefixes that hold one
 * of the packet's addresses are left. A linear matcher's answer does not depend on the others, so
 * the oracle, which takes a millisecond for 100,000 prefixes, can judge many packets.
 */
#pragma once

#include "policy.h"

typedef unsigned __int128 u128;

struct thinner;

/* The policy must outlive it. NULL when out of memory. */
struct thinner *thinner_new(const struct policy *policy);
struct thinner *thinner_free(struct thinner *thinner); /* NULL is fine; returns NULL */

/* For _cleanup_(). */
static inline void thinner_freep(struct thinner **thinner)
{
	thinner_free(*thinner);
}

/* The policy for packets with these addresses, valid up to the next call. IPv4 addresses are the
 * upper 32 bits. */
const struct policy *thin(struct thinner *thinner, enum family family,
			  const u128 addresses[N_ADDRESS_FIELDS]);
