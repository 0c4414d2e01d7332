/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * intervals.h: a family's address space cut into intervals, each with the row of rules that its
 * addresses satisfy; and the builders of the tables that find an address's interval.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compile.h"

/* From this address on, up to the next interval. IPv4 addresses are the upper 32 bits of hi. */
struct interval {
	uint64_t hi, lo;
	uint32_t row;
};

/* Ascending; the first starts at 0; neighbours differ in row. */
struct intervals {
	struct interval *items;
	size_t n, capacity;
};

/* From here on the row holds. Calls come in ascending order; of those at one address the last
 * counts. 0 or -ENOMEM. */
int intervals_add(struct intervals *intervals, uint64_t hi, uint64_t lo, uint32_t row);

/* 512 MiB: no value of a map may exceed it. */
#define LPM_MAX_WORDS (1U << 26)

/* lpm4.c, lpm6.c: append the table of the intervals to tables->lpm4 or lpm6; what is returned is
 * for the field's settings. 0, -ENOMEM, or -E2BIG if the table would exceed 512 MiB. */
int lpm4_build(struct tables *tables, const struct intervals *intervals, uint32_t *ret_root);
int lpm6_build(struct tables *tables, const struct intervals *intervals, uint64_t *ret_tree,
	       uint32_t *ret_values);

/* lpm4_tree.c: the same as a tree of tables, if that takes at most max_words; else -E2BIG, and
 * nothing was appended. stride: bits that each table takes, of 24, but for the first. */
struct lpm4_tree {
	uint32_t root;
	uint8_t stride, steps; /* as the field's settings say */
};
int lpm4_tree_build(struct tables *tables, const struct intervals *intervals, unsigned int stride,
		    size_t max_words, struct lpm4_tree *ret);
