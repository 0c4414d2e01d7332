/* SPDX-License-Identifier: GPL-2.0-only */
#include "rows.h"

#include <string.h>

#include "abi.h"
#include "util.h"

#define FIRST_BUCKETS 64

int rows_init(struct rows *rows, uint32_t row_words, size_t max_words)
{
	*rows = (struct rows){
		.row_words = row_words,
		.summary_words = SUMMARY_WORDS(row_words),
		.n_buckets = FIRST_BUCKETS,
		.max_words = max_words,
	};
	rows->buckets = calloc(rows->n_buckets, sizeof(*rows->buckets));
	return rows->buckets ? 0 : -ENOMEM;
}

void rows_done(struct rows *rows)
{
	free(rows->words);
	free(rows->buckets);
	*rows = (struct rows){};
}

static uint64_t row_hash(const uint64_t *bits, uint32_t n)
{
	uint64_t hash = 0x9e3779b97f4a7c15ULL;

	for (uint32_t i = 0; i < n; i++) {
		hash = (hash ^ bits[i]) * 0xff51afd7ed558ccdULL;
		hash ^= hash >> 32;
	}
	return hash;
}

/* The bucket of the row, or the empty one where it belongs. */
static uint32_t *find_bucket(const struct rows *rows, const uint64_t *bits)
{
	size_t mask = rows->n_buckets - 1;
	size_t i = row_hash(bits, rows->row_words) & mask;

	while (rows->buckets[i] && memcmp(rows_at(rows, rows->buckets[i] - 1), bits,
					  rows->row_words * sizeof(*bits)) != 0)
		i = (i + 1) & mask;
	return &rows->buckets[i];
}

static int grow_buckets(struct rows *rows)
{
	uint32_t *old = rows->buckets;

	rows->buckets = calloc(rows->n_buckets * 2, sizeof(*rows->buckets));
	if (!rows->buckets) {
		rows->buckets = old;
		return -ENOMEM;
	}
	rows->n_buckets *= 2;
	for (uint32_t row = 0; row < rows->n; row++)
		*find_bucket(rows, rows_at(rows, row)) = row + 1;
	free(old);
	return 0;
}

static void write_row(const struct rows *rows, uint64_t *out, const uint64_t *bits)
{
	memset(out, 0, rows->summary_words * sizeof(*out));
	for (uint32_t i = 0; rows->summary_words && i < rows->row_words; i++)
		if (bits[i])
			out[i / ROW_WORD_BITS] |= UINT64_C(1) << i % ROW_WORD_BITS;
	memcpy(out + rows->summary_words, bits, rows->row_words * sizeof(*bits));
}

int rows_intern(struct rows *rows, const uint64_t *bits, uint32_t *ret)
{
	uint32_t *bucket = find_bucket(rows, bits);
	size_t stride = rows_stride(rows), used = rows->n * stride;
	int r;

	if (*bucket) {
		*ret = *bucket - 1;
		return 0;
	}
	if (used + stride > rows->max_words)
		return -E2BIG;
	r = array_reserve((void **)&rows->words, &rows->capacity, used + stride,
			  sizeof(*rows->words));
	if (r < 0)
		return r;
	write_row(rows, rows->words + used, bits);
	*ret = rows->n++;
	*bucket = rows->n;
	return (size_t)rows->n * 2 > rows->n_buckets ? grow_buckets(rows) : 0;
}
