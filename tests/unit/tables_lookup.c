/* SPDX-License-Identifier: GPL-2.0-only */
/* tables_lookup.c: the program's view of the tables, see tables_lookup.h. */
#include "tables_lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

uint32_t row_stride(const struct tables *tables)
{
	return SUMMARY_WORDS(tables->row_words) + tables->row_words;
}

uint64_t row_word(const struct tables *tables, uint32_t row, uint32_t word)
{
	assert_true(row < tables->n_rows);
	assert_true(word < tables->row_words);
	return tables
		->rows[(size_t)row * row_stride(tables) + SUMMARY_WORDS(tables->row_words) + word];
}

bool row_bit(const struct tables *tables, uint32_t row, uint32_t bit)
{
	return row_word(tables, row, bit / ROW_WORD_BITS) >> bit % ROW_WORD_BITS & 1;
}

/* A word that its summary does not tell of is never looked at. */
static void check_summary(const struct tables *tables, uint32_t row)
{
	const uint64_t *summary = tables->rows + (size_t)row * row_stride(tables);

	for (uint32_t i = 0; i < SUMMARY_WORDS(tables->row_words) * ROW_WORD_BITS; i++) {
		bool bit = summary[i / ROW_WORD_BITS] >> i % ROW_WORD_BITS & 1;

		assert_int_equal(bit, i < tables->row_words && row_word(tables, row, i) != 0);
	}
}

void check_summaries(const struct tables *tables)
{
	for (uint32_t row = 0; row < tables->n_rows; row++)
		check_summary(tables, row);
}

uint32_t existing_row(const struct tables *tables, uint32_t row)
{
	assert_true(row < tables->n_rows);
	return row;
}

/* --- scalar fields ------------------------------------------------------------------------ */

static uint32_t element(const struct tables *tables, uint64_t index)
{
	assert_true(index < tables->n_scalars);
	return tables->scalars[index];
}

static uint32_t field_element(const struct tables *tables, const struct ruleset_config *config,
			      unsigned int field, uint32_t index)
{
	uint32_t values = scalar_field_domain(field), offset = config->scalar_offset[field];
	uint32_t n_pages = (values + 1 + 255) / 256;

	assert_true(index <= values);
	if (values <= 256)
		return element(tables, offset + index);
	return element(tables, offset + n_pages + 256 * element(tables, offset + index / 256) +
				       index % 256);
}

struct scalar_rows lookup_scalars(const struct tables *tables, const struct ruleset_config *config,
				  const uint32_t index[N_SCALAR_FIELDS])
{
	static const struct {
		unsigned int left, right;
	} pairs[] = { { 0, 1 }, { 2, 3 }, { 4, 5 },  { 6, 7 }, { 8, 9 }, { 10, 11 },
		      { 0, 2 }, { 4, 6 }, { 8, 10 }, { 0, 4 }, { 0, 8 } };
	uint32_t place[N_SCALAR_FIELDS];
	struct scalar_rows rows = {};

	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
		place[f] = config->uses_scalars >> f & 1
				   ? field_element(tables, config, f, index[f])
				   : config->scalar_element[f];
	for (unsigned int i = 0; i < N_FOLDS; i++) {
		unsigned int left = pairs[i].left, right = pairs[i].right;

		if (config->folds >> i & 1)
			place[left] = element(tables, (uint64_t)config->fold_offset[i] +
							      place[left] + place[right]);
		else if (config->moves >> i & 1)
			place[left] = place[right];
	}
	for (unsigned int i = 0; i < N_SCALAR_FIELDS; i++)
		if (config->vectors >> i & 1)
			rows.row[rows.n++] = existing_row(tables, place[i]);
	return rows;
}

void check_lpm(const struct tables *tables)
{
	for (size_t i = 0; i < tables->n_configs; i++) {
		const struct ruleset_config *config = &tables->configs[i];

		assert_int_equal(config->n_lpm4, tables->n_lpm4);
		assert_int_equal(config->n_lpm6, tables->n_lpm6);
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
			if (config->uses_address & USES_PREFIXES(f, FAMILY_V4) &&
			    !config->lpm4_stride[f])
				check_lpm4(tables, config, f);
			if (config->uses_address & USES_PREFIXES(f, FAMILY_V6))
				check_lpm6(tables, config, f);
		}
	}
}
