/* SPDX-License-Identifier: GPL-2.0-only */
/* lpm4_chunks.c: a part of the IPv4 address space put down in a form, see lpm4.h and abi.h. */
#include "lpm4.h"

#include <string.h>

#include "util.h"

int lpm4_reserve(struct lpm4 *lpm4, size_t n, uint32_t *ret_index)
{
	struct tables *tables = lpm4->tables;
	size_t index = tables->n_lpm4, in_line = index % LPM4_LINE_WORDS;
	int r;

	if (in_line && in_line + n > LPM4_LINE_WORDS)
		index += LPM4_LINE_WORDS - in_line;
	if (index + n > LPM_MAX_WORDS)
		return -E2BIG;
	r = array_reserve((void **)&tables->lpm4, &tables->lpm4_capacity, index + n,
			  sizeof(*tables->lpm4));
	if (r < 0)
		return r;
	memset(tables->lpm4 + tables->n_lpm4, 0,
	       (index + n - tables->n_lpm4) * sizeof(*tables->lpm4));
	tables->n_lpm4 = index + n;
	*ret_index = index;
	return 0;
}

/* --- ids ---------------------------------------------------------------------------------- */

static uint32_t row_id(const struct lpm4 *lpm4, uint32_t row)
{
	return lpm4->row_ids[row] - 1;
}

bool lpm4_name_rows(struct lpm4 *lpm4, const struct part *part)
{
	for (size_t i = 0; i < part->n; i++) {
		uint32_t row = part->pieces[i].row;

		if (lpm4->row_ids[row])
			continue;
		if (lpm4->n_rows == LPM4_MAX_ROWS)
			return false;
		lpm4->tables->lpm4[lpm4->root + LPM4_ROWS + lpm4->n_rows] = row;
		lpm4->row_ids[row] = ++lpm4->n_rows;
	}
	return true;
}

static uint64_t pair_of(uint32_t lower, uint32_t upper)
{
	return (uint64_t)upper << 32 | lower;
}

/* The bucket of the pair, or the empty one where it belongs. */
static size_t find_pair(const struct lpm4 *lpm4, uint64_t pair)
{
	size_t i = (pair * 0x9e3779b97f4a7c15ULL) >> 54;

	while (lpm4->pair_ids[i] && lpm4->pairs[i] != pair)
		i = (i + 1) % PAIR_BUCKETS;
	return i;
}

bool lpm4_has_pair(const struct lpm4 *lpm4, uint32_t lower, uint32_t upper)
{
	return lpm4->n_pairs < LPM4_MAX_PAIRS ||
	       lpm4->pair_ids[find_pair(lpm4, pair_of(lower, upper))];
}

static uint64_t pair_id(struct lpm4 *lpm4, uint32_t lower, uint32_t upper)
{
	uint64_t pair = pair_of(lower, upper);
	size_t i = find_pair(lpm4, pair);

	if (!lpm4->pair_ids[i]) {
		lpm4->tables->lpm4[lpm4->root + LPM4_PAIRS + lpm4->n_pairs] = pair;
		lpm4->pairs[i] = pair;
		lpm4->pair_ids[i] = ++lpm4->n_pairs;
	}
	return lpm4->pair_ids[i] - 1;
}

static uint64_t last_pair_id(struct lpm4 *lpm4, const struct part *part)
{
	return pair_id(lpm4, part->pieces[part->n - 1].row, part->pieces[part->n - 2].row);
}

static uint64_t points_pair_id(struct lpm4 *lpm4, const struct part *part, bool odd)
{
	return pair_id(lpm4, part->pieces[!odd].row, part->pieces[odd].row);
}

/* --- in the entry itself ------------------------------------------------------------------ */

static uint64_t starts8(const struct part *part)
{
	uint64_t entry = 0;

	for (size_t i = 1; i < part->n; i++)
		entry |= (uint64_t)(part->pieces[i].start >> 8) << (LPM4_N_SHIFT + 8 * (i - 1));
	return entry;
}

/* Ahead of the starts, unused ones at 0 repeat the first row. */
static uint64_t rows8(const struct lpm4 *lpm4, const struct part *part)
{
	uint64_t first = row_id(lpm4, part->pieces[0].row), entry = first << LPM4_ID_SHIFT;

	for (size_t i = 0; i < 3; i++) {
		size_t piece = i + part->n > 3 ? i + part->n - 3 : 0;
		uint64_t id = row_id(lpm4, part->pieces[piece].row);

		entry |= (part->pieces[piece].start >> 8 | id << 8) << (LPM4_N_SHIFT + 16 * i);
	}
	return entry;
}

size_t lpm4_list_points(struct lpm4 *lpm4, const struct part *part, bool odd)
{
	size_t n = 0;

	for (size_t i = odd; i < part->n; i += 2)
		for (uint32_t at = part->pieces[i].start; at < piece_end(part, i); at += part->unit)
			lpm4->numbers[n++] = at;
	return n;
}

static uint64_t points3(struct lpm4 *lpm4, const struct part *part, bool odd)
{
	size_t n = lpm4_list_points(lpm4, part, odd);
	uint64_t entry = 0;

	for (size_t i = 0; i < 3; i++)
		entry |= (uint64_t)lpm4->numbers[i < n ? i : 0] << (LPM4_N_SHIFT + 16 * i);
	return entry;
}

/* --- chunks ------------------------------------------------------------------------------- */

static void put16(uint64_t *words, size_t i, uint32_t number)
{
	words[i / 4] |= (uint64_t)number << i % 4 * 16;
}

static void write_bitmap(const struct part *part, uint32_t shift, uint64_t *words)
{
	for (size_t i = 1; i < part->n; i += 2) {
		uint32_t end = piece_end(part, i) >> shift;

		for (uint32_t at = part->pieces[i].start >> shift; at < end;) {
			uint32_t left = 64 - at % 64, n = end - at < left ? end - at : left;

			words[at / 64] |= ~UINT64_C(0) >> (64 - n) << at % 64;
			at += n;
		}
	}
}

static void write_bytes(const struct lpm4 *lpm4, const struct part *part, uint32_t shift,
			uint64_t *words)
{
	for (size_t i = 0; i < part->n; i++) {
		uint64_t id = row_id(lpm4, part->pieces[i].row);

		for (uint32_t at = part->pieces[i].start >> shift; at < piece_end(part, i) >> shift;
		     at++)
			words[at / 8] |= id << at % 8 * 8;
	}
}

/* Unused places repeat a point; in a line without any, they are a point of another line. */
static void write_points(struct lpm4 *lpm4, const struct part *part, const struct form *form,
			 uint64_t *words)
{
	size_t n = lpm4_list_points(lpm4, part, form->odd), next = 0;

	for (uint32_t line = 0; line < form->n; line++, words += LPM4_LINE_WORDS) {
		size_t first = next;

		while (next < n && line_of(lpm4->numbers[next], form->n) == line)
			next++;
		for (size_t i = 0; i < 4 * form->shift; i++) {
			uint32_t point = (line_begin(line, form->n) - 1) & 0xffff;

			if (first < next)
				point = lpm4->numbers[first + i < next ? first + i : first];
			put16(words, i, point);
		}
	}
}

/* Where an odd number of starts follow behind a line, one of them stands for all. */
static void write_starts(const struct part *part, const struct form *form, uint64_t *words)
{
	size_t next = 1;

	for (uint32_t line = 0; line < form->n; line++, words += LPM4_LINE_WORDS) {
		size_t used = 0;

		for (; next < part->n && line_of(part->pieces[next].start, form->n) == line; next++)
			put16(words, used++, part->pieces[next].start);
		if ((part->n - next) % 2)
			put16(words, used, part->pieces[next].start);
	}
}

/* Lists are filled from the end; all places ahead of the first start have the row in force. */
static void write_list(const struct lpm4 *lpm4, const struct part *part, const struct form *form,
		       uint64_t *words)
{
	size_t places = 4 * form->shift, rowless = form->kind == LPM4_LIST32 && places > 4 ? 2 : 0;
	size_t next = 1;

	for (uint32_t line = 0; line < form->n; line++, words += LPM4_LINE_WORDS) {
		uint64_t *values = words + form->shift;
		size_t first = next;

		while (next < part->n && line_of(part->pieces[next].start, form->n) == line)
			next++;
		for (size_t i = rowless; i < places; i++) {
			size_t behind = places - i; /* this place and those behind */
			bool used = behind <= next - first;
			const struct piece *piece = &part->pieces[used ? next - behind : first - 1];
			size_t at = i - rowless;

			put16(words, i, used ? piece->start : 0);
			if (form->kind == LPM4_LIST8)
				values[at / 8] |= (uint64_t)row_id(lpm4, piece->row) << at % 8 * 8;
			else
				values[at / 2] |= (uint64_t)piece->row << at % 2 * 32;
		}
	}
}

static void write_chunk(struct lpm4 *lpm4, const struct part *part, const struct form *form,
			uint64_t *words)
{
	switch (form->kind) {
	case LPM4_BITMAP:
		write_bitmap(part, form->shift, words);
		break;
	case LPM4_BYTES:
		write_bytes(lpm4, part, form->shift, words);
		break;
	case LPM4_POINTS:
		write_points(lpm4, part, form, words);
		break;
	case LPM4_STARTS:
		write_starts(part, form, words);
		break;
	default:
		write_list(lpm4, part, form, words);
	}
}

int lpm4_write(struct lpm4 *lpm4, const struct part *part, const struct form *form,
	       uint64_t *ret_entry)
{
	uint64_t entry = form->kind | (uint64_t)form->shift << LPM4_SHIFT_SHIFT;
	uint32_t index;
	int r;

	lpm4->tables->lpm4_kinds |= 1U << form->kind;
	if (form->words) {
		r = lpm4_reserve(lpm4, form->words, &index);
		if (r < 0)
			return r;
		write_chunk(lpm4, part, form, lpm4->tables->lpm4 + index);
		entry |= (uint64_t)index << LPM4_INDEX_SHIFT | (uint64_t)form->n << LPM4_N_SHIFT;
	}
	switch (form->kind) {
	case LPM4_ROW:
		entry |= (uint64_t)part->pieces[0].row << LPM4_INDEX_SHIFT;
		break;
	case LPM4_STARTS8:
		entry |= starts8(part) | last_pair_id(lpm4, part) << LPM4_ID_SHIFT;
		break;
	case LPM4_ROWS8:
		entry |= rows8(lpm4, part);
		break;
	case LPM4_POINTS3:
		entry |= points3(lpm4, part, form->odd) | points_pair_id(lpm4, part, form->odd)
								  << LPM4_ID_SHIFT;
		break;
	case LPM4_POINTS:
		entry |= points_pair_id(lpm4, part, form->odd) << LPM4_ID_SHIFT;
		break;
	case LPM4_STARTS:
		entry |= last_pair_id(lpm4, part) << LPM4_ID_SHIFT;
		break;
	case LPM4_BITMAP:
		entry |= pair_id(lpm4, part->pieces[0].row, part->pieces[1].row) << LPM4_ID_SHIFT;
		break;
	default:
		break;
	}
	*ret_entry = entry;
	return 0;
}
