/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * space.h: addresses as ranges, to ask quickly whether a prefix has any of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "live.h"
#include "policy.h"

struct address {
	uint64_t hi, lo; /* in host byte order; IPv4: lo */
};

struct address_range {
	struct address first, last; /* inclusive */
};

struct space {
	struct address_range *ranges[N_FAMILIES]; /* ascending; they do not touch */
	size_t n[N_FAMILIES];
};

/* The addresses of a set's prefixes. 0 or -ENOMEM. */
int space_of(const struct prefix_set *prefixes, struct space *ret);
void space_done(struct space *space);
bool space_equal(const struct space *a, const struct space *b);
/* A range that the prefix shares an address with, or NULL. */
const struct address_range *space_overlap(const struct space *space,
					  const struct live_prefix *prefix);
