/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lpm4.h: what the builders of the IPv4 table share: lpm4.c goes through the address space and
 * decides in which form each part of it is put down, lpm4_chunks.c does that. See abi.h for the
 * layout.
 */
#pragma once

#include "intervals.h"

#define PART_SIZE 65536
#define PART_LEVELS 5 /* an entry of the root, and tables, each of which takes 4 bits or more */

/* An interval within a part. */
struct piece {
	uint32_t start, row;
};

/*
 * A part of the address space, as seen from its entry: whatever its size, it is counted in
 * 65536ths, so that one address may be many. The first piece starts at 0; neighbours differ.
 */
struct part {
	const struct piece *pieces;
	size_t n;
	uint32_t unit;  /* 65536ths an address is, a power of two */
	uint32_t level; /* tables on the way to it */
};

/* One form of a part. */
struct form {
	enum lpm4_kind kind;
	uint32_t shift, n; /* as in the entry */
	uint32_t words;    /* of the chunk, and of all below a table */
	bool odd;          /* the points are in pieces 1, 3, .. and not in 0, 2, .. */
};

#define PAIR_BUCKETS 1024 /* a power of two */

struct lpm4 {
	struct tables *tables;
	uint32_t root;
	uint32_t n_rows, n_pairs;                        /* ids given away */
	uint16_t *row_ids;                               /* by row: id + 1, or 0 */
	uint64_t pairs[PAIR_BUCKETS];                    /* by hash .. */
	uint16_t pair_ids[PAIR_BUCKETS];                 /* .. id + 1, or 0 */
	uint16_t numbers[PART_SIZE];                     /* scratch: of points or starts */
	struct piece pieces[PART_LEVELS][PART_SIZE + 1]; /* scratch: of the part in hand */
};

static inline uint32_t piece_end(const struct part *part, size_t i)
{
	return i + 1 < part->n ? part->pieces[i + 1].start : PART_SIZE;
}

/* Which of the part's n lines has the number, and which number is the first in a line. */
static inline uint32_t line_of(uint32_t number, uint32_t n)
{
	return (uint64_t)number * n >> 16;
}

static inline uint32_t line_begin(uint32_t line, uint32_t n)
{
	return (((uint64_t)line << 16) + n - 1) / n;
}

/* The points of all pieces 0, 2, .. or (odd) 1, 3, .., in ascending order, into lpm4->numbers:
 * how many. */
size_t lpm4_list_points(struct lpm4 *lpm4, const struct part *part, bool odd);

/* Can the rows have an id each? They get them. */
bool lpm4_name_rows(struct lpm4 *lpm4, const struct part *part);

/* Can the pair have an id? It gets one with the first form that needs it. */
bool lpm4_has_pair(const struct lpm4 *lpm4, uint32_t lower, uint32_t upper);

/* Room for n words, all 0, in one line if they fit one. 0, -ENOMEM, or -E2BIG. */
int lpm4_reserve(struct lpm4 *lpm4, size_t n, uint32_t *ret_index);

/* Put the part down in a form that it has, any but a table, and make its entry. 0, -ENOMEM, or
 * -E2BIG. */
int lpm4_write(struct lpm4 *lpm4, const struct part *part, const struct form *form,
	       uint64_t *ret_entry);
