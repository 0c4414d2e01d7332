/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm6.c: IPv6 intervals to tables and chunks; see abi.h for the layout.
 *
 * Both halves of the address are searched in the same way, so first the intervals are split:
 * a list of starts of upper halves, where the value at a half that is cut further is the entry
 * of its own list of lower halves.
 */
#include "intervals.h"

#include <string.h>

#include "util.h"

#define SMALL_CHUNK 12 /* starts that are searched as they are: about two cache lines */
#define PER_SLOT 4     /* starts that a table has on average in one of its entries */
#define MAX_TABLE_BITS 20

/* Ascending starts of 64 bits, each with the value that holds from there on. */
struct half {
	uint64_t start;
	uint32_t value; /* as in a chunk */
};

static uint64_t entry_of(uint64_t kind, uint64_t index)
{
	return kind << LPM6_KIND_SHIFT | index;
}

/* An entry that needs no key, because all keys that get to it have the value. */
static uint64_t entry_of_value(uint32_t value)
{
	return entry_of(value & LPM6_VALUE_LOWER ? LPM6_LOWER : LPM6_ROW, value);
}

/* Room for n words; *ret is the index of the first. */
static int reserve(struct tables *tables, size_t n, uint32_t *ret)
{
	int r;

	if (tables->n_lpm6 + n >= LPM6_VALUE_INDEX)
		return -E2BIG;
	r = array_reserve((void **)&tables->lpm6, &tables->lpm6_capacity, tables->n_lpm6 + n,
			  sizeof(*tables->lpm6));
	if (r < 0)
		return r;
	*ret = tables->n_lpm6;
	memset(tables->lpm6 + *ret, 0, n * sizeof(*tables->lpm6));
	tables->n_lpm6 += n;
	return 0;
}

static int build_chunk(struct tables *tables, const struct half *halves, size_t n,
		       uint64_t *ret_entry)
{
	uint32_t base;
	uint64_t *words;
	int r = reserve(tables, n + (n + 1) / 2, &base);

	if (r < 0)
		return r;
	words = tables->lpm6 + base;
	for (size_t i = 0; i < n; i++) {
		words[i] = halves[i].start;
		words[n + i / 2] |= (uint64_t)halves[i].value << (i % 2 * 32);
	}
	*ret_entry = entry_of(LPM6_CHUNK, base) | (uint64_t)n << LPM6_COUNT_SHIFT;
	return 0;
}

/* Table width for n starts when `used` bits of the key are consumed already. */
static unsigned int table_bits(size_t n, unsigned int used)
{
	unsigned int bits = 2;

	while (bits < MAX_TABLE_BITS && (size_t)PER_SLOT << bits < n)
		bits++;
	return bits < 64 - used ? bits : 64 - used;
}

/* The halves that reach into a slot: *first is in force where the slot begins. */
static size_t slot_size(const struct half **first, const struct half *end, uint64_t begin,
			uint64_t last)
{
	const struct half *next;

	while (*first + 1 < end && (*first)[1].start <= begin)
		(*first)++;
	for (next = *first + 1; next < end && next->start <= last; next++)
		;
	return next - *first;
}

/* Would a table spread the starts, or leave most of them in one slot? */
static bool spreads(const struct half *halves, size_t n, uint64_t begin, unsigned int used,
		    unsigned int bits)
{
	const struct half *first = halves;
	unsigned int shift = 64 - used - bits;
	uint64_t slot_mask = shift ? (UINT64_C(1) << shift) - 1 : 0;

	for (uint64_t slot = 0; slot < UINT64_C(1) << bits; slot++) {
		uint64_t from = begin + (slot << shift);

		if (slot_size(&first, halves + n, from, from | slot_mask) > n / 2 + 1)
			return false;
	}
	return true;
}

/* What holds for a key at or behind the half's start, but before the next: only at the start
 * itself is a range more than the row outside it. */
static uint32_t value_at(const struct tables *tables, const struct half *half, uint64_t key)
{
	if (half->value & LPM6_VALUE_RANGE && half->start != key)
		return tables->lpm6[(half->value & LPM6_VALUE_INDEX) + 2] >> 32;
	return half->value;
}

/* The entry for a part of the key space: it begins at `begin` and shares its first `used`
 * bits. halves[0] is in force at its beginning. */
static int build(struct tables *tables, const struct half *halves, size_t n, uint64_t begin,
		 unsigned int used, uint64_t *ret_entry)
{
	unsigned int bits = table_bits(n, used), shift = 64 - used - bits;
	uint64_t slot_mask = shift ? (UINT64_C(1) << shift) - 1 : 0;
	const struct half *first = halves;
	uint32_t base;
	int r;

	if (n == 1 && !(halves->value & LPM6_VALUE_RANGE && halves->start == begin && used < 64)) {
		*ret_entry = entry_of_value(value_at(tables, halves, begin));
		return 0;
	}
	if (n <= SMALL_CHUNK || used == 64 ||
	    (n <= LPM6_MAX_CHUNK && !spreads(halves, n, begin, used, bits)))
		return build_chunk(tables, halves, n, ret_entry);
	r = reserve(tables, UINT64_C(1) << bits, &base);
	for (uint64_t slot = 0; r >= 0 && slot < UINT64_C(1) << bits; slot++) {
		uint64_t from = begin + (slot << shift), entry = 0;
		size_t in_slot = slot_size(&first, halves + n, from, from | slot_mask);

		r = build(tables, first, in_slot, from, used + bits, &entry);
		tables->lpm6[base + slot] = entry;
	}
	*ret_entry = entry_of(LPM6_TABLE, base) | (uint64_t)bits << LPM6_COUNT_SHIFT |
		     (uint64_t)shift << LPM6_SHIFT_SHIFT;
	return r;
}

/* The intervals within one upper half, as a search of their own. `before` is the row in force
 * where it begins. *ret_value is the upper half's value. */
static int build_lower(struct tables *tables, const struct interval *items, size_t n,
		       uint32_t before, uint32_t *ret_value)
{
	_cleanup_free_ struct half *halves = calloc(n + 1, sizeof(*halves));
	uint64_t entry;
	uint32_t index;
	size_t used = 0;
	int r;

	if (!halves)
		return -ENOMEM;
	if (items[0].lo != 0)
		halves[used++] = (struct half){ 0, before };
	for (size_t i = 0; i < n; i++)
		halves[used++] = (struct half){ items[i].lo, items[i].row };
	r = build(tables, halves, used, 0, 0, &entry);
	if (r >= 0)
		r = reserve(tables, 1, &index);
	if (r < 0)
		return r;
	tables->lpm6[index] = entry;
	*ret_value = index | LPM6_VALUE_LOWER;
	return 0;
}

/* Is all that is cut out of the upper half one interval, with the same row before and behind?
 * Then *ret_last is its last lower half. next: the interval behind them, or NULL. */
static bool is_range(const struct interval *items, size_t n, const struct interval *next,
		     uint32_t before, uint64_t *ret_last)
{
	if (n == 2 && items[1].row == before) {
		*ret_last = items[1].lo - 1;
		return true;
	}
	*ret_last = UINT64_MAX;
	return n == 1 && next && next->hi == items[0].hi + 1 && next->lo == 0 &&
	       next->row == before;
}

static int build_range(struct tables *tables, const struct interval *item, uint64_t last,
		       uint32_t outside, uint32_t *ret_value)
{
	uint32_t index;
	int r = reserve(tables, 3, &index);

	if (r < 0)
		return r;
	tables->lpm6[index] = item->lo;
	tables->lpm6[index + 1] = last;
	tables->lpm6[index + 2] = (uint64_t)outside << 32 | item->row;
	*ret_value = index | LPM6_VALUE_LOWER | LPM6_VALUE_RANGE;
	return 0;
}

/* The list of upper halves. A half that is cut has a start of its own, and so has the next,
 * unless a range says what holds there. */
static int split_halves(struct tables *tables, const struct intervals *intervals,
			struct half *halves, size_t *ret_n)
{
	const struct interval *items = intervals->items;
	uint32_t row = 0;
	size_t used = 0;

	for (size_t i = 0, next; i < intervals->n; i = next) {
		const struct interval *behind;
		struct half *half = &halves[used++];
		uint64_t last;
		int r;

		for (next = i + 1; next < intervals->n && items[next].hi == items[i].hi; next++)
			;
		behind = next < intervals->n ? &items[next] : NULL;
		half->start = items[i].hi;
		if (next == i + 1 && items[i].lo == 0) {
			half->value = row = items[i].row;
			continue;
		}
		if (i > 0 && is_range(&items[i], next - i, behind, row, &last)) {
			r = build_range(tables, &items[i], last, row, &half->value);
			if (r < 0)
				return r;
			continue;
		}
		r = build_lower(tables, &items[i], next - i, row, &half->value);
		if (r < 0)
			return r;
		row = items[next - 1].row;
		if (half->start != UINT64_MAX && !(behind && behind->hi == half->start + 1))
			halves[used++] = (struct half){ half->start + 1, row };
	}
	*ret_n = used;
	return 0;
}

int lpm6_build(struct tables *tables, const struct intervals *intervals, uint64_t *ret_entry)
{
	/* At most two starts for each interval. */
	_cleanup_free_ struct half *halves = calloc(2 * intervals->n + 1, sizeof(*halves));
	size_t n;
	int r;

	if (!halves)
		return -ENOMEM;
	r = split_halves(tables, intervals, halves, &n);
	return r < 0 ? r : build(tables, halves, n, 0, 0, ret_entry);
}
