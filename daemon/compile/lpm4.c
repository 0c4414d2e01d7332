/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm4.c: IPv4 intervals to a table: for each part of the address space, the form that takes
 * the least memory. What counts is how many cache lines a table is and how many of them a look-up
 * needs one after the other, so a form of one chunk is worth more bytes than a table of many.
 */
#include "lpm4.h"

#include <string.h>

#include "util.h"

#define MOST_POINTS 4096 /* beyond, a bitmap of all addresses is as small */
#define MAX_LINES 65535

/* What a line has room for: points, or starts, of which one may be needed to turn the pair over;
 * or starts of a list, besides that of the row in force at its beginning. */
#define LINE_POINTS 32
#define LINE_STARTS 31
#define LINE_LIST8 19
#define LINE_LIST32 9

/* A chunk of several lines has to be searched, and a table leads to one more access. */
#define TABLE_OVER 32 /* words that a part must take to be worth a table */

static void offer(struct form *best, struct form form)
{
	if (form.words < best->words)
		*best = form;
}

/* Into how many lines must the part be cut for none to get more than `most` of the n ascending
 * numbers? 0: more than max. */
static uint32_t lines_for(const uint16_t *numbers, size_t n, size_t most, uint32_t max)
{
	for (size_t lines = n / most + 1; lines <= max; lines += lines / 8 + 1) {
		size_t i = most;

		while (i < n && line_of(numbers[i], lines) != line_of(numbers[i - most], lines))
			i++;
		if (i >= n)
			return lines;
	}
	return 0;
}

/* The starts of all pieces but the first, in lpm4->numbers. */
static size_t list_starts(struct lpm4 *lpm4, const struct part *part)
{
	for (size_t i = 1; i < part->n; i++)
		lpm4->numbers[i - 1] = part->pieces[i].start;
	return part->n - 1;
}

/* A chunk of several lines, if there is one that is smaller than the best. */
static void offer_lines(const struct lpm4 *lpm4, size_t n, enum lpm4_kind kind, uint32_t shift,
			size_t most, struct form *best)
{
	uint32_t max = best->words / LPM4_LINE_WORDS, lines;

	lines = lines_for(lpm4->numbers, n, most, max < MAX_LINES ? max : MAX_LINES);
	if (lines)
		offer(best, (struct form){ .kind = kind,
					   .shift = shift,
					   .n = lines,
					   .words = lines * LPM4_LINE_WORDS });
}

/* n numbers in one line, in the least of its sizes; or in several. */
static void offer_numbers(const struct lpm4 *lpm4, size_t n, enum lpm4_kind kind, size_t most,
			  struct form *best)
{
	uint32_t words = n <= 8 ? 2 : n <= 16 ? 4 : 8;

	if (n <= 32)
		offer(best, (struct form){ .kind = kind, .shift = words, .n = 1, .words = words });
	else
		offer_lines(lpm4, n, kind, 8, most, best);
}

static void offer_points(struct lpm4 *lpm4, const struct part *part, struct form *best)
{
	size_t n[2] = {};
	bool odd;

	for (size_t i = 0; i < part->n; i++)
		n[i % 2] += (piece_end(part, i) - part->pieces[i].start) / part->unit;
	odd = n[1] <= n[0];
	if (n[odd] > MOST_POINTS ||
	    !lpm4_has_pair(lpm4, part->pieces[!odd].row, part->pieces[odd].row))
		return;
	if (n[odd] <= 3) {
		offer(best, (struct form){ .kind = LPM4_POINTS3, .odd = odd });
		return;
	}
	offer_numbers(lpm4, lpm4_list_points(lpm4, part, odd), LPM4_POINTS, LINE_POINTS, best);
	best->odd = odd;
}

/* Two rows that alternate. */
static void offer_pair(struct lpm4 *lpm4, const struct part *part, uint32_t shift,
		       struct form *best)
{
	uint32_t last = part->pieces[part->n - 1].row, other = part->pieces[part->n - 2].row;

	if (shift >= 8 && part->n - 1 <= 6 && lpm4_has_pair(lpm4, last, other))
		offer(best, (struct form){ .kind = LPM4_STARTS8, .shift = 8 });
	offer_points(lpm4, part, best);
	if (lpm4_has_pair(lpm4, part->pieces[0].row, part->pieces[1].row))
		offer(best, (struct form){ .kind = LPM4_BITMAP,
					   .shift = shift,
					   .words = shift >= 10 ? 1 : 1 << (10 - shift) });
	if (lpm4_has_pair(lpm4, last, other))
		offer_numbers(lpm4, list_starts(lpm4, part), LPM4_STARTS, LINE_STARTS, best);
}

static void offer_rows(struct lpm4 *lpm4, const struct part *part, uint32_t shift,
		       struct form *best)
{
	size_t n = part->n;

	if (lpm4_name_rows(lpm4, part)) {
		if (shift >= 8 && n - 1 <= 3)
			offer(best, (struct form){ .kind = LPM4_ROWS8, .shift = 8 });
		offer(best, (struct form){ .kind = LPM4_BYTES,
					   .shift = shift,
					   .words = shift >= 13 ? 1 : 1 << (13 - shift) });
		if (n <= 20)
			offer(best, (struct form){ .kind = LPM4_LIST8,
						   .shift = n <= 8 ? 2 : 5,
						   .n = 1,
						   .words = n <= 8 ? 3 : 8 });
		else
			offer_lines(lpm4, list_starts(lpm4, part), LPM4_LIST8, 5, LINE_LIST8, best);
		return;
	}
	if (n <= 10)
		offer(best, (struct form){ .kind = LPM4_LIST32,
					   .shift = n <= 4 ? 1 : 3,
					   .n = 1,
					   .words = n <= 4 ? 3 : 8 });
	else
		offer_lines(lpm4, list_starts(lpm4, part), LPM4_LIST32, 3, LINE_LIST32, best);
}

/* Entry i of a table of the part: *next is the first piece behind its beginning. */
static struct part table_part(struct lpm4 *lpm4, const struct part *part, uint32_t bits, uint32_t i,
			      size_t *next)
{
	uint32_t begin = i << (16 - bits), end = (i + 1) << (16 - bits);
	struct piece *pieces = lpm4->pieces[part->level + 1];
	size_t n = 0;

	while (*next < part->n && part->pieces[*next].start <= begin)
		(*next)++;
	pieces[n++] = (struct piece){ 0, part->pieces[*next - 1].row };
	for (; *next < part->n && part->pieces[*next].start < end; (*next)++)
		pieces[n++] = (struct piece){ (part->pieces[*next].start - begin) << bits,
					      part->pieces[*next].row };
	return (struct part){ pieces, n, part->unit << bits, part->level + 1 };
}

static struct form choose(struct lpm4 *lpm4, const struct part *part);

static void offer_table(struct lpm4 *lpm4, const struct part *part, uint32_t bits,
			struct form *best)
{
	struct form form = { .kind = LPM4_TABLE, .shift = bits };
	uint64_t words = 1 << bits;
	size_t next = 0;

	/* One more access must be worth it. */
	for (uint32_t i = 0; i < 1U << bits && words < best->words / 2; i++) {
		struct part below = table_part(lpm4, part, bits, i, &next);

		if (below.n > 1)
			words += choose(lpm4, &below).words;
	}
	form.words = words;
	if (words < best->words / 2)
		offer(best, form);
}

/* The best form of a part. */
static struct form choose(struct lpm4 *lpm4, const struct part *part)
{
	struct form best = { .kind = LPM4_ROW, .words = part->n > 1 ? UINT32_MAX : 0 };
	uint32_t shift = 16;
	bool two = true;

	if (part->n == 1)
		return best;
	for (size_t i = 1; i < part->n; i++) {
		while (part->pieces[i].start & ((1U << shift) - 1))
			shift--;
		two &= i < 2 || part->pieces[i].row == part->pieces[i - 2].row;
	}
	if (two)
		offer_pair(lpm4, part, shift, &best);
	if (best.words == UINT32_MAX)
		offer_rows(lpm4, part, shift, &best);
	for (uint32_t bits = 4; bits <= 8; bits += 4)
		if (best.words > TABLE_OVER && part->unit << bits <= PART_SIZE)
			offer_table(lpm4, part, bits, &best);
	return best;
}

static int build(struct lpm4 *lpm4, const struct part *part, uint64_t *ret_entry)
{
	struct form form = choose(lpm4, part);
	uint32_t index, n = 1 << form.shift;
	size_t next = 0;
	int r;

	if (form.kind != LPM4_TABLE)
		return lpm4_write(lpm4, part, &form, ret_entry);
	r = lpm4_reserve(lpm4, n, &index);
	for (uint32_t i = 0; r >= 0 && i < n; i++) {
		struct part below = table_part(lpm4, part, form.shift, i, &next);
		uint64_t entry;

		r = build(lpm4, &below, &entry);
		if (r >= 0)
			lpm4->tables->lpm4[index + i] = entry;
	}
	lpm4->tables->lpm4_kinds |= 1U << LPM4_TABLE;
	*ret_entry = LPM4_TABLE | (uint64_t)form.shift << LPM4_SHIFT_SHIFT |
		     (uint64_t)index << LPM4_INDEX_SHIFT;
	return r;
}

static uint32_t address_of(const struct interval *interval)
{
	return interval->hi >> 32;
}

static int build_roots(struct lpm4 *lpm4, const struct intervals *intervals)
{
	const struct interval *item = intervals->items, *end = item + intervals->n;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < LPM4_ROOTS; i++) {
		struct piece *pieces = lpm4->pieces[0];
		size_t n = 0;
		uint64_t entry = 0;

		while (item + 1 < end && address_of(item + 1) <= i << 16)
			item++;
		pieces[n++] = (struct piece){ 0, item->row };
		for (; item + 1 < end && address_of(item + 1) >> 16 == i; item++)
			pieces[n++] = (struct piece){ address_of(item + 1) & 0xffff, item[1].row };
		r = build(lpm4, &(struct part){ pieces, n, 1, 0 }, &entry);
		if (r >= 0)
			lpm4->tables->lpm4[lpm4->root + i] = entry;
	}
	return r;
}

static void lpm4_done(struct lpm4 **lpm4)
{
	if (*lpm4)
		free((*lpm4)->row_ids);
	free(*lpm4);
}

int lpm4_build(struct tables *tables, const struct intervals *intervals, uint32_t *ret_root)
{
	_cleanup_(lpm4_done) struct lpm4 *lpm4 = calloc(1, sizeof(*lpm4));
	uint32_t last_row = 0, past;
	int r;

	if (!lpm4)
		return -ENOMEM;
	lpm4->tables = tables;
	for (size_t i = 0; i < intervals->n; i++)
		if (intervals->items[i].row > last_row)
			last_row = intervals->items[i].row;
	lpm4->row_ids = calloc((size_t)last_row + 1, sizeof(*lpm4->row_ids));
	if (!lpm4->row_ids)
		return -ENOMEM;
	r = lpm4_reserve(lpm4, LPM4_HEAD_WORDS, &lpm4->root);
	if (r >= 0)
		r = build_roots(lpm4, intervals);
	/* The program reads whole lines. */
	if (r >= 0)
		r = lpm4_reserve(lpm4, LPM4_LINE_WORDS, &past);
	*ret_root = lpm4->root;
	return r;
}
