/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rows.h: rows of rule bits, each kept once. Equality is decided by comparing the rows: a
 * hash only says where to look.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rows {
	uint64_t *words; /* as the program reads them: each row behind its summary, see abi.h */
	uint32_t n, row_words, summary_words;
	size_t capacity;   /* words */
	uint32_t *buckets; /* row number + 1; 0: empty */
	size_t n_buckets;  /* a power of two */
};

int rows_init(struct rows *rows, uint32_t row_words);
void rows_done(struct rows *rows);

static inline size_t rows_stride(const struct rows *rows)
{
	return (size_t)rows->summary_words + rows->row_words;
}

/* The rule bits of a row. */
static inline const uint64_t *rows_at(const struct rows *rows, uint32_t row)
{
	return rows->words + row * rows_stride(rows) + rows->summary_words;
}

/* The number of the row that equals bits (row_words words), added if new. Ascending from 0.
 * 0, -ENOMEM, or -E2BIG past 2^25 words. */
int rows_intern(struct rows *rows, const uint64_t *bits, uint32_t *ret);
