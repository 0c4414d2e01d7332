/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sort.c: a radix sort, from the least significant byte on, that passes over bytes which are the
 * same in all keys. Its time does not depend on the order, but lists that are in order, as most
 * are, are left alone.
 */
#include "sort.h"

#include <stdint.h>
#include <string.h>

#include "util.h"

#define MAX_DIGITS 17

/* Where the bytes of the key lie in an element, the least significant first. */
struct layout {
	size_t n_digits;
	uint8_t offsets[MAX_DIGITS];
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE(type, member, n) (offsetof(type, member) + (n))
#else
#define BYTE(type, member, n) (offsetof(type, member) + sizeof(((type *)0)->member) - 1 - (n))
#endif
#define V4(member, n) BYTE(struct prefix_v4, member, n)
#define V6(member, n) BYTE(struct prefix_v6, member, n)
#define LOW_TO_HIGH(of, member)                                                                    \
	of(member, 0), of(member, 1), of(member, 2), of(member, 3), of(member, 4), of(member, 5),  \
		of(member, 6), of(member, 7)

static const struct layout layout_v4 = {
	5, { V4(len, 0), V4(addr, 0), V4(addr, 1), V4(addr, 2), V4(addr, 3) }
};
static const struct layout layout_v6 = { 17,
					 { V6(len, 0), LOW_TO_HIGH(V6, lo), LOW_TO_HIGH(V6, hi) } };

/* How often each value of each byte of the key is there. */
struct histogram {
	uint32_t counts[MAX_DIGITS][256];
};

/* Inlined with constants for size and layout: copies are then a few instructions. */
static inline __attribute__((always_inline)) void count(struct histogram *histogram,
							const uint8_t *items, size_t n, size_t size,
							const struct layout *layout)
{
	for (size_t i = 0; i < n; i++)
		for (size_t digit = 0; digit < layout->n_digits; digit++)
			histogram->counts[digit][items[i * size + layout->offsets[digit]]]++;
}

static inline __attribute__((always_inline)) void scatter(const uint32_t *counts,
							  const uint8_t *from, uint8_t *to,
							  size_t n, size_t size, size_t offset)
{
	uint32_t next[256], sum = 0;

	for (int value = 0; value < 256; value++) {
		next[value] = sum;
		sum += counts[value];
	}
	for (size_t i = 0; i < n; i++)
		memcpy(to + size * next[from[i * size + offset]]++, from + i * size, size);
}

static inline __attribute__((always_inline)) int sort(void *items, size_t n, size_t size,
						      const struct layout *layout)
{
	_cleanup_free_ struct histogram *histogram = calloc(1, sizeof(*histogram));
	_cleanup_free_ uint8_t *scratch = reallocarray(NULL, n, size);
	uint8_t *from = items, *to = scratch;

	if (!histogram || !scratch)
		return -ENOMEM;
	count(histogram, items, n, size, layout);
	for (size_t digit = 0; digit < layout->n_digits; digit++) {
		const uint32_t *counts = histogram->counts[digit];
		size_t offset = layout->offsets[digit];
		uint8_t *swap = from;

		if (counts[from[offset]] == n)
			continue;
		scatter(counts, from, to, n, size, offset);
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, n * size);
	return 0;
}

static bool in_order_v4(const struct prefix_v4 *a, const struct prefix_v4 *b)
{
	return a->addr != b->addr ? a->addr < b->addr : a->len <= b->len;
}

static bool in_order_v6(const struct prefix_v6 *a, const struct prefix_v6 *b)
{
	if (a->hi != b->hi)
		return a->hi < b->hi;
	return a->lo != b->lo ? a->lo < b->lo : a->len <= b->len;
}

int sort_v4(struct prefix_v4 *prefixes, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (!in_order_v4(&prefixes[i - 1], &prefixes[i]))
			return sort(prefixes, n, sizeof(*prefixes), &layout_v4);
	return 0;
}

int sort_v6(struct prefix_v6 *prefixes, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (!in_order_v6(&prefixes[i - 1], &prefixes[i]))
			return sort(prefixes, n, sizeof(*prefixes), &layout_v6);
	return 0;
}
