/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm6.h: what the builders of the IPv6 table share: lpm6.c turns intervals into entries of
 * trees, lpm6_tree.c lays a tree out. See abi.h for the layout.
 */
#pragma once

#include "intervals.h"

/* An entry of a tree: from the key to the next one. */
struct start {
	uint64_t key, word;
	uint32_t value; /* by number */
	uint32_t after; /* number of the value that says, for all keys: what holds behind it */
	uint8_t halves; /* of the word, which the entry has: 0, the upper one, or both */
};

/* Room for n words in the table, all 0, from a multiple of `align` words on; n up to 512 MiB. 0,
 * -ENOMEM or -E2BIG. */
int lpm6_reserve(struct tables *tables, size_t n, size_t align, uint32_t *ret_index);

/* Lay out the tree of n ascending starts, the first at 0. value_size: log2 of a value's bytes. 0,
 * -ENOMEM or -E2BIG. */
int lpm6_tree(struct tables *tables, const struct start *starts, size_t n, unsigned int value_size,
	      uint64_t *ret_tree);
