/* SPDX-License-Identifier: GPL-2.0-only */
/* tables_lookup4.c: the IPv4 table as the program sees it, see tables_lookup.h. */
#include "tables_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t word4(const struct tables *tables, uint64_t index)
{
	assert_true(index < tables->n_lpm4);
	return tables->lpm4[index];
}

/* An entry taken apart. */
struct entry4 {
	const struct tables *tables;
	uint32_t root;
	enum lpm4_kind kind;
	unsigned int id, shift, n;
	uint32_t index;
	uint64_t word;
};

static struct entry4 entry4_at(const struct tables *tables, uint32_t root, uint64_t index)
{
	uint64_t word = word4(tables, index);

	assert_true(word % 16 <= LPM4_TABLE);
	return (struct entry4){ .tables = tables,
				.root = root,
				.kind = word % 16,
				.id = word / 16 % 256,
				.shift = word / 4096 % 16,
				.n = word / 65536 % 65536,
				.index = (uint32_t)(word >> 32),
				.word = word };
}

/* Number i of `bits` bits each, of the entry itself or of the chunk from a word of it on. */
static uint32_t inline4(const struct entry4 *entry, unsigned int bits, unsigned int i)
{
	return entry->word >> (16 + i * bits) & ((1U << bits) - 1);
}

static uint32_t chunk4(const struct entry4 *entry, uint64_t first_word, unsigned int bits,
		       uint64_t i)
{
	uint64_t index = entry->index + first_word + i * bits / 64;

	return (uint32_t)(word4(entry->tables, index) >> i * bits % 64 &
			  ((UINT64_C(1) << bits) - 1));
}

static uint32_t row4_of(const struct entry4 *entry, uint32_t id)
{
	assert_true(id < LPM4_MAX_ROWS);
	return existing_row(entry->tables, word4(entry->tables, entry->root + LPM4_ROWS + id));
}

static uint32_t pair4(const struct entry4 *entry, bool upper)
{
	uint64_t pair = word4(entry->tables, entry->root + LPM4_PAIRS + entry->id);

	return existing_row(entry->tables, (uint32_t)(upper ? pair >> 32 : pair));
}

/* First word of the line that has the address. A chunk stays inside the table, and a line, which
 * the program reads as a whole, does so too. */
static uint64_t line4(const struct entry4 *entry, uint32_t low)
{
	uint64_t line = (uint64_t)low * entry->n / 65536;

	assert_true(entry->n > 0);
	assert_true(entry->index + 8 * line + 8 <= entry->tables->n_lpm4);
	if (entry->n > 1)
		assert_int_equal(entry->index % 8, 0);
	return 8 * line;
}

/* Of starts in ascending order, the last at or below the address; place 0 is one. */
static unsigned int last_start4(const struct entry4 *entry, uint64_t line, unsigned int n,
				uint32_t low)
{
	unsigned int last = 0;

	assert_int_equal(chunk4(entry, line, 16, 0), 0);
	for (unsigned int i = 1; i < n; i++) {
		assert_true(chunk4(entry, line, 16, i - 1) <= chunk4(entry, line, 16, i));
		if (chunk4(entry, line, 16, i) <= low)
			last = i;
	}
	return last;
}

static uint32_t rows8_row(const struct entry4 *entry, uint32_t at)
{
	uint32_t id = entry->id;

	for (unsigned int i = 0; i < 3; i++) {
		if (inline4(entry, 8, 2 * i) <= at)
			id = inline4(entry, 8, 2 * i + 1);
	}
	return row4_of(entry, id);
}

static bool is_point4(const struct entry4 *entry, uint32_t low)
{
	uint64_t line;

	if (entry->kind == LPM4_POINTS3)
		return inline4(entry, 16, 0) == low || inline4(entry, 16, 1) == low ||
		       inline4(entry, 16, 2) == low;
	line = line4(entry, low);
	for (unsigned int i = 0; i < 4 * entry->shift; i++) {
		if (chunk4(entry, line, 16, i) == low)
			return true;
	}
	return false;
}

static bool odd_starts4(const struct entry4 *entry, uint32_t low)
{
	bool odd = false;

	if (entry->kind == LPM4_STARTS8) {
		for (unsigned int i = 0; i < 6; i++)
			odd ^= inline4(entry, 8, i) > low >> entry->shift;
		return odd;
	}
	for (unsigned int i = 0; i < 4 * entry->shift; i++)
		odd ^= chunk4(entry, line4(entry, low), 16, i) > low;
	return odd;
}

static uint32_t list4_row(const struct entry4 *entry, uint32_t low)
{
	uint64_t line = line4(entry, low);
	unsigned int at = last_start4(entry, line, 4 * entry->shift, low);
	unsigned int rowless = 0;

	if (entry->kind == LPM4_LIST8) {
		assert_true(entry->shift == 2 || entry->shift == 5);
		return row4_of(entry, chunk4(entry, line + entry->shift, 8, at));
	}
	assert_true(entry->shift == 1 || entry->shift == 3);
	if (entry->shift == 3)
		rowless = 2;
	assert_true(at >= rowless);
	return existing_row(entry->tables, chunk4(entry, line + entry->shift, 32, at - rowless));
}

static uint32_t search4(const struct entry4 *entry, uint32_t low)
{
	switch (entry->kind) {
	case LPM4_ROW:
		return existing_row(entry->tables, entry->index);
	case LPM4_STARTS8:
	case LPM4_STARTS:
		return pair4(entry, odd_starts4(entry, low));
	case LPM4_POINTS3:
	case LPM4_POINTS:
		return pair4(entry, is_point4(entry, low));
	case LPM4_BITMAP:
		return pair4(entry, chunk4(entry, 0, 1, low >> entry->shift));
	case LPM4_ROWS8:
		return rows8_row(entry, low >> entry->shift);
	case LPM4_BYTES:
		return row4_of(entry, chunk4(entry, 0, 8, low >> entry->shift));
	default:
		assert_true(entry->kind == LPM4_LIST8 || entry->kind == LPM4_LIST32);
		return list4_row(entry, low);
	}
}

/* A word whose table the address is in leads on, or to itself if it has a row. */
static uint32_t lookup_tree4(const struct tables *tables, const struct ruleset_config *config,
			     unsigned int field, uint32_t address)
{
	unsigned int stride = config->lpm4_stride[field], steps = config->lpm4_steps[field];
	uint64_t word = word4(tables, config->lpm4_root[field] + (address >> 24));

	assert_true(stride == 6 || stride == 8);
	assert_true(steps * stride <= 24);
	for (unsigned int i = 1; i <= steps; i++) {
		uint64_t at = address >> (24 - i * stride) & word & 255;

		assert_true((word & 255) == 0 || (word & 255) == (1U << stride) - 1);
		word = word4(tables, (word >> 34) + at);
	}
	assert_int_equal(word & 255, 0);
	assert_true(word4(tables, word >> 34) == word);
	return existing_row(tables, (uint32_t)(word >> 8 & 0x3ffffff));
}

uint32_t lookup_v4(const struct tables *tables, const struct ruleset_config *config,
		   unsigned int field, uint32_t address)
{
	uint32_t root = config->lpm4_root[field], low = address % 65536;
	struct entry4 entry;

	if (config->lpm4_stride[field])
		return lookup_tree4(tables, config, field, address);
	entry = entry4_at(tables, root, (uint64_t)root + address / 65536);
	for (int depth = 0; entry.kind == LPM4_TABLE; depth++) {
		assert_true(depth < LPM4_MAX_DEPTH);
		unsigned int bits = entry.shift;

		entry = entry4_at(tables, root, (uint64_t)entry.index + (low >> (16 - bits)));
		low = (low << bits) % 65536;
	}
	assert_true(config->lpm4_kinds >> entry.kind & 1 || entry.kind == LPM4_ROW);
	return search4(&entry, low);
}

/* Whatever the address: at every line and every start of a list, every byte. */
static void check_entry4(const struct ruleset_config *config, const struct entry4 *entry, int depth)
{
	uint32_t step = 65536;

	assert_true(config->lpm4_kinds >> entry->kind & 1 || entry->kind == LPM4_ROW);
	if (entry->kind == LPM4_TABLE) {
		assert_true(depth < LPM4_MAX_DEPTH);
		assert_in_range(entry->shift, 4, 15);
		for (uint32_t i = 0; i < 1U << entry->shift; i++) {
			struct entry4 below =
				entry4_at(entry->tables, entry->root, (uint64_t)entry->index + i);

			check_entry4(config, &below, depth + 1);
		}
		return;
	}
	if (entry->kind == LPM4_BYTES)
		step = 1U << entry->shift;
	else if (entry->kind >= LPM4_POINTS && entry->n > 1)
		step = 65536 / entry->n;
	for (uint32_t low = 0; low < 65536; low += step) {
		search4(entry, low);
		if (entry->kind == LPM4_LIST8 || entry->kind == LPM4_LIST32) {
			for (unsigned int i = 0; i < 4 * entry->shift; i++)
				search4(entry, chunk4(entry, line4(entry, low), 16, i));
		}
	}
	search4(entry, 65535);
}

void check_lpm4(const struct tables *tables, const struct ruleset_config *config,
		unsigned int field)
{
	uint32_t root = config->lpm4_root[field];

	for (uint32_t i = 0; i < LPM4_ROOTS; i++) {
		struct entry4 entry = entry4_at(tables, root, (uint64_t)root + i);

		check_entry4(config, &entry, 0);
	}
}
