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
	size_t max_words;  /* more are refused */
	uint32_t *buckets; /* row number + 1; 0: empty */
	size_t n_buckets;  /* a power of two */
};

#define ROWS_MAX_WORDS (1U << 25) /* 256 MiB: what the program's rows may take */

/* max_words: at most ROWS_MAX_WORDS. 0 or -ENOMEM. */
int rows_init(struct rows *rows, uint32_t row_words, size_t max_words);
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
 * 0, -ENOMEM, or -E2BIG past max_words. */
int rows_intern(struct rows *rows, const uint64_t *bits, uint32_t *ret);
