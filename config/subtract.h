/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * subtract.h: a set of prefixes without the addresses of another.
 */
#pragma once

#include "policy.h"

/* Put the set into ascending order, without elements inside of others. 0 or -ENOMEM. */
int set_order(struct prefix_set *set);

/*
 * set_subtract() - take from the set every address that except holds. An element that holds some
 * of them is cut around them, into as few prefixes as there can be; the others stay as they are,
 * but for those inside of another element, which go. Both sets are then in ascending order, and
 * their elements disjoint. Linear in the elements of both and in the result, once they are sorted.
 * 0, -ENOMEM, or -E2BIG: more than most prefixes; the set is anything then, but may be freed.
 */
int set_subtract(struct prefix_set *set, struct prefix_set *except, size_t most);
