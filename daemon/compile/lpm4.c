/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm4.c: IPv4 intervals to roots and chunks; see abi.h for the layout and its source.
 */
#include "intervals.h"

#include "util.h"

static int append(struct tables *tables, uint32_t word)
{
	int r = array_reserve((void **)&tables->lpm4, &tables->lpm4_capacity, tables->n_lpm4 + 1,
			      sizeof(*tables->lpm4));

	if (r < 0)
		return r;
	if (tables->n_lpm4 >= LPM4_ROW)
		return -E2BIG;
	tables->lpm4[tables->n_lpm4++] = word;
	return 0;
}

static uint32_t address_of(const struct interval *interval)
{
	return interval->hi >> 32;
}

static int append_interval(struct tables *tables, uint32_t upper, uint32_t row, bool wide)
{
	int r = append(tables, upper << LPM4_START_SHIFT | (wide ? 0 : row));

	return r < 0 || !wide ? r : append(tables, row);
}

/* The intervals that reach into the 65536 addresses of a root: `first` is in force at its
 * beginning, all up to `end` start behind that. */
static int build_chunk(struct tables *tables, const struct interval *first,
		       const struct interval *end, bool wide, uint32_t *ret)
{
	int r;

	*ret = tables->n_lpm4;
	r = append_interval(tables, end - first - 1, first->row, wide);
	for (const struct interval *item = first + 1; r >= 0 && item < end; item++)
		r = append_interval(tables, address_of(item) & 0xffff, item->row, wide);
	return r;
}

int lpm4_build(struct tables *tables, const struct intervals *intervals, bool wide,
	       uint32_t *ret_root)
{
	const struct interval *item = intervals->items, *end = item + intervals->n;
	uint32_t root = tables->n_lpm4;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < LPM4_ROOTS; i++)
		r = append(tables, LPM4_ROW);
	for (uint32_t i = 0; r >= 0 && i < LPM4_ROOTS; i++) {
		const struct interval *next;

		while (item + 1 < end && address_of(item + 1) <= i << 16)
			item++;
		for (next = item + 1; next < end && address_of(next) >> 16 == i; next++)
			;
		if (next == item + 1) {
			tables->lpm4[root + i] = LPM4_ROW | item->row;
		} else {
			uint32_t chunk;

			r = build_chunk(tables, item, next, wide, &chunk);
			tables->lpm4[root + i] = chunk;
		}
	}
	*ret_root = root;
	return r;
}
