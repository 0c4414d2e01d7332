/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * elements.h: the prefixes of many sets in one order: by address, then length, then set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One prefix of one set. IPv4 addresses are in the upper half of hi. */
struct element {
	uint64_t hi, lo;
	uint32_t set;
	uint8_t len;
};

static inline bool element_holds(const struct element *outer, const struct element *inner)
{
	uint64_t hi = outer->hi ^ inner->hi, lo = outer->lo ^ inner->lo;

	if (outer->len == 0)
		return true;
	if (outer->len <= 64)
		return hi >> (64 - outer->len) == 0;
	return hi == 0 && (outer->len == 128 ? lo : lo >> (128 - outer->len)) == 0;
}

static inline bool same_prefix(const struct element *a, const struct element *b)
{
	return a->hi == b->hi && a->lo == b->lo && a->len == b->len;
}

/* Sort n elements, in time that shrinks with the order they have already: list files mostly
 * are sorted. 0 or -ENOMEM. */
int elements_sort(struct element *elements, size_t n);
