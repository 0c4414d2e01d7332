/* SPDX-License-Identifier: GPL-2.0-only */
#include "space.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

static int compare_addresses(const struct address *a, const struct address *b)
{
	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	return a->lo == b->lo ? 0 : a->lo < b->lo ? -1 : 1;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct address_range *left = a, *right = b;

	return compare_addresses(&left->first, &right->first);
}

/* n low bits, 0 .. 64. */
static uint64_t low_bits(unsigned int n)
{
	return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* From the first address on, all that share its first `len` bits. */
static struct address_range range_of(enum family family, struct address first, unsigned int len)
{
	unsigned int host = (family == FAMILY_V4 ? 32 : 128) - len;
	struct address_range range = { first, first };

	range.last.lo |= low_bits(host < 64 ? host : 64);
	range.last.hi |= low_bits(host > 64 ? host - 64 : 0);
	return range;
}

static bool follows(const struct address *last, const struct address *next)
{
	struct address after = { last->hi + (last->lo == UINT64_MAX), last->lo + 1 };

	return compare_addresses(next, &after) <= 0 ||
	       (last->hi == UINT64_MAX && last->lo == UINT64_MAX);
}

/* Sort; join what overlaps or touches. */
static size_t join(struct address_range *ranges, size_t n)
{
	size_t out = 0;

	qsort(ranges, n, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < n; i++) {
		if (out && follows(&ranges[out - 1].last, &ranges[i].first)) {
			if (compare_addresses(&ranges[i].last, &ranges[out - 1].last) > 0)
				ranges[out - 1].last = ranges[i].last;
		} else {
			ranges[out++] = ranges[i];
		}
	}
	return out;
}

int space_of(const struct prefix_set *prefixes, struct space *ret)
{
	struct space space = {
		.ranges = {
			[FAMILY_V4] = calloc(prefixes->n_v4 + 1, sizeof(struct address_range)),
			[FAMILY_V6] = calloc(prefixes->n_v6 + 1, sizeof(struct address_range)),
		},
	};

	if (!space.ranges[FAMILY_V4] || !space.ranges[FAMILY_V6]) {
		space_done(&space);
		return -ENOMEM;
	}
	for (size_t i = 0; i < prefixes->n_v4; i++)
		space.ranges[FAMILY_V4][i] =
			range_of(FAMILY_V4, (struct address){ 0, prefixes->v4[i].addr },
				 prefixes->v4[i].len);
	for (size_t i = 0; i < prefixes->n_v6; i++)
		space.ranges[FAMILY_V6][i] = range_of(
			FAMILY_V6, (struct address){ prefixes->v6[i].hi, prefixes->v6[i].lo },
			prefixes->v6[i].len);
	space.n[FAMILY_V4] = join(space.ranges[FAMILY_V4], prefixes->n_v4);
	space.n[FAMILY_V6] = join(space.ranges[FAMILY_V6], prefixes->n_v6);
	*ret = space;
	return 0;
}

void space_done(struct space *space)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		free(space->ranges[family]);
	*space = (struct space){};
}

bool space_equal(const struct space *a, const struct space *b)
{
	for (enum family family = 0; family < N_FAMILIES; family++)
		if (a->n[family] != b->n[family] ||
		    (a->n[family] && memcmp(a->ranges[family], b->ranges[family],
					    a->n[family] * sizeof(*a->ranges[family])) != 0))
			return false;
	return true;
}

static uint64_t read_be(const uint8_t *bytes, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | bytes[i];
	return value;
}

const struct address_range *space_overlap(const struct space *space,
					  const struct live_prefix *prefix)
{
	enum family family = prefix->family;
	struct address first = family == FAMILY_V4
				       ? (struct address){ 0, read_be(prefix->addr, 4) }
				       : (struct address){ read_be(prefix->addr, 8),
							   read_be(prefix->addr + 8, 8) };
	struct address_range range = range_of(family, first, prefix->len);
	size_t low = 0, high = space->n[family];

	/* The first range that does not end before the prefix begins. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_addresses(&space->ranges[family][middle].last, &range.first) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == space->n[family] ||
	    compare_addresses(&space->ranges[family][low].first, &range.last) > 0)
		return NULL;
	return &space->ranges[family][low];
}
