/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tables_lookup.h: looking things up in compiled tables as the program would, in plain user
 * space code of its own, after the layout in abi.h. Where the program would be content with any
 * answer as long as it stays inside the tables, these fail the test: an index beyond the end, a
 * row that does not exist, starts out of order.
 */
#pragma once

#include "compile.h"

typedef unsigned __int128 u128;

/* Words of the rows array from one row to the next. */
uint32_t row_stride(const struct tables *tables);
uint64_t row_word(const struct tables *tables, uint32_t row, uint32_t word);
bool row_bit(const struct tables *tables, uint32_t row, uint32_t bit);

/* The row that the field's LPM table says; the settings must say that there is one. */
uint32_t lookup_v4(const struct tables *tables, const struct ruleset_config *config,
		   unsigned int field, uint32_t address);
uint32_t lookup_v6(const struct tables *tables, const struct ruleset_config *config,
		   unsigned int field, u128 address);

/* Every summary of every row. */
/* The rows that the scalar fields lead to. index: of each field, 0 for a packet that lacks it, else
 * 1 + value. */
struct scalar_rows {
	uint32_t n;
	uint32_t row[N_SCALAR_FIELDS];
};
struct scalar_rows lookup_scalars(const struct tables *tables, const struct ruleset_config *config,
				  const uint32_t index[N_SCALAR_FIELDS]);

void check_summaries(const struct tables *tables);

/* The row, which there must be. */
uint32_t existing_row(const struct tables *tables, uint32_t row);

/* Walk all that can be reached: every entry, chunk and leaf, whatever address leads there; of all
 * fields and families, or one of them. */
void check_lpm(const struct tables *tables);
void check_lpm4(const struct tables *tables, const struct ruleset_config *config,
		unsigned int field);
void check_lpm6(const struct tables *tables, const struct ruleset_config *config,
		unsigned int field);
